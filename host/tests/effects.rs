//! Every row of the import table against a world that records: no effect before it is paid for, none in a static frame,
//! and a failure of the node that stays one.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use lockstep_gas::{Abi, Gas, GasMeter, Revision};
use lockstep_host::{
    AbiState, Address, B256, BlockEnv, Bytes, DelaState, Entry, Fault, Frame, Guest, HaltReason, HostCall, HostImport,
    HostResult, ImportTable, JsonState, Log, Message, Process, Stop, TransactionEnv, U256, ValueHead, World,
    metashrew::Indexing, packed::PackOrder, system::SYSTEM_ADDRESS,
};

/// A world that counts its changes, or fails whenever it is asked.
struct Recorder {
    block: BlockEnv,
    transaction: TransactionEnv,
    fails: bool,
    /// The value at every key of every storage.
    value: Option<Bytes>,
    asked: u32,
    /// How often for the length of a value in storage.
    lengths: u32,
    /// How often for the value itself.
    values: u32,
    changes: u32,
}

impl Recorder {
    fn new(fails: bool) -> Self {
        let block = BlockEnv { number: 2, ..BlockEnv::default() };
        let transaction = TransactionEnv::default();
        Self { block, transaction, fails, value: None, asked: 0, lengths: 0, values: 0, changes: 0 }
    }

    fn ask<T>(&mut self, answer: T) -> Result<T, Fault> {
        self.asked += 1;
        if self.fails { Err(Fault::State("a broken disk".into())) } else { Ok(answer) }
    }
}

impl World for Recorder {
    fn block(&self) -> &BlockEnv {
        &self.block
    }

    fn transaction(&self) -> &TransactionEnv {
        &self.transaction
    }

    fn block_hash(&mut self, _number: u64) -> Result<Option<B256>, Fault> {
        self.ask(Some(B256::ZERO))
    }

    fn account_exists(&mut self, _address: &Address) -> Result<bool, Fault> {
        self.ask(false)
    }

    fn balance(&mut self, _address: &Address) -> Result<U256, Fault> {
        self.ask(U256::from(u128::MAX))
    }

    fn code_bytes(&mut self, _address: &Address) -> Result<u32, Fault> {
        self.ask(4)
    }

    fn code(&mut self, _address: &Address) -> Result<Bytes, Fault> {
        self.ask(Bytes::from_static(b"code"))
    }

    fn storage_head(&mut self, _address: &Address, _key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        self.lengths += 1;
        let bytes = self.value.as_ref().map(|value| u32::try_from(value.len()).unwrap());
        self.ask(bytes.map(|bytes| ValueHead::Unread { bytes }))
    }

    fn storage(&mut self, address: &Address, _key: &[u8]) -> Result<Option<Bytes>, Fault> {
        // What the chain itself keeps has one length.
        if *address == SYSTEM_ADDRESS {
            return self.ask(None);
        }
        self.values += 1;
        let value = self.value.clone();
        self.ask(value)
    }

    fn storage_head_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        self.storage_head(address, key)
    }

    fn storage_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.storage(address, key)
    }

    fn set_storage(&mut self, _address: &Address, _key: &[u8], _value: Option<Bytes>) -> Result<(), Fault> {
        self.changes += 1;
        self.ask(())
    }

    fn keep_account(&mut self, _address: &Address) -> Result<(), Fault> {
        self.changes += 1;
        self.ask(())
    }

    fn logs(&self) -> (u32, u32) {
        (0, 0)
    }

    fn add_log(&mut self, _log: Log) {
        self.changes += 1;
    }

    fn add_refund(&mut self, _gas: u64) {
        self.changes += 1;
    }

    fn self_destruct(&mut self, _contract: &Address, _beneficiary: &Address) -> Result<bool, Fault> {
        self.changes += 1;
        self.ask(true)
    }
}

/// What came of one call.
struct Called {
    result: HostResult<u64>,
    /// Whether the guest's memory is another.
    wrote: bool,
    asked: u32,
    changes: u32,
    gas_left: Gas,
}

/// Memory in which every pointer of [`arguments`] is good: an amount, and the descriptor `v`.
const MEMORY_BYTES: usize = 1_024;
const POINTER: u64 = 256;
const DESCRIPTOR: usize = 512;

