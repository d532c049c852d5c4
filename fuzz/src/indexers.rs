//! Indexers of Metashrew: programs that call the functions of module `env` with any pointers, as blocks and as views, in both
//! dialects, against a model that is a vector of bytes and two maps.
//!
//! A block has two transactions, so that what is read is told from what the block wrote. Outcome, output and storage are the
//! model's on both engines, and the engines agree on gas.

use crate::{input::Input, key_value_flush};
use lockstep_gas::Revision;
use lockstep_reference::Reference;
use lockstep_vm::{
    Abi, Account, Address, Block, BlockEnv, CodeId, Gas, HaltReason, MemoryState, Outcome, Tx, TxKind, U256, ViewCall,
    Vm, engine::wasmi::Wasmi, system::LastBlock,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, Instruction as I, MemArg, MemorySection, MemoryType, Module, TypeSection, ValType,
};

const SENDER: Address = Address::repeat_byte(0xca);
const INDEXER: Address = Address::repeat_byte(0x1d);

/// Height of the block.
const HEIGHT: u32 = 77;

/// Bytes of the indexer's memory.
const SIZE: u32 = 65_536;

type Storage = BTreeMap<Vec<u8>, Vec<u8>>;

/// A step of a program. Results of functions are stored at `at`.
#[derive(Debug, Clone, Copy)]
enum Step {
    Store { at: u32, word: u32 },
    HostLen { at: u32 },
    LoadInput { to: u32 },
    Log { text: u32 },
    Flush { message: u32 },
    GetLen { key: u32, at: u32 },
    Get { key: u32, to: u32, at: u32 },
    Abort,
    Trap,
}

/// The place of something that a pointer can lead to: its length, with the bytes behind it.
const PLACES: [u32; 9] = [0, 8, 64, 128, 256, 512, 2_048, 4_096, SIZE - 8];

/// What an indexer does and what it is given.
///
/// # Panics
///
/// See the module.
pub fn indexers(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let abi = input.choose(&[Abi::Metashrew, Abi::MetashrewDocumented]);
    let memory = memory(&mut input);
    let program = Program {
        abi,
        steps: (0..=input.below(8)).map(|_| step(&mut input, abi)).collect(),
        result: pointer(&mut input, abi),
        memory,
    };
    let mut before = Storage::new();
    for key in [&b"k"[..], b"key", b""] {
        if input.once_in(2) {
            before.insert(key.to_vec(), input.bytes(40).to_vec()).filter(Vec::is_empty);
        }
    }
    before.retain(|_, value| !value.is_empty());
    let inputs = [input.bytes(70).to_vec(), input.bytes(70).to_vec()];
    blocks_agree(&program, &before, &inputs);
    views_agree(&program, &before, &inputs[0]);
}

#[derive(Debug)]
struct Program {
    abi: Abi,
    steps: Vec<Step>,
    /// What its view returns.
    result: u32,
    memory: Vec<u8>,
}

/// A memory with buffers of messages, keys and lengths that lie.
fn memory(input: &mut Input<'_>) -> Vec<u8> {
    let mut memory = vec![0; SIZE as usize];
    for place in PLACES {
        let content = match input.below(6) {
            0 => b"k".to_vec(),
            1 => b"key".to_vec(),
            2 => key_value_flush::message(input),
            3 => vec![b'k'; input.choose(&[1_023, 1_024, 1_025])],
            _ => {
                let (key, value) = (input.choose(&[&b"k"[..], b"key", b"new", b""]), input.bytes(30));
                let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("short");
                [&[0x0a, length(key)], key, &[0x0a, length(value)], value].concat()
            }
        };
        let length = if input.once_in(10) { input.u32() } else { content.len() as u32 };
        let bytes = [&length.to_le_bytes()[..], &content].concat();
        let end = (place as usize + bytes.len()).min(memory.len());
        memory[place as usize..end].copy_from_slice(&bytes[..end - place as usize]);
    }
    memory
}

/// A pointer as the dialect has it, mostly one to a place.
fn pointer(input: &mut Input<'_>, abi: Abi) -> u32 {
    match input.below(10) {
        0 => input.u32(),
        1 => SIZE.saturating_sub(input.below(12)),
        2 => SIZE + input.below(6),
        3 => input.below(8),
        4 => u32::MAX - input.below(8),
        _ => input.choose(&PLACES) + if abi == Abi::Metashrew { 4 } else { 0 },
    }
}

