//! Float functions of the specification (section on floating-point operations), computed on integers alone.
//!
//! Rounding, sums, products and conversions are those of `rustc_apfloat`, the software floats of the Rust compiler;
//! the square root, which it does not have, is here. No float of the host is ever made. Where the specification lets an
//! implementation choose among NaNs, it is the canonical one: positive, and of the payload only the topmost bit
//! (`docs/spec.md`). What only moves or changes the sign of bits keeps them.

use super::integer::Width;
use crate::value::{Executed, Value, low};
use lockstep_host::HaltReason;
use rustc_apfloat::{Float as Software, FloatConvert, Round, Status, StatusAnd, ieee};

/// Which of the two formats of IEEE 754.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Float {
    Single,
    Double,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Unary {
    Abs,
    Neg,
    Ceil,
    Floor,
    Trunc,
    Nearest,
    Sqrt,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Copysign,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Compared {
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
}

/// What becomes of a number that the integer type does not have.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rounding {
    /// A trap: `trunc`.
    Trapping,
    /// The nearest number that it has, 0 for NaN: `trunc_sat`.
    Saturating,
}

impl Float {
    pub(super) const fn value(self, bits: u64) -> Value {
        match self {
            Self::Single => Value::F32(low(bits)),
            Self::Double => Value::F64(bits),
        }
    }

    const fn sign_bit(self) -> u64 {
        match self {
            Self::Single => 1 << 31,
            Self::Double => 1 << 63,
        }
    }

    const fn canonical_nan(self) -> u64 {
        match self {
            Self::Single => 0x7fc0_0000,
            Self::Double => 0x7ff8_0000_0000_0000,
        }
    }

    /// Bits of the fraction, without the hidden one.
    const fn fraction_bits(self) -> u32 {
        match self {
            Self::Single => 23,
            Self::Double => 52,
        }
    }
}

pub(super) fn unary(float: Float, unary: Unary, a: u64) -> u64 {
    let rounded = |round| match float {
        Float::Single => bits(ieee::Single::from_bits(a.into()).round_to_integral(round), float),
        Float::Double => bits(ieee::Double::from_bits(a.into()).round_to_integral(round), float),
    };
    match unary {
        Unary::Abs => a & !float.sign_bit(),
        Unary::Neg => a ^ float.sign_bit(),
        Unary::Ceil => rounded(Round::TowardPositive),
        Unary::Floor => rounded(Round::TowardNegative),
        Unary::Trunc => rounded(Round::TowardZero),
        Unary::Nearest => rounded(Round::NearestTiesToEven),
        Unary::Sqrt => square_root(float, a),
    }
}

pub(super) fn binary(float: Float, operation: Binary, a: u64, b: u64) -> u64 {
    if matches!(operation, Binary::Copysign) {
        return (a & !float.sign_bit()) | (b & float.sign_bit());
    }
    match float {
        Float::Single => {
            binary_of(float, operation, ieee::Single::from_bits(a.into()), ieee::Single::from_bits(b.into()))
        }
        Float::Double => {
            binary_of(float, operation, ieee::Double::from_bits(a.into()), ieee::Double::from_bits(b.into()))
        }
    }
}

fn binary_of<F: Software>(float: Float, operation: Binary, a: F, b: F) -> u64 {
    let round = Round::NearestTiesToEven;
    let exact = |value| StatusAnd { status: Status::OK, value };
    let result = match operation {
        Binary::Add => a.add_r(b, round),
        Binary::Sub => a.sub_r(b, round),
        Binary::Mul => a.mul_r(b, round),
        Binary::Div => a.div_r(b, round),
        Binary::Min | Binary::Copysign => exact(least(a, b)),
        Binary::Max => exact(greatest(a, b)),
    };
    bits(result, float)
}

/// `fmin`: a NaN if there is one, and -0 is below 0.
fn least<F: Software>(a: F, b: F) -> F {
    if a.is_nan() || (!b.is_nan() && (a < b || (a.is_zero() && b.is_zero() && a.is_negative()))) { a } else { b }
}

