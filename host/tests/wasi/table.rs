//! The answers that depend on nothing but the arguments: every row of the table of WASI.

use crate::kit::{MEMORY_BYTES, Program};
use lockstep_gas::{Abi, Revision};
use lockstep_host::{Errno, HaltReason, ImportTable, Stop};
use std::collections::BTreeSet;

const BAD_DESCRIPTOR: u64 = 8;
const INVALID: u64 = 28;
const NO_SUCH_FUNCTION: u64 = 52;
const ILLEGAL_SEEK: u64 = 70;

/// The price of a function that only answers.
const ANSWER: u64 = 40;

/// A pointer that leads nowhere: functions that need no memory do not look at it.
const WILD: u64 = 0xFFFF_FFFF;

/// Name, arguments behind the descriptor, what the three streams answer, what other descriptors answer.
const BY_DESCRIPTOR: &[(&str, &[u64], u64, u64)] = &[
    ("fd_close", &[], 0, BAD_DESCRIPTOR),
    ("fd_sync", &[], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
    ("fd_datasync", &[], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
    ("fd_allocate", &[0, 1], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
    ("fd_advise", &[0, 1, 2], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
    ("fd_renumber", &[3], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
    ("fd_readdir", &[WILD, WILD, 0, WILD], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
    ("fd_fdstat_set_rights", &[0, 0], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
    ("fd_filestat_set_size", &[0], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
    ("fd_filestat_set_times", &[0, 0, 0], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
    ("fd_pread", &[WILD, WILD, 0, WILD], ILLEGAL_SEEK, BAD_DESCRIPTOR),
    ("fd_pwrite", &[WILD, WILD, 0, WILD], ILLEGAL_SEEK, BAD_DESCRIPTOR),
    ("fd_pread", &[WILD, WILD, 0, 0, WILD], ILLEGAL_SEEK, BAD_DESCRIPTOR),
    ("fd_pwrite", &[WILD, WILD, 0, 0, WILD], ILLEGAL_SEEK, BAD_DESCRIPTOR),
    ("fd_seek", &[0, 0, WILD], ILLEGAL_SEEK, BAD_DESCRIPTOR),
    ("fd_seek", &[0, 0, 0, WILD], ILLEGAL_SEEK, BAD_DESCRIPTOR),
    ("fd_tell", &[WILD], ILLEGAL_SEEK, BAD_DESCRIPTOR),
    ("fd_prestat_get", &[WILD], BAD_DESCRIPTOR, BAD_DESCRIPTOR),
    ("fd_prestat_dir_name", &[WILD, WILD], BAD_DESCRIPTOR, BAD_DESCRIPTOR),
    ("fd_fdstat_get", &[64], 0, BAD_DESCRIPTOR),
    ("fd_fdstat_set_flags", &[4], 0, BAD_DESCRIPTOR),
    ("fd_fdstat_set_flags", &[32], INVALID, BAD_DESCRIPTOR),
    ("fd_fdstat_set_flags", &[0x1_0004], INVALID, BAD_DESCRIPTOR),
    ("fd_filestat_get", &[64], 0, BAD_DESCRIPTOR),
    ("path_create_directory", &[WILD, WILD], BAD_DESCRIPTOR, BAD_DESCRIPTOR),
    ("path_filestat_get", &[0, WILD, WILD, WILD], BAD_DESCRIPTOR, BAD_DESCRIPTOR),
    ("path_filestat_set_times", &[0, WILD, WILD, 0, 0, 0], BAD_DESCRIPTOR, BAD_DESCRIPTOR),
    ("path_link", &[0, WILD, WILD, 3, WILD, WILD], BAD_DESCRIPTOR, BAD_DESCRIPTOR),
    ("path_open", &[0, WILD, WILD, 0, 0, 0, 0, WILD], BAD_DESCRIPTOR, BAD_DESCRIPTOR),
    ("path_readlink", &[WILD, WILD, WILD, WILD, WILD], BAD_DESCRIPTOR, BAD_DESCRIPTOR),
    ("path_remove_directory", &[WILD, WILD], BAD_DESCRIPTOR, BAD_DESCRIPTOR),
    ("path_rename", &[WILD, WILD, 3, WILD, WILD], BAD_DESCRIPTOR, BAD_DESCRIPTOR),
    ("path_symlink", &[WILD, 3, WILD, WILD], BAD_DESCRIPTOR, BAD_DESCRIPTOR),
    ("path_unlink_file", &[WILD, WILD], BAD_DESCRIPTOR, BAD_DESCRIPTOR),
    ("sock_accept", &[0, WILD], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
    ("sock_recv", &[WILD, WILD, 0, WILD, WILD], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
    ("sock_send", &[WILD, WILD, 0, WILD], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
    ("sock_shutdown", &[0], NO_SUCH_FUNCTION, BAD_DESCRIPTOR),
];

/// Name, arguments, answer.
const OTHERS: &[(&str, &[u64], u64)] = &[
    ("args_sizes_get", &[64, 68], 0),
    ("args_get", &[WILD, WILD], 0),
    ("environ_sizes_get", &[64, 68], 0),
    ("environ_get", &[WILD, WILD], 0),
    ("clock_res_get", &[0, 64], 0),
    ("clock_res_get", &[3, 64], 0),
    ("clock_res_get", &[4, 64], INVALID),
    ("clock_time_get", &[0, 0, 64], 0),
    ("clock_time_get", &[4, 0, 64], INVALID),
    ("clock_time_get", &[1, WILD, WILD, 64], 0),
    ("clock_time_get", &[4, 0, 0, 64], INVALID),
    ("sched_yield", &[], 0),
    ("proc_raise", &[6], NO_SUCH_FUNCTION),
];

//= spec 11.2.3, 11.2.5, 11.2.8, 11.2.10, 11.2.12, 11.2.13, 11.2.14, 11.2.15, 11.2.16, 11.3.3 test
#[test]
fn every_answer() {
    for (name, rest, stream, other) in BY_DESCRIPTOR {
        for fd in [0, 1, 2, 3, 4, 0x7FFF_FFFF, 0xFFFF_FFFF] {
            let arguments = [&[fd], *rest].concat();
            Program::new(&[]).expect(name, &arguments, if fd <= 2 { *stream } else { *other }, ANSWER);
        }
    }
    for (name, arguments, answer) in OTHERS {
        Program::new(&[]).expect(name, arguments, *answer, ANSWER);
    }
}

#[test]
fn every_row_has_a_test() {
    let elsewhere = ["proc_exit", "random_get", "poll_oneoff", "fd_write", "fd_read"];
    let by_descriptor = BY_DESCRIPTOR.iter().map(|(name, rest, ..)| (*name, rest.len() + 1));
    let others = OTHERS.iter().map(|(name, arguments, _)| (*name, arguments.len()));
    let tested: BTreeSet<_> = by_descriptor.chain(others).collect();
    let table = ImportTable::of(Abi::Wasi, &Revision::V1);
    for row in table.rows().filter(|row| row.module == "wasi_snapshot_preview1") {
        let is_tested = tested.contains(&(row.name, row.parameters().len())) || elsewhere.contains(&row.name);
        assert!(is_tested, "{} of {} parameters", row.name, row.parameters().len());
    }
}

//= spec 11.2.4 test
#[test]
fn there_are_no_arguments_and_no_environment() {
    for name in ["args_sizes_get", "environ_sizes_get"] {
        let mut program = Program::new(b"input");
        program.put(60, &[0xFF; 16]);
        program.expect(name, &[64, 68], 0, ANSWER);
        assert_eq!(program.at(60, 16), [[0xFF; 4], [0; 4], [0; 4], [0xFF; 4]].concat());
    }
}

/// The functions that a Go program of 1.21 imports, with their types (runtime/os_wasip1.go and its neighbours).
#[test]
fn what_go_imports_links() {
    for (name, parameters) in [
        ("sched_yield", ""),
        ("proc_exit", "i"),
        ("args_get", "ii"),
        ("args_sizes_get", "ii"),
        ("clock_time_get", "iIi"),
        ("environ_get", "ii"),
        ("environ_sizes_get", "ii"),
        ("fd_write", "iiii"),
        ("random_get", "ii"),
        ("poll_oneoff", "iiii"),
        ("fd_close", "i"),
        ("fd_read", "iiii"),
        ("fd_fdstat_get", "ii"),
        ("fd_fdstat_set_flags", "ii"),
        ("fd_prestat_get", "ii"),
        ("fd_prestat_dir_name", "iii"),
        ("fd_seek", "iIii"),
        ("fd_pread", "iiiIi"),
        ("fd_pwrite", "iiiIi"),
        ("fd_readdir", "iiiIi"),
        ("fd_filestat_get", "ii"),
        ("fd_filestat_set_size", "iI"),
        ("fd_sync", "i"),
        ("path_open", "iiiiiIIii"),
        ("path_create_directory", "iii"),
        ("path_filestat_get", "iiiii"),
        ("path_filestat_set_times", "iiiiIIi"),
        ("path_link", "iiiiiii"),
        ("path_readlink", "iiiiii"),
        ("path_remove_directory", "iii"),
        ("path_rename", "iiiiii"),
        ("path_symlink", "iiiii"),
        ("path_unlink_file", "iii"),
        ("sock_accept", "iii"),
        ("sock_shutdown", "ii"),
        ("fd_seek", "iiiii"),
    ] {
        let table = ImportTable::of(Abi::Wasi, &Revision::V1);
        let letters = |row: &lockstep_host::HostImport| -> String {
            let letter = |ty: &lockstep_host::ValueType| if *ty == lockstep_host::ValueType::I64 { 'I' } else { 'i' };
            row.parameters().iter().map(letter).collect()
        };
        let found = table.find("wasi_snapshot_preview1", name).any(|row| letters(row) == parameters);
        assert!(found, "{name} ({parameters})");
    }
}

//= spec 11.2.9, 11.2.10, 11.2.11 test
#[test]
fn streams_are_devices_with_the_flags_that_were_set() {
    for (fd, right) in [(0, 1 << 1), (1, 1 << 6), (2, 1 << 6)] {
        let mut program = Program::new(&[]);
        program.put(64, &[0xFF; 64]);
        program.expect("fd_fdstat_get", &[fd, 64], 0, ANSWER);
        assert_eq!(program.at(64, 8), [2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(program.u64_at(72), right | 1 << 3 | 1 << 27);
        assert_eq!(program.u64_at(80), 0);
        program.expect("fd_fdstat_set_flags", &[fd, 4], 0, ANSWER);
        program.expect("fd_fdstat_get", &[fd, 64], 0, ANSWER);
        assert_eq!(program.at(64, 4), [2, 0, 4, 0]);
        program.put(64, &[0xFF; 64]);
        program.expect("fd_filestat_get", &[fd, 64], 0, ANSWER);
        let mut expect = [0; 64];
        expect[16] = 2;
        assert_eq!(program.at(64, 64), expect);
    }
}

//= spec 11.2.2 test
#[test]
fn pointers_out_of_memory_halt() {
    let end = u64::from(MEMORY_BYTES);
    for (name, arguments, pointer, bytes) in [
        ("args_sizes_get", vec![0, 4], 0, 4),
        ("args_sizes_get", vec![0, 4], 1, 4),
        ("environ_sizes_get", vec![0, 4], 0, 4),
        ("clock_time_get", vec![0, 0, 0], 2, 8),
        ("clock_res_get", vec![0, 0], 1, 8),
        ("random_get", vec![0, 16], 0, 16),
        ("fd_fdstat_get", vec![0, 0], 1, 24),
        ("fd_filestat_get", vec![0, 0], 1, 64),
    ] {
        for (offset, inside) in [(end - bytes, true), (end - bytes + 1, false), (end, false), (0xFFFF_FFFF, false)] {
            let mut arguments = arguments.clone();
            arguments[pointer] = offset;
            let called = Program::new(&[]).call(name, &arguments);
            let expect = if inside { Ok(0) } else { Err(Stop::Halt(HaltReason::HostAccessOutOfBounds)) };
            assert_eq!(called, expect, "{name} {arguments:?}");
        }
    }
}

//= spec 11.1.13 test
#[test]
fn exit_codes_are_outcomes() {
    for (code, errno) in [(1, 1), (2, 2), (0xFEFF, 0xFEFF), (0xFF00, 1), (0x1_0000, 1), (u32::MAX, 1)] {
        let mut program = Program::new(&[]);
        program.put(0, b"why");
        program.put_buffers(16, &[(0, 3)]);
        assert_eq!(program.call("fd_write", &[2, 16, 1, 32]), Ok(0));
        let expect = Stop::Revert { errno: Errno::new(errno), data: b"why".as_slice().into() };
        assert_eq!(program.exit(code), expect, "{code}");
        assert_eq!(program.gas, ANSWER);
    }
    assert_eq!(Program::new(b"input").output(), b"");
}
