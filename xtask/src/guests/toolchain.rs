//! Contracts in Go and C, by compilers of this machine or of the program that [`CROSS`] names.

use super::{Guest, Module, folders, module_name, module_path};
use crate::{Tree, determinism::CROSS};
use anyhow::{Context, Result, bail};
use std::{env, ffi::OsString, path::Path, process::Command};

/// The Go that the prebuilt modules come from (contracts/README.md).
pub const GO_VERSION: &str = "go1.27.3";

/// The clang that the prebuilt modules come from, with wasi-libc (contracts/README.md).
pub const CLANG_VERSION: &str = "21.1.8";

/// In a Go file: the function is an export, so the module is a reactor.
const GO_EXPORT: &str = "//go:wasmexport";

/// The file of a C contract's folder that holds clang's arguments, the names of the sources among them.
const CLANG_ARGUMENTS: &str = "clang.args";

/// Builds every contract whose folder ends with `-go`: a reactor if it exports functions, else a command.
pub(super) fn build_go(tree: &Tree) -> Result<Vec<Guest>> {
    let missing = missing(tree, "go", &["version"], GO_VERSION);
    let build = |folder: String| {
        if let Some(reason) = &missing {
            return Ok(Guest::Skipped { source: folder, reason: reason.clone() });
        }
        let sources = tree.files_in(&folder, "go")?;
        let texts = sources.iter().map(|path| tree.text(path)).collect::<Result<Vec<_>>>()?;
        let mode = if texts.iter().any(|text| text.contains(GO_EXPORT)) { "c-shared" } else { "exe" };
        let mut command = compiler(&tree.root().join(&folder), "env");
        // Nothing of the machine may enter the module: no path, no revision of the repository, no other Go.
        // The second version of encoding/json makes a module a third larger.
        command.args([
            "GOOS=wasip1",
            "GOARCH=wasm",
            "GOTOOLCHAIN=local",
            "GOFLAGS=",
            "GOWORK=off",
            "GOEXPERIMENT=nojsonv2",
        ]);
        command.args(["go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]);
        command.arg(format!("-buildmode={mode}"));
        finish(tree, &folder, command)
    };
    folders(tree, "-go", "go")?.into_iter().map(build).collect()
}

/// Builds every contract whose folder ends with `-c` with the arguments in its file `clang.args`.
pub(super) fn build_c(tree: &Tree) -> Result<Vec<Guest>> {
    let missing = missing(tree, "clang", &["--version"], CLANG_VERSION);
    let build = |folder: String| match &missing {
        Some(reason) => Ok(Guest::Skipped { source: folder, reason: reason.clone() }),
        None => {
            let mut command = compiler(&tree.root().join(&folder), "clang");
            command.arg(format!("@{CLANG_ARGUMENTS}"));
            finish(tree, &folder, command)
        }
    };
    folders(tree, "-c", "c")?.into_iter().map(build).collect()
}

/// Runs a compiler that takes `-o FILE` and reads what it made.
fn finish(tree: &Tree, folder: &str, mut command: Command) -> Result<Guest> {
    let output = tree.root().join("target").join("guests");
    std::fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    let built = output.join(format!("{}.wasm", module_name(folder)));
    let status = command.arg("-o").arg(&built).status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{folder} does not compile");
    }
    let wasm = std::fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    Ok(Guest::Built(Module { path: module_path(folder), wasm }))
}

/// Why contracts of a language cannot be built here, if they cannot.
fn missing(tree: &Tree, program: &str, arguments: &[&str], version: &str) -> Option<String> {
    let output = compiler(tree.root(), program).args(arguments).output();
    let found = output.is_ok_and(|output| {
        output.status.success()
            && String::from_utf8_lossy(&output.stdout).split_whitespace().any(|word| word == version)
    });
    (!found).then(|| format!("{program} {version} is not installed, and no {CROSS} has it"))
}

/// The program that [`CROSS`] names, which says how contracts are built and nothing about what they give.
#[expect(clippy::disallowed_methods, reason = "a chore is set up by its environment")]
fn cross() -> Option<OsString> {
    env::var_os(CROSS)
}

/// A program in `folder`, through the program that [`CROSS`] names where there is one.
fn compiler(folder: &Path, program: &str) -> Command {
    let mut command = match cross() {
        Some(cross) => {
            let mut command = Command::new(cross);
            command.args(["exec", program]);
            command
        }
        None => Command::new(program),
    };
    command.current_dir(folder);
    command
}
