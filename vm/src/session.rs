//! A session: the journal, the block and the transaction that the frames of one transaction share.
//!
//! It moves into the instance that runs and out again, so that host functions reach it without a lock or a lifetime.

use crate::journal::Journal;
use alloy_primitives::{Address, B256, Bytes, U256};
use lockstep_host::{BlockEnv, Fault, Log, TransactionEnv, ValueHead, World};

/// What the frames of a transaction share.
pub struct Session {
    /// The state.
    pub journal: Journal,
    /// The block.
    pub block: BlockEnv,
    /// The transaction.
    pub transaction: TransactionEnv,
}

impl World for Session {
    fn block(&self) -> &BlockEnv {
        &self.block
    }

    fn transaction(&self) -> &TransactionEnv {
        &self.transaction
    }

    fn block_hash(&mut self, number: u64) -> Result<Option<B256>, Fault> {
        self.journal.block_hash(number)
    }

    fn account_exists(&mut self, address: &Address) -> Result<bool, Fault> {
        Ok(self.journal.account(address)?.is_some_and(|account| !account.is_empty()))
    }

    fn balance(&mut self, address: &Address) -> Result<U256, Fault> {
        self.journal.balance(address)
    }

    fn code_bytes(&mut self, address: &Address) -> Result<u32, Fault> {
        Ok(self.journal.code_id(address)?.map_or(0, |id| id.bytes))
    }

    fn code(&mut self, address: &Address) -> Result<Bytes, Fault> {
        match self.journal.code_id(address)? {
            Some(id) => self.journal.code(&id),
            None => Ok(Bytes::new()),
        }
    }

    fn storage_head(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        self.journal.storage_head(address, key)
    }

    fn storage(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.journal.storage(address, key)
    }

    fn storage_head_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        self.journal.storage_head_before_block(address, key)
    }

    fn storage_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.journal.storage_before_block(address, key)
    }

    fn set_storage(&mut self, address: &Address, key: &[u8], value: Option<Bytes>) -> Result<(), Fault> {
        self.journal.set_storage(address, key, value)
    }

    //= spec 11.6.1
    fn keep_account(&mut self, address: &Address) -> Result<(), Fault> {
        if self.journal.nonce(address)? == 0 {
            self.journal.increment_nonce(address)?;
        }
        Ok(())
    }

    fn logs(&self) -> (u32, u32) {
        let (logs, bytes) = self.journal.logs();
        (u32::try_from(logs.len()).unwrap_or(u32::MAX), bytes)
    }

    fn add_log(&mut self, log: Log) {
        self.journal.add_log(log);
    }

    fn add_refund(&mut self, gas: u64) {
        self.journal.add_refund(gas);
    }

    fn self_destruct(&mut self, contract: &Address, beneficiary: &Address) -> Result<bool, Fault> {
        self.journal.self_destruct(contract, beneficiary)
    }
}
