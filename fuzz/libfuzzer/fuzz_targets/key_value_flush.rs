//! `key_value_flush` of `lockstep-fuzz` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lockstep_fuzz::key_value_flush::key_value_flush(bytes));
