//! What a hostile client costs: connections, floods, answers that it never reads. The memory of this process, which the server is
//! part of, is looked at before and after; so the tests have a process of their own, and come one after the other.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests panic to fail and count what is small"
)]

#[allow(dead_code, reason = "the other tests of the server use the rest")]
#[path = "../rpc/client.rs"]
mod client;

use alloy_consensus::TxEip1559;
use alloy_primitives::{TxKind, hex};
use client::{COUNTER, Server, WebSocket, creation, eip1559, frame, sender, sign, sign_as, stranger};
use lockstep_rpc::Limits;
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read as _, Write},
    net::TcpStream,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Memory of this process in bytes, where the system says it: the server is part of it.
fn memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1_024)
}

/// Runs `attack` and holds the memory to what it was before and `more_max` bytes. What is there is asked for afterwards.
fn bounded(server: &Server, more_max: u64, attack: impl FnOnce()) {
    let before = memory_bytes();
    attack();
    assert_eq!(server.ask("eth_chainId", json!([])), "0x7a69");
    if let (Some(before), Some(after)) = (before, memory_bytes()) {
        let more = after.saturating_sub(before);
        assert!(more <= more_max, "{more} bytes more than before, {more_max} allowed");
    }
}

#[test]
fn a_thousand_connections_leave_room_for_one_more() {
    let _alone = alone();
    let server = Server::start();
    // A half request each, in thirds: no head, half a head, half a body.
    let halves: [&[u8]; 3] = [
        b"",
        b"POST / HTTP/1.1\r\nhost:",
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9000\r\n\r\n[",
    ];
    // The descriptors of this process are those of both ends.
    let count = descriptors_max().map_or(1_000, |max| max.saturating_sub(200) / 2).min(1_000);
    bounded(&server, 256 * 1_024 * 1_024, || {
        let mut open = Vec::new();
        for number in 0..count {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(halves[number % halves.len()]).unwrap();
            open.push(stream);
        }
        assert_eq!(server.ask("eth_chainId", json!([])), "0x7a69");
        assert_eq!(server.send(&sign(eip1559(0, TxKind::Call(stranger()), &[])))["status"], "0x1");
    });
    // Large bodies that never end leave room for small ones.
    let large =
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9000000\r\n\r\n[";
    let open: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(large.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(server.ask("eth_chainId", json!([])), "0x7a69");
    drop(open);
}

/// Files that this process may have open, where the system says it.
fn descriptors_max() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// The head of a frame of that many bytes, with a mask of zeros.
fn long_head(length: usize) -> Vec<u8> {
    [&[0x81, 0xff][..], &u64::try_from(length).unwrap().to_be_bytes(), &[0; 4]].concat()
}

/// A request in a frame.
fn long_frame(text: &str) -> Vec<u8> {
    [&long_head(text.len()), text.as_bytes()].concat()
}

/// Fourteen bytes announce a message of 20 MiB; whoever gets them makes room for it. Many connections have what all may have
/// together, and leave room for what is small.
#[test]
fn announced_messages_take_room_together() {
    let _alone = alone();
    let server = Server::start();
    bounded(&server, 160 * 1_024 * 1_024, || {
        let open: Vec<WebSocket> = (0..100)
            .map(|_| {
                let mut socket = WebSocket::connect(&server);
                socket.0.write_all(&[&long_head(20 * 1_024 * 1_024)[..], b"["].concat()).unwrap();
                socket
            })
            .collect();
        std::thread::sleep(Duration::from_millis(500));
        let mut small = WebSocket::connect(&server);
        assert_eq!(small.ask("eth_chainId", json!([])), "0x7a69");
        drop(open);
    });
    // All of it is given back.
    let mut socket = WebSocket::connect(&server);
    for _ in 0..3 {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"eth_call","params":[{{"data":"0x{}"}}]}}"#,
            "00".repeat(1 << 20)
        );
        socket.0.write_all(&long_frame(&text)).unwrap();
        assert!(socket.read()["error"].is_object());
    }
    assert_eq!(socket.ask("eth_chainId", json!([])), "0x7a69");
}

