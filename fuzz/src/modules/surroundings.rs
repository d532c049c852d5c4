//! What the bodies of a shaped module can refer to, and the numbers in them.

use crate::input::Input;
use wasm_encoder::ValType;

/// What bodies can refer to.
pub(crate) struct Surroundings {
    /// Parameters and result of each function, imports first.
    pub(crate) functions: Vec<(Vec<ValType>, ValType)>,
    /// How many of them are imports: `getGasLeft` of the host.
    pub(crate) imports: u32,
    /// Types of globals, and whether they are mutable.
    pub(crate) globals: Vec<(ValType, bool)>,
    /// Types of blocks that leave what they take: the index, and the values.
    pub(crate) block_types: [(u32, &'static [ValType]); 2],
}

/// Integers as they occur in code that folds.
pub(crate) fn number(input: &mut Input<'_>) -> i64 {
    match input.below(12) {
        0..=3 => 0,
        4 | 5 => 1,
        6 => -1,
        7 => i64::from(input.byte()),
        8 => input.choose(&[65_532, 65_535, 65_536, 131_071, 131_072, 1 << 31, (1 << 32) - 1]),
        9 => input.choose(&[i64::MIN, i64::MAX, i64::from(i32::MIN), i64::from(i32::MAX)]),
        10 => i64::from(input.u32()),
        _ => input.u64().cast_signed(),
    }
}

/// `number` as an i32.
pub(crate) fn narrow(number: i64) -> i32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// The bits of an f32: zeros, infinities and NaNs of both kinds among them.
pub(crate) fn bits_of_f32(input: &mut Input<'_>) -> f32 {
    let bits = match input.below(3) {
        0 => input.u32(),
        _ => input.choose(&[0, 1 << 31, 0x3f80_0000, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0x7fa0_0001, 0xffc0_1234]),
    };
    f32::from_bits(bits)
}

/// The same of an f64.
pub(crate) fn bits_of_f64(input: &mut Input<'_>) -> f64 {
    let bits = match input.below(3) {
        0 => input.u64(),
        _ => input.choose(&[0, 1 << 63, 0x3ff0 << 48, 0x7ff0 << 48, 0xfff0 << 48, 0x7ff8 << 48, (0x7ff4 << 48) | 1]),
    };
    f64::from_bits(bits)
}
