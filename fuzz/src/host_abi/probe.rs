//! A probe: a call of a host function with everything that it can see, and its results.

use crate::{
    frame::{CONTRACT, Loaded},
    input::Input,
};
use core::fmt;
use lockstep_gas::{Abi, Gas, GasMeter, Operator, Revision};
use lockstep_host::{
    AbiState, Address, BlockEnv, Bytes, DelaState, Entry, Frame, Guest, HostCall, HostImport, HostResult, JsonState,
    Log, Message, Process, Stop, TransactionEnv, U256, ValueType, packed::PackOrder,
};
use lockstep_vm::{
    Account, B256, CodeId, MemoryState, StateDiff, ValidModule,
    engine::{Engine, Exit, Instance, Journal, Session},
    system::LastBlock,
};
use std::sync::Arc;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, Instruction as I, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// The block that a probe runs in.
const BLOCK: u64 = 300;

/// The content at the start of the memory, so that pointers can lead to something.
const FURNITURE: &[(usize, &[u8])] = &[
    (0, CONTRACT.0.as_slice()),
    (32, OTHER.0.as_slice()),
    (64, &[0x40; 20]),
    (96, &[7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    (128, b"main"),
    (136, b"br"),
    (140, b"go"),
    (144, b"il"),
    (148, b"v"),
    (160, &[0, 0, 0, 0, 8, 0, 0, 0]),
    (192, &[0xff; 65]),
];

/// An account with code and storage.
pub(super) const OTHER: Address = Address::repeat_byte(0x0e);

/// A call of a host function.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) revision: Arc<Revision>,
    pub(super) abi: Abi,
    pub(super) row: &'static HostImport,
    pub(super) arguments: Vec<u64>,
    pub(super) memory: Vec<u8>,
    pub(super) gas: Gas,
    pub(super) is_static: bool,
    depth: u32,
    pub(super) input: Bytes,
    pub(super) return_data: Bytes,
    pub(super) code: Bytes,
    pub(super) state: MemoryState,
}

/// What a call did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Happened {
    pub(super) result: Result<u64, Stop>,
    pub(super) gas_left: Gas,
    pub(super) memory: Vec<u8>,
    return_data: Bytes,
    diff: StateDiff,
    logs: Vec<Log>,
    refund: u64,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, arguments, memory, gas, is_static, depth, .. } = self;
        write!(f, "{}{arguments:?}, {} bytes of memory, {gas} gas", row.name, memory.len())?;
        write!(f, ", static {is_static}, depth {depth}")
    }
}

impl Happened {
    pub(super) fn changes_nothing(&self) -> bool {
        self.diff == StateDiff::default() && self.logs.is_empty()
    }

    /// What an engine can tell of it: a module of `EWASM_BYZANTIUM` has no way to give the value back, and does not
    /// meter.
    pub(super) fn seen_by(mut self, probe: &Probe) -> Self {
        if probe.is_exact() {
            self.result = self.result.map(|_| 0);
        }
        self
    }
}

