//! The ABI `json`: what a module may be, and the limits of guest calls, results and calls of others.

use crate::kit::{Chain, SENDER, halt, module, revert};
use lockstep_gas::{Abi, Revision};
use lockstep_host::{Address, HaltReason};
use lockstep_vm::{Outcome, ValidModule};

const A: Address = Address::repeat_byte(0xa1);
const B: Address = Address::repeat_byte(0xb2);

fn json(fields: &str) -> Vec<u8> {
    module(Abi::Json, fields)
}

//= spec 10.3.1, 10.3.2 test
#[test]
fn what_makes_a_module_one_of_the_abi() {
    let check = |text: &str| ValidModule::parse(wat::parse_str(text).unwrap().into(), Abi::Json, &Revision::V1);
    for (fields, is_valid) in [
        ("", true),
        ("(memory 1)", true),
        ("(memory (export \"memory\") 1)", true),
        ("(func (export \"memory\"))", false),
        ("(func (export \"_initialize\"))", true),
        ("(func (export \"_initialize\") (param i32))", false),
        ("(func (export \"constructor\") (result i32) (i32.const 0))", false),
        ("(global (export \"constructor\") i32 (i32.const 0))", false),
        ("(func (export \"(start)\"))", false),
        ("(import \"env\" \"gas_tick\" (func))", true),
        ("(import \"env\" \"gas_tick\" (func (param i32)))", false),
        ("(import \"env\" \"absent\" (func))", false),
        ("(import \"wasi_snapshot_preview1\" \"sched_yield\" (func (result i32)))", true),
        ("(import \"crypto\" \"sha256\" (func (param i32 i32 i32)))", true),
        ("(import \"lockstep\" \"caller\" (func (param i32)))", false),
    ] {
        let checked = check(&format!("(module {fields})"));
        assert_eq!(checked.is_ok(), is_valid, "{fields}: {:?}", checked.err());
    }
}

/// Each guest call of a frame may go as deep as any other.
//= spec 10.1.3 test
#[test]
fn the_depth_is_counted_for_each_guest_call() {
    let mut chain = Chain::new("json_recursion.txt");
    let most = Revision::V1.limits(Abi::Json).call_depth_max;
    // The export and `$down`, so many times and once more.
    let deep = |calls: u32| format!("(call $down (i32.const {}))", calls - 2);
    for (case, first, second, outcome) in [
        ("both as deep as they may", most, most, Outcome::Return),
        ("the first too deep", most + 1, 2, halt(HaltReason::CallStackExhausted)),
        ("the second too deep", 2, most + 1, halt(HaltReason::CallStackExhausted)),
    ] {
        let fields = format!(
            r#"(func $down (param i32) (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
            (func (export "_initialize") {}) (func (export "f") {})"#,
            deep(first),
            deep(second)
        );
        chain.put(A, Abi::Json, &json(&fields));
        assert_eq!(chain.call(case, SENDER, A, "f", &[]).outcome, outcome, "{case}");
    }
    chain.settle();
}

//= spec 10.3.11 test
#[test]
fn results_and_messages_have_limits() {
    let mut chain = Chain::new("json_limits.txt");
    let limit = halt(HaltReason::LimitExceeded);
    for (function, bytes, outcome) in [
        ("set_result", 4_194_304, Outcome::Return),
        ("set_result", 4_194_305, limit),
        ("fail", 16_384, revert(0)),
        ("fail", 16_385, limit),
    ] {
        let call = format!("(call ${function} (i32.const 0) (i32.const {bytes}))");
        chain.put(A, Abi::Json, &json(&format!(r#"(memory (export "memory") 65) (func (export "f") {call})"#)));
        let receipt = chain.call(&format!("{function} {bytes}"), SENDER, A, "f", &[]);
        assert_eq!(receipt.outcome, outcome, "{function} {bytes}");
    }
    chain.settle();
}

/// What halts the caller, and what only fails.
//= spec 10.3.13 test
#[test]
fn a_call_has_limits_of_its_own() {
    let mut chain = Chain::new("json_call_limits.txt");
    // Exports of 256 and of 257 letters.
    let [long, longer] = [256, 257].map(|letters| format!(r#"(func (export "{}"))"#, "x".repeat(letters)));
    chain.put(B, Abi::Json, &json(&format!("{long} {longer}")));
    let out_of_bounds = halt(HaltReason::HostAccessOutOfBounds);
    for (case, address, method, arguments, gas, expected) in [
        ("a name of 256 bytes", 0, (32, 256), (0, 0), 1_000_000, Ok(0)),
        ("a name of 257 bytes", 0, (32, 257), (0, 0), 1_000_000, Ok(1)),
        ("negative gas", 0, (32, 256), (0, 0), -1, Err(halt(HaltReason::ArgumentOutOfRange))),
        ("no address", -1, (32, 256), (0, 0), 0, Err(out_of_bounds)),
        ("no method", 0, (-1, 256), (0, 0), 0, Err(out_of_bounds)),
        ("no arguments", 0, (32, 256), (-1, 1), 0, Err(out_of_bounds)),
        ("the longest arguments", 0, (32, 256), (0, 4_194_304), 1_000_000_000, Ok(0)),
        ("longer arguments", 0, (32, 256), (0, 4_194_305), 0, Err(halt(HaltReason::LimitExceeded))),
    ] {
        let call = [address, method.0, method.1, arguments.0, arguments.1]
            .map(|argument: i32| format!("(i32.const {argument})"))
            .join(" ");
        let fields = format!(
            r#"(memory (export "memory") 65) (func (export "f") (i32.store8 (i32.const 1000) (call $call {call} (i64.const {gas})))
            (call $set_result (i32.const 1000) (i32.const 1))) (data (i32.const 0) "{}") (data (i32.const 32) "{}")"#,
            B.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>(),
            "x".repeat(257)
        );
        chain.put(A, Abi::Json, &json(&fields));
        let receipt = chain.call(case, SENDER, A, "f", &[]);
        match expected {
            Ok(status) => assert_eq!((receipt.outcome, receipt.output), (Outcome::Return, vec![status]), "{case}"),
            Err(outcome) => assert_eq!(receipt.outcome, outcome, "{case}"),
        }
    }
    chain.settle();
}
