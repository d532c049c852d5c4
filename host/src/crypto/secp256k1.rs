//! Recovery of a public key from an ECDSA signature on secp256k1.
//!
//! Owns the rule of acceptance. Hashing the message, and the address of a key, are the caller's.

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};

/// The public key that signed `hash`: x and y of the point, big-endian, 32 bytes each, without the tag 0x04 of SEC 1.
///
/// `signature` is `r || s || v`, r and s big-endian. v is the parity of the y of the signature's point: 0 or 27 if it
/// is even, 1 or 28 if it is odd.
///
/// The rule is that of Ethereum's precompile `ecrecover` (Yellow Paper, appendix E and F). r and s are in `1..n`, n
/// being the order of the curve. A high s (above n/2) is accepted: out of one signature anybody can make a second one
/// of the same hash and key, so a contract must not take a signature for the identity of what was signed. A point whose
/// x was n or more cannot be said (v 2 and 3 of other conventions are refused).
///
/// `None` if v, r or s is out of range, if r is not the x of a point, or if the key would be the point at infinity.
//= spec 9.3.1, 9.3.3, 9.3.4, 9.3.6, 9.3.7
pub fn secp256k1_recover(hash: &[u8; 32], signature: &[u8; 65]) -> Option<[u8; 64]> {
    let [scalars @ .., v] = signature;
    //= spec 9.3.2
    let y_is_odd = match v {
        0 | 27 => false,
        1 | 28 => true,
        _ => return None,
    };
    let signature = Signature::from_slice(scalars).ok()?;
    //= spec 9.3.5
    let key = VerifyingKey::recover_from_prehash(hash, &signature, RecoveryId::new(y_is_odd, false)).ok()?;
    let point = key.to_sec1_point(false);
    let (_tag, coordinates) = point.as_bytes().split_first()?;
    coordinates.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{keccak256, sha256},
        *,
    };
    use alloy_primitives::{U256, hex, uint};

    /// The order of the curve (SEC 2, 2.4.1).
    const N: U256 = uint!(0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141_U256);
    /// The prime of its field.
    const P: U256 = uint!(0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F_U256);
    /// The x of its base point; the y is even.
    const G_X: U256 = uint!(0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798_U256);

    /// go-ethereum, crypto/signature_test.go: a hash, r, s (low), v = 1 and the key.
    const HASH: [u8; 32] = hex!("ce0677bb30baa8cf067c88db9811f4333d131bf8bcf12fe7065d211dce971008");
    const R: U256 = uint!(0x90f27b8b488db00b00606796d2987f6a5f59ae62ea05effe84fef5b8b0e54998_U256);
    const S: U256 = uint!(0x4a691139ad57a3f0b906637673aa2f63d1f55cb1a69199d4009eea23ceaddc93_U256);
    const KEY: [u8; 64] = hex!(
        "e32df42865e97135acfb65f3bae71bdc86f4d49150ad6a440b6f15878109880a"
        "0a2b2667f7e725ceea70c673093bf67663e0312623c8e091b13cf2c0f11ef652"
    );

    /// Numbers r for which n + r is the x of a point.
    const SIGNED_ABOVE_N: [u64; 3] = [2, 4, 6];

    fn recover(hash: &[u8; 32], r: U256, s: U256, v: u8) -> Option<[u8; 64]> {
        let mut signature = [v; 65];
        signature[..32].copy_from_slice(&r.to_be_bytes::<32>());
        signature[32..64].copy_from_slice(&s.to_be_bytes::<32>());
        secp256k1_recover(hash, &signature)
    }

    /// go-ethereum, core/vm/testdata/precompiles/ecRecover.json: hash, v, r, s as the precompile takes them.
    fn ethereum(input: &[u8; 128]) -> Option<[u8; 20]> {
        let [r, s] = [&input[64..96], &input[96..]].map(U256::from_be_slice);
        let key = recover(input[..32].try_into().unwrap(), r, s, input[63])?;
        Some(keccak256(&key)[12..].try_into().unwrap())
    }

    //= spec 9.3.1 test
    #[test]
    fn ethereum_ecrecover() {
        // The s of this one is high.
        let valid = hex!(
            "18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c"
            "000000000000000000000000000000000000000000000000000000000000001c"
            "73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f"
            "eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549"
        );
        assert_eq!(ethereum(&valid), Some(hex!("a94f5374fce5edbc8e2a8697c15331677e6ebf0b")));
        let not_a_point = hex!(
            "a8b53bdf3306a35a7103ab5504a0c9b492295564b6202b1942a84ef300107281"
            "000000000000000000000000000000000000000000000000000000000000001b"
            "3078356531653033663533636531386237373263636230303933666637316633"
            "6635336635633735623734646233316138356161386238383932623465386211"
        );
        assert_eq!(ethereum(&not_a_point), None);
    }

    /// The documentation of the crate k256: both hashes, a compressed key each.
    //= spec 9.3.1 test
    #[test]
    fn sha256_and_keccak256_messages() {
        for (hash, v, r, s, tag, x) in [
            (
                sha256(b"example message"),
                0,
                uint!(0xce53abb3721bafc561408ce8ff99c909f7f0b18a2f788649d6470162ab1aa032_U256),
                uint!(0x3971edc523a6d6453f3fb6128d318d9db1a5ff3386feb1047d9816e780039d52_U256),
                2,
                hex!("1a7a569e91dbf60581509c7fc946d1003b60c7dee85299538db6353538d59574"),
            ),
            (
                keccak256(b"example message"),
                1,
                uint!(0x46c05b6368a44b8810d79859441d819b8e7cdc8bfd371e35c53196f4bcacdb51_U256),
                uint!(0x35c7facce2a97b95eacba8a586d87b7958aaf8368ab29cee481f76e871dbd9cb_U256),
                2,
                hex!("00866db99873b09fc2fb1e3ba549b156e96d1a567e3284f5f0e859a83320cb8b"),
            ),
        ] {
            let key = recover(&hash, r, s, v).unwrap();
            assert_eq!((&key[..32], 2 | key[63] & 1), (&x[..], tag));
        }
    }

    //= spec 9.3.2 test
    #[test]
    fn v_has_four_values() {
        for v in 0..=u8::MAX {
            let key = recover(&HASH, R, S, v);
            match v {
                1 | 28 => assert_eq!(key, Some(KEY)),
                0 | 27 => assert!(key.is_some_and(|key| key != KEY), "{v}: the other point, another key"),
                _ => assert_eq!(key, None, "{v}"),
            }
        }
    }

    //= spec 9.3.4 test
    #[test]
    fn a_high_s_recovers_the_same_key() {
        assert!(S < N / U256::from(2) && N - S > N / U256::from(2));
        assert_eq!(recover(&HASH, R, N - S, 0), Some(KEY));
        assert_eq!(recover(&HASH, R, N - S, 27), Some(KEY));
    }

    //= spec 9.3.3, 9.3.6 test
    #[test]
    fn r_and_s_are_in_range() {
        let one = U256::from(1);
        for bad in [U256::ZERO, N, N + one, P, U256::MAX] {
            for v in [0, 1, 27, 28] {
                assert_eq!(recover(&HASH, bad, S, v), None, "r = {bad:#x}");
                assert_eq!(recover(&HASH, R, bad, v), None, "s = {bad:#x}");
            }
        }
        // The ends of the range; x = 1 is on the curve, x = 5 is not.
        for s in [one, N - one] {
            assert!(recover(&HASH, R, s, 0).is_some());
            assert!(recover(&HASH, one, s, 0).is_some());
            assert_eq!(recover(&HASH, U256::from(5), s, 0), None);
        }
    }

    /// The x of a curve's point can be from n to p - 1; then r is x - n. No v of ours says so.
    //= spec 9.3.5 test
    #[test]
    fn a_point_whose_x_is_n_or_more_cannot_be_named() {
        let hash_of = |v| SIGNED_ABOVE_N.map(|r| recover(&HASH, U256::from(r), S, v));
        for v in [2, 3, 29, 30] {
            assert_eq!(hash_of(v), [None; SIGNED_ABOVE_N.len()]);
        }
        for r in SIGNED_ABOVE_N {
            let x = N + U256::from(r);
            assert!(x < P);
            // Such a point there is: its recovery id is 2 or 3 for the crate.
            let mut scalars = [0; 64];
            scalars[..32].copy_from_slice(&U256::from(r).to_be_bytes::<32>());
            scalars[32..].copy_from_slice(&S.to_be_bytes::<32>());
            let signature = Signature::from_slice(&scalars).unwrap();
            assert!(VerifyingKey::recover_from_prehash(&HASH, &signature, RecoveryId::new(false, true)).is_ok());
            assert_eq!(recover(&HASH, x, S, 0), None);
        }
    }

    /// The key is (s R - z G) / r: with R = G it is the point at infinity where s = z.
    //= spec 9.3.6 test
    #[test]
    fn no_key_at_infinity() {
        let z = U256::from_be_bytes(HASH);
        assert_eq!(recover(&HASH, G_X, z, 0), None);
        assert!(recover(&HASH, G_X, z, 1).is_some());
        assert!(recover(&HASH, G_X, z + U256::from(1), 0).is_some());
    }

    /// A hash is a number modulo n; zero is a hash as well.
    //= spec 9.3.7 test
    #[test]
    fn hashes_are_reduced() {
        for z in [U256::ZERO, U256::from(1), U256::MAX - N] {
            let [low, high] = [z, z + N].map(|z| recover(&z.to_be_bytes(), R, S, 0));
            assert!(low.is_some());
            assert_eq!(low, high, "{z:#x}");
        }
    }
}
