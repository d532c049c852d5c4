//! The second implementations.

use bn::{AffineG1, AffineG2, Fq, Fq2, Fr, G1, G2, Group as _, Gt};
use lockstep_gas::{Gas, ModExpPrice, Native};
use num_bigint::BigUint;

/// What `native` must answer: `Some(None)` where it has no answer, `None` where there is no second implementation.
pub(super) fn answer(native: &Native, data: &[u8]) -> Option<Option<Vec<u8>>> {
    match native {
        Native::ModExp { length_bytes_max, price } => Some(modexp(data, *length_bytes_max, *price)),
        Native::Bn254Add { .. } => Some(sum(data)),
        Native::Bn254Mul { .. } => Some(product(data)),
        Native::Bn254Pairing(_) => Some(pairing(data)),
        Native::Blake2f(_) => Some(blake2f(data)),
        Native::Identity(_) => Some(Some(data.to_vec())),
        Native::EcRecover { .. } | Native::Sha256(_) | Native::Ripemd160(_) => None,
    }
}

/// `length` bytes of `data` from `start` on, zeros behind its end.
fn part(data: &[u8], start: usize, length: usize) -> Vec<u8> {
    (start..start + length).map(|at| data.get(at).copied().unwrap_or_default()).collect()
}

/// The three lengths of an exponentiation.
fn lengths(data: &[u8]) -> [BigUint; 3] {
    [0, 32, 64].map(|start| BigUint::from_bytes_be(&part(data, start, 32)))
}

fn modexp(data: &[u8], length_bytes_max: u32, price: ModExpPrice) -> Option<Vec<u8>> {
    let lengths = lengths(data);
    let zero = BigUint::from(0_u32);
    if price == ModExpPrice::Eip198 && lengths[0] == zero && lengths[2] == zero {
        return Some(Vec::new());
    }
    if lengths.iter().any(|length| *length > BigUint::from(length_bytes_max)) {
        return None;
    }
    let [base, exponent, modulus] = lengths.map(|length| usize::try_from(length).expect("within the limit"));
    let number = |start, length| BigUint::from_bytes_be(&part(data, start, length));
    let of_modulus = number(96 + base + exponent, modulus);
    let power =
        if of_modulus == zero { zero } else { number(96, base).modpow(&number(96 + base, exponent), &of_modulus) };
    let digits = if power == BigUint::from(0_u32) { Vec::new() } else { power.to_bytes_be() };
    let mut output = vec![0; modulus - digits.len().min(modulus)];
    output.extend(digits);
    Some(output)
}

/// The gas of EIP-198, in numbers of any size; `None` under another price, or where a length is refused.
pub(super) fn modexp_gas(native: &Native, data: &[u8]) -> Option<Gas> {
    let Native::ModExp { price: ModExpPrice::Eip198, length_bytes_max } = native else { return None };
    let [base, exponent, modulus] = lengths(data);
    let zero = BigUint::from(0_u32);
    let most = BigUint::from(*length_bytes_max);
    let is_empty = base == zero && modulus == zero;
    if !is_empty && [&base, &exponent, &modulus].iter().any(|length| **length > most) {
        return None;
    }
    let start = 96 + usize::try_from(&base).expect("within the limit");
    let head_bytes = usize::try_from(&exponent).unwrap_or(32).min(32);
    let head = BigUint::from_bytes_be(&part(data, start, head_bytes));
    let index = head.bits().saturating_sub(1);
    let thirty_two = BigUint::from(32_u32);
    let adjusted = if exponent <= thirty_two { BigUint::from(index) } else { (exponent - thirty_two) * 8_u32 + index };
    let adjusted = adjusted.max(BigUint::from(1_u32));
    let x = base.max(modulus);
    let complexity = if x <= BigUint::from(64_u32) {
        &x * &x
    } else if x <= BigUint::from(1_024_u32) {
        &x * &x / 4_u32 + &x * 96_u32 - 3_072_u32
    } else {
        &x * &x / 16_u32 + &x * 480_u32 - 199_680_u32
    };
    let gas = complexity * adjusted / 20_u32;
    Some(u64::try_from(gas).map_or(Gas::MAX, Gas::new))
}

fn number(bytes: &[u8]) -> Option<Fq> {
    Fq::from_slice(bytes).ok()
}

fn read_point(bytes: &[u8]) -> Option<G1> {
    let (x, y) = (number(&bytes[..32])?, number(&bytes[32..64])?);
    if x == Fq::zero() && y == Fq::zero() {
        return Some(G1::zero());
    }
    AffineG1::new(x, y).ok().map(Into::into)
}

fn read_twisted(bytes: &[u8]) -> Option<G2> {
    let extended = |bytes: &[u8]| Some(Fq2::new(number(&bytes[32..64])?, number(&bytes[..32])?));
    let (x, y) = (extended(&bytes[..64])?, extended(&bytes[64..128])?);
    if x == Fq2::zero() && y == Fq2::zero() {
        return Some(G2::zero());
    }
    AffineG2::new(x, y).ok().map(Into::into)
}

