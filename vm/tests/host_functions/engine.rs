//! Ways to reach a host function that an engine may treat apart: from nested functions, through a table, as a tail call,
//! as an export. What the function does must not depend on the way.

use crate::{
    kit::{Case, V1, check_all, status_of, word},
    text::{A, KEY, module},
};
use lockstep_gas::Abi;
use lockstep_host::HaltReason;
use lockstep_vm::{Outcome, Revision, TxKind, ValidModule, module::InvalidCode};

/// Puts out 5 bytes.
const HELLO: &str = "(i64.store #0 ~0x6f6c6c6568) (call $finish #0 #5)";

/// A function of the type of `call`, that tail-calls it.
const TAIL: &str = "(func $tail (param i64 i32 i32 i32 i32) (result i32) \
    (return_call $call (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)))";

/// Calls of [`A`], which puts out `hello` and returns 0, by other ways than a plain call out of `main`. Each is an
/// expression of type i32, with fields that it needs.
const WAYS: &[(&str, &str, &str)] = &[
    ("from main", "(call $call ~200000 @A @ZERO #0 #0)", ""),
    (
        "from a nested function with values on its stack",
        "(call $f #5 #6)",
        "(func $f (param i32 i32) (result i32) (local i64) (local.set 2 ~9) \
            (i32.sub (i32.add (i32.add (local.get 0) (local.get 1)) (call $call ~200000 @A @ZERO #0 #0)) \
                (i32.add #2 (i32.wrap_i64 (local.get 2)))))",
    ),
    (
        "with values of each type computed before",
        "(i32.trunc_f64_u (f64.sub (f64.add (f64.convert_i32_u (i32.load8_u @KEY)) (f64.convert_i32_u (i32.wrap_i64 \
            (i64.sub (i64.add (i64.load8_u @VALUE) (i64.extend_i32_u (i32.trunc_f32_u (f32.sub \
                (f32.add (f32.convert_i32_u (i32.load8_u @KEY)) \
                    (f32.convert_i32_u (call $call ~200000 @A @ZERO #0 #0))) \
                (f32.convert_i32_u (i32.load8_u @KEY)))))) (i64.load8_u @VALUE))))) \
            (f64.convert_i32_u (i32.load8_u @KEY))))",
        "",
    ),
    (
        "from the bottom of a recursion",
        "(i32.sub (call $down #1000) #1000)",
        "(func $down (param i32) (result i32) (if (result i32) (local.get 0) \
            (then (i32.add #1 (call $down (i32.sub (local.get 0) #1)))) \
            (else (call $call ~200000 @A @ZERO #0 #0))))",
    ),
    (
        "again and again",
        "(block (result i32) (loop $l (br_if $l (i32.lt_u (call $next) #20))) (call $call ~200000 @A @ZERO #0 #0))",
        "(global $i (mut i32) (i32.const 0)) (func $next (result i32) \
            (if (call $call ~200000 @A @ZERO #0 #0) (then (unreachable))) \
            (global.set $i (i32.add (global.get $i) #1)) (global.get $i))",
    ),
    (
        "through a table",
        "(call_indirect (type $t) ~200000 @A @ZERO #0 #0 #0)",
        "(type $t (func (param i64 i32 i32 i32 i32) (result i32))) (table 1 1 funcref) (elem (i32.const 0) $call)",
    ),
];

/// Tail calls that reach, or can reach, an import: no module may have them. wasmi 2.0.0 loses the result of one that
/// suspends. Each is the body of `main`, with fields that it needs.
const REFUSED: &[(&str, &str)] = &[
    ("(return_call $finish @KEY #32)", ""),
    ("(call $f)", "(func $f (return_call $finish @KEY #32))"),
    ("(drop (call $tail ~200000 @A @ZERO #0 #0))", TAIL),
    ("(drop (call $size #9))", "(func $size (param i32) (result i32) (return_call $getCallDataSize))"),
    (
        "(call $f)",
        "(type $t (func (param i32 i32))) (table 1 1 funcref) (elem (i32.const 0) $finish) \
         (func $f (return_call_indirect (type $t) #0 #0 #0))",
    ),
    (
        "(call $f)",
        "(type $t (func (param i32 i32))) (table 1 1 funcref) (elem (i32.const 0) funcref (ref.func $finish)) \
         (func $f (return_call_indirect (type $t) #0 #0 #0))",
    ),
    (
        "(table.set #0 (ref.func $finish)) (call $f)",
        "(type $t (func (param i32 i32))) (table 1 1 funcref) (elem declare func $finish) \
         (func $f (return_call_indirect (type $t) #0 #0 #0))",
    ),
];

