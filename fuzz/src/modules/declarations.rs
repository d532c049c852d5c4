//! Small modules that are mostly declarations: imports of the host, exports that an ABI knows, segments, locals, constant
//! expressions, so that every rule and limit of a module is met, kept and broken.

use crate::input::Input;
use lockstep_gas::{Abi, Revision};
use lockstep_host::{ImportTable, ValueType};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction as I,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// What has been declared so far.
#[derive(Default)]
struct Declared {
    types: Vec<(Vec<ValType>, Vec<ValType>)>,
    /// The type of each function, imports first.
    functions: Vec<u32>,
    imports: u32,
    tables: u32,
    memories: u32,
    globals: u32,
}

/// A module of a handful of everything. It need not be valid.
pub(crate) fn module(input: &mut Input<'_>, abi: Abi, revision: &Revision) -> Vec<u8> {
    let mut declared = Declared::default();
    let mut module = Module::new();
    let imports = imports(input, &mut declared, abi, revision);
    let mut own: Vec<u32> = (0..input.below(5)).map(|_| input.below(count(declared.types.len()).max(1))).collect();
    if abi == Abi::Dela {
        // Nothing is a contract of this ABI without an allocator.
        let wanted = [(vec![ValType::I32], vec![ValType::I32]), (vec![ValType::I32], vec![])];
        own.extend(wanted.iter().filter_map(|ty| declared.types.iter().position(|known| known == ty)).map(count));
    }
    let made = own.len();
    if input.once_in(24) {
        // Functions that do nothing, of the type without parameters and results.
        own.extend(vec![0; 16 + input.index(64)]);
    }
    let locals = if input.once_in(4) { 550 + input.below(440) } else { 0 };
    types(&mut module, &declared);
    module.section(&imports);
    let mut functions = FunctionSection::new();
    own.iter().for_each(|&ty| {
        functions.function(ty);
    });
    declared.functions.extend(&own);
    // An empty section and none are not the same to a reader of sections.
    if !own.is_empty() || input.once_in(2) {
        module.section(&functions);
    }
    tables_and_memories(input, &mut declared, &mut module);
    globals(input, &mut declared, &mut module);
    exports(input, &declared, abi, &mut module);
    if input.once_in(12) {
        module.section(&wasm_encoder::StartSection { function_index: function(input, &declared) });
    }
    elements(input, &declared, &mut module);
    let mut code = CodeSection::new();
    own[..made].iter().for_each(|&ty| {
        code.function(&body(input, &declared, ty, locals));
    });
    own[made..].iter().for_each(|_| {
        code.function(Function::new([]).instruction(&I::End));
    });
    if !own.is_empty() {
        module.section(&code);
    }
    data(input, &declared, &mut module);
    custom(input, &mut module);
    module.finish()
}

fn count(items: usize) -> u32 {
    u32::try_from(items).expect("a handful")
}

fn value_type(input: &mut Input<'_>) -> ValType {
    match input.below(12) {
        0 => ValType::F32,
        1 => ValType::F64,
        2 => ValType::FUNCREF,
        3..=6 => ValType::I64,
        _ => ValType::I32,
    }
}

fn value_types(input: &mut Input<'_>, most: u32) -> Vec<ValType> {
    (0..input.below(most + 1)).map(|_| value_type(input)).collect()
}

/// Types, those of the imports among them, and the imports.
fn imports(input: &mut Input<'_>, declared: &mut Declared, abi: Abi, revision: &Revision) -> ImportSection {
    declared.types.push((Vec::new(), Vec::new()));
    if input.once_in(2) {
        declared.types.push((vec![ValType::I64], vec![ValType::I64]));
    }
    for _ in 0..input.below(4) {
        let results = if input.once_in(12) { 16 } else { 2 };
        declared.types.push((value_types(input, 4), value_types(input, results)));
    }
    for (_, parameters, results) in entries(abi) {
        declared.types.push((parameters.to_vec(), results.to_vec()));
    }
    let mut section = ImportSection::new();
    // What links with modules may import anything: it gets the functions of contracts.
    let of = if abi == Abi::Linked { Abi::Ewasm } else { abi };
    let rows: Vec<_> = ImportTable::of(of, revision).rows().collect();
    for _ in 0..input.below(5) {
        let wasm = |value: &ValueType| if *value == ValueType::I32 { ValType::I32 } else { ValType::I64 };
        let row = input.choose(&rows);
        let mut ty = (row.parameters().iter().map(wasm).collect(), row.result().iter().map(wasm).collect());
        let (mut module, mut name) = (row.module, row.name);
        match input.below(70) {
            20 => ty = (value_types(input, 4), value_types(input, 2)),
            21 => module = "env",
            22 => name = "useGases",
            23 => {
                section.import(module, name, EntityType::Memory(memory(input)));
                continue;
            }
            _ => {}
        }
        let known = declared.types.iter().position(|known| *known == ty);
        let index = known.unwrap_or_else(|| {
            declared.types.push(ty);
            declared.types.len() - 1
        });
        section.import(module, name, EntityType::Function(count(index)));
        declared.functions.push(count(index));
        declared.imports += 1;
    }
    section
}