fn written(point: G1) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    if let Some(affine) = AffineG1::from_jacobian(point) {
        affine.x().to_big_endian(&mut bytes[..32]).expect("32 bytes");
        affine.y().to_big_endian(&mut bytes[32..]).expect("32 bytes");
    }
    bytes
}

fn sum(data: &[u8]) -> Option<Vec<u8>> {
    Some(written(read_point(&part(data, 0, 64))? + read_point(&part(data, 64, 64))?))
}

fn product(data: &[u8]) -> Option<Vec<u8>> {
    let scalar = BigUint::from_bytes_be(&part(data, 64, 32)) % order();
    Some(written(read_point(&part(data, 0, 64))? * read_scalar(&scalar)))
}

fn pairing(data: &[u8]) -> Option<Vec<u8>> {
    if !data.len().is_multiple_of(192) {
        return None;
    }
    let pairs: Option<Vec<_>> =
        data.chunks(192).map(|pair| Some((read_point(pair)?, read_twisted(&pair[64..])?))).collect();
    let is_one = bn::pairing_batch(&pairs?) == Gt::one();
    Some([vec![0; 31], vec![u8::from(is_one)]].concat())
}

/// The order of the curve.
fn order() -> BigUint {
    let digits = b"21888242871839275222246405745257275088548364400416034343698204186575808495617";
    BigUint::parse_bytes(digits, 10).expect("digits")
}

fn read_scalar(scalar: &BigUint) -> Fr {
    let digits = scalar.to_bytes_be();
    let bytes = [vec![0; 32 - digits.len()], digits].concat();
    Fr::from_slice(&bytes).expect("below the order")
}

/// A multiple of the base point.
pub(super) fn point(times: u64) -> Vec<u8> {
    written(G1::one() * read_scalar(&BigUint::from(times)))
}

/// The opposite of such a multiple.
pub(super) fn opposite(times: u64) -> Vec<u8> {
    written(G1::zero() - G1::one() * read_scalar(&BigUint::from(times)))
}

/// A multiple of the twist's base point.
pub(super) fn twisted(times: u64) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    if let Some(affine) = AffineG2::from_jacobian(G2::one() * read_scalar(&BigUint::from(times))) {
        for (at, coordinate) in [(0, affine.x()), (64, affine.y())] {
            coordinate.imaginary().to_big_endian(&mut bytes[at..at + 32]).expect("32 bytes");
            coordinate.real().to_big_endian(&mut bytes[at + 32..at + 64]).expect("32 bytes");
        }
    }
    bytes
}

/// The order of the curve and some more, 32 bytes.
pub(super) fn order_plus(more: u8) -> Vec<u8> {
    (order() + u32::from(more)).to_bytes_be()
}

/// The permutations of RFC 7693, section 2.7.
const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// The places that each call of G mixes: columns, then diagonals.
const MIXED: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

fn blake2f(data: &[u8]) -> Option<Vec<u8>> {
    if data.len() != 213 || data[212] > 1 {
        return None;
    }
    let rounds = u32::from_be_bytes(data[..4].try_into().expect("4 bytes"));
    let words: Vec<u64> =
        data[4..212].chunks(8).map(|word| u64::from_le_bytes(word.try_into().expect("8 bytes"))).collect();
    let (state, block, offset) = (&words[..8], &words[8..24], &words[24..]);
    let square_roots = [2_u64, 3, 5, 7, 11, 13, 17, 19].map(fraction_of_root);
    let mut v: Vec<u64> = state.iter().copied().chain(square_roots).collect();
    v[12] ^= offset[0];
    v[13] ^= offset[1];
    if data[212] == 1 {
        v[14] = !v[14];
    }
    for round in 0..rounds as usize {
        for (step, [a, b, c, d]) in MIXED.into_iter().enumerate() {
            for (half, (first, second)) in [(32, 24), (16, 63)].into_iter().enumerate() {
                v[a] = v[a].wrapping_add(v[b]).wrapping_add(block[SIGMA[round % 10][2 * step + half]]);
                v[d] = (v[d] ^ v[a]).rotate_right(first);
                v[c] = v[c].wrapping_add(v[d]);
                v[b] = (v[b] ^ v[c]).rotate_right(second);
            }
        }
    }
    Some((0..8).flat_map(|at| (state[at] ^ v[at] ^ v[at + 8]).to_le_bytes()).collect())
}

/// The first 64 bits of the fraction of a number's square root, of which the initialization vector consists.
fn fraction_of_root(number: u64) -> u64 {
    let root = (BigUint::from(number) << 128_u32).sqrt();
    root.iter_u64_digits().next().unwrap_or_default()
}
