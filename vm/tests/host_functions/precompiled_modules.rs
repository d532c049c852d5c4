//! Precompiled contracts that are modules of the revision: one module behind several addresses, entered by its exports.

use crate::{
    golden,
    kit::{Case, V1, word},
    text::{ABSENT, CONTRACT, FREE, KEY, SENDER, VALUE, data, module},
};
use lockstep_gas::{Abi, PrecompileModule, Revision};
use lockstep_host::{Address, HaltReason};
use lockstep_reference::Reference;
use lockstep_vm::{Executed, Outcome, TxKind, Vm};
use std::borrow::Cow;

/// The addresses of one module: of two exports that take a buffer and give one, of one that writes, of one that reverts,
/// and of one that is not there.
const REVERSE: Address = Address::repeat_byte(0x71);
const NOTE: Address = Address::repeat_byte(0x72);
const FAIL: Address = Address::repeat_byte(0x73);
const ABSENT_EXPORT: Address = Address::repeat_byte(0x74);
/// The address of another one, entered by its `main`.
const REPORT: Address = Address::repeat_byte(0x75);

/// Turns its input round; stores something; reverts with error number 7.
const EXPORTS: &str =
    "(func (export \"reverse\") (param $in i64) (result i64) (local $at i32) (local $end i32) (local $to i32)
      (local.set $at (i32.wrap_i64 (local.get $in)))
      (local.set $end (i32.add (local.get $at) (i32.wrap_i64 (i64.shr_u (local.get $in) ~32))))
      (local.set $to #2048)
      (block $done (loop $next
        (br_if $done (i32.le_u (local.get $end) (local.get $at)))
        (local.set $end (i32.sub (local.get $end) #1))
        (i32.store8 (local.get $to) (i32.load8_u (local.get $end)))
        (local.set $to (i32.add (local.get $to) #1))
        (br $next)))
      (i64.or ~2048 (i64.shl (i64.shr_u (local.get $in) ~32) ~24)))
    (func (export \"note\") (param i64) (result i64) (call $storageStore @KEY @VALUE) ~0)
    (func (export \"fail\") (param i64) (result i64) (i64.shl ~7 ~48))";

/// Puts out its own address, its caller and its input of 3 bytes.
const MAIN: &str = "(func (export \"main\") (call $getAddress #0) (call $getCaller #20) (call $callDataCopy #40 #0 #3) \
    (call $finish #0 #43))";

fn revision() -> Revision {
    let carried = |abi, fields: &str| PrecompileModule { abi, code: Cow::Owned(module(fields)) };
    let exports: [(_, Option<&[u8]>); 4] = [
        (REVERSE.into(), Some(b"reverse")),
        (NOTE.into(), Some(b"note")),
        (FAIL.into(), Some(b"fail")),
        (ABSENT_EXPORT.into(), Some(b"absent")),
    ];
    let mut revision = Revision::V1;
    let precompiles = revision.precompiles.with_module(carried(Abi::Packed, EXPORTS), &exports).unwrap();
    revision.precompiles = precompiles.with_module(carried(Abi::Ewasm, MAIN), &[(REPORT.into(), None)]).unwrap();
    revision
}

/// Executes a case on both engines.
fn executed(case: &Case) -> Executed {
    let executed = case.execute(&Vm::new(revision()).unwrap());
    let reference: Vm<Reference> = Vm::with_engine(revision(), 1 << 26).unwrap();
    assert_eq!(executed, case.execute_on(&reference), "the reference interpreter differs");
    executed
}

const ADDRESS: u32 = FREE;
const INPUT: u32 = FREE + 32;

/// A contract that calls `callee` in that way with the input `abc`, and puts out the status and the answer.
fn calls(kind: &str, callee: Address, gas: u64) -> Case {
    let value = if matches!(kind, "call" | "callCode") { "@ZERO" } else { "" };
    let body = format!(
        "(i32.store #0 (call ${kind} ~{gas} #{ADDRESS} {value} #{INPUT} #3)) \
         (call $returnDataCopy #4 #0 (call $getReturnDataSize)) \
         (call $finish #0 (i32.add #4 (call $getReturnDataSize)))"
    );
    Case::with_fields(kind.to_owned(), &body, &(data(ADDRESS, callee.as_slice()) + &data(INPUT, b"abc")))
}

const KINDS: [&str; 4] = ["call", "callCode", "callDelegate", "callStatic"];

//= spec 12.10, 12.12 test
#[test]
fn a_module_answers_as_a_frame() {
    let mut lines = Vec::new();
    let mut check = |name: &str, case: Case, output: &[u8], halted: Option<HaltReason>| {
        let executed = executed(&case);
        assert_eq!(executed.receipt.outcome, Outcome::Return, "{name}: {:?}", executed.halts);
        assert_eq!(executed.receipt.output, output, "{name}");
        assert_eq!(executed.halts.first().map(|site| site.reason), halted, "{name}");
        lines.push(format!("{name}: {}", executed.receipt.gas_used));
        executed
    };
    for kind in KINDS {
        let on_caller = matches!(kind, "callCode" | "callDelegate");
        check(&format!("{kind}: reverse"), calls(kind, REVERSE, 1_000_000), b"\0\0\0\0cba", None);
        let caller = if kind == "callDelegate" { SENDER } else { CONTRACT };
        let address = if on_caller { CONTRACT } else { REPORT };
        let report = [&word(0)[..], address.as_slice(), caller.as_slice(), b"abc"].concat();
        check(&format!("{kind}: main"), calls(kind, REPORT, 1_000_000), &report, None);
        check(&format!("{kind}: a revert"), calls(kind, FAIL, 1_000_000), &word(2), None);
        // A refused frame returns the gas to its caller, less the price of the code.
        check(&format!("{kind}: no such export"), calls(kind, ABSENT_EXPORT, 1_000_000), &word(1), None);
        let short = calls(kind, REVERSE, 1_000);
        check(&format!("{kind}: out of gas"), short, &word(1), Some(HaltReason::OutOfGas));
        let note = calls(kind, NOTE, 1_000_000);
        if kind == "callStatic" {
            check("callStatic: note", note, &word(1), Some(HaltReason::StaticModeViolation));
        } else {
            // On an account that is empty it would not stay (EIP-161).
            let executed = check(&format!("{kind}: note"), note.given_balance(NOTE, 1), &word(0), None);
            let on = if on_caller { CONTRACT } else { NOTE };
            let value = executed.diff.storage[&on].values[&KEY.to_vec()].as_deref();
            assert_eq!(value, Some(&VALUE[..]), "{kind}");
        }
    }
    let lost = check("call: note on an empty account", calls("call", NOTE, 1_000_000), &word(0), None);
    assert_eq!(lost.diff.storage.get(&NOTE).filter(|storage| !storage.values.is_empty()), None);
    golden::settle("precompiled_modules", lines);
}

/// The first address pays for the first use of the code, another one of the same module does not: it is one code.
//= spec 12.11 test
#[test]
fn one_module_is_one_code() {
    let call = |at: u32| format!("(drop (call $callStatic ~1000000 #{at} #{INPUT} #3))");
    let gas = |first: Address, second: Address| {
        let fields = data(ADDRESS, first.as_slice()) + &data(ADDRESS + 64, second.as_slice()) + &data(INPUT, b"abc");
        let case = Case::with_fields("two calls", &(call(ADDRESS) + &call(ADDRESS + 64)), &fields);
        executed(&case).receipt.gas_used.get()
    };
    let frame = &Revision::V1.schedule.frame;
    let first_use = frame.first_use + frame.first_use_byte * module(EXPORTS).len() as u64;
    let unused = gas(ABSENT, FAIL) - gas(ABSENT, ABSENT);
    for (before, saved) in [(FAIL, first_use), (REVERSE, first_use), (ABSENT_EXPORT, first_use), (REPORT, 0)] {
        let used = gas(before, FAIL) - gas(before, ABSENT);
        assert_eq!(unused - used, saved, "after {before}");
    }
}

/// A transaction that calls the address pays what one pays that calls the `main` of an account with the same code.
//= spec 12.10, 12.11 test
#[test]
fn a_module_costs_what_its_code_costs_on_an_account() {
    let straight = |to| {
        let case = Case::of_code("straight", &module(MAIN), Abi::Ewasm).given_kind(TxKind::Call { to, export: None });
        executed(&case.given_input(b"abc")).receipt
    };
    let (carried, on_account) = (straight(REPORT), straight(CONTRACT));
    assert_eq!((carried.outcome, carried.gas_used), (Outcome::Return, on_account.gas_used));
    assert_eq!(carried.output[..20], REPORT[..]);
    let fails = executed(&Case::new("straight", "").given_kind(TxKind::Call { to: FAIL, export: None })).receipt;
    assert_eq!(fails.outcome, Outcome::Revert { errno: 7 });
}

//= spec 12.5 test
#[test]
fn a_module_has_no_exports_for_others_and_no_code_to_see() {
    let call = format!("(call $callExport ~100000 #{ADDRESS} @ZERO #{INPUT} #7 #{} #1 #0 #0)", INPUT + 7);
    let body =
        format!("(i64.store #0 {call}) (i32.store #8 (call $getExternalCodeSize #{ADDRESS})) (call $finish #0 #12)");
    let fields = data(ADDRESS, REVERSE.as_slice()) + &data(INPUT, b"reversev");
    let receipt = executed(&Case::with_fields("callExport", &body, &fields)).receipt;
    assert_eq!(receipt.output, [&(0xFF03_u64 << 48).to_le_bytes()[..], &word(0)].concat());
    let kind = TxKind::Call { to: REVERSE, export: Some(b"reverse".to_vec()) };
    let receipt = executed(&Case::new("by name", "").given_kind(kind)).receipt;
    assert_eq!(receipt.outcome, Outcome::Halt { reason: HaltReason::NoCode });
    // Under a revision without it the address is an account like any other.
    let receipt = calls("call", REVERSE, 100_000).execute(&V1).receipt;
    assert_eq!(receipt.output, word(0));
}

#[test]
fn a_machine_does_not_start_with_a_module_that_is_not_valid() {
    let code = Cow::Borrowed(&b"\0asm\x01\0\0\0"[..]);
    let mut revision = Revision::V1;
    let module = PrecompileModule { abi: Abi::Ewasm, code };
    revision.precompiles = revision.precompiles.with_module(module, &[(REPORT.into(), None)]).unwrap();
    let fault = Vm::new(revision).err().unwrap().to_string();
    assert!(fault.contains("a module of the revision is not valid"), "{fault}");
}
