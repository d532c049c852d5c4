//! Everything outside the calling instance that a host function can see or change.

use crate::fault::Fault;
use alloy_primitives::{Address, B256, Bytes, U256};
use borsh::{BorshDeserialize, BorshSerialize};

/// The block that a transaction runs in.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct BlockEnv {
    /// Height.
    pub number: u64,
    /// Seconds since 1970-01-01, as the block says.
    pub timestamp: u64,
    /// Gas of all transactions of the block together.
    pub gas_limit: u64,
    /// Who receives the fees.
    pub beneficiary: Address,
    /// Difficulty, or another number that the chain puts in its place.
    pub difficulty: U256,
    /// The hash of the block before this one; zero for the first block of a chain.
    pub parent_hash: B256,
}

/// What the frames of one transaction have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransactionEnv {
    /// The account that sent the transaction.
    pub origin: Address,
    /// The number of the transaction among its sender's: no other transaction of a chain has the same two.
    pub nonce: u64,
    /// What the sender pays for one gas.
    pub gas_price: U256,
}

/// An event that a contract emitted.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// At most 4 topics.
    pub topics: Vec<B256>,
    /// The data.
    pub data: Vec<u8>,
}

/// A value in storage before anybody has paid for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueHead {
    /// The value. Nothing is left to be read: it is short, or it is in memory already.
    Known(Bytes),
    /// A value that has not been read.
    Unread {
        /// Its length.
        bytes: u32,
    },
}

impl ValueHead {
    /// Bytes of the value.
    pub fn bytes(&self) -> u32 {
        match self {
            Self::Known(value) => u32::try_from(value.len()).unwrap_or(u32::MAX),
            Self::Unread { bytes } => *bytes,
        }
    }
}

/// Accounts, storage, code, block and logs, as the running transaction sees them.
///
/// Every method can fail with a [`Fault`] only: what a contract may not do is decided by the host functions.
pub trait World {
    /// The block.
    fn block(&self) -> &BlockEnv;

    /// The transaction.
    fn transaction(&self) -> &TransactionEnv;

    /// The hash of block `number`, from outside the state. Asked only for the 256 blocks before this one, under a
    /// revision without `block_hashes_in_state`.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn block_hash(&mut self, number: u64) -> Result<Option<B256>, Fault>;

    /// Whether the account has a nonce, a balance or code (EIP-161).
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn account_exists(&mut self, address: &Address) -> Result<bool, Fault>;

    /// The account's balance, zero if there is no such account.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn balance(&mut self, address: &Address) -> Result<U256, Fault>;

    /// Bytes of the account's code, 0 if it has none. The code itself is not read.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn code_bytes(&mut self, address: &Address) -> Result<u32, Fault>;

    /// The account's code, empty if it has none. Its length has been paid for.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn code(&mut self, address: &Address) -> Result<Bytes, Fault>;

    /// The length of the value at `key` in the account's storage, or the value if that costs nothing more. `None` if
    /// there is no value.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn storage_head(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault>;

    /// The value at `key` in the account's storage. Its length has been paid for.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn storage(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault>;

    /// [`storage_head`](Self::storage_head) as it was before the first transaction of the block.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn storage_head_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault>;

    /// [`storage`](Self::storage) as it was before the first transaction of the block.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn storage_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault>;

    /// Puts a value at `key` in the account's storage, or removes it. The length of the value that is there has been paid
    /// for.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn set_storage(&mut self, address: &Address, key: &[u8], value: Option<Bytes>) -> Result<(), Fault>;

    /// Gives the account a nonce if it has none, so that it is never an empty one (EIP-161). For accounts of the host.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn keep_account(&mut self, address: &Address) -> Result<(), Fault>;

    /// Number of logs of the transaction so far, and the bytes of their data.
    fn logs(&self) -> (u32, u32);

    /// Adds a log.
    fn add_log(&mut self, log: Log);

    /// Adds to what the transaction gets back at its end.
    fn add_refund(&mut self, gas: u64);

    /// Gives the contract's balance to `beneficiary` and marks the contract for removal at the end of the transaction.
    /// True if it was not marked before.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    fn self_destruct(&mut self, contract: &Address, beneficiary: &Address) -> Result<bool, Fault>;
}