impl Probe {
    pub(super) fn new(input: &mut Input<'_>, revision: &Revision, (abi, row): (Abi, &'static HostImport)) -> Self {
        let pages = input.choose(&[1, 1, 1, 0, 2]);
        let gas = input.choose(&[10_000_000, 10_000_000, 400_000, 60_000, 8_000, 100, 39, 0, 1 << 62]);
        let is_static = input.once_in(3);
        let depth = input.choose(&[0, 0, 0, 1, 1_023, 1_024]);
        let call_data = Bytes::copy_from_slice(input.bytes(70));
        let return_data = Bytes::copy_from_slice(input.bytes(70));
        let names = row.parameter_names.iter().zip(row.parameters());
        let arguments: Vec<u64> = names.map(|(name, ty)| argument(input, name, *ty, pages)).collect();
        let state = state(input);
        let code = Bytes::from(module(revision, (abi, row), &arguments, pages));
        let mut memory = vec![0; pages * 65_536];
        if pages > 0 {
            memory[..furniture().len()].copy_from_slice(&furniture());
        }
        Self {
            revision: Arc::new(revision.clone()),
            abi,
            row,
            arguments,
            memory,
            gas: Gas::new(gas),
            is_static,
            depth,
            input: call_data,
            return_data,
            code,
            state,
        }
    }

    /// Whether the revision allows the two exports alone.
    fn is_exact(&self) -> bool {
        self.revision.rules.exact_exports
    }

    /// The bits of an argument.
    pub(super) fn argument(&self, position: usize) -> u64 {
        self.arguments[position]
    }

    /// Bytes of the code of the account whose address is at `offset`, `None` if none can be there.
    pub(super) fn code_at(&self, offset: u64) -> Option<u64> {
        let start = usize::try_from(offset).ok()?;
        let address = Address::from_slice(self.memory.get(start..)?.get(..20)?);
        let id = self.state.accounts.get(&address).and_then(|account| account.code);
        Some(id.map_or(0, |id| self.state.code[&id.hash].len() as u64))
    }

    /// Bytes of the value in the contract's storage whose key is `bytes` bytes at `offset`, `None` if there is none.
    pub(super) fn value_bytes(&self, offset: u64, bytes: u64) -> Option<u64> {
        let (start, bytes) = (usize::try_from(offset).ok()?, usize::try_from(bytes).ok()?);
        let key = self.memory.get(start..)?.get(..bytes)?;
        Some(self.state.storage.get(&CONTRACT)?.get(key)?.len() as u64)
    }

    fn frame(&self) -> Frame {
        Frame {
            index: 0,
            message: Message {
                caller: Address::repeat_byte(0xca),
                address: CONTRACT,
                value: U256::from(5),
                input: Entry::Main(self.input.clone()),
                is_static: self.is_static,
                depth: self.depth,
            },
            abi: self.abi,
            input: self.input.clone(),
            code: self.code.clone(),
            state: match self.abi {
                Abi::Wasi => AbiState::Wasi(Process::default()),
                Abi::Json => AbiState::Json(JsonState::default()),
                Abi::Dela => AbiState::Dela(DelaState::default()),
                _ => AbiState::Packed(PackOrder::LowOffset),
            },
            return_data: self.return_data.clone(),
        }
    }

    pub(super) fn block() -> BlockEnv {
        BlockEnv { number: BLOCK, timestamp: 1, gas_limit: u64::MAX, ..BlockEnv::default() }
    }

    fn session(&self) -> Box<Session> {
        let transaction = TransactionEnv { origin: Address::repeat_byte(0xca), nonce: 5, gas_price: U256::from(3) };
        Box::new(Session { journal: Journal::new(Arc::new(self.state.clone())), block: Self::block(), transaction })
    }

    fn happened(result: Result<u64, Stop>, gas_left: Gas, memory: Vec<u8>, frame: &Frame, world: &Session) -> Happened {
        Happened {
            result,
            gas_left,
            memory,
            return_data: frame.return_data.clone(),
            diff: world.journal.diff(),
            logs: world.journal.logs().0.to_vec(),
            refund: world.journal.refund(),
        }
    }

    /// Calls `begin`, the first half of a host function, with nothing between.
    pub(super) fn direct(&self, begin: impl Fn(&mut HostCall<'_>, &[u64]) -> HostResult<u64>) -> Happened {
        let (mut memory, mut gas) = (self.memory.clone(), GasMeter::new(self.gas));
        let (mut frame, mut world) = (self.frame(), self.session());
        let result = begin(
            &mut HostCall {
                guest: Guest::new(&mut memory, &mut gas),
                frame: &mut frame,
                world: &mut *world,
                revision: &self.revision,
            },
            &self.arguments,
        );
        Self::happened(result, gas.left(), memory, &frame, &world)
    }

    /// What the guest pays for reaching the call: its region.
    fn region(&self) -> Gas {
        let price = |operator| u64::from(self.revision.schedule.operator(operator).expect("it has a price"));
        if self.revision.schedule.instructions.is_none() {
            return Gas::ZERO;
        }
        let constants = self.row.parameters().iter().map(|ty| match ty {
            ValueType::I32 => price(Operator::I32Const),
            ValueType::I64 => price(Operator::I64Const),
        });
        Gas::new(1 + constants.sum::<u64>() + price(Operator::Call) + price(Operator::End))
    }

    /// Lets a guest on the engine `E` call it.
    pub(super) fn on_engine<E: Engine>(&self) -> Happened {
        let module = ValidModule::parse(self.code.clone(), self.abi, &self.revision);
        let module = module.unwrap_or_else(|error| panic!("{error}: {self}"));
        let loaded = Loaded::<E>::new(&self.revision, &module);
        let gas = self.gas.plus(self.region());
        let mut instance = loaded.instance(self.frame(), gas).expect("its segment fits");
        let export = if self.is_exact() { "main" } else { "go" };
        let (exit, world) = instance.call(self.session(), export, &[]).expect("no fault");
        let result = match exit {
            Exit::Returned(bits) => Ok(bits),
            Exit::Stopped(stop) => Err(stop),
        };
        let (gas_left, memory) = (instance.gas().left(), instance.memory().to_vec());
        Self::happened(result, gas_left, memory, instance.frame(), &world)
    }
}

