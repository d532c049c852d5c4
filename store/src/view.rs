//! A state at one height, or above blocks that are not committed: commits, foldings, prunings and rollbacks that come
//! later do not reach it.

use crate::{
    apply::State,
    base::Base,
    cursor::Cursor,
    error::StoreError,
    guard::Guard,
    layer::Layer,
    page::{LEAVES_MAX, Leaf, Place, Sub, hash_of_leaves},
    past::Past,
    patch::{Patch, newest},
    proof::{AccountProof, EMPTY_ROOT, Kind, MerklePath, StorageProof, account_key, storage_key},
    row::{AccountRow, LeafValue, Row, RowKey, RowValue, StorageTree, TreeId},
    settings::Settings,
    update::Source,
};
use lockstep_proof::KeyRange;
use lockstep_vm::{Account, Address, B256, Bytes, Executor, Fault, StateReader, ValueHead};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

/// The state at one height. Any number of views can be used by any number of threads, for as long as the store is open.
pub struct View {
    height: u64,
    hash: B256,
    root: B256,
    pub(crate) base: Arc<Base>,
    /// Blocks above the database, the newest last.
    layers: Vec<Arc<Layer>>,
    /// A height below the folded one, what changed since, and the trees of then.
    past: Option<Arc<(Past, B256)>>,
    undone: Arc<OnceLock<Patch>>,
    /// Storages that were looked at, so that a storage read is one look-up.
    storages: Mutex<BTreeMap<Address, Option<Found>>>,
    settings: Arc<Settings>,
    guard: Arc<Guard>,
}

/// A storage, and its root in the database; `None` if it is not in there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) storage: StorageTree,
    pub(crate) root_in_base: Option<B256>,
}

/// What it takes to go back to a height below the folded one.
pub(crate) struct Undone {
    /// What changed since, and the root of then.
    pub(crate) past: Arc<(Past, B256)>,
    /// Leaves and pages as they were.
    pub(crate) patch: Patch,
    /// Storages that have begun since.
    pub(crate) born: Vec<TreeId>,
}

impl View {
    /// The view of what the database holds at `height`, the folded one or a lower one that is kept; of the empty state
    /// if it holds nothing.
    pub(crate) fn of_base(
        base: &Arc<Base>,
        height: u64,
        settings: &Arc<Settings>,
        guard: &Arc<Guard>,
    ) -> Result<Self, StoreError> {
        let (mut hash, mut root, mut past) = (base.hash, base.root, None);
        if let Some(kept) = base.kept.filter(|kept| kept.folded != height) {
            let block = base.block(height)?;
            (hash, root) = (block.hash, block.root);
            past = Some(Arc::new((Past::read(base, height, kept.folded)?, block.root)));
        }
        Ok(Self {
            height,
            hash,
            root,
            base: Arc::clone(base),
            layers: Vec::new(),
            past,
            undone: Arc::default(),
            storages: Mutex::default(),
            settings: Arc::clone(settings),
            guard: Arc::clone(guard),
        })
    }

    /// The state above these blocks, each of which follows the one before it.
    pub(crate) fn above(mut self, layers: impl IntoIterator<Item = Arc<Layer>>) -> Self {
        for layer in layers {
            (self.height, self.hash, self.root) = (layer.height, layer.hash, layer.root);
            self.layers.push(layer);
        }
        self.storages = Mutex::default();
        self
    }

    /// What the hashes of a block above are computed on.
    pub(crate) fn executor(&self) -> &dyn Executor {
        self.settings.executor()
    }

    /// The same state, in a view of its own.
    pub(crate) fn same(&self) -> Self {
        Self {
            height: self.height,
            hash: self.hash,
            root: self.root,
            base: Arc::clone(&self.base),
            layers: self.layers.clone(),
            past: self.past.clone(),
            undone: Arc::clone(&self.undone),
            storages: Mutex::default(),
            settings: Arc::clone(&self.settings),
            guard: Arc::clone(&self.guard),
        }
    }

    /// The height.
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// The hash of the block at this height; zero for the state before the first block.
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// The root of the state.
    pub const fn root(&self) -> B256 {
        self.root
    }

    fn patches(&self) -> impl DoubleEndedIterator<Item = &Patch> {
        self.layers.iter().map(|layer| &layer.patch)
    }

    /// Leaves and pages of a height below the folded one.
    pub(crate) fn undone(&self) -> Result<Option<&Patch>, StoreError> {
        let Some((past, root)) = self.past.as_deref() else { return Ok(None) };
        if let Some(undone) = self.undone.get() {
            return Ok(Some(undone));
        }
        // Two threads may both make it: what they make is the same.
        let (undone, _) = past.undo(&self.base, self.settings.executor(), root)?;
        Ok(Some(self.undone.get_or_init(|| undone)))
    }

