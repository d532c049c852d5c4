//! What comes by HTTP before it is JSON-RPC: requests for the explorer are answered, bodies are read within bounds, the rest goes
//! on.

use crate::{pages, serve::Limits};
use alloy_primitives::bytes::Bytes;
use jsonrpsee::{
    core::{
        BoxError,
        http_helpers::{HttpError, read_body},
    },
    server::{
        HttpBody, HttpRequest, HttpResponse,
        http::{content_type_is_json, response},
        ws::is_upgrade_request,
    },
};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::Semaphore;
use tower::{Layer, Service};

/// How long the body of a request may take: who sends half a request makes room again.
const BODY_TIME: Duration = Duration::from_secs(20);

/// Bytes of a body that is small.
const SMALL_BYTES: u64 = 64 * 1_024;

/// Bodies that are not small, or whose length is not said, that are read and answered at once.
const LARGE_MAX: usize = 16;

/// Takes requests before the server does.
#[derive(Clone)]
pub(crate) struct FrontLayer {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    request_bytes_max: u32,
}

impl FrontLayer {
    pub(crate) fn new(limits: &Limits) -> Self {
        let small = usize::try_from(limits.connections_max).unwrap_or(Semaphore::MAX_PERMITS);
        let small = Arc::new(Semaphore::new(small.min(Semaphore::MAX_PERMITS)));
        Self { small, large: Arc::new(Semaphore::new(LARGE_MAX)), request_bytes_max: limits.request_bytes_max }
    }

    /// Where the body of `request` has to find room until it is answered for. Nothing of it is read before.
    fn room<B>(&self, request: &HttpRequest<B>) -> Arc<Semaphore> {
        let length =
            request.headers().get("content-length").and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let is_small = length.is_some_and(|length| length <= SMALL_BYTES);
        Arc::clone(if is_small { &self.small } else { &self.large })
    }
}

impl<S> Layer<S> for FrontLayer {
    type Service = Front<S>;

    fn layer(&self, inner: S) -> Front<S> {
        Front { inner, layer: self.clone() }
    }
}

/// The server behind a [`FrontLayer`].
#[derive(Clone)]
pub(crate) struct Front<S> {
    inner: S,
    layer: FrontLayer,
}

impl<S, B> Service<HttpRequest<B>> for Front<S>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    S: Service<HttpRequest, Response = HttpResponse, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = HttpResponse;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: HttpRequest<B>) -> Self::Future {
        let request = request.map(HttpBody::new);
        if is_upgrade_request(&request) || (request.method() == "POST" && !content_type_is_json(&request)) {
            return Box::pin(self.inner.call(request));
        }
        match request.method().as_str() {
            "GET" | "HEAD" => {
                let answer = pages::answer(&request);
                Box::pin(async move { Ok(answer) })
            }
            "POST" => {
                let (mut inner, bytes_max) = (self.inner.clone(), self.layer.request_bytes_max);
                let room = self.layer.room(&request);
                Box::pin(async move {
                    let _room = room.acquire_owned().await?;
                    let (parts, body) = request.into_parts();
                    match tokio::time::timeout(BODY_TIME, read_body(&parts.headers, body, bytes_max)).await {
                        Ok(Ok((bytes, _))) => inner.call(HttpRequest::from_parts(parts, HttpBody::from(bytes))).await,
                        Ok(Err(HttpError::TooLarge)) => Ok(response::too_large(bytes_max)),
                        Ok(Err(HttpError::Malformed)) => Ok(response::malformed()),
                        Ok(Err(HttpError::Stream(error))) => Err(error),
                        Err(_) => {
                            let late = "the body of the request did not come in time\n";
                            Ok(pages::plain(408, "text/plain; charset=utf-8", late))
                        }
                    }
                })
            }
            _ => Box::pin(self.inner.call(request)),
        }
    }
}
