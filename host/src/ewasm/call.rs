//! The five functions of module `ethereum` that start a frame: `call`, `callCode`, `callDelegate`, `callStatic`,
//! `create`.
//!
//! They check and charge in hera's order and then ask for the frame; `calls::called` and `created` are their second
//! halves. Where a call fails before a frame begins, the return data of the frame's last call stays as it was (hera; the
//! EVM clears it).

use crate::{
    calls::{
        FAILURE, callee_and_value, charge_value, forward_gas, forward_gas_with_stipend, load_input, own_balance,
        requested_gas, told,
    },
    entry::Entry,
    host_call::HostCall,
    import::Answer,
    request::{CallKind, CallRequest, CreateRequest, FrameResult, Request},
    stop::HostResult,
};
use alloy_primitives::{Address, Bytes, U256};
use lockstep_gas::{Gas, HostFunction as F};

pub(crate) fn call(
    call: &mut HostCall<'_>,
    gas: i64,
    address: u32,
    value: u32,
    data: u32,
    length: u32,
) -> HostResult<Answer<u32>> {
    let gas = requested_gas(gas)?;
    let (callee, value) = callee_and_value(call, address, value)?;
    start(call, F::Call, CallKind::Call, gas, callee, value, (data, length))
}

//= spec 5.3.1, 5.3.2, 5.3.3
pub(crate) fn call_code(
    call: &mut HostCall<'_>,
    gas: i64,
    address: u32,
    value: u32,
    data: u32,
    length: u32,
) -> HostResult<Answer<u32>> {
    let gas = requested_gas(gas)?;
    let callee = call.guest.load_address(address)?;
    let value = call.guest.load_u128(value)?;
    start(call, F::CallCode, CallKind::CallCode, gas, callee, value, (data, length))
}

pub(crate) fn call_delegate(
    call: &mut HostCall<'_>,
    gas: i64,
    address: u32,
    data: u32,
    length: u32,
) -> HostResult<Answer<u32>> {
    let gas = requested_gas(gas)?;
    let callee = call.guest.load_address(address)?;
    let value = call.frame.message.value;
    start(call, F::CallDelegate, CallKind::CallDelegate, gas, callee, value, (data, length))
}

pub(crate) fn call_static(
    call: &mut HostCall<'_>,
    gas: i64,
    address: u32,
    data: u32,
    length: u32,
) -> HostResult<Answer<u32>> {
    let gas = requested_gas(gas)?;
    let callee = call.guest.load_address(address)?;
    start(call, F::CallStatic, CallKind::CallStatic, gas, callee, U256::ZERO, (data, length))
}

//= spec 5.2.16
pub(crate) fn create(
    call: &mut HostCall<'_>,
    value: u32,
    data: u32,
    length: u32,
    _result: u32,
) -> HostResult<Answer<u32>> {
    call.charge_bytes(F::Create, length)?;
    call.refuse_static()?;
    let value = call.guest.load_u128(value)?;
    let Some(()) = depth_and_balance(call, value)? else {
        return Ok(Answer::Now(FAILURE));
    };
    let init_code = load_input(call, data, length, call.limits().code_bytes_max)?;
    let gas = forward_gas(call, Gas::MAX)?;
    Ok(Answer::After(Box::new(Request::Create(CreateRequest { gas, value, init_code }))))
}

/// What the guest is told of the creation that it asked for; the new address is written at `result`.
//= spec 5.3.14
pub(crate) fn created(
    call: &mut HostCall<'_>,
    ended: FrameResult,
    (_value, _data, _length, result): (u32, u32, u32, u32),
) -> HostResult<u32> {
    //= spec 1.2.1
    call.frame.return_data = if ended.created.is_some() { Bytes::new() } else { ended.output };
    if let Some(address) = ended.created {
        call.guest.store(result, address.as_slice())?;
    }
    Ok(told(ended.status))
}

/// From the input on, the four calls differ only in what moves.
//= spec 5.3.5, 5.3.6
fn start(
    call: &mut HostCall<'_>,
    function: F,
    kind: CallKind,
    requested: Gas,
    callee: Address,
    value: U256,
    (data, length): (u32, u32),
) -> HostResult<Answer<u32>> {
    let input = load_input(call, data, length, call.limits().input_bytes_max)?;
    call.charge_bytes(function, length)?;
    //= spec 1.1.5, 3.1, 5.3.12
    if call.frame.message.depth >= call.revision.transaction.frame_depth_max {
        return Ok(Answer::Now(FAILURE));
    }
    //= spec 1.1.5
    if matches!(kind, CallKind::Call | CallKind::CallCode) && !charge_value(call, kind, &callee, value)? {
        return Ok(Answer::Now(FAILURE));
    }
    let gas = forward_gas_with_stipend(call, kind, requested, value)?;
    let request = CallRequest { kind, gas, callee, value, input: Entry::Main(input) };
    Ok(Answer::After(Box::new(Request::Call(request))))
}

/// `None` if the frame is too deep or the account too poor for a creation.
//= spec 1.1.5, 5.3.12, 5.3.15
fn depth_and_balance(call: &mut HostCall<'_>, value: U256) -> HostResult<Option<()>> {
    //= spec 3.1
    if call.frame.message.depth >= call.revision.transaction.frame_depth_max {
        return Ok(None);
    }
    // hera looks at the balance even where no value moves.
    Ok((own_balance(call)? >= value).then_some(()))
}
