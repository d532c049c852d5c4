//! A state in a store: what a program's own state does not have is looked up in a database of accounts and values that all
//! programs share.

use crate::{ledger::commit, scene::address};
use anyhow::Context as _;
use lockstep_store::{Store, View};
use lockstep_vm::{Account, Address, B256, Bytes, Fault, MemoryState, StateDiff, StateReader, StorageDiff, ValueHead};
use std::sync::LazyLock;

/// Accounts of the database, and values of 32 bytes in the storage of the first contract.
pub(super) const STATE: u32 = 50_000;

/// Values of [`LONG_BYTES`] bytes in that storage.
pub(super) const LONG: u32 = 200;
/// Bytes of the largest value of `V1`.
pub(super) const LONG_BYTES: usize = 65_536;

static STORE: LazyLock<anyhow::Result<Store>> = LazyLock::new(|| {
    let store = Store::memory()?;
    let mut diff = StateDiff::default();
    let mut values = StorageDiff::default();
    for number in 0..STATE {
        let key = key(number, 0);
        let account = Account { nonce: 1, ..Account::default() };
        diff.accounts.insert(Address::from_slice(key.get(..20).unwrap_or_default()), Some(account.clone()));
        values.values.insert(key, Some(vec![1; 32]));
    }
    values.values.extend((0..LONG).map(|number| (self::key(number, 1), Some(vec![1; LONG_BYTES]))));
    diff.accounts.insert(address(1), Some(Account { nonce: 1, ..Account::default() }));
    diff.storage.insert(address(1), values);
    commit(&store, &diff)?;
    Ok(store)
});

/// A key or, cut to its length, an address: the number at its beginning, `kind` at its end.
fn key(number: u32, kind: u8) -> Vec<u8> {
    let mut key = number.to_le_bytes().to_vec();
    key.resize(31, 0);
    key.push(kind);
    key
}

/// The state of a program over the database.
pub(super) struct Stored {
    above: MemoryState,
    below: View,
}

impl Stored {
    /// What `above` has, and otherwise what the database has.
    ///
    /// # Errors
    ///
    /// If the database cannot be made or read.
    pub(super) fn new(above: MemoryState) -> anyhow::Result<Self> {
        let store = STORE.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
        Ok(Self { above, below: store.latest().context("the store")? })
    }
}

impl StateReader for Stored {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        match self.above.account(address)? {
            None => self.below.account(address),
            found => Ok(found),
        }
    }

    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        match self.above.storage_head(address, key)? {
            None => self.below.storage_head(address, key),
            found => Ok(found),
        }
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        match self.above.storage(address, key)? {
            None => self.below.storage(address, key),
            found => Ok(found),
        }
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        match self.above.code(hash)? {
            None => self.below.code(hash),
            found => Ok(found),
        }
    }
}