fn furniture() -> Vec<u8> {
    let mut bytes = vec![0; 300];
    for (at, piece) in FURNITURE {
        bytes[*at..at + piece.len()].copy_from_slice(piece);
    }
    bytes
}

fn argument(input: &mut Input<'_>, name: &str, ty: ValueType, pages: usize) -> u64 {
    let end = u32::try_from(pages * 65_536).expect("few");
    if ty == ValueType::I64 {
        let number = match input.below(9) {
            0 => -1,
            1 => i64::MIN,
            2 => i64::MAX,
            3 => i64::try_from(BLOCK).expect("small") - i64::from(input.below(300)),
            4 => input.u64().cast_signed(),
            5 => 0,
            _ => input.choose(&[100, 2_300, 10_000, 100_000]),
        };
        return number.cast_unsigned();
    }
    let number = if matches!(name, "number" | "count" | "fd" | "clock") {
        input.choose(&[0, 1, 2, 3, 4, 4, 5, u32::MAX])
    } else if name.ends_with("length") || name == "capacity" {
        match input.below(16) {
            0 => end,
            1 => end.saturating_add(1),
            2 => input.u32(),
            3 => input.choose(&[u32::MAX, 131_072, 131_073, 16_385, 1_048_577]),
            4 => input.below(300),
            _ => input.choose(&[0, 0, 1, 2, 4, 8, 20, 31, 32, 33]),
        }
    } else if name == "offset" {
        input.choose(&[0, 0, 1, 30, 70, 71, u32::MAX])
    } else {
        match input.below(12) {
            0 => input.u32(),
            1 => u32::MAX - input.below(40),
            2 => end + input.below(3),
            3 => end.saturating_sub(input.below(70)),
            // At the last place for what is written and read, and one beyond it.
            4..=6 => end.saturating_sub(input.choose(&[20, 19, 19, 32, 31, 16, 15, 64, 63, 65, 1, 0])),
            _ => u32::try_from(input.choose(FURNITURE).0).expect("small"),
        }
    };
    u64::from(number)
}

