//! What is known to be wrong, each with its reason. A case that begins to hold fails here: then it moves to where it
//! belongs, and the text about it goes.

use crate::{
    kit::{A, B, World, binary, data, main_of, module},
    regions::{Row, row, start, view},
};
use lockstep_vm::{Abi, StateDiff};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// `check` must fail.
#[track_caller]
fn does_not_hold(what: &str, check: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(check)).is_err(), "mended: {what}");
}

/// wasmi 2.0.0 takes the caller off its stack before a host function that stands in a tail call, but puts the result of
/// a resumed one where it would be in that caller's frame: the caller's caller reads whatever is in its place.
#[test]
fn a_tail_call_of_a_host_function_that_suspends() {
    let mut world = World::new("known: tail calls of host functions");
    world.put(B, &main_of("(call $finish (i32.const 0) (i32.const 4))"));
    let contract = |call: &str| {
        module(&format!(
            "{} (func $g (param i32 i32) (result i32)
                ({call} $call (i64.const 100000) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)))
             (func (export \"main\") (local i32 i32 i32 i32 i32 i32 i32 i32)
                (i32.store (i32.const 64) (call $g (i32.const 5) (i32.const 6)))
                (i32.store (i32.const 68) (local.get 2))
                (call $finish (i32.const 64) (i32.const 8)))",
            data(0, B.as_slice())
        ))
    };
    world.put(A, &contract("call"));
    let tx = world.call(A, b"");
    assert_eq!(world.run("called", &tx).receipt.output, [0; 8]);
    world.put(A, &contract("return_call"));
    let executed = world.execute(&tx);
    does_not_hold("a tail call of a host function that suspends", || assert_eq!(executed.receipt.output, [0; 8]));
}

/// The workspace's borsh lacks the feature `de_strict_order`: a map is read in any order, and a key can stand twice.
#[test]
fn maps_out_of_order_stand_for_nothing() {
    let entry = |byte: u8| [&[byte; 20][..], &[0]].concat();
    let diff = |entries: &[Vec<u8>]| [&(entries.len() as u32).to_le_bytes()[..], &entries.concat(), &[0; 8]].concat();
    assert!(borsh::from_slice::<StateDiff>(&diff(&[entry(1), entry(2)])).is_ok());
    for entries in [[entry(2), entry(1)], [entry(1), entry(1)]] {
        does_not_hold("the order of maps", || assert!(borsh::from_slice::<StateDiff>(&diff(&entries)).is_err()));
    }
}

/// Gas by the rule of docs/spec.md, section 2, which speaks of the text alone. wasmi charges by what its translator knows
/// of a condition, and charges what it takes for dead to the region around it.
const BY_THE_RULE: &[Row] = &[
    row(
        "if 1",
        "(func (export \"f\") (param i32)
            (if (i32.const 1) (then (drop (local.get 0))) (else (drop (i32.const 1)) (drop (i32.const 2)))))",
        &[(&[0], 1 + 2 + 1 + 1)],
    ),
    row(
        "if 0",
        "(func (export \"f\") (param i32)
            (if (i32.const 0) (then (drop (local.get 0))) (else (drop (i32.const 1)) (drop (i32.const 2)))))",
        &[(&[0], 1 + 2 + 1 + 2)],
    ),
    row(
        "if 0 without else",
        "(func (export \"f\") (param i32) (if (i32.const 0) (then (drop (local.get 0)))))",
        &[(&[0], 1 + 2)],
    ),
    row(
        "if 1 without else",
        "(func (export \"f\") (param i32) (if (i32.const 1) (then (drop (local.get 0)))))",
        &[(&[0], 1 + 2 + 1 + 1)],
    ),
    row("a loop behind return", "(func (export \"f\") (return) (loop (drop (i32.const 1))))", &[(&[], 1)]),
    row(
        "an if behind return",
        "(func (export \"f\") (param i32) (return) (if (local.get 0) (then (drop (i32.const 1))) (else nop)))",
        &[(&[0], 1 + 2)],
    ),
    row(
        "a loop behind br",
        "(func (export \"f\") (block (br 0) (loop (drop (i32.const 1)))) (drop (i32.const 1)))",
        &[(&[], 1 + 1 + 1)],
    ),
    row(
        "a loop behind br_if 1",
        "(func (export \"f\") (block (br_if 0 (i32.const 1)) (loop (drop (i32.const 1)))))",
        &[(&[], 1 + 2)],
    ),
    row(
        "a loop behind br_table",
        "(func (export \"f\") (param i32) (block (br_table 0 0 (local.get 0)) (loop (drop (i32.const 1)))))",
        &[(&[0], 1 + 4)],
    ),
];

#[test]
fn regions_that_follow_the_translator() {
    let mut world = World::new("known: regions");
    for row in BY_THE_RULE {
        let code = binary(&format!("(module {})", row.fields));
        world.put_abi(A, Abi::Packed, &code);
        for (arguments, instructions) in row.calls {
            let found = view(&world, arguments, 10_000_000).gas_used.get() - start(&code, row);
            world.note(row.name, &format!("{instructions} by the rule, {found} charged"));
            does_not_hold(row.name, || assert_eq!(found, *instructions));
        }
    }
}
