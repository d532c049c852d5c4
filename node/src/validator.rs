//! A validator: simplex and marshal over the channels of a network, whichever it is.

use crate::{
    application::{Application, NodeFault},
    automaton::{Automaton, Finaliser, Marshal, Stopper},
    block::{BlockDigest, PlacedBlock},
    bounded::{Bound, BoundedReceiver, BoundedSender, bound},
    finality::Certificate,
    gossip, state_channel,
};
use commonware_broadcast::buffered;
use commonware_consensus::{
    BoundedBlock as _,
    marshal::standard::Deferred,
    marshal::{self, Start, core::Actor, resolver::p2p as backfill, standard::Standard},
    simplex::{
        self, Engine, Floor,
        config::{ForwardPolicy, SkipBudget, SkipPolicy},
        elector::RoundRobin,
        scheme::ed25519::Scheme,
        types::Finalization,
    },
    types::{Epoch, FixedEpocher, ViewDelta},
};
use commonware_cryptography::{
    Digested, Digestible as _, Sha256, Signer as _, certificate::ConstantProvider, certificate::Verifier as _, ed25519,
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage, buffer::paged::CacheRef};
use commonware_storage::archive::immutable;
use commonware_utils::{NZDuration, NZU16, NZU64, NZUsize, ordered::Set};
use futures::future::join_all;
use rand_core::CryptoRng;
use std::{num::NonZeroU64, num::NonZeroUsize, sync::Arc, time::Duration};

/// The signing namespace begins with this; the digest of block 0 follows.
const NAMESPACE: &[u8] = b"LOCKSTEP_NODE";

/// Heights of the one epoch that there is: the set of validators does not change.
const EPOCH_BLOCKS: NonZeroU64 = NZU64!(u64::MAX);

/// Messages that wait for an actor.
const MAILBOX: NonZeroUsize = NZUsize!(1_024);

/// Views behind the last final one whose votes and blocks are kept.
const VIEW_RETENTION: ViewDelta = ViewDelta::new(64);

/// Final blocks that wait for their commit.
const PENDING_MAX: NonZeroUsize = NZUsize!(16);

/// Bytes of a read or write buffer of a file.
const BUFFER: NonZeroUsize = NZUsize!(64 * 1_024);

/// Blocks of one validator that are kept before they are final, whether they are valid or not. Leaders take turns, so with four
/// validators they are those of 16 views; an older one is asked for.
pub const BLOCKS_OF_PEER: usize = 4;

/// How long it waits before it asks again for what is missing.
const RETRY: Duration = Duration::from_millis(100);

/// Items of a section of an archive on disk.
const SECTION_ITEMS: NonZeroU64 = NZU64!(4_096);

/// The channel of each protocol on the network.
pub mod channel {
    /// Votes.
    pub const VOTES: u64 = 0;
    /// Certificates.
    pub const CERTIFICATES: u64 = 1;
    /// Certificates that are asked for.
    pub const RESOLVER: u64 = 2;
    /// Blocks that are proposed.
    pub const BLOCKS: u64 = 3;
    /// Blocks that are asked for.
    pub const BACKFILL: u64 = 4;
    /// Transactions.
    pub const TRANSACTIONS: u64 = 5;
    /// States that are asked for.
    pub const STATE: u64 = 6;
    /// All of them.
    pub const ALL: [u64; 7] = [VOTES, CERTIFICATES, RESOLVER, BLOCKS, BACKFILL, TRANSACTIONS, STATE];
}

/// Both ends of the channels of [`channel`].
pub struct Channels<S, R> {
    /// [`channel::VOTES`].
    pub votes: (S, R),
    /// [`channel::CERTIFICATES`].
    pub certificates: (S, R),
    /// [`channel::RESOLVER`].
    pub resolver: (S, R),
    /// [`channel::BLOCKS`].
    pub blocks: (S, R),
    /// [`channel::BACKFILL`].
    pub backfill: (S, R),
}

