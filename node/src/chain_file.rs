//! The file `chain.toml`: what makes a chain this chain, the same for all its validators.

use crate::{block::RawBlock, validator::Committee};
use alloy_primitives::{Address, U256};
use anyhow::{Context as _, anyhow, ensure};
use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::ed25519;
use commonware_formatting::from_hex;
use commonware_utils::ordered::Set;
use lockstep_chain::{Archive, BLOCK_GAS_LIMIT, Chain, ChainSpec, Schedule, transaction::FeePolicy};
use lockstep_rpc::dev_accounts;
use lockstep_store::Store;
use lockstep_vm::{Account, Revision, StateDiff};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::Path};

/// The least that a transaction of a test network pays for one gas.
const BASE_FEE: u128 = 1_000_000_000;

/// The content of `chain.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainFile {
    /// The chain id (EIP-155).
    pub chain_id: u64,
    /// The timestamp of block 0, in seconds.
    pub timestamp: u64,
    /// The least that a transaction pays for one gas.
    pub base_fee: u64,
    /// The gas limit of every block.
    pub gas_limit: u64,
    /// The public keys of the validators, in hex.
    pub validators: Vec<String>,
    /// The balance of each account in block 0.
    pub balances: BTreeMap<Address, U256>,
}

impl ChainFile {
    /// A test network of `validators`, with money for the development accounts.
    pub fn test(chain_id: u64, validators: &[ed25519::PublicKey]) -> Self {
        let balance = U256::from(10_000_000_000_000_000_000_000_u128);
        Self {
            chain_id,
            timestamp: 0,
            base_fee: u64::try_from(BASE_FEE).unwrap_or(u64::MAX),
            gas_limit: BLOCK_GAS_LIMIT,
            validators: validators.iter().map(ToString::to_string).collect(),
            balances: dev_accounts().into_iter().map(|account| (account.address, balance)).collect(),
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    ///
    /// That it cannot be read, or is none.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        read_toml(path)
    }

    /// What makes it this chain.
    ///
    /// # Errors
    ///
    /// That there is no schedule for it.
    pub fn spec(&self) -> anyhow::Result<ChainSpec> {
        let account = |balance: &U256| Some(Account { balance: *balance, ..Account::default() });
        let accounts = self.balances.iter().map(|(address, balance)| (*address, account(balance))).collect();
        Ok(ChainSpec {
            chain_id: self.chain_id,
            genesis: StateDiff { accounts, ..StateDiff::default() },
            timestamp: self.timestamp,
            gas_limit: self.gas_limit,
            fees: FeePolicy { base_fee: self.base_fee.into() },
            schedule: Schedule::only(Revision::V1).map_err(|error| anyhow!("{error}"))?,
        })
    }

    /// The chain with block 0 alone, in memory, and who agrees on the blocks above it.
    ///
    /// # Errors
    ///
    /// That the chain cannot be begun, or has no validators.
    pub(crate) fn begin(&self) -> anyhow::Result<(Chain, Committee)> {
        let chain = Chain::open(self.spec()?, Store::memory()?, Archive::memory(self.chain_id)?)?;
        let genesis = chain.archive().block(0)?.context("the chain has no block 0")?;
        let committee = Committee::new(RawBlock::from(genesis), self.members()?)?;
        Ok((chain, committee))
    }

    /// The validators.
    ///
    /// # Errors
    ///
    /// That a key is none, or is there twice.
    pub fn members(&self) -> anyhow::Result<Set<ed25519::PublicKey>> {
        let keys = self.validators.iter().map(|key| public_key(key)).collect::<Result<Vec<_>, _>>()?;
        let members = Set::from_iter_dedup(keys);
        ensure!(members.iter().count() == self.validators.len(), "chain.toml names a validator twice: remove one");
        Ok(members)
    }
}

/// Reads a file in TOML.
pub(crate) fn read_toml<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not as it must be", path.display()))
}

/// The public key in hex.
///
/// # Errors
///
/// That it is none.
pub fn public_key(hex: &str) -> anyhow::Result<ed25519::PublicKey> {
    let bytes = from_hex(hex).with_context(|| format!("`{hex}` is no key in hex"))?;
    ed25519::PublicKey::decode(Copying(&bytes)).with_context(|| format!("`{hex}` is no public key of ed25519"))
}
