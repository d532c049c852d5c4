//! The example contracts, and the program that the engine checks itself with, built from their sources.
//!
//! WAT goes through the `wat` crate in this process and must give the prebuilt bytes. Rust needs a compiler of one
//! version with the target for Wasm; where that is missing the contract is skipped and the reason given.

use crate::Tree;
use anyhow::{Context, Result, bail};
use std::{path::Path, process::Command};

/// The folder of the example contracts.
const CONTRACTS: &str = "contracts";

/// The folder of the engine's own program.
const ENGINE: &str = "vm/src/engine";

/// The compiler that the prebuilt modules of Rust contracts come from (contracts/README.md). It is newer than the
/// toolchain of the repository: a contract is what today's compilers emit.
pub const RUST_TOOLCHAIN: &str = "1.97.1";

/// The target of contracts in Rust.
const RUST_TARGET: &str = "wasm32-unknown-unknown";

/// A module that was built, and where its prebuilt form stands.
#[derive(Debug, Clone)]
pub struct Module {
    /// Path of the prebuilt module from the root of the repository.
    pub path: String,
    /// What the source gives.
    pub wasm: Vec<u8>,
}

/// What became of a contract's source.
#[derive(Debug, Clone)]
pub enum Guest {
    /// It was built.
    Built(Module),
    /// It could not be built on this machine.
    Skipped {
        /// The source.
        source: String,
        /// What is missing.
        reason: String,
    },
}

/// Builds every `.wat` file; its module stands beside it.
///
/// # Errors
///
/// When a file cannot be read or is not Wasm text.
pub fn from_wat(tree: &Tree) -> Result<Vec<Guest>> {
    let build = |source: String| {
        let wasm = wat::parse_str(tree.text(&source)?).with_context(|| format!("{source} is not Wasm text"))?;
        let path = source.replace(".wat", ".wasm");
        Ok(Guest::Built(Module { path, wasm }))
    };
    let sources = [tree.files_in(CONTRACTS, "wat")?, tree.files_in(ENGINE, "wat")?].concat();
    sources.into_iter().map(build).collect()
}

/// Builds every contract whose folder ends with `-rust`; its module stands in the folder, named after it.
///
/// # Errors
///
/// When a contract does not compile.
pub fn from_rust(tree: &Tree) -> Result<Vec<Guest>> {
    let manifests = tree.files_in(CONTRACTS, "toml")?;
    let folders = manifests.iter().filter_map(|path| path.strip_suffix("/Cargo.toml"));
    let missing = missing_compiler();
    let build = |folder: &str| match &missing {
        Some(reason) => Ok(Guest::Skipped { source: folder.to_owned(), reason: reason.clone() }),
        None => build_rust(tree, folder),
    };
    folders.filter(|folder| folder.ends_with("-rust")).map(build).collect()
}

fn build_rust(tree: &Tree, folder: &str) -> Result<Guest> {
    let name = folder.rsplit('/').next().unwrap_or(folder).replace('-', "_");
    let target = tree.root().join("target").join("guests");
    let status = rust_command("cargo")
        .args(["build", "--release", "--locked", "--target", RUST_TARGET, "--target-dir"])
        .arg(&target)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(tree.root().join(folder))
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("{folder} does not compile");
    }
    let built = target.join(RUST_TARGET).join("release").join(format!("{name}.wasm"));
    let wasm = std::fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    Ok(Guest::Built(Module { path: format!("{folder}/{name}.wasm"), wasm }))
}

/// Why contracts in Rust cannot be built here, if they cannot.
fn missing_compiler() -> Option<String> {
    let version = rust_command("rustc").arg("--version").output();
    let expected = format!("rustc {RUST_TOOLCHAIN} ");
    if !version.is_ok_and(|output| output.status.success() && output.stdout.starts_with(expected.as_bytes())) {
        return Some(format!("rustc {RUST_TOOLCHAIN} is not installed: `rustup toolchain install {RUST_TOOLCHAIN}`"));
    }
    let library = rust_command("rustc").args(["--print", "target-libdir", "--target", RUST_TARGET]).output();
    let installed = library.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim_end()).is_dir());
    let advice = format!("`rustup target add {RUST_TARGET} --toolchain {RUST_TOOLCHAIN}`");
    (!installed).then(|| format!("the target {RUST_TARGET} is not installed: {advice}"))
}

/// A program of [`RUST_TOOLCHAIN`], through rustup where there is one.
fn rust_command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("RUSTUP_TOOLCHAIN", RUST_TOOLCHAIN);
    // Cargo hands its own compiler on to the programs that it runs.
    command.env_remove("RUSTC").env_remove("CARGO").env_remove("CARGO_TARGET_DIR");
    command
}