impl<S, R> Channels<S, R>
where
    S: Sender<PublicKey = ed25519::PublicKey>,
    R: Receiver<PublicKey = ed25519::PublicKey>,
{
    /// The same channels with each validator of `committee` bounded in bytes ([`bound_of`]).
    pub fn bounded<E: Spawner>(
        self,
        context: &E,
        committee: &Committee,
    ) -> Channels<BoundedSender<S>, BoundedReceiver<ed25519::PublicKey>> {
        let of = |channel, name, ends| committee.bound(context.child(name), channel, ends);
        Channels {
            votes: of(channel::VOTES, "votes", self.votes),
            certificates: of(channel::CERTIFICATES, "certificates", self.certificates),
            resolver: of(channel::RESOLVER, "resolver", self.resolver),
            blocks: of(channel::BLOCKS, "blocks", self.blocks),
            backfill: of(channel::BACKFILL, "backfill", self.backfill),
        }
    }
}

impl<S, R: Receiver> Channels<S, R> {
    /// Takes in messages and forgets them, for as long as it is polled: for a node that takes no part yet.
    pub(crate) async fn forget(&mut self) {
        let Self { votes, certificates, resolver, blocks, backfill } = self;
        let all = [&mut votes.1, &mut certificates.1, &mut resolver.1, &mut blocks.1, &mut backfill.1];
        join_all(all.map(forget)).await;
    }
}

/// Takes in messages and forgets them until the network stops.
pub(crate) async fn forget<R: Receiver>(receiver: &mut R) {
    while receiver.recv().await.is_ok() {}
}

/// What one peer may have on a channel of [`channel`], in a committee of so many members.
pub fn bound_of(channel: u64, members: u32) -> Bound {
    Bound::new(match channel {
        channel::BLOCKS => PlacedBlock::max_encode_size(&()),
        channel::BACKFILL => marshal::max_payload_size::<Standard<PlacedBlock>, Scheme>(members, &()),
        channel::TRANSACTIONS => gossip::MESSAGE_BYTES_MAX,
        channel::STATE => state_channel::message_bytes_max(),
        _ => simplex::max_payload_size::<Scheme, BlockDigest>(members),
    })
}

/// Bytes of the largest message of a committee of so many members.
pub fn message_bytes_max(members: u32) -> u32 {
    commonware_p2p::max_message_size(&channel::ALL.map(|channel| bound_of(channel, members).message_bytes_max()))
}

/// How long a validator waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// For the block of a leader.
    pub leader: Duration,
    /// For its certificate. Longer than `leader`.
    pub certification: Duration,
    /// As a leader, for a transaction, before it proposes an empty block. Shorter than `leader`.
    pub idle: Duration,
}

impl Default for Timing {
    /// 1 s, 2 s and 500 ms.
    fn default() -> Self {
        Self { leader: Duration::from_secs(1), certification: Duration::from_secs(2), idle: Duration::from_millis(500) }
    }
}

/// What all validators of a chain know.
#[derive(Debug, Clone)]
pub struct Committee {
    genesis: PlacedBlock,
    members: Set<ed25519::PublicKey>,
    namespace: Vec<u8>,
}

impl Committee {
    /// The committee of `members` that agrees on the blocks above `genesis`.
    ///
    /// # Errors
    ///
    /// [`NodeFault`] if there are none.
    pub fn new(genesis: crate::RawBlock, members: Set<ed25519::PublicKey>) -> Result<Self, NodeFault> {
        let first = members.iter().next().ok_or_else(|| NodeFault::new("a committee needs a validator"))?.clone();
        let genesis = PlacedBlock::genesis(genesis, first);
        let mut namespace = [NAMESPACE, genesis.digest().as_ref()].concat();
        // A certificate of another committee is none of this one.
        members.iter().for_each(|member| namespace.extend_from_slice(member.as_ref()));
        Ok(Self { genesis, members, namespace })
    }

    /// The validators.
    pub const fn members(&self) -> &Set<ed25519::PublicKey> {
        &self.members
    }

    /// What everything that is signed for this chain begins with.
    pub fn namespace(&self) -> &[u8] {
        &self.namespace
    }

    /// The ends of the channel of that number with each validator bounded in bytes ([`bound_of`]).
    pub fn bound<E, S, R>(
        &self,
        context: E,
        channel: u64,
        ends: (S, R),
    ) -> (BoundedSender<S>, BoundedReceiver<ed25519::PublicKey>)
    where
        E: Spawner,
        S: Sender<PublicKey = ed25519::PublicKey>,
        R: Receiver<PublicKey = ed25519::PublicKey>,
    {
        let members = u32::try_from(self.members.iter().count()).unwrap_or(u32::MAX);
        bound(context, ends, self.members.iter().cloned(), bound_of(channel, members))
    }

