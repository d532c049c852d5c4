//! Calls that execute are bounded, whoever embeds the server: those above the bound wait, those above what may wait are refused,
//! and neither keeps transactions, blocks or other requests waiting.

use crate::client::{Server, creation, eip1559, sender, sign};
use alloy_primitives::TxKind;
use lockstep_rpc::Limits;
use serde_json::json;
use std::{sync::mpsc, thread, time::Duration};

/// Loops until its gas is gone.
const LOOPS: &str = r#"(module (memory (export "memory") 1) (func (export "main") (loop (br 0))))"#;

/// What a call may use: the gas of a block. `eth_call` would take more for as much.
const GAS: &str = "0xffffffffffff";

#[test]
fn calls_that_loop_wait_for_their_turn_and_keep_nothing_else_waiting() {
    let limits = Limits { executing_max: 1, executing_waiting_max: 2, ..Limits::default() };
    let server = Server::with(limits);
    let deployed = server.send(&sign(eip1559(0, TxKind::Create, &creation(&wat::parse_str(LOOPS).unwrap()))));
    assert_eq!(deployed["status"], "0x1", "{deployed}");
    let call = json!({ "to": sender().create(0), "gas": GAS });
    let answers = thread::scope(|scope| {
        let (sender, answers) = mpsc::channel();
        for method in ["eth_call", "eth_call", "eth_call", "eth_call", "eth_estimateGas", "eth_estimateGas"] {
            let (answered, server, call) = (sender.clone(), &server, &call);
            scope.spawn(move || answered.send(server.answer(method, json!([call]))).unwrap());
        }
        drop(sender);
        // Three are refused at once: one is executed and two wait.
        for _ in 0..3 {
            let refused = answers.recv_timeout(Duration::from_secs(60)).unwrap();
            assert_eq!(refused["error"]["code"], -32_005, "{refused}");
            let message = "3 calls are being worked on or wait, the most there can be: ask again later";
            assert_eq!(refused["error"]["message"], message);
        }
        assert_eq!(server.error("lockstep_getWitness", json!(["0x1"]))["code"], -32_005);
        // A transaction is a block meanwhile, and is read.
        let receipt = server.send(&sign(eip1559(1, TxKind::Call(crate::client::stranger()), &[])));
        assert_eq!((&receipt["status"], &receipt["blockNumber"]), (&json!("0x1"), &json!("0x2")), "{receipt}");
        server.ask("evm_mine", json!([]));
        assert_eq!(server.ask("eth_blockNumber", json!([])), "0x3");
        assert!(answers.try_recv().is_err(), "a call that loops was over before a transaction");
        answers.iter().collect::<Vec<_>>()
    });
    assert_eq!(answers.len(), 3);
    for answer in answers {
        assert_eq!(answer["error"]["message"], "execution failed: halt: out of gas", "{answer}");
    }
    // And calls are answered again.
    let error = server.error("eth_call", json!([{ "to": sender().create(0), "gas": "0x100000" }]));
    assert_eq!(error["message"], "execution failed: halt: out of gas");
}
