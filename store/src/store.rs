//! The store: opening a database, and what it holds.

use crate::{
    error::StoreError,
    tables::{
        BLOCKS, BlockRow, FORMAT_VERSION, Kept, META, META_FORMAT, META_KEPT, RECEIPTS, TABLES, get, height_key, put,
    },
    view::View,
};
use lockstep_vm::{B256, Receipt};
use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, StorageBackend, StorageError, TableError,
    TableHandle, WriteTransaction, backends::InMemoryBackend,
};
use std::{fs, io, path::Path};

/// The file of a database within its folder.
pub const FILE_NAME: &str = "state.redb";

/// Bytes of the database that are kept in memory.
const CACHE_BYTES: usize = 128 * 1_024 * 1_024;

/// The durable state of a chain.
///
/// Every method can be called from any thread; commits, rollbacks and prunings wait for each other, and views wait for
/// nothing. After an I/O error the store answers with errors until it is opened anew, and what was committed is there.
#[derive(Debug)]
pub struct Store {
    pub(crate) db: Database,
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
        check_panics(cfg!(panic = "abort"))?;
        Self::open_where_panics_abort(folder)
    }

    /// The same, also in a build where a panic ends the process: what a panic interrupts is then never told from a crash.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), without [`StoreError::PanicsAbort`].
    pub fn open_where_panics_abort(folder: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(|error| cannot("make the folder", &error))?;
        Self::from_redb(builder().create(folder.join(FILE_NAME)))
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
            Err(error) => Err(cannot("look for the database", &error)),
        }
    }

    /// A store in memory, gone with this value.
    ///
    /// # Errors
    ///
    /// As [`open_where_panics_abort`](Self::open_where_panics_abort): there is nothing here that an end of the process
    /// could leave half done.
    pub fn memory() -> Result<Self, StoreError> {
        Self::from_redb(builder().create_with_backend(InMemoryBackend::new()))
    }

    /// A store on any storage that redb can use.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn with_backend(backend: impl StorageBackend) -> Result<Self, StoreError> {
        check_panics(cfg!(panic = "abort"))?;
        Self::from_redb(builder().create_with_backend(backend))
    }

    pub(crate) fn from_redb(db: Result<Database, DatabaseError>) -> Result<Self, StoreError> {
        let db = db.map_err(|error| match error {
            DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                StoreError::Foreign(error.to_string())
            }
            error => error.into(),
        })?;
        let store = Self { db };
        store.check_format()?;
        Ok(store)
    }

    /// Refuses another format; begins with ours where there is nothing yet.
    fn check_format(&self) -> Result<(), StoreError> {
        let transaction = self.db.begin_read()?;
        let format: Option<u32> = match transaction.open_table(META) {
            Ok(meta) => get(&meta, META_FORMAT)?,
            Err(TableError::TableDoesNotExist(_)) => {
                return match transaction.list_tables()?.next() {
                    None => self.begin(),
                    Some(table) => Err(StoreError::Foreign(format!("it has a table {}", table.name()))),
                };
            }
            Err(error) => return Err(error.into()),
        };
        match format {
            Some(FORMAT_VERSION) => Ok(()),
            Some(actual) => Err(StoreError::Format { actual, expected: FORMAT_VERSION }),
            None => Err(StoreError::Foreign("it does not say its format".into())),
        }
    }

    fn begin(&self) -> Result<(), StoreError> {
        let transaction = self.begin_write()?;
        for table in TABLES {
            transaction.open_table(table)?;
        }
        put(&mut transaction.open_table(META)?, META_FORMAT, &FORMAT_VERSION)?;
        transaction.commit()?;
        Ok(())
    }

    /// A write transaction, durable when it has committed.
    pub(crate) fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        let mut transaction = self.db.begin_write()?;
        // Contracts decide what is written, so a checksum that is no cryptographic hash may not be all that tells a
        // whole commit from half of one: this commits in two phases. It also makes opening after a crash quick.
        transaction.set_quick_repair(true);
        Ok(transaction)
    }

    /// The last block, `None` if there is none yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn tip(&self) -> Result<Option<Tip>, StoreError> {
        let transaction = self.db.begin_read()?;
        let Some(Kept { oldest, tip }) = kept(&transaction)? else { return Ok(None) };
        let block = block(&transaction, tip)?;
        Ok(Some(Tip { height: tip, hash: block.hash, root: block.head.root, oldest }))
    }

    /// The root of the state at a kept height.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotKept`], [`StoreError::Empty`], or that the database cannot be read.
    pub fn root(&self, height: u64) -> Result<B256, StoreError> {
        let transaction = self.db.begin_read()?;
        is_kept(&transaction, height)?;
        Ok(block(&transaction, height)?.head.root)
    }

    /// The hash of the block at a kept height.
    ///
    /// # Errors
    ///
    /// As [`root`](Self::root).
    pub fn block_hash(&self, height: u64) -> Result<B256, StoreError> {
        let transaction = self.db.begin_read()?;
        is_kept(&transaction, height)?;
        Ok(block(&transaction, height)?.hash)
    }

    /// The receipts of the block at a kept height.
    ///
    /// # Errors
    ///
    /// As [`root`](Self::root).
    pub fn receipts(&self, height: u64) -> Result<Vec<Receipt>, StoreError> {
        let transaction = self.db.begin_read()?;
        is_kept(&transaction, height)?;
        let receipts = get(&transaction.open_table(RECEIPTS)?, &height_key(height))?;
        receipts.ok_or_else(|| StoreError::Damaged(format!("there are no receipts at height {height}")))
    }

    /// The state at a kept height.
    ///
    /// # Errors
    ///
    /// As [`root`](Self::root).
    pub fn view(&self, height: u64) -> Result<View, StoreError> {
        let transaction = self.db.begin_read()?;
        is_kept(&transaction, height)?;
        View::new(&transaction, Some(height))
    }

    /// The state after the last block; the empty state if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn latest(&self) -> Result<View, StoreError> {
        let transaction = self.db.begin_read()?;
        View::new(&transaction, kept(&transaction)?.map(|kept| kept.tip))
    }

    /// Ends with the database closed. Without it the same happens when the store goes, but no error is seen.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the file cannot be written; what was committed is in it all the same.
    pub fn close(self) -> Result<(), StoreError> {
        Ok(self.db.close()?)
    }
}

pub(crate) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn cannot(what: &str, error: &io::Error) -> StoreError {
    StoreError::Database(format!("cannot {what}: {error}"))
}

/// The heights that are kept.
pub(crate) fn kept(transaction: &ReadTransaction) -> Result<Option<Kept>, StoreError> {
    get(&transaction.open_table(META)?, META_KEPT)
}

fn is_kept(transaction: &ReadTransaction, height: u64) -> Result<(), StoreError> {
    let Kept { oldest, tip } = kept(transaction)?.ok_or(StoreError::Empty)?;
    if (oldest..=tip).contains(&height) { Ok(()) } else { Err(StoreError::NotKept { height, oldest, tip }) }
}

pub(crate) fn block(transaction: &ReadTransaction, height: u64) -> Result<BlockRow, StoreError> {
    let row = get(&transaction.open_table(BLOCKS)?, &height_key(height))?;
    row.ok_or_else(|| StoreError::Damaged(format!("there is no block at height {height}")))
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
