//! Networks for tests: the files of validators on loopback, and one process for each.

use crate::{
    chain_file::ChainFile,
    node_file::{CatchUp, Engine, NodeFile, Peer, make_key, write_toml},
};
use anyhow::{Context as _, bail, ensure};
use commonware_cryptography::Signer as _;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// The chain id of a test network.
const CHAIN_ID: u64 = 31_337;

/// Ports of a validator: for peers, for JSON-RPC, for metrics.
const PORTS: u16 = 3;

/// The file of each validator, in its own folder.
const FILE: &str = "validator.toml";

/// A validator of a test network.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its file.
    pub file: PathBuf,
    /// Where it answers JSON-RPC.
    pub rpc: SocketAddr,
    /// Where it answers `GET /metrics`.
    pub metrics: SocketAddr,
}

/// Writes keys and files of `nodes` validators into `folder`, unless they are there. Their ports follow `port`. If
/// `reference` is set, the last one verifies with the reference interpreter.
///
/// # Errors
///
/// That there are too many, or that a file cannot be written.
pub fn prepare(folder: &Path, nodes: u16, port: u16, reference: bool) -> anyhow::Result<Vec<Member>> {
    ensure!((1..=100).contains(&nodes), "{nodes} validators: give 1 to 100");
    let address = |node: u16, which: u16| {
        let found = node.checked_mul(PORTS).and_then(|ports| port.checked_add(ports)?.checked_add(which));
        let most = u16::MAX.saturating_sub(nodes.saturating_mul(PORTS)).saturating_add(1);
        let port =
            found.with_context(|| format!("{nodes} validators take {PORTS} ports each: give at most --port {most}"))?;
        anyhow::Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    };
    let members = (0..nodes).map(|node| {
        let file = folder.join(format!("node-{node}")).join(FILE);
        anyhow::Ok(Member { file, rpc: address(node, 1)?, metrics: address(node, 2)? })
    });
    let members = members.collect::<anyhow::Result<Vec<_>>>()?;
    let chain = folder.join("chain.toml");
    if chain.exists() {
        let there = ChainFile::read(&chain)?.validators.len();
        let is_it = there == members.len() && members.iter().all(|member| member.file.exists());
        ensure!(is_it, "{} has another network, of {there} validators: give another --folder", folder.display());
        return Ok(members);
    }
    let mut keys = Vec::new();
    for node in 0..nodes {
        let own = folder.join(format!("node-{node}"));
        fs::create_dir_all(&own).with_context(|| format!("cannot make {}", own.display()))?;
        keys.push(make_key(&own.join("key.hex"))?.public_key());
    }
    for (node, member) in (0..nodes).zip(&members) {
        let others = (0..nodes).zip(&keys).filter(|(other, _)| *other != node);
        let peers = others.map(|(other, key)| anyhow::Ok(Peer { key: key.to_string(), address: address(other, 0)? }));
        let file = NodeFile {
            key: "key.hex".into(),
            chain: "../chain.toml".into(),
            data: "data".into(),
            listen: address(node, 0)?,
            reached_at: address(node, 0)?,
            rpc: member.rpc,
            rpc_hosts: Vec::new(),
            rpc_origins: Vec::new(),
            catch_up: CatchUp::Blocks,
            metrics: Some(member.metrics),
            private_addresses: true,
            engine: if reference && node + 1 == nodes { Engine::Reference } else { Engine::Production },
            beneficiary: alloy_primitives::Address::ZERO,
            idle_ms: 500,
            peers: peers.collect::<anyhow::Result<_>>()?,
        };
        write_toml(&member.file, &file)?;
    }
    // The last file: with it the network is complete.
    write_toml(&chain, &ChainFile::test(CHAIN_ID, &keys))?;
    Ok(members)
}

/// Validators that run, each a process. They are stopped with this value.
pub struct Processes(Vec<Child>);

impl Processes {
    /// Starts a process of this program for each of `members`. What it prints goes to the file `log` beside its own.
    ///
    /// # Errors
    ///
    /// That one cannot be started.
    pub fn start(members: &[Member]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut processes = Self(Vec::new());
        for member in members {
            let log = member.file.with_file_name("log");
            let log = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
            let mut command = Command::new(&program);
            command.arg("validator").arg("--config").arg(&member.file).stdin(Stdio::null());
            command.stderr(log.try_clone()?).stdout(log);
            processes.0.push(command.spawn().context("cannot start a validator")?);
        }
        Ok(processes)
    }

    /// The number of one that has ended, and how.
    ///
    /// # Errors
    ///
    /// That the system does not say.
    pub fn ended(&mut self) -> anyhow::Result<Option<(usize, ExitStatus)>> {
        for (number, child) in self.0.iter_mut().enumerate() {
            if let Some(status) = child.try_wait()? {
                return Ok(Some((number, status)));
            }
        }
        Ok(None)
    }

    /// Tells all to stop, and waits until they have.
    ///
    /// # Errors
    ///
    /// That one ended with a failure.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.terminate();
        for (number, child) in self.0.iter_mut().enumerate() {
            let status = child.wait()?;
            if !status.success() {
                bail!("validator {number} ended with {status}: its log says why");
            }
        }
        Ok(())
    }

    fn terminate(&self) {
        for child in &self.0 {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            // One that has ended needs no telling.
            let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.terminate();
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}
