//! Contracts in Rust: each folder is a workspace of its own, for `wasm32-unknown-unknown` unless its manifest says
//! `target = "wasm32-wasip1"` under `[package.metadata.guest]`.

use super::{Guest, Module, folders, module_name, module_path};
use crate::Tree;
use anyhow::{Context, Result, bail};
use std::{path::Path, process::Command};

/// The compiler that the prebuilt modules of Rust contracts come from (contracts/README.md). It is newer than the
/// toolchain of the repository: a contract is what today's compilers emit.
pub const RUST_TOOLCHAIN: &str = "1.97.1";

/// The target of contracts that import host functions only.
const BARE_TARGET: &str = "wasm32-unknown-unknown";

/// The target of WASI programs.
const WASI_TARGET: &str = "wasm32-wasip1";

/// Builds every contract whose folder ends with `-rust`.
pub(super) fn build_all(tree: &Tree) -> Result<Vec<Guest>> {
    let build = |folder: String| {
        let manifest = tree.text(&format!("{folder}/Cargo.toml"))?;
        let wasi = manifest.contains(&format!("target = \"{WASI_TARGET}\""));
        let target = if wasi { WASI_TARGET } else { BARE_TARGET };
        match missing_compiler(target) {
            Some(reason) => Ok(Guest::Skipped { source: folder, reason }),
            None => build_rust(tree, &folder, target),
        }
    };
    folders(tree, "-rust", "toml")?.into_iter().map(build).collect()
}

fn build_rust(tree: &Tree, folder: &str, target: &str) -> Result<Guest> {
    let output = tree.root().join("target").join("guests");
    let status = rust_command("cargo")
        .args(["build", "--release", "--locked", "--target", target, "--target-dir"])
        .arg(&output)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(tree.root().join(folder))
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("{folder} does not compile");
    }
    let built = output.join(target).join("release").join(format!("{}.wasm", module_name(folder)));
    let wasm = std::fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    Ok(Guest::Built(Module { path: module_path(folder), wasm }))
}

/// Why contracts in Rust cannot be built for `target` here, if they cannot.
fn missing_compiler(target: &str) -> Option<String> {
    let version = rust_command("rustc").arg("--version").output();
    let expected = format!("rustc {RUST_TOOLCHAIN} ");
    if !version.is_ok_and(|output| output.status.success() && output.stdout.starts_with(expected.as_bytes())) {
        return Some(format!("rustc {RUST_TOOLCHAIN} is not installed: `rustup toolchain install {RUST_TOOLCHAIN}`"));
    }
    let library = rust_command("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let installed = library.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim_end()).is_dir());
    let advice = format!("`rustup target add {target} --toolchain {RUST_TOOLCHAIN}`");
    (!installed).then(|| format!("the target {target} is not installed: {advice}"))
}

/// A program of [`RUST_TOOLCHAIN`], through rustup where there is one.
fn rust_command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("RUSTUP_TOOLCHAIN", RUST_TOOLCHAIN);
    // Cargo hands its own compiler on to the programs that it runs.
    command.env_remove("RUSTC").env_remove("CARGO").env_remove("CARGO_TARGET_DIR");
    command
}
