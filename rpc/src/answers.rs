//! Answers find room before they wait to be read: what all of them have together is bounded. It is between the transport and the
//! methods.

use crate::{
    budget::{Budget, Room},
    connection::{Connection, FREE_BYTES},
    error::RpcError,
};
use alloy_primitives::bytes::Bytes;
use jsonrpsee::{
    core::{
        BoxError,
        middleware::{Batch, BatchEntry, Notification, Request, RpcServiceT},
    },
    server::{HttpBody, HttpResponse, MethodResponse},
    types::{ErrorObjectOwned, Id},
};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tower::Layer;

/// A request that came in a batch: what it sends by itself answers no message.
#[derive(Clone, Copy)]
pub(crate) struct InBatch;

/// Puts [`Answers`] around the methods.
#[derive(Clone)]
pub(crate) struct AnswersLayer(pub(crate) Budget);

impl<S> Layer<S> for AnswersLayer {
    type Service = Answers<S>;

    fn layer(&self, methods: S) -> Answers<S> {
        Answers { methods, budget: self.0.clone() }
    }
}

/// The methods, with answers that have room.
#[derive(Clone)]
pub(crate) struct Answers<S> {
    methods: S,
    budget: Budget,
}

/// The room of an answer that goes by HTTP, from here to its body.
#[derive(Clone)]
struct Kept(Arc<Mutex<Option<Room>>>);

fn connection_of(extensions: &jsonrpsee::core::middleware::Extensions) -> Option<Arc<Connection>> {
    let connection = extensions.get::<Arc<Connection>>()?;
    connection.is_web_socket().then(|| Arc::clone(connection))
}

fn no_room(id: Id<'_>, bytes: usize) -> MethodResponse {
    let error = RpcError::limit(format!(
        "there is no room for an answer of {bytes} bytes beside those that wait to be read: ask again later, or for less"
    ));
    MethodResponse::error(id, ErrorObjectOwned::from(error))
}

impl Budget {
    /// The answer with its room, or that there is none.
    fn keep(&self, connection: Option<&Connection>, id: Id<'_>, mut answer: MethodResponse) -> MethodResponse {
        let bytes = answer.as_json().get().len();
        match connection {
            Some(connection) => {
                if connection.put_answer(bytes) {
                    return answer;
                }
                no_room(id, bytes)
            }
            None if bytes <= FREE_BYTES => answer,
            None => match self.try_take(bytes) {
                Some(room) => {
                    answer.extensions_mut().insert(Kept(Arc::new(Mutex::new(Some(room)))));
                    answer
                }
                None => no_room(id, bytes),
            },
        }
    }
}

impl<S> RpcServiceT for Answers<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type BatchResponse = MethodResponse;
    type NotificationResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let (budget, connection) = (self.budget.clone(), connection_of(&request.extensions));
        let id = request.id.clone().into_owned();
        let answer = self.methods.call(request);
        async move {
            let answer = answer.await;
            // A subscription has sent its answer itself.
            if answer.is_subscription() { answer } else { budget.keep(connection.as_deref(), id, answer) }
        }
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let (budget, mut connection) = (self.budget.clone(), None);
        for entry in batch.iter_mut() {
            if let Ok(BatchEntry::Call(request)) = entry {
                request.extensions.insert(InBatch);
            }
            if let Ok(entry) = entry {
                connection = connection.or_else(|| connection_of(entry.extensions()));
            }
        }
        let answer = self.methods.batch(batch);
        async move {
            let answer = answer.await;
            if !answer.is_notification() {
                return budget.keep(connection.as_deref(), Id::Null, answer);
            }
            if let Some(connection) = connection {
                connection.no_answer();
            }
            answer
        }
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        if let Some(connection) = connection_of(&notification.extensions) {
            connection.no_answer();
        }
        self.methods.notification(notification)
    }
}

/// A response whose body keeps its room until the last of its bytes is gone.
pub(crate) fn with_room(response: HttpResponse) -> HttpResponse {
    let (mut parts, body) = response.into_parts();
    let room = parts.extensions.remove::<Kept>();
    let room = room.and_then(|Kept(room)| room.lock().unwrap_or_else(PoisonError::into_inner).take());
    let body = match room {
        Some(room) => HttpBody::new(BodyWithRoom { body, room: Some(room) }),
        None => body,
    };
    HttpResponse::from_parts(parts, body)
}

/// A body of one frame, with the room that it has.
struct BodyWithRoom {
    body: HttpBody,
    room: Option<Room>,
}

/// Bytes with their room.
struct BytesWithRoom {
    bytes: Bytes,
    _room: Option<Room>,
}

impl AsRef<[u8]> for BytesWithRoom {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl http_body::Body for BodyWithRoom {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            let room = self.room.take();
            frame.map(|frame| frame.map_data(|bytes| Bytes::from_owner(BytesWithRoom { bytes, _room: room })))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
