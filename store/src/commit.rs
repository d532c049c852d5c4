//! Committing a block: one record of the log, all of it or nothing.

use crate::{
    apply::apply,
    error::StoreError,
    executed::{ExecutedBlock, follows},
    layer::Layer,
    log::{Log, block_payload},
    pending::Pending,
    store::{Chain, Store, view},
    tables::encode,
};
use lockstep_vm::{B256, Receipt, StateDiff};
use sha3::{Digest, Sha3_256};
use std::sync::Arc;

impl Store {
    /// Makes the block the last one. When this returns, it is on disk, unless [`Settings::durability`](crate::Settings) says
    /// otherwise. Returns the root.
    ///
    /// A block that is there already changes nothing. Its hash, its receipts, its body and `root` are compared with what
    /// is there. So is the root that the diff results in, if the height before is kept. A block that came with a snapshot
    /// has no receipts to compare, and a body is compared where both have one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Height`] if it does not follow, [`StoreError::Parent`] if its parent is not the last block,
    /// [`StoreError::OtherBlock`], [`StoreError::OtherReceipts`] or [`StoreError::OtherBody`] if another one has its height,
    /// [`StoreError::Diff`] if the diff contradicts the state or the body is too large, [`StoreError::Root`] if the root is another, or that the database cannot be read or
    /// written. Nothing is changed then.
    pub fn commit(&self, executed: &ExecutedBlock<'_>) -> Result<B256, StoreError> {
        self.write(|log, chain| {
            if let Some((oldest, tip)) = chain.heights().filter(|(_, tip)| executed.height <= *tip) {
                if executed.height < oldest {
                    return Err(StoreError::NotKept { height: executed.height, oldest, tip });
                }
                return self.same_as_there(chain, oldest, executed);
            }
            follows(chain, executed.height, executed.parent_hash)?;
            let height = chain.heights().map_or(executed.height, |(_, tip)| tip);
            let view = view(chain, height, &self.settings, &self.guard)?;
            let layer = Layer::new(&view, self.settings.executor(), executed)?;
            same_root(layer.root, executed.root)?;
            self.append(log, chain, Arc::new(layer), executed.diff)
        })
    }

    /// Makes a pending block the last one. It is on disk as after [`commit`](Self::commit). Returns the root. Nothing is computed
    /// anew, unless blocks of the database were taken back since the pending block was made.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit).
    pub fn commit_pending(&self, pending: &Pending) -> Result<B256, StoreError> {
        let block = pending.block();
        let done = self.write(|log, chain| {
            let layer = pending.layer();
            if chain.heights().is_some_and(|(_, tip)| layer.height <= tip) {
                return Ok(None);
            }
            follows(chain, layer.height, layer.parent_hash)?;
            let tip = chain.heights().map(|(_, tip)| chain.block(tip)).transpose()?;
            let root = tip.map_or(crate::proof::EMPTY_ROOT, |(_, root)| root);
            // What was made above another state is of no use; nor is what counted on pages that another fork has, or on code
            // that is gone since.
            let is_above = root == layer.root_before && layer.fork == chain.base.forks.last();
            if !is_above || !self.has_code_of(chain, layer)? {
                return Ok(None);
            }
            self.append(log, chain, Arc::clone(layer), block.diff).map(Some)
        })?;
        done.map_or_else(|| self.commit(&block), Ok)
    }

    /// Whether each account of a block has its code, in the block or below it.
    fn has_code_of(&self, chain: &Chain, layer: &Layer) -> Result<bool, StoreError> {
        let tip = chain.heights().map_or(0, |(_, tip)| tip);
        let view = view(chain, tip, &self.settings, &self.guard)?;
        for row in layer.patch.of_tree(crate::row::TreeId::ACCOUNTS).iter().filter_map(|(_, row)| row.as_ref()) {
            if let Some(id) = row.to_account()?.1.account.code
                && !layer.code.contains_key(&id.hash)
                && !view.has_code(&id.hash)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts a block on the disk and on the chain. Blocks that wait in the log for long enough are folded first.
    fn append(
        &self,
        log: &mut Log,
        chain: &mut Chain,
        layer: Arc<Layer>,
        diff: &StateDiff,
    ) -> Result<B256, StoreError> {
        let bytes = chain.layers.iter().map(|layer| layer.bytes()).fold(0, usize::saturating_add);
        let settings = &self.settings;
        let large = layer.bytes() >= settings.fold_bytes;
        if large || chain.layers.len() >= settings.fold_blocks.max(1) || bytes >= settings.fold_bytes {
            self.fold_chain(log, chain)?;
        }
        let root = layer.root;
        if large {
            // It would be read from the log and be written to the database at once.
            *chain = self.fold_layers(chain, &[layer])?;
            log.reset(chain.base.kept.map_or(0, |kept| kept.epoch))?;
            return Ok(root);
        }
        let head = (layer.height, layer.hash, layer.parent_hash, layer.root);
        log.append(&block_payload(head, &layer.receipts, diff, layer.body.as_deref())?)?;
        chain.layers.push(layer);
        Ok(root)
    }

    /// Puts the blocks of the log into the database.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read or written. The blocks are in the log then.
    pub fn fold(&self) -> Result<(), StoreError> {
        self.write(|log, chain| self.fold_chain(log, chain))
    }

    pub(crate) fn fold_chain(&self, log: &mut Log, chain: &mut Chain) -> Result<(), StoreError> {
        if !chain.layers.is_empty() {
            *chain = self.fold_layers(chain, &chain.layers)?;
            log.reset(chain.base.kept.map_or(0, |kept| kept.epoch))?;
        }
        Ok(())
    }

    /// Compares a block with the one of its height that is there, and returns the root.
    fn same_as_there(&self, chain: &Chain, oldest: u64, executed: &ExecutedBlock<'_>) -> Result<B256, StoreError> {
        let &ExecutedBlock { height, hash, diff, receipts, root, body, parent_hash: _ } = executed;
        let (there, there_root) = chain.block(height)?;
        if there != hash {
            return Err(StoreError::OtherBlock { height, committed: there, actual: hash });
        }
        if let Some(root) = root {
            same_root(root, Some(there_root))?;
        }
        let committed = chain.receipts(height)?;
        if chain.has_receipts(height)? && committed != receipts {
            let hash =
                |receipts: &[Receipt]| Ok::<_, StoreError>(B256::new(Sha3_256::digest(encode(&receipts)?).into()));
            return Err(StoreError::OtherReceipts { height, committed: hash(&committed)?, actual: hash(receipts)? });
        }
        let there = if body.is_some() { chain.body(height)? } else { None };
        if there.is_some_and(|there| Some(there.as_slice()) != body) {
            return Err(StoreError::OtherBody { height });
        }
        if let Some(before) = height.checked_sub(1).filter(|before| *before >= oldest) {
            let view = self.view_of(chain, before)?;
            same_root(apply(&view, self.settings.executor(), height, diff)?.root, Some(there_root))?;
        }
        Ok(there_root)
    }
}

fn same_root(actual: B256, expected: Option<B256>) -> Result<(), StoreError> {
    match expected.filter(|expected| *expected != actual) {
        Some(expected) => Err(StoreError::Root { actual, expected }),
        None => Ok(()),
    }
}
