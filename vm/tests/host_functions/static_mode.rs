//! Static mode: every function that changes the state, in a static frame and in any frame below one.

use crate::{
    kit::{Case, V1, block, check_all, word},
    text::{A, B, CONTRACT, KEY, SENDER, VALUE, rows},
};
use lockstep_gas::{Gas, HostFunction};
use lockstep_host::HaltReason;
use lockstep_vm::{Outcome, ViewCall, system::SYSTEM_ADDRESS};
use std::sync::Arc;

/// Gas of the frame that breaks the rule; all of it is lost.
const INSIDE: u64 = 1_000_000;

/// What a static frame must not do. The last three would halt or fail in other ways if static mode were not looked at
/// first.
const FORBIDDEN: &[(HostFunction, &str, &str)] = &[
    (HostFunction::StorageStore, "storageStore", "(call $storageStore @KEY @VALUE)"),
    (HostFunction::StorageStore, "storageStore of what is there", "(call $storageStore #0 #0)"),
    (HostFunction::Log, "log", "(call $log #0 #0 #0 #0 #0 #0 #0)"),
    (HostFunction::Create, "create", "(drop (call $create @ZERO #0 #0 #0))"),
    (HostFunction::SelfDestruct, "selfDestruct", "(call $selfDestruct @SENDER)"),
    (HostFunction::Call, "call with value", "(drop (call $call ~0 @SENDER @ONE #0 #0))"),
    (HostFunction::StorageStore, "storageStore with bad pointers", "(call $storageStore #-1 #-1)"),
    (HostFunction::Log, "log with bad arguments", "(call $log #-1 #1 #5 #-1 #-1 #-1 #-1)"),
    (HostFunction::Create, "create with bad pointers", "(drop (call $create #-1 #-1 #1 #-1))"),
    (HostFunction::SelfDestruct, "selfDestruct with a bad pointer", "(call $selfDestruct #-1)"),
    (HostFunction::Call, "call with value and a bad input", "(drop (call $call ~0 @SENDER @ONE #-1 #1))"),
];

/// Under `V1` alone.
const CALL_EXPORT: (HostFunction, &str, &str) = (
    HostFunction::CallExport,
    "callExport with value",
    "(drop (call $callExport ~0 @SENDER @ONE #-1 #1 #-1 #1 #-1 #1))",
);

/// What it may do. Gas under Byzantium.
const ALLOWED: &[(&str, &str, u64)] = &[
    ("storageLoad", "(call $storageLoad @KEY #0)", 200),
    ("call without value", "(drop (call $call ~0 @ABSENT @ZERO #0 #0))", 700),
    ("callCode with value", "(drop (call $callCode ~0 @ABSENT @ONE #0 #0))", 7_400),
    ("callDelegate", "(drop (call $callDelegate ~0 @ABSENT #0 #0))", 700),
    ("callStatic", "(drop (call $callStatic ~0 @ABSENT #0 #0))", 700),
    ("finish", "(call $finish #0 #0)", 0),
    ("selfDestruct that is not reached", "(if #0 (then (call $selfDestruct @SELF)))", 0),
];

/// Calls [`B`] by `kind` and puts out the status.
fn calls_b(kind: &str, gas: u64) -> String {
    let value = if matches!(kind, "call" | "callCode") { "@ZERO" } else { "" };
    format!("(i32.store #0 (call ${kind} ~{gas} @B {value} #0 #0)) (call $finish #0 #4)")
}

/// A static call of [`A`], whose output is put out (6 gas).
fn through_a(name: String, a: &str) -> Case {
    let body = "(drop (call $callStatic ~5000000 @A #0 #0)) (call $returnDataCopy #0 #0 #4) (call $finish #0 #4)";
    let case = Case::new(name, body)
        .given_contract(A, a)
        .given_balance(A, 50)
        .given_balance(B, 50)
        .given_balance(CONTRACT, 50);
    case.given_storage(CONTRACT, [0; 32], &VALUE)
}

const KINDS: [&str; 4] = ["call", "callCode", "callDelegate", "callStatic"];

