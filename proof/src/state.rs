//! Proofs of one account, or of one value of its storage, or that there is none.
//!
//! The state is a tree of accounts; the leaf of an account holds the root of the tree of its storage. A proof is the leaf
//! that is found where the key leads to, and the hashes beside the way to the root.

use crate::{
    account::{AccountLeaf, Address, account_key, account_value_hash, storage_key, storage_value_hash},
    hash::{EMPTY_ROOT, Hash, bit, leaf_hash, pair_hash},
    invalid::InvalidProof,
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Siblings of the longest path.
const SIBLINGS_MAX: usize = 256;

/// The way from a leaf, or from the empty place where it would be, to a root.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct MerklePath {
    /// Key and value, as hashes, of the leaf that is found where the key leads to; it may be that of another key.
    pub leaf: Option<(Hash, Hash)>,
    /// The hashes beside the way, the root's children first.
    pub siblings: Vec<Hash>,
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

impl AccountProof {
    /// The account at `address` in the state with the root `root`, `None` if it is proven absent.
    ///
    /// # Errors
    ///
    /// [`InvalidProof`]: it proves nothing about this address and this root.
    pub fn verify(&self, root: &Hash, address: &Address) -> Result<Option<&AccountLeaf>, InvalidProof> {
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
    pub fn verify(&self, root: &Hash, address: &Address, key: &[u8]) -> Result<Option<&[u8]>, InvalidProof> {
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
    fn verify(&self, root: &Hash, key: &Hash, value: Option<&Hash>) -> Result<(), InvalidProof> {
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
        let end = self.leaf.as_ref().map_or(EMPTY_ROOT, |(key, value)| leaf_hash(key, value));
        let found = (0..depth).zip(&self.siblings).rev().fold(end, |hash, (at, sibling)| match bit(key, at) {
            false => pair_hash(&hash, sibling),
            true => pair_hash(sibling, &hash),
        });
        if found == *root { Ok(()) } else { Err(InvalidProof) }
    }
}
