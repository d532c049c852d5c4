//! A GeneralStateTests file, read and resolved: each case has its transaction and its expected end.
//!
//! Only the fork Byzantium is read; post entries of other forks are counted. Executes nothing.

use crate::json;
use alloy_primitives::{Address, B256, keccak256};
use core::fmt;
use k256::ecdsa::SigningKey;
use lockstep_vm::{Abi, Account, BlockEnv, CodeId, Gas, MemoryState, Tx, TxKind};
use serde::{Deserialize, de::IgnoredAny};
use std::{collections::BTreeMap, sync::Arc};

/// The fork whose post entries are run.
pub const FORK: &str = "Byzantium";

/// Blocks before the current one whose hash a contract can ask for (Yellow Paper, BLOCKHASH).
const BLOCK_HASHES: u64 = 256;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixture {
    /// Its tests, in the order of their names; a test without a case is not among them.
    pub tests: Vec<StateTest>,
    /// Post entries of forks other than [`FORK`].
    pub other_forks: usize,
}

/// One test: a state, a block, and transactions that are each executed on that state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateTest {
    /// Its name in the file.
    pub name: String,
    /// The block.
    pub block: BlockEnv,
    /// The state before, with the hashes of the 256 blocks before.
    pub pre: Arc<MemoryState>,
    /// The post entries of [`FORK`], in the order of the file.
    pub cases: Vec<Case>,
}

/// One post entry, with the transaction that its indexes choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Position among the post entries of [`FORK`], from 0.
    pub position: usize,
    /// The transaction.
    pub tx: Tx,
    /// What it is to end in.
    pub expected: Hashes,
}

/// What the end of a transaction is compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashes {
    /// Root of the state after it.
    pub state_root: B256,
    /// Hash of its logs.
    pub logs: B256,
}

/// Why a file cannot be used.
#[derive(Debug)]
pub enum FixtureError {
    /// The file has no byte that is not white space.
    Empty,
    /// It is not JSON.
    Json(serde_json::Error),
    /// It is JSON, but not of the shape of a GeneralStateTests file.
    Shape(serde_json::Error),
    /// It has no test.
    NoTest,
    /// A test is of the right shape, but does not make sense.
    Test {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl fmt::Display for FixtureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty"),
            Self::Json(error) => write!(f, "the file is not JSON: {error}"),
            Self::Shape(error) => write!(f, "the file is not a GeneralStateTests file: {error}"),
            Self::NoTest => f.write_str("the file has no test"),
            Self::Test { name, problem } => write!(f, "test {name}: {problem}"),
        }
    }
}

impl core::error::Error for FixtureError {}

impl Fixture {
    /// Reads the content of a file.
    ///
    /// # Errors
    ///
    /// [`FixtureError`] if anything in it is not understood, be it in one test of many.
    pub fn parse(content: &[u8]) -> Result<Self, FixtureError> {
        if content.trim_ascii().is_empty() {
            return Err(FixtureError::Empty);
        }
        serde_json::from_slice::<IgnoredAny>(content).map_err(FixtureError::Json)?;
        let json::Map(file) = serde_json::from_slice::<json::File>(content).map_err(FixtureError::Shape)?;
        if file.is_empty() {
            return Err(FixtureError::NoTest);
        }
        let mut fixture = Self { tests: Vec::new(), other_forks: 0 };
        for (json::Name(name), mut test) in file {
            let error = |problem| FixtureError::Test { name: name.clone(), problem };
            if test.post.0.is_empty() || test.post.0.values().any(Vec::is_empty) {
                return Err(error("it has no post entry, or none for one of its forks".into()));
            }
            let entries = test.post.0.remove(&json::Name(FORK.into())).unwrap_or_default();
            fixture.other_forks += test.post.0.values().map(Vec::len).sum::<usize>();
            let cases = cases(&test.transaction, &entries).map_err(error)?;
            if !cases.is_empty() {
                let block = block(&test.env);
                let pre = Arc::new(pre_state(&test.pre.0, block.number));
                fixture.tests.push(StateTest { name, block, pre, cases });
            }
        }
        Ok(fixture)
    }
}

