//! Precompiled contracts, called by transactions and by contracts: numbers of many lengths, points and their sums, and
//! inputs without an answer.

use crate::{
    chain::Chain,
    crypto::{HASH, SIGNATURE},
};
use lockstep_vm::{Address, B256, Fault, engine::Engine};

/// The order of BN254 less 1 (EIP-196).
const LARGEST: &str = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000000";
/// The prime of its field (EIP-196).
const PRIME: &str = "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47";
/// The base point of its twist, imaginary parts first (EIP-197).
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

/// Lengths around words, blocks, and the limits of prices.
const LENGTHS: [usize; 12] = [0, 1, 7, 8, 9, 31, 32, 33, 64, 100, 256, 1_024];

/// The address of precompiled contract `number`.
fn numbered(number: u8) -> Address {
    Address::left_padding_from(&[number])
}

/// The bytes of words in hexadecimal.
fn words(hexadecimal: &[&str]) -> Vec<u8> {
    let word = |digits: &&str| digits.parse::<B256>().unwrap_or_default().0;
    hexadecimal.iter().flat_map(word).collect()
}

fn word(number: u64) -> [u8; 32] {
    B256::left_padding_from(&number.to_be_bytes()).0
}

/// Bytes that look like any: SplitMix64 of `seed`.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    };
    (0..length.div_ceil(8)).flat_map(|_| next()).take(length).collect()
}

pub(crate) fn run<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    for (number, name) in [(2, "sha256"), (3, "ripemd160"), (4, "identity")] {
        for length in LENGTHS {
            chain.call(numbered(number), &bytes(1, length))?;
        }
        chain.end(name);
    }
    recoveries(chain)?;
    powers(chain)?;
    points(chain)?;
    pairings(chain)?;
    compressions(chain)?;
    from_contracts(chain)
}

/// A signature, with a bit of each third byte flipped in turn.
fn recoveries<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    let [scalars @ .., parity] = &SIGNATURE;
    let v = word(u64::from(*parity).saturating_add(27));
    let good = [&HASH[..], &v, scalars].concat();
    chain.call(numbered(1), &good)?;
    for place in (0..good.len()).step_by(3) {
        let mut bad = good.clone();
        if let Some(byte) = bad.get_mut(place) {
            *byte ^= 1;
        }
        chain.call(numbered(1), &bad)?;
    }
    chain.end("ecrecover");
    Ok(())
}

/// The input of an exponentiation.
fn power(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    let length = |number: &[u8]| word(u64::try_from(number.len()).unwrap_or(u64::MAX));
    [&length(base)[..], &length(exponent), &length(modulus), base, exponent, modulus].concat()
}

/// Moduli of every length, odd, even and powers of two.
fn powers<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    for length in LENGTHS {
        let (base, exponent) = (bytes(2, length), bytes(3, length.min(40)));
        let mut modulus = bytes(4, length);
        for zeros in [0, length / 4, length / 2, length.saturating_sub(1)] {
            for byte in modulus.iter_mut().rev().take(zeros) {
                *byte = 0;
            }
            chain.call(numbered(5), &power(&base, &exponent, &modulus))?;
            chain.call(numbered(5), &power(&base, &[3], &modulus))?;
            chain.call(numbered(5), &power(&[2], &exponent, &modulus))?;
        }
        let mut power_of_two = vec![0; length];
        if let Some(first) = power_of_two.first_mut() {
            *first = 64;
        }
        chain.call(numbered(5), &power(&base, &exponent, &power_of_two))?;
    }
    chain.call(numbered(5), &power(&bytes(2, 1_025), &[1], &[3]))?;
    chain.call(numbered(5), &[0xff; 96])?;
    chain.end("modexp");
    Ok(())
}

/// Multiples of the base point, and their sums.
fn points<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    let generator = [word(1), word(2)].concat();
    let mut sum = vec![0; 64];
    let scalars = [word(0), word(1), word(2), [0xff; 32], word(u64::MAX)].map(Vec::from);
    let scalars = scalars.into_iter().chain((5..15).map(|seed| bytes(seed, 32))).chain([words(&[LARGEST])]);
    for scalar in scalars {
        let multiple = chain.call(numbered(7), &[&generator[..], &scalar].concat())?.output;
        sum = chain.call(numbered(6), &[&sum[..], &multiple].concat())?.output;
        chain.call(numbered(6), &[&sum[..], &sum].concat())?;
    }
    chain.end("bn254 points");
    for bad in [[word(1), word(1)].concat(), [words(&[PRIME]), word(0).into()].concat(), vec![0xff; 64]] {
        chain.call(numbered(6), &bad)?;
        chain.call(numbered(7), &bad)?;
    }
    chain.end("bn254 without points");
    Ok(())
}

/// Products of pairings that are 1 and that are not, of up to 20 pairs.
fn pairings<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    let generator = [word(1), word(2)].concat();
    let twisted = words(&TWISTED);
    let minus = chain.call(numbered(7), &[&generator[..], &words(&[LARGEST])].concat())?.output;
    for pairs in [1_u64, 2, 3, 16, 17] {
        let mut input = Vec::new();
        for _ in 0..pairs {
            input.extend([&generator[..], &twisted].concat());
        }
        chain.call(numbered(8), &input)?;
        // So many opposites of the base point at once.
        let opposite = chain.call(numbered(7), &[&minus[..], &word(pairs)].concat())?.output;
        input.extend([&opposite[..], &twisted].concat());
        chain.call(numbered(8), &input)?;
        input.extend([&[0; 64], &twisted[..]].concat());
        chain.call(numbered(8), &input)?;
    }
    chain.call(numbered(8), &[])?;
    chain.call(numbered(8), &[&generator[..], &words(&OF_ANOTHER_ORDER)].concat())?;
    chain.call(numbered(8), &[&generator[..], &twisted, &[1]].concat())?;
    chain.end("bn254 pairings");
    Ok(())
}

fn compressions<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    for rounds in [0_u32, 1, 2, 9, 10, 11, 12, 20, 10_000] {
        let input = [&rounds.to_be_bytes()[..], &bytes(u64::from(rounds), 208)].concat();
        for last in [0, 1, 2] {
            chain.call(numbered(9), &[&input[..], &[last]].concat())?;
        }
        chain.call(numbered(9), &input)?;
    }
    chain.end("blake2f");
    Ok(())
}

/// Every kind of call from a contract, with much gas and with little.
fn from_contracts<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    for (kind, value) in
        [("call", "(i32.const 32)"), ("callCode", "(i32.const 32)"), ("callDelegate", ""), ("callStatic", "")]
    {
        let contract = chain.put_module(&format!(
            "(func (export \"main\")
                (call $callDataCopy (i32.const 64) (i32.const 0) (call $getCallDataSize))
                (i32.store8 (i32.const 19) (i32.load8_u (i32.const 64)))
                (i32.store (i32.const 128) (call ${kind} (i64.load (i32.const 65)) (i32.const 0) {value} (i32.const 73)
                    (i32.sub (call $getCallDataSize) (i32.const 9))))
                (i64.store (i32.const 132) (call $getGasLeft))
                (call $returnDataCopy (i32.const 140) (i32.const 0) (call $getReturnDataSize))
                (call $finish (i32.const 128) (i32.add (i32.const 12) (call $getReturnDataSize))))"
        ))?;
        for number in 0..=10 {
            for gas in [0_u64, 700, 10_000_000] {
                chain.call(contract, &[&[number], &gas.to_le_bytes()[..], b"abc"].concat())?;
            }
        }
        chain.end(format!("called by {kind}"));
    }
    Ok(())
}
