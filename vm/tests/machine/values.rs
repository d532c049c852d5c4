//! The gas of values that operators move, of slots and of growths (docs/spec.md, section 2): small functions with gas that
//! was counted by hand.

use crate::{
    kit::{A, RETURN, World, binary, halt},
    prices,
    regions::{PAGE, Row, check, row, view, with},
};
use lockstep_gas::{Operator, Revision};
use lockstep_vm::{Abi, Gas, HaltReason};

/// Values beyond the first cost 1 each, parameters of a call beyond the ninth.
const VALUES: &[Row] = &[
    //= spec 2.8, 2.11 test
    row(
        "br",
        "(func (export \"f\") (block (result i32 i32 i32) (i32.const 1) (i32.const 2) (i32.const 3) (br 0)) drop drop drop)",
        &[(&[], 1 + 3 + (1 + 2) + 2)],
    ),
    //= spec 2.8 test
    row(
        "br_if, taken or not",
        "(func (export \"f\") (param i32) (block (result i32 i32) (i32.const 1) (i32.const 2) (br_if 0 (local.get 0))) drop drop)",
        &[(&[0], 1 + 2 + 1 + (1 + 1) + 1), (&[1], 1 + 2 + 1 + (1 + 1) + 1)],
    ),
    //= spec 2.8 test
    row(
        "br_table",
        "(func (export \"f\") (param i32) (block (result i32 i32) (i32.const 1) (i32.const 2) (br_table 0 0 (local.get 0))) drop drop)",
        &[(&[0], 1 + 2 + 1 + (3 + 1) + 1)],
    ),
    //= spec 2.8, 2.9 test
    row(
        "a loop takes its parameters with every turn",
        "(func (export \"f\") (param i32) (i32.const 5) (i32.const 6) (loop (param i32 i32) (result i32 i32) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) drop drop)",
        &[(&[1], 1 + 2 + 1 + (1 + 5 + 1 + 1)), (&[3], 1 + 2 + 1 + 3 * (1 + 5 + 1 + 1))],
    ),
    //= spec 2.9 test
    row(
        "block with parameters",
        "(func (export \"f\") (i32.const 1) (i32.const 2) (i32.const 3) (block (param i32 i32 i32) drop drop drop))",
        &[(&[], 1 + 3 + 2)],
    ),
    //= spec 2.9, 2.10, 2.11 test
    row(
        "if with parameters, and else with both",
        "(func (export \"f\") (param i32) (i32.const 1) (i32.const 2) (i32.const 3) (if (param i32 i32 i32) (result i32 i32) (local.get 0) (then drop) (else drop)) drop drop)",
        &[(&[1], 1 + 3 + 1 + (1 + 2) + 1 + (1 + 2)), (&[0], 1 + 3 + 1 + (1 + 2) + 1 + 1)],
    ),
    //= spec 2.4 test
    row(
        "if with a result and no else",
        "(func (export \"f\") (param i32) (local.get 0) (if (param i32) (result i32) (local.get 0) (then nop)) drop)",
        &[(&[1], 1 + 1 + 1 + 1 + 1), (&[0], 1 + 1 + 1 + 1 + 1)],
    ),
    //= spec 2.4, 2.14 test
    row(
        "if with results and no else",
        "(func (export \"f\") (param i32) (i32.const 1) (i32.const 2) (if (param i32 i32) (result i32 i32) (local.get 0) (then nop)) drop drop)",
        &[(&[1], 1 + 2 + 1 + (1 + 1) + 1 + 1), (&[0], 1 + 2 + 1 + (1 + 1) + 1 + 1)],
    ),
    //= spec 2.11 test
    with(
        3,
        0,
        row(
            "the end of a function",
            "(func $g (result i32 i32 i32) (i32.const 1) (i32.const 2) (i32.const 3)) (func (export \"f\") (call $g) drop drop drop)",
            &[(&[], 1 + 8 + 1 + 3 + 2)],
        ),
    ),
    //= spec 2.12 test
    with(
        3,
        0,
        row(
            "return",
            "(func $g (result i32 i32 i32) (return (i32.const 1) (i32.const 2) (i32.const 3))) (func (export \"f\") (call $g) drop drop drop)",
            &[(&[], 1 + 8 + 1 + 3 + 2 + 2)],
        ),
    ),
    //= spec 2.13 test
    with(
        3,
        0,
        row(
            "call with nine parameters",
            "(func $g (param i32 i32 i32 i32 i32 i32 i32 i32 i32)) (func (export \"f\") (call $g (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1)))",
            &[(&[], 1 + 9 + 8 + 1)],
        ),
    ),
    //= spec 2.13 test
    with(
        3,
        0,
        row(
            "call with twelve",
            "(func $g (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)) (func (export \"f\") (call $g (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1)))",
            &[(&[], 1 + 12 + (8 + 3) + 1)],
        ),
    ),
    //= spec 2.13 test
    with(
        3,
        0,
        row(
            "return_call with ten",
            "(func $g (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)) (func (export \"f\") (return_call $g (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1)))",
            &[(&[], 1 + 10 + (8 + 1) + 1)],
        ),
    ),
    //= spec 2.13 test
    with(
        5,
        4,
        row(
            "call_indirect with eleven",
            "(type $t (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32))) (table 1 1 funcref) (elem (i32.const 0) func $g) (func $g (type $t)) (func (export \"f\") (call_indirect (type $t) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 0)))",
            &[(&[], 1 + 12 + (12 + 2) + 1)],
        ),
    ),
    //= spec 2.13 test
    with(
        5,
        4,
        row(
            "return_call_indirect with eleven",
            "(type $t (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32))) (table 1 1 funcref) (elem (i32.const 0) func $g) (func $g (type $t)) (func (export \"f\") (return_call_indirect (type $t) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 0)))",
            &[(&[], 1 + 12 + (12 + 2) + 1)],
        ),
    ),
];