/// Requests of every kind one behind the other on many connections, answered or not: what is read of them is bounded, and so is
/// what is made of them.
#[test]
fn requests_in_a_row_take_room_together() {
    let _alone = alone();
    let server = Server::start();
    let id = "x".repeat(60_000);
    let zeros = vec!["0"; 30_000].join(",");
    let many = vec!["0"; 500_000].join(",");
    for text in [
        format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"no_such"}}"#),
        format!(r#"{{"jsonrpc":"1.0","id":"{id}","method":5}}"#),
        format!(r#"{{"jsonrpc":"2.0","method":"{id}"}}"#),
        format!(r#"[{{"jsonrpc":"2.0","method":"{id}"}}]"#),
        format!("[{zeros}]"),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[{zeros}]}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[{many}]}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_feeHistory","params":["0x400","latest",[{many}]]}}"#),
        format!("[{many}]"),
    ] {
        let frame = long_frame(&text);
        let shown = &text[..text.len().min(60)];
        bounded(&server, 256 * 1_024 * 1_024, || {
            let mut sockets: Vec<WebSocket> = (0..8).map(|_| WebSocket::connect(&server)).collect();
            std::thread::scope(|scope| {
                for socket in &mut sockets {
                    let frame = &frame;
                    scope.spawn(move || {
                        socket.0.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
                        let mut count = 0;
                        while count < 6 && socket.0.write_all(frame).is_ok() {
                            count += 1;
                        }
                    });
                }
            });
            let mut small = WebSocket::connect(&server);
            assert_eq!(small.ask("eth_chainId", json!([])), "0x7a69", "{shown}");
        });
    }
}

/// Large answers that are not read: by HTTP and by WebSocket. Those for which there is no room are refused with a reason.
#[test]
fn answers_that_are_not_read_take_room_together() {
    let _alone = alone();
    let limits = Limits { answers_bytes_max: 4 * 1_024 * 1_024, ..Limits::default() };
    let server = Server::with(limits);
    // A block with 600 kB of data: an answer of 1.2 MB.
    let large = eip1559(0, TxKind::Call(stranger()), &vec![7; 600_000]);
    let receipt = server.send(&sign(TxEip1559 { gas_limit: 900_000_000, ..large }));
    assert_eq!(receipt["blockNumber"], "0x1", "{receipt}");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x1",true]}"#;
    let head = "POST / HTTP/1.1
host: localhost
content-type: application/json
content-length: ";
    let request = format!(
        "{head}{}

{body}",
        body.len()
    );
    bounded(&server, 160 * 1_024 * 1_024, || {
        let mut open = Vec::new();
        for number in 0..16 {
            if number % 2 == 0 {
                let mut stream = TcpStream::connect(server.address).unwrap();
                stream.write_all(request.as_bytes()).unwrap();
                open.push(stream);
            } else {
                let mut socket = WebSocket::connect(&server);
                (0..10).for_each(|_| socket.0.write_all(&long_frame(body)).unwrap());
                open.push(socket.0);
            }
        }
        std::thread::sleep(Duration::from_millis(500));
        let mut refused = 0;
        for _ in 0..5 {
            let answer = server.answer("eth_getBlockByNumber", json!(["0x1", true]));
            if answer["error"].is_object() {
                assert_eq!(answer["error"]["code"], -32_005, "{answer}");
                refused += 1;
            }
        }
        assert!(refused > 0, "there was room for all");
        // What is small is answered.
        assert_eq!(WebSocket::connect(&server).ask("eth_chainId", json!([])), "0x7a69");
        drop(open);
    });
    // All of it is given back.
    for _ in 0..100 {
        if server.answer("eth_getBlockByNumber", json!(["0x1", true]))["error"].is_null() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the room of answers that nobody waits for is not given back");
}

#[test]
fn subscriptions_are_bounded_together() {
    let _alone = alone();
    let server = Server::with(Limits { subscriptions_total_max: 10, ..Limits::default() });
    let mut sockets: Vec<WebSocket> = (0..4).map(|_| WebSocket::connect(&server)).collect();
    let mut ids = Vec::new();
    for number in 0..12 {
        let answer = sockets[number % 4].ask("eth_subscribe", json!(["newHeads"]));
        assert_eq!(answer.is_string(), number < 10, "{number}: {answer}");
        ids.push(answer);
    }
    assert_eq!(sockets[0].ask("eth_unsubscribe", json!([ids[0]])), true);
    for _ in 0..100 {
        if sockets[3].ask("eth_subscribe", json!(["newHeads"])).is_string() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the place of a subscription that ended is not given back");
}

/// Writes a message again and again without reading. Returns how many the other side took before it took no more for two
/// seconds.
/// The most memory of this process since the last call, where the system says it and forgets it.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let peak = line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?;
    fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(peak * 1_024)
}

/// A batch of millions of digits is a list of pointers in the server, which are eight times as many bytes.
#[test]
fn a_batch_is_counted_before_it_is_a_list() {
    let _alone = alone();
    let server = Server::start();
    let digits = format!("[0{}]", ",0".repeat(9_000_000));
    let mask = [0x5b, 0x30, 0x2c, 0x11];
    let masked = digits.bytes().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask).collect::<Vec<u8>>();
    let length = u64::try_from(digits.len()).unwrap();
    let (first, rest) = masked.split_at(10_002);
    let whole = [&[0x81, 0x80 | 127][..], &length.to_be_bytes(), &mask, &masked].concat();
    // In two frames with a ping between them, the second one with a mask of its own bytes' place.
    let second_mask = [mask[2], mask[3], mask[0], mask[1]];
    let rest_length = length - 10_002;
    let parts = [
        &[0x01, 0x80 | 126][..],
        &10_002_u16.to_be_bytes(),
        &mask,
        first,
        &[0x89, 0x80, 1, 2, 3, 4],
        &[0x80, 0x80 | 127],
        &rest_length.to_be_bytes(),
        &second_mask,
        rest,
    ]
    .concat();
    for bytes in [None, Some(whole), Some(parts)] {
        peak_bytes();
        let before = memory_bytes();
        match &bytes {
            None => {
                let (status, answer) = server.post(digits.as_bytes());
                assert_eq!(status, 200);
                assert!(answer.contains("too large") && answer.contains("100"), "{answer}");
            }
            Some(bytes) => {
                let mut socket = WebSocket::connect(&server);
                // It ends in the middle.
                let _ = socket.0.write_all(bytes);
                let mut rest = Vec::new();
                // A pong at most; what was sent and not read can reset the connection.
                let _ = socket.0.read_to_end(&mut rest);
                assert!(rest.len() < 20, "{}", String::from_utf8_lossy(&rest));
            }
        }
        assert_eq!(server.ask("eth_chainId", json!([])), "0x7a69");
        if let (Some(before), Some(peak)) = (before, peak_bytes()) {
            let more = peak.saturating_sub(before);
            assert!(more < 100 * 1_024 * 1_024, "{more} bytes for a request of {length}");
        }
    }
}

