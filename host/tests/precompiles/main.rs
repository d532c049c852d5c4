//! Precompiled contracts against vectors of an implementation in Python (`vectors.py`), and what their specifications say
//! of gas.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use lockstep_gas::{Gas, GasMeter, Native, Precompile, Revision};
use lockstep_host::{Bytes, HaltReason, precompiles};
use std::collections::BTreeSet;

const VECTORS: &str = include_str!("vectors.txt");

/// More gas than any input here costs.
const PLENTY: Gas = Gas::new(1 << 60);

/// The functions of a revision, in the order of their addresses.
fn natives(revision: &Revision) -> Vec<Native> {
    let native = |(_, precompile): &(_, Precompile)| match precompile {
        Precompile::Native(native) => Some(*native),
        Precompile::Module { .. } => None,
    };
    revision.precompiles.iter().filter_map(native).collect()
}

fn native(revision: &Revision, name: &str) -> Option<Native> {
    natives(revision).into_iter().find(|native| native.name() == name)
}

/// What comes of a call with `gas`, and what it uses.
fn called(native: &Native, input: &[u8], gas: Gas) -> (Result<Bytes, HaltReason>, Gas) {
    let mut meter = GasMeter::new(gas);
    let result = precompiles::answer(native, input, &mut meter);
    (result, gas.less(meter.left()))
}

fn of_hex(text: &str) -> Vec<u8> {
    let digits = if text == "-" { "" } else { text };
    alloy_primitives::hex::decode(digits).unwrap()
}

struct Vector {
    contract: &'static str,
    case: &'static str,
    input: Vec<u8>,
    /// `None` where there is no answer.
    output: Option<Vec<u8>>,
}

fn vectors() -> impl Iterator<Item = Vector> {
    VECTORS.lines().map(|line| {
        let [contract, case, input, output] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let output = (output != "fails").then(|| of_hex(output));
        Vector { contract, case, input: of_hex(input), output }
    })
}

//= spec 12.2 test
#[test]
fn every_vector_under_v1() {
    let mut contracts = BTreeSet::new();
    for Vector { contract, case, input, output } in vectors() {
        contracts.insert(contract);
        let native = native(&Revision::V1, contract).unwrap();
        let (result, gas) = called(&native, &input, PLENTY);
        assert_eq!(result.map(|output| output.to_vec()).ok(), output, "{contract} {case}");
        check_gas(&native, &input, gas, &format!("{contract} {case}"));
    }
    assert_eq!(contracts.len(), natives(&Revision::V1).len(), "a contract has no vectors");
}

/// With exactly its gas a call does the same, with one less it is out of gas, unless its input is refused before that.
fn check_gas(native: &Native, input: &[u8], gas: Gas, what: &str) {
    let (with_plenty, _) = called(native, input, PLENTY);
    assert_eq!(called(native, input, gas), (with_plenty.clone(), gas), "{what}: with its gas");
    if gas > Gas::ZERO {
        let (short, used) = called(native, input, gas.less(Gas::new(1)));
        assert_eq!((short, used), (Err(HaltReason::OutOfGas), Gas::ZERO), "{what}: with one less");
    } else {
        assert_eq!(with_plenty, Err(HaltReason::InvalidPrecompileInput), "{what}: what costs nothing fails");
    }
}

/// The functions are the same under Byzantium but for the length of exponentiations, and the addresses end at 8.
#[test]
fn every_vector_under_byzantium() {
    let byzantium = Revision::EWASM_BYZANTIUM;
    assert_eq!(natives(&byzantium).len(), 8);
    for Vector { contract, case, input, output } in vectors() {
        let Some(native) = native(&byzantium, contract) else { continue };
        let (result, _) = called(&native, &input, PLENTY);
        let output = match case {
            "lengths-alone,-base-and-modulus-none" => Some(Vec::new()),
            "a-base-too-long" | "an-exponent-too-long" => Some(vec![0]),
            "a-modulus-too-long" => Some(vec![0; 1_025]),
            _ => output,
        };
        assert_eq!(result.map(|output| output.to_vec()).ok(), output, "{contract} {case}");
    }
}

