//! What wasmparser has to be told of a revision, and what it calls an operator.
//!
//! Owns the relation between the words of the crate `gas` and wasmparser's.

use super::types::ValType;
use lockstep_gas::{Features, Operator};
use wasmparser::WasmFeatures;

/// The features that modules are validated with.
///
/// Floats are always among them: where a revision has none, they are found here, by function and by name, and not by
/// the parser, which would stop at the first. Everything that [`Features`] has no word for is off: SIMD, threads,
/// 64-bit memories, exceptions, garbage collection, typed function references, custom page sizes, components.
pub(super) fn wasm_features(features: &Features) -> WasmFeatures {
    // Destructured, so that a new feature cannot be forgotten here.
    let Features {
        floats: _,
        mutable_globals,
        sign_extension,
        saturating_conversions,
        multi_value,
        bulk_memory,
        reference_types,
        tail_calls,
        extended_const,
        multi_memory,
        wide_arithmetic,
    } = *features;
    let mut wasm = WasmFeatures::FLOATS;
    wasm.set(WasmFeatures::MUTABLE_GLOBAL, mutable_globals);
    wasm.set(WasmFeatures::SIGN_EXTENSION, sign_extension);
    wasm.set(WasmFeatures::SATURATING_FLOAT_TO_INT, saturating_conversions);
    wasm.set(WasmFeatures::MULTI_VALUE, multi_value);
    wasm.set(WasmFeatures::BULK_MEMORY, bulk_memory);
    wasm.set(WasmFeatures::REFERENCE_TYPES, reference_types);
    // wasmparser's word for externref; it is no more than that without `WasmFeatures::GC`.
    wasm.set(WasmFeatures::GC_TYPES, reference_types);
    wasm.set(WasmFeatures::TAIL_CALL, tail_calls);
    wasm.set(WasmFeatures::EXTENDED_CONST, extended_const);
    wasm.set(WasmFeatures::MULTI_MEMORY, multi_memory);
    wasm.set(WasmFeatures::WIDE_ARITHMETIC, wide_arithmetic);
    wasm
}

macro_rules! define_priced_operator {
    ($($name:ident $snake:ident $text:literal $price:expr,)*) => {
        /// The operator as the price list knows it, `None` if it does not: such an operator belongs to a proposal that
        /// no revision has.
        pub(crate) const fn priced_operator(parsed: &wasmparser::Operator<'_>) -> Option<Operator> {
            match parsed {
                $(wasmparser::Operator::$name { .. } => Some(Operator::$name),)*
                _ => None,
            }
        }
    };
}
lockstep_gas::for_each_operator!(define_priced_operator);

/// Whether the operator or a type in it is of floats.
pub(super) fn has_floats(parsed: &wasmparser::Operator<'_>) -> bool {
    use wasmparser::{BlockType, Operator as Op};
    let is_float = |value: wasmparser::ValType| ValType::of(value).is_some_and(ValType::is_float);
    match parsed {
        Op::Block { blockty: BlockType::Type(value) }
        | Op::Loop { blockty: BlockType::Type(value) }
        | Op::If { blockty: BlockType::Type(value) } => is_float(*value),
        Op::TypedSelect { ty } => is_float(*ty),
        // Every operator that takes or leaves a float has one of the two in its name.
        _ => priced_operator(parsed)
            .is_some_and(|operator| operator.name().contains("f32") || operator.name().contains("f64")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_gas::Revision;

    #[test]
    fn features_of_the_revisions() {
        let v1 =
            WasmFeatures::WASM2.difference(WasmFeatures::SIMD) | WasmFeatures::TAIL_CALL | WasmFeatures::EXTENDED_CONST;
        assert_eq!(wasm_features(&Revision::V1.features), v1);
        assert_eq!(wasm_features(&Revision::EWASM_BYZANTIUM.features), WasmFeatures::FLOATS);
    }

    /// A module with one function that has `operator` and zeros for its immediates between two `unreachable`, where
    /// every operand is there.
    fn module_with(operator: &[u8]) -> Vec<u8> {
        let body = [&[0, 0x00][..], operator, &[0x00, 0x0b]].concat();
        let size = |before: usize| u8::try_from(body.len().saturating_add(before)).unwrap();
        let code = [&[0x0a, size(2), 1, size(0)][..], &body].concat();
        let before = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x04\x04\x01\x70\0\0\x05\x03\x01\0\x01";
        [&before[..], &code].concat()
    }

    #[test]
    fn whatever_wasmparser_takes_for_floats_is_found() {
        let mut found = 0;
        let codes = (0..=0xff_u8).map(|code| vec![code]).chain((0..=0x1f).map(|code| vec![0xfc, code]));
        for code in codes {
            for immediates in 0..=9 {
                let module = module_with(&[&code[..], &vec![0; immediates]].concat());
                let verdict = |features| wasmparser::Validator::new_with_features(features).validate_all(&module);
                let features = wasm_features(&Revision::V1.features);
                if verdict(features).is_err() {
                    continue;
                }
                let zeros = [&code[..], &[0; 9]].concat();
                let operator = wasmparser::BinaryReader::new(&zeros, 0).read_operator().unwrap();
                assert!(priced_operator(&operator).is_some(), "{operator:?} is valid and has no price");
                if verdict(features.difference(WasmFeatures::FLOATS)).is_err() {
                    assert!(has_floats(&operator), "{operator:?} is refused without floats");
                    found = usize::saturating_add(found, 1);
                }
                break;
            }
        }
        // Loads and stores, constants, comparisons, unary, binary, conversions to floats.
        assert_eq!(found, 4 + 2 + 12 + 14 + 14 + 12);
    }
}
