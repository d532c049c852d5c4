//! Calls of imports by every way that Wasm has, where the import suspends the frame: the result arrives where the text
//! says. Tail calls of imports are refused: wasmi 2.0.0 loses the result of one that is resumed.

use crate::kit::{A, B, C, RETURN, World, binary, data, halt, main_of, module};
use lockstep_vm::{Abi, CodeId, HaltReason};

/// Fields with a function `$g (param i32 i32) (result i32)` that calls the import `$call` in some way, and a `main` that
/// keeps eight locals over a call of it and finishes with its result and them.
fn contract(fields: &str) -> Vec<u8> {
    let locals: String = (0..8).map(|at| format!("(local.set {at} (i32.load (i32.const {})))", 500 + 4 * at)).collect();
    let values: String =
        (0..8).map(|at| format!("(i32.store (i32.const {}) (local.get {at}))", 304 + 4 * at)).collect();
    let marks: Vec<u8> = (1..9_u32).flat_map(u32::to_le_bytes).collect();
    module(&format!(
        "{} {} {fields} (func (export \"main\") (local i32 i32 i32 i32 i32 i32 i32 i32) {locals}
            (i32.store (i32.const 300) (call $g (i32.const 5) (i32.const 6))) {values}
            (call $finish (i32.const 300) (i32.const 36)))",
        data(0, B.as_slice()),
        data(500, &marks)
    ))
}

const ARGUMENTS: &str = "(i64.const 100000) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)";
const TYPE: &str = "(type $c (func (param i64 i32 i32 i32 i32) (result i32)))";
const G: &str = "func $g (param i32 i32) (result i32)";

#[test]
fn calls_of_imports_that_suspend() {
    let mut world = World::new("calls of imports");
    // The callee reverts: the status is 2.
    world.put(B, &main_of("(call $revert (i32.const 0) (i32.const 4))"));
    for (case, fields) in [
        ("directly", format!("({G} (call $call {ARGUMENTS}))")),
        (
            "with values below",
            format!(
                "({G} (i32.sub (i32.mul (local.get 0) (i32.const 1)) (i32.sub (i32.const 5) (call $call {ARGUMENTS}))))"
            ),
        ),
        (
            "through a table",
            format!(
                "{TYPE} (table 2 funcref) (elem (i32.const 1) func $call) ({G} (call_indirect (type $c) {ARGUMENTS}
                    (i32.const 1)))"
            ),
        ),
        (
            "through a tail call of its own",
            format!(
                "({G} (return_call $h (local.get 1) (local.get 0))) (func $h (param i32 i32) (result i32)
                    (call $call {ARGUMENTS}))"
            ),
        ),
        (
            "through a tail call through a table",
            format!(
                "(type $h (func (param i32 i32) (result i32))) (table 1 funcref) (elem (i32.const 0) func $h) ({G}
                    (return_call_indirect (type $h) (local.get 1) (local.get 0) (i32.const 0))) (func $h (type $h)
                        (call $call {ARGUMENTS}))"
            ),
        ),
        (
            "after tail calls",
            format!(
                "({G} (if (result i32) (local.get 0) (then (return_call $g (i32.sub (local.get 0) (i32.const 1))
                    (local.get 1))) (else (call $call {ARGUMENTS}))))"
            ),
        ),
        (
            "in a loop",
            format!(
                "({G} (local i32) (loop (local.set 2 (i32.add (local.get 2) (call $call {ARGUMENTS}))) (br_if 0
                    (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (i32.sub (local.get 2) (i32.const 8)))"
            ),
        ),
        (
            "deep down",
            format!(
                "({G} (call $down (i32.const 900))) (func $down (param i32) (result i32) (if (result i32)
                    (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1)))) (else
                        (call $call {ARGUMENTS}))))"
            ),
        ),
    ] {
        world.put(A, &contract(&fields));
        let tx = world.call(A, b"");
        let executed = world.run(case, &tx);
        let expected: Vec<u8> = [2, 1, 2, 3, 4, 5, 6, 7, 8_u32].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!((executed.receipt.outcome, executed.receipt.output), (RETURN, expected), "{case}");
    }
}

