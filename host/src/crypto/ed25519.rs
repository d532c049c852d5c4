//! Verification of Ed25519 signatures.
//!
//! Owns the rule of acceptance. Implementations of RFC 8032 differ on inputs that no honest signer makes (see "Taming
//! the many EdDSAs", 2020), and consensus can't.

use core::cmp::Ordering;
use ed25519_dalek::{Signature, VerifyingKey};

/// p = 2^255 - 19, the prime of the curve's field (RFC 8032, 5.1), little-endian.
const P: [u8; 32] = [
    0xED, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F,
];

/// L = 2^252 + 27742317777372353535851937790883648493, the order of the base point (RFC 8032, 5.1), little-endian.
const L: [u8; 32] = [
    0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10,
];

/// Whether `signature` is the one of `public_key` over `message`: Ed25519 of RFC 8032, without prehash or context.
///
/// `signature` is `R || S`. It is accepted exactly if
///
/// 1. the y of `public_key` and of R is below p (canonical), and both are points of the curve;
/// 2. S is below L, so that no second signature can be made out of one;
/// 3. neither `public_key` nor R has small order (1, 2, 4 or 8), so that a signature belongs to one message;
/// 4. `S B = R + k A` holds with k = SHA-512(R || A || message) over the bytes as given, without the cofactor 8.
///
/// A key or an R with a part of small order beside a large one is accepted where 4 holds.
//= spec 9.2.1, 9.2.2, 9.2.4, 9.2.5
pub fn ed25519_verify(message: &[u8], signature: &[u8; 64], public_key: &[u8; 32]) -> bool {
    let signature = Signature::from_bytes(signature);
    // The crate checks S too, but not against L where another crate of the build turns its feature
    // `legacy_compatibility` on.
    //= spec 9.2.3
    let s_is_canonical = is_below(signature.s_bytes(), &L);
    s_is_canonical && canonical_key(public_key).is_some_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// The key, unless it is no point of the curve or its y is not below p, which the crate lets pass. (The other encoding
/// that is not canonical, x = 0 with the sign bit, is one of a point of small order: `verify_strict` refuses it.)
//= spec 9.2.2
fn canonical_key(public_key: &[u8; 32]) -> Option<VerifyingKey> {
    let mut y = *public_key;
    y[31] &= 0x7F;
    if is_below(&y, &P) { VerifyingKey::from_bytes(public_key).ok() } else { None }
}

/// Whether a little-endian number is less than `bound`.
fn is_below(number: &[u8; 32], bound: &[u8; 32]) -> bool {
    number.iter().rev().cmp(bound.iter().rev()) == Ordering::Less
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{U256, U512, hex};
    use ed25519_dalek::Verifier;
    use sha2::{Digest, Sha512};

    /// What an implementation accepts that follows RFC 8032 but not our rule.
    fn loosely_accepted(message: &[u8], signature: &[u8; 64], public_key: &[u8; 32]) -> bool {
        VerifyingKey::from_bytes(public_key)
            .is_ok_and(|key| key.verify(message, &Signature::from_bytes(signature)).is_ok())
    }

    /// RFC 8032, 7.1: key, message, signature.
    fn rfc8032() -> [([u8; 32], Vec<u8>, [u8; 64]); 5] {
        [
            (
                hex!("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
                vec![],
                hex!(
                    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                    "d25bf5f0595bbe24655141438e7a100b"
                ),
            ),
            (
                hex!("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
                hex!("72").to_vec(),
                hex!(
                    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
                    "387b2eaeb4302aeeb00d291612bb0c00"
                ),
            ),
            (
                hex!("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),
                hex!("af82").to_vec(),
                hex!(
                    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
                    "4a7c15e9716ed28dc027beceea1ec40a"
                ),
            ),
            (
                hex!("278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e"),
                MESSAGE_1023.to_vec(),
                hex!(
                    "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b"
                    "5e8fcd4f681e30a6ac00a9704a188a03"
                ),
            ),
            (
                hex!("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf"),
                hex!(
                    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
                    "454d4423643ce80e2a9ac94fa54ca49f"
                )
                .to_vec(),
                hex!(
                    "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
                    "3dca179c138ac17ad9bef1177331a704"
                ),
            ),
        ]
    }

    //= spec 9.2.1 test
    #[test]
    fn rfc8032_vectors_are_accepted() {
        for (key, message, signature) in rfc8032() {
            assert!(ed25519_verify(&message, &signature, &key), "{} bytes", message.len());
            let mut longer = message.clone();
            longer.push(0);
            assert!(!ed25519_verify(&longer, &signature, &key));
        }
    }

    //= spec 9.2.1 test
    #[test]
    fn every_bit_counts() {
        let [_, _, (key, message, signature), ..] = rfc8032();
        let flip = |bytes: &mut [u8], bit: usize| bytes[bit / 8] ^= 1 << (bit % 8);
        for bit in 0..512 {
            let mut flipped = signature;
            flip(&mut flipped, bit);
            assert!(!ed25519_verify(&message, &flipped, &key), "signature bit {bit}");
        }
        for bit in 0..256 {
            let mut flipped = key;
            flip(&mut flipped, bit);
            assert!(!ed25519_verify(&message, &signature, &flipped), "key bit {bit}");
        }
        for bit in 0..16 {
            let mut flipped = message.clone();
            flip(&mut flipped, bit);
            assert!(!ed25519_verify(&flipped, &signature, &key), "message bit {bit}");
        }
    }

    /// S + L, S + 2 L, ...: the same scalar, as long as 256 bits hold it.
    //= spec 9.2.3 test
    #[test]
    fn s_plus_l_is_refused() {
        for (key, message, mut signature) in rfc8032() {
            for _ in 0..15 {
                let mut carry = 0_u16;
                for (byte, l) in signature[32..].iter_mut().zip(L) {
                    carry += u16::from(*byte) + u16::from(l);
                    *byte = carry.to_le_bytes()[0];
                    carry >>= 8;
                }
                assert_eq!(carry, 0);
                assert!(!ed25519_verify(&message, &signature, &key), "{}", hex::encode(&signature[32..]));
            }
        }
    }

    #[test]
    fn numbers_are_compared_from_their_high_end() {
        let with = |index: usize, byte| {
            let mut number = L;
            number[index] = byte;
            number
        };
        for (number, expect) in [
            (L, false),
            (with(0, 0xEC), true),
            (with(0, 0xEE), false),
            (with(31, 0x0F), true),
            (with(31, 0x11), false),
            (with(16, 1), false),
            ([0; 32], true),
            ([0xFF; 32], false),
        ] {
            assert_eq!(is_below(&number, &L), expect, "{number:02x?}");
        }
    }

    /// Every encoding of a point of small order, canonical or not. With one of them for a key, base point and 1 are a
    /// signature of every message whose k is a multiple of the order.
    //= spec 9.2.4 test
    #[test]
    fn keys_of_small_order_are_refused() {
        let signature = hex!(
            "58666666666666666666666666666666666666666666666666666666666666660100000000000000000000000000000000000000"
            "000000000000000000000000"
        );
        for mut key in [
            hex!("0100000000000000000000000000000000000000000000000000000000000000"),
            hex!("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
            hex!("0000000000000000000000000000000000000000000000000000000000000000"),
            hex!("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            hex!("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
            hex!("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
            hex!("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ] {
            for _ in 0..2 {
                let messages: Vec<_> = (0..64_u8).map(|byte| [byte]).collect();
                assert!(messages.iter().any(|message| loosely_accepted(message, &signature, &key)), "{key:02x?}");
                assert!(!messages.iter().any(|message| ed25519_verify(message, &signature, &key)), "{key:02x?}");
                key[31] ^= 0x80;
            }
        }
    }

    /// A signature over `message` with R = `r`, an encoding of the neutral element: `S = k a` satisfies the equation.
    fn signed_with_r_of_small_order(message: &[u8], r: [u8; 32]) -> ([u8; 64], [u8; 32]) {
        let secret = [7; 32];
        let key = ed25519_dalek::SigningKey::from_bytes(&secret).verifying_key().to_bytes();
        let order = U256::from_le_bytes(L);
        let hash = |parts: &[&[u8]]| -> [u8; 64] { Sha512::digest(parts.concat()).into() };
        let mut a: [u8; 32] = hash(&[&secret])[..32].try_into().unwrap();
        a[0] &= 0xF8;
        a[31] = a[31] & 0x7F | 0x40;
        let k = U512::from_le_bytes(hash(&[&r, &key, message])).checked_rem(U512::from(order)).unwrap();
        let s = U256::from(k).mul_mod(U256::from_le_bytes(a), order);
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice(&s.to_le_bytes::<32>());
        (signature, key)
    }

    //= spec 9.2.2, 9.2.4 test
    #[test]
    fn an_r_of_small_order_is_refused_however_it_is_written() {
        let neutral = hex!("0100000000000000000000000000000000000000000000000000000000000000");
        let above_p = hex!("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
        let with_sign = |mut r: [u8; 32]| {
            r[31] |= 0x80;
            r
        };
        for r in [neutral, above_p, with_sign(neutral), with_sign(above_p)] {
            let (signature, key) = signed_with_r_of_small_order(b"message", r);
            assert!(!ed25519_verify(b"message", &signature, &key), "{r:02x?}");
            // The equation holds: an implementation that only compares accepts the canonical one.
            if r == neutral {
                assert!(loosely_accepted(b"message", &signature, &key));
            }
        }
    }

    /// The keys whose y is p or more: 19 values, with either sign. Some are points of large order that the crate takes.
    //= spec 9.2.2 test
    #[test]
    fn keys_above_p_are_not_canonical() {
        let mut taken = 0;
        for low in 0xED..=0xFF {
            for sign in [0x7F, 0xFF] {
                let mut key = [0xFF; 32];
                (key[0], key[31]) = (low, sign);
                assert_eq!(canonical_key(&key), None);
                taken += u32::from(VerifyingKey::from_bytes(&key).is_ok_and(|key| !key.is_weak()));
            }
        }
        assert!(taken > 0);
        let mut last = [0xFF; 32];
        (last[0], last[31]) = (0xEC, 0x7F);
        assert!(canonical_key(&last).is_some() && canonical_key(&[0; 32]).is_some());
    }

    /// The vectors of "Taming the many EdDSAs" (github.com/novifinancial/ed25519-speccheck, cases.json): what is
    /// special, whether we accept, message, key, signature.
    //= spec 9.2.5 test
    #[test]
    fn speccheck() {
        for (special, accept, message, key, signature) in SPECCHECK {
            assert_eq!(ed25519_verify(message, signature, key), *accept, "{special}");
        }
    }

    /// One case of [`speccheck`].
    type Case = (&'static str, bool, [u8; 32], [u8; 32], [u8; 64]);

    const SPECCHECK: &[Case] = &[
        (
            "key and R of small order",
            false,
            hex!("8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6"),
            hex!("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
            hex!(
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
                "0000000000000000000000000000000000000000000000000000000000000000"
            ),
        ),
        (
            "key of small order",
            false,
            hex!("9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79"),
            hex!("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
            hex!(
                "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43"
                "a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04"
            ),
        ),
        (
            "R of small order",
            false,
            hex!("aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab"),
            hex!("f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43"),
            hex!(
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"
                "8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e"
            ),
        ),
        (
            "key and R with a part of small order",
            true,
            hex!("9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79"),
            hex!("cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d"),
            hex!(
                "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f"
                "87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009"
            ),
        ),
        (
            "only with the cofactor",
            false,
            hex!("e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c"),
            hex!("cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d"),
            hex!(
                "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed512"
                "5ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09"
            ),
        ),
        (
            "S above L",
            false,
            hex!("85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40"),
            hex!("442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623"),
            hex!(
                "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e"
                "547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514"
            ),
        ),
        (
            "S far above L",
            false,
            hex!("85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40"),
            hex!("442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623"),
            hex!(
                "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa1942"
                "7e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22"
            ),
        ),
        (
            "R of small order, not canonical",
            false,
            hex!("9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41"),
            hex!("f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43"),
            hex!(
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
                "ca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908"
            ),
        ),
        (
            "key of small order, not canonical",
            false,
            hex!("39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f"),
            hex!("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
            hex!(
                "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dc"
                "a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04"
            ),
        ),
    ];

    /// The message of RFC 8032's TEST 1024.
    const MESSAGE_1023: [u8; 1_023] = hex!(
        "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50f8f54e9f77b1e355f6c5"
        "0544e23fb1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b270b20329d658675fc6ea534e0"
        "810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc1a858efcb8550ee3a5e1998bd177e93a7363c344fe6b199ee5d02e82"
        "d522c4feba15452f80288a821a579116ec6dad2b3b310da903401aa62100ab5d1a36553e06203b33890cc9b832f79ef80560ccb9"
        "a39ce767967ed628c6ad573cb116dbefefd75499da96bd68a8a97b928a8bbc103b6621fcde2beca1231d206be6cd9ec7aff6f6c9"
        "4fcd7204ed3455c68c83f4a41da4af2b74ef5c53f1d8ac70bdcb7ed185ce81bd84359d44254d95629e9855a94a7c1958d1f8ada5"
        "d0532ed8a5aa3fb2d17ba70eb6248e594e1a2297acbbb39d502f1a8c6eb6f1ce22b3de1a1f40cc24554119a831a9aad6079cad88"
        "425de6bde1a9187ebb6092cf67bf2b13fd65f27088d78b7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63bcbcc"
        "2732e69485bbc9c90bfbd62481d9089beccf80cfe2df16a2cf65bd92dd597b0707e0917af48bbb75fed413d238f5555a7a569d80"
        "c3414a8d0859dc65a46128bab27af87a71314f318c782b23ebfe808b82b0ce26401d2e22f04d83d1255dc51addd3b75a2b1ae078"
        "4504df543af8969be3ea7082ff7fc9888c144da2af58429ec96031dbcad3dad9af0dcbaaaf268cb8fcffead94f3c7ca495e056a9"
        "b47acdb751fb73e666c6c655ade8297297d07ad1ba5e43f1bca32301651339e22904cc8c42f58c30c04aafdb038dda0847dd988d"
        "cda6f3bfd15c4b4c4525004aa06eeff8ca61783aacec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34dff7310fdc"
        "82aebfd904b01e1dc54b2927094b2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a65040cf9bfd4aca7984a74d371459867"
        "80fc0b16ac451649de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e488acba6b965610b5480109c8"
        "b17b80e1b7b750dfc7598d5d5011fd2dcc5600a32ef5b52a1ecc820e308aa342721aac0943bf6686b64b2579376504ccc493d97e"
        "6aed3fb0f9cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5fb93246f6b1116398a346f1a641f3b041e989f791"
        "4f90cc2c7fff357876e506b50d334ba77c225bc307ba537152f3f1610e4eafe595f6d9d90d11faa933a15ef1369546868a7f3a45"
        "a96768d40fd9d03412c091c6315cf4fde7cb68606937380db2eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac"
        "86aba41c0618983f8741c5ef68d3a101e8a3b8cac60c905c15fc910840b94c00a0b9d0"
    );
}
