//! A state at one height, as a snapshot of the database: commits, prunings and rollbacks that come later do not reach
//! it.

use crate::{
    error::StoreError,
    forest::{self, AccountRow, Forest, Head, NodeAt},
    node::TreeNode,
    proof::{AccountProof, StorageProof},
    store::block,
    tables::{
        ACCOUNTS, BlockRow, CODE, NODES, STORAGE, bad, decode, decode_value, newest, node_key, split_height,
        split_storage, storage_prefix, storage_tree_prefix,
    },
};
use lockstep_vm::{Account, Address, B256, Bytes, Fault, StateReader};
use redb::{ReadOnlyTable, ReadTransaction};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// A table of bytes, to be read.
type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The height that a row was written at and what it says; `None` for a removal.
type Version<T> = (u64, Option<T>);

/// The state at one height. Any number of views can be used by any number of threads, for as long as the store is open.
pub struct View {
    height: u64,
    hash: B256,
    pub(crate) head: Head,
    accounts: Rows,
    storage: Rows,
    code: Rows,
    nodes: Rows,
    /// Births of the storages that were looked at, so that a storage read is one look-up.
    births: Mutex<BTreeMap<Address, Option<u64>>>,
}

impl View {
    /// The view of a height that the caller knows to be kept; `None` for the state before the first block.
    pub(crate) fn new(transaction: &ReadTransaction, height: Option<u64>) -> Result<Self, StoreError> {
        let BlockRow { hash, head } = match height {
            None => BlockRow { hash: B256::ZERO, head: Head::EMPTY },
            Some(height) => block(transaction, height)?,
        };
        Ok(Self {
            height: height.unwrap_or(0),
            hash,
            head,
            accounts: transaction.open_table(ACCOUNTS)?,
            storage: transaction.open_table(STORAGE)?,
            code: transaction.open_table(CODE)?,
            nodes: transaction.open_table(NODES)?,
            births: Mutex::default(),
        })
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
        self.head.root
    }

    /// The row of an account and the height that it was written at, removals included.
    pub(crate) fn account_version(&self, address: &Address) -> Result<Option<Version<AccountRow>>, StoreError> {
        let row = newest(&self.accounts, address.as_slice(), self.height)?;
        row.map(|(height, row)| Ok((height, decode(&row)?))).transpose()
    }

    /// The height and the value of the newest row of a storage key, removals included.
    pub(crate) fn storage_version(&self, prefix: &[u8]) -> Result<Option<Version<Vec<u8>>>, StoreError> {
        let row = newest(&self.storage, prefix, self.height)?;
        row.map(|(height, row)| Ok((height, decode_value(&row)?.map(<[u8]>::to_vec)))).transpose()
    }

    fn birth(&self, address: &Address) -> Result<Option<u64>, StoreError> {
        let known = self.births.lock().unwrap_or_else(PoisonError::into_inner).get(address).copied();
        match known {
            Some(birth) => Ok(birth),
            None => Ok(self.account_row(address)?.and_then(|row| row.storage).map(|storage| storage.birth)),
        }
    }

    /// The value at `key` in the storage of `address`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn value(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(birth) = self.birth(address)? else { return Ok(None) };
        // No row has a key that is longer than a row can have.
        let Ok(prefix) = storage_prefix(address, birth, key) else { return Ok(None) };
        Ok(self.storage_version(&prefix)?.and_then(|(_, value)| value))
    }

    /// Every key and value of the storage of `address`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn values(&self, address: &Address) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
        let mut values = BTreeMap::new();
        let Some(birth) = self.birth(address)? else { return Ok(values) };
        let from = storage_tree_prefix(address, birth);
        for row in self.storage.range(from.as_slice()..)? {
            let (key, value) = row?;
            if !key.value().starts_with(&from) {
                break;
            }
            let (prefix, height) = split_height(key.value())?;
            if height > self.height {
                continue;
            }
            let (_, _, key) = split_storage(prefix)?;
            // Later rows of a key come later, and replace.
            match decode_value(value.value())? {
                Some(value) => values.insert(key.to_vec(), value.to_vec()),
                None => values.remove(key),
            };
        }
        Ok(values)
    }

    /// Calls `each` with every account, in the order of the addresses.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read, or what `each` gives.
    pub fn for_each_account(
        &self,
        mut each: impl FnMut(&Address, &Account) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut next: Option<(Address, Option<AccountRow>)> = None;
        for row in self.accounts.range::<&[u8]>(..)? {
            let (key, value) = row?;
            let (address, height) = split_height(key.value())?;
            let address = Address::try_from(address).map_err(|_| bad("the key of an account"))?;
            if let Some((last, Some(row))) = next.take_if(|(last, _)| *last != address) {
                each(&last, &row.account)?;
            }
            if height <= self.height {
                next = Some((address, decode(value.value())?));
            }
        }
        match next {
            Some((last, Some(row))) => each(&last, &row.account),
            _ => Ok(()),
        }
    }

    /// Proof of the account at `address`, or of its absence.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn prove_account(&self, address: &Address) -> Result<AccountProof, StoreError> {
        Ok(forest::prove_account(self, self.head, address)?.0)
    }

    /// Proof of the value at `key` in the storage of `address`, or of its absence.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn prove_storage(&self, address: &Address, key: &[u8]) -> Result<StorageProof, StoreError> {
        forest::prove_storage(self, self.head, address, key, self.value(address, key)?)
    }

    /// The code with that hash.
    pub(crate) fn code_bytes(&self, hash: &B256) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.code.get(hash.as_slice())?.map(|code| code.value().to_vec()))
    }
}

impl Forest for View {
    fn account_row(&self, address: &Address) -> Result<Option<AccountRow>, StoreError> {
        let row = self.account_version(address)?.and_then(|(_, row)| row);
        let birth = row.as_ref().and_then(|row| row.storage).map(|storage| storage.birth);
        self.births.lock().unwrap_or_else(PoisonError::into_inner).insert(*address, birth);
        Ok(row)
    }

    fn node(&self, at: &NodeAt) -> Result<TreeNode, StoreError> {
        match self.nodes.get(node_key(at).as_slice())? {
            Some(row) => TreeNode::decode(row.value()),
            None => Err(StoreError::Damaged(format!("there is no tree node at {at:?}"))),
        }
    }
}

impl StateReader for View {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        Ok(self.account_row(address)?.map(|row| row.account))
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.value(address, key)?.map(Bytes::from))
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        Ok(self.code_bytes(hash)?.map(Bytes::from))
    }
}
