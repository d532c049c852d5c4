//! A revision is a value: code reads its fields and does not ask which one it is, so that the next one is a patch.

use crate::{code_lines, hold, rust_sources, tree};

/// Sources that execute or verify blocks. Where a chain is made, in `chain`, `cli`, `rpc` and `node`, revisions have names.
const BELOW: [&str; 6] = ["gas/src/", "host/src/", "vm/src/", "reference/src/", "store/src/", "proof/src/"];

/// Where the revisions are defined.
const DEFINED: &str = "gas/src/revision.rs";

/// The constants.
const NAMES: [&str; 4] = ["Revision::V1", "Revision::EWASM_BYZANTIUM", "Revision::SPEC", "Revision::RELEASED"];

/// The numbers of the lines before the tests of a file in which it asks.
fn asking(text: &str) -> Vec<usize> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let compares = |line: &str| {
        let number = line.split_once("revision").and_then(|(_, rest)| rest.split_once(".number"));
        number.is_some_and(|(_, rest)| ["==", "!=", "<", ">"].iter().any(|sign| rest.trim_start().starts_with(sign)))
    };
    let asks = |line: &str| NAMES.iter().any(|name| line.contains(name)) || compares(line);
    code_lines(code).filter(|(_, line)| asks(line)).map(|(number, _)| number).collect()
}

#[test]
fn no_code_asks_which_revision_it_is() {
    let sources = rust_sources(&tree());
    let sources = sources.iter().filter(|(path, _)| BELOW.iter().any(|below| path.starts_with(below)));
    let sources = sources.filter(|(path, _)| path != DEFINED && !path.ends_with("/tests.rs"));
    let broken_by: Vec<String> =
        sources.flat_map(|(path, text)| asking(text).into_iter().map(move |line| format!("{path}:{line}"))).collect();
    hold(&broken_by, "What differs between two revisions is a field of `Revision`: add one and read it.");
}

#[test]
fn code_that_asks_is_found() {
    for (text, lines) in [
        ("if revision.number == 2 {\n", vec![1]),
        ("\nif vm.revision().number >= 2 {}", vec![2]),
        ("if *revision == Revision::V1 {}", vec![1]),
        ("// Revision::V1\nformat!(\"revision {}\", revision.number)", vec![]),
        ("#[cfg(test)]\nmod tests { use Revision::V1; }", vec![]),
    ] {
        assert_eq!(asking(text), lines, "{text}");
    }
}
