//! Proofs that an account, or a value of its storage, is or is not in the state with a given root; and their
//! verification, which needs no store.
//!
//! The state is a tree of accounts; the leaf of an account holds the root of the tree of its storage. Both are sparse
//! Merkle trees over 256 bits of key hash in which a subtree with one leaf is that leaf, and an empty one is a constant
//! (the Jellyfish Merkle tree of jmt), with sha3-256 as the hash. The top bit of a node's hash is its kind.

use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use lockstep_vm::{Account, Address, B256};
use sha3::{Digest, Sha3_256};

/// The root of a tree without leaves: a constant of jmt. Its top bit is clear; that it is no hash of a node is known from
/// its value.
pub const EMPTY_ROOT: B256 = B256::new(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

/// What stands before the parts of a hash, so that none of a kind is one of another. The first two are jmt's.
pub(crate) const LEAF_DOMAIN: &[u8] = b"JMT::LeafNode";
pub(crate) const PAIR_DOMAIN: &[u8] = b"JMT::IntrnalNode";
const ACCOUNT_DOMAIN: u8 = 0;
const STORAGE_DOMAIN: u8 = 1;

/// The bit of a hash's first byte that is its node's kind.
const KIND_BIT: u8 = 0x80;

/// What a hash in a tree is the hash of. The hash says it itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A subtree without leaves: [`EMPTY_ROOT`].
    Empty,
    /// A leaf, which may be alone in a subtree: the top bit is set.
    Leaf,
    /// A subtree of at least two leaves: the top bit is clear.
    Internal,
}

impl Kind {
    /// The kind of what `hash` is the hash of.
    pub(crate) fn of(hash: &B256) -> Self {
        if *hash == EMPTY_ROOT {
            Self::Empty
        } else if hash.0[0] & KIND_BIT != 0 {
            Self::Leaf
        } else {
            Self::Internal
        }
    }

    /// The hash of a node of this kind, made of the digest of its preimage.
    pub(crate) const fn mark(self, mut digest: [u8; 32]) -> [u8; 32] {
        match self {
            Self::Leaf => digest[0] |= KIND_BIT,
            Self::Empty | Self::Internal => digest[0] &= !KIND_BIT,
        }
        digest
    }
}

/// Siblings of the longest path.
const SIBLINGS_MAX: usize = 256;

/// What the root says of an account.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountLeaf {
    /// The account.
    pub account: Account,
    /// Root of its storage, [`EMPTY_ROOT`] if it has none.
    pub storage_root: B256,
}

/// The way from a leaf, or from the empty place where it would be, to a root.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct MerklePath {
    /// Key and value, as hashes, of the leaf that stands where the key leads to; it may be that of another key.
    pub leaf: Option<(B256, B256)>,
    /// The hashes beside the way, the root's children first.
    pub siblings: Vec<B256>,
}

/// Proof of an account, or of its absence.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountProof {
    /// What is claimed.
    pub leaf: Option<AccountLeaf>,
    /// The way to the root of the state.
    pub path: MerklePath,
}

/// Proof of a value in the storage of an account, or of its absence.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StorageProof {
    /// The account, whose leaf has the root of the storage.
    pub account: AccountProof,
    /// What is claimed.
    pub value: Option<Vec<u8>>,
    /// The way to that root; empty if there is no account.
    pub path: MerklePath,
}

/// A proof does not show what it claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidProof;

impl fmt::Display for InvalidProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the proof does not lead to this root")
    }
}

impl core::error::Error for InvalidProof {}

impl AccountProof {
    /// The account at `address` in the state with the root `root`, `None` if it is proven absent.
    ///
    /// # Errors
    ///
    /// [`InvalidProof`]: it proves nothing about this address and this root.
    pub fn verify(&self, root: &B256, address: &Address) -> Result<Option<&AccountLeaf>, InvalidProof> {
        let value = self.leaf.as_ref().map(account_value_hash);
        self.path.verify(root, &account_key(address), value.as_ref())?;
        Ok(self.leaf.as_ref())
    }
}

