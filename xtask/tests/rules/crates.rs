//! Rules about crates: who may depend on whom, features, lints.

use crate::{hold, rust_sources, toml, tree};
use ::toml::{Table, Value};
use std::{collections::BTreeSet, process::Command};
use xtask::Tree;

/// The libraries, each with the crates of the workspace that it may depend on.
const LIBRARIES: [(&str, &[&str]); 10] = [
    ("lockstep-gas", &[]),
    ("lockstep-host", &["lockstep-gas"]),
    ("lockstep-proof", &[]),
    ("lockstep-vm", &["lockstep-gas", "lockstep-host", "lockstep-proof"]),
    ("lockstep-reference", &["lockstep-gas", "lockstep-host", "lockstep-vm"]),
    ("lockstep-diagnosis", &["lockstep-gas", "lockstep-host", "lockstep-reference", "lockstep-vm"]),
    ("lockstep-store", &["lockstep-proof", "lockstep-vm"]),
    ("lockstep-chain", &["lockstep-host", "lockstep-proof", "lockstep-store", "lockstep-vm"]),
    ("lockstep-rpc", &["lockstep-chain", "lockstep-diagnosis", "lockstep-store", "lockstep-vm"]),
    ("lockstep-selftest", &["lockstep-gas", "lockstep-host", "lockstep-vm"]),
];

/// The crates that stand on top and may depend on everything but the command.
const TOPS: [&str; 5] = ["lockstep", "lockstep-spec-tests", "lockstep-benches", "lockstep-fuzz", "xtask"];

/// The command, which nothing depends on.
const COMMAND: &str = "lockstep";

/// Libraries whose tests name anyhow because a trait of somebody else returns it: jmt's `TreeReader`. No error of a
/// library is one.
const ANYHOW_BY_TRAIT: [&str; 1] = ["lockstep-store"];

/// A member of the workspace.
pub(crate) struct Member {
    pub(crate) folder: String,
    pub(crate) name: String,
    pub(crate) manifest: Table,
}

/// Every member of the workspace.
pub(crate) fn members(tree: &Tree) -> Vec<Member> {
    let root = toml(tree, "Cargo.toml");
    let members = root["workspace"]["members"].as_array().unwrap();
    let folders = members.iter().map(|member| member.as_str().unwrap().to_owned());
    let member = |folder: String| {
        let manifest = toml(tree, &format!("{folder}/Cargo.toml"));
        let name = manifest["package"]["name"].as_str().unwrap().to_owned();
        Member { folder, name, manifest }
    };
    folders.map(member).collect()
}

/// The names that a manifest depends on, for its library, its tests and its build, on every target.
pub(crate) fn dependencies(manifest: &Table) -> Vec<String> {
    dependencies_of(manifest, &["dependencies", "dev-dependencies", "build-dependencies"])
}

/// What is stale in the lock of another workspace: the crates of this one whose dependencies it has otherwise than `members`.
fn stale(lock: &str, members: &[Member]) -> Vec<String> {
    let lock: Table = lock.parse().unwrap();
    let packages = lock["package"].as_array().unwrap().iter().filter(|package| package.get("source").is_none());
    let stale = packages.filter_map(|package| {
        let name = package["name"].as_str().unwrap();
        let member = members.iter().find(|member| member.name == name)?;
        let entries = package.get("dependencies").and_then(|entries| entries.as_array()).into_iter().flatten();
        let locked: BTreeSet<&str> = entries.filter_map(|entry| entry.as_str()?.split(' ').next()).collect();
        let needed = packages_of(&member.manifest, &["dependencies", "build-dependencies"]);
        let needed: BTreeSet<&str> = needed.iter().map(String::as_str).collect();
        let differences: Vec<_> = locked.symmetric_difference(&needed).copied().collect();
        (!differences.is_empty()).then(|| format!("{name} ({})", differences.join(", ")))
    });
    stale.collect()
}

