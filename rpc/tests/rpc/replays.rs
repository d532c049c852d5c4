//! Traces and profiles of transactions: alone in a block, behind others, of what did not return, and of what would be too much.

use crate::client::{COUNTER, Server, creation, eip1559, sender, sign, stranger};
use alloy_primitives::{TxKind, hex};
use serde_json::{Value, json};

/// Stores its input's first word under key 0, and reverts where that is zero.
const STORES: &str = r#"(module
    (import "ethereum" "callDataCopy" (func $copy (param i32 i32 i32)))
    (import "ethereum" "storageStore" (func $store (param i32 i32)))
    (import "ethereum" "revert" (func $revert (param i32 i32)))
    (memory (export "memory") 1)
    (func (export "main")
        (call $copy (i32.const 32) (i32.const 0) (i32.const 32))
        (call $store (i32.const 0) (i32.const 32))
        (if (i64.eqz (i64.load (i32.const 32))) (then (call $revert (i32.const 0) (i32.const 0))))))"#;

/// Runs a loop of so many turns as its input's first bytes say, each a call of the host.
const TURNS: &str = r#"(module
    (import "ethereum" "callDataCopy" (func $copy (param i32 i32 i32)))
    (import "ethereum" "getCallDataSize" (func $size (result i32)))
    (memory (export "memory") 1)
    (func (export "main") (local $left i32)
        (call $copy (i32.const 0) (i32.const 0) (i32.const 4))
        (local.set $left (i32.load (i32.const 0)))
        (loop
            (drop (call $size))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if 0 (local.get $left)))))"#;

