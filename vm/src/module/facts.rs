//! What is known of a module after the pass over it.

use super::{
    renewal::Renewal,
    types::{ExternType, FunctionType, MemoryType},
};
use crate::abi::facts::AbiFacts;
use lockstep_gas::HostFunction;
use lockstep_host::HostImport;
use std::collections::BTreeMap;

/// A function that a module imports.
#[derive(Debug, Clone)]
pub enum Import {
    /// The host has it.
    Host(&'static HostImport),
    /// The host does not have it, and the ABI admits the module: calling it halts.
    Unknown {
        /// Module of the import.
        module: String,
        /// Name of the import.
        name: String,
        /// Its type.
        ty: FunctionType,
    },
}

impl Import {
    /// Module and name.
    pub fn name(&self) -> (&str, &str) {
        match self {
            Self::Host(row) => (row.module, row.name),
            Self::Unknown { module, name, .. } => (module, name),
        }
    }

    /// Whether it charges for a tick and does nothing else. Production makes no call of one (`docs/decisions/0041`).
    pub(crate) fn is_tick(&self) -> bool {
        matches!(self, Self::Host(row) if row.function == HostFunction::GasTick)
    }

    /// The type.
    pub fn ty(&self) -> FunctionType {
        match self {
            Self::Host(row) => FunctionType::of_host(row.parameters(), row.result()),
            Self::Unknown { ty, .. } => ty.clone(),
        }
    }
}

/// Something that a module exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) ty: ExternType,
    /// The place of the export, in bytes from the start of the module.
    pub(crate) offset: usize,
    /// The value of a global whose initializer is one `i32.const`.
    pub(crate) constant: Option<i32>,
}

/// A custom section that the ABI reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) name: String,
    /// Where the content starts, in bytes from the start of the module.
    pub(crate) offset: usize,
    pub(crate) content: Vec<u8>,
}

/// What is known of a module after the pass over it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// In the order of the imports. One function can stand here several times.
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: BTreeMap<String, Export>,
    /// The sections that the ABI reads, the first of each name.
    pub(crate) sections: Vec<Section>,
    pub(crate) memory: Option<MemoryType>,
    /// Whether it has a start function.
    pub(crate) has_start: bool,
    /// Functions, globals, imports, exports, data and element segments.
    pub(crate) items: u64,
    /// Bytes of active data segments.
    pub(crate) data_bytes: u64,
    /// Elements of all tables at the start.
    pub(crate) table_elements: u64,
    /// Locals and operands of each function, and of the one that has the most.
    pub(crate) frame_slots: Vec<u32>,
    pub(crate) frame_slots_max: u32,
    /// Values that operators hand over: what compiled code can be much larger by than the Wasm.
    pub(crate) moved_values: u64,
    pub(crate) types: u32,
    /// Bytes that an engine keeps of bodies and constant expressions.
    pub(crate) translated_bytes: u64,
    /// What makes an instance as new.
    pub(crate) renewal: Renewal,
    /// What the ABI found out.
    pub(crate) abi: AbiFacts,
}

impl Facts {
    /// The type of the function that is exported as `name`, `None` if there is none.
    pub(crate) fn function(&self, name: &str) -> Option<&FunctionType> {
        match self.exports.get(name).map(|export| &export.ty) {
            Some(ExternType::Function(function)) => Some(function),
            _ => None,
        }
    }

    /// The section `name`, of those that the ABI reads.
    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }
}