/// `fmax`: a NaN if there is one, and 0 is above -0.
fn greatest<F: Software>(a: F, b: F) -> F {
    if a.is_nan() || (!b.is_nan() && (a > b || (a.is_zero() && b.is_zero() && b.is_negative()))) { a } else { b }
}

pub(super) fn holds(float: Float, compared: Compared, a: u64, b: u64) -> bool {
    let order = match float {
        Float::Single => ieee::Single::from_bits(a.into()).partial_cmp(&ieee::Single::from_bits(b.into())),
        Float::Double => ieee::Double::from_bits(a.into()).partial_cmp(&ieee::Double::from_bits(b.into())),
    };
    // A NaN has no order; nothing but `ne` holds of it.
    match compared {
        Compared::Eq => order.is_some_and(core::cmp::Ordering::is_eq),
        Compared::Ne => !order.is_some_and(core::cmp::Ordering::is_eq),
        Compared::Lt => order.is_some_and(core::cmp::Ordering::is_lt),
        Compared::Gt => order.is_some_and(core::cmp::Ordering::is_gt),
        Compared::Le => order.is_some_and(core::cmp::Ordering::is_le),
        Compared::Ge => order.is_some_and(core::cmp::Ordering::is_ge),
    }
}

/// `trunc` and `trunc_sat`. What is above N bits of the result means nothing.
pub(super) fn truncate(from: Float, to: Width, signed: bool, rounding: Rounding, a: u64) -> Executed<u64> {
    match from {
        Float::Single => truncate_of(ieee::Single::from_bits(a.into()), to, signed, rounding),
        Float::Double => truncate_of(ieee::Double::from_bits(a.into()), to, signed, rounding),
    }
}

fn truncate_of<F: Software>(a: F, to: Width, signed: bool, rounding: Rounding) -> Executed<u64> {
    let width = usize::try_from(to.bits()).unwrap_or_default();
    let mut is_exact = false;
    // Out of range, the software float returns the nearest number in range, and 0 for a NaN.
    let (status, number) = if signed {
        let result = a.to_i128_r(width, Round::TowardZero, &mut is_exact);
        (result.status, low_64(result.value.cast_unsigned()))
    } else {
        let result = a.to_u128_r(width, Round::TowardZero, &mut is_exact);
        (result.status, low_64(result.value))
    };
    match rounding {
        Rounding::Saturating => Ok(number),
        Rounding::Trapping if a.is_nan() => Err(HaltReason::InvalidConversionToInteger.into()),
        Rounding::Trapping if status.contains(Status::INVALID_OP) => Err(HaltReason::IntegerOverflow.into()),
        Rounding::Trapping => Ok(number),
    }
}

fn low_64(number: u128) -> u64 {
    u64::try_from(number & u128::from(u64::MAX)).unwrap_or_default()
}

pub(super) fn convert(from: Width, to: Float, signed: bool, a: u64) -> u64 {
    let round = Round::NearestTiesToEven;
    let number = i128::from(from.signed(a));
    match (to, signed) {
        (Float::Single, true) => bits(ieee::Single::from_i128_r(number, round), to),
        (Float::Single, false) => bits(ieee::Single::from_u128_r(a.into(), round), to),
        (Float::Double, true) => bits(ieee::Double::from_i128_r(number, round), to),
        (Float::Double, false) => bits(ieee::Double::from_u128_r(a.into(), round), to),
    }
}

pub(super) fn demote(a: u64) -> u32 {
    let result: StatusAnd<ieee::Single> =
        ieee::Double::from_bits(a.into()).convert_r(Round::NearestTiesToEven, &mut false);
    low(bits(result, Float::Single))
}

pub(super) fn promote(a: u32) -> u64 {
    let result: StatusAnd<ieee::Double> =
        ieee::Single::from_bits(a.into()).convert_r(Round::NearestTiesToEven, &mut false);
    bits(result, Float::Double)
}

