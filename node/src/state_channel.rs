//! The channel on which validators ask each other for a state: what can be asked for, and who answers.
//!
//! A question has a few dozen bytes, and an answer at most those of a chunk. Nothing here judges an answer: whoever asks
//! holds it against a certificate, and the resolver cuts off a peer whose answer is refused.

use crate::{automaton::Marshal, finality::Certificate, validator::Validator};
use bytes::{BufMut, Bytes};
use commonware_codec::{Buf, EncodeSize, Error, FixedSize as _, MaxEncodeSize, Read, ReadExt as _, Write};
use commonware_consensus::types::Height;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_resolver::{
    Consumer, Delivery, Outcome,
    p2p::{self, Producer},
};
use commonware_runtime::{Clock, Metrics, Spawner};
use commonware_utils::{NZDuration, NZUsize, Span, channel::oneshot};
use core::fmt;
use lockstep_proof::{CHUNK_BYTES_MAX, KeyRange};
use lockstep_rpc::DevNode;
use lockstep_store::{CHUNK_BYTES, ChunkOf};
use lockstep_vm::{Address, B256};
use rand_core::CryptoRng;
use std::{
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::{
    Semaphore,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// Questions that are answered at a time. Others are refused, and whoever asked asks another validator.
const ANSWERS_AT_A_TIME: usize = 2;

/// Questions of this node that wait for the resolver.
const MAILBOX: NonZeroUsize = NZUsize!(256);

/// How long one validator may take for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// How long it waits before it asks again for what was not answered.
const RETRY: Duration = Duration::from_millis(100);

/// Blocks below the last one among which one is looked for that has a certificate.
const UNCERTIFIED_MAX: u64 = 16;

/// What one validator asks another for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateRequest {
    /// The certificate of the last block that this validator has one of. Nothing, if it has none.
    Certificate(PublicKey),
    /// The block of a height, in borsh.
    Block(u64),
    /// A chunk of the state after the block of a height, in borsh.
    Chunk(u64, ChunkOf),
}

impl fmt::Display for StateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(validator) => write!(f, "the last certificate of {validator}"),
            Self::Block(height) => write!(f, "block {height}"),
            Self::Chunk(height, part) => {
                match part {
                    ChunkOf::Accounts(range) => write!(f, "accounts from key hash {} on", B256::new(range.first))?,
                    ChunkOf::Storage(address, range) => {
                        write!(f, "storage of {address} from key hash {} on", B256::new(range.first))?;
                    }
                    ChunkOf::Code(address) => write!(f, "the code of {address}")?,
                }
                write!(f, " after block {height}")
            }
        }
    }
}

/// What an encoding begins with.
mod tag {
    pub(super) const CERTIFICATE: u8 = 0;
    pub(super) const BLOCK: u8 = 1;
    pub(super) const ACCOUNTS: u8 = 2;
    pub(super) const STORAGE: u8 = 3;
    pub(super) const CODE: u8 = 4;
}

fn write_range(range: &KeyRange, writer: &mut impl BufMut) {
    range.first.write(writer);
    range.last.write(writer);
}

fn read_range(reader: &mut impl Buf) -> Result<KeyRange, Error> {
    Ok(KeyRange { first: <[u8; 32]>::read(reader)?, last: <[u8; 32]>::read(reader)? })
}

fn read_address(reader: &mut impl Buf) -> Result<Address, Error> {
    Ok(<[u8; 20]>::read(reader)?.into())
}

impl Write for StateRequest {
    fn write(&self, writer: &mut impl BufMut) {
        match self {
            Self::Certificate(validator) => {
                tag::CERTIFICATE.write(writer);
                validator.write(writer);
            }
            Self::Block(height) => {
                tag::BLOCK.write(writer);
                height.write(writer);
            }
            Self::Chunk(height, ChunkOf::Accounts(range)) => {
                tag::ACCOUNTS.write(writer);
                height.write(writer);
                write_range(range, writer);
            }
            Self::Chunk(height, ChunkOf::Storage(address, range)) => {
                tag::STORAGE.write(writer);
                height.write(writer);
                address.0.0.write(writer);
                write_range(range, writer);
            }
            Self::Chunk(height, ChunkOf::Code(address)) => {
                tag::CODE.write(writer);
                height.write(writer);
                address.0.0.write(writer);
            }
        }
    }
}