fn block(env: &json::Env) -> BlockEnv {
    BlockEnv {
        number: env.current_number.0,
        timestamp: env.current_timestamp.0,
        gas_limit: env.current_gas_limit.0,
        beneficiary: env.current_coinbase.0,
        difficulty: env.current_difficulty.0,
        parent_hash: B256::ZERO,
    }
}

/// The accounts as they stand: their code is not checked, because tests call code that no creation could leave.
fn pre_state(accounts: &BTreeMap<Address, json::Account>, block_number: u64) -> MemoryState {
    let mut state = MemoryState::default();
    for (address, account) in accounts {
        state.accounts.insert(*address, Account { nonce: account.nonce.0, balance: account.balance.0, code: None });
        let code = &account.code.0;
        if !code.is_empty() {
            state.put_code(*address, CodeId::of(code, Abi::Ewasm), code);
        }
        for (key, value) in account.storage.0.iter().filter(|(_, value)| !value.0.is_zero()) {
            state.put_storage(*address, key.to_be_bytes::<32>().into(), value.0.to_be_bytes::<32>().into());
        }
    }
    for number in block_number.saturating_sub(BLOCK_HASHES)..block_number {
        state.block_hashes.insert(number, block_hash(number));
    }
    state
}

/// The hash of a block in the tests: that of its number, written in decimal (testeth).
fn block_hash(number: u64) -> B256 {
    keccak256(number.to_string())
}

fn cases(template: &json::Transaction, entries: &[serde_json::Value]) -> Result<Vec<Case>, String> {
    let sender = address_of(&template.secret_key.0)?;
    let resolve = |(position, entry): (usize, &serde_json::Value)| {
        let in_entry = |problem: String| format!("post entry {position} of {FORK}: {problem}");
        let post = json::Post::deserialize(entry).map_err(|error| in_entry(error.to_string()))?;
        let tx = transaction(template, sender, post.indexes).map_err(in_entry)?;
        Ok(Case { position, tx, expected: Hashes { state_root: post.hash.0, logs: post.logs.0 } })
    };
    entries.iter().enumerate().map(resolve).collect()
}

fn transaction(template: &json::Transaction, sender: Address, indexes: json::Indexes) -> Result<Tx, String> {
    let data = chosen("data", &template.data, indexes.data)?.0.clone();
    let (kind, input) = match template.to.as_ref().and_then(|to| to.0.0) {
        Some(to) => (TxKind::Call { to, export: None }, data),
        None => (TxKind::Create { init_code: data }, Vec::new()),
    };
    Ok(Tx {
        sender,
        nonce: template.nonce.0,
        gas_limit: Gas::new(chosen("gasLimit", &template.gas_limit, indexes.gas)?.0),
        gas_price: template.gas_price.0,
        value: chosen("value", &template.value, indexes.value)?.0,
        kind,
        input,
    })
}

fn chosen<'a, T>(list: &str, values: &'a [T], index: u32) -> Result<&'a T, String> {
    let value = usize::try_from(index).ok().and_then(|index| values.get(index));
    value.ok_or_else(|| format!("index {index}, but {list} has {} elements", values.len()))
}

/// The account that a secret key of secp256k1 owns: the last 20 bytes of the keccak-256 of its public key.
fn address_of(secret_key: &B256) -> Result<Address, String> {
    let key = SigningKey::from_slice(secret_key.as_slice()).map_err(|_| "secretKey is not a key of secp256k1")?;
    let point = key.verifying_key().to_sec1_point(false);
    let coordinates = point.as_bytes().get(1..).unwrap_or_default();
    Ok(Address::from_word(keccak256(coordinates)))
}

#[cfg(test)]
mod tests;
