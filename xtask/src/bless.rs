//! Goldens: files below `*/tests/golden/` with the expectations of a test.
//!
//! A test that compares with a golden writes it instead where the variable [`VARIABLE`] is set.

use crate::Tree;
use anyhow::{Context, Result};
use std::{collections::BTreeMap, process::Command};

/// The environment variable that makes tests write their goldens.
pub const VARIABLE: &str = "LOCKSTEP_BLESS";

/// Every golden with its bytes.
///
/// # Errors
///
/// When a file cannot be read.
pub fn goldens(tree: &Tree) -> Result<BTreeMap<String, Vec<u8>>> {
    let paths = tree.files()?.into_iter().filter(|path| path.contains("/tests/golden/"));
    paths.map(|path| Ok((path.clone(), tree.bytes(&path)?))).collect()
}

/// The goldens that are new, gone or different.
pub fn changed(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let different = after.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes)).map(|(path, _)| path);
    let mut changed: Vec<String> = gone.chain(different).cloned().collect();
    changed.sort();
    changed
}

/// Runs the tests of every crate but this one, goldens to be written. Says whether they passed.
///
/// # Errors
///
/// When cargo cannot be started.
pub fn run_tests(tree: &Tree) -> Result<bool> {
    // The command carries the goldens of the self-test, so they must be written before it is built.
    let (first, rest) = (["--package", "lockstep-selftest"], ["--workspace", "--exclude", "xtask"]);
    let run = |packages: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.arg("test").args(packages).arg("--no-fail-fast").env(VARIABLE, "1").current_dir(tree.root());
        command.status().context("cannot start cargo")
    };
    Ok(run(&first)?.success() && run(&rest)?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_gone_and_different_goldens_are_changed() {
        let set = |files: &[(&str, &str)]| {
            files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
        };
        let before = set(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let after = set(&[("b", "2"), ("c", "1"), ("d", "1")]);
        assert_eq!(changed(&before, &after), ["a", "b", "d"]);
        assert!(changed(&after, &after).is_empty());
    }
}
