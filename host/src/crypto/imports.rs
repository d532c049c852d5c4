//! The imports of module `crypto`: hashes and signatures, open to every ABI.
//!
//! Each charges for its input before it reads it.

use crate::{
    crypto,
    host_call::HostCall,
    import::{HostImport, host_imports},
    stop::HostResult,
};
use lockstep_gas::HostFunction as F;

/// The rows of module `crypto`.
#[rustfmt::skip]
pub(crate) const IMPORTS: &[HostImport] = host_imports! { "crypto":
    /// Writes the 32-byte SHA-256 of the data.
    "sha256" = Sha256, sha256, (data: u32, length: u32, result: u32) -> ();
    /// Writes the 32-byte SHA3-256 of the data.
    "sha3_256" = Sha3, sha3_256, (data: u32, length: u32, result: u32) -> ();
    /// Writes the 32-byte Keccak-256 of the data.
    "keccak256" = Keccak256, keccak256, (data: u32, length: u32, result: u32) -> ();
    /// Writes the 32-byte BLAKE2b-256 of the data, without a key.
    "blake2b_256" = Blake2b256, blake2b_256, (data: u32, length: u32, result: u32) -> ();
    /// Writes the 20-byte RIPEMD-160 of the data.
    "ripemd160" = Ripemd160, ripemd160, (data: u32, length: u32, result: u32) -> ();
    /// Writes the 64-byte public key that made a 65-byte signature (r, s, v) of a 32-byte hash; 0 if there is one, 1 if not.
    "secp256k1_recover" = Secp256k1Recover, secp256k1_recover, (hash: u32, signature: u32, result: u32) -> u32;
    /// 0 if a 64-byte signature of the message was made by a 32-byte public key, 1 if not.
    "ed25519_verify" = Ed25519Verify, ed25519_verify, (message: u32, length: u32, signature: u32, public_key: u32) -> u32;
};

/// The rows of module `crypto` that came after `V1`. An ABI in which an import without a row halts does not have them: its
/// contracts can import these names with any type already, and would change or become invalid.
#[rustfmt::skip]
pub(crate) const LATER: &[HostImport] = host_imports! { "crypto":
    /// Writes the 64-byte SHA-512 of the data.
    "sha512" = Sha512, sha512, (data: u32, length: u32, result: u32) -> ();
};

fn sha256(call: &mut HostCall<'_>, data: u32, length: u32, result: u32) -> HostResult<()> {
    hash(call, F::Sha256, crypto::sha256, (data, length), result)
}

fn sha512(call: &mut HostCall<'_>, data: u32, length: u32, result: u32) -> HostResult<()> {
    hash(call, F::Sha512, crypto::sha512, (data, length), result)
}

fn sha3_256(call: &mut HostCall<'_>, data: u32, length: u32, result: u32) -> HostResult<()> {
    hash(call, F::Sha3, crypto::sha3_256, (data, length), result)
}

fn keccak256(call: &mut HostCall<'_>, data: u32, length: u32, result: u32) -> HostResult<()> {
    hash(call, F::Keccak256, crypto::keccak256, (data, length), result)
}

fn blake2b_256(call: &mut HostCall<'_>, data: u32, length: u32, result: u32) -> HostResult<()> {
    hash(call, F::Blake2b256, crypto::blake2b_256, (data, length), result)
}

fn ripemd160(call: &mut HostCall<'_>, data: u32, length: u32, result: u32) -> HostResult<()> {
    hash(call, F::Ripemd160, crypto::ripemd160, (data, length), result)
}

//= spec 5.2.17
fn hash<const N: usize>(
    call: &mut HostCall<'_>,
    function: F,
    digest: fn(&[u8]) -> [u8; N],
    (data, length): (u32, u32),
    result: u32,
) -> HostResult<()> {
    call.charge_bytes(function, length)?;
    let digest = digest(call.guest.load(data, length)?);
    call.guest.store(result, &digest)
}

//= spec 5.2.17
fn secp256k1_recover(call: &mut HostCall<'_>, hash: u32, signature: u32, result: u32) -> HostResult<u32> {
    call.charge(F::Secp256k1Recover)?;
    let hash = call.guest.load_array(hash)?;
    let signature = call.guest.load_array(signature)?;
    match crypto::secp256k1_recover(&hash, &signature) {
        Some(public_key) => call.guest.store(result, &public_key).map(|()| 0),
        None => Ok(1),
    }
}

//= spec 5.2.17
fn ed25519_verify(
    call: &mut HostCall<'_>,
    message: u32,
    length: u32,
    signature: u32,
    public_key: u32,
) -> HostResult<u32> {
    call.charge_bytes(F::Ed25519Verify, length)?;
    let message = call.guest.load(message, length)?;
    let signature = call.guest.load_array(signature)?;
    let public_key = call.guest.load_array(public_key)?;
    Ok(u32::from(!crypto::ed25519_verify(message, &signature, &public_key)))
}
