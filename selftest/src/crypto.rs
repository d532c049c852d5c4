//! The imports of module `crypto`: hashes over messages around their block lengths, signatures good and bad.

use crate::chain::{Chain, data};
use lockstep_vm::{Fault, engine::Engine};

const HASHES: [(&str, u32); 5] =
    [("sha256", 32), ("sha3_256", 32), ("keccak256", 32), ("blake2b_256", 32), ("ripemd160", 20)];

/// Lengths of messages: none, and around the blocks of 64, 128 and 136 bytes.
const LENGTHS: [usize; 11] = [0, 1, 3, 55, 56, 64, 111, 112, 128, 136, 1_000];

/// A hash, a signature of it by secp256k1 with its recovery id (go-ethereum, crypto/signature_test.go).
pub(crate) const HASH: [u8; 32] = [
    0xce, 0x06, 0x77, 0xbb, 0x30, 0xba, 0xa8, 0xcf, 0x06, 0x7c, 0x88, 0xdb, 0x98, 0x11, 0xf4, 0x33, 0x3d, 0x13, 0x1b,
    0xf8, 0xbc, 0xf1, 0x2f, 0xe7, 0x06, 0x5d, 0x21, 0x1d, 0xce, 0x97, 0x10, 0x08,
];
pub(crate) const SIGNATURE: [u8; 65] = [
    0x90, 0xf2, 0x7b, 0x8b, 0x48, 0x8d, 0xb0, 0x0b, 0x00, 0x60, 0x67, 0x96, 0xd2, 0x98, 0x7f, 0x6a, 0x5f, 0x59, 0xae,
    0x62, 0xea, 0x05, 0xef, 0xfe, 0x84, 0xfe, 0xf5, 0xb8, 0xb0, 0xe5, 0x49, 0x98, 0x4a, 0x69, 0x11, 0x39, 0xad, 0x57,
    0xa3, 0xf0, 0xb9, 0x06, 0x63, 0x76, 0x73, 0xaa, 0x2f, 0x63, 0xd1, 0xf5, 0x5c, 0xb1, 0xa6, 0x91, 0x99, 0xd4, 0x00,
    0x9e, 0xea, 0x23, 0xce, 0xad, 0xdc, 0x93, 0x01,
];

/// A key of ed25519 and its signature of the byte 0x72 (RFC 8032, 7.1, test 2).
const ED_KEY: [u8; 32] = [
    0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc, 0x9c, 0x98, 0x2c,
    0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c,
];
const ED_SIGNATURE: [u8; 64] = [
    0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64, 0x25, 0x40, 0xa2, 0xb2, 0x7b,
    0x54, 0x16, 0x50, 0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda, 0x08, 0x5a, 0xc1, 0xe4, 0x3e, 0x15,
    0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c, 0x38, 0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a, 0xee, 0xb0,
    0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00,
];

pub(crate) fn run<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    for (name, length) in HASHES {
        let contract = chain.put_module(&format!(
            "(func (export \"main\") (local $length i32)
                (local.set $length (call $getCallDataSize))
                (call $callDataCopy (i32.const 64) (i32.const 0) (local.get $length))
                (call ${name} (i32.const 64) (local.get $length) (i32.const 0))
                (call $finish (i32.const 0) (i32.const {length})))"
        ))?;
        for length in LENGTHS {
            let message: Vec<u8> = (0..=255_u8).cycle().map(|byte| byte.rotate_left(3) ^ 0x5a).take(length).collect();
            chain.call(contract, &message)?;
        }
        chain.end(name);
    }
    signatures(chain)
}

/// Flips a bit in each byte of `good` in turn, and lets the contract judge all of them.
fn signatures<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    let recover = chain.put_module(
        "(func (export \"main\")
            (call $callDataCopy (i32.const 128) (i32.const 0) (i32.const 97))
            (i32.store (i32.const 0) (call $secp256k1_recover (i32.const 128) (i32.const 160) (i32.const 4)))
            (call $finish (i32.const 0) (i32.const 68)))",
    )?;
    let verify = chain.put_module(&format!(
        "{} (func (export \"main\")
            (call $callDataCopy (i32.const 128) (i32.const 0) (i32.const 96))
            (i32.store (i32.const 0)
                (call $ed25519_verify (i32.const 256) (i32.const 1) (i32.const 128) (i32.const 192)))
            (call $finish (i32.const 0) (i32.const 4)))",
        data(256, &[0x72])
    ))?;
    for (case, contract, good) in [
        ("secp256k1_recover", recover, [&HASH[..], &SIGNATURE].concat()),
        ("ed25519_verify", verify, [&ED_SIGNATURE[..], &ED_KEY].concat()),
    ] {
        chain.call(contract, &good)?;
        for place in (0..good.len()).step_by(3) {
            let mut bad = good.clone();
            if let Some(byte) = bad.get_mut(place) {
                *byte ^= 4;
            }
            chain.call(contract, &bad)?;
        }
        chain.end(case);
    }
    Ok(())
}
