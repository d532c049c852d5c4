//! Rules about pages: names of tests, decisions, the change log. Links are in `links.rs`.

use crate::{hold, rust_sources, tree};

/// The paths and the names of tests between backquotes behind the word "Guarded" of a paragraph.
fn guards(text: &str) -> (Vec<&str>, Vec<&str>) {
    let guards = text.split("\n\n").filter_map(|paragraph| paragraph.split_once("Guarded").map(|(_, guards)| guards));
    let quoted = guards.flat_map(|guards| guards.split('`').skip(1).step_by(2));
    let (paths, names): (Vec<&str>, Vec<&str>) = quoted.partition(|name| name.contains(['/', '.']));
    (paths, names.into_iter().filter(|name| name.contains('_')).collect())
}

#[test]
fn the_guards_of_invariants_exist() {
    let tree = tree();
    let text = tree.text("ARCHITECTURE.md").unwrap();
    let sources = rust_sources(&tree);
    let (paths, names) = guards(&text);
    assert!(names.contains(&"a_released_revision_keeps_its_digest"), "no guard was read from ARCHITECTURE.md");
    let lost_paths = paths.into_iter().filter(|path| !tree.has(path));
    let lost_names = names.into_iter().filter(|name| {
        let head = format!("fn {name}()");
        !sources.iter().any(|(_, source)| source.contains(&head))
    });
    let broken_by: Vec<String> = lost_paths.chain(lost_names).map(str::to_owned).collect();
    hold(
        &broken_by,
        "ARCHITECTURE.md names a test that guards an invariant, and it is not there. Restore or rename it.",
    );
}

/// The rows of a page's tables, each as its cells; without heads and rulers.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| class "));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What is between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn each_incident_has_a_test_or_a_reason() {
    let tree = tree();
    let text = tree.text("docs/incidents.md").unwrap();
    let sources = rust_sources(&tree);
    let exists = |name: &str| {
        let head = format!("fn {name}()");
        tree.has(&format!("fuzz/src/{name}.rs")) || sources.iter().any(|(_, source)| source.contains(&head))
    };
    let rows = rows(&text);
    assert!(rows.len() > 40, "only {} rows were read from docs/incidents.md", rows.len());
    let mut broken_by = Vec::new();
    for row in rows {
        let [class, _, test] = row.as_slice() else { panic!("not three cells: {row:?}") };
        let names: Vec<&str> = quoted(test).filter(|name| name.contains('_')).collect();
        if names.is_empty() && !test.contains("none: ") && quoted(test).next().is_none() {
            broken_by.push(format!("{class}: neither a test nor a reason"));
        }
        broken_by.extend(names.into_iter().filter(|name| !exists(name)).map(|name| format!("{class}: {name}")));
    }
    hold(
        &broken_by,
        "docs/incidents.md names a test that is not there. Restore it, or name the one that took its place.",
    );
}

#[test]
fn rows_of_tables_are_found() {
    let text = "| class | published | test here |\n|---|---|---|\n| A b | `x` | `one_test`, `two` |\ntext";
    assert_eq!(rows(text), [["A b", "`x`", "`one_test`, `two`"]]);
    assert_eq!(quoted("`one_test`, `two`").collect::<Vec<_>>(), ["one_test", "two"]);
}

#[test]
fn decisions_are_numbered_and_complete() {
    let tree = tree();
    let decisions = tree.files_in("docs/decisions", "md").unwrap();
    let mut broken_by = Vec::new();
    for (number, path) in (1..).zip(&decisions) {
        if !path.starts_with(&format!("docs/decisions/{number:04}-")) {
            broken_by.push(format!("{path}: number {number:04} expected"));
        }
        let text = tree.text(path).unwrap();
        if !text.starts_with(&format!("# {number}. ")) {
            broken_by.push(format!("{path}: its heading does not begin with `# {number}. `"));
        }
        let missing = ["## Context", "## Decision", "## Consequences"];
        let missing = missing.into_iter().filter(|heading| !text.contains(&format!("\n{heading}\n")));
        broken_by.extend(missing.map(|heading| format!("{path}: no {heading}")));
    }
    hold(&broken_by, "Decisions are numbered without gaps and say context, decision and consequences.");
}

#[test]
fn the_change_log_tells_consensus_apart() {
    let text = tree().text("CHANGELOG.md").unwrap();
    let unreleased = text.split("\n## ").find(|section| section.starts_with("[Unreleased]"));
    let unreleased = unreleased.expect("CHANGELOG.md has a section [Unreleased]");
    assert!(
        unreleased.contains("\n### **Consensus**\n"),
        "CHANGELOG.md: give [Unreleased] a section `### **Consensus**`; an entry there needs a new revision"
    );
}
