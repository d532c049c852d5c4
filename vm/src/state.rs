//! The state as execution sees it: a reader below, a diff above, and a plain state in memory.
//!
//! Nothing here commits to a root: that is the business of the store.

use crate::code::CodeId;
use alloy_primitives::{Address, B256, Bytes, U256};
use borsh::{BorshDeserialize, BorshSerialize, io};
use core::fmt;
use lockstep_gas::Abi;
use lockstep_host::{
    Fault, ValueHead,
    system::{LAST_BLOCK_KEY, LastBlock, SYSTEM_ADDRESS, block_hash_key, block_hash_value},
};
use lockstep_proof::SHORT_VALUE_BYTES_MAX;
use std::collections::BTreeMap;

/// An account: everything but its storage. Its encoding is that of [`lockstep_proof::Account`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Balance.
    pub balance: U256,
    /// Code of a contract.
    pub code: Option<CodeId>,
}

impl Account {
    /// Whether the account counts as absent (EIP-161): no nonce, no balance, no code.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code.is_none()
    }
}

/// The account as the state root commits to it.
impl From<&Account> for lockstep_proof::Account {
    fn from(account: &Account) -> Self {
        let code =
            account.code.map(|id| lockstep_proof::CodeId { hash: id.hash.0, abi: id.abi as u8, bytes: id.bytes });
        Self { nonce: account.nonce, balance: account.balance.to_le_bytes(), code }
    }
}

/// An account has an ABI that this build does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownAbi {
    /// The number of the ABI.
    pub actual: u8,
}

impl fmt::Display for UnknownAbi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an account has the ABI number {}, which this build does not know", self.actual)
    }
}

impl core::error::Error for UnknownAbi {}

impl TryFrom<&lockstep_proof::Account> for Account {
    type Error = UnknownAbi;

    fn try_from(account: &lockstep_proof::Account) -> Result<Self, UnknownAbi> {
        let code = account.code.map(|id| {
            let abi: Abi = borsh::from_slice(&[id.abi]).map_err(|_| UnknownAbi { actual: id.abi })?;
            Ok(CodeId { hash: B256::new(id.hash), abi, bytes: id.bytes })
        });
        let balance = U256::from_le_bytes(account.balance);
        Ok(Self { nonce: account.nonce, balance, code: code.transpose()? })
    }
}

impl BorshSerialize for Account {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        lockstep_proof::Account::from(self).serialize(writer)
    }
}

impl BorshDeserialize for Account {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let account = lockstep_proof::Account::deserialize_reader(reader)?;
        Self::try_from(&account).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
    }
}

/// A state at one height, read by any number of threads.
///
/// Every method can fail with a [`Fault`]: the disk that the state lies on.
pub trait StateReader: Send + Sync {
    /// The account at `address`.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault>;

    /// The value at `key` in the storage of the account at `address` if it is short, or the length of a longer one. A frame
    /// asks for it before it has paid for the value, so it must take no longer for a long value: at most 1,024 bytes
    /// ([`lockstep_proof::SHORT_VALUE_BYTES_MAX`]) are read of any value.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault>;

    /// The value at `key` in the storage of the account at `address`. Asked only for a value that
    /// [`storage_head`](Self::storage_head) did not return, once it is paid for.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault>;

    /// The code with that hash.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault>;

    /// The hash of the block at `height`, `None` if the chain has none. Asked only under a revision without
    /// `block_hashes_in_state`, which exists for conformance tests; a state that holds no hashes beside its accounts
    /// fails.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read, or holds no hashes.
    fn block_hash(&self, height: u64) -> Result<Option<B256>, Fault> {
        Err(Fault::State(format!("this state holds no hash of block {height} beside its accounts")))
    }
}

/// What [`StateReader::storage_head`] returns of a value that is in memory.
pub(crate) fn head_of(value: &[u8]) -> ValueHead {
    match u32::try_from(value.len()) {
        Ok(bytes) if value.len() > SHORT_VALUE_BYTES_MAX => ValueHead::Unread { bytes },
        _ => ValueHead::Known(Bytes::copy_from_slice(value)),
    }
}