fn types(module: &mut Module, declared: &Declared) {
    let mut types = TypeSection::new();
    for (parameters, results) in &declared.types {
        types.ty().function(parameters.clone(), results.clone());
    }
    module.section(&types);
}

fn memory(input: &mut Input<'_>) -> MemoryType {
    let minimum = u64::from(input.below(5));
    let maximum = input.once_in(2).then(|| minimum + u64::from(input.below(600)));
    MemoryType { minimum, maximum, memory64: false, shared: false, page_size_log2: None }
}

fn tables_and_memories(input: &mut Input<'_>, declared: &mut Declared, module: &mut Module) {
    let mut tables = TableSection::new();
    for _ in 0..input.choose(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 2]) {
        let minimum = u64::from(input.below(14));
        let maximum = input.once_in(2).then(|| minimum + u64::from(input.below(9)));
        let element_type = input.choose(&[RefType::FUNCREF, RefType::FUNCREF, RefType::EXTERNREF]);
        tables.table(TableType { element_type, table64: false, minimum, maximum, shared: false });
        declared.tables += 1;
    }
    module.section(&tables);
    let mut memories = MemorySection::new();
    for _ in 0..input.choose(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 2]) {
        memories.memory(memory(input));
        declared.memories += 1;
    }
    module.section(&memories);
}

/// A constant expression of type i32, if extended ones are allowed.
fn constant(input: &mut Input<'_>, declared: &Declared) -> ConstExpr {
    let first = if declared.globals > 0 && input.once_in(60) {
        ConstExpr::global_get(input.below(declared.globals))
    } else {
        ConstExpr::i32_const(input.choose(&[0, 1, 16, 65_536, 100_000, -1]))
    };
    (0..input.choose(&[0, 0, 0, 0, 0, 0, 1, 3]))
        .fold(first, |expression, _| expression.with_i32_const(3).with_i32_add())
}

fn globals(input: &mut Input<'_>, declared: &mut Declared, module: &mut Module) {
    let mut globals = GlobalSection::new();
    for _ in 0..input.below(6) {
        let mutable = input.once_in(3);
        let (val_type, value) = match input.below(9) {
            0 => (ValType::F64, ConstExpr::f64_const(1.5_f64)),
            1 => (ValType::I64, ConstExpr::i64_const(7)),
            2 if !declared.functions.is_empty() => (ValType::FUNCREF, ConstExpr::ref_func(function(input, declared))),
            _ => (ValType::I32, constant(input, declared)),
        };
        globals.global(GlobalType { val_type, mutable, shared: false }, &value);
        declared.globals += 1;
    }
    module.section(&globals);
}

fn function(input: &mut Input<'_>, declared: &Declared) -> u32 {
    input.below(count(declared.functions.len()).max(1))
}

/// One more than the largest index of something, at times one too many.
fn end_of(input: &mut Input<'_>, count: u32) -> u32 {
    if input.once_in(30) { count + 1 } else { count.max(1) }
}

/// What the ABI of a program looks for among the exports: functions of these types.
fn entries(abi: Abi) -> &'static [(&'static str, &'static [ValType], &'static [ValType])] {
    const I32: &[ValType] = &[ValType::I32];
    match abi {
        Abi::Ewasm | Abi::Packed | Abi::Linked => &[],
        Abi::Wasi => &[("_start", &[], &[]), ("_initialize", &[], &[]), ("constructor", &[], I32)],
        Abi::Json => &[("_initialize", &[], &[]), ("constructor", &[], &[])],
        Abi::Dela => {
            &[("malloc", I32, I32), ("free", I32, &[]), ("_initialize", &[], &[]), ("__wasm_call_ctors", &[], &[])]
        }
        Abi::Metashrew | Abi::MetashrewDocumented => &[("_start", &[], &[]), ("view", &[], I32), ("alloc", I32, I32)],
    }
}

