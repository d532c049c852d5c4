//! From bytes to a module that a contract can have: validation by the Wasm specification with the features of a
//! revision, its limits, the imports and exports of an ABI.
//!
//! [`ValidModule::parse`] is the only way to a [`ValidModule`], so code that holds one need not ask again.
//! [`check`] is the same pass, told not to stop at the first violation. Knows no engine and no state.

mod body;
mod exports;
pub(crate) mod facts;
mod findings;
pub(crate) mod invalid;
pub(crate) mod operators;
mod outline;
mod pass;
mod payloads;
mod reasons;
pub(crate) mod renewal;
mod sections;
mod seen;
mod size;
mod suggest;
mod tail_calls;
pub(crate) mod types;
mod weight;

pub use crate::abi::facts::{AbiFacts, InputArea, PackedFacts};
pub use facts::Import;
pub use findings::FINDINGS_MAX;
pub use invalid::{InvalidCode, InvalidModule};
pub use outline::{function_name, guess_abi, uncallable};
pub use suggest::nearest;
pub use types::{ExternType, FunctionType, GlobalType, MemoryType, TableType, ValType};

use alloy_primitives::Bytes;
use facts::Facts;
use findings::Extent;
use lockstep_gas::{Abi, Revision};
use renewal::Renewal;

/// A module that is valid for an ABI under a revision, and what is known of it.
#[derive(Debug, Clone)]
pub struct ValidModule {
    code: Bytes,
    abi: Abi,
    facts: Facts,
}

impl ValidModule {
    /// Validates `code`.
    ///
    /// Work and memory are linear in the bytes of `code`, and there are at most `code_bytes_max` of them. No input
    /// panics, and nothing recurses on its depth.
    ///
    /// # Errors
    ///
    /// The first violation in the order of the module: the count of a section before its content, the Wasm
    /// specification before our rules, and what can only be known at the end (exports that are missing, the packed
    /// section's names, the input area) last.
    pub fn parse(code: Bytes, abi: Abi, revision: &Revision) -> Result<Self, InvalidModule> {
        let (facts, violations) = pass::run(&code, abi, revision, Extent::First);
        match violations.into_iter().next() {
            Some(invalid) => Err(invalid),
            None => Ok(Self { code, abi, facts }),
        }
    }

    /// The module in the binary format, as it was deployed.
    pub const fn code(&self) -> &Bytes {
        &self.code
    }

    /// The ABI that it is valid for.
    pub const fn abi(&self) -> Abi {
        self.abi
    }

    /// What it imports, in the order of its imports. One function can stand there several times.
    pub fn imports(&self) -> &[Import] {
        &self.facts.imports
    }

    /// Every export with its type, in the order of the names.
    pub fn exports(&self) -> impl Iterator<Item = (&str, &ExternType)> {
        self.facts.exports.iter().map(|(name, export)| (name.as_str(), &export.ty))
    }

    /// The type of the function that is exported as `name`, `None` if there is none.
    pub fn export_type(&self, name: &str) -> Option<&FunctionType> {
        self.facts.function(name)
    }

    /// The name of the export that a deployment runs, `None` if the ABI has none or the module does not export it.
    pub fn constructor(&self) -> Option<&'static str> {
        crate::abi::protocol(self.abi).constructor().filter(|name| self.facts.function(name).is_some())
    }

    /// The memory, exported or not.
    pub const fn memory(&self) -> Option<MemoryType> {
        self.facts.memory
    }

    /// Whether there is a memory.
    pub const fn has_memory(&self) -> bool {
        self.facts.memory.is_some()
    }

    /// Functions and globals of its own, imports, exports, data and element segments: what instantiation goes through.
    pub const fn items(&self) -> u64 {
        self.facts.items
    }

    /// Bytes of its active data segments: what instantiation copies.
    pub const fn data_bytes(&self) -> u64 {
        self.facts.data_bytes
    }

    /// Elements of its table at the start.
    pub const fn table_elements(&self) -> u64 {
        self.facts.table_elements
    }

    /// Values that operators hand over: branches at each of their targets, blocks and calls. An engine may make an
    /// instruction of each.
    pub const fn moved_values(&self) -> u64 {
        self.facts.moved_values
    }

    /// Values that one call of each function keeps: its locals, parameters included, and the greatest height of its operand
    /// stack as validation computes it, in dead code as well. In the order of the bodies.
    pub fn frame_slots(&self) -> &[u32] {
        &self.facts.frame_slots
    }

    /// Bytes of host memory that the module takes once it is compiled, its code included, at most: for the module
    /// cache, not for consensus. Measured with an allocator that counts (`docs/decisions/0014`).
    pub fn compiled_bytes(&self) -> u64 {
        let facts = &self.facts;
        let each = |count: u64, bytes: u64| count.saturating_mul(bytes);
        // An engine and its linker; places for functions, which an engine makes room for in powers of two.
        let functions = (facts.frame_slots.len() as u64).saturating_add(33).next_power_of_two();
        [
            6_144,
            self.code.len() as u64,
            facts.translated_bytes,
            each(functions, 64),
            each(facts.frame_slots.len() as u64, 8),
            each(facts.items, 40),
            each(facts.exports.len() as u64, 192),
            each(facts.imports.len() as u64, 160),
            each(u64::from(facts.types), 160),
            each(facts.renewal.active_data().len() as u64, 24),
            facts.data_bytes,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// Values that one call of the function that needs the most keeps: its locals, parameters included, and its
    /// operands. At most `locals_max + operands_max` of the limits, 0 without functions.
    pub const fn frame_slots_max(&self) -> u32 {
        self.facts.frame_slots_max
    }

    /// What its ABI found out about it.
    pub const fn abi_facts(&self) -> &AbiFacts {
        &self.facts.abi
    }

    /// What makes an instance of it as new, `None` if nothing does.
    pub(crate) fn renewal(&self) -> Option<&Renewal> {
        Some(&self.facts.renewal).filter(|renewal| renewal.is_possible())
    }

    /// What its protocol uses.
    pub(crate) const fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// Every violation of `code` that can be found, at most [`FINDINGS_MAX`]: all limits and rules of imports, exports and
/// operators. What breaks the Wasm specification ends the list, for nothing behind it has a meaning; in the body of a
/// function it ends what is said of that body, but for its forbidden operators. Empty if and only if
/// [`ValidModule::parse`] accepts; otherwise the first is what it refuses with.
///
/// Of one function each forbidden operator and each other kind of violation is named once, at its first place.
pub fn check(code: &[u8], abi: Abi, revision: &Revision) -> Vec<InvalidModule> {
    pass::run(code, abi, revision, Extent::All).1
}
