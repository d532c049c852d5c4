//! Files of blocks: JSON for people, borsh for the block as it is.
//!
//! In JSON amounts are decimal or hex in quotes, bytes are hex, code is the name of a file beside the JSON file, and what
//! is not said has a default. The whole file is read and checked before its first block is executed.

use crate::{
    args::DEFAULT_GAS,
    bytes::{parse_address, parse_amount, parse_hash, parse_hex},
    failure::{Class, Classify, Failure},
    files::Source,
    genesis_file::abi,
    json::{Document, Fields, Reader},
    module_file::ModuleFile,
};
use anyhow::{Context, Error, anyhow};
use lockstep_chain::{BLOCK_GAS_LIMIT, timestamp_of};
use lockstep_store::View;
use lockstep_vm::{Abi, Address, B256, Block, BlockEnv, Gas, Revision, StateReader, Tx, TxKind, U256, last_block};
use std::{collections::BTreeMap, path::Path};

/// Bytes of a borsh block, a proof, a witness or a snapshot.
pub(crate) const FILE_BYTES_MAX: u64 = 1_024 * 1_024 * 1_024;

/// Blocks as a file has them: the defaults of JSON depend on the state that each is executed on.
pub(crate) enum BlockFile {
    Borsh(Box<Block>, String),
    Json(Vec<JsonBlock>),
}

/// A block in JSON.
pub(crate) struct JsonBlock {
    /// Where it is, for messages.
    place: String,
    number: Option<u64>,
    timestamp: Option<u64>,
    gas_limit: Option<u64>,
    beneficiary: Option<Address>,
    parent_hash: Option<B256>,
    /// With the nonce that each says.
    transactions: Vec<(Option<u64>, Tx)>,
}

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Source::open(path, Class::File)?.read(FILE_BYTES_MAX, "the limit of a file", Class::File)
}

impl BlockFile {
    /// Reads a file of blocks.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        if path.extension().is_some_and(|extension| extension == "borsh") {
            let block = borsh::from_slice(&read(path)?).map_err(Error::msg);
            let block = block.with_context(|| format!("{name} is no block in borsh")).class(Class::File)?;
            return Ok(Self::Borsh(Box::new(block), name.to_string()));
        }
        let document = Document::read(path)?;
        let (root, folder) = (document.root(), document.folder());
        if !root.is_array() {
            return Ok(Self::Json(vec![JsonBlock::read(&root, folder)?]));
        }
        let blocks = root.items("block index")?;
        if blocks.is_empty() {
            return Err(root.refuse("there is no block in the array"));
        }
        Ok(Self::Json(blocks.iter().map(|block| JsonBlock::read(block, folder)).collect::<Result<_, _>>()?))
    }

    /// How many blocks there are, at least one.
    pub(crate) const fn count(&self) -> usize {
        match self {
            Self::Borsh(..) => 1,
            Self::Json(blocks) => blocks.len(),
        }
    }

    /// Where the block at `position` is, for messages.
    pub(crate) fn place(&self, position: usize) -> &str {
        match self {
            Self::Borsh(_, name) => name,
            Self::Json(blocks) => blocks.get(position).map_or("", |block| &block.place),
        }
    }

    /// The number that the block at `position` says.
    pub(crate) fn number(&self, position: usize) -> Option<u64> {
        match self {
            Self::Borsh(block, _) => Some(block.env.number),
            Self::Json(blocks) => blocks.get(position)?.number,
        }
    }

    /// The block at `position`, as block `number` on the state `parent`.
    pub(crate) fn block(&self, position: usize, number: u64, parent: &View) -> Result<Block, Failure> {
        match self {
            Self::Borsh(block, _) => Ok((**block).clone()),
            Self::Json(blocks) => match blocks.get(position) {
                Some(json) => json.block(number, parent),
                None => Err(Failure::new(Class::File, anyhow!("there is no block {position} in the file"))),
            },
        }
    }
}

