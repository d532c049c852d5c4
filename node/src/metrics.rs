//! `GET /metrics`, in Prometheus' text form: for those who may ask by JSON-RPC too, on a port of its own.
//!
//! A page that makes its name mean this machine must not read how the network is doing, so the host of a request is looked at.
//! Heads are short, come in time, and only a few are read at once.

use anyhow::Context as _;
use jsonrpsee::server::HttpRequest;
use lockstep_rpc::Access;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

/// Bytes of the head of a request.
const HEAD_BYTES_MAX: usize = 8 * 1_024;

/// How long a request and its answer may take.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// Requests at once. More wait to be accepted.
const REQUESTS_MAX: usize = 16;

/// Answers at `address` whom `access` lets ask with what `text` returns, until the task is ended.
///
/// # Errors
///
/// That it cannot listen there.
pub(crate) async fn serve(
    address: SocketAddr,
    access: Access,
    text: impl Fn() -> String + Send + Sync + 'static,
) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("cannot listen at {address} for metrics"))?;
    let (access, text, places) = (Arc::new(access), Arc::new(text), Arc::new(Semaphore::new(REQUESTS_MAX)));
    Ok(async move {
        // It is never closed.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let Ok((stream, _)) = listener.accept().await else {
                // Too many files are open: others close some.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (access, text) = (Arc::clone(&access), Arc::clone(&text));
            tokio::spawn(async move {
                // Whoever is late or gone gets no answer.
                let _ = timeout(REQUEST_TIME, answer(stream, &access, &*text)).await;
                drop(place);
            });
        }
    })
}

/// Answers one request, and closes the connection.
async fn answer(mut stream: TcpStream, access: &Access, text: &(impl Fn() -> String + Sync)) -> io::Result<()> {
    let mut head = Vec::new();
    let mut part = [0; 1_024];
    while !head.ends_with(b"\r\n\r\n") && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut part).await?;
        if read == 0 || head.len() >= HEAD_BYTES_MAX {
            return Ok(());
        }
        head.extend_from_slice(part.get(..read).unwrap_or_default());
    }
    let (status, body) = match request(&head) {
        None => ("400 Bad Request", "this is no request of HTTP/1.1\n".to_owned()),
        Some(request) if !access.allows(&request) => (
            "403 Forbidden",
            "this name of a host or this page may not ask: see rpc_hosts and rpc_origins\n".to_owned(),
        ),
        Some(request) if request.uri().path() != "/metrics" => ("404 Not Found", "there is /metrics\n".to_owned()),
        Some(request) if request.method().as_str() != "GET" => ("405 Method Not Allowed", "GET it\n".to_owned()),
        Some(_) => ("200 OK", text()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// The request with that head.
fn request(head: &[u8]) -> Option<HttpRequest<()>> {
    let head = core::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n\r\n").next()?.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, uri, version) = (first.next()?, first.next()?, first.next()?);
    if !version.starts_with("HTTP/1.") || first.next().is_some() {
        return None;
    }
    let mut request = HttpRequest::builder().method(method).uri(uri);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value.trim());
    }
    request.body(()).ok()
}
