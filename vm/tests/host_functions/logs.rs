//! `log`: the charge before everything, topics before data, and the limits of `V1`.

use crate::{
    kit::{Case, check_all, status_of, word},
    text::{A, B, CONTRACT, KEY, VALUE, counted, data, main_field, module},
};
use lockstep_gas::Abi;
use lockstep_host::HaltReason;

const OOB: HaltReason = HaltReason::HostAccessOutOfBounds;

fn log(name: &str, arguments: &str) -> Case {
    Case::with_fields(name, &format!("(call $log {arguments})"), &data(768, b"abc"))
}

/// What [`many`] counts in.
const COUNTER: &str = "(global $i (mut i32) (i32.const 0))";

/// `count` logs of `length` zeros each, which lie from 32,768 on.
fn many(count: u32, length: u32) -> String {
    format!(
        "(loop $l (call $log #32768 #{length} #0 #0 #0 #0 #0) \
            (global.set $i (i32.add (global.get $i) #1)) (br_if $l (i32.lt_u (global.get $i) #{count})))"
    )
}

fn shapes() -> Vec<Case> {
    vec![
        log("no topic", "#768 #3 #0 #0 #0 #0 #0").expect_gas(21_399).expect_log(CONTRACT, &[], b"abc"),
        log("no topic: its pointers are not looked at", "#768 #3 #0 #-1 #-1 #-1 #-1").expect_gas(21_399).expect_log(
            CONTRACT,
            &[],
            b"abc",
        ),
        log("one topic", "#768 #3 #1 @KEY #-1 #-1 #-1").expect_gas(21_774).expect_log(CONTRACT, &[KEY], b"abc"),
        log("two topics", "#768 #3 #2 @KEY @VALUE #-1 #-1").expect_gas(22_149).expect_log(
            CONTRACT,
            &[KEY, VALUE],
            b"abc",
        ),
        log("three topics", "#768 #3 #3 @VALUE @KEY @ZERO #-1").expect_gas(22_524).expect_log(
            CONTRACT,
            &[VALUE, KEY, ONE_WORD],
            b"abc",
        ),
        log("four topics", "#768 #0 #4 @KEY @KEY @VALUE @VALUE").expect_gas(22_875).expect_log(
            CONTRACT,
            &[KEY, KEY, VALUE, VALUE],
            b"",
        ),
        log("no data at the end of memory", "#65536 #0 #0 #0 #0 #0 #0").expect_gas(21_375).expect_log(
            CONTRACT,
            &[],
            b"",
        ),
        log("no data beyond it", "#65537 #0 #0 #0 #0 #0 #0").expect_halt_in_both(OOB),
        log("data beyond it", "#65535 #2 #0 #0 #0 #0 #0").expect_halt_in_both(OOB),
        log("a bad first topic", "#768 #3 #1 #65505 #0 #0 #0").expect_halt_in_both(OOB),
        log("a bad fourth topic", "#768 #3 #4 #0 #0 #0 #65505").expect_halt_in_both(OOB),
        log("five topics", "#768 #3 #5 #0 #0 #0 #0").expect_halt_in_both(HaltReason::ArgumentOutOfRange),
        log("five topics before bad pointers", "#-1 #3 #5 #-1 #-1 #-1 #-1")
            .expect_halt_in_both(HaltReason::ArgumentOutOfRange),
        // 375 + 5 * 375 + 3 * 8 are charged before the number of topics is looked at.
        log("five topics, not paid", "#768 #3 #5 #0 #0 #0 #0")
            .given_gas_limit(23_273)
            .byzantium_only()
            .expect_halt_in_both(HaltReason::OutOfGas),
        log("five topics, paid", "#768 #3 #5 #0 #0 #0 #0")
            .given_gas_limit(23_274)
            .byzantium_only()
            .expect_halt_in_both(HaltReason::ArgumentOutOfRange),
        log("the most topics there are", "#768 #3 #-1 #0 #0 #0 #0").expect_halt_in_both(HaltReason::OutOfGas),
        log("more data than gas", "#768 #-1 #0 #0 #0 #0 #0").expect_halt_in_both(HaltReason::OutOfGas),
        log("a bad pointer, not paid", "#65535 #2 #1 #0 #0 #0 #0")
            .given_gas_limit(21_765)
            .byzantium_only()
            .expect_halt_in_both(HaltReason::OutOfGas),
        log("a bad pointer, paid", "#65535 #2 #1 #0 #0 #0 #0")
            .given_gas_limit(21_766)
            .byzantium_only()
            .expect_halt_in_both(OOB),
    ]
}

