//! The ABI `dela`: the chain of guest calls of a frame, what replies mean, and allocators that do what they like.

use crate::kit::{Chain, SENDER, halt, module, revert};
use lockstep_gas::Abi;
use lockstep_gas::Revision;
use lockstep_host::{Address, HaltReason};
use lockstep_vm::{Outcome, TxKind, ValidModule, module::InvalidCode};

const A: Address = Address::repeat_byte(0xa1);

const ACCEPTED: &str = r#"{\"Accepted\":\"true\",\"result\":\"r\"}"#;

/// A module with these three bodies: `malloc` and `f` leave an i32, `free` nothing.
fn dela(malloc: &str, f: &str, free: &str, more: &str) -> Vec<u8> {
    module(
        Abi::Dela,
        &format!(
            r#"(func (export "malloc") (param i32) (result i32) {malloc}) (func (export "f") (param i32) (result i32) {f})
            (func (export "free") (param i32) {free}) {more}"#
        ),
    )
}

/// Puts the module in place and calls `f` with a request.
fn call(chain: &mut Chain, case: &str, code: &[u8], request: &[u8]) -> (Outcome, Vec<u8>) {
    chain.put(A, Abi::Dela, code);
    let receipt = chain.call(case, SENDER, A, "f", request);
    (receipt.outcome, receipt.output)
}