    /// What verifies the certificates of this committee.
    pub fn verifier(&self) -> Scheme {
        Scheme::verifier(&self.namespace, self.members.clone())
    }
}

/// A validator that runs.
pub struct Validator {
    /// What knows the blocks and certificates.
    pub(crate) marshal: Marshal,
    /// Ends when the validator does.
    pub engine: Handle<()>,
}

/// What a validator starts with.
pub struct Setup<'a> {
    /// Its private key.
    pub key: ed25519::PrivateKey,
    /// The committee that it is a member of.
    pub committee: &'a Committee,
    /// How long it waits.
    pub timing: Timing,
    /// Its chain.
    pub application: Arc<dyn Application>,
    /// Whom it tells that it failed.
    pub stopper: Stopper,
    /// The certificate of the block that the chain begins with, if that is not block 0.
    pub begins: Option<Certificate>,
}

/// Starts a validator. `peers` says who they are, and `blocker` cuts off one that broke the protocol.
///
/// # Errors
///
/// [`NodeFault`] if its files cannot be read, or its key is of no member of the committee.
pub async fn start<E, S, R, P, B>(
    context: E,
    setup: Setup<'_>,
    channels: Channels<S, R>,
    (peers, blocker): (P, B),
) -> Result<Validator, NodeFault>
where
    E: Clock + CryptoRng + Spawner + Storage + Metrics,
    S: Sender<PublicKey = ed25519::PublicKey>,
    R: Receiver<PublicKey = ed25519::PublicKey>,
    P: Provider<PublicKey = ed25519::PublicKey>,
    B: Blocker<PublicKey = ed25519::PublicKey>,
{
    let Setup { key, committee, timing, application, stopper, begins } = setup;
    let begins = begins.map(Certificate::into_finalization);
    let me = key.public_key();
    let scheme = Scheme::signer(&committee.namespace, committee.members.clone(), key)
        .ok_or_else(|| NodeFault::new(format!("key {me} is of no validator of this chain")))?;
    let files = Files { prefix: me.to_string(), page_cache: CacheRef::new(NZU16!(4_096), NZUsize!(1_024)) };

    let resolver = backfill_config(me.clone(), peers.clone(), blocker.clone());
    let resolver = backfill::init(context.child("backfill"), resolver, channels.backfill);
    let (broadcast, buffer) = buffered::Engine::new(context.child("broadcast"), broadcast_config(me, peers));
    broadcast.start(channels.blocks);

    let unreadable = |what, error| NodeFault::new(format!("the {what} cannot be read: {error}"));
    let config = files.archive("finalizations", Scheme::certificate_codec_config_unbounded());
    let certificates = immutable::Archive::init(context.child("finalizations"), config).await;
    let certificates: immutable::Archive<_, BlockDigest, Finalization<Scheme, BlockDigest>> =
        certificates.map_err(|error| unreadable("certificates", error))?;
    let blocks = immutable::Archive::init(context.child("blocks"), files.archive("blocks", ())).await;
    let blocks: immutable::Archive<_, BlockDigest, Arc<PlacedBlock>> =
        blocks.map_err(|error| unreadable("blocks", error))?;
    let config = files.marshal(&scheme, committee, begins.clone());
    let (actor, marshal, floor) =
        Actor::<_, Standard<PlacedBlock>, _, _, _, _, _>::init(context.child("marshal"), certificates, blocks, config)
            .await;

    let automaton = Automaton::new(application, stopper, timing.idle);
    let (finaliser, finals) = Finaliser::new(automaton.clone());
    actor.start(finals, buffer, resolver);
    let (known, acknowledged) = (marshal.clone(), floor.processed().map_or(0, |processed| processed.height().get()));
    context.child("finaliser").spawn(move |context| finaliser.run(context, known, acknowledged));

    let epocher = FixedEpocher::new(EPOCH_BLOCKS);
    let deferred = Deferred::new(context.child("application"), automaton, marshal.clone(), epocher);
    let config = simplex::config::Config {
        scheme,
        elector: RoundRobin::<Sha256>::default(),
        blocker,
        automaton: deferred.clone(),
        relay: deferred.clone(),
        reporter: deferred,
        track_historical_votes: false,
        strategy: Sequential,
        partition: format!("{}-simplex", files.prefix),
        mailbox_size: MAILBOX,
        epoch: Epoch::zero(),
        floor: begins.map_or_else(|| Floor::Genesis(committee.genesis.digest()), Floor::Finalized),
        replay_buffer: BUFFER,
        write_buffer: BUFFER,
        page_cache: files.page_cache,
        leader_timeout: timing.leader,
        certification_timeout: timing.certification,
        timeout_retry: timing.certification.saturating_mul(2),
        view_retention: VIEW_RETENTION,
        skip: SkipPolicy::Enabled { timeout: timing.certification.saturating_mul(4), budget: SkipBudget::Participants },
        fetch_timeout: NZDuration!(Duration::from_secs(1)),
        fetch_retry_delay: RETRY,
        forward: ForwardPolicy::SilentVoters,
    };
    let engine = Engine::new(context.child("simplex"), config);
    let engine = engine.start(channels.votes, channels.certificates, channels.resolver);
    Ok(Validator { marshal, engine })
}