    /// What changed since that height, its leaves and pages, and storages that have begun since.
    pub(crate) fn into_undone(self) -> Result<Option<Undone>, StoreError> {
        let Some(both) = self.past else { return Ok(None) };
        let (patch, born) = both.0.undo(&self.base, self.settings.executor(), &both.1)?;
        Ok(Some(Undone { past: both, patch, born }))
    }

    /// A leaf below all layers, in the tree whose root in the database is `root`; `None` if that has no such tree.
    fn row_below(&self, key: &RowKey, root: Option<&B256>) -> Result<Option<Row>, StoreError> {
        if let Some((past, _)) = self.past.as_deref()
            && let Some(row) = past.row(&self.base, key)?
        {
            return Ok(row);
        }
        root.map_or(Ok(None), |root| self.base.row(root, key))
    }

    fn account_below(&self, key: B256) -> Result<Option<AccountRow>, StoreError> {
        let row = self.row_below(&RowKey { tree: TreeId::ACCOUNTS, key }, Some(&self.base.root))?;
        row.map(|row| Ok(row.to_account()?.1)).transpose()
    }

    fn storages(&self) -> MutexGuard<'_, BTreeMap<Address, Option<Found>>> {
        self.storages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The storage of an account.
    fn storage_of(&self, address: &Address) -> Result<Option<Found>, StoreError> {
        if let Some(found) = self.storages().get(address) {
            return Ok(*found);
        }
        let storage = self.read_account(address)?.and_then(|row| row.storage);
        self.find(address, storage)
    }

    /// Where a storage is in the database.
    fn find(&self, address: &Address, storage: Option<StorageTree>) -> Result<Option<Found>, StoreError> {
        let found = match storage {
            None => None,
            Some(storage) => Some(self.locate(&account_key(address), storage)?),
        };
        self.storages().insert(*address, found);
        Ok(found)
    }

    /// The same for the storage of the account with the key hash `key`, without a place in memory.
    pub(crate) fn locate(&self, key: &B256, storage: StorageTree) -> Result<Found, StoreError> {
        let below = self.account_below(*key)?.and_then(|row| row.storage);
        let root_in_base = match (below.filter(|below| below.tree == storage.tree), self.past.as_deref()) {
            (None, _) => None,
            (Some(_), Some((past, _))) => Some(past.root_now(&self.base, key, storage.tree)?),
            (Some(below), None) => Some(below.root),
        };
        Ok(Found { storage, root_in_base })
    }

    fn read_account(&self, address: &Address) -> Result<Option<AccountRow>, StoreError> {
        let key = account_key(address);
        match newest(self.patches(), &RowKey { tree: TreeId::ACCOUNTS, key }) {
            Some(row) => row.map(|row| Ok(row.to_account()?.1)).transpose(),
            None => self.account_below(key),
        }
    }

    /// Calls `read` with the key and the row of the value at `key` in the storage of `address`.
    fn storage_row<T>(
        &self,
        address: &Address,
        key: &[u8],
        read: impl Fn(&RowKey, &Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let Some(found) = self.storage_of(address)? else { return Ok(None) };
        let key = RowKey { tree: found.storage.tree, key: storage_key(key) };
        let read = |row: &Row| read(&key, row);
        match newest(self.patches(), &key) {
            Some(row) => row.map(read).transpose(),
            None => self.row_below(&key, found.root_in_base.as_ref())?.as_ref().map(read).transpose(),
        }
    }

    fn read_value(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.storage_row(address, key, |key, row| Ok(self.key_value(key, row)?.1))
    }

    /// A short value, or what the leaf of a long one says. Nothing is read beside the row.
    pub(crate) fn leaf_value(&self, address: &Address, key: &[u8]) -> Result<Option<LeafValue>, StoreError> {
        self.storage_row(address, key, |_, row| {
            Ok(match row.to_storage()?.1 {
                RowValue::Short(value) => LeafValue::Whole(value.to_vec()),
                RowValue::Long(long) => LeafValue::Long(long.value),
            })
        })
    }

    /// The key and the value of a row of this view.
    pub(crate) fn key_value(&self, leaf: &RowKey, row: &Row) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
        let (key, value) = row.to_storage()?;
        let value = match value {
            RowValue::Short(value) => value.to_vec(),
            RowValue::Long(long) => {
                let written = self.layers.iter().rev().find(|layer| layer.height == long.height);
                match written.and_then(|layer| layer.patch.value(leaf)) {
                    Some(value) => value.to_vec(),
                    None => self.base.value(leaf, &long)?,
                }
            }
        };
        Ok((key.to_vec(), value))
    }

