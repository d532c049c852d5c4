//! The three standard streams: descriptor 0 is the frame's input, 1 its output, 2 its diagnostic.

use super::{errno::WasiErrno, iovec, reach::no_process};
use crate::{halt::HaltReason, host_call::HostCall, stop::HostResult};
use lockstep_gas::HostFunction as F;

/// Descriptor of standard input.
const STDIN: u32 = 0;
/// Descriptor of standard output.
const STDOUT: u32 = 1;
/// Descriptor of standard error.
const STDERR: u32 = 2;

/// Whether `fd` is one of the three standard streams. There are no others.
//= spec 11.2.3
pub(super) const fn is_standard(fd: u32) -> bool {
    fd <= STDERR
}

/// What a function answers that no stream has: the three lack it, others do not exist.
pub(super) const fn missing(fd: u32) -> WasiErrno {
    if is_standard(fd) { WasiErrno::NoSuchFunction } else { WasiErrno::BadDescriptor }
}

/// What a function answers that needs a position.
//= spec 11.2.8
fn no_position(call: &mut HostCall<'_>, fd: u32) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    let errno = if is_standard(fd) { WasiErrno::IllegalSeek } else { WasiErrno::BadDescriptor };
    Ok(errno.code())
}

//= spec 11.2.6
pub(super) fn fd_write(call: &mut HostCall<'_>, fd: u32, buffers: u32, count: u32, written: u32) -> HostResult<u32> {
    let buffers = iovec::load(call, F::WasiWrite, buffers, count)?;
    if fd != STDOUT && fd != STDERR {
        return Ok(WasiErrno::BadDescriptor.code());
    }
    let total = iovec::total_bytes(&buffers);
    let price = call.price(F::WasiWrite);
    call.guest.charge(price.more_bytes(total))?;
    iovec::check(&call.guest, &buffers)?;
    call.guest.load(written, 4)?;
    let limits = call.limits();
    let (output_bytes_max, diagnostic_bytes_max) = (limits.output_bytes_max, limits.revert_bytes_max);
    let process = call.frame.state.process_mut().ok_or_else(no_process)?;
    if fd == STDOUT && process.output_bytes().saturating_add(total) > u64::from(output_bytes_max) {
        return Err(HaltReason::LimitExceeded.into());
    }
    for (pointer, length) in buffers {
        let bytes = call.guest.load(pointer, length)?;
        match fd {
            STDOUT => process.write_output(bytes),
            _ => process.write_diagnostic(bytes, diagnostic_bytes_max),
        }
    }
    let total = u32::try_from(total).map_err(|_| HaltReason::LimitExceeded)?;
    call.guest.store(written, &total.to_le_bytes())?;
    Ok(WasiErrno::Success.code())
}

//= spec 11.2.7
pub(super) fn fd_read(call: &mut HostCall<'_>, fd: u32, buffers: u32, count: u32, read: u32) -> HostResult<u32> {
    let buffers = iovec::load(call, F::WasiRead, buffers, count)?;
    if fd != STDIN {
        return Ok(WasiErrno::BadDescriptor.code());
    }
    let input = call.frame.input.clone();
    let unread = call.process()?.unread(&input);
    let unread_bytes = u64::try_from(unread.len()).unwrap_or(u64::MAX);
    let total = iovec::total_bytes(&buffers).min(unread_bytes);
    let price = call.price(F::WasiRead);
    call.guest.charge(price.more_bytes(total))?;
    iovec::check(&call.guest, &buffers)?;
    call.guest.load(read, 4)?;
    let mut rest = unread;
    for (pointer, length) in buffers {
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
        let (bytes, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        call.guest.store(pointer, bytes)?;
        rest = behind;
    }
    call.process()?.advance(unread.len().saturating_sub(rest.len()));
    let total = u32::try_from(total).map_err(|_| HaltReason::LimitExceeded)?;
    call.guest.store(read, &total.to_le_bytes())?;
    Ok(WasiErrno::Success.code())
}

pub(super) fn fd_pread(
    call: &mut HostCall<'_>,
    fd: u32,
    _buffers: u32,
    _count: u32,
    _offset: i64,
    _read: u32,
) -> HostResult<u32> {
    no_position(call, fd)
}

/// As [`fd_pread`], with the offset in two halves.
pub(super) fn fd_pread_halves(
    call: &mut HostCall<'_>,
    fd: u32,
    _buffers: u32,
    _count: u32,
    _low: u32,
    _high: u32,
    _read: u32,
) -> HostResult<u32> {
    no_position(call, fd)
}

pub(super) fn fd_seek(call: &mut HostCall<'_>, fd: u32, _offset: i64, _whence: u32, _position: u32) -> HostResult<u32> {
    no_position(call, fd)
}

/// As [`fd_seek`], with the offset in two halves: emscripten has no i64 in imports.
pub(super) fn fd_seek_halves(
    call: &mut HostCall<'_>,
    fd: u32,
    _low: u32,
    _high: u32,
    _whence: u32,
    _position: u32,
) -> HostResult<u32> {
    no_position(call, fd)
}

pub(super) fn fd_tell(call: &mut HostCall<'_>, fd: u32, _position: u32) -> HostResult<u32> {
    no_position(call, fd)
}
