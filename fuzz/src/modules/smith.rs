//! Valid modules of any shape, by wasm-smith.

use super::shapes::Shaped;
use crate::input::Input;
use lockstep_gas::{Abi, Revision};
use wasm_encoder::{ExportKind, ExportSection, Section, ValType};
use wasm_smith::{Config, Module};
use wasmparser::{FuncType, Parser, Payload};

/// What wasm-smith may use under `revision`: its features, no imports, bounded tables.
pub(crate) fn config(revision: &Revision) -> Config {
    let features = &revision.features;
    Config {
        max_imports: 0,
        max_memories: if features.multi_memory { 3 } else { 1 },
        max_tables: revision.limits.contract.tables_max.min(3) as usize,
        max_table_elements: 100,
        max_memory32_bytes: 4 * 65_536,
        allow_floats: features.floats,
        sign_extension_ops_enabled: features.sign_extension,
        saturating_float_to_int_enabled: features.saturating_conversions,
        multi_value_enabled: features.multi_value,
        bulk_memory_enabled: features.bulk_memory,
        reference_types_enabled: features.reference_types,
        tail_call_enabled: features.tail_calls,
        extended_const_enabled: features.extended_const,
        wide_arithmetic_enabled: features.wide_arithmetic,
        allow_start_export: revision.rules.abis.contains(Abi::Linked),
        memory64_enabled: false,
        simd_enabled: false,
        relaxed_simd_enabled: false,
        exceptions_enabled: false,
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        gc_enabled: false,
        custom_page_sizes_enabled: false,
        ..Config::default()
    }
}

/// A module that wasm-smith makes of the input with `config`, `None` where the input does not suffice.
pub(crate) fn module(input: &mut Input<'_>, config: Config) -> Option<Vec<u8>> {
    Some(Module::new(config, input.unstructured()).ok()?.to_bytes())
}

/// A module of wasm-smith with an export section of our own: its memory, and every function that integers can call.
pub(crate) fn callable(input: &mut Input<'_>, revision: &Revision) -> Option<Shaped> {
    let code = module(input, small(revision))?;
    let outline = Outline::of(&code)?;
    let mut exports = ExportSection::new();
    if outline.memories > 0 {
        exports.export("memory", ExportKind::Memory, 0);
    }
    let mut functions = Vec::new();
    for (index, ty) in (0_u32..).zip(&outline.functions) {
        let ty: &FuncType = outline.types.get(*ty as usize)?;
        let integers = |values: &[wasmparser::ValType]| {
            let integer = |value: &wasmparser::ValType| match value {
                wasmparser::ValType::I32 => Some(ValType::I32),
                wasmparser::ValType::I64 => Some(ValType::I64),
                _ => None,
            };
            values.iter().map(integer).collect::<Option<Vec<_>>>()
        };
        if let Some(parameters) = integers(ty.params()).filter(|parameters| parameters.len() <= 2)
            && integers(ty.results()).is_some_and(|results| results.len() <= 1)
        {
            exports.export(&format!("f{index}"), ExportKind::Func, index);
            functions.push((format!("f{index}"), parameters));
        }
    }
    if functions.is_empty() { None } else { Some(Shaped { code: outline.with(&code, &exports), functions }) }
}

/// A module of wasm-smith that exports everything it has.
pub(crate) fn open(input: &mut Input<'_>, revision: &Revision) -> Option<Vec<u8>> {
    let code = module(input, small(revision))?;
    let outline = Outline::of(&code)?;
    let mut exports = ExportSection::new();
    let functions = u32::try_from(outline.functions.len()).ok()?;
    for (letter, kind, count) in [
        ("f", ExportKind::Func, functions),
        ("m", ExportKind::Memory, outline.memories),
        ("g", ExportKind::Global, outline.globals),
    ] {
        (0..count).for_each(|index| {
            exports.export(&format!("{letter}{index}"), kind, index);
        });
    }
    Some(outline.with(&code, &exports))
}

fn small(revision: &Revision) -> Config {
    Config {
        max_exports: 0,
        max_instructions: 120,
        min_funcs: 1,
        max_funcs: 6,
        max_nesting_depth: 6,
        ..config(revision)
    }
}

/// What a module without imports and exports declares, and where its exports would stand.
struct Outline {
    types: Vec<FuncType>,
    functions: Vec<u32>,
    memories: u32,
    globals: u32,
    exports: usize,
}

impl Outline {
    fn of(code: &[u8]) -> Option<Self> {
        let mut outline =
            Self { types: Vec::new(), functions: Vec::new(), memories: 0, globals: 0, exports: code.len() };
        for payload in Parser::new(0).parse_all(code) {
            let payload = payload.ok()?;
            match &payload {
                Payload::TypeSection(section) => {
                    outline.types.extend(section.clone().into_iter_err_on_gc_types().flatten());
                }
                Payload::FunctionSection(section) => outline.functions.extend(section.clone().into_iter().flatten()),
                Payload::MemorySection(section) => outline.memories = section.count(),
                Payload::GlobalSection(section) => outline.globals = section.count(),
                _ => {}
            }
            // Exports stand behind the globals and before the start, elements and code.
            if let Some((id, range)) = payload.as_section()
                && matches!(id, 8..=12)
            {
                let content = u32::try_from(range.len()).ok()?;
                outline.exports = outline.exports.min(range.start - 1 - leb_bytes(content));
            }
        }
        Some(outline)
    }

    fn with(&self, code: &[u8], exports: &ExportSection) -> Vec<u8> {
        let mut module = code[..self.exports].to_vec();
        exports.append_to(&mut module);
        module.extend_from_slice(&code[self.exports..]);
        module
    }
}

/// Bytes of `number` in LEB128.
fn leb_bytes(number: u32) -> usize {
    (u32::BITS - number.leading_zeros()).div_ceil(7).max(1) as usize
}
