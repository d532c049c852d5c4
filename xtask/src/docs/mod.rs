//! The pages of `docs` that are printed from the tables in the code.
//!
//! A page is a function of the code alone, so a test can compare it with the file.

mod fields;
mod gas_table;
mod host_abi;
mod markdown;

use lockstep_gas::Revision;

/// One generated page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Path from the root of the repository.
    pub path: &'static str,
    /// What the file holds.
    pub text: String,
}

/// Every generated page.
pub fn pages() -> [Page; 2] {
    [
        Page { path: "docs/gas-table.md", text: gas_table::text() },
        Page { path: "docs/host-abi.md", text: host_abi::text() },
    ]
}

/// The revisions that the pages have a column for, with the names of their constants.
const REVISIONS: [(&str, Revision); 2] = [("EWASM_BYZANTIUM", Revision::EWASM_BYZANTIUM), ("V1", Revision::V1)];

/// A table's heads: `first`, a column for each revision, `last`.
fn heads<'a>(first: &[&'a str], last: &[&'a str]) -> Vec<&'a str> {
    let names = REVISIONS.iter().map(|(name, _)| *name);
    first.iter().copied().chain(names).chain(last.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_released_revision_has_a_column() {
        for (released, _) in Revision::RELEASED {
            let printed = REVISIONS.iter().any(|(_, revision)| revision == released);
            assert!(printed, "add revision {} to REVISIONS in xtask/src/docs/mod.rs", released.number);
        }
    }
}