    /// The value at `key` in the storage of `address`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn value(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.guard.run(|| self.read_value(address, key))
    }

    /// Calls `each` with every leaf of a tree in the order of their keys. The tree has the root `root`, and in the database
    /// `root_in_base`.
    pub(crate) fn for_each_row(
        &self,
        tree: TreeId,
        root: &B256,
        root_in_base: Option<B256>,
        each: &mut dyn FnMut(&B256, &Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut all = crate::stream::Stream::default();
        self.rows_in(tree, root_in_base, &KeyRange::ALL, &mut |key, row| {
            all.push(Leaf { key: *key, hash: row.hash() })?;
            each(key, row)?;
            Ok(true)
        })?;
        if all.finish()? == *root {
            Ok(())
        } else {
            Err(StoreError::Damaged("leaves are not those of their root".into()))
        }
    }

    /// Calls `each` with the leaves of a tree in a range, in the order of their keys, as long as it returns that it goes
    /// on. They are held against nothing. `root_in_base` is the root of the tree in the database.
    pub(crate) fn rows_in(
        &self,
        tree: TreeId,
        root_in_base: Option<B256>,
        range: &KeyRange,
        each: &mut dyn FnMut(&B256, &Row) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut changed = match self.past.as_deref() {
            Some((past, _)) => past.of_tree(&self.base, tree)?,
            None => BTreeMap::new(),
        };
        for patch in self.patches() {
            changed.extend(patch.of_tree(tree).iter().map(|(key, row)| (key.key, row.clone())));
        }
        changed.retain(|key, _| range.holds(key));
        let mut changed = changed.into_iter().peekable();
        if root_in_base.is_some_and(|root| root != EMPTY_ROOT) {
            for row in self.base.between(tree, range)? {
                let (key, row) = row?;
                while let Some((before, row)) = changed.next_if(|(before, _)| *before < key.key) {
                    if let Some(row) = row
                        && !each(&before, &row)?
                    {
                        return Ok(());
                    }
                }
                let row = match changed.next_if(|(same, _)| *same == key.key) {
                    Some((_, row)) => row,
                    None => Some(row),
                };
                if let Some(row) = row
                    && !each(&key.key, &row)?
                {
                    return Ok(());
                }
            }
        }
        for (key, row) in changed {
            if let Some(row) = row
                && !each(&key, &row)?
            {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Every key and value of the storage of `address`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn values(&self, address: &Address) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
        self.guard.run(|| {
            let mut values = BTreeMap::new();
            let Some(Found { storage, root_in_base }) = self.storage_of(address)? else { return Ok(values) };
            self.for_each_row(storage.tree, &storage.root, root_in_base, &mut |key, row| {
                let (key, value) = self.key_value(&RowKey { tree: storage.tree, key: *key }, row)?;
                values.insert(key, value);
                Ok(())
            })?;
            Ok(values)
        })
    }

    /// Calls `each` with every account, in the order of the hashes of their addresses. That these are all, and no others,
    /// is known when it has returned.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read, or what `each` returns.
    pub fn for_each_account(
        &self,
        mut each: impl FnMut(&Address, &Account) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.guard.run(|| {
            self.for_each_row(TreeId::ACCOUNTS, &self.root, Some(self.base.root), &mut |_, row| {
                let (address, row) = row.to_account()?;
                each(&address, &row.account)
            })
        })
    }

    /// The few leaves of this state below a place whose node has that hash. The page above them may be of a block that was made
    /// when the state below it was the last one. Now that is made anew, and whether few leaves have a page depends on the way.
    fn few_below(&self, place: &Place, hash: &B256) -> Result<Option<Sub>, StoreError> {
        let (mut few, range) = (Vec::new(), KeyRange { first: place.path.0, last: place.last().0 });
        self.rows_in(place.tree, Some(*hash), &range, &mut |key, row| {
            few.push(Leaf { key: *key, hash: row.hash() });
            Ok(few.len() <= LEAVES_MAX)
        })?;
        let is_it = few.len() <= LEAVES_MAX && hash_of_leaves(&few, place.depth, &mut 0) == *hash;
        Ok(is_it.then(|| Sub::Leaves(few.into())))
    }

    /// The way to `key` in a tree of this state.
    fn path_to(&self, tree: TreeId, root: &B256, key: &B256) -> Result<MerklePath, StoreError> {
        let mut siblings = Vec::new();
        let end = Cursor::root(self, Place::root(tree), *root).descend(key, &mut siblings)?;
        let leaf = match end.kind() {
            Kind::Leaf => {
                let key = end.leaf_key()?;
                Some((key.0, self.value_hash(&RowKey { tree, key }, &end.hash)?.0))
            }
            _ => None,
        };
        Ok(MerklePath { leaf, siblings: siblings.into_iter().map(|hash| hash.0).collect() })
    }

    /// The hash of the value of a leaf that is there.
    pub(crate) fn value_hash(&self, key: &RowKey, hash: &B256) -> Result<B256, StoreError> {
        self.row_with(key, hash)?.value_hash(key.tree)
    }

    /// The row of a leaf that is there, with that hash.
    pub(crate) fn row_with(&self, key: &RowKey, hash: &B256) -> Result<Row, StoreError> {
        let row = self.row_as_it_is(key)?.filter(|row| row.hash() == *hash);
        row.ok_or_else(|| StoreError::Damaged(format!("leaf {} is not what the tree says", key.key)))
    }

    /// The row of a leaf, held against nothing.
    pub(crate) fn row_as_it_is(&self, key: &RowKey) -> Result<Option<Row>, StoreError> {
        if let Some(row) = newest(self.patches(), key) {
            return Ok(row.cloned());
        }
        match self.past.as_deref() {
            Some((past, _)) => match past.row(&self.base, key)? {
                Some(row) => Ok(row),
                None => self.base.row_as_it_is(key),
            },
            None => self.base.row_as_it_is(key),
        }
    }

    pub(crate) fn prove(&self, address: &Address) -> Result<(AccountProof, Option<AccountRow>), StoreError> {
        let row = self.read_account(address)?;
        let path = self.path_to(TreeId::ACCOUNTS, &self.root, &account_key(address))?;
        Ok((AccountProof { leaf: row.as_ref().map(AccountRow::leaf), path }, row))
    }

    /// Proof of the account at `address`, or of its absence.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn prove_account(&self, address: &Address) -> Result<AccountProof, StoreError> {
        self.guard.run(|| Ok(self.prove(address)?.0))
    }

    /// Proof of the value at `key` in the storage of `address`, or of its absence.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn prove_storage(&self, address: &Address, key: &[u8]) -> Result<StorageProof, StoreError> {
        self.guard.run(|| {
            let (account, row) = self.prove(address)?;
            let path = match row.and_then(|row| row.storage) {
                Some(StorageTree { tree, root }) => self.path_to(tree, &root, &storage_key(key))?,
                None => MerklePath::default(),
            };
            Ok(StorageProof { account, value: self.read_value(address, key)?, path })
        })
    }

    /// The code with that hash.
    pub(crate) fn code_bytes(&self, hash: &B256) -> Result<Option<Vec<u8>>, StoreError> {
        match self.layers.iter().rev().find_map(|layer| layer.code.get(hash)) {
            Some(code) => Ok(Some(code.to_vec())),
            None => self.base.code(hash),
        }
    }

    /// Whether that code is there.
    pub(crate) fn has_code(&self, hash: &B256) -> Result<bool, StoreError> {
        Ok(self.layers.iter().any(|layer| layer.code.contains_key(hash)) || self.base.has_code(hash)?)
    }

    /// Runs `read` where no panic gets through.
    pub(crate) fn guarded<T>(&self, read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.guard.run(read)
    }
}

