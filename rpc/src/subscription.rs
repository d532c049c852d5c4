//! `eth_subscribe`: new blocks, logs, and transactions that wait.

use crate::{
    error::RpcError,
    filter::FilterRequest,
    forms,
    node::{DevNode, NewBlock},
    parameters::Positions,
};
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionMessage, SubscriptionSink,
    server::{IdProvider, RegisterMethodError},
    types::{ErrorObjectOwned, SubscriptionId},
};
use lockstep_chain::LogFilter;
use serde_json::{Value, json, value::to_raw_value};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

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

    /// What a new block is to the subscriber.
    fn of_block(&self, node: &DevNode, new: &NewBlock) -> Vec<Value> {
        let (block, receipts) = (&new.block, &new.receipts);
        match self {
            Self::Heads => {
                let bytes = block.to_bytes().map_or(0, |bytes| bytes.len());
                let bloom = forms::bloom(receipts.iter());
                vec![Value::Object(forms::header(&block.header, &bloom, &node.chain().spec().fees, bytes))]
            }
            Self::Logs(filter) => forms::logs(&block.header, &block.transactions, receipts, |log| filter.matches(log)),
            Self::Transactions => Vec::new(),
        }
    }
}

/// Adds `eth_subscribe` and `eth_unsubscribe`.
pub(crate) fn register(module: &mut RpcModule<DevNode>) -> Result<(), RegisterMethodError> {
    let subscribe =
        |params: jsonrpsee::types::Params<'static>, pending: PendingSubscriptionSink, node: Arc<DevNode>| {
            async move {
                let topic = match Positions::of(&params).and_then(|positions| Topic::of(&positions)) {
                    Ok(topic) => topic,
                    Err(error) => return pending.reject(ErrorObjectOwned::from(error)).await,
                };
                // Listening begins before the subscriber knows its id: nothing falls between.
                match topic {
                    Topic::Transactions => {
                        let hashes = node.listen_to_transactions();
                        drop(node);
                        let Ok(sink) = pending.accept().await else { return };
                        forward(sink, hashes, |hash| vec![json!(hash)]).await;
                    }
                    topic => {
                        let blocks = node.listen_to_blocks();
                        let Ok(sink) = pending.accept().await else { return };
                        forward(sink, blocks, |new| topic.of_block(&node, &new)).await;
                    }
                }
            }
        };
    module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        move |params, pending, node, _| subscribe(params, pending, node),
    )?;
    Ok(())
}

/// Sends what comes to a subscriber, until it goes, or is further behind than it may be.
async fn forward<T: Clone>(sink: SubscriptionSink, mut from: Receiver<T>, form: impl Fn(T) -> Vec<Value>) {
    loop {
        let new = tokio::select! {
            () = sink.closed() => return,
            new = from.recv() => match new {
                Ok(new) => new,
                Err(RecvError::Lagged(_) | RecvError::Closed) => return,
            },
        };
        for value in form(new) {
            let Ok(raw) = to_raw_value(&value) else { return };
            // A block may have more logs than may wait, so a full buffer alone is no sign of a slow reader.
            if sink.send_timeout(SubscriptionMessage::from(raw), SLOW_READER_TIME).await.is_err() {
                return;
            }
        }
    }
}
