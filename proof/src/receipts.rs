//! Receipts under the receipts root of their block: a list of receipts, and below each the list of its logs, so that one
//! log is provable alone. These hashes are consensus.

use crate::{
    account::Address,
    hash::{Hash, digest},
    invalid::InvalidProof,
    list::{ListPath, list_path, list_root},
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// What the preimages begin with.
const LOG_DOMAIN: u8 = 2;
const RECEIPT_DOMAIN: u8 = 3;
const LOGS_DOMAIN: u8 = 5;
const RECEIPTS_DOMAIN: u8 = 6;

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
//= spec 7.16
pub enum Outcome {
    /// The effects are kept.
    Return,
    /// The contract undid its effects.
    Revert {
        /// The contract's error number, 0 where its ABI has none.
        errno: u16,
    },
    /// The contract did what it must not.
    Halt {
        /// The number of the reason.
        reason: u8,
    },
}

/// An event that a contract emitted.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// At most 4 topics.
    pub topics: Vec<Hash>,
    /// The data.
    pub data: Vec<u8>,
}

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// How it ended.
    pub outcome: Outcome,
    /// Gas that was paid for.
    pub gas_used: u64,
    /// Output of a return or a revert.
    pub output: Vec<u8>,
    /// Logs of frames whose effects are kept.
    pub logs: Vec<Log>,
    /// The contract that it created or deployed.
    pub created: Option<Address>,
}

/// A receipt as the receipts root commits to it: output and logs as hashes.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ReceiptHead {
    /// How the transaction ended.
    pub outcome: Outcome,
    /// Gas that was paid for.
    pub gas_used: u64,
    /// sha3-256 of the output.
    pub output_hash: Hash,
    /// The contract that it created or deployed.
    pub created: Option<Address>,
    /// The root of the list of its logs.
    pub logs_root: Hash,
}

/// The hash of a log: an item of the list of logs.
//= spec 7.11
pub fn log_hash<'a>(address: &Address, topics: impl ExactSizeIterator<Item = &'a Hash>, data: &[u8]) -> Hash {
    // The borsh encoding of a `Log`, without a copy of its data.
    let length = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
    let mut before = [&[LOG_DOMAIN], address.as_slice(), &length(topics.len())].concat();
    topics.for_each(|topic| before.extend(topic));
    before.extend(length(data.len()));
    digest(&[&before, data])
}

/// The root of the list of logs with these hashes.
//= spec 7.13
pub fn logs_root(logs: &[Hash]) -> Hash {
    list_root(LOGS_DOMAIN, logs)
}

/// The receipts root of the block that has receipts with these hashes.
//= spec 7.10, 7.14
pub fn receipts_root(receipts: &[Hash]) -> Hash {
    list_root(RECEIPTS_DOMAIN, receipts)
}

/// The hash of the output of a transaction.
pub fn output_hash(output: &[u8]) -> Hash {
    digest(&[output])
}

impl Log {
    /// Its hash.
    pub fn hash(&self) -> Hash {
        log_hash(&self.address, self.topics.iter(), &self.data)
    }
}

impl ReceiptHead {
    /// The hash of the receipt: an item of the list of receipts.
    //= spec 7.12
    pub fn hash(&self) -> Hash {
        let mut bytes = Vec::from([RECEIPT_DOMAIN]);
        // Writing into memory does not fail.
        let _ = self.serialize(&mut bytes);
        digest(&[&bytes])
    }
}

impl Receipt {
    /// The receipt as the root commits to it.
    pub fn head(&self) -> ReceiptHead {
        ReceiptHead {
            outcome: self.outcome,
            gas_used: self.gas_used,
            output_hash: output_hash(&self.output),
            created: self.created,
            logs_root: logs_root(&self.log_hashes()),
        }
    }

    fn log_hashes(&self) -> Vec<Hash> {
        self.logs.iter().map(Log::hash).collect()
    }
}

/// Proof of a receipt, or that its block has none at that index.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ReceiptProof {
    /// What is claimed.
    pub receipt: Option<Receipt>,
    /// The way to the receipts root.
    pub path: ListPath,
}

/// Proof of one log of one receipt, or that there is none at these indices. It has neither the output nor the other logs.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LogProof {
    /// The receipt; `None` if its block has none at that index.
    pub receipt: Option<ReceiptHead>,
    /// The way from the receipt to the receipts root.
    pub path: ListPath,
    /// What is claimed.
    pub log: Option<Log>,
    /// The way from the log to the root in the receipt; empty if there is no receipt.
    pub log_path: ListPath,
}

impl ReceiptProof {
    /// The proof of the receipt at `index` of a block. `hashes` are those of all of its receipts; `receipt` is the one at
    /// the index, if there is one.
    pub fn new(hashes: &[Hash], index: u64, receipt: Option<Receipt>) -> Self {
        Self { receipt, path: list_path(hashes, index) }
    }

    /// The receipt at `index` in the block with the receipts root `root`, `None` if the block has fewer receipts.
    ///
    /// # Errors
    ///
    /// [`InvalidProof`]: it proves nothing about this index and this root.
    pub fn verify(&self, root: &Hash, index: u64) -> Result<Option<&Receipt>, InvalidProof> {
        let hash = self.receipt.as_ref().map(|receipt| receipt.head().hash());
        self.path.verify(RECEIPTS_DOMAIN, root, index, hash.as_ref())?;
        Ok(self.receipt.as_ref())
    }
}

impl LogProof {
    /// The proof of the log at `log` of the receipt at `index` of a block. `hashes` are those of all of its receipts;
    /// `receipt` is the one at the index, if there is one.
    pub fn new(hashes: &[Hash], index: u64, receipt: Option<&Receipt>, log: u64) -> Self {
        let path = list_path(hashes, index);
        let Some(receipt) = receipt else {
            return Self { receipt: None, path, log: None, log_path: ListPath::default() };
        };
        let position = usize::try_from(log).ok();
        Self {
            receipt: Some(receipt.head()),
            path,
            log: position.and_then(|position| receipt.logs.get(position)).cloned(),
            log_path: list_path(&receipt.log_hashes(), log),
        }
    }

    /// The log at `log` of the receipt at `index` in the block with the receipts root `root`, `None` if there is none.
    /// What `receipt` says is then proven too.
    ///
    /// # Errors
    ///
    /// [`InvalidProof`]: it proves nothing about these indices and this root.
    pub fn verify(&self, root: &Hash, index: u64, log: u64) -> Result<Option<&Log>, InvalidProof> {
        let hash = self.receipt.as_ref().map(ReceiptHead::hash);
        self.path.verify(RECEIPTS_DOMAIN, root, index, hash.as_ref())?;
        match &self.receipt {
            Some(receipt) => {
                let hash = self.log.as_ref().map(Log::hash);
                self.log_path.verify(LOGS_DOMAIN, &receipt.logs_root, log, hash.as_ref())?;
            }
            // One proof for one fact: where there is no receipt there is nothing to add.
            None if self.log.is_none() && self.log_path == ListPath::default() => {}
            None => return Err(InvalidProof),
        }
        Ok(self.log.as_ref())
    }
}
