//! The functions of module `env` that an indexer imports.
//!
//! What an indexer gets wrong does not stop it: a pointer out of range is noted as a failure, and the indexer goes on. What
//! it has no gas for, or what exceeds a limit, halts it as everywhere.

use super::{
    Indexing,
    buffer::{Buffer, LENGTH_BYTES},
    dialect::Dialect,
    key_value_flush::Items,
};
use crate::{
    halt::HaltReason,
    host_call::HostCall,
    import::{HostImport, host_imports},
    stop::HostResult,
    storage,
    world::ValueHead,
};
use alloy_primitives::Bytes;
use lockstep_gas::HostFunction as F;

/// What an indexer is told in place of a length when its key is no buffer: the largest i32.
const NO_LENGTH: u32 = i32::MAX.cast_unsigned();

/// Bytes of the height in front of an input.
const HEIGHT_BYTES: u32 = 4;

/// The rows that both dialects have.
#[rustfmt::skip]
pub(crate) const IMPORTS: &[HostImport] = host_imports! { "env":
    /// Bytes of the input: the height, and the block or the argument of a view.
    "__host_len" = GetCallDataSize, host_len, () -> u32;
    /// Writes the input: the height (u32, little-endian) and what follows it; `metashrew-documented` writes its length first.
    "__load_input" = CallDataCopy, load_input, (result: u32) -> ();
    /// Takes a text for whoever looks into the execution; no other effect.
    "__log" = Diagnostic, log, (text: u32) -> ();
    /// Stores keys and values, a `KeyValueFlush`; nothing in a view.
    "__flush" = KeyValueFlush, flush, (message: u32) -> ();
    /// Bytes of the value at a key as the last block left it, 0 if there is none; 0x7fffffff if the key is no buffer.
    "__get_len" = StorageRead, get_len, (key: u32) -> u32;
    /// Notes a failure: what AssemblyScript calls where an assertion fails.
    "abort" = NoteFailure, abort, (message: u32, file: u32, line: u32, column: u32) -> ();
};

/// The row of `metashrew` alone.
#[rustfmt::skip]
pub(crate) const DEPLOYED: &[HostImport] = host_imports! { "env":
    /// Writes the value at a key as the last block left it; if the key is no buffer, 0x7fffffff in the four bytes before.
    "__get" = StorageRead, get_deployed, (key: u32, result: u32) -> ();
};

/// The row of `metashrew-documented` alone.
#[rustfmt::skip]
pub(crate) const DOCUMENTED: &[HostImport] = host_imports! { "env":
    /// Writes the value at a key as the last block left it and returns its length; 0x7fffffff if the key is no buffer.
    "__get" = StorageRead, get_documented, (key: u32, result: u32) -> u32;
};

fn host_len(call: &mut HostCall<'_>) -> HostResult<u32> {
    call.charge(F::GetCallDataSize)?;
    input_length(call)
}

/// Bytes of the input with its height.
fn input_length(call: &HostCall<'_>) -> HostResult<u32> {
    let length = u32::try_from(call.frame.input.len()).ok().and_then(|length| length.checked_add(HEIGHT_BYTES));
    Ok(length.ok_or(HaltReason::LimitExceeded)?)
}

fn load_input(call: &mut HostCall<'_>, result: u32) -> HostResult<()> {
    let length = input_length(call)?;
    call.charge_bytes(F::CallDataCopy, length)?;
    let height = height(call)?;
    let has_length = dialect(call).input_has_length();
    let header =
        if has_length { [length.to_le_bytes(), height.to_le_bytes()].concat() } else { height.to_le_bytes().into() };
    let length = if has_length { length.saturating_add(LENGTH_BYTES) } else { length };
    if call.guest.load(result, length).is_err() {
        note_failure(call);
        return Ok(());
    }
    let header_bytes = u32::try_from(header.len()).map_err(|_| HaltReason::LimitExceeded)?;
    call.guest.store(result, &header)?;
    call.guest.store(result.saturating_add(header_bytes), &call.frame.input)
}

/// The height that an input begins with: that of the block that is indexed. A view looks at the last finished block.
//= spec 13.8, 13.9
fn height(call: &HostCall<'_>) -> HostResult<u32> {
    let number = call.world.block().number;
    let height = if is_view(call) { number.saturating_sub(1) } else { number };
    Ok(u32::try_from(height).map_err(|_| HaltReason::LimitExceeded)?)
}

fn log(call: &mut HostCall<'_>, text: u32) -> HostResult<()> {
    call.charge(F::Diagnostic)?;
    if let Some(text) = buffer(call, text) {
        let price = call.price(F::Diagnostic).more_bytes(u64::from(text.length));
        call.guest.charge(price)?;
    }
    Ok(())
}

