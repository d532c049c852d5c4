//! Chunks of a snapshot: parts of a state, each verified alone against the state root, in any order, from anybody.
//!
//! A state is whole when the chunks of accounts cover all key hashes, the chunks of each storage that is apart cover all of
//! its key hashes, and there is a code for each account that has one.

use crate::{
    account::{AccountLeaf, Address},
    change_proof::storage_root,
    hash::{Hash, digest},
    invalid::InvalidProof,
    place::KeyRange,
    range::{AccountRange, RangeStep, limited, verify_values},
    state::AccountProof,
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Bytes of an encoded chunk, at most: a chunk that is cut behind 1 MiB, and one value or code of 8 MiB with all that
/// proves it.
pub const CHUNK_BYTES_MAX: usize = 9 * 1_024 * 1_024;

/// A part of a state.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Chunk {
    /// All accounts in a range, with small storages.
    Accounts(AccountsChunk),
    /// All values in a range of one storage.
    Storage(StorageChunk),
    /// A code.
    Code(CodeChunk),
}

/// All accounts whose key hashes are in a range.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountsChunk {
    /// The range.
    pub range: KeyRange,
    /// The accounts and what is around them.
    pub accounts: AccountRange,
    /// The storage of each account that has one, in their order.
    #[borsh(deserialize_with = "storages")]
    pub storages: Vec<ChunkStorage>,
}

/// The storage of an account in a chunk of accounts.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ChunkStorage {
    /// All of its keys and values, in the order of the key hashes.
    Here(Vec<(Vec<u8>, Vec<u8>)>),
    /// It is in chunks of its own.
    Apart,
}

/// All values of one storage whose key hashes are in a range.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StorageChunk {
    /// The account.
    pub address: Address,
    /// Its proof.
    pub account: AccountProof,
    /// The range.
    pub range: KeyRange,
    /// Keys and values, in the order of the key hashes.
    pub values: Vec<(Vec<u8>, Vec<u8>)>,
    /// What is around them.
    #[borsh(deserialize_with = "crate::range::steps")]
    pub steps: Vec<RangeStep>,
}

/// A code and an account that has it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CodeChunk {
    /// The account.
    pub address: Address,
    /// Its proof.
    pub account: AccountProof,
    /// The code.
    pub code: Vec<u8>,
}

/// Storages of a chunk, at most: a chunk is cut before it has so many accounts.
const STORAGES_MAX: u32 = 65_536;

/// An item can be a single byte, and takes 24 in memory: the count is limited before there are so many.
fn storages<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Vec<ChunkStorage>> {
    limited(reader, STORAGES_MAX)
}

impl Chunk {
    /// Whether everything in it is in the state with the root `root`.
    ///
    /// # Errors
    ///
    /// [`InvalidProof`]: it is no part of that state.
    pub fn verify(&self, root: &Hash) -> Result<(), InvalidProof> {
        match self {
            Self::Accounts(chunk) => chunk.verify(root),
            Self::Storage(chunk) => chunk.verify(root).map(drop),
            Self::Code(chunk) => chunk.verify(root),
        }
    }
}

impl AccountsChunk {
    fn verify(&self, root: &Hash) -> Result<(), InvalidProof> {
        let accounts = self.accounts.verify(root, &self.range)?;
        let mut storages = self.storages.iter();
        for (_, leaf) in accounts.iter().filter(|(_, leaf)| leaf.has_storage()) {
            match storages.next().ok_or(InvalidProof)? {
                ChunkStorage::Here(values) if storage_root(values) != Some(leaf.storage_root) => {
                    return Err(InvalidProof);
                }
                ChunkStorage::Here(_) | ChunkStorage::Apart => {}
            }
        }
        if storages.next().is_none() { Ok(()) } else { Err(InvalidProof) }
    }

    /// The accounts, each with its storage if it has one.
    pub fn accounts(&self) -> impl Iterator<Item = (&Address, &AccountLeaf, Option<&ChunkStorage>)> {
        let mut storages = self.storages.iter();
        self.accounts.accounts.iter().map(move |(address, leaf)| {
            let storage = if leaf.has_storage() { storages.next() } else { None };
            (address, leaf, storage)
        })
    }
}

impl StorageChunk {
    /// The account that has the storage.
    fn verify(&self, root: &Hash) -> Result<&AccountLeaf, InvalidProof> {
        let leaf = self.account.verify(root, &self.address)?.ok_or(InvalidProof)?;
        verify_values(&leaf.storage_root, &self.range, &self.values, &self.steps)?;
        Ok(leaf)
    }
}

impl CodeChunk {
    fn verify(&self, root: &Hash) -> Result<(), InvalidProof> {
        let leaf = self.account.verify(root, &self.address)?.ok_or(InvalidProof)?;
        let id = leaf.account.code.ok_or(InvalidProof)?;
        let bytes = u32::try_from(self.code.len()).ok();
        if bytes == Some(id.bytes) && digest(&[&self.code]) == id.hash { Ok(()) } else { Err(InvalidProof) }
    }
}