impl StorageProof {
    /// The value at `key` in the storage of `address` in the state with the root `root`, `None` if it is proven absent.
    ///
    /// # Errors
    ///
    /// [`InvalidProof`]: it proves nothing about this address, key and root.
    pub fn verify(&self, root: &B256, address: &Address, key: &[u8]) -> Result<Option<&[u8]>, InvalidProof> {
        let storage_root = match self.account.verify(root, address)? {
            Some(leaf) => leaf.storage_root,
            // One proof for one fact: where there is no account there is nothing to add.
            None if self.value.is_none() && self.path == MerklePath::default() => return Ok(None),
            None => return Err(InvalidProof),
        };
        let value = self.value.as_deref().map(storage_value_hash);
        self.path.verify(&storage_root, &storage_key(key), value.as_ref())?;
        Ok(self.value.as_deref())
    }
}

impl MerklePath {
    /// Whether this is the way of `key` to `root`, with that value hash at its end or, for `None`, without the key.
    fn verify(&self, root: &B256, key: &B256, value: Option<&B256>) -> Result<(), InvalidProof> {
        let depth = self.siblings.len();
        let fits = match (&self.leaf, value) {
            (Some((leaf_key, leaf_value)), Some(value)) => leaf_key == key && leaf_value == value,
            // Another leaf is alone in the subtree that the key would be in.
            (Some((leaf_key, _)), None) => leaf_key != key && (0..depth).all(|at| bit(leaf_key, at) == bit(key, at)),
            (None, None) => true,
            (None, Some(_)) => false,
        };
        if !fits || depth > SIBLINGS_MAX {
            return Err(InvalidProof);
        }
        let end = self.leaf.as_ref().map_or(EMPTY_ROOT, |(key, value)| hash_leaf(key, value));
        let found = (0..depth).zip(&self.siblings).rev().fold(end, |hash, (at, sibling)| match bit(key, at) {
            false => hash_pair(&hash, sibling),
            true => hash_pair(sibling, &hash),
        });
        if found == *root { Ok(()) } else { Err(InvalidProof) }
    }
}

/// The bit of `hash` at `position`, the highest of the first byte being 0.
fn bit(hash: &B256, position: usize) -> bool {
    hash.get(position / 8).is_some_and(|byte| byte << (position % 8) & 0x80 != 0)
}

fn hash_of(parts: &[&[u8]]) -> B256 {
    let mut hasher = Sha3_256::new();
    for part in parts {
        hasher.update(part);
    }
    B256::new(hasher.finalize().into())
}

/// The hash of a leaf.
pub(crate) fn hash_leaf(key: &B256, value: &B256) -> B256 {
    B256::new(Kind::Leaf.mark(hash_of(&[LEAF_DOMAIN, key.as_slice(), value.as_slice()]).0))
}

/// The hash of two subtrees with at least two leaves.
pub(crate) fn hash_pair(left: &B256, right: &B256) -> B256 {
    B256::new(Kind::Internal.mark(hash_of(&[PAIR_DOMAIN, left.as_slice(), right.as_slice()]).0))
}

/// Where an account stands in the tree of accounts.
pub(crate) fn account_key(address: &Address) -> B256 {
    hash_of(&[&[ACCOUNT_DOMAIN], address.as_slice()])
}

/// Where a storage key stands in the tree of a storage.
pub(crate) fn storage_key(key: &[u8]) -> B256 {
    hash_of(&[&[STORAGE_DOMAIN], key])
}

/// The value of an account's leaf, before jmt hashes it.
pub(crate) fn account_value(leaf: &AccountLeaf) -> Vec<u8> {
    let mut value = vec![ACCOUNT_DOMAIN];
    // Writing into memory does not fail.
    let _ = leaf.serialize(&mut value);
    value
}

/// The value of a storage leaf, before jmt hashes it: the empty value is one, unlike none at all.
pub(crate) fn storage_value(value: &[u8]) -> Vec<u8> {
    [&[STORAGE_DOMAIN], value].concat()
}

/// The hash in an account's leaf.
pub(crate) fn account_value_hash(leaf: &AccountLeaf) -> B256 {
    hash_of(&[&account_value(leaf)])
}

/// The hash in a storage leaf.
pub(crate) fn storage_value_hash(value: &[u8]) -> B256 {
    hash_of(&[&[STORAGE_DOMAIN], value])
}
