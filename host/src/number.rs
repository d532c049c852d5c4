//! Numbers of the host in the types of a guest.

use crate::{halt::HaltReason, stop::HostResult};

/// Guests have signed 64-bit numbers; no block or gas limit in use comes near their end.
//= spec 5.2.4
pub(crate) fn saturating_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Bytes of data that a guest can address: limits keep every one of them below 4 GiB.
pub(crate) fn length_of(bytes: &[u8]) -> HostResult<u32> {
    Ok(u32::try_from(bytes.len()).map_err(|_| HaltReason::LimitExceeded)?)
}

/// Bytes of data as prices count them.
pub(crate) fn len_u64(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