fn exports(input: &mut Input<'_>, declared: &Declared, abi: Abi, module: &mut Module) {
    let mut exports = ExportSection::new();
    let plain = |ty: &u32| declared.types[*ty as usize].0.is_empty() && declared.types[*ty as usize].1.is_empty();
    let functions = count(declared.functions.len());
    let main = declared.functions.iter().rposition(plain).map(count).filter(|_| !input.once_in(12));
    let main = if functions > 0 && input.once_in(8) { Some(function(input, declared)) } else { main };
    if let Some(main) = main {
        exports.export("main", ExportKind::Func, main);
    }
    if declared.memories > 0 && !input.once_in(12) {
        let is_memory = functions == 0 || !input.once_in(12);
        exports.export("memory", if is_memory { ExportKind::Memory } else { ExportKind::Func }, 0);
    }
    for (name, parameters, results) in entries(abi) {
        let is_of = |ty: &u32| declared.types[*ty as usize] == (parameters.to_vec(), results.to_vec());
        match input.below(12) {
            0 => {}
            1 if functions > 0 => {
                exports.export(name, ExportKind::Func, function(input, declared));
            }
            2 if declared.memories > 0 => {
                exports.export(name, ExportKind::Memory, 0);
            }
            _ => {
                if let Some(index) = declared.functions.iter().rposition(is_of) {
                    exports.export(name, ExportKind::Func, count(index));
                }
            }
        }
    }
    if functions > 0 && !entries(abi).is_empty() && input.once_in(12) {
        exports.export("(start)", ExportKind::Func, function(input, declared));
    }
    for name in ["input_base", "input_capacity"] {
        if declared.globals > 0 && input.once_in(3) {
            let end = end_of(input, declared.globals);
            exports.export(name, ExportKind::Global, input.below(end));
        }
    }
    for name in ["go", "table", "second", "third"].into_iter().take(input.choose(&[0, 0, 1, 2, 4])) {
        let (kind, items) = input.choose(&[
            (ExportKind::Func, functions),
            (ExportKind::Func, functions),
            (ExportKind::Table, declared.tables),
            (ExportKind::Memory, declared.memories),
            (ExportKind::Global, declared.globals),
        ]);
        if items > 0 {
            let end = end_of(input, items);
            exports.export(name, kind, input.below(end));
        }
    }
    module.section(&exports);
}

fn elements(input: &mut Input<'_>, declared: &Declared, module: &mut Module) {
    let mut elements = ElementSection::new();
    if declared.tables > 0 && !declared.functions.is_empty() {
        for _ in 0..input.choose(&[0, 0, 1, 1, 2, 3]) {
            let indices: Vec<u32> = (0..input.below(5)).map(|_| function(input, declared)).collect();
            match input.below(3) {
                0 => elements.active(None, &constant(input, declared), Elements::Functions(indices.into())),
                1 => elements.passive(Elements::Functions(indices.into())),
                _ => {
                    let expressions: Vec<_> = indices.into_iter().map(ConstExpr::ref_func).collect();
                    elements.declared(Elements::Expressions(RefType::FUNCREF, expressions.into()))
                }
            };
        }
    }
    module.section(&elements);
}

/// A body of a function of type `ty` with `locals` and a few more.
fn body(input: &mut Input<'_>, declared: &Declared, ty: u32, locals: u32) -> Function {
    let mut groups: Vec<(u32, ValType)> =
        (0..input.choose(&[0, 0, 1, 1, 2])).map(|_| (input.choose(&[0, 1, 2, 5, 9]), value_type(input))).collect();
    groups.extend((locals > 0).then_some((locals, ValType::I32)));
    let mut body = Function::new(groups);
    if input.once_in(16) {
        many_values(input, declared, &mut body);
    }
    for _ in 0..input.below(3) {
        statement(input, declared, &mut body);
    }
    let results = declared.types.get(ty as usize).map_or(&[][..], |(_, results)| results);
    if input.once_in(3) {
        body.instruction(&I::Unreachable);
    } else {
        constants(results, &mut body);
    }
    body.instruction(&I::End);
    body
}

/// A value of each of `types`.
fn constants(types: &[ValType], body: &mut Function) {
    for ty in types {
        body.instruction(&match ty {
            ValType::I32 => I::I32Const(5),
            ValType::I64 => I::I64Const(-5),
            ValType::F32 => I::F32Const(0.5_f32),
            ValType::F64 => I::F64Const(0.5_f64),
            _ => I::RefNull(wasm_encoder::HeapType::FUNC),
        });
    }
}

