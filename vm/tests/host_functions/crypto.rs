//! The functions of module `crypto` through a guest: published vectors, places that overlap, and the prices of words.

use crate::{
    kit::{Case, check_all, word},
    text::{FREE, data},
};
use alloy_primitives::hex;
use lockstep_host::HaltReason;

/// Hashes what lies at [`FREE`] and puts out the digest, which goes to 0.
fn hash(function: &str, message: &[u8], digest: &[u8]) -> Case {
    let body = format!("(call ${function} #{FREE} #{} #0) (call $finish #0 #{})", message.len(), digest.len());
    let name = format!("{function} of {} bytes", message.len());
    Case::with_fields(name, &body, &data(FREE, message)).expect_output(digest)
}

fn hashes() -> Vec<Case> {
    let bits_448 = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    vec![
        // FIPS 180-4 and FIPS 202, NIST's example values.
        hash("sha256", b"", &hex!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")),
        hash("sha256", b"abc", &hex!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
        hash("sha256", bits_448, &hex!("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")),
        hash("sha3_256", b"", &hex!("a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a")),
        hash("sha3_256", b"abc", &hex!("3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532")),
        hash("sha3_256", bits_448, &hex!("41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376")),
        // Ethereum's hash of nothing, and of "abc".
        hash("keccak256", b"", &hex!("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")),
        hash("keccak256", b"abc", &hex!("4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45")),
        // BLAKE2b with 32 bytes, not the first half of BLAKE2b-512.
        hash("blake2b_256", b"", &hex!("0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8")),
        hash("blake2b_256", b"abc", &hex!("bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")),
        // The paper's appendix B: 20 bytes.
        hash("ripemd160", b"", &hex!("9c1185a5c5e9fc54612808977ee8f548b2258d31")),
        hash("ripemd160", b"abc", &hex!("8eb208f7e05d987a9b044a8e98c6b087f15a0bfc")),
        // The digest may go over the message.
        Case::with_fields(
            "the digest over the message",
            &format!("(call $sha256 #{FREE} #3 #{FREE}) (call $finish #{FREE} #32)"),
            &data(FREE, b"abc"),
        )
        .expect_output(&hex!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
        Case::new("33 bytes are two words", "(call $sha256 #4096 #33 #0)"),
        Case::new("32 bytes are one word", "(call $sha256 #4096 #32 #0)"),
        Case::new("a bad place for the digest", "(call $sha256 #0 #3 #65505)")
            .expect_halt(HaltReason::HostAccessOutOfBounds),
        Case::new("the last place for 20 bytes", "(call $ripemd160 #0 #3 #65516)"),
        Case::new("more than memory, not paid", "(call $keccak256 #0 #-1 #0)").expect_halt(HaltReason::OutOfGas),
    ]
}

/// go-ethereum, crypto/signature_test.go.
const HASH: [u8; 32] = hex!("ce0677bb30baa8cf067c88db9811f4333d131bf8bcf12fe7065d211dce971008");
const SIGNATURE: [u8; 65] = hex!(
    "90f27b8b488db00b00606796d2987f6a5f59ae62ea05effe84fef5b8b0e54998"
    "4a691139ad57a3f0b906637673aa2f63d1f55cb1a69199d4009eea23ceaddc93"
    "01"
);
const KEY: [u8; 64] = hex!(
    "e32df42865e97135acfb65f3bae71bdc86f4d49150ad6a440b6f15878109880a"
    "0a2b2667f7e725ceea70c673093bf67663e0312623c8e091b13cf2c0f11ef652"
);

/// Puts out the status and 64 bytes that are 0x55 before.
fn recovered(name: &str, signature: &[u8; 65], key: Option<&[u8; 64]>) -> Case {
    let body = "(i32.store #0 (call $secp256k1_recover #768 #800 #4)) (call $finish #0 #68)";
    let fields = [data(4, &[0x55; 64]), data(768, &HASH), data(800, signature)].concat();
    let output = [&word(u32::from(key.is_none()))[..], key.unwrap_or(&[0x55; 64])].concat();
    Case::with_fields(name, body, &fields).expect_output(&output)
}

fn with_byte(index: usize, byte: u8) -> [u8; 65] {
    let mut signature = SIGNATURE;
    signature[index] = byte;
    signature
}

/// RFC 8032, 7.1, test 2: one byte of message.
const ED_KEY: [u8; 32] = hex!("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
const ED_SIGNATURE: [u8; 64] = hex!(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
);

fn verified(name: &str, message: &[u8], signature: &[u8; 64], key: &[u8; 32], status: u32) -> Case {
    let length = message.len();
    let body = format!("(i32.store #0 (call $ed25519_verify #768 #{length} #800 #864)) (call $finish #0 #4)");
    let fields = [data(768, message), data(800, signature), data(864, key)].concat();
    Case::with_fields(name, &body, &fields).expect_output(&word(status))
}

//= spec 5.2.17 test
#[test]
fn crypto() {
    let mut cases = hashes();
    let mut other = ED_SIGNATURE;
    other[0] ^= 1;
    cases.extend([
        recovered("recover: v 1", &SIGNATURE, Some(&KEY)),
        recovered("recover: v 28", &with_byte(64, 28), Some(&KEY)),
        recovered("recover: v 2", &with_byte(64, 2), None),
        recovered("recover: r of zero", &[0; 65], None),
        recovered("recover: r above the order", &[0xFF; 65], None),
        // Where there is no key the place for it is not looked at.
        Case::new("recover: a bad place, not used", "(drop (call $secp256k1_recover #4096 #4096 #-1))"),
        verified("verify", &[0x72], &ED_SIGNATURE, &ED_KEY, 0),
        verified("verify: another message", &[0x73], &ED_SIGNATURE, &ED_KEY, 1),
        verified("verify: no message", &[], &ED_SIGNATURE, &ED_KEY, 1),
        verified("verify: another signature", &[0x72], &other, &ED_KEY, 1),
        verified("verify: another key", &[0x72], &ED_SIGNATURE, &[9; 32], 1),
        // Byzantium does not have the module.
        Case::new("Byzantium", "(call $sha256 #0 #0 #0)").byzantium_only().expect_halt_in_both(HaltReason::InvalidCode),
    ]);
    check_all("crypto", cases);
}
