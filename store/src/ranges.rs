//! Proofs of ranges of keys, and of what differs between two states. The crate `lockstep-proof` verifies them.

use crate::{
    cursor::Cursor,
    error::StoreError,
    page::Place,
    proof::{EMPTY_ROOT, account_key},
    row::{AccountRow, Row, RowKey, StorageTree, TreeId},
    view::View,
};
use lockstep_proof::{
    AccountChange, AccountRange, ChangeProof, ChangedLeaf, Hash, KeyRange, Node, RangeStep, StorageChanges,
    StorageRange, TreeChanges, ValueChange, range_steps, tree_changes,
};
use lockstep_vm::{Address, B256};

/// A node of a tree of a view, for a prover.
struct ViewNode<'a> {
    view: &'a View,
    cursor: Cursor<'a>,
}

impl<'a> ViewNode<'a> {
    fn root(view: &'a View, tree: TreeId, root: B256) -> Self {
        Self { view, cursor: Cursor::root(view, Place::root(tree), root) }
    }
}

impl Node for ViewNode<'_> {
    type Error = StoreError;

    fn hash(&self) -> Hash {
        self.cursor.hash.0
    }

    fn children(&self) -> Result<(Self, Self), StoreError> {
        let (left, right) = self.cursor.children()?;
        Ok((Self { view: self.view, cursor: left }, Self { view: self.view, cursor: right }))
    }

    fn leaf(&self) -> Result<(Hash, Hash), StoreError> {
        let key = self.cursor.leaf_key()?;
        let row = RowKey { tree: self.cursor.place.tree, key };
        Ok((key.0, self.view.value_hash(&row, &self.cursor.hash)?.0))
    }
}

/// A storage: keys and values.
pub(crate) type Values = Vec<(Vec<u8>, Vec<u8>)>;

/// A range that is read until it has so many bytes.
#[derive(Debug)]
pub(crate) struct Cut {
    first: Hash,
    bytes: usize,
    bytes_max: usize,
}

impl Cut {
    pub(crate) const fn new(first: Hash, bytes_max: usize) -> Self {
        Self { first, bytes: 0, bytes_max }
    }

    /// The range that ends before `key`, if it is full. Another one begins there.
    pub(crate) fn before(&mut self, key: &B256) -> Option<KeyRange> {
        let range = if self.bytes < self.bytes_max { None } else { KeyRange::before(self.first, key) };
        if range.is_some() {
            *self = Self { first: key.0, bytes: 0, bytes_max: self.bytes_max };
        }
        range
    }

    pub(crate) fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub(crate) const fn first(&self) -> Hash {
        self.first
    }
}

/// Bytes of an account in a chunk, about.
pub(crate) const ACCOUNT_BYTES: usize = 160;

/// Bytes of a value in a chunk.
pub(crate) fn value_bytes(key: &[u8], value_bytes: usize) -> usize {
    key.len().saturating_add(value_bytes).saturating_add(8)
}

impl View {
    pub(crate) fn account_steps(&self, range: &KeyRange) -> Result<Vec<RangeStep>, StoreError> {
        range_steps(ViewNode::root(self, TreeId::ACCOUNTS, self.root()), range)
    }

    pub(crate) fn storage_steps(&self, storage: StorageTree, range: &KeyRange) -> Result<Vec<RangeStep>, StoreError> {
        range_steps(ViewNode::root(self, storage.tree, storage.root), range)
    }

