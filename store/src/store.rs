//! The store: opening a database, and what it holds.

use crate::{
    base::{Base, Cache},
    commit::ExecutedBlock,
    error::StoreError,
    guard::Guard,
    layer::Layer,
    log::{BlockRecord, Log, Record},
    settings::Settings,
    tables::{FORMAT_VERSION, META, META_FORMAT, TABLES},
    view::View,
};
use lockstep_proof::{LogProof, ReceiptProof};
use lockstep_vm::{B256, Receipt, receipt_hashes, receipts_root};
use redb::{
    Builder, ConcurrencyMode, Database, DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase,
    StorageBackend, StorageError, TableError, TableHandle, WriteTransaction,
    backends::{FileBackend, InMemoryBackend},
};
use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// The file of a database within its folder.
pub const FILE_NAME: &str = "state.redb";

/// The file beside it that blocks are appended to.
pub const LOG_NAME: &str = "blocks.log";

/// How often a log is read that is being written meanwhile.
const READ_ATTEMPTS: u32 = 100;

/// Whether a log must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFile {
    /// The database begins, and its log with it.
    New,
    /// There is a database. Without its log the blocks that are in it alone would be gone without a word.
    There,
}

/// A database without its log.
pub(crate) fn log_is_missing() -> StoreError {
    StoreError::Damaged(format!(
        "{LOG_NAME} is missing beside {FILE_NAME}: blocks can be in it alone. A copy of a database is one of both files"
    ))
}

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

/// The database, open to be written or to be looked at.
enum Handle {
    Writer(Database),
    /// With the snapshot of it that is looked at.
    Reader(ReadOnlyDatabase, ReadTransaction),
}

impl core::fmt::Debug for Handle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Writer(_) => "Writer",
            Self::Reader(..) => "Reader",
        })
    }
}

/// A snapshot of the database, which may be that of a reader.
pub(crate) enum Snapshot<'a> {
    Own(Box<ReadTransaction>),
    Held(&'a ReadTransaction),
}

impl core::ops::Deref for Snapshot<'_> {
    type Target = ReadTransaction;

    fn deref(&self) -> &ReadTransaction {
        match self {
            Self::Own(reading) => reading,
            Self::Held(reading) => reading,
        }
    }
}

/// Snapshots of the database that are not the last one, which views may hold.
#[derive(Default)]
struct Aged {
    /// How often the folded height has changed.
    foldings: usize,
    /// Each with what that was when it was replaced.
    bases: Vec<(usize, Weak<Base>)>,
}

impl core::fmt::Debug for Aged {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Aged").field("foldings", &self.foldings).field("bases", &self.bases.len()).finish()
    }
}

