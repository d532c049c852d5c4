//! What an operator is, for the question whether a translator can see through it.

use super::operand::{Leaf, Operand};
use wasmparser::{MemArg, Operator};

pub(super) const fn literal(operator: &Operator<'_>) -> Option<u64> {
    match operator {
        Operator::I32Const { value } => Some(value.cast_unsigned() as u64),
        Operator::I64Const { value } => Some(value.cast_unsigned()),
        _ => None,
    }
}

pub(super) const fn is_division(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I32DivS
            | Operator::I32DivU
            | Operator::I32RemS
            | Operator::I32RemU
            | Operator::I64DivS
            | Operator::I64DivU
            | Operator::I64RemS
            | Operator::I64RemU
    )
}

/// Whether the operator is numeric and traps for some operands.
pub(super) const fn can_trap(operator: &Operator<'_>) -> bool {
    is_division(operator)
        || matches!(
            operator,
            Operator::I32TruncF32S
                | Operator::I32TruncF32U
                | Operator::I32TruncF64S
                | Operator::I32TruncF64U
                | Operator::I64TruncF32S
                | Operator::I64TruncF32U
                | Operator::I64TruncF64S
                | Operator::I64TruncF64U
        )
}

/// Whether an operand is a constant that may be zero.
pub(super) const fn is_zero(operand: &Operand<'_>) -> bool {
    matches!(operand, Operand::Constant(Leaf { literal: Some(0) | None, .. }))
}

/// Whether the operator leaves the bits as they are.
pub(super) const fn is_reinterpretation(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I64ExtendI32U
            | Operator::I32ReinterpretF32
            | Operator::I64ReinterpretF64
            | Operator::F32ReinterpretI32
            | Operator::F64ReinterpretI64
    )
}

/// The largest offset that wasmi has short instructions for, which are for the first memory only.
const NEAR: u64 = 0xffff;

/// Whether a store with a large offset, or to another memory than the first, has one local for both operands: where that
/// is in a register, wasmi 2.0.0 has no instruction for it and panics.
pub(super) fn is_far_store(operator: &Operator<'_>, taken: &[Operand<'_>]) -> bool {
    let [address, value] = taken else { return false };
    memarg(operator).is_some_and(|argument| argument.offset > NEAR || argument.memory != 0)
        && address.local().is_some()
        && address.local() == value.local()
}

/// Whether the operator asks if something is zero.
pub(super) fn is_test(operator: &Operator<'_>, taken: &[Operand<'_>]) -> bool {
    match operator {
        Operator::I32Eqz | Operator::RefIsNull => true,
        Operator::I32Eq | Operator::I32Ne => taken.iter().any(is_zero),
        _ => false,
    }
}

/// Whether a choice is made by a test: wasmi 2.0.0 makes one instruction of the two that takes its condition from a
/// register, where the operand of the test may never have been.
pub(super) const fn is_choice_by_test(operator: &Operator<'_>, taken: &[Operand<'_>]) -> bool {
    matches!(
        (operator, taken),
        (Operator::Select | Operator::TypedSelect { .. }, [_, _, Operand::Test | Operand::Constant(_)])
    )
}

/// Whether an access at a constant address is not surely within the initial bytes of the first memory. Those of other
/// memories are not looked at: the answer is yes.
pub(super) fn is_outside(argument: Option<MemArg>, address: &Operand<'_>, memory_bytes: u64) -> bool {
    let (Some(argument), Operand::Constant(leaf)) = (argument, address) else { return false };
    let end = leaf.literal.and_then(|address| address.checked_add(argument.offset)?.checked_add(8));
    argument.memory != 0 || end.is_none_or(|end| end > memory_bytes)
}

macro_rules! define_memarg {
    ($($operator:ident)*) => {
        /// Where a load or a store goes, `None` for any other operator.
        pub(super) const fn memarg(operator: &Operator<'_>) -> Option<MemArg> {
            match operator {
                $(Operator::$operator { memarg } => Some(*memarg),)*
                _ => None,
            }
        }
    };
}
define_memarg! {
    I32Load I64Load F32Load F64Load
    I32Load8S I32Load8U I32Load16S I32Load16U
    I64Load8S I64Load8U I64Load16S I64Load16U I64Load32S I64Load32U
    I32Store I64Store F32Store F64Store I32Store8 I32Store16 I64Store8 I64Store16 I64Store32
}

macro_rules! define_is_numeric {
    ($(@$proposal:ident $operator:ident $({ $($field:ident: $ty:ty),* })? => $visit:ident ($class:ident $($rest:tt)*))*) => {
        /// Whether the operator is a function of its operands and nothing else.
        pub(super) fn is_numeric(operator: &Operator<'_>) -> bool {
            let class = match operator {
                $(Operator::$operator { .. } => stringify!($class),)*
                _ => return false,
            };
            matches!(class, "unary" | "binary" | "test" | "cmp" | "conversion")
        }
    };
}
wasmparser::for_each_operator!(define_is_numeric);
