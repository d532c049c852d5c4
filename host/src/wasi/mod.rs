//! WASI preview 1 for contracts: standard input is the frame's input, standard output its output, standard error a bounded
//! diagnostic, the exit code its outcome. The clock and the randomness are functions of block and transaction. There are
//! no files and no network.
//!
//! Every pointer is checked as everywhere: a range that does not lie in memory halts the frame, after the price of the call
//! has been paid.

mod absent;
mod clock;
mod descriptor;
mod errno;
mod iovec;
mod process;
mod random;
mod reach;
mod stream;

pub use process::Process;

use crate::{
    host_call::HostCall,
    import::{HostImport, host_imports},
    stop::{HostResult, Stop},
};
use absent as no;
use lockstep_gas::HostFunction as F;

/// The rows of module `wasi_snapshot_preview1`.
#[rustfmt::skip]
pub(crate) const IMPORTS: &[HostImport] = host_imports! { "wasi_snapshot_preview1":
    /// The number of the arguments and the bytes of all: 0 and 0.
    "args_sizes_get" = WasiAnswer, no::sizes_get, (number: u32, bytes: u32) -> u32;
    /// The arguments: none.
    "args_get" = WasiAnswer, no::texts_get, (pointers: u32, texts: u32) -> u32;
    /// The number of the environment's variables and the bytes of all: 0 and 0.
    "environ_sizes_get" = WasiAnswer, no::sizes_get, (number: u32, bytes: u32) -> u32;
    /// The environment: empty.
    "environ_get" = WasiAnswer, no::texts_get, (pointers: u32, texts: u32) -> u32;
    /// Writes the nanoseconds of a clock: 0 the time of day, 1 to 3 since the frame began.
    "clock_time_get" = WasiAnswer, clock::clock_time_get, (clock: u32, precision: i64, result: u32) -> u32;
    /// The same with the precision in two halves, as emscripten declares it.
    "clock_time_get" = WasiAnswer, clock::clock_time_get_halves, (clock: u32, low: u32, high: u32, result: u32) -> u32;
    /// Writes the resolution of a clock, in nanoseconds: 1,000.
    "clock_res_get" = WasiAnswer, clock::clock_res_get, (clock: u32, result: u32) -> u32;
    /// Writes bytes that are a function of transaction, frame and number of the call.
    "random_get" = WasiRandom, random::random_get, (result: u32, length: u32) -> u32;
    /// Waits for clocks and streams: moves the clock to the earliest deadline and writes what has come.
    "poll_oneoff" = WasiPoll, clock::poll_oneoff, (subscriptions: u32, events: u32, count: u32, number: u32) -> u32;
    /// Nothing: there is one thread.
    "sched_yield" = WasiAnswer, clock::sched_yield, () -> u32;
    /// Ends the frame: a return with standard output, of a `json` frame with its result, for 0; a revert with standard error for any other code.
    "proc_exit" = WasiAnswer, proc_exit, (code: u32) -> ();
    /// No signal can be raised: 52.
    "proc_raise" = WasiAnswer, no::proc_raise, (signal: u32) -> u32;
    /// Writes buffers to standard output or standard error.
    "fd_write" = WasiWrite, stream::fd_write, (fd: u32, buffers: u32, count: u32, written: u32) -> u32;
    /// Reads from standard input into buffers; 0 bytes at its end.
    "fd_read" = WasiRead, stream::fd_read, (fd: u32, buffers: u32, count: u32, read: u32) -> u32;
    /// Streams have no position: 70.
    "fd_pwrite" = WasiAnswer, stream::fd_pread, (fd: u32, buffers: u32, count: u32, offset: i64, written: u32) -> u32;
    /// The same with the offset in two halves.
    "fd_pwrite" = WasiAnswer, stream::fd_pread_halves, (fd: u32, buffers: u32, count: u32, low: u32, high: u32,
        written: u32) -> u32;
    /// Streams have no position: 70.
    "fd_pread" = WasiAnswer, stream::fd_pread, (fd: u32, buffers: u32, count: u32, offset: i64, read: u32) -> u32;
    /// The same with the offset in two halves.
    "fd_pread" = WasiAnswer, stream::fd_pread_halves, (fd: u32, buffers: u32, count: u32, low: u32, high: u32,
        read: u32) -> u32;
    /// Streams have no position: 70.
    "fd_seek" = WasiAnswer, stream::fd_seek, (fd: u32, offset: i64, whence: u32, position: u32) -> u32;
    /// The same with the offset in two halves, as emscripten declares it.
    "fd_seek" = WasiAnswer, stream::fd_seek_halves, (fd: u32, low: u32, high: u32, whence: u32, position: u32) -> u32;
    /// Streams have no position: 70.
    "fd_tell" = WasiAnswer, stream::fd_tell, (fd: u32, position: u32) -> u32;
    /// Writes type, flags and rights of a stream: a character device.
    "fd_fdstat_get" = WasiAnswer, descriptor::fd_fdstat_get, (fd: u32, result: u32) -> u32;
    /// Keeps the flags of a stream, which change nothing else.
    "fd_fdstat_set_flags" = WasiAnswer, descriptor::fd_fdstat_set_flags, (fd: u32, flags: u32) -> u32;
    /// Streams have fixed rights: 52.
    "fd_fdstat_set_rights" = WasiAnswer, no::fd_two_numbers, (fd: u32, base: i64, inheriting: i64) -> u32;
    /// Writes the attributes of a stream: a character device, everything else 0.
    "fd_filestat_get" = WasiAnswer, descriptor::fd_filestat_get, (fd: u32, result: u32) -> u32;
    /// Streams have no size: 52.
    "fd_filestat_set_size" = WasiAnswer, no::fd_number, (fd: u32, size: i64) -> u32;
    /// Streams have no times: 52.
    "fd_filestat_set_times" = WasiAnswer, no::fd_advise, (fd: u32, access: i64, modification: i64, flags: u32) -> u32;
    /// No descriptor is a folder opened before the program began: 8.
    "fd_prestat_get" = WasiAnswer, descriptor::fd_prestat_get, (fd: u32, result: u32) -> u32;
    /// No descriptor is a folder opened before the program began: 8.
    "fd_prestat_dir_name" = WasiAnswer, descriptor::fd_prestat_dir_name, (fd: u32, path: u32, length: u32) -> u32;
    /// Nothing: a stream stays as it is.
    "fd_close" = WasiAnswer, descriptor::fd_close, (fd: u32) -> u32;
    /// Not a file: 52.
    "fd_sync" = WasiAnswer, no::fd_alone, (fd: u32) -> u32;
    /// Not a file: 52.
    "fd_datasync" = WasiAnswer, no::fd_alone, (fd: u32) -> u32;
    /// Not a file: 52.
    "fd_allocate" = WasiAnswer, no::fd_two_numbers, (fd: u32, offset: i64, length: i64) -> u32;
    /// Not a file: 52.
    "fd_advise" = WasiAnswer, no::fd_advise, (fd: u32, offset: i64, length: i64, advice: u32) -> u32;
    /// Descriptors have fixed numbers: 52.
    "fd_renumber" = WasiAnswer, no::fd_pointer, (fd: u32, to: u32) -> u32;
    /// Not a folder: 52.
    "fd_readdir" = WasiAnswer, no::fd_readdir, (fd: u32, buffer: u32, length: u32, cookie: i64, used: u32) -> u32;
    /// There is no folder: 8.
    "path_open" = WasiAnswer, no::path_open, (fd: u32, lookup: u32, path: u32, length: u32, open: u32, base: i64,
        inheriting: i64, flags: u32, result: u32) -> u32;
    /// There is no folder: 8.
    "path_create_directory" = WasiAnswer, no::path_name, (fd: u32, path: u32, length: u32) -> u32;
    /// There is no folder: 8.
    "path_filestat_get" = WasiAnswer, no::path_filestat_get, (fd: u32, flags: u32, path: u32, length: u32, result: u32) -> u32;
    /// There is no folder: 8.
    "path_filestat_set_times" = WasiAnswer, no::path_filestat_set_times, (fd: u32, lookup: u32, path: u32, length: u32,
        access: i64, modification: i64, flags: u32) -> u32;
    /// There is no folder: 8.
    "path_link" = WasiAnswer, no::path_link, (fd: u32, flags: u32, path: u32, length: u32, to: u32, new_path: u32,
        new_length: u32) -> u32;
    /// There is no folder: 8.
    "path_readlink" = WasiAnswer, no::path_two_names, (fd: u32, path: u32, length: u32, buffer: u32, capacity: u32,
        used: u32) -> u32;
    /// There is no folder: 8.
    "path_remove_directory" = WasiAnswer, no::path_name, (fd: u32, path: u32, length: u32) -> u32;
    /// There is no folder: 8.
    "path_rename" = WasiAnswer, no::path_two_names, (fd: u32, path: u32, length: u32, to: u32, new_path: u32,
        new_length: u32) -> u32;
    /// There is no folder: 8.
    "path_symlink" = WasiAnswer, no::path_symlink, (path: u32, length: u32, fd: u32, new_path: u32, new_length: u32) -> u32;
    /// There is no folder: 8.
    "path_unlink_file" = WasiAnswer, no::path_name, (fd: u32, path: u32, length: u32) -> u32;
    /// Not a socket: 52.
    "sock_accept" = WasiAnswer, no::sock_accept, (fd: u32, flags: u32, result: u32) -> u32;
    /// Not a socket: 52.
    "sock_recv" = WasiAnswer, no::sock_recv, (fd: u32, buffers: u32, count: u32, flags: u32, read: u32, result: u32) -> u32;
    /// Not a socket: 52.
    "sock_send" = WasiAnswer, no::sock_send, (fd: u32, buffers: u32, count: u32, flags: u32, written: u32) -> u32;
    /// Not a socket: 52.
    "sock_shutdown" = WasiAnswer, no::fd_pointer, (fd: u32, how: u32) -> u32;
};

/// Ends the frame with an exit code.
//= spec 10.3.8, 10.3.9
pub(crate) fn proc_exit(call: &mut HostCall<'_>, code: u32) -> HostResult<()> {
    call.charge(F::WasiAnswer)?;
    let stop = call.process()?.exit(code);
    // A method's output is what it has set as its result, wherever it ends.
    match (stop, call.frame.state.json_mut()) {
        (Stop::Finish(_), Some(state)) => Err(Stop::Finish(core::mem::take(&mut state.result))),
        (stop, _) => Err(stop),
    }
}
