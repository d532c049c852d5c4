//! Heights below the folded one: which leaves were others then, and the trees of then, made from those of now.
//!
//! A leaf that did not change since is read as it is now. Which ones changed is read from the list of each height, so
//! that an old row that is missing is found. The trees take a hash for each node above a leaf that changed since.

use crate::{
    base::Base,
    error::StoreError,
    page::Place,
    patch::Patch,
    proof::EMPTY_ROOT,
    row::{AccountRow, Row, RowKey, StorageTree, TreeId},
    update::{Change, Updated, update},
};
use lockstep_vm::{B256, Executor};
use std::collections::{BTreeMap, BTreeSet};

/// A leaf, a height that changed it, and whether it was there before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Changed {
    key: RowKey,
    at: u64,
    was: bool,
}

impl Changed {
    /// What the leaf was before.
    fn old(&self, base: &Base) -> Result<Option<Row>, StoreError> {
        if self.was { base.old_at(&self.key, self.at).map(Some) } else { Ok(None) }
    }
}

/// What changed since a height.
pub(crate) struct Past {
    height: u64,
    /// Leaves, in the order of their keys and of the heights that changed them.
    changed: Vec<Changed>,
    /// Storages that ended since with values in them.
    dead: BTreeSet<TreeId>,
}

impl Past {
    /// What changed between `height` and the folded one.
    pub(crate) fn read(base: &Base, height: u64, folded: u64) -> Result<Self, StoreError> {
        let (mut changed, mut dead) = (Vec::new(), BTreeSet::new());
        for at in height.saturating_add(1)..=folded {
            for changes in base.changes(at)? {
                let changes = changes?;
                changed.extend(changes.leaves().map(|(key, was)| Changed { key, at, was }));
                dead.extend(changes.dead);
            }
        }
        changed.sort_unstable();
        Ok(Self { height, changed, dead })
    }

    /// Every change of a leaf since, the earliest first.
    fn changes_of(&self, key: &RowKey) -> &[Changed] {
        let from = self.changed.partition_point(|changed| changed.key < *key);
        let to = self.changed.partition_point(|changed| changed.key <= *key);
        self.changed.get(from..to).unwrap_or_default()
    }

    /// Of each leaf that changed the earliest change.
    fn earliest(changed: &[Changed]) -> impl Iterator<Item = &Changed> {
        changed.chunk_by(|one, other| one.key == other.key).filter_map(<[_]>::first)
    }

    /// The leaf as it was, if it changed since.
    pub(crate) fn row(&self, base: &Base, key: &RowKey) -> Result<Option<Option<Row>>, StoreError> {
        self.changes_of(key).first().map(|changed| changed.old(base)).transpose()
    }

    /// Everything that a leaf was since, the earliest first.
    pub(crate) fn all_old(&self, base: &Base, key: &RowKey) -> Result<Vec<Option<Row>>, StoreError> {
        self.changes_of(key).iter().map(|changed| changed.old(base)).collect()
    }

    /// Leaves of a tree as they were, those that changed since.
    pub(crate) fn of_tree(&self, base: &Base, tree: TreeId) -> Result<BTreeMap<B256, Option<Row>>, StoreError> {
        let from = self.changed.partition_point(|changed| changed.key.tree < tree);
        let to = self.changed.partition_point(|changed| changed.key.tree <= tree);
        let changed = Self::earliest(self.changed.get(from..to).unwrap_or_default());
        changed.map(|changed| Ok((changed.key.key, changed.old(base)?))).collect()
    }

    /// The root of a storage that was there, as its rows and pages are now: where it ended, if it did.
    pub(crate) fn root_now(&self, base: &Base, account: &B256, tree: TreeId) -> Result<B256, StoreError> {
        let of_tree = |row: Option<Row>| -> Result<Option<B256>, StoreError> {
            let account: Option<AccountRow> = row.map(|row| row.to_account()).transpose()?.map(|(_, row)| row);
            let storage = account.and_then(|row| row.storage).filter(|storage| storage.tree == tree);
            Ok(storage.map(|storage| storage.root))
        };
        let key = RowKey { tree: TreeId::ACCOUNTS, key: *account };
        if let Some(root) = of_tree(base.row(&base.root, &key)?)? {
            return Ok(root);
        }
        // A storage that lost its values one by one has no leaf left.
        if !self.dead.contains(&tree) {
            return Ok(EMPTY_ROOT);
        }
        for row in self.all_old(base, &key)?.into_iter().rev() {
            if let Some(root) = of_tree(row)? {
                return Ok(root);
            }
        }
        Err(StoreError::Damaged("a storage that ended has no root".into()))
    }

    /// Leaves and pages as they were, and storages that have begun since.
    pub(crate) fn undo(
        &self,
        base: &Base,
        executor: &dyn Executor,
        root: &B256,
    ) -> Result<(Patch, Vec<TreeId>), StoreError> {
        let mut rows = Vec::with_capacity(self.changed.len());
        for changed in Self::earliest(&self.changed) {
            rows.push((changed.key, changed.old(base)?));
        }
        let mut storages = BTreeMap::new();
        for (key, row) in rows.iter().take_while(|(key, _)| key.tree == TreeId::ACCOUNTS) {
            let account = row.as_ref().map(Row::to_account).transpose()?;
            if let Some(StorageTree { tree, root }) = account.and_then(|(_, row)| row.storage) {
                storages.insert(tree, (key.key, root));
            }
        }
        let (mut updated, mut born) = (Updated::default(), Vec::new());
        for part in rows.chunk_by(|(one, _), (other, _)| one.tree == other.tree) {
            let Some(tree) = part.first().map(|(key, _)| key.tree) else { continue };
            let (now, then) = match storages.get(&tree) {
                _ if tree == TreeId::ACCOUNTS => (base.root, *root),
                Some((account, then)) => (self.root_now(base, account, tree)?, *then),
                None => {
                    born.push(tree);
                    continue;
                }
            };
            let change =
                |(key, row): &(RowKey, Option<Row>)| Change { key: key.key, hash: row.as_ref().map(Row::hash) };
            let changes: Vec<Change> = part.iter().map(change).collect();
            if update(base, executor, Place::root(tree), now, &changes, &mut updated)? != then {
                let what = format!("what changed since height {} does not lead back to its root {root}", self.height);
                return Err(StoreError::Damaged(what));
            }
        }
        if !rows.iter().any(|(key, _)| key.tree == TreeId::ACCOUNTS) && base.root != *root {
            return Err(StoreError::Damaged(format!("the root of height {} is not what changed since", self.height)));
        }
        Ok((Patch::new(rows, Vec::new(), updated.slots), born))
    }
}
