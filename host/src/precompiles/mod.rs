//! Precompiled contracts: Ethereum's functions at the addresses 1 to 9, by their specifications.
//!
//! Each is a pure function of its input. Owns what an input means, what it costs, and which inputs have no answer. The
//! arithmetic is that of well-kept crates in pure Rust. Knows nothing of frames, accounts, or of which address has which
//! function: that is a revision's to say.

mod blake2f;
mod bn254;
mod ecrecover;
mod modexp;
mod padded;

use crate::{HaltReason, crypto};
use alloy_primitives::Bytes;
use lockstep_gas::{Gas, GasMeter, Native};
use padded::Padded;

/// Answers a call of `native` with `input`: takes the price from `meter` and returns the output.
///
/// # Errors
///
/// A halt: [`HaltReason::OutOfGas`] if less than the price is left, [`HaltReason::InvalidPrecompileInput`] if the function
/// has no answer for the input. As in every halt, what is left in the meter is for the frame loop to take.
//= spec 12.2
pub fn answer(native: &Native, input: &[u8], meter: &mut GasMeter) -> Result<Bytes, HaltReason> {
    let price = price(native, input).ok_or(HaltReason::InvalidPrecompileInput)?;
    meter.charge(price).map_err(|_| HaltReason::OutOfGas)?;
    output(native, input).ok_or(HaltReason::InvalidPrecompileInput)
}

/// What a call costs; `None` for an input that is refused before its price is known.
fn price(native: &Native, input: &[u8]) -> Option<Gas> {
    let bytes = u64::try_from(input.len()).unwrap_or(u64::MAX);
    match native {
        Native::EcRecover { base } | Native::Bn254Add { base } | Native::Bn254Mul { base } => Some(Gas::new(*base)),
        Native::Sha256(price) | Native::Ripemd160(price) | Native::Identity(price) => Some(price.words(bytes)),
        Native::ModExp { price, length_bytes_max } => modexp::price(price, *length_bytes_max, input),
        //= spec 12.8
        Native::Bn254Pairing(price) => Some(price.units(bn254::pairs(bytes))),
        //= spec 12.7
        Native::Blake2f(price) => Some(price.units(u64::from(blake2f::rounds(input)?))),
    }
}

/// The answer; `None` for an input that has none.
fn output(native: &Native, input: &[u8]) -> Option<Bytes> {
    let padded = Padded::new(input);
    let bytes = match native {
        Native::EcRecover { .. } => ecrecover::ecrecover(padded).map_or_else(Vec::new, |address| address.to_vec()),
        Native::Sha256(_) => crypto::sha256(input).to_vec(),
        Native::Ripemd160(_) => [&[0; 12][..], &crypto::ripemd160(input)].concat(),
        Native::Identity(_) => input.to_vec(),
        Native::ModExp { .. } => modexp::modexp(input)?,
        Native::Bn254Add { .. } => bn254::add(padded)?.to_vec(),
        Native::Bn254Mul { .. } => bn254::mul(padded)?.to_vec(),
        Native::Bn254Pairing(_) => bn254::pairing(input)?.to_vec(),
        Native::Blake2f(_) => blake2f::blake2f(input)?.to_vec(),
    };
    Some(bytes.into())
}