impl EncodeSize for StateRequest {
    fn encode_size(&self) -> usize {
        match self {
            Self::Certificate(_) => 1 + PublicKey::SIZE,
            Self::Block(_) => 1 + 8,
            Self::Chunk(_, ChunkOf::Accounts(_)) => 1 + 8 + 2 * 32,
            Self::Chunk(_, ChunkOf::Storage(..)) => Self::MAX_ENCODE_SIZE,
            Self::Chunk(_, ChunkOf::Code(_)) => 1 + 8 + 20,
        }
    }
}

impl MaxEncodeSize for StateRequest {
    const MAX_ENCODE_SIZE: usize = 1 + 8 + 20 + 2 * 32;
}

impl Read for StateRequest {
    type Cfg = ();

    fn read_cfg(reader: &mut impl Buf, (): &()) -> Result<Self, Error> {
        Ok(match u8::read(reader)? {
            tag::CERTIFICATE => Self::Certificate(PublicKey::read(reader)?),
            tag::BLOCK => Self::Block(u64::read(reader)?),
            tag::ACCOUNTS => Self::Chunk(u64::read(reader)?, ChunkOf::Accounts(read_range(reader)?)),
            tag::STORAGE => {
                let (height, address) = (u64::read(reader)?, read_address(reader)?);
                Self::Chunk(height, ChunkOf::Storage(address, read_range(reader)?))
            }
            tag::CODE => Self::Chunk(u64::read(reader)?, ChunkOf::Code(read_address(reader)?)),
            other => return Err(Error::InvalidEnum(other)),
        })
    }
}

impl Span for StateRequest {}

/// Bytes of the largest message on the channel.
pub(crate) fn message_bytes_max() -> usize {
    p2p::max_message_size::<StateRequest>(CHUNK_BYTES_MAX)
}

/// What a validator answers from.
struct Served {
    node: Arc<DevNode>,
    marshal: Marshal,
}

impl Served {
    /// The certificate of one of the last blocks; nothing if there is none yet.
    async fn certificate(&self) -> Option<Vec<u8>> {
        let last = self.node.chain().head().ok()?.number;
        for height in (last.saturating_sub(UNCERTIFIED_MAX).max(1)..=last).rev().map(Height::new) {
            if let Some(finalization) = self.marshal.get_finalization(height).await {
                let block = self.marshal.get_block(height).await?;
                return Some(Certificate::new(block.inner(), finalization).to_bytes());
            }
        }
        Some(Vec::new())
    }

    fn block(&self, height: u64) -> Option<Vec<u8>> {
        self.node.chain().archive().block(height).ok()??.to_bytes().ok()
    }

    fn chunk(&self, height: u64, part: &ChunkOf) -> Option<Vec<u8>> {
        let chunk = self.node.chain().view(height).ok()?.chunk(part, CHUNK_BYTES).ok()?;
        borsh::to_vec(&chunk).ok()
    }
}

/// Answers other validators. One without a chain has no certificate, and nothing else to say.
pub struct StateServer<E> {
    context: Arc<E>,
    me: PublicKey,
    turns: Arc<Semaphore>,
    served: Arc<OnceLock<Served>>,
}

impl<E> Clone for StateServer<E> {
    fn clone(&self) -> Self {
        let Self { context, me, turns, served } = self;
        Self { context: Arc::clone(context), me: me.clone(), turns: Arc::clone(turns), served: Arc::clone(served) }
    }
}

