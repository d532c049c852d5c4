//! A witness as its bytes say it, and the hash of a node as docs/store.md says it: written a second time, so that the
//! forger leans on nothing of the verifier.

use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_store::{AccountLeaf, WITNESS_VERSION};
use lockstep_vm::{Address, B256, Block};
use sha3::{Digest, Sha3_256};
use std::collections::BTreeMap;

/// The root of an empty tree.
pub(crate) const EMPTY: B256 = B256::new(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

/// Everything that a witness file holds.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Parts {
    pub(crate) block: Block,
    pub(crate) root: B256,
    pub(crate) code: Vec<Vec<u8>>,
    pub(crate) accounts: BTreeMap<Address, AccountLeaf>,
    pub(crate) values: BTreeMap<Address, BTreeMap<Vec<u8>, Value>>,
    pub(crate) account_nodes: Nodes,
    pub(crate) storage_nodes: BTreeMap<Address, Nodes>,
}

/// A storage value, or what the leaf of a long one says of it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum Value {
    Whole(Vec<u8>),
    Long { bytes: u32, hash: B256 },
}

impl Value {
    /// What a leaf would say of a value, were it long.
    pub(crate) fn long(value: &[u8]) -> Self {
        Self::Long { bytes: value.len() as u32, hash: digest(&[value]) }
    }

    /// Bytes of the value.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Whole(value) => value.len(),
            Self::Long { bytes, .. } => *bytes as usize,
        }
    }
}

/// The nodes of a tree by path, one nibble a byte.
pub(crate) type Nodes = BTreeMap<Vec<u8>, Node>;

#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum Node {
    Leaf { key: B256, value: B256 },
    Internal(Vec<Child>),
}

#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Child {
    pub(crate) nibble: u8,
    pub(crate) hash: B256,
    pub(crate) version: u64,
}

impl Child {
    /// Whether it passes for a leaf.
    pub(crate) fn is_leaf(&self) -> bool {
        self.hash[0] & 0x80 != 0
    }

    /// Makes it pass for a leaf, or for none.
    pub(crate) fn set_leaf(&mut self, is_leaf: bool) {
        self.hash = marked(self.hash, is_leaf);
    }
}

fn marked(mut hash: B256, is_leaf: bool) -> B256 {
    hash.0[0] = hash.0[0] & 0x7f | if is_leaf { 0x80 } else { 0 };
    hash
}

fn digest(parts: &[&[u8]]) -> B256 {
    B256::new(Sha3_256::digest(parts.concat()).into())
}

/// The hash of a storage key.
pub(crate) fn storage_key(key: &[u8]) -> B256 {
    digest(&[&[1], key])
}

/// What the hash of a storage value is the hash of.
pub(crate) fn preimage(value: &[u8]) -> Vec<u8> {
    match Value::long(value) {
        Value::Long { bytes, hash } if bytes > 1_024 => [&[8], &bytes.to_le_bytes()[..], &hash[..]].concat(),
        _ => [&[1], value].concat(),
    }
}

/// The hash of a storage value.
pub(crate) fn storage_value(value: &[u8]) -> B256 {
    digest(&[&preimage(value)])
}

/// The hash of an address.
pub(crate) fn account_key(address: &Address) -> B256 {
    digest(&[&[0], address.as_slice()])
}

/// The hash of an account as the tree has it.
pub(crate) fn account_value(leaf: &AccountLeaf) -> B256 {
    digest(&[&[0], &borsh::to_vec(leaf).unwrap()])
}

/// The hash of a node.
pub(crate) fn hash(node: &Node) -> B256 {
    match node {
        Node::Leaf { key, value } => marked(digest(&[b"JMT::LeafNode", &key[..], &value[..]]), true),
        Node::Internal(children) => range_hash(children, 0, 16),
    }
}

/// The children in the aligned range.
pub(crate) fn within(children: &[Child], start: u8, width: u8) -> Vec<Child> {
    children.iter().filter(|child| (start..start + width).contains(&child.nibble)).cloned().collect()
}

/// The hash of an aligned range of children.
pub(crate) fn range_hash(children: &[Child], start: u8, width: u8) -> B256 {
    match within(children, start, width).as_slice() {
        [] => EMPTY,
        [child] if child.is_leaf() || width == 1 => child.hash,
        below => {
            let half = width / 2;
            let sides = [range_hash(below, start, half), range_hash(below, start + half, half)];
            marked(digest(&[b"JMT::IntrnalNode", &sides[0][..], &sides[1][..]]), false)
        }
    }
}

/// Makes the parents of the node at `path` say its hash, up to the root, which is returned.
pub(crate) fn rehash(nodes: &mut Nodes, path: &[u8]) -> Option<B256> {
    let mut hash = hash(nodes.get(path)?);
    for depth in (0..path.len()).rev() {
        let Node::Internal(children) = nodes.get_mut(&path[..depth])? else { return None };
        children.iter_mut().find(|child| child.nibble == path[depth])?.hash = hash;
        hash = self::hash(&nodes[&path[..depth]]);
    }
    Some(hash)
}

impl Parts {
    /// The parts of a witness file.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        borsh::from_slice(&bytes[12..]).unwrap()
    }

    /// The file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let body = borsh::to_vec(self).unwrap();
        [b"LOCKWITN".as_slice(), &WITNESS_VERSION.to_le_bytes(), &body].concat()
    }

    /// A tree: that of the accounts for `None`.
    pub(crate) fn tree(&mut self, owner: Option<&Address>) -> &mut Nodes {
        match owner {
            None => &mut self.account_nodes,
            Some(owner) => self.storage_nodes.get_mut(owner).unwrap(),
        }
    }

    /// Makes everything above a changed node say its hash: parents, the account of a storage, and the witness's own root.
    /// `None` if there is no way up.
    pub(crate) fn made_consistent(mut self, owner: Option<&Address>, path: &[u8]) -> Option<Self> {
        let root = rehash(self.tree(owner), path)?;
        let Some(owner) = owner else {
            self.root = root;
            return Some(self);
        };
        self.accounts.get_mut(owner)?.storage_root = root.0;
        self.account_made_consistent(owner)
    }

    /// Makes the tree of accounts and the root say what `accounts` says of `owner`.
    pub(crate) fn account_made_consistent(mut self, owner: &Address) -> Option<Self> {
        let (key, value) = (account_key(owner), account_value(self.accounts.get(owner)?));
        let at = |node: &Node| matches!(node, Node::Leaf { key: found, .. } if *found == key);
        let path = self.account_nodes.iter().find(|(_, node)| at(node))?.0.clone();
        self.account_nodes.insert(path.clone(), Node::Leaf { key, value });
        self.root = rehash(&mut self.account_nodes, &path)?;
        Some(self)
    }
}
