//! The example contracts, and the program that the engine checks itself with, built from their sources.
//!
//! WAT goes through the `wat` crate in this process and must give the prebuilt bytes. The other languages need a compiler
//! of one version each; where that is missing the contract is skipped and the reason given. A contract's language is the
//! end of its folder's name: `-rust`, `-go`, `-c`, `-as`.

mod assemblyscript;
mod rust;
mod toolchain;

pub use assemblyscript::ASC_VERSION;
pub use rust::RUST_TOOLCHAIN;
pub use toolchain::{CLANG_VERSION, GO_VERSION};

use crate::Tree;
use anyhow::{Context, Result};

/// The folder of the example contracts.
const CONTRACTS: &str = "contracts";

/// The folder of the engine's own program.
const ENGINE: &str = "vm/src/engine";

/// A module that was built, and the place of its prebuilt form.
#[derive(Debug, Clone)]
pub struct Module {
    /// Path of the prebuilt module from the root of the repository.
    pub path: String,
    /// What is built from the source.
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

/// Builds every `.wat` file; its module is beside it.
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

/// Builds every contract of a folder; its module is in the folder, named after it with `_` for `-`. A folder of
/// AssemblyScript holds a module for each source that exports a function of the ABI.
///
/// # Errors
///
/// When a contract does not compile.
pub fn from_folders(tree: &Tree) -> Result<Vec<Guest>> {
    let of_go_and_c = [toolchain::build_go(tree)?, toolchain::build_c(tree)?].concat();
    Ok([rust::build_all(tree)?, of_go_and_c, assemblyscript::build_all(tree)?].concat())
}

/// The folders of contracts whose name ends with `suffix` and that hold a file of the extension `marker`.
fn folders(tree: &Tree, suffix: &str, marker: &str) -> Result<Vec<String>> {
    let files = tree.files_in(CONTRACTS, marker)?;
    let mut folders: Vec<String> =
        files.iter().filter_map(|path| path.rsplit_once('/')).map(|(folder, _)| folder.to_owned()).collect();
    folders.retain(|folder| folder.ends_with(suffix));
    folders.dedup();
    Ok(folders)
}

/// Path of the prebuilt module of a contract's folder.
fn module_path(folder: &str) -> String {
    format!("{folder}/{}.wasm", module_name(folder))
}

/// A folder's own name, with `_` for `-`: cargo's name of the module.
fn module_name(folder: &str) -> String {
    folder.rsplit('/').next().unwrap_or(folder).replace('-', "_")
}
