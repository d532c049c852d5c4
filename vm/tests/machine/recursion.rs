//! Wasm calls within a frame: the limit of their depth, for the smallest and the largest functions there can be, and the
//! value stack of all frames of a transaction.

use crate::kit::{A, B, RETURN, World, data, halt, main_of, module};
use lockstep_vm::{Gas, HaltReason, Tx};

/// Enough for 1,024 of the largest functions.
const MUCH: u64 = 900_000_000;

const EXHAUSTED: HaltReason = HaltReason::CallStackExhausted;

/// A contract whose `main` calls a recursive `$f` with the number in the input: `$f` of 0 is the second call in progress.
fn recursive(function: &str) -> Vec<u8> {
    module(&format!(
        "{function} (func (export \"main\")
            (call $callDataCopy (i32.const 0) (i32.const 0) (i32.const 4))
            (call $f (i32.load (i32.const 0))))"
    ))
}

/// The input with which `depth` calls are in progress at one time.
fn input_for(depth: u32) -> [u8; 4] {
    (depth - 2).to_le_bytes()
}

/// A call of `$f` with one less, unless the parameter is 0.
const DOWN: &str = "(if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))";

/// Pushes `count` values that an engine has to keep: they are loaded, so they are no constants and no locals.
fn push(count: usize) -> String {
    "(i32.load (local.get 0))".repeat(count)
}

fn functions() -> Vec<(&'static str, String)> {
    // The call needs two operands above the values.
    let deep = format!("{} {DOWN} {}", push(1_022), "(drop)".repeat(1_022));
    let locals = |count: usize| "i64 ".repeat(count);
    let wide_parameters = "i32 ".repeat(32);
    let wide_arguments = "(local.get 1) ".repeat(31);
    let results = "i32 ".repeat(16);
    vec![
        ("tiny", format!("(func $f (param i32) {DOWN})")),
        ("1,024 locals", format!("(func $f (param i32) (local {}) {DOWN})", locals(1_023))),
        ("1,024 operands", format!("(func $f (param i32) {deep})")),
        ("1,024 locals and operands", format!("(func $f (param i32) (local {}) {deep})", locals(1_023))),
        (
            "1,024 locals and operands, 32 parameters above the operands",
            format!(
                "(func $f (param i32) (call $g (local.get 0) {}))
                 (func $g (param {wide_parameters}) (local {})
                    {} (if (local.get 0) (then (call $g (i32.sub (local.get 0) (i32.const 1)) {wide_arguments}))) {})",
                "(local.get 0) ".repeat(31),
                locals(992),
                push(991),
                "(drop)".repeat(991)
            ),
        ),
        (
            "1,024 locals, 1,008 operands, 16 results",
            format!(
                "(func $f (param i32) (call $g (local.get 0)) {})
                 (func $g (param i32) (result {results}) (local {})
                    {} (if (local.get 0) (then (call $g (i32.sub (local.get 0) (i32.const 1))) {})) {}
                    {})",
                "(drop)".repeat(16),
                locals(1_023),
                push(1_008),
                "(drop)".repeat(16),
                "(drop)".repeat(1_008),
                push(16)
            ),
        ),
        (
            "two functions in turn, through a table",
            "(type $t (func (param i32))) (table 2 2 funcref) (elem (i32.const 0) func $f $g)
             (func $f (param i32) (if (local.get 0) (then
                (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.and (local.get 0) (i32.const 1))))))
             (func $g (param i32) (local i64 i64) (if (local.get 0) (then
                (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.and (local.get 0)
                    (i32.const 1))))))"
                .into(),
        ),
    ]
}

//= spec 3.33 test
#[test]
fn the_limit_of_call_depth_is_met_first_whatever_the_functions_need() {
    let mut world = World::new("recursion");
    for (name, function) in functions() {
        world.put(A, &recursive(&function));
        // `$f` calls another function once in this one: one call in progress more.
        let more = u32::from(function.contains("$g (local.get 0)"));
        for (depth, outcome) in
            [(2, RETURN), (1_023, RETURN), (1_024, RETURN), (1_025, halt(EXHAUSTED)), (60_000, halt(EXHAUSTED))]
        {
            let depth = if depth > 2 { depth - more } else { depth };
            let tx = Tx { gas_limit: Gas::new(MUCH), ..world.call(A, &input_for(depth)) };
            let executed = world.run(&format!("{name}, depth {}", depth + more), &tx);
            assert_eq!(executed.receipt.outcome, outcome, "{name}, {depth}");
        }
    }
}

/// A recursion without end in a frame with little gas ends by gas; with much it ends at the depth, and is gone as a whole.
#[test]
fn recursion_without_end() {
    let mut world = World::new("recursion without end");
    world.put(A, &recursive("(func $f (param i32) (call $f (local.get 0)))"));
    let tx = world.call(A, &[0; 4]);
    assert_eq!(world.run("much gas", &tx).receipt.outcome, halt(EXHAUSTED));
    let little = Tx { gas_limit: Gas::new(225_000), ..tx };
    assert_eq!(world.run("little gas", &little).receipt.outcome, halt(HaltReason::OutOfGas));
}

