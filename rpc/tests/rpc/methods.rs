//! Each method, on a chain with a contract.

use crate::client::{BASE_FEE, COUNTER, Server, creation, eip1559, eip2930, legacy, sender, sign};
use alloy_primitives::{Address, TxKind, hex};
use serde_json::{Value, json};

/// Reverts with its input.
const REVERTS: &str = r#"(module
    (import "ethereum" "getCallDataSize" (func $size (result i32)))
    (import "ethereum" "callDataCopy" (func $copy (param i32 i32 i32)))
    (import "ethereum" "revert" (func $revert (param i32 i32)))
    (memory (export "memory") 1)
    (func (export "main")
        (call $copy (i32.const 0) (i32.const 0) (call $size))
        (call $revert (i32.const 0) (call $size))))"#;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_contract_is_deployed_and_called_in_all_three_envelopes() {
    let server = Server::start();
    assert_eq!(server.ask("eth_chainId", json!([])), "0x7a69");
    assert_eq!(server.ask("net_version", json!([])), "31337");
    assert_eq!(server.ask("eth_blockNumber", json!([])), "0x0");
    let deployed = server.send(&sign(eip1559(0, TxKind::Create, &creation(COUNTER))));
    let contract = sender().create(0);
    assert_eq!(deployed["status"], "0x1", "{deployed}");
    assert_eq!(deployed["contractAddress"], json!(contract));
    assert_eq!(deployed["effectiveGasPrice"], json!(format!("{:#x}", BASE_FEE + 1)));
    let call = TxKind::Call(contract);
    let raws = [sign(legacy(1, call, &[])), sign(eip2930(2, call, &[])), sign(eip1559(3, call, &[]))];
    for (raw, (number, envelope_type)) in raws.iter().zip((2_u64..).zip(["0x0", "0x1", "0x2"])) {
        let receipt = server.send(raw);
        assert_eq!((&receipt["status"], &receipt["type"]), (&json!("0x1"), &json!(envelope_type)), "{receipt}");
        assert_eq!(receipt["blockNumber"], json!(format!("{number:#x}")));
        assert_eq!(receipt["cumulativeGasUsed"], receipt["gasUsed"]);
        let transaction = server.ask("eth_getTransactionByHash", json!([receipt["transactionHash"]]));
        assert_eq!(transaction["from"], json!(sender()));
        assert_eq!(transaction["blockHash"], receipt["blockHash"]);
        let block = server.ask("eth_getBlockByHash", json!([receipt["blockHash"], true]));
        assert_eq!(block["transactions"], json!([transaction]));
        assert_eq!(block["number"], receipt["blockNumber"]);
        let place = json!([receipt["blockHash"], "0x0"]);
        assert_eq!(server.ask("eth_getTransactionByBlockHashAndIndex", place), transaction);
        assert_eq!(server.ask("eth_getBlockTransactionCountByHash", json!([receipt["blockHash"]])), "0x1");
        assert_eq!(server.ask("eth_getBlockReceipts", json!([receipt["blockNumber"]])), json!([receipt]));
    }
    // The counter has counted to 3; a call executes the next one and throws it away.
    let next = json!({ "from": sender(), "to": contract });
    for _ in 0..2 {
        assert_eq!(server.ask("eth_call", json!([next, "latest"])), "0x0400000000000000");
    }
    // Earlier heights are there.
    assert_eq!(server.ask("eth_call", json!([next, "0x2"])), "0x0200000000000000");
    assert_eq!(server.ask("eth_getTransactionCount", json!([sender(), "latest"])), "0x4");
    assert_eq!(server.ask("eth_getTransactionCount", json!([sender(), "0x1"])), "0x1");
    assert_eq!(server.ask("eth_getCode", json!([contract, "latest"])), hex::encode_prefixed(COUNTER));
    let gas = server.ask("eth_estimateGas", json!([next]));
    let used = server.ask("eth_getBlockByNumber", json!(["latest", false]))["gasUsed"].clone();
    let number = |value: &Value| u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap();
    assert!(number(&gas) >= number(&used), "{gas} and {used}");
}

