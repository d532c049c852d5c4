//! What an embedder decides about a store. No result depends on it.

use lockstep_vm::{Executor, Serial};
use std::sync::Arc;

/// Settings of an open store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of the database that redb keeps in memory.
    pub cache_bytes: usize,
    /// Bytes of tree pages that are kept in memory.
    pub pages_bytes: usize,
    /// Blocks that wait in the log until a commit folds them into the database.
    pub fold_blocks: usize,
    /// Bytes of memory of such blocks until a commit folds them.
    pub fold_bytes: usize,
    /// Foldings that a view lives for, at least 1. The file cannot be written over where a view looks, so one that is
    /// held for ever makes it grow without end. A view that has come of age answers with
    /// [`StoreError::Expired`](crate::StoreError::Expired).
    pub view_foldings: usize,
    /// Who runs the hashing, and the transactions of a block for those who execute it by
    /// [`Store::executor`](crate::Store::executor).
    pub executor: Arc<dyn Executor>,
}

const MIB: usize = 1_024 * 1_024;

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache_bytes: 128 * MIB,
            pages_bytes: 64 * MIB,
            fold_blocks: 64,
            fold_bytes: 64 * MIB,
            view_foldings: 64,
            executor: Arc::new(Serial),
        }
    }
}

impl Settings {
    pub(crate) fn executor(&self) -> &dyn Executor {
        &*self.executor
    }
}