fn state(input: &mut Input<'_>) -> MemoryState {
    let mut state = MemoryState::default();
    let balance = input.choose(&[U256::from(100), U256::ZERO, U256::from(u128::MAX), U256::from(1) << 130]);
    state.accounts.insert(CONTRACT, Account { nonce: input.choose(&[1, 2, u64::MAX]), balance, code: None });
    let code = if input.once_in(2) { CALLEE } else { b"no module" };
    state.accounts.insert(OTHER, Account { nonce: 1, balance: U256::from(9), code: None });
    state.put_code(OTHER, CodeId::of(code, Abi::Ewasm), code);
    for (at, _) in FURNITURE {
        if input.once_in(3) {
            let key: Vec<u8> = furniture()[*at..].iter().copied().take(32).collect();
            state.put_storage(CONTRACT, key, vec![9; input.choose(&[32, 1, 40])]);
        }
    }
    let known = BLOCK - u64::from(input.below(260));
    let last = LastBlock { number: BLOCK - 1, timestamp: 1 };
    state.put_last_block(last, [(known, B256::repeat_byte(3))]);
    state.block_hashes.insert(known, B256::repeat_byte(3));
    state
}

/// A module of both exports that does nothing.
const CALLEE: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\
    \x07\x11\x02\x04main\0\0\x06memory\x02\0\x0a\x04\x01\x02\0\x0b";

/// A body, without its end, that calls the function 0 with `arguments`.
fn call(row: &HostImport, arguments: &[u64]) -> Function {
    let mut body = Function::new([]);
    for (ty, argument) in row.parameters().iter().zip(arguments) {
        body.instruction(&match ty {
            ValueType::I32 => I::I32Const(u32::try_from(*argument).expect("32 bits").cast_signed()),
            ValueType::I64 => I::I64Const(argument.cast_signed()),
        });
    }
    body.instruction(&I::Call(0));
    body
}

/// A module that calls the function with `arguments`: in `go`, which gives back what it gives, where the revision allows
/// that; and in `main`, several times.
fn module(revision: &Revision, (abi, row): (Abi, &HostImport), arguments: &[u64], pages: usize) -> Vec<u8> {
    let wasm = |ty: &ValueType| if *ty == ValueType::I32 { ValType::I32 } else { ValType::I64 };
    let mut module = Module::new();
    let mut types = TypeSection::new();
    let results: Vec<_> = row.result().iter().map(wasm).collect();
    types.ty().function(row.parameters().iter().map(wasm), results.clone());
    types.ty().function([], []);
    types.ty().function([], results.clone());
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([ValType::I32], []);
    module.section(&types);
    let mut imports = ImportSection::new();
    imports.import(row.module, row.name, EntityType::Function(0));
    module.section(&imports);
    let mut functions = FunctionSection::new();
    functions.function(1).function(2);
    if abi == Abi::Dela {
        functions.function(3).function(4);
    }
    module.section(&functions);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: pages as u64,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    module.section(&memories);
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0).export("main", ExportKind::Func, 1);
    if abi == Abi::Dela {
        exports.export("malloc", ExportKind::Func, 3).export("free", ExportKind::Func, 4);
    }
    if !revision.rules.exact_exports {
        exports.export("go", ExportKind::Func, 2);
    }
    module.section(&exports);
    let (mut main, mut go) = (call(row, arguments), call(row, arguments));
    let times = if revision.rules.exact_exports { 1 } else { 2 };
    if !results.is_empty() {
        main.instruction(&I::Drop);
    }
    for _ in 1..times {
        main.instruction(&I::Call(2));
        if !results.is_empty() {
            main.instruction(&I::Drop);
        }
    }
    main.instruction(&I::End);
    go.instruction(&I::End);
    let mut code = CodeSection::new();
    code.function(&main).function(&go);
    if abi == Abi::Dela {
        let (mut malloc, mut free) = (Function::new([]), Function::new([]));
        malloc.instruction(&I::LocalGet(0)).instruction(&I::End);
        free.instruction(&I::End);
        code.function(&malloc).function(&free);
    }
    module.section(&code);
    if pages > 0 {
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(0), furniture());
        module.section(&data);
    }
    module.finish()
}
