//! A validator as a process: its databases, its network, its RPC, and how it stops.

use crate::{
    application::{ChainApplication, Interpreter, NodeFault},
    automaton::Stopper,
    bounded::{BoundedReceiver, BoundedSender},
    catch_up::{self, CaughtUp},
    finality_method::FinalityMethod,
    gossip, metrics,
    node_file::{CatchUp, Engine, NodeSetup},
    state_channel::{self, StateChannel, StateServer},
    validator::{self, Channels, Committee, Timing, Validator, channel, forget, message_bytes_max},
};
use anyhow::{Context as _, anyhow, bail};
use commonware_cryptography::{ChaCha20Poly1305, Signer as _, ed25519};
use commonware_p2p::{
    Ingress, Manager as _,
    authenticated::discovery::{self, Config as NetworkConfig, Network},
};
use commonware_runtime::{Metrics as _, Quota, Runner as _, Spawner as _, Supervisor as _, tokio::Context};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize};
use futures::future::join;
use lockstep_chain::{Archive, Chain};
use lockstep_rpc::{DevNode, Limits, serve_with};
use lockstep_store::Store;
use std::{
    fs::{self, File, TryLockError},
    num::NonZeroUsize,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::UnboundedReceiver,
};

/// Threads for the work of clients. The server bounds each kind of work and takes fewer: with as few as one kind may have, calls
/// that loop would keep all else waiting.
const CLIENT_THREADS: usize = 64;

/// How long the tasks of a node have to end.
const STOP_SECONDS: u64 = 10;

/// Votes and certificates of a peer in a second.
const VOTES_QUOTA: Quota = Quota::per_second(NZU32!(512));

/// Blocks and lists of transactions of a peer in a second.
const BLOCKS_QUOTA: Quota = Quota::per_second(NZU32!(32));

/// Requests of a peer for a block in a second, and answers. A node that is behind has to take in blocks faster than the others make
/// them, from the two of three that are honest.
const BACKFILL_QUOTA: Quota = Quota::per_second(NZU32!(128));

/// Questions of a peer for a state in a second, each for a chunk.
const STATE_QUOTA: Quota = Quota::per_second(NZU32!(16));

/// Messages that wait for one peer to read them, for each of two priorities. Their bytes are bounded by the channels.
const UNREAD_MAX: NonZeroUsize = NZUsize!(64);

/// How a node logs.
#[derive(Debug, Clone, Copy)]
pub struct Logs {
    /// The least important level that is logged.
    pub level: tracing::Level,
    /// Whether each event is an object in JSON.
    pub json: bool,
}

/// Runs a validator until it is told to stop by SIGTERM or SIGINT.
///
/// # Errors
///
/// That it cannot start, or that it failed.
pub fn run(setup: NodeSetup, logs: Logs) -> anyhow::Result<()> {
    let (_, committee) = setup.chain.begin()?;
    // The runtime waits without a word for whoever has its folder.
    let _alone = hold(&setup.data)?;
    let clients = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(CLIENT_THREADS)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let handle = clients.handle().clone();
    let config = commonware_runtime::tokio::Config::new().with_storage_directory(setup.data.join("consensus"));
    let result = commonware_runtime::tokio::Runner::new(config).start(|context| async move {
        let level = commonware_runtime::tokio::telemetry::Logs { level: logs.level, json: logs.json };
        let telemetry = context.child("telemetry");
        commonware_runtime::tokio::telemetry::init(telemetry, level, None, None);
        let why = take_part(&context, &setup, &committee, &handle).await;
        tracing::info!("the validator stops");
        // Tasks that do not end in time are ended with the process: what was acknowledged is on disk.
        let _ = context.stop(0, Some(Duration::from_secs(STOP_SECONDS))).await;
        why
    });
    clients.shutdown_timeout(Duration::from_secs(STOP_SECONDS));
    result
}

