//! A block of one transaction: what is ordered, what was executed and is not kept, what became part of the chain.
//!
//! There is no clock: the timestamp of such a block is its number. Gas costs nothing.

use crate::{changes::Changes, error::ChainError};
use lockstep_vm::{
    Address, B256, Block, BlockEnv, Executed, Gas, StateView, Tx, TxKind, U256, ValidTx, Vm, last_block,
};
use std::sync::Arc;

/// Gas limit of a block, unless its transaction takes more: about a second or two of work.
pub const BLOCK_GAS_LIMIT: u64 = 1_000_000_000;

/// A transaction before the chain sets its nonce.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who sends it.
    pub sender: Address,
    /// Its gas limit.
    pub gas_limit: u64,
    /// The amount that it sends along.
    pub value: U256,
    /// What it does.
    pub kind: TxKind,
    /// Its input.
    pub input: Vec<u8>,
}

impl Order {
    /// The transaction, with the nonce that its sender has in `view`.
    ///
    /// # Errors
    ///
    /// [`ChainError::Fault`] if the state cannot be read.
    pub fn transaction(self, view: &StateView) -> Result<Tx, ChainError> {
        let Self { sender, gas_limit, value, kind, input } = self;
        let nonce = view.account(&sender)?.map_or(0, |account| account.nonce);
        Ok(Tx { sender, nonce, gas_limit: Gas::new(gas_limit), gas_price: U256::ZERO, value, kind, input })
    }
}

/// A transaction that was executed and is not part of the chain yet.
pub struct Attempt {
    /// The block that it is going to be.
    pub env: BlockEnv,
    /// The state before it.
    pub view: StateView,
    /// The transaction.
    pub valid: ValidTx,
    /// What it did.
    pub executed: Executed,
}

impl Attempt {
    /// Executes `tx` on `view`. A block of one transaction is its transaction; executed as such, it also says where a
    /// frame halted.
    ///
    /// # Errors
    ///
    /// [`ChainError::Tx`] if the transaction is invalid, [`ChainError::Fault`] if this node failed.
    pub fn new(vm: &Vm, view: StateView, env: BlockEnv, tx: Tx) -> Result<Self, ChainError> {
        let valid = vm.check(Arc::clone(&view), &env, tx)?;
        let executed = vm.execute_tx(Arc::clone(&view), &env, valid.clone())?;
        Ok(Self { env, view, valid, executed })
    }

    /// The block.
    pub fn block(&self) -> Block {
        Block { env: self.env.clone(), transactions: vec![self.valid.tx().clone()] }
    }

    /// The hash of the block.
    pub fn hash(&self) -> B256 {
        self.block().hash()
    }

    /// The environment of the block after it.
    pub fn next_block(&self) -> BlockEnv {
        let number = self.env.number.saturating_add(1);
        let timestamp = self.env.timestamp.max(number);
        BlockEnv { number, timestamp, parent_hash: self.hash(), ..self.env.clone() }
    }
}

/// A block that was executed and is part of the chain.
#[derive(Debug)]
pub struct Sealed {
    /// Its number.
    pub number: u64,
    /// What its transaction did.
    pub executed: Executed,
    /// What that changed, with what was there before.
    pub changes: Changes,
}

/// The environment of the block after the block `number` with the hash `parent_hash`, whose state is `view`. Its
/// timestamp is its number, or that of the last block if that is higher. Its gas limit is [`BLOCK_GAS_LIMIT`], or
/// `gas_limit` if that is higher.
///
/// # Errors
///
/// [`ChainError::NumberAtEnd`], or [`ChainError::Fault`] if the state cannot be read.
pub fn block_after(view: &StateView, number: u64, parent_hash: B256, gas_limit: u64) -> Result<BlockEnv, ChainError> {
    let last = last_block(&**view)?;
    let number = number.checked_add(1).ok_or(ChainError::NumberAtEnd)?;
    Ok(BlockEnv {
        number,
        timestamp: timestamp_of(number, last.map(|last| last.timestamp)),
        gas_limit: gas_limit.max(BLOCK_GAS_LIMIT),
        beneficiary: Address::ZERO,
        difficulty: U256::ZERO,
        parent_hash,
    })
}

/// The timestamp of block `number` where none is said: its number, or the timestamp of the last block if that is higher.
pub fn timestamp_of(number: u64, last: Option<u64>) -> u64 {
    number.max(last.unwrap_or(0))
}