impl Source for View {
    fn sub(&self, place: &Place, hash: &B256) -> Result<Sub, StoreError> {
        let slot = match self.patches().rev().find_map(|patch| patch.slot(place)) {
            Some(slot) => Some(slot),
            None => self.undone()?.and_then(|undone| undone.slot(place)),
        };
        match slot {
            Some(slot) => slot.sub.clone().ok_or_else(|| self.missing(place)),
            None => self.base.sub(place, hash).or_else(|error| self.few_below(place, hash)?.ok_or(error)),
        }
    }

    fn leaf_key(&self, place: &Place, hash: &B256) -> Result<B256, StoreError> {
        let key = match self.patches().rev().find_map(|patch| patch.leaf_key(place, hash)) {
            Some(key) => Some(key),
            None => self.undone()?.and_then(|undone| undone.leaf_key(place, hash)),
        };
        key.map_or_else(|| self.base.leaf_key(place, hash), Ok)
    }
}

impl State for View {
    fn root(&self) -> B256 {
        self.root
    }

    fn account_row(&self, address: &Address) -> Result<Option<AccountRow>, StoreError> {
        let row = self.read_account(address)?;
        self.find(address, row.as_ref().and_then(|row| row.storage))?;
        Ok(row)
    }
}

impl StateReader for View {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        Ok(self.guard.run(|| self.account_row(address))?.map(|row| row.account))
    }

    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        Ok(self.guard.run(|| self.leaf_value(address, key))?.map(|value| value.head()))
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.value(address, key)?.map(Bytes::from))
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        Ok(self.guard.run(|| self.code_bytes(hash))?.map(Bytes::from))
    }
}