    /// Calls `each` with the rows of a tree, whose root in the database is given with it, in `range`, or in the first part of it that
    /// has about `bytes_max` bytes: `each` adds those of its row. Returns the range of which it saw every row.
    pub(crate) fn rows_of_part(
        &self,
        (tree, root_in_base): (TreeId, Option<B256>),
        range: &KeyRange,
        bytes_max: usize,
        each: &mut dyn FnMut(&B256, &Row, &mut Cut) -> Result<(), StoreError>,
    ) -> Result<KeyRange, StoreError> {
        let (mut seen, mut cut) = (*range, Cut::new(range.first, bytes_max.max(1)));
        self.rows_in(tree, root_in_base, range, &mut |key, row| {
            // A range that was cut ends before the key at which it was.
            if let Some(part) = cut.before(key) {
                seen = part;
                return Ok(false);
            }
            each(key, row, &mut cut)?;
            Ok(true)
        })?;
        Ok(seen)
    }

    /// Proof of all accounts whose key hashes are in `range`, or in the first part of it that has about `bytes_max` bytes.
    /// Returns the range that it is a proof of.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if the range ends before it begins, or that the database cannot be read.
    pub fn prove_account_range(
        &self,
        range: &KeyRange,
        bytes_max: usize,
    ) -> Result<(KeyRange, AccountRange), StoreError> {
        self.guarded(|| {
            is_range(range)?;
            let mut accounts = Vec::new();
            let all = (TreeId::ACCOUNTS, Some(self.base.root));
            let proven = self.rows_of_part(all, range, bytes_max, &mut |_, row, cut| {
                let (address, row) = row.to_account()?;
                cut.add(ACCOUNT_BYTES);
                accounts.push((address.into(), row.leaf()));
                Ok(())
            })?;
            let proof = AccountRange { accounts, steps: self.account_steps(&proven)? };
            match proof.verify(&self.root(), &proven) {
                Ok(_) => Ok((proven, proof)),
                Err(_) => Err(not_the_trees()),
            }
        })
    }

    /// Proof of all values of the storage of `address` whose key hashes are in `range`, or in the first part of it that has
    /// about `bytes_max` bytes. Returns the range that it is a proof of.
    ///
    /// # Errors
    ///
    /// As [`prove_account_range`](Self::prove_account_range).
    pub fn prove_storage_range(
        &self,
        address: &Address,
        range: &KeyRange,
        bytes_max: usize,
    ) -> Result<(KeyRange, StorageRange), StoreError> {
        self.guarded(|| {
            is_range(range)?;
            let (account, row) = self.prove(address)?;
            let (mut proven, mut values, mut steps) = (*range, Vec::new(), Vec::new());
            if let Some(row) = row {
                if let Some(storage) = row.storage {
                    let found = self.locate(&account_key(address), storage)?;
                    let all = (storage.tree, found.root_in_base);
                    proven = self.rows_of_part(all, range, bytes_max, &mut |key, row, cut| {
                        let value = self.key_value(&RowKey { tree: storage.tree, key: *key }, row)?;
                        cut.add(value_bytes(&value.0, value.1.len()));
                        values.push(value);
                        Ok(())
                    })?;
                }
                // The steps of an empty tree are those of any empty tree.
                let nothing = StorageTree { tree: TreeId::ACCOUNTS, root: EMPTY_ROOT };
                steps = self.storage_steps(row.storage.unwrap_or(nothing), &proven)?;
            }
            let proof = StorageRange { account, values, steps };
            match proof.verify(&self.root(), address, &proven) {
                Ok(_) => Ok((proven, proof)),
                Err(_) => Err(not_the_trees()),
            }
        })
    }

    /// Proof of all that changed from the state of `older` to this one in the accounts whose key hashes are in `range`. It
    /// is as large as what changed.
    ///
    /// # Errors
    ///
    /// As [`prove_account_range`](Self::prove_account_range).
    pub fn prove_changes(&self, older: &Self, range: &KeyRange) -> Result<ChangeProof, StoreError> {
        self.guarded(|| {
            is_range(range)?;
            let node = |view, root| ViewNode::root(view, TreeId::ACCOUNTS, root);
            let TreeChanges { leaves, steps } =
                tree_changes(node(older, older.root()), node(self, self.root()), range)?;
            let accounts = leaves.iter().map(|leaf| self.account_change(older, leaf)).collect::<Result<_, _>>()?;
            let proof = ChangeProof { accounts, steps: steps.into() };
            match proof.verify(&older.root(), &self.root(), range) {
                Ok(_) => Ok(proof),
                Err(_) => Err(not_the_trees()),
            }
        })
    }