impl<E: Spawner> StateServer<E> {
    /// The server of the validator `me`.
    pub fn new(context: E, me: PublicKey) -> Self {
        let turns = Arc::new(Semaphore::new(ANSWERS_AT_A_TIME));
        Self { context: Arc::new(context), me, turns, served: Arc::default() }
    }

    /// Answers from the chain of `node` from now on, and from what `validator` has of consensus.
    pub fn answer_from(&self, node: &Arc<DevNode>, validator: &Validator) {
        // It is called once.
        let _ = self.served.set(Served { node: Arc::clone(node), marshal: validator.marshal.clone() });
    }
}

impl<E: Spawner> Producer for StateServer<E> {
    type Key = StateRequest;

    fn produce(&mut self, request: StateRequest) -> oneshot::Receiver<Bytes> {
        let (sender, receiver) = oneshot::channel();
        // Without an answer the sender is dropped, and the peer hears that there is none.
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else { return receiver };
        let (me, served) = (self.me.clone(), Arc::clone(&self.served));
        self.context.child("answer").shared(true).spawn(move |_| async move {
            let answer = match (request, served.get()) {
                (StateRequest::Certificate(of), _) if of != me => None,
                (StateRequest::Certificate(_), Some(served)) => served.certificate().await,
                (StateRequest::Certificate(_), None) => Some(Vec::new()),
                (StateRequest::Block(height), Some(served)) => served.block(height),
                (StateRequest::Chunk(height, part), Some(served)) => served.chunk(height, &part),
                (_, None) => None,
            };
            if let Some(bytes) = answer.filter(|bytes| bytes.len() <= CHUNK_BYTES_MAX) {
                // Whoever asked may be gone.
                let _ = sender.send(bytes.into());
            }
            drop(turn);
        });
        receiver
    }
}

/// An answer to a question of this node.
pub(crate) struct Answer {
    pub(crate) request: StateRequest,
    pub(crate) bytes: Bytes,
    /// Hears whether it is right. If it is not, the peer is cut off, and another one asked.
    pub(crate) verdict: oneshot::Sender<Outcome>,
}

/// Hands answers to whoever asked. They are as many as the questions.
#[derive(Clone)]
struct Answers(UnboundedSender<Answer>);

impl Consumer for Answers {
    type Key = StateRequest;
    type Value = Bytes;
    type Subscriber = ();
    type Outcome = Outcome;

    fn deliver(&mut self, delivery: Delivery<StateRequest, ()>, bytes: Bytes) -> oneshot::Receiver<Outcome> {
        let (verdict, receiver) = oneshot::channel();
        // If it has ended, the verdict is dropped: nothing is said of the peer.
        let _ = self.0.send(Answer { request: delivery.key, bytes, verdict });
        receiver
    }
}

/// This node's end of the channel.
pub struct StateChannel {
    pub(crate) mailbox: p2p::Mailbox<StateRequest, PublicKey, ()>,
    pub(crate) answers: UnboundedReceiver<Answer>,
}

/// Starts to answer on the channel by `producer`, and returns what this node asks by. `peers` says who they are, and
/// `blocker` cuts off one whose answer is false.
pub fn start<E, S, R, P, B, A>(
    context: E,
    me: PublicKey,
    channel: (S, R),
    (peers, blocker): (P, B),
    producer: A,
) -> StateChannel
where
    E: Clock + CryptoRng + Spawner + Metrics,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    P: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
    A: Producer<Key = StateRequest>,
{
    let (sender, answers) = unbounded_channel();
    let config = p2p::Config {
        peer_provider: peers,
        blocker,
        consumer: Answers(sender),
        producer,
        mailbox_size: MAILBOX,
        me: Some(me),
        fetch_timeout: NZDuration!(ANSWER_TIME),
        fetch_retry_delay: RETRY,
        priority_requests: false,
        priority_responses: false,
    };
    let (engine, mailbox) = p2p::Engine::new(context, config);
    engine.start(channel);
    StateChannel { mailbox, answers }
}
