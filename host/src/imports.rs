//! The tables of imports: which rows contracts of an ABI can have, from which linking, import checks, prices and
//! `docs/host-abi.md` derive. Of the rows of an ABI a revision offers those that it has a price for.

use crate::{
    crypto::imports::{IMPORTS as CRYPTO, LATER as CRYPTO_LATER},
    dela, ewasm,
    import::HostImport,
    json, lockstep,
    metashrew::imports::{DEPLOYED, DOCUMENTED, IMPORTS as METASHREW},
    packed, suave, wasi,
};
use lockstep_gas::{Abi, HostFunctionSet, Revision};

/// The imports that contracts of one ABI can have under one revision.
#[derive(Debug, Clone, Copy)]
pub struct ImportTable {
    parts: &'static [&'static [HostImport]],
    offered: HostFunctionSet,
    unknown: UnknownImport,
}

/// What becomes of an import without a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownImport {
    /// The module is refused.
    Refused,
    /// A function is there that halts when it is called; anything else is refused.
    Halts,
    /// It is a matter of other modules, which it is linked with.
    Linked,
}

impl ImportTable {
    /// The table of `abi` under `revision`.
    pub const fn of(abi: Abi, revision: &Revision) -> Self {
        let (parts, unknown): (&[&[HostImport]], _) = match (abi, revision.rules.extensions) {
            //= spec 5.1.1
            (Abi::Ewasm | Abi::Packed, false) => (&[ewasm::IMPORTS], UnknownImport::Refused),
            (Abi::Ewasm | Abi::Packed, true) => {
                (&[ewasm::IMPORTS, packed::call::IMPORTS, CRYPTO, CRYPTO_LATER], UnknownImport::Refused)
            }
            //= spec 11.1.2
            (Abi::Wasi, _) => {
                (&[wasi::IMPORTS, lockstep::IMPORTS, suave::IMPORTS, CRYPTO, CRYPTO_LATER], UnknownImport::Refused)
            }
            (Abi::Json, _) => (&[json::IMPORTS, wasi::IMPORTS, CRYPTO, CRYPTO_LATER], UnknownImport::Refused),
            //= spec 10.4.2
            (Abi::Dela, _) => (&[dela::IMPORTS, dela::SYSTEM_CALLS, wasi::IMPORTS, CRYPTO], UnknownImport::Halts),
            //= spec 13.3
            (Abi::Metashrew, _) => (&[METASHREW, DEPLOYED, CRYPTO], UnknownImport::Halts),
            //= spec 13.3
            (Abi::MetashrewDocumented, _) => (&[METASHREW, DOCUMENTED, CRYPTO], UnknownImport::Halts),
            (Abi::Linked, _) => (&[], UnknownImport::Linked),
        };
        Self { parts, offered: revision.schedule.offered(), unknown }
    }

    /// Every row that the revision offers.
    //= spec 5.1.1
    pub fn rows(&self) -> impl Iterator<Item = &'static HostImport> {
        self.parts.iter().copied().flatten().filter(|row| self.offered.contains(row.function))
    }

    /// The rows that an import `module.name` can mean: several if there is one name for several types.
    pub fn find(&self, module: &str, name: &str) -> impl Iterator<Item = &'static HostImport> {
        self.rows().filter(move |row| row.module == module && row.name == name)
    }

    /// Whether there are rows for the import `module.name` of which the revision offers none.
    pub fn has_unoffered(&self, module: &str, name: &str) -> bool {
        let mut rows = self.parts.iter().copied().flatten();
        rows.any(|row| row.module == module && row.name == name) && self.find(module, name).next().is_none()
    }

    /// What becomes of an import without a row.
    pub const fn unknown(&self) -> UnknownImport {
        self.unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_gas::{HostFunction, HostPrice};
    use std::collections::BTreeSet;

    #[test]
    fn every_priced_function_stands_in_a_table_or_is_a_step_of_a_protocol() {
        const STEPS: [HostFunction; 1] = [HostFunction::ReadReply];
        let tables = Abi::CONTRACTS.iter().map(|&abi| ImportTable::of(abi, &Revision::V1));
        let rows = tables.flat_map(|table| table.rows().collect::<Vec<_>>());
        let functions: BTreeSet<_> = rows.map(|row| row.function).chain(STEPS).collect();
        let offered = Revision::V1.schedule.offered();
        let priced: BTreeSet<_> = HostFunction::ALL.iter().copied().filter(|&it| offered.contains(it)).collect();
        assert_eq!(functions, priced);
    }

    /// What `V1` may not know, a later revision offers by a price alone. An ABI whose unknown imports halt keeps the rows
    /// that it had, for its contracts could import the new names before.
    //= spec 5.1.1 test
    #[test]
    fn a_price_offers_a_row_where_unknown_imports_are_refused() {
        let mut everything = Revision::V1;
        for &function in HostFunction::ALL.iter().filter(|&&it| !Revision::V1.schedule.offered().contains(it)) {
            everything.schedule.set_host(function, Some(HostPrice::default()));
        }
        for &abi in Abi::CONTRACTS {
            let rows = |revision| ImportTable::of(abi, revision).rows().count();
            let (before, after) = (rows(&Revision::V1), rows(&everything));
            let grows = ImportTable::of(abi, &Revision::V1).unknown() == UnknownImport::Refused;
            assert_eq!(before < after, grows, "{abi}: {before} rows, then {after}");
        }
    }

    #[test]
    fn no_table_has_one_name_with_one_type_twice() {
        for &abi in Abi::CONTRACTS {
            let mut seen = Vec::new();
            for row in ImportTable::of(abi, &Revision::V1).rows() {
                let import = (row.module, row.name, row.signature);
                assert!(!seen.contains(&import), "{abi}: {import:?}");
                seen.push(import);
            }
        }
    }

    #[test]
    fn byzantium_keeps_to_the_33_functions() {
        let table = ImportTable::of(Abi::Ewasm, &Revision::EWASM_BYZANTIUM);
        assert_eq!(table.rows().count(), 33);
        assert!(table.rows().all(|row| row.module == "ethereum"));
        assert!(table.find("ethereum", "getBalance").next().is_none());
        assert!(table.find("debug", "print32").next().is_none());
    }
}