//= spec 10.1.1, 10.1.2, 10.4.4, 10.4.5 test
#[test]
fn a_frame_is_a_chain_of_guest_calls() {
    let mut chain = Chain::new("dela_chain.txt");
    // Each call notes its letter and its argument; the reply is read after f and before free, which spoils it.
    let note = |letter: char| {
        format!(
            "(i32.store8 (i32.add (i32.const 2000) (global.get $n)) (i32.const {})) (global.set $n (i32.add (global.get $n) (i32.const 1)))",
            u32::from(letter)
        )
    };
    let reply = r#"(global $n (mut i32) (i32.const 0)) (data (i32.const 1000) "{\"Accepted\":\"true\",\"result\":\"................\"}")"#;
    let f = format!(
        "{} (memory.copy (i32.const 1029) (i32.const 2000) (global.get $n)) (memory.copy (i32.const 1035) (local.get 0) (i32.const 5)) \
         (i32.store8 (i32.const 1041) (i32.add (i32.const 48) (i32.load8_u (i32.add (local.get 0) (i32.const 5))))) (i32.const 1000)",
        note('f')
    );
    let free = format!("{} (memory.fill (i32.const 1000) (i32.const 0) (i32.const 100))", note('g'));
    let malloc = format!("{} (i32.add (i32.const 500) (local.get 0))", note('m'));
    let start = |name: &str, letter| format!(r#"(func (export "{name}") {})"#, note(letter));
    for (case, more, calls) in [
        ("no start", String::new(), "mf...."),
        ("constructors", start("__wasm_call_ctors", 'c'), "cmf..."),
        ("a reactor's start", start("_initialize", 'i'), "imf..."),
        ("both", start("_initialize", 'i') + &start("__wasm_call_ctors", 'c'), "imf..."),
    ] {
        let code = dela(&malloc, &f, &free, &format!("{reply} {more}"));
        let output = call(&mut chain, case, &code, b"hello").1;
        let text = String::from_utf8(output).unwrap();
        assert_eq!(text, format!(r#"{{"Accepted":"true","result":"{calls}hello.0..."}}"#), "{case}");
    }
    chain.settle();
}

//= spec 10.4.3 test
#[test]
fn what_is_called() {
    let mut chain = Chain::new("dela_entries.txt");
    let more = format!(
        r#"(func (export "main") (param i32) (result i32) (i32.const 1000)) (func (export "two") (param i32 i32) (result i32) (i32.const 0))
        (global (export "g") i32 (i32.const 0)) (data (i32.const 1000) "{ACCEPTED}")"#
    );
    chain.put(A, Abi::Dela, &dela("(i32.const 16)", "(i32.const 1000)", "", &more));
    for (export, outcome) in [
        ("f", Outcome::Return),
        ("main", Outcome::Return),
        ("absent", halt(HaltReason::NoSuchExport)),
        ("g", halt(HaltReason::NoSuchExport)),
        ("malloc", halt(HaltReason::SignatureMismatch)),
        ("free", halt(HaltReason::SignatureMismatch)),
        ("two", halt(HaltReason::SignatureMismatch)),
    ] {
        assert_eq!(chain.call(export, SENDER, A, export, b"{}").outcome, outcome, "{export}");
    }
    assert_eq!(chain.commit("plain", SENDER, TxKind::Call { to: A, export: None }, b"{}").outcome, Outcome::Return);
    chain.settle();
}

//= spec 10.4.8 test
#[test]
fn the_reply_says_how_the_frame_ends() {
    let mut chain = Chain::new("dela_replies.txt");
    for (case, reply, outcome) in [
        ("accepted", ACCEPTED, Outcome::Return),
        ("not accepted", r#"{\"Accepted\":\"false\",\"result\":\"no\"}"#, revert(1)),
        ("empty", "", revert(2)),
        ("no JSON", "hello", revert(2)),
        ("no result", r#"{\"Accepted\":\"true\"}"#, revert(2)),
        ("raw bytes", r#"{\"Accepted\":\"true\",\"result\":\"\ff\80\"}"#, Outcome::Return),
    ] {
        let code = dela("(i32.const 16)", "(i32.const 1000)", "", &format!(r#"(data (i32.const 1000) "{reply}")"#));
        let (found, output) = call(&mut chain, case, &code, b"{}");
        assert_eq!(found, outcome, "{case}");
        assert_eq!(output.is_empty(), reply.is_empty(), "{case}");
    }
    chain.settle();
}

#[test]
fn a_request_ends_with_a_zero_whatever_it_is() {
    let mut chain = Chain::new("dela_requests.txt");
    // The reply has the request's length by strlen as its result, one digit.
    let f = "(local $n i32) (loop $l (if (i32.load8_u (i32.add (local.get 0) (local.get $n))) \
        (then (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $l)))) \
        (i32.store8 (i32.const 1029) (i32.add (i32.const 48) (local.get $n))) (i32.const 1000)";
    let code = dela(
        "(i32.const 5000)",
        f,
        "",
        &format!(r#"(data (i32.const 1000) "{ACCEPTED}") (data (i32.const 5000) "xxxxxxxxxx")"#),
    );
    for (case, request, digit) in [
        ("empty", &b""[..], '0'),
        ("three", b"abc", '3'),
        ("a zero inside", b"ab\0cd", '2'),
        ("no UTF-8", b"\xff\xfe", '2'),
    ] {
        let output = String::from_utf8(call(&mut chain, case, &code, request).1).unwrap();
        assert_eq!(output.chars().rev().nth(2), Some(digit), "{case}: {output}");
    }
    chain.settle();
}

//= spec 10.4.5, 10.4.6, 10.4.7 test
#[test]
fn allocators_that_do_what_they_like() {
    let mut chain = Chain::new("dela_hostile.txt");
    chain.gas_limit = 20_000_000;
    let data = format!(r#"(data (i32.const 1000) "{ACCEPTED}")"#);
    let (ok, reply) = ("(i32.const 16)", "(i32.const 1000)");
    let no_room = halt(HaltReason::NoRoomForInput);
    let out_of_bounds = halt(HaltReason::HostAccessOutOfBounds);
    let endless = "(loop $l (br $l))";
    for (case, malloc, f, free, outcome) in [
        ("malloc: null", "(i32.const 0)", reply, "", no_room),
        ("malloc: the last byte", "(i32.const 65535)", reply, "", no_room),
        ("malloc: just room", "(i32.const 65533)", reply, "", Outcome::Return),
        ("malloc: no room for the zero", "(i32.const 65534)", reply, "", no_room),
        ("malloc: beyond the end", "(i32.const 65536)", reply, "", no_room),
        ("malloc: -1", "(i32.const -1)", reply, "", no_room),
        ("malloc: -2", "(i32.const -2)", reply, "", no_room),
        ("malloc: over the reply", "(i32.const 1005)", reply, "", revert(2)),
        ("malloc traps", "(unreachable)", reply, "", halt(HaltReason::Unreachable)),
        ("malloc without end", "(loop $l (br $l)) (i32.const 0)", reply, "", halt(HaltReason::OutOfGas)),
        ("f traps", ok, "(unreachable)", "", halt(HaltReason::Unreachable)),
        ("f without end", ok, "(loop $l (br $l)) (i32.const 0)", "", halt(HaltReason::OutOfGas)),
        ("f: null, where an empty string is", ok, "(i32.const 0)", "", revert(2)),
        ("f: the request itself", ok, "(local.get 0)", "", revert(2)),
        ("f: the end of memory", ok, "(i32.const 65536)", "", out_of_bounds),
        ("f: -1", ok, "(i32.const -1)", "", out_of_bounds),
        (
            "f: a string without end",
            ok,
            "(memory.fill (i32.const 0) (i32.const 97) (i32.const 65536)) (i32.const 0)",
            "",
            out_of_bounds,
        ),
        (
            "f: ends with the memory",
            ok,
            "(memory.fill (i32.const 0) (i32.const 97) (i32.const 65535)) (i32.const 65000)",
            "",
            revert(2),
        ),
        ("free traps", ok, reply, "(unreachable)", halt(HaltReason::Unreachable)),
        ("free without end", ok, reply, endless, halt(HaltReason::OutOfGas)),
        ("free aborts", ok, reply, "(call $abort)", halt(HaltReason::Unreachable)),
    ] {
        let (found, _) = call(&mut chain, case, &dela(malloc, f, free, &data), b"{}");
        assert_eq!(found, outcome, "{case}");
    }
    chain.settle();
}

//= spec 10.4.7 test
#[test]
fn a_reply_may_have_the_bytes_of_an_output() {
    let mut chain = Chain::new("dela_longest.txt");
    let code = |bytes: usize| {
        let f = format!("(memory.fill (i32.const 1000) (i32.const 97) (i32.const {bytes})) (i32.const 1000)");
        dela("(i32.const 16)", &f, "", r#"(memory (export "memory") 100)"#)
    };
    let limit = 4_194_304;
    // Neither is JSON, and a revert may have less than an output.
    for (bytes, outcome) in [
        (16_384, revert(2)),
        (16_385, halt(HaltReason::LimitExceeded)),
        (limit, halt(HaltReason::LimitExceeded)),
        (limit + 1, halt(HaltReason::LimitExceeded)),
    ] {
        assert_eq!(call(&mut chain, &format!("{bytes}"), &code(bytes), b"").0, outcome, "{bytes}");
    }
    let accepted = dela(
        "(i32.const 16)",
        &format!(
            "(memory.fill (i32.const 1029) (i32.const 97) (i32.const {0})) (i32.store16 (i32.add (i32.const 1029) (i32.const {0})) (i32.const 0x7d22)) (i32.const 1000)",
            limit - 31
        ),
        "",
        r#"(memory (export "memory") 100) (data (i32.const 1000) "{\"Accepted\":\"true\",\"result\":\"")"#,
    );
    let (outcome, output) = call(&mut chain, "the longest accepted", &accepted, b"");
    assert_eq!((outcome, output.len()), (Outcome::Return, limit));
    chain.settle();
}

/// Calls a contract whose reply shows the i32 that `body` leaves, and compares.
fn shows(chain: &mut Chain, (case, body, expected): (&str, &str, u32)) {
    // Eight digits of base 16, lowest first, with A for 0.
    let f = format!(
        "(local $v i32) (local $i i32) (local.set $v {body}) (loop $l (i32.store8 (i32.add (i32.const 1029) (local.get $i)) \
             (i32.add (i32.const 65) (i32.and (local.get $v) (i32.const 15)))) (local.set $v (i32.shr_u (local.get $v) (i32.const 4))) \
             (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8)))) (i32.const 1000)"
    );
    let more = r#"(memory (export "memory") 1 3) (data (i32.const 1000) "{\"Accepted\":\"true\",\"result\":\"........\"}") (data (i32.const 3000) "abcdef")"#;
    let (outcome, output) = call(chain, case, &dela("(i32.const 16)", &f, "", more), b"{}");
    let shown: String =
        (0..8).map(|digit| char::from(b'A' + u8::try_from(expected >> (4 * digit) & 15).unwrap())).collect();
    let text = format!(r#"{{"Accepted":"true","result":"{shown}"}}"#);
    assert_eq!((outcome, String::from_utf8(output).unwrap()), (Outcome::Return, text), "{case}");
}

#[test]
fn host_functions_answer() {
    let mut chain = Chain::new("dela_answers.txt");
    for case in [
        ("time", "(call $time (i32.const 0))", 1_700_000_000_u32),
        ("time at a place", "(drop (call $time (i32.const 2000))) (i32.load (i32.const 2000))", 1_700_000_000),
        ("stat", "(call $__sys_stat64 (i32.const -1) (i32.const -1))", (-44_i32).cast_unsigned()),
        ("open", "(call $__sys_open (i32.const -1) (i32.const 0) (i32.const -1))", (-44_i32).cast_unsigned()),
        ("fstat", "(call $__syscall_fstat64 (i32.const 1) (i32.const -1))", (-8_i32).cast_unsigned()),
        ("ioctl", "(call $__syscall_ioctl (i32.const 1) (i32.const 21523) (i32.const -1))", (-59_i32).cast_unsigned()),
        (
            "copy",
            "(i32.load (call $emscripten_memcpy_big (i32.const 3001) (i32.const 3000) (i32.const 5)))",
            u32::from_le_bytes(*b"abcd"),
        ),
        (
            "copy by a later name",
            "(call $emscripten_memcpy_js (i32.const 3001) (i32.const 3000) (i32.const 5)) (i32.load (i32.const 3001))",
            u32::from_le_bytes(*b"abcd"),
        ),
        (
            "copy by a third name",
            "(call $_emscripten_memcpy_js (i32.const 3001) (i32.const 3000) (i32.const 5)) (i32.load (i32.const 3001))",
            u32::from_le_bytes(*b"abcd"),
        ),
        (
            "growth that is told",
            "(drop (memory.grow (i32.const 1))) (call $emscripten_notify_memory_growth (i32.const 0)) (memory.size)",
            2,
        ),
        ("setTempRet0", "(call $setTempRet0 (i32.const 1)) (i32.const 5)", 5),
    ] {
        shows(&mut chain, case);
    }
    chain.settle();
}

//= spec 10.4.9 test
#[test]
fn memory_grows_to_what_is_asked_for() {
    let mut chain = Chain::new("dela_grows.txt");
    for case in [
        ("grow to what is there", "(i32.add (call $emscripten_resize_heap (i32.const 65536)) (memory.size))", 2),
        (
            "grow by a byte",
            "(i32.add (i32.shl (call $emscripten_resize_heap (i32.const 65537)) (i32.const 8)) (memory.size))",
            0x102,
        ),
        (
            "grow to the maximum",
            "(i32.add (i32.shl (call $emscripten_resize_heap (i32.const 196608)) (i32.const 8)) (memory.size))",
            0x103,
        ),
        (
            "grow beyond the maximum",
            "(i32.add (i32.shl (call $emscripten_resize_heap (i32.const 196609)) (i32.const 8)) (memory.size))",
            1,
        ),
        (
            "grow beyond the revision",
            "(i32.add (i32.shl (call $emscripten_resize_heap (i32.const -1)) (i32.const 8)) (memory.size))",
            1,
        ),
        (
            "what was grown can be used, and what was there is",
            "(drop (call $emscripten_resize_heap (i32.const 131072))) (i32.store (i32.const 131068) (i32.const 7)) \
             (i32.add (i32.load (i32.const 131068)) (i32.load8_u (i32.const 3000)))",
            104,
        ),
        (
            "grown twice, around a growth of its own",
            "(drop (call $emscripten_resize_heap (i32.const 65537))) (drop (memory.grow (i32.const 1))) \
             (i32.add (i32.shl (call $emscripten_resize_heap (i32.const 196608)) (i32.const 8)) (memory.size))",
            0x103,
        ),
    ] {
        shows(&mut chain, case);
    }
    chain.settle();
}

#[test]
fn some_functions_end_the_frame() {
    let mut chain = Chain::new("dela_ends.txt");
    let unreachable = halt(HaltReason::Unreachable);
    for (case, body) in [
        ("abort", "(call $abort)"),
        ("_abort_js", "(call $_abort_js)"),
        ("__assert_fail", "(call $__assert_fail (i32.const -1) (i32.const -1) (i32.const -1) (i32.const -1))"),
    ] {
        let code = dela("(i32.const 16)", &format!("{body} (i32.const 0)"), "", "");
        assert_eq!(call(&mut chain, case, &code, b"{}").0, unreachable);
    }
    let code = dela("(i32.const 16)", "(call $exit (i32.const 3)) (i32.const 0)", "", "");
    assert_eq!(call(&mut chain, "exit", &code, b"{}").0, revert(3));
    chain.settle();
}

/// Modules of other versions of emscripten import what this ABI does not have, and do without it.
//= spec 10.4.2 test
#[test]
fn an_unknown_import_halts_when_it_is_called() {
    let mut chain = Chain::new("dela_unknown.txt");
    let code = |import: &str| {
        let text = format!(
            r#"(module (import "env" {import}) (memory (export "memory") 1) (data (i32.const 1000) "{ACCEPTED}")
            (func (export "malloc") (param i32) (result i32) (i32.const 16)) (func (export "free") (param i32))
            (func (export "f") (param i32) (result i32) (if (i32.load8_u (local.get 0)) (then (drop (call $import)))) (i32.const 1000)))"#
        );
        wat::parse_str(text).unwrap()
    };
    let of_javascript = code(r#""emscripten_date_now" (func $import (result f64))"#);
    for (case, request, outcome) in
        [("not called", &b""[..], Outcome::Return), ("called", b"{}", halt(HaltReason::UnknownImport))]
    {
        assert_eq!(call(&mut chain, case, &of_javascript, request).0, outcome, "{case}");
    }
    // A function that is there has its own types.
    let refused = ValidModule::parse(code(r#""time" (func $import (result i32))"#).into(), Abi::Dela, &Revision::V1);
    assert_eq!(refused.unwrap_err().code, InvalidCode::ImportTypeMismatch);
    // Later versions of emscripten expect no result of it.
    let text = r#"(module (import "env" "emscripten_memcpy_big" (func $copy (param i32 i32 i32))) (memory (export "memory") 1)
        (func (export "malloc") (param i32) (result i32) (i32.const 16)) (func (export "free") (param i32))
        (func (export "f") (param i32) (result i32) (call $copy (i32.const 2000) (local.get 0) (i32.const 100)) (i32.const 2000)))"#;
    let reply = br#"{"Accepted":"true","result":""}"#;
    let (outcome, output) = call(&mut chain, "a copy without a result", &wat::parse_str(text).unwrap(), reply);
    assert_eq!((outcome, output.as_slice()), (Outcome::Return, &reply[..]));
    chain.settle();
}

//= spec 10.4.9 test
#[test]
fn growth_is_paid_for_and_counts_for_the_transaction() {
    let mut chain = Chain::new("dela_growth.txt");
    chain.gas_limit = 30_000_000;
    let grow = "(drop (call $emscripten_resize_heap (i32.const 67108864))) (i32.const 1000)";
    let code = dela("(i32.const 16)", grow, "", &format!(r#"(data (i32.const 1000) "{ACCEPTED}")"#));
    assert_eq!(call(&mut chain, "64 MiB", &code, b"").0, Outcome::Return);
    chain.gas_limit = 10_000_000;
    assert_eq!(call(&mut chain, "64 MiB for too little", &code, b"").0, halt(HaltReason::OutOfGas));
    chain.settle();
}

//= spec 10.4.1 test
#[test]
fn exports_have_the_types_of_an_allocator() {
    let check = |fields: &str| {
        ValidModule::parse(module(Abi::Dela, fields).into(), Abi::Dela, &Revision::V1).map(|_| ()).is_ok()
    };
    let malloc = r#"(func (export "malloc") (param i32) (result i32) (i32.const 0))"#;
    let free = r#"(func (export "free") (param i32))"#;
    assert!(check(&format!("{malloc} {free}")));
    assert!(!check(malloc));
    assert!(!check(free));
    assert!(!check(&format!(r#"{malloc} (func (export "free") (param i32 i32))"#)));
    assert!(!check(&format!(r#"{free} (func (export "malloc") (param i64) (result i32) (i32.const 0))"#)));
    assert!(!check(&format!(r#"{malloc} {free} (func (export "_initialize") (param i32))"#)));
    assert!(!check(&format!(r#"{malloc} {free} (global (export "__wasm_call_ctors") i32 (i32.const 0))"#)));
    assert!(!check(&format!(r#"(memory 1) {malloc} {free}"#)));
}
