//! The hashes of the crate `lockstep-proof`, on the types of the machine.

use lockstep_vm::{Address, B256};

pub(crate) use lockstep_proof::Kind;
pub use lockstep_proof::{AccountLeaf, AccountProof, InvalidProof, MerklePath, StorageProof};

/// The root of a tree without leaves.
pub const EMPTY_ROOT: B256 = B256::new(lockstep_proof::EMPTY_ROOT);

/// The hash of a leaf.
pub(crate) fn hash_leaf(key: &B256, value: &B256) -> B256 {
    lockstep_proof::leaf_hash(key, value).into()
}

/// The hash of two subtrees with at least two leaves.
pub(crate) fn hash_pair(left: &B256, right: &B256) -> B256 {
    lockstep_proof::pair_hash(left, right).into()
}

/// Where an account is in the tree of accounts.
pub(crate) fn account_key(address: &Address) -> B256 {
    lockstep_proof::account_key(address).into()
}

/// Where a storage key is in the tree of a storage.
pub(crate) fn storage_key(key: &[u8]) -> B256 {
    lockstep_proof::storage_key(key).into()
}

/// The hash in an account's leaf.
pub(crate) fn account_value_hash(leaf: &AccountLeaf) -> B256 {
    lockstep_proof::account_value_hash(leaf).into()
}

/// The hash in a storage leaf.
pub(crate) fn storage_value_hash(value: &[u8]) -> B256 {
    lockstep_proof::storage_value_hash(value).into()
}
