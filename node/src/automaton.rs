//! An [`Application`] as commonware's marshal drives it: blocks are built and verified off its tasks, and what is final is
//! committed in order before it is acknowledged.

use crate::{
    application::{Application, NodeFault},
    block::{PlacedBlock, Placement, RawBlock},
};
use commonware_actor::Feedback;
use commonware_consensus::{
    Application as ConsensusApplication, Heightable as _, Reporter,
    marshal::{Update, ancestry::Ancestry, core::Mailbox, standard::Standard},
    simplex::scheme::ed25519::Scheme,
    types::Height,
};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_runtime::{
    Clock, Metrics, Spawner,
    telemetry::metrics::{GaugeExt as _, MetricsExt as _},
};
use commonware_utils::Acknowledgement as _;
use futures::{StreamExt as _, future::pending};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How far the timestamp of a block may be ahead of this node's clock. One that is further ahead is not yet valid.
const AHEAD_MAX: Duration = Duration::from_secs(2);

/// Final blocks that a node may have to commit yet when it looks at a later block. One that is further behind commits them first:
/// else it would execute them for every block that it is asked about, hold them all in memory, and not come to commit any.
const BEHIND_MAX: u64 = 16;

/// How often such a node looks how far it is.
const BEHIND_STEP: Duration = Duration::from_millis(50);

/// How often a leader without transactions looks for one.
const IDLE_STEP: Duration = Duration::from_millis(10);

/// Tells whoever runs a node that it must stop.
#[derive(Clone, Debug)]
pub struct Stopper {
    faults: UnboundedSender<NodeFault>,
    /// Whether the node has failed: until it has ended, it does nothing more.
    has_failed: Arc<AtomicBool>,
}

impl Stopper {
    /// A stopper, and what it is heard by.
    pub fn new() -> (Self, UnboundedReceiver<NodeFault>) {
        let (sender, receiver) = unbounded_channel();
        (Self { faults: sender, has_failed: Arc::default() }, receiver)
    }

    /// Says that the node must stop.
    pub(crate) fn stop(&self, fault: NodeFault) {
        self.has_failed.store(true, Ordering::SeqCst);
        tracing::error!(%fault, "the node stops");
        // The receiver is gone if the node is stopping already.
        let _ = self.faults.send(fault);
    }

    fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::SeqCst)
    }
}

/// The automaton of a validator.
#[derive(Clone)]
pub(crate) struct Automaton {
    application: Arc<dyn Application>,
    stopper: Stopper,
    /// How long a leader waits for a transaction before it proposes an empty block.
    idle: Duration,
    /// The height of the last block known to be final.
    finalised: Arc<AtomicU64>,
}

impl Automaton {
    pub(crate) fn new(application: Arc<dyn Application>, stopper: Stopper, idle: Duration) -> Self {
        Self { application, stopper, idle, finalised: Arc::default() }
    }

    /// The result; without one the node stops, and this never returns: a node that failed does not vote. Nor does it if it
    /// failed elsewhere: what is right about one block does not help a disk that lost another.
    async fn or_stop<T>(&self, result: Result<T, NodeFault>) -> T {
        match result {
            Ok(_) if self.stopper.has_failed() => pending().await,
            Ok(value) => value,
            Err(fault) => {
                self.stopper.stop(fault);
                pending().await
            }
        }
    }

    /// Runs `work` where it may block.
    async fn run<E: Spawner, T: Send + 'static>(
        &self,
        context: &E,
        work: impl FnOnce(&dyn Application) -> Result<T, NodeFault> + Send + 'static,
    ) -> T {
        let application = Arc::clone(&self.application);
        let task = context.child("work").shared(true).spawn(move |_| async move { work(&*application) });
        match task.await {
            Ok(result) => self.or_stop(result).await,
            // The runtime is being stopped.
            Err(_) => pending().await,
        }
    }

    /// The blocks of `ancestry` down to one that was committed, oldest first.
    async fn ancestors<E: Clock>(&self, context: &E, mut ancestry: impl Ancestry<PlacedBlock>) -> Vec<Arc<RawBlock>> {
        let mut blocks = Vec::new();
        let mut height = None;
        loop {
            // It ends early when the marshal is being stopped.
            let Some(block) = ancestry.next().await else { pending().await };
            blocks.push(Arc::clone(block.inner().raw()));
            let committed = match height {
                Some(height) => height,
                None => *height.insert(self.catch_up_with(context, block.height().get()).await),
            };
            if block.height().get() <= committed {
                blocks.reverse();
                return blocks;
            }
        }
    }

    /// Waits until few of the blocks up to `height` that are final have to be committed yet. Returns how far it is. Those that
    /// are not final are not waited for: they may become it by the vote of this node.
    async fn catch_up_with<E: Clock>(&self, context: &E, height: u64) -> u64 {
        loop {
            let committed = self.or_stop(self.application.height()).await;
            let last = self.finalised.load(Ordering::SeqCst).min(height);
            if last.saturating_sub(committed) <= BEHIND_MAX {
                return committed;
            }
            context.sleep(BEHIND_STEP).await;
        }
    }
}

