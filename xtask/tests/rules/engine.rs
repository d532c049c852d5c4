//! Rules about the engine: one module knows it, its version is consensus.

use crate::{
    code_lines,
    crates::{dependencies, members},
    hold, rust_sources, toml, tree,
};
use ::toml::{Table, Value};

/// The only module that names the engine's crate: this file, and the folder of its name.
const ENGINE: &str = "vm/src/engine/wasmi.rs";

/// Whether a file belongs to that module.
fn is_engine(path: &str) -> bool {
    path == ENGINE || path.starts_with(&format!("{}/", ENGINE.trim_end_matches(".rs")))
}

/// The crates that may depend on the engine's crate: the machine, the bare engines that benches compare with, and the
/// workspace of libFuzzer, which asks for another dispatch and names nothing.
const DEPENDANTS: [&str; 4] = [
    "vm/Cargo.toml",
    "benches/peers/Cargo.toml",
    "benches/peers/engines/wasmi/Cargo.toml",
    "fuzz/libfuzzer/Cargo.toml",
];

/// A workspace of its own that runs bare engines, in order to compare with them.
const BARE: &str = "benches/peers/";

/// The version of the engine, as manifests must give it.
const VERSION: &str = "=2.0.0";

/// What gas is called there. In two halves, so that this file does not contain it.
const THEIR_WORD: &str = concat!("fu", "el");

