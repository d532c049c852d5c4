//! Wide arithmetic (proposal of that name): numbers of 128 bits as two i64, the lower half first.

use crate::value::{Executed, Operands, Value};
use lockstep_gas::Operator;

#[derive(Debug, Clone, Copy)]
pub(super) enum Wide {
    Add128,
    Sub128,
    MulWideS,
    MulWideU,
}

/// Which of them `operator` is.
pub(super) const fn of(operator: Operator) -> Option<Wide> {
    match operator {
        Operator::I64Add128 => Some(Wide::Add128),
        Operator::I64Sub128 => Some(Wide::Sub128),
        Operator::I64MulWideS => Some(Wide::MulWideS),
        Operator::I64MulWideU => Some(Wide::MulWideU),
        _ => None,
    }
}

pub(super) fn apply(wide: Wide, operands: &mut Operands) -> Executed<()> {
    let result = match wide {
        Wide::Add128 | Wide::Sub128 => {
            let (second, first) = (pop_128(operands)?, pop_128(operands)?);
            if matches!(wide, Wide::Add128) { first.wrapping_add(second) } else { first.wrapping_sub(second) }
        }
        Wide::MulWideU => {
            let (second, first) = (operands.pop_i64()?, operands.pop_i64()?);
            u128::from(first).wrapping_mul(u128::from(second))
        }
        Wide::MulWideS => {
            let (second, first) = (operands.pop_i64()?, operands.pop_i64()?);
            let signed = |half: u64| i128::from(half.cast_signed());
            signed(first).wrapping_mul(signed(second)).cast_unsigned()
        }
    };
    let [low, high] = halves(result);
    operands.push(Value::I64(low));
    operands.push(Value::I64(high));
    Ok(())
}

fn pop_128(operands: &mut Operands) -> Executed<u128> {
    let (high, low) = (operands.pop_i64()?, operands.pop_i64()?);
    Ok(u128::from(high).wrapping_shl(64) | u128::from(low))
}

fn halves(number: u128) -> [u64; 2] {
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
    [half(number), half(number.wrapping_shr(64))]
}
