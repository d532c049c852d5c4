//! The command `state-tests`: its output and its exit codes.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy.toml allows it in test functions alone"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Runs the command; returns its exit code and what it wrote to both streams, standard output first.
fn command(paths: &[&Path]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_state-tests")).args(paths).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), text)
}

/// Runs the command and expects its exit code, its last line, and `parts` before that in this order.
fn check(paths: &[&Path], code: i32, last: &str, parts: &[&str]) {
    let (actual, text) = command(paths);
    assert_eq!((actual, text.lines().last().unwrap()), (code, last), "{text}");
    let mut rest = text.as_str();
    for part in parts {
        let (_, after) = rest.split_once(part).unwrap_or_else(|| panic!("no `{part}` in:\n{rest}"));
        rest = after;
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A new empty folder for the test of that name.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes `fixture` with every `from` replaced.
fn altered(to: &Path, fixture: &str, replace: (&str, &str)) {
    let text = fs::read_to_string(fixtures().join(fixture)).unwrap();
    assert!(text.contains(replace.0));
    fs::write(to, text.replace(replace.0, replace.1)).unwrap();
}

#[test]
fn cases_are_counted_in_files_and_folders() {
    let folder = folder("counted");
    fs::create_dir(folder.join("below")).unwrap();
    fs::copy(fixtures().join("creation.json"), folder.join("below/creation.JSON")).unwrap();
    fs::copy(fixtures().join("transfer.json"), folder.join("transfer.json")).unwrap();
    fs::write(folder.join("LICENSE"), "not a test").unwrap();
    check(&[&folder], 0, "8 passed, 0 failed", &["post entries of other forks, not run: 1"]);
    // A file that is named is read with any name; a file that is named twice runs twice.
    let unnamed = folder.join("no extension");
    fs::copy(fixtures().join("creation.json"), &unnamed).unwrap();
    check(&[&unnamed, &folder, &unnamed], 0, "14 passed, 0 failed", &[]);
}

#[test]
fn wrong_arguments() {
    for arguments in [&[][..], &[Path::new("--unknown")][..]] {
        let (code, text) = command(arguments);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("Usage: state-tests"), "{text}");
    }
}

#[test]
fn what_cannot_be_used_fails() {
    let folder = folder("unusable");
    check(&[&folder], 1, "0 passed, 1 failed", &["unusable: the folder has no .json file"]);
    check(&[&folder.join("absent")], 1, "0 passed, 1 failed", &["absent: cannot be read"]);
    fs::write(folder.join("c.json"), "").unwrap();
    fs::write(folder.join("b.json"), "no").unwrap();
    fs::write(folder.join("a.json"), "{}").unwrap();
    let reasons = ["a.json: the file has no test", "b.json: the file is not JSON", "c.json: the file is empty"];
    check(&[&folder, &fixtures().join("creation.json")], 1, "3 passed, 3 failed", &reasons);
    // Nothing failed, but nothing was checked either.
    altered(&folder.join("istanbul"), "creation.json", ("Byzantium", "Istanbul"));
    check(&[&folder.join("istanbul")], 1, "0 passed, 0 failed", &["not run: 3"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_contains_itself_fails() {
    let folder = folder("cycle");
    fs::copy(fixtures().join("creation.json"), folder.join("creation.json")).unwrap();
    std::os::unix::fs::symlink(&folder, folder.join("itself")).unwrap();
    check(&[&folder], 1, "3 passed, 1 failed", &["itself: the folder contains itself by a link"]);
}

/// A case is judged by every bit of both hashes, and its failure says what happened.
#[test]
fn a_case_that_ends_otherwise_fails() {
    let folder = folder("otherwise");
    let text = fs::read_to_string(fixtures().join("self_destruction.json")).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let field = |name: &str| file["self_destruction"]["post"]["Byzantium"][1][name].as_str().unwrap().to_owned();
    let (root, logs) = (field("hash"), field("logs"));
    let file = folder.join("case.json");
    let last_bit = |hash: &str| {
        let last = u8::from_str_radix(&hash[65..], 16).unwrap() ^ 1;
        format!("{}{last:x}", &hash[..65])
    };

    altered(&file, "self_destruction.json", (&root, &last_bit(&root)));
    let parts = [
        "case.json: test self_destruction, post entry 1\n",
        &format!("  state root: expected {}\n  state root: actual   {root}\n", last_bit(&root)),
        &format!("  log hash: {logs}, as expected\n"),
        "  transaction executed: halt: out of gas; gas used: 50999\n",
        "  halted: out of gas in contract 0x1010101010101010101010101010101010101010",
    ];
    check(&[&file], 1, "1 passed, 1 failed", &parts);

    // Both cases have the same logs: none.
    altered(&file, "self_destruction.json", (&logs, &last_bit(&logs)));
    let expected = format!("  log hash: expected {}\n  log hash: actual   {logs}\n", last_bit(&logs));
    check(&[&file], 1, "0 passed, 2 failed", &["post entry 0\n", &expected, "post entry 1\n", &expected]);

    // A transaction that becomes invalid leaves the state as it was, which is not what was expected.
    altered(&file, "self_destruction.json", ("\"nonce\": \"0x00\"", "\"nonce\": \"0x09\""));
    let invalid = "  transaction invalid: nonce 9, but the sender's is 0\n";
    check(&[&file], 1, "0 passed, 2 failed", &[invalid, invalid]);
}