/// Seconds since 1970.
fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl<E: Spawner + Metrics + Clock> ConsensusApplication<E> for Automaton {
    type SigningScheme = Scheme;
    type Context = Placement;
    type Block = PlacedBlock;
    type Input = ();

    async fn propose(
        &mut self,
        (context, placement): (E, Placement),
        ancestry: impl Ancestry<PlacedBlock>,
        (): (),
    ) -> Option<Digested<PlacedBlock>> {
        let ancestors = self.ancestors(&context, ancestry).await;
        let mut waited = Duration::ZERO;
        while self.application.is_idle() && waited < self.idle {
            context.sleep(IDLE_STEP).await;
            waited = waited.saturating_add(IDLE_STEP);
        }
        let timestamp = seconds(context.current());
        let block = self.run(&context, move |application| application.propose(&ancestors, timestamp)).await?;
        let block = PlacedBlock::new(placement, block);
        let digest = block.digest();
        Some(Digested::precomputed(block, digest))
    }

    async fn verify(&mut self, (context, _): (E, Placement), mut ancestry: impl Ancestry<PlacedBlock>) -> bool {
        let Some(block) = ancestry.next().await else { return pending().await };
        let block = Arc::clone(block.inner().raw());
        let latest = UNIX_EPOCH.checked_add(Duration::from_secs(block.header().timestamp));
        match latest.and_then(|timestamp| timestamp.checked_sub(AHEAD_MAX)) {
            Some(earliest) if context.current() < earliest => context.sleep_until(earliest).await,
            Some(_) => {}
            // No clock will ever show it.
            None => return pending().await,
        }
        let ancestors = self.ancestors(&context, ancestry).await;
        self.run(&context, move |application| application.validate(&ancestors, &block)).await
    }
}

/// What knows the blocks and certificates of a validator.
pub(crate) type Marshal = Mailbox<Scheme, Standard<PlacedBlock>>;

/// Where the marshal reports what is final. The marshal bounds how many wait, by what is acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Finals(UnboundedSender<Update<PlacedBlock>>);

impl Reporter for Finals {
    type Activity = Update<PlacedBlock>;

    fn report(&mut self, update: Self::Activity) -> Feedback {
        match self.0.send(update) {
            Ok(()) => Feedback::Ok,
            Err(_) => Feedback::Closed,
        }
    }
}

/// Commits what is final, in order.
pub(crate) struct Finaliser {
    automaton: Automaton,
    updates: UnboundedReceiver<Update<PlacedBlock>>,
}

impl Finaliser {
    pub(crate) fn new(automaton: Automaton) -> (Self, Finals) {
        let (sender, updates) = unbounded_channel();
        (Self { automaton, updates }, Finals(sender))
    }

    /// Commits until the node stops. A block is acknowledged once it is on disk. Blocks that were acknowledged, and that the
    /// chain does not have because it was removed, are taken from `marshal` first: up to `acknowledged`.
    pub(crate) async fn run<E: Spawner + Metrics>(mut self, context: E, marshal: Marshal, acknowledged: u64) {
        let height = self.automaton.or_stop(self.automaton.application.height()).await;
        for height in height.saturating_add(1)..=acknowledged {
            let block = marshal.get_block(Height::new(height)).await;
            let block =
                block.ok_or_else(|| NodeFault::new(format!("block {height} is neither in chain nor consensus")));
            let raw = Arc::clone(self.automaton.or_stop(block).await.inner().raw());
            self.automaton.run(&context, move |application| application.finalise(&raw)).await;
        }
        let committed = context.gauge("committed_height", "Height of the last block on disk");
        let known = context.gauge("finalised_height", "Height of the last block known to be final");
        let transactions = context.counter("transactions", "Transactions of committed blocks");
        while let Some(update) = self.updates.recv().await {
            match update {
                Update::Tip(_, height, _) => {
                    self.automaton.finalised.fetch_max(height.get(), Ordering::SeqCst);
                    let _ = known.try_set(height.get());
                }
                Update::Block(block, acknowledgement) => {
                    let raw = Arc::clone(block.inner().raw());
                    // A fault ends this future with the acknowledgement in it: it is dropped with the runtime.
                    let work = move |application: &dyn Application| application.finalise(&raw);
                    self.automaton.run(&context, work).await;
                    let raw = block.inner().raw();
                    tracing::debug!(height = raw.header().number, hash = %raw.hash(), "committed");
                    let _ = committed.try_set(raw.header().number);
                    transactions.inc_by(raw.transaction_count());
                    acknowledgement.acknowledge();
                }
            }
        }
    }
}
