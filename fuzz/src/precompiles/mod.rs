//! Precompiled contracts against second implementations: num-bigint for powers, substrate-bn for points and pairings, the
//! letter of RFC 7693 for compressions, and numbers of any size for the gas of EIP-198.
//!
//! Inputs are near what each contract takes: lengths and points that are right, or wrong by little.

mod oracle;

use crate::input::Input;
use lockstep_gas::{Gas, GasMeter, Native, Precompile, Revision};
use lockstep_host::{Bytes, HaltReason, precompiles};

/// A contract to be held to the oracles.
pub type Answer = fn(&Native, &[u8], &mut GasMeter) -> Result<Bytes, HaltReason>;

/// Enough for all that ends soon. Lengths and exponents of a megabyte are out of gas.
const PLENTY: Gas = Gas::new(200_000_000);

/// Rounds that are executed.
const ROUNDS_MAX: u32 = 1_000;

/// What precompiled contracts are held to.
///
/// # Panics
///
/// See the module.
pub fn precompiles(bytes: &[u8]) {
    against(bytes, precompiles::answer);
}

/// The same for an implementation that need not be the machine's.
///
/// # Panics
///
/// See the module.
pub fn against(bytes: &[u8], answer: Answer) {
    let mut input = Input::new(bytes);
    let revision = if input.once_in(4) { Revision::EWASM_BYZANTIUM } else { Revision::V1 };
    let native = input.choose(&natives(&revision));
    let data = data_for(&native, &mut input);
    let mut meter = GasMeter::new(PLENTY);
    let result = answer(&native, &data, &mut meter);
    let used = PLENTY.less(meter.left());
    if let Native::ModExp { length_bytes_max, .. } = native
        && let Some(gas) = oracle::modexp_gas(&native, &data)
    {
        let expected = if gas > PLENTY { Gas::ZERO } else { gas };
        assert_eq!(used, expected, "gas of EIP-198, lengths up to {length_bytes_max}");
    }
    if result != Err(HaltReason::OutOfGas) {
        let output = result.as_ref().ok().map(|output| output.to_vec());
        if let Some(expected) = oracle::answer(&native, &data) {
            assert_eq!(output, expected, "{}", native.name());
        }
    }
    check_gas(&native, &data, answer, &result, used);
}

/// The functions that a revision offers.
fn natives(revision: &Revision) -> Vec<Native> {
    let native = |(_, precompile): &(_, Precompile)| match precompile {
        Precompile::Native(native) => Some(*native),
        Precompile::Module { .. } => None,
    };
    revision.precompiles.iter().filter_map(native).collect()
}

/// With exactly its gas a call has the same result, with one less it is out of gas, and takes nothing.
fn check_gas(native: &Native, data: &[u8], answer: Answer, result: &Result<Bytes, HaltReason>, used: Gas) {
    if used == Gas::ZERO {
        return;
    }
    let mut meter = GasMeter::new(used);
    assert_eq!(&answer(native, data, &mut meter), result, "{}: with exactly its gas", native.name());
    assert_eq!(meter.left(), Gas::ZERO, "{}: the same price", native.name());
    let short = used.less(Gas::new(1));
    let mut meter = GasMeter::new(short);
    assert_eq!(answer(native, data, &mut meter), Err(HaltReason::OutOfGas), "{}: with one less", native.name());
    assert_eq!(meter.left(), short, "{}: what cannot be paid takes nothing", native.name());
}