/// A host function does not count as a Wasm call: it works at the limit.
#[test]
fn host_functions_at_the_limit() {
    let mut world = World::new("host functions at the limit");
    world.put(B, &main_of("(call $finish (i32.const 0) (i32.const 7))"));
    let bottom = |what: &str| {
        format!(
            "{} (func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))
                (else {what})))",
            data(100, B.as_slice())
        )
    };
    for (case, what) in [
        ("getGasLeft", "(drop (call $getGasLeft))"),
        ("storageStore", "(call $storageStore (i32.const 100) (i32.const 100))"),
        (
            "a contract call",
            "(if (call $call (i64.const 100000) (i32.const 100) (i32.const 200) (i32.const 0)
            (i32.const 0)) (then (unreachable)))
                             (if (i32.ne (call $getReturnDataSize) (i32.const 7)) (then (unreachable)))",
        ),
    ] {
        world.put(A, &recursive(&bottom(what)));
        for (depth, outcome) in [(1_024, RETURN), (1_025, halt(EXHAUSTED))] {
            let tx = world.call(A, &input_for(depth));
            assert_eq!(world.run(&format!("{case}, depth {depth}"), &tx).receipt.outcome, outcome, "{case}");
        }
    }
}

/// A frame that was suspended in the middle of a recursion goes on counting where it was.
#[test]
fn the_depth_survives_a_contract_call() {
    let mut world = World::new("depth across a contract call");
    world.put(B, &main_of("(call $finish (i32.const 0) (i32.const 7))"));
    world.put(
        A,
        &recursive(&format!(
            "{} (func $f (param i32)
            (if (i32.eq (local.get 0) (i32.const 500)) (then
                (drop (call $call (i64.const 100000) (i32.const 100) (i32.const 200) (i32.const 0) (i32.const 0)))))
            (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))))",
            data(100, B.as_slice())
        )),
    );
    for (depth, outcome) in [(1_024, RETURN), (1_025, halt(EXHAUSTED))] {
        let tx = world.call(A, &input_for(depth));
        assert_eq!(world.run(&format!("depth {depth}"), &tx).receipt.outcome, outcome);
    }
}

/// Each frame has a call depth of its own: two contracts that each recurse to the limit and call each other at the bottom.
#[test]
fn frames_do_not_share_the_depth() {
    let mut world = World::new("depth in two frames");
    let contract = |bottom: &str| {
        recursive(&format!(
            "{} {} (func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))
                (else {bottom})))",
            data(100, B.as_slice()),
            data(300, &input_for(1_024))
        ))
    };
    world.put(
        A,
        &contract(
            "(if (call $call (i64.const 5000000) (i32.const 100) (i32.const 200) (i32.const 300)
        (i32.const 4)) (then (unreachable)))",
        ),
    );
    world.put(B, &contract("(nop)"));
    let tx = world.call(A, &input_for(1_024));
    assert_eq!(world.run("1,024 in each", &tx).receipt.outcome, RETURN);
}

/// A tail call takes the place of its caller: any number of them is one call in progress.
#[test]
fn tail_calls_do_not_count() {
    let mut world = World::new("tail calls");
    world.put(
        A,
        &recursive(
            "(func $f (param i32) (if (local.get 0) (then (return_call $f (i32.sub (local.get 0) (i32.const 1))))))",
        ),
    );
    let tx = world.call(A, &100_000_u32.to_le_bytes());
    assert_eq!(world.run("100,000", &tx).receipt.outcome, RETURN);
    // At the limit a tail call still works, a call does not.
    let bottom = |call: &str| {
        format!(
        "(func $g (param i32)) (func $f (param i32)
            (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))) (else ({call} $g (local.get 0)))))"
    )
    };
    for (call, outcome) in [("return_call", RETURN), ("call", halt(EXHAUSTED))] {
        world.put(A, &recursive(&bottom(call)));
        let tx = world.call(A, &input_for(1_024));
        assert_eq!(world.run(&format!("{call} at the limit"), &tx).receipt.outcome, outcome);
    }
}

/// Frames of 2,048 slots: 16 MiB of value stack each, 512 MiB for a transaction (docs/spec.md, section 3).
//= spec 3.10, 3.14 test
#[test]
fn the_value_stack_of_all_frames() {
    let mut world = World::new("value stack of frames");
    let unused = |locals: usize, operands: usize| {
        format!(
            "(func (param i32) (local {}) {} {})",
            "i32 ".repeat(locals - 1),
            push(operands),
            "(drop)".repeat(operands)
        )
    };
    let nesting = |unused: &str| {
        module(&format!(
            "{unused} (func (export \"main\")
                (call $getAddress (i32.const 0))
                (if (call $call (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0))
                    (then (i32.store (i32.const 64) (i32.const 0)))
                    (else
                        (call $returnDataCopy (i32.const 64) (i32.const 0) (i32.const 4))
                        (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))))
                (call $finish (i32.const 64) (i32.const 4)))"
        ))
    };
    // 536,870,912 bytes, 8 for a slot, 1,024 calls: 65,536 slots for all frames.
    for (locals, operands, frames) in [
        (1_024, 1_024, 32),
        (1_024, 1_023, 32),
        (1_000, 1_000, 32),
        (1_024, 976, 32),
        (1_000, 986, 32),
        (1_000, 985, 33),
        (512, 512, 64),
        (128, 128, 256),
    ] {
        assert_eq!(65_536 / (locals + operands), frames, "the table");
        world.put(A, &nesting(&unused(locals, operands)));
        let tx = Tx { gas_limit: Gas::new(MUCH), ..world.call(A, b"") };
        let executed = world.run(&format!("{locals} locals and {operands} operands"), &tx);
        assert_eq!(executed.receipt.output, (frames as u32 - 1).to_le_bytes(), "{locals} {operands}");
        let site = &executed.halts[0];
        assert_eq!((site.depth as usize, site.reason), (frames, HaltReason::TransactionMemoryExhausted));
    }
}
