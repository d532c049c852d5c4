//! `callExport`: a call of another contract's export by name, arguments laid out by the packed convention.
//!
//! The order of checks and charges is in `docs/spec.md`. What is wrong with the callee or the arguments' shape is
//! an error number for the caller; what is wrong with the caller's own pointers halts the caller.

use super::{Argument, BufIn, BufOut, Descriptor, PackOrder, Placement, Room, StructLayout, Unplaced};
use crate::{
    calls::{NAME_BYTES_MAX, callee_and_value, charge_value, forward_gas_with_stipend, requested_gas},
    entry::{Buffers, Entry, ExportCall},
    errno::Errno,
    halt::HaltReason,
    host_call::HostCall,
    import::{Answer, HostImport, host_imports},
    request::{CallKind, CallRequest, FrameResult, Request, Status},
    stop::HostResult,
};
use lockstep_gas::HostFunction as F;

/// The row of `callExport`, in module `ethereum`.
#[rustfmt::skip]
pub(crate) const IMPORTS: &[HostImport] = host_imports! { "ethereum":
    /// Calls an export by name (packed convention); returns the error number and the length of the return data as one i64.
    "callExport" = CallExport, call_export => export_called, (gas: i64, address: u32, value: u32, name: u32, name_length: u32,
        descriptor: u32, descriptor_length: u32, arguments: u32, arguments_length: u32) -> i64;
};

//= spec 6.7.1, 6.7.2, 6.7.3, 6.7.4, 6.7.5, 6.7.6, 6.7.7, 6.7.8, 6.7.9, 6.7.10, 6.7.11, 6.7.12, 6.7.13
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
) -> HostResult<Answer<i64>> {
    let requested = requested_gas(gas)?;
    let (callee, value) = callee_and_value(call, address, value)?;
    for (offset, length) in [(name, name_length), (descriptor, descriptor_length), (arguments, arguments_length)] {
        call.guest.load(offset, length)?;
    }
    call.charge(F::CallExport)?;
    if name_length > NAME_BYTES_MAX {
        return Ok(Answer::Now(refused(Errno::NO_EXPORT)));
    }
    let Ok(descriptor) = Descriptor::parse(call.guest.load(descriptor, descriptor_length)?) else {
        return Ok(Answer::Now(refused(Errno::SIGNATURE_MISMATCH)));
    };
    let Ok(slots) = StructLayout::new(&descriptor).read(call.guest.load(arguments, arguments_length)?) else {
        return Ok(Answer::Now(refused(Errno::SIGNATURE_MISMATCH)));
    };
    let buffers = buffers_of(&slots, call.frame.state.pack_order());
    for buffer in &buffers {
        call.guest.load(buffer.offset(), buffer.length())?;
    }
    let copied = buffers.iter().fold(u64::from(arguments_length), |sum, buffer| {
        sum.saturating_add(u64::from(buffer.length())) // at most 32 of them
    });
    let Ok(pages) = pages_of(&buffers) else {
        return Ok(Answer::Now(refused(Errno::INPUT_TOO_LARGE)));
    };
    if copied > u64::from(call.limits().input_bytes_max) {
        return Ok(Answer::Now(refused(Errno::INPUT_TOO_LARGE)));
    }
    let price = call.price(F::CallExport);
    call.guest.charge(price.more_bytes(copied).plus(price.for_pages(pages)))?;
    //= spec 3.1
    if call.frame.message.depth >= call.revision.transaction.frame_depth_max {
        return Ok(Answer::Now(refused(Errno::DEPTH)));
    }
    if !charge_value(call, CallKind::Call, &callee, value)? {
        return Ok(Answer::Now(refused(Errno::BALANCE)));
    }
    let name = call.guest.load_bytes(name, name_length)?;
    let arguments = call.guest.load_bytes(arguments, arguments_length)?;
    let buffers = buffers.iter().map(|buffer| call.guest.load_bytes(buffer.offset(), buffer.length()));
    let buffers = Buffers::Copied(buffers.collect::<HostResult<_>>()?);
    let gas = forward_gas_with_stipend(call, CallKind::Call, requested, value)?;
    let input = Entry::Export(ExportCall { name, descriptor: Some(descriptor), arguments, buffers });
    let request = CallRequest { kind: CallKind::Call, gas, callee, value, input };
    Ok(Answer::After(Box::new(Request::Call(request))))
}

/// What a caller by export name sees when a contract without error numbers reverts.
const REVERTED: Errno = Errno::new(1);

/// What the guest is told of the call: the error number and the length of the return data.
//= spec 6.6.3, 6.6.4, 6.7.14
fn export_called<A>(call: &mut HostCall<'_>, ended: FrameResult, _arguments: A) -> HostResult<i64> {
    let FrameResult { status, output, .. } = ended;
    let length = u32::try_from(output.len()).map_err(|_| HaltReason::LimitExceeded)?;
    let price = call.price(F::CallExport);
    call.guest.charge(price.more_bytes(u64::from(length)))?;
    let errno = match status {
        //= spec 1.2.1
        Status::Success => Errno::OK,
        //= spec 1.2.2
        Status::Revert(Errno::OK) => REVERTED,
        Status::Revert(errno) => errno,
        //= spec 1.2.3, 1.2.4
        Status::Failure(reason) | Status::Refused(reason) => errno_of(reason),
    };
    call.frame.return_data = output;
    Ok(BufOut::new(0, length, errno).map_err(|_| HaltReason::LimitExceeded)?.pack())
}

/// The error number that a caller by export name sees of a callee that halted (packed convention, 6.3).
//= spec 6.7.16
pub const fn errno_of(reason: HaltReason) -> Errno {
    match reason {
        HaltReason::OutOfGas => Errno::OUT_OF_GAS,
        HaltReason::StaticModeViolation => Errno::STATIC_VIOLATION,
        HaltReason::BadResult => Errno::BAD_RESULT,
        HaltReason::NoCode => Errno::NO_CODE,
        HaltReason::NoSuchExport => Errno::NO_EXPORT,
        HaltReason::SignatureMismatch => Errno::SIGNATURE_MISMATCH,
        HaltReason::NoRoomForInput => Errno::NO_ROOM,
        _ => Errno::TRAP,
    }
}

/// What the caller is told when no frame could begin.
//= spec 1.1.5, 1.2.5, 6.7.15
const fn refused(errno: Errno) -> i64 {
    BufOut::empty(errno).pack()
}

/// The buffers that the `b` slots of a struct name.
//= spec 6.3.2
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
