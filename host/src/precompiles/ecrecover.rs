//! `ecrecover`: the address whose key signed a hash (Yellow Paper, appendix E).

use super::padded::Padded;
use crate::crypto::{keccak256, secp256k1_recover};

/// The address that signed, 12 zeros before its 20 bytes; `None`, which is an empty output, if no key did.
///
/// The input is the hash, v, r and s, 32 bytes each, big-endian. v is 27 or 28; the rest of the rule is at
/// [`secp256k1_recover`].
pub(super) fn ecrecover(input: Padded<'_>) -> Option<[u8; 32]> {
    let v: [u8; 32] = input.array(32);
    let [zeros @ .., parity] = v;
    if zeros != [0; 31] || !matches!(parity, 27 | 28) {
        return None;
    }
    let mut signature = [0; 65];
    let (scalars, last) = signature.split_at_mut(64);
    scalars.copy_from_slice(&input.array::<64>(64));
    last.copy_from_slice(&[parity]);
    let key = secp256k1_recover(&input.array(0), &signature)?;
    let mut address = keccak256(&key);
    address.split_at_mut(12).0.fill(0);
    Some(address)
}
