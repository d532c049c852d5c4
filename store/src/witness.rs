//! A witness: everything of the state that the execution of a block reads, and the tree nodes that lead to it from the
//! root and that the new root is computed from.

use crate::{
    apply::State,
    cursor::Cursor,
    error::StoreError,
    node::{Path, TreeNode, nibbles_of},
    page::Place,
    proof::{AccountLeaf, Kind, account_key, storage_key},
    row::{AccountRow, LeafValue, RowKey, TreeId},
    tables::{decode, encode},
    view::View,
};
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_vm::{Account, Address, B256, Block, Bytes, Fault, StateDiff, StateReader, ValueHead};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What a witness file begins with.
const MAGIC: &[u8; 8] = b"LOCKWITN";

/// The version of the witness format.
pub const WITNESS_VERSION: u32 = 3;

/// A block and the part of the state that it needs. Nothing of it is believed before [`replay`](crate::replay()) has
/// checked it against the root.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Witness {
    /// The block.
    pub block: Block,
    /// The root of the state that it is executed on, as whoever made the witness says.
    pub root: B256,
    /// Code that it reads.
    pub code: Vec<Vec<u8>>,
    /// Accounts that it reads and that are there.
    pub(crate) accounts: BTreeMap<Address, AccountLeaf>,
    /// Storage values that it reads and that are there, and of those that it only asks for what their leaf says.
    pub(crate) values: BTreeMap<Address, BTreeMap<Vec<u8>, LeafValue>>,
    /// Nodes of the tree of accounts.
    pub(crate) account_nodes: Nodes,
    /// Nodes of storage trees.
    pub(crate) storage_nodes: BTreeMap<Address, Nodes>,
}

/// A part of a tree.
pub(crate) type Nodes = BTreeMap<Path, TreeNode>;

impl Witness {
    /// The bytes of a witness file.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it is larger than an encoding can be.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StoreError> {
        Ok([MAGIC.as_slice(), &WITNESS_VERSION.to_le_bytes(), &encode(self)?].concat())
    }

    /// The witness in the bytes of a file.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let refused = |why: &str| StoreError::Refused(format!("not a witness: {why}"));
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| refused("it begins otherwise"))?;
        let (version, body) = rest.split_first_chunk().ok_or_else(|| refused("it is too short"))?;
        match u32::from_le_bytes(*version) {
            WITNESS_VERSION => decode(body).map_err(|_| refused("it cannot be decoded")),
            version => Err(refused(&format!("version {version}, this lockstep reads {WITNESS_VERSION}"))),
        }
    }
}

/// A state that remembers what is read of it.
pub struct Recorder {
    view: View,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    accounts: BTreeMap<Address, AccountLeaf>,
    values: BTreeMap<Address, BTreeMap<Vec<u8>, LeafValue>>,
    code: BTreeMap<B256, Vec<u8>>,
    account_nodes: Nodes,
    storage_nodes: BTreeMap<Address, Nodes>,
}

impl Recorder {
    /// A recorder of what is read of `view`.
    pub fn new(view: View) -> Self {
        Self { view, read: Mutex::default() }
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The witness of a block that was executed on this state and changed `diff`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn witness(&self, block: Block, diff: &StateDiff) -> Result<Witness, StoreError> {
        self.view.guarded(|| self.read_ways(diff))?;
        let read = core::mem::take(&mut *self.read());
        Ok(Witness {
            block,
            root: self.view.root(),
            code: read.code.into_values().collect(),
            accounts: read.accounts,
            values: read.values,
            account_nodes: read.account_nodes,
            storage_nodes: read.storage_nodes,
        })
    }

    /// Reads the way to every key that `diff` changes: the new root is computed from these and what is beside them.
    fn read_ways(&self, diff: &StateDiff) -> Result<(), StoreError> {
        for address in diff.accounts.keys().chain(diff.storage.keys()) {
            self.account_row(address)?;
        }
        for (address, changes) in diff.storage.iter().filter(|(_, changes)| !changes.cleared) {
            for key in changes.values.keys() {
                self.storage_way(address, key)?;
            }
        }
        Ok(())
    }

    fn account_row(&self, address: &Address) -> Result<Option<AccountRow>, StoreError> {
        let row = self.view.account_row(address)?;
        let nodes = self.way(TreeId::ACCOUNTS, self.view.root(), &account_key(address))?;
        let mut read = self.read();
        read.account_nodes.extend(nodes);
        if let Some(row) = &row {
            read.accounts.insert(*address, row.leaf());
        }
        Ok(row)
    }

    fn storage_way(&self, address: &Address, key: &[u8]) -> Result<(), StoreError> {
        if let Some(storage) = self.account_row(address)?.and_then(|row| row.storage) {
            let nodes = self.way(storage.tree, storage.root, &storage_key(key))?;
            self.read().storage_nodes.entry(*address).or_default().extend(nodes);
        }
        Ok(())
    }

    /// The nodes on the way to `key`, with the leaf at its end if there is one.
    fn way(&self, tree: TreeId, root: B256, key: &B256) -> Result<Nodes, StoreError> {
        let mut nodes = Nodes::new();
        let mut at = Cursor::root(&self.view, Place::root(tree), root);
        while at.kind() == Kind::Internal {
            nodes.insert(nibbles_of(key, at.place.depth / 4), at.to_tree_node()?);
            let end = at.place.depth.saturating_add(4);
            while at.kind() == Kind::Internal && at.place.depth < end {
                at = at.step(key)?.0;
            }
        }
        if at.kind() == Kind::Leaf {
            let key = at.leaf_key()?;
            let value = self.view.value_hash(&RowKey { tree, key }, &at.hash)?;
            nodes.insert(nibbles_of(&key, at.place.depth.div_ceil(4)), TreeNode::Leaf { key, value });
        }
        Ok(nodes)
    }

    fn leaf_value(&self, address: &Address, key: &[u8]) -> Result<Option<LeafValue>, StoreError> {
        let value = self.view.leaf_value(address, key)?;
        self.storage_way(address, key)?;
        if let Some(value) = &value {
            // A value that was read says more.
            let mut read = self.read();
            read.values.entry(*address).or_default().entry(key.to_vec()).or_insert_with(|| value.clone());
        }
        Ok(value)
    }

    fn value(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.view.value(address, key)?;
        self.storage_way(address, key)?;
        if let Some(value) = &value {
            let whole = LeafValue::Whole(value.clone());
            self.read().values.entry(*address).or_default().insert(key.to_vec(), whole);
        }
        Ok(value)
    }
}

impl StateReader for Recorder {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        Ok(self.view.guarded(|| self.account_row(address))?.map(|row| row.account))
    }

    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        Ok(self.view.guarded(|| self.leaf_value(address, key))?.map(|value| value.head()))
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.view.guarded(|| self.value(address, key))?.map(Bytes::from))
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        let code = self.view.guarded(|| self.view.code_bytes(hash))?;
        if let Some(code) = &code {
            self.read().code.insert(*hash, code.clone());
        }
        Ok(code.map(Bytes::from))
    }
}
