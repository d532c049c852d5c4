//! Golden files: what executions gave when somebody last looked, section by section.
//!
//! With the environment variable `LOCKSTEP_BLESS=1` the files are rewritten instead of compared.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// Sections of `machine.txt`, one for each test that executes something.
const SECTIONS: &[&str] = &[
    "a built block",
    "refused transactions",
    "invalid transactions only",
    "valid later",
    "a gas budget",
    "the limit of the block",
    "halts of a built block",
    "faults of a built block",
    "blocks that do not follow",
    "any offers",
    "a first use that runs out of gas",
    "a revert keeps what was used",
    "addresses of creations",
    "all gas",
    "among others",
    "another length",
    "another state",
    "beside views",
    "bounds before charge",
    "calls by name",
    "calls by name of other accounts",
    "calls of imports",
    "calls with too little gas",
    "code in the state",
    "code in the state under Byzantium",
    "code left behind",
    "code reads",
    "code reads, Byzantium",
    "code that is no module",
    "cold and warm calls",
    "collision in a contract",
    "collisions",
    "collisions read no code",
    "conformance",
    "creations by contracts",
    "deployments",
    "deployments under Byzantium",
    "deposit",
    "empty init code",
    "empty init code under Byzantium",
    "depth across a contract call",
    "depth in two frames",
    "depth of callExport",
    "depth of calls",
    "depth of create",
    "depth of mixed calls",
    "depth under V1",
    "destroyed accounts",
    "destroyed money",
    "edges of validity",
    "effects that stand",
    "empty accounts",
    "estimates",
    "estimates of other kinds",
    "every way of calling pays once",
    "exports that are imports",
    "extreme shapes",
    "failing reads",
    "failing reads of a block",
    "fees",
    "first uses of creations",
    "gas left",
    "a refusal uses the code",
    "an input too long for the callee",
    "memory of a frame that waits",
    "indexers: gas of flushes",
    "indexers: gas of heights",
    "indexers: gas of reads",
    "indexers: gas of views",
    "memory of an answer",
    "memory that a frame holds",
    "the prepayment",
    "gas of a growth",
    "gas of a table that grows",
    "gas of slots",
    "gas of values",
    "gas of a block",
    "gas of a creation",
    "gas of a refusal",
    "gas of bulk operations",
    "gas of calls",
    "gas of certain traps",
    "gas of constant conditions",
    "gas of control",
    "gas of loops",
    "gas of reverts and halts",
    "gas of unreached code",
    "growth and access",
    "growths on a small stack",
    "guests of other Rust releases",
    "host functions at the limit",
    "init code",
    "init code does not flush",
    "invalid deployments",
    "invalid nonces and gas",
    "invalid prices and values",
    "invalid sizes and the order of checks",
    "largest code",
    "limits of logs",
    "long names of exports",
    "indexers: allocators",
    "indexers: block trackers",
    "indexers: blocks of several",
    "indexers: calls",
    "indexers: exits",
    "indexers: failures",
    "indexers: flushes",
    "indexers: halts",
    "indexers: heights",
    "indexers: large values",
    "indexers: memories",
    "indexers: reads",
    "indexers: start functions",
    "indexers: views",
    "memory growth",
    "memory of a transaction",
    "mutual recursion under Byzantium",
    "mutual recursion under V1",
    "nested creation",
    "new pages",
    "no estimates",
    "nonce at its end",
    "nonce of a creator",
    "operands below a growth",
    "operands below parameters",
    "out of gas in every place",
    "pages for the input",
    "place of the address",
    "places of inputs and results",
    "portions of gas",
    "outputs",
    "outputs between frames",
    "outputs of creations",
    "reasons to halt",
    "recreation",
    "recursion",
    "recursion without end",
    "refunds under Byzantium",
    "reverts in three levels",
    "reverts of effects",
    "segments",
    "self-destruction in init code",
    "static creation",
    "tables",
    "tail calls",
    "tail calls of imports",
    "the frame of a transaction",
    "turns of loops",
    "two ABIs of one code",
    "unchecked code",
    "value reads",
    "value stack of frames",
    "values of a table above operands",
    "views",
    "views of accounts and exports",
    "what init code sees",
    "whatever is cached",
];

/// The file is read and written by one test at a time.
static FILE: Mutex<()> = Mutex::new(());

type Sections = BTreeMap<String, Vec<String>>;

/// A section being filled. It is compared when it is dropped.
pub(crate) struct Golden {
    section: &'static str,
    lines: Vec<String>,
}

impl Golden {
    /// The section of that name, empty.
    pub(crate) fn new(section: &'static str) -> Self {
        assert!(SECTIONS.contains(&section), "{section} is not in the list of sections");
        Self { section, lines: Vec::new() }
    }

    /// Adds a line.
    pub(crate) fn note(&mut self, case: &str, what: &str) {
        let line = format!("{case}: {what}");
        let prefix = format!("{case}: ");
        assert!(!self.lines.iter().any(|line| line.starts_with(&prefix)), "{case} twice in {}", self.section);
        self.lines.push(line);
    }
}

impl Drop for Golden {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let lines = core::mem::take(&mut self.lines);
        let _one_at_a_time = FILE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sections = read();
        if is_blessing() {
            sections.retain(|name, _| SECTIONS.contains(&name.as_str()));
            sections.insert(self.section.into(), lines);
            write(&sections);
            return;
        }
        let golden = sections.remove(self.section).unwrap_or_default();
        let different: Vec<_> = (0..golden.len().max(lines.len()))
            .filter(|&row| golden.get(row) != lines.get(row))
            .map(|row| format!("\n  golden {:?}\n  found  {:?}", golden.get(row), lines.get(row)))
            .collect();
        assert!(different.is_empty(), "[{}]{}", self.section, different.concat());
    }
}

/// Compares `text` with the golden file `name`, or rewrites it.
pub(crate) fn check_file(name: &str, text: &str) {
    if is_blessing() {
        fs::write(path(name), text).unwrap();
        return;
    }
    let golden = fs::read_to_string(path(name)).unwrap_or_default();
    let different = golden.lines().zip(text.lines()).find(|(golden, found)| golden != found);
    assert!(golden == text, "{name} differs, first {different:?}");
}

#[expect(clippy::disallowed_methods, reason = "the one switch of the golden files; no result depends on it")]
fn is_blessing() -> bool {
    std::env::var("LOCKSTEP_BLESS").is_ok_and(|value| value == "1")
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn read() -> Sections {
    let text = fs::read_to_string(path("machine.txt")).unwrap_or_default();
    let mut sections = Sections::new();
    let mut current = None;
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) => current = Some(sections.entry(name.into()).or_default()),
            None => current.as_mut().expect("a line before the first section").push(line.into()),
        }
    }
    sections
}

fn write(sections: &Sections) {
    let text: Vec<_> = sections.iter().map(|(name, lines)| format!("[{name}]\n{}\n", lines.join("\n"))).collect();
    fs::write(path("machine.txt"), text.join("\n")).unwrap();
}

#[test]
fn the_file_has_the_sections_of_the_list() {
    if is_blessing() {
        return;
    }
    let _one_at_a_time = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let found: Vec<_> = read().into_keys().collect();
    let mut expected = SECTIONS.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}
