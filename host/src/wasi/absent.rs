//! The functions that need what a contract has not: files, folders, sockets, signals, arguments.
//!
//! They answer by their descriptor alone and look at no pointer. There is nothing to do, so there is nothing that could go
//! wrong on the way.

use super::{
    descriptor::{no_such_descriptor, not_of_streams},
    errno::WasiErrno,
};
use crate::{host_call::HostCall, stop::HostResult};
use lockstep_gas::HostFunction as F;

/// Functions of paths, by their parameters: the folder does not exist.
macro_rules! no_folder {
    ($($name:ident($($type:ty),*);)*) => {
        $(
            #[allow(clippy::too_many_arguments, reason = "the interface has them")]
            pub(super) fn $name(call: &mut HostCall<'_>, $(_: $type),*) -> HostResult<u32> {
                no_such_descriptor(call)
            }
        )*
    };
}

no_folder! {
    path_name(u32, u32, u32);
    path_filestat_get(u32, u32, u32, u32, u32);
    path_filestat_set_times(u32, u32, u32, u32, i64, i64, u32);
    path_two_names(u32, u32, u32, u32, u32, u32);
    path_link(u32, u32, u32, u32, u32, u32, u32);
    path_open(u32, u32, u32, u32, u32, i64, i64, u32, u32);
    path_symlink(u32, u32, u32, u32, u32);
}

/// Functions that files and sockets have, by their parameters behind the descriptor.
macro_rules! not_of_streams {
    ($($name:ident($($type:ty),*);)*) => {
        $(pub(super) fn $name(call: &mut HostCall<'_>, fd: u32, $(_: $type),*) -> HostResult<u32> {
            not_of_streams(call, fd)
        })*
    };
}

not_of_streams! {
    fd_alone();
    fd_number(i64);
    fd_two_numbers(i64, i64);
    fd_advise(i64, i64, u32);
    fd_readdir(u32, u32, i64, u32);
    fd_pointer(u32);
    sock_accept(u32, u32);
    sock_recv(u32, u32, u32, u32, u32);
    sock_send(u32, u32, u32, u32);
}

/// A contract has no arguments and no environment: their number and their bytes are 0.
//= spec 11.2.4
pub(super) fn sizes_get(call: &mut HostCall<'_>, number: u32, bytes: u32) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    call.guest.load(bytes, 4)?;
    call.guest.store(number, &[0; 4])?;
    call.guest.store(bytes, &[0; 4])?;
    Ok(WasiErrno::Success.code())
}

/// There is nothing to write, so the pointers are not looked at.
//= spec 11.2.5
pub(super) fn texts_get(call: &mut HostCall<'_>, _pointers: u32, _texts: u32) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    Ok(WasiErrno::Success.code())
}

//= spec 11.2.15
pub(super) fn proc_raise(call: &mut HostCall<'_>, _signal: u32) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    Ok(WasiErrno::NoSuchFunction.code())
}
