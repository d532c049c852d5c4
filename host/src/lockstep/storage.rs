//! Storage of bytes at keys of bytes, as a guest of module `lockstep` asks for it.

use crate::{halt::HaltReason, host_call::HostCall, stop::HostResult, storage};

/// What a guest is told of a key without a value: -1.
const ABSENT: u32 = u32::MAX;

//= spec 11.5.2
pub(super) fn get(call: &mut HostCall<'_>, key: u32, key_length: u32, result: u32, capacity: u32) -> HostResult<u32> {
    let Some(value) = storage::read(call, (key, key_length))? else {
        return Ok(ABSENT);
    };
    let length = u32::try_from(value.len()).map_err(|_| HaltReason::LimitExceeded)?;
    call.guest.store_from(result, &value, 0, length.min(capacity))?;
    Ok(length)
}

//= spec 11.5.3
pub(super) fn set(call: &mut HostCall<'_>, key: u32, key_length: u32, value: u32, value_length: u32) -> HostResult<()> {
    storage::write(call, (key, key_length), (value, value_length))
}

//= spec 11.5.4
pub(super) fn remove(call: &mut HostCall<'_>, key: u32, key_length: u32) -> HostResult<()> {
    storage::remove(call, (key, key_length))
}
