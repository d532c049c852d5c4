//! The Ethereum environment interface: the 33 functions of module `ethereum`, without the five that start a frame.
//!
//! Order of checks and charges, and what each failure is, follow hera 0.x, whose behaviour the official ewasm state
//! tests record. Amounts are 128 bits, little-endian; addresses and 32-byte words stand as they are.

use super::call;
use crate::{
    calls::called,
    errno::Errno,
    halt::HaltReason,
    host_call::HostCall,
    import::{HostImport, host_imports},
    number::{length_of, saturating_i64},
    stop::{HostResult, Stop},
    storage,
    system::{self, BLOCK_HASHES, SYSTEM_ADDRESS},
};
use alloy_primitives::{Bytes, U256};
use lockstep_gas::{Gas, HostFunction as F};

/// Topics of one log (LOG4).
const TOPICS_MAX: u32 = 4;

/// The rows of module `ethereum`.
#[rustfmt::skip]
pub(crate) const IMPORTS: &[HostImport] = host_imports! { "ethereum":
    /// Takes `amount` gas; halts if it is negative.
    "useGas" = UseGas, use_gas, (amount: i64) -> ();
    /// Gas that the frame has left after this call.
    "getGasLeft" = GetGasLeft, get_gas_left, () -> i64;
    /// Writes the 20-byte address of the running account.
    "getAddress" = GetAddress, get_address, (result: u32) -> ();
    /// Writes the u128 balance of an account; halts if it needs more bits.
    "getExternalBalance" = GetExternalBalance, get_external_balance, (address: u32, result: u32) -> ();
    /// Writes the 32-byte hash of one of the last 256 blocks; 0 if it is available, 1 if not.
    "getBlockHash" = GetBlockHash, get_block_hash, (number: i64, result: u32) -> u32;
    /// Calls an account with a u128 value; 0 success, 1 failure, 2 revert.
    "call" = Call, call::call => called, (gas: i64, address: u32, value: u32, data: u32, length: u32) -> u32;
    /// Runs another account's code on this account; 0 success, 1 failure, 2 revert.
    "callCode" = CallCode, call::call_code => called,
        (gas: i64, address: u32, value: u32, data: u32, length: u32) -> u32;
    /// As `callCode`, keeping caller and value.
    "callDelegate" = CallDelegate, call::call_delegate => called,
        (gas: i64, address: u32, data: u32, length: u32) -> u32;
    /// As `call` without value; nothing below may change the state.
    "callStatic" = CallStatic, call::call_static => called,
        (gas: i64, address: u32, data: u32, length: u32) -> u32;
    /// Copies from the input; halts if the range does not lie in it.
    "callDataCopy" = CallDataCopy, call_data_copy, (result: u32, offset: u32, length: u32) -> ();
    /// Bytes of the input.
    "getCallDataSize" = GetCallDataSize, get_call_data_size, () -> u32;
    /// Puts a 32-byte value at a 32-byte key; the zero value removes. Words beyond the first of the old value are paid.
    "storageStore" = StorageStore, storage_store, (path: u32, value: u32) -> ();
    /// Writes the 32-byte value at a 32-byte key, zeros if there is none. Words beyond the first are paid.
    "storageLoad" = StorageLoad, storage_load, (path: u32, result: u32) -> ();
    /// Writes the 20-byte address of the caller.
    "getCaller" = GetCaller, get_caller, (result: u32) -> ();
    /// Writes the u128 value of the call.
    "getCallValue" = GetCallValue, get_call_value, (result: u32) -> ();
    /// Copies from the running code.
    "codeCopy" = CodeCopy, code_copy, (result: u32, offset: u32, length: u32) -> ();
    /// Bytes of the running code.
    "getCodeSize" = GetCodeSize, get_code_size, () -> u32;
    /// Writes the 20-byte address of the block's beneficiary.
    "getBlockCoinbase" = GetBlockCoinbase, get_block_coinbase, (result: u32) -> ();
    /// Creates a contract with a u128 value from init code and writes its address; 0 success, 1 failure, 2 revert.
    "create" = Create, call::create => call::created, (value: u32, data: u32, length: u32, result: u32) -> u32;
    /// Writes the u256 difficulty of the block, little-endian.
    "getBlockDifficulty" = GetBlockDifficulty, get_block_difficulty, (result: u32) -> ();
    /// Copies from an account's code.
    "externalCodeCopy" = ExternalCodeCopy, external_code_copy, (address: u32, result: u32, offset: u32, length: u32) -> ();
    /// Bytes of an account's code.
    "getExternalCodeSize" = GetExternalCodeSize, get_external_code_size, (address: u32) -> u32;
    /// Gas limit of the block.
    "getBlockGasLimit" = GetBlockGasLimit, get_block_gas_limit, () -> i64;
    /// Writes the u128 gas price of the transaction.
    "getTxGasPrice" = GetTxGasPrice, get_tx_gas_price, (result: u32) -> ();
    /// Emits a log with 0 to 4 topics of 32 bytes; the pointers beyond the number are ignored.
    "log" = Log, log, (data: u32, length: u32, number: u32, topic1: u32, topic2: u32, topic3: u32, topic4: u32) -> ();
    /// Height of the block.
    "getBlockNumber" = GetBlockNumber, get_block_number, () -> i64;
    /// Timestamp of the block in seconds.
    "getBlockTimestamp" = GetBlockTimestamp, get_block_timestamp, () -> i64;
    /// Writes the 20-byte address of the transaction's sender.
    "getTxOrigin" = GetTxOrigin, get_tx_origin, (result: u32) -> ();
    /// Ends the frame with an output; its effects stand.
    "finish" = Finish, finish, (data: u32, length: u32) -> ();
    /// Ends the frame with an output; its effects are undone and its gas comes back.
    "revert" = Revert, revert, (data: u32, length: u32) -> ();
    /// Bytes of the output of the frame's last call or creation.
    "getReturnDataSize" = GetReturnDataSize, get_return_data_size, () -> u32;
    /// Copies from the output of the frame's last call or creation.
    "returnDataCopy" = ReturnDataCopy, return_data_copy, (result: u32, offset: u32, length: u32) -> ();
    /// Gives the balance to a beneficiary, ends the frame and removes the contract with the transaction.
    "selfDestruct" = SelfDestruct, self_destruct, (beneficiary: u32) -> ();
};

