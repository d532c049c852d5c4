//! HTTP and WebSocket on one port.

use crate::{
    access::Access,
    answers::AnswersLayer,
    budget::Budget,
    connection::{Budgets, Connection},
    front::FrontLayer,
    limits::Limits,
    methods,
    node::DevNode,
    socket::Socket,
    subscription,
    turns::Turns,
};
use jsonrpsee::{
    core::middleware::RpcServiceBuilder,
    server::{
        BatchRequestConfig, HttpRequest, Methods, PingConfig, ServerBuilder, ServerConfig, ServerHandle,
        serve_with_graceful_shutdown, stop_channel,
    },
};
use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tower::{Service, ServiceBuilder};

/// How long it is waited for a descriptor of the system where there is none for a connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Sockets for each connection that there may be: some have no request, or none yet.
const SOCKETS_OF_CONNECTION: u32 = 2;

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

/// A service that knows the connection of its requests.
#[derive(Clone)]
struct OfConnection<S> {
    service: S,
    connection: Arc<Connection>,
}

impl<S, B> Service<HttpRequest<B>> for OfConnection<S>
where
    S: Service<HttpRequest<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: HttpRequest<B>) -> S::Future {
        request.extensions_mut().insert(Arc::clone(&self.connection));
        self.service.call(request)
    }
}

/// Answers for `node` at `address` whom `access` lets ask; port 0 takes a free one. Needs a runtime of tokio. Work is done on its blocking threads, of
/// which `limits` and what else is bound here take fewer than 64: an embedder that makes blocks there is not kept waiting.
///
/// # Errors
///
/// An [`io::Error`] if the address cannot be listened at.
pub async fn serve(node: Arc<DevNode>, address: SocketAddr, limits: Limits, access: Access) -> io::Result<Served> {
    serve_with(node, address, limits, access, Methods::new()).await
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
    access: Access,
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
    subscription::register(&mut module, limits.subscriptions_total_max).map_err(io::Error::other)?;
    module.merge(others).map_err(io::Error::other)?;
    let budgets =
        Budgets { requests: Budget::new(limits.requests_bytes_max), answers: Budget::new(limits.answers_bytes_max) };
    let front = ServiceBuilder::new().layer(FrontLayer::new(&limits, access, budgets.requests.clone()));
    let answers = RpcServiceBuilder::new().layer(AnswersLayer(budgets.answers.clone()));
    let services = ServerBuilder::with_config(config).set_http_middleware(front).set_rpc_middleware(answers);
    let services = services.to_service_builder().max_connections(limits.connections_max);
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let (stop, handle) = stop_channel();
    tokio::spawn(async move {
        let methods = Methods::from(module);
        let sockets = usize::try_from(limits.connections_max.saturating_mul(SOCKETS_OF_CONNECTION));
        let sockets = Arc::new(Semaphore::new(sockets.unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS)));
        let stopped = stop.clone().shutdown();
        tokio::pin!(stopped);
        loop {
            let accepted = tokio::select! {
                accepted = async { (Arc::clone(&sockets).acquire_owned().await, listener.accept().await) } => accepted,
                () = &mut stopped => return,
            };
            let (place, accepted) = accepted;
            let Ok((stream, _)) = accepted else {
                // There are no descriptors left: some may be given back.
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            };
            // An answer is not held back for the next one. Where that cannot be said, it comes later.
            let _ = stream.set_nodelay(true);
            let connection = Connection::new(budgets.clone());
            let service = services.clone().build(methods.clone(), stop.clone());
            let service = OfConnection { service, connection: Arc::clone(&connection) };
            let socket = Socket::new(stream, connection, limits.request_bytes_max, place.ok());
            tokio::spawn(serve_with_graceful_shutdown(socket, service, stop.clone().shutdown()));
        }
    });
    Ok(Served { address, handle })
}
