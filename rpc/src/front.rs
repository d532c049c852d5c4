//! What comes by HTTP before it is JSON-RPC: who may not ask is refused, requests for the explorer are answered, bodies are read
//! within bounds, the rest goes on.

use crate::{
    access::{Access, Asker},
    answers::with_room,
    batch::BatchCounter,
    budget::Budget,
    connection::{Connection, FREE_BYTES},
    limits::Limits,
    pages,
};
use alloy_primitives::bytes::Bytes;
use jsonrpsee::{
    core::{
        BoxError,
        http_helpers::{HttpError, read_body},
        server::MethodResponse,
    },
    server::{
        HttpBody, HttpRequest, HttpResponse,
        http::{content_type_is_json, response},
        ws::is_upgrade_request,
    },
    types::{Id, error::reject_too_big_batch_request},
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

/// How long a browser may keep what it was told about a page, in seconds.
const PREFLIGHT_SECONDS: &str = "600";

type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, BoxError>> + Send>>;

/// Takes requests before the server does.
#[derive(Clone)]
pub(crate) struct FrontLayer {
    access: Arc<Access>,
    /// Bodies that need no room, at once.
    small: Arc<Semaphore>,
    requests: Budget,
    request_bytes_max: u32,
    batch_max: u32,
}

impl FrontLayer {
    pub(crate) fn new(limits: &Limits, access: Access, requests: Budget) -> Self {
        let small = usize::try_from(limits.connections_max).unwrap_or(Semaphore::MAX_PERMITS);
        let small = Arc::new(Semaphore::new(small.min(Semaphore::MAX_PERMITS)));
        let (request_bytes_max, batch_max) = (limits.request_bytes_max, limits.batch_max);
        Self { access: Arc::new(access), small, requests, request_bytes_max, batch_max }
    }

    /// Bytes that the body of `request` has to find room for until it is answered for; `None` if it is small. Nothing of it is
    /// read before.
    fn bytes_of<B>(&self, request: &HttpRequest<B>) -> Option<usize> {
        let max = usize::try_from(self.request_bytes_max).unwrap_or(usize::MAX);
        let length = request.headers().get("content-length");
        // A length that is not said can be any.
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok()).unwrap_or(max);
        (length > FREE_BYTES).then_some(length.min(max))
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
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: HttpRequest<B>) -> Answer {
        let request = request.map(HttpBody::new);
        let asker = match self.layer.access.check(&request) {
            Ok(asker) => asker,
            Err(refused) => {
                let answer = pages::plain(403, "text/plain; charset=utf-8", refused.to_string());
                return Box::pin(async move { Ok(answer) });
            }
        };
        let answer = self.answer(request);
        Box::pin(async move { Ok(for_page(&asker, answer.await?)) })
    }
}

impl<S> Front<S>
where
    S: Service<HttpRequest, Response = HttpResponse, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    fn answer(&mut self, request: HttpRequest) -> Answer {
        if is_upgrade_request(&request) {
            return self.web_socket(request);
        }
        match request.method().as_str() {
            "GET" | "HEAD" => {
                let answer = pages::answer(&request);
                Box::pin(async move { Ok(answer) })
            }
            "OPTIONS" if request.headers().contains_key("access-control-request-method") => {
                let answer = preflight(&request);
                Box::pin(async move { Ok(answer) })
            }
            "POST" if content_type_is_json(&request) => self.post(request),
            _ => Box::pin(self.inner.call(request)),
        }
    }

    fn web_socket(&mut self, request: HttpRequest) -> Answer {
        let connection = request.extensions().get::<Arc<Connection>>().cloned();
        if !connection.as_ref().is_some_and(|connection| connection.begin_web_socket()) {
            let why = "a WebSocket is the first request of its connection, and waits for the answer to it\n";
            return Box::pin(async move { Ok(pages::plain(400, "text/plain; charset=utf-8", why)) });
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            if let Some(connection) = connection
                && !answer.as_ref().is_ok_and(|answer| answer.status().as_u16() == 101)
            {
                connection.end_web_socket();
            }
            answer
        })
    }

    fn post(&mut self, request: HttpRequest) -> Answer {
        let (mut inner, bytes_max) = (self.inner.clone(), self.layer.request_bytes_max);
        let batch_max = self.layer.batch_max;
        let (small, large) = (Arc::clone(&self.layer.small), self.layer.requests.clone());
        let bytes = self.layer.bytes_of(&request);
        let connection = request.extensions().get::<Arc<Connection>>().cloned();
        Box::pin(async move {
            let _room = match bytes {
                None => (Some(small.acquire_owned().await?), None),
                Some(bytes) => (None, large.take(bytes).await),
            };
            let (parts, body) = request.into_parts();
            // What is read until it ends is a body, and no head that is too long.
            let reading = connection.map(Body::begin);
            let body = tokio::time::timeout(BODY_TIME, read_body(&parts.headers, body, bytes_max)).await;
            drop(reading);
            match body {
                Ok(Ok((bytes, _))) if BatchCounter::default().read(bytes.iter().copied()) > batch_max.into() => {
                    Ok(response::from_method_response(too_many(batch_max)))
                }
                Ok(Ok((bytes, _))) => {
                    let request = HttpRequest::from_parts(parts, HttpBody::from(bytes));
                    inner.call(request).await.map(with_room)
                }
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
}

/// The answer to a batch of more requests than `limit`.
fn too_many(limit: u32) -> MethodResponse {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    MethodResponse::error(Id::Null, reject_too_big_batch_request(limit))
}

/// A body that is being read from a connection, until this is dropped.
struct Body(Arc<Connection>);

impl Body {
    fn begin(connection: Arc<Connection>) -> Self {
        connection.begin_body();
        Self(connection)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.0.end_body();
    }
}

/// The answer to the question of a browser whether a page may ask, which may. Whether it may ask at all was looked at before.
fn preflight(request: &HttpRequest) -> HttpResponse {
    let mut answer = HttpResponse::<()>::builder()
        .status(204)
        .header("access-control-allow-methods", "POST")
        .header("access-control-allow-headers", "content-type, *")
        .header("access-control-max-age", PREFLIGHT_SECONDS);
    if request.headers().contains_key("access-control-request-private-network") {
        answer = answer.header("access-control-allow-private-network", "true");
    }
    let answer = answer.body(HttpBody::empty());
    // Each part is one of the constants above.
    answer.unwrap_or_else(|_| HttpResponse::new(HttpBody::empty()))
}

/// The answer as a page of another origin may read it.
fn for_page(asker: &Asker, mut answer: HttpResponse) -> HttpResponse {
    if let Asker::Page(origin) = asker
        && let Ok(origin) = origin.parse()
    {
        answer.headers_mut().insert("access-control-allow-origin", origin);
    }
    if let Ok(origin) = "origin".parse() {
        answer.headers_mut().insert("vary", origin);
    }
    answer
}
