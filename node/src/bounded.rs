//! A channel of a network on which each peer is bounded in bytes.
//!
//! The queues of commonware are bounded in messages, and a message can have megabytes. Here a message takes room on an account of
//! its peer until the last of its bytes is dropped, in whichever queue it waits: of the network, of an actor of consensus, or of
//! this node. A peer without room loses messages, and no other one does.

use bytes::Bytes;
use commonware_actor::{Feedback, Unreliable};
use commonware_cryptography::PublicKey;
use commonware_p2p::{CheckedSender, LimitedSender, Message, Receiver, Recipients, Sender};
use commonware_runtime::{IoBuf, IoBufs, Spawner};
use core::fmt;
use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Bytes that a message takes beside its own: the places in queues, and what is left of its buffer.
const MESSAGE_OVERHEAD: usize = 1_024;

/// Bytes that a peer may have on a channel of small messages.
const SMALL_CHANNEL_BYTES: usize = 1_024 * 1_024;

/// What a peer may have on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    message_bytes_max: usize,
}

impl Bound {
    /// The bound of a channel whose largest message has so many bytes.
    pub const fn new(message_bytes_max: usize) -> Self {
        Self { message_bytes_max }
    }

    /// Bytes of the largest message. A larger one is lost.
    pub const fn message_bytes_max(self) -> usize {
        self.message_bytes_max
    }

    /// Bytes that one peer may have, in each direction: two of the largest messages, or 1 MiB if that is more.
    pub fn held_bytes_max(self) -> usize {
        self.message_bytes_max.saturating_add(MESSAGE_OVERHEAD).saturating_mul(2).max(SMALL_CHANNEL_BYTES)
    }
}

/// The accounts of all peers, for one direction.
#[derive(Debug)]
struct Accounts<P> {
    bound: Bound,
    held: Arc<Mutex<BTreeMap<P, Arc<AtomicUsize>>>>,
}

impl<P> Clone for Accounts<P> {
    fn clone(&self) -> Self {
        Self { bound: self.bound, held: Arc::clone(&self.held) }
    }
}

impl<P: Ord + Clone> Accounts<P> {
    fn new(bound: Bound) -> Self {
        Self { bound, held: Arc::default() }
    }

    /// The bytes with room on the account of `peer`, if there is. No protocol has an empty message.
    fn hold(&self, peer: &P, bytes: IoBuf) -> Option<IoBuf> {
        if bytes.is_empty() || bytes.len() > self.bound.message_bytes_max {
            return None;
        }
        let account = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(held.entry(peer.clone()).or_default())
        };
        let (more, max) = (bytes.len().saturating_add(MESSAGE_OVERHEAD), self.bound.held_bytes_max());
        let add = |held: usize| held.checked_add(more).filter(|held| *held <= max);
        account.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add).ok()?;
        Some(Bytes::from_owner(Held { bytes, room: more, account }).into())
    }
}

/// Bytes that have room on an account until this is dropped.
struct Held {
    bytes: IoBuf,
    room: usize,
    account: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.account.fetch_sub(self.room, Ordering::SeqCst);
    }
}

/// Bounds a channel on which `peers` send and receive. What comes is taken in at once, also if the channel is not read: a peer
/// that has no room then loses it.
pub fn bound<E, S, R>(
    context: E,
    (sender, mut receiver): (S, R),
    peers: impl IntoIterator<Item = S::PublicKey>,
    bound: Bound,
) -> (BoundedSender<S>, BoundedReceiver<R::PublicKey>)
where
    E: Spawner,
    S: Sender,
    R: Receiver,
{
    let sender = BoundedSender { sender, peers: peers.into_iter().collect(), accounts: Accounts::new(bound) };
    let (queue, messages) = unbounded_channel();
    let (capacity, accounts) = (receiver.capacity(), Accounts::new(bound));
    context.spawn(move |_| async move {
        while let Ok((peer, bytes)) = receiver.recv().await {
            let len = bytes.len();
            let Some(bytes) = accounts.hold(&peer, bytes) else {
                tracing::debug!(%peer, len, "a message of a peer that has no room is lost");
                continue;
            };
            if queue.send((peer, bytes)).is_err() {
                return;
            }
        }
    });
    (sender, BoundedReceiver { messages, capacity })
}

/// Sends on a bounded channel.
#[derive(Clone)]
pub struct BoundedSender<S: Sender> {
    sender: S,
    peers: Arc<[S::PublicKey]>,
    accounts: Accounts<S::PublicKey>,
}

impl<S: Sender> LimitedSender for BoundedSender<S> {
    type PublicKey = S::PublicKey;
    type Checked<'a> = Checked<'a, S>;

    fn check(&mut self, recipients: Recipients<S::PublicKey>) -> Result<Checked<'_, S>, SystemTime> {
        let many = match recipients {
            Recipients::One(peer) => {
                let checked = self.sender.check(Recipients::One(peer.clone()))?;
                return Ok(Checked(To::One(checked, peer, self.accounts.clone())));
            }
            Recipients::Some(peers) => peers,
            Recipients::All => self.peers.to_vec(),
        };
        Ok(Checked(To::Many(self, many)))
    }
}

/// Sends one message. Each recipient has a buffer of its own that leads to the same bytes: one that reads nothing takes no room of
/// others.
pub struct Checked<'a, S: Sender>(To<'a, S>);

enum To<'a, S: Sender> {
    /// One recipient, which may have it now.
    One(S::Checked<'a>, S::PublicKey, Accounts<S::PublicKey>),
    /// Those of several that may have it when it is sent.
    Many(&'a mut BoundedSender<S>, Vec<S::PublicKey>),
}

impl<S: Sender> CheckedSender for Checked<'_, S> {
    type PublicKey = S::PublicKey;

    fn recipients(&self) -> Vec<S::PublicKey> {
        match &self.0 {
            To::One(_, peer, _) => vec![peer.clone()],
            To::Many(_, peers) => peers.clone(),
        }
    }

    fn send(self, message: impl Into<IoBufs> + Send, priority: bool) -> Unreliable<Feedback> {
        let bytes = message.into().coalesce();
        match self.0 {
            To::One(checked, peer, accounts) => match accounts.hold(&peer, bytes) {
                Some(bytes) => checked.send(bytes, priority),
                None => Unreliable::Rejected,
            },
            To::Many(BoundedSender { sender, accounts, .. }, peers) => {
                let mut result = if peers.is_empty() { Unreliable::new(Feedback::Ok) } else { Unreliable::Rejected };
                for peer in peers {
                    let Some(bytes) = accounts.hold(&peer, bytes.clone()) else { continue };
                    let Ok(checked) = sender.check(Recipients::One(peer)) else { continue };
                    let feedback = checked.send(bytes, priority);
                    if feedback.accepted() {
                        result = feedback;
                    }
                }
                result
            }
        }
    }
}

/// The channel has no other end any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the network has stopped")
    }
}

impl core::error::Error for Closed {}

/// Receives on a bounded channel.
#[derive(Debug)]
pub struct BoundedReceiver<P> {
    /// Bounded by the accounts.
    messages: UnboundedReceiver<Message<P>>,
    capacity: NonZeroUsize,
}

impl<P: PublicKey> Receiver for BoundedReceiver<P> {
    type Error = Closed;
    type PublicKey = P;

    async fn recv(&mut self) -> Result<Message<P>, Closed> {
        self.messages.recv().await.ok_or(Closed)
    }

    fn capacity(&self) -> NonZeroUsize {
        self.capacity
    }
}
