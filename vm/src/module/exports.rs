//! What exports are held to: the rules of each ABI.
//!
//! `ewasm` (ewasm contract interface): `main` is `()->()` and `memory` a memory, both required; nothing else where the
//! revision says so. `packed`: `main` is `(i64)->(i64)` or `()->()`, a memory is called `memory`, neither is required.

use super::{
    invalid::{InvalidCode, InvalidModule, quoted},
    pass::{Pass, Step},
    types::{ExternType, ValType},
};
use lockstep_gas::Abi;
use wasmparser::{Export, ExportSectionReader, ExternalKind};

/// The export that a plain call runs.
pub(super) const MAIN: &str = "main";

/// The export that the host reads and writes.
const MEMORY: &str = "memory";

impl Pass<'_> {
    pub(super) fn exports(&mut self, section: &ExportSectionReader<'_>) -> Step {
        self.count(section, 0, InvalidCode::TooManyExports, self.rules.limits.exports_max)?;
        self.validator.export_section(section)?;
        self.add_items(section.count());
        for item in section.clone().into_iter_with_offsets() {
            let (offset, export) = item?;
            let Some(ty) = self.type_of(&export) else {
                let detail = format!("export {} of nothing", quoted(export.name));
                return Err(InvalidModule::rule(InvalidCode::Malformed, offset, detail));
            };
            match self.rules.abi {
                _ if self.is_linked() => {}
                Abi::Ewasm => self.ewasm_export(offset, export.name, &ty)?,
                Abi::Packed => self.packed_export(offset, &export, &ty)?,
            }
            self.facts.exports.insert(export.name.to_owned(), ty);
        }
        Ok(())
    }

    fn type_of(&self, export: &Export<'_>) -> Option<ExternType> {
        let index = usize::try_from(export.index).ok()?;
        match export.kind {
            ExternalKind::Func => self.spaces.function(export.index).cloned().map(ExternType::Function),
            ExternalKind::Table => self.spaces.tables.get(index).copied().map(ExternType::Table),
            ExternalKind::Memory => self.spaces.memories.get(index).copied().map(ExternType::Memory),
            ExternalKind::Global => self.spaces.globals.get(index).map(|global| ExternType::Global(global.ty)),
            ExternalKind::Tag => None,
        }
    }

    fn ewasm_export(&mut self, offset: usize, name: &str, ty: &ExternType) -> Step {
        match (name, ty) {
            (MAIN, ExternType::Function(function)) if function.is(&[], &[]) => Ok(()),
            (MAIN, _) => self.mismatch(offset, name, ty, "a function ()->()"),
            (MEMORY, ExternType::Memory(_)) => Ok(()),
            (MEMORY, _) => self.mismatch(offset, name, ty, "a memory"),
            _ if self.rules.revision.rules.exact_exports => {
                let detail = format!("{}, where only `{MAIN}` and `{MEMORY}` are", quoted(name));
                self.findings.report(InvalidModule::rule(InvalidCode::ExtraExport, offset, detail))
            }
            _ => Ok(()),
        }
    }

    fn packed_export(&mut self, offset: usize, export: &Export<'_>, ty: &ExternType) -> Step {
        match (export.name, ty) {
            (MAIN, ExternType::Function(function))
                if function.is(&[], &[]) || function.is(&[ValType::I64], &[ValType::I64]) =>
            {
                Ok(())
            }
            (MAIN, _) => self.mismatch(offset, MAIN, ty, "a function (i64)->(i64) or ()->()"),
            (MEMORY, ExternType::Memory(_)) => Ok(()),
            (MEMORY, _) => self.mismatch(offset, MEMORY, ty, "a memory"),
            (name, ExternType::Memory(_)) => {
                let detail = format!("{}: a memory is exported as `{MEMORY}`", quoted(name));
                self.findings.report(InvalidModule::rule(InvalidCode::ExtraExport, offset, detail))
            }
            _ => self.input_area_export(offset, export, ty),
        }
    }

    fn mismatch(&mut self, offset: usize, name: &str, ty: &ExternType, expected: &str) -> Step {
        let detail = format!("`{name}` is a {} {ty}, expected {expected}", ty.kind());
        self.findings.report(InvalidModule::rule(InvalidCode::ExportTypeMismatch, offset, detail))
    }

    /// After the last section: the exports that must be there.
    pub(super) fn required_exports(&mut self) -> Step {
        let required: &[&str] = match self.rules.abi {
            Abi::Ewasm => &[MAIN, MEMORY],
            Abi::Packed => &[],
        };
        for name in required {
            if !self.facts.exports.contains_key(*name) {
                self.findings.report(InvalidModule::missing(InvalidCode::MissingExport, quoted(name)))?;
            }
        }
        Ok(())
    }
}
