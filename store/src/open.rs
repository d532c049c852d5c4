//! Opening a database: to write it, to look at it beside another process, and in memory.

use crate::{
    base::{Base, Cache},
    checksummed::{Beginning, ChecksummedBackend, begins_with, wrong_block},
    copy_on_write::CopyOnWrite,
    error::StoreError,
    executed::ExecutedBlock,
    guard::Guard,
    handle::Handle,
    layer::Layer,
    log::{BlockRecord, Log, Record},
    settings::Settings,
    store::{Chain, FILE_NAME, LOG_NAME, Store, view},
    tables::{FORMAT_VERSION, META, META_FORMAT, TABLES, format_of, format_row},
};
use redb::{
    Builder, ConcurrencyMode, Database, DatabaseError, ReadTransaction, ReadableDatabase, StorageBackend, StorageError,
    TableError, TableHandle,
    backends::{FileBackend, InMemoryBackend},
};
use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::{Arc, Mutex},
};

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
        let database = || {
            let file = File::options().read(true).write(true).create(true).truncate(false).open(&file)?;
            shared(builder(&settings)).create_with_backend(blocks(FileBackend::new(file)?)?)
        };
        check_blocks(&file)?;
        Self::from_redb(database, log, settings.clone())
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
        let database = || builder(&settings).create_with_backend(blocks(database)?);
        Self::from_redb(database, |_| Ok(Box::new(log)), settings.clone())
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
            let log = open_format(&db, log, &settings)?;
            let base = Base::new(&db.begin_read()?, Cache::new(settings.pages_bytes))?;
            let (log, records) = Log::open(log, base.kept.map_or(0, |kept| kept.epoch), Some(settings.durability))?;
            let settings = Arc::new(settings);
            let chain = chain_of(base, records, &settings, &guard)?;
            Ok(Self::of(Handle::Writer(db), log, chain, settings, guard))
        })
    }

    /// Opens the database in the folder `folder` to look at it, also while another process writes it. What is there now is
    /// seen, and what is committed later is not. Nothing is written, and a call that would write is refused.
    ///
    /// The writer cannot write over what a reader looks at, so the file grows meanwhile. When the writer has folded as often as a view
    /// lives ([`Settings::view_foldings`]), the next call lets go of it and returns [`StoreError::Expired`]: open it anew. A reader
    /// that does nothing lets go of nothing.
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
            check_blocks(&file)?;
            let opened = File::open(&file).map_err(|error| StoreError::io("open the database", error))?;
            let opened = blocks(FileBackend::new(opened)?).map_err(foreign)?;
            let db = shared(builder(&settings)).open_read_only_with_backend(opened).map_err(foreign)?;
            if !has_format(&db.begin_read()?)? {
                return Err(StoreError::Foreign("it does not say its format".into()));
            }
            let mut attempts = 0_u32;
            let (reading, base, log, records) = loop {
                let reading = db.begin_read()?;
                let base = Base::new(&reading, Cache::new(settings.pages_bytes))?;
                let epoch = base.kept.map_or(0, |kept| kept.epoch);
                let read = open_log(&log_file, LogFile::There, false).and_then(|log| Log::open(log, epoch, None));
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
            Ok(Self::of(Handle::Reader(db, Mutex::new(Some(Arc::new(reading)))), log, chain, settings, guard))
        })
    }
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
        Record::Block(record) => {
            let BlockRecord { height, hash, parent_hash, root, receipts, diff, body } = *record;
            let view = view(chain, tip.unwrap_or(0), settings, guard)?;
            if tip.is_some_and(|tip| tip.saturating_add(1) != height || view.hash() != parent_hash) {
                return damaged("does not follow the block before it");
            }
            let (diff, receipts, body, root) = (&diff, receipts.as_slice(), body.as_deref(), Some(root));
            let block = ExecutedBlock { height, hash, parent_hash, diff, receipts, body, root };
            let layer = Layer::new(&view, settings.executor(), &block)?;
            if Some(layer.root) != root {
                return damaged("has another root than it says");
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

/// The file of a database.
pub(crate) fn blocks<B: StorageBackend>(file: B) -> Result<ChecksummedBackend<B>, DatabaseError> {
    ChecksummedBackend::new(file).map_err(|error| DatabaseError::Storage(StorageError::Io(error)))
}

/// Refuses a file of a format whose blocks have no checksums, and says which one it is. It stays as it is.
pub(crate) fn check_blocks(file: &Path) -> Result<(), StoreError> {
    let looked_at = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(|error| StoreError::io("open the database", error))?,
    };
    if begins_with(&FileBackend::new(looked_at)?)? != Beginning::Redb {
        return Ok(());
    }
    Guard::default().run(|| {
        // Nothing is written, but only a file that could be can be locked against others.
        let old = File::options().read(true).write(true).open(file);
        let old = FileBackend::new(old.map_err(|error| StoreError::io("open the database", error))?)?;
        let db = Builder::new().create_with_backend(CopyOnWrite::new(old)?).map_err(foreign)?;
        has_format(&db.begin_read()?)?;
        Err(StoreError::Foreign("its blocks have no checksums".into()))
    })
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
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() == io::ErrorKind::InvalidData && wrong_block(&error).is_none() =>
        {
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
        Ok(meta) => match meta.get(META_FORMAT)?.map(|row| format_of(row.value())) {
            Some(Some((FORMAT_VERSION, _))) => Ok(true),
            Some(Some((actual, _))) => Err(StoreError::Format { actual, expected: FORMAT_VERSION }),
            _ => Err(StoreError::Foreign("it does not say its format".into())),
        },
        Err(TableError::TableDoesNotExist(_)) => match reading.list_tables()?.next() {
            Some(table) => Err(StoreError::Foreign(format!("it has a table {}", table.name()))),
            None => Ok(false),
        },
        Err(TableError::TableTypeMismatch { table, .. }) => {
            Err(StoreError::Foreign(format!("its table {table} has other types")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses another format; begins with ours where there is nothing yet. The log is opened in between, and emptied where
/// a database begins: what is in it is of another one.
fn open_format(
    db: &Database,
    log: impl FnOnce(LogFile) -> Result<Box<dyn StorageBackend>, StoreError>,
    settings: &Settings,
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
    writing.open_table(META.definition)?.insert(META_FORMAT, format_row(settings.salt()).as_slice())?;
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
