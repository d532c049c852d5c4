//! HTTP and WebSocket on one port.

use crate::{front::FrontLayer, methods, node::DevNode, socket::Socket, subscription, turns::Turns};
use jsonrpsee::server::{
    BatchRequestConfig, Methods, PingConfig, ServerBuilder, ServerConfig, ServerHandle, serve_with_graceful_shutdown,
    stop_channel,
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tower::ServiceBuilder;

/// How long it is waited for a descriptor of the system where there is none for a connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// How much is taken from clients at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request. A deployment is twice as many in hex.
    pub request_bytes_max: u32,
    /// Bytes of an answer.
    pub response_bytes_max: u32,
    /// Requests in a batch.
    pub batch_max: u32,
    /// Connections with a request that is being answered, or a WebSocket.
    pub connections_max: u32,
    /// Subscriptions of a connection.
    pub subscriptions_max: u32,
    /// Messages that wait for a slow reader of a WebSocket before it is dropped.
    pub messages_waiting_max: u32,
    /// Requests that are executed at once: each can take the memory of a transaction (docs/spec.md, section 3).
    pub executing_max: u32,
    /// Requests that wait to be executed; one more is refused.
    pub executing_waiting_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes_max: 20 * 1_024 * 1_024,
            response_bytes_max: 64 * 1_024 * 1_024,
            batch_max: 100,
            connections_max: 1_024,
            subscriptions_max: 64,
            messages_waiting_max: 256,
            executing_max: 8,
            executing_waiting_max: 256,
        }
    }
}

/// A server that runs until it is dropped, or told to stop.
pub struct Served {
    address: SocketAddr,
    handle: ServerHandle,
}

impl Served {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has stopped.
    pub async fn stopped(self) {
        self.handle.stopped().await;
    }

    /// Stops it.
    pub fn stop(&self) {
        // One that has stopped already needs no telling.
        let _ = self.handle.stop();
    }
}

/// Answers for `node` at `address`; port 0 takes a free one. Needs a runtime of tokio. Work is done on its blocking threads, of
/// which `limits` and what else is bound here take fewer than 64: an embedder that makes blocks there is not kept waiting.
///
/// # Errors
///
/// An [`io::Error`] if the address cannot be listened at.
pub async fn serve(node: Arc<DevNode>, address: SocketAddr, limits: Limits) -> io::Result<Served> {
    serve_with(node, address, limits, Methods::new()).await
}

/// The same with `others` beside the methods of this crate.
///
/// # Errors
///
/// As [`serve()`], and if one of `others` has the name of a method of this crate.
pub async fn serve_with(
    node: Arc<DevNode>,
    address: SocketAddr,
    limits: Limits,
    others: Methods,
) -> io::Result<Served> {
    let config = ServerConfig::builder()
        .max_request_body_size(limits.request_bytes_max)
        .max_response_body_size(limits.response_bytes_max)
        .max_connections(limits.connections_max)
        .max_subscriptions_per_connection(limits.subscriptions_max)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch_max))
        .set_message_buffer_capacity(limits.messages_waiting_max)
        .enable_ws_ping(PingConfig::new())
        .set_id_provider(subscription::HexIds::default())
        .build();
    let mut module = methods::module(node, Turns::new(&limits)).map_err(io::Error::other)?;
    subscription::register(&mut module).map_err(io::Error::other)?;
    module.merge(others).map_err(io::Error::other)?;
    let front = ServiceBuilder::new().layer(FrontLayer::new(&limits));
    let services = ServerBuilder::with_config(config).set_http_middleware(front).to_service_builder();
    let services = services.max_connections(limits.connections_max);
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let (stop, handle) = stop_channel();
    tokio::spawn(async move {
        let methods = Methods::from(module);
        let stopped = stop.clone().shutdown();
        tokio::pin!(stopped);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stopped => return,
            };
            let Ok((stream, _)) = accepted else {
                // There are no descriptors left: some may be given back.
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            };
            // An answer is not held back for the next one. Where that cannot be said, it comes later.
            let _ = stream.set_nodelay(true);
            let service = services.clone().build(methods.clone(), stop.clone());
            let stopped = stop.clone().shutdown();
            tokio::spawn(serve_with_graceful_shutdown(Socket::new(stream), service, stopped));
        }
    });
    Ok(Served { address, handle })
}
