//! `eth_subscribe`: new blocks, logs, and transactions that wait.

use crate::{
    answers::InBatch,
    connection::Connection,
    error::RpcError,
    filter::FilterRequest,
    forms,
    node::{BLOCKS_BEHIND_MAX, DevNode, NewBlock},
    parameters::{Positions, Size},
};
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionMessage, SubscriptionSink,
    server::{IdProvider, RegisterMethodError},
    types::{ErrorObjectOwned, SubscriptionId},
};
use lockstep_chain::LogFilter;
use serde_json::{Value, json, value::to_raw_value};
use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    broadcast::{Receiver, error::RecvError},
};

/// Bytes of an event around its content, at most.
const EVENT_BYTES: usize = 160;

/// How long a reader may take for a message before its subscription ends.
const SLOW_READER_TIME: Duration = Duration::from_secs(10);

/// Ids of subscriptions are hex strings: viem drops the events of others without a word.
#[derive(Debug, Default)]
pub(crate) struct HexIds(AtomicU64);

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        let number = self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        SubscriptionId::Str(format!("0x{number:x}").into())
    }
}

/// What is subscribed to.
enum Topic {
    Heads,
    Logs(LogFilter),
    Transactions,
}

impl Topic {
    fn of(positions: &Positions) -> Result<Self, RpcError> {
        match positions.required::<String>(0, "name of a subscription")?.as_str() {
            "newHeads" => Ok(Self::Heads),
            "logs" => {
                let request = positions.optional::<FilterRequest>(1, "filter")?.unwrap_or_default();
                request.filter().map(Self::Logs)
            }
            "newPendingTransactions" => Ok(Self::Transactions),
            other => Err(RpcError::parameters(format!(
                "there is no subscription `{}`; there are newHeads, logs and newPendingTransactions",
                other.chars().take(40).collect::<String>()
            ))),
        }
    }

    /// What a new block is to the subscriber, one event after the other.
    fn of_block<'a>(&'a self, node: &DevNode, new: &'a NewBlock) -> Events<'a> {
        let (block, receipts) = (&new.block, &new.receipts);
        match self {
            Self::Heads => {
                let bytes = block.to_bytes().map_or(0, |bytes| bytes.len());
                let bloom = forms::bloom(receipts.iter());
                let header = forms::header(&block.header, &bloom, &node.chain().spec().fees, bytes);
                Box::new(iter::once(Value::Object(header)))
            }
            Self::Logs(filter) => {
                Box::new(forms::logs(&block.header, &block.transactions, receipts, |log| filter.matches(log)))
            }
            Self::Transactions => Box::new(iter::empty()),
        }
    }
}

/// Events that are made as they are sent.
type Events<'a> = Box<dyn Iterator<Item = Value> + Send + 'a>;

/// Adds `eth_subscribe` and `eth_unsubscribe`. There are at most `total_max` subscriptions.
pub(crate) fn register(module: &mut RpcModule<DevNode>, total_max: u32) -> Result<(), RegisterMethodError> {
    let places = usize::try_from(total_max).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(places));
    module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        move |params, pending, node, extensions| {
            let (place, connection) =
                (Arc::clone(&places).try_acquire_owned().ok(), extensions.get::<Arc<Connection>>().cloned());
            if let (Some(_), Some(connection)) = (extensions.get::<InBatch>(), &connection) {
                // It answers for itself, and the batch does once more.
                connection.put_unasked();
            }
            async move {
                let topic = Positions::of(&params, Size::Little).and_then(|positions| Topic::of(&positions));
                let place = place.ok_or_else(|| {
                    RpcError::limit(format!("there are {total_max} subscriptions, the most there can be"))
                });
                match (topic, place, connection) {
                    (Ok(topic), Ok(place), Some(connection)) => {
                        Subscriber { topic, connection, _place: place }.serve(pending, node).await;
                    }
                    (Err(error), ..) | (_, Err(error), _) => pending.reject(ErrorObjectOwned::from(error)).await,
                    (.., None) => {
                        let error = RpcError::internal("the connection of a subscription is not known");
                        pending.reject(ErrorObjectOwned::from(error)).await;
                    }
                }
            }
        },
    )?;
    Ok(())
}

/// Who has subscribed.
struct Subscriber {
    topic: Topic,
    connection: Arc<Connection>,
    _place: OwnedSemaphorePermit,
}

impl Subscriber {
    async fn serve(self, pending: PendingSubscriptionSink, node: Arc<DevNode>) {
        // Listening begins before the subscriber knows its id: nothing falls between.
        match self.topic {
            Topic::Transactions => {
                let hashes = node.listen_to_transactions();
                drop(node);
                let Ok(sink) = pending.accept().await else { return };
                self.forward(sink, hashes, |_, hash| Box::new(iter::once(json!(hash)))).await;
            }
            Topic::Heads | Topic::Logs(_) => {
                let blocks = node.listen_to_blocks();
                let Ok(sink) = pending.accept().await else { return };
                self.forward(sink, blocks, |topic, new| topic.of_block(&node, new)).await;
            }
        }
    }

    /// Sends what comes, until the subscriber goes, or is further behind than it may be.
    async fn forward<T, F>(&self, sink: SubscriptionSink, mut from: Receiver<T>, events: F)
    where
        T: Clone,
        F: for<'a> Fn(&'a Topic, &'a T) -> Events<'a>,
    {
        loop {
            let new = tokio::select! {
                () = sink.closed() => return,
                new = from.recv() => match new {
                    Ok(new) => new,
                    Err(RecvError::Lagged(_) | RecvError::Closed) => return,
                },
            };
            for event in events(&self.topic, &new) {
                // Who is far behind in the middle of a block would keep it.
                if from.len() >= BLOCKS_BEHIND_MAX || !self.send(&sink, &event).await {
                    return;
                }
            }
        }
    }

    /// Sends an event. `false` if the subscription ends.
    async fn send(&self, sink: &SubscriptionSink, event: &Value) -> bool {
        let Ok(raw) = to_raw_value(event) else { return false };
        if !self.connection.put_event(raw.get().len().saturating_add(EVENT_BYTES)).await {
            return false;
        }
        // A block may have more logs than may wait, so a full buffer alone is no sign of a slow reader.
        let sent = sink.send_timeout(SubscriptionMessage::from(raw), SLOW_READER_TIME).await.is_ok();
        if !sent {
            self.connection.no_answer();
        }
        sent
    }
}
