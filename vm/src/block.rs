//! A block: transactions executed one after the other on one state.

use crate::{
    engine::Engine,
    journal::{Journal, StateView},
    machine::Vm,
    outcome::{Receipt, receipts_root},
    state::StateDiff,
    transaction::{InvalidTx, Tx, ValidTx},
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

impl<E: Engine> Vm<E> {
    /// Executes a block on a state view. Nothing is written: the diff says what would be.
    ///
    /// # Errors
    ///
    /// [`Rejected`]: the block is invalid, the revision is for conformance only, or this node failed.
    pub fn execute_block(&self, view: StateView, block: Block) -> Result<BlockOutcome, Rejected> {
        if self.revision().rules.conformance {
            return Err(Rejected::Conformance);
        }
        let mut journal = Journal::new(view);
        if self.revision().rules.block_hashes_in_state {
            journal.check_follows(&block.env)?;
        }
        self.execute_on(journal, block)
    }

    /// As [`execute_block`](Self::execute_block), for conformance suites: any revision, even one under which a contract
    /// can loop for ever, and any number, timestamp and parent hash.
    ///
    /// # Errors
    ///
    /// [`Rejected`]: the block is invalid, or this node failed.
    pub fn execute_conformance_block(&self, view: StateView, block: Block) -> Result<BlockOutcome, Rejected> {
        self.execute_on(Journal::new(view), block)
    }

    fn execute_on(&self, mut journal: Journal, block: Block) -> Result<BlockOutcome, Rejected> {
        let Block { env, transactions } = block;
        if self.revision().rules.block_hashes_in_state {
            journal.begin_block(&env)?;
        }
        let mut receipts = Vec::new();
        let mut gas_used = Gas::ZERO;
        for (tx, position) in transactions.into_iter().zip(0..) {
            let gas_left = Gas::new(env.gas_limit).less(gas_used);
            let sender = journal.account(&tx.sender)?;
            let valid = ValidTx::check(tx, sender, gas_left, self.revision());
            let valid = valid.map_err(|error| Rejected::Invalid { position, error })?;
            let (receipt, _, after) = self.execute_in(journal, &env, valid)?;
            journal = after;
            gas_used = gas_used.plus(receipt.gas_used);
            receipts.push(receipt);
        }
        Ok(BlockOutcome { receipts, diff: journal.diff(), gas_used })
    }
}
