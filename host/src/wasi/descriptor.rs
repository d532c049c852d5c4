//! What a program can learn and set of its descriptors: the three standard streams are character devices, as a terminal
//! is, and nothing else is open.

use super::{
    errno::WasiErrno,
    stream::{is_standard, missing},
};
use crate::{host_call::HostCall, stop::HostResult};
use lockstep_gas::HostFunction as F;

/// The file type of a character device.
const CHARACTER_DEVICE: u8 = 2;

/// Rights of a descriptor (witx, `rights`): to set its flags and to wait for it.
const RIGHTS: u64 = (1 << 3) | (1 << 27);
/// Right to read.
const RIGHT_TO_READ: u64 = 1 << 1;
/// Right to write.
const RIGHT_TO_WRITE: u64 = 1 << 6;

/// Bits of a descriptor's flags: append, dsync, nonblock, rsync, sync.
const FLAGS: u16 = 0b1_1111;

/// Bytes of the attributes of a file, and where its type is among them.
const FILESTAT_BYTES: usize = 64;
const FILESTAT_TYPE: usize = 16;

//= spec 11.2.9
pub(super) fn fd_fdstat_get(call: &mut HostCall<'_>, fd: u32, result: u32) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    let Some(flags) = call.process()?.flags(fd).copied() else {
        return Ok(WasiErrno::BadDescriptor.code());
    };
    let rights = RIGHTS | if fd == 0 { RIGHT_TO_READ } else { RIGHT_TO_WRITE };
    let [flags_low, flags_high] = flags.to_le_bytes();
    let [first, second, third] =
        [[CHARACTER_DEVICE, 0, flags_low, flags_high, 0, 0, 0, 0], rights.to_le_bytes(), [0; 8]];
    call.guest.store(result, &[first, second, third].concat())?;
    Ok(WasiErrno::Success.code())
}

//= spec 11.2.10
pub(super) fn fd_fdstat_set_flags(call: &mut HostCall<'_>, fd: u32, flags: u32) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    let Some(kept) = call.process()?.flags(fd) else {
        return Ok(WasiErrno::BadDescriptor.code());
    };
    let Ok(flags @ ..=FLAGS) = u16::try_from(flags) else {
        return Ok(WasiErrno::Invalid.code());
    };
    *kept = flags;
    Ok(WasiErrno::Success.code())
}

//= spec 11.2.11
pub(super) fn fd_filestat_get(call: &mut HostCall<'_>, fd: u32, result: u32) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    if !is_standard(fd) {
        return Ok(WasiErrno::BadDescriptor.code());
    }
    // Device, inode, links, size and times are 0: a stream has none of them.
    let mut stat = [0; FILESTAT_BYTES];
    if let Some(kind) = stat.get_mut(FILESTAT_TYPE) {
        *kind = CHARACTER_DEVICE;
    }
    call.guest.store(result, &stat)?;
    Ok(WasiErrno::Success.code())
}

/// Closing a standard stream is allowed and has no effect.
//= spec 11.2.12
pub(super) fn fd_close(call: &mut HostCall<'_>, fd: u32) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    let errno = if is_standard(fd) { WasiErrno::Success } else { WasiErrno::BadDescriptor };
    Ok(errno.code())
}

/// No descriptor is a folder that was opened before the program began. A program that looks for them stops at the first
/// that does not exist.
pub(super) fn fd_prestat_get(call: &mut HostCall<'_>, _fd: u32, _result: u32) -> HostResult<u32> {
    no_such_descriptor(call)
}

pub(super) fn fd_prestat_dir_name(call: &mut HostCall<'_>, _fd: u32, _path: u32, _length: u32) -> HostResult<u32> {
    no_such_descriptor(call)
}

/// For functions of paths: the folder that a path is relative to does not exist.
//= spec 11.2.13
pub(super) fn no_such_descriptor(call: &mut HostCall<'_>) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    Ok(WasiErrno::BadDescriptor.code())
}

/// For functions that a stream does not have.
//= spec 11.2.14
pub(super) fn not_of_streams(call: &mut HostCall<'_>, fd: u32) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    Ok(missing(fd).code())
}
