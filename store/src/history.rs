//! Going back to an earlier height, and forgetting the earliest ones.

use crate::{
    base::{Base, pages_of},
    code_tally::CodeTally,
    code_uses::{self, CodeUses},
    error::StoreError,
    fold::write_page,
    log::{Log, rollback_payload},
    page::Place,
    past::Past,
    row::{Row, RowKey, RowValue, TreeId},
    store::{Chain, Store},
    tables::{
        BLOCKS, BODIES, BlockRow, CHANGES, Changes, ENDED, Forks, Kept, PAGES, RECEIPTS, ROWS, UNDO, VALUES, Writing,
        dated_key, decode, height_key, numbered_key, undo_key,
    },
    view::{Undone, View},
};
use redb::WriteTransaction;
use std::sync::Arc;

/// Heights that one transaction of a pruning forgets.
const PRUNED_AT_ONCE: u64 = 64;

/// Rows and storages that one transaction removes of what no kept height has.
const SWEPT_ROWS_MAX: usize = 20_000;
const SWEPT_TREES_MAX: usize = 1_000;

/// What a step of a pruning did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneStep {
    /// Heights that it forgot.
    pub forgotten: u64,
    /// Heights that are to be forgotten still.
    pub left: u64,
    /// Whether there was nothing left to do.
    pub is_last: bool,
}

impl Store {
    /// Makes `height` the last one: every later block is gone, as if it had never been.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotKept`], [`StoreError::Empty`], or that the database cannot be read or written; nothing is changed
    /// then.
    pub fn rollback(&self, height: u64) -> Result<(), StoreError> {
        self.write(|log, chain| {
            chain.check_kept(height)?;
            let folded = chain.base.kept.map(|kept| kept.folded);
            if folded.is_none_or(|folded| folded <= height) {
                if chain.layers.last().is_some_and(|layer| layer.height > height) {
                    log.append(&rollback_payload(height)?)?;
                    chain.layers.retain(|layer| layer.height <= height);
                }
                return Ok(());
            }
            *chain = self.unfold(chain, height)?;
            log.reset(chain.base.kept.map_or(0, |kept| kept.epoch))
        })
    }

    /// Takes back blocks of the database. Those of the log go with them: their epoch ends.
    fn unfold(&self, chain: &Chain, height: u64) -> Result<Chain, StoreError> {
        let base = &chain.base;
        let before = base.kept.ok_or(StoreError::Empty)?;
        let view = View::of_base(base, height, &self.settings, &self.guard)?;
        let Undone { past, patch, born } = view.into_undone()?.ok_or(StoreError::Empty)?;
        let writing = self.begin_write()?;
        let codes = {
            let mut tables = Tables::open(&writing, &base.forks, before.codes)?;
            for (key, row) in patch.rows() {
                tables.undo_leaf(base, &past.0, key, row.as_ref())?;
            }
            tables.undo.remove_between(&height_key(height.saturating_add(1)), &[0xff; 64])?;
            for (place, slot) in patch.slots() {
                write_page(&mut tables.pages, &place.page_key(), slot, slot.had_page)?;
            }
            for tree in born {
                tables.remove_pages(tree)?;
            }
            for gone in height.saturating_add(1)..=before.folded {
                tables.forget_block(gone)?;
            }
            tables.code_uses.tally()
        };
        let epoch = before.epoch.saturating_add(1);
        let kept = Kept { folded: height, epoch, codes, ..before };
        // Rows of these heights that come again are of another fork.
        let forks = Arc::new(base.forks.from(height.saturating_add(1), epoch));
        Writing::put_kept(&writing, &kept, &forks)?;
        writing.commit()?;
        let mut cache = base.cache().clone();
        cache.apply(patch.slots().iter());
        let base = Base::new(&*self.begin_read()?, cache)?;
        Ok(Chain { base: Arc::new(base), layers: Vec::new() })
    }

