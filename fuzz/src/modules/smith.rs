//! Valid modules of any shape, by wasm-smith.

use crate::input::Input;
use lockstep_gas::Revision;
use wasm_smith::{Config, Module};

/// What wasm-smith may use under `revision`: its features, no imports, bounded tables.
pub(crate) fn config(revision: &Revision) -> Config {
    let features = &revision.features;
    Config {
        max_imports: 0,
        max_memories: if features.multi_memory { 3 } else { 1 },
        max_tables: revision.limits.tables_max.min(3) as usize,
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
        allow_start_export: revision.rules.linked_modules,
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
