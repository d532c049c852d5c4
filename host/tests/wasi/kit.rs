//! A guest of one page, its process, and a world that keeps storage.

use lockstep_gas::{Abi, Gas, GasMeter, Revision};
use lockstep_host::{
    AbiState, Address, B256, BlockEnv, Bytes, Entry, Fault, Frame, Guest, HaltReason, HostCall, HostImport, HostResult,
    ImportTable, Log, Message, Process, Stop, TransactionEnv, U256, ValueHead, World,
};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of the guest's memory.
pub(crate) const MEMORY_BYTES: u32 = 65_536;

pub(crate) const CALLER: Address = Address::repeat_byte(0xCA);
pub(crate) const CONTRACT: Address = Address::repeat_byte(0xC0);

/// The time of the block, in nanoseconds.
pub(crate) const BLOCK_NS: u64 = 1_700_000_000_000_000_000;

/// Storage, and which accounts are kept.
#[derive(Default)]
pub(crate) struct Store {
    block: BlockEnv,
    pub(crate) transaction: TransactionEnv,
    pub(crate) storage: BTreeMap<(Address, Vec<u8>), Bytes>,
    pub(crate) kept: BTreeSet<Address>,
}

impl World for Store {
    fn block(&self) -> &BlockEnv {
        &self.block
    }

    fn transaction(&self) -> &TransactionEnv {
        &self.transaction
    }

    fn block_hash(&mut self, _number: u64) -> Result<Option<B256>, Fault> {
        Ok(None)
    }

    fn account_exists(&mut self, _address: &Address) -> Result<bool, Fault> {
        Ok(false)
    }

    fn balance(&mut self, _address: &Address) -> Result<U256, Fault> {
        Ok(U256::ZERO)
    }

    fn code_bytes(&mut self, _address: &Address) -> Result<u32, Fault> {
        Ok(0)
    }

    fn code(&mut self, _address: &Address) -> Result<Bytes, Fault> {
        Ok(Bytes::new())
    }

    fn storage_head(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        let value = self.storage(address, key)?;
        Ok(value.map(|value| ValueHead::Unread { bytes: u32::try_from(value.len()).unwrap() }))
    }

    fn storage(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(self.storage.get(&(*address, key.to_vec())).cloned())
    }

    fn storage_head_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        self.storage_head(address, key)
    }

    fn storage_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.storage(address, key)
    }

    fn set_storage(&mut self, address: &Address, key: &[u8], value: Option<Bytes>) -> Result<(), Fault> {
        match value {
            Some(value) => self.storage.insert((*address, key.to_vec()), value),
            None => self.storage.remove(&(*address, key.to_vec())),
        };
        Ok(())
    }

    fn keep_account(&mut self, address: &Address) -> Result<(), Fault> {
        self.kept.insert(*address);
        Ok(())
    }

    fn logs(&self) -> (u32, u32) {
        (0, 0)
    }

    fn add_log(&mut self, _log: Log) {}

    fn add_refund(&mut self, _gas: u64) {}

    fn self_destruct(&mut self, _contract: &Address, _beneficiary: &Address) -> Result<bool, Fault> {
        Ok(false)
    }
}

/// A frame of a program with its memory.
pub(crate) struct Program {
    pub(crate) memory: Vec<u8>,
    pub(crate) frame: Frame,
    pub(crate) world: Store,
    /// Gas of the last call.
    pub(crate) gas: u64,
}

impl Program {
    pub(crate) fn new(input: &[u8]) -> Self {
        let input = Bytes::copy_from_slice(input);
        let message = Message {
            caller: CALLER,
            address: CONTRACT,
            value: U256::ZERO,
            input: Entry::Main(input.clone()),
            is_static: false,
            depth: 0,
        };
        let frame = Frame {
            message,
            index: 0,
            abi: Abi::Wasi,
            input,
            code: Bytes::new(),
            return_data: Bytes::new(),
            state: AbiState::Wasi(Process::default()),
        };
        let block = BlockEnv { timestamp: BLOCK_NS / 1_000_000_000, ..BlockEnv::default() };
        let world = Store { block, ..Store::default() };
        Self { memory: vec![0; usize::try_from(MEMORY_BYTES).unwrap()], frame, world, gas: 0 }
    }

