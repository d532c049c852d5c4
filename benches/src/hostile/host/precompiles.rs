//! Precompiled contracts at their worst inputs: long and short, good and refused, called with exactly their price.
//!
//! The compiler demands an arm for each function that the host answers with.

use super::{Shape, Subject};
use crate::hostile::Recipe;
use lockstep_gas::{Gas, GasMeter, Native, Precompile, Revision};
use lockstep_host::precompiles;
use lockstep_vm::B256;

/// Where the address of the contract lies.
const ADDRESS: u32 = 60_000;

/// More gas than any input here costs.
const PLENTY: Gas = Gas::new(1 << 50);

/// A hash, r and s of a signature, and an r that is the x of no point (see `super::crypto`).
const HASH: &str = "18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c";
const R: &str = "73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f";
const S: &str = "eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549";
const NO_POINT: &str = "3078356531653033663533636531386237373263636230303933666637316633";

/// The order of BN254 less 1.
const LARGEST: &str = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000000";
/// 2^253 - 1, which has more ones than any other number below the order.
const ONES: &str = "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
/// A point of BN254 (EIP-196) and the base point of its twist (EIP-197).
const POINT: [&str; 2] = [
    "0000000000000000000000000000000000000000000000000000000000000001",
    "0000000000000000000000000000000000000000000000000000000000000002",
];
const TWISTED: [&str; 4] = [
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2",
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed",
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b",
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa",
];
/// A point of the twist that the order does not take to infinity.
const OF_ANOTHER_ORDER: [&str; 4] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000001",
    "0d1271953ed9ea0836846e70a1934187998c7f790cb4d7511b7f8da82de048a4",
    "2869111d5381f072f8e2728fdb825a51aadd70e52c9830e9ab4b871c0531f1bb",
];

/// Programs of every native function of `V1`.
pub(super) fn recipes() -> Vec<Recipe> {
    let of_one = |(address, precompile): &([u8; 20], Precompile)| {
        let Precompile::Native(native) = precompile else { return Vec::new() };
        let inputs = inputs(native).into_iter();
        let shape = |(what, input): (String, Vec<u8>)| calling(native, *address, &what, &input);
        inputs.map(|input| shape(input).of(Subject::Precompile(native.name()))).collect()
    };
    Revision::V1.precompiles.iter().flat_map(of_one).collect()
}

/// Calls of `native` with the gas that it takes.
fn calling(native: &Native, address: [u8; 20], what: &str, input: &[u8]) -> Shape {
    let mut meter = GasMeter::new(PLENTY);
    // An input that is refused costs what is paid before that.
    let _ = precompiles::answer(native, input, &mut meter);
    let gas = PLENTY.less(meter.left());
    let body = format!(
        "(drop (call $f (i64.const {gas}) (i32.const {ADDRESS}) (i32.const 65536) (i32.const {})))",
        input.len()
    );
    let shape = Shape::new(what, body).import("ethereum", "callStatic", "$f (param i64 i32 i32 i32) (result i32)");
    // Zeros are there without being written.
    let written = input.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let shape = shape.pages(4).copies(1).data(ADDRESS, &address);
    if written > 0 { shape.data(65_536, &input[..written]) } else { shape }
}

/// The worst inputs that are known of `native`.
fn inputs(native: &Native) -> Vec<(String, Vec<u8>)> {
    match native {
        Native::EcRecover { .. } => recoveries(),
        Native::Sha256(_) | Native::Ripemd160(_) => lengths(&[0, 1, 55, 56, 64, 65, super::INPUT_BYTES_MAX]),
        Native::Identity(_) => lengths(&[0, 1, 33, 4_096, super::INPUT_BYTES_MAX]),
        Native::ModExp { .. } => powers(),
        Native::Bn254Add { .. } => {
            let (one, other) = (words(&POINT), multiple(ONES));
            vec![
                ("two points".into(), [&one[..], &other].concat()),
                ("a point and itself".into(), [&other[..], &other].concat()),
                ("none and none".into(), Vec::new()),
                ("not on the curve".into(), [&other[..], &[1; 64]].concat()),
            ]
        }
        Native::Bn254Mul { .. } => {
            let times = |what: &str, scalar: &str| (what.to_owned(), [multiple(LARGEST), words(&[scalar])].concat());
            vec![
                times("times the order less 1", LARGEST),
                times("times 2^253 - 1", ONES),
                times("times a hash", HASH),
                ("times 0".into(), multiple(LARGEST)),
                ("times 2^256 - 1".into(), [multiple(LARGEST), vec![0xff; 32]].concat()),
                ("not on the curve".into(), vec![1; 96]),
            ]
        }
        Native::Bn254Pairing(_) => pairings(),
        Native::Blake2f(_) => {
            [0, 1, 12, 100_000].map(|rounds| (format!("{rounds} rounds"), compression(rounds))).into()
        }
    }
}

