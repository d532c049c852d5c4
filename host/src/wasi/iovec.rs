//! Vectors of buffers in a guest's memory, as `fd_read` and `fd_write` take them: each entry is a pointer and a length,
//! 4 bytes each, little-endian.
//!
//! The number of entries and every entry are the guest's: they can lie about anything. Each entry is paid for before it is
//! read, all bytes before they are copied.

use crate::{guest::Guest, halt::HaltReason, host_call::HostCall, stop::HostResult};
use lockstep_gas::{Gas, HostFunction};

/// Bytes of one entry.
const ENTRY_BYTES: u32 = 8;

/// A buffer: its pointer and its length.
pub(super) type Buffer = (u32, u32);

/// Reads a vector of `count` entries at `offset`, for `function`'s base and its price for each entry. Whether the buffers
/// lie in memory is not looked at yet.
///
/// # Errors
///
/// Halts if the guest cannot pay, or if the entries do not lie in memory.
//= spec 11.2.1
pub(super) fn load(
    call: &mut HostCall<'_>,
    function: HostFunction,
    offset: u32,
    count: u32,
) -> HostResult<Vec<Buffer>> {
    let price = call.price(function);
    call.guest.charge(Gas::new(price.base).plus(price.for_items(u64::from(count))))?;
    let bytes = count.checked_mul(ENTRY_BYTES).ok_or(HaltReason::HostAccessOutOfBounds)?;
    let (entries, _) = call.guest.load(offset, bytes)?.as_chunks::<8>();
    let buffer = |&[p0, p1, p2, p3, l0, l1, l2, l3]: &[u8; 8]| {
        (u32::from_le_bytes([p0, p1, p2, p3]), u32::from_le_bytes([l0, l1, l2, l3]))
    };
    Ok(entries.iter().map(buffer).collect())
}

/// Bytes of all buffers together.
pub(super) fn total_bytes(buffers: &[Buffer]) -> u64 {
    buffers.iter().fold(0_u64, |sum, (_, length)| sum.saturating_add(u64::from(*length)))
}

/// Halts if a buffer does not lie in memory.
//= spec 11.2.2
pub(super) fn check(guest: &Guest<'_>, buffers: &[Buffer]) -> HostResult<()> {
    buffers.iter().try_for_each(|(pointer, length)| guest.load(*pointer, *length).map(|_| ()))
}
