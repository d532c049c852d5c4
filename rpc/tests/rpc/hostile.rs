//! Garbage of every kind gets an error, and the next request is answered.

use crate::client::{Server, WebSocket};
use lockstep_rpc::Limits;
use serde_json::json;
use std::{
    io::Write,
    net::{Shutdown, TcpStream},
};

#[test]
fn garbage_gets_an_error_and_the_next_request_works() {
    let limits = Limits { request_bytes_max: 10_000, batch_max: 3, subscriptions_max: 2, ..Limits::default() };
    let server = Server::with(limits);
    let nested = "[".repeat(5_000);
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let batch = |count: usize| format!("[{}]", vec![request; count].join(","));
    for (body, status) in [
        // What begins neither as a request nor as a batch is a bad request of HTTP as well.
        (String::new(), 400),
        ("{".to_owned(), 200),
        ("\u{0}\u{1}".to_owned(), 400),
        (nested, 200),
        ("[]".to_owned(), 200),
        (r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#.to_owned(), 200),
        (r#"{"jsonrpc":"2.0","id":{},"method":5}"#.to_owned(), 200),
        (batch(4), 200),
        ("x".repeat(10_001), 413),
    ] {
        let (actual, answer) = server.post(body.as_bytes());
        assert_eq!(actual, status, "{answer}");
        assert!(answer.contains("error") || status == 413, "{answer}");
        assert_eq!(server.ask("eth_chainId", json!([])), "0x7a69");
    }
    let (_, answer) = server.post(batch(3).as_bytes());
    assert_eq!(answer.matches("0x7a69").count(), 3);
    // What is no HTTP, and who goes in the middle of it.
    for bytes in
        [&b"\x16\x03\x01\x02\x00"[..], b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: 99\r\n\r\n{"]
    {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(bytes).unwrap();
        let _ = stream.shutdown(Shutdown::Both);
        assert_eq!(server.ask("eth_chainId", json!([])), "0x7a69");
    }
    let mut socket = WebSocket::connect(&server);
    for _ in 0..2 {
        assert!(socket.ask("eth_subscribe", json!(["newHeads"])).is_string());
    }
    socket.write(&json!({ "jsonrpc": "2.0", "id": 3, "method": "eth_subscribe", "params": ["newHeads"] }));
    assert!(socket.read()["error"].is_object());
    assert_eq!(socket.ask("eth_chainId", json!([])), "0x7a69");
}
