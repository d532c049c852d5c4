//! `docs/spec.md`: the tests that its rules name are there, and so are the limits.

use super::{hold, rust_sources, tree};
use std::collections::BTreeSet;

/// The names between backticks behind `Test:` or `Tests:`, up to the end of the sentence.
fn named_tests(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in text.split("Test").skip(1) {
        let Some(list) = part.strip_prefix("s:").or_else(|| part.strip_prefix(':')) else { continue };
        let list = list.split('.').next().unwrap_or_default();
        names.extend(list.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    names
}

#[test]
fn tests_are_found_in_the_text() {
    let text = "One. Test: `a_b`. Two (Tests: no). Tests:\n  `c`,\n  `d_e`. `not_one`.\n";
    assert_eq!(named_tests(text), ["a_b", "c", "d_e"]);
}

#[test]
fn the_tests_that_the_spec_names_exist() {
    let tree = tree();
    let sources = rust_sources(&tree);
    let named = named_tests(&tree.text("docs/spec.md").unwrap());
    assert!(named.len() >= 20, "{}", named.len());
    let is_missing = |name: &&String| !sources.iter().any(|(_, text)| text.contains(&format!("fn {name}()")));
    let missing: Vec<String> = named.iter().filter(is_missing).cloned().collect();
    hold(&missing, "docs/spec.md names tests that are not there");
}

/// The names with an underscore between backticks.
fn quoted_names(text: &str) -> BTreeSet<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_name = |name: &&str| {
        name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    quoted.filter(is_name).collect()
}

#[test]
fn names_are_found_in_the_text() {
    let text = "`a_b` and `c`, `D_E`, `f_1 g`, `_h`";
    assert_eq!(quoted_names(text).into_iter().collect::<Vec<_>>(), ["_h", "a_b"]);
}

/// A limit or a price that the specification names and the tables do not is a rule without a number.
#[test]
fn the_names_of_the_spec_are_those_of_the_code() {
    let tree = tree();
    let words: BTreeSet<String> = rust_sources(&tree)
        .iter()
        .flat_map(|(_, text)| {
            text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let text = tree.text("docs/spec.md").unwrap();
    let tables = tree.text("docs/gas-table.md").unwrap();
    let names = quoted_names(&text);
    assert!(names.len() > 60, "{}", names.len());
    let has_row = |name: &str| tables.contains(&format!("| `{name}` |"));
    let is_limit = |name: &str| name.ends_with("_max") || name.ends_with("_min");
    let missing = names.into_iter().filter(|name| !words.contains(*name) || is_limit(name) && !has_row(name));
    let missing: Vec<String> = missing.map(str::to_owned).collect();
    hold(&missing, "docs/spec.md has a name that neither the code nor gas-table.md has: use the name of the table");
}
