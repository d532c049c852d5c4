//! Programs for WASI: streams, exit codes, clock, randomness and the confidential store, and what compilers of Rust and C
//! make of them.

use crate::chain::{Chain, SENDER, assemble};
use lockstep_host::ENTRY_ACCOUNT;
use lockstep_vm::{Abi, Fault, TxKind, U256, engine::Engine};

const TOKEN_RUST: &[u8] = include_bytes!("../../contracts/token-rust/token_rust.wasm");
const RETRIEVE_C: &[u8] = include_bytes!("../../contracts/retrieve-c/retrieve_c.wasm");

/// Asks the clock, for random bytes and for the streams, waits, calls itself once, and writes everything.
const ASK: &str = r#"(module
    (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $stat (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "lockstep" "self_address" (func $self (param i32)))
    (import "lockstep" "call" (func $call (param i64 i32 i32 i32 i32) (result i32)))
    (import "lockstep" "return_data_length" (func $length (result i32)))
    (import "lockstep" "return_data_copy" (func $copy (param i32 i32 i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (drop (call $time (i32.const 0) (i64.const 0) (i32.const 1000)))
        (drop (call $time (i32.const 1) (i64.const 0) (i32.const 1008)))
        (drop (call $random (i32.const 1016) (i32.const 300)))
        (drop (call $random (i32.const 1316) (i32.const 3)))
        (drop (call $stat (i32.const 1) (i32.const 1320)))
        ;; A subscription to a second from now, and one to the input.
        (i64.store (i32.const 24) (i64.const 1000000000))
        (i32.store (i32.const 16) (i32.const 1))
        (drop (call $poll (i32.const 0) (i32.const 1344) (i32.const 1) (i32.const 1376)))
        (i32.store8 (i32.const 56) (i32.const 1))
        (drop (call $poll (i32.const 0) (i32.const 1380) (i32.const 2) (i32.const 1444)))
        (drop (call $time (i32.const 0) (i64.const 0) (i32.const 1448)))
        (i32.store (i32.const 100) (i32.const 1456))
        (i32.store (i32.const 104) (i32.const 8))
        (drop (call $read (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 1464)))
        (call $self (i32.const 200))
        ;; Called without an input it calls itself no more, and fails.
        (if (i32.load (i32.const 1464))
            (then
                (i32.store (i32.const 1468) (call $call (i64.const 1000000000) (i32.const 200) (i32.const 300) (i32.const 0) (i32.const 0)))
                (call $copy (i32.const 1472) (i32.const 0) (call $length))))
        (i32.store (i32.const 100) (i32.const 1000))
        (i32.store (i32.const 104) (i32.add (i32.const 472) (call $length)))
        (drop (call $write (i32.const 1) (i32.const 100) (i32.const 1) (i32.const 108)))
        (drop (call $write (i32.const 2) (i32.const 100) (i32.const 1) (i32.const 108)))
        (if (i32.eqz (i32.load (i32.const 1464))) (then (call $exit (i32.const 9))))))"#;

pub(crate) fn run<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    let ask = chain.put(Abi::Wasi, &assemble(ASK)?)?;
    for (case, input) in [("a program that asks", &b"the input"[..]), ("a program that fails", &[])] {
        chain.call(ask, input)?;
        chain.end(case);
    }
    let deployment = TxKind::Deploy { abi: Abi::Wasi, code: TOKEN_RUST.to_vec() };
    let receipt = chain.execute(deployment, U256::ZERO, &1_000_u64.to_be_bytes())?;
    chain.end("deploy a token");
    let token = receipt.created.ok_or_else(|| Fault::Broken("a token was not deployed".into()))?;
    let transfer = |amount: u64| [[0x77; 20].as_slice(), &amount.to_be_bytes()].concat();
    for (case, export, input) in [
        ("a transfer", "transfer", transfer(300)),
        ("a transfer of too much", "transfer", transfer(701)),
        ("a balance", "balance_of", SENDER.to_vec()),
        ("an input that is too short", "balance_of", vec![0; 19]),
    ] {
        chain.call_export(token, export, &input)?;
        chain.end(case);
    }
    let retrieve = chain.put(Abi::Wasi, RETRIEVE_C)?;
    let entry = [[0xb1; 16].as_slice(), b"key"].concat();
    chain.state().put_storage(ENTRY_ACCOUNT, entry.clone(), b"an entry".to_vec());
    chain.state().accounts.entry(ENTRY_ACCOUNT).or_default().nonce = 1;
    let absent = [[0xb1; 16].as_slice(), b"ke"].concat();
    for (case, input) in [("an entry", entry), ("an entry that is not there", absent)] {
        chain.call(retrieve, &input)?;
        chain.end(case);
    }
    Ok(())
}
