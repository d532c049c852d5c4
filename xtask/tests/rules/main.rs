//! The rules of the repository that no compiler checks.
//!
//! A rule collects what breaks it and fails with advice. Where a rule reads source text, the reading is a function with
//! a test of its own, so that a rule which no longer sees anything does not pass for one that is kept.

mod circles;
mod crates;
mod engine;
mod generated;
mod links;
mod pages;
mod project;
mod revisions;
mod sources;
mod spec;
mod words;

use xtask::Tree;

/// The repository.
fn tree() -> Tree {
    Tree::of_this_crate()
}

/// Fails with `advice` unless nothing breaks the rule.
#[track_caller]
fn hold(broken_by: &[String], advice: &str) {
    assert!(broken_by.is_empty(), "{advice}\n  {}\n", broken_by.join("\n  "));
}

/// Every Rust source with its text.
fn rust_sources(tree: &Tree) -> Vec<(String, String)> {
    let paths = tree.files().unwrap().into_iter().filter(|path| path.ends_with(".rs"));
    paths.map(|path| (path.clone(), tree.text(&path).unwrap())).collect()
}

/// The numbered lines of Rust text without what follows `//`.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).map(|(number, line)| (number, line.split("//").next().unwrap_or(line)))
}

/// The table at `path` of a TOML file.
fn toml(tree: &Tree, path: &str) -> toml::Table {
    tree.text(path).unwrap().parse().unwrap_or_else(|error| panic!("{path} is not TOML: {error}"))
}
