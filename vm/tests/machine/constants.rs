//! The region rule where a translator knows more than the text says: conditions that are always the same, code that
//! control never reaches, traps that are certain. The rule (docs/spec.md, section 2) speaks of the text alone.

use crate::{
    kit::{A, RETURN, World, binary, halt},
    prices,
    regions::{Row, row, view, with},
};
use lockstep_vm::{Abi, Gas, HaltReason};

/// A condition on the parameter 7 or on nothing, what its operators cost, and whether it holds.
const CONDITIONS: &[(&str, u64, bool)] = &[
    ("(i32.const 0)", 1, false),
    ("(i32.const 1)", 1, true),
    ("(i32.const -1)", 1, true),
    ("(i32.eqz (i32.const 0))", 2, true),
    ("(i32.eqz (i32.eqz (i32.const 5)))", 3, true),
    ("(i32.add (i32.const 1) (i32.const -1))", 3, false),
    ("(i32.add (i32.add (i32.const 1) (i32.const 2)) (i32.const -3))", 5, false),
    ("(i32.wrap_i64 (i64.const 0x100000000))", 2, false),
    ("(i64.eqz (i64.const 0))", 2, true),
    ("(i64.lt_s (i64.const -1) (i64.const 0))", 3, true),
    ("(f64.lt (f64.const 1) (f64.const 2))", 4, true),
    ("(f32.eq (f32.const nan) (f32.const nan))", 4, false),
    ("(i32.trunc_f64_s (f64.const 0.5))", 4, false),
    ("(i32.trunc_sat_f32_u (f32.const -1))", 4, false),
    ("(i32.reinterpret_f32 (f32.const 0))", 2, false),
    ("(i32.popcnt (i32.const 0))", 5, false),
    ("(i32.extend8_s (i32.const 256))", 2, false),
    ("(global.get $zero)", 2, false),
    ("(global.get $one)", 2, true),
    ("(global.get $changing)", 2, false),
    ("(i32.add (global.get $zero) (global.get $one))", 5, true),
    ("(local.get 1)", 1, false),
    ("(local.tee 1 (i32.const 0))", 2, false),
    ("(local.tee 1 (local.tee 2 (i32.const 4)))", 3, true),
    ("(i32.eqz (local.tee 1 (i32.const 0)))", 3, true),
    ("(select (i32.const 1) (i32.const 0) (i32.const 0))", 5, false),
    ("(select (i32.const 1) (i32.const 1) (local.get 0))", 5, true),
    ("(select (i32.const 0) (i32.const 0) (local.get 0))", 5, false),
    ("(select (result i32) (i32.const 2) (i32.const 2) (local.get 0))", 5, true),
    ("(block (result i32) (i32.const 0))", 1, false),
    ("(block (result i32) (br 0 (i32.const 1)))", 2, true),
    ("(block (result i32) (drop (br_if 0 (i32.const 1) (local.get 0))) (i32.const 0))", 4, true),
    ("(if (result i32) (local.get 1) (then (i32.const 1)) (else (i32.const 1)))", 1 + 1 + 1 + 1, true),
    ("(loop (result i32) (i32.const 0))", 1 + 1, false),
    ("(ref.is_null (ref.null func))", 2, true),
    ("(ref.is_null (ref.null extern))", 2, true),
    ("(ref.is_null (ref.func $other))", 3, false),
    ("(memory.size)", 2, true),
    ("(i32.load (i32.const 0))", 3, false),
    // Algebra: one operand is enough to know the result.
    ("(i32.and (local.get 0) (i32.const 0))", 3, false),
    ("(i32.and (i32.const 0) (local.get 0))", 3, false),
    ("(i32.mul (local.get 0) (i32.const 0))", 3, false),
    ("(i32.or (local.get 0) (i32.const -1))", 3, true),
    ("(i32.lt_u (local.get 0) (i32.const 0))", 3, false),
    ("(i32.ge_u (local.get 0) (i32.const 0))", 3, true),
    ("(i32.gt_u (local.get 0) (i32.const -1))", 3, false),
    ("(i32.le_u (local.get 0) (i32.const -1))", 3, true),
    ("(i32.le_u (i32.const 0) (local.get 0))", 3, true),
    ("(i32.gt_u (i32.const 0) (local.get 0))", 3, false),
    ("(i32.lt_s (local.get 0) (i32.const 0x80000000))", 3, false),
    ("(i32.ge_s (local.get 0) (i32.const 0x80000000))", 3, true),
    ("(i32.le_s (local.get 0) (i32.const 0x7fffffff))", 3, true),
    ("(i32.gt_s (local.get 0) (i32.const 0x7fffffff))", 3, false),
    ("(i64.lt_u (i64.extend_i32_u (local.get 0)) (i64.const 0))", 4, false),
    ("(i64.ge_u (i64.extend_i32_u (local.get 0)) (i64.const 0))", 4, true),
    ("(i64.eqz (i64.and (i64.extend_i32_u (local.get 0)) (i64.const 0)))", 5, true),
    ("(i32.rem_u (local.get 0) (i32.const 1))", 1 + 1 + 4, false),
    ("(i32.rem_s (local.get 0) (i32.const -1))", 1 + 1 + 4, false),
    ("(i32.div_u (local.get 0) (i32.const 1))", 1 + 1 + 4, true),
    ("(i32.shl (i32.const 0) (local.get 0))", 3, false),
    ("(i32.sub (local.get 0) (local.get 0))", 3, false),
    ("(i32.xor (local.get 0) (local.get 0))", 3, false),
    ("(i32.eq (local.get 0) (local.get 0))", 3, true),
    ("(i32.ne (local.get 0) (local.get 0))", 3, false),
    ("(i32.le_s (local.get 0) (local.get 0))", 3, true),
    ("(i32.lt_u (local.get 0) (local.get 0))", 3, false),
    ("(i32.eqz (i32.eqz (i32.eqz (local.get 0))))", 4, false),
];

