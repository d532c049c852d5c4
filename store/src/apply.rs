//! What a diff makes of a state: the leaves that change, and the trees above them.
//!
//! The state may be that of a store or the part of one that a witness holds.

use crate::{
    error::StoreError,
    page::Place,
    proof::{EMPTY_ROOT, account_key, storage_key},
    row::{AccountRow, Row, RowKey, StorageTree, TreeId},
    update::{Change, Source, Updated, update},
};
use lockstep_proof::SHORT_VALUE_BYTES_MAX;
use lockstep_vm::{Address, B256, Executor, StateDiff, StorageDiff};
use std::collections::{BTreeMap, BTreeSet};

/// The trees of a state, and the accounts in them.
pub(crate) trait State: Source {
    /// The root of the tree of accounts.
    fn root(&self) -> B256;

    /// The account at `address`.
    fn account_row(&self, address: &Address) -> Result<Option<AccountRow>, StoreError>;
}

/// What a diff made of a state.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The root afterwards.
    pub(crate) root: B256,
    /// Leaves that change; `None` for removed.
    pub(crate) rows: Vec<(RowKey, Option<Row>)>,
    /// The long values of these.
    pub(crate) values: Vec<(RowKey, Box<[u8]>)>,
    /// Storages that ended with values in them.
    pub(crate) dead: Vec<TreeId>,
    pub(crate) updated: Updated,
}

/// Bytes that one permutation of sha3-256 takes in.
const RATE: usize = 136;

const fn permutations(bytes: usize) -> usize {
    (bytes / RATE).saturating_add(1)
}

const fn is_long(value: &[u8]) -> bool {
    value.len() > SHORT_VALUE_BYTES_MAX
}

/// Permutations of the value hash of a storage value. That of a long one is the hash of a hash.
fn permutations_of(value: &[u8]) -> usize {
    if is_long(value) {
        permutations(value.len()).saturating_add(1)
    } else {
        permutations(value.len().saturating_add(1))
    }
}

/// Computes what `diff` makes of `state`, as the block of `height`.
pub(crate) fn apply(
    state: &dyn State,
    executor: &dyn Executor,
    height: u64,
    diff: &StateDiff,
) -> Result<Applied, StoreError> {
    apply_from(state, executor, height, 0, diff)
}

/// The same where `first` storages of that height may have begun before: no two have the same number.
pub(crate) fn apply_from(
    state: &dyn State,
    executor: &dyn Executor,
    height: u64,
    first: u32,
    diff: &StateDiff,
) -> Result<Applied, StoreError> {
    let (rows, values, dead, updated) = (Vec::new(), Vec::new(), Vec::new(), Updated::default());
    let applied = Applied { root: state.root(), rows, values, dead, updated };
    let mut apply = Apply { state, executor, height, applied, accounts: BTreeMap::new() };
    let addresses: BTreeSet<&Address> = diff.accounts.keys().chain(diff.storage.keys()).collect();
    for (number, address) in (first..).zip(addresses) {
        apply.account(TreeId::storage(height, number), address, diff)?;
    }
    let changes = core::mem::take(&mut apply.accounts);
    let changes: Vec<Change> = changes.into_iter().map(|(key, hash)| Change { key, hash }).collect();
    if !changes.is_empty() {
        let (place, before) = (Place::root(TreeId::ACCOUNTS), apply.applied.root);
        apply.applied.root = update(state, executor, place, before, &changes, &mut apply.applied.updated)?;
    }
    Ok(apply.applied)
}

struct Apply<'a> {
    state: &'a dyn State,
    executor: &'a dyn Executor,
    height: u64,
    applied: Applied,
    /// Hashes of the leaves of accounts that change.
    accounts: BTreeMap<B256, Option<B256>>,
}

impl Apply<'_> {
    fn hashed(&mut self, permutations: usize) {
        let hashed = &mut self.applied.updated.hashed;
        *hashed = hashed.saturating_add(u64::try_from(permutations).unwrap_or(u64::MAX));
    }

    /// One account and its storage, which is `new` if it begins here.
    fn account(&mut self, new: TreeId, address: &Address, diff: &StateDiff) -> Result<(), StoreError> {
        let before = self.state.account_row(address)?;
        let after = self.after(new, address, before.as_ref(), diff)?;
        if after == before {
            return Ok(());
        }
        let key = account_key(address);
        let row = after.map(|row| Row::account(&key, address, &row)).transpose()?;
        // The key, the value and the leaf.
        self.hashed(3);
        self.accounts.insert(key, row.as_ref().map(Row::hash));
        self.applied.rows.push((RowKey { tree: TreeId::ACCOUNTS, key }, row));
        Ok(())
    }

    /// The account afterwards.
    fn after(
        &mut self,
        new: TreeId,
        address: &Address,
        before: Option<&AccountRow>,
        diff: &StateDiff,
    ) -> Result<Option<AccountRow>, StoreError> {
        let account = match diff.accounts.get(address) {
            Some(after) => after.clone(),
            None => before.map(|before| before.account.clone()),
        };
        let nothing = StorageDiff::default();
        let changes = diff.storage.get(address).unwrap_or(&nothing);
        let mut storage = before.and_then(|before| before.storage);
        if changes.cleared || account.is_none() {
            self.applied.dead.extend(storage.take().map(|storage| storage.tree));
        }
        let Some(account) = account else {
            let writes = changes.values.values().any(Option::is_some);
            return if writes {
                Err(StoreError::Diff(format!("storage of {address}, which is no account afterwards")))
            } else {
                Ok(None)
            };
        };
        if !changes.values.is_empty() {
            let before = storage.unwrap_or(StorageTree { tree: new, root: EMPTY_ROOT });
            let root = self.storage(before, &changes.values)?;
            storage = (root != EMPTY_ROOT).then_some(StorageTree { root, ..before });
        }
        Ok(Some(AccountRow { account, storage }))
    }

    /// The root of a storage afterwards.
    fn storage(
        &mut self,
        before: StorageTree,
        values: &BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    ) -> Result<B256, StoreError> {
        let StorageTree { tree, root } = before;
        let from = self.applied.rows.len();
        self.applied.rows.reserve(values.len());
        for (key, value) in values {
            let hash = storage_key(key);
            let row = value.as_ref().map(|value| Row::storage(&hash, key, value, self.height)).transpose()?;
            let of_value = value.as_ref().map_or(0, |value| permutations_of(value).saturating_add(1));
            self.hashed(permutations(key.len().saturating_add(1)).saturating_add(of_value));
            let key = RowKey { tree, key: hash };
            if let Some(long) = value.as_deref().filter(|value| is_long(value)) {
                self.applied.values.push((key, long.into()));
            }
            self.applied.rows.push((key, row));
        }
        let rows = self.applied.rows.get_mut(from..).unwrap_or_default();
        rows.sort_unstable_by_key(|(key, _)| *key);
        let change = |(key, row): &(RowKey, Option<Row>)| Change { key: key.key, hash: row.as_ref().map(Row::hash) };
        let changes: Vec<Change> = rows.iter().map(change).collect();
        update(self.state, self.executor, Place::root(tree), root, &changes, &mut self.applied.updated)
    }
}
