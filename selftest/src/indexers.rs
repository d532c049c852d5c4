//! The example indexers, in both dialects: blocks, views, and what they get wrong.

use crate::chain::{Chain, assemble};
use lockstep_vm::{Abi, Fault, engine::Engine};

const TRACKERS: [(&str, Abi, &[u8]); 3] = [
    ("rust", Abi::Metashrew, include_bytes!("../../contracts/block-tracker-rust/block_tracker_rust.wasm")),
    ("assemblyscript", Abi::Metashrew, include_bytes!("../../contracts/block-tracker-as/block_tracker.wasm")),
    (
        "documented",
        Abi::MetashrewDocumented,
        include_bytes!("../../contracts/block-tracker-documented-rust/block_tracker_documented_rust.wasm"),
    ),
];

/// An indexer with a start function whose `_start` does what the first byte of its input says: stores it, notes a failure,
/// hands over a message that is none, calls an import that does not exist, ends.
const CHOICES: &str = r#"(module
    (import "env" "__load_input" (func $load_input (param i32)))
    (import "env" "__flush" (func $flush (param i32)))
    (import "env" "__get_len" (func $get_len (param i32) (result i32)))
    (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
    (import "env" "__is_dry_run" (func $unknown (result i32)))
    (memory (export "memory") 1)
    (global $message (mut i32) (i32.const 0))
    (data (i32.const 64) "\0e\00\00\00\0a\03key\0a\07")
    (data (i32.const 128) "\03\00\00\00key")
    (func $begin (global.set $message (i32.const 68)))
    (start $begin)
    (func (export "_start")
        (call $load_input (i32.const 75))
        (block $ends (block $unknown_import (block $malformed (block $failure (block $stores
            (br_table $stores $failure $malformed $unknown_import $ends (i32.load8_u (i32.const 79))))
            (return (call $flush (global.get $message))))
            (return (call $abort (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4))))
            (return (call $flush (i32.const 132))))
            (drop (call $unknown))))
    (func (export "length") (result i32)
        (i32.store (i32.const 256) (i32.const 4))
        (i32.store (i32.const 260) (call $get_len (i32.const 132)))
        (i32.const 260)))"#;

pub(crate) fn run<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    for (name, abi, code) in TRACKERS {
        let tracker = chain.put(abi, code)?;
        for number in 0..3_u8 {
            let block: Vec<u8> = (0..80_u8.saturating_add(number)).map(|byte| byte ^ number).collect();
            chain.call(tracker, &block)?;
            chain.end(format!("{name}, block {number}"));
        }
        chain.call(tracker, b"short")?;
        chain.end(format!("{name}, a short block"));
        for (view, argument) in
            [("getblock", &b""[..]), ("getblock", &1_000_u32.to_le_bytes()), ("blocktracker", b""), ("missing", b"")]
        {
            chain.call_export(tracker, view, argument)?;
            chain.end(format!("{name}, view {view} of {} bytes", argument.len()));
        }
    }
    let choices = chain.put(Abi::Metashrew, &assemble(CHOICES)?)?;
    for choice in 0..5_u8 {
        chain.call(choices, &[choice, 7, 7])?;
        chain.call_export(choices, "length", b"")?;
        chain.end(format!("choice {choice}"));
    }
    Ok(())
}
