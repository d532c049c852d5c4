//! Four validators, each a process: they are killed, wiped and stopped, and have the same blocks in the end.

mod network;
#[path = "../network/transactions.rs"]
mod transactions;
mod usage;

use alloy_primitives::{U256, hex};
use lockstep_node::{
    ChainFile,
    light::{self, Follower},
};
use lockstep_rpc::dev_accounts;
use network::Network;
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

const NODES: usize = 4;
const ALL: [usize; NODES] = [0, 1, 2, 3];

/// Blocks of the run.
fn block_count() -> u64 {
    if std::env::var_os("LOCKSTEP_LONG").is_some() { 1_000 } else { 100 }
}

/// Sends a transaction to one validator, and waits for its receipt at another.
fn send(network: &Network, nonce: u64, to: usize, at: usize) {
    let raw = hex::encode_prefixed(transactions::transaction(0, nonce));
    let hash = network.ask(to, "eth_sendRawTransaction", &json!([raw])).unwrap();
    let receipt = network.wait_for(at, "eth_getTransactionReceipt", &json!([hash]));
    assert_eq!(receipt["status"], "0x1", "{receipt}");
}

/// Hash and state root of a block.
fn block(network: &Network, node: usize, height: u64) -> (Value, Value) {
    let block = network.ask(node, "eth_getBlockByNumber", &json!([format!("{height:#x}"), false])).unwrap();
    (block["hash"].clone(), block["stateRoot"].clone())
}

#[test]
fn validators_as_processes_survive_what_happens_to_them() {
    let mut network = Network::prepare(NODES);
    ALL.iter().for_each(|node| network.start(*node));
    network.reach(&ALL, 3);
    send(&network, 0, 0, 2);

    // One is killed, and comes back.
    network.kill(3);
    let height = network.height(0).unwrap();
    network.reach(&[0, 1, 2], height + 5);
    send(&network, 1, 1, 0);
    network.start(3);
    network.reach(&[3], height + 5);

    // All are killed at once.
    ALL.iter().for_each(|node| network.kill(*node));
    ALL.iter().for_each(|node| network.start(*node));
    network.reach(&ALL, height + 10);
    send(&network, 2, 2, 3);

    // One loses its disk.
    network.kill(1);
    network.wipe(1);
    let height = network.height(0).unwrap();
    network.start(1);
    network.reach(&ALL, height + 5);
    send(&network, 3, 1, 1);

    // One loses its chain, and keeps what it knows of consensus.
    network.kill(2);
    fs::remove_dir_all(network.file(2).with_file_name("data").join("chain")).unwrap();
    network.start(2);
    let height = block_count().max(network.height(0).unwrap() + 5);
    network.reach(&ALL, height);
    for height in 0..=height {
        let expected = block(&network, 0, height);
        for node in 1..NODES {
            assert_eq!(block(&network, node, height), expected, "validator {node}, block {height}");
        }
    }

    // One loses its disk, and takes the state instead of the blocks.
    network.kill(1);
    network.wipe(1);
    network.catch_up_by_state(1);
    let height = network.height(0).unwrap();
    network.start(1);
    network.reach(&ALL, height + 5);
    assert_eq!(network.ask(1, "eth_getBlockByNumber", &json!(["0x1", false])), Some(Value::Null));
    send(&network, 4, 1, 0);
    send(&network, 5, 2, 1);
    // It is killed, and goes on from there.
    network.kill(1);
    network.start(1);
    let height = network.height(0).unwrap() + 5;
    network.reach(&ALL, height);
    for node in 1..NODES {
        assert_eq!(block(&network, node, height), block(&network, 0, height), "validator {node}, block {height}");
    }

    let metrics = network.metrics(1);
    assert!(metrics.lines().any(|line| line.contains("committed_height ")), "{metrics}");
    metrics_are_for_those_who_may_ask(&network);
    light_clients(&network);
    network.stop();
}

/// A page that makes its name mean this machine does not read them, nor does another page, and a request that never ends keeps no other waiting.
fn metrics_are_for_those_who_may_ask(network: &Network) {
    let address = network.metrics_address(1);
    let answer = |request: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut answer = Vec::new();
        // What was sent and not read can reset the connection.
        let _ = stream.write_all(request).and_then(|()| stream.read_to_end(&mut answer));
        String::from_utf8(answer).unwrap()
    };
    let open: Vec<_> = (0..15).map(|_| TcpStream::connect(address).unwrap()).collect();
    for (request, status) in [
        ("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n", "200"),
        ("GET /metrics HTTP/1.1\r\nhost: attacker.example\r\n\r\n", "403"),
        ("GET http://attacker.example/metrics HTTP/1.1\r\nhost: localhost\r\n\r\n", "403"),
        ("GET /metrics HTTP/1.1\r\nhost: localhost\r\nhost: attacker.example\r\n\r\n", "403"),
        ("GET /metrics HTTP/1.1\r\nhost: localhost\r\norigin: http://attacker.example\r\n\r\n", "403"),
        ("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n", "405"),
        ("GET /metrics HTTP/9.9\r\n\r\n", "400"),
        ("\u{16}\u{3}\u{1}\r\n\r\n", "400"),
    ] {
        let answer = answer(request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
    assert_eq!(answer(&[b'a'; 100_000]), "", "a head without end");
    drop(open);
}

/// A light client and a follower, which believe certificates alone.
fn light_clients(network: &Network) {
    let text = fs::read_to_string(network.chain_file()).unwrap();
    let chain: ChainFile = toml::from_str(&text).unwrap();
    let url = format!("http://{}", network.rpc(2));
    let mut follower = Follower::new(&chain, &url).unwrap();
    while follower.last().number < 20 {
        assert_ne!(follower.follow().unwrap(), 0);
    }
    let number = follower.last().number;
    let sender = dev_accounts()[0].address;
    let proven = light::verify(&chain, &url, number, &sender, None).unwrap();
    assert_eq!(proven.header.hash(), follower.last().hash());
    let (account, begun) = (proven.account.unwrap(), U256::from(10).pow(U256::from(22)));
    assert!(account.nonce > 0);
    assert!(account.balance < begun && account.balance > begun / U256::from(2), "it has {}", account.balance);

    // The same certificates are none of another chain's validators.
    let mut validators = chain.validators.clone();
    validators.pop();
    for other in [ChainFile { validators, ..chain.clone() }, ChainFile { chain_id: 5, ..chain }] {
        let refused = light::verify(&other, &url, number, &sender, None).unwrap_err();
        assert!(refused.to_string().contains("certificate"), "{refused:#}");
    }
}
