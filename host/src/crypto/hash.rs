//! Hash functions. All take any number of bytes and cannot fail.

use blake2::{Blake2b, digest::consts::U32};
use ripemd::Ripemd160;
use sha2::{Digest, Sha256, Sha512};
use sha3::{Keccak256, Sha3_256};

/// SHA-256 (FIPS 180-4).
pub fn sha256(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// SHA-512 (FIPS 180-4).
pub fn sha512(message: &[u8]) -> [u8; 64] {
    Sha512::digest(message).into()
}

/// SHA3-256 (FIPS 202).
pub fn sha3_256(message: &[u8]) -> [u8; 32] {
    Sha3_256::digest(message).into()
}

/// Keccak-256 as Ethereum uses it: SHA3-256 with the padding of the competition's submission.
pub fn keccak256(message: &[u8]) -> [u8; 32] {
    Keccak256::digest(message).into()
}

/// BLAKE2b with 32 bytes of output, without key, salt or personalization (RFC 7693). Not the first half of BLAKE2b-512.
pub fn blake2b_256(message: &[u8]) -> [u8; 32] {
    Blake2b::<U32>::digest(message).into()
}

/// RIPEMD-160 (Dobbertin, Bosselaers and Preneel, 1996). 20 bytes, not padded to 32 as in Ethereum's precompile.
pub fn ripemd160(message: &[u8]) -> [u8; 20] {
    Ripemd160::digest(message).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
    /// The 448 bits of FIPS 180-2, B.2.
    const BITS_448: &[u8] = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    /// The 896 bits of FIPS 180-2, C.2.
    const BITS_896: &[u8] = b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn\
        hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";

    fn million_a() -> Vec<u8> {
        vec![b'a'; 1_000_000]
    }

    /// Messages and the digests that were published for them, in hexadecimal.
    fn check<const BYTES: usize>(hash: impl Fn(&[u8]) -> [u8; BYTES], cases: &[(&[u8], &str)]) {
        for (message, digest) in cases {
            let start = String::from_utf8_lossy(&message[..message.len().min(32)]);
            assert_eq!(hex::encode(hash(message)), *digest, "{start} ({} bytes)", message.len());
        }
    }

    /// NIST, Cryptographic Standards and Guidelines, example values and SHA Test Vectors for Hashing Byte-Oriented
    /// Messages.
    #[test]
    fn sha256_nist() {
        check(
            sha256,
            &[
                (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
                (b"\xD3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"),
                (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
                (BITS_448, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
                (BITS_896, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"),
                (&million_a(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
            ],
        );
    }

    /// NIST, as above.
    #[test]
    fn sha512_nist() {
        check(
            sha512,
            &[
                (
                    b"",
                    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
                     47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
                ),
                (
                    b"abc",
                    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                     2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
                ),
                (
                    BITS_896,
                    "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018\
                     501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
                ),
            ],
        );
    }

    /// NIST, example values of FIPS 202; the same messages as for SHA-2.
    #[test]
    fn sha3_256_nist() {
        check(
            sha3_256,
            &[
                (b"", "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"),
                (b"abc", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
                (BITS_448, "41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376"),
                (BITS_896, "916f6061fe879741ca6469b43971dfdb28b1a32dc36cb3254e812be27aad1d18"),
                (&[0xA3; 200], "79f38adec5c20307a98ef76e8324afbfd46cfd81b22e3973c65fa1bd9de31787"),
                (&million_a(), "5c8875ae474a3634ba4fd55ec85bffd661f32aca75c6d699d0cdcb6c115891c1"),
            ],
        );
    }

    /// The Keccak team's ShortMsgKAT_256 of the submission, and values of Ethereum: the hash of no code, the first word
    /// of the log of a token's transfer.
    #[test]
    fn keccak256_published() {
        check(
            keccak256,
            &[
                (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
                (b"\xCC", "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a"),
                (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
                (
                    b"Transfer(address,address,uint256)",
                    "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
                ),
                (&million_a(), "fadae6b49f129bbb812be8407b7b2894f34aecf6dbd1f9b0f0c7e9853098fc96"),
            ],
        );
    }

    /// The inputs of RFC 7693, appendix E.
    fn selftest_sequence(length: u32) -> Vec<u8> {
        let (mut a, mut b) = (0xDEAD_4BAD_u32.wrapping_mul(length), 1_u32);
        let mut next = || {
            (a, b) = (b, a.wrapping_add(b));
            b.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect()
    }

    /// RFC 7693 prints BLAKE2b-512 of "abc" and one hash over all digests of its self-test (appendix E). The digests
    /// here are the self-test's for 32 bytes without a key, out of an implementation (Python's hashlib) that yields
    /// that hash.
    #[test]
    fn blake2b_256_rfc7693() {
        let inputs = [0, 3, 128, 129, 255, 1_024].map(selftest_sequence);
        let digests = [
            "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8",
            "c6fcb3c3542e65f2db9a75aca089bfe3ff63e5b3889f65bf1d2da61964710782",
            "9f51dad780c3c7f1915262e80ccbd443a91e5c5c97e8127f9c9f8536aec85960",
            "5a9585ea35499d7d883d3a22eed1d3ebc46c1b1937d479b8be92b358c3eed78e",
            "517f6f8c5afea55f1c27cb8cdb4ff015c9602a550ba3080e5ac32796931711d3",
            "a001b41dd6bfcb13c73bf83a1fe5c881d49476163e472906c200375d8482b004",
        ];
        for (input, digest) in inputs.iter().zip(digests) {
            check(blake2b_256, &[(input, digest)]);
        }
        check(
            blake2b_256,
            &[
                (b"abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
                (&million_a(), "0741850f36cba4259628355d1073e24ddb9ca0e1bfac36fd39ae5dc2101e23a4"),
            ],
        );
    }

    /// Appendix B of "RIPEMD-160: A Strengthened Version of RIPEMD".
    #[test]
    fn ripemd160_paper() {
        let digits = b"1234567890".repeat(8);
        check(
            ripemd160,
            &[
                (b"", "9c1185a5c5e9fc54612808977ee8f548b2258d31"),
                (b"a", "0bdc9d2d256b3ee9daae347be6f4dc835a467ffe"),
                (b"abc", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"),
                (b"message digest", "5d0689ef49d2fae572b881b123a85ffa21595f36"),
                (ALPHABET, "f71c27109c692c1b56bbdceb5b9d2865b3708dbc"),
                (BITS_448, "12a053384a9c0c88e405a06c27dcf49ada62eb2b"),
                (
                    &[ALPHABET.to_ascii_uppercase().as_slice(), ALPHABET, b"0123456789"].concat(),
                    "b0e20b6e3116640286ed3a87a5713079b21f5189",
                ),
                (&digits, "9b752e45573d4b39f4dbd3323cab82bf63326bfb"),
                (&million_a(), "52783243c1697bdbe16d37f97f68f08325dc1528"),
            ],
        );
    }
}
