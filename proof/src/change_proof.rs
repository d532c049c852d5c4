//! Proof of everything that changed between two states, for those accounts whose key hashes are in a range.

use crate::{
    account::{AccountLeaf, Address, account_key, account_value_hash, storage_key, storage_value_hash},
    changes::{ChangeSteps, ChangedLeaf, verify_changes},
    hash::{EMPTY_ROOT, Hash},
    invalid::InvalidProof,
    place::{KeyRange, Leaves},
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// All that changed. What is not in it is the same in both states.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChangeProof {
    /// Accounts that changed, with or without their storage, in the order of their key hashes.
    pub accounts: Vec<AccountChange>,
    /// What is around them, in both trees of accounts.
    pub steps: ChangeSteps,
}

/// An account that changed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountChange {
    /// Its address.
    pub address: Address,
    /// What it was; `None` if it was not there.
    pub old: Option<AccountLeaf>,
    /// What it is; `None` if it is gone.
    pub new: Option<AccountLeaf>,
    /// What became of its storage.
    pub storage: StorageChanges,
}

/// What became of the storage of an account.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum StorageChanges {
    /// It is as it was.
    Unchanged,
    /// Every value that it had is gone.
    Gone,
    /// All values that it has now, independent of those before: keys and values, in the order of the key hashes.
    Whole(Vec<(Vec<u8>, Vec<u8>)>),
    /// Some values changed.
    Changed {
        /// These, in the order of the key hashes.
        values: Vec<ValueChange>,
        /// What is around them, in both trees of the storage.
        steps: ChangeSteps,
    },
}

/// A storage value that changed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ValueChange {
    /// Its key.
    pub key: Vec<u8>,
    /// The value hash of what it was, as `storage_value_hash` computes it; `None` if there was none.
    pub old: Option<Hash>,
    /// What it is; `None` if it was removed.
    pub new: Option<Vec<u8>>,
}

impl ChangeProof {
    /// All that changed between the states with the roots `old` and `new` in the accounts in `range`.
    ///
    /// # Errors
    ///
    /// [`InvalidProof`]: it proves nothing about these roots and this range.
    pub fn verify(&self, old: &Hash, new: &Hash, range: &KeyRange) -> Result<&[AccountChange], InvalidProof> {
        let changes = self.accounts.iter().map(|change| ChangedLeaf {
            key: account_key(&change.address),
            old: change.old.as_ref().map(account_value_hash),
            new: change.new.as_ref().map(account_value_hash),
        });
        verify_changes((old, new), range, changes, &self.steps)?;
        self.accounts.iter().try_for_each(AccountChange::verify_storage)?;
        Ok(&self.accounts)
    }
}

impl AccountChange {
    /// The storage roots before and afterwards.
    pub fn storage_roots(&self) -> (Hash, Hash) {
        let root = |leaf: &Option<AccountLeaf>| leaf.as_ref().map_or(EMPTY_ROOT, |leaf| leaf.storage_root);
        (root(&self.old), root(&self.new))
    }

    /// Whether the storage changed from the root that the old account says to that of the new one.
    fn verify_storage(&self) -> Result<(), InvalidProof> {
        let (old, new) = self.storage_roots();
        let shown = match &self.storage {
            StorageChanges::Unchanged => old == new,
            StorageChanges::Gone => old != new && new == EMPTY_ROOT,
            StorageChanges::Whole(values) => old != new && new != EMPTY_ROOT && storage_root(values) == Some(new),
            StorageChanges::Changed { values, steps } => {
                let changes = values.iter().map(|change| ChangedLeaf {
                    key: storage_key(&change.key),
                    old: change.old,
                    new: change.new.as_deref().map(storage_value_hash),
                });
                verify_changes((&old, &new), &KeyRange::ALL, changes, steps)?;
                old != new
            }
        };
        if shown { Ok(()) } else { Err(InvalidProof) }
    }
}

/// The root of the storage with these values, `None` if they are not in the order of their key hashes.
pub(crate) fn storage_root(values: &[(Vec<u8>, Vec<u8>)]) -> Option<Hash> {
    let mut leaves = Leaves::default();
    for (key, value) in values {
        let key = storage_key(key);
        if !leaves.push(key, crate::hash::leaf_hash(&key, &storage_value_hash(value))) {
            return None;
        }
    }
    Some(leaves.root())
}
