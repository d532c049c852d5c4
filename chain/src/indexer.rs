//! The chain of an indexer: each block of another chain is handed to it by a block of its own, of the same height, with one
//! transaction. The first block brings the indexer along.

use crate::{attempt::Attempt, body::body_of, error::ChainError};
use lockstep_store::{ExecutedBlock, Store, StoreError, Tip, View};
use lockstep_vm::{
    Account, Address, B256, Block, BlockEnv, Bytes, CodeId, Executed, Fault, Gas, MemoryState, Outcome, StateReader,
    StateView, Tx, TxKind, U256, Vm,
};
use std::sync::Arc;

/// The account that sends each block of the other chain.
pub const SENDER: Address = Address::repeat_byte(0xca);

/// The output of an indexer that noted a failure and went on (docs/abi-metashrew.md).
const FAILURE_NOTED: &[u8] = &[1];

/// The account that the indexer is on: the first that its sender could have made.
pub fn indexer_address() -> Address {
    SENDER.create(0)
}

/// Whether an indexer that returned says that something went wrong on the way.
pub fn has_noted_failure(executed: &Executed) -> bool {
    executed.receipt.output == FAILURE_NOTED
}

/// An indexer, and what it is run with.
pub struct Indexer {
    /// The machine.
    pub vm: Vm,
    /// The module.
    pub code: Bytes,
    /// Its identity.
    pub id: CodeId,
    /// The gas limit of a block.
    pub gas_limit: u64,
}

/// What came of a block.
pub enum Indexed {
    /// It is part of the chain.
    Block(IndexedBlock),
    /// The indexer did not return from it.
    Stopped(Box<Attempt>),
}

/// A block that is part of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexedBlock {
    /// Its height.
    pub height: u64,
    /// The root of the state after it.
    pub root: B256,
    /// Gas used.
    pub gas_used: u64,
    /// Whether it was there already.
    pub was_there: bool,
    /// Whether the indexer noted a failure. Not known of a block that was there.
    pub noted_failure: bool,
}

/// Why a block is not indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotIndexed {
    /// It does not follow the last one.
    Follows {
        /// The height that follows.
        expected: u64,
    },
    /// It is before the first block of the store.
    Before {
        /// The first height.
        oldest: u64,
    },
    /// The store has another block of its height.
    Other,
    /// The chain refused, or failed.
    Chain(ChainError),
}

impl From<ChainError> for NotIndexed {
    fn from(error: ChainError) -> Self {
        Self::Chain(error)
    }
}

impl From<StoreError> for NotIndexed {
    fn from(error: StoreError) -> Self {
        Self::Chain(error.into())
    }
}

impl Indexer {
    /// Whether the store is empty or has this indexer.
    ///
    /// # Errors
    ///
    /// That the database cannot be read.
    pub fn is_of(&self, store: &Store) -> Result<bool, ChainError> {
        if store.tip()?.is_none() {
            return Ok(true);
        }
        let account = store.latest()?.account(&indexer_address())?;
        Ok(account.and_then(|account| account.code) == Some(self.id))
    }

    /// Indexes a block, unless it is there already.
    ///
    /// # Errors
    ///
    /// [`NotIndexed`].
    pub fn index(&self, store: &Store, height: u64, input: Vec<u8>) -> Result<Indexed, NotIndexed> {
        let tip = store.tip()?;
        match tip {
            Some(Tip { height: last, .. }) if height > last.saturating_add(1) => {
                return Err(NotIndexed::Follows { expected: last.saturating_add(1) });
            }
            Some(Tip { oldest, .. }) if height < oldest => return Err(NotIndexed::Before { oldest }),
            _ => {}
        }
        let parent = match (tip, height.checked_sub(1)) {
            (Some(tip), Some(before)) if before <= tip.height && before >= tip.oldest => Some(store.view(before)?),
            _ => None,
        };
        let block = self.block(height, parent.as_ref(), input)?;
        let hash = block.hash();
        if tip.is_some_and(|tip| height <= tip.height) {
            return was_there(store, height, hash);
        }
        self.execute(store, block, parent, hash)
    }

    /// The block of the indexer's chain that hands over a block of the other chain.
    fn block(&self, height: u64, parent: Option<&View>, input: Vec<u8>) -> Result<Block, ChainError> {
        let sender = parent.map(|parent| parent.account(&SENDER)).transpose()?.flatten();
        let env = BlockEnv {
            number: height,
            timestamp: height,
            gas_limit: self.gas_limit,
            beneficiary: Address::ZERO,
            difficulty: U256::ZERO,
            parent_hash: parent.map_or(B256::ZERO, View::hash),
        };
        let transaction = Tx {
            sender: SENDER,
            nonce: sender.map_or(0, |account| account.nonce),
            gas_limit: Gas::new(self.gas_limit),
            gas_price: U256::ZERO,
            value: U256::ZERO,
            kind: TxKind::Call { to: indexer_address(), export: None },
            input,
        };
        Ok(Block { env, transactions: vec![transaction] })
    }

    fn execute(&self, store: &Store, block: Block, parent: Option<View>, hash: B256) -> Result<Indexed, NotIndexed> {
        // What brings the indexer along is not in the first block, so it cannot be executed again.
        let body = parent.as_ref().map(|_| body_of(&block)).transpose()?;
        let Block { env, transactions } = block;
        let (height, parent_hash) = (env.number, env.parent_hash);
        let begins = parent.is_none();
        let view: StateView = match parent {
            Some(parent) => Arc::new(parent),
            None => Arc::new(self.beginning()),
        };
        let transaction = transactions.into_iter().next();
        let transaction = transaction.ok_or_else(|| {
            ChainError::Fault(Fault::Broken("a block of the indexer's chain has no transaction".to_owned()))
        })?;
        let mut attempt = Attempt::new(&self.vm, view, env, transaction)?;
        if attempt.executed.receipt.outcome != Outcome::Return {
            return Ok(Indexed::Stopped(Box::new(attempt)));
        }
        let diff = &mut attempt.executed.diff;
        if begins {
            // The first block brings the indexer along.
            diff.accounts.insert(indexer_address(), Some(self.account()));
            diff.code.insert(self.id.hash, self.code.to_vec());
        }
        let receipts = std::slice::from_ref(&attempt.executed.receipt);
        let diff = &attempt.executed.diff;
        let root = store.commit(&ExecutedBlock {
            height,
            hash,
            parent_hash,
            diff,
            receipts,
            body: body.as_deref(),
            root: None,
        })?;
        let (gas_used, noted_failure) = (attempt.executed.receipt.gas_used.get(), has_noted_failure(&attempt.executed));
        Ok(Indexed::Block(IndexedBlock { height, root, gas_used, was_there: false, noted_failure }))
    }

    fn account(&self) -> Account {
        Account { nonce: 1, balance: U256::ZERO, code: Some(self.id) }
    }

    /// The state before the first block: the indexer, which has stored nothing.
    fn beginning(&self) -> MemoryState {
        let mut state = MemoryState::default();
        state.accounts.insert(indexer_address(), self.account());
        state.code.insert(self.id.hash, self.code.to_vec());
        state
    }
}

/// The block of a height that the store has already, if it is the same.
fn was_there(store: &Store, height: u64, hash: B256) -> Result<Indexed, NotIndexed> {
    if store.block_hash(height)? != hash {
        return Err(NotIndexed::Other);
    }
    let root = store.root(height)?;
    let gas_used = store.receipts(height)?.first().map_or(0, |receipt| receipt.gas_used.get());
    Ok(Indexed::Block(IndexedBlock { height, root, gas_used, was_there: true, noted_failure: false }))
}