fn frame(abi: Abi, is_static: bool) -> Frame {
    let bytes = Bytes::from_static(b"some bytes");
    Frame {
        message: Message {
            caller: Address::ZERO,
            address: Address::repeat_byte(1),
            value: U256::ZERO,
            input: Entry::Main(bytes.clone()),
            is_static,
            depth: 0,
        },
        index: 0,
        abi,
        input: bytes.clone(),
        code: bytes.clone(),
        state: match abi {
            Abi::Wasi => AbiState::Wasi(Process::default()),
            Abi::Json => AbiState::Json(JsonState::default()),
            Abi::Dela => AbiState::Dela(DelaState::default()),
            Abi::Metashrew | Abi::MetashrewDocumented => AbiState::Metashrew(Indexing::default()),
            Abi::Ewasm | Abi::Packed | Abi::Linked => AbiState::Packed(PackOrder::LowOffset),
        },
        return_data: bytes,
    }
}

/// Arguments with which every function does what it is for.
fn arguments(row: &HostImport) -> Vec<u64> {
    let argument = |name: &&str| match *name {
        "descriptor" => u64::try_from(DESCRIPTOR).unwrap(),
        // An id, or as much JSON.
        "length" if row.module == "suavexec" => 16,
        "length" | "capacity" | "key_length" | "value_length" => 4,
        "bid_length" => 16,
        "name_length" | "descriptor_length" | "count" | "clock" => 1,
        "arguments_length" | "gas" | "offset" => 0,
        // A stream that can be written, and the only one that can be read.
        "fd" => u64::from(row.name != "fd_read"),
        "number" if row.module == "wasi_snapshot_preview1" || row.module == "suavexec" => POINTER,
        "number" | "amount" => 1,
        _ => POINTER,
    };
    row.parameter_names.iter().map(argument).collect()
}

fn call(row: &Row, arguments: &[u64], gas: u64, is_static: bool, fails: bool) -> Called {
    let mut memory = [0; MEMORY_BYTES];
    memory[256] = 1;
    memory[DESCRIPTOR] = b'v';
    let before = memory;
    let mut meter = GasMeter::new(Gas::new(gas));
    let (mut frame, mut world) = (frame(row.abi, is_static), Recorder::new(fails));
    let result = row.begin(
        &mut HostCall {
            guest: Guest::new(&mut memory, &mut meter),
            frame: &mut frame,
            world: &mut world,
            revision: &Revision::V1,
        },
        arguments,
    );
    let Recorder { asked, changes, .. } = world;
    Called { result, wrote: memory != before, asked, changes, gas_left: meter.left() }
}

/// A row, as contracts of one ABI see it.
struct Row {
    abi: Abi,
    import: &'static HostImport,
}

impl core::ops::Deref for Row {
    type Target = HostImport;

    fn deref(&self) -> &HostImport {
        self.import
    }
}

fn rows() -> Vec<Row> {
    let of = |abi| {
        let table = ImportTable::of(abi, &Revision::V1);
        table.rows().map(move |import| Row { abi, import }).collect::<Vec<_>>()
    };
    [Abi::Ewasm, Abi::Wasi].into_iter().flat_map(of).collect()
}

const PLENTY: u64 = 10_000_000;

/// The smallest gas that does not end in out of gas.
fn needed(row: &Row, arguments: &[u64]) -> u64 {
    let fails = |gas| call(row, arguments, gas, false, false).result == Err(Stop::Halt(HaltReason::OutOfGas));
    let (mut low, mut high) = (0, PLENTY);
    assert!(!fails(high), "{}", row.name);
    while low < high {
        let middle = u64::midpoint(low, high);
        if fails(middle) { low = middle + 1 } else { high = middle }
    }
    high
}

//= spec 5.2.6, 10.3.10, 11.2.1 test
#[test]
fn nothing_happens_before_it_is_paid_for() {
    for row in rows() {
        let arguments = arguments(&row);
        let needed = needed(&row, &arguments);
        for gas in [0, 1, needed / 2, needed.saturating_sub(1)].into_iter().filter(|gas| *gas < needed) {
            let called = call(&row, &arguments, gas, false, false);
            assert_eq!(called.result, Err(Stop::Halt(HaltReason::OutOfGas)), "{} with {gas}", row.name);
            assert!(!called.wrote && called.changes == 0, "{} with {gas}: an effect that is not paid", row.name);
        }
        let called = call(&row, &arguments, needed, false, false);
        assert_ne!(called.result, Err(Stop::Halt(HaltReason::OutOfGas)), "{} with {needed}", row.name);
        assert_eq!(
            call(&row, &arguments, needed + 7, false, false).result.is_ok(),
            called.result.is_ok(),
            "{}",
            row.name
        );
    }
}

