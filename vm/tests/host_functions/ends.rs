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
        if function == "revert" { case.reverts(0) } else { case }
    };
    let bad =
        |name: &str, data: &str, length: &str| case(name, data, length).gas_limit(1_000_000_000).halts_in_both(OOB);
    vec![
        case("nothing", "0", "0").gas(21_000),
        case("nothing at the end of memory", "65536", "0").gas(21_000),
        bad("nothing beyond it", "65537", "0"),
        bad("nothing far beyond it", "-1", "0"),
        case("one byte", "512", "1").gas(21_000).output(&counted::<1>(0x40)),
        case("the last byte", "65535", "1").gas(21_000).output(&[0]),
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
        let case = if function == "revert" { case.reverts(0) } else { case };
        case.output(&vec![0; usize::try_from(length).unwrap()]).gas_limit(20_000_000)
    };
    let over = case(bytes_max + 1, "above the limit").output(&[]).halts(HaltReason::LimitExceeded);
    let byzantium = case(bytes_max + 1, "no limit in Byzantium").byzantium_only().gas(21_000);
    [case(bytes_max, "the limit").gas(21_000), over, byzantium]
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
        Case::new("no end at all", "").gas(21_000),
        Case::new("return", "(return)").gas(21_000),
        Case::new("unreachable", "(unreachable)").halts_in_both(HaltReason::Unreachable),
        Case::new("revert: value comes back", "(call $revert #0 #0)").value(5).gas(21_000).reverts(0),
        Case::new("halt: value comes back", "(unreachable)").value(5).halts_in_both(HaltReason::Unreachable),
        Case::new("revert: a price is paid", "(call $revert #0 #0)").gas_price(3).gas(21_000).reverts(0),
        Case::new("halt: a price is paid", "(unreachable)").gas_price(3).halts_in_both(HaltReason::Unreachable),
        Case::new("a call of an account without code", "").kind(to(ABSENT)).gas(21_000),
        Case::new("value to an account without code", "")
            .kind(to(ABSENT))
            .value(9)
            .gas(21_000)
            .becomes(ABSENT, 0, 9, false),
        // The output of a frame that is too large takes its gas; the caller goes on.
        Case::new("an output above the limit below", &status_of("(call $call ~900000 @A @ZERO #0 #0)"))
            .code(
                A,
                &crate::text::module(
                    "(memory (export \"memory\") 3) (func (export \"main\") (call $finish #0 #131073))",
                ),
                lockstep_gas::Abi::Ewasm,
            )
            .output(&word(1))
            .halts_inside(HaltReason::LimitExceeded),
    ]);
    check_all("ends", cases);
}

fn to(address: lockstep_host::Address) -> lockstep_vm::TxKind {
    lockstep_vm::TxKind::Call { to: address, export: None }
}

/// A contract with balance 9 and a storage value that runs `body`.
fn rich(name: &str, body: &str) -> Case {
    Case::new(name, body).balance(CONTRACT, 9).stored(CONTRACT, KEY, &VALUE)
}

