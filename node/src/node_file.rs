//! The file `validator.toml`: one validator of a chain, its key, its peers and its addresses.

use crate::{
    chain_file::{ChainFile, public_key, read_toml},
    validator::Timing,
};
use anyhow::{Context as _, bail, ensure};
use commonware_codec::{Copying, DecodeExt as _, Encode as _};
use commonware_cryptography::ed25519;
use commonware_formatting::{from_hex, hex};
use lockstep_rpc::Access;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// Which interpreter verifies blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The one of production.
    #[default]
    Production,
    /// The reference interpreter, which shares no code with it. It is slower by an order of magnitude.
    Reference,
}

/// What a node without blocks takes from its peers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// Every block, which it executes.
    #[default]
    Blocks,
    /// The state after a final block, and the blocks above it.
    State,
}

/// Another validator, and where it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its public key, in hex.
    pub key: String,
    /// Its address on the network.
    pub address: SocketAddr,
}

/// The content of `validator.toml`. Paths are relative to its folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFile {
    /// The file with the private key, in hex.
    pub key: PathBuf,
    /// The file of the chain.
    pub chain: PathBuf,
    /// The folder of the databases.
    pub data: PathBuf,
    /// Where it listens for its peers.
    pub listen: SocketAddr,
    /// Where its peers reach it.
    pub reached_at: SocketAddr,
    /// Where it answers JSON-RPC.
    pub rpc: SocketAddr,
    /// Names of hosts under which it answers JSON-RPC and `GET /metrics`, beside `localhost` and addresses of numbers; `*` is every one.
    #[serde(default)]
    pub rpc_hosts: Vec<String>,
    /// Origins of web pages that may ask it, beside its own page; `*` is every one.
    #[serde(default)]
    pub rpc_origins: Vec<String>,
    /// Where it answers `GET /metrics`, if it does.
    pub metrics: Option<SocketAddr>,
    /// Whether its peers may have addresses of private networks.
    #[serde(default)]
    pub private_addresses: bool,
    /// Which interpreter verifies blocks.
    #[serde(default)]
    pub engine: Engine,
    /// Who gets the fees of its blocks, an address in hex.
    #[serde(default)]
    pub beneficiary: alloy_primitives::Address,
    /// Milliseconds that it waits for a transaction before it proposes an empty block.
    #[serde(default = "idle_ms")]
    pub idle_ms: u64,
    /// What it takes from its peers if it has no block yet.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// The other validators.
    pub peers: Vec<Peer>,
}

/// The wait of [`Timing`] before an empty block.
fn idle_ms() -> u64 {
    u64::try_from(Timing::default().idle.as_millis()).unwrap_or(u64::MAX)
}

/// A validator's file with what it names.
#[derive(Debug)]
pub struct NodeSetup {
    /// The file.
    pub file: NodeFile,
    /// The private key.
    pub key: ed25519::PrivateKey,
    /// The chain.
    pub chain: ChainFile,
    /// The folder of the databases.
    pub data: PathBuf,
    /// The other validators.
    pub peers: Vec<(ed25519::PublicKey, SocketAddr)>,
    /// Who may ask it over JSON-RPC.
    pub access: Access,
}

impl NodeSetup {
    /// Reads `path` and the files that it names.
    ///
    /// # Errors
    ///
    /// That one cannot be read, or says something that is not allowed.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let file: NodeFile = read_toml(path)?;
        let limit = Timing::default().leader / 2;
        ensure!(
            Duration::from_millis(file.idle_ms) <= limit,
            "idle_ms is {}: the other validators wait for a block, so give at most {}",
            file.idle_ms,
            limit.as_millis()
        );
        let chain = ChainFile::read(&folder.join(&file.chain))?;
        let key = read_key(&folder.join(&file.key))?;
        let peers = file.peers.iter().map(|peer| Ok((public_key(&peer.key)?, peer.address)));
        let peers = peers.collect::<anyhow::Result<_>>()?;
        let access = Access::new(&file.rpc_hosts, &file.rpc_origins);
        let access = access.with_context(|| format!("rpc_hosts or rpc_origins of {}", path.display()))?;
        Ok(Self { key, chain, data: folder.join(&file.data), peers, access, file })
    }
}

/// Writes a file in TOML.
///
/// # Errors
///
/// That it cannot be written.
pub(crate) fn write_toml(path: &Path, content: &impl Serialize) -> anyhow::Result<()> {
    let text = toml::to_string(content).with_context(|| format!("cannot encode {}", path.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn read_key(path: &Path) -> anyhow::Result<ed25519::PrivateKey> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the key in {}", path.display()))?;
    let Some(bytes) = from_hex(text.trim()) else { bail!("{} is no key in hex", path.display()) };
    // The error of the codec could show bytes of the key.
    let Ok(key) = ed25519::PrivateKey::decode(Copying(&bytes)) else {
        bail!("{} is no private key of ed25519: 32 bytes in hex are", path.display())
    };
    Ok(key)
}

/// Makes a key and writes it to a file that only its owner can read. There must be none yet.
///
/// # Errors
///
/// That the file is there, or cannot be written.
pub fn make_key(path: &Path) -> anyhow::Result<ed25519::PrivateKey> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("this system has no random numbers")?;
    let key = ed25519::PrivateKey::decode(Copying(&bytes)).context("32 bytes are no private key")?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let file = options.open(path).with_context(|| format!("cannot make the key file {}", path.display()));
    writeln!(file?, "{}", hex(&key.encode())).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(key)
}
