//! The five functions of module `ethereum` that start a frame: `call`, `callCode`, `callDelegate`, `callStatic`,
//! `create`.
//!
//! They check and charge in hera's order and then stop with a [`Request`]. Where a call fails before a frame begins,
//! the return data of the frame's last call stays as it was (hera; the EVM clears it).

use crate::{
    host_call::HostCall,
    request::{CallKind, CallRequest, CreateRequest, Entry, Reply, Request},
    stop::{HaltReason, HostResult, Stop},
};
use alloy_primitives::{Address, Bytes, U256};
use lockstep_gas::{Gas, HostFunction as F};

/// What the guest is told when no frame could begin.
const FAILURE: u32 = 1;

pub(crate) fn call(
    call: &mut HostCall<'_>,
    gas: i64,
    address: u32,
    value: u32,
    data: u32,
    length: u32,
) -> HostResult<u32> {
    let gas = requested_gas(gas)?;
    let callee = call.guest.load_address(address)?;
    let value = call.guest.load_u128(value)?;
    if !value.is_zero() {
        call.refuse_static()?;
    }
    start(call, F::Call, CallKind::Call, gas, callee, value, (data, length))
}

pub(crate) fn call_code(
    call: &mut HostCall<'_>,
    gas: i64,
    address: u32,
    value: u32,
    data: u32,
    length: u32,
) -> HostResult<u32> {
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
) -> HostResult<u32> {
    let gas = requested_gas(gas)?;
    let callee = call.guest.load_address(address)?;
    let value = call.frame.message.value;
    start(call, F::CallDelegate, CallKind::CallDelegate, gas, callee, value, (data, length))
}

pub(crate) fn call_static(call: &mut HostCall<'_>, gas: i64, address: u32, data: u32, length: u32) -> HostResult<u32> {
    let gas = requested_gas(gas)?;
    let callee = call.guest.load_address(address)?;
    start(call, F::CallStatic, CallKind::CallStatic, gas, callee, U256::ZERO, (data, length))
}

pub(crate) fn create(call: &mut HostCall<'_>, value: u32, data: u32, length: u32, result: u32) -> HostResult<u32> {
    call.charge_bytes(F::Create, length)?;
    call.refuse_static()?;
    let value = call.guest.load_u128(value)?;
    let Some(()) = depth_and_balance(call, value)? else {
        return Ok(FAILURE);
    };
    let init_code = load_input(call, data, length, call.limits().code_bytes_max)?;
    let gas = forward_gas(call, Gas::MAX)?;
    let reply = Reply::Created { result };
    Err(Stop::Suspend(Box::new(Request::Create(CreateRequest { gas, value, init_code, reply }))))
}

/// From the input on, the four calls differ only in what moves.
fn start(
    call: &mut HostCall<'_>,
    function: F,
    kind: CallKind,
    requested: Gas,
    callee: Address,
    value: U256,
    (data, length): (u32, u32),
) -> HostResult<u32> {
    let input = load_input(call, data, length, call.limits().input_bytes_max)?;
    call.charge_bytes(function, length)?;
    if call.frame.message.depth >= call.limits().frame_depth_max {
        return Ok(FAILURE);
    }
    if matches!(kind, CallKind::Call | CallKind::CallCode) && !charge_value(call, kind, &callee, value)? {
        return Ok(FAILURE);
    }
    let gas = forward_gas_with_stipend(call, kind, requested, value)?;
    let input = Entry::Main(input);
    let request = CallRequest { kind, gas, callee, value, input, reply: Reply::Status };
    Err(Stop::Suspend(Box::new(Request::Call(request))))
}

/// Charges what a call with `value` costs. False if the caller does not have it.
pub(crate) fn charge_value(call: &mut HostCall<'_>, kind: CallKind, callee: &Address, value: U256) -> HostResult<bool> {
    if value.is_zero() {
        return Ok(true);
    }
    let prices = &call.revision.schedule.account;
    call.guest.charge(Gas::new(prices.call_value))?;
    if own_balance(call)? < value {
        return Ok(false);
    }
    if kind == CallKind::Call && !call.world.account_exists(callee)? {
        call.guest.charge(Gas::new(prices.new_account))?;
    }
    Ok(true)
}

/// Takes the callee's gas from the caller, who keeps at least a 64th (EIP-150), and adds the stipend to it.
pub(crate) fn forward_gas_with_stipend(
    call: &mut HostCall<'_>,
    kind: CallKind,
    requested: Gas,
    value: U256,
) -> HostResult<Gas> {
    let gas = forward_gas(call, requested)?;
    let prices = &call.revision.schedule.account;
    let stipend = match kind {
        _ if value.is_zero() => 0,
        CallKind::CallDelegate => prices.delegate_stipend,
        CallKind::Call | CallKind::CallCode | CallKind::CallStatic => prices.call_stipend,
    };
    Ok(gas.plus(Gas::new(stipend)))
}

/// The gas argument of a call.
pub(crate) fn requested_gas(gas: i64) -> HostResult<Gas> {
    Ok(Gas::new(u64::try_from(gas).map_err(|_| HaltReason::ArgumentOutOfRange)?))
}

fn forward_gas(call: &mut HostCall<'_>, requested: Gas) -> HostResult<Gas> {
    let gas = requested.min(call.guest.gas_left().all_but_one_64th());
    call.guest.charge(gas)?;
    Ok(gas)
}

/// `None` if the frame is too deep or the account too poor for a creation.
fn depth_and_balance(call: &mut HostCall<'_>, value: U256) -> HostResult<Option<()>> {
    if call.frame.message.depth >= call.limits().frame_depth_max {
        return Ok(None);
    }
    // hera looks at the balance even where no value moves.
    Ok((own_balance(call)? >= value).then_some(()))
}

/// The balance of the running account; the interface has 128-bit amounts and fails beyond them.
fn own_balance(call: &mut HostCall<'_>) -> HostResult<U256> {
    let balance = call.world.balance(&call.frame.message.address)?;
    if balance > U256::from(u128::MAX) { Err(HaltReason::ArgumentOutOfRange.into()) } else { Ok(balance) }
}

/// The input of a call, or init code: where it is empty, its offset is not looked at.
fn load_input(call: &HostCall<'_>, data: u32, length: u32, length_max: u32) -> HostResult<Bytes> {
    if length == 0 {
        return Ok(Bytes::new());
    }
    if length > length_max {
        return Err(HaltReason::LimitExceeded.into());
    }
    call.guest.load_bytes(data, length)
}
