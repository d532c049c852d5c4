//! Rules about source files: format, header, length, name, tests that are switched off.

use crate::{code_lines, hold, rust_sources, tree};
use std::process::Command;

/// Lines that a source file may have.
const LINES_MAX: usize = 600;

/// Endings of source files.
const SOURCES: [&str; 7] = [".rs", ".wat", ".py", ".go", ".ts", ".c", ".h"];

/// Names that say nothing about what is in a file or folder.
const EMPTY_NAMES: [&str; 8] = ["util", "utils", "common", "helper", "helpers", "manager", "misc", "shared"];

#[test]
fn sources_are_formatted() {
    let tree = tree();
    let mut manifests: Vec<String> =
        tree.files().unwrap().into_iter().filter(|path| path.ends_with("/Cargo.toml")).collect();
    // Folders that are no members of the workspace are workspaces of their own.
    manifests.retain(|path| tree.text(path).unwrap().contains("\n[workspace]"));
    manifests.push("Cargo.toml".to_owned());
    let mut broken_by = Vec::new();
    for manifest in manifests {
        let output = Command::new(env!("CARGO"))
            .args(["fmt", "--all", "--check", "--manifest-path", &manifest, "--", "--files-with-diff"])
            .current_dir(tree.root())
            .output()
            .expect("cargo runs");
        if !output.status.success() {
            let files = String::from_utf8_lossy(&output.stdout).into_owned();
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            broken_by.extend(files.lines().chain(errors.lines()).map(|line| format!("{manifest}: {line}")));
        }
    }
    hold(&broken_by, "Run `cargo fmt --all`; for a crate of its own, in its folder.");
}

#[test]
fn a_file_says_what_it_owns() {
    let silent = rust_sources(&tree()).into_iter().filter(|(_, text)| !text.starts_with("//! "));
    let broken_by: Vec<String> = silent.map(|(path, _)| path).collect();
    hold(&broken_by, "Begin the file with `//!`: what it owns, and what it must not know.");
}

#[test]
fn a_file_is_not_too_long() {
    let tree = tree();
    let mut broken_by = Vec::new();
    for path in tree.files().unwrap() {
        if SOURCES.iter().any(|ending| path.ends_with(ending)) {
            // A line that cites the specification is no code, and a file may implement many rules.
            let text = tree.text(&path).unwrap();
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//= ")).count();
            if lines > LINES_MAX {
                broken_by.push(format!("{path}: {lines} lines"));
            }
        }
    }
    hold(&broken_by, "A file has at most 600 lines. Split it by what it owns.");
}

/// Whether a part of the path is a name that says nothing.
fn has_empty_name(path: &str) -> bool {
    path.split('/').any(|part| {
        let name = part.split('.').next().unwrap_or(part);
        name.split(['_', '-']).any(|word| EMPTY_NAMES.contains(&word))
    })
}

#[test]
fn names_say_what_is_inside() {
    let broken_by: Vec<String> = tree().files().unwrap().into_iter().filter(|path| has_empty_name(path)).collect();
    hold(&broken_by, "Name a file or folder after what it owns, in the words of the Wasm spec, of Ethereum or of gas.");
}

#[test]
fn empty_names_are_found() {
    for path in ["vm/src/utils.rs", "vm/tests/common/mod.rs", "host/src/call_helper.rs", "cli/manager/mod.rs"] {
        assert!(has_empty_name(path), "{path}");
    }
    for path in ["vm/src/journal.rs", "contracts/README.md", "gas/src/utility.rs"] {
        assert!(!has_empty_name(path), "{path}");
    }
}

/// Whether a line of Rust switches a test off. The attribute's name comes in two halves, so that this file passes.
fn switches_off(line: &str) -> bool {
    let word = concat!("ign", "ore");
    let attribute = line.trim_start().starts_with("#[");
    let listed = |end: &str| line.contains(&format!("{word}{end}"));
    attribute && (listed("]") || listed(" =") || listed(")"))
}

#[test]
fn no_test_is_switched_off() {
    let mut broken_by = Vec::new();
    for (path, text) in rust_sources(&tree()) {
        let attributes = code_lines(&text).filter(|(_, line)| switches_off(line)).map(|(number, _)| number);
        let examples = (1..).zip(text.lines());
        let examples = examples.filter(|(_, line)| line.contains(concat!("//! ```ign", "ore")));
        broken_by.extend(attributes.chain(examples.map(|(number, _)| number)).map(|line| format!("{path}:{line}")));
    }
    hold(
        &broken_by,
        "A test that does not run is not a test. Repair it, delete it, or list the case with its reason and fail when it \
         begins to pass.",
    );
}

#[test]
fn switched_off_tests_are_found() {
    let word = concat!("ign", "ore");
    for line in ["#[WORD]", "    #[WORD = \"slow\"]", "#[cfg_attr(miri, WORD)]"] {
        assert!(switches_off(&line.replace("WORD", word)), "{line}");
    }
    assert!(!switches_off(&format!("// we {word} it")));
    assert!(!switches_off("#[test]"));
}
