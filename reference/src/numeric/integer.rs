//! Integer functions of the specification (section on integer operations), for N bits in a u64.

use crate::value::{Executed, Value, low};
use lockstep_host::HaltReason;

/// N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    W32,
    W64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Unary {
    Clz,
    Ctz,
    Popcnt,
    /// From so many bits.
    Extend(u32),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Binary {
    Add,
    Sub,
    Mul,
    DivS,
    DivU,
    RemS,
    RemU,
    And,
    Or,
    Xor,
    Shl,
    ShrS,
    ShrU,
    Rotl,
    Rotr,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Relation {
    Eq,
    Ne,
    LtS,
    LtU,
    GtS,
    GtU,
    LeS,
    LeU,
    GeS,
    GeU,
}

impl Width {
    pub(crate) const fn bits(self) -> u32 {
        match self {
            Self::W32 => 32,
            Self::W64 => 64,
        }
    }

    /// The value with the lower N bits of `bits`: arithmetic is modulo 2^N.
    pub(crate) const fn value(self, bits: u64) -> Value {
        match self {
            Self::W32 => Value::I32(low(bits)),
            Self::W64 => Value::I64(bits),
        }
    }

    /// `signed_N`
    pub(crate) const fn signed(self, bits: u64) -> i64 {
        extend(bits, self.bits())
    }

    /// The lower N bits.
    const fn masked(self, bits: u64) -> u64 {
        match self {
            Self::W32 => low(bits) as u64,
            Self::W64 => bits,
        }
    }
}

/// The lower `from` bits as a signed number; `from` is 8 to 64.
const fn extend(bits: u64, from: u32) -> i64 {
    let unused = 64_u32.saturating_sub(from);
    bits.wrapping_shl(unused).cast_signed().wrapping_shr(unused)
}

pub(super) const fn unary(width: Width, unary: Unary, a: u64) -> u64 {
    match unary {
        Unary::Clz => a.leading_zeros().saturating_sub(64_u32.saturating_sub(width.bits())) as u64,
        Unary::Ctz if a == 0 => width.bits() as u64,
        Unary::Ctz => a.trailing_zeros() as u64,
        Unary::Popcnt => a.count_ones() as u64,
        Unary::Extend(from) => extend(a, from).cast_unsigned(),
    }
}

/// What is above N bits of the result means nothing.
pub(super) fn binary(width: Width, binary: Binary, a: u64, b: u64) -> Executed<u64> {
    let (signed_a, signed_b) = (width.signed(a), width.signed(b));
    // The lower bits of b are b modulo N, which is a power of two.
    let distance = low(b) & width.bits().saturating_sub(1);
    Ok(match binary {
        Binary::Add => a.wrapping_add(b),
        Binary::Sub => a.wrapping_sub(b),
        Binary::Mul => a.wrapping_mul(b),
        Binary::DivS => {
            let smallest = width.signed(1_u64.wrapping_shl(width.bits().saturating_sub(1)));
            if signed_a == smallest && signed_b == -1 {
                return Err(HaltReason::IntegerOverflow.into());
            }
            signed_a.checked_div(signed_b).ok_or(HaltReason::IntegerDivisionByZero)?.cast_unsigned()
        }
        Binary::DivU => a.checked_div(b).ok_or(HaltReason::IntegerDivisionByZero)?,
        // The remainder of the smallest number by -1 is 0, without a trap.
        Binary::RemS if signed_b == -1 => 0,
        Binary::RemS => signed_a.checked_rem(signed_b).ok_or(HaltReason::IntegerDivisionByZero)?.cast_unsigned(),
        Binary::RemU => a.checked_rem(b).ok_or(HaltReason::IntegerDivisionByZero)?,
        Binary::And => a & b,
        Binary::Or => a | b,
        Binary::Xor => a ^ b,
        Binary::Shl => a.wrapping_shl(distance),
        Binary::ShrS => signed_a.wrapping_shr(distance).cast_unsigned(),
        Binary::ShrU => a.wrapping_shr(distance),
        Binary::Rotl => rotated(width, a, distance),
        Binary::Rotr => rotated(width, a, width.bits().saturating_sub(distance)),
    })
}

/// `a` rotated left by 0 to N bits.
const fn rotated(width: Width, a: u64, distance: u32) -> u64 {
    let back = width.bits().saturating_sub(distance);
    match (distance, back) {
        (0, _) | (_, 0) => a,
        _ => width.masked(a.wrapping_shl(distance)) | a.wrapping_shr(back),
    }
}

pub(super) const fn holds(width: Width, relation: Relation, a: u64, b: u64) -> bool {
    let (signed_a, signed_b) = (width.signed(a), width.signed(b));
    match relation {
        Relation::Eq => a == b,
        Relation::Ne => a != b,
        Relation::LtS => signed_a < signed_b,
        Relation::LtU => a < b,
        Relation::GtS => signed_a > signed_b,
        Relation::GtU => a > b,
        Relation::LeS => signed_a <= signed_b,
        Relation::LeU => a <= b,
        Relation::GeS => signed_a >= signed_b,
        Relation::GeU => a >= b,
    }
}