    /// Keeps the states of the last `keep_last` heights, at least 1, and forgets earlier ones. Says how many heights were
    /// forgotten. `progress` is told after each step how many are done and how many there are.
    ///
    /// It goes in steps, each of them a transaction: it can be interrupted at any time and goes on the next time.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read or written.
    pub fn prune(&self, keep_last: u64, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, StoreError> {
        let mut done = 0_u64;
        loop {
            let PruneStep { forgotten, left, is_last } = self.prune_step(keep_last)?;
            if is_last {
                return Ok(done);
            }
            done = done.saturating_add(forgotten);
            progress(done, done.saturating_add(left));
        }
    }

    /// One step of a [pruning](Self::prune), a transaction: for whoever has other things to do in between.
    ///
    /// # Errors
    ///
    /// As [`prune`](Self::prune).
    pub fn prune_step(&self, keep_last: u64) -> Result<PruneStep, StoreError> {
        self.write(|log, chain| {
            let nothing = PruneStep { forgotten: 0, left: 0, is_last: true };
            let Some((first, tip)) = chain.heights() else { return Ok(nothing) };
            let target = tip.saturating_sub(keep_last.max(1).saturating_sub(1)).max(first);
            if target == first {
                return Ok(PruneStep { is_last: !self.sweep(log, chain)?, ..nothing });
            }
            // Only what is in the database can be forgotten.
            self.fold_chain(log, chain)?;
            let Some(next) = self.forget(chain, target)? else { return Ok(nothing) };
            let (forgotten, left) = (next.saturating_sub(first), target.saturating_sub(next));
            Ok(PruneStep { forgotten, left, is_last: false })
        })
    }

    /// Removes some rows of storages that no kept height has, and codes that none has. Returns whether there may be more of
    /// them.
    fn sweep(&self, log: &mut Log, chain: &mut Chain) -> Result<bool, StoreError> {
        let tally = |chain: &Chain| chain.base.kept.map(|kept| kept.codes).unwrap_or_default();
        let sweeps = code_uses::are_many_unused(&*self.begin_read()?, &chain.base.forks, &tally(chain))?;
        if sweeps {
            // A block of the log can have one of these codes again.
            self.fold_chain(log, chain)?;
        }
        let (base, Some(kept)) = (&chain.base, chain.base.kept) else { return Ok(false) };
        let ended: Vec<TreeId> = base.ended()?.take(SWEPT_TREES_MAX).collect::<Result<_, _>>()?;
        let unused = match sweeps {
            true => code_uses::unused(&*self.begin_read()?, &base.forks, &kept.codes)?,
            false => Vec::new(),
        };
        if ended.is_empty() && unused.is_empty() {
            return Ok(false);
        }
        let writing = self.begin_write()?;
        let codes = code_uses::sweep(&writing, &base.forks, kept.codes, &unused)?;
        Writing::put_kept(&writing, &Kept { codes, ..kept }, &base.forks)?;
        {
            let mut tables = Tables::open(&writing, &base.forks, codes)?;
            let mut left = SWEPT_ROWS_MAX;
            for tree in ended {
                let place = Place::root(tree);
                let from = RowKey { tree, key: place.path };
                let (mut last, mut count) = (None, 0_usize);
                for row in base.below(&place)?.take(left) {
                    (last, count) = (Some(row?.0), count.saturating_add(1));
                }
                if let Some(last) = last {
                    tables.rows.remove_between(&from.bytes(), &last.bytes())?;
                    tables.values.remove_between(&dated_key(&from, 0), &dated_key(&last, u64::MAX))?;
                }
                left = left.saturating_sub(count);
                if left == 0 {
                    break;
                }
                tables.remove_pages(tree)?;
                tables.ended.remove(&tree.bytes())?;
            }
        }
        writing.commit()?;
        let cache = chain.base.cache().clone();
        chain.base = Arc::new(Base::new(&*self.begin_read()?, cache)?);
        Ok(true)
    }

    /// Forgets some heights below `target`. Returns the oldest that is left, `None` if there was nothing to forget.
    fn forget(&self, chain: &mut Chain, target: u64) -> Result<Option<u64>, StoreError> {
        let Some(before) = chain.base.kept else { return Ok(None) };
        let next = before.oldest.saturating_add(PRUNED_AT_ONCE).min(target).min(before.folded);
        if next <= before.oldest {
            return Ok(None);
        }
        let writing = self.begin_write()?;
        let codes = {
            let mut tables = Tables::open(&writing, &chain.base.forks, before.codes)?;
            // What a height was before its block is for the heights below it, which go.
            for height in before.oldest..=next {
                tables.forget_changes(height)?;
            }
            for height in before.oldest..next {
                tables.forget_block(height)?;
            }
            tables.code_uses.tally()
        };
        let forks = Arc::new(chain.base.forks.without_below(next));
        Writing::put_kept(&writing, &Kept { oldest: next, codes, ..before }, &forks)?;
        writing.commit()?;
        let cache = chain.base.cache().clone();
        chain.base = Arc::new(Base::new(&*self.begin_read()?, cache)?);
        Ok(Some(next))
    }

    /// Gives the space that the file no longer needs back to the disk. No view may be held meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read or written, or is being read.
    pub fn compact(&mut self) -> Result<(), StoreError> {
        self.fold()?;
        let guard = Arc::clone(&self.guard);
        guard.run(|| {
            self.alone(|db| {
                while db.compact()? {}
                Ok(())
            })
        })
    }
}

/// Every table, open to be written.
struct Tables<'a> {
    blocks: Writing<'a>,
    receipts: Writing<'a>,
    bodies: Writing<'a>,
    changes: Writing<'a>,
    rows: Writing<'a>,
    values: Writing<'a>,
    undo: Writing<'a>,
    code_uses: CodeUses<'a>,
    pages: Writing<'a>,
    ended: Writing<'a>,
}

