//! `json`: contracts whose exports are methods without parameters. Arguments, output and everything else go through the
//! functions of module `env`.
//!
//! The host does not read the arguments: to it they are bytes, and whether they are JSON is for the contract to say.

mod call;
mod state;
mod text;

pub use state::JsonState;

use crate::{
    calls::called,
    halt::HaltReason,
    host_call::HostCall,
    import::{HostImport, host_imports},
    number::{length_of, saturating_i64},
    stop::{HostResult, Stop},
    storage,
};
use alloy_primitives::{B256, keccak256};
use lockstep_gas::HostFunction as F;

/// The rows of module `env`.
#[rustfmt::skip]
pub(crate) const IMPORTS: &[HostImport] = host_imports! { "env":
    /// Bytes of the arguments.
    "args_len" = GetCallDataSize, args_len, () -> u32;
    /// Writes the arguments.
    "args_read" = CallDataCopy, args_read, (result: u32) -> ();
    /// Bytes of the value at a key, -1 if there is none.
    "storage_get_len" = StorageRead, storage_get_len, (key: u32, key_length: u32) -> u32;
    /// Writes the value at a key and returns its length, -1 if there is none.
    "storage_get" = StorageRead, storage_get, (key: u32, key_length: u32, result: u32) -> u32;
    /// Puts a value at a key.
    "storage_set" = StorageWrite, storage_set, (key: u32, key_length: u32, value: u32, value_length: u32) -> ();
    /// Removes the value at a key.
    "storage_remove" = StorageRemove, storage_remove, (key: u32, key_length: u32) -> ();
    /// Writes the 20-byte address of the caller.
    "caller" = GetCaller, caller, (result: u32) -> ();
    /// Writes the 20-byte address of the running account.
    "self_address" = GetAddress, self_address, (result: u32) -> ();
    /// Writes the u128 value of the call.
    "value" = GetCallValue, value, (result: u32) -> ();
    /// Height of the block.
    "block_height" = GetBlockNumber, block_height, () -> i64;
    /// Timestamp of the block in seconds.
    "block_time" = GetBlockTimestamp, block_time, () -> i64;
    /// Gas that the frame has left after this call.
    "gas_left" = GetGasLeft, gas_left, () -> i64;
    /// Emits an event: a log with one topic, which is the given one, filled up with zeros; its keccak-256 beyond 32 bytes.
    "emit" = Log, emit, (topic: u32, topic_length: u32, data: u32, data_length: u32) -> ();
    /// Calls a method of another account, or its `main` where the name is empty; 0 success, 1 failure, 2 revert.
    "call" = Call, call::call => called, (address: u32, method: u32, method_length: u32, arguments: u32,
        arguments_length: u32, gas: i64) -> u32;
    /// Bytes of the output of the frame's last call.
    "return_len" = GetReturnDataSize, return_len, () -> u32;
    /// Writes the output of the frame's last call.
    "return_read" = ReturnDataCopy, return_read, (result: u32) -> ();
    /// Makes these bytes the output, in place of those of an earlier call.
    "set_result" = SetResult, set_result, (data: u32, length: u32) -> ();
    /// Ends the frame with a message; its effects are undone and its gas comes back.
    "fail" = Revert, fail, (message: u32, length: u32) -> ();
    /// Takes a text for whoever looks into the execution; no other effect.
    "log" = Diagnostic, log, (text: u32, length: u32) -> ();
    /// Charges 1.
    "gas_tick" = GasTick, gas_tick, () -> ();
    /// What AssemblyScript calls where an assertion fails: as `fail`, with the message as UTF-8.
    "abort" = Revert, abort, (message: u32, file: u32, line: u32, column: u32) -> ();
};

/// What an i32 length is where there is no value: -1.
const ABSENT: u32 = u32::MAX;

fn args_len(call: &mut HostCall<'_>) -> HostResult<u32> {
    call.charge(F::GetCallDataSize)?;
    length_of(&call.frame.input)
}

//= spec 10.3.10
fn args_read(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    let length = length_of(&call.frame.input)?;
    call.charge_bytes(F::CallDataCopy, length)?;
    call.guest.store(result, &call.frame.input)
}

fn storage_get_len(call: &mut HostCall<'_>, key: u32, key_length: u32) -> HostResult<u32> {
    Ok(storage::length(call, (key, key_length))?.unwrap_or(ABSENT))
}