fn lengths(lengths: &[u32]) -> Vec<(String, Vec<u8>)> {
    lengths.iter().map(|&length| (format!("{length} bytes"), vec![0; length as usize])).collect()
}

fn recoveries() -> Vec<(String, Vec<u8>)> {
    let row = |what: &str, v: u8, r: &str, s: &str| {
        let mut v_word = [0; 32];
        v_word[31] = v;
        (what.to_owned(), [&words(&[HASH])[..], &v_word, &words(&[r, s])].concat())
    };
    vec![
        row("a signature", 28, R, S),
        row("the other v", 27, R, S),
        row("no point", 27, NO_POINT, S),
        row("v of 2", 2, R, S),
        ("nothing".into(), Vec::new()),
    ]
}

/// Moduli that are odd, even by little, even by much, and powers of two; exponents short and long.
fn powers() -> Vec<(String, Vec<u8>)> {
    let mut powers = Vec::new();
    for length in [1_usize, 8, 9, 32, 33, 64, 128, 256, 512, 1_024] {
        let moduli = [
            ("odd", 0),
            ("even by a bit", 1),
            ("even by half", 4 * length),
            ("even by all but a byte", 8 * length - 8),
        ];
        for (what, zeros) in moduli {
            let modulus = ones_before_zeros(length, zeros);
            let base = [&vec![0xff; length - 1][..], &[0xfe]].concat();
            for exponent in [vec![3], vec![0xff; 32], vec![0xff; if length <= 64 { 1_024 } else { 40 }]] {
                let sizes = [base.len(), exponent.len(), modulus.len()];
                let head = sizes.iter().flat_map(|size| B256::left_padding_from(&size.to_be_bytes()).0);
                let input = head.chain(base.iter().chain(&exponent).chain(&modulus).copied()).collect();
                powers.push((format!("{length} bytes, {what}, exponent of {} bytes", exponent.len()), input));
            }
        }
    }
    powers
}

/// A number of `length` bytes, `zeros` zero bits below ones.
fn ones_before_zeros(length: usize, zeros: usize) -> Vec<u8> {
    let mut number = vec![0xff; length];
    for bit in 0..zeros.min(8 * length - 1) {
        number[length - 1 - bit / 8] &= !(1 << (bit % 8));
    }
    number
}

fn pairings() -> Vec<(String, Vec<u8>)> {
    let pair = [multiple(ONES), words(&TWISTED)].concat();
    let mut pairings: Vec<(String, Vec<u8>)> =
        [0_usize, 1, 2, 4, 5, 16, 17].map(|pairs| (format!("{pairs} pairs"), pair.repeat(pairs))).into();
    pairings.push(("16 pairs of none".into(), vec![0; 192 * 16]));
    let refused = [multiple(ONES), words(&OF_ANOTHER_ORDER)].concat();
    pairings.push(("a point of another order behind 16 pairs".into(), [pair.repeat(16), refused.clone()].concat()));
    pairings.push(("a point of another order".into(), refused));
    pairings.push(("a byte more than 16 pairs".into(), [&pair.repeat(16)[..], &[1]].concat()));
    pairings
}

fn compression(rounds: u32) -> Vec<u8> {
    [&rounds.to_be_bytes()[..], &[0xa5; 208], &[1]].concat()
}

/// A multiple of the point, as the contract itself returns it.
fn multiple(scalar: &str) -> Vec<u8> {
    let input = [words(&POINT), words(&[scalar])].concat();
    let native = Native::Bn254Mul { base: 0 };
    let output = precompiles::answer(&native, &input, &mut GasMeter::new(PLENTY));
    output.map(|output| output.to_vec()).unwrap_or_default()
}

/// The bytes of words in hexadecimal.
fn words(hexadecimal: &[&str]) -> Vec<u8> {
    hexadecimal.iter().flat_map(|word| word.parse::<B256>().unwrap_or_default().0).collect()
}
