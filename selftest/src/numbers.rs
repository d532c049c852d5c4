//! Numbers as bits: the types, the grids of special values, and constants of the text format with exactly those bits.

/// A number type of Wasm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberType {
    I32,
    I64,
    F32,
    F64,
}

use NumberType::{F32, F64, I32, I64};

/// Bits of f32: zeros, subnormals, powers of two where integers end, halves, infinities, quiet and signalling NaNs.
const F32_GRID: [u64; 30] = [
    0x0000_0000,
    0x8000_0000,
    0x0000_0001,
    0x8000_0001,
    0x007f_ffff,
    0x0080_0000,
    0x3eff_ffff,
    0x3f00_0000,
    0xbf00_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x3fc0_0000,
    0x4020_0000,
    0xc020_0000,
    0x4b00_0001,
    0x4eff_ffff,
    0x4f00_0000,
    0xcf00_0000,
    0x4f80_0000,
    0x5f00_0000,
    0xdf00_0000,
    0x5f80_0000,
    0x7f7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0xffc0_0000,
    0x7f80_0001,
    0xffa0_5a5a,
    0x7fff_ffff,
];

/// Bits of f64 of the same kinds, and the numbers beside the ends of i32 and f32.
const F64_GRID: [u64; 34] = [
    0x0000_0000_0000_0000,
    0x8000_0000_0000_0000,
    0x0000_0000_0000_0001,
    0x8000_0000_0000_0001,
    0x000f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x3690_0000_0000_0000,
    0x36a0_0000_0000_0001,
    0x3fdf_ffff_ffff_ffff,
    0x3fe0_0000_0000_0000,
    0xbfe0_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0xbff0_0000_0000_0000,
    0x3ff8_0000_0000_0000,
    0x4004_0000_0000_0000,
    0xc004_0000_0000_0000,
    0x41df_ffff_ffe0_0000,
    0x41e0_0000_0000_0000,
    0xc1e0_0000_0000_0000,
    0xc1e0_0000_0020_0000,
    0x41ef_ffff_ffff_ffff,
    0x4330_0000_0000_0001,
    0x43e0_0000_0000_0000,
    0xc3e0_0000_0000_0000,
    0x43f0_0000_0000_0000,
    0x47ef_ffff_f000_0000,
    0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0xfff8_0000_0000_0000,
    0x7ff0_0000_0000_0001,
    0xfff4_5a5a_a5a5_0001,
    0x7fff_ffff_ffff_ffff,
];

/// Integers around zero, the ends of 8, 16 and 32 bits, and where floats lose bits.
const I32_GRID: [u64; 16] = [
    0,
    1,
    2,
    7,
    31,
    32,
    0x7f,
    0x80,
    0x7fff,
    0x8000,
    0x0100_0001,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xdead_beef,
    0xffff_ffff,
];
const I64_GRID: [u64; 20] = [
    0,
    1,
    2,
    7,
    63,
    64,
    0x80,
    0x8000,
    0x0100_0001,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x0020_0000_0000_0001,
    0x7fff_ffff_ffff_fdff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0x8000_0000_0000_0401,
    0xdead_beef_0bad_cafe,
    0xffff_ffff_ffff_ffff,
];

impl NumberType {
    /// The type of that name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [I32, I64, F32, F64].into_iter().find(|number| number.name() == name)
    }

    /// The name in the text format.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            I32 => "i32",
            I64 => "i64",
            F32 => "f32",
            F64 => "f64",
        }
    }

    /// The special values, as bits.
    pub(crate) const fn grid(self) -> &'static [u64] {
        match self {
            I32 => &I32_GRID,
            I64 => &I64_GRID,
            F32 => &F32_GRID,
            F64 => &F64_GRID,
        }
    }

    /// The special values that are NaNs, as bits.
    pub(crate) fn nans(self) -> impl Iterator<Item = u64> {
        let infinity = match self {
            I32 | I64 => u64::MAX,
            F32 => 0x7f80_0000,
            F64 => 0x7ff0_0000_0000_0000,
        };
        let magnitude = if self == F32 { 0x7fff_ffff } else { 0x7fff_ffff_ffff_ffff };
        self.grid().iter().copied().filter(move |bits| bits & magnitude > infinity)
    }

    /// An expression whose value is the number whose bits `expression` has as an i64.
    pub(crate) fn of_bits(self, expression: &str) -> String {
        match self {
            I32 => format!("(i32.wrap_i64 {expression})"),
            I64 => expression.to_owned(),
            F32 => format!("(f32.reinterpret_i32 (i32.wrap_i64 {expression}))"),
            F64 => format!("(f64.reinterpret_i64 {expression})"),
        }
    }

    /// An expression whose value is the bits of the number that is the value of `expression`, as an i64.
    pub(crate) fn to_bits(self, expression: &str) -> String {
        match self {
            I32 => format!("(i64.extend_i32_u {expression})"),
            I64 => expression.to_owned(),
            F32 => format!("(i64.extend_i32_u (i32.reinterpret_f32 {expression}))"),
            F64 => format!("(i64.reinterpret_f64 {expression})"),
        }
    }

    /// The constant with these bits.
    pub(crate) fn constant(self, bits: u64) -> String {
        match self {
            I32 => format!("(i32.const 0x{bits:x})"),
            I64 => format!("(i64.const 0x{bits:x})"),
            F32 => format!("(f32.const {})", float(bits, 8, 23)),
            F64 => format!("(f64.const {})", float(bits, 11, 52)),
        }
    }
}

/// The text of a float of that many bits of exponent and mantissa.
fn float(bits: u64, exponent_bits: u32, mantissa_bits: u32) -> String {
    let part = |shift: u32, width: u32| bits.wrapping_shr(shift) & 1_u64.wrapping_shl(width).wrapping_sub(1);
    let (mantissa, exponent) = (part(0, mantissa_bits), part(mantissa_bits, exponent_bits));
    let sign = if part(mantissa_bits.wrapping_add(exponent_bits), 1) == 1 { "-" } else { "" };
    let highest = 1_u64.wrapping_shl(exponent_bits).wrapping_sub(1);
    let bias = highest.wrapping_shr(1).cast_signed();
    // Four bits a digit: the mantissa of an f32 has one bit less than six digits.
    let digits = mantissa_bits.wrapping_add(3).wrapping_shr(2);
    let fraction = mantissa.wrapping_shl(digits.wrapping_shl(2).wrapping_sub(mantissa_bits));
    let width = usize::try_from(digits).unwrap_or_default();
    match exponent {
        _ if exponent == highest && mantissa == 0 => format!("{sign}inf"),
        _ if exponent == highest => format!("{sign}nan:0x{mantissa:x}"),
        0 => format!("{sign}0x0.{fraction:0width$x}p{}", 1_i64.wrapping_sub(bias)),
        _ => format!("{sign}0x1.{fraction:0width$x}p{}", exponent.cast_signed().wrapping_sub(bias)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text format's own reader makes the same bits of a constant's text.
    #[test]
    fn constants_have_their_bits() {
        for number in [F32, F64] {
            for bits in number.grid() {
                let module = format!("(module (func {} drop))", number.constant(*bits));
                let wasm = wat::parse_str(&module).unwrap();
                let encoded = bits.to_le_bytes();
                let encoded = if number == F32 { &encoded[..4] } else { &encoded[..] };
                assert!(wasm.windows(encoded.len()).any(|window| window == encoded), "{module} is not {bits:x}");
            }
        }
        assert_eq!(F32.nans().count(), 5);
        assert_eq!(F64.nans().count(), 5);
    }
}
