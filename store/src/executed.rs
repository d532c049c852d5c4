//! A block that was executed, and what it makes of the state that it follows: a layer.

use crate::{
    apply::{Applied, State, apply},
    error::StoreError,
    layer::Layer,
    patch::Patch,
    row::{Row, RowKey, TreeId},
    store::Chain,
    view::View,
};
use lockstep_vm::{B256, Executor, Receipt, StateDiff, code_bytes, code_hash};
use std::{collections::BTreeMap, sync::Arc};

/// The highest height: far beyond any chain, and far from where numbers end.
pub const HEIGHT_MAX: u64 = 1 << 62;

/// Bytes of a body.
pub const BODY_BYTES_MAX: usize = 1_024 * 1_024 * 1_024;

/// A block that was executed.
#[derive(Debug, Clone, Copy)]
pub struct ExecutedBlock<'a> {
    /// Its height: that of the last block and 1; any for the first.
    pub height: u64,
    /// Its hash, by the rule of the chain.
    pub hash: B256,
    /// The hash of the block before it, as the block says. Not looked at in the first block of a store.
    pub parent_hash: B256,
    /// What it changed.
    pub diff: &'a StateDiff,
    /// What its transactions gave.
    pub receipts: &'a [Receipt],
    /// The block itself, encoded by the rule of the chain, so that it can be executed again; `None` where it cannot be.
    /// Nothing here looks into it. At most [`BODY_BYTES_MAX`] bytes.
    pub body: Option<&'a [u8]>,
    /// The root that it must give, where somebody has said it.
    pub root: Option<B256>,
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
                None => StoreError::Diff(format!(
                    "an account has code {}, which neither the state nor the block has",
                    id.hash
                )),
            });
        };
        if code_hash(bytes) != id.hash {
            return Err(StoreError::Diff(format!("code {} has another hash", id.hash)));
        }
        new.insert(id.hash, bytes.as_slice().into());
    }
    Ok(new)
}

impl View {
    /// The state after a block that was executed on this one. Nothing is committed, and this view stays what it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Height`] or [`StoreError::Parent`] if the block does not follow, [`StoreError::Root`] if its root is
    /// another one, [`StoreError::Diff`] if the diff contradicts the state, or that the database cannot be read.
    pub fn after(&self, block: &ExecutedBlock<'_>) -> Result<Self, StoreError> {
        self.guarded(|| {
            let expected = self.height().saturating_add(1);
            if block.height != expected {
                return Err(StoreError::Height { actual: block.height, expected });
            }
            if block.parent_hash != self.hash() {
                return Err(StoreError::Parent { actual: block.parent_hash, expected: self.hash() });
            }
            let layer = Layer::new(self, self.executor(), block)?;
            match block.root.filter(|root| *root != layer.root) {
                Some(expected) => Err(StoreError::Root { actual: layer.root, expected }),
                None => Ok(self.same().above([Arc::new(layer)])),
            }
        })
    }
}

/// Refuses a block that does not follow the last one.
//= spec 8.9
pub(crate) fn follows(chain: &Chain, height: u64, parent_hash: B256) -> Result<(), StoreError> {
    if chain.base.importing {
        let why = "an import was begun: go on with it, or delete the folder of the database";
        return Err(StoreError::Refused(why.into()));
    }
    let tip = chain.heights().map(|(_, tip)| tip);
    let expected = tip.map_or(height, |tip| tip.saturating_add(1)).min(HEIGHT_MAX);
    if height != expected {
        return Err(StoreError::Height { actual: height, expected });
    }
    if let Some(tip) = tip {
        let (expected, _) = chain.block(tip)?;
        if parent_hash != expected {
            return Err(StoreError::Parent { actual: parent_hash, expected });
        }
    }
    Ok(())
}