fn flood(socket: &mut WebSocket, message: &Value, count: usize) -> usize {
    socket.0.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let frame = frame(message);
    (0..count).find(|_| socket.0.write_all(&frame).is_err()).unwrap_or(count)
}

/// Who asks on and on and reads nothing is not read from any more.
#[test]
fn a_peer_that_reads_nothing_is_not_answered_without_end() {
    let _alone = alone();
    let server = Server::start();
    server.send(&sign(eip1559(0, TxKind::Create, &creation(COUNTER))));
    let mut socket = WebSocket::connect(&server);
    assert!(socket.ask("eth_subscribe", json!(["newHeads"])).is_string());
    bounded(&server, 256 * 1_024 * 1_024, || {
        // More than the system keeps on the way, 60 MB.
        let long = "x".repeat(3_000);
        let params = json!([sender().create(0), "latest", long]);
        let sent = flood(
            &mut socket,
            &json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getCode", "params": params }),
            20_000,
        );
        assert!(sent < 20_000, "all {sent} requests were read, though no answer was");
        // Blocks go on meanwhile.
        for nonce in 1..4 {
            assert_eq!(server.send(&sign(eip1559(nonce, TxKind::Call(sender().create(0)), &[])))["status"], "0x1");
        }
    });
}

/// A flood over the RPC: what waits is bounded, what is refused says why, and blocks go on.
#[test]
fn a_flood_of_transactions_leaves_a_pool_that_works() {
    let _alone = alone();
    let server = Server::by_hand();
    let call = TxKind::Call(stranger());
    let send = |raw: &[u8]| server.answer("eth_sendRawTransaction", json!([hex::encode_prefixed(raw)]));
    bounded(&server, 128 * 1_024 * 1_024, || {
        let mut refused: Vec<String> = Vec::new();
        for account in 0..4 {
            for nonce in (0..80).rev() {
                let answer = send(&sign_as(account, eip1559(nonce, call, &[7; 2_000])));
                refused.extend(answer["error"]["message"].as_str().map(str::to_owned));
            }
        }
        // 64 of a sender wait.
        assert_eq!(refused.len(), 4 * 16);
        assert!(refused.iter().all(|message| message.starts_with("nonce too high: ")), "{refused:?}");
        // The same again, and one that does not pay enough more.
        assert_eq!(send(&sign_as(0, eip1559(5, call, &[7; 2_000])))["error"]["message"], "already known");
        let underpriced = send(&sign_as(0, eip1559(5, call, &[8; 2_000])));
        let message = underpriced["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("replacement transaction underpriced: "), "{underpriced}");
        // A stranger has no money.
        let poor = send(&sign_as(200, eip1559(0, call, &[])));
        assert!(poor["error"]["message"].as_str().unwrap().starts_with("insufficient funds: "), "{poor}");
    });
    for _ in 0..20 {
        server.ask("evm_mine", json!([]));
    }
    for account in 0..4 {
        let address = lockstep_rpc::dev_accounts()[account].address;
        assert_eq!(server.ask("eth_getTransactionCount", json!([address, "latest"])), "0x40", "account {account}");
    }
}