//= spec 5.2.7
fn use_gas(call: &mut HostCall<'_>, amount: i64) -> HostResult<()> {
    call.charge(F::UseGas)?;
    let amount = u64::try_from(amount).map_err(|_| HaltReason::ArgumentOutOfRange)?;
    Ok(call.guest.charge(Gas::new(amount))?)
}

pub(crate) fn get_gas_left(call: &mut HostCall<'_>) -> HostResult<i64> {
    call.charge(F::GetGasLeft)?;
    Ok(saturating_i64(call.guest.gas_left().get()))
}

pub(crate) fn get_address(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    call.charge(F::GetAddress)?;
    call.guest.store(result, call.frame.message.address.as_slice())
}

pub(crate) fn get_external_balance(call: &mut HostCall<'_>, address: u32, result: u32) -> HostResult<()> {
    call.charge(F::GetExternalBalance)?;
    let address = call.guest.load_address(address)?;
    let balance = call.world.balance(&address)?;
    call.guest.store_u128(result, balance)
}

//= spec 5.2.8, 8.13
pub(crate) fn get_block_hash(call: &mut HostCall<'_>, number: i64, result: u32) -> HostResult<u32> {
    call.charge(F::GetBlockHash)?;
    let number = number.cast_unsigned();
    let current = call.world.block().number;
    if number >= current || current.saturating_sub(number) > BLOCK_HASHES {
        return Ok(1);
    }
    //= spec 8.1
    let hash = if call.revision.rules.block_hashes_in_state {
        let value = call.world.storage(&SYSTEM_ADDRESS, &system::block_hash_key(number))?;
        value.and_then(|value| system::block_hash_of_value(number, &value))
    } else {
        call.world.block_hash(number)?
    };
    match hash {
        Some(hash) => call.guest.store(result, hash.as_slice()).map(|()| 0),
        None => Ok(1),
    }
}

