//! `host_dela` of `lockstep-fuzz` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lockstep_fuzz::host_abi::host_dela(bytes));
