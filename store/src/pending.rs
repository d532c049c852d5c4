//! Blocks that are not committed: their states, their roots, side by side, as many as one likes.
//!
//! A pending block is a value. It holds what it changed and the blocks below it, and is gone when it is dropped; nothing is
//! written for it.

use crate::{
    error::StoreError,
    executed::{ExecutedBlock, follows},
    layer::Layer,
    store::{Chain, Store, view},
    view::View,
};
use lockstep_vm::{B256, BlockOutcome, Receipt, StateDiff, receipts_root};
use std::sync::Arc;

/// A block that was executed and is not committed.
#[derive(Debug, Clone)]
pub struct Pending {
    layer: Arc<Layer>,
    diff: Arc<StateDiff>,
}

/// What a block commits to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roots {
    /// The root of the state after it.
    pub state: B256,
    /// The root of its receipts.
    pub receipts: B256,
}

impl Pending {
    /// Its height.
    pub fn height(&self) -> u64 {
        self.layer.height
    }

    /// Its hash.
    pub fn hash(&self) -> B256 {
        self.layer.hash
    }

    /// The hash of the block below it.
    pub fn parent_hash(&self) -> B256 {
        self.layer.parent_hash
    }

    /// The root of the state after it.
    pub fn root(&self) -> B256 {
        self.layer.root
    }

    /// The roots of its state and of its receipts.
    pub fn roots(&self) -> Roots {
        Roots { state: self.root(), receipts: receipts_root(self.receipts()) }
    }

    /// What its transactions gave.
    pub fn receipts(&self) -> &[Receipt] {
        &self.layer.receipts
    }

    /// What it changed.
    pub fn diff(&self) -> &StateDiff {
        &self.diff
    }

    /// Permutations of sha3-256 that its root took: what a commit costs, apart from the disk.
    pub fn permutations(&self) -> u64 {
        self.layer.hashed
    }

    pub(crate) const fn layer(&self) -> &Arc<Layer> {
        &self.layer
    }

    pub(crate) fn block(&self) -> ExecutedBlock<'_> {
        let Layer { height, hash, parent_hash, root, receipts, body, .. } = &*self.layer;
        ExecutedBlock {
            height: *height,
            hash: *hash,
            parent_hash: *parent_hash,
            diff: &self.diff,
            receipts,
            body: body.as_deref(),
            root: Some(*root),
        }
    }
}

impl Store {
    /// The state after the last of `ancestors`, of which the first follows a block that is kept and each other one follows
    /// the one before it. Without any, the state after the last block.
    ///
    /// # Errors
    ///
    /// [`StoreError::Height`], [`StoreError::Parent`] or [`StoreError::Root`] if one of them does not stand on what is
    /// below it, [`StoreError::NotKept`], or that the database cannot be read.
    pub fn view_above(&self, ancestors: &[Pending]) -> Result<View, StoreError> {
        self.guard.run(|| self.above(&self.chain()?, ancestors))
    }

    fn above(&self, chain: &Chain, ancestors: &[Pending]) -> Result<View, StoreError> {
        let tip = chain.heights().map(|(_, tip)| tip);
        let below = ancestors.first().and_then(|first| first.height().checked_sub(1));
        let mut state = match (tip, below) {
            (Some(_), Some(below)) => self.view_of(chain, below)?,
            _ => view(chain, tip.unwrap_or(0), &self.settings, &self.guard)?,
        };
        for (number, pending) in ancestors.iter().enumerate() {
            let layer = pending.layer();
            let begins = number == 0 && tip.is_none();
            if !begins && state.height().checked_add(1) != Some(layer.height) {
                let expected = state.height().saturating_add(1);
                return Err(StoreError::Height { actual: layer.height, expected });
            }
            if !begins && !is_followed(&state, layer.height, layer.parent_hash) {
                return Err(StoreError::Parent { actual: layer.parent_hash, expected: state.hash() });
            }
            if layer.root_before != state.root() {
                return Err(StoreError::Root { actual: layer.root_before, expected: state.root() });
            }
            state = state.above([Arc::clone(layer)]);
        }
        Ok(state)
    }

    /// Executes nothing and commits nothing: what `block` makes of the state after the last of `ancestors`.
    ///
    /// # Errors
    ///
    /// As [`view_above`](Self::view_above) and [`commit`](Self::commit).
    pub fn pending(&self, ancestors: &[Pending], block: &ExecutedBlock<'_>) -> Result<Pending, StoreError> {
        self.guard.run(|| {
            let chain = self.chain()?;
            let state = self.above(&chain, ancestors)?;
            if ancestors.is_empty() {
                follows(&chain, block.height, block.parent_hash)?;
            } else if !is_followed(&state, block.height, block.parent_hash) {
                return Err(StoreError::Parent { actual: block.parent_hash, expected: state.hash() });
            }
            let layer = Layer::new(&state, self.settings.executor(), block)?;
            if let Some(expected) = block.root.filter(|root| *root != layer.root) {
                return Err(StoreError::Root { actual: layer.root, expected });
            }
            Ok(Pending { layer: Arc::new(layer), diff: Arc::new(block.diff.clone()) })
        })
    }

    /// The roots that a block with that outcome has above `ancestors`: those that [`commit`](Self::commit) returns.
    ///
    /// # Errors
    ///
    /// As [`pending`](Self::pending).
    pub fn preview(&self, ancestors: &[Pending], outcome: &BlockOutcome) -> Result<Roots, StoreError> {
        self.guard.run(|| {
            let state = self.above(&self.chain()?, ancestors)?;
            let height = state.height().saturating_add(1);
            let applied = crate::apply::apply(&state, self.settings.executor(), height, &outcome.diff)?;
            Ok(Roots { state: applied.root, receipts: outcome.receipts_root() })
        })
    }
}

/// Whether a block with that height and parent follows a state.
fn is_followed(state: &View, height: u64, parent_hash: B256) -> bool {
    state.height().checked_add(1) == Some(height) && state.hash() == parent_hash
}
