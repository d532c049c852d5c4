//! The production engine against wasmtime under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lockstep_libfuzzer::wasmtime_diff(bytes));
