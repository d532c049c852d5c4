//! The rules of `docs/spec.md` that name their tests: each test is there.

use super::{hold, rust_sources, tree};

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