/// The bits of a result, those of the canonical NaN for any NaN.
fn bits<F: Software>(result: StatusAnd<F>, float: Float) -> u64 {
    if result.value.is_nan() { float.canonical_nan() } else { low_64(result.value.to_bits()) }
}

/// The correctly rounded square root, ties to even.
///
/// A positive finite number is m times 2^e. With e even and m scaled so that its integer square root has one bit more than
/// the fraction can hold, that root and whether it is exact decide the rounding. The root of a number in range is
/// always in the normal range, so there is nothing to round but the fraction.
fn square_root(float: Float, a: u64) -> u64 {
    let fraction_bits = float.fraction_bits();
    let fraction_mask = 1_u64.wrapping_shl(fraction_bits).saturating_sub(1);
    let exponent_max = (float.sign_bit() >> fraction_bits).saturating_sub(1);
    let (is_negative, biased, fraction) =
        (a & float.sign_bit() != 0, (a >> fraction_bits) & exponent_max, a & fraction_mask);
    match (is_negative, biased, fraction) {
        (_, 0, 0) => return a,
        (false, biased, 0) if biased == exponent_max => return a,
        (true, ..) => return float.canonical_nan(),
        (_, biased, _) if biased == exponent_max => return float.canonical_nan(),
        _ => {}
    }
    let bias = i64::try_from(exponent_max >> 1).unwrap_or_default();
    let significand = if biased == 0 { fraction } else { fraction | 1_u64.wrapping_shl(fraction_bits) };
    // The number is significand * 2^exponent.
    let exponent =
        i64::try_from(biased.max(1)).unwrap_or_default().saturating_sub(bias).saturating_sub(i64::from(fraction_bits));
    // Scaled to 2 * (fraction_bits + 2) bits or one less, and to an even exponent.
    let wanted = fraction_bits.saturating_add(2).saturating_mul(2);
    let length = 64_u32.saturating_sub(significand.leading_zeros());
    let mut shift = wanted.saturating_sub(length);
    if exponent.saturating_sub(i64::from(shift)) % 2 != 0 {
        shift = shift.saturating_sub(1);
    }
    let scaled = u128::from(significand).wrapping_shl(shift);
    let root = scaled.isqrt();
    let is_exact = root.saturating_mul(root) == scaled;
    // The root has fraction_bits + 2 bits: the fraction, the hidden bit, and one below the last place.
    let (half, kept) = (root & 1 == 1, low_64(root >> 1));
    let round_up = half && (!is_exact || kept & 1 == 1);
    let kept = kept.saturating_add(u64::from(round_up));
    let exponent = exponent.saturating_sub(i64::from(shift)).wrapping_shr(1).saturating_add(1);
    let biased = exponent.saturating_add(bias).saturating_add(i64::from(fraction_bits));
    // Rounding up to the next power of two carries into the exponent by itself.
    let biased = u64::try_from(biased).unwrap_or_default();
    biased.saturating_sub(1).wrapping_shl(fraction_bits).saturating_add(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers whose roots are near every kind of edge.
    fn samples() -> impl Iterator<Item = u64> {
        let special = [0, 1, 2, 3, 0x007f_ffff, 0x0080_0000, 0x3f80_0000, 0x3f7f_ffff, 0x7f7f_ffff, 0x7f80_0000];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let random = core::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        });
        special.into_iter().chain(random.take(20_000))
    }

    /// The host's own square root is correctly rounded by IEEE 754: an oracle for finite numbers.
    #[test]
    fn roots_are_correctly_rounded() {
        for bits in samples() {
            let single = f32::from_bits(low(bits) & 0x7fff_ffff);
            if !single.is_nan() {
                assert_eq!(
                    square_root(Float::Single, single.to_bits().into()),
                    u64::from(single.sqrt().to_bits()),
                    "{single:e}"
                );
            }
            let double = f64::from_bits(bits & !(1 << 63));
            if !double.is_nan() {
                assert_eq!(square_root(Float::Double, double.to_bits()), double.sqrt().to_bits(), "{double:e}");
            }
        }
    }
}
