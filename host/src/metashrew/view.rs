//! What goes into a view, and what comes out of it, between the guest calls of its frame.

use super::{buffer::Buffer, dialect::Dialect};
use crate::{halt::HaltReason, host_call::HostCall, stop::HostResult};
use alloy_primitives::Bytes;
use lockstep_gas::HostFunction;

/// Puts the argument of a view where the module's allocator has made room, and returns its length.
///
/// # Errors
///
/// Halts if it does not fit into memory there ([`HaltReason::NoRoomForInput`]), or cannot be paid for.
//= spec 13.7
pub fn place_argument(call: &mut HostCall<'_>, place: u32) -> HostResult<u32> {
    let length = u32::try_from(call.frame.input.len()).map_err(|_| HaltReason::LimitExceeded)?;
    call.charge_bytes(HostFunction::CallDataCopy, length)?;
    call.guest.store(place, &call.frame.input).map_err(|_| HaltReason::NoRoomForInput)?;
    Ok(length)
}

/// The bytes of the buffer that a view returned.
///
/// # Errors
///
/// Halts if the pointer means no buffer ([`HaltReason::BadResult`]), if the bytes are more than an output can have, or if
/// they cannot be paid for.
//= spec 13.7
pub fn view_result(call: &mut HostCall<'_>, pointer: u32) -> HostResult<Bytes> {
    let buffer = Buffer::at(&call.guest, Dialect::of(call.frame.abi), pointer).ok_or(HaltReason::BadResult)?;
    call.charge_bytes(HostFunction::Finish, buffer.length)?;
    if buffer.length > call.limits().output_bytes_max {
        return Err(HaltReason::LimitExceeded.into());
    }
    call.guest.load_bytes(buffer.offset, buffer.length)
}