fn step(input: &mut Input<'_>, abi: Abi) -> Step {
    let at = input.choose(&[32, 96, 1_024, SIZE - 4]);
    match input.below(16) {
        0 => Step::Store { at, word: input.u32() >> input.below(32) },
        1 => Step::HostLen { at },
        2 | 3 => Step::LoadInput { to: pointer(input, abi) },
        4 => Step::Log { text: pointer(input, abi) },
        5..=9 => Step::Flush { message: pointer(input, abi) },
        10 | 11 => Step::GetLen { key: pointer(input, abi), at },
        12..=14 => Step::Get { key: pointer(input, abi), to: pointer(input, abi), at },
        _ if input.once_in(3) => Step::Trap,
        _ => Step::Abort,
    }
}

/// How a frame ends, and what it puts out.
type Ended = (Outcome, Vec<u8>);

/// The model of one frame.
struct Frame<'a> {
    abi: Abi,
    memory: Vec<u8>,
    input: Vec<u8>,
    before: &'a Storage,
    has_flushed: bool,
    has_failed: bool,
}

impl Frame<'_> {
    fn range(&self, start: u32, length: u64) -> Option<core::ops::Range<usize>> {
        let end = u64::from(start) + length;
        (end <= u64::from(SIZE)).then_some(start as usize..usize::try_from(end).ok()?)
    }

    fn write(&mut self, start: u32, bytes: &[u8]) -> bool {
        let range = self.range(start, bytes.len() as u64);
        if let Some(range) = range.clone() {
            self.memory[range].copy_from_slice(bytes);
        }
        range.is_some()
    }

    fn buffer(&self, pointer: u32) -> Option<Vec<u8>> {
        let (length_at, start) = if self.abi == Abi::Metashrew {
            (pointer.checked_sub(4)?, pointer)
        } else {
            (pointer, pointer.checked_add(4)?)
        };
        let length = self.memory[self.range(length_at, 4)?].try_into().map(u32::from_le_bytes).ok()?;
        Some(self.memory[self.range(start, length.into())?].to_vec())
    }

    /// The value at the key in a buffer.
    fn value(&self, key: u32) -> Option<Vec<u8>> {
        let key = self.buffer(key)?;
        Some(self.before.get(&key).cloned().unwrap_or_default())
    }

    /// Executes the program. `written` is the storage of a block, and `None` in a view.
    fn run(&mut self, steps: &[Step], mut written: Option<&mut Storage>) -> Result<(), HaltReason> {
        for step in steps {
            match *step {
                Step::Store { at, word } => drop(self.write(at, &word.to_le_bytes())),
                Step::HostLen { at } => drop(self.write(at, &(self.input.len() as u32).to_le_bytes())),
                Step::LoadInput { to } => {
                    let length = (self.input.len() as u32).to_le_bytes();
                    let bytes = if self.abi == Abi::Metashrew {
                        self.input.clone()
                    } else {
                        [&length[..], &self.input].concat()
                    };
                    self.has_failed |= !self.write(to, &bytes);
                }
                Step::Log { .. } => {}
                Step::Flush { message } => {
                    if let Some(written) = written.as_deref_mut() {
                        self.flush(message, written)?;
                    }
                }
                Step::GetLen { key, at } => {
                    let length = self.value(key).map_or(0x7fff_ffff, |value| value.len() as u32);
                    self.write(at, &length.to_le_bytes());
                }
                Step::Get { key, to, at } => self.get(key, to, at),
                Step::Abort => self.has_failed = true,
                Step::Trap => return Err(HaltReason::Unreachable),
            }
        }
        Ok(())
    }

    fn get(&mut self, key: u32, to: u32, at: u32) {
        let none = 0x7fff_ffff_u32.to_le_bytes();
        let mut result = none;
        match (self.value(key), self.abi) {
            (Some(value), _) if self.write(to, &value) => result = (value.len() as u32).to_le_bytes(),
            (Some(_), _) => self.has_failed = true,
            (None, Abi::Metashrew) => {
                let is_written = to.checked_sub(4).is_some_and(|place| self.write(place, &none));
                self.has_failed |= !is_written;
            }
            (None, _) => {}
        }
        if self.abi != Abi::Metashrew {
            self.write(at, &result);
        }
    }

    fn flush(&mut self, message: u32, written: &mut Storage) -> Result<(), HaltReason> {
        let items = self.buffer(message).and_then(|message| key_value_flush::by_library(&message));
        let Some(items) = items else {
            self.has_failed = true;
            return Ok(());
        };
        for pair in items.chunks_exact(2) {
            if pair[0].len() > 1_024 {
                return Err(HaltReason::LimitExceeded);
            }
            if pair[1].is_empty() {
                written.remove(&pair[0]);
            } else {
                written.insert(pair[0].clone(), pair[1].clone());
            }
        }
        self.has_flushed = true;
        Ok(())
    }
}