/// The folder of the databases, for this process alone until the file is dropped.
fn hold(data: &Path) -> anyhow::Result<File> {
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    let path = data.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another process has the folder {}: stop it first", data.display()),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// What tells a process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Joins the network, catches up, and validates until it is told to stop or the node fails.
async fn take_part(
    context: &Context,
    setup: &NodeSetup,
    committee: &Committee,
    clients: &tokio::runtime::Handle,
) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let folder = setup.data.join("chain");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if let Some(address) = setup.file.metrics {
        let texts = context.child("metrics");
        let serving = clients.spawn(metrics::serve(address, setup.access.clone(), move || texts.encode()));
        clients.spawn(serving.await??);
    }
    let mut joined = join_network(context, setup, committee)?;
    if setup.file.catch_up == CatchUp::State {
        tokio::select! {
            caught_up = catch_up(context, setup, &folder, joined) => {
                joined = caught_up.context("cannot catch up by state")?;
            }
            () = signals.recv() => return Ok(()),
        }
    }
    let chain = open_chain(setup, &folder).with_context(|| format!("cannot open the chain in {}", folder.display()))?;
    let node = Arc::new(DevNode::of_validator(chain, setup.file.beneficiary));
    let interpreter = match setup.file.engine {
        Engine::Production => Interpreter::Production,
        Engine::Reference => Interpreter::reference(node.chain())?,
    };
    let finality = FinalityMethod::default();
    let (address, access, methods) = (setup.file.rpc, setup.access.clone(), finality.methods()?);
    let serving = clients.spawn(serve_with(Arc::clone(&node), address, Limits::default(), access, methods));
    let served = serving.await?.with_context(|| format!("cannot listen at {address} for JSON-RPC"))?;
    let height = node.chain().head()?.number;
    tracing::info!(key = %setup.key.public_key(), height, rpc = %served.address(), "the validator starts");

    let (stopper, faults) = Stopper::new();
    // The channel is answered on for as long as this end of it is there.
    let Joined { oracle, channels, transactions, server, state: _state } = joined;
    let gossiping = Arc::clone(&node);
    context.child("gossip").spawn(move |context| gossip::run(context, gossiping, transactions));
    let application = Arc::new(ChainApplication::new(Arc::clone(&node), interpreter));
    let timing = Timing { idle: Duration::from_millis(setup.file.idle_ms), ..Timing::default() };
    let begins = catch_up::begins_at(&folder, committee)?;
    let validator = validator::Setup { key: setup.key.clone(), committee, timing, application, stopper, begins };
    let validator = validator::start(context.child("validator"), validator, channels, (oracle.clone(), oracle)).await?;
    server.answer_from(&node, &validator);
    finality.answer_from(validator.marshal.clone());
    let why = until_stopped(validator, faults, signals).await;
    served.stop();
    why
}

fn open_chain(setup: &NodeSetup, folder: &Path) -> anyhow::Result<Chain> {
    let (store, archive) = (Store::open(folder)?, Archive::open(folder, setup.chain.chain_id)?);
    Ok(Chain::open(setup.chain.spec()?, store, archive)?)
}

type Oracle = discovery::Oracle<ed25519::PublicKey>;
type Sender = discovery::Sender<ed25519::PublicKey, Context>;
type Receiver = discovery::Receiver<ed25519::PublicKey>;
type Ends = (BoundedSender<Sender>, BoundedReceiver<ed25519::PublicKey>);

/// A network that this node is on.
struct Joined {
    oracle: Oracle,
    channels: Channels<BoundedSender<Sender>, BoundedReceiver<ed25519::PublicKey>>,
    transactions: Ends,
    state: StateChannel,
    server: StateServer<Context>,
}