/// An input for `native`.
fn data_for(native: &Native, input: &mut Input<'_>) -> Vec<u8> {
    let mut data = match native {
        Native::ModExp { .. } => power(input),
        Native::Bn254Add { .. } => [oracle::point(input.u64()), oracle::point(input.u64())].concat(),
        Native::Bn254Mul { .. } => [oracle::point(input.u64()), scalar(input)].concat(),
        Native::Bn254Pairing(_) => pairs(input),
        Native::Blake2f(_) => {
            let rounds = input.below(ROUNDS_MAX);
            let words: [u8; 208] = input.array();
            [&rounds.to_be_bytes()[..], &words, &[input.byte() & 1]].concat()
        }
        Native::EcRecover { .. } | Native::Sha256(_) | Native::Ripemd160(_) | Native::Identity(_) => {
            input.bytes(200).to_vec()
        }
    };
    // A byte that is another, a length that is another.
    if input.once_in(4) && !data.is_empty() {
        let place = input.index(data.len());
        data[place] ^= input.byte();
    }
    match input.below(12) {
        10 => data.truncate(input.index(data.len() + 1)),
        11 => data.extend_from_slice(input.bytes(200)),
        _ => {}
    }
    data
}

fn scalar(input: &mut Input<'_>) -> Vec<u8> {
    match input.below(4) {
        0 => oracle::order_plus(input.byte()),
        1 => vec![0xff; 32],
        _ => input.array::<32>().to_vec(),
    }
}

/// Numbers of up to 80 bytes, zeros before and behind them, and lengths that are not there.
fn power(input: &mut Input<'_>) -> Vec<u8> {
    let mut number = |most: usize| {
        let mut number = vec![0; input.index(9)];
        number.extend_from_slice(input.bytes(most));
        // Powers of two divide in many ways.
        let zeros = if input.once_in(2) { input.index(number.len() + 1) } else { 0 };
        for byte in number.iter_mut().rev().take(zeros) {
            *byte = 0;
        }
        number
    };
    let [base, exponent, modulus] = [number(72), number(24), number(72)];
    let mut lengths = [base.len(), exponent.len(), modulus.len()].map(|length| length as u64);
    if input.once_in(8) {
        let odd = [0, 1, 32, 33, 1_023, 1_024, 1_025, 1 << 20, (1 << 20) + 1, 1 << 32, u64::MAX];
        lengths[input.index(3)] = input.choose(&odd);
    }
    let mut data: Vec<u8> =
        lengths.iter().flat_map(|length| [[0; 24].as_slice(), &length.to_be_bytes()].concat()).collect();
    data.extend([base, exponent, modulus].concat());
    data
}

/// Pairs whose product is 1 or not: `a` times `b`, and its opposite in one pair or in several.
fn pairs(input: &mut Input<'_>) -> Vec<u8> {
    let mut data = Vec::new();
    for _ in 0..input.below(2) {
        let (left, right) = (u64::from(input.byte()), u64::from(input.byte() % 8));
        data.extend([oracle::point(left), oracle::twisted(right)].concat());
        if input.once_in(2) {
            data.extend([oracle::opposite(left * right), oracle::twisted(1)].concat());
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner;
    use std::collections::BTreeMap;

    #[test]
    fn smoke() {
        runner::smoke("precompiles", precompiles);
    }

    /// Inputs that are all refused would show nothing.
    #[test]
    fn every_contract_answers_and_refuses() {
        let mut met: BTreeMap<(&str, bool), u32> = BTreeMap::new();
        for case in 0..runner::SMOKE_CASES {
            let bytes = runner::input(runner::SMOKE_SEED, case);
            let mut input = Input::new(&bytes);
            let revision = if input.once_in(4) { Revision::EWASM_BYZANTIUM } else { Revision::V1 };
            let native = input.choose(&natives(&revision));
            let data = data_for(&native, &mut input);
            let answered = precompiles::answer(&native, &data, &mut GasMeter::new(PLENTY)).is_ok();
            *met.entry((native.name(), answered)).or_default() += 1;
        }
        println!("{met:?}");
        for native in natives(&Revision::V1) {
            assert!(met[&(native.name(), true)] >= 20, "{} answers", native.name());
        }
        for name in ["modexp", "bn254_add", "bn254_mul", "bn254_pairing", "blake2f"] {
            assert!(met[&(name, false)] >= 5, "{name} refuses");
        }
    }
}
