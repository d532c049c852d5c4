//! `modexp`: a power modulo a number, of any length (EIP-198), at most that of the revision (EIP-7823).
//!
//! The input declares three lengths of 32 bytes each, then come base, exponent and modulus. A declared length need not be
//! there: zeros follow the input.

use super::padded::Padded;
use alloy_primitives::U256;
use lockstep_gas::{Gas, ModExpPrice, ModExpSize};

/// Bytes of the three lengths.
const HEAD_BYTES: usize = 96;

/// Bytes of the exponent that its price looks at.
const EXPONENT_HEAD_BYTES: usize = 32;

/// The lengths that an input declares, in bytes.
struct Lengths {
    base: usize,
    exponent: usize,
    modulus: usize,
}

/// The length at `start`; the largest there is if it is more than fits.
fn length(input: Padded<'_>, start: usize) -> u64 {
    U256::from_be_bytes(input.array::<32>(start)).saturating_to()
}

/// What an exponentiation costs; `None` if a length is above `length_bytes_max`. Without base and modulus there is nothing
/// to compute, and the exponent may be of any length as far as Ethereum is concerned.
pub(super) fn price(price: &ModExpPrice, length_bytes_max: u32, input: &[u8]) -> Option<Gas> {
    let input = Padded::new(input);
    let [base_bytes, exponent_bytes, modulus_bytes] = [0, 32, 64].map(|start| length(input, start));
    let is_empty = base_bytes == 0 && modulus_bytes == 0;
    let is_within = |bytes: u64| bytes <= u64::from(length_bytes_max);
    let bounded = match price {
        //= spec 12.9
        ModExpPrice::Eip198 if is_empty => &[][..],
        ModExpPrice::Eip198 | ModExpPrice::Measured { .. } => &[base_bytes, exponent_bytes, modulus_bytes],
    };
    //= spec 12.7
    if !bounded.iter().copied().all(is_within) {
        return None;
    }
    // Within the limit a base ends within `usize`; without a limit it is empty.
    let start = HEAD_BYTES.saturating_add(usize::try_from(base_bytes).unwrap_or(usize::MAX));
    let head: [u8; EXPONENT_HEAD_BYTES] = input.array(start);
    let head_bytes = usize::try_from(exponent_bytes).unwrap_or(usize::MAX).min(EXPONENT_HEAD_BYTES);
    let head = U256::try_from_be_slice(head.get(..head_bytes).unwrap_or_default()).unwrap_or_default();
    let head_bits = u64::try_from(head.bit_len()).unwrap_or(u64::MAX);
    Some(price.of(&ModExpSize { base_bytes, exponent_bytes, modulus_bytes, head_bits }))
}

/// The power, as long as the modulus: zeros if that is zero. The lengths of `input` are those that a price was paid for.
pub(super) fn modexp(input: &[u8]) -> Option<Vec<u8>> {
    let input = Padded::new(input);
    let lengths = lengths(input)?;
    if lengths.modulus == 0 {
        return Some(Vec::new());
    }
    let exponent_start = HEAD_BYTES.checked_add(lengths.base)?;
    let modulus_start = exponent_start.checked_add(lengths.exponent)?;
    let base = input.bytes(HEAD_BYTES, lengths.base);
    let exponent = input.bytes(exponent_start, lengths.exponent);
    let modulus = input.bytes(modulus_start, lengths.modulus);
    let power = aurora_engine_modexp::modexp(&base, &exponent, &modulus);
    Some(left_padded(&power, lengths.modulus))
}

fn lengths(input: Padded<'_>) -> Option<Lengths> {
    let [base, modulus] = [0, 64].map(|start| usize::try_from(length(input, start)));
    let (base, modulus) = (base.ok()?, modulus.ok()?);
    // Where neither is there the exponent is not looked at, however long it is said to be.
    let exponent = if base == 0 && modulus == 0 { 0 } else { usize::try_from(length(input, 32)).ok()? };
    Some(Lengths { base, exponent, modulus })
}

/// `number` with as many zeros before it as make `length` bytes. It is below a number of that length, so what does not fit is
/// zeros.
fn left_padded(number: &[u8], length: usize) -> Vec<u8> {
    let excess = number.len().saturating_sub(length);
    let number = number.get(excess..).unwrap_or_default();
    let mut padded = vec![0; length.saturating_sub(number.len())];
    padded.extend_from_slice(number);
    padded
}
