//! A world that passes everything on to the session, and tells what is written.

use crate::observer::{Event, Watch, Write};
use lockstep_gas::Gas;
use lockstep_host::{Address, B256, BlockEnv, Bytes, Fault, Log, TransactionEnv, U256, ValueHead, World};
use lockstep_vm::engine::Session;

/// The session, watched.
pub(crate) struct WatchedWorld<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) watch: &'a Watch,
}

impl World for WatchedWorld<'_> {
    fn block(&self) -> &BlockEnv {
        self.session.block()
    }

    fn transaction(&self) -> &TransactionEnv {
        self.session.transaction()
    }

    fn block_hash(&mut self, number: u64) -> Result<Option<B256>, Fault> {
        self.session.block_hash(number)
    }

    fn account_exists(&mut self, address: &Address) -> Result<bool, Fault> {
        self.session.account_exists(address)
    }

    fn balance(&mut self, address: &Address) -> Result<U256, Fault> {
        self.session.balance(address)
    }

    fn code_bytes(&mut self, address: &Address) -> Result<u32, Fault> {
        self.session.code_bytes(address)
    }

    fn code(&mut self, address: &Address) -> Result<Bytes, Fault> {
        self.session.code(address)
    }

    fn storage_head(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        self.session.storage_head(address, key)
    }

    fn storage(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.session.storage(address, key)
    }

    fn storage_head_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        self.session.storage_head_before_block(address, key)
    }

    fn storage_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.session.storage_before_block(address, key)
    }

    fn set_storage(&mut self, address: &Address, key: &[u8], value: Option<Bytes>) -> Result<(), Fault> {
        self.watch.tell(&Event::Wrote(Write::Storage { account: address, key, value: value.as_ref() }));
        self.session.set_storage(address, key, value)
    }

    fn keep_account(&mut self, address: &Address) -> Result<(), Fault> {
        self.session.keep_account(address)
    }

    fn logs(&self) -> (u32, u32) {
        self.session.logs()
    }

    fn add_log(&mut self, log: Log) {
        self.watch.tell(&Event::Wrote(Write::Log(&log)));
        self.session.add_log(log);
    }

    fn add_refund(&mut self, gas: u64) {
        self.watch.tell(&Event::Wrote(Write::Refund(Gas::new(gas))));
        self.session.add_refund(gas);
    }

    fn self_destruct(&mut self, contract: &Address, beneficiary: &Address) -> Result<bool, Fault> {
        self.watch.tell(&Event::Wrote(Write::SelfDestruct { contract, beneficiary }));
        self.session.self_destruct(contract, beneficiary)
    }
}
