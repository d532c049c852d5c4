//! The four calls: what the callee sees, what moves, what is charged in which order, and what a failure costs.

use crate::{
    kit::{BYZANTIUM, Case, V1, check_all, status_of, word},
    text::{A, ABSENT, AMOUNT, B, CONTRACT, KEY, SENDER, VALUE, data, main_of},
};
use lockstep_gas::Abi;
use lockstep_host::{Address, Fault, HaltReason, U256};

/// Puts out its own address, its caller, the origin and the value: 4 calls at 2 gas.
const REPORTER: &str = "(call $getAddress #0) (call $getCaller #20) (call $getTxOrigin #40) (call $getCallValue #60) \
    (call $finish #0 #76)";

/// Makes `call` and puts out its status and the 76 bytes of a report (3 words: 12 gas).
fn reported(call: &str) -> String {
    format!("(i32.store #0 {call}) (call $returnDataCopy #4 #0 #76) (call $finish #0 #80)")
}

fn report(address: Address, caller: Address, value: u128) -> Vec<u8> {
    [&word(0)[..], address.as_slice(), caller.as_slice(), SENDER.as_slice(), &value.to_le_bytes()].concat()
}

/// A call of [`CONTRACT`] with value 5, which leaves it there.
fn with_five(name: &str, body: &str) -> Case {
    Case::new(name, body).given_value(5).expect_account(CONTRACT, 0, 5, true)
}

#[test]
fn what_the_callee_sees() {
    let to_b = |call: &str| format!("(drop {call}) (call $returnDataCopy #0 #0 #76) (call $finish #0 #76)");
    let cases = vec![
        // 700 + 9,000 + 8 - 2,300: the stipend that is left comes back.
        with_five("call", &reported("(call $call ~100000 @A @ONE #0 #0)"))
            .given_contract(A, REPORTER)
            .expect_gas(21_000 + 7_408 + 12)
            .expect_output(&report(A, CONTRACT, 1))
            .expect_account(CONTRACT, 0, 4, true)
            .expect_account(A, 0, 1, true),
        with_five("callCode", &reported("(call $callCode ~100000 @A @ONE #0 #0)"))
            .given_contract(A, REPORTER)
            .expect_gas(21_000 + 7_408 + 12)
            .expect_output(&report(CONTRACT, CONTRACT, 1)),
        with_five("callStatic", &reported("(call $callStatic ~100000 @A #0 #0)"))
            .given_contract(A, REPORTER)
            .expect_gas(21_000 + 708 + 12)
            .expect_output(&report(A, CONTRACT, 0)),
        Case::new("callDelegate without value", &reported("(call $callDelegate ~100000 @A #0 #0)"))
            .given_contract(A, REPORTER)
            .expect_gas(21_000 + 708 + 12)
            .expect_output(&report(CONTRACT, SENDER, 0)),
        // hera adds the stipend for an inherited value too, which no frame has paid for: 700 + 8 - 2,300.
        with_five("callDelegate with value", &reported("(call $callDelegate ~100000 @A #0 #0)"))
            .given_contract(A, REPORTER)
            .expect_gas(21_000 + 708 + 12 - 2_300)
            .expect_output(&report(CONTRACT, SENDER, 5)),
        Case::new("callDelegate twice", &reported("(call $callDelegate ~200000 @A #0 #0)"))
            .given_contract(A, &to_b("(call $callDelegate ~100000 @B #0 #0)"))
            .given_contract(B, REPORTER)
            .expect_gas(21_000 + 700 + 708 + 12 + 12)
            .expect_output(&report(CONTRACT, SENDER, 0)),
        Case::new("call, then callDelegate", &reported("(call $call ~200000 @A @ZERO #0 #0)"))
            .given_contract(A, &to_b("(call $callDelegate ~100000 @B #0 #0)"))
            .given_contract(B, REPORTER)
            .expect_gas(21_000 + 700 + 708 + 12 + 12)
            .expect_output(&report(A, CONTRACT, 0)),
        Case::new("callDelegate, then call", &reported("(call $callDelegate ~200000 @A #0 #0)"))
            .given_contract(A, &to_b("(call $call ~100000 @B @ZERO #0 #0)"))
            .given_contract(B, REPORTER)
            .expect_gas(21_000 + 700 + 708 + 12 + 12)
            .expect_output(&report(B, CONTRACT, 0)),
        Case::new("callCode, then callDelegate", &reported("(call $callCode ~200000 @A @ZERO #0 #0)"))
            .given_contract(A, &to_b("(call $callDelegate ~100000 @B #0 #0)"))
            .given_contract(B, REPORTER)
            .expect_gas(21_000 + 700 + 708 + 12 + 12)
            .expect_output(&report(CONTRACT, CONTRACT, 0)),
    ];
    check_all("frame_kinds", cases);
}

