//! Programs that mean harm: documented ends, and no more than their gas.

use crate::kit::{Chain, SENDER, halt, module, revert};
use lockstep_gas::Abi;
use lockstep_host::{Address, HaltReason};
use lockstep_vm::{Outcome, TxKind};

const A: Address = Address::repeat_byte(0xa1);

/// A name, the body of `_start`, and how it ends.
type Hostile = (&'static str, String, Outcome);

/// Writes without end, and vectors of more entries than there is memory.
fn floods() -> Vec<Hostile> {
    // Eight buffers of the whole page, at 1,000.
    let vector = "(local $n i32) (loop $v (i32.store (i32.add (i32.const 1004) (i32.shl (local.get $n) (i32.const 3))) (i32.const 65536)) \
        (br_if $v (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 8))))";
    let flood = |fd: u32| {
        format!(
            "{vector} (loop $l (drop (call $fd_write (i32.const {fd}) (i32.const 1000) (i32.const 8) (i32.const 8))) (br $l))"
        )
    };
    let call = |name: &str, arguments: &str| format!("(drop (call ${name} {arguments}))");
    let many = "(i32.const 0xffffffff)";
    let out_of_gas = halt(HaltReason::OutOfGas);
    vec![
        ("a flood of output", flood(1), halt(HaltReason::LimitExceeded)),
        ("a flood of errors", flood(2), out_of_gas),
        ("without end", "(loop $l (br $l))".into(), out_of_gas),
        (
            "2^32 - 1 buffers to write",
            call("fd_write", &format!("(i32.const 1) (i32.const 0) {many} (i32.const 8)")),
            out_of_gas,
        ),
        (
            "2^32 - 1 buffers to read",
            call("fd_read", &format!("(i32.const 0) (i32.const 0) {many} (i32.const 8)")),
            out_of_gas,
        ),
        (
            "2^32 - 1 subscriptions",
            call("poll_oneoff", &format!("(i32.const 0) (i32.const 0) {many} (i32.const 8)")),
            out_of_gas,
        ),
        ("2^32 - 1 random bytes", call("random_get", &format!("(i32.const 0) {many}")), out_of_gas),
        (
            "random bytes without end",
            format!("(loop $l {} (br $l))", call("random_get", "(i32.const 0) (i32.const 65536)")),
            out_of_gas,
        ),
        (
            "sleeping for centuries",
            "(i64.store (i32.const 24) (i64.const -1)) (i32.store (i32.const 16) (i32.const 1))".to_owned()
                + &call("poll_oneoff", "(i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)"),
            Outcome::Return,
        ),
        (
            "sleeping without end",
            format!(
                "(loop $l {} (br $l))",
                call("poll_oneoff", "(i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)")
            ),
            out_of_gas,
        ),
        (
            "waiting for the clock",
            "(loop $l (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 0))) \
            (br_if $l (i64.lt_u (i64.load (i32.const 0)) (i64.const 1000000))))"
                .into(),
            Outcome::Return,
        ),
        ("growing without end", "(loop $l (drop (memory.grow (i32.const 1))) (br $l))".into(), out_of_gas),
        ("recursion", "(call $main)".into(), halt(HaltReason::CallStackExhausted)),
        (
            "an error in the middle of a flood",
            format!(
                "{vector} {} (call $proc_exit (i32.const 9))",
                call("fd_write", "(i32.const 2) (i32.const 1000) (i32.const 8) (i32.const 8)")
            ),
            revert(9),
        ),
    ]
}

#[test]
fn floods_sleeps_and_endless_programs() {
    let mut chain = Chain::new("wasi_hostile.txt");
    chain.gas_limit = 20_000_000;
    for (case, body, outcome) in floods() {
        chain.put(A, Abi::Wasi, &module(Abi::Wasi, &format!("(func $main (export \"_start\") {body})")));
        let receipt = chain.commit(case, SENDER, TxKind::Call { to: A, export: None }, &[]);
        assert_eq!(receipt.outcome, outcome, "{case}");
        assert!(receipt.output.len() <= 16_384, "{case}");
    }
    chain.settle();
}