/// Gas beyond what is needed is left, except where it is passed on to a callee.
#[test]
fn the_price_does_not_depend_on_what_there_is() {
    for row in rows() {
        let arguments = arguments(&row);
        let used = |gas: u64| gas - call(&row, &arguments, gas, false, false).gas_left.get();
        let needed = needed(&row, &arguments);
        if row.name != "create" {
            assert_eq!((used(needed), used(PLENTY)), (needed, needed), "{}", row.name);
        }
    }
}

#[test]
fn nothing_changes_in_a_static_frame() {
    let mut violations = Vec::new();
    for row in rows() {
        let called = call(&row, &arguments(&row), PLENTY, true, false);
        assert_eq!(called.changes, 0, "{}", row.name);
        if called.result == Err(Stop::Halt(HaltReason::StaticModeViolation)) {
            violations.push(row.import.name);
            assert_eq!(called.asked, 0, "{}: the world is asked for nothing", row.name);
        }
    }
    // The pointers of `call` and `callExport` name an amount that is not zero.
    let ewasm = ["call", "storageStore", "create", "log", "selfDestruct", "callExport"];
    let wasi = ["storage_set", "storage_remove", "call", "call_export", "create", "emit", "storePut", "initializeBid"];
    assert_eq!(violations, [&ewasm[..], &wasi].concat());
}

/// A world that cannot be read is a fault, never a halt or a value; a function that does not ask does not notice.
#[test]
fn a_failure_of_the_node_stays_one() {
    let mut asking = Vec::new();
    for row in rows() {
        let called = call(&row, &arguments(&row), PLENTY, false, true);
        let is_fault = matches!(called.result, Err(Stop::Fault(Fault::State(_))));
        assert_eq!(is_fault, called.asked > 0, "{}", row.name);
        assert!(called.asked <= 1 && !(is_fault && called.wrote), "{}: goes on after a fault", row.name);
        if is_fault {
            asking.push(row.import.name);
        }
    }
    let ewasm = [
        "getExternalBalance",
        "getBlockHash",
        "call",
        "callCode",
        "storageStore",
        "storageLoad",
        "create",
        "externalCodeCopy",
        "getExternalCodeSize",
        "selfDestruct",
        "callExport",
    ];
    let wasi = [
        "storage_get",
        "storage_set",
        "storage_remove",
        "balance",
        "call",
        "call_export",
        "create",
        "block_hash",
        "retrieve",
        "storeRetrieve",
        "fetchBidById",
    ];
    assert_eq!(asking, [&ewasm[..], &wasi].concat());
}

/// A call with another number of arguments is an error of the engine's glue, on this node alone.
#[test]
fn the_number_of_arguments_is_the_rows() {
    for row in rows() {
        let good = arguments(&row);
        let longer = [&good[..], &[0]].concat();
        for wrong in
            [&longer[..], &good[..good.len().saturating_sub(1)]].into_iter().filter(|it| it.len() != good.len())
        {
            let called = call(&row, wrong, PLENTY, false, false);
            assert!(matches!(called.result, Err(Stop::Fault(Fault::Broken(_)))), "{} with {}", row.name, wrong.len());
            assert_eq!((called.asked, called.changes, called.gas_left), (0, 0, Gas::new(PLENTY)), "{}", row.name);
        }
    }
}

/// What an engine leaves in the high half of an i32 is not looked at.
#[test]
fn an_i32_has_32_bits() {
    use lockstep_host::ValueType;
    for row in rows() {
        let good = arguments(&row);
        let wild: Vec<u64> = row
            .parameters()
            .iter()
            .zip(&good)
            .map(|(value_type, bits)| match value_type {
                ValueType::I32 => bits | 0xDEAD_BEEF << 32,
                ValueType::I64 => *bits,
            })
            .collect();
        let [plain, wild] = [good, wild].map(|arguments| call(&row, &arguments, PLENTY, false, false));
        assert_eq!((plain.result, plain.gas_left), (wild.result, wild.gas_left), "{}", row.name);
    }
}

/// What a call did where a long value is at every key.
struct Asked {
    used: u64,
    /// How often the world was asked for a length, and how often for a value.
    lengths: u32,
    values: u32,
    is_out_of_gas: bool,
}

