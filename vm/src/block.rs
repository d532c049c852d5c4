//! A block: transactions executed one after the other on one state.

use crate::{
    engine::Engine,
    journal::{Journal, StateView},
    machine::Vm,
    outcome::Receipt,
    state::StateDiff,
    transaction::{InvalidTx, Tx, ValidTx},
};
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use lockstep_gas::Gas;
use lockstep_host::{BlockEnv, Fault};

/// A block as the consensus client hands it over.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Block {
    /// The environment.
    pub env: BlockEnv,
    /// The transactions, in order.
    pub transactions: Vec<Tx>,
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
    /// The revision exists for conformance tests; it must be asked for by name.
    Conformance,
    /// This node failed; the block may be good.
    Fault(Fault),
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { position, error } => write!(f, "transaction {position} is invalid: {error}"),
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
        self.execute_conformance_block(view, block)
    }

    /// As [`execute_block`](Self::execute_block), for conformance suites: any revision, even one under which a contract
    /// can loop for ever.
    ///
    /// # Errors
    ///
    /// [`Rejected`]: the block is invalid, or this node failed.
    pub fn execute_conformance_block(&self, view: StateView, block: Block) -> Result<BlockOutcome, Rejected> {
        let Block { env, transactions } = block;
        let mut journal = Journal::new(view);
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
