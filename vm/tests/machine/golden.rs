//! Golden files: what executions came to when somebody last looked, one line a case in `tests/golden/machine.txt`, in sections.

use crate::golden_sections::GoldenSections;
use std::sync::Mutex;

static FILE: GoldenSections = GoldenSections {
    path: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/machine.txt"),
    header: "",
    // One for each test that executes something.
    names: &[
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
        "with any cache",
    ],
    one_at_a_time: Mutex::new(()),
};

/// A section being filled. It is compared when it is dropped.
pub(crate) struct Golden {
    section: &'static str,
    lines: Vec<String>,
}

impl Golden {
    /// The section of that name, empty.
    pub(crate) fn new(section: &'static str) -> Self {
        assert!(FILE.names.contains(&section), "{section} is not in the list of sections");
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
        FILE.settle(self.section, core::mem::take(&mut self.lines));
    }
}

#[test]
fn the_file_has_the_sections_of_the_list() {
    FILE.check_names();
}