/// Tail calls of the module's own functions, beside plain calls of imports.
const TAKEN: &[(&str, &str)] = &[
    ("(return_call $f)", "(func $f (call $finish @KEY #32))"),
    (
        "(return_call_indirect (type $t) #0)",
        "(type $t (func)) (table 1 1 funcref) (elem (i32.const 0) $f) (func $f (call $finish @KEY #32))",
    ),
    (
        "(call_indirect (type $t) @KEY #32 #0)",
        "(type $t (func (param i32 i32))) (table 1 1 funcref) (elem (i32.const 0) $finish)",
    ),
];

/// Puts out 11, 22, the status, 33, the size of the return data and the data: locals and stack survive the call.
fn around(call: &str) -> String {
    format!(
        "(local $a i32) (local $b i64) (local $status i32) (local.set $a #11) (local.set $b ~22) \
         #8 {call} (local.set $status) (i32.store (local.get $status)) \
         (i32.store #0 (local.get $a)) (i32.store #4 (i32.wrap_i64 (local.get $b))) (i32.store #12 #33) \
         (i32.store #16 (call $getReturnDataSize)) (call $returnDataCopy #20 #0 #5) (call $finish #0 #25)"
    )
}

fn ways(ways: &[(&str, &str, &str)]) -> Vec<Case> {
    let expect = [&word(11)[..], &word(22), &word(0), &word(33), &word(5), b"hello"].concat();
    let case = |(name, call, fields): &(&str, &str, &str)| {
        Case::with_fields(format!("call {name}"), &around(call), fields).given_contract(A, HELLO).expect_output(&expect)
    };
    ways.iter().map(case).collect()
}

#[test]
fn no_module_has_a_tail_call_of_an_import() {
    for (body, fields) in REFUSED {
        let code = module(&format!("(func (export \"main\") {body}) {fields}"));
        let invalid = ValidModule::parse(code.into(), Abi::Ewasm, &Revision::V1).unwrap_err();
        assert_eq!(invalid.code, InvalidCode::TailCallOfImport, "{body}: {invalid}");
    }
    let case = |(body, fields): &(&str, &str)| {
        Case::with_fields(format!("no tail call of an import: {body}"), body, fields).expect_output(&KEY)
    };
    check_all("engine: tail calls", TAKEN.iter().map(case));
}

/// A call of an export of a `packed` contract by a transaction.
fn export(name: &str, fields: &str, export: &str, arguments: &[u8]) -> Case {
    let kind = TxKind::Call { to: crate::text::CONTRACT, export: Some(export.as_bytes().to_vec()) };
    Case::of_code(name, &module(fields), Abi::Packed).given_kind(kind).given_input(arguments)
}

/// Arguments as words of 4 bytes.
fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn exports() -> Vec<Case> {
    let oob = HaltReason::HostAccessOutOfBounds;
    let call = [&200_000_u64.to_le_bytes()[..], &words(&[0x100, 0x1A0, 0, 0])].concat();
    vec![
        export("an exported import", "(export \"f\" (func $finish))", "f", &words(&[0x200, 32])).expect_output(&KEY),
        export("an exported import, bad", "(export \"f\" (func $finish))", "f", &words(&[u32::MAX, 1]))
            .expect_halt(oob),
        export("an exported import, revert", "(export \"f\" (func $revert))", "f", &words(&[0x200, 32]))
            .expect_output(&KEY)
            .expect_revert(0),
        export("an exported import that returns", "(export \"f\" (func $getCallDataSize))", "f", &[])
            .expect_output(&word(0)),
        export("an exported call", "(export \"f\" (func $call))", "f", &call)
            .given_contract(A, HELLO)
            .expect_output(&word(0)),
        export("an exported call that reverts", "(export \"f\" (func $call))", "f", &call)
            .given_contract(A, "(call $revert #0 #0)")
            .expect_output(&word(2)),
    ]
}

