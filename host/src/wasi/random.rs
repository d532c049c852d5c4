//! Randomness: bytes that no other frame of the chain is given, and that every node computes alike.
//!
//! Whoever knows the transaction knows them. They are no secret and no lottery: a sender can try nonces.

use super::errno::WasiErrno;
use crate::{host_call::HostCall, stop::HostResult};
use lockstep_gas::HostFunction as F;
use shake::{
    Shake256,
    digest::{ExtendableOutput, Update, XofReader},
};

/// What the input of the function begins with.
const DOMAIN: &[u8; 20] = b"lockstep-wasi-random";

pub(super) fn random_get(call: &mut HostCall<'_>, result: u32, length: u32) -> HostResult<u32> {
    call.charge_bytes(F::WasiRandom, length)?;
    // A call whose bytes have no place is not counted.
    call.guest.load(result, length)?;
    let mut stream = next_stream(call)?;
    stream.read(call.guest.load_mut(result, length)?);
    Ok(WasiErrno::Success.code())
}

impl HostCall<'_> {
    /// The next 16 random bytes of the frame, for a function of the host.
    pub(crate) fn random(&mut self) -> HostResult<[u8; 16]> {
        let mut bytes = [0; 16];
        self.charge_bytes(F::WasiRandom, 16)?;
        next_stream(self)?.read(&mut bytes);
        Ok(bytes)
    }
}

/// The bytes of one call: SHAKE256 over the domain, the transaction (its sender and its nonce), the number of the frame in
/// the transaction and that of the call in the frame, numbers in 8 bytes, big-endian.
//= spec 11.4.1
fn next_stream(call: &mut HostCall<'_>) -> HostResult<impl XofReader + use<>> {
    let number = call.process()?.next_random_call();
    let transaction = call.world.transaction();
    let mut hasher = Shake256::default();
    hasher.update(DOMAIN);
    hasher.update(transaction.origin.as_slice());
    hasher.update(&transaction.nonce.to_be_bytes());
    hasher.update(&call.frame.index.to_be_bytes());
    hasher.update(&number.to_be_bytes());
    Ok(hasher.finalize_xof())
}