/// What a transaction or a block changed: for each thing, its value afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
//= spec 7.1
pub struct StateDiff {
    /// Accounts; `None` for removed.
    pub accounts: BTreeMap<Address, Option<Account>>,
    /// Storage by account.
    pub storage: BTreeMap<Address, StorageDiff>,
    /// New code by its hash.
    pub code: BTreeMap<B256, Vec<u8>>,
}

/// What changed in one account's storage.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct StorageDiff {
    /// Whether all that was there before is gone; it goes before `values` come.
    pub cleared: bool,
    /// Values by key; `None` for removed.
    pub values: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

/// A state in memory, for tests, tools and small chains.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct MemoryState {
    /// Accounts by address.
    pub accounts: BTreeMap<Address, Account>,
    /// Storage by account and key; no empty maps, and none of an account that is absent.
    pub storage: BTreeMap<Address, BTreeMap<Vec<u8>, Vec<u8>>>,
    /// Code by its hash.
    pub code: BTreeMap<B256, Vec<u8>>,
    /// Block hashes by height, for a revision without `block_hashes_in_state`.
    pub block_hashes: BTreeMap<u64, B256>,
}

impl MemoryState {
    /// Takes over what a block changed. A removed account goes with its storage, and an absent one gets none.
    pub fn apply(&mut self, diff: &StateDiff) {
        for (address, account) in &diff.accounts {
            match account {
                Some(account) => drop(self.accounts.insert(*address, account.clone())),
                None => {
                    self.accounts.remove(address);
                    self.storage.remove(address);
                }
            }
        }
        for (address, changes) in &diff.storage {
            let storage = self.storage.entry(*address).or_default();
            if changes.cleared {
                storage.clear();
            }
            for (key, value) in &changes.values {
                match value {
                    Some(value) => storage.insert(key.clone(), value.clone()),
                    None => storage.remove(key),
                };
            }
            if storage.is_empty() || !self.accounts.contains_key(address) {
                self.storage.remove(address);
            }
        }
        self.code.extend(diff.code.iter().map(|(hash, code)| (*hash, code.clone())));
    }

    /// Puts code on an account without any check, as the pre-states of test suites do.
    pub fn put_code(&mut self, address: Address, id: CodeId, code: &[u8]) {
        self.code.insert(id.hash, code.to_vec());
        self.accounts.entry(address).or_default().code = Some(id);
    }

    /// Makes the state one that comes after the block `last`, with the hashes of `hashes` in the system account: for
    /// tests and tools, which begin a chain where they like.
    pub fn put_last_block(&mut self, last: LastBlock, hashes: impl IntoIterator<Item = (u64, B256)>) {
        self.accounts.entry(SYSTEM_ADDRESS).or_default().nonce = 1;
        self.put_storage(SYSTEM_ADDRESS, LAST_BLOCK_KEY.to_vec(), last.to_value().to_vec());
        for (number, hash) in hashes {
            let value = block_hash_value(number, hash).to_vec();
            self.put_storage(SYSTEM_ADDRESS, block_hash_key(number).to_vec(), value);
        }
    }

    /// Puts a value into an account's storage.
    pub fn put_storage(&mut self, address: Address, key: Vec<u8>, value: Vec<u8>) {
        self.storage.entry(address).or_default().insert(key, value);
    }

    fn value(&self, address: &Address, key: &[u8]) -> Option<&[u8]> {
        let storage = self.accounts.get(address).and_then(|_| self.storage.get(address));
        storage.and_then(|storage| storage.get(key)).map(Vec::as_slice)
    }
}

impl StateReader for MemoryState {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        Ok(self.accounts.get(address).cloned())
    }

    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        Ok(self.value(address, key).map(head_of))
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.value(address, key).map(Bytes::copy_from_slice))
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        Ok(self.code.get(hash).map(|code| Bytes::copy_from_slice(code)))
    }

    fn block_hash(&self, height: u64) -> Result<Option<B256>, Fault> {
        Ok(self.block_hashes.get(&height).copied())
    }
}
