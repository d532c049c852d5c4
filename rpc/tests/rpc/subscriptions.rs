//! What comes over a WebSocket without being asked for again.

use crate::client::{COUNTER, Server, WebSocket, creation, eip1559, sender, sign};
use alloy_primitives::{TxKind, hex};
use serde_json::json;

#[test]
fn blocks_logs_and_transactions_come_to_those_who_subscribed() {
    let server = Server::start();
    let mut socket = WebSocket::connect(&server);
    assert_eq!(socket.ask("eth_chainId", json!([])), "0x7a69");
    let contract = sender().create(0);
    let heads = socket.ask("eth_subscribe", json!(["newHeads"]));
    let logs = socket.ask("eth_subscribe", json!(["logs", { "address": contract }]));
    let others = socket.ask("eth_subscribe", json!(["logs", { "address": sender() }]));
    let hashes = socket.ask("eth_subscribe", json!(["newPendingTransactions"]));
    // viem drops the events of ids that are no hex strings.
    for id in [&heads, &logs, &others, &hashes] {
        assert!(id.as_str().is_some_and(|id| id.starts_with("0x")), "{id}");
    }
    server.send(&sign(eip1559(0, TxKind::Create, &creation(COUNTER))));
    let receipt = server.send(&sign(eip1559(1, TxKind::Call(contract), &[])));
    let mut came: Vec<_> = (0..5)
        .map(|_| {
            let mut event = socket.read();
            assert_eq!(event["method"], "eth_subscription");
            (event["params"]["subscription"].take(), event["params"]["result"].take())
        })
        .collect();
    let of = |id| came.iter().filter(|(of, _)| of == id).map(|(_, result)| result.clone()).collect::<Vec<_>>();
    assert_eq!(of(&hashes).len(), 2);
    assert_eq!(of(&logs), receipt["logs"].as_array().unwrap().clone());
    let numbers: Vec<_> = of(&heads).iter().map(|head| head["number"].clone()).collect();
    assert_eq!(numbers, ["0x1", "0x2"]);
    assert_eq!(of(&others), Vec::<serde_json::Value>::new());
    came.clear();
    assert_eq!(socket.ask("eth_unsubscribe", json!([heads])), true);
    // A subscription that is none is refused, and the next request is answered.
    socket.write(&json!({ "jsonrpc": "2.0", "id": 9, "method": "eth_subscribe", "params": ["newMoon"] }));
    assert_eq!(socket.read()["error"]["code"], -32_602);
    let raw = hex::encode_prefixed(sign(eip1559(2, TxKind::Call(contract), &[])));
    socket.write(&json!({ "jsonrpc": "2.0", "id": 10, "method": "eth_sendRawTransaction", "params": [raw] }));
    let mut methods: Vec<_> = (0..3).map(|_| socket.read()).collect();
    methods.retain(|message| message["id"] == 10);
    assert_eq!(methods.len(), 1);
}
