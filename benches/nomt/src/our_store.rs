//! lockstep-store: the keys are values in the storage of one contract. A commit is a block, with its row of hashes and its undo rows.

use crate::turn::Store;
use anyhow::Result;
use lockstep_benches::ledger::{commit, contract, fill, key, values};
use lockstep_store::{Settings, Store as Database};
use lockstep_vm::StateReader as _;
use std::{hint::black_box, path::Path};
use tempfile::TempDir;

/// A store that folds when the bench says so.
pub(crate) struct Ours {
    _folder: TempDir,
    store: Database,
    read: Vec<u64>,
}

impl Ours {
    /// With `size` keys.
    pub(crate) fn create(parent: &Path, size: u64) -> Result<Self> {
        let folder = TempDir::new_in(parent)?;
        let settings = Settings { fold_blocks: usize::MAX, fold_bytes: 1 << 30, ..Settings::default() };
        let store = Database::open_with(folder.path(), settings)?;
        fill(&store, size)?;
        store.fold()?;
        Ok(Self { _folder: folder, store, read: Vec::new() })
    }
}

impl Store for Ours {
    fn name(&self) -> &'static str {
        "lockstep-store, sha3-256"
    }

    fn read(&mut self, keys: &[u64]) -> Result<()> {
        let view = self.store.latest()?;
        for number in keys {
            black_box(view.storage(&contract(), &key(*number))?);
        }
        keys.clone_into(&mut self.read);
        Ok(())
    }

    fn commit(&mut self, value: u64) -> Result<()> {
        commit(&self.store, &values(self.read.iter().copied(), value))?;
        Ok(())
    }

    fn fold(&mut self) -> Result<()> {
        Ok(self.store.fold()?)
    }
}