impl Aged {
    /// Notes that `now` is the snapshot in place of `before`, and ends the use of those that are too old.
    fn replace(&mut self, before: &Arc<Base>, now: &Base, foldings_max: usize) {
        let folded = |base: &Base| base.kept.map(|kept| kept.folded);
        if folded(before) != folded(now) {
            self.foldings = self.foldings.saturating_add(1);
        }
        self.bases.push((self.foldings, Arc::downgrade(before)));
        self.bases.retain(|(at, base)| {
            let Some(base) = base.upgrade() else { return false };
            let lives = self.foldings < at.saturating_add(foldings_max.max(1));
            if !lives {
                base.expire();
            }
            lives
        });
    }
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
    /// Opens the database in the folder `folder`, or makes one.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`], [`StoreError::Foreign`], [`StoreError::Format`], [`StoreError::PanicsAbort`], or that it cannot
    /// be read or written.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, Settings::default())
    }

    /// The same with settings.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(folder: &Path, settings: Settings) -> Result<Self, StoreError> {
        check_panics(cfg!(panic = "abort"))?;
        Self::in_folder(folder, settings)
    }

    /// The same, also in a build where a panic ends the process: what a panic interrupts is then never told from a crash.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), without [`StoreError::PanicsAbort`].
    pub fn open_where_panics_abort(folder: &Path) -> Result<Self, StoreError> {
        Self::in_folder(folder, Settings::default())
    }

    fn in_folder(folder: &Path, settings: Settings) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(|error| StoreError::io("make the folder", error))?;
        let file = folder.join(FILE_NAME);
        let log = |expected| open_log(&folder.join(LOG_NAME), expected, true);
        Self::from_redb(|| shared(builder(&settings)).create(&file), log, settings.clone())
    }

    /// Opens the database in the folder `folder`, which must be there.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`StoreError::Foreign`] if there is none.
    pub fn open_existing(folder: &Path) -> Result<Self, StoreError> {
        let file = folder.join(FILE_NAME);
        match file.try_exists() {
            Ok(true) => Self::open(folder),
            Ok(false) => Err(StoreError::Foreign(format!("there is no {}", file.display()))),
            Err(error) => Err(StoreError::io("look for the database", error)),
        }
    }

    /// A store in memory, gone with this value.
    ///
    /// # Errors
    ///
    /// As [`open_where_panics_abort`](Self::open_where_panics_abort): there is nothing here that an end of the process
    /// could leave half done.
    pub fn memory() -> Result<Self, StoreError> {
        let settings = Settings::default();
        let database = || builder(&settings).create_with_backend(InMemoryBackend::new());
        Self::from_redb(database, |_| Ok(Box::new(InMemoryBackend::new())), settings.clone())
    }

    /// A store on any storage that redb can use, with its log on another one.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn with_backends(
        database: impl StorageBackend,
        log: impl StorageBackend,
        settings: Settings,
    ) -> Result<Self, StoreError> {
        check_panics(cfg!(panic = "abort"))?;
        Self::from_redb(|| builder(&settings).create_with_backend(database), |_| Ok(Box::new(log)), settings.clone())
    }

    /// The store in a database, which is opened first: its lock is that of the log, too.
    pub(crate) fn from_redb(
        database: impl FnOnce() -> Result<Database, DatabaseError>,
        log: impl FnOnce(LogFile) -> Result<Box<dyn StorageBackend>, StoreError>,
        settings: Settings,
    ) -> Result<Self, StoreError> {
        let guard = Arc::new(Guard::default());
        Arc::clone(&guard).run(|| {
            let db = database().map_err(foreign)?;
            let log = open_format(&db, log)?;
            let base = Base::new(&db.begin_read()?, Cache::new(settings.pages_bytes))?;
            let (log, records) = Log::open(log, base.kept.map_or(0, |kept| kept.epoch))?;
            let settings = Arc::new(settings);
            let chain = chain_of(base, records, &settings, &guard)?;
            Ok(Self::of(Handle::Writer(db), log, chain, settings, guard))
        })
    }

    /// Opens the database in the folder `folder` to look at it, also while another process writes it. What is there now is
    /// seen, and what is committed later is not. Nothing is written, and whatever would write is refused.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unrepaired`] if whoever wrote it last has not closed it and is gone, [`StoreError::InUse`] if another
    /// process has it for itself, as a check does, otherwise as [`open_existing`](Self::open_existing).
    pub fn open_read_only(folder: &Path) -> Result<Self, StoreError> {
        check_panics(cfg!(panic = "abort"))?;
        let (settings, guard) = (Arc::new(Settings::default()), Arc::new(Guard::default()));
        let (file, log_file) = (folder.join(FILE_NAME), folder.join(LOG_NAME));
        Arc::clone(&guard).run(|| {
            let db = shared(builder(&settings)).open_read_only(&file).map_err(foreign)?;
            if !has_format(&db.begin_read()?)? {
                return Err(StoreError::Foreign("it does not say its format".into()));
            }
            let mut attempts = 0_u32;
            let (reading, base, log, records) = loop {
                let reading = db.begin_read()?;
                let base = Base::new(&reading, Cache::new(settings.pages_bytes))?;
                let epoch = base.kept.map_or(0, |kept| kept.epoch);
                let read = open_log(&log_file, LogFile::There, false).and_then(|log| Log::open(log, epoch));
                // Whoever writes may have folded meanwhile, and begun the log anew over what is read here.
                let is_now = Base::new(&db.begin_read()?, Cache::new(0))?.kept == base.kept;
                attempts = attempts.saturating_add(1);
                match read {
                    Ok((log, records)) if is_now => break (reading, base, log, records),
                    // A record can be seen in part while it is written, and the one after it whole.
                    Err(error) if attempts >= READ_ATTEMPTS => return Err(error),
                    Ok(_) if attempts >= READ_ATTEMPTS => return Err(StoreError::InUse),
                    Ok(_) | Err(_) => {}
                }
            };
            let chain = chain_of(base, records, &settings, &guard)?;
            Ok(Self::of(Handle::Reader(db, reading), log, chain, settings, guard))
        })
    }

    fn of(db: Handle, log: Log, chain: Chain, settings: Arc<Settings>, guard: Arc<Guard>) -> Self {
        let (log, chain) = (Mutex::new(log), Mutex::new(Some(chain)));
        Self { db: Some(db), log, chain, aged: Mutex::default(), settings, guard }
    }

    /// A snapshot of the database.
    pub(crate) fn begin_read(&self) -> Result<Snapshot<'_>, StoreError> {
        Ok(match self.db.as_ref().ok_or_else(closed)? {
            Handle::Writer(db) => Snapshot::Own(Box::new(db.begin_read()?)),
            Handle::Reader(_, reading) => Snapshot::Held(reading),
        })
    }

    /// What is committed, and the snapshot of the database that it stands on.
    pub(crate) fn chain_and_snapshot(&self) -> Result<(Chain, Snapshot<'_>), StoreError> {
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
        chain.ok_or_else(closed)
    }

    /// Writes, with nobody else doing so: `work` makes another chain of the one that there is, or leaves it. An error
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
        self.of_kept(height, |chain| match chain.base.imported {
            Some(imported) if imported == height => Ok(None),
            _ => Ok(Some(receipts_root(&chain.receipts(height)?))),
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
            if chain.base.imported == Some(height) {
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
        let cache = self.chain()?.base.cache().clone();
        let Some(Handle::Writer(db)) = &mut self.db else { return Err(StoreError::ReadOnly) };
        *self.chain.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        let result = work(db);
        let base = Arc::new(Base::new(&*self.begin_read()?, cache)?);
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
                Some(Handle::Reader(db, reading)) => {
                    drop(reading);
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

/// A database with the blocks of its log.
fn chain_of(
    base: Base,
    records: Vec<Record>,
    settings: &Arc<Settings>,
    guard: &Arc<Guard>,
) -> Result<Chain, StoreError> {
    let mut chain = Chain { base: Arc::new(base), layers: Vec::new() };
    for record in records {
        replay(&mut chain, record, settings, guard)?;
    }
    Ok(chain)
}

/// Does again what a record says that was done.
fn replay(chain: &mut Chain, record: Record, settings: &Arc<Settings>, guard: &Arc<Guard>) -> Result<(), StoreError> {
    let damaged = |what: &str| Err(StoreError::Damaged(format!("a record of the log {what}")));
    let tip = chain.heights().map(|(_, tip)| tip);
    match record {
        Record::Rollback(height) => {
            let folded = chain.base.kept.map(|kept| kept.folded);
            let first = chain.layers.first().map(|layer| layer.height);
            if tip.is_none_or(|tip| height > tip) || folded.or(first).is_none_or(|first| height < first) {
                return damaged("goes back to a height that is not in it");
            }
            chain.layers.retain(|layer| layer.height <= height);
        }
        Record::Block(BlockRecord { height, hash, parent_hash, root, receipts, diff, body }) => {
            let view = view(chain, tip.unwrap_or(0), settings, guard)?;
            if tip.is_some_and(|tip| tip.saturating_add(1) != height || view.hash() != parent_hash) {
                return damaged("does not follow the block before it");
            }
            let (diff, receipts, body, root) = (&diff, receipts.as_slice(), body.as_deref(), Some(root));
            let block = ExecutedBlock { height, hash, parent_hash, diff, receipts, body, root };
            let layer = Layer::new(&view, settings.executor(), &block)?;
            if Some(layer.root) != root {
                return damaged("gives another root than it says");
            }
            chain.layers.push(Arc::new(layer));
        }
    }
    Ok(())
}

pub(crate) fn builder(settings: &Settings) -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(settings.cache_bytes);
    builder
}

/// A database that one process writes and others look at meanwhile, where the system has the locks that this takes.
fn shared(mut builder: Builder) -> Builder {
    if cfg!(any(target_os = "linux", target_vendor = "apple", windows)) {
        builder.set_concurrency_mode(ConcurrencyMode::SingleWriter);
    }
    builder
}

/// The error of a file that is no database.
fn foreign(error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            StoreError::Foreign(error.to_string())
        }
        error => error.into(),
    }
}

/// Opens the file of the log.
fn open_log(path: &Path, expected: LogFile, to_write: bool) -> Result<Box<dyn StorageBackend>, StoreError> {
    if expected == LogFile::There && !path.exists() {
        return Err(log_is_missing());
    }
    let file = File::options().read(true).write(to_write).create(to_write).truncate(false).open(path);
    let file = file.map_err(|error| StoreError::io("open the log", error))?;
    Ok(Box::new(FileBackend::new(file)?))
}

/// Whether a database says that it has a format, which must be ours.
fn has_format(reading: &ReadTransaction) -> Result<bool, StoreError> {
    match reading.open_table(META.definition) {
        Ok(meta) => match meta.get(META_FORMAT)?.map(|row| <[u8; 4]>::try_from(row.value()).map(u32::from_le_bytes)) {
            Some(Ok(FORMAT_VERSION)) => Ok(true),
            Some(Ok(actual)) => Err(StoreError::Format { actual, expected: FORMAT_VERSION }),
            _ => Err(StoreError::Foreign("it does not say its format".into())),
        },
        Err(TableError::TableDoesNotExist(_)) => match reading.list_tables()?.next() {
            Some(table) => Err(StoreError::Foreign(format!("it has a table {}", table.name()))),
            None => Ok(false),
        },
        Err(error) => Err(error.into()),
    }
}

/// Refuses another format; begins with ours where there is nothing yet. The log is opened in between, and emptied where
/// a database begins: what is in it is of another one.
fn open_format(
    db: &Database,
    log: impl FnOnce(LogFile) -> Result<Box<dyn StorageBackend>, StoreError>,
) -> Result<Box<dyn StorageBackend>, StoreError> {
    if has_format(&db.begin_read()?)? {
        return log(LogFile::There);
    }
    let log = log(LogFile::New)?;
    Log::begin(&*log)?;
    let mut writing = db.begin_write()?;
    writing.set_quick_repair(true);
    for table in TABLES {
        writing.open_table(table.definition)?;
    }
    writing.open_table(META.definition)?.insert(META_FORMAT, FORMAT_VERSION.to_le_bytes().as_slice())?;
    writing.commit()?;
    Ok(log)
}

/// Refuses a build in which a panic ends the process.
fn check_panics(panics_abort: bool) -> Result<(), StoreError> {
    if panics_abort { Err(StoreError::PanicsAbort) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_where_panics_abort_is_refused() {
        assert_eq!(check_panics(false), Ok(()));
        let error = check_panics(true).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("panic = \"unwind\"") && error.contains("open_where_panics_abort"), "{error}");
    }
}
