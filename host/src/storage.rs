//! Storage by keys and values of any length, for the ABIs beyond the Ethereum environment interface.
//!
//! A key is a range of guest memory. Each function charges for the key before it looks at the state. What a value costs
//! depends on its length, for which the state is asked alone. The value is read after it has been paid for, and only by
//! a function that needs it. Writing over a value, removing it and looking for it cost as much as reading it.

use crate::{halt::HaltReason, host_call::HostCall, stop::HostResult, world::ValueHead};
use alloy_primitives::{Address, Bytes};
use lockstep_gas::{Gas, HostFunction as F};

/// Bytes of a key and its value that the base price of a write contains: those of `storageStore`.
const WRITTEN_FREE_BYTES: u64 = 64;

/// Bytes of the value at a key of the running account, `None` if there is none.
//= spec 10.2.1
pub(crate) fn length(call: &mut HostCall<'_>, key: (u32, u32)) -> HostResult<Option<u32>> {
    let key = paid_key(call, key)?;
    let address = call.frame.message.address;
    Ok(found(call, F::StorageRead, &address, &key)?.map(|head| head.bytes()))
}

/// The value at a key of the running account, `None` if there is none.
//= spec 10.2.1
pub(crate) fn read(call: &mut HostCall<'_>, key: (u32, u32)) -> HostResult<Option<Bytes>> {
    let key = paid_key(call, key)?;
    let address = call.frame.message.address;
    value(call, F::StorageRead, &address, &key)
}

/// The value at `key` of `account`, which is read after it has been [paid for](found).
pub(crate) fn value(call: &mut HostCall<'_>, function: F, account: &Address, key: &[u8]) -> HostResult<Option<Bytes>> {
    match found(call, function, account, key)? {
        Some(ValueHead::Known(value)) => Ok(Some(value)),
        Some(ValueHead::Unread { .. }) => Ok(call.world.storage(account, key)?),
        None => Ok(None),
    }
}

/// Whether there is a value at `key` of `account`, and its length. Its words beyond the first are paid for; the value is
/// not read. `function` is the one whose price for a word counts; its base pays for the first.
pub(crate) fn found(
    call: &mut HostCall<'_>,
    function: F,
    account: &Address,
    key: &[u8],
) -> HostResult<Option<ValueHead>> {
    let head = call.world.storage_head(account, key)?;
    pay_for(call, function, head.as_ref())?;
    Ok(head)
}

/// Charges for the words beyond the first of a value whose length the state was asked for.
pub(crate) fn pay_for(call: &mut HostCall<'_>, function: F, head: Option<&ValueHead>) -> HostResult<()> {
    let bytes = head.map_or(0, ValueHead::bytes);
    Ok(call.guest.charge(call.price(function).more_value_bytes(u64::from(bytes)))?)
}

/// Puts a value at a key of the running account. An empty value is a value.
//= spec 10.2.2, 10.2.4
pub(crate) fn write(call: &mut HostCall<'_>, key: (u32, u32), value: (u32, u32)) -> HostResult<()> {
    let bytes = u64::from(key.1).saturating_add(u64::from(value.1));
    let price = call.price(F::StorageWrite).for_bytes(bytes.saturating_sub(WRITTEN_FREE_BYTES));
    call.guest.charge(price)?;
    call.refuse_static()?;
    let key = load_key(call, key)?;
    if value.1 > call.limits().storage_value_bytes_max {
        return Err(HaltReason::LimitExceeded.into());
    }
    let value = call.guest.load_bytes(value.0, value.1)?;
    let address = call.frame.message.address;
    if found(call, F::StorageRead, &address, &key)?.is_none() {
        let set = call.revision.schedule.account.storage_set;
        call.guest.charge(Gas::new(set))?;
    }
    Ok(call.world.set_storage(&address, &key, Some(value))?)
}

/// Removes the value at a key of the running account, if there is one.
//= spec 10.2.3
pub(crate) fn remove(call: &mut HostCall<'_>, key: (u32, u32)) -> HostResult<()> {
    call.charge_bytes(F::StorageRemove, key.1)?;
    call.refuse_static()?;
    let key = load_key(call, key)?;
    let address = call.frame.message.address;
    if found(call, F::StorageRead, &address, &key)?.is_some() {
        call.world.add_refund(call.revision.schedule.refund.storage_clear);
        call.world.set_storage(&address, &key, None)?;
    }
    Ok(())
}

/// A key that a function which only reads was given, and pays for first.
fn paid_key(call: &mut HostCall<'_>, key: (u32, u32)) -> HostResult<Bytes> {
    call.charge_bytes(F::StorageRead, key.1)?;
    load_key(call, key)
}

//= spec 10.2.1, 10.2.2, 10.2.3
fn load_key(call: &HostCall<'_>, (offset, length): (u32, u32)) -> HostResult<Bytes> {
    if length > call.limits().storage_key_bytes_max {
        return Err(HaltReason::LimitExceeded.into());
    }
    call.guest.load_bytes(offset, length)
}
