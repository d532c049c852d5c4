//! Files that blocks and the beginning of a chain come from.
//!
//! JSON is for people: amounts are decimal or hex in quotes, bytes are hex, code is the name of a file beside the JSON
//! file, and what is not said has a default. Borsh is the block as it is.

use crate::{
    bytes::{parse_address, parse_amount, parse_hash, parse_hex},
    chain::BLOCK_GAS_LIMIT,
    failure::{Class, Classify, Failure},
    files::Source,
    module_file::ModuleFile,
};
use anyhow::{Context, Error, anyhow};
use lockstep_store::View;
use lockstep_vm::{
    Abi, Account, Address, Block, BlockEnv, CodeId, Gas, Revision, StateDiff, StateReader, StorageDiff, Tx, TxKind,
    U256, last_block,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Bytes of a file of blocks, a genesis, a proof, a witness or a snapshot.
pub(crate) const FILE_BYTES_MAX: u64 = 1_024 * 1_024 * 1_024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonGenesis {
    accounts: BTreeMap<String, JsonAccount>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct JsonAccount {
    balance: Option<String>,
    nonce: u64,
    code: Option<PathBuf>,
    abi: Option<String>,
    storage: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum JsonBlocks {
    One(JsonBlock),
    Many(Vec<JsonBlock>),
}

/// A block in JSON.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JsonBlock {
    number: Option<u64>,
    timestamp: Option<u64>,
    gas_limit: Option<u64>,
    beneficiary: Option<String>,
    parent_hash: Option<String>,
    transactions: Vec<JsonTx>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct JsonTx {
    sender: String,
    nonce: Option<u64>,
    gas_limit: Option<u64>,
    gas_price: Option<String>,
    value: Option<String>,
    to: Option<String>,
    export: Option<String>,
    deploy: Option<PathBuf>,
    create: Option<PathBuf>,
    abi: Option<String>,
    input: Option<String>,
}

/// Blocks as a file has them: the defaults of JSON depend on the state that each is executed on.
pub(crate) enum BlockFile {
    Borsh(Box<Block>),
    Json(Vec<JsonBlock>, PathBuf),
}

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Source::open(path, Class::File)?.read(FILE_BYTES_MAX, "the limit of such a file", Class::File)
}

fn json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, Failure> {
    serde_json::from_slice(&read(path)?).with_context(|| format!("{} is refused", path.display())).class(Class::File)
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// What a text in a JSON file says, with its name in the error.
fn said<T>(what: &str, parsed: Result<T, String>) -> Result<T, Failure> {
    parsed.map_err(|why| Failure::new(Class::File, anyhow!("{what}: {why}")))
}

fn abi(name: Option<&str>) -> Result<Option<Abi>, Failure> {
    name.map(|name| said("abi", name.parse().map_err(|error| format!("{error}")))).transpose()
}

/// The state that a chain begins with.
pub(crate) fn genesis(path: &Path) -> Result<StateDiff, Failure> {
    let folder = folder_of(path);
    let mut diff = StateDiff::default();
    for (address, json) in json::<JsonGenesis>(path)?.accounts {
        let address = said(&address, parse_address(&address))?;
        let balance = json.balance.as_deref().map_or(Ok(U256::ZERO), |text| said("balance", parse_amount(text)))?;
        let mut account = Account { nonce: json.nonce, balance, code: None };
        if let Some(file) = &json.code {
            let module = ModuleFile::read(&folder.join(file), abi(json.abi.as_deref())?, &Revision::V1)?;
            let id = CodeId::of(&module.code, module.abi);
            account.code = Some(id);
            account.nonce = account.nonce.max(1);
            diff.code.insert(id.hash, module.code.to_vec());
        }
        let mut values = BTreeMap::new();
        for (key, value) in &json.storage {
            values.insert(said("storage", parse_hex(key))?, Some(said("storage", parse_hex(value))?));
        }
        if !values.is_empty() {
            diff.storage.insert(address, StorageDiff { cleared: false, values });
        }
        diff.accounts.insert(address, Some(account));
    }
    Ok(diff)
}

impl BlockFile {
    /// Reads a file of blocks.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        if path.extension().is_some_and(|extension| extension == "borsh") {
            let block = borsh::from_slice(&read(path)?).map_err(Error::msg);
            let block = block.with_context(|| format!("{} is no block", path.display())).class(Class::File)?;
            return Ok(Self::Borsh(Box::new(block)));
        }
        Ok(match json(path)? {
            JsonBlocks::One(block) => Self::Json(vec![block], folder_of(path)),
            JsonBlocks::Many(blocks) => Self::Json(blocks, folder_of(path)),
        })
    }

    /// How many blocks there are.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Borsh(_) => 1,
            Self::Json(blocks, _) => blocks.len(),
        }
    }

    /// The number that the block at `position` says.
    pub(crate) fn number(&self, position: usize) -> Option<u64> {
        match self {
            Self::Borsh(block) => Some(block.env.number),
            Self::Json(blocks, _) => blocks.get(position)?.number,
        }
    }

    /// The block at `position`, as block `number` on the state `parent`.
    pub(crate) fn block(&self, position: usize, number: u64, parent: &View) -> Result<Block, Failure> {
        match self {
            Self::Borsh(block) => Ok((**block).clone()),
            Self::Json(blocks, folder) => match blocks.get(position) {
                Some(json) => json.block(folder, number, parent),
                None => Err(Failure::new(Class::File, anyhow!("there is no block {position} in the file"))),
            },
        }
    }
}

