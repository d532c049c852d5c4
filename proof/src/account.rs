//! Accounts and storage values as the state root commits to them. This encoding is consensus.

use crate::{
    hash::{EMPTY_ROOT, Hash, digest},
    long_value::LongValue,
};
use alloc::{vec, vec::Vec};
use borsh::{BorshDeserialize, BorshSerialize};

/// A storage key and its value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// The address of an account.
pub type Address = [u8; 20];

/// What the preimages of accounts begin with, so that none is one of storage.
const ACCOUNT_DOMAIN: u8 = 0;

/// What the preimages of storage begin with.
const STORAGE_DOMAIN: u8 = 1;

/// What an account says of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct CodeId {
    /// sha3-256 of the code.
    pub hash: Hash,
    /// The number of the ABI that the code was deployed with.
    pub abi: u8,
    /// Bytes of the code.
    pub bytes: u32,
}

/// An account: everything but its storage.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Balance: a number of 256 bits, its lowest byte first.
    pub balance: [u8; 32],
    /// Code of a contract.
    pub code: Option<CodeId>,
}

/// What the state root says of an account.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountLeaf {
    /// The account.
    pub account: Account,
    /// Root of its storage, [`EMPTY_ROOT`] if it has none.
    pub storage_root: Hash,
}

impl AccountLeaf {
    /// Whether the account has any storage.
    pub fn has_storage(&self) -> bool {
        self.storage_root != EMPTY_ROOT
    }
}

/// The key hash of an account: where it is in the tree of accounts.
pub fn account_key(address: &Address) -> Hash {
    digest(&[&[ACCOUNT_DOMAIN], address])
}

/// The key hash of a storage key: where it is in the tree of a storage.
pub fn storage_key(key: &[u8]) -> Hash {
    digest(&[&[STORAGE_DOMAIN], key])
}

/// The bytes whose hash is in an account's leaf.
pub fn account_value(leaf: &AccountLeaf) -> Vec<u8> {
    let mut value = vec![ACCOUNT_DOMAIN];
    // Writing into memory does not fail.
    let _ = leaf.serialize(&mut value);
    value
}

/// The value hash of an account.
pub fn account_value_hash(leaf: &AccountLeaf) -> Hash {
    digest(&[&account_value(leaf)])
}

/// The value hash of a storage value: of a short one as a whole, or of the length and the hash of a [long one](LongValue).
/// The empty value is one, unlike none at all.
pub fn storage_value_hash(value: &[u8]) -> Hash {
    match LongValue::of(value) {
        Some(long) => long.value_hash(),
        None => digest(&[&[STORAGE_DOMAIN], value]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Consensus: the bytes of an account, one field after the other.
    #[test]
    fn the_bytes_of_an_account() {
        let code = CodeId { hash: [7; 32], abi: 1, bytes: 0x0403_0201 };
        let mut account = Account { nonce: 0x0102, balance: [9; 32], code: None };
        let expected = [[2, 1, 0, 0, 0, 0, 0, 0].as_slice(), &[9; 32], &[0]].concat();
        assert_eq!(borsh::to_vec(&account).unwrap(), expected);
        account.code = Some(code);
        let storage_root = [8; 32];
        let expected = [&[0], &expected[..40], &[1], &[7; 32], &[1, 1, 2, 3, 4], &[8; 32]].concat();
        assert_eq!(account_value(&AccountLeaf { account, storage_root }), expected);
    }

    #[test]
    fn an_account_is_no_value_and_a_key_is_no_address() {
        let address = [3; 20];
        assert_ne!(account_key(&address), storage_key(&address));
        let leaf = AccountLeaf { account: Account::default(), storage_root: EMPTY_ROOT };
        assert_ne!(account_value_hash(&leaf), storage_value_hash(&account_value(&leaf)[1..]));
        assert_eq!(storage_value_hash(b"value"), digest(&[b"\x01value"]));
    }
}
