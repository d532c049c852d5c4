//! The store: opening a database, and what it holds.

use crate::{
    base::Base,
    error::StoreError,
    guard::Guard,
    handle::{Aged, Handle, Snapshot},
    layer::Layer,
    log::Log,
    settings::Settings,
    tables::{Kept, Reading},
    view::View,
};
use lockstep_proof::{LogProof, ReceiptProof};
use lockstep_vm::{B256, Executor, Receipt, receipt_hashes, receipts_root};
use redb::{Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, WriteTransaction};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The file of a database within its folder.
pub const FILE_NAME: &str = "state.redb";

/// The file beside it that blocks are appended to.
pub const LOG_NAME: &str = "blocks.log";

/// The durable state of a chain.
///
/// Every method can be called from any thread; commits, rollbacks, foldings and prunings wait for each other, and views
/// wait for nothing. After an I/O error the store answers with errors until it is opened anew, and what was committed is
/// there.
#[derive(Debug)]
pub struct Store {
    /// There until the store is closed.
    db: Option<Handle>,
    /// Whoever holds it is the one who writes.
    log: Mutex<Log>,
    chain: Mutex<Option<Chain>>,
    aged: Mutex<Aged>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) guard: Arc<Guard>,
}

/// What is committed: the database, and the blocks that are in the log alone.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) base: Arc<Base>,
    /// Ascending by height.
    pub(crate) layers: Vec<Arc<Layer>>,
}

impl core::fmt::Debug for Chain {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Chain").field("kept", &self.base.kept).field("in_log", &self.layers.len()).finish()
    }
}

impl Chain {
    /// The oldest kept height and the last one, `None` without blocks.
    pub(crate) fn heights(&self) -> Option<(u64, u64)> {
        let (kept, first) = (self.base.kept, self.layers.first().map(|layer| layer.height));
        let oldest = kept.map(|kept| kept.oldest).or(first)?;
        let tip = self.layers.last().map(|layer| layer.height).or(kept.map(|kept| kept.folded))?;
        Some((oldest, tip))
    }

    /// Hash and root of a kept height.
    pub(crate) fn block(&self, height: u64) -> Result<(B256, B256), StoreError> {
        match self.layer(height) {
            Some(layer) => Ok((layer.hash, layer.root)),
            None => self.base.block(height).map(|block| (block.hash, block.root)),
        }
    }

    /// The block of that height, if it is in the log.
    pub(crate) fn layer(&self, height: u64) -> Option<&Arc<Layer>> {
        let at = self.layers.binary_search_by_key(&height, |layer| layer.height).ok()?;
        self.layers.get(at)
    }

    pub(crate) fn receipts(&self, height: u64) -> Result<Vec<Receipt>, StoreError> {
        self.layer(height).map_or_else(|| self.base.receipts(height), |layer| Ok(layer.receipts.clone()))
    }

    /// Whether the receipts of a kept height are there: those of a snapshot's block are not.
    pub(crate) fn has_receipts(&self, height: u64) -> Result<bool, StoreError> {
        Ok(self.layer(height).is_some() || self.base.block(height)?.receipts.is_some())
    }

    /// The block itself.
    pub(crate) fn body(&self, height: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let of_layer = |layer: &Arc<Layer>| Ok(layer.body.as_deref().map(<[u8]>::to_vec));
        self.layer(height).map_or_else(|| self.base.body(height), of_layer)
    }

    /// Refuses a height that is not kept.
    pub(crate) fn check_kept(&self, height: u64) -> Result<(), StoreError> {
        let (oldest, tip) = self.heights().ok_or(StoreError::Empty)?;
        if (oldest..=tip).contains(&height) { Ok(()) } else { Err(StoreError::NotKept { height, oldest, tip }) }
    }
}

/// The last block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: B256,
    /// The root of the state after it.
    pub root: B256,
    /// The lowest height whose state is kept.
    pub oldest: u64,
}

impl Store {
    pub(crate) fn of(db: Handle, log: Log, chain: Chain, settings: Arc<Settings>, guard: Arc<Guard>) -> Self {
        let (log, chain) = (Mutex::new(log), Mutex::new(Some(chain)));
        Self { db: Some(db), log, chain, aged: Mutex::default(), settings, guard }
    }

    /// A snapshot of the database.
    pub(crate) fn begin_read(&self) -> Result<Snapshot, StoreError> {
        Ok(match self.db.as_ref().ok_or_else(closed)? {
            Handle::Writer(db) => Snapshot::Own(Box::new(db.begin_read()?)),
            Handle::Reader(_, held) => Snapshot::Held(held_by(held).clone().ok_or(StoreError::Expired)?),
        })
    }

    /// What is committed, and the snapshot of the database below it.
    pub(crate) fn chain_and_snapshot(&self) -> Result<(Chain, Snapshot), StoreError> {
        // Whoever writes holds it, so neither changes meanwhile.
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let both = (self.chain()?, self.begin_read()?);
        drop(log);
        Ok(both)
    }