/// Not every workspace of the repository is built by CI, and `--locked` fails in one whose lock is stale.
#[test]
fn locks_of_other_workspaces_are_current() {
    let tree = tree();
    let members = members(&tree);
    let locks = tree.files().unwrap().into_iter().filter(|path| path.ends_with("/Cargo.lock"));
    let mut broken_by = Vec::new();
    let mut read = 0;
    for path in locks {
        read += 1;
        broken_by.extend(stale(&tree.text(&path).unwrap(), &members).into_iter().map(|what| format!("{path}: {what}")));
    }
    assert!(read > 3, "only {read} locks were read");
    hold(
        &broken_by,
        "Run `cargo metadata --format-version 1 > /dev/null` in the folder of the lock: it changes as little as it must.",
    );
}

#[test]
fn stale_locks_are_found() {
    let manifest =
        "[package]\nname = \"lockstep-a\"\n[dependencies]\nb = \"1\"\n[dev-dependencies]\nc = \"1\"".parse().unwrap();
    let members = [Member { folder: "a".to_owned(), name: "lockstep-a".to_owned(), manifest }];
    let lock = |dependencies: &str| {
        format!("[[package]]\nname = \"lockstep-a\"\nversion = \"0.1.0\"\ndependencies = [{dependencies}]\n")
    };
    assert!(stale(&lock("\"b 1.0.0\""), &members).is_empty());
    assert_eq!(stale(&lock(""), &members), ["lockstep-a (b)"]);
    assert_eq!(stale(&lock("\"b\", \"d\""), &members), ["lockstep-a (d)"]);
}

/// The names in the sections `kinds` of a manifest, on every target.
fn dependencies_of(manifest: &Table, kinds: &[&str]) -> Vec<String> {
    entries_of(manifest, kinds).map(|(name, _)| name.clone()).collect()
}

/// The packages in the sections `kinds` of a manifest: their own names, not those in the manifest.
fn packages_of(manifest: &Table, kinds: &[&str]) -> Vec<String> {
    let name = |(name, entry): (&String, &Value)| {
        entry.get("package").and_then(Value::as_str).map_or_else(|| name.clone(), str::to_owned)
    };
    entries_of(manifest, kinds).map(name).collect()
}

/// The entries of the sections `kinds` of a manifest, on every target.
fn entries_of<'a>(manifest: &'a Table, kinds: &'a [&str]) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let targets = manifest.get("target").and_then(|targets| targets.as_table());
    let tables = targets.into_iter().flat_map(Table::values).filter_map(|target| target.as_table());
    tables.chain([manifest]).flat_map(|table| {
        let kinds = kinds.iter().filter_map(|kind| table.get(*kind)?.as_table());
        kinds.flat_map(Table::iter)
    })
}

/// What the tests of a library, and they alone, may depend on beside what is below it: whatever the machine's tests
/// execute, they execute on both engines, and look into it. Those of a chain write a revision, and cross into it on both.
const FOR_TESTS: [(&str, &str); 5] = [
    ("lockstep-vm", "lockstep-reference"),
    ("lockstep-vm", "lockstep-diagnosis"),
    ("lockstep-vm", "lockstep-selftest"),
    ("lockstep-chain", "lockstep-gas"),
    ("lockstep-chain", "lockstep-reference"),
];

/// What is wrong with the crate `name` that has `manifest`.
fn wrong_arrows_of(name: &str, manifest: &Table) -> Vec<String> {
    let mut dependencies = dependencies_of(manifest, &["dependencies", "build-dependencies"]);
    let for_tests = dependencies_of(manifest, &["dev-dependencies"]);
    dependencies.extend(for_tests.into_iter().filter(|dependency| !FOR_TESTS.contains(&(name, dependency.as_str()))));
    wrong_arrows(name, &dependencies)
}

/// What is wrong with a crate `name` that depends on `dependencies`.
fn wrong_arrows(name: &str, dependencies: &[String]) -> Vec<String> {
    let library = LIBRARIES.iter().find(|(library, _)| *library == name);
    if library.is_none() && !TOPS.contains(&name) {
        return vec![format!("{name} is in no layer")];
    }
    let ours = dependencies.iter().filter(|dependency| dependency.starts_with(COMMAND) || *dependency == "xtask");
    let wrong = ours.filter(|dependency| match library {
        Some((_, below)) => !below.contains(&dependency.as_str()),
        None => *dependency == COMMAND,
    });
    wrong.map(|dependency| format!("{name} depends on {dependency}")).collect()
}

