//! Scripts as contracts: the module, and what its regions cost by the rule, added up while they are written.

use super::script::{ADDRESSES, AMOUNTS, Action, CREATED, End, GAS, Script, address};
use lockstep_gas::{Abi, Operator, Revision};
use lockstep_host::{CallKind, ImportTable, ValueType};
use lockstep_vm::CodeId;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, Instruction as I, MemArg, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// Where things stand in the memory.
const ADDRESS: u32 = 0x000;
const KEY: u32 = 0x200;
const VALUE: u32 = 0x280;
const AMOUNT: u32 = 0x300;
const MAIN: u32 = 0x380;
const GO: u32 = 0x388;
const BR: u32 = 0x390;
const IL: u32 = 0x398;
const DEPTH: u32 = 0x3a0;
const BUFFER: u32 = 0x3a8;
const ARGUMENT: u32 = 0x3b0;
const DIGEST: u32 = 0x3c0;
const LOGGED: u32 = 0x400;
const TRACE: u32 = 0x800;
const CODE: u32 = 0x2000;

/// Bytes of one action's place in the trace.
pub(super) const TRACE_SLOT: u32 = 48;

/// Where a contract learns how deep it may still call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// From its input, or from the argument of `go`.
    Given,
    /// It is part of the code, for init code has no input.
    Constant(u8),
}

/// A contract: its code and what the model has to know of it.
#[derive(Debug, Clone)]
pub(super) struct Contract {
    pub(super) abi: Abi,
    pub(super) script: Script,
    pub(super) depth: Depth,
    pub(super) code: Vec<u8>,
    /// The identity of the code, if it is on an account.
    pub(super) id: Option<CodeId>,
    /// What the contract's creations run.
    pub(super) inits: Vec<Contract>,
    /// What its end leaves behind, if it is init code that does.
    pub(super) runtime: Option<Box<Contract>>,
    /// What the regions cost: that of `main`, of `go`, of the body, and of the arm of each action that has one.
    pub(super) main: u64,
    pub(super) go: u64,
    pub(super) body: u64,
    pub(super) arms: Vec<u64>,
    /// Functions, imports, exports and segments.
    pub(super) items: u64,
    pub(super) data_bytes: u64,
    /// What it imports, in the order of the indices.
    imports: Vec<&'static str>,
}

/// Instructions and what their region costs.
struct Assembler {
    function: Function,
    price: u64,
    /// The prices of the regions around.
    around: Vec<u64>,
    /// What is imported so far.
    imports: Vec<&'static str>,
}

impl Assembler {
    fn new(imports: Vec<&'static str>) -> Self {
        Self { function: Function::new([]), price: 1, around: Vec::new(), imports }
    }

    /// The index of an import.
    fn import(&mut self, name: &'static str) -> u32 {
        let known = self.imports.iter().position(|known| *known == name);
        count(known.unwrap_or_else(|| {
            self.imports.push(name);
            self.imports.len() - 1
        }))
    }

    fn op(&mut self, instruction: I<'_>) {
        let operator = match &instruction {
            I::Call(_) => Operator::Call,
            I::I32Const(_) => Operator::I32Const,
            I::I64Const(_) => Operator::I64Const,
            I::LocalGet(_) => Operator::LocalGet,
            I::I32Sub => Operator::I32Sub,
            I::I32Store8(_) => Operator::I32Store8,
            I::I32Store(_) => Operator::I32Store,
            I::I64Store(_) => Operator::I64Store,
            I::I32Load8U(_) => Operator::I32Load8U,
            I::I64Load(_) => Operator::I64Load,
            I::Unreachable => Operator::Unreachable,
            I::If(_) => Operator::If,
            I::End => Operator::End,
            other => panic!("{other:?} has no price here"),
        };
        self.price += u64::from(Revision::V1.schedule.operator(operator).expect("it has a price"));
        self.function.instruction(&instruction);
    }

