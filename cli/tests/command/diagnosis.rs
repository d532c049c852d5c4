//! A diagnosis changes no receipt and no state. Its files hold the events of the execution.

use crate::folder::Folder;
use serde_json::Value;

const COUNTER: &str = "0xa909e8b4972e9cc4eb95e87b22a555abd9d907a7";

/// What asks for everything.
const EVERYTHING: [&str; 6] = ["--backtrace", "--trace", "t", "--instructions", "--profile", "p.folded"];

fn json(folder: &Folder, arguments: &[&str]) -> (i32, Value) {
    let ran = folder.run(&[arguments, &["--json"]].concat());
    (ran.code, serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout)))
}

/// The same report without what only a diagnosis adds.
fn without_diagnosis(report: &Value) -> Value {
    let mut report = report.as_object().unwrap().clone();
    for field in ["backtrace", "trace", "trace_events", "profile", "notes"] {
        report.remove(field);
    }
    report.into()
}

fn folded_gas(folder: &Folder, file: &str) -> u64 {
    let text = String::from_utf8(folder.read(file)).unwrap();
    text.lines().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn a_receipt_is_the_same_with_and_without_a_diagnosis() {
    let folder = Folder::with_contracts();
    for (arguments, gas_used) in [
        (&["run", "contracts/counter/counter.wasm"][..], Some(495_170)),
        (&["run", "contracts/wrc20/wrc20.wasm"], Some(327_350)),
        (&["run", "contracts/wrc20-rust/wrc20_rust.wasm"], None),
        (&["run", "contracts/proxy/proxy.wasm", "--input", "7777777777777777777777777777777777777777"], None),
        (&["run", "contracts/factory/factory.wasm", "--input", "@contracts/counter/counter.wasm"], Some(987_920)),
        (&["run", "contracts/calculator/calculator.wasm", "--call", "sub32", "--input", "0500000007000000"], None),
        (&["run", "contracts/calculator/calculator.wasm", "--call", "power"], Some(100_000_000)),
        (&["run", "contracts/calculator-rust/calculator_rust.wasm", "--input", "05"], None),
        (&["run", "contracts/counter/counter.wasm", "--gas", "300000"], Some(300_000)),
    ] {
        let (code, without) = json(&folder, arguments);
        let (code_with, with) = json(&folder, &[arguments, &EVERYTHING].concat());
        assert_eq!((code, &without_diagnosis(&without)), (code_with, &without_diagnosis(&with)), "{arguments:?}");
        let gas = with["gas_used"].as_u64().unwrap();
        assert_eq!(folded_gas(&folder, "p.folded"), gas, "{arguments:?}");
        assert_eq!(gas_used.unwrap_or(gas), gas, "{arguments:?}");
        let stops = with["backtrace"].as_array().unwrap().len();
        assert_eq!(stops == 0, code == 0, "{arguments:?}: {stops} stops");
    }
}

#[test]
fn a_chain_is_the_same_with_and_without_a_diagnosis() {
    let (with, without) = (Folder::with_contracts(), Folder::with_contracts());
    let deploy = ["deploy", "contracts/counter/counter.wasm"];
    for place in [["--state", "chain"], ["--db", "db"]] {
        for folder in [&with, &without] {
            if place[0] == "--db" {
                folder.write("genesis.json", b"{\"accounts\": {}}");
                assert_eq!(json(folder, &["genesis", "genesis.json", "--db", "db"]).0, 0);
            }
            assert_eq!(json(folder, &[&deploy[..], &place].concat()).0, 0);
        }
        // The second call halts.
        for gas in ["1000000", "250000"] {
            let call = [&["call", COUNTER, "--gas", gas][..], &place].concat();
            let plain = json(&without, &call);
            let looked = json(&with, &[&call[..], &EVERYTHING].concat());
            assert_eq!((plain.0, without_diagnosis(&plain.1)), (looked.0, without_diagnosis(&looked.1)));
            assert_eq!(folded_gas(&with, "p.folded"), looked.1["gas_used"].as_u64().unwrap());
        }
    }
    assert_eq!(with.read("chain"), without.read("chain"));
    let root = |folder: &Folder| json(folder, &["chain", "log", "--db", "db"]).1["blocks"].clone();
    assert_eq!(root(&with), root(&without));
    // Nothing is left but what was asked for.
    let names = |folder: &Folder| folder.files().into_keys().filter(|name| !name.contains('/')).collect::<Vec<_>>();
    assert_eq!(names(&with), ["chain", "genesis.json", "p.folded", "t"]);
}

#[test]
fn a_file_in_a_database_is_refused() {
    let folder = Folder::with_contracts();
    folder.write("genesis.json", b"{\"accounts\": {}}");
    assert_eq!(json(&folder, &["genesis", "genesis.json", "--db", "db"]).0, 0);
    let ran = folder.run(&["call", COUNTER, "--db", "db", "--trace", "db/trace"]);
    let message = "error: db/trace cannot be written: it lies in the database\n";
    assert!(ran.code == 3 && ran.stderr.starts_with(message), "{}", ran.stderr);
}

/// Where the file cannot be made, nothing of the call is kept.
#[cfg(target_os = "linux")]
#[test]
fn a_diagnosis_that_cannot_be_written_is_refused_and_keeps_nothing() {
    let folder = Folder::with_contracts();
    assert_eq!(json(&folder, &["deploy", "contracts/counter/counter.wasm", "--state", "chain"]).0, 0);
    let before = folder.files();
    for arguments in [["--trace", "/proc/trace"], ["--profile", "/proc/profile.svg"]] {
        let ran = folder.run(&[&["call", COUNTER, "--state", "chain"][..], &arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
        assert!(ran.stderr.starts_with(&format!("error: {} cannot be written: ", arguments[1])), "{}", ran.stderr);
        assert!(folder.files() == before);
    }
    // One that can be written is not, beside one that cannot.
    let both = ["--trace", "trace", "--profile", "/proc/profile.svg"];
    assert_eq!(folder.run(&[&["call", COUNTER, "--state", "chain"][..], &both].concat()).code, 3);
    assert!(folder.files() == before);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_one_to_nothing_is_refused() {
    use std::os::unix::fs::symlink;
    let folder = Folder::with_contracts();
    folder.write("real.folded", b"");
    symlink("real.folded", folder.path("link.folded")).unwrap();
    symlink("nothing", folder.path("loose.folded")).unwrap();
    let run = ["run", "contracts/counter/counter.wasm", "--profile"];
    let ran = folder.run(&[&run[..], &["link.folded"]].concat());
    assert!(ran.stdout.contains("gas used         495170\n"), "{}", ran.stdout);
    assert!(std::fs::symlink_metadata(folder.path("link.folded")).unwrap().is_symlink());
    assert_eq!(folded_gas(&folder, "real.folded"), 495_170);
    let ran = folder.run(&[&run[..], &["loose.folded"]].concat());
    let message = "error: loose.folded cannot be written: it is a link to nothing\n";
    assert!(ran.code == 3 && ran.stderr.starts_with(message), "{}", ran.stderr);
}

#[test]
fn a_flame_graph_has_the_functions_and_is_the_same_every_time() {
    let folder = Folder::with_contracts();
    let run = |file: &str| {
        let ran = folder.run(&["run", "contracts/counter/counter.wasm", "--profile", file]);
        assert!(ran.stdout.contains("gas used         495170\n"), "{}", ran.stdout);
        String::from_utf8(folder.read(file)).unwrap()
    };
    let (one, other) = (run("one.svg"), run("other.svg"));
    assert_eq!(one, other);
    assert!(one.starts_with("<?xml") && one.trim_end().ends_with("</svg>"));
    for text in
        ["Gas by function", "<title>main (", "ethereum.storageStore", "intrinsic gas", "495170 gas, 0 of it refunded"]
    {
        assert!(one.contains(text), "{text}");
    }
}