//= spec 13.12
fn flush(call: &mut HostCall<'_>, message: u32) -> HostResult<()> {
    call.charge(F::KeyValueFlush)?;
    if is_view(call) {
        return Ok(());
    }
    call.refuse_static()?;
    let Some(message) = buffer(call, message) else {
        note_failure(call);
        return Ok(());
    };
    let price = call.price(F::KeyValueFlush).more_bytes(u64::from(message.length));
    call.guest.charge(price)?;
    let Ok(count) = Items::default().count(call.guest.load(message.offset, message.length)?) else {
        note_failure(call);
        return Ok(());
    };
    let mut items = Items::default();
    // A last item without a partner is left out.
    for _ in 0..count / 2 {
        let key = next(call, &mut items, message)?;
        match next(call, &mut items, message)? {
            // An indexer cannot tell an empty value from none.
            (_, 0) => storage::remove(call, key)?,
            value => storage::write(call, key, value)?,
        }
    }
    if let Some(indexing) = call.frame.state.metashrew_mut() {
        indexing.has_flushed = true;
    }
    Ok(())
}

/// Where the next item of `message` lies in memory: offset and length. The message is known to have one.
fn next(call: &HostCall<'_>, items: &mut Items, message: Buffer) -> HostResult<(u32, u32)> {
    let bytes = call.guest.load(message.offset, message.length)?;
    let range = items.next(bytes).ok().flatten().unwrap_or_default();
    let number = |number| u32::try_from(number).map_err(|_| HaltReason::LimitExceeded);
    Ok((message.offset.saturating_add(number(range.start)?), number(range.len())?))
}

fn get_len(call: &mut HostCall<'_>, key: u32) -> HostResult<u32> {
    let Some((_, head)) = find(call, key)? else { return Ok(NO_LENGTH) };
    Ok(head.map_or(0, |head| head.bytes()))
}

fn get_deployed(call: &mut HostCall<'_>, key: u32, result: u32) -> HostResult<()> {
    let written = match read(call, key)? {
        Some(value) => call.guest.store(result, &value).is_ok(),
        None => match result.checked_sub(LENGTH_BYTES) {
            Some(place) => call.guest.store(place, &NO_LENGTH.to_le_bytes()).is_ok(),
            None => false,
        },
    };
    if !written {
        note_failure(call);
    }
    Ok(())
}

//= spec 13.1
fn get_documented(call: &mut HostCall<'_>, key: u32, result: u32) -> HostResult<u32> {
    let Some(value) = read(call, key)? else { return Ok(NO_LENGTH) };
    if call.guest.store(result, &value).is_err() {
        note_failure(call);
        return Ok(NO_LENGTH);
    }
    Ok(u32::try_from(value.len()).map_err(|_| HaltReason::LimitExceeded)?)
}

/// The value at the key in a buffer as the last block left it, empty if there is none; `None` if the key is no buffer.
fn read(call: &mut HostCall<'_>, key: u32) -> HostResult<Option<Bytes>> {
    let Some((key, head)) = find(call, key)? else { return Ok(None) };
    let value = match head {
        Some(ValueHead::Known(value)) => Some(value),
        Some(ValueHead::Unread { .. }) => {
            let address = call.frame.message.address;
            call.world.storage_before_block(&address, &key)?
        }
        None => None,
    };
    Ok(Some(value.unwrap_or_default()))
}

/// The key in a buffer, and whether it had a value after the last block, which is paid for; `None` if the key is no
/// buffer. A key that is too long for any value has none.
//= spec 13.10
fn find(call: &mut HostCall<'_>, key: u32) -> HostResult<Option<(Bytes, Option<ValueHead>)>> {
    call.charge(F::StorageRead)?;
    let Some(key) = buffer(call, key) else { return Ok(None) };
    let price = call.price(F::StorageRead);
    call.guest.charge(price.more_bytes(u64::from(key.length)))?;
    //= spec 13.11
    if key.length > call.limits().storage_key_bytes_max {
        return Ok(Some((Bytes::new(), None)));
    }
    let address = call.frame.message.address;
    let key = call.guest.load_bytes(key.offset, key.length)?;
    let head = call.world.storage_head_before_block(&address, &key)?;
    storage::pay_for(call, F::StorageRead, head.as_ref())?;
    Ok(Some((key, head)))
}

fn abort(call: &mut HostCall<'_>, _message: u32, _file: u32, _line: u32, _column: u32) -> HostResult<()> {
    call.charge(F::NoteFailure)?;
    note_failure(call);
    Ok(())
}

fn dialect(call: &HostCall<'_>) -> Dialect {
    Dialect::of(call.frame.abi)
}

fn buffer(call: &HostCall<'_>, pointer: u32) -> Option<Buffer> {
    Buffer::at(&call.guest, dialect(call), pointer)
}

fn is_view(call: &HostCall<'_>) -> bool {
    call.frame.state.metashrew().is_some_and(Indexing::is_view)
}

//= spec 13.14
fn note_failure(call: &mut HostCall<'_>) {
    if let Some(indexing) = call.frame.state.metashrew_mut() {
        indexing.has_failed = true;
    }
}
