//! The gas of `V1`: one line a case in `tests/golden/host_functions.txt`, in sections.
//!
//! `LOCKSTEP_BLESS=1 cargo test -p lockstep-vm --test host_functions` writes the file anew; without it a difference
//! fails.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Mutex, PoisonError},
};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/host_functions.txt");

const HEADER: &str =
    "Gas used under V1, by the tests of tests/host_functions. Written by LOCKSTEP_BLESS=1; do not edit.";

/// Every section, so that one that no test writes any more cannot stay behind.
const SECTIONS: &[&str] = &[
    "calculator",
    "call",
    "copies",
    "create",
    "create_ends",
    "crypto",
    "depth",
    "ends",
    "engine",
    "engine: tail calls",
    "environment",
    "export_ends",
    "export_order",
    "export_places",
    "export_values",
    "frame_kinds",
    "logs",
    "out_of_gas",
    "pointers",
    "precompiled_modules",
    "precompiles",
    "precompiles_by_name",
    "precompiles_code",
    "precompiles_return_data",
    "precompiles_reverted",
    "precompiles_straight",
    "precompiles_value",
    "refunds",
    "return_data",
    "self_destruct",
    "static_mode",
    "storage",
    "storage: long values",
];

/// Tests run at one time; each writes its own section.
static FILE: Mutex<()> = Mutex::new(());

type Sections = BTreeMap<String, Vec<String>>;

fn read() -> Sections {
    let mut sections = Sections::new();
    let mut name = String::new();
    for line in fs::read_to_string(PATH).unwrap_or_default().lines().skip(1) {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name = header.into();
            sections.insert(name.clone(), Vec::new());
        } else if let Some(lines) = sections.get_mut(&name)
            && !line.is_empty()
        {
            lines.push(line.into());
        }
    }
    sections
}

fn write(sections: &Sections) {
    let section = |(name, lines): (&String, &Vec<String>)| format!("\n[{name}]\n{}\n", lines.join("\n"));
    let text: String = sections.iter().map(section).collect();
    fs::write(PATH, format!("{HEADER}\n{text}")).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "the one switch of the golden files; nothing that is tested reads it")]
fn blessing() -> bool {
    std::env::var("LOCKSTEP_BLESS").is_ok_and(|value| value == "1")
}

/// Compares a section with the file, or puts it there.
pub(crate) fn settle(name: &str, lines: Vec<String>) {
    assert!(SECTIONS.contains(&name), "section {name} is not in the list");
    let _guard = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut sections = read();
    if blessing() {
        sections.retain(|name, _| SECTIONS.contains(&name.as_str()));
        sections.insert(name.into(), lines);
        write(&sections);
        return;
    }
    let golden = sections.remove(name).unwrap_or_default();
    let show = |these: &[String], those: &[String], sign| {
        let news = these.iter().filter(|line| !those.contains(line));
        news.map(|line| format!("  {sign} {line}\n")).collect::<String>()
    };
    let difference = show(&golden, &lines, '-') + &show(&lines, &golden, '+');
    assert!(golden == lines, "[{name}] differs from {PATH} (LOCKSTEP_BLESS=1 rewrites it):\n{difference}");
}

#[test]
fn the_file_has_the_sections_of_the_list() {
    if !blessing() {
        let _guard = FILE.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(read().into_keys().collect::<Vec<_>>(), SECTIONS);
    }
}