/// A `br_table` that hands over about as many values as a module of a few hundred bytes may have, by many targets or by
/// many values for each: those that the loop around it takes, or those that a block in there leaves.
fn many_values(input: &mut Input<'_>, declared: &Declared, body: &mut Function) {
    let integers = |types: &[ValType]| types.iter().all(|ty| matches!(ty, ValType::I32 | ValType::I64));
    let types = declared.types.iter().zip(0..).filter(|((taken, left), _)| integers(taken) && integers(left));
    let values = |((taken, left), _): &(&(Vec<ValType>, Vec<ValType>), u32)| taken.len().max(left.len());
    let Some(((taken, left), ty)) = types.max_by_key(values) else { return };
    let (depth, each) = if taken.len() > left.len() { (1, taken.len()) } else { (0, left.len()) };
    constants(taken, body);
    body.instruction(&I::Loop(BlockType::FunctionType(ty))).instruction(&I::Unreachable);
    body.instruction(&I::Block(BlockType::FunctionType(ty))).instruction(&I::Unreachable);
    let targets = (900 + input.index(500)) / each.max(1);
    body.instruction(&I::BrTable(vec![depth; targets].into(), depth));
    body.instruction(&I::End).instruction(&I::Unreachable).instruction(&I::End);
    left.iter().for_each(|_| {
        body.instruction(&I::Drop);
    });
}

/// Something that leaves the operand stack as it was, if it is valid.
fn statement(input: &mut Input<'_>, declared: &Declared, body: &mut Function) {
    let callee = function(input, declared);
    match input.below(12) {
        0 => {
            let depth = input.below(8);
            (0..depth).for_each(|_| {
                body.instruction(&I::I32Const(1));
            });
            (0..depth).for_each(|_| {
                body.instruction(&I::Drop);
            });
        }
        1 | 9..=11 => {
            let targets = vec![0; input.below(6) as usize];
            body.instruction(&I::Block(BlockType::Empty)).instruction(&I::I32Const(0));
            body.instruction(&I::BrTable(targets.into(), 0)).instruction(&I::End);
        }
        2 if !declared.functions.is_empty() => {
            body.instruction(&I::Block(BlockType::Empty)).instruction(&I::Unreachable);
            body.instruction(&I::ReturnCall(callee)).instruction(&I::End);
        }
        3 if declared.tables > 0 => {
            body.instruction(&I::Block(BlockType::Empty)).instruction(&I::Unreachable);
            body.instruction(&I::ReturnCallIndirect { type_index: 0, table_index: 0 }).instruction(&I::End);
        }
        4 if input.once_in(3) => {
            body.instruction(&I::RefFunc(callee)).instruction(&I::Drop);
        }
        5 if declared.tables > 0 => {
            body.instruction(&I::RefNull(wasm_encoder::HeapType::FUNC)).instruction(&I::I32Const(0));
            body.instruction(&I::TableGrow(0)).instruction(&I::Drop);
        }
        6 => {
            body.instruction(&I::F32Const(1.0_f32)).instruction(&I::Drop);
        }
        7 if declared.memories > 0 => {
            body.instruction(&I::MemorySize(0)).instruction(&I::I32Extend8S).instruction(&I::Drop);
        }
        _ => {
            body.instruction(&I::Block(BlockType::Empty)).instruction(&I::Unreachable);
            body.instruction(&I::Call(callee)).instruction(&I::Unreachable).instruction(&I::End);
        }
    }
}

fn data(input: &mut Input<'_>, declared: &Declared, module: &mut Module) {
    let mut data = DataSection::new();
    for _ in 0..input.choose(&[0, 0, 1, 1, 2, 3]) {
        let bytes = input.bytes(12).to_vec();
        if declared.memories > 0 && input.once_in(2) {
            data.active(0, &constant(input, declared), bytes);
        } else {
            data.passive(bytes);
        }
    }
    module.section(&data);
}

fn custom(input: &mut Input<'_>, module: &mut Module) {
    for _ in 0..input.choose(&[0, 0, 0, 1, 1, 2]) {
        let (name, data): (&str, &[u8]) = input.choose(&[
            ("packed_order", &[0][..]),
            ("packed_order", &[1]),
            ("packed_order", &[2]),
            ("packed_abi", &[0]),
            ("packed_abi", b"\x01\x04main\x01v"),
            ("packed_abi", b"\x01\x04main\x02br"),
            ("packed_abi", b"\x01\x02go\x02ii"),
            ("packed_abi", b"\x01\x02go"),
            ("name", b"\x01\x04\x01\x00\x01f"),
        ]);
        module.section(&CustomSection { name: name.into(), data: data.into() });
    }
}