fn frame<'a>(program: &Program, before: &'a Storage, height: u32, input: &[u8]) -> Frame<'a> {
    Frame {
        abi: program.abi,
        memory: program.memory.clone(),
        input: [&height.to_le_bytes()[..], input].concat(),
        before,
        has_flushed: false,
        has_failed: false,
    }
}

/// What the model says of a block's transaction.
fn indexed(program: &Program, before: &Storage, input: &[u8], written: &mut Storage) -> Ended {
    let mut frame = frame(program, before, HEIGHT, input);
    let mut changed = written.clone();
    match frame.run(&program.steps, Some(&mut changed)) {
        Err(reason) => return (Outcome::Halt { reason }, Vec::new()),
        Ok(()) if !frame.has_flushed && !frame.has_failed => {
            return (Outcome::Revert { errno: 1 }, b"indexer exited unexpectedly".to_vec());
        }
        Ok(()) => *written = changed,
    }
    (Outcome::Return, if frame.has_failed { vec![1] } else { Vec::new() })
}

/// What the model says of a view.
fn viewed(program: &Program, before: &Storage, input: &[u8]) -> Ended {
    let mut frame = frame(program, before, HEIGHT - 1, input);
    match frame.run(&program.steps, None) {
        Err(reason) => (Outcome::Halt { reason }, Vec::new()),
        Ok(()) => match frame.buffer(program.result) {
            Some(output) => (Outcome::Return, output),
            None => (Outcome::Halt { reason: HaltReason::BadResult }, Vec::new()),
        },
    }
}

fn state(program: &Program, before: &Storage) -> Arc<MemoryState> {
    let mut state = MemoryState::default();
    let code = module(program);
    state.put_code(INDEXER, CodeId::of(&code, program.abi), &code);
    state
        .accounts
        .insert(INDEXER, Account { nonce: 1, balance: U256::ZERO, code: Some(CodeId::of(&code, program.abi)) });
    before.iter().for_each(|(key, value)| state.put_storage(INDEXER, key.clone(), value.clone()));
    state.put_last_block(LastBlock { number: u64::from(HEIGHT) - 1, timestamp: 1 }, []);
    Arc::new(state)
}

fn machines() -> &'static (Vm<Wasmi>, Vm<Reference>) {
    static MACHINES: OnceLock<(Vm<Wasmi>, Vm<Reference>)> = OnceLock::new();
    let machine = || Vm::with_engine(Revision::V1, 1 << 20).expect("V1 runs here");
    let reference = || Vm::with_engine(Revision::V1, 1 << 20).expect("V1 runs here");
    MACHINES.get_or_init(|| (machine(), reference()))
}

fn env() -> BlockEnv {
    BlockEnv { number: HEIGHT.into(), timestamp: 1, gas_limit: 1 << 60, ..BlockEnv::default() }
}

fn blocks_agree(program: &Program, before: &Storage, inputs: &[Vec<u8>; 2]) {
    let tx = |(input, nonce): (&Vec<u8>, u64)| Tx {
        sender: SENDER,
        nonce,
        gas_limit: Gas::new(1 << 50),
        gas_price: U256::ZERO,
        value: U256::ZERO,
        kind: TxKind::Call { to: INDEXER, export: None },
        input: input.clone(),
    };
    let block = Block { env: env(), transactions: inputs.iter().zip(0..).map(tx).collect() };
    let state = state(program, before);
    let (vm, reference) = machines();
    let outcome = vm.execute_block(Arc::<MemoryState>::clone(&state), block.clone());
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}: {program:?}"));
    let interpreted = reference.execute_block(Arc::<MemoryState>::clone(&state), block);
    assert_eq!(interpreted.as_ref(), Ok(&outcome), "on the reference: {program:?}");
    let mut written = before.clone();
    for (receipt, input) in outcome.receipts.iter().zip(inputs) {
        let expected = indexed(program, before, input, &mut written);
        assert_eq!((receipt.outcome, receipt.output.clone()), expected, "{program:?}, {input:?}");
    }
    let mut after = MemoryState::clone(&state);
    after.apply(&outcome.diff);
    assert_eq!(after.storage.remove(&INDEXER).unwrap_or_default(), written, "{program:?}");
}

