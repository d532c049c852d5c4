//! The tables of imports: which rows contracts of an ABI can have, from which linking, import checks, prices and
//! `docs/host-abi.md` derive.

use crate::{crypto_imports, ewasm, import::HostImport, packed_call};
use lockstep_gas::{Abi, Revision};

/// The imports that contracts of one ABI can have under one revision.
#[derive(Debug, Clone, Copy)]
pub struct ImportTable {
    parts: [&'static [HostImport]; 3],
}

impl ImportTable {
    /// The table of `abi` under `revision`.
    pub const fn of(abi: Abi, revision: &Revision) -> Self {
        match (abi, revision.rules.extensions) {
            (Abi::Ewasm | Abi::Packed, false) => Self { parts: [ewasm::IMPORTS, &[], &[]] },
            (Abi::Ewasm | Abi::Packed, true) => {
                Self { parts: [ewasm::IMPORTS, packed_call::IMPORTS, crypto_imports::IMPORTS] }
            }
        }
    }

    /// Every row.
    pub fn rows(&self) -> impl Iterator<Item = &'static HostImport> {
        self.parts.into_iter().flatten()
    }

    /// The row that an import `module.name` means.
    pub fn find(&self, module: &str, name: &str) -> Option<&'static HostImport> {
        self.rows().find(|row| row.module == module && row.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_gas::HostFunction;
    use std::collections::BTreeSet;

    #[test]
    fn every_priced_function_stands_in_the_table_once() {
        let table = ImportTable::of(Abi::Ewasm, &Revision::V1);
        let functions: BTreeSet<_> = table.rows().map(|row| row.function).collect();
        let names: BTreeSet<_> = table.rows().map(|row| (row.module, row.name)).collect();
        assert_eq!(functions.len(), HostFunction::ALL.len());
        assert_eq!(names.len(), HostFunction::ALL.len());
        assert_eq!(table.rows().count(), HostFunction::ALL.len());
    }

    #[test]
    fn byzantium_keeps_to_the_33_functions() {
        let table = ImportTable::of(Abi::Ewasm, &Revision::EWASM_BYZANTIUM);
        assert_eq!(table.rows().count(), 33);
        assert!(table.rows().all(|row| row.module == "ethereum"));
        assert!(table.find("ethereum", "getBalance").is_none());
        assert!(table.find("debug", "print32").is_none());
    }
}