/// 32 bytes at `@ZERO`, which reach into `@ONE`.
const ONE_WORD: [u8; 32] = [0; 32];

fn lifetimes() -> Vec<Case> {
    let one = "(call $log @KEY #1 #0 #0 #0 #0 #0)";
    let byte = &counted::<1>(0x40);
    let call_a = status_of("(call $call ~500000 @A @ZERO #0 #0)");
    vec![
        // 3 logs of 383 gas, in the order of the calls.
        Case::new("order", &format!("{one} (drop (call $call ~500000 @A @ZERO #0 #0)) {one}"))
            .given_contract(A, one)
            .expect_gas(21_000 + 700 + 3 * 383)
            .expect_log(CONTRACT, &[], byte)
            .expect_log(A, &[], byte)
            .expect_log(CONTRACT, &[], byte),
        Case::new("of a delegated frame", &call_a)
            .given_contract(A, "(drop (call $callDelegate ~100000 @B #0 #0))")
            .given_contract(B, one)
            .expect_gas(21_000 + 700 + 700 + 383)
            .expect_output(&word(0))
            .expect_log(A, &[], byte),
        Case::new("of a frame that reverts", &format!("{one} {call_a}"))
            .given_contract(A, &format!("{one} (call $revert #0 #0)"))
            .expect_gas(21_000 + 700 + 2 * 383)
            .expect_output(&word(2))
            .expect_log(CONTRACT, &[], byte),
        Case::new("of a frame that halts", &format!("{call_a} {one}"))
            .given_contract(A, &format!("{one} (unreachable)"))
            .expect_gas(21_000 + 700 + 500_000)
            .expect_output(&word(1))
            .expect_halt_inside(HaltReason::Unreachable),
        Case::new("of a frame below one that reverts", &call_a)
            .given_contract(A, "(drop (call $call ~100000 @B @ZERO #0 #0)) (call $revert #0 #0)")
            .given_contract(B, one)
            .expect_gas(21_000 + 700 + 700 + 383)
            .expect_output(&word(2)),
        Case::new("of a transaction that reverts", &format!("{one} (call $revert #0 #0)"))
            .expect_gas(21_383)
            .expect_revert(0),
    ]
}

fn limits() -> Vec<Case> {
    let with_logs = |case: Case, count: u32, length: usize| {
        (0..count).fold(case, |case, _| case.expect_log(CONTRACT, &[], &vec![0; length]))
    };
    let v1 = |name: &str, body: &str| Case::with_fields(name, body, COUNTER);
    let limit = HaltReason::LimitExceeded;
    vec![
        with_logs(v1("the largest log", &many(1, 16_384)), 1, 16_384),
        v1("one byte more", &many(1, 16_385)).expect_halt(limit),
        with_logs(v1("the most logs", &many(128, 0)), 128, 0),
        v1("one log more", &many(129, 0)).expect_halt(limit),
        with_logs(v1("the most bytes of all logs", &many(4, 16_384)), 4, 16_384),
        v1("one byte of all logs more", &format!("{} (call $log #0 #1 #0 #0 #0 #0 #0)", many(4, 16_384)))
            .expect_halt(limit),
        with_logs(v1("an empty log more", &format!("{} (call $log #0 #0 #0 #0 #0 #0 #0)", many(4, 16_384))), 4, 16_384)
            .expect_log(CONTRACT, &[], b""),
        // Bytes of logs that are undone do not count.
        with_logs(
            v1(
                "the most bytes after a revert",
                &format!("(drop (call $call ~7000000 @A @ZERO #0 #0)) {}", many(4, 16_384)),
            )
            .given_gas_limit(30_000_000)
            .given_code(
                A,
                &module(&main_field(&format!("{} (call $revert #0 #0)", many(4, 16_384)), COUNTER)),
                Abi::Ewasm,
            ),
            4,
            16_384,
        ),
        // A bad range is found before a limit.
        v1("a bad range that is too large", "(call $log #65000 #16385 #0 #0 #0 #0 #0)").expect_halt(OOB),
        // Byzantium has no limits of its own: 375 for each, 8 for each byte.
        with_logs(v1("no limits", &many(129, 600)).byzantium_only(), 129, 600).expect_gas(21_000 + 129 * (375 + 4_800)),
    ]
}

//= spec 5.2.13 test
#[test]
fn logs() {
    let mut cases = shapes();
    cases.extend(lifetimes());
    cases.extend(limits());
    check_all("logs", cases);
}
