//! The system calls of emscripten's C library: there is no file and no process, and each call says so.
//!
//! The numbers are those of WASI, negative as the library's system calls give them. No call looks at a pointer. The names
//! begin with `__sys_` in modules of emscripten 1.39 and 2.0, with `__syscall_` in those of later versions.

use crate::{
    host_call::HostCall,
    import::{HostImport, host_imports},
    stop::HostResult,
};
use lockstep_gas::HostFunction as F;

/// The rows of module `env` that are system calls.
#[rustfmt::skip]
pub(crate) const IMPORTS: &[HostImport] = host_imports! { "env":
    /// -44 (ENOENT): there is no file.
    "__sys_stat64" = NoFile, file_2, (path: u32, result: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__sys_lstat64" = NoFile, file_2, (path: u32, result: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__sys_open" = NoFile, file_3, (path: u32, flags: u32, arguments: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__sys_access" = NoFile, file_2, (path: u32, mode: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__sys_readlink" = NoFile, file_3, (path: u32, result: u32, capacity: u32) -> u32;
    /// -44 (ENOENT): there is no folder.
    "__sys_getcwd" = NoFile, file_2, (result: u32, capacity: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__sys_unlink" = NoFile, file_1, (path: u32) -> u32;
    /// -44 (ENOENT): there is no folder.
    "__sys_rmdir" = NoFile, file_1, (path: u32) -> u32;
    /// -44 (ENOENT): there is no folder.
    "__sys_mkdir" = NoFile, file_2, (path: u32, mode: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__sys_rename" = NoFile, file_2, (path: u32, to: u32) -> u32;
    /// -8 (EBADF): nothing is open.
    "__sys_fstat64" = NoFile, descriptor_2, (fd: u32, result: u32) -> u32;
    /// -8 (EBADF): nothing is open.
    "__sys_fcntl64" = NoFile, descriptor_3, (fd: u32, command: u32, arguments: u32) -> u32;
    /// -8 (EBADF): nothing is open.
    "__sys_getdents64" = NoFile, descriptor_3, (fd: u32, result: u32, count: u32) -> u32;
    /// -59 (ENOTTY): there is no terminal.
    "__sys_ioctl" = NoFile, terminal, (fd: u32, operation: u32, arguments: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_stat64" = NoFile, file_2, (path: u32, result: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_lstat64" = NoFile, file_2, (path: u32, result: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_newfstatat" = NoFile, file_4, (fd: u32, path: u32, result: u32, flags: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_fstatat64" = NoFile, file_4, (fd: u32, path: u32, result: u32, flags: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_open" = NoFile, file_3, (path: u32, flags: u32, arguments: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_openat" = NoFile, file_4, (fd: u32, path: u32, flags: u32, arguments: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_access" = NoFile, file_2, (path: u32, mode: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_faccessat" = NoFile, file_4, (fd: u32, path: u32, mode: u32, flags: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_readlink" = NoFile, file_3, (path: u32, result: u32, capacity: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_readlinkat" = NoFile, file_4, (fd: u32, path: u32, result: u32, capacity: u32) -> u32;
    /// -44 (ENOENT): there is no folder.
    "__syscall_getcwd" = NoFile, file_2, (result: u32, capacity: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_unlink" = NoFile, file_1, (path: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_unlinkat" = NoFile, file_3, (fd: u32, path: u32, flags: u32) -> u32;
    /// -44 (ENOENT): there is no folder.
    "__syscall_rmdir" = NoFile, file_1, (path: u32) -> u32;
    /// -44 (ENOENT): there is no folder.
    "__syscall_mkdir" = NoFile, file_2, (path: u32, mode: u32) -> u32;
    /// -44 (ENOENT): there is no folder.
    "__syscall_mkdirat" = NoFile, file_3, (fd: u32, path: u32, mode: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_rename" = NoFile, file_2, (path: u32, to: u32) -> u32;
    /// -44 (ENOENT): there is no file.
    "__syscall_renameat" = NoFile, file_4, (fd: u32, path: u32, to: u32, new_path: u32) -> u32;
    /// -8 (EBADF): nothing is open.
    "__syscall_fstat64" = NoFile, descriptor_2, (fd: u32, result: u32) -> u32;
    /// -8 (EBADF): nothing is open.
    "__syscall_fcntl64" = NoFile, descriptor_3, (fd: u32, command: u32, arguments: u32) -> u32;
    /// -8 (EBADF): nothing is open.
    "__syscall_getdents64" = NoFile, descriptor_3, (fd: u32, result: u32, count: u32) -> u32;
    /// -59 (ENOTTY): there is no terminal.
    "__syscall_ioctl" = NoFile, terminal, (fd: u32, operation: u32, arguments: u32) -> u32;
};

/// Functions with so many parameters that answer one number.
macro_rules! answers {
    ($($name:ident($($type:ty),*) = $answer:literal;)*) => {
        $(fn $name(call: &mut HostCall<'_>, $(_: $type),*) -> HostResult<u32> {
            call.charge(F::NoFile)?;
            Ok(i32::cast_unsigned($answer))
        })*
    };
}

answers! {
    file_1(u32) = -44;
    file_2(u32, u32) = -44;
    file_3(u32, u32, u32) = -44;
    file_4(u32, u32, u32, u32) = -44;
    descriptor_2(u32, u32) = -8;
    descriptor_3(u32, u32, u32) = -8;
    terminal(u32, u32, u32) = -59;
}
