//! The state tests, looked into: a replay with every observer has the same results, and profiles add up, under the rules of
//! Byzantium with their refunds and stipends.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

#[path = "../../vm/tests/kit/diagnosed.rs"]
mod diagnosed;

use lockstep_spec_tests::{fixture::Fixture, run};
use lockstep_vm::{MemoryState, Revision, StateView, Vm};
use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::Arc,
};

/// The environment variable that names the folder of the official ewasm state tests.
const OFFICIAL: &str = "LOCKSTEP_STATE_TESTS";

/// Looks into every case of the files in `folder`. Gives how many transactions were executed, how many were invalid, and
/// the gas used by all.
fn look_into(folder: &Path) -> (u64, u64, u64) {
    let vm = Vm::new(Revision::EWASM_BYZANTIUM).unwrap();
    let (mut executed_count, mut invalid, mut gas_used) = (0, 0, 0);
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        for test in &Fixture::parse(&fs::read(&path).unwrap()).unwrap().tests {
            for case in &test.cases {
                // An invalid transaction is not executed.
                let Ok(executed) = run::execute(&vm, test, case).unwrap().transaction else {
                    invalid += 1;
                    continue;
                };
                let view: StateView = Arc::<MemoryState>::clone(&test.pre);
                let tx = vm.check(Arc::clone(&view), &test.block, case.tx.clone()).unwrap();
                diagnosed::check(vm.revision(), view, &test.block, &tx, &executed);
                executed_count += 1;
                gas_used += executed.receipt.gas_used.get();
            }
        }
    }
    (executed_count, invalid, gas_used)
}

#[test]
fn own_state_tests_are_the_same_with_a_diagnosis() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    assert_eq!(look_into(&own), (28, 3, 20_292_326));
}

#[test]
fn official_state_tests_are_the_same_with_a_diagnosis() {
    #[expect(clippy::disallowed_methods, reason = "the official tests are not part of the repository")]
    let path = std::env::var_os(OFFICIAL);
    // Not by `println`, which a test that passes keeps to itself.
    let mut out = io::stderr();
    let Some(path) = path else {
        let message = "SKIPPED: diagnosis of the official ewasm state tests, because";
        writeln!(out, "{message} {OFFICIAL} does not name their folder").unwrap();
        return;
    };
    let (executed, invalid, gas_used) = look_into(Path::new(&path));
    assert_ne!(executed, 0, "{OFFICIAL} has no case of Byzantium");
    writeln!(out, "official ewasm state tests looked into: {executed} executed, {invalid} invalid, {gas_used} gas")
        .unwrap();
}