fn events(trace: &Value) -> Vec<&str> {
    trace["events"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect()
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap()
}

/// The sum of the gas at the end of each stack.
fn gas_of(profile: &Value) -> u64 {
    let stacks = profile["stacks"].as_array().unwrap().iter().map(|stack| stack.as_str().unwrap());
    stacks.map(|stack| stack.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn each_transaction_of_a_block_is_traced_on_what_those_before_it_left() {
    let server = Server::by_hand();
    let deploy = sign(eip1559(0, TxKind::Create, &creation(&wat::parse_str(STORES).unwrap())));
    let contract = TxKind::Call(sender().create(0));
    let call = |nonce, word: u8| sign(eip1559(nonce, contract, &[word; 32]));
    // One block: a deployment, two calls that find the contract, and what the first of them stored.
    let hashes: Vec<Value> = [deploy, call(1, 1), call(2, 2), call(3, 0)]
        .iter()
        .map(|raw| server.ask("eth_sendRawTransaction", json!([hex::encode_prefixed(raw)])))
        .collect();
    server.ask("evm_mine", json!([]));
    let receipts = server.ask("eth_getBlockReceipts", json!(["latest"]));
    for (index, (hash, outcome)) in hashes.iter().zip(["return", "return", "return", "revert"]).enumerate() {
        let trace = server.ask("lockstep_traceTransaction", json!([hash]));
        assert_eq!((&trace["transactionHash"], &trace["outcome"]), (hash, &json!(outcome)), "{index}: {trace}");
        assert_eq!(trace["gasUsed"], receipts[index]["gasUsed"], "{index}");
        assert_eq!(trace["isComplete"], true);
        assert_eq!((events(&trace)[0], *events(&trace).last().unwrap()), ("transaction", "outcome"), "{trace}");
        let profile = server.ask("lockstep_profileTransaction", json!([hash]));
        assert_eq!(profile["gasUsed"], receipts[index]["gasUsed"]);
        assert_eq!(gas_of(&profile), number(&profile["gasOfStacks"]));
        assert_eq!(
            number(&profile["gasOfStacks"]) - number(&profile["refund"]),
            number(&profile["gasUsed"]),
            "{profile}"
        );
        assert_eq!(profile["gasLeftOut"], "0x0");
    }
    let trace = server.ask("lockstep_traceTransaction", json!([hashes[3]]));
    assert_eq!(trace["backtrace"][0]["end"], "revert");
    assert_eq!(trace["backtrace"][0]["places"][0], "ethereum.revert");
    // The deployment runs nothing, so that only its ends are events.
    assert_eq!(events(&server.ask("lockstep_traceTransaction", json!([hashes[0]]))), ["transaction", "outcome"]);
    let nothing = "0x".to_owned() + &"77".repeat(32);
    for method in ["lockstep_traceTransaction", "lockstep_profileTransaction"] {
        assert_eq!(server.error(method, json!([nothing]))["message"], "no block has that transaction");
    }
    let error = server.error("lockstep_traceTransaction", json!([hashes[0], { "steps": true }]));
    assert_eq!(error["code"], -32_602, "{error}");
}

#[test]
fn a_trace_is_bounded() {
    let server = Server::start();
    server.send(&sign(eip1559(0, TxKind::Create, &creation(&wat::parse_str(TURNS).unwrap()))));
    let contract = TxKind::Call(sender().create(0));
    let receipt = server.send(&sign(eip1559(1, contract, &100_u32.to_le_bytes())));
    let hash = &receipt["transactionHash"];
    let short = server.ask("lockstep_traceTransaction", json!([hash]));
    assert_eq!(events(&short).iter().filter(|event| **event == "host").count(), 101);
    let long = server.ask("lockstep_traceTransaction", json!([hash, { "instructions": true }]));
    assert_eq!(long["isComplete"], true);
    assert!(events(&long).contains(&"instruction"));
    let receipt = server.send(&sign(eip1559(2, contract, &100_000_u32.to_le_bytes())));
    assert_eq!(receipt["status"], "0x1", "{receipt}");
    let hash = &receipt["transactionHash"];
    let cut = server.ask("lockstep_traceTransaction", json!([hash, { "instructions": true }]));
    assert_eq!(cut["isComplete"], false);
    assert_eq!((&cut["outcome"], &cut["gasUsed"]), (&json!("return"), &receipt["gasUsed"]));
    let bytes: usize = cut["events"].as_array().unwrap().iter().map(|event| event.to_string().len() + 1).sum();
    assert!((7_000_000..=8 * 1_024 * 1_024).contains(&bytes), "{bytes} bytes of events");
    // Its profile is small all the same.
    assert!(server.ask("lockstep_profileTransaction", json!([hash]))["stacks"].as_array().unwrap().len() < 20);
}

#[test]
fn a_block_that_used_too_much_gas_is_not_replayed() {
    let server = Server::start();
    server.send(&sign(eip1559(0, TxKind::Create, &creation(&wat::parse_str(TURNS).unwrap()))));
    let mut call = eip1559(1, TxKind::Call(sender().create(0)), &u32::MAX.to_le_bytes());
    call.gas_limit = 300_000_000;
    let receipt = server.send(&sign(call));
    assert_eq!((&receipt["status"], &receipt["gasUsed"]), (&json!("0x0"), &json!("0x11e1a300")), "{receipt}");
    for method in ["lockstep_traceTransaction", "lockstep_profileTransaction"] {
        let error = server.error(method, json!([receipt["transactionHash"]]));
        assert_eq!(error["code"], -32_005, "{error}");
        let message = "up to this transaction its block used 300000000 gas, and 200000000 are replayed at most";
        assert!(error["message"].as_str().unwrap().starts_with(message), "{error}");
    }
}

/// Where docs/rpc.md shows requests and their answers.
const PAGE: &str = include_str!("../../../docs/rpc.md");

/// The blocks of `language` on the page, in order.
fn shown(language: &str) -> Vec<Value> {
    let fence = format!("```{language}\n");
    let blocks = PAGE.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap());
    blocks.map(|block| serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}: {block}"))).collect()
}

/// The chain of the page: a counter is deployed by the first account, called by it, and it pays.
#[test]
fn the_page_shows_what_is_answered() {
    let server = Server::start();
    server.send(&sign(eip1559(0, TxKind::Create, &creation(COUNTER))));
    let called = server.send(&sign(eip1559(1, TxKind::Call(sender().create(0)), &[])));
    server.send(&sign(eip1559(2, TxKind::Call(stranger()), &[])));
    let (requests, answers) = (shown("json request"), shown("json answer"));
    assert_eq!((requests.len(), answers.len()), (2, 2), "the page has other examples");
    for (request, shown) in requests.iter().zip(answers) {
        assert_eq!(request["params"][0], called["transactionHash"], "{request}");
        let (_, body) = server.post(request.to_string().as_bytes());
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            answer,
            shown,
            "the page shows another answer than\n{}",
            serde_json::to_string_pretty(&answer).unwrap()
        );
    }
}