    fn is_read_only(&self) -> bool {
        matches!(self.db, Some(Handle::Reader(..)))
    }

    /// A write transaction, durable when it has committed.
    pub(crate) fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        let mut transaction = match self.db.as_ref().ok_or_else(closed)? {
            Handle::Writer(db) => db.begin_write()?,
            Handle::Reader(..) => return Err(StoreError::ReadOnly),
        };
        // Contracts decide what is written, so a checksum that is no cryptographic hash may not be all that tells a
        // whole commit from half of one: this commits in two phases. It also makes opening after a crash quick.
        transaction.set_quick_repair(true);
        Ok(transaction)
    }

    /// What is committed now.
    pub(crate) fn chain(&self) -> Result<Chain, StoreError> {
        let chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let chain = chain.ok_or_else(closed)?;
        if let Some(Handle::Reader(db, held)) = &self.db {
            self.check_age(db, held, &chain.base)?;
        }
        Ok(chain)
    }

    /// Lets go of a snapshot that is looked at, once the one who writes has folded often enough.
    fn check_age(&self, db: &ReadOnlyDatabase, held: &Held, base: &Base) -> Result<(), StoreError> {
        let epoch = |kept: Option<Kept>| kept.map_or(0, |kept| kept.epoch);
        let now = epoch(Reading::open_meta(&db.begin_read()?)?.1);
        let foldings = u64::try_from(self.settings.view_foldings.max(1)).unwrap_or(u64::MAX);
        if now.saturating_sub(epoch(base.kept)) < foldings {
            return Ok(());
        }
        base.expire();
        drop(held_by(held).take());
        Err(StoreError::Expired)
    }

    /// Writes, one writer at a time: `work` makes another chain of the one that there is, or leaves it. An error
    /// that is this node's ends the use of the store.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&mut Log, &mut Chain) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.is_read_only() {
            return Err(StoreError::ReadOnly);
        }
        let mut log: MutexGuard<'_, Log> = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        self.guard.run(|| {
            let mut chain = self.chain()?;
            let before = Arc::clone(&chain.base);
            let result = work(&mut log, &mut chain);
            if !Arc::ptr_eq(&before, &chain.base) {
                let mut aged = self.aged.lock().unwrap_or_else(PoisonError::into_inner);
                aged.replace(&before, &chain.base, self.settings.view_foldings);
            }
            match &result {
                Err(error) if !error.is_invalid() => self.guard.fail(error.clone()),
                // What was folded before a refusal stays folded.
                _ => *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = Some(chain),
            }
            result
        })
    }

    /// The view of a kept height of a chain.
    pub(crate) fn view_of(&self, chain: &Chain, height: u64) -> Result<View, StoreError> {
        chain.check_kept(height)?;
        view(chain, height, &self.settings, &self.guard)
    }

    /// Who runs the hashing: an embedder may execute blocks with it too.
    pub fn executor(&self) -> &dyn Executor {
        self.settings.executor()
    }

    /// The last block, `None` if there is none yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn tip(&self) -> Result<Option<Tip>, StoreError> {
        self.guard.run(|| {
            let chain = self.chain()?;
            let Some((oldest, height)) = chain.heights() else { return Ok(None) };
            let (hash, root) = chain.block(height)?;
            Ok(Some(Tip { height, hash, root, oldest }))
        })
    }

    /// The root of the state at a kept height.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotKept`], [`StoreError::Empty`], or that the database cannot be read.
    pub fn root(&self, height: u64) -> Result<B256, StoreError> {
        self.of_kept(height, |chain| Ok(chain.block(height)?.1))
    }

    /// The hash of the block at a kept height.
    ///
    /// # Errors
    ///
    /// As [`root`](Self::root).
    pub fn block_hash(&self, height: u64) -> Result<B256, StoreError> {
        self.of_kept(height, |chain| Ok(chain.block(height)?.0))
    }

    /// The receipts of the block at a kept height.
    ///
    /// # Errors
    ///
    /// As [`root`](Self::root).
    pub fn receipts(&self, height: u64) -> Result<Vec<Receipt>, StoreError> {
        self.of_kept(height, |chain| chain.receipts(height))
    }

    /// The body of the block at a kept height, as it was committed; `None` if it was committed without one.
    ///
    /// # Errors
    ///
    /// As [`root`](Self::root).
    pub fn body(&self, height: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.of_kept(height, |chain| chain.body(height))
    }

    /// The receipts root of the block at a kept height, `None` for the block of a snapshot that the store began with:
    /// its receipts are not there.
    ///
    /// # Errors
    ///
    /// As [`root`](Self::root).
    pub fn receipts_root(&self, height: u64) -> Result<Option<B256>, StoreError> {
        self.of_kept(height, |chain| match chain.has_receipts(height)? {
            true => Ok(Some(receipts_root(&chain.receipts(height)?))),
            false => Ok(None),
        })
    }

    /// Proof of the receipt at `index` of the block at a kept height, or that it has none there; `None` as for
    /// [`receipts_root`](Self::receipts_root).
    ///
    /// # Errors
    ///
    /// As [`root`](Self::root).
    pub fn prove_receipt(&self, height: u64, index: u64) -> Result<Option<ReceiptProof>, StoreError> {
        self.of_receipts(height, |receipts, hashes| {
            ReceiptProof::new(hashes, index, at(receipts, index).map(lockstep_proof::Receipt::from))
        })
    }

    /// The same for the log at `log` of that receipt.
    ///
    /// # Errors
    ///
    /// As [`root`](Self::root).
    pub fn prove_log(&self, height: u64, index: u64, log: u64) -> Result<Option<LogProof>, StoreError> {
        self.of_receipts(height, |receipts, hashes| {
            LogProof::new(hashes, index, at(receipts, index).map(lockstep_proof::Receipt::from).as_ref(), log)
        })
    }

    fn of_receipts<T>(
        &self,
        height: u64,
        prove: impl FnOnce(&[Receipt], &[lockstep_proof::Hash]) -> T,
    ) -> Result<Option<T>, StoreError> {
        self.of_kept(height, |chain| {
            if !chain.has_receipts(height)? {
                return Ok(None);
            }
            let receipts = chain.receipts(height)?;
            Ok(Some(prove(&receipts, &receipt_hashes(&receipts))))
        })
    }

    /// The state at a kept height.
    ///
    /// # Errors
    ///
    /// As [`root`](Self::root).
    pub fn view(&self, height: u64) -> Result<View, StoreError> {
        self.of_kept(height, |chain| self.view_of(chain, height))
    }

    fn of_kept<T>(&self, height: u64, read: impl FnOnce(&Chain) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.guard.run(|| {
            let chain = self.chain()?;
            chain.check_kept(height)?;
            read(&chain)
        })
    }

    /// The state after the last block; the empty state if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn latest(&self) -> Result<View, StoreError> {
        self.guard.run(|| {
            let chain = self.chain()?;
            let height = chain.heights().map_or(0, |(_, tip)| tip);
            view(&chain, height, &self.settings, &self.guard)
        })
    }

    /// Takes the chain away while `work` has the database for itself.
    pub(crate) fn alone(
        &mut self,
        work: impl FnOnce(&mut Database) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let before = self.chain()?.base;
        let (kept, cache) = (before.kept, before.cache().clone());
        drop(before);
        let Some(Handle::Writer(db)) = &mut self.db else { return Err(StoreError::ReadOnly) };
        *self.chain.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        let result = work(db);
        let base = Arc::new(Base::new(&*self.begin_read()?, cache)?);
        if base.kept != kept {
            // Where the disk has lost a write, what redb finds there is an earlier commit, and sound.
            let error = StoreError::Damaged("the last transaction of the database is lost".into());
            self.guard.fail(error.clone());
            return Err(error);
        }
        *self.chain.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(Chain { base, layers: Vec::new() });
        result
    }

    /// Folds what is in the log and ends with the database closed. Without it nothing is lost when the store goes, but
    /// the next one to open it has the log to read, and no error is seen.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the file cannot be written; what was committed is in it all the same.
    pub fn close(mut self) -> Result<(), StoreError> {
        if !self.is_read_only() {
            self.fold()?;
        }
        let guard = Arc::clone(&self.guard);
        guard.run(|| {
            *self.chain.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
            match self.db.take() {
                Some(Handle::Writer(db)) => db.close()?,
                Some(Handle::Reader(db, held)) => {
                    drop(held);
                    db.close()?;
                }
                None => {}
            }
            self.log.get_mut().unwrap_or_else(PoisonError::into_inner).close()
        })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // redb closes its file here, and a damaged one can make it panic.
        if let Some(db) = self.db.take() {
            let close = || {
                drop(db);
                Ok(())
            };
            // It may have failed before, and must go all the same.
            let _ = Guard::default().run(close);
        }
    }
}

/// The snapshot that a reader looks at.
type Held = Mutex<Option<Arc<ReadTransaction>>>;

fn held_by(held: &Held) -> MutexGuard<'_, Option<Arc<ReadTransaction>>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> StoreError {
    StoreError::database("the store is closed")
}

fn at(receipts: &[Receipt], index: u64) -> Option<&Receipt> {
    receipts.get(usize::try_from(index).ok()?)
}

/// The view of a kept height, or of the empty state of a store without blocks.
pub(crate) fn view(
    chain: &Chain,
    height: u64,
    settings: &Arc<Settings>,
    guard: &Arc<Guard>,
) -> Result<View, StoreError> {
    let below = chain.base.kept.map_or(0, |kept| kept.folded.min(height));
    let layers = chain.layers.iter().take_while(|layer| layer.height <= height).cloned();
    Ok(View::of_base(&chain.base, below, settings, guard)?.above(layers))
}
