//! State tests: the repository's own, and the official ones where the machine has them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy.toml allows it in test functions alone")]

use lockstep_reference::Reference;
use lockstep_spec_tests::suite::{self, Tally};
use lockstep_vm::{
    MODULE_CACHE_BYTES, Revision, Vm,
    engine::{Engine, wasmi::Wasmi},
};
use std::{
    io::{self, Write},
    path::Path,
};

/// The environment variable that names the file or folder of the official ewasm state tests.
const OFFICIAL: &str = "LOCKSTEP_STATE_TESTS";

/// Runs `path` on the production engine and on the reference interpreter, where no case may fail.
fn run(path: &Path) -> Tally {
    let tally = run_on::<Wasmi>(path);
    assert_eq!(run_on::<Reference>(path), tally, "on the reference interpreter");
    tally
}

fn run_on<E: Engine>(path: &Path) -> Tally {
    let vm: Vm<E> = Vm::with_engine(Revision::EWASM_BYZANTIUM, MODULE_CACHE_BYTES).unwrap();
    let mut failures = String::new();
    let tally = suite::run(&vm, &[path.into()], |failure| failures.push_str(&format!("{failure}\n")));
    assert_eq!(tally.failed, 0, "{failures}{tally}");
    tally
}

/// `fixtures/derive.py` derives them without any code of this workspace.
#[test]
fn own_state_tests() {
    let tally = run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"));
    assert_eq!(tally, Tally { passed: 31, failed: 0, other_forks: 1 });
}

#[test]
fn official_ewasm_state_tests() {
    #[expect(clippy::disallowed_methods, reason = "the official tests are not part of the repository")]
    let path = std::env::var_os(OFFICIAL);
    // Not by `println`, which a test that passes keeps to itself.
    let mut out = io::stderr();
    let Some(path) = path else {
        writeln!(out, "SKIPPED: the official ewasm state tests, because {OFFICIAL} does not name their folder")
            .unwrap();
        return;
    };
    let tally = run(Path::new(&path));
    assert_ne!(tally.passed, 0, "{OFFICIAL} has no case of Byzantium");
    writeln!(out, "official ewasm state tests: {tally}").unwrap();
}