/// A call with that text as the status that is put out.
fn status(name: &str, call: &str) -> Case {
    Case::new(name, &status_of(call))
}

fn input_cases() -> Vec<Case> {
    let echo = "(call $callDataCopy #0 #0 (call $getCallDataSize)) (call $finish #0 (call $getCallDataSize))";
    let echoed = |kind: &str, call: &str| {
        let body = format!("(drop {call}) (call $returnDataCopy #0 #0 #3) (call $finish #0 #3)");
        // The callee: 2 + 6 + 2. The caller: 700 + 6.
        Case::with_fields(format!("{kind}: input and output"), &body, &data(768, b"abc"))
            .given_contract(A, echo)
            .expect_gas(21_000 + 10 + 706)
            .expect_output(b"abc")
    };
    let mut cases = vec![
        echoed("call", "(call $call ~100000 @A @ZERO #768 #3)"),
        echoed("callCode", "(call $callCode ~100000 @A @ZERO #768 #3)"),
        echoed("callDelegate", "(call $callDelegate ~100000 @A #768 #3)"),
        echoed("callStatic", "(call $callStatic ~100000 @A #768 #3)"),
    ];
    for (kind, before) in [("call", "@ZERO"), ("callCode", "@ZERO"), ("callDelegate", ""), ("callStatic", "")] {
        let call = |gas: i64, address: &str, data: &str| format!("(call ${kind} ~{gas} {address} {before} {data})");
        let stored = format!("(drop {})", call(500_000, "@A", "#0 #0"));
        let on = if matches!(kind, "callCode" | "callDelegate") { CONTRACT } else { A };
        let case = Case::new(format!("{kind}: storage"), &stored).given_contract(A, "(call $storageStore @KEY @VALUE)");
        cases.push(if kind == "callStatic" {
            case.expect_gas(21_000 + 700 + 500_000).expect_halt_inside(HaltReason::StaticModeViolation)
        } else {
            case.expect_gas(21_000 + 700 + 20_000).expect_storage(on, KEY, &VALUE)
        });
        cases.extend([
            status(&format!("{kind}: no input, a bad pointer"), &call(0, "@B", "#-1 #0"))
                .expect_gas(21_700)
                .expect_output(&word(0)),
            status(&format!("{kind}: a bad pointer"), &call(0, "@B", "#65536 #1"))
                .expect_halt_in_both(HaltReason::HostAccessOutOfBounds),
            status(&format!("{kind}: the address before the data"), &call(0, "#65517", "#0 #0"))
                .expect_halt_in_both(HaltReason::HostAccessOutOfBounds),
            status(&format!("{kind}: negative gas before bad pointers"), &call(-1, "#-1", "#-1 #-1"))
                .expect_halt_in_both(HaltReason::ArgumentOutOfRange),
            // The base price is charged after the pointers are looked at.
            status(&format!("{kind}: a bad pointer before the price"), &call(0, "@B", "#65536 #1"))
                .given_gas_limit(21_699)
                .byzantium_only()
                .expect_halt_in_both(HaltReason::HostAccessOutOfBounds),
            status(&format!("{kind}: the price"), &call(0, "@B", "#0 #1"))
                .given_gas_limit(21_699)
                .byzantium_only()
                .expect_halt_in_both(HaltReason::OutOfGas),
        ]);
    }
    cases
}

