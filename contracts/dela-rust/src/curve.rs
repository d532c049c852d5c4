//! The three operations on edwards25519, each n times in a row so that no step can be left out.

use curve25519_dalek::{EdwardsPoint, Scalar, constants::ED25519_BASEPOINT_TABLE, traits::Identity};

/// Sum of (scalar + i) B for i < n.
pub fn base_muls(n: u64, mut scalar: Scalar) -> EdwardsPoint {
    let mut sum = EdwardsPoint::identity();
    for _ in 0..n {
        sum += ED25519_BASEPOINT_TABLE * &scalar;
        scalar += Scalar::ONE;
    }
    sum
}

/// scalar^n point.
pub fn point_muls(n: u64, scalar: Scalar, point: EdwardsPoint) -> EdwardsPoint {
    (0..n).fold(point, |point, _| scalar * point)
}

/// first + n second.
pub fn point_adds(n: u64, first: EdwardsPoint, second: EdwardsPoint) -> EdwardsPoint {
    (0..n).fold(first, |sum, _| sum + second)
}