impl<'a> Tables<'a> {
    fn open(writing: &'a WriteTransaction, forks: &Arc<Forks>, codes: CodeTally) -> Result<Self, StoreError> {
        let open = |id| Writing::open(writing, id, forks);
        Ok(Self {
            blocks: open(BLOCKS)?,
            receipts: open(RECEIPTS)?,
            bodies: open(BODIES)?,
            changes: open(CHANGES)?,
            rows: open(ROWS)?,
            values: open(VALUES)?,
            undo: open(UNDO)?,
            code_uses: CodeUses::open(writing, forks, codes)?,
            pages: open(PAGES)?,
            ended: open(ENDED)?,
        })
    }

    /// A leaf becomes what it was at the height of `past`; what it was later is gone.
    fn undo_leaf(&mut self, base: &Base, past: &Past, key: &RowKey, row: Option<&Row>) -> Result<(), StoreError> {
        let bytes = key.bytes();
        let now = match row {
            Some(row) => self.rows.replace(&bytes, &[row.bytes()])?,
            None => self.rows.remove(&bytes)?,
        };
        let gone = now.as_deref().map(Row::of).transpose()?;
        // The first of them is what the leaf becomes.
        for gone in past.all_old(base, key)?.iter().skip(1).filter_map(Option::as_ref).chain(&gone) {
            self.drop_row(key, gone)?;
        }
        Ok(())
    }

    /// Removes what a row that is gone had elsewhere: the use of its code, or its long value.
    fn drop_row(&mut self, key: &RowKey, gone: &Row) -> Result<(), StoreError> {
        if key.tree == TreeId::ACCOUNTS {
            return match gone.to_account()?.1.account.code {
                Some(id) => self.code_uses.fewer(&id.hash),
                None => Ok(()),
            };
        }
        if let RowValue::Long(long) = gone.to_storage()?.1 {
            self.values.remove(&dated_key(key, long.height))?;
        }
        Ok(())
    }

    fn block(&self, height: u64) -> Result<BlockRow, StoreError> {
        let block = self.blocks.get(&height_key(height), decode)?;
        block.ok_or_else(|| StoreError::Damaged(format!("there is no block at height {height}")))
    }

    /// Removes what leaves were before a height, and storages that ended at it.
    fn forget_changes(&mut self, height: u64) -> Result<(), StoreError> {
        for part in 0..self.block(height)?.changes {
            let key = numbered_key(height, part);
            let Some(changes) = self.changes.remove(&key)? else { continue };
            let changes: Changes = decode(&changes)?;
            for (key, _) in changes.leaves().filter(|(_, was)| *was) {
                if let Some(old) = self.undo.remove(&undo_key(height, &key))? {
                    self.drop_row(&key, &Row::of(&old)?)?;
                }
            }
            // However large they are, this step is not: their rows go later.
            for tree in changes.dead {
                self.ended.put(&tree.bytes(), &[])?;
            }
        }
        Ok(())
    }

    /// Removes a block, its receipts, its body and the list of its changes.
    fn forget_block(&mut self, height: u64) -> Result<(), StoreError> {
        let block = self.block(height)?;
        for number in 0..block.receipts.unwrap_or(0) {
            self.receipts.remove(&numbered_key(height, number))?;
        }
        for part in 0..block.body.map_or(0, |(parts, _)| parts) {
            self.bodies.remove(&numbered_key(height, part))?;
        }
        for part in 0..block.changes {
            self.changes.remove(&numbered_key(height, part))?;
        }
        self.blocks.remove(&height_key(height))?;
        Ok(())
    }

    fn remove_pages(&mut self, tree: TreeId) -> Result<(), StoreError> {
        let (from, to) = pages_of(tree);
        self.pages.remove_between(&from, &to)
    }
}
