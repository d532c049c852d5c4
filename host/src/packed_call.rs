//! `callExport`: a call of another contract's export by name, arguments laid out by the packed convention.
//!
//! The order of checks and charges stands in `docs/spec.md`. What is wrong with the callee or the arguments' shape is
//! an error number for the caller; what is wrong with the caller's own pointers halts the caller.

use crate::{
    ewasm_call::{charge_value, forward_gas_with_stipend, requested_gas},
    host_call::HostCall,
    import::{HostImport, host_imports},
    packed::{Argument, BufIn, BufOut, Descriptor, Errno, PackOrder, Placement, Room, StructLayout, Unplaced},
    request::{Buffers, CallKind, CallRequest, Entry, ExportCall, Reply, Request},
    stop::{HostResult, Stop},
};
use lockstep_gas::HostFunction as F;

/// The row of `callExport`, in module `ethereum`.
#[rustfmt::skip]
pub(crate) const IMPORTS: &[HostImport] = host_imports! { "ethereum":
    /// Calls an export by name (packed convention); gives the error number and the length of the return data as one i64.
    "callExport" = CallExport, call_export, (gas: i64, address: u32, value: u32, name: u32, name_length: u32,
        descriptor: u32, descriptor_length: u32, arguments: u32, arguments_length: u32) -> i64;
};

/// Bytes of an export's name that a call can have.
const NAME_BYTES_MAX: u32 = 256;

#[expect(clippy::too_many_arguments, reason = "the interface has nine")]
fn call_export(
    call: &mut HostCall<'_>,
    gas: i64,
    address: u32,
    value: u32,
    name: u32,
    name_length: u32,
    descriptor: u32,
    descriptor_length: u32,
    arguments: u32,
    arguments_length: u32,
) -> HostResult<i64> {
    let requested = requested_gas(gas)?;
    let callee = call.guest.load_address(address)?;
    let value = call.guest.load_u128(value)?;
    if !value.is_zero() {
        call.refuse_static()?;
    }
    for (offset, length) in [(name, name_length), (descriptor, descriptor_length), (arguments, arguments_length)] {
        call.guest.load(offset, length)?;
    }
    call.charge(F::CallExport)?;
    if name_length > NAME_BYTES_MAX {
        return Ok(refused(Errno::NO_EXPORT));
    }
    let Ok(descriptor) = Descriptor::parse(call.guest.load(descriptor, descriptor_length)?) else {
        return Ok(refused(Errno::SIGNATURE_MISMATCH));
    };
    let Ok(slots) = StructLayout::new(&descriptor).read(call.guest.load(arguments, arguments_length)?) else {
        return Ok(refused(Errno::SIGNATURE_MISMATCH));
    };
    let buffers = buffers_of(&slots, call.frame.pack_order);
    for buffer in &buffers {
        call.guest.load(buffer.offset(), buffer.length())?;
    }
    let copied = buffers.iter().fold(u64::from(arguments_length), |sum, buffer| {
        sum.saturating_add(u64::from(buffer.length())) // at most 32 of them
    });
    let Ok(pages) = pages_of(&buffers) else {
        return Ok(refused(Errno::INPUT_TOO_LARGE));
    };
    if copied > u64::from(call.limits().input_bytes_max) {
        return Ok(refused(Errno::INPUT_TOO_LARGE));
    }
    let price = call.price(F::CallExport);
    call.guest.charge(price.more_bytes(copied).plus(price.for_pages(pages)))?;
    if call.frame.message.depth >= call.limits().frame_depth_max {
        return Ok(refused(Errno::DEPTH));
    }
    if !charge_value(call, CallKind::Call, &callee, value)? {
        return Ok(refused(Errno::BALANCE));
    }
    let name = call.guest.load_bytes(name, name_length)?;
    let arguments = call.guest.load_bytes(arguments, arguments_length)?;
    let buffers = buffers.iter().map(|buffer| call.guest.load_bytes(buffer.offset(), buffer.length()));
    let buffers = Buffers::Copied(buffers.collect::<HostResult<_>>()?);
    let gas = forward_gas_with_stipend(call, CallKind::Call, requested, value)?;
    let input = Entry::Export(ExportCall { name, descriptor: Some(descriptor), arguments, buffers });
    let request = CallRequest { kind: CallKind::Call, gas, callee, value, input, reply: Reply::Packed };
    Err(Stop::Suspend(Box::new(Request::Call(request))))
}

/// What the caller is told when no frame could begin.
const fn refused(errno: Errno) -> i64 {
    BufOut::empty(errno).pack()
}

/// The buffers that the `b` slots of a struct name.
pub(crate) fn buffers_of(slots: &[Argument], order: PackOrder) -> Vec<BufIn> {
    let buffer = |slot: &Argument| match slot {
        Argument::BufIn(packed) => Some(BufIn::unpack(*packed, order)),
        Argument::I32(_) | Argument::I64(_) => None,
    };
    slots.iter().filter_map(buffer).collect()
}

/// The pages that the buffers take where the callee has no place of its own for them. They are paid for in either
/// case: the price depends on the call alone.
fn pages_of(buffers: &[BufIn]) -> Result<u64, Unplaced> {
    let lengths: Vec<u32> = buffers.iter().map(|buffer| buffer.length()).collect();
    Ok(u64::from(Placement::new(&lengths, Room::Appended { pages: 0, pages_max: u32::MAX })?.pages()))
}
