//! A block in memory, above the state that it was executed on.

use crate::{patch::Patch, row::TreeId};
use lockstep_vm::{B256, Receipt};
use std::collections::BTreeMap;

/// What a block changed.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) height: u64,
    pub(crate) hash: B256,
    /// Hash of the block below it.
    pub(crate) parent_hash: B256,
    /// The root below it.
    pub(crate) root_before: B256,
    pub(crate) root: B256,
    pub(crate) patch: Patch,
    /// Code that its accounts have and that the block brought along.
    pub(crate) code: BTreeMap<B256, Box<[u8]>>,
    /// Storages that ended with values in them.
    pub(crate) dead: Vec<TreeId>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) body: Option<Box<[u8]>>,
    /// The [last fork](crate::tables::Forks::last) of the database that it was computed with. It knows which pages that one
    /// has: another fork can have others for the same state.
    pub(crate) fork: u64,
    /// Permutations that its roots took.
    pub(crate) hashed: u64,
}

impl Layer {
    /// Bytes of memory that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        let body = self.body.as_ref().map_or(0, |body| body.len());
        let bytes = self.patch.bytes().saturating_add(body);
        self.code.values().map(|code| code.len()).fold(bytes, usize::saturating_add)
    }
}