/// Prices of the Yellow Paper (appendix E), EIP-196, EIP-197 and EIP-198.
#[test]
fn byzantium_has_the_prices_of_its_specifications() {
    let check = |name: &str, input: &[u8], gas: u64| {
        let native = native(&Revision::EWASM_BYZANTIUM, name).unwrap();
        assert_eq!(called(&native, input, PLENTY).1, Gas::new(gas), "{name} of {} bytes", input.len());
    };
    check("ecrecover", &[], 3_000);
    check("ecrecover", &[0; 1_000], 3_000);
    for (bytes, words) in [(0, 0), (1, 1), (32, 1), (33, 2), (1_000, 32)] {
        check("sha256", &vec![7; bytes], 60 + 12 * words);
        check("ripemd160", &vec![7; bytes], 600 + 120 * words);
        check("identity", &vec![7; bytes], 15 + 3 * words);
    }
    check("bn254_add", &[], 500);
    check("bn254_mul", &[], 40_000);
    check("bn254_pairing", &[], 100_000);
    check("bn254_pairing", &[0; 192], 180_000);
    check("bn254_pairing", &[0; 3 * 192], 340_000);
    // Whole pairs are paid for before the length is refused.
    //= spec 12.8 test
    check("bn254_pairing", &[0; 2 * 192 - 1], 180_000);
    let example = vectors().find(|vector| vector.case == "the-first-example-of-EIP-198").unwrap();
    check("modexp", &example.input, 13_056);
}

/// An input that is refused before its price is known costs its caller nothing but what every failure does: all.
//= spec 12.7 test
#[test]
fn lengths_are_refused_before_gas_is_looked_at() {
    let v1 = |name| native(&Revision::V1, name).unwrap();
    for case in ["a-modulus-too-long", "a-modulus-of-2^256---1-bytes", "a-base-of-2^64-bytes"] {
        let vector = vectors().find(|vector| vector.case == case).unwrap();
        assert_eq!(
            called(&v1("modexp"), &vector.input, Gas::ZERO),
            (Err(HaltReason::InvalidPrecompileInput), Gas::ZERO),
            "{case}"
        );
    }
    assert_eq!(called(&v1("blake2f"), &[0; 212], Gas::ZERO).0, Err(HaltReason::InvalidPrecompileInput));
}

/// The last round that a u32 can ask for is paid for, not executed.
#[test]
fn rounds_that_nobody_can_pay_are_not_executed() {
    let mut input = [0; 213];
    input[..4].fill(0xff);
    let native = native(&Revision::V1, "blake2f").unwrap();
    assert_eq!(called(&native, &input, Gas::new(100_000_000_000)), (Err(HaltReason::OutOfGas), Gas::ZERO));
}

/// Under Byzantium a length has no limit of its own, but its price does not wrap.
//= spec 12.9 test
#[test]
fn lengths_that_nobody_can_pay_are_out_of_gas_or_refused() {
    let native = native(&Revision::EWASM_BYZANTIUM, "modexp").unwrap();
    for bytes in [1 << 20, (1 << 20) + 1, 1 << 32, 1 << 63, u64::MAX] {
        for place in [0, 1, 2] {
            let mut input = [0; 96];
            let start = 32 * place + 24;
            input[start..start + 8].copy_from_slice(&u64::to_be_bytes(bytes));
            let (result, used) = called(&native, &input, Gas::new(100_000_000));
            assert_eq!(result.is_ok(), place == 1, "{bytes} at {place}");
            match result {
                // Without base and modulus there is no power, for every exponent.
                Ok(output) => assert_eq!((&output[..], used), (&[][..], Gas::ZERO), "{bytes} at {place}"),
                Err(reason) => assert!(
                    matches!(reason, HaltReason::OutOfGas | HaltReason::InvalidPrecompileInput),
                    "{bytes} at {place}: {reason}"
                ),
            }
        }
    }
}
