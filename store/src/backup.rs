//! A copy of a database that is open: every kept height with all that belongs to it, while others commit and look.
//!
//! Rows are read from one snapshot, where each checksum is verified, and written into a new file; blocks that are in the
//! log alone are folded into it. So a copy has no free room, and no damage of what it is a copy of.

use crate::{
    error::StoreError,
    handle::Snapshot,
    open::{blocks, builder},
    store::{FILE_NAME, LOG_NAME, Store, Tip},
    tables::{Forks, META, META_FORMAT, Reading, TABLES, TableId, Writing, format_row},
};
use redb::{Database, WriteTransaction, backends::FileBackend};
use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
};

/// Bytes of rows that one transaction of a backup writes.
const WRITTEN_BYTES: usize = 16 * 1_024 * 1_024;

impl Store {
    /// Writes a copy of the database into the folder `to`, which is made if it is not there and must hold no database.
    /// `progress` is told from time to time how many rows are written and how many there are. Returns the last block of the
    /// copy.
    ///
    /// What is left of a copy that was interrupted is refused by everything that opens a database.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if there is a database already, or if an import is not finished; [`StoreError::Empty`]
    /// without a block; or that this database cannot be read or the other one cannot be written.
    pub fn backup(&self, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Tip, StoreError> {
        let (chain, reading) = self.guard.run(|| self.chain_and_snapshot())?;
        if chain.base.importing {
            return Err(StoreError::Refused("an import is not finished: there is nothing to copy yet".into()));
        }
        if chain.heights().is_none() {
            return Err(StoreError::Empty);
        }
        let (file, log) = (to.join(FILE_NAME), to.join(LOG_NAME));
        if file.exists() || log.exists() {
            return Err(StoreError::Refused(format!("there is a database in {} already", to.display())));
        }
        fs::create_dir_all(to).map_err(|error| StoreError::io("make the folder", error))?;
        self.guard.run(|| {
            let file = File::options().read(true).write(true).create_new(true).open(&file);
            let file = file.map_err(|error| StoreError::io("make the database", error))?;
            let to = builder(&self.settings).create_with_backend(blocks(FileBackend::new(file)?)?)?;
            copy(&reading, &to, &log, progress)
        })?;
        let copy = Self::open_with(to, (*self.settings).clone())?;
        copy.write(|log, of_copy| {
            if !chain.layers.is_empty() {
                *of_copy = copy.fold_layers(of_copy, &chain.layers)?;
                log.reset(of_copy.base.kept.map_or(0, |kept| kept.epoch))?;
            }
            Ok(())
        })?;
        let tip = copy.tip()?.ok_or(StoreError::Empty)?;
        copy.close()?;
        Ok(tip)
    }
}

/// Copies every table, the one that says what the file is at the end.
fn copy(reading: &Snapshot, to: &Database, log: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
    let (_, kept, forks) = Reading::open_meta(reading)?;
    let all = TABLES.iter().map(|table| Reading::open(reading, *table, &forks)?.len());
    let all = all.sum::<Result<u64, StoreError>>()?;
    let mut done = 0;
    for table in TABLES.iter().filter(|table| table.name != META.name) {
        copy_table(reading, (*table, &forks), to, &mut |rows| {
            done = rows.saturating_add(done);
            progress(done, all);
        })?;
    }
    let made = File::options().write(true).create_new(true).open(log).and_then(|file| file.sync_all());
    made.map_err(|error| StoreError::io("make the log", error))?;
    let writing = begin(to)?;
    {
        if let Some(kept) = kept {
            Writing::put_kept(&writing, &kept, &forks)?;
        }
    }
    writing.open_table(META.definition)?.insert(META_FORMAT, format_row(forks.salt()).as_slice())?;
    Ok(writing.commit()?)
}

/// Copies the rows of a table. `each` is told how many rows each transaction has written.
fn copy_table(
    reading: &Snapshot,
    (table, forks): (TableId, &Arc<Forks>),
    to: &Database,
    each: &mut dyn FnMut(u64),
) -> Result<(), StoreError> {
    let mut rows = Reading::open(reading, table, forks)?.all()?.peekable();
    loop {
        let writing = begin(to)?;
        let (mut bytes, mut count) = (0_usize, 0_u64);
        {
            let mut written = Writing::open(&writing, table, forks)?;
            while bytes < WRITTEN_BYTES
                && let Some(row) = rows.next()
            {
                let (key, content) = row?;
                written.put(&key, &[&content])?;
                bytes = bytes.saturating_add(key.len()).saturating_add(content.len());
                count = count.saturating_add(1);
            }
        }
        writing.commit()?;
        each(count);
        if rows.peek().is_none() {
            return Ok(());
        }
    }
}

fn begin(to: &Database) -> Result<WriteTransaction, StoreError> {
    let mut writing = to.begin_write()?;
    writing.set_quick_repair(true);
    Ok(writing)
}
