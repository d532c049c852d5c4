//! Modules biased to the places where a translator that folds constants and drops dead code could charge by another rule
//! than that of the text: conditions, divisors and addresses that are constants, code that nothing reaches with regions
//! in it, tests against zero, stores far from their address; and to what is paid for beside operators: growths, values that
//! blocks and branches move, frames with many slots.
//!
//! What is generated is typed as it is generated, so nearly everything is valid.

use super::{
    statements::Body,
    surroundings::{Surroundings, bits_of_f32, bits_of_f64, narrow, number},
};
use crate::input::Input;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    FunctionSection, GlobalSection, GlobalType, ImportSection, MemorySection, MemoryType, Module, RefType,
    TableSection, TableType, TypeSection, ValType,
};

/// A module, and its functions that can be called with integers.
#[derive(Debug)]
pub(crate) struct Shaped {
    pub(crate) code: Vec<u8>,
    /// Names of the exported functions, with their parameters: integers, and one result of type i32 or i64.
    pub(crate) functions: Vec<(String, Vec<ValType>)>,
}

/// What blocks take and leave.
const BLOCKS: [&[ValType]; 2] =
    [&[ValType::I32, ValType::I64], &[ValType::I32, ValType::F64, ValType::I64, ValType::I32, ValType::F32]];

/// A constant of type `value`.
fn constant(input: &mut Input<'_>, value: ValType) -> ConstExpr {
    let number = number(input);
    match value {
        ValType::I32 => ConstExpr::i32_const(narrow(number)),
        ValType::F32 => ConstExpr::f32_const(bits_of_f32(input)),
        ValType::F64 => ConstExpr::f64_const(bits_of_f64(input)),
        _ => ConstExpr::i64_const(number),
    }
}

/// A module; with `host`, one that imports `getGasLeft`, so that it can tell what it has.
pub(crate) fn module(input: &mut Input<'_>, host: bool) -> Shaped {
    const GLOBALS: [(ValType, bool); 6] = [
        (ValType::I32, true),
        (ValType::I64, true),
        (ValType::I32, false),
        (ValType::I64, false),
        (ValType::F32, true),
        (ValType::F64, true),
    ];
    let mut around = Surroundings {
        functions: Vec::new(),
        imports: 0,
        globals: GLOBALS.to_vec(),
        block_types: [(0, BLOCKS[0]), (0, BLOCKS[1])],
    };
    if host {
        around.functions.push((Vec::new(), ValType::I64));
        around.imports = 1;
    }
    for _ in 0..=input.below(3) {
        let parameters = (0..input.below(3)).map(|_| input.choose(&[ValType::I32, ValType::I32, ValType::I64]));
        let parameters = parameters.collect();
        around.functions.push((parameters, input.choose(&[ValType::I32, ValType::I32, ValType::I64])));
    }
    let types = u32::try_from(around.functions.len()).expect("few");
    around.block_types = [(types, BLOCKS[0]), (types + 1, BLOCKS[1])];
    let own: Vec<_> = (0_u32..).zip(&around.functions).skip(around.imports as usize).collect();
    let functions = own.iter().map(|(index, (parameters, _))| (format!("f{index}"), parameters.clone())).collect();
    let mut module = declarations(input, &around, host);
    let mut code = CodeSection::new();
    for (_, (parameters, result)) in &own {
        code.function(&Body::new(&around, parameters, *result, input.choose(&[0, 0, 0, 24, 60])).generate(input));
    }
    module.section(&code);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(16), input.array::<24>());
    data.passive(input.array::<9>());
    module.section(&data);
    Shaped { code: module.finish(), functions }
}

/// Everything before the bodies: the types in the order of the functions, then the types of blocks.
fn declarations(input: &mut Input<'_>, around: &Surroundings, host: bool) -> Module {
    let mut module = Module::new();
    let (mut types, mut functions, mut exports) = (TypeSection::new(), FunctionSection::new(), ExportSection::new());
    exports.export("memory", ExportKind::Memory, 0);
    for (index, (parameters, result)) in (0..).zip(&around.functions) {
        types.ty().function(parameters.clone(), [*result]);
        if index >= around.imports {
            functions.function(index);
            exports.export(&format!("f{index}"), ExportKind::Func, index);
        }
    }
    for values in BLOCKS {
        types.ty().function(values.iter().copied(), values.iter().copied());
    }
    module.section(&types);
    if host {
        let mut imports = ImportSection::new();
        imports.import("ethereum", "getGasLeft", EntityType::Function(0));
        module.section(&imports);
    }
    module.section(&functions);
    let mut tables = TableSection::new();
    let element_type = RefType::FUNCREF;
    tables.table(TableType { element_type, table64: false, minimum: 4, maximum: Some(6), shared: false });
    module.section(&tables);
    let mut memories = MemorySection::new();
    let minimum = u64::from(input.below(3));
    let maximum = input.once_in(2).then_some(3);
    memories.memory(MemoryType {
        minimum: minimum.max(1),
        maximum,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    module.section(&memories);
    let mut globals = GlobalSection::new();
    for (index, (val_type, mutable)) in (0..).zip(&around.globals) {
        globals
            .global(GlobalType { val_type: *val_type, mutable: *mutable, shared: false }, &constant(input, *val_type));
        exports.export(&format!("g{index}"), ExportKind::Global, index);
    }
    module.section(&globals);
    module.section(&exports);
    let mut elements = ElementSection::new();
    let all = u32::try_from(around.functions.len()).expect("few");
    let indices: Vec<u32> = (0..3).map(|_| around.imports + input.below(all - around.imports)).collect();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions(indices.into()));
    module.section(&elements);
    module.section(&wasm_encoder::DataCountSection { count: 2 });
    module
}
