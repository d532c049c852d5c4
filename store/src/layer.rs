//! A block in memory, above the state that it was executed on.

use crate::{
    apply::{Applied, State, apply},
    commit::{BODY_BYTES_MAX, ExecutedBlock},
    error::StoreError,
    patch::Patch,
    row::{Row, RowKey, TreeId},
    view::View,
};
use lockstep_vm::{B256, Executor, Receipt, StateDiff, code_bytes, code_hash};
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
    /// Computes what a block makes of the state of `view`.
    pub(crate) fn new(view: &View, executor: &dyn Executor, block: &ExecutedBlock<'_>) -> Result<Self, StoreError> {
        let &ExecutedBlock { height, hash, parent_hash, diff, receipts, body, root: _ } = block;
        if let Some(actual) = body.map(<[u8]>::len).filter(|actual| *actual > BODY_BYTES_MAX) {
            return Err(StoreError::Diff(format!("a body of {actual} bytes, and the limit is {BODY_BYTES_MAX}")));
        }
        let Applied { root, rows, values, dead, updated } = apply(view, executor, height, diff)?;
        let code = new_code(view, diff, &rows)?;
        Ok(Self {
            height,
            hash,
            parent_hash,
            root_before: view.root(),
            root,
            patch: Patch::new(rows, values, updated.slots),
            code,
            dead,
            receipts: receipts.to_vec(),
            body: body.map(Box::from),
            fork: view.base.forks.last(),
            hashed: updated.hashed,
        })
    }

    /// Bytes of memory that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        let body = self.body.as_ref().map_or(0, |body| body.len());
        let bytes = self.patch.bytes().saturating_add(body);
        self.code.values().map(|code| code.len()).fold(bytes, usize::saturating_add)
    }
}

/// Code that accounts have now and that the block brings along. It may be there already, by a block that is beside this one
/// and can be taken back. What is not brought along must be there.
fn new_code(
    view: &View,
    diff: &StateDiff,
    rows: &[(RowKey, Option<Row>)],
) -> Result<BTreeMap<B256, Box<[u8]>>, StoreError> {
    let mut new = BTreeMap::new();
    for row in rows.iter().filter(|(key, _)| key.tree == TreeId::ACCOUNTS).filter_map(|(_, row)| row.as_ref()) {
        let (address, after) = row.to_account()?;
        let Some(id) = after.account.code else { continue };
        let bytes = diff.code.get(&id.hash);
        if let Some(actual) = bytes.map(|bytes| code_bytes(bytes)).filter(|&actual| actual != id.bytes) {
            let expected = id.bytes;
            return Err(StoreError::Diff(format!("code {} has {actual} bytes, an account says {expected}", id.hash)));
        }
        if new.contains_key(&id.hash) || bytes.is_none() && view.has_code(&id.hash)? {
            continue;
        }
        let Some(bytes) = bytes else {
            // An account that had it before shows that it was there: that is the fault of no block.
            let before = view.account_row(&address)?.and_then(|before| before.account.code);
            return Err(match before.filter(|before| before.hash == id.hash) {
                Some(_) => StoreError::Damaged(format!("the code {} is missing, which {address} has", id.hash)),
                None => StoreError::Diff(format!("an account has code {} that nobody has", id.hash)),
            });
        };
        if code_hash(bytes) != id.hash {
            return Err(StoreError::Diff(format!("code {} has another hash", id.hash)));
        }
        new.insert(id.hash, bytes.as_slice().into());
    }
    Ok(new)
}