#[test]
fn blocks_and_receipts_have_the_fields_that_clients_read() {
    let server = Server::start();
    let receipt = server.send(&sign(eip1559(0, TxKind::Call(Address::repeat_byte(5)), &[])));
    let mut expected = vec![
        "blockHash",
        "blockNumber",
        "contractAddress",
        "cumulativeGasUsed",
        "effectiveGasPrice",
        "from",
        "gasUsed",
        "logs",
        "logsBloom",
        "status",
        "to",
        "transactionHash",
        "transactionIndex",
        "type",
    ];
    let mut actual = keys(&receipt);
    actual.sort_unstable();
    assert_eq!(actual, expected);
    expected = vec![
        "baseFeePerGas",
        "difficulty",
        "extraData",
        "gasLimit",
        "gasUsed",
        "hash",
        "logsBloom",
        "miner",
        "mixHash",
        "nonce",
        "number",
        "parentHash",
        "receiptsRoot",
        "sha3Uncles",
        "size",
        "stateRoot",
        "timestamp",
        "transactions",
        "transactionsRoot",
        "uncles",
    ];
    let block = server.ask("eth_getBlockByNumber", json!(["latest", false]));
    let mut actual = keys(&block);
    actual.sort_unstable();
    assert_eq!(actual, expected);
    assert_eq!(block["parentHash"], server.ask("eth_getBlockByNumber", json!(["0x0", false]))["hash"]);
    assert_eq!(block["transactions"], json!([receipt["transactionHash"]]));
    // What is not there is null.
    let nothing = "0x".to_owned() + &"77".repeat(32);
    for method in ["eth_getTransactionByHash", "eth_getTransactionReceipt"] {
        assert_eq!(server.ask(method, json!([nothing])), Value::Null);
    }
    assert_eq!(server.ask("eth_getBlockByNumber", json!(["0x99", false])), Value::Null);
    let history = server.ask("eth_feeHistory", json!(["0x2", "latest", [25, 75]]));
    assert_eq!(history["baseFeePerGas"], json!(["0x3b9aca00", "0x3b9aca00", "0x3b9aca00"]));
    assert_eq!(history["reward"], json!([["0x0", "0x0"], ["0x0", "0x0"]]));
    assert_eq!(history["gasUsedRatio"].as_array().unwrap().len(), 2);
}

#[test]
fn a_revert_is_error_3_with_its_data() {
    let server = Server::start();
    server.send(&sign(eip1559(0, TxKind::Create, &creation(&wat::parse_str(REVERTS).unwrap()))));
    let request = json!({ "to": sender().create(0), "input": "0x0102" });
    for method in ["eth_call", "eth_estimateGas"] {
        let error = server.error(method, json!([request]));
        let expected = json!({ "code": 3, "message": "execution reverted", "data": "0x0102" });
        assert_eq!(error, expected, "{method}");
    }
    let receipt = server.send(&sign(eip1559(1, TxKind::Call(sender().create(0)), &[1])));
    assert_eq!(receipt["status"], "0x0");
}

#[test]
fn logs_are_found_with_their_place() {
    let server = Server::start();
    server.send(&sign(eip1559(0, TxKind::Create, &creation(COUNTER))));
    let contract = sender().create(0);
    let receipts: Vec<Value> =
        (1..4).map(|nonce| server.send(&sign(eip1559(nonce, TxKind::Call(contract), &[])))).collect();
    let logs: Vec<Value> = receipts.iter().flat_map(|receipt| receipt["logs"].as_array().unwrap().clone()).collect();
    assert_eq!(logs.len(), 3);
    let ask = |filter: Value| server.ask("eth_getLogs", json!([filter]));
    assert_eq!(ask(json!({ "fromBlock": "0x0", "address": contract })), json!(logs));
    assert_eq!(ask(json!({ "fromBlock": "0x0" })), json!(logs));
    assert_eq!(ask(json!({ "fromBlock": "0x3", "toBlock": "0x3", "address": [contract] })), json!([logs[1]]));
    assert_eq!(ask(json!({ "blockHash": receipts[2]["blockHash"] })), json!([logs[2]]));
    assert_eq!(ask(json!({ "fromBlock": "0x0", "address": Address::ZERO })), json!([]));
    let topic = "0x".to_owned() + &"00".repeat(31) + "63";
    assert_eq!(ask(json!({ "fromBlock": "0x0", "topics": [null, [topic]] })), json!([]));
}