#[test]
fn arrows_point_down() {
    let broken_by: Vec<String> =
        members(&tree()).iter().flat_map(|member| wrong_arrows_of(&member.name, &member.manifest)).collect();
    hold(
        &broken_by,
        "A crate depends on those below it in ARCHITECTURE.md only. Move what both need down, or, for a new crate, give \
         it a place in ARCHITECTURE.md and in xtask/tests/rules/crates.rs.",
    );
}

/// The crates that a light client compiles for `lockstep-proof`, itself and procedural macros included.
const PROOF_CRATES_MAX: usize = 25;

/// Every crate below `name`, itself included, each once.
fn crates_below(tree: &Tree, name: &str) -> BTreeSet<String> {
    let arguments = ["tree", "--locked", "--package", name, "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(tree.root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("names of crates are text");
    lines.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn a_light_client_links_few_crates() {
    let tree = tree();
    let crates = crates_below(&tree, "lockstep-proof");
    assert!(crates.contains("lockstep-proof") && crates.contains("sha3"), "{crates:?}");
    assert!(crates.len() <= PROOF_CRATES_MAX, "{} crates: {crates:?}", crates.len());
    let root = tree.text("proof/src/lib.rs").expect("the crate has a root");
    assert!(root.contains("\n#![no_std]\n"), "proof/src/lib.rs needs the standard library");
    assert!(crates_below(&tree, "lockstep-vm").len() > PROOF_CRATES_MAX, "the count counts nothing");
}

/// The one feature of a library: another way to dispatch the same instructions, which changes no result.
const FEATURES: [(&str, &str); 1] = [("lockstep-vm", "portable-dispatch")];

/// Libraries that are only ours: the self-test carries example contracts from outside its folder.
const UNPUBLISHED: [&str; 1] = ["lockstep-selftest"];

#[test]
fn libraries_can_be_published() {
    let tree = tree();
    let script = tree.text(".ci/run").unwrap();
    let versions = toml(&tree, "Cargo.toml")["workspace"]["dependencies"].clone();
    let mut broken_by = Vec::new();
    for Member { folder, name, manifest } in members(&tree) {
        let package = &manifest["package"];
        let is_library = LIBRARIES.iter().any(|(library, _)| *library == name) && !UNPUBLISHED.contains(&name.as_str());
        if package.get("publish").is_none() != is_library {
            broken_by.push(format!("{folder}/Cargo.toml: `publish.workspace = true` is for what is no library"));
        }
        let packaged = script.split([' ', '\n']).any(|word| word == name);
        let versioned = versions.get(&name).is_some_and(|ours| ours.get("version").is_some());
        if is_library && !(packaged && versioned && package.get("description").is_some()) {
            broken_by.push(format!("{name}: no description, no version in Cargo.toml, or .ci/run does not package it"));
        }
        let listed = xtask::api::LIBRARIES.contains(&folder.as_str()) && tree.has(&xtask::api::golden(&folder));
        if is_library != listed {
            broken_by.push(format!(
                "{folder}: the public items of libraries, and of no other crate, are listed by `cargo xtask api`"
            ));
        }
        if is_library && package.get("metadata").and_then(|metadata| metadata.get("docs")).is_none() {
            broken_by.push(format!("{folder}/Cargo.toml has nothing for docs.rs"));
        }
    }
    hold(
        &broken_by,
        "CONTRIBUTING.md says which crates are published. What one needs is in its manifest and in .ci/run.",
    );
}

/// README says `cargo run`: of all programs of the workspace cargo must know which one.
#[test]
fn cargo_runs_the_command() {
    let members = members(&tree());
    let runs = members.iter().filter_map(|member| member.manifest["package"].get("default-run")?.as_str());
    assert_eq!(runs.collect::<Vec<_>>(), [COMMAND]);
}

#[test]
fn the_arrows_that_must_not_be_are_found() {
    let wrong = |name, manifest: &str| wrong_arrows_of(name, &manifest.parse().unwrap()).len();
    assert_eq!(wrong("lockstep-gas", "[dependencies]\nborsh.workspace = true"), 0);
    assert_eq!(wrong("lockstep-gas", "[dev-dependencies]\nlockstep-host.workspace = true"), 1);
    assert_eq!(wrong("lockstep-host", "[target.'cfg(unix)'.dependencies]\nlockstep-vm.workspace = true"), 1);
    assert_eq!(wrong("lockstep-store", "[dependencies]\nlockstep-vm.workspace = true"), 0);
    assert_eq!(wrong("lockstep-proof", "[dependencies]\nlockstep-vm.workspace = true"), 1);
    assert_eq!(wrong("lockstep-store", "[dependencies]\nlockstep-gas.workspace = true"), 1);
    assert_eq!(wrong("lockstep-vm", "[dev-dependencies]\nlockstep-reference.workspace = true"), 0);
    assert_eq!(wrong("lockstep-vm", "[dependencies]\nlockstep-reference.workspace = true"), 1);
    assert_eq!(wrong("lockstep-spec-tests", "[dependencies]\nlockstep-vm.workspace = true"), 0);
    assert_eq!(wrong("xtask", "[dependencies]\nlockstep = { path = '../cli' }"), 1);
    assert_eq!(wrong("lockstep-new", ""), 1);
}

#[test]
fn a_library_has_no_other_features_and_does_not_know_anyhow() {
    let tree = tree();
    let members = members(&tree);
    let libraries: Vec<_> =
        members.iter().filter(|member| LIBRARIES.iter().any(|(name, _)| *name == member.name)).collect();
    let mut broken_by = Vec::new();
    for member in &libraries {
        let features = member.manifest.get("features").and_then(|features| features.as_table());
        let features =
            features.into_iter().flat_map(Table::keys).map(|feature| (member.name.as_str(), feature.as_str()));
        if !features.eq(FEATURES.into_iter().filter(|(name, _)| *name == member.name)) {
            broken_by.push(format!("{}/Cargo.toml has features", member.folder));
        }
        let knows_anyhow = dependencies(&member.manifest).iter().any(|name| name == "anyhow");
        if knows_anyhow != ANYHOW_BY_TRAIT.contains(&member.name.as_str()) {
            broken_by.push(format!("{} depends on anyhow, or no longer does", member.name));
        }
    }
    for (path, text) in rust_sources(&tree) {
        let in_library = libraries.iter().any(|member| path.starts_with(&format!("{}/", member.folder)));
        let tests_of_dispatch = path == "vm/src/engine/wasmi/dispatch.rs";
        if in_library && !tests_of_dispatch && text.contains("feature = \"") {
            broken_by.push(format!("{path} is compiled by feature"));
        }
    }
    hold(
        &broken_by,
        "Two builds of a library must not differ in what they execute, and its errors are types. Make a feature a field \
         of the revision or a choice of the caller, and an anyhow error a type of the crate.",
    );
}

#[test]
fn consensus_crates_have_the_lints_of_the_workspace() {
    let ours = members(&tree());
    let consensus = ours.iter().filter(|member| LIBRARIES.iter().any(|(name, _)| *name == member.name));
    let without = consensus.filter(|member| {
        let lints = member.manifest.get("lints").and_then(|lints| lints.get("workspace"));
        lints.and_then(::toml::Value::as_bool) != Some(true)
    });
    let broken_by: Vec<String> = without.map(|member| format!("{}/Cargo.toml", member.folder)).collect();
    hold(
        &broken_by,
        "The lints of the workspace keep clocks, floats, panics and unordered maps out of consensus. Put `[lints]` with \
         `workspace = true` into the manifest and state an exception where it is, with `#[expect(..., reason = ...)]`.",
    );
}