fn backfill_config<P, B>(me: ed25519::PublicKey, peers: P, blocker: B) -> backfill::Config<ed25519::PublicKey, P, B>
where
    P: Provider<PublicKey = ed25519::PublicKey>,
    B: Blocker<PublicKey = ed25519::PublicKey>,
{
    backfill::Config {
        public_key: me,
        peer_provider: peers,
        blocker,
        mailbox_size: MAILBOX,
        fetch_timeout: NZDuration!(Duration::from_secs(2)),
        fetch_retry_delay: RETRY,
        priority_requests: false,
        priority_responses: false,
    }
}

fn broadcast_config<P>(me: ed25519::PublicKey, peers: P) -> buffered::Config<ed25519::PublicKey, (), P, Sequential>
where
    P: Provider<PublicKey = ed25519::PublicKey>,
{
    buffered::Config {
        public_key: me,
        mailbox_size: MAILBOX,
        deque_size: BLOCKS_OF_PEER,
        priority: true,
        codec_config: (),
        peer_provider: peers,
        strategy: Sequential,
    }
}

/// Where the files of consensus are.
struct Files {
    /// What the name of each begins with: the key, since no other validator may go on from them.
    prefix: String,
    page_cache: CacheRef,
}

impl Files {
    fn marshal(
        &self,
        scheme: &Scheme,
        committee: &Committee,
        begins: Option<Finalization<Scheme, BlockDigest>>,
    ) -> marshal::Config<
        ConstantProvider<Scheme, Epoch>,
        FixedEpocher,
        Sequential,
        PlacedBlock,
        Digested<PlacedBlock>,
        BlockDigest,
    > {
        let genesis = || Digested::precomputed(committee.genesis.clone(), committee.genesis.digest());
        marshal::Config {
            provider: ConstantProvider::new(scheme.clone()),
            epocher: FixedEpocher::new(EPOCH_BLOCKS),
            start: begins.map_or_else(|| Start::Genesis(genesis()), Start::Floor),
            partition_prefix: format!("{}-marshal", self.prefix),
            mailbox_size: MAILBOX,
            view_retention: VIEW_RETENTION,
            prunable_items_per_section: SECTION_ITEMS,
            page_cache: self.page_cache.clone(),
            replay_buffer: BUFFER,
            key_write_buffer: BUFFER,
            value_write_buffer: BUFFER,
            block_codec_config: (),
            max_repair: NZUsize!(32),
            max_pending_acks: PENDING_MAX,
            strategy: Sequential,
        }
    }

    fn archive<C>(&self, name: &str, codec_config: C) -> immutable::Config<C> {
        let name = format!("{}-{name}", self.prefix);
        immutable::Config {
            metadata_partition: format!("{name}-metadata"),
            freezer_table_partition: format!("{name}-table"),
            freezer_table_initial_size: 65_536,
            freezer_table_resize_frequency: 4,
            freezer_table_resize_chunk_size: 16_384,
            freezer_key_partition: format!("{name}-keys"),
            freezer_key_page_cache: self.page_cache.clone(),
            freezer_value_partition: format!("{name}-values"),
            freezer_value_target_size: 1 << 30,
            freezer_value_compression: None,
            ordinal_partition: format!("{name}-ordinal"),
            items_per_section: SECTION_ITEMS,
            freezer_key_write_buffer: BUFFER,
            freezer_value_write_buffer: BUFFER,
            ordinal_write_buffer: BUFFER,
            replay_buffer: BUFFER,
            codec_config,
        }
    }
}
