//! A block, what it did, and why one is not executed. The execution is in `builder.rs`.

use crate::{
    outcome::{Receipt, receipts_root},
    state::StateDiff,
    transaction::{InvalidTx, Tx},
};
use alloy_primitives::B256;
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use lockstep_gas::Gas;
use lockstep_host::{BlockEnv, Fault};
use sha3::{Digest, Sha3_256};

/// A block as the consensus client hands it over.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Block {
    /// The environment.
    pub env: BlockEnv,
    /// The transactions, in order.
    pub transactions: Vec<Tx>,
}

impl Block {
    /// The hash of the block: sha3-256 over its borsh encoding, which contains the hash of its parent.
    //= spec 8.17
    pub fn hash(&self) -> B256 {
        let mut hasher = HashWriter(Sha3_256::new());
        // Writing into a hasher cannot fail.
        let _ = self.serialize(&mut hasher);
        B256::new(hasher.0.finalize().into())
    }
}

/// Lets borsh write into a hash without a buffer between.
struct HashWriter(Sha3_256);

impl borsh::io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> borsh::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> borsh::io::Result<()> {
        Ok(())
    }
}

/// What a block did, as every node agrees.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockOutcome {
    /// A receipt for each transaction.
    pub receipts: Vec<Receipt>,
    /// What changed.
    pub diff: StateDiff,
    /// Gas of all transactions.
    pub gas_used: Gas,
}

impl BlockOutcome {
    /// The receipts root of the block: consensus, as `docs/spec.md` defines it.
    pub fn receipts_root(&self) -> B256 {
        receipts_root(&self.receipts)
    }
}

/// Why a block was not executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    //= spec 1.3.5
    /// A transaction is invalid, and with it the block, on every node.
    Invalid {
        /// Position of the transaction in the block, from 0.
        position: u64,
        /// What is wrong with it.
        error: InvalidTx,
    },
    /// The block does not follow the last one.
    Number {
        /// Its number.
        actual: u64,
        /// The number that follows: 1 on a state without a block.
        expected: u64,
    },
    /// The block is earlier than the last one.
    Timestamp {
        /// Its timestamp, in seconds.
        actual: u64,
        /// That of the last block.
        previous: u64,
    },
    /// The block has a parent hash, and there is no block before it.
    NoParent {
        /// The parent hash that it has.
        actual: B256,
    },
    /// The revision exists for conformance tests; it must be asked for by name.
    Conformance,
    /// This node failed; the block may be good.
    Fault(Fault),
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { position, error } => write!(f, "transaction {position} is invalid: {error}"),
            Self::Number { actual, expected } => write!(f, "block number {actual} where {expected} follows"),
            Self::Timestamp { actual, previous } => {
                write!(f, "timestamp {actual} is before {previous}, that of the last block")
            }
            Self::NoParent { actual } => {
                write!(f, "parent hash {actual}, but there is no block before it: the first one has zeros")
            }
            Self::Conformance => {
                f.write_str("a conformance revision does not carry a chain: its loops are not metered")
            }
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for Rejected {}

impl From<Fault> for Rejected {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
