//! Code that is slow to translate, or large once it is: generators, by the byte.

use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction as I, MemorySection,
    MemoryType, Module, TypeSection, ValType,
};

/// Values of the blocks that have some.
const VALUES: u32 = 16;

/// Type numbers of the modules made here.
const NOTHING: u32 = 0;
const RESULTS: u32 = 1;
const PASSED: u32 = 2;

/// Bytes that a body keeps free for its head and its end.
const SLACK: usize = 64;

/// A shape of code.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// What it is.
    pub(super) name: &'static str,
    /// Locals of type i32 of each function.
    locals: u32,
    /// Values that a unit moves, each of which needs `bytes_per_moved_value_min` bytes of code.
    moved: usize,
    before: Vec<I<'static>>,
    unit: Vec<I<'static>>,
    after: Vec<I<'static>>,
    /// Whether a body is `unit` again and again and then `closing` as often.
    closing: Option<I<'static>>,
}

impl Pattern {
    fn new(name: &'static str, locals: u32, unit: Vec<I<'static>>) -> Self {
        Self { name, locals, moved: 0, before: Vec::new(), unit, after: Vec::new(), closing: None }
    }

    /// The same where a unit moves so many values: plain code is added until it may.
    fn moving(self, moved: usize) -> Self {
        Self { moved, ..self }
    }

    /// The same with values on the stack before the first unit, which are dropped after the last.
    fn among(self, values: u32) -> Self {
        let before = (0..values).map(|value| I::LocalGet(value % self.locals.max(1))).collect();
        let after = (0..values).map(|_| I::Drop).collect();
        Self { before, after, ..self }
    }

    fn nested(name: &'static str, locals: u32, unit: Vec<I<'static>>) -> Self {
        Self { closing: Some(I::End), ..Self::new(name, locals, unit) }
    }

    /// A body of at most `bytes` bytes.
    fn body(&self, bytes: usize) -> Function {
        let mut function = Function::new([(self.locals, ValType::I32)]);
        let size = |instructions: &[I<'_>]| {
            let mut probe = Function::new([]);
            instructions.iter().for_each(|instruction| {
                probe.instruction(instruction);
            });
            probe.byte_len()
        };
        let around = size(&self.before) + size(&self.after) + SLACK;
        let least = lockstep_gas::Revision::V1.limits.contract.bytes_per_moved_value_min;
        let needed = self.moved * usize::try_from(least).unwrap_or_default();
        let own = size(&self.unit).saturating_sub(1).max(1) + usize::from(self.closing.is_some());
        // Two operators of one and two bytes.
        let pairs = needed.saturating_sub(own).div_ceil(3);
        let plain: Vec<_> = (0..pairs).flat_map(|_| [I::I32Const(1), I::Drop]).collect();
        let each = own + 3 * pairs;
        let times = bytes.saturating_sub(around) / each;
        let mut emit = |instructions: &[I<'static>]| {
            instructions.iter().for_each(|instruction| {
                function.instruction(instruction);
            });
        };
        emit(&self.before);
        (0..times).for_each(|_| {
            emit(&self.unit);
            emit(&plain);
        });
        if let Some(closing) = &self.closing {
            (0..times).for_each(|_| emit(core::slice::from_ref(closing)));
        }
        emit(&self.after);
        emit(&[I::End]);
        function
    }

    /// A module of about `bytes` bytes, its bodies at most `body_bytes` each. `main` does nothing; `salt` makes modules
    /// differ.
    pub(super) fn module(&self, bytes: usize, body_bytes: usize, salt: u32) -> Vec<u8> {
        let count = bytes.div_ceil(body_bytes).max(1);
        let each = (bytes / count).min(body_bytes);
        let mut code = CodeSection::new();
        let mut functions = FunctionSection::new();
        let mut main = Function::new([]);
        main.instruction(&I::I32Const(salt.cast_signed())).instruction(&I::Drop).instruction(&I::End);
        code.function(&main);
        functions.function(NOTHING);
        for _ in 0..count {
            code.function(&self.body(each));
            functions.function(NOTHING);
        }
        assemble(&functions, &code)
    }
}

/// A module with the types of this file, a memory and `main`, its first function.
fn assemble(functions: &FunctionSection, code: &CodeSection) -> Vec<u8> {
    let values = [ValType::I32; VALUES as usize];
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([], values);
    types.ty().function(values, values);
    let mut memories = MemorySection::new();
    let page = MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(page);
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0).export("main", ExportKind::Func, 0);
    let mut module = Module::new();
    module.section(&types).section(functions).section(&memories).section(&exports).section(code);
    module.finish()
}

