//! Four validators on a deterministic runtime, over links that lose messages.

use super::transactions::transaction;
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::simulated::{self, Config, Link, Network, Oracle};
use commonware_resolver::p2p::Producer;
use commonware_runtime::{
    Clock as _, Handle, Quota, Spawner as _, Supervisor as _,
    deterministic::{self, Checkpoint, Context},
};
use commonware_utils::{NZU32, NZUsize, ordered::Set, probability};
use futures::future::pending;
use lockstep_chain::{Archive, Chain};
use lockstep_node::{
    Application, Certificate, ChainApplication, ChainFile, Interpreter, NodeFault, RawBlock, Stopper,
    state_channel::{self, StateChannel, StateRequest},
    validator::{self, Channels, Committee, Setup, Timing, Validator, channel},
};
use lockstep_rpc::{DevNode, dev_accounts};
use lockstep_store::Store;
use lockstep_vm::{Address, B256, StateReader as _};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use tokio::sync::mpsc::UnboundedReceiver;

pub(crate) const CHAIN_ID: u64 = 31_337;
pub(crate) const NODES: usize = 4;

/// Links on which one message in twenty is lost.
pub(crate) fn lossy() -> Link {
    Link { latency: Duration::from_millis(10), jitter: Duration::from_millis(5), success_rate: probability!(0.95) }
}

const TIMING: Timing =
    Timing { leader: Duration::from_millis(400), certification: Duration::from_millis(800), idle: Duration::ZERO };

/// How long a network may be without a block. A view takes at most seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn key(number: usize) -> ed25519::PrivateKey {
    ed25519::PrivateKey::from_seed(u64::try_from(number).unwrap())
}

pub(crate) fn chain_file() -> ChainFile {
    let keys: Vec<_> = (0..NODES).map(|number| key(number).public_key()).collect();
    ChainFile::test(CHAIN_ID, &keys)
}

/// The chain of a validator, in memory or in a folder.
pub(crate) fn node(number: usize, folder: Option<&Path>) -> Arc<DevNode> {
    let (store, archive) = match folder {
        Some(folder) => (Store::open(folder).unwrap(), Archive::open(folder, CHAIN_ID).unwrap()),
        None => (Store::memory().unwrap(), Archive::memory(CHAIN_ID).unwrap()),
    };
    let chain = Chain::open(chain_file().spec().unwrap(), store, archive).unwrap();
    let beneficiary = Address::repeat_byte(u8::try_from(number).unwrap() + 0xa0);
    Arc::new(DevNode::of_validator(chain, beneficiary))
}

pub(crate) fn application(node: &Arc<DevNode>) -> ChainApplication {
    ChainApplication::new(Arc::clone(node), Interpreter::Production)
}

/// A network without validators yet.
pub(crate) struct Simulation {
    pub(crate) context: Context,
    oracle: Oracle<ed25519::PublicKey, Context>,
    pub(crate) committee: Committee,
    starts: u64,
}

/// Both ends of a channel.
pub(crate) type Ends = (simulated::Sender<ed25519::PublicKey, Context>, simulated::Receiver<ed25519::PublicKey>);

/// A validator in it.
pub(crate) struct Running {
    handle: Handle<()>,
    pub(crate) faults: UnboundedReceiver<NodeFault>,
}

impl Running {
    /// Ends it at once, as a crash does.
    pub(crate) async fn kill(self) {
        self.handle.abort();
        let _ = self.handle.await;
    }
}

/// A runtime with that seed.
pub(crate) fn start_config(seed: u64) -> deterministic::Config {
    println!("seed {seed}");
    let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let limit = Some(Duration::from_secs(24 * 3_600));
    deterministic::Config::default().with_seed(seed).with_start_time(start).with_timeout(limit)
}

/// Runs `work` in a network of `link`s. Returns the audit hash of the run too.
pub(crate) fn simulate<T, F: Future<Output = T>>(
    seed: u64,
    link: Link,
    work: impl FnOnce(Simulation) -> F,
) -> (String, T) {
    simulate_on(deterministic::Runner::new(start_config(seed)), link, work).0
}

/// The same on a runtime, and how its disks are afterwards.
pub(crate) fn simulate_on<T, F: Future<Output = T>>(
    runner: deterministic::Runner,
    link: Link,
    work: impl FnOnce(Simulation) -> F,
) -> ((String, T), Checkpoint) {
    runner.start_and_recover(|context| async move {
        let keys: Vec<_> = (0..NODES).map(|number| key(number).public_key()).collect();
        let config = Config {
            max_size: validator::message_bytes_max(NODES.try_into().unwrap()),
            max_peers_per_set: NZUsize!(NODES),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(1),
        };
        let (network, oracle) = Network::new_with_peers(context.child("network"), config, keys.clone()).await;
        network.start();
        for from in &keys {
            for to in keys.iter().filter(|to| *to != from) {
                oracle.add_link(from.clone(), to.clone(), link.clone()).await.unwrap();
            }
        }
        let genesis = node(0, None).chain().archive().block(0).unwrap().unwrap();
        let committee = Committee::new(RawBlock::from(genesis), Set::from_iter_dedup(keys)).unwrap();
        let auditor = context.auditor();
        let result = work(Simulation { context, oracle, committee, starts: 0 }).await;
        (auditor.state(), result)
    })
}

