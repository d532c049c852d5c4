//! HTTP and WebSocket on one port.

use crate::{methods, node::DevNode, subscription};
use jsonrpsee::server::{BatchRequestConfig, Methods, PingConfig, ServerBuilder, ServerConfig, ServerHandle};
use std::{io, net::SocketAddr, sync::Arc};

/// How much is taken from clients at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request. A deployment is twice as many in hex.
    pub request_bytes_max: u32,
    /// Bytes of an answer.
    pub response_bytes_max: u32,
    /// Requests in a batch.
    pub batch_max: u32,
    /// Connections.
    pub connections_max: u32,
    /// Subscriptions of a connection.
    pub subscriptions_max: u32,
    /// Messages that wait for a slow reader of a WebSocket before it is dropped.
    pub messages_waiting_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes_max: 20 * 1_024 * 1_024,
            response_bytes_max: 64 * 1_024 * 1_024,
            batch_max: 100,
            connections_max: 1_024,
            subscriptions_max: 64,
            messages_waiting_max: 1_024,
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

/// Answers for `node` at `address`; port 0 takes a free one. Needs a runtime of tokio, whose blocking threads
/// (`max_blocking_threads`) bound how many requests are executed at once: each can take the memory of a transaction.
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
    let mut module = methods::module(node).map_err(io::Error::other)?;
    subscription::register(&mut module).map_err(io::Error::other)?;
    module.merge(others).map_err(io::Error::other)?;
    let server = ServerBuilder::with_config(config).build(address).await?;
    let address = server.local_addr()?;
    Ok(Served { address, handle: server.start(module) })
}