/// A module of `count` functions that do nothing, no smaller than they may be.
pub(super) fn empty_functions(count: u32, salt: u32) -> Vec<u8> {
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    let mut main = Function::new([]);
    main.instruction(&I::I32Const(salt.cast_signed())).instruction(&I::Drop).instruction(&I::End);
    code.function(&main);
    functions.function(NOTHING);
    let least = lockstep_gas::Revision::V1.limits.contract.bytes_per_function_min;
    for _ in 1..count {
        let mut empty = Function::new([]);
        (0..least).for_each(|_| {
            empty.instruction(&I::Nop);
        });
        empty.instruction(&I::End);
        code.function(&empty);
        functions.function(NOTHING);
    }
    assemble(&functions, &code)
}

/// A branch table of 4,096 targets, each of which is one of `depths` blocks.
fn table(depths: u32) -> I<'static> {
    let targets: Vec<u32> = (0..4_096).map(|target| target % depths).collect();
    I::BrTable(targets.into(), 0)
}

/// Every shape.
pub(super) fn patterns() -> Vec<Pattern> {
    let results = BlockType::FunctionType(RESULTS);
    let passed = BlockType::FunctionType(PASSED);
    let empty = BlockType::Empty;
    let gets = |count: u32| (0..count).map(I::LocalGet).collect::<Vec<_>>();
    let drops = |count: u32| (0..count).map(|_| I::Drop).collect::<Vec<_>>();
    let unit = |parts: &[&[I<'static>]]| parts.concat();
    let sixteen = gets(VALUES);
    let branches = |branch: I<'static>, opened: usize| {
        let open = vec![I::Block(results); opened];
        let close = vec![I::End; opened];
        unit(&[&open, &sixteen, &[I::LocalGet(VALUES), branch], &close, &drops(VALUES)])
    };
    let conditional: Vec<_> = (0..3_000).flat_map(|_| [I::LocalGet(VALUES), I::BrIf(0)]).collect();
    vec![
        Pattern::new("plain arithmetic", 2, vec![I::LocalGet(0), I::LocalGet(1), I::I32Add, I::LocalSet(0)]),
        Pattern::new("br_table of 4,096 targets with 16 values", 17, branches(table(1), 1)).moving(16 * 4_099),
        Pattern::new("br_table of 4,096 targets in four blocks with 16 values", 17, branches(table(4), 4))
            .moving(16 * 4_102),
        Pattern::new("br_table of 4,096 targets", 1, vec![I::Block(empty), I::LocalGet(0), table(1), I::End]),
        Pattern::new(
            "br_if with 16 values",
            17,
            unit(&[&[I::Block(results)], &sixteen, &conditional, &[I::End], &drops(VALUES)]),
        )
        .moving(16 * 3_002),
        Pattern::nested("nested blocks", 0, vec![I::Block(empty)]),
        Pattern::nested("nested loops", 0, vec![I::Loop(empty)]),
        Pattern::nested("nested ifs", 1, vec![I::LocalGet(0), I::If(empty)]),
        Pattern::new("loops", 0, vec![I::Loop(empty), I::End]),
        Pattern::new("ifs", 1, vec![I::LocalGet(0), I::If(empty), I::End]),
        Pattern::new("constant ifs", 0, vec![I::I32Const(0), I::If(empty), I::Else, I::End]),
        Pattern::new("blocks with 16 parameters", 16, vec![I::Block(passed), I::End]).moving(32).among(VALUES),
        Pattern::new("loops with 16 parameters", 16, vec![I::Loop(passed), I::End]).moving(32).among(VALUES),
        Pattern::new("ifs with 16 parameters", 16, vec![I::LocalGet(0), I::If(passed), I::End])
            .moving(48)
            .among(VALUES),
        Pattern::new("ifs and elses with 16 parameters", 16, vec![I::LocalGet(0), I::If(passed), I::Else, I::End])
            .moving(48)
            .among(VALUES),
        Pattern::new("locals that are on the stack", 1_000, {
            (0..900).step_by(7).flat_map(|local| [I::I32Const(0), I::LocalSet(local)]).collect()
        })
        .among(900),
        Pattern::new(
            "a local that is on the stack 900 times",
            1,
            vec![I::I32Const(0), I::LocalSet(0), I::LocalGet(0), I::Drop],
        )
        .among(900),
        Pattern::new("stores", 1, {
            let place = wasm_encoder::MemArg { offset: 0, align: 0, memory_index: 0 };
            vec![I::LocalGet(0), I::LocalGet(0), I::I32Store(place)]
        }),
        Pattern::new("growths", 0, vec![I::I32Const(0), I::MemoryGrow(0), I::Drop]).moving(4),
        Pattern::new("constants", 0, vec![I::I64Const(i64::MAX / 2), I::I64Const(-7), I::I64Add, I::Drop]),
        Pattern::new("calls", 0, vec![I::Call(0)]),
        Pattern::new("code that is never reached", 0, {
            vec![I::Block(empty), I::Unreachable, I::I32Add, I::Drop, I::End]
        }),
        Pattern::new(
            "selects",
            3,
            vec![I::LocalGet(0), I::LocalGet(1), I::LocalGet(2), I::I32Eqz, I::Select, I::LocalSet(0)],
        ),
    ]
}
