//! The testsuite of the WebAssembly specification: on both engines, metered and not, under `SPEC` and `V1`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy.toml allows it in test functions alone")]

use lockstep_reference::ReferenceEmbedding;
use lockstep_spec_tests::wast::{Exclusions, FileRun, Script, SuiteRevision, run, scripts};
use lockstep_vm::engine::embedding::Embedding;
use lockstep_vm::engine::wasmi::LinkedWasmi;
use std::{fmt::Write as _, fs, path::Path, process::Command};

fn run_all<E: Embedding>(scripts: &[Script], revision: SuiteRevision) -> Vec<FileRun> {
    let revision = revision.revision();
    scripts.iter().map(|script| run::<E>(script, &revision).unwrap()).collect()
}

/// A line for each file: counts, gas and the start of the digest, and what was refused by rules.
fn lines(scripts: &[Script], ran: &[FileRun]) -> String {
    let mut text = String::new();
    for (script, ran) in scripts.iter().zip(ran) {
        let FileRun { passed, skipped, gas, refused, digest, .. } = ran;
        let digest: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        write!(text, "{} passed {passed} skipped {skipped} gas {gas} {digest}", script.name).unwrap();
        for (code, count) in refused {
            write!(text, " {code} {count}").unwrap();
        }
        text.push('\n');
    }
    text
}

/// `LOCKSTEP_BLESS=1` rewrites the golden.
fn hold_to_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    #[expect(clippy::disallowed_methods, reason = "the one switch of the golden files; no result depends on it")]
    let is_blessing = std::env::var("LOCKSTEP_BLESS").is_ok_and(|value| value == "1");
    if is_blessing {
        fs::write(path, text).unwrap();
        return;
    }
    let golden = fs::read_to_string(path).unwrap();
    for (now, then) in text.lines().zip(golden.lines()) {
        assert_eq!(now, then, "{name}");
    }
    assert_eq!(text.len(), golden.len(), "{name}: other files");
}

#[test]
fn every_directive_under_spec() {
    let scripts = scripts();
    let exclusions = Exclusions::of(SuiteRevision::Spec).unwrap();
    for file in exclusions.files() {
        assert!(scripts.iter().any(|script| script.name == file), "{file} is excluded and not there");
    }
    let production = run_all::<LinkedWasmi>(&scripts, SuiteRevision::Spec);
    for (script, ran) in scripts.iter().zip(&production) {
        let ran = exclusions.apply(&script.name, ran.clone());
        assert!(ran.failed.is_empty(), "{}: {:?}", script.name, ran.failed);
    }
    // Result, trap, gas, memories and globals.
    let reference = run_all::<ReferenceEmbedding>(&scripts, SuiteRevision::Spec);
    for ((script, one), other) in scripts.iter().zip(&production).zip(&reference) {
        assert_eq!(one.digest, other.digest, "{}: the engines differ", script.name);
        assert_eq!((one.gas, one.passed, one.skipped), (other.gas, other.passed, other.skipped), "{}", script.name);
    }
    let unmetered = run_all::<LinkedWasmi>(&scripts, SuiteRevision::SpecUnmetered);
    for ((script, one), other) in scripts.iter().zip(&production).zip(&unmetered) {
        assert_eq!(one.results_digest, other.results_digest, "{}: metering shows", script.name);
    }
    hold_to_golden("wast.txt", &lines(&scripts, &production));
}

/// A module is refused with a code that the golden file names, or has the results that the specification says.
#[test]
fn production_refuses_or_does_what_the_specification_says() {
    let scripts = scripts();
    let exclusions = Exclusions::of(SuiteRevision::V1).unwrap();
    let production = run_all::<LinkedWasmi>(&scripts, SuiteRevision::V1);
    let reference = run_all::<ReferenceEmbedding>(&scripts, SuiteRevision::V1);
    for ((script, one), other) in scripts.iter().zip(&production).zip(&reference) {
        let ran = exclusions.apply(&script.name, one.clone());
        assert!(ran.failed.is_empty(), "{}: {:?}", script.name, ran.failed);
        assert_eq!(one.digest, other.digest, "{}: the engines differ", script.name);
    }
    hold_to_golden("wast-v1.txt", &lines(&scripts, &production));
}

#[test]
fn the_command_counts_and_says_what_is_wrong() {
    let wast = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_wast")).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text.lines().last().unwrap_or_default().to_owned())
    };
    let folder = env!("CARGO_MANIFEST_DIR");
    assert_eq!(wast(&["wasm-v1/i32.wast"]), (Some(0), "443 passed, 0 failed, 0 skipped".into()));
    assert_eq!(wast(&["wasm-v1/i32.wast", "--engine", "reference"]).0, Some(0));
    let (code, text) = wast(&["no-such.wast"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("no-such.wast is neither a file nor"), "{text}");
    assert_eq!(wast(&[folder]).0, Some(2));
    assert_eq!(wast(&["--revision", "v9"]).0, Some(2));
    let script = std::env::temp_dir().join(format!("lockstep-{}.wast", std::process::id()));
    fs::write(
        &script,
        "(module (func (export \"f\") (result i32) (i32.const 1)))\n(assert_return (invoke \"f\") (i32.const 2))",
    )
    .unwrap();
    let wrong = wast(&[script.to_str().unwrap()]);
    fs::write(&script, "").unwrap();
    let empty = wast(&[script.to_str().unwrap()]);
    fs::remove_file(&script).unwrap();
    assert_eq!(wrong, (Some(1), "1 passed, 1 failed, 0 skipped".into()));
    assert_eq!(empty, (Some(1), "0 passed, 1 failed, 0 skipped".into()));
}
