//! Module `lockstep`: what a whole contract in a language for WASI needs beside its streams. Storage of bytes, accounts,
//! calls, events, the block.
//!
//! Amounts are 128 bits little-endian, addresses 20 bytes, hashes 32. Calls and the environment are those of module
//! `ethereum` under other names; storage and calls of exports are this module's own.

mod call;
mod storage;

use crate::{
    calls::called,
    ewasm::{call as ewasm_call, imports as ewasm},
    halt::HaltReason,
    host_call::HostCall,
    import::{HostImport, host_imports},
    stop::HostResult,
};
use alloy_primitives::B256;
use lockstep_gas::HostFunction as F;

/// The rows of module `lockstep`.
//= spec 11.5.1
#[rustfmt::skip]
pub(crate) const IMPORTS: &[HostImport] = host_imports! { "lockstep":
    /// Writes the first `capacity` bytes of the value at a key and returns the value's length, -1 if there is no value.
    "storage_get" = StorageRead, storage::get, (key: u32, key_length: u32, result: u32, capacity: u32) -> u32;
    /// Puts a value at a key.
    "storage_set" = StorageWrite, storage::set, (key: u32, key_length: u32, value: u32, value_length: u32) -> ();
    /// Removes the value at a key, if there is one.
    "storage_remove" = StorageRemove, storage::remove, (key: u32, key_length: u32) -> ();
    /// Writes the 20-byte address of the caller.
    "caller" = GetCaller, ewasm::get_caller, (result: u32) -> ();
    /// Writes the 20-byte address of the running account.
    "self_address" = GetAddress, ewasm::get_address, (result: u32) -> ();
    /// Writes the 20-byte address of the transaction's sender.
    "origin" = GetTxOrigin, ewasm::get_tx_origin, (result: u32) -> ();
    /// Writes the u128 value of the call.
    "value" = GetCallValue, ewasm::get_call_value, (result: u32) -> ();
    /// Writes the u128 gas price of the transaction.
    "gas_price" = GetTxGasPrice, ewasm::get_tx_gas_price, (result: u32) -> ();
    /// Gas that the frame has left after this call.
    "gas_left" = GetGasLeft, ewasm::get_gas_left, () -> i64;
    /// Writes the u128 balance of an account; halts if it needs more bits.
    "balance" = GetExternalBalance, ewasm::get_external_balance, (address: u32, result: u32) -> ();
    /// Calls an account with a u128 value; 0 success, 1 failure, 2 revert.
    "call" = Call, ewasm_call::call => called, (gas: i64, address: u32, value: u32, data: u32, length: u32) -> u32;
    /// As `call` without value; nothing below may change the state.
    "call_static" = CallStatic, ewasm_call::call_static => called, (gas: i64, address: u32, data: u32, length: u32) -> u32;
    /// Runs another account's code on this account, with this frame's caller and value; 0 success, 1 failure, 2 revert.
    "call_delegate" = CallDelegate, ewasm_call::call_delegate => called, (gas: i64, address: u32, data: u32, length: u32) -> u32;
    /// Calls an export by name, as a transaction does, with a u128 value; 0 success, 1 failure, 2 revert.
    "call_export" = Call, call::call_export => called, (gas: i64, address: u32, value: u32, name: u32, name_length: u32,
        data: u32, length: u32) -> u32;
    /// Creates a contract with a u128 value from init code of ABI `ewasm` and writes its address; 0 success, 1 failure, 2 revert.
    "create" = Create, ewasm_call::create => ewasm_call::created, (value: u32, data: u32, length: u32, result: u32) -> u32;
    /// Bytes of the output of the frame's last call or creation.
    "return_data_length" = GetReturnDataSize, ewasm::get_return_data_size, () -> u32;
    /// Copies from the output of the frame's last call or creation.
    "return_data_copy" = ReturnDataCopy, ewasm::return_data_copy, (result: u32, offset: u32, length: u32) -> ();
    /// Emits a log with 0 to 4 topics of 32 bytes, which lie one behind the other.
    "emit" = Log, emit, (topics: u32, count: u32, data: u32, length: u32) -> ();
    /// Height of the block.
    "block_number" = GetBlockNumber, ewasm::get_block_number, () -> i64;
    /// Timestamp of the block in seconds.
    "block_timestamp" = GetBlockTimestamp, ewasm::get_block_timestamp, () -> i64;
    /// Gas limit of the block.
    "block_gas_limit" = GetBlockGasLimit, ewasm::get_block_gas_limit, () -> i64;
    /// Writes the 20-byte address of the block's beneficiary.
    "block_beneficiary" = GetBlockCoinbase, ewasm::get_block_coinbase, (result: u32) -> ();
    /// Writes the 32-byte hash of one of the last 256 blocks; 0 if it is available, 1 if not.
    "block_hash" = GetBlockHash, ewasm::get_block_hash, (number: i64, result: u32) -> u32;
};

/// Topics of one log.
const TOPICS_MAX: u32 = 4;

//= spec 11.5.5
fn emit(call: &mut HostCall<'_>, topics: u32, count: u32, data: u32, length: u32) -> HostResult<()> {
    let price = call.price(F::Log).for_log(u64::from(length), u64::from(count));
    call.guest.charge(price)?;
    call.refuse_static()?;
    if count > TOPICS_MAX {
        return Err(HaltReason::ArgumentOutOfRange.into());
    }
    let (words, _) = call.guest.load(topics, count.saturating_mul(32))?.as_chunks::<32>();
    let topics = words.iter().map(|word| B256::new(*word)).collect();
    let data = call.guest.load(data, length)?.to_vec();
    call.add_log(topics, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of `ethereum` under another name: the same price, the same type, and the same body, which the row names.
    //= spec 11.5.1 test
    #[test]
    fn what_ethereum_has_is_the_same_under_other_names() {
        let pairs = [
            ("caller", "getCaller"),
            ("self_address", "getAddress"),
            ("origin", "getTxOrigin"),
            ("value", "getCallValue"),
            ("gas_price", "getTxGasPrice"),
            ("gas_left", "getGasLeft"),
            ("balance", "getExternalBalance"),
            ("call", "call"),
            ("call_static", "callStatic"),
            ("call_delegate", "callDelegate"),
            ("create", "create"),
            ("return_data_length", "getReturnDataSize"),
            ("return_data_copy", "returnDataCopy"),
            ("block_number", "getBlockNumber"),
            ("block_timestamp", "getBlockTimestamp"),
            ("block_gas_limit", "getBlockGasLimit"),
            ("block_beneficiary", "getBlockCoinbase"),
            ("block_hash", "getBlockHash"),
        ];
        let own = ["storage_get", "storage_set", "storage_remove", "call_export", "emit"];
        for row in IMPORTS.iter().filter(|row| !own.contains(&row.name)) {
            let name = pairs.iter().find(|(name, _)| *name == row.name).map(|(_, other)| *other);
            let other = ewasm::IMPORTS.iter().find(|other| Some(other.name) == name);
            let other = other.unwrap_or_else(|| panic!("{} has no counterpart", row.name));
            assert_eq!((row.function, row.signature), (other.function, other.signature), "{}", row.name);
        }
    }
}