    /// Calls the row of that name and number of parameters.
    pub(crate) fn call(&mut self, name: &str, arguments: &[u64]) -> HostResult<u64> {
        self.call_with(name, arguments, u64::MAX)
    }

    pub(crate) fn call_with(&mut self, name: &str, arguments: &[u64], gas: u64) -> HostResult<u64> {
        let row = row(name, arguments.len());
        let mut meter = GasMeter::new(Gas::new(gas));
        let result = row.begin(
            &mut HostCall {
                guest: Guest::new(&mut self.memory, &mut meter),
                frame: &mut self.frame,
                world: &mut self.world,
                revision: &Revision::V1,
            },
            arguments,
        );
        self.gas = gas - meter.left().get();
        result
    }

    /// Calls, and expects that it answers `result` for `gas`.
    #[track_caller]
    pub(crate) fn expect(&mut self, name: &str, arguments: &[u64], result: u64, gas: u64) {
        assert_eq!((self.call(name, arguments), self.gas), (Ok(result), gas), "{name} {arguments:?}");
    }

    /// Calls, and expects that it halts.
    #[track_caller]
    pub(crate) fn halts(&mut self, name: &str, arguments: &[u64], reason: HaltReason) {
        let before = (self.memory.clone(), self.frame.clone());
        assert_eq!(self.call(name, arguments), Err(Stop::Halt(reason)), "{name} {arguments:?}");
        assert!(before == (self.memory.clone(), self.frame.clone()), "{name} {arguments:?}: an effect before a halt");
    }

    pub(crate) fn put(&mut self, offset: u32, bytes: &[u8]) {
        let start = usize::try_from(offset).unwrap();
        self.memory[start..start + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn at(&self, offset: u32, length: usize) -> &[u8] {
        let start = usize::try_from(offset).unwrap();
        &self.memory[start..start + length]
    }

    pub(crate) fn u32_at(&self, offset: u32) -> u32 {
        u32::from_le_bytes(self.at(offset, 4).try_into().unwrap())
    }

    pub(crate) fn u64_at(&self, offset: u32) -> u64 {
        u64::from_le_bytes(self.at(offset, 8).try_into().unwrap())
    }

    /// Puts a vector of buffers at `offset`.
    pub(crate) fn put_buffers(&mut self, offset: u32, buffers: &[(u32, u32)]) {
        let bytes: Vec<u8> = buffers
            .iter()
            .flat_map(|(pointer, length)| [pointer.to_le_bytes(), length.to_le_bytes()].concat())
            .collect();
        self.put(offset, &bytes);
    }

    /// What the program ends with.
    pub(crate) fn exit(&mut self, code: u32) -> Stop {
        self.call("proc_exit", &[u64::from(code)]).unwrap_err()
    }

    /// What the program has written to standard output, which ends it.
    pub(crate) fn output(&mut self) -> Vec<u8> {
        match self.exit(0) {
            Stop::Finish(output) => output.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    /// What the program has written to standard error, which ends it.
    pub(crate) fn diagnostic(&mut self) -> String {
        match self.exit(1) {
            Stop::Revert { data, .. } => String::from_utf8_lossy(&data).into_owned(),
            other => panic!("{other:?}"),
        }
    }
}

fn row(name: &str, parameters: usize) -> &'static HostImport {
    let modules = ["wasi_snapshot_preview1", "suavexec", "lockstep"];
    let table = ImportTable::of(Abi::Wasi, &Revision::V1);
    let mut found = modules.iter().flat_map(|module| table.find(module, name));
    found.find(|row| row.parameters().len() == parameters).unwrap_or_else(|| panic!("no {name} of {parameters}"))
}
