//! Blocks of a store, applied one after the other: what follows what, and what a block does that is there already.

use crate::{body::body_of, error::ChainError};
use lockstep_store::{ExecutedBlock, Recorder, Store, StoreError, Tip, View};
use lockstep_vm::{B256, Block, BlockOutcome, Receipt, StateView, Vm};
use std::sync::Arc;

/// A block that is part of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// The root of the state after it.
    pub root: B256,
    /// What its transactions gave.
    pub receipts: Vec<Receipt>,
    /// Whether it was there already.
    pub was_there: bool,
}

/// What a block is executed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be part of the chain.
    Commit,
    /// The same, and to have its witness. A block that is there already is executed again for it.
    Witness,
}

/// A block that was executed and is not part of the chain yet, if it was not there already.
#[derive(Debug)]
pub enum Application {
    /// It was there.
    WasThere(Applied),
    /// It was executed.
    Executed(Box<Execution>),
}

/// A block that was executed.
#[derive(Debug)]
pub struct Execution {
    block: Block,
    hash: B256,
    outcome: BlockOutcome,
    witness: Option<Vec<u8>>,
    was_there: bool,
}

/// The place of a block in a store: its number and the state before it.
pub struct Place {
    /// The number of the block.
    pub number: u64,
    /// The state that it is executed on.
    pub parent: View,
    tip: Option<Tip>,
}

impl Place {
    /// The place of block `number`, or of the one that follows the last. A lower one is there already.
    ///
    /// # Errors
    ///
    /// [`ChainError::Follows`] if it neither follows nor is there, or that the height before it is not kept.
    pub fn find(store: &Store, number: Option<u64>) -> Result<Self, ChainError> {
        let tip = store.tip()?;
        let expected = tip.map_or(1, |tip| tip.height.saturating_add(1));
        let number = number.unwrap_or(expected);
        if number > expected || number == 0 {
            return Err(ChainError::Follows { actual: number, expected });
        }
        let parent = match (number.checked_sub(1), tip) {
            (Some(parent), Some(_)) => store.view(parent)?,
            _ => store.latest()?,
        };
        Ok(Self { number, parent, tip })
    }

    /// Executes `block` at this place. One that is there already is only compared, unless its witness is asked for.
    ///
    /// # Errors
    ///
    /// [`StoreError::Parent`] if the block has another parent, [`ChainError::OtherBlock`] if another one has its height,
    /// [`ChainError::Block`] if it is invalid, or that this node failed.
    pub fn execute(self, vm: &Vm, store: &Store, block: Block, purpose: Purpose) -> Result<Application, ChainError> {
        let Self { number, parent, tip } = self;
        let (actual, expected) = (block.env.parent_hash, parent.hash());
        if actual != expected {
            return Err(StoreError::Parent { actual, expected }.into());
        }
        let hash = block.hash();
        let was_there = tip.is_some_and(|tip| number <= tip.height);
        if was_there && purpose == Purpose::Commit {
            let there = store.block_hash(number)?;
            if there != hash {
                return Err(ChainError::OtherBlock { height: number, there });
            }
            let (root, receipts) = (store.root(number)?, store.receipts(number)?);
            return Ok(Application::WasThere(Applied { number, hash, root, receipts, was_there }));
        }
        let (outcome, witness) = match purpose {
            Purpose::Commit => (vm.execute_block_with(Arc::new(parent), block.clone(), store.executor())?, None),
            Purpose::Witness => {
                let recorder = Arc::new(Recorder::new(parent));
                let outcome = vm.execute_block(Arc::clone(&recorder) as StateView, block.clone())?;
                let witness = recorder.witness(block.clone(), &outcome.diff)?.to_bytes()?;
                (outcome, Some(witness))
            }
        };
        Ok(Application::Executed(Box::new(Execution { block, hash, outcome, witness, was_there })))
    }
}

impl Execution {
    /// The witness, if it was asked for.
    pub fn witness(&self) -> Option<&[u8]> {
        self.witness.as_deref()
    }

    /// Makes the block the last one.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn commit(self, store: &Store) -> Result<Applied, ChainError> {
        let Self { block, hash, outcome, was_there, .. } = self;
        let number = block.env.number;
        let (diff, receipts, parent_hash) = (&outcome.diff, outcome.receipts.as_slice(), block.env.parent_hash);
        let body = body_of(&block)?;
        let body = Some(body.as_slice());
        let root =
            store.commit(&ExecutedBlock { height: number, hash, parent_hash, diff, receipts, body, root: None })?;
        Ok(Applied { number, hash, root, receipts: outcome.receipts, was_there })
    }
}
