//! Functions with as many parameters and locals as a program's can have. Compilers that pass structs as their fields make many
//! parameters, and compilers that do not optimise give each value a local of its own.

use crate::kit::{Chain, SENDER, halt, module};
use lockstep_gas::{Abi, Revision};
use lockstep_host::{Address, HaltReason};
use lockstep_vm::{Outcome, ValidModule};

const A: Address = Address::repeat_byte(0xa1);

/// A method that calls a function of `count` parameters, which adds them up, in each way there is.
fn caller(count: u32) -> Vec<u8> {
    let types: String = (0..count).map(|index| if index % 2 == 0 { " i64" } else { " i32" }).collect();
    let ty = format!("(param{types}) (result i64)");
    let add = (0..count).fold("(i64.const 0)".to_owned(), |sum, index| {
        let value = format!("(local.get {index})");
        let value = if index % 2 == 0 { value } else { format!("(i64.extend_i32_u {value})") };
        format!("{sum} {value} i64.add")
    });
    let given: String = (0..count)
        .map(|index| format!("({}.const {})", if index % 2 == 0 { "i64" } else { "i32" }, index + 1))
        .collect();
    let taken: String = (0..count).map(|index| format!("(local.get {index})")).collect();
    module(
        Abi::Json,
        &format!(
            r#"(type $long (func {ty})) (table 1 funcref) (elem (i32.const 0) $sum)
            (func $sum (type $long) {add})
            (func $handed (type $long) {taken} (return_call $sum))
            (func $block (type $long) {taken} (block (type $long) (call $sum)))
            (func (export "f")
                (i64.store (i32.const 8) (call $sum {given}))
                (i64.store (i32.const 16) (call_indirect (type $long) {given} (i32.const 0)))
                (i64.store (i32.const 24) (call $handed {given}))
                (i64.store (i32.const 32) (call $block {given}))
                (call $set_result (i32.const 8) (i32.const 32)))"#
        ),
    )
}

#[test]
fn a_function_has_as_many_parameters_as_it_may() {
    let mut chain = Chain::new("wide_parameters.txt");
    let most = Revision::V1.limits(Abi::Json).parameters_max;
    assert_eq!(most, 128);
    for count in [32, 45, most] {
        chain.put(A, Abi::Json, &caller(count));
        let receipt = chain.call(&format!("{count} parameters"), SENDER, A, "f", &[]);
        let sum = u64::from(count * (count + 1) / 2).to_le_bytes();
        assert_eq!((receipt.outcome, receipt.output), (Outcome::Return, sum.repeat(4)), "{count}");
    }
    assert!(ValidModule::parse(caller(most + 1).into(), Abi::Json, &Revision::V1).is_err());
    chain.settle();
}

/// A method that calls a function of `count` locals, its parameter among them, `depth` times in itself. Each call sets the last
/// local, and adds it to the first once the others have returned.
fn recursive(count: u32, depth: u32) -> Vec<u8> {
    let (locals, last) = ("i64 ".repeat(count as usize - 1), count - 1);
    let add = format!("(i64.add (i64.extend_i32_u (local.get 0)) (local.get {last}))");
    // A byte allows four locals.
    let bytes = "x".repeat(count as usize / 4);
    module(
        Abi::Json,
        &format!(
            r#"(data "{bytes}") (func $f (param i32) (result i64) (local {locals})
                (local.set {last} (i64.const 1000))
                (if (result i64) (local.get 0)
                    (then (i64.add (call $f (i32.sub (local.get 0) (i32.const 1))) {add}))
                    (else (local.get {last}))))
            (func (export "f")
                (i64.store (i32.const 8) (call $f (i32.const {depth})))
                (call $set_result (i32.const 8) (i32.const 8)))"#
        ),
    )
}

#[test]
fn a_function_has_as_many_locals_as_it_may() {
    let mut chain = Chain::new("wide_locals.txt");
    let limits = Revision::V1.limits(Abi::Json);
    let (most, deepest) = (limits.locals_max, limits.call_depth_max - 2);
    assert_eq!(most, 8_192);
    for (count, depth) in [(1_024, 3), (5_500, 3), (most, 3), (most, deepest), (most, deepest + 1)] {
        chain.put(A, Abi::Json, &recursive(count, depth));
        let case = format!("{count} locals, {depth} calls");
        let receipt = chain.call(&case, SENDER, A, "f", &[]);
        let depth = u64::from(depth);
        let sum = depth * (depth + 1) / 2 + 1_000 * (depth + 1);
        let expected = if depth > u64::from(deepest) {
            (halt(HaltReason::CallStackExhausted), vec![])
        } else {
            (Outcome::Return, sum.to_le_bytes().to_vec())
        };
        assert_eq!((receipt.outcome, receipt.output), expected, "{case}");
    }
    assert!(ValidModule::parse(recursive(most + 1, 1).into(), Abi::Json, &Revision::V1).is_err());
    chain.settle();
}
