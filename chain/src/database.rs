//! A chain in a store, of blocks with one transaction each, open at one of its heights.

use crate::{
    attempt::{Attempt, Order, Sealed, block_after},
    body::body_of,
    changes::Changes,
    error::ChainError,
};
use lockstep_store::{ExecutedBlock, Store, StoreError, View};
use lockstep_vm::{BlockEnv, StateView, Supply, Vm};
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
        let block = attempt.block();
        let (number, hash, parent_hash) = (block.env.number, block.hash(), block.env.parent_hash);
        let body = Some(body_of(&block)?);
        let receipts = std::slice::from_ref(&executed.receipt);
        let diff = &executed.diff;
        self.store.commit(&ExecutedBlock {
            height: number,
            hash,
            parent_hash,
            diff,
            receipts,
            body: body.as_deref(),
            root: None,
        })?;
        Ok(Sealed { number, executed, changes })
    }
}