//= spec 2.5, 2.6 test
#[test]
fn conditions_that_are_always_the_same() {
    let mut world = World::new("gas of constant conditions");
    for (condition, cost, holds) in CONDITIONS {
        // An if, with and without its else-arm, and branches over a loop, on one condition.
        let two_arms =
            format!("(if {condition} (then (drop (i32.const 1))) (else (drop (i32.const 1)) (drop (i32.const 2))))");
        let one_arm = format!("(if {condition} (then (drop (i32.const 1))))");
        let branch = format!("(block (br_if 0 {condition}) (loop (drop (i32.const 1))))");
        let table = format!("(block (block (br_table 0 1 {condition})) (loop (drop (i32.const 1))))");
        for (body, gas) in [
            (two_arms, 1 + cost + 1 + if *holds { 1 + 1 } else { 1 + 2 }),
            (one_arm, 1 + cost + 1 + if *holds { 1 + 1 } else { 0 }),
            (branch, 1 + cost + 1 + if *holds { 0 } else { 1 + 1 }),
            (table, 1 + cost + 3 + if *holds { 0 } else { 1 + 1 }),
        ] {
            let code = binary(&format!(
                "(module (memory 1) (global $zero i32 (i32.const 0)) (global $one i32 (i32.const 1))
                    (global $changing (mut i32) (i32.const 0)) (func $other) (elem declare func $other)
                    (func (export \"f\") (param i32) (local i32 i32) {body}))"
            ));
            world.put_abi(A, Abi::Packed, &code);
            let gas = prices::start(&code, 8, 65_536) + gas;
            let viewed = view(&world, &[7], 10_000_000);
            assert_eq!((viewed.outcome, viewed.gas_used), (RETURN, Gas::new(gas)), "{body}");
            assert_eq!(view(&world, &[7], gas).outcome, RETURN, "{body}");
            assert_eq!(view(&world, &[7], gas - 1).outcome, halt(HaltReason::OutOfGas), "{body}");
        }
        world.note(condition, if *holds { "holds" } else { "does not hold" });
    }
}

const UNREACHED: &[Row] = &[
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
        "a loop behind br_table",
        "(func (export \"f\") (param i32) (block (br_table 0 0 (local.get 0)) (loop (drop (i32.const 1)))))",
        &[(&[0], 1 + 4)],
    ),
    row(
        "loops in loops behind return",
        "(func (export \"f\") (param i32) (return)
            (loop (loop (br 0)) (if (local.get 0) (then (loop (br 1))) (else (br 1))) (br 0)))",
        &[(&[1], 1)],
    ),
    row(
        "a block behind return is part of the region, the loop in it is not",
        "(func (export \"f\") (param i32) (return) (block (drop (i32.const 1)) (loop (drop (i32.const 1))) (br 0)))",
        &[(&[1], 1 + 1 + 1)],
    ),
    row(
        "what follows unreached code is reached by a branch over it",
        "(func (export \"f\") (param i32)
            (block (br_if 0 (local.get 0)) (return) (loop (nop))) (drop (i32.const 1)) (loop (drop (i32.const 1))))",
        &[(&[1], 1 + 3 + 1 + 1), (&[0], 1 + 3)],
    ),
    row(
        "an arm that leaves, and a loop behind both",
        "(func (export \"f\") (param i32)
            (if (local.get 0) (then (return) (loop (nop))) (else (return) (if (local.get 0) (then nop))))
            (loop (drop (i32.const 1))))",
        &[(&[1], 1 + 2 + 1), (&[0], 1 + 2 + 1 + 2)],
    ),
    row(
        "a loop that never ends by itself, and what follows it",
        "(func (export \"f\") (param i32)
            (loop (if (i32.eqz (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) (then (return))) (br 0))
            (loop (drop (i32.const 1))))",
        &[(&[1], 1 + 1 + 7 + 1), (&[3], 1 + 3 * (1 + 7) + 1)],
    ),
    with(
        3,
        0,
        row(
            "a loop behind a tail call",
            "(func $g) (func (export \"f\") (return_call $g) (loop (drop (i32.const 1))))",
            &[(&[], 1 + 8 + 1)],
        ),
    ),
];

