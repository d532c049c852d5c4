//! A state as chunks: parts in the order of the key hashes, each with its proof against the root.
//!
//! What is held in memory is one chunk, and the hashes of the codes that have been given.

use crate::{
    error::StoreError,
    load::Missing,
    proof::account_key,
    ranges::{ACCOUNT_BYTES, Cut, Values, is_range, not_the_trees, value_bytes},
    row::{RowKey, StorageTree, TreeId},
    view::View,
};
use lockstep_proof::{
    AccountLeaf, AccountRange, AccountsChunk, Chunk, ChunkStorage, CodeChunk, FIRST_KEY, KeyRange, LAST_KEY,
    StorageChunk, StorageRange,
};
use lockstep_vm::{Address, B256};
use std::collections::BTreeSet;

/// Bytes of a chunk, about: large enough that proofs are a hundredth of it.
pub const CHUNK_BYTES: usize = 1_024 * 1_024;

/// Bytes of a storage from which on it has chunks of its own.
const APART_BYTES: usize = 128 * 1_024;

/// A part of a state that somebody asks for a chunk of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChunkOf {
    /// Accounts whose key hashes are in a range.
    Accounts(KeyRange),
    /// Values of the storage of an account whose key hashes are in a range.
    Storage(Address, KeyRange),
    /// The code of an account.
    Code(Address),
}

impl From<Missing> for ChunkOf {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Accounts(range) => Self::Accounts(range),
            Missing::Storage(address, range) => Self::Storage(address, range),
        }
    }
}

/// Takes a chunk.
pub(crate) type Each<'a> = dyn FnMut(&Chunk) -> Result<(), StoreError> + 'a;

impl View {
    /// Calls `each` with the chunks of this state: those of accounts in the order of their key hashes, behind each of
    /// them the storages and the codes that it does not have itself. Each chunk was verified against the root.
    ///
    /// # Errors
    ///
    /// That the database cannot be read, or what `each` returns.
    pub fn chunks(&self, each: &mut dyn FnMut(&Chunk) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.guarded(|| {
            let mut chunks = Chunks { view: self, each, part: Part::default(), codes: BTreeSet::new() };
            let mut cut = Cut::new(FIRST_KEY, CHUNK_BYTES);
            self.rows_in(TreeId::ACCOUNTS, Some(self.base.root), &KeyRange::ALL, &mut |key, row| {
                if let Some(range) = cut.before(key) {
                    chunks.accounts(range)?;
                }
                let (address, row) = row.to_account()?;
                cut.add(ACCOUNT_BYTES);
                chunks.account(key, &address, row.leaf(), row.storage, &mut cut)?;
                Ok(true)
            })?;
            chunks.accounts(KeyRange { first: cut.first(), last: LAST_KEY })
        })
    }

    /// A chunk of `part`: all of it, or its beginning that has about `bytes_max` bytes ([`CHUNK_BYTES`] in a snapshot). It was
    /// verified against the root. A storage of 128 KiB or more is a part of its own, and a code always is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if there is no such part, or that the database cannot be read.
    pub fn chunk(&self, part: &ChunkOf, bytes_max: usize) -> Result<Chunk, StoreError> {
        let chunk = match part {
            ChunkOf::Accounts(range) => self.guarded(|| self.accounts_chunk(range, bytes_max))?,
            ChunkOf::Storage(address, range) => {
                let (range, proven) = self.prove_storage_range(address, range, bytes_max)?;
                let StorageRange { account, values, steps } = proven;
                Chunk::Storage(StorageChunk { address: (*address).into(), account, range, values, steps })
            }
            ChunkOf::Code(address) => self.guarded(|| self.code_chunk(address))?,
        };
        match chunk.verify(&self.root()) {
            Ok(()) => Ok(chunk),
            Err(_) if matches!(part, ChunkOf::Storage(..)) => {
                Err(StoreError::Refused("there is no such account: ask for the storage of another".into()))
            }
            Err(_) => Err(not_the_trees()),
        }
    }

    fn accounts_chunk(&self, range: &KeyRange, bytes_max: usize) -> Result<Chunk, StoreError> {
        is_range(range)?;
        let mut none = |_: &Chunk| Ok(());
        let mut chunks = Chunks { view: self, each: &mut none, part: Part::default(), codes: BTreeSet::new() };
        let all = (TreeId::ACCOUNTS, Some(self.base.root));
        let proven = self.rows_of_part(all, range, bytes_max, &mut |key, row, cut| {
            let (address, row) = row.to_account()?;
            cut.add(ACCOUNT_BYTES);
            chunks.account(key, &address, row.leaf(), row.storage, cut)
        })?;
        let Part { accounts, storages, .. } = chunks.part;
        let accounts = AccountRange { accounts, steps: self.account_steps(&proven)? };
        Ok(Chunk::Accounts(AccountsChunk { range: proven, accounts, storages }))
    }

