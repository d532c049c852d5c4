//! The first contract of the book in Rust, built by the compiler at hand from the files that the page shows.

use crate::folder::Folder;
use std::{fs, path::Path, process::Command};

/// The folder of the libraries of a target, if the toolchain has them.
fn libraries_of(target: &str) -> Option<String> {
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?.trim_end().to_owned();
    Path::new(&folder).is_dir().then_some(folder)
}

#[test]
#[expect(clippy::print_stdout, reason = "says that it did not run")]
fn a_first_contract_is_built_from_an_empty_folder() {
    let target = "wasm32-unknown-unknown";
    if libraries_of(target).is_none() {
        println!("NOT RUN: this toolchain has no target {target}: `rustup target add {target}`");
        return;
    }
    let folder = Folder::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/first-rust");
    for file in ["Cargo.toml", "build.rs", "src/lib.rs"] {
        folder.write(file, &fs::read(source.join(file)).unwrap());
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline", "--release", "--target", target]).current_dir(folder.path("."));
    cargo.env("CARGO_TARGET_DIR", folder.path("target")).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let built = cargo.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let module = format!("target/{target}/release/first_rust.wasm");
    let ran = folder.run(&["run", &module, "--call", "increment", "--input", "0500000000000000", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["output"], "0x0500000000000000");
    // Another compiler makes other bytes, and a module that is about as small.
    let gas = report["gas_used"].as_u64().unwrap();
    assert!((400_000..600_000).contains(&gas), "{gas}");
}