//= spec 5.2.9
fn call_data_copy(call: &mut HostCall<'_>, result: u32, offset: u32, length: u32) -> HostResult<()> {
    call.charge_bytes(F::CallDataCopy, length)?;
    call.guest.store_from(result, &call.frame.input, offset, length)
}

fn get_call_data_size(call: &mut HostCall<'_>) -> HostResult<u32> {
    call.charge(F::GetCallDataSize)?;
    length_of(&call.frame.input)
}

//= spec 5.2.11, 5.2.18, 5.2.20
fn storage_store(call: &mut HostCall<'_>, path: u32, value: u32) -> HostResult<()> {
    call.charge(F::StorageStore)?;
    call.refuse_static()?;
    let key = call.guest.load_bytes32(path)?;
    let value = call.guest.load_bytes32(value)?;
    let address = call.frame.message.address;
    let was_set = storage::found(call, F::StorageStore, &address, key.as_slice())?.is_some();
    let schedule = &call.revision.schedule;
    if !was_set && !value.is_zero() {
        call.guest.charge(Gas::new(schedule.account.storage_set))?;
    }
    if was_set && value.is_zero() {
        call.world.add_refund(schedule.refund.storage_clear);
    }
    let value = (!value.is_zero()).then(|| Bytes::copy_from_slice(value.as_slice()));
    Ok(call.world.set_storage(&address, key.as_slice(), value)?)
}

//= spec 5.2.12, 5.2.19, 5.2.20
fn storage_load(call: &mut HostCall<'_>, path: u32, result: u32) -> HostResult<()> {
    call.charge(F::StorageLoad)?;
    let key = call.guest.load_bytes32(path)?;
    let address = call.frame.message.address;
    let value = storage::value(call, F::StorageLoad, &address, key.as_slice())?;
    // A contract of another ABI can have left a value of another length on this account: it is cut or filled with
    // zeros at its end.
    let mut word = [0; 32];
    if let Some(value) = value {
        word.iter_mut().zip(value.iter()).for_each(|(to, from)| *to = *from);
    }
    call.guest.store(result, &word)
}

pub(crate) fn get_caller(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    call.charge(F::GetCaller)?;
    call.guest.store(result, call.frame.message.caller.as_slice())
}

pub(crate) fn get_call_value(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    call.charge(F::GetCallValue)?;
    call.guest.store_u128(result, call.frame.message.value)
}

//= spec 5.2.9
fn code_copy(call: &mut HostCall<'_>, result: u32, offset: u32, length: u32) -> HostResult<()> {
    call.charge_bytes(F::CodeCopy, length)?;
    call.guest.store_from(result, &call.frame.code, offset, length)
}

fn get_code_size(call: &mut HostCall<'_>) -> HostResult<u32> {
    call.charge(F::GetCodeSize)?;
    length_of(&call.frame.code)
}

pub(crate) fn get_block_coinbase(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    call.charge(F::GetBlockCoinbase)?;
    call.guest.store(result, call.world.block().beneficiary.as_slice())
}

fn get_block_difficulty(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    call.charge(F::GetBlockDifficulty)?;
    let difficulty: U256 = call.world.block().difficulty;
    call.guest.store(result, &difficulty.to_le_bytes::<32>())
}

//= spec 5.2.10
fn external_code_copy(call: &mut HostCall<'_>, address: u32, result: u32, offset: u32, length: u32) -> HostResult<()> {
    call.charge_bytes(F::ExternalCodeCopy, length)?;
    let address = call.guest.load_address(address)?;
    let code_bytes = call.world.code_bytes(&address)?;
    if u64::from(offset).saturating_add(u64::from(length)) > u64::from(code_bytes) {
        return Err(HaltReason::HostAccessOutOfBounds.into());
    }
    call.guest.load(result, length)?;
    if length == 0 {
        return Ok(());
    }
    // However little is copied, the code is read as a whole.
    let price = Gas::new(call.revision.schedule.account.code_read_word);
    call.guest.charge(price.times(u64::from(code_bytes.div_ceil(32))))?;
    let code = call.world.code(&address)?;
    call.guest.store_from(result, &code, offset, length)
}