    fn code_chunk(&self, address: &Address) -> Result<Chunk, StoreError> {
        let (account, _) = self.prove(address)?;
        let id = account.leaf.as_ref().and_then(|leaf| leaf.account.code);
        let id = id.ok_or_else(|| StoreError::Refused("there is no code at that address: ask for another".into()))?;
        let hash = B256::new(id.hash);
        let code = self.code_bytes(&hash)?;
        let code = code.ok_or_else(|| StoreError::Damaged(format!("there is no code {hash}")))?;
        Ok(Chunk::Code(CodeChunk { address: (*address).into(), account, code }))
    }
}

/// Accounts that are not given yet.
#[derive(Default)]
struct Part {
    accounts: Vec<([u8; 20], AccountLeaf)>,
    storages: Vec<ChunkStorage>,
    apart: Vec<(Address, StorageTree)>,
    codes: Vec<(Address, B256)>,
}

struct Chunks<'a, 'b> {
    view: &'a View,
    each: &'a mut Each<'b>,
    part: Part,
    /// Hashes of codes that were given.
    codes: BTreeSet<B256>,
}

impl Chunks<'_, '_> {
    fn give(&mut self, chunk: &Chunk) -> Result<(), StoreError> {
        match chunk.verify(&self.view.root()) {
            Ok(()) => (self.each)(chunk),
            Err(_) => Err(not_the_trees()),
        }
    }

    fn account(
        &mut self,
        key: &B256,
        address: &Address,
        leaf: AccountLeaf,
        storage: Option<StorageTree>,
        cut: &mut Cut,
    ) -> Result<(), StoreError> {
        if let Some(storage) = storage {
            let here = self.small(key, storage)?;
            self.part.storages.push(match here {
                Some((values, bytes)) => {
                    cut.add(bytes);
                    ChunkStorage::Here(values)
                }
                None => {
                    self.part.apart.push((*address, storage));
                    ChunkStorage::Apart
                }
            });
        }
        if let Some(id) = leaf.account.code
            && self.codes.insert(B256::new(id.hash))
        {
            self.part.codes.push((*address, B256::new(id.hash)));
        }
        self.part.accounts.push(((*address).into(), leaf));
        Ok(())
    }

    /// The whole of a storage with its bytes, `None` if these are many.
    fn small(&self, key: &B256, storage: StorageTree) -> Result<Option<(Values, usize)>, StoreError> {
        let (mut values, mut bytes) = (Values::new(), 0_usize);
        let found = self.view.locate(key, storage)?;
        self.view.rows_in(storage.tree, found.root_in_base, &KeyRange::ALL, &mut |key_hash, row| {
            let (key, value) = row.to_storage()?;
            bytes = bytes.saturating_add(value_bytes(key, value.bytes()));
            let small = bytes < APART_BYTES;
            if small {
                values.push(self.view.key_value(&RowKey { tree: storage.tree, key: *key_hash }, row)?);
            }
            Ok(small)
        })?;
        Ok((bytes < APART_BYTES).then_some((values, bytes)))
    }

    /// Gives the accounts of a range, and what goes with them.
    fn accounts(&mut self, range: KeyRange) -> Result<(), StoreError> {
        let Part { accounts, storages, apart, codes } = core::mem::take(&mut self.part);
        let accounts = AccountRange { accounts, steps: self.view.account_steps(&range)? };
        self.give(&Chunk::Accounts(AccountsChunk { range, accounts, storages }))?;
        for (address, hash) in codes {
            let code = self.view.code_bytes(&hash)?;
            let code = code.ok_or_else(|| StoreError::Damaged(format!("there is no code {hash}")))?;
            let (account, _) = self.view.prove(&address)?;
            self.give(&Chunk::Code(CodeChunk { address: address.into(), account, code }))?;
        }
        apart.into_iter().try_for_each(|(address, storage)| self.storage(&address, storage))
    }

    /// Gives a storage in chunks of its own.
    fn storage(&mut self, address: &Address, storage: StorageTree) -> Result<(), StoreError> {
        let view = self.view;
        let found = view.locate(&account_key(address), storage)?;
        let (account, _) = view.prove(address)?;
        let chunk = |range: KeyRange, values: Values| -> Result<Chunk, StoreError> {
            let (address, account) = ((*address).into(), account.clone());
            let steps = view.storage_steps(storage, &range)?;
            Ok(Chunk::Storage(StorageChunk { address, account, range, values, steps }))
        };
        let (mut values, mut cut) = (Values::new(), Cut::new(FIRST_KEY, CHUNK_BYTES));
        view.rows_in(storage.tree, found.root_in_base, &KeyRange::ALL, &mut |key, row| {
            if let Some(range) = cut.before(key) {
                self.give(&chunk(range, core::mem::take(&mut values))?)?;
            }
            let value = view.key_value(&RowKey { tree: storage.tree, key: *key }, row)?;
            cut.add(value_bytes(&value.0, value.1.len()));
            values.push(value);
            Ok(true)
        })?;
        self.give(&chunk(KeyRange { first: cut.first(), last: LAST_KEY }, values)?)
    }
}
