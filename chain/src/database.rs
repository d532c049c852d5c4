//! A chain in a store, of blocks with one transaction each, open at one of its heights.

use crate::{
    amendment::{amendment_hash, check_amendment},
    attempt::{Attempt, Order, Sealed, block_after},
    changes::Changes,
    error::ChainError,
};
use lockstep_store::{ExecutedBlock, Store, StoreError, View};
use lockstep_vm::{BlockEnv, Revision, StateDiff, StateView, Supply, Vm, beginning};
use std::sync::Arc;

/// A store and the state to look at.
pub struct Database {
    /// The store.
    pub store: Store,
    /// The state.
    pub view: Arc<View>,
}

impl Database {
    /// The chain in `store` at the height `at`, or at its last block.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as for [`Store::view`].
    pub fn new(store: Store, at: Option<u64>) -> Result<Self, StoreError> {
        let view = match at {
            Some(height) => store.view(height)?,
            None => store.latest()?,
        };
        Ok(Self { store, view: Arc::new(view) })
    }

    /// The number of the block that the view is of, 0 if there is none.
    pub fn number(&self) -> u64 {
        self.view.height()
    }

    /// The state to look at.
    pub fn state(&self) -> StateView {
        Arc::clone(&self.view) as StateView
    }

    /// All balances, counted.
    ///
    /// # Errors
    ///
    /// That the database cannot be read.
    pub fn supply(&self) -> Result<Supply, StoreError> {
        let mut supply = Supply::default();
        self.view.for_each_account(|address, account| {
            supply.add(address, account.balance);
            Ok(())
        })?;
        Ok(supply)
    }

    /// The block that comes next.
    ///
    /// # Errors
    ///
    /// As [`block_after`].
    pub fn next_block(&self, gas_limit: u64) -> Result<BlockEnv, ChainError> {
        block_after(&self.state(), self.number(), self.view.hash(), gas_limit)
    }

    /// Executes one transaction as the next block would. Everything stays as it is.
    ///
    /// # Errors
    ///
    /// As [`Attempt::new`] and [`block_after`].
    pub fn execute(&self, vm: &Vm, order: Order) -> Result<Attempt, ChainError> {
        let env = self.next_block(order.gas_limit)?;
        Attempt::new(vm, self.state(), env, order.transaction(&self.state())?)
    }

    /// Makes a transaction that was executed on this state the next block.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn keep(&self, attempt: &Attempt) -> Result<Sealed, ChainError> {
        let executed = attempt.executed.clone();
        let changes = Changes::of(&*self.view, &executed.diff)?;
        let (number, hash, parent_hash) = (attempt.env.number, attempt.hash(), attempt.env.parent_hash);
        let receipts = std::slice::from_ref(&executed.receipt);
        let diff = &executed.diff;
        self.store.commit(&ExecutedBlock { height: number, hash, parent_hash, diff, receipts, root: None })?;
        Ok(Sealed { number, executed, changes })
    }

    /// Changes the state without a transaction, as a block of its own. Returns the number of that block.
    ///
    /// # Errors
    ///
    /// [`ChainError::SystemAccount`], or as [`Store::commit`].
    pub fn amend(&self, diff: StateDiff, revision: &Revision) -> Result<u64, ChainError> {
        check_amendment(&diff)?;
        let env = self.next_block(0)?;
        let diff = beginning(self.state(), &env, diff, revision)?;
        let (height, parent_hash) = (env.number, env.parent_hash);
        let (hash, diff) = (amendment_hash(parent_hash, &diff)?, &diff);
        self.store.commit(&ExecutedBlock { height, hash, parent_hash, diff, receipts: &[], root: None })?;
        Ok(height)
    }
}
