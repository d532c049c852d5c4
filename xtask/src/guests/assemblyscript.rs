//! Contracts in AssemblyScript: a folder with `asconfig.json`, in which each script of `package.json` builds the source of
//! its name.
//!
//! The compiler is the one that npm puts into the folder: `npm ci` in it.

use super::{Guest, Module, folders};
use crate::Tree;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// The compiler that the prebuilt modules come from (contracts/README.md); `package.json` asks npm for it.
pub const ASC_VERSION: &str = "0.28.20";

/// Builds every contract whose folder ends with `-as`.
pub(super) fn build_all(tree: &Tree) -> Result<Vec<Guest>> {
    let mut guests = Vec::new();
    for folder in folders(tree, "-as", "ts")? {
        let compiler = tree.root().join(&folder).join("node_modules/.bin/asc");
        let version = Command::new(&compiler).arg("--version").output();
        let found = version.is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout).split_whitespace().any(|word| word == ASC_VERSION)
        });
        for name in contracts(tree, &folder)? {
            guests.push(if found {
                build(tree, &folder, &name)?
            } else {
                let reason = format!("asc {ASC_VERSION} is not installed: `npm ci` in {folder}");
                Guest::Skipped { source: format!("{folder}/{name}.ts"), reason }
            });
        }
    }
    Ok(guests)
}

/// The sources of a folder that are contracts and not parts of one.
fn contracts(tree: &Tree, folder: &str) -> Result<Vec<String>> {
    let manifest = tree.text(&format!("{folder}/package.json"))?;
    let sources = tree.files_in(folder, "ts")?;
    let names = sources.iter().filter_map(|path| path.rsplit('/').next()?.strip_suffix(".ts"));
    Ok(names.filter(|name| manifest.contains(&format!("asc {name}.ts"))).map(str::to_owned).collect())
}

fn build(tree: &Tree, folder: &str, name: &str) -> Result<Guest> {
    let output = tree.root().join("target").join("guests");
    std::fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    let built = output.join(format!("{name}.as.wasm"));
    let mut command = Command::new("node_modules/.bin/asc");
    command.arg(format!("{name}.ts")).args(["--config", "asconfig.json", "--outFile"]).arg(&built);
    let status = command.current_dir(tree.root().join(folder)).status().context("cannot start asc")?;
    if !status.success() {
        bail!("{folder}/{name}.ts does not compile");
    }
    let wasm = std::fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    Ok(Guest::Built(Module { path: format!("{folder}/{name}.wasm"), wasm }))
}
