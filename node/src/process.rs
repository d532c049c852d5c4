//! A validator as a process: its databases, its network, its RPC, and how it stops.

use crate::{
    application::{ChainApplication, Interpreter, NodeFault},
    automaton::Stopper,
    block::RawBlock,
    catch_up::{self, CaughtUp},
    finality_method::FinalityMethod,
    gossip,
    node_file::{Engine, NodeSetup},
    validator::{self, Channels, Committee, Timing, Validator, channel, message_bytes_max},
};
use anyhow::{Context as _, anyhow, bail};
use commonware_cryptography::{ChaCha20Poly1305, Signer as _, ed25519};
use commonware_p2p::{
    Ingress, Manager as _,
    authenticated::discovery::{Config as NetworkConfig, Network},
};
use commonware_runtime::{Quota, Runner as _, Spawner as _, Supervisor as _, tokio::Context};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize};
use lockstep_chain::{Archive, Chain};
use lockstep_rpc::{DevNode, Limits, serve_with};
use lockstep_store::Store;
use std::{
    fs,
    net::TcpListener,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::UnboundedReceiver,
};

/// Threads for the work of clients. The server bounds each kind of work and takes fewer: with as few as one kind may have, calls
/// that loop would keep all else waiting.
const CLIENT_THREADS: usize = 64;

/// How long the tasks of a node have to end.
const STOP_SECONDS: u64 = 10;

/// Votes and certificates of a peer in a second.
const VOTES_QUOTA: Quota = Quota::per_second(NZU32!(512));

/// Blocks of a peer in a second, and requests for them. Together with the size of a block it bounds the memory that one
/// faulty validator can take.
const BLOCKS_QUOTA: Quota = Quota::per_second(NZU32!(32));

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
    let node = Arc::new(open(&setup)?);
    let committee = committee(&setup, node.chain())?;
    let interpreter = match setup.file.engine {
        Engine::Production => Interpreter::Production,
        Engine::Reference => Interpreter::reference(node.chain())?,
    };
    if let Some(address) = setup.file.metrics {
        TcpListener::bind(address).with_context(|| format!("cannot listen at {address} for metrics"))?;
    }
    let clients = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(CLIENT_THREADS)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let finality = FinalityMethod::default();
    let served = clients.block_on(serve_with(
        Arc::clone(&node),
        setup.file.rpc,
        Limits::default(),
        setup.access.clone(),
        finality.methods()?,
    ));
    let served = served.with_context(|| format!("cannot listen at {} for JSON-RPC", setup.file.rpc))?;

    let config = commonware_runtime::tokio::Config::new().with_storage_directory(setup.data.join("consensus"));
    let result = commonware_runtime::tokio::Runner::new(config).start(|context| async move {
        let level = commonware_runtime::tokio::telemetry::Logs { level: logs.level, json: logs.json };
        let telemetry = context.child("telemetry");
        commonware_runtime::tokio::telemetry::init(telemetry, level, setup.file.metrics, None);
        let (stopper, faults) = Stopper::new();
        let height = node.chain().head()?.number;
        tracing::info!(key = %setup.key.public_key(), height, rpc = %served.address(), "the validator starts");
        let application = Arc::new(ChainApplication::new(Arc::clone(&node), interpreter));
        let validator = start(&context, &setup, &committee, &node, application, stopper).await?;
        finality.answer_from(validator.marshal.clone());
        let why = until_stopped(validator, faults).await;
        served.stop();
        tracing::info!("the validator stops");
        // Tasks that do not end in time are ended with the process: what was acknowledged is on disk.
        let _ = context.stop(0, Some(Duration::from_secs(STOP_SECONDS))).await;
        why
    });
    clients.shutdown_timeout(Duration::from_secs(STOP_SECONDS));
    result
}

fn chain_folder(setup: &NodeSetup) -> PathBuf {
    setup.data.join("chain")
}

/// The chain in the folder of a validator; begins it where there is none.
fn open(setup: &NodeSetup) -> anyhow::Result<DevNode> {
    let folder = chain_folder(setup);
    let shown = folder.display();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {shown}"))?;
    if !setup.file.catch_up_from.is_empty() {
        // The log begins with the network, which needs the chain.
        let tell = |text: String| eprintln!("{text}");
        let sources = catch_up::rpc_sources(&setup.file.catch_up_from);
        let caught_up = catch_up::by_state(&folder, &setup.chain, sources, &tell);
        if let Some(CaughtUp { header, chunks }) = caught_up.context("cannot catch up by state")? {
            tell(format!("the chain begins with the state after block {}, {chunks} chunks", header.number));
        }
    }
    let chain = open_chain(setup, &folder).with_context(|| format!("cannot open the chain in {shown}"))?;
    Ok(DevNode::of_validator(chain, setup.file.beneficiary))
}

fn open_chain(setup: &NodeSetup, folder: &Path) -> anyhow::Result<Chain> {
    let (store, archive) = (Store::open(folder)?, Archive::open(folder, setup.chain.chain_id)?);
    Ok(Chain::open(setup.chain.spec()?, store, archive)?)
}

/// The committee of the chain.
fn committee(setup: &NodeSetup, chain: &Chain) -> anyhow::Result<Committee> {
    let genesis = chain.archive().block(0)?.context("the chain has no block 0")?;
    Ok(Committee::new(RawBlock::from(genesis), setup.chain.members()?)?)
}

/// Starts the network and the validator on it.
async fn start(
    context: &Context,
    setup: &NodeSetup,
    committee: &Committee,
    node: &Arc<DevNode>,
    application: Arc<ChainApplication>,
    stopper: Stopper,
) -> anyhow::Result<Validator> {
    let members = committee.members();
    let count = u32::try_from(members.iter().count())?;
    let largest = message_bytes_max(count).max(u32::try_from(gossip::MESSAGE_BYTES_MAX)?);
    let (mut network, mut oracle) = Network::new(context.child("network"), network_config(setup, committee, largest)?);
    // The set of validators does not change: it has the one id 0.
    oracle.track(0, members.clone());
    let channels = Channels {
        votes: network.register(channel::VOTES, VOTES_QUOTA),
        certificates: network.register(channel::CERTIFICATES, VOTES_QUOTA),
        resolver: network.register(channel::RESOLVER, VOTES_QUOTA),
        blocks: network.register(channel::BLOCKS, BLOCKS_QUOTA),
        backfill: network.register(channel::BACKFILL, BLOCKS_QUOTA),
    };
    let transactions = network.register(channel::TRANSACTIONS, BLOCKS_QUOTA);
    network.start();
    let node = Arc::clone(node);
    context.child("gossip").spawn(move |context| gossip::run(context, node, transactions));
    let timing = Timing { idle: Duration::from_millis(setup.file.idle_ms), ..Timing::default() };
    let begins = catch_up::begins_at(&chain_folder(setup), committee)?;
    let validator = validator::Setup { key: setup.key.clone(), committee, timing, application, stopper, begins };
    Ok(validator::start(context.child("validator"), validator, channels, (oracle.clone(), oracle)).await?)
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
    Ok(make(handshake, namespace, listen, reached, peers, set, largest, NZUsize!(1_024)))
}

/// Waits until somebody stops the process, or the node fails.
async fn until_stopped(validator: Validator, mut faults: UnboundedReceiver<NodeFault>) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        Some(fault) = faults.recv() => Err(fault.into()),
        _ = validator.engine => bail!("consensus has stopped: the log says why"),
    }
}
