//! A call of another contract's export by name, with bytes as its input: what a transaction can do.

use crate::{
    calls::{FAILURE, NAME_BYTES_MAX, callee_and_value, charge_value, forward_gas_with_stipend, requested_gas},
    entry::{Buffers, Entry, ExportCall},
    halt::HaltReason,
    host_call::HostCall,
    import::Answer,
    request::{CallKind, CallRequest, Request},
    stop::HostResult,
};
use lockstep_gas::HostFunction as F;

//= spec 11.5.6
#[expect(clippy::too_many_arguments, reason = "the interface has seven")]
pub(super) fn call_export(
    call: &mut HostCall<'_>,
    gas: i64,
    address: u32,
    value: u32,
    name: u32,
    name_length: u32,
    data: u32,
    length: u32,
) -> HostResult<Answer<u32>> {
    let requested = requested_gas(gas)?;
    let (callee, value) = callee_and_value(call, address, value)?;
    if name_length > NAME_BYTES_MAX || length > call.limits().input_bytes_max {
        return Err(HaltReason::LimitExceeded.into());
    }
    for (offset, bytes) in [(name, name_length), (data, length)] {
        call.guest.load(offset, bytes)?;
    }
    let price = call.price(F::Call).for_bytes(u64::from(name_length).saturating_add(u64::from(length)));
    call.guest.charge(price)?;
    if call.frame.message.depth >= call.revision.transaction.frame_depth_max {
        return Ok(Answer::Now(FAILURE));
    }
    if !charge_value(call, CallKind::Call, &callee, value)? {
        return Ok(Answer::Now(FAILURE));
    }
    let name = call.guest.load_bytes(name, name_length)?;
    let arguments = call.guest.load_bytes(data, length)?;
    let gas = forward_gas_with_stipend(call, CallKind::Call, requested, value)?;
    let input = Entry::Export(ExportCall { name, descriptor: None, arguments, buffers: Buffers::InArguments });
    Ok(Answer::After(Box::new(Request::Call(CallRequest { kind: CallKind::Call, gas, callee, value, input }))))
}
