//! Operators by the type of their result.

use crate::input::Input;
use wasm_encoder::{
    Instruction::{self as I, *},
    ValType,
};

/// An operator and what it takes.
pub(super) struct Operation {
    pub(super) operands: &'static [ValType],
    pub(super) instruction: I<'static>,
}

impl Operation {
    /// Whether it traps for some operands.
    pub(super) const fn can_trap(&self) -> bool {
        matches!(self.instruction, I32DivS | I32DivU | I32RemS | I32RemU | I64DivS | I64DivU | I64RemS | I64RemU)
            || matches!(
                self.instruction,
                I32TruncF32S | I32TruncF32U | I32TruncF64S | I32TruncF64U | I64TruncF32S | I64TruncF64S | I64TruncF64U
            )
    }
}

const T32: ValType = ValType::I32;
const T64: ValType = ValType::I64;
const S: ValType = ValType::F32;
const D: ValType = ValType::F64;

/// An operator that leaves a value of type `value`.
pub(super) fn choose(input: &mut Input<'_>, value: ValType) -> Operation {
    let groups: &[(&'static [ValType], &[I<'static>])] = match value {
        ValType::I32 => TO_I32,
        ValType::F32 => TO_F32,
        ValType::F64 => TO_F64,
        _ => TO_I64,
    };
    let (operands, instructions) = input.choose(groups);
    Operation { operands, instruction: input.choose(instructions) }
}

const TO_I32: &[(&[ValType], &[I<'static>])] = &[
    (
        &[T32, T32],
        &[
            I32Add, I32Sub, I32Mul, I32DivS, I32DivU, I32RemS, I32RemU, I32And, I32Or, I32Xor, I32Shl, I32ShrS,
            I32ShrU, I32Rotl, I32Rotr, I32Eq, I32Ne, I32LtS, I32LtU, I32GtS, I32GtU, I32LeS, I32LeU, I32GeS, I32GeU,
        ],
    ),
    (&[T32, T32], &[I32DivS, I32DivU, I32RemS, I32RemU, I32Eq, I32Ne, I32And]),
    (&[T32], &[I32Eqz, I32Clz, I32Ctz, I32Popcnt, I32Extend8S, I32Extend16S, MemoryGrow(0), I32Eqz, I32Eqz]),
    (&[], &[MemorySize(0)]),
    (&[T64, T64], &[I64Eq, I64Ne, I64LtS, I64LtU, I64GtS, I64GtU, I64LeS, I64LeU, I64GeS, I64GeU]),
    (&[T64], &[I64Eqz, I32WrapI64]),
    (&[S, S], &[F32Eq, F32Ne, F32Lt, F32Gt, F32Le, F32Ge]),
    (&[D, D], &[F64Eq, F64Ne, F64Lt, F64Gt, F64Le, F64Ge]),
    (&[S], &[I32TruncF32S, I32TruncF32U, I32TruncSatF32S, I32TruncSatF32U, I32ReinterpretF32]),
    (&[D], &[I32TruncF64S, I32TruncF64U, I32TruncSatF64S, I32TruncSatF64U]),
];

const TO_I64: &[(&[ValType], &[I<'static>])] = &[
    (
        &[T64, T64],
        &[
            I64Add, I64Sub, I64Mul, I64DivS, I64DivU, I64RemS, I64RemU, I64And, I64Or, I64Xor, I64Shl, I64ShrS,
            I64ShrU, I64Rotl, I64Rotr,
        ],
    ),
    (&[T64], &[I64Clz, I64Ctz, I64Popcnt, I64Extend8S, I64Extend16S, I64Extend32S]),
    (&[T32], &[I64ExtendI32S, I64ExtendI32U]),
    (&[S], &[I64TruncF32S, I64TruncSatF32U]),
    (&[D], &[I64TruncF64S, I64TruncF64U, I64TruncSatF64S, I64TruncSatF64U, I64ReinterpretF64]),
];

const TO_F32: &[(&[ValType], &[I<'static>])] = &[
    (&[S, S], &[F32Add, F32Sub, F32Mul, F32Div, F32Min, F32Max, F32Copysign]),
    (&[S], &[F32Abs, F32Neg, F32Ceil, F32Floor, F32Trunc, F32Nearest, F32Sqrt]),
    (&[T32], &[F32ConvertI32S, F32ConvertI32U, F32ReinterpretI32]),
    (&[T64], &[F32ConvertI64S, F32ConvertI64U]),
    (&[D], &[F32DemoteF64]),
];

const TO_F64: &[(&[ValType], &[I<'static>])] = &[
    (&[D, D], &[F64Add, F64Sub, F64Mul, F64Div, F64Min, F64Max, F64Copysign]),
    (&[D], &[F64Abs, F64Neg, F64Ceil, F64Floor, F64Trunc, F64Nearest, F64Sqrt]),
    (&[T32], &[F64ConvertI32S, F64ConvertI32U]),
    (&[T64], &[F64ConvertI64S, F64ConvertI64U, F64ReinterpretI64]),
    (&[S], &[F64PromoteF32]),
];
