//! `finish`, `revert` and `selfDestruct`.

use crate::{
    kit::{Case, check_all, status_of, word},
    text::{A, ABSENT, CONTRACT, KEY, VALUE, counted},
};
use lockstep_host::{HaltReason, U256};

const OOB: HaltReason = HaltReason::HostAccessOutOfBounds;

/// Cases of `finish` and of `revert`, which differ in their outcome and in one limit only.
fn ends_of(function: &str) -> Vec<Case> {
    let case = |name: &str, data: &str, length: &str| {
        let case =
            Case::new(format!("{function}: {name}"), &format!("(call ${function} #{data} #{length}) (unreachable)"));
        if function == "revert" { case.expect_revert(0) } else { case }
    };
    let bad = |name: &str, data: &str, length: &str| {
        case(name, data, length).given_gas_limit(1_000_000_000).expect_halt_in_both(OOB)
    };
    vec![
        case("nothing", "0", "0").expect_gas(21_000),
        case("nothing at the end of memory", "65536", "0").expect_gas(21_000),
        bad("nothing beyond it", "65537", "0"),
        bad("nothing far beyond it", "-1", "0"),
        case("one byte", "512", "1").expect_gas(21_000).expect_output(&counted::<1>(0x40)),
        case("the last byte", "65535", "1").expect_gas(21_000).expect_output(&[0]),
        bad("a byte beyond", "65536", "1"),
        bad("two bytes at the last", "65535", "2"),
        bad("an overflow", "2", "-1"),
        bad("all that 32 bits hold", "0", "-1"),
    ]
}

/// Ends with outputs around a limit of `V1`, out of a memory of 3 pages.
fn limited(function: &str, bytes_max: u32) -> [Case; 3] {
    let case = |length: u32, name: &str| {
        let body = format!("(call ${function} #8192 #{length})");
        let case = Case::with_fields(format!("{function}: {name}"), &body, "(memory (export \"memory\") 3)");
        let case = if function == "revert" { case.expect_revert(0) } else { case };
        case.expect_output(&vec![0; usize::try_from(length).unwrap()]).given_gas_limit(20_000_000)
    };
    let over = case(bytes_max + 1, "above the limit").expect_output(&[]).expect_halt(HaltReason::LimitExceeded);
    let byzantium = case(bytes_max + 1, "no limit in Byzantium").byzantium_only().expect_gas(21_000);
    [case(bytes_max, "the limit").expect_gas(21_000), over, byzantium]
}

//= spec 1.3.1, 1.3.2, 1.3.3, 1.3.7, 4.3, 5.2.14 test
#[test]
fn finish_and_revert() {
    let mut cases = ends_of("finish");
    cases.extend(ends_of("revert"));
    cases.extend(limited("finish", 131_072));
    cases.extend(limited("revert", 16_384));
    cases.extend([
        //= spec 2.22, 3.15 test
        Case::new("no end at all", "").expect_gas(21_000),
        Case::new("return", "(return)").expect_gas(21_000),
        Case::new("unreachable", "(unreachable)").expect_halt_in_both(HaltReason::Unreachable),
        Case::new("revert: value comes back", "(call $revert #0 #0)")
            .given_value(5)
            .expect_gas(21_000)
            .expect_revert(0),
        Case::new("halt: value comes back", "(unreachable)")
            .given_value(5)
            .expect_halt_in_both(HaltReason::Unreachable),
        Case::new("revert: a price is paid", "(call $revert #0 #0)")
            .given_gas_price(3)
            .expect_gas(21_000)
            .expect_revert(0),
        Case::new("halt: a price is paid", "(unreachable)")
            .given_gas_price(3)
            .expect_halt_in_both(HaltReason::Unreachable),
        Case::new("a call of an account without code", "").given_kind(to(ABSENT)).expect_gas(21_000),
        Case::new("value to an account without code", "")
            .given_kind(to(ABSENT))
            .given_value(9)
            .expect_gas(21_000)
            .expect_account(ABSENT, 0, 9, false),
        // The output of a frame that is too large takes its gas; the caller goes on.
        Case::new("an output above the limit below", &status_of("(call $call ~900000 @A @ZERO #0 #0)"))
            .given_code(
                A,
                &crate::text::module(
                    "(memory (export \"memory\") 3) (func (export \"main\") (call $finish #0 #131073))",
                ),
                lockstep_gas::Abi::Ewasm,
            )
            .expect_output(&word(1))
            .expect_halt_inside(HaltReason::LimitExceeded),
    ]);
    check_all("ends", cases);
}

fn to(address: lockstep_host::Address) -> lockstep_vm::TxKind {
    lockstep_vm::TxKind::Call { to: address, export: None }
}

/// A contract with balance 9 and a storage value that runs `body`.
fn rich(name: &str, body: &str) -> Case {
    Case::new(name, body).given_balance(CONTRACT, 9).given_storage(CONTRACT, KEY, &VALUE)
}