    fn number(&mut self, number: u32) {
        self.op(I::I32Const(number.cast_signed()));
    }

    fn call(&mut self, name: &'static str, numbers: &[u32]) {
        numbers.iter().for_each(|number| self.number(*number));
        let index = self.import(name);
        self.op(I::Call(index));
    }

    /// Opens an arm for while there is depth left.
    fn open(&mut self) {
        self.op(I::LocalGet(0));
        self.op(I::If(BlockType::Empty));
        self.around.push(core::mem::replace(&mut self.price, 1));
    }

    /// Closes it; what it costs.
    fn close(&mut self) -> u64 {
        self.op(I::End);
        core::mem::replace(&mut self.price, self.around.pop().expect("it is open"))
    }

    fn finish(mut self) -> (Function, u64, Vec<&'static str>) {
        self.op(I::End);
        (self.function, self.price, self.imports)
    }
}

const fn place(align: u32) -> MemArg {
    MemArg { offset: 0, align, memory_index: 0 }
}

/// Bytes that are no module, and bytes that begin like one.
pub(super) const GARBAGE: &[u8] = b"no module at all";
pub(super) const BROKEN: &[u8] = b"\0asm\x01\0\0\0broken";

impl Contract {
    pub(super) fn new(
        abi: Abi,
        script: Script,
        depth: Depth,
        inits: Vec<Contract>,
        runtime: Option<Box<Contract>>,
    ) -> Self {
        let mut contract = Self {
            abi,
            script,
            depth,
            code: Vec::new(),
            id: None,
            inits,
            runtime,
            main: 0,
            go: 0,
            body: 0,
            arms: Vec::new(),
            items: 0,
            data_bytes: 0,
            imports: Vec::new(),
        };
        contract.assemble();
        contract
    }

    /// The same with its identity: it is on an account.
    pub(super) fn identified(mut self) -> Self {
        self.id = Some(CodeId::of(&self.code, self.abi));
        self
    }

    /// Bytes of the trace.
    pub(super) fn trace_bytes(&self) -> u32 {
        u32::try_from(self.script.actions.len()).expect("few") * TRACE_SLOT
    }

    /// What init code leaves behind.
    pub(super) fn left_behind(&self) -> &[u8] {
        match (self.script.end, &self.runtime) {
            (End::Code, Some(runtime)) => &runtime.code,
            (End::Garbage, _) => GARBAGE,
            (End::Broken, _) => BROKEN,
            _ => &[],
        }
    }

    /// The place of an init code.
    fn init_offset(&self, init: usize) -> u32 {
        let before: usize = self.inits[..init].iter().map(|init| init.code.len()).sum();
        CODE + u32::try_from(before).expect("small")
    }

    fn assemble(&mut self) {
        let imports = if self.depth == Depth::Given { vec!["callDataCopy"] } else { Vec::new() };
        let mut body = Assembler::new(imports);
        let actions = self.script.actions.clone();
        for (action, slot) in actions.into_iter().zip((TRACE..).step_by(TRACE_SLOT as usize)) {
            let arm = self.action(&mut body, action, slot);
            self.arms.push(arm);
        }
        self.end(&mut body);
        let (body, price, imports) = body.finish();
        self.body = price;
        let body_index = count(imports.len());
        let mut main = Assembler::new(imports);
        match self.depth {
            Depth::Given => {
                main.call("callDataCopy", &[DEPTH, 0, 1]);
                main.number(DEPTH);
                main.op(I::I32Load8U(place(0)));
            }
            Depth::Constant(depth) => main.number(u32::from(depth)),
        }
        main.op(I::Call(body_index));
        let (main, price, imports) = main.finish();
        self.main = price;
        let mut go = Assembler::new(imports);
        go.op(I::LocalGet(0));
        go.op(I::Call(body_index));
        go.number(TRACE);
        go.op(I::I64Load(place(0)));
        let (go, price, imports) = go.finish();
        self.go = price;
        self.imports = imports;
        let mut module = Module::new();
        self.declare(&mut module);
        let mut code = CodeSection::new();
        code.function(&body).function(&main).function(&go);
        module.section(&code);
        let segments = self.data(&mut module);
        // Functions of its own, imports, exports, segments.
        let exports = if self.abi == Abi::Packed { 3 } else { 2 };
        self.items = 3 + self.imports.len() as u64 + exports + segments;
        self.code = module.finish();
    }

