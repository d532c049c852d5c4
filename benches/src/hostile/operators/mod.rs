//! Operators at their worst operands.
//!
//! The compiler demands an arm for each operator, and a test that each that `V1` has is executed by one of its programs.

mod control;
mod memory;
mod numeric;
mod tables;

use self::numeric::{F32, F64, I32, I64};
use super::{Recipe, program::Subject, shape::Shape};
use lockstep_gas::{Operator, Revision};

/// Programs of every operator that `V1` has.
pub(super) fn recipes() -> Vec<Recipe> {
    let priced = Operator::ALL.iter().filter(|&&operator| Revision::V1.schedule.operator(operator).is_some());
    let recipes = priced.flat_map(|&operator| {
        let shapes = shapes(operator);
        shapes.into_iter().map(move |shape| shape.of(Subject::Operator(operator)))
    });
    recipes.collect()
}

/// The worst that is known of `operator`.
#[expect(clippy::too_many_lines, reason = "one table, which the compiler holds to be complete")]
fn shapes(operator: Operator) -> Vec<Shape> {
    use Operator as O;
    let name = operator.name();
    match operator {
        O::Unreachable => control::unreachable(),
        O::Nop => control::nop(),
        O::Block => control::block(),
        O::Loop => control::loops(),
        O::If | O::Else => control::ifs(),
        O::End => control::end(),
        O::Br => control::branches(),
        O::BrIf => control::conditional_branches(),
        O::BrTable => control::branch_tables(),
        O::Return => control::returns(),
        O::Call => control::calls(),
        O::CallIndirect => control::indirect_calls(),
        O::ReturnCall => control::tail_calls(),
        O::ReturnCallIndirect => control::indirect_tail_calls(),
        O::Drop => control::drops(),
        O::Select | O::TypedSelect => control::selects(operator == O::TypedSelect),
        O::LocalGet | O::LocalSet | O::LocalTee => control::locals(name),
        O::GlobalGet | O::GlobalSet => control::globals(name),
        O::I32Load | O::I32Load8S | O::I32Load8U | O::I32Load16S | O::I32Load16U => memory::loads(name),
        O::I64Load | O::I64Load8S | O::I64Load8U | O::I64Load16S | O::I64Load16U => memory::loads(name),
        O::I64Load32S | O::I64Load32U | O::F32Load | O::F64Load => memory::loads(name),
        O::I32Store | O::I32Store8 | O::I32Store16 => memory::stores(name, "$i"),
        O::I64Store | O::I64Store8 | O::I64Store16 | O::I64Store32 => memory::stores(name, "$k"),
        O::F32Store => memory::stores(name, "$f"),
        O::F64Store => memory::stores(name, "$d"),
        O::MemorySize => memory::size(),
        O::MemoryGrow => memory::growths(),
        O::MemoryInit => memory::initialisations(),
        O::MemoryCopy => memory::copies(),
        O::MemoryFill => memory::fills(),
        O::DataDrop => memory::data_drop(),
        O::TableInit => tables::initialisations(),
        O::TableCopy => tables::copies(),
        O::TableFill => tables::fills(),
        O::TableGrow => tables::growths(),
        O::TableGet | O::TableSet | O::TableSize | O::ElemDrop => tables::accesses(name),
        O::RefNull | O::RefIsNull | O::RefFunc => tables::references(name),
        O::I32Const | O::I64Const | O::F32Const | O::F64Const => numeric::constants(name),
        O::I32Eqz | O::I32Clz | O::I32Ctz | O::I32Popcnt | O::I32Extend8S | O::I32Extend16S => {
            numeric::unary(name, I32)
        }
        O::I64Eqz | O::I64Clz | O::I64Ctz | O::I64Popcnt => numeric::unary(name, I64),
        O::I64Extend8S | O::I64Extend16S | O::I64Extend32S => numeric::unary(name, I64),
        O::I32Eq | O::I32Ne | O::I32LtS | O::I32LtU | O::I32GtS | O::I32GtU => numeric::binary(name, I32),
        O::I32LeS | O::I32LeU | O::I32GeS | O::I32GeU => numeric::binary(name, I32),
        O::I64Eq | O::I64Ne | O::I64LtS | O::I64LtU | O::I64GtS | O::I64GtU => numeric::binary(name, I64),
        O::I64LeS | O::I64LeU | O::I64GeS | O::I64GeU => numeric::binary(name, I64),
        O::I32Add | O::I32Sub | O::I32Mul | O::I32And | O::I32Or | O::I32Xor => numeric::binary(name, I32),
        O::I32Shl | O::I32ShrS | O::I32ShrU | O::I32Rotl | O::I32Rotr => numeric::binary(name, I32),
        O::I32DivS | O::I32DivU | O::I32RemS | O::I32RemU => numeric::binary(name, I32),
        O::I64Add | O::I64Sub | O::I64Mul | O::I64And | O::I64Or | O::I64Xor => numeric::binary(name, I64),
        O::I64Shl | O::I64ShrS | O::I64ShrU | O::I64Rotl | O::I64Rotr => numeric::binary(name, I64),
        O::I64DivS | O::I64DivU | O::I64RemS | O::I64RemU => numeric::binary(name, I64),
        O::F32Eq | O::F32Ne | O::F32Lt | O::F32Gt | O::F32Le | O::F32Ge => numeric::binary(name, F32),
        O::F32Add | O::F32Sub | O::F32Mul | O::F32Div | O::F32Min | O::F32Max => numeric::binary(name, F32),
        O::F64Eq | O::F64Ne | O::F64Lt | O::F64Gt | O::F64Le | O::F64Ge => numeric::binary(name, F64),
        O::F64Add | O::F64Sub | O::F64Mul | O::F64Div | O::F64Min | O::F64Max => numeric::binary(name, F64),
        O::F32Copysign => numeric::binary(name, F32),
        O::F64Copysign => numeric::binary(name, F64),
        O::F32Abs | O::F32Neg | O::F32Ceil | O::F32Floor | O::F32Trunc | O::F32Nearest => numeric::unary(name, F32),
        O::F64Abs | O::F64Neg | O::F64Ceil | O::F64Floor | O::F64Trunc | O::F64Nearest => numeric::unary(name, F64),
        O::F32Sqrt => numeric::unary(name, F32),
        O::F64Sqrt => numeric::unary(name, F64),
        O::I32WrapI64 | O::F32ConvertI64S | O::F32ConvertI64U => numeric::unary(name, I64),
        O::F64ConvertI64S | O::F64ConvertI64U | O::F64ReinterpretI64 => numeric::unary(name, I64),
        O::I64ExtendI32S | O::I64ExtendI32U | O::F32ConvertI32S | O::F32ConvertI32U => numeric::unary(name, I32),
        O::F64ConvertI32S | O::F64ConvertI32U | O::F32ReinterpretI32 => numeric::unary(name, I32),
        O::F64PromoteF32 | O::I32ReinterpretF32 => numeric::unary(name, F32),
        O::F32DemoteF64 | O::I64ReinterpretF64 => numeric::unary(name, F64),
        O::I32TruncSatF32S | O::I32TruncSatF32U | O::I64TruncSatF32S | O::I64TruncSatF32U => numeric::unary(name, F32),
        O::I32TruncSatF64S | O::I32TruncSatF64U | O::I64TruncSatF64S | O::I64TruncSatF64U => numeric::unary(name, F64),
        O::I32TruncF32S | O::I32TruncF32U | O::I64TruncF32S | O::I64TruncF32U => numeric::truncations(name, F32),
        O::I32TruncF64S | O::I32TruncF64U | O::I64TruncF64S | O::I64TruncF64U => numeric::truncations(name, F64),
        // No production revision has them.
        O::I64Add128 | O::I64Sub128 | O::I64MulWideS | O::I64MulWideU => Vec::new(),
    }
}
