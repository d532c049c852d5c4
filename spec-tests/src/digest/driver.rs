//! Drivers: functions added to a generated module that call its own functions with given arguments and fold all their
//! results into an i64, so that every function can be called and every bit of a result is seen through any engine.

use lockstep_vm::Fault;
use wasm_encoder::{
    Encode, ExportKind, ExportSection, Function, HeapType, Instruction, RawSection, SectionId, ValType,
};
use wasmparser::{CompositeInnerType, FuncType, GlobalType, Parser, Payload, RefType};

/// The export of the driver that folds the globals.
pub(super) const GLOBALS: &str = "globals";

/// A module with drivers.
pub(super) struct Driven {
    /// The module. It exports a driver for each call, [`GLOBALS`] and, if it has one, its memory as `memory`.
    pub(super) code: Vec<u8>,
    /// The exports that are drivers of calls, in order.
    pub(super) calls: Vec<String>,
}

/// What the drivers need to know of a module.
#[derive(Default)]
struct Outline {
    types: Vec<FuncType>,
    functions: Vec<u32>,
    globals: Vec<GlobalType>,
    has_memory: bool,
    /// Identity and content of each section, in order.
    sections: Vec<(u8, Vec<u8>)>,
}

/// The sections behind the exports.
const AFTER_EXPORTS: [SectionId; 5] =
    [SectionId::Start, SectionId::Element, SectionId::DataCount, SectionId::Code, SectionId::Data];

/// Adds a driver for `calls` calls of each function; `argument` returns the bits of each argument.
///
/// # Errors
///
/// A [`Fault`] if the module is not one that this understands: it imports nothing and has only types of functions.
pub(super) fn drive(code: &[u8], calls: u32, mut argument: impl FnMut() -> u64) -> Result<Driven, Fault> {
    let outline = Outline::of(code).map_err(|error| Fault::Broken(format!("a generated module: {error}")))?;
    let (mut exports, mut names, mut bodies) = (ExportSection::new(), Vec::new(), Vec::new());
    let count = u32::try_from(outline.functions.len()).unwrap_or(u32::MAX);
    for (function, type_index) in (0_u32..).zip(&outline.functions) {
        let ty = usize::try_from(*type_index).ok().and_then(|index| outline.types.get(index));
        let ty = ty.ok_or_else(|| Fault::Broken("a function of no type".into()))?;
        for call in 0..calls {
            let name = format!("function {function}, call {call}");
            exports.export(&name, ExportKind::Func, count + u32::try_from(bodies.len()).unwrap_or(u32::MAX));
            bodies.push(driver(function, ty, &mut argument));
            names.push(name);
        }
    }
    exports.export(GLOBALS, ExportKind::Func, count + u32::try_from(bodies.len()).unwrap_or(u32::MAX));
    bodies.push(fold_globals(&outline.globals));
    if outline.has_memory {
        exports.export("memory", ExportKind::Memory, 0);
    }
    let added = u32::try_from(bodies.len()).unwrap_or(u32::MAX);
    let new_type = u32::try_from(outline.types.len()).unwrap_or(u32::MAX);
    let mut entries_of_functions = Vec::new();
    (0..added).for_each(|_| new_type.encode(&mut entries_of_functions));
    let mut entries_of_code = Vec::new();
    bodies.iter().for_each(|body| body.encode(&mut entries_of_code));
    let mut module = wasm_encoder::Module::new();
    let mut is_exported = false;
    for (id, content) in &outline.sections {
        // The old exports are left out; the new ones stand where any would.
        if AFTER_EXPORTS.iter().any(|after| u8::from(*after) == *id) && !is_exported {
            module.section(&exports);
            is_exported = true;
        }
        let is = |section: SectionId| *id == u8::from(section);
        let data = if is(SectionId::Type) {
            // () -> i64.
            appended(content, 1, &[0x60, 0, 1, 0x7e])?
        } else if is(SectionId::Function) {
            appended(content, added, &entries_of_functions)?
        } else if is(SectionId::Code) {
            appended(content, added, &entries_of_code)?
        } else if is(SectionId::Export) {
            continue;
        } else {
            content.clone()
        };
        module.section(&RawSection { id: *id, data: &data });
    }
    Ok(Driven { code: module.finish(), calls: names })
}

