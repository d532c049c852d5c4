//! Garbage of every kind gets an error, and the next request is answered.

use crate::client::{Server, WebSocket};
use lockstep_rpc::Limits;
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

/// What a connection answers to `bytes`, at most its first part.
fn answer_to(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = vec![0; 4_096];
    let length = stream.read(&mut answer).unwrap_or(0);
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[test]
fn numbers_texts_and_types_of_every_kind_get_an_error() {
    let server = Server::start();
    let huge = "9".repeat(100_000);
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    for (method, params) in [
        ("eth_getBlockByNumber", format!("[{huge},false]")),
        ("eth_getBlockByNumber", format!("[\"0x{huge}\",false]")),
        ("eth_getBlockByNumber", "[-1,false]".to_owned()),
        ("eth_getBlockByNumber", "[1e400,false]".to_owned()),
        ("eth_getBlockByNumber", deep.clone()),
        ("eth_getBlockByNumber", "[{\"blockHash\":1}]".to_owned()),
        ("eth_feeHistory", format!("[\"0x{}\"]", "f".repeat(17))),
        ("eth_getLogs", format!("[{{\"topics\":{deep}}}]")),
        ("eth_getLogs", "[{\"fromBlock\":\"\\ud800\"}]".to_owned()),
        ("eth_call", "[[],{}]".to_owned()),
        ("eth_call", format!("[{{\"value\":\"0x{}\"}}]", "f".repeat(65))),
        ("eth_sendRawTransaction", "[\"0x0\"]".to_owned()),
        ("eth_sendRawTransaction", format!("[\"0x{}\"]", "c0".repeat(1_000_000))),
        ("eth_sendRawTransaction", format!("[\"0x02{}\"]", "f8".repeat(10_000))),
        ("lockstep_getProof", "[\"\",[]]".to_owned()),
        ("lockstep_traceTransaction", "[null]".to_owned()),
        ("no_suchMethod", "[]".to_owned()),
    ] {
        let (_, answer) =
            server.post(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#).as_bytes());
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{method}: {error}"));
        assert!(answer["error"]["code"].is_i64(), "{method} {}: {answer}", &params[..params.len().min(60)]);
        assert!(answer.to_string().len() < 250_000, "{method}: an error is not longer than what was asked");
    }
    let post = |kind: &str, body: &[u8]| {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        answer_to(&server, &[head.as_bytes(), body].concat())
    };
    let request = br#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    for (kind, body, status) in [
        ("text/plain", &request[..], "415"),
        ("", &request[..], "415"),
        ("application/json", &b"{\"method\":\"\xff\xfe\"}"[..], "200"),
        ("application/json", &b"\xef\xbb\xbf{}"[..], "400"),
        ("application/json", &request[..], "200"),
    ] {
        let answer = post(kind, body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{kind}: {answer}");
    }
    assert_eq!(server.ask("eth_chainId", json!([])), "0x7a69");
}

#[test]
fn a_page_says_what_it_may_load() {
    let server = Server::start();
    for (path, status, kind) in [
        ("/", "200", "text/html; charset=utf-8"),
        ("/explorer.js", "200", "text/javascript; charset=utf-8"),
        ("/explorer.css", "200", "text/css; charset=utf-8"),
        ("/../Cargo.toml", "404", "text/plain; charset=utf-8"),
        ("/?query", "200", "text/html; charset=utf-8"),
    ] {
        let answer = answer_to(&server, format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        assert!(answer.contains(&format!("content-type: {kind}\r\n")), "{path}: {answer}");
        for policy in ["default-src 'none'; script-src 'self'; style-src 'self'", "frame-ancestors 'none'"] {
            assert!(answer.contains(policy), "{path}: {answer}");
        }
    }
    let answer = answer_to(&server, b"DELETE / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

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
    // HTTP/2, in one part or two.
    for at in [24, 2] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let (first, rest) = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".split_at(at);
        stream.write_all(first).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let _ = stream.write_all(&[rest, &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, b"", "no settings of HTTP/2 come");
    }
    // A head that never ends.
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\na: ").unwrap();
    let sent = (0..500).find(|_| stream.write_all(&[b'a'; 8_192]).is_err());
    assert!(sent.is_some(), "4 MB of a head were read");
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
