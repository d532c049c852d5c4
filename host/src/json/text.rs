//! Strings of AssemblyScript: UTF-16, little-endian, with their length in bytes in the four bytes in front of them.

use crate::{host_call::HostCall, stop::HostResult};
use alloy_primitives::Bytes;
use lockstep_gas::HostFunction as F;

/// Bytes of UTF-8 that one unit of UTF-16 can become.
const BYTES_PER_UNIT: u32 = 3;

/// The string at `pointer` as UTF-8, cut where it could exceed the data of a revert; empty for a null pointer. Half a pair
/// becomes U+FFFD.
//= spec 10.3.15
pub(super) fn of_assembly_script(call: &mut HostCall<'_>, pointer: u32) -> HostResult<Bytes> {
    let Some(header) = pointer.checked_sub(4) else { return Ok(Bytes::new()) };
    let bytes = u32::from_le_bytes(call.guest.load_array(header)?);
    let bytes = bytes.min((call.limits().revert_bytes_max / BYTES_PER_UNIT).saturating_mul(2)) & !1;
    let price = call.price(F::Revert).more_bytes(u64::from(bytes));
    call.guest.charge(price)?;
    let units = call.guest.load(pointer, bytes)?.chunks_exact(2);
    let units = units.filter_map(|unit| unit.first_chunk::<2>().map(|unit| u16::from_le_bytes(*unit)));
    let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Ok(text.into_bytes().into())
}
