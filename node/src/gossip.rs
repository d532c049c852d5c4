//! Transactions between validators: what a node admits it sends to all others, once and in batches.
//!
//! What comes from a peer is admitted as from a client, and not sent on: each validator is a peer of each other.

use commonware_cryptography::ed25519;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::{
    Clock, Metrics, Spawner,
    telemetry::metrics::{GaugeExt as _, MetricsExt as _},
};
use lockstep_chain::transaction::ENVELOPE_BYTES_MAX;
use lockstep_rpc::DevNode;
use lockstep_vm::{B256, Bytes};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::broadcast::error::RecvError;

/// How long transactions are gathered for one message.
const GATHER: Duration = Duration::from_millis(20);

/// Bytes of envelopes after which a message is sent. One envelope alone can be larger.
const BATCH_BYTES: usize = 64 * 1_024;

/// Bytes of the largest message.
pub(crate) const MESSAGE_BYTES_MAX: usize = BATCH_BYTES + ENVELOPE_BYTES_MAX + 1_024;

/// Envelopes of a message. More of the smallest do not fit into [`BATCH_BYTES`].
const ENVELOPES_MAX: usize = 1_024;

/// Bytes of the number of envelopes, or of the length of one.
const LENGTH_BYTES: usize = 4;

/// The envelopes of a message.
fn decode(message: &[u8]) -> Option<Vec<Vec<u8>>> {
    let count = u32::from_le_bytes(message.get(..LENGTH_BYTES)?.try_into().ok()?);
    if usize::try_from(count).ok()? > ENVELOPES_MAX {
        return None;
    }
    borsh::from_slice(message).ok()
}

/// Sends and takes in transactions until the node stops.
pub(crate) async fn run<E, S, R>(context: E, node: Arc<DevNode>, (mut sender, mut receiver): (S, R))
where
    E: Clock + Spawner + Metrics,
    S: Sender<PublicKey = ed25519::PublicKey>,
    R: Receiver<PublicKey = ed25519::PublicKey>,
{
    let waiting = context.gauge("waiting", "Transactions that wait for a block");
    let refused = context.counter("refused", "Transactions of peers that were refused");
    let mut admitted = node.listen_to_transactions();
    let mut of_peers: BTreeSet<B256> = BTreeSet::new();
    loop {
        tokio::select! {
            message = receiver.recv() => {
                let Ok((peer, message)) = message else { return };
                let Some(envelopes) = decode(message.as_ref()) else {
                    tracing::warn!(%peer, "a message that is no list of transactions");
                    continue;
                };
                let node = Arc::clone(&node);
                let task = context.child("admit").shared(true).spawn(move |_| async move {
                    let submit = |raw| node.submit(Bytes::from(raw));
                    envelopes.into_iter().map(submit).collect::<Vec<_>>()
                });
                for result in task.await.unwrap_or_default() {
                    match result {
                        Ok(hash) => drop(of_peers.insert(hash)),
                        Err(_) => drop(refused.inc()),
                    }
                }
            }
            hash = admitted.recv() => {
                let first = match hash {
                    Ok(hash) => hash,
                    Err(RecvError::Lagged(_)) => {
                        // Those that were missed are not heard of again.
                        of_peers.clear();
                        continue;
                    }
                    Err(RecvError::Closed) => return,
                };
                context.sleep(GATHER).await;
                let mut hashes = vec![first];
                while let Ok(hash) = admitted.try_recv() {
                    hashes.push(hash);
                }
                hashes.retain(|hash| !of_peers.remove(hash));
                send(&node, &mut sender, hashes);
            }
        }
        let _ = waiting.try_set(node.waiting());
    }
}

/// Sends those of `hashes` that still wait.
fn send(node: &DevNode, sender: &mut impl Sender<PublicKey = ed25519::PublicKey>, hashes: Vec<B256>) {
    let mut batch: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0_usize;
    for signed in hashes.iter().filter_map(|hash| node.waiting_transaction(hash)) {
        bytes = bytes.saturating_add(signed.raw().len()).saturating_add(LENGTH_BYTES);
        batch.push(signed.raw().to_vec());
        if bytes >= BATCH_BYTES || batch.len() >= ENVELOPES_MAX {
            send_batch(sender, core::mem::take(&mut batch));
            bytes = 0;
        }
    }
    if !batch.is_empty() {
        send_batch(sender, batch);
    }
}

fn send_batch(sender: &mut impl Sender<PublicKey = ed25519::PublicKey>, batch: Vec<Vec<u8>>) {
    // Lists of this length can always be encoded. A peer that is not there gets them from a block.
    let message = borsh::to_vec(&batch).unwrap_or_default();
    let _ = sender.send(Recipients::All, message, false);
}