/// The content of a section with `more` entries at its end.
fn appended(content: &[u8], more: u32, entries: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut reader = wasmparser::BinaryReader::new(content, 0);
    let count = reader.read_var_u32().map_err(|error| Fault::Broken(error.to_string()))?;
    let rest = content.get(reader.original_position()..).unwrap_or_default();
    let mut data = Vec::new();
    (count + more).encode(&mut data);
    data.extend_from_slice(rest);
    data.extend_from_slice(entries);
    Ok(data)
}

impl Outline {
    fn of(code: &[u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut outline = Self::default();
        for payload in Parser::new(0).parse_all(code) {
            let payload = payload?;
            if let Some((id, range)) = payload.as_section() {
                outline.sections.push((id, code.get(range).unwrap_or_default().to_vec()));
            }
            match payload {
                Payload::TypeSection(reader) => {
                    for group in reader {
                        outline.types.extend(group?.into_types().filter_map(|ty| match ty.composite_type.inner {
                            CompositeInnerType::Func(function) => Some(function),
                            _ => None,
                        }));
                    }
                }
                Payload::FunctionSection(reader) => {
                    outline.functions = reader.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::GlobalSection(reader) => {
                    for global in reader {
                        outline.globals.push(global?.ty);
                    }
                }
                Payload::MemorySection(reader) => outline.has_memory = reader.count() > 0,
                _ => {}
            }
        }
        Ok(outline)
    }
}

/// Local 0 of a driver: what its results are folded into.
const SUM: u32 = 0;

/// Calls a function and folds its results, the last one first.
fn driver(function: u32, ty: &FuncType, argument: &mut impl FnMut() -> u64) -> Function {
    let mut body = Function::new([(1, ValType::I64)]);
    for parameter in ty.params() {
        push(&mut body, *parameter, argument());
    }
    body.instruction(&Instruction::Call(function));
    for result in ty.results().iter().rev() {
        fold(&mut body, *result);
    }
    body.instruction(&Instruction::LocalGet(SUM)).instruction(&Instruction::End);
    body
}

fn fold_globals(globals: &[GlobalType]) -> Function {
    let mut body = Function::new([(1, ValType::I64)]);
    for (index, global) in (0_u32..).zip(globals) {
        body.instruction(&Instruction::GlobalGet(index));
        fold(&mut body, global.content_type);
    }
    body.instruction(&Instruction::LocalGet(SUM)).instruction(&Instruction::End);
    body
}

/// Folds the operand on top: all bits of a number, of a reference whether it is null.
fn fold(body: &mut Function, ty: wasmparser::ValType) {
    use wasmparser::ValType as T;
    let to_i64: &[Instruction<'_>] = match ty {
        T::I64 => &[],
        T::I32 => &[Instruction::I64ExtendI32U],
        T::F32 => &[Instruction::I32ReinterpretF32, Instruction::I64ExtendI32U],
        T::F64 => &[Instruction::I64ReinterpretF64],
        T::V128 | T::Ref(_) => &[Instruction::RefIsNull, Instruction::I64ExtendI32U],
    };
    to_i64.iter().for_each(|instruction| {
        body.instruction(instruction);
    });
    body.instruction(&Instruction::LocalGet(SUM))
        .instruction(&Instruction::I64Const(23))
        .instruction(&Instruction::I64Rotl)
        .instruction(&Instruction::I64Xor)
        .instruction(&Instruction::LocalSet(SUM));
}

/// Pushes the constant of that type with the low bits of `bits`; references are null. Floats come from integers: a float
/// of the host may lose the payload of a NaN.
fn push(body: &mut Function, ty: wasmparser::ValType, bits: u64) {
    use wasmparser::ValType as T;
    let low = bits.to_le_bytes().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)).cast_signed();
    match ty {
        T::I32 => body.instruction(&Instruction::I32Const(low)),
        T::I64 => body.instruction(&Instruction::I64Const(bits.cast_signed())),
        T::F32 => body.instruction(&Instruction::I32Const(low)).instruction(&Instruction::F32ReinterpretI32),
        T::F64 => {
            body.instruction(&Instruction::I64Const(bits.cast_signed())).instruction(&Instruction::F64ReinterpretI64)
        }
        T::Ref(ty) if ty == RefType::FUNCREF => body.instruction(&Instruction::RefNull(HeapType::FUNC)),
        T::V128 | T::Ref(_) => body.instruction(&Instruction::RefNull(HeapType::EXTERN)),
    };
}