#[test]
fn ways_to_a_host_function() {
    let mut cases = ways(WAYS);
    cases.extend(exports());
    // Segments that do not fit.
    for (what, reason) in [("data", HaltReason::MemoryOutOfBounds), ("element", HaltReason::TableOutOfBounds)] {
        let segment = match what {
            "data" => "(data (i32.const 65536) \"x\")",
            _ => "(table 1 1 funcref) (func $f) (elem (i32.const 1) $f)",
        };
        cases.push(
            Case::with_fields(format!("a segment that does not fit: {what}"), "", segment).expect_halt_in_both(reason),
        );
        cases.push(
            Case::new(
                format!("a segment that does not fit, below: {what}"),
                &status_of("(call $call ~200000 @A @ZERO #0 #0)"),
            )
            .given_code(A, &module(&format!("(func (export \"main\")) {segment}")), Abi::Ewasm)
            .expect_gas(221_700)
            .expect_output(&word(1))
            .expect_halt_inside(reason),
        );
    }
    // A memory that grew before the call is seen whole.
    cases.push(
        Case::new("memory that grew", "(drop (memory.grow #1)) (i32.store #131068 #7) (call $finish #131068 #4)")
            .expect_gas(21_000)
            .expect_output(&word(7)),
    );
    cases.push(
        Case::new(
            "memory that grows below a call",
            &format!("(drop (memory.grow #1)) {}", status_of("(call $call ~120000 @A @ZERO #131071 #1)")),
        )
        .given_contract(A, HELLO)
        .expect_gas(21_700)
        .expect_output(&word(0)),
    );
    check_all("engine", cases);
}

/// A loop costs the same in every turn, however the engine hands out gas: with host functions that return, that suspend,
/// and with none; and with 1 gas less than it needs it does not end.
#[test]
fn every_turn_costs_the_same() {
    for body in [
        "",
        "(drop (call $getCallDataSize))",
        "(drop (call $call ~0 @ABSENT @ZERO #0 #0))",
        "(if (call $call ~110000 @A @ZERO #0 #0) (then (unreachable)))",
        "(drop (call $callExport ~0 @ABSENT @ZERO #0 #0 #0 #0 #0 #0))",
        "(call $sha256 #0 #64 #128)",
        "(call $useGas ~40000)",
        "(drop (memory.grow #0))",
    ] {
        let with_turns = |turns: u32| {
            let looped = format!(
                "(loop $l {body} (global.set $i (i32.add (global.get $i) #1)) (br_if $l (i32.lt_u (global.get $i) #{turns})))"
            );
            // The number of turns takes as many bytes in each module.
            let case = Case::with_fields(body, &looped, "(global $i (mut i32) (i32.const 0))");
            case.given_contract(A, HELLO).given_gas_limit(1 << 40)
        };
        let gas = |turns: u32| with_turns(turns).checked(&V1).receipt.gas_used.get();
        let [first, second, last] = [2_000, 2_001, 7_777].map(gas);
        assert_eq!(last, first + (second - first) * 5_777, "{body}");
        // A callee gets a part of what is left, not all that it needs: there the last gas is another.
        if body.contains("@A ") {
            continue;
        }
        let mut short = with_turns(2_000);
        short.tx.gas_limit = lockstep_gas::Gas::new(first);
        assert_eq!(short.execute(&V1).receipt.outcome, Outcome::Return, "{body}");
        short.tx.gas_limit = lockstep_gas::Gas::new(first - 1);
        assert_eq!(short.execute(&V1).receipt.outcome, Outcome::Halt { reason: HaltReason::OutOfGas }, "{body}");
    }
}