    fn declare(&self, module: &mut Module) {
        let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
        let table = ImportTable::of(self.abi, &Revision::V1);
        let wasm = |ty: &ValueType| if *ty == ValueType::I32 { ValType::I32 } else { ValType::I64 };
        for (index, name) in (0..).zip(&self.imports) {
            let row = table.rows().find(|row| row.name == *name).expect("it is in the table");
            types.ty().function(row.parameters().iter().map(wasm), row.result().iter().map(wasm));
            imports.import(row.module, row.name, EntityType::Function(index));
        }
        let index = count(self.imports.len());
        types.ty().function([ValType::I32], []);
        types.ty().function([], []);
        types.ty().function([ValType::I32], [ValType::I64]);
        let mut functions = FunctionSection::new();
        functions.function(index).function(index + 1).function(index + 2);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0).export("main", ExportKind::Func, index + 1);
        if self.abi == Abi::Packed {
            exports.export("go", ExportKind::Func, index + 2);
        }
        module.section(&types).section(&imports).section(&functions).section(&memories).section(&exports);
    }

    /// The table of constants, and the codes that are handed over. Gives the number of segments.
    fn data(&mut self, module: &mut Module) -> u64 {
        let mut pieces: Vec<(u32, Vec<u8>)> = Vec::new();
        for (at, index) in (ADDRESS..).step_by(32).zip(0..ADDRESSES) {
            pieces.push((at, address(index).to_vec()));
        }
        for (at, byte) in (0..).step_by(32).zip([0, 1, 2]) {
            pieces.push((KEY + at, word(byte).to_vec()));
            pieces.push((VALUE + at, word(byte).to_vec()));
        }
        for (at, amount) in (AMOUNT..).step_by(16).zip(AMOUNTS) {
            pieces.push((at, u128::from(amount).to_le_bytes().to_vec()));
        }
        pieces.push((MAIN, b"main".to_vec()));
        pieces.push((GO, b"go".to_vec()));
        pieces.push((BR, b"br".to_vec()));
        pieces.push((IL, b"il".to_vec()));
        pieces.push((BUFFER, [DEPTH.to_le_bytes(), 1_u32.to_le_bytes()].concat()));
        for init in 0..self.inits.len() {
            pieces.push((self.init_offset(init), self.inits[init].code.clone()));
        }
        if !self.left_behind().is_empty() {
            pieces.push((CODE, self.left_behind().to_vec()));
        }
        let mut data = DataSection::new();
        for (at, bytes) in &pieces {
            data.active(0, &ConstExpr::i32_const(at.cast_signed()), bytes.iter().copied());
            self.data_bytes += bytes.len() as u64;
        }
        module.section(&data);
        pieces.len() as u64
    }

    /// One action, whose part of the trace is at `slot`. Gives the price of its arm, 0 without one.
    fn action(&self, body: &mut Assembler, action: Action, slot: u32) -> u64 {
        match action {
            Action::Store { key, value } => {
                body.call("storageStore", &[KEY + 32 * u32::from(key), VALUE + 32 * u32::from(value)]);
            }
            Action::Load { key } => body.call("storageLoad", &[KEY + 32 * u32::from(key), slot]),
            Action::Log { topics, bytes } => {
                body.call("log", &[LOGGED, u32::from(bytes), u32::from(topics), KEY, KEY + 32, KEY + 64, VALUE]);
            }
            Action::Balance { of } => body.call("getExternalBalance", &[address_at(of), slot]),
            Action::GasLeft => {
                body.number(slot);
                body.call("getGasLeft", &[]);
                body.op(I::I64Store(place(3)));
            }
            Action::Caller => body.call("getCaller", &[slot]),
            Action::Value => body.call("getCallValue", &[slot]),
            Action::Call { .. } | Action::Export { .. } | Action::Create { .. } => {
                body.open();
                self.start_frame(body, action, slot);
                body.number(slot + 8);
                body.call("getReturnDataSize", &[]);
                body.op(I::I32Store(place(2)));
                body.number(slot + 12);
                body.number(0);
                body.call("getReturnDataSize", &[]);
                body.call("returnDataCopy", &[]);
                return body.close();
            }
        }
        0
    }

    /// Writes what goes to the callee, calls, and writes the result down.
    fn start_frame(&self, body: &mut Assembler, action: Action, slot: u32) {
        for (at, store) in [(DEPTH, I::I32Store8(place(0))), (ARGUMENT, I::I32Store(place(2)))] {
            body.number(at);
            body.op(I::LocalGet(0));
            body.number(1);
            body.op(I::I32Sub);
            body.op(store);
        }
        body.number(slot);
        match action {
            Action::Call { kind, callee, amount, gas } => {
                body.op(I::I64Const(GAS[gas]));
                body.number(address_at(callee));
                if matches!(kind, CallKind::Call | CallKind::CallCode) {
                    body.number(amount_at(amount));
                }
                let name = match kind {
                    CallKind::Call => "call",
                    CallKind::CallCode => "callCode",
                    CallKind::CallDelegate => "callDelegate",
                    CallKind::CallStatic => "callStatic",
                };
                body.call(name, &[DEPTH, 1]);
                body.op(I::I32Store(place(2)));
            }
            Action::Export { callee, amount, gas, by_main } => {
                body.op(I::I64Const(GAS[gas]));
                body.number(address_at(callee));
                body.number(amount_at(amount));
                let rest = if by_main { [MAIN, 4, BR, 2, BUFFER, 8] } else { [GO, 2, IL, 2, ARGUMENT, 4] };
                body.call("callExport", &rest);
                body.op(I::I64Store(place(3)));
            }
            Action::Create { amount, init } => {
                let bytes = u32::try_from(self.inits[init].code.len()).expect("small");
                body.call("create", &[amount_at(amount), self.init_offset(init), bytes, address_at(CREATED)]);
                body.op(I::I32Store(place(2)));
            }
            _ => panic!("no frame"),
        }
    }

    fn end(&self, body: &mut Assembler) {
        match self.script.end {
            End::Return => {}
            End::Finish | End::Revert => {
                body.call("sha256", &[TRACE, self.trace_bytes(), DIGEST]);
                body.call(if self.script.end == End::Finish { "finish" } else { "revert" }, &[DIGEST, 32]);
            }
            End::Unreachable => body.op(I::Unreachable),
            End::BadPointer => body.call("getCaller", &[65_536 - 19]),
            End::UseAllGas => {
                body.op(I::I64Const(i64::MAX));
                body.call("useGas", &[]);
            }
            End::SelfDestruct { heir } => body.call("selfDestruct", &[address_at(heir)]),
            End::Code | End::Garbage | End::Broken => {
                body.call("finish", &[CODE, u32::try_from(self.left_behind().len()).expect("small")]);
            }
        }
    }
}

fn count(items: usize) -> u32 {
    u32::try_from(items).expect("few")
}

fn address_at(index: usize) -> u32 {
    ADDRESS + 32 * count(index)
}

fn amount_at(index: usize) -> u32 {
    AMOUNT + 16 * count(index)
}

/// A 32-byte word that ends in `byte`.
pub(super) fn word(byte: u8) -> [u8; 32] {
    let mut word = [0; 32];
    word[31] = byte;
    word
}
