//! Operands that wait below the parameters of a block: they are what they were when they were pushed, also after changes of
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

/// A contract that runs `text`, which leaves an i32, and finishes with it. At 64 stand the numbers 7 and 1.
fn finishing(text: &str) -> Vec<u8> {
    module(&format!(
        "(memory (export \"memory\") 1) {} {}
        (type $two (func (result i32 i32))) (type $three (func (result i64 i32 i32)))
        (func (export \"main\") (local $x i32) (local $y i32)
            (i32.const 0) {text} (i32.store) (call $finish (i32.const 0) (i32.const 4)))",
        data(64, &[7]),
        data(68, &[1]),
    ))
}

/// wasmi 2.0.0 takes a local from its register after the parameter of a loop came into that, and each growth is in a loop
/// with one parameter.
#[test]
fn operands_below_a_growth() {
    let mut world = World::new("operands below a growth");
    let seven = "(local.set $x (i32.add (i32.load (i32.const 64)) (i32.const 0)))";
    for (case, text) in [
        (
            "a local that is in its register",
            format!("{seven} (local.get $x) (local.get $y) (memory.grow (i32.const 0)) drop drop"),
        ),
        ("twice", format!("{seven} (local.get $x) (local.get $x) (memory.grow (i32.const 0)) drop drop")),
        (
            "two growths",
            format!(
                "{seven} (local.get $x) (local.get $y) (memory.grow (i32.const 0)) (memory.grow (i32.const 0)) drop drop drop"
            ),
        ),
        (
            "a local that is set afterwards",
            format!("{seven} (local.get $x) (local.get $y) (memory.grow (i32.const 0)) (local.set $x) drop"),
        ),
        (
            "a local by which it grows",
            format!(
                "{seven} (local.get $x) (local.set $y (i32.sub (local.get $x) (i32.const 7))) (local.get $y) \
             (memory.grow (local.get $y)) drop drop"
            ),
        ),
    ] {
        world.put(A, &finishing(&text));
        let tx = world.call(A, b"");
        let receipt = world.run(case, &tx).receipt;
        assert_eq!((receipt.outcome, receipt.output.as_slice()), (RETURN, &[7, 0, 0, 0][..]), "{case}");
    }
}

/// wasmi 2.0.0 does not copy the values of a table of branches down where it leaves operands behind and all its targets are
/// of one height.
#[test]
fn values_of_a_table_above_operands() {
    let mut world = World::new("values of a table above operands");
    let [load, one] = ["(i32.load (i32.const 64))", "(i32.load (i32.const 68))"];
    let inner = "(local.set $x (i32.load (i32.const 72)))";
    for (case, text) in [
        (
            "one behind",
            format!(
                "(block $a (type $two) (block $b (type $two) (i32.const 9) {load} {one} {one} (br_table $a $b $a))) (local.set $x)"
            ),
        ),
        (
            "two behind, by the default",
            format!(
                "(block $a (type $two) (block $b (type $two) (i32.const 9) (i32.const 8) {load} {one} (i32.const 5) \
             (br_table $a $b $a))) (local.set $x)"
            ),
        ),
        (
            "three values",
            format!(
                "(block $a (type $three) (block $b (type $three) (f64.const 9) (i64.const 3) {load} {one} {one} \
             (br_table $b $a $b))) (local.set $x) (local.set $y) (drop) (local.get $y)"
            ),
        ),
        (
            "a local behind and as a value",
            format!(
                "(local.set $y {load}) (block $a (type $two) (block $b (type $two) (local.get $y) (local.get $y) {one} {one} \
             (br_table $b $a $b)) {inner}) (drop)"
            ),
        ),
        (
            "a loop",
            format!(
                "(i32.const 0) {load} (loop $a (param i32 i32) (result i32) (local.set $y) (local.set $x) \
             (block $b (result i32 i32) (i32.const 9) (i32.add (local.get $x) (i32.const 1)) (local.get $y) \
             (i32.lt_u (local.get $x) (i32.const 3)) (br_table $b $a $b)) (local.set $y) (drop) (local.get $y))"
            ),
        ),
    ] {
        world.put(A, &finishing(&text));
        let tx = world.call(A, b"");
        let receipt = world.run(case, &tx).receipt;
        assert_eq!((receipt.outcome, receipt.output.as_slice()), (RETURN, &[7, 0, 0, 0][..]), "{case}");
    }
}