impl JsonBlock {
    fn read(block: &Reader<'_>, folder: &Path) -> Result<Self, Failure> {
        let fields = block.fields(&BLOCK_FIELDS)?;
        let transactions = fields.optional("transactions").map_or(Ok(Vec::new()), |all| all.items("transaction"))?;
        Ok(Self {
            place: block.place(),
            number: fields.number("number")?,
            timestamp: fields.number("timestamp")?,
            gas_limit: fields.number("gas_limit")?,
            beneficiary: fields.parsed("beneficiary", parse_address)?,
            parent_hash: fields.parsed("parent_hash", parse_hash)?,
            transactions: transactions.iter().map(|tx| transaction(tx, folder)).collect::<Result<_, _>>()?,
        })
    }

    fn block(&self, number: u64, parent: &View) -> Result<Block, Failure> {
        let last = last_block(parent)?;
        let env = BlockEnv {
            number,
            timestamp: self.timestamp.unwrap_or_else(|| timestamp_of(number, last.map(|last| last.timestamp))),
            gas_limit: self.gas_limit.unwrap_or(BLOCK_GAS_LIMIT),
            beneficiary: self.beneficiary.unwrap_or(Address::ZERO),
            difficulty: U256::ZERO,
            parent_hash: self.parent_hash.unwrap_or(parent.hash()),
        };
        let mut nonces: BTreeMap<Address, u64> = BTreeMap::new();
        let mut transactions = Vec::new();
        for (said, tx) in &self.transactions {
            let nonce = match (said, nonces.get(&tx.sender)) {
                (Some(nonce), _) | (None, Some(nonce)) => *nonce,
                (None, None) => parent.account(&tx.sender)?.map_or(0, |account| account.nonce),
            };
            nonces.insert(tx.sender, nonce.saturating_add(1));
            transactions.push(Tx { nonce, ..tx.clone() });
        }
        Ok(Block { env, transactions })
    }
}

/// Fields of a block.
const BLOCK_FIELDS: [&str; 6] = ["number", "timestamp", "gas_limit", "beneficiary", "parent_hash", "transactions"];

/// Fields of a transaction.
const TX_FIELDS: [&str; 11] =
    ["sender", "nonce", "gas_limit", "gas_price", "value", "to", "export", "deploy", "create", "abi", "input"];

/// A transaction, and the nonce that it says.
fn transaction(tx: &Reader<'_>, folder: &Path) -> Result<(Option<u64>, Tx), Failure> {
    let fields = tx.fields(&TX_FIELDS)?;
    let amount = |name| Ok::<_, Failure>(fields.parsed(name, parse_amount)?.unwrap_or(U256::ZERO));
    let nonce = fields.number("nonce")?;
    let read = Tx {
        sender: fields.required("sender")?.parsed(parse_address)?,
        nonce: nonce.unwrap_or(0),
        gas_limit: Gas::new(fields.number("gas_limit")?.unwrap_or(DEFAULT_GAS)),
        gas_price: amount("gas_price")?,
        value: amount("value")?,
        kind: kind(tx, &fields, folder)?,
        input: fields.parsed("input", parse_hex)?.unwrap_or_default(),
    };
    Ok((nonce, read))
}

fn kind(tx: &Reader<'_>, fields: &Fields<'_>, folder: &Path) -> Result<TxKind, Failure> {
    fields.only_with("export", "to")?;
    fields.only_with("abi", "deploy")?;
    let code = |field: Reader<'_>, abi| {
        let module = ModuleFile::read(&folder.join(field.text()?), abi, &Revision::V1);
        module.map_err(|failure| failure.within(field.place()))
    };
    match (fields.optional("to"), fields.optional("deploy"), fields.optional("create")) {
        (Some(to), None, None) => {
            let export = fields.optional("export").map(|export| export.text()).transpose()?;
            Ok(TxKind::Call { to: to.parsed(parse_address)?, export: export.map(|export| export.as_bytes().to_vec()) })
        }
        (None, Some(file), None) => {
            let module = code(file, fields.parsed("abi", abi)?)?;
            Ok(TxKind::Deploy { abi: module.abi, code: module.code.to_vec() })
        }
        (None, None, Some(file)) => {
            let module = code(file, Some(Abi::Ewasm))?;
            Ok(TxKind::Create { init_code: module.code.to_vec() })
        }
        _ => Err(tx.refuse("a transaction has exactly one of the fields `to`, `deploy` and `create`")),
    }
}
