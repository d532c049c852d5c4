//! Exports and custom sections: what they are; what they may be is for the ABI's protocol to say.

use super::{
    facts::{self, Section},
    invalid::{InvalidCode, InvalidModule, quoted},
    pass::{Pass, Step},
    types::ExternType,
};
use wasmparser::{CustomSectionReader, Export, ExportSectionReader, ExternalKind};

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
            if let Err(unfit) = self.rules.protocol.export(export.name, &ty, &self.rules.revision.rules) {
                self.findings.report(InvalidModule::rule(unfit.code, offset, unfit.detail))?;
            }
            let constant = self.constant_of(&export);
            self.facts.exports.insert(export.name.to_owned(), facts::Export { ty, offset, constant });
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

    /// The value of an exported global whose initializer is one `i32.const`.
    fn constant_of(&self, export: &Export<'_>) -> Option<i32> {
        let index = usize::try_from(export.index).ok().filter(|_| export.kind == ExternalKind::Global)?;
        self.spaces.globals.get(index)?.constant
    }

    /// After the last section: the exports that must be there.
    //= spec 5.1.3, 10.4.1, 11.1.1
    pub(super) fn required_exports(&mut self) -> Step {
        for name in self.rules.protocol.required_exports() {
            if !self.facts.exports.contains_key(*name) {
                self.findings.report(InvalidModule::missing(InvalidCode::MissingExport, quoted(name)))?;
            }
        }
        Ok(())
    }

    /// Keeps a section that the ABI reads: the first of its name.
    //= spec 6.1.4, 6.2.4
    pub(super) fn custom(&mut self, section: &CustomSectionReader<'_>) -> Step {
        let name = section.name();
        let Some((_, code)) = self.rules.protocol.sections().iter().find(|(read, _)| *read == name) else {
            return Ok(());
        };
        let offset = section.data_offset();
        if self.facts.section(name).is_some() {
            return self.findings.report(InvalidModule::rule(*code, offset, "a second section of the name"));
        }
        self.facts.sections.push(Section { name: name.to_owned(), offset, content: section.data().to_vec() });
        Ok(())
    }
}
