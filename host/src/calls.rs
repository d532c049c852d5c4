//! What a call of another account takes from its caller before the frame begins: the input, the value, the gas. And what
//! the caller is told when the frame has ended.
//!
//! The same for every ABI: contracts of all of them call each other.

use crate::{
    halt::HaltReason,
    host_call::HostCall,
    request::{CallKind, FrameResult, Status},
    stop::HostResult,
};
use alloy_primitives::{Address, Bytes, U256};
use lockstep_gas::Gas;

/// What a guest is told of a call that failed, or that no frame could begin for.
//= spec 1.2.5
pub(crate) const FAILURE: u32 = 1;

/// Bytes of an export's name that a call can have.
pub(crate) const NAME_BYTES_MAX: u32 = 256;

/// The callee and the amount that a call's pointers name. An amount that is not zero halts a static frame.
//= spec 5.3.2, 5.3.3, 6.7.2, 6.7.3
pub(crate) fn callee_and_value(call: &HostCall<'_>, address: u32, value: u32) -> HostResult<(Address, U256)> {
    let callee = call.guest.load_address(address)?;
    let value = call.guest.load_u128(value)?;
    if !value.is_zero() {
        call.refuse_static()?;
    }
    Ok((callee, value))
}

/// Takes over what came of a call, and returns what the guest is told of it as an i32.
//= spec 1.2.1, 1.2.2, 1.2.3, 1.2.4, 5.3.10
pub(crate) fn called<A>(call: &mut HostCall<'_>, ended: FrameResult, _arguments: A) -> HostResult<u32> {
    call.frame.return_data = ended.output;
    Ok(told(ended.status))
}

/// 0 success, 1 failure, 2 revert.
//= spec 5.3.11
pub(crate) const fn told(status: Status) -> u32 {
    match status {
        //= spec 1.2.1
        Status::Success => 0,
        //= spec 1.2.3, 1.2.4
        Status::Failure(_) | Status::Refused(_) => FAILURE,
        //= spec 1.2.2
        Status::Revert(_) => 2,
    }
}

/// Charges what a call with `value` costs. False if the caller does not have it.
//= spec 5.3.7, 6.7.12
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
//= spec 3.35, 5.3.8, 5.3.9, 6.7.13
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
//= spec 5.3.1, 6.7.1
pub(crate) fn requested_gas(gas: i64) -> HostResult<Gas> {
    Ok(Gas::new(u64::try_from(gas).map_err(|_| HaltReason::ArgumentOutOfRange)?))
}

/// Takes gas for a frame below from the caller: `requested`, or as much as it may give (EIP-150).
//= spec 3.34
pub(crate) fn forward_gas(call: &mut HostCall<'_>, requested: Gas) -> HostResult<Gas> {
    let gas = requested.min(call.guest.gas_left().all_but_one_64th());
    call.guest.charge(gas)?;
    Ok(gas)
}

/// The balance of the running account; the interface has 128-bit amounts and fails beyond them.
//= spec 5.3.7
pub(crate) fn own_balance(call: &mut HostCall<'_>) -> HostResult<U256> {
    let balance = call.world.balance(&call.frame.message.address)?;
    if balance > U256::from(u128::MAX) { Err(HaltReason::ArgumentOutOfRange.into()) } else { Ok(balance) }
}

/// The input of a call, or init code, of at most `length_max` bytes: where it is empty, its offset is not looked at.
//= spec 5.2.3, 5.3.4, 5.3.13
pub(crate) fn load_input(call: &HostCall<'_>, data: u32, length: u32, length_max: u32) -> HostResult<Bytes> {
    if length == 0 {
        return Ok(Bytes::new());
    }
    if length > length_max {
        return Err(HaltReason::LimitExceeded.into());
    }
    call.guest.load_bytes(data, length)
}