/// 5,000, and 25,000 for an account that is not there; Byzantium gives 24,000 back, half of all at the most. `V1` gives
/// nothing.
//= spec 4.21, 5.2.15 test
#[test]
fn self_destruct() {
    let gone = |case: Case| case.removes(CONTRACT).clears(CONTRACT);
    let below = |name: &str, body: &str| {
        Case::new(name, body).contract(A, "(call $selfDestruct @B)").balance(A, 9).balance(crate::text::B, 1)
    };
    let a_gone = |case: Case| case.removes(A).clears(A);
    let cases = vec![
        gone(rich("to an account", "(call $selfDestruct @A) (unreachable)"))
            .balance(A, 7)
            .gas(26_000 - 13_000)
            .becomes(A, 0, 16, false),
        gone(rich("to one that is absent", "(call $selfDestruct @ABSENT)")).gas(51_000 - 24_000).becomes(ABSENT, 0, 9, false),
        gone(rich("all of the refund", "(call $useGas ~100000) (call $selfDestruct @A)"))
            .balance(A, 7)
            .gas(126_000 - 24_000)
            .becomes(A, 0, 16, false),
        gone(rich("to itself", "(call $selfDestruct @SELF)")).gas(13_000).burns(9),
        // hera charges for an absent beneficiary even where nothing comes to it; nothing comes into being either.
        Case::new("without balance to one that is absent", "(call $selfDestruct @ABSENT)")
            .gas(51_000 - 24_000)
            .removes(CONTRACT)
            .clears(CONTRACT),
        rich("a bad pointer", "(call $selfDestruct #65517)").halts_in_both(OOB),
        rich("the last pointer", "(call $selfDestruct #65516)").gas(51_000 - 24_000).removes(CONTRACT).clears(CONTRACT)
            .becomes(lockstep_host::Address::ZERO, 0, 9, false),
        rich("the base", "(call $selfDestruct #-1)").gas_limit(25_999).byzantium_only().halts_in_both(HaltReason::OutOfGas),
        rich("the pointer comes after the base", "(call $selfDestruct #-1)").gas_limit(26_000).byzantium_only().halts_in_both(OOB),
        rich("an account that is not paid", "(call $selfDestruct @ABSENT)").gas_limit(50_999).byzantium_only().halts_in_both(HaltReason::OutOfGas),
        // Below: the frame ends, its caller goes on; the contract is there until the transaction ends.
        a_gone(below("below", &format!("(drop (call $call ~900000 @A @ZERO #0 #0)) {}", status_of("(call $getExternalCodeSize @A)"))))
            .gas((21_000 + 700 + 5_000 + 700) / 2)
            .becomes(crate::text::B, 0, 10, false)
            .output(&word(u32::try_from(crate::text::main_of("(call $selfDestruct @B)").len()).unwrap())),
        a_gone(below("twice, one refund", "(drop (call $call ~900000 @A @ZERO #0 #0)) (drop (call $call ~900000 @A @ZERO #0 #0)) (call $useGas ~100000)"))
            .gas(21_000 + 2 * 5_700 + 100_000 - 24_000)
            .becomes(crate::text::B, 0, 10, false),
        // 5,702 for the first call, 9,700 less 2,298 of the stipend for the second.
        a_gone(below("value that comes afterwards is lost", "(drop (call $call ~900000 @A @ZERO #0 #0)) (drop (call $call ~100000 @A @ONE #0 #0)) (call $useGas ~100000)"))
            .contract(A, "(call $getCallValue #0) (if (i64.eqz (i64.load #0)) (then (call $selfDestruct @B)))")
            .balance(CONTRACT, 1)
            .gas(21_000 + 5_702 + 7_402 + 100_000 - 24_000)
            .becomes(CONTRACT, 0, 0, true)
            .becomes(crate::text::B, 0, 10, false)
            .burns(1),
        // On the caller's account.
        gone(rich("callDelegate", "(drop (call $callDelegate ~900000 @B #0 #0)) (call $useGas ~100000)"))
            .contract(crate::text::B, "(call $selfDestruct @A)")
            .balance(A, 7)
            .gas(21_000 + 700 + 5_000 + 100_000 - 24_000)
            .becomes(A, 0, 16, false),
        // A frame above that reverts takes everything back.
        rich("reverted", "(drop (call $callDelegate ~900000 @B #0 #0)) (call $revert #0 #0)")
            .contract(crate::text::B, "(call $selfDestruct @A)")
            .balance(A, 7)
            .gas(21_000 + 700 + 5_000)
            .reverts(0),
        // A balance of which twice as much needs more than 256 bits.
        gone(Case::new("to itself, all that 256 bits hold", "(call $selfDestruct @SELF)").balance(CONTRACT, U256::MAX - crate::kit::WEALTH))
            .gas(13_000)
            .burns(U256::MAX - crate::kit::WEALTH),
    ];
    check_all("self_destruct", cases);
}