/// Whether a line of code names the engine's crate, and not our module of the same name.
fn names_the_crate(line: &str) -> bool {
    let is_ours = |before: &str, after: &str| {
        let from = before.ends_with("engine::") || before.ends_with("self::") || before.ends_with("super::");
        from || after.trim_start().starts_with("Wasmi")
    };
    let crate_paths = line.match_indices("wasmi::").filter(|(at, name)| {
        let part_of_a_word = line[..*at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        !part_of_a_word && !is_ours(&line[..*at], &line[at + name.len()..])
    });
    line.contains("use wasmi") || line.contains("wasmi_") || crate_paths.count() > 0
}

#[test]
fn only_the_engine_names_wasmi() {
    let tree = tree();
    let mut broken_by = Vec::new();
    for (path, text) in rust_sources(&tree) {
        if is_engine(&path) || path.starts_with(BARE) || path.starts_with("xtask/tests/rules/") {
            continue;
        }
        let lines = code_lines(&text).filter(|(_, line)| names_the_crate(line));
        broken_by.extend(lines.map(|(number, line)| format!("{path}:{number}: {}", line.trim())));
    }
    for path in tree.files().unwrap().into_iter().filter(|path| path.ends_with("Cargo.toml")) {
        let depends = dependencies(&toml(&tree, &path)).iter().any(|name| name == "wasmi");
        if depends && !DEPENDANTS.contains(&path.as_str()) {
            broken_by.push(format!("{path} depends on wasmi"));
        }
    }
    assert!(tree.has(ENGINE), "{ENGINE} is gone: give ENGINE in xtask/tests/rules/engine.rs the new path");
    hold(
        &broken_by,
        "Only vm/src/engine/wasmi.rs names wasmi. Say what you need as a method of `Engine` or `Instance`.",
    );
}

#[test]
fn the_crate_is_told_from_our_module() {
    for line in ["use wasmi::Store;", "    wasmi::Func::wrap(", "let x: Vec<wasmi::Val>;", "wasmi_core::LimiterError"] {
        assert!(names_the_crate(line), "{line}");
    }
    assert!(is_engine("vm/src/engine/wasmi/dispatch.rs") && !is_engine("vm/src/engine/wasmi_other.rs"));
    for line in ["engine::{Engine, wasmi::Wasmi},", "pub mod wasmi;", "lockstep_vm::engine::wasmi::Wasmi", "\"wasmi\""]
    {
        assert!(!names_the_crate(line), "{line}");
    }
}

#[test]
fn gas_has_another_name_in_the_engine_only() {
    let others = rust_sources(&tree()).into_iter().filter(|(path, _)| !is_engine(path) && !path.starts_with(BARE));
    let lines = others.flat_map(|(path, text)| {
        let named = code_lines(&text).filter(|(_, line)| line.to_lowercase().contains(THEIR_WORD));
        named.map(|(number, line)| format!("{path}:{number}: {}", line.trim())).collect::<Vec<_>>()
    });
    hold(&lines.collect::<Vec<_>>(), "It is called gas everywhere but in vm/src/engine/wasmi.rs. Rename it.");
}

/// The versions that a manifest asks for of crates whose name begins with `wasmi`.
fn engine_versions(manifest: &Table) -> Vec<String> {
    let mut versions = Vec::new();
    for (key, value) in manifest {
        match value {
            Value::String(version) if key.starts_with("wasmi") => versions.push(version.clone()),
            Value::Table(table) if key.starts_with("wasmi") => {
                versions.extend(table.get("version").and_then(Value::as_str).map(str::to_owned));
            }
            Value::Table(table) => versions.extend(engine_versions(table)),
            _ => {}
        }
    }
    versions
}

#[test]
fn wasmi_is_pinned() {
    let tree = tree();
    let manifests = tree.files().unwrap().into_iter().filter(|path| path.ends_with("Cargo.toml"));
    let found: Vec<(String, String)> = manifests
        .flat_map(|path| engine_versions(&toml(&tree, &path)).into_iter().map(move |version| (path.clone(), version)))
        .collect();
    assert!(found.iter().any(|(path, _)| path == "vm/Cargo.toml"), "vm/Cargo.toml does not name wasmi any more");
    let loose = found.iter().filter(|(_, version)| version != VERSION);
    let mut broken_by: Vec<String> = loose.map(|(path, version)| format!("{path}: \"{version}\"")).collect();
    let locked = locked(&tree.text("Cargo.lock").unwrap(), "wasmi");
    if locked.iter().map(|package| format!("={}", package.version)).ne([VERSION.to_owned()]) {
        broken_by.push("Cargo.lock has another version, or several".to_owned());
    }
    hold(
        &broken_by,
        "The engine's version is consensus: what it refuses, and what it charges. Pin it to the version in \
         xtask/tests/rules/engine.rs; CONTRIBUTING.md says what an upgrade takes.",
    );
}

/// A package of Cargo.lock.
struct Locked {
    version: String,
    dependencies: Vec<String>,
}

/// The packages called `name` in the text of a Cargo.lock.
fn locked(text: &str, name: &str) -> Vec<Locked> {
    let lock: Table = text.parse().unwrap();
    let packages = lock["package"].as_array().unwrap().iter().filter(|package| package["name"].as_str() == Some(name));
    let strings = |value: Option<&Value>| {
        let entries = value.and_then(Value::as_array).into_iter().flatten();
        entries.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    packages
        .map(|package| Locked {
            version: package["version"].as_str().unwrap().to_owned(),
            dependencies: strings(package.get("dependencies")),
        })
        .collect()
}

/// The version of `dependency` that the only package called `name` is locked to.
fn locked_dependency(lock: &str, name: &str, dependency: &str) -> Option<String> {
    let [package] = locked(lock, name).try_into().ok()?;
    let entry = package.dependencies.into_iter().find(|entry| entry.split(' ').next() == Some(dependency))?;
    match entry.split_once(' ') {
        Some((_, version)) => Some(version.to_owned()),
        // Cargo writes the version where the name alone would mean several.
        None => locked(lock, dependency).into_iter().next().map(|package| package.version),
    }
}

#[test]
fn the_validator_is_the_engines_own() {
    let tree = tree();
    let lock = tree.text("Cargo.lock").unwrap();
    let engines = locked_dependency(&lock, "wasmi", "wasmparser").expect("wasmi depends on wasmparser");
    let mut broken_by = Vec::new();
    for member in members(&tree) {
        if let Some(version) = locked_dependency(&lock, &member.name, "wasmparser")
            && version != engines
        {
            broken_by.push(format!("{} uses wasmparser {version}, wasmi uses {engines}", member.name));
        }
    }
    // wasm-encoder, below the assembler of test sources, names a newer one as an option that nothing switches on; Cargo
    // locks it all the same.
    let lock_table: Table = lock.parse().unwrap();
    for package in lock_table["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let version = locked_dependency(&lock, name, "wasmparser");
        if name != "wasm-encoder" && version.is_some_and(|version| version != engines) {
            broken_by.push(format!("{name} brings another wasmparser into the tree"));
        }
    }
    hold(
        &broken_by,
        "What is validated must be what the engine translates: one version of wasmparser, wasmi's. Give `wasmparser` in \
         the root manifest the version that wasmi depends on, and leave out what needs another.",
    );
}

#[test]
fn versions_are_read_from_a_lock() {
    let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\"c 0.1.0\", \"d\"]\n\
                [[package]]\nname = \"c\"\nversion = \"0.1.0\"\n[[package]]\nname = \"c\"\nversion = \"0.2.0\"\n\
                [[package]]\nname = \"d\"\nversion = \"3.0.0\"\n";
    assert_eq!(locked_dependency(lock, "a", "c").as_deref(), Some("0.1.0"));
    assert_eq!(locked_dependency(lock, "a", "d").as_deref(), Some("3.0.0"));
    assert_eq!(locked_dependency(lock, "d", "c"), None);
    assert_eq!(locked(lock, "c").len(), 2);
}
