//! What an embedder decides about a store. No result depends on it.

use lockstep_vm::{Executor, Serial};
use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

/// When a committed block is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When its commit returns: one sync a block.
    #[default]
    Block,
    /// When it is folded. Until then the block is in a file that the system writes when it likes: the end of the process
    /// loses nothing, and a failure of the power or of the system loses the blocks since the last folding, or the last ones
    /// of these. What is left is a chain. A record of the log that is damaged ends the chain there without an error.
    Fold,
}

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
    /// When a committed block is on the disk.
    pub durability: Durability,
    /// What the checksums of a new database begin with, `None` for a number from the system. Contracts choose what is stored,
    /// and must not know it. A test can ask for the same file each time.
    pub salt: Option<u64>,
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
            durability: Durability::Block,
            salt: None,
            executor: Arc::new(Serial),
        }
    }
}

impl Settings {
    /// The salt of a new database.
    pub(crate) fn salt(&self) -> u64 {
        // Its keys are random numbers of the system.
        self.salt.unwrap_or_else(|| RandomState::new().hash_one(0_u8))
    }

    pub(crate) fn executor(&self) -> &dyn Executor {
        &*self.executor
    }
}
