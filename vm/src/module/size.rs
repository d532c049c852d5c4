//! How large a module becomes when wasmi 2.0.0 translates it: bytes that are kept for each operator.
//!
//! An upper bound from the text alone, for the module cache (`docs/decisions/0014`). An instruction is a pointer of 8 bytes
//! and its operands, aligned to 8: 16 bytes with up to three registers or a small constant, more with a
//! large one. Nothing
//! but the cache depends on it.

use wasmparser::Operator;

/// Bytes of a charge at the start of a region, and of a copy of a value that is in a register or in a small constant.
pub(super) const COPY: u64 = 16;

/// Bytes of a constant that has to be copied, or read from a hidden global, at most.
const CONSTANT: u64 = 16;

/// The largest offset that an engine has short instructions for.
const NEAR: u64 = 0xffff;

/// Bytes of a constant expression for each operator in it.
pub(super) const CONSTANT_OPERATOR: u64 = 24;

/// Bytes that `operator` becomes, with `moved` values that it hands over, `parameters` of a block among them.
pub(super) fn translated_bytes(operator: &Operator<'_>, moved: u64, parameters: u64) -> u64 {
    use Operator as Op;
    let own = match operator {
        Op::Nop | Op::Block { .. } | Op::Drop | Op::LocalGet { .. } | Op::End => 0,
        Op::I32Const { .. } | Op::F32Const { .. } | Op::GlobalGet { .. } => CONSTANT,
        Op::I64Const { .. } | Op::F64Const { .. } => 24,
        Op::Loop { .. } => COPY,
        Op::If { .. } => 40,
        Op::Else => 32,
        Op::BrIf { .. } if moved == 0 => 24,
        Op::BrIf { .. } => 40,
        // A target that needs copies has a piece of code of its own.
        Op::BrTable { targets } => {
            let each = if moved == 0 { 8 } else { 24 };
            // Behind a table that leaves operands behind there is a branch.
            let branch = if moved > 1 { COPY } else { 0 };
            u64::from(targets.len()).saturating_add(1).saturating_mul(each).saturating_add(24).saturating_add(branch)
        }
        Op::Call { .. } | Op::ReturnCall { .. } => 24,
        Op::CallIndirect { .. } | Op::ReturnCallIndirect { .. } => 32,
        // With a charge, and the number of pages out of its register and back.
        Op::MemoryGrow { .. } => 72,
        Op::Select | Op::TypedSelect { .. } => 48,
        Op::MemoryCopy { .. } | Op::MemoryFill { .. } | Op::MemoryInit { .. } => 24,
        Op::TableCopy { .. } | Op::TableFill { .. } | Op::TableInit { .. } | Op::TableGrow { .. } => 24,
        Op::I32Load { memarg }
        | Op::I64Load { memarg }
        | Op::F32Load { memarg }
        | Op::F64Load { memarg }
        | Op::I32Load8S { memarg }
        | Op::I32Load8U { memarg }
        | Op::I32Load16S { memarg }
        | Op::I32Load16U { memarg }
        | Op::I64Load8S { memarg }
        | Op::I64Load8U { memarg }
        | Op::I64Load16S { memarg }
        | Op::I64Load16U { memarg }
        | Op::I64Load32S { memarg }
        | Op::I64Load32U { memarg }
            if memarg.offset > NEAR =>
        {
            24
        }
        Op::I32Store { memarg }
        | Op::I64Store { memarg }
        | Op::F32Store { memarg }
        | Op::F64Store { memarg }
        | Op::I32Store8 { memarg }
        | Op::I32Store16 { memarg }
        | Op::I64Store8 { memarg }
        | Op::I64Store16 { memarg }
        | Op::I64Store32 { memarg } => {
            if memarg.offset > NEAR {
                40
            } else {
                24
            }
        }
        _ => 16,
    };
    let copies = match operator {
        Op::MemoryGrow { .. } => 0,
        // Each arm leaves the results.
        Op::If { .. } => moved.saturating_mul(2).saturating_sub(parameters),
        _ => moved,
    };
    own.saturating_add(copies.saturating_mul(COPY))
}

/// Operators that make the engine copy what earlier ones took from locals and is still on the operand stack: how many
/// operands they take off it first.
pub(super) const fn preserves(operator: &Operator<'_>) -> Option<u32> {
    use Operator as Op;
    match operator {
        Op::LocalSet { .. } | Op::LocalTee { .. } | Op::If { .. } | Op::BrTable { .. } => Some(1),
        Op::Block { .. } | Op::Loop { .. } | Op::MemoryGrow { .. } => Some(0),
        _ => None,
    }
}
