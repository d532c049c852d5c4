//! A witness: everything of the state that the execution of a block reads, and the tree nodes that lead to it from the
//! root and that the new root is computed from.

use crate::{
    error::StoreError,
    forest::{AccountRow, Forest, NodeAt, TreeId, leaf_at, read_ways, update},
    node::{Child, Path, TreeNode},
    proof::{AccountLeaf, account_key, storage_key},
    tables::{decode, encode},
    view::View,
};
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_vm::{Account, Address, B256, Block, Bytes, Fault, StateDiff, StateReader};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What a witness file begins with.
const MAGIC: &[u8; 8] = b"LOCKWITN";

/// The version of the witness format.
pub const WITNESS_VERSION: u32 = 2;

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
    /// Storage values that it reads and that are there.
    pub(crate) values: BTreeMap<Address, BTreeMap<Vec<u8>, Vec<u8>>>,
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
    values: BTreeMap<Address, BTreeMap<Vec<u8>, Vec<u8>>>,
    code: BTreeMap<B256, Vec<u8>>,
    nodes: BTreeMap<TreeId, Nodes>,
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
        read_ways(self, diff)?;
        // The nodes that the update needs: those beside a removed leaf, for one.
        update(self, self.view.head, self.view.height().saturating_add(1), diff)?;
        let read = core::mem::take(&mut *self.read());
        let mut witness = Witness {
            block,
            root: self.view.root(),
            code: read.code.into_values().collect(),
            accounts: read.accounts,
            values: read.values,
            account_nodes: Nodes::new(),
            storage_nodes: BTreeMap::new(),
        };
        for (tree, nodes) in read.nodes {
            match tree {
                TreeId::Accounts => witness.account_nodes = nodes,
                TreeId::Storage(address, _) => drop(witness.storage_nodes.insert(address, nodes)),
            }
        }
        Ok(witness)
    }
}

impl Forest for Recorder {
    fn account_row(&self, address: &Address) -> Result<Option<AccountRow>, StoreError> {
        let row = self.view.account_row(address)?;
        leaf_at(self, TreeId::Accounts, self.view.head.version, &account_key(address))?;
        if let Some(row) = &row {
            self.read().accounts.insert(*address, row.leaf());
        }
        Ok(row)
    }

    fn node(&self, at: &NodeAt) -> Result<TreeNode, StoreError> {
        let node = self.view.node(at)?;
        self.read().nodes.entry(at.tree).or_default().insert(at.path.clone(), without_versions(&node));
        Ok(node)
    }
}

/// The node as its hash knows it.
fn without_versions(node: &TreeNode) -> TreeNode {
    match node {
        TreeNode::Internal(children) => {
            TreeNode::Internal(children.iter().map(|child| Child { version: 0, ..child.clone() }).collect())
        }
        leaf @ TreeNode::Leaf { .. } => leaf.clone(),
    }
}

impl StateReader for Recorder {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        Ok(self.account_row(address)?.map(|row| row.account))
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let value = self.view.value(address, key)?;
        if let Some(tree) = self.account_row(address)?.and_then(|row| row.storage) {
            leaf_at(self, TreeId::Storage(*address, tree.birth), Some(tree.version), &storage_key(key))?;
        }
        if let Some(value) = &value {
            self.read().values.entry(*address).or_default().insert(key.to_vec(), value.clone());
        }
        Ok(value.map(Bytes::from))
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        let code = self.view.code_bytes(hash)?;
        if let Some(code) = &code {
            self.read().code.insert(*hash, code.clone());
        }
        Ok(code.map(Bytes::from))
    }
}
