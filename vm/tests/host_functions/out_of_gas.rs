//! The last gas that each charge needs: with it a transaction goes on, with 1 less it halts.

use crate::{
    golden,
    kit::{BYZANTIUM, Case, V1},
    lines::{LINES, byzantium_price, good_call},
    text::{FREE, data},
};
use lockstep_gas::Gas;
use lockstep_host::HaltReason;
use lockstep_vm::{Outcome, Vm};

const OUT_OF_GAS: Outcome = Outcome::Halt { reason: HaltReason::OutOfGas };

/// The smallest gas limit with which the transaction's own frame does not run out of gas; `least` is valid and does.
fn needed(vm: &Vm, case: &mut Case, least: u64) -> u64 {
    let mut fails = |limit: u64| {
        case.tx.gas_limit = Gas::new(limit);
        let receipt = case.execute(vm).receipt;
        let failed = receipt.outcome == OUT_OF_GAS;
        assert!(!failed || receipt.gas_used == Gas::new(limit), "out of gas takes all gas");
        failed
    };
    let (mut low, mut high) = (least, 10_000_000);
    assert!(!fails(high));
    if !fails(low) {
        return low;
    }
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if fails(middle) { low = middle } else { high = middle }
    }
    high
}

/// With the hand-computed price, and with 1 less.
fn check_byzantium(case: &mut Case, limit: u64) {
    case.tx.gas_limit = Gas::new(limit);
    let receipt = case.execute(&BYZANTIUM).receipt;
    assert!(matches!(receipt.outcome, Outcome::Return | Outcome::Revert { .. }), "{}: {}", limit, receipt.outcome);
    case.tx.gas_limit = Gas::new(limit - 1);
    let intrinsic = BYZANTIUM.revision().intrinsic_gas(&[&case.tx.input], lockstep_gas::NewCode::None).get();
    if limit > intrinsic {
        assert_eq!(case.execute(&BYZANTIUM).receipt.outcome, OUT_OF_GAS, "{limit} less 1");
    }
}

/// Charges behind the first of a function, the gas of the transaction under Byzantium, if it is there.
fn later_charges() -> Vec<(&'static str, Case, Option<u64>)> {
    let export = data(FREE, b"v") + &data(FREE + 16, &[0, 0, 0, 0, 0, 0, 1, 0]) + &data(FREE + 32, b"bv");
    let rich = |name: &'static str, body: &str, gas| {
        (name, Case::new(name, body).given_balance(crate::text::CONTRACT, 5), gas)
    };
    vec![
        rich("call: value", "(drop (call $call ~0 @SENDER @ONE #0 #0))", Some(30_700)),
        rich("call: a new account", "(drop (call $call ~0 @ABSENT @ONE #0 #0))", Some(55_700)),
        rich("callCode: value", "(drop (call $callCode ~0 @ABSENT @ONE #0 #0))", Some(30_700)),
        rich("selfDestruct: a new account", "(call $selfDestruct @ABSENT)", Some(51_000)),
        rich("storageStore: an absent value", "(call $storageStore @KEY @VALUE)", Some(41_000)),
        rich("log: four topics and 32 bytes", "(call $log @KEY #32 #4 @KEY @KEY @KEY @KEY)", Some(23_131)),
        rich("useGas", "(call $useGas ~12345)", Some(33_345)),
        rich("memory.grow is not a host function", "(drop (memory.grow #0))", Some(21_000)),
        (
            "callExport: a new account",
            Case::with_fields("x", "(drop (call $callExport ~0 @ABSENT @ONE #0 #0 #768 #1 #0 #0))", &export)
                .given_balance(crate::text::CONTRACT, 5),
            None,
        ),
        // One buffer of 65,536 bytes: its words and a page.
        (
            "callExport: a page",
            Case::with_fields("x", "(drop (call $callExport ~0 @ABSENT @ZERO #0 #0 #800 #2 #784 #8))", &export),
            None,
        ),
    ]
}

#[test]
fn the_last_gas() {
    let mut lines = Vec::new();
    let mut both = |name: &str, mut case: Case, byzantium: Option<u64>| {
        if let Some(gas) = byzantium {
            check_byzantium(&mut case, gas);
        }
        let intrinsic = V1.revision().intrinsic_gas(&[&case.tx.input], lockstep_gas::NewCode::None).get();
        lines.push(format!("{name}: {}", needed(&V1, &mut case, intrinsic)));
    };
    for line in LINES {
        let case = good_call(line);
        let intrinsic = BYZANTIUM.revision().intrinsic_gas(&[&case.tx.input], lockstep_gas::NewCode::None).get();
        both(line.name, case, byzantium_price(line, line.good).map(|price| intrinsic + price));
    }
    for (name, case, byzantium) in later_charges() {
        both(name, case, byzantium);
    }
    golden::settle("out_of_gas", lines);
}