/// A slot beyond the thirty-second costs 2.
const SLOTS: &[Row] = &[
    row(
        "thirty-two locals",
        "(func (export \"f\") (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64))",
        &[(&[], 1)],
    ),
    row(
        "thirty-three",
        "(func (export \"f\") (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64))",
        &[(&[], 1 + 2)],
    ),
    row(
        "a parameter is one",
        "(func (export \"f\") (param i32) (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64))",
        &[(&[1], 1 + 2)],
    ),
    row(
        "operands at their greatest height",
        "(func (export \"f\") (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (i32.const 1) (i32.const 2) (i32.const 3) drop drop drop (i32.const 1) drop)",
        &[(&[], 1 + 4 + 2)],
    ),
    row(
        "operands of dead code",
        "(func (export \"f\") (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (return) (i32.const 1) (i32.const 2) (i32.const 3) drop drop drop)",
        &[(&[], 1 + 3 + 2)],
    ),
    row(
        "the entry alone, not a loop",
        "(func (export \"f\") (param i32) (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))",
        &[(&[1], 1 + 2 * 11 + 6), (&[3], 1 + 2 * 11 + 3 * 6)],
    ),
];

//= spec 2.7 test
#[test]
fn values() {
    check("gas of values", VALUES);
}

//= spec 2.15 test
#[test]
fn slots() {
    check("gas of slots", SLOTS);
}

/// A growth is a region of its own: one that a branch leads around costs nothing, and its price is not in the region around it.
//= spec 2.2, 2.5 test
#[test]
fn a_growth_is_a_region() {
    let mut world = World::new("gas of a growth");
    let fields = "(memory 1 1) (func (export \"f\") (param i32) (block (br_if 0 (local.get 0))
        (drop (memory.grow (i32.const 0)))) (drop (i32.const 1)))";
    let code = binary(&format!("(module {fields})"));
    world.put_abi(A, Abi::Packed, &code);
    let (around, growth) = (prices::start(&code, 2, PAGE) + 1 + 4, 1 + 200);
    for (argument, gas) in [(1, around), (0, around + growth)] {
        let viewed = view(&world, &[argument], gas);
        assert_eq!((viewed.outcome, viewed.gas_used), (RETURN, Gas::new(gas)), "{argument}");
        assert_eq!(view(&world, &[argument], gas - 1).outcome, halt(HaltReason::OutOfGas), "{argument}: one less");
        world.note(&format!("called with {argument}"), &gas.to_string());
    }
}

/// `table.grow`, which `V1` forbids, under a revision that has it at a price of 5.
//= spec 2.17, 2.18, 3.32 test
#[test]
fn a_table_that_grows() {
    let mut revision = Revision::V1;
    revision.schedule.set_operator(Operator::TableGrow, Some(5));
    let most = revision.limits(Abi::Packed).table_elements_max.cast_signed();
    let mut world = World::under("gas of a table that grows", &revision);
    for (maximum, argument, result, elements) in [
        ("", 0, 1_i32, 0),
        ("", 1, 1, 1),
        ("", 3_000, 1, 3_000),
        ("", most - 1, 1, most - 1),
        ("", most, -1, 0),
        ("", -1, -1, 0),
        ("3", 2, 1, 2),
        ("3", 3, -1, 0),
    ] {
        let code = binary(&format!(
            "(module (table 1 {maximum} funcref) (func (export \"f\") (param i32) (result i32)
                (table.grow (ref.null func) (local.get 0))))"
        ));
        world.put_abi(A, Abi::Packed, &code);
        let gas = prices::start(&code, 2, 4) + 1 + 2 + 5 + u64::from(elements.cast_unsigned());
        let viewed = view(&world, &[argument], gas);
        let found = (viewed.outcome, viewed.gas_used, viewed.output);
        assert_eq!(found, (RETURN, Gas::new(gas), result.to_le_bytes().to_vec()), "{maximum} {argument}");
        assert_eq!(view(&world, &[argument], gas - 1).outcome, halt(HaltReason::OutOfGas), "{maximum} {argument}");
        world.note(&format!("{argument}, maximum {maximum}"), &gas.to_string());
    }
}