impl Simulation {
    /// Starts the validator `number`. It finds what it left on disk when it ran before.
    pub(crate) async fn start(&mut self, number: usize, application: Arc<dyn Application>) -> Running {
        self.start_at(number, application, None, |_| {}).await
    }

    /// Starts the validator `number` at the block of a certificate. `then` sees it once it runs.
    pub(crate) async fn start_at(
        &mut self,
        number: usize,
        application: Arc<dyn Application>,
        begins: Option<Certificate>,
        then: impl FnOnce(&Validator) + Send + 'static,
    ) -> Running {
        let control = self.oracle.control(key(number).public_key());
        let channels = Channels {
            votes: self.register(number, channel::VOTES).await,
            certificates: self.register(number, channel::CERTIFICATES).await,
            resolver: self.register(number, channel::RESOLVER).await,
            blocks: self.register(number, channel::BLOCKS).await,
            backfill: self.register(number, channel::BACKFILL).await,
        };
        let (stopper, faults) = Stopper::new();
        let (committee, peers) = (self.committee.clone(), (self.oracle.manager(), control.clone()));
        self.starts += 1;
        let context = self.context.child("validator").with_attribute("start", self.starts);
        let handle = context.with_attribute("number", number).spawn(move |context| async move {
            let (context, _task) = (context.child("consensus"), context);
            let channels = channels.bounded(&context, &committee);
            let setup = Setup { key: key(number), committee: &committee, timing: TIMING, application, stopper, begins };
            let validator = validator::start(context, setup, channels, peers).await.unwrap();
            then(&validator);
            pending().await
        });
        Running { handle, faults }
    }

    /// The ends of the validator `number` of a channel.
    pub(crate) async fn register(&self, number: usize, channel: u64) -> Ends {
        let control = self.oracle.control(key(number).public_key());
        control.register(channel, Quota::per_second(NZU32!(2_000))).await.unwrap()
    }

    /// The end of the validator `number` of the channel for states, where it answers by `producer`.
    pub(crate) async fn state_channel(
        &self,
        number: usize,
        producer: impl Producer<Key = StateRequest>,
    ) -> StateChannel {
        let me = key(number).public_key();
        let control = self.oracle.control(me.clone());
        let channel = self.register(number, channel::STATE).await;
        let context = self.context.child("state").with_attribute("number", number);
        let channel = self.committee.bound(context.child("bounded"), channel::STATE, channel);
        state_channel::start(context, me, channel, (self.oracle.manager(), control), producer)
    }

    /// Whether one validator has cut off another.
    pub(crate) async fn has_cut_off(&self, number: usize, other: usize) -> bool {
        self.oracle.blocked().await.unwrap().contains(&(key(number).public_key(), key(other).public_key()))
    }

    /// Waits until each of `nodes` has the block of `height`. Submits between what `between` has for it.
    pub(crate) async fn reach(&self, nodes: &[&Arc<DevNode>], height: u64, mut between: impl FnMut()) {
        let heights = || nodes.iter().map(|node| node.chain().head().unwrap().number).collect::<Vec<_>>();
        let (mut last, mut since) = (heights(), self.context.current());
        while last.iter().any(|last| *last < height) {
            between();
            self.context.sleep(Duration::from_millis(20)).await;
            let now = heights();
            if now != last {
                (last, since) = (now, self.context.current());
            }
            let waited = self.context.current().duration_since(since).unwrap();
            assert!(waited < PATIENCE, "no block in {waited:?}: the heights are {last:?}, not {height}");
        }
    }
}

/// Hash and state root of each block up to `height`, after comparing them with the state that is there.
pub(crate) fn blocks(node: &DevNode, height: u64) -> Vec<(B256, B256)> {
    let of = |height| {
        let header = node.chain().archive().header(height).unwrap().unwrap();
        (header.hash(), header.state_root)
    };
    assert_eq!(node.chain().store().root(height).unwrap(), of(height).1);
    (0..=height).map(of).collect()
}

/// Submits the next transaction of an account, unless enough of them wait. Nothing else waits in that node.
pub(crate) fn send(node: &DevNode, account: usize) {
    let waiting = u64::try_from(node.waiting()).unwrap();
    if waiting < 8 {
        let head = node.chain().head().unwrap().number;
        let sender = node.chain().view(head).unwrap().account(&dev_accounts()[account].address).unwrap();
        let nonce = sender.unwrap().nonce + waiting;
        node.submit(transaction(account, nonce)).unwrap();
    }
}