fn asked_with(row: &Row, memory: &[u8], value: &Bytes, gas: u64) -> Asked {
    let (mut memory, mut meter) = (memory.to_vec(), GasMeter::new(Gas::new(gas)));
    let mut frame = frame(row.abi, false);
    let mut world = Recorder { value: Some(value.clone()), ..Recorder::new(false) };
    let mut call = HostCall {
        guest: Guest::new(&mut memory, &mut meter),
        frame: &mut frame,
        world: &mut world,
        revision: &Revision::V1,
    };
    // The result does not matter: a value that is of no use was found all the same.
    let is_out_of_gas = row.begin(&mut call, &arguments(row)) == Err(Stop::Halt(HaltReason::OutOfGas));
    Asked { used: gas - meter.left().get(), lengths: world.lengths, values: world.values, is_out_of_gas }
}

/// A memory of zeros, one with a message that writes a key and one that removes it, and one with JSON.
fn memories() -> [Vec<u8>; 5] {
    let message = |bytes: &[u8]| {
        let mut memory = vec![0; MEMORY_BYTES];
        memory[252..256].copy_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
        memory[256..256 + bytes.len()].copy_from_slice(bytes);
        memory
    };
    let documented = |bytes: &[u8]| [vec![0; 4], message(bytes)].concat()[..MEMORY_BYTES].to_vec();
    let json = b"{}              ";
    [
        vec![0; MEMORY_BYTES],
        message(b"\x0a\x01k\x0a\x01v"),
        message(b"\x0a\x01k\x0a\x00"),
        documented(b"\x0a\x01k\x0a\x01v"),
        message(json),
    ]
}

/// Whoever has the state find a value pays for its words: to read it, to write over it, to remove it, to look whether it is
/// there. A frame that cannot pay for them learns nothing, and the node has found out the length and read nothing.
//= spec 5.2.20, 10.2.1, 10.2.2, 10.2.3 test
#[test]
fn every_value_that_is_read_is_paid_for_by_its_words() {
    const LONG: usize = 65_536;
    // 128 for each word beyond the first: 0.25 bytes in the journal for each gas.
    const LONG_GAS: u64 = (LONG as u64 / 32 - 1) * 128;
    let long = Bytes::from(vec![7; LONG]);
    let (mut asking, mut reading) = (Vec::new(), Vec::new());
    let memories = memories();
    for &abi in Abi::CONTRACTS {
        for import in ImportTable::of(abi, &Revision::V1).rows() {
            let row = Row { abi, import };
            for memory in &memories {
                let plenty = asked_with(&row, memory, &long, PLENTY);
                let budgets = [0, LONG_GAS - 1, LONG_GAS, LONG_GAS + 40_000, plenty.used.saturating_sub(1), PLENTY];
                for gas in budgets {
                    let asked = asked_with(&row, memory, &long, gas);
                    // Of the value that there was no gas for, the length was found out and nothing else.
                    let paid = asked.lengths.saturating_sub(u32::from(asked.is_out_of_gas)).max(asked.values);
                    assert!(
                        asked.values <= asked.lengths && asked.used >= u64::from(paid) * LONG_GAS,
                        "{abi} {}.{} with {gas}: {} values of {LONG} bytes were read and {} found for {} gas",
                        row.module,
                        row.name,
                        asked.values,
                        asked.lengths,
                        asked.used,
                    );
                }
                if plenty.lengths > 0 && !asking.contains(&row.import.name) {
                    asking.push(row.import.name);
                }
                if plenty.values > 0 && !reading.contains(&row.import.name) {
                    reading.push(row.import.name);
                }
            }
        }
    }
    asking.sort_unstable();
    let expected = [
        "__flush",
        "__get",
        "__get_len",
        "fetchBidById",
        "fetchBidsByProtocolAndBlock",
        "initializeBid",
        "retrieve",
        "storageLoad",
        "storageStore",
        "storage_get",
        "storage_get_len",
        "storage_remove",
        "storage_set",
        "storePut",
        "storeRetrieve",
    ];
    assert_eq!(asking, expected);
    // The others need to know whether there is a value, and its length.
    reading.sort_unstable();
    let expected = [
        "__get",
        "fetchBidById",
        "fetchBidsByProtocolAndBlock",
        "initializeBid",
        "retrieve",
        "storageLoad",
        "storage_get",
        "storePut",
        "storeRetrieve",
    ];
    assert_eq!(reading, expected);
}