fn value_cases() -> Vec<Case> {
    vec![
        status("call: no value, an account", "(call $call ~0 @A @ZERO #0 #0)")
            .given_balance(A, 7)
            .expect_gas(21_700)
            .expect_output(&word(0)),
        status("call: no value, absent", "(call $call ~0 @ABSENT @ZERO #0 #0)")
            .expect_gas(21_700)
            .expect_output(&word(0)),
        with_five("call: value, an account", &status_of("(call $call ~0 @A @ONE #0 #0)"))
            .given_balance(A, 7)
            .expect_gas(21_000 + 700 + 9_000 - 2_300)
            .expect_output(&word(0))
            .expect_account(CONTRACT, 0, 4, true)
            .expect_account(A, 0, 8, false),
        with_five("call: value, absent", &status_of("(call $call ~0 @ABSENT @ONE #0 #0)"))
            .expect_gas(21_000 + 700 + 9_000 + 25_000 - 2_300)
            .expect_output(&word(0))
            .expect_account(CONTRACT, 0, 4, true)
            .expect_account(ABSENT, 0, 1, false),
        with_five("call: too much value, to itself", &status_of("(call $call ~0 @SELF @AMOUNT #0 #0)"))
            .expect_gas(30_700)
            .expect_output(&word(1)),
        //= spec 1.1.5 test
        with_five("call: too much value", &status_of("(call $call ~0 @A @AMOUNT #0 #0)"))
            .given_balance(A, 7)
            .expect_gas(30_700)
            .expect_output(&word(1)),
        with_five("call: too much value, absent", &status_of("(call $call ~0 @ABSENT @AMOUNT #0 #0)"))
            .expect_gas(30_700)
            .expect_output(&word(1)),
        status("call: all of 128 bits", "(call $call ~0 @A @AMOUNT #0 #0)")
            .given_balance(CONTRACT, U256::from(u128::MAX))
            .given_balance(A, U256::from(1) << 200)
            .expect_gas(28_400)
            .expect_output(&word(0))
            .expect_account(CONTRACT, 0, U256::from(u128::MAX - AMOUNT), true)
            .expect_account(A, 0, (U256::from(1) << 200) + U256::from(AMOUNT), false),
        status("call: value out of 129 bits", "(call $call ~0 @A @ONE #0 #0)")
            .given_balance(CONTRACT, U256::from(1) << 128)
            .expect_halt_in_both(HaltReason::ArgumentOutOfRange),
        status("call: no value out of 129 bits", "(call $call ~0 @A @ZERO #0 #0)")
            .given_balance(CONTRACT, U256::from(1) << 128)
            .expect_gas(21_700)
            .expect_output(&word(0)),
        status("callCode: value out of 129 bits", "(call $callCode ~0 @A @ONE #0 #0)")
            .given_balance(CONTRACT, U256::from(1) << 128)
            .expect_halt_in_both(HaltReason::ArgumentOutOfRange),
        with_five("callCode: value, absent", &status_of("(call $callCode ~0 @ABSENT @ONE #0 #0)"))
            .expect_gas(28_400)
            .expect_output(&word(0)),
        with_five("callCode: too much value", &status_of("(call $callCode ~0 @A @AMOUNT #0 #0)"))
            .expect_gas(30_700)
            .expect_output(&word(1)),
        status("call: a bad pointer to the value", "(call $call ~0 @A #65521 #0 #0)")
            .expect_halt_in_both(HaltReason::HostAccessOutOfBounds),
        //= spec 1.1.2 test
        with_five("call: value comes back from a revert", &status_of("(call $call ~100000 @A @ONE #0 #0)"))
            .given_contract(A, "(call $revert #0 #0)")
            .expect_gas(28_400)
            .expect_output(&word(2)),
        with_five(
            //= spec 1.1.3 test
            "call: value comes back from a halt, the stipend is lost",
            &status_of("(call $call ~90000 @A @ONE #0 #0)"),
        )
        .given_contract(A, "(unreachable)")
        .expect_gas(21_000 + 700 + 9_000 + 90_000)
        .expect_output(&word(1))
        .expect_halt_inside(HaltReason::Unreachable),
    ]
}

/// What a callee has: `getGasLeft` says 2 less.
fn gas_cases() -> Vec<Case> {
    let told = "(i64.store #0 (call $getGasLeft)) (call $finish #0 #8)";
    let tell = |call: &str| format!("(drop {call}) (call $returnDataCopy #0 #0 #8) (call $finish #0 #8)");
    let left = |number: u64| (number - 2).to_le_bytes();
    // 100,000 - 21,000 - 700 are left; a 64th of that, 1,223, stays.
    let most = 78_300 - 1_223;
    let cases = vec![
        Case::new("call: gas", &tell("(call $call ~50000 @A @ZERO #0 #0)"))
            .expect_gas(21_708)
            .expect_output(&left(50_000)),
        with_five("call: gas with value", &tell("(call $call ~50000 @A @ONE #0 #0)"))
            .expect_gas(21_708 + 9_000 - 2_300)
            .expect_output(&left(52_300))
            .expect_account(CONTRACT, 0, 4, true)
            .expect_account(A, 0, 1, true),
        with_five("callCode: gas with value", &tell("(call $callCode ~0 @A @ONE #0 #0)"))
            .expect_gas(21_708 + 9_000 - 2_300)
            .expect_output(&left(2_300)),
        with_five("callDelegate: gas with inherited value", &tell("(call $callDelegate ~0 @A #0 #0)"))
            .expect_gas(21_708 - 2_300)
            .expect_output(&left(2_300)),
        Case::new("call: more gas than there is", &tell("(call $call ~0x7fffffffffffffff @A @ZERO #0 #0)"))
            .given_gas_limit(100_000)
            .expect_gas(21_708)
            .expect_output(&left(most)),
        Case::new("call: exactly the gas that there is", &tell(&format!("(call $call ~{most} @A @ZERO #0 #0)")))
            .given_gas_limit(100_000)
            .expect_gas(21_708)
            .expect_output(&left(most)),
    ];
    let told_byzantium = cases.into_iter().map(|case| case.given_contract(A, told).byzantium_only());
    let lost = vec![
        status("call: a halt takes what was passed on", "(call $call ~200000 @A @ZERO #0 #0)").expect_gas(221_700),
        status("call: a halt takes all but a 64th", "(call $call ~0x7fffffffffffffff @A @ZERO #0 #0)")
            .given_gas_limit(1_000_000)
            .expect_gas(21_700 + 978_300 - 978_300 / 64),
    ];
    let lost = lost.into_iter().map(|case| {
        case.given_contract(A, "(unreachable)").expect_output(&word(1)).expect_halt_inside(HaltReason::Unreachable)
    });
    told_byzantium.chain(lost).collect()
}

