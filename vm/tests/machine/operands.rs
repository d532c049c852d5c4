//! Operands that wait below the parameters of a block: they are what they were when they were pushed, whatever becomes of
//! the locals that they came from.

use crate::kit::{A, RETURN, World, data, module};

/// A contract that pushes local 0, which is 7, and then parameters; does `block`, which takes them and leaves one result; and
/// finishes with the operand below. Memory is zero but for the 7 and the 1 at 68.
fn contract(parameters: &str, block: &str) -> Vec<u8> {
    module(&format!(
        "(memory (export \"memory\") 1) {} {}
        (func (export \"main\") (local $x i32) (local $y i32)
            (local.set $x (i32.load (i32.const 64)))
            (i32.const 0) (local.get $x) {parameters} {block} drop
            (local.set $y (i32.const 3))
            (i32.store) (call $finish (i32.const 0) (i32.const 4)))",
        data(64, &[7]),
        data(68, &[1]),
    ))
}

/// wasmi 2.0.0 forgets to copy as many operands below a block as the block has parameters: one that came from a local is
/// then read from where nothing, or something else, was written.
#[test]
fn operands_below_parameters() {
    let mut world = World::new("operands below parameters");
    let set = "(local.set $x (i32.add (local.get $x) (i32.const 1)))";
    let one = "(param i32) (result i32)";
    let two = "(param i32 i32) (result i32)";
    let (load, condition) = ("(i32.load (i32.const 72))", "(i32.load (i32.const 68))");
    for (case, parameters, block) in [
        ("loop", load.into(), format!("(loop {one} {set} (br_if 0 (i32.lt_u (local.get $x) (i32.const 12))))")),
        ("block", load.into(), format!("(block {one} (br_if 0 {condition}) {set})")),
        ("if that is not entered", load.into(), format!("{load} (if {one} (then {set}))")),
        ("if", load.into(), format!("{condition} (if {one} (then {set}))")),
        ("else", load.into(), format!("{condition} (if {one} (then) (else {set}))")),
        ("a local as parameter", "(local.get $x)".into(), format!("(block {one} (br_if 0 {condition}) {set})")),
        ("a constant as parameter", "(i32.const 9)".into(), format!("(block {one} (br_if 0 {condition}) {set})")),
        ("two parameters", format!("{load} {load}"), format!("(loop {two} {set} i32.add)")),
        (
            "two operands",
            format!("(local.get $y) {load}"),
            format!("(block {two} i32.add (br_if 0 {condition}) {set})"),
        ),
        (
            "two operands that stay",
            load.into(),
            format!("(local.get $x) (block {two} i32.add (br_if 0 {condition}) {set})"),
        ),
        (
            "a block in a block",
            load.into(),
            format!("(block {one} (local.get $x) {load} (block {one} (br_if 1 {condition}) {set}) drop drop {set})"),
        ),
    ] {
        world.put(A, &contract(&parameters, &block));
        let tx = world.call(A, b"");
        let receipt = world.run(case, &tx).receipt;
        assert_eq!((receipt.outcome, receipt.output.as_slice()), (RETURN, &[7, 0, 0, 0][..]), "{case}");
    }
}
