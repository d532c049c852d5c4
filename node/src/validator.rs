//! A validator: simplex and marshal over the channels of a network, whichever it is.

use crate::{
    application::{Application, NodeFault},
    automaton::{Automaton, Finaliser, Marshal, Stopper},
    block::{BlockDigest, PlacedBlock},
};
use commonware_broadcast::buffered;
use commonware_consensus::{
    marshal::{self, Start, core::Actor, resolver::p2p as backfill, standard::Standard},
    marshal::standard::Deferred,
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
    Digestible as _, Sha256, Signer as _, certificate::ConstantProvider, certificate::Verifier as _, ed25519,
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage, buffer::paged::CacheRef};
use commonware_storage::archive::immutable;
use commonware_utils::{NZDuration, NZU16, NZU64, NZUsize, ordered::Set};
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

/// Bytes of the largest message of a committee of so many members.
pub fn message_bytes_max(members: u32) -> u32 {
    let simplex = simplex::max_payload_size::<Scheme, BlockDigest>(members);
    let marshal = marshal::max_payload_size::<Standard<PlacedBlock>, Scheme>(members, &());
    commonware_p2p::max_message_size(&[simplex, marshal])
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
        Self {
            leader: Duration::from_secs(1),
            certification: Duration::from_secs(2),
            idle: Duration::from_millis(500),
        }
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

/// Starts a validator with `key`. Faults of the application are said to `stopper`.
///
/// # Errors
///
/// [`NodeFault`] if its files cannot be read, or `key` is of no member of the committee.
pub async fn start<E, S, R, P, B>(
    context: E,
    key: ed25519::PrivateKey,
    committee: &Committee,
    timing: Timing,
    application: Arc<dyn Application>,
    stopper: Stopper,
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
    let me = key.public_key();
    let scheme = Scheme::signer(&committee.namespace, committee.members.clone(), key)
        .ok_or_else(|| NodeFault::new(format!("key {me} is of no validator of this chain")))?;
    let page_cache = CacheRef::new(NZU16!(4_096), NZUsize!(1_024));
    let epocher = FixedEpocher::new(EPOCH_BLOCKS);

    let resolver = backfill::init(
        context.child("backfill"),
        backfill::Config {
            public_key: me.clone(),
            peer_provider: peers.clone(),
            blocker: blocker.clone(),
            mailbox_size: MAILBOX,
            fetch_timeout: NZDuration!(Duration::from_secs(2)),
            fetch_retry_delay: Duration::from_millis(100),
            priority_requests: false,
            priority_responses: false,
        },
        channels.backfill,
    );
    let (broadcast, buffer) = buffered::Engine::new(
        context.child("broadcast"),
        buffered::Config {
            public_key: me.clone(),
            mailbox_size: MAILBOX,
            deque_size: 16,
            priority: true,
            codec_config: (),
            peer_provider: peers,
            strategy: Sequential,
        },
    );
    broadcast.start(channels.blocks);

    let archives = |name: &str| ArchiveFiles { name: format!("{me}-{name}"), page_cache: page_cache.clone() };
    let certificates = immutable::Archive::init(
        context.child("finalizations"),
        archives("finalizations").with(Scheme::certificate_codec_config_unbounded()),
    );
    let certificates: immutable::Archive<_, BlockDigest, Finalization<Scheme, BlockDigest>> =
        certificates.await.map_err(|error| NodeFault::new(format!("the certificates cannot be read: {error}")))?;
    let blocks = immutable::Archive::init(context.child("blocks"), archives("blocks").with(()));
    let blocks: immutable::Archive<_, BlockDigest, Arc<PlacedBlock>> =
        blocks.await.map_err(|error| NodeFault::new(format!("the blocks cannot be read: {error}")))?;
    let genesis = commonware_cryptography::Digested::precomputed(committee.genesis.clone(), committee.genesis.digest());
    let (actor, marshal, floor) = Actor::<_, Standard<PlacedBlock>, _, _, _, _, _>::init(
        context.child("marshal"),
        certificates,
        blocks,
        marshal::Config {
            provider: ConstantProvider::<_, Epoch>::new(scheme.clone()),
            epocher: epocher.clone(),
            start: Start::Genesis(genesis.clone()),
            partition_prefix: format!("{me}-marshal"),
            mailbox_size: MAILBOX,
            view_retention: VIEW_RETENTION,
            prunable_items_per_section: SECTION_ITEMS,
            page_cache: page_cache.clone(),
            replay_buffer: BUFFER,
            key_write_buffer: BUFFER,
            value_write_buffer: BUFFER,
            block_codec_config: (),
            max_repair: NZUsize!(32),
            max_pending_acks: PENDING_MAX,
            strategy: Sequential,
        },
    )
    .await;

    let automaton = Automaton::new(application, stopper, timing.idle);
    let (finaliser, finals) = Finaliser::new(automaton.clone());
    actor.start(finals, buffer, resolver);
    let (known, acknowledged) = (marshal.clone(), floor.processed().map_or(0, |processed| processed.height().get()));
    context.child("finaliser").spawn(move |context| finaliser.run(context, known, acknowledged));

    let deferred = Deferred::new(context.child("application"), automaton, marshal.clone(), epocher);
    let engine = Engine::new(
        context.child("simplex"),
        simplex::config::Config {
            scheme,
            elector: RoundRobin::<Sha256>::default(),
            blocker,
            automaton: deferred.clone(),
            relay: deferred.clone(),
            reporter: deferred,
            track_historical_votes: false,
            strategy: Sequential,
            partition: format!("{me}-simplex"),
            mailbox_size: MAILBOX,
            epoch: Epoch::zero(),
            floor: Floor::Genesis(genesis.digest()),
            replay_buffer: BUFFER,
            write_buffer: BUFFER,
            page_cache,
            leader_timeout: timing.leader,
            certification_timeout: timing.certification,
            timeout_retry: timing.certification.saturating_mul(2),
            view_retention: VIEW_RETENTION,
            skip: SkipPolicy::Enabled { timeout: timing.certification.saturating_mul(4), budget: SkipBudget::Participants },
            fetch_timeout: NZDuration!(Duration::from_secs(1)),
            fetch_retry_delay: Duration::from_millis(100),
            forward: ForwardPolicy::SilentVoters,
        },
    );
    let engine = engine.start(channels.votes, channels.certificates, channels.resolver);
    Ok(Validator { marshal, engine })
}

/// The files of an archive, but for what they hold.
struct ArchiveFiles {
    name: String,
    page_cache: CacheRef,
}

impl ArchiveFiles {
    fn with<C>(self, codec_config: C) -> immutable::Config<C> {
        let Self { name, page_cache } = self;
        immutable::Config {
            metadata_partition: format!("{name}-metadata"),
            freezer_table_partition: format!("{name}-table"),
            freezer_table_initial_size: 65_536,
            freezer_table_resize_frequency: 4,
            freezer_table_resize_chunk_size: 16_384,
            freezer_key_partition: format!("{name}-keys"),
            freezer_key_page_cache: page_cache,
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
