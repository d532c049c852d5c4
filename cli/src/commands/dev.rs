//! `lockstep dev`: a chain of one process that answers Ethereum's JSON-RPC.

use crate::{
    bytes::hex,
    database_folder::{self, Begun},
    failure::{Class, Failure},
    report::Report,
    state_file::IfMissing,
    value::{Row, Value},
};
use anyhow::{Context as _, anyhow};
use clap::Args;
use lockstep_chain::{ARCHIVE_NAME, Archive, BLOCK_GAS_LIMIT, Chain, ChainSpec, Schedule, transaction::FeePolicy};
use lockstep_rpc::{Access, DEV_MNEMONIC, DevNode, Limits, RpcError, Served, dev_accounts, serve};
use lockstep_store::Store;
use lockstep_vm::{Account, Address, Revision, StateDiff, U256};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};

/// The chain id that development chains of Ethereum's tools have.
const DEV_CHAIN_ID: u64 = 31_337;

#[derive(Debug, Args)]
pub(crate) struct DevArguments {
    /// The folder that the chain lies in [default: in memory, gone with the process]
    #[arg(long, value_name = "DIR")]
    db: Option<PathBuf>,

    /// Where to listen, HTTP and WebSocket on one port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8545")]
    listen: SocketAddr,

    /// A name of a host under which it answers, beside localhost and addresses of numbers; may be repeated, `*` is every one
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,

    /// The origin of web pages that may ask, as http://localhost:3000; may be repeated, `*` is every page
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,

    /// The chain id
    #[arg(long, value_name = "N", default_value_t = DEV_CHAIN_ID)]
    chain_id: u64,

    /// Make a block every so many milliseconds [default: for each transaction, at once]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    block_time: Option<u64>,
}

/// The least that a transaction pays for one gas.
const BASE_FEE: u128 = 1_000_000_000;

/// What each of the ten accounts begins with: 10,000 units of 18 decimals.
fn dev_balance() -> U256 {
    U256::from(10_000_000_000_000_000_000_000_u128)
}

/// A chain that is being served.
pub(crate) struct Running {
    runtime: Runtime,
    node: Arc<DevNode>,
    served: Served,
    block_time: Option<Duration>,
}

/// Opens the chain and begins to serve it. The report says where, and who has money.
pub(crate) fn start(arguments: &DevArguments) -> Result<(Report, Running), Failure> {
    let DevArguments { db, listen, hosts, origins, chain_id, block_time } = arguments;
    let access = Access::new(hosts, origins).map_err(|error| Failure::new(Class::Usage, error))?;
    let spec = dev_spec(*chain_id)?;
    let (chain, begun) = match db {
        Some(folder) => in_folder(folder, spec)?,
        None => (Chain::open(spec, Store::memory()?, Archive::memory(*chain_id)?)?, Begun::default()),
    };
    let head = chain.head()?.number;
    let node = Arc::new(DevNode::new(chain, block_time.is_none(), Address::ZERO, Box::new(seconds)));
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io(Class::Fault, error, "cannot start threads"))?;
    let served = runtime.block_on(serve(Arc::clone(&node), *listen, Limits::default(), access));
    let served = served.map_err(|error| {
        let failure = Failure::io(Class::Usage, error, format!("cannot listen at {listen}"));
        failure.remedy("give another address and port by --listen; port 0 takes a free one")
    })?;
    begun.keep();
    let mut report = Report::new("dev");
    report.add("url", Value::text(format!("http://{}", served.address())));
    report.add("websocket", Value::text(format!("ws://{}", served.address())));
    report.add("chain_id", Value::Number(*chain_id));
    report.add("block", Value::Number(head));
    report.add("mnemonic", Value::text(DEV_MNEMONIC));
    let accounts = dev_accounts().into_iter().map(|account| Row {
        lines: vec![format!("{} key {}", hex(account.address.as_slice()), hex(account.key.as_slice()))],
        fields: vec![("address", Value::bytes(account.address)), ("key", Value::bytes(account.key))],
    });
    report.add("accounts", Value::Rows(accounts.collect()));
    report.note("the keys are known to everybody: they are for development alone");
    let block_time = block_time.map(Duration::from_millis);
    Ok((report, Running { runtime, node, served, block_time }))
}

impl Running {
    /// Serves until the process is ended. What was answered for is on disk by then.
    pub(crate) fn wait(self) -> Result<(), Failure> {
        let Self { runtime, node, served, block_time } = self;
        let made = runtime.block_on(async {
            let Some(block_time) = block_time else {
                served.stopped().await;
                return Ok(());
            };
            let mut ticks = tokio::time::interval(block_time);
            loop {
                ticks.tick().await;
                let node = Arc::clone(&node);
                match tokio::task::spawn_blocking(move || node.make_block()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Err(error),
                    Err(error) => return Err(RpcError::refused(error.to_string())),
                }
            }
        });
        made.context("no block can be made").map_err(|error| Failure::new(Class::Fault, error))
    }
}

fn dev_spec(chain_id: u64) -> Result<ChainSpec, Failure> {
    let account = Account { balance: dev_balance(), ..Account::default() };
    let accounts = dev_accounts().into_iter().map(|rich| (rich.address, Some(account.clone()))).collect();
    let schedule = Schedule::only(Revision::V1).map_err(|error| Failure::new(Class::Fault, error))?;
    Ok(ChainSpec {
        chain_id,
        genesis: StateDiff { accounts, ..StateDiff::default() },
        timestamp: 0,
        gas_limit: BLOCK_GAS_LIMIT,
        fees: FeePolicy { base_fee: BASE_FEE },
        schedule,
    })
}

fn in_folder(folder: &Path, spec: ChainSpec) -> Result<(Chain, Begun), Failure> {
    let (store, begun) = database_folder::open(folder, IfMissing::Begin)?;
    if store.tip()?.is_some() && !folder.join(ARCHIVE_NAME).exists() {
        let error = anyhow!("{} has a database without signed transactions", folder.display());
        return Err(Failure::new(Class::Database, error).remedy("give another folder: `lockstep dev` begins its own"));
    }
    let archive = Archive::open(folder, spec.chain_id)?;
    Ok((Chain::open(spec, store, archive)?, begun))
}

/// Seconds since 1970, for the timestamps of blocks.
#[expect(
    clippy::disallowed_types,
    reason = "the timestamp of a block is part of it: whoever executes it reads no clock"
)]
fn seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}