//= spec 5.1.5 test
#[test]
fn tail_calls_of_imports_are_refused() {
    let mut world = World::new("tail calls of imports");
    let indirect = "return_call_indirect (type $c)";
    for (case, fields) in [
        ("directly", format!("({G} (return_call $call {ARGUMENTS}))")),
        (
            "through a table",
            format!(
                "{TYPE} (table 2 funcref) (elem (i32.const 1) func $call) ({G} ({indirect} {ARGUMENTS} (i32.const 1)))"
            ),
        ),
        (
            "through an expression",
            format!(
                "{TYPE} (table 2 funcref) (elem (i32.const 1) funcref (ref.func $call)) ({G} ({indirect} {ARGUMENTS}
                    (i32.const 1)))"
            ),
        ),
        (
            "through a passive segment",
            format!(
                "{TYPE} (table 2 funcref) (elem $e func $call) ({G} (table.init $e (i32.const 0) (i32.const 0)
                    (i32.const 1)) ({indirect} {ARGUMENTS} (i32.const 0)))"
            ),
        ),
        (
            "through a reference",
            format!(
                "{TYPE} (table 2 funcref) (elem declare func $call) ({G} (table.set (i32.const 0) (ref.func $call))
                    ({indirect} {ARGUMENTS} (i32.const 0)))"
            ),
        ),
        (
            "through a global",
            format!(
                "{TYPE} (table 2 funcref) (global $r funcref (ref.func $call)) ({G} (table.set (i32.const 0)
                    (global.get $r)) ({indirect} {ARGUMENTS} (i32.const 0)))"
            ),
        ),
    ] {
        let code = contract(&fields);
        let refused = world.vm().check_code(CodeId::of(&code, Abi::Ewasm), &code.into()).unwrap_err();
        world.note(case, refused.code.name());
    }
}

/// An import can itself be an export: what it ends with is what the frame ends with.
#[test]
fn exports_that_are_imports() {
    let mut world = World::new("exports that are imports");
    world.put(B, &main_of("(call $finish (i32.const 0) (i32.const 4))"));
    let code = binary(&format!(
        "(module
            (func (export \"finish\") (import \"ethereum\" \"finish\") (param i32 i32))
            (func (export \"revert\") (import \"ethereum\" \"revert\") (param i32 i32))
            (func (export \"useGas\") (import \"ethereum\" \"useGas\") (param i64))
            (func (export \"size\") (import \"ethereum\" \"getCallDataSize\") (result i32))
            (func (export \"callStatic\") (import \"ethereum\" \"callStatic\") (param i64 i32 i32 i32) (result i32))
            (memory (export \"memory\") 1) {})",
        data(0, B.as_slice())
    ));
    world.put_abi(C, Abi::Packed, &code);
    let two = |a: u32, b: u32| [a.to_le_bytes(), b.to_le_bytes()].concat();
    let call = |gas: i64, address: u32| [&gas.to_le_bytes()[..], &address.to_le_bytes(), &[0; 12]].concat();
    for (case, export, input, outcome, output) in [
        ("finish", "finish", two(0, 4), RETURN, B[..4].to_vec()),
        ("revert", "revert", two(0, 4), crate::kit::REVERT, B[..4].to_vec()),
        ("useGas", "useGas", 5_i64.to_le_bytes().to_vec(), RETURN, vec![]),
        (
            "useGas that is not there",
            "useGas",
            (1_i64 << 50).to_le_bytes().to_vec(),
            halt(HaltReason::OutOfGas),
            vec![],
        ),
        ("a range that is not there", "finish", two(65_536, 1), halt(HaltReason::HostAccessOutOfBounds), vec![]),
        ("a size", "size", vec![], RETURN, 0_u32.to_le_bytes().to_vec()),
        ("a call that suspends", "callStatic", call(100_000, 0), RETURN, 0_u32.to_le_bytes().to_vec()),
        ("a call that cannot begin", "callStatic", call(10, 0), RETURN, 1_u32.to_le_bytes().to_vec()),
        ("a call of nobody", "callStatic", call(-1, 0), halt(HaltReason::ArgumentOutOfRange), vec![]),
    ] {
        let tx = world.call_export(C, export, &input);
        let executed = world.run(case, &tx);
        assert_eq!((executed.receipt.outcome, executed.receipt.output), (outcome, output), "{case}");
    }
}
