//! Functions with as many parameters as a program's can have: compilers that pass structs as their fields make long lists.

use crate::kit::{Chain, SENDER, module};
use lockstep_gas::{Abi, Revision};
use lockstep_host::Address;
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
    let mut chain = Chain::new("parameters.txt");
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