/// Starts the network.
fn join_network(context: &Context, setup: &NodeSetup, committee: &Committee) -> anyhow::Result<Joined> {
    let members = committee.members();
    let count = u32::try_from(members.iter().count())?;
    let config = network_config(setup, committee, message_bytes_max(count))?;
    let (mut network, mut oracle) = Network::new(context.child("network"), config);
    // The set of validators does not change: it has the one id 0.
    oracle.track(0, members.clone());
    let mut register = |channel, quota| -> (Sender, Receiver) { network.register(channel, quota) };
    let channels = Channels {
        votes: register(channel::VOTES, VOTES_QUOTA),
        certificates: register(channel::CERTIFICATES, VOTES_QUOTA),
        resolver: register(channel::RESOLVER, VOTES_QUOTA),
        blocks: register(channel::BLOCKS, BLOCKS_QUOTA),
        backfill: register(channel::BACKFILL, BACKFILL_QUOTA),
    };
    let channels = channels.bounded(&context.child("bounded"), committee);
    let transactions = register(channel::TRANSACTIONS, BLOCKS_QUOTA);
    let transactions = committee.bound(context.child("transactions"), channel::TRANSACTIONS, transactions);
    let states = register(channel::STATE, STATE_QUOTA);
    let states = committee.bound(context.child("state_messages"), channel::STATE, states);
    network.start();
    let me = setup.key.public_key();
    let server = StateServer::new(context.child("states"), me.clone());
    let peers = (oracle.clone(), oracle.clone());
    let state = state_channel::start(context.child("state"), me, states, peers, server.clone());
    Ok(Joined { oracle, channels, transactions, state, server })
}

/// Takes the state after a final block if there is no block yet.
async fn catch_up(context: &Context, setup: &NodeSetup, folder: &Path, joined: Joined) -> anyhow::Result<Joined> {
    let Joined { oracle, mut channels, mut transactions, mut state, server } = joined;
    let (folder, chain, me) = (folder.to_owned(), setup.chain.clone(), setup.key.public_key());
    let taking = context.child("catch_up").dedicated().spawn(move |context| async move {
        let caught_up = catch_up::by_state(&context, &folder, &chain, &mut state, &me).await;
        (state, caught_up)
    });
    // What comes meanwhile would fill the memory, and is old by then.
    let (state, caught_up) = tokio::select! {
        taken = taking => taken.context("the network has stopped")?,
        _ = join(channels.forget(), forget(&mut transactions.1)) => bail!("the network has stopped"),
    };
    if let Some(CaughtUp { header, chunks }) = caught_up? {
        tracing::info!(height = header.number, chunks, "the chain begins with the state after that block");
    }
    Ok(Joined { oracle, channels, transactions, state, server })
}

fn network_config(
    setup: &NodeSetup,
    committee: &Committee,
    largest: u32,
) -> anyhow::Result<NetworkConfig<Cups<Sake<ed25519::PrivateKey>, ChaCha20Poly1305>>> {
    let handshake = Cups::new(
        Sake {
            signer: setup.key.clone(),
            synchrony_bound: Duration::from_secs(5),
            max_handshake_age: Duration::from_secs(10),
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let peers = setup.peers.iter().map(|(key, address)| (key.clone(), Ingress::from(*address))).collect();
    let count = committee.members().iter().count();
    let set = NonZeroUsize::new(count).ok_or_else(|| anyhow!("the chain has no validator"))?;
    let (namespace, listen, reached) = (committee.namespace(), setup.file.listen, setup.file.reached_at);
    let make = if setup.file.private_addresses { NetworkConfig::local } else { NetworkConfig::recommended };
    let config = make(handshake, namespace, listen, reached, peers, set, largest, UNREAD_MAX);
    // What is sealed and not yet sent has room on no account: it is one message.
    Ok(NetworkConfig { send_batch_size: NonZeroUsize::MIN, ..config })
}

/// Waits until somebody stops the process, or the node fails.
async fn until_stopped(
    validator: Validator,
    mut faults: UnboundedReceiver<NodeFault>,
    mut signals: Signals,
) -> anyhow::Result<()> {
    tokio::select! {
        () = signals.recv() => Ok(()),
        Some(fault) = faults.recv() => Err(fault.into()),
        _ = validator.engine => bail!("consensus has stopped: the log says why"),
    }
}
