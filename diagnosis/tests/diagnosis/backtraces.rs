//! Backtraces: how frames stopped, and where. The golden file has outcome, gas and every place of each case.

use crate::{
    golden,
    kit::{A, B, C, Looked, World, caller, data, module},
};
use lockstep_diagnosis::Place;
use lockstep_vm::{Abi, Gas, Tx, TxKind};

const CALCULATOR: &[u8] = include_bytes!("../../../contracts/calculator/calculator.wasm");
const CALCULATOR_CALLER: &[u8] = include_bytes!("../../../contracts/calculator-caller/calculator_caller.wasm");

/// Traps three functions deep; the export has no name of its own.
const FAILS: &str = "(func $fail unreachable) (func $check (call $fail)) (func (export \"main\") (call $check))";
/// The same without any name.
const NAMELESS: &str = "(module (memory (export \"memory\") 1) (func unreachable) (func (call 0)) (func (call 1))
    (func (export \"main\") (call 2)))";
const LOOPS: &str = "(func $spin (loop (br 0))) (func (export \"main\") (call $spin))";
const REVERTS: &str =
    "(func $give_up (call $revert (i32.const 0) (i32.const 2))) (func (export \"main\") (call $give_up))";
const RECURSES: &str = "(func $down (call $down)) (func (export \"main\") (call $down))";
const NOT_MODULE: &[u8] = b"bytes that a creation left";

/// Calls an export of B by way of `calculator-caller`.
fn by_name(name: &str, descriptor: &str, arguments: &[u8]) -> Vec<u8> {
    let byte = |text: &str| u8::try_from(text.len()).unwrap();
    [B.as_slice(), &[byte(name)], name.as_bytes(), &[byte(descriptor)], descriptor.as_bytes(), arguments].concat()
}

/// A contract that creates one of `init_code`, lets its address be written at `result` and goes on with `then`.
fn creator(init_code: &str, result: u32, then: &str) -> String {
    let code = wat::parse_str(module(init_code)).unwrap();
    module(&format!(
        "{} (func $make (result i32)
           (call $create (i32.const 0) (i32.const 64) (i32.const {}) (i32.const {result})))
         (func (export \"main\") (call $make) {then})",
        data(64, &code),
        code.len()
    ))
}

/// A case: its name, a world, a transaction in it.
type Case = (&'static str, World, Tx);

fn case(name: &'static str, world: World, tx: impl FnOnce(&World) -> Tx) -> Case {
    let tx = tx(&world);
    (name, world, tx)
}

/// A world with one contract, at A.
fn one(contract: &str) -> World {
    World::new().with(A, contract)
}

/// A world in which A calls `callee` at B and goes on with `then`.
fn two(callee: &str, then: &str) -> World {
    World::new().with(B, callee).with(A, &caller(B, 300_000, then))
}

/// Calls of A.
fn calls() -> Vec<Case> {
    let drops = "drop";
    let gives_up = "(if (then (call $revert (i32.const 0) (i32.const 0))))";
    let traps = "(if (then unreachable))";
    let no_module =
        format!("{} (func (export \"main\") (call $finish (i32.const 0) (i32.const 5)))", data(0, b"\0asm!"));
    let large = "(func (export \"main\") (call $finish (i32.const 0) (i32.const 131073)))";
    let bad_pointer =
        "(func $save (call $storageStore (i32.const -1) (i32.const 0))) (func (export \"main\") (call $save))";
    let often = caller(B, 130_000, "drop").replace(
        "(func (export \"main\")",
        "(func (export \"main\") (local i32) (loop (drop (call $ask))
           (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 20))))",
    );
    let created = creator("(func (export \"main\"))", u32::MAX, drops);
    let delegates = format!(
        "(module (import \"ethereum\" \"callDelegate\" (func $delegate (param i64 i32 i32 i32) (result i32)))
           (memory (export \"memory\") 1) {}
           (func (export \"main\")
             (drop (call $delegate (i64.const 300000) (i32.const 0) (i32.const 0) (i32.const 0)))))",
        data(0, B.as_slice())
    );
    let no_callee = World::new().with_code(B, Abi::Ewasm, NOT_MODULE).with(A, &caller(B, 300_000, traps));
    let cases = [
        ("a callee traps three functions deep, its caller goes on", two(&module(FAILS), drops)),
        ("a callee traps, then its caller", two(&module(FAILS), traps)),
        ("a callee traps, its caller reverts", two(&module(FAILS), gives_up)),
        ("code that is run for another account traps", two(&module(FAILS), drops).with(A, &delegates)),
        ("functions without names", two(NAMELESS, traps)),
        ("a callee runs out of gas", two(&module(LOOPS), drops)),
        ("a callee reverts, its caller as well", two(&module(REVERTS), gives_up)),
        ("a revert", one(&module(REVERTS))),
        ("the call stack is exhausted", one(&module(RECURSES))),
        ("a function of the host halts", one(&module(bad_pointer))),
        ("the output is too large", one(&module(large))),
        ("the output of a callee is too large", two(&module(large), drops)),
        ("init code traps", one(&creator(FAILS, 0, gives_up))),
        ("init code leaves no module", one(&creator(&no_module, 0, drops))),
        ("a contract is created and its address has no place", one(&created)),
        ("a callee has too little gas to begin", World::new().with(B, &module(FAILS)).with(A, &caller(B, 1, drops))),
        ("a callee is no module", no_callee),
        ("more stops than are kept", World::new().with(B, &module(FAILS)).with(A, &often)),
        ("everything returns", two(&module("(func (export \"main\"))"), drops)),
        ("no code is called", one(&caller(C, 300_000, drops))),
    ];
    cases.into_iter().map(|(name, world)| case(name, world, |world| world.call(A, &[]))).collect()
}

/// Calls of exports by name: from a contract, and by the transaction itself.
fn calls_by_name() -> Vec<Case> {
    let packed = || World::new().with_code(B, Abi::Packed, CALCULATOR).with_code(A, Abi::Ewasm, CALCULATOR_CALLER);
    let zero = [&7_i64.to_le_bytes()[..], &[0; 8]].concat();
    let exported = |export: &str| TxKind::Call { to: B, export: Some(export.into()) };
    let from_contract = |name, input: Vec<u8>| case(name, packed(), |world| world.call(A, &input));
    vec![
        from_contract("a packed contract gives an error number", by_name("divide", "llr", &zero)),
        from_contract("an export is not there", by_name("power", "lll", &zero)),
        from_contract("arguments do not match", by_name("add", "iii", &[0; 8])),
        case("a transaction gives an error number", packed(), |world| world.tx(exported("divide"), &zero)),
        case("a transaction calls an export that is not there", packed(), |world| world.tx(exported("power"), &zero)),
    ]
}

/// Transactions that end before anything runs, or as they begin.
fn transactions() -> Vec<Case> {
    let no_module = || World::new().with_code(A, Abi::Ewasm, NOT_MODULE);
    let create = |init_code: Vec<u8>| TxKind::Create { init_code };
    let deploy = || TxKind::Deploy { abi: Abi::Ewasm, code: NOT_MODULE.to_vec() };
    let fails = wat::parse_str(module(FAILS)).unwrap();
    vec![
        case("a transaction runs out of gas", one(&module(LOOPS)), |world| Tx {
            gas_limit: Gas::new(400_000),
            ..world.call(A, &[])
        }),
        case("a transaction has too little gas to begin", one(&module(LOOPS)), |world| {
            let gas_limit = world.valid(&world.call(A, &[])).intrinsic_gas().plus(Gas::new(1));
            Tx { gas_limit, ..world.call(A, &[]) }
        }),
        case("a transaction calls what is no module", no_module(), |world| world.call(A, &[])),
        case("the init code of a transaction traps", World::new(), |world| world.tx(create(fails), &[])),
        case("the init code of a transaction is no module", World::new(), |world| {
            world.tx(create(NOT_MODULE.to_vec()), &[])
        }),
        case("a deployment of what is no module", World::new(), |world| world.tx(deploy(), &[])),
    ]
}

/// The operator at each place must be one that can be there: all but the innermost are calls.
fn hold_places(world: &World, looked: &Looked) {
    for stopped in &looked.stops {
        let places: Vec<&Place> = stopped.inner.iter().chain(&stopped.outer).collect();
        for (at, place) in places.iter().enumerate() {
            let Place::Function { code_of, offset, name, .. } = place else { continue };
            // Init code is not in the state.
            let Some(id) = world.state.accounts.get(code_of).and_then(|account| account.code) else { continue };
            let operator = world.state.code[&id.hash][*offset];
            let is_call = operator == 0x10;
            match name.as_deref() {
                _ if at > 0 => assert!(is_call, "{place}"),
                Some("fail") => assert_eq!(operator, 0x00, "{place}"),
                Some("spin") => assert!([0x03, 0x0c].contains(&operator), "{place}"),
                _ => {}
            }
        }
    }
}

#[test]
fn every_frame_that_does_not_return_says_where_it_stopped() {
    let mut found = String::new();
    for (name, world, tx) in calls().into_iter().chain(calls_by_name()).chain(transactions()) {
        let looked = world.look(&tx);
        hold_places(&world, &looked);
        let receipt = &looked.executed.receipt;
        found += &format!("{name}: {}, gas {}\n", receipt.outcome, receipt.gas_used);
        for stop in &looked.backtrace {
            found += &format!("    {}\n", stop.replace('\n', "\n    "));
        }
        // No halt and no revert goes without a word.
        let last = looked.stops.last().map(|stopped| stopped.end.to_string());
        match receipt.outcome.to_string().as_str() {
            "return" => {}
            outcome => assert_eq!(last.as_deref(), Some(outcome), "{name}"),
        }
        for site in &looked.executed.halts {
            let end = format!("halt: {}", site.reason);
            assert!(looked.stops.iter().any(|stopped| stopped.end.to_string() == end), "{name}: {site}");
        }
    }
    golden::check("backtraces.txt", &found);
}