fn get_external_code_size(call: &mut HostCall<'_>, address: u32) -> HostResult<u32> {
    call.charge(F::GetExternalCodeSize)?;
    let address = call.guest.load_address(address)?;
    Ok(call.world.code_bytes(&address)?)
}

pub(crate) fn get_block_gas_limit(call: &mut HostCall<'_>) -> HostResult<i64> {
    call.charge(F::GetBlockGasLimit)?;
    Ok(saturating_i64(call.world.block().gas_limit))
}

pub(crate) fn get_tx_gas_price(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    call.charge(F::GetTxGasPrice)?;
    let price = call.world.transaction().gas_price;
    call.guest.store_u128(result, price)
}

//= spec 5.2.13
#[expect(clippy::too_many_arguments, reason = "the interface has seven")]
fn log(
    call: &mut HostCall<'_>,
    data: u32,
    length: u32,
    number: u32,
    topic1: u32,
    topic2: u32,
    topic3: u32,
    topic4: u32,
) -> HostResult<()> {
    // The price comes first, even for a number of topics that is refused then.
    let price = call.price(F::Log).for_log(u64::from(length), u64::from(number));
    call.guest.charge(price)?;
    call.refuse_static()?;
    if number > TOPICS_MAX {
        return Err(HaltReason::ArgumentOutOfRange.into());
    }
    let mut topics = Vec::new();
    for (_, topic) in (0..number).zip([topic1, topic2, topic3, topic4]) {
        topics.push(call.guest.load_bytes32(topic)?);
    }
    let data = call.guest.load(data, length)?;
    let data = data.to_vec();
    call.add_log(topics, data)
}

pub(crate) fn get_block_number(call: &mut HostCall<'_>) -> HostResult<i64> {
    call.charge(F::GetBlockNumber)?;
    Ok(saturating_i64(call.world.block().number))
}

pub(crate) fn get_block_timestamp(call: &mut HostCall<'_>) -> HostResult<i64> {
    call.charge(F::GetBlockTimestamp)?;
    Ok(saturating_i64(call.world.block().timestamp))
}

pub(crate) fn get_tx_origin(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    call.charge(F::GetTxOrigin)?;
    call.guest.store(result, call.world.transaction().origin.as_slice())
}

//= spec 5.2.14
fn finish(call: &mut HostCall<'_>, data: u32, length: u32) -> HostResult<()> {
    call.charge_bytes(F::Finish, length)?;
    Err(Stop::Finish(call.guest.load_bytes(data, length)?))
}

//= spec 5.2.14
fn revert(call: &mut HostCall<'_>, data: u32, length: u32) -> HostResult<()> {
    call.charge_bytes(F::Revert, length)?;
    let data = call.guest.load_bytes(data, length)?;
    Err(Stop::Revert { errno: Errno::OK, data })
}

pub(crate) fn get_return_data_size(call: &mut HostCall<'_>) -> HostResult<u32> {
    call.charge(F::GetReturnDataSize)?;
    length_of(&call.frame.return_data)
}

//= spec 5.2.9
pub(crate) fn return_data_copy(call: &mut HostCall<'_>, result: u32, offset: u32, length: u32) -> HostResult<()> {
    call.charge_bytes(F::ReturnDataCopy, length)?;
    call.guest.store_from(result, &call.frame.return_data, offset, length)
}

//= spec 5.2.15
fn self_destruct(call: &mut HostCall<'_>, beneficiary: u32) -> HostResult<()> {
    call.charge(F::SelfDestruct)?;
    call.refuse_static()?;
    let beneficiary = call.guest.load_address(beneficiary)?;
    let schedule = &call.revision.schedule;
    if !call.world.account_exists(&beneficiary)? {
        call.guest.charge(Gas::new(schedule.account.new_account))?;
    }
    if call.world.self_destruct(&call.frame.message.address, &beneficiary)? {
        call.world.add_refund(schedule.refund.self_destruct);
    }
    Err(Stop::Finish(Bytes::new()))
}