fn violations() -> Vec<Case> {
    let mut cases = Vec::new();
    for (function, name, body) in FORBIDDEN.iter().chain([&CALL_EXPORT]) {
        let direct = Case::new(format!("{name}, direct"), &calls_b("callStatic", INSIDE)).given_balance(B, 50);
        let below = KINDS.map(|kind| (through_a(format!("{name}, below a {kind}"), &calls_b(kind, INSIDE)), 1_400 + 6));
        for (case, more_gas) in [(direct, 700)].into_iter().chain(below) {
            let case = case
                .given_contract(B, body)
                .expect_output(&word(1))
                .expect_halt_inside(HaltReason::StaticModeViolation);
            cases.push(if *function == HostFunction::CallExport {
                case
            } else {
                case.expect_gas(21_000 + more_gas + INSIDE)
            });
        }
    }
    cases
}

//= spec 5.2.11, 5.2.13, 5.2.15, 5.3.3 test
#[test]
fn static_mode() {
    let mut cases = violations();
    for (name, body, gas) in ALLOWED {
        cases.push(
            Case::new(format!("{name}, direct"), &calls_b("callStatic", INSIDE))
                .given_contract(B, body)
                .given_balance(B, 50)
                .expect_gas(21_000 + 700 + gas)
                .expect_output(&word(0)),
        );
    }
    cases.extend([
        // Static mode ends with the frame that it began with.
        Case::new(
            "after a static call",
            &format!("(drop (call $callStatic ~0 @{} #0 #0)) (call $storageStore @KEY @VALUE)", "ABSENT"),
        )
        .expect_gas(41_700)
        .expect_storage(CONTRACT, KEY, &VALUE),
        // The price comes before static mode: with too little gas it is out of gas.
        Case::new("out of gas before static mode", &calls_b("callStatic", 4_999))
            .given_contract(B, "(call $storageStore @KEY @VALUE)")
            .byzantium_only()
            .expect_gas(21_700 + 4_999)
            .expect_output(&word(1))
            .expect_halt_inside(HaltReason::OutOfGas),
        Case::new("static mode after the price", &calls_b("callStatic", 5_000))
            .given_contract(B, "(call $storageStore @KEY @VALUE)")
            .byzantium_only()
            .expect_gas(21_700 + 5_000)
            .expect_output(&word(1))
            .expect_halt_inside(HaltReason::StaticModeViolation),
    ]);
    check_all("static_mode", cases);
}

/// A view is static from its first frame on.
#[test]
fn views() {
    for (_, name, body) in FORBIDDEN.iter().chain([&CALL_EXPORT]) {
        let case = Case::new(*name, body).given_balance(CONTRACT, 50);
        let call =
            ViewCall { caller: SENDER, to: CONTRACT, export: None, input: Vec::new(), gas_limit: Gas::new(INSIDE) };
        let viewed = V1.view(Arc::new(case.world), &block(), call).unwrap();
        assert_eq!(viewed.outcome, Outcome::Halt { reason: HaltReason::StaticModeViolation }, "{name}");
        assert_eq!((viewed.gas_used, viewed.output.len()), (Gas::new(INSIDE), 0), "{name}");
    }
}

/// A function that takes a state change as its business and is not in the list would show up here: run by itself in a
/// static frame with good arguments, it leaves the state as it was.
#[test]
fn no_function_changes_the_state_in_a_static_frame() {
    for row in rows() {
        let types = row.parameters().iter().zip(row.parameter_names);
        let argument = |(value_type, name): (&lockstep_host::ValueType, &&str)| match (value_type, *name) {
            (lockstep_host::ValueType::I64, _) => "~0",
            (_, "address" | "beneficiary") => "@SENDER",
            (_, "value") if row.name != "storageStore" => "@ONE",
            (_, "value") => "@VALUE",
            (_, "path") => "@KEY",
            _ => "#0",
        };
        let arguments: String = types.map(argument).collect::<Vec<_>>().join(" ");
        let call = format!("(call ${} {arguments})", row.name);
        let body = if row.result().is_some() { format!("(drop {call})") } else { call };
        let case = through_a(row.name.into(), &calls_b("call", INSIDE)).given_contract(B, &body);
        let diff = case.execute(&V1).diff;
        assert_eq!(diff.accounts.len(), 1, "{}: accounts other than the sender changed", row.name);
        let storage: Vec<_> = diff.storage.keys().filter(|address| **address != SYSTEM_ADDRESS).collect();
        assert!(storage.is_empty() && diff.code.is_empty(), "{}: storage or code changed", row.name);
    }
}
