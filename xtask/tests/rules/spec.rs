//! `docs/spec.md`: each of its rules has a number, code and a test, and the names in it are those of the code.

use super::{hold, rust_sources, tree};
use std::collections::BTreeSet;
use xtask::citations::{Page, Tie, citations};

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

#[test]
fn every_rule_has_a_number_code_and_a_test() {
    let tie = Tie::of(&tree()).unwrap();
    hold(&tie.faults, "A number of docs/spec.md, or a citation of one, is wrong.");
    for (test, what) in [(false, "code that implements it"), (true, "a test that proves it")] {
        let loose: Vec<String> = tie.without(test).map(|rule| format!("[{}] {}", rule.number, rule.text)).collect();
        let mark = if test { "//= spec NUMBER test" } else { "//= spec NUMBER" };
        hold(&loose, &format!("A rule of docs/spec.md has not {what}. Write `{mark}` above it."));
    }
    assert_eq!(tie.untied, [0; 0], "sections of docs/spec.md whose rules have no numbers");
}

/// The numbers of a page and its faults, without the name of the page.
fn numbers(text: &str) -> (Vec<String>, Vec<String>) {
    let page = Page::parse(text);
    let rules = page.rules.iter().map(|rule| format!("{} {}: {}", rule.number, rule.line, rule.text));
    let faults = page.faults.iter().map(|fault| fault.trim_start_matches("docs/spec.md:").to_owned());
    (rules.collect(), faults.collect())
}

#[test]
fn numbers_are_found_on_the_page() {
    let text = "head\n\n## 1. One\n\n[1.1] A rule\nin two lines. [1.2] Another, `[1.9]` and [1.8](x).\n\n\
                As follows:\n\n* [1.3] An item.\n  * [1.4] One below,\n    in two lines.\n\n1. [1.5] A step.\n\n\
                ```\n[1.7]\n```\n\n| a | b |\n|---|---|\n| [1.6] c | d |\n\n## 2. Two\n\n### 2.1 A part\n\n\
                [2.1.1] Its rule.\n\n### No number\n\n[2.1.2] Withdrawn.\n\n## 3. None\n\nText [3].\n";
    let (rules, faults) = numbers(text);
    assert_eq!(
        rules,
        [
            "1.1 5: A rule in two lines.",
            "1.2 6: Another, `[1.9]` and [1.8](x).",
            "1.3 10: An item.",
            "1.4 11: One below, in two lines.",
            "1.5 14: A step.",
            "1.6 22: c | d",
            "2.1.1 28: Its rule.",
            "2.1.2 32: Withdrawn.",
        ]
    );
    assert_eq!(faults, [""; 0]);
    let page = Page::parse(text);
    assert_eq!(page.chapters, [1, 2, 3]);
    assert_eq!(page.rules.iter().filter(|rule| rule.is_withdrawn()).count(), 1);
}

#[test]
fn wrong_numbers_on_the_page_are_found() {
    for (text, fault) in [
        ("## 1. A\n[1.1] A. [1.1] B.", "2: [1.1] is there twice"),
        ("## 1. A\n[1.1] A. [1.3] B.", "2: [1.3] is there and [1.2] is not"),
        ("## 1. A\n[2.1] A.", "2: [2.1] is in another section"),
        ("## 1. A\n### 1.1 B\n[1.1] A.", "3: [1.1] is in another section"),
        ("## 1. A\n[1.1] A.\n\nB.", "4: no number, and chapter 1 has numbers"),
        ("## 1. A\n[1.1] A.\n\nB. [1.2] C.", "4: no number, and chapter 1 has numbers"),
        ("## 1. A\n[1.1] A:\n\n* b", "4: no number, and chapter 1 has numbers"),
        ("## 1. A\n[1.1] A.\n\n| a |\n|---|\n| b |", "6: no number, and chapter 1 has numbers"),
    ] {
        assert_eq!(numbers(text).1, [fault], "{text}");
    }
}

#[test]
fn citations_are_found_in_sources() {
    let text = "//= spec 1.1, 1.2\nfn f() {\n    //= spec 2.1.3\n    arm => 1,\n}\n#[cfg(test)]\nmod tests {\n    \
                //= spec 1.1 test\n    /// Doc.\n    #[test]\n    fn t() {\n        //= spec 1.2, 1.3 test\n        (1, 2),\n";
    let (found, faults) = citations("vm/src/a.rs", text);
    let found: Vec<String> =
        found.iter().map(|cited| format!("{} {} {}", cited.place, cited.number, cited.by_test)).collect();
    assert_eq!(
        found,
        [
            "vm/src/a.rs:1 1.1 false",
            "vm/src/a.rs:1 1.2 false",
            "vm/src/a.rs:3 2.1.3 false",
            "vm/src/a.rs:8 1.1 true",
            "vm/src/a.rs:12 1.2 true",
            "vm/src/a.rs:12 1.3 true",
        ]
    );
    assert_eq!(faults, [""; 0]);
}

#[test]
fn wrong_citations_are_found() {
    for (path, text) in [
        ("vm/src/a.rs", "//= spec\nfn f() {}"),
        ("vm/src/a.rs", "//= spec 1.1,1.2\nfn f() {}"),
        ("vm/src/a.rs", "//= spec 1.01\nfn f() {}"),
        ("vm/src/a.rs", "//= spec 1.1 tests\n#[test]\nfn f() {}"),
        ("vm/src/a.rs", "//= specs 1.1\nfn f() {}"),
        ("cli/src/a.rs", "//= spec 1.1\nfn f() {}"),
        ("vm/tests/a.rs", "//= spec 1.1\n#[test]\nfn f() {}"),
        ("vm/src/a.rs", "#[cfg(test)]\nmod tests {\n//= spec 1.1\nfn f() {}"),
        ("vm/tests/a.rs", "//= spec 1.1 test\nfn f() {}"),
        ("vm/tests/a.rs", "//= spec 1.1 test\n/// Doc.\npub(crate) fn f() {}"),
        ("vm/tests/a.rs", "//= spec 1.1 test\n\n#[test]\nfn f() {}"),
    ] {
        let (_, faults) = citations(path, text);
        assert_eq!(faults.len(), 1, "{text}: {faults:?}");
    }
}

#[test]
fn loose_ends_are_found() {
    let page = "## 1. A\n[1.1] A. [1.2] B. [1.3] C. [1.4] Withdrawn.\n\n## 2. B\n\nText.";
    let code = "//= spec 1.1, 1.2, 1.5\nfn f() {}\n";
    let test = "//= spec 1.2, 1.3, 1.4 test\n#[test]\nfn f() {}\n";
    let tie = Tie::between(page, [("vm/src/a.rs", code), ("vm/tests/a.rs", test)]);
    let names = |test| tie.without(test).map(|rule| rule.number.to_string()).collect::<Vec<_>>();
    assert_eq!(names(false), ["1.3"]);
    assert_eq!(names(true), ["1.1"]);
    assert_eq!(
        tie.faults,
        ["vm/src/a.rs:1: docs/spec.md has no rule 1.5", "vm/tests/a.rs:1: docs/spec.md has no rule 1.4"]
    );
    assert_eq!(tie.untied, [2]);
    let places = tie.citations_of(&tie.rules[1].number).map(|cited| cited.place.as_str());
    assert_eq!(places.collect::<Vec<_>>(), ["vm/src/a.rs:1", "vm/tests/a.rs:1"]);
}