/// 5,000, and 25,000 for an account that is not there; Byzantium refunds 24,000, at most half of all gas. `V1` refunds
/// nothing.
//= spec 4.21, 5.2.15 test
#[test]
fn self_destruct() {
    let gone = |case: Case| case.expect_removed(CONTRACT).expect_cleared(CONTRACT);
    let below = |name: &str, body: &str| {
        Case::new(name, body)
            .given_contract(A, "(call $selfDestruct @B)")
            .given_balance(A, 9)
            .given_balance(crate::text::B, 1)
    };
    let a_gone = |case: Case| case.expect_removed(A).expect_cleared(A);
    let cases = vec![
        gone(rich("to an account", "(call $selfDestruct @A) (unreachable)"))
            .given_balance(A, 7)
            .expect_gas(26_000 - 13_000)
            .expect_account(A, 0, 16, false),
        gone(rich("to one that is absent", "(call $selfDestruct @ABSENT)")).expect_gas(51_000 - 24_000).expect_account(ABSENT, 0, 9, false),
        gone(rich("all of the refund", "(call $useGas ~100000) (call $selfDestruct @A)"))
            .given_balance(A, 7)
            .expect_gas(126_000 - 24_000)
            .expect_account(A, 0, 16, false),
        gone(rich("to itself", "(call $selfDestruct @SELF)")).expect_gas(13_000).expect_burned(9),
        // hera charges for an absent beneficiary even where nothing comes to it; nothing comes into being either.
        Case::new("without balance to one that is absent", "(call $selfDestruct @ABSENT)")
            .expect_gas(51_000 - 24_000)
            .expect_removed(CONTRACT)
            .expect_cleared(CONTRACT),
        rich("a bad pointer", "(call $selfDestruct #65517)").expect_halt_in_both(OOB),
        rich("the last pointer", "(call $selfDestruct #65516)").expect_gas(51_000 - 24_000).expect_removed(CONTRACT).expect_cleared(CONTRACT)
            .expect_account(lockstep_host::Address::ZERO, 0, 9, false),
        rich("the base", "(call $selfDestruct #-1)").given_gas_limit(25_999).byzantium_only().expect_halt_in_both(HaltReason::OutOfGas),
        rich("the pointer comes after the base", "(call $selfDestruct #-1)").given_gas_limit(26_000).byzantium_only().expect_halt_in_both(OOB),
        rich("an account that is not paid", "(call $selfDestruct @ABSENT)").given_gas_limit(50_999).byzantium_only().expect_halt_in_both(HaltReason::OutOfGas),
        // Below: the frame ends, its caller goes on; the contract is there until the transaction ends.
        a_gone(below("below", &format!("(drop (call $call ~900000 @A @ZERO #0 #0)) {}", status_of("(call $getExternalCodeSize @A)"))))
            .expect_gas((21_000 + 700 + 5_000 + 700) / 2)
            .expect_account(crate::text::B, 0, 10, false)
            .expect_output(&word(u32::try_from(crate::text::main_of("(call $selfDestruct @B)").len()).unwrap())),
        a_gone(below("twice, one refund", "(drop (call $call ~900000 @A @ZERO #0 #0)) (drop (call $call ~900000 @A @ZERO #0 #0)) (call $useGas ~100000)"))
            .expect_gas(21_000 + 2 * 5_700 + 100_000 - 24_000)
            .expect_account(crate::text::B, 0, 10, false),
        // 5,702 for the first call, 9,700 less 2,298 of the stipend for the second.
        a_gone(below("value that comes afterwards is lost", "(drop (call $call ~900000 @A @ZERO #0 #0)) (drop (call $call ~100000 @A @ONE #0 #0)) (call $useGas ~100000)"))
            .given_contract(A, "(call $getCallValue #0) (if (i64.eqz (i64.load #0)) (then (call $selfDestruct @B)))")
            .given_balance(CONTRACT, 1)
            .expect_gas(21_000 + 5_702 + 7_402 + 100_000 - 24_000)
            .expect_account(CONTRACT, 0, 0, true)
            .expect_account(crate::text::B, 0, 10, false)
            .expect_burned(1),
        // On the caller's account.
        gone(rich("callDelegate", "(drop (call $callDelegate ~900000 @B #0 #0)) (call $useGas ~100000)"))
            .given_contract(crate::text::B, "(call $selfDestruct @A)")
            .given_balance(A, 7)
            .expect_gas(21_000 + 700 + 5_000 + 100_000 - 24_000)
            .expect_account(A, 0, 16, false),
        // A frame above that reverts takes everything back.
        rich("reverted", "(drop (call $callDelegate ~900000 @B #0 #0)) (call $revert #0 #0)")
            .given_contract(crate::text::B, "(call $selfDestruct @A)")
            .given_balance(A, 7)
            .expect_gas(21_000 + 700 + 5_000)
            .expect_revert(0),
        // A balance of which twice as much needs more than 256 bits.
        gone(Case::new("to itself, all that 256 bits hold", "(call $selfDestruct @SELF)").given_balance(CONTRACT, U256::MAX - crate::kit::WEALTH))
            .expect_gas(13_000)
            .expect_burned(U256::MAX - crate::kit::WEALTH),
    ];
    check_all("self_destruct", cases);
}