fn views_agree(program: &Program, before: &Storage, input: &[u8]) {
    let call = ViewCall {
        caller: SENDER,
        to: INDEXER,
        export: Some(b"view".to_vec()),
        input: input.to_vec(),
        gas_limit: Gas::new(1 << 50),
    };
    let state = state(program, before);
    let (vm, reference) = machines();
    let answer = vm.view(Arc::<MemoryState>::clone(&state), &env(), call.clone()).expect("no fault");
    let interpreted = reference.view(state, &env(), call).expect("no fault");
    assert_eq!(interpreted, answer, "on the reference: {program:?}");
    assert_eq!((answer.outcome, answer.output), viewed(program, before, input), "{program:?}, {input:?}");
}

/// The functions of module `env`, in the order of their indices, with the number of their parameters.
const IMPORTS: [(&str, usize, bool); 7] = [
    ("__host_len", 0, true),
    ("__load_input", 1, false),
    ("__log", 1, false),
    ("__flush", 1, false),
    ("__get_len", 1, true),
    ("__get", 2, false),
    ("abort", 4, false),
];

/// The program as a module: `_start` and `view` do the same, and `view` returns its result.
fn module(program: &Program) -> Vec<u8> {
    let has_result = |name: &str, result: bool| result || (name == "__get" && program.abi != Abi::Metashrew);
    let mut module = Module::new();
    let mut types = TypeSection::new();
    let mut imports = ImportSection::new();
    for ((name, parameters, result), index) in IMPORTS.into_iter().zip(0..) {
        types
            .ty()
            .function(core::iter::repeat_n(ValType::I32, parameters), has_result(name, result).then_some(ValType::I32));
        imports.import("env", name, EntityType::Function(index));
    }
    types.ty().function([], []);
    types.ty().function([], [ValType::I32]);
    module.section(&types).section(&imports);
    let mut functions = FunctionSection::new();
    functions.function(7).function(8);
    module.section(&functions);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    module.section(&memories);
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("_start", ExportKind::Func, 7).export("view", ExportKind::Func, 8);
    module.section(&exports);
    let mut code = CodeSection::new();
    for is_view in [false, true] {
        let mut body = Function::new([]);
        program.steps.iter().for_each(|step| write_step(&mut body, *step, program.abi));
        if is_view {
            body.instruction(&I::I32Const(program.result.cast_signed()));
        }
        body.instruction(&I::End);
        code.function(&body);
    }
    module.section(&code);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), program.memory.iter().copied());
    module.section(&data);
    module.finish()
}

fn write_step(body: &mut Function, step: Step, abi: Abi) {
    let number = |number: u32| I::I32Const(number.cast_signed());
    let store = I::I32Store(MemArg { offset: 0, align: 0, memory_index: 0 });
    match step {
        Step::Store { at, word } => body.instruction(&number(at)).instruction(&number(word)).instruction(&store),
        Step::HostLen { at } => body.instruction(&number(at)).instruction(&I::Call(0)).instruction(&store),
        Step::LoadInput { to } => body.instruction(&number(to)).instruction(&I::Call(1)),
        Step::Log { text } => body.instruction(&number(text)).instruction(&I::Call(2)),
        Step::Flush { message } => body.instruction(&number(message)).instruction(&I::Call(3)),
        Step::GetLen { key, at } => {
            body.instruction(&number(at)).instruction(&number(key)).instruction(&I::Call(4)).instruction(&store)
        }
        Step::Get { key, to, .. } if abi == Abi::Metashrew => {
            body.instruction(&number(key)).instruction(&number(to)).instruction(&I::Call(5))
        }
        Step::Get { key, to, at } => {
            body.instruction(&number(at)).instruction(&number(key)).instruction(&number(to));
            body.instruction(&I::Call(5)).instruction(&store)
        }
        Step::Abort => {
            for argument in 0..4 {
                body.instruction(&number(argument));
            }
            body.instruction(&I::Call(6))
        }
        Step::Trap => body.instruction(&I::Unreachable),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner;

    #[test]
    fn smoke() {
        // Each compiles a module and runs it six times on two engines.
        runner::smoke_of(runner::SMOKE_CASES / 10, "indexers", indexers);
    }
}
