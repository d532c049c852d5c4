//! Who may ask: every combination of a host, an origin, a method and a transport, against a rule that is written anew here.

use crate::client::Server;
use lockstep_rpc::Access;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// A call by HTTP.
    Post,
    /// A call as a form would send it: no browser asks before.
    PlainPost,
    /// The page.
    Page,
    /// Whether a page may call.
    Preflight,
    /// A WebSocket.
    WebSocket,
}

const ASKS: [Ask; 5] = [Ask::Post, Ask::PlainPost, Ask::Page, Ask::Preflight, Ask::WebSocket];

impl Ask {
    fn request(self, host: &str, origin: Option<&str>) -> String {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
        let post = |kind: &str| format!("content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (method, rest) = match self {
            Self::Post => ("POST", post("application/json")),
            Self::PlainPost => ("POST", post("text/plain")),
            Self::Page => ("GET", "\r\n".to_owned()),
            Self::Preflight => (
                "OPTIONS",
                "access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n\r\n"
                    .to_owned(),
            ),
            Self::WebSocket => (
                "GET",
                "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
                 sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                    .to_owned(),
            ),
        };
        let origin = origin.map(|origin| format!("origin: {origin}\r\n")).unwrap_or_default();
        let connection = if self == Self::WebSocket { "" } else { "connection: close\r\n" };
        format!("{method} / HTTP/1.1\r\n{host}{origin}{connection}{rest}")
    }

    /// What is answered to who may ask.
    const fn status(self) -> u16 {
        match self {
            Self::Post | Self::Page => 200,
            Self::PlainPost => 415,
            Self::Preflight => 204,
            Self::WebSocket => 101,
        }
    }
}

/// The status and the head of an answer, in small letters.
fn answer(server: &Server, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 4_096];
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        let length = stream.read(&mut part).unwrap();
        assert!(length > 0, "{request}: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..length]);
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_ascii_lowercase())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn a_page_drives_the_node_only_if_it_may() {
    let none: [&str; 0] = [];
    // Hosts and origins that the operator names, and what is answered beside the own ones.
    for (hosts, origins) in [
        (&none[..], &none[..]),
        (&["node.example"], &["http://app.example", "http://localhost:3000"]),
        (&["*"], &["*"]),
    ] {
        let server = Server::with_access(Access::new(hosts, origins).unwrap());
        let port = server.address.port();
        let own =
            [format!("localhost:{port}"), format!("127.0.0.1:{port}"), "LocalHost".to_owned(), "[::1]:1".to_owned()];
        let foreign =
            ["node.example", "node.example:99", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example"];
        // What no operator can mean.
        let never = ["", "localhost:x", "user@localhost", "[::1", "a b", "localhost/", "localhost:1:2"];
        let hosts_of_requests = own.iter().map(String::as_str).chain(foreign).chain(never);
        for host in hosts_of_requests {
            let name = host.split(':').next().unwrap();
            let host_may = own.iter().any(|own| own == host)
                || (foreign.contains(&host) && (hosts.contains(&"*") || hosts.contains(&name)));
            let same = format!("http://{host}");
            let upper = same.to_uppercase();
            for origin in [
                None,
                Some(same.as_str()),
                Some(upper.as_str()),
                Some("http://app.example"),
                Some("https://app.example"),
                Some("http://localhost:3000"),
                Some("http://evil.example:8545"),
                Some("null"),
                Some(""),
                Some("http://localhost"),
            ] {
                for ask in ASKS {
                    let is_same = origin.is_some_and(|origin| origin.eq_ignore_ascii_case(&same));
                    let named = origin.is_some_and(|origin| origins.contains(&"*") || origins.contains(&origin));
                    let may = host_may && (origin.is_none() || is_same || named);
                    let request = ask.request(&format!("host: {host}\r\n"), origin);
                    let (status, head) = answer(&server, &request);
                    let what =
                        format!("{ask:?} of {origin:?} to {host}, where {hosts:?} and {origins:?} are named: {head}");
                    // A host that HTTP itself refuses is refused all the same.
                    let expected = if may { ask.status() } else { 403 };
                    assert!(status == expected || (!may && status == 400), "{what}");
                    // A page reads the answer if the browser is told that it may: never where it may not.
                    let told = header(&head, "access-control-allow-origin");
                    let star = origins.contains(&"*").then_some("*");
                    let expected = if may && named && !is_same { star.or(origin) } else { None };
                    assert_eq!(told, expected, "{what}");
                    assert_eq!(header(&head, "access-control-allow-credentials"), None, "{what}");
                    let methods = header(&head, "access-control-allow-methods");
                    assert_eq!(methods.is_some(), may && ask == Ask::Preflight, "{what}");
                }
            }
        }
    }
}

#[test]
fn what_is_said_twice_or_not_at_all() {
    let server = Server::start();
    let asks = [Ask::Post, Ask::WebSocket];
    for (host, origin, may) in [
        // No browser leaves its host out: this is a tool of HTTP 1.0.
        ("", None, true),
        ("", Some("http://localhost"), false),
        ("host: localhost\r\nhost: evil.example\r\n", None, false),
        ("host: evil.example\r\nhost: localhost\r\n", None, false),
        ("host: localhost\r\norigin: http://localhost\r\n", Some("http://evil.example"), false),
    ] {
        for ask in asks {
            let (status, head) = answer(&server, &ask.request(host, origin));
            assert_eq!(status == ask.status(), may, "{host} {origin:?}: {head}");
        }
    }
    // A request that names the server in its line is held to that as well.
    for (target, may) in [("http://localhost/", true), ("http://evil.example/", false)] {
        let request = Ask::Post.request("host: localhost\r\n", None).replacen(" / ", &format!(" {target} "), 1);
        assert_eq!(answer(&server, &request).0 == 200, may, "{target}");
    }
    // Nothing is read as a frame that was not counted as one.
    let handshake = Ask::WebSocket.request("host: localhost\r\n", None);
    assert_eq!(answer(&server, &format!("{handshake}\u{1}\u{1}\r\n\r\n")).0, 400);
}
