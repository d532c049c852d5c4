//! The curve BN254, alt_bn128 in Ethereum's specifications: sums and multiples of points (EIP-196), pairings (EIP-197).
//!
//! Numbers are 32 bytes, big-endian. A coordinate below the prime of the field is one, any other is no input. The point
//! (0, 0) is the point at infinity. An element of the quadratic extension is written with its imaginary part first.

use super::padded::Padded;
use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{
    AffineRepr, CurveGroup,
    pairing::{MillerLoopOutput, Pairing},
};
use ark_ff::{BigInt, One, PrimeField, Zero};
use core::ops::MulAssign;

/// Bytes of a point of the curve.
const POINT_BYTES: usize = 64;

/// Bytes of a point of the curve and one of its twist.
const PAIR_BYTES: usize = 192;

/// Pairs whose lines are computed at once; they are kept for a while, some 20 KiB for each pair.
const PAIRS_AT_ONCE: usize = 16;

/// The sum of two points; `None` if either is none.
pub(super) fn add(input: Padded<'_>) -> Option<[u8; POINT_BYTES]> {
    let points = [point(&input.array(0))?, point(&input.array(POINT_BYTES))?];
    Some(encoded(points.into_iter().map(G1Projective::from).sum()))
}

/// A point so many times; `None` if it is none. The number is taken modulo the order of the curve.
pub(super) fn mul(input: Padded<'_>) -> Option<[u8; POINT_BYTES]> {
    let point = point(&input.array(0))?;
    let times = Fr::from_be_bytes_mod_order(&input.array::<32>(POINT_BYTES));
    Some(encoded(point.mul_bigint(times.into_bigint())))
}

/// Pairs in an input of `bytes` bytes.
pub(super) const fn pairs(bytes: u64) -> u64 {
    bytes.div_euclid(PAIR_BYTES as u64)
}

/// Whether the product of the pairings is 1, as a number of 32 bytes; `None` if the input is not of whole pairs, or one of
/// its points is none. No pairs have the product 1.
pub(super) fn pairing(input: &[u8]) -> Option<[u8; 32]> {
    let (pairs, rest) = input.as_chunks::<PAIR_BYTES>();
    if !rest.is_empty() {
        return None;
    }
    let mut product = <Bn254 as Pairing>::TargetField::one();
    for pairs in pairs.chunks(PAIRS_AT_ONCE) {
        let mut points = Vec::with_capacity(pairs.len());
        let mut twisted = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let (left, right) = pair.split_at(POINT_BYTES);
            let (left, right) = (point(left.try_into().ok()?)?, twisted_point(right.try_into().ok()?)?);
            // The pairing of the point at infinity with any other is 1.
            if !left.is_zero() && !right.is_zero() {
                points.push(left);
                twisted.push(right);
            }
        }
        product.mul_assign(Bn254::multi_miller_loop(points, twisted).0);
    }
    let is_one = Bn254::final_exponentiation(MillerLoopOutput(product))?.0.is_one();
    let mut answer = [0; 32];
    let [.., last] = &mut answer;
    *last = u8::from(is_one);
    Some(answer)
}

/// A point of the curve; every one has the order of the pairing.
fn point(bytes: &[u8; POINT_BYTES]) -> Option<G1Affine> {
    let (x, y) = bytes.split_at(32);
    let (x, y) = (coordinate(x)?, coordinate(y)?);
    if x.is_zero() && y.is_zero() {
        return Some(G1Affine::identity());
    }
    let point = G1Affine::new_unchecked(x, y);
    point.is_on_curve().then_some(point)
}

/// A point of the twist that has the order of the pairing.
fn twisted_point(bytes: &[u8; 128]) -> Option<G2Affine> {
    let (x, y) = bytes.split_at(64);
    let (x, y) = (extended_coordinate(x)?, extended_coordinate(y)?);
    if x.is_zero() && y.is_zero() {
        return Some(G2Affine::identity());
    }
    let point = G2Affine::new_unchecked(x, y);
    (point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve()).then_some(point)
}

fn extended_coordinate(bytes: &[u8]) -> Option<Fq2> {
    let (imaginary, real) = bytes.split_at_checked(32)?;
    let (imaginary, real) = (coordinate(imaginary)?, coordinate(real)?);
    Some(Fq2::new(real, imaginary))
}

fn coordinate(bytes: &[u8]) -> Option<Fq> {
    let [a, b, c, d] = bytes.as_chunks::<8>().0 else { return None };
    // The least significant limb comes first.
    Fq::from_bigint(BigInt([*d, *c, *b, *a].map(u64::from_be_bytes)))
}

fn encoded(point: G1Projective) -> [u8; POINT_BYTES] {
    let mut bytes = [0; POINT_BYTES];
    if let Some((x, y)) = point.into_affine().xy() {
        let limbs = [x, y].map(|coordinate| coordinate.into_bigint().0);
        let limbs = limbs.iter().flat_map(|coordinate| coordinate.iter().rev());
        for (target, limb) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(limbs) {
            *target = limb.to_be_bytes();
        }
    }
    bytes
}