#[test]
fn what_is_refused_says_why() {
    let server = Server::start();
    let call = TxKind::Call(Address::repeat_byte(5));
    let raw = sign(eip1559(0, call, &[]));
    server.send(&raw);
    for (method, params, code, message) in [
        ("eth_sendRawTransaction", json!([hex::encode_prefixed(&raw)]), -32_000, "already known"),
        ("eth_sendRawTransaction", json!([hex::encode_prefixed(sign(legacy(0, call, &[])))]), -32_000, "nonce too low"),
        ("eth_sendRawTransaction", json!(["0x03c0"]), -32_000, "this chain has no blobs (EIP-4844, type 3)"),
        ("eth_sendRawTransaction", json!([]), -32_602, "parameter 0 is missing"),
        ("eth_sendRawTransaction", json!({ "a": 1 }), -32_602, "the parameters are a list"),
        ("eth_call", json!([{ "data": "0x6080" }]), -32_000, "a creation's data begins with 6080"),
        ("eth_getBalance", json!(["0x12"]), -32_602, "parameter 0 is no address"),
        ("eth_getBalance", json!([sender(), "0x99"]), -32_001, "there is no such block"),
        ("eth_getBalance", json!([sender(), "newest"]), -32_602, "newest does not begin with 0x"),
        ("eth_getLogs", json!([{ "topics": [null, null, null, null, null] }]), -32_602, "5 topics"),
        ("eth_getProof", json!([sender(), []]), -32_601, "the state of Lockstep is no Merkle-Patricia trie"),
        ("eth_fillTransaction", json!([]), -32_601, "Method not found"),
    ] {
        let error = server.error(method, params);
        assert_eq!(error["code"], code, "{method}: {error}");
        assert!(error["message"].as_str().unwrap().starts_with(message), "{method}: {error}");
    }
    // A transaction behind a gap waits.
    let hash = server.ask("eth_sendRawTransaction", json!([hex::encode_prefixed(sign(eip1559(2, call, &[])))]));
    assert_eq!(server.ask("eth_getTransactionReceipt", json!([hash])), Value::Null);
    assert_eq!(server.ask("eth_getTransactionByHash", json!([hash]))["blockHash"], Value::Null);
    server.send(&sign(eip1559(1, call, &[])));
    assert_eq!(server.ask("eth_getTransactionReceipt", json!([hash]))["transactionIndex"], "0x1");
}

/// What a light client is given proves what it is told.
#[test]
fn proofs_and_witnesses_are_of_the_blocks() {
    let server = Server::start();
    server.send(&sign(eip1559(0, TxKind::Create, &creation(COUNTER))));
    let contract = sender().create(0);
    server.send(&sign(eip1559(1, TxKind::Call(contract), &[])));
    let block = server.ask("eth_getBlockByNumber", json!(["0x2", false]));
    let bytes = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let root: [u8; 32] = bytes(&block["stateRoot"]).try_into().unwrap();
    let proof = server.ask("lockstep_getProof", json!([contract, [], "0x2"]));
    let proof: lockstep_store::AccountProof = borsh::from_slice(&bytes(&proof["accountProof"])).unwrap();
    assert_eq!(proof.verify(&root, &contract.0.0).unwrap().unwrap().account.nonce, 1);
    let witness =
        lockstep_store::Witness::from_bytes(&bytes(&server.ask("lockstep_getWitness", json!(["0x2"])))).unwrap();
    let before =
        lockstep_vm::B256::from_slice(&bytes(&server.ask("eth_getBlockByNumber", json!(["0x1", false]))["stateRoot"]));
    let vm = lockstep_vm::Vm::new(lockstep_vm::Revision::V1).unwrap();
    assert_eq!(lockstep_store::replay(witness, &before, &vm).unwrap().root.0, root);
}
