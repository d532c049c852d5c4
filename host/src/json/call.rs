//! `call`: a call of another account's method, in any ABI.
//!
//! What is wrong with the callee is a failure for the caller; what is wrong with the caller's own pointers halts it.

use crate::{
    calls::{FAILURE, NAME_BYTES_MAX, forward_gas, requested_gas},
    entry::{Buffers, Entry, ExportCall},
    halt::HaltReason,
    host_call::HostCall,
    import::Answer,
    request::{CallKind, CallRequest, Request},
    stop::HostResult,
};
use alloy_primitives::U256;
use lockstep_gas::HostFunction as F;

//= spec 10.3.13, 10.3.14
pub(super) fn call(
    call: &mut HostCall<'_>,
    address: u32,
    method: u32,
    method_length: u32,
    arguments: u32,
    arguments_length: u32,
    gas: i64,
) -> HostResult<Answer<u32>> {
    let requested = requested_gas(gas)?;
    let bytes = method_length.saturating_add(arguments_length);
    call.charge_bytes(F::Call, bytes)?;
    let callee = call.guest.load_address(address)?;
    if arguments_length > call.limits().input_bytes_max {
        return Err(HaltReason::LimitExceeded.into());
    }
    call.guest.load(method, method_length)?;
    let arguments = call.guest.load_bytes(arguments, arguments_length)?;
    //= spec 1.1.5, 3.1
    if method_length > NAME_BYTES_MAX || call.frame.message.depth >= call.revision.transaction.frame_depth_max {
        return Ok(Answer::Now(FAILURE));
    }
    let input = if method_length == 0 {
        Entry::Main(arguments)
    } else {
        let name = call.guest.load_bytes(method, method_length)?;
        Entry::Export(ExportCall { name, descriptor: None, arguments, buffers: Buffers::InArguments })
    };
    let gas = forward_gas(call, requested)?;
    let request = CallRequest { kind: CallKind::Call, gas, callee, value: U256::ZERO, input };
    Ok(Answer::After(Box::new(Request::Call(request))))
}