fn storage_get(call: &mut HostCall<'_>, key: u32, key_length: u32, result: u32) -> HostResult<u32> {
    match storage::read(call, (key, key_length))? {
        Some(value) => {
            call.guest.store(result, &value)?;
            length_of(&value)
        }
        None => Ok(ABSENT),
    }
}

fn storage_set(call: &mut HostCall<'_>, key: u32, key_length: u32, value: u32, value_length: u32) -> HostResult<()> {
    storage::write(call, (key, key_length), (value, value_length))
}

fn storage_remove(call: &mut HostCall<'_>, key: u32, key_length: u32) -> HostResult<()> {
    storage::remove(call, (key, key_length))
}

fn caller(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    call.charge(F::GetCaller)?;
    call.guest.store(result, call.frame.message.caller.as_slice())
}

fn self_address(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    call.charge(F::GetAddress)?;
    call.guest.store(result, call.frame.message.address.as_slice())
}

fn value(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    call.charge(F::GetCallValue)?;
    call.guest.store_u128(result, call.frame.message.value)
}

fn block_height(call: &mut HostCall<'_>) -> HostResult<i64> {
    call.charge(F::GetBlockNumber)?;
    Ok(saturating_i64(call.world.block().number))
}

fn block_time(call: &mut HostCall<'_>) -> HostResult<i64> {
    call.charge(F::GetBlockTimestamp)?;
    Ok(saturating_i64(call.world.block().timestamp))
}

fn gas_left(call: &mut HostCall<'_>) -> HostResult<i64> {
    call.charge(F::GetGasLeft)?;
    Ok(saturating_i64(call.guest.gas_left().get()))
}

//= spec 10.3.12
fn emit(call: &mut HostCall<'_>, topic: u32, topic_length: u32, data: u32, data_length: u32) -> HostResult<()> {
    // The topic is hashed or copied: it costs what data costs.
    let bytes = u64::from(topic_length).saturating_add(u64::from(data_length));
    let price = call.price(F::Log).for_log(bytes, 1);
    call.guest.charge(price)?;
    call.refuse_static()?;
    let topic = topic_of(call.guest.load(topic, topic_length)?);
    let data = call.guest.load(data, data_length)?.to_vec();
    call.add_log(vec![topic], data)
}

/// A topic of at most 32 bytes as it is, so that a reader finds it by its name; a longer one by its hash.
//= spec 10.3.12
fn topic_of(name: &[u8]) -> B256 {
    let mut topic = [0; 32];
    match topic.get_mut(..name.len()) {
        Some(start) => {
            start.copy_from_slice(name);
            B256::new(topic)
        }
        None => keccak256(name),
    }
}

fn return_len(call: &mut HostCall<'_>) -> HostResult<u32> {
    call.charge(F::GetReturnDataSize)?;
    length_of(&call.frame.return_data)
}

//= spec 10.3.10
fn return_read(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    let length = length_of(&call.frame.return_data)?;
    call.charge_bytes(F::ReturnDataCopy, length)?;
    call.guest.store(result, &call.frame.return_data)
}

//= spec 10.3.10, 10.3.11
fn set_result(call: &mut HostCall<'_>, data: u32, length: u32) -> HostResult<()> {
    call.charge_bytes(F::SetResult, length)?;
    if length > call.limits().output_bytes_max {
        return Err(HaltReason::LimitExceeded.into());
    }
    let result = call.guest.load_bytes(data, length)?;
    if let Some(state) = call.frame.state.json_mut() {
        state.result = result;
    }
    Ok(())
}

//= spec 10.3.11
fn fail(call: &mut HostCall<'_>, message: u32, length: u32) -> HostResult<()> {
    call.charge_bytes(F::Revert, length)?;
    if length > call.limits().revert_bytes_max {
        return Err(HaltReason::LimitExceeded.into());
    }
    Err(Stop::reverted(call.guest.load_bytes(message, length)?))
}

fn log(call: &mut HostCall<'_>, text: u32, length: u32) -> HostResult<()> {
    call.charge_bytes(F::Diagnostic, length)?;
    call.guest.load(text, length).map(|_| ())
}

fn gas_tick(call: &mut HostCall<'_>) -> HostResult<()> {
    call.charge(F::GasTick)
}

fn abort(call: &mut HostCall<'_>, message: u32, _file: u32, _line: u32, _column: u32) -> HostResult<()> {
    call.charge(F::Revert)?;
    Err(Stop::reverted(text::of_assembly_script(call, message)?))
}
