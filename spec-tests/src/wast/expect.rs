//! Compares the expectation of a directive with the result of an engine.

use lockstep_host::HaltReason;
use lockstep_vm::engine::embedding::Value;
use wast::{
    WastArg, WastRet,
    core::{AbstractHeapType, HeapType, NanPattern, WastArgCore, WastRetCore},
};

/// The argument, `None` if no revision has its type.
pub(super) fn argument(argument: &WastArg<'_>) -> Option<Value> {
    let WastArg::Core(argument) = argument else { return None };
    Some(match argument {
        WastArgCore::I32(value) => Value::I32(value.cast_unsigned()),
        WastArgCore::I64(value) => Value::I64(value.cast_unsigned()),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Func, .. }) => Value::FuncRef { is_null: true },
        WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Extern, .. }) => Value::ExternRef(None),
        WastArgCore::RefExtern(value) => Value::ExternRef(Some(*value)),
        _ => return None,
    })
}

/// Whether `values` are what is expected.
pub(super) fn all_match(values: &[Value], expected: &[WastRet<'_>]) -> bool {
    values.len() == expected.len()
        && values.iter().zip(expected).all(|(value, expected)| match expected {
            WastRet::Core(expected) => matches(*value, expected),
            _ => false,
        })
}

fn matches(value: Value, expected: &WastRetCore<'_>) -> bool {
    match (value, expected) {
        (Value::I32(bits), WastRetCore::I32(expected)) => bits == expected.cast_unsigned(),
        (Value::I64(bits), WastRetCore::I64(expected)) => bits == expected.cast_unsigned(),
        (Value::F32(bits), WastRetCore::F32(expected)) => match expected {
            NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
            NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
            NanPattern::Value(expected) => bits == expected.bits,
        },
        (Value::F64(bits), WastRetCore::F64(expected)) => match expected {
            NanPattern::CanonicalNan => bits & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
            NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
            NanPattern::Value(expected) => bits == expected.bits,
        },
        (Value::FuncRef { is_null }, WastRetCore::RefFunc(_)) => !is_null,
        (Value::FuncRef { is_null: true } | Value::ExternRef(None), WastRetCore::RefNull(_)) => true,
        (Value::ExternRef(Some(value)), WastRetCore::RefExtern(expected)) => expected.is_none_or(|one| one == value),
        (value, WastRetCore::Either(cases)) => cases.iter().any(|case| matches(value, case)),
        _ => false,
    }
}

/// Whether a halt is what the suite calls `message`.
pub(super) fn halt_matches(reason: HaltReason, message: &str) -> bool {
    let messages: &[&str] = match reason {
        HaltReason::Unreachable => &["unreachable"],
        HaltReason::MemoryOutOfBounds => &["out of bounds memory access", "out of bounds"],
        HaltReason::TableOutOfBounds => {
            &["out of bounds table access", "undefined element", "undefined", "out of bounds"]
        }
        HaltReason::IndirectCallToNull => &["uninitialized element", "uninitialized"],
        HaltReason::IndirectCallTypeMismatch => &["indirect call type mismatch", "indirect call"],
        HaltReason::IntegerDivisionByZero => &["integer divide by zero"],
        HaltReason::IntegerOverflow => &["integer overflow"],
        HaltReason::InvalidConversionToInteger => &["invalid conversion to integer"],
        HaltReason::CallStackExhausted => &["call stack exhausted"],
        _ => &[],
    };
    // The suite adds to `uninitialized element` which one it was.
    messages.iter().any(|known| message == *known || message.starts_with(&format!("{known} ")))
}
