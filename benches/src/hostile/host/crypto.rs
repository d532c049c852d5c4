//! Hashes of every awkward length, and signatures that are good, bad and no signatures at all.

use super::Shape;
use lockstep_vm::B256;

/// Calls of a function of module `crypto`.
fn called(what: String, name: &str, parameters: usize, result: &str, operands: &str) -> Shape {
    let call = format!("(call $f {operands})");
    let body = if result.is_empty() { call } else { format!("(drop {call})") };
    let ty = format!("$f (param {}) {result}", "i32 ".repeat(parameters));
    Shape::new(what, body).import("crypto", name, &ty).copies(4)
}

/// Hashes of so many bytes.
pub(super) fn hashes(name: &str, lengths: &[u32]) -> Vec<Shape> {
    let hash = |&length: &u32| {
        let operands = format!("(i32.const 0) (i32.const {length}) (i32.const 0)");
        let shape = called(format!("{length} bytes"), name, 3, "", &operands);
        if length > 65_000 { shape.pages(64).copies(1) } else { shape }
    };
    lengths.iter().map(hash).collect()
}

/// A hash, r and s of a signature, from the tests of Ethereum's precompile; its v is 28.
const HASH: &str = "18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c";
const R: &str = "73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f";
const S: &str = "eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549";
/// An r that is the x of no point.
const NO_POINT: &str = "3078356531653033663533636531386237373263636230303933666637316633";
/// The order of the curve less 1 (SEC 2, 2.4.1), and the x of its base point.
const LARGEST: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140";
const BASE: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const ONE: &str = "0000000000000000000000000000000000000000000000000000000000000001";
const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Recoveries of keys: each check of the function is the last one in some row.
pub(super) fn recoveries() -> Vec<Shape> {
    [
        ("a signature", HASH, R, S, 28),
        ("the other v", HASH, R, S, 27),
        ("no point", HASH, NO_POINT, S, 27),
        ("the largest r and s", HASH, LARGEST, LARGEST, 27),
        ("the largest s", HASH, R, LARGEST, 28),
        ("s of 1", HASH, R, ONE, 28),
        ("r of the base point", HASH, BASE, ONE, 27),
        // The key is (s R - hash G) / r: with R the base point and s the hash it is the point at infinity.
        ("the point at infinity", BASE, BASE, BASE, 27),
        ("a hash of nothing", ZERO, R, S, 28),
        ("the largest hash", LARGEST, R, LARGEST, 28),
        ("r of 0", HASH, ZERO, S, 27),
        ("v of 2", HASH, R, S, 2),
    ]
    .map(|(what, hash, r, s, v)| {
        let operands = "(i32.const 0) (i32.const 32) (i32.const 256)";
        let shape = called(what.into(), "secp256k1_recover", 3, "(result i32)", operands);
        shape.data(0, &[&bytes(hash)[..], &bytes(r)[..], &bytes(s)[..], &[v]].concat())
    })
    .into()
}

/// The key, R and S of the signature of the empty message, RFC 8032, 7.1, test 1.
const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const ED_R: &str = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155";
const ED_S: &str = "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
/// The order of the base point less 1, little-endian.
const ED_LARGEST: &str = "ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
/// y = 1: the neutral element, of order 1.
const NEUTRAL: &str = "0100000000000000000000000000000000000000000000000000000000000000";
/// A point of order 8.
const SMALL: &str = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";

/// Verifications of signatures, and of long messages.
pub(super) fn verifications() -> Vec<Shape> {
    let row = |what: &str, length: u32, [key, r, s]: [&str; 3]| {
        let operands = format!("(i32.const 4096) (i32.const {length}) (i32.const 0) (i32.const 64)");
        let shape = called(what.into(), "ed25519_verify", 4, "(result i32)", &operands);
        let shape = shape.data(0, &[&bytes(r)[..], &bytes(s)[..], &bytes(key)[..]].concat());
        if length > 60_000 { shape.pages(64).copies(1) } else { shape }
    };
    vec![
        row("a signature", 0, [KEY, ED_R, ED_S]),
        row("another message", 1, [KEY, ED_R, ED_S]),
        row("the largest s", 0, [KEY, ED_R, ED_LARGEST]),
        row("s of 0", 0, [KEY, ED_R, ZERO]),
        row("a key of order 1", 0, [NEUTRAL, ED_R, ED_S]),
        row("a key of order 8", 0, [SMALL, ED_R, ED_S]),
        row("an R of order 8", 0, [KEY, SMALL, ED_S]),
        row("R and key the same", 0, [KEY, KEY, ED_S]),
        row("1,023 bytes", 1_023, [KEY, ED_R, ED_S]),
        row("47 bytes", 47, [KEY, ED_R, ED_S]),
        row("48 bytes", 48, [KEY, ED_R, ED_S]),
        row("4,000,000 bytes", 4_000_000, [KEY, ED_R, ED_S]),
    ]
}

/// The 32 bytes that a constant of this file says.
fn bytes(hexadecimal: &str) -> B256 {
    hexadecimal.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_constant_is_read() {
        for constant in [HASH, R, S, NO_POINT, LARGEST, BASE, ONE, KEY, ED_R, ED_S, ED_LARGEST, NEUTRAL, SMALL] {
            assert_ne!(bytes(constant), B256::ZERO, "{constant}");
        }
    }
}