//= spec 2.6 test
#[test]
fn code_that_control_never_reaches() {
    crate::regions::check("gas of unreached code", UNREACHED);
}

/// A trap that is certain does not keep the region from being charged as it is, and nothing beyond it: with exactly
/// the gas of the region the trap comes, with one less it is out of gas.
#[test]
fn certain_traps() {
    use HaltReason::{
        IntegerDivisionByZero, IntegerOverflow, InvalidConversionToInteger, MemoryOutOfBounds, Unreachable,
    };
    let mut world = World::new("gas of certain traps");
    let loops = "(loop (drop (i32.const 1))) (if (local.get 0) (then (drop (i32.const 1))))";
    for (case, trap, cost, reason) in [
        ("unreachable", "(unreachable)", 0, Unreachable),
        ("division by zero", "(drop (i32.div_u (local.get 0) (i32.const 0)))", 6, IntegerDivisionByZero),
        ("remainder by zero", "(drop (i64.rem_s (i64.const 4) (i64.const 0)))", 6, IntegerDivisionByZero),
        ("division that overflows", "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", 6, IntegerOverflow),
        ("division by a global", "(drop (i32.div_s (local.get 0) (global.get 0)))", 7, IntegerDivisionByZero),
        ("conversion of a NaN", "(drop (i32.trunc_f32_s (f32.const nan)))", 4, InvalidConversionToInteger),
        ("conversion of what is too large", "(drop (i32.trunc_f64_u (f64.const 1e300)))", 4, IntegerOverflow),
        ("load beyond any memory", "(drop (i32.load offset=0xffffffff (i32.const -1)))", 3, MemoryOutOfBounds),
        ("load beyond the memory", "(drop (i32.load (i32.const 65533)))", 3, MemoryOutOfBounds),
        ("store beyond the memory", "(i64.store offset=65536 (i32.const 0) (i64.const 1))", 4, MemoryOutOfBounds),
    ] {
        let code = binary(&format!(
            "(module (memory 1) (global i32 (i32.const 0))
                (func (export \"f\") (param i32) {trap} {loops} (drop (i32.const 1))))"
        ));
        world.put_abi(A, Abi::Packed, &code);
        // The region: the trap, the if and its condition, the last constant. The loop and the arm are never entered.
        let gas = prices::start(&code, 3, 65_536) + 1 + cost + 2 + 1;
        assert_eq!(view(&world, &[7], gas).outcome, halt(reason), "{case}");
        assert_eq!(view(&world, &[7], gas - 1).outcome, halt(HaltReason::OutOfGas), "{case}");
        world.note(case, &gas.to_string());
    }
}