//= spec 1.2.1, 1.2.2, 1.2.3, 1.2.4, 1.2.5, 3.2, 3.4, 3.34, 3.35, 5.2.3, 5.3.1, 5.3.2, 5.3.4, 5.3.5, 5.3.7, 5.3.8, 5.3.9, 5.3.11 test
#[test]
fn calls() {
    let mut cases = input_cases();
    cases.extend(value_cases());
    cases.extend(gas_cases());
    cases.extend([
        status("call: code that is no module", "(call $call ~50000 @A @ZERO #0 #0)")
            .given_code(A, b"not a module", Abi::Ewasm)
            .expect_gas(71_700)
            .expect_output(&word(1))
            .expect_halt_inside(HaltReason::InvalidCode),
        status("call: a broken module", "(call $call ~50000 @A @ZERO #0 #0)")
            .given_code(A, b"\0asm\x01\0\0\0\xFF", Abi::Ewasm)
            .byzantium_only()
            .expect_gas(71_700)
            .expect_output(&word(1))
            .expect_halt_inside(HaltReason::InvalidCode),
        // A frame that is refused returns its gas, less the price of the code that was looked into.
        Case::new("call: a packed contract without main", &status_of("(call $call ~200000 @A @ZERO #0 #0)"))
            .given_code(A, &crate::text::module("(func (export \"f\"))"), Abi::Packed)
            .expect_output(&word(1)),
    ]);
    check_all("call", cases);
}

/// Under a revision that checks all code, broken code in the state is the node's fault, not the contract's.
//= spec 3.8 test
#[test]
fn a_broken_module_is_a_fault_where_code_is_checked() {
    let code = main_of(&status_of("(call $call ~100000 @A @ZERO #0 #0)"));
    let case = Case::of_code("broken", &code, Abi::Ewasm).given_code(A, b"\0asm\x01\0\0\0\xFF", Abi::Ewasm);
    let view = std::sync::Arc::new(case.world.clone());
    let sender = case.world.accounts.get(&SENDER);
    let valid = lockstep_vm::ValidTx::check(case.tx.clone(), sender, lockstep_gas::Gas::MAX, V1.revision()).unwrap();
    let fault = V1.execute_tx(view, &crate::kit::block(), valid).unwrap_err();
    assert!(matches!(fault, Fault::Broken(_)), "{fault}");
    assert!(BYZANTIUM.revision().rules.unchecked_code);
}

/// No call may leave the caller with more gas than it had: a loop of such calls would not end.
#[test]
fn no_call_makes_gas() {
    let measure = |call: &str| {
        format!(
            "(local $before i64) (local.set $before (call $getGasLeft)) (drop {call}) \
             (i64.store #0 (i64.sub (local.get $before) (call $getGasLeft))) (call $finish #0 #8)"
        )
    };
    for call in [
        "(call $call ~1000000 @A @ONE #0 #0)",
        "(call $callCode ~1000000 @A @ONE #0 #0)",
        "(call $callDelegate ~1000000 @A #0 #0)",
        "(call $callDelegate ~1000000 @ABSENT #0 #0)",
        "(call $callDelegate ~0 @ABSENT #0 #0)",
        "(call $callStatic ~1000000 @A #0 #0)",
    ] {
        let case = Case::new(call, &measure(call)).given_value(5).given_balance(A, 7);
        let receipt = case.execute(&V1).receipt;
        let cost = i64::from_le_bytes(receipt.output.try_into().unwrap());
        assert!(cost >= 7_000, "{call} costs {cost}");
    }
}
