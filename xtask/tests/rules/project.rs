//! Rules about the project as a whole: toolchain, licences, what CI runs.

use crate::{hold, toml, tree};
use xtask::{
    Tree,
    guests::{ASC_VERSION, CLANG_VERSION, GO_VERSION, RUST_TOOLCHAIN},
};

/// The oldest Rust that the workspace promises to build with.
fn rust_version(tree: &Tree) -> String {
    toml(tree, "Cargo.toml")["workspace"]["package"]["rust-version"].as_str().unwrap().to_owned()
}

/// The toolchain that the workspace is developed with.
fn channel(tree: &Tree) -> String {
    toml(tree, "rust-toolchain.toml")["toolchain"]["channel"].as_str().unwrap().to_owned()
}

/// The versions that a text names as "Rust 1.x".
fn rust_versions(text: &str) -> Vec<String> {
    let rests = text.split("Rust 1.").skip(1);
    rests.map(|rest| format!("1.{}", rest.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap())).collect()
}

#[test]
fn the_oldest_rust_is_the_same_everywhere() {
    let tree = tree();
    let (oldest, current) = (rust_version(&tree), channel(&tree));
    let mut broken_by = Vec::new();
    for path in tree.files().unwrap().into_iter().filter(|path| path.ends_with(".md")) {
        let versions = rust_versions(&tree.text(&path).unwrap());
        let wrong = versions.iter().map(|version| version.trim_end_matches('.'));
        let wrong = wrong.filter(|version| *version != oldest && *version != current);
        broken_by.extend(wrong.map(|version| format!("{path}: Rust {version}")));
    }
    if !tree.text("CONTRIBUTING.md").unwrap().contains(&format!("Rust {oldest}")) {
        broken_by.push(format!("CONTRIBUTING.md does not name Rust {oldest}"));
    }
    if !tree.text(".github/workflows/msrv.yml").unwrap().contains(&format!("RUSTUP_TOOLCHAIN: \"{oldest}\"")) {
        broken_by.push(format!(".github/workflows/msrv.yml does not build with {oldest}"));
    }
    hold(&broken_by, "`rust-version` in Cargo.toml says the oldest Rust; the pages and the workflow repeat it.");
}

#[test]
fn versions_are_read_from_prose() {
    assert_eq!(rust_versions("needs Rust 1.90, built with Rust 1.95.0"), ["1.90", "1.95.0"]);
    assert!(rust_versions("rustc 1.2 and Rust 2024").is_empty());
}

#[test]
fn the_compilers_of_contracts_are_the_documented_ones() {
    let page = tree().text("contracts/README.md").unwrap();
    let compilers = [
        format!("rustc {RUST_TOOLCHAIN}"),
        GO_VERSION.to_owned(),
        format!("clang {CLANG_VERSION}"),
        format!("asc {ASC_VERSION}"),
    ];
    let missing: Vec<_> = compilers.into_iter().filter(|compiler| !page.contains(compiler)).collect();
    hold(&missing, "contracts/README.md does not name the compiler: make it and xtask/src/guests agree.");
}

#[test]
fn licences_are_here() {
    let tree = tree();
    let mut broken_by = Vec::new();
    for (path, phrase) in [
        ("LICENSE-MIT", "Permission is hereby granted, free of charge"),
        ("LICENSE-APACHE", "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION"),
    ] {
        if !tree.text(path).is_ok_and(|text| text.contains(phrase)) {
            broken_by.push(format!("{path} is not the licence"));
        }
    }
    if toml(&tree, "Cargo.toml")["workspace"]["package"]["license"].as_str() != Some("MIT OR Apache-2.0") {
        broken_by.push("Cargo.toml does not say MIT OR Apache-2.0".to_owned());
    }
    hold(
        &broken_by,
        "The project is licensed under MIT or Apache-2.0, at the user's choice; both texts are in the root.",
    );
}

#[test]
fn pages_of_a_public_project_are_here() {
    let tree = tree();
    let pages = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "deny.toml", "docs/spec.md"];
    let broken_by: Vec<String> = pages.into_iter().filter(|path| !tree.has(path)).map(str::to_owned).collect();
    hold(&broken_by, "Restore the page.");
}

#[test]
fn released_revisions_are_held_to_their_digests() {
    let revision = tree().text("gas/src/revision.rs").unwrap();
    for needed in ["pub const RELEASED", "#[test]\n    fn a_released_revision_keeps_its_digest()"] {
        assert!(
            revision.contains(needed),
            "gas/src/revision.rs has no `{needed}`: a released revision must not be edited, and that test sees to it"
        );
    }
}

#[cfg(unix)]
#[test]
fn the_script_of_ci_can_be_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(tree().root().join(".ci/run")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111, ".ci/run is not executable: chmod +x .ci/run");
}