impl JsonBlock {
    fn block(&self, folder: &Path, number: u64, parent: &View) -> Result<Block, Failure> {
        let last = last_block(parent)?;
        let parent_hash = self.parent_hash.as_deref().map(|text| said("parent_hash", parse_hash(text))).transpose()?;
        let beneficiary = self.beneficiary.as_deref();
        let env = BlockEnv {
            number,
            timestamp: self.timestamp.unwrap_or_else(|| number.max(last.map_or(0, |last| last.timestamp))),
            gas_limit: self.gas_limit.unwrap_or(BLOCK_GAS_LIMIT),
            beneficiary: beneficiary.map_or(Ok(Address::ZERO), |text| said("beneficiary", parse_address(text)))?,
            difficulty: U256::ZERO,
            parent_hash: parent_hash.unwrap_or(parent.hash()),
        };
        let mut nonces: BTreeMap<Address, u64> = BTreeMap::new();
        let mut transactions = Vec::new();
        for json in &self.transactions {
            let sender = said("sender", parse_address(&json.sender))?;
            let nonce = match (json.nonce, nonces.get(&sender)) {
                (Some(nonce), _) => nonce,
                (None, Some(nonce)) => *nonce,
                (None, None) => parent.account(&sender)?.map_or(0, |account| account.nonce),
            };
            nonces.insert(sender, nonce.saturating_add(1));
            transactions.push(json.tx(folder, sender, nonce)?);
        }
        Ok(Block { env, transactions })
    }
}

impl JsonTx {
    fn tx(&self, folder: &Path, sender: Address, nonce: u64) -> Result<Tx, Failure> {
        let amount =
            |what, text: &Option<String>| text.as_deref().map_or(Ok(U256::ZERO), |text| said(what, parse_amount(text)));
        let kind = match (&self.to, &self.deploy, &self.create) {
            (Some(to), None, None) => {
                TxKind::Call { to: said("to", parse_address(to))?, export: self.export.clone().map(String::into_bytes) }
            }
            (None, Some(file), None) => {
                let module = ModuleFile::read(&folder.join(file), abi(self.abi.as_deref())?, &Revision::V1)?;
                TxKind::Deploy { abi: module.abi, code: module.code.to_vec() }
            }
            (None, None, Some(file)) => {
                let module = ModuleFile::read(&folder.join(file), Some(Abi::Ewasm), &Revision::V1)?;
                TxKind::Create { init_code: module.code.to_vec() }
            }
            _ => {
                return Err(Failure::new(Class::File, anyhow!("a transaction has one of `to`, `deploy` and `create`")));
            }
        };
        Ok(Tx {
            sender,
            nonce,
            gas_limit: Gas::new(self.gas_limit.unwrap_or(crate::args::DEFAULT_GAS)),
            gas_price: amount("gas_price", &self.gas_price)?,
            value: amount("value", &self.value)?,
            kind,
            input: self.input.as_deref().map_or(Ok(Vec::new()), |text| said("input", parse_hex(text)))?,
        })
    }
}
