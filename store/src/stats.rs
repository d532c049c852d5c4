//! What takes room in a database.

use crate::{
    error::StoreError,
    store::Store,
    tables::{Reading, TABLES, TableSize},
};

/// What takes room in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Blocks that are in the log and not in the database yet.
    pub blocks_in_log: u64,
    /// The tables, in the order of `docs/store.md`.
    pub tables: Vec<TableSize>,
}

impl Stats {
    /// Bytes of the pages of all tables. What the file has beyond them is free, but for the lists of redb.
    pub fn page_bytes(&self) -> u64 {
        self.tables.iter().fold(0, |sum, table| sum.saturating_add(table.page_bytes))
    }
}

impl Store {
    /// Counts what takes room. It reads the whole database.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        self.guard.run(|| {
            let (chain, reading) = self.chain_and_snapshot()?;
            let tables = TABLES.map(|table| Reading::open(&reading, table, &chain.base.forks)?.size());
            Ok(Stats {
                blocks_in_log: u64::try_from(chain.layers.len()).unwrap_or(u64::MAX),
                tables: tables.into_iter().collect::<Result<_, _>>()?,
            })
        })
    }
}