    fn account_change(&self, older: &Self, leaf: &ChangedLeaf) -> Result<AccountChange, StoreError> {
        let read = |view: &Self, there: Option<Hash>| -> Result<Option<(Address, AccountRow)>, StoreError> {
            let key = RowKey { tree: TreeId::ACCOUNTS, key: B256::new(leaf.key) };
            there.map(|_| view.changed_row(&key)?.to_account()).transpose()
        };
        let (old, new) = (read(older, leaf.old)?, read(self, leaf.new)?);
        let address = new.as_ref().or(old.as_ref()).map(|(address, _)| *address).unwrap_or_default();
        let [before, after] = [&old, &new].map(|account| account.as_ref().and_then(|(_, row)| row.storage));
        let key = B256::new(leaf.key);
        Ok(AccountChange {
            address: address.into(),
            old: old.map(|(_, row)| row.leaf()),
            new: new.map(|(_, row)| row.leaf()),
            storage: match (before, after) {
                (before, after) if before.map(|tree| tree.root) == after.map(|tree| tree.root) => {
                    StorageChanges::Unchanged
                }
                (_, None) => StorageChanges::Gone,
                (Some(before), Some(after)) if before.tree == after.tree => {
                    self.storage_changes(older, before, after)?
                }
                (_, Some(after)) => StorageChanges::Whole(self.values_of(&key, after)?),
            },
        })
    }

    fn storage_changes(&self, older: &Self, old: StorageTree, new: StorageTree) -> Result<StorageChanges, StoreError> {
        let node = |view, storage: StorageTree| ViewNode::root(view, storage.tree, storage.root);
        let TreeChanges { leaves, steps } = tree_changes(node(older, old), node(self, new), &KeyRange::ALL)?;
        let value = |leaf: &ChangedLeaf| {
            let key = RowKey { tree: new.tree, key: B256::new(leaf.key) };
            let view = if leaf.new.is_some() { self } else { older };
            let row = view.changed_row(&key)?;
            // What a value was is said by its hash: it is not read.
            let (key, new) = match leaf.new {
                Some(_) => view.key_value(&key, &row).map(|(key, value)| (key, Some(value)))?,
                None => (row.to_storage()?.0.to_vec(), None),
            };
            Ok::<_, StoreError>(ValueChange { key, old: leaf.old, new })
        };
        Ok(StorageChanges::Changed { values: leaves.iter().map(value).collect::<Result<_, _>>()?, steps: steps.into() })
    }

    /// Every key and value of the storage of an account, in the order of the key hashes.
    fn values_of(&self, account: &B256, storage: StorageTree) -> Result<Values, StoreError> {
        let (found, mut values) = (self.locate(account, storage)?, Values::new());
        self.rows_in(storage.tree, found.root_in_base, &KeyRange::ALL, &mut |key, row| {
            values.push(self.key_value(&RowKey { tree: storage.tree, key: *key }, row)?);
            Ok(true)
        })?;
        Ok(values)
    }

    /// The row of a leaf that is there. It is held against the tree as a part of the proof.
    fn changed_row(&self, key: &RowKey) -> Result<Row, StoreError> {
        self.row_as_it_is(key)?.ok_or_else(not_the_trees)
    }
}

pub(crate) fn not_the_trees() -> StoreError {
    StoreError::Damaged("rows are not what the tree says".into())
}

pub(crate) fn is_range(range: &KeyRange) -> Result<(), StoreError> {
    if range.is_range() {
        Ok(())
    } else {
        Err(StoreError::Refused("the range ends before it begins: exchange its ends".into()))
    }
}
