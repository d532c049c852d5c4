//! What the sections with declarations are held to: types, imports, functions, tables, memories, globals, segments.
//!
//! Exports are in `exports`, function bodies in `body`.

use super::{
    facts::Import,
    invalid::{InvalidCode, InvalidModule, quoted},
    pass::{Global, Pass, Step},
    payloads::{Arity, TypeItem, for_each_data_segment, for_each_type},
    size::CONSTANT_OPERATOR,
    suggest::suggestion,
    types::{FunctionType, GlobalType, MemoryType, TableType, ValType},
};
use lockstep_host::{HostImport, UnknownImport};
use wasmparser::{
    ConstExpr, DataSectionReader, ElementItems, ElementKind, ElementSectionReader, FunctionSectionReader,
    GlobalSectionReader, ImportSectionReader, MemorySectionReader, Operator, SectionLimited, TableSectionReader,
    TypeRef, TypeSectionReader,
};

impl Pass<'_> {
    /// Compares the number of items that a section announces, and `before` it, with `limit`; and with its bytes, of
    /// which an item has at least one: wasmparser makes room for as many as are announced.
    pub(super) fn count<T>(
        &mut self,
        section: &SectionLimited<'_, T>,
        before: usize,
        code: InvalidCode,
        limit: u32,
    ) -> Step {
        let range = section.range();
        self.at_most(code, range.start, u64::from(section.count()).saturating_add(before as u64), limit)?;
        if u64::from(section.count()) > range.len() as u64 {
            let detail = format!("{} items announced in {} bytes", section.count(), range.len());
            return Err(InvalidModule::rule(InvalidCode::Malformed, range.start, detail));
        }
        Ok(())
    }

    /// Here our rules come first: wasmparser would make room for what a recursion group announces.
    pub(super) fn types(&mut self, section: &TypeSectionReader<'_>) -> Step {
        let limits = self.rules.limits;
        self.count(section, 0, InvalidCode::TooManyTypes, limits.types_max)?;
        self.facts.types = section.count();
        let (code, features) = (self.code, self.rules.features);
        for_each_type(code, section, features, |offset, item| {
            let ty = match item {
                TypeItem::Announced(Arity { parameters, results }) => {
                    let parameters = u64::from(parameters);
                    self.at_most(InvalidCode::TooManyParameters, offset, parameters, limits.parameters_max)?;
                    return self.at_most(InvalidCode::TooManyResults, offset, u64::from(results), limits.results_max);
                }
                TypeItem::Read(ty) => ty,
            };
            // A value type that no revision has is left for the specification to refuse.
            let ty = FunctionType::of(&ty).unwrap_or_default();
            if ty.has_floats() && !self.rules.revision.features.floats {
                let detail = format!("type {}: {ty}", self.spaces.types.len());
                self.findings.report(InvalidModule::rule(InvalidCode::FloatsForbidden, offset, detail))?;
            }
            self.spaces.types.push(ty);
            Ok(())
        })?;
        Ok(self.validator.type_section(section)?)
    }

    pub(super) fn imports(&mut self, section: &ImportSectionReader<'_>) -> Step {
        self.count(section, 0, InvalidCode::TooManyImports, self.rules.limits.imports_max)?;
        self.validator.import_section(section)?;
        self.add_items(section.count());
        for item in section.clone().into_iter_with_offsets() {
            let (offset, import) = item?;
            self.import(offset, &import)?;
            match import.ty {
                TypeRef::Func(index) => {
                    self.spaces.functions.push(index);
                    self.tail_calls.import();
                }
                TypeRef::Table(ty) => self.spaces.tables.push(table_type(&ty)),
                TypeRef::Memory(ty) => self.spaces.memories.push(memory_type(&ty)),
                TypeRef::Global(ty) => self.spaces.globals.push(Global { ty: global_type(&ty), constant: None }),
                TypeRef::Tag(_) => {}
            }
        }
        let imported = self.spaces.functions.len() as u64;
        self.at_most(InvalidCode::TooManyFunctions, section.range().start, imported, self.rules.limits.functions_max)?;
        self.parameters_of_all(section.range().start)
    }

    //= spec 5.1.2, 10.4.2, 11.1.2
    fn import(&mut self, offset: usize, import: &wasmparser::Import<'_>) -> Step {
        let unknown = self.rules.imports.unknown();
        if unknown == UnknownImport::Linked {
            return Ok(());
        }
        let name = quoted(&format!("{}.{}", import.module, import.name));
        let found = match import.ty {
            TypeRef::Func(index) => self.spaces.function_type(index).cloned(),
            TypeRef::Table(_) | TypeRef::Memory(_) | TypeRef::Global(_) | TypeRef::Tag(_) => None,
        };
        let rows: Vec<_> = self.rules.imports.find(import.module, import.name).collect();
        let Some(first) = rows.first() else {
            if let (UnknownImport::Halts, Some(ty)) = (unknown, found) {
                let (module, name) = (import.module.to_owned(), import.name.to_owned());
                return self.imported(offset, Import::Unknown { module, name, ty });
            }
            let hint = if self.rules.imports.has_unoffered(import.module, import.name) {
                Some(format!("revision {} does not offer it, another one can", self.rules.revision.number))
            } else {
                suggestion(&self.rules.imports, import.module, import.name)
            };
            let detail = hint.map_or_else(|| name.clone(), |hint| format!("{name}; {hint}"));
            return self.findings.report(InvalidModule::rule(InvalidCode::UnknownImport, offset, detail));
        };
        let of_row = |row: &HostImport| FunctionType::of_host(row.parameters(), row.result());
        match rows.iter().find(|row| found.as_ref() == Some(&of_row(row))) {
            Some(row) if rows.len() > 1 => self.imported(offset, Import::Host(row)),
            Some(row) => {
                self.facts.imports.push(Import::Host(row));
                Ok(())
            }
            None => {
                let found = found.map_or_else(|| "not a function".to_owned(), |ty| ty.to_string());
                let others = rows.iter().skip(1).map(|row| format!(" or {}", of_row(row))).collect::<String>();
                let detail = format!("{name} is {found}, expected {}{others}", of_row(first));
                self.findings.report(InvalidModule::rule(InvalidCode::ImportTypeMismatch, offset, detail))
            }
        }
    }

    /// Of a name that can have several types, a module imports one: engines link by name.
    //= spec 11.1.3
    fn imported(&mut self, offset: usize, import: Import) -> Step {
        let is_other = |other: &&Import| other.name() == import.name() && other.ty() != import.ty();
        if self.facts.imports.iter().any(|other| is_other(&other)) {
            let (module, name) = import.name();
            let detail = format!("{} is imported with two types", quoted(&format!("{module}.{name}")));
            return self.findings.report(InvalidModule::rule(InvalidCode::ImportTypeMismatch, offset, detail));
        }
        self.facts.imports.push(import);
        Ok(())
    }

    pub(super) fn functions(&mut self, section: &FunctionSectionReader<'_>) -> Step {
        let limits = self.rules.limits;
        self.count(section, self.spaces.functions.len(), InvalidCode::TooManyFunctions, limits.functions_max)?;
        self.functions_by_bytes(section.range().start, section.count())?;
        self.validator.function_section(section)?;
        self.add_items(section.count());
        for item in section.clone() {
            self.spaces.functions.push(item?);
        }
        self.parameters_of_all(section.range().start)
    }

    /// Holds the parameters of all functions so far to their limit: behind the imports, for a module need not have
    /// functions of its own, and behind those.
    fn parameters_of_all(&mut self, offset: usize) -> Step {
        let types = self.spaces.functions.iter().filter_map(|&index| self.spaces.function_type(index));
        let parameters = types.fold(0_u64, |sum, ty| sum.saturating_add(ty.parameters.len() as u64));
        let parameters_max = self.rules.limits.module_parameters_max;
        self.at_most(InvalidCode::TooManyModuleParameters, offset, parameters, parameters_max)
    }

    pub(super) fn tables(&mut self, section: &TableSectionReader<'_>) -> Step {
        let limits = self.rules.limits;
        self.count(section, self.spaces.tables.len(), InvalidCode::TooManyTables, limits.tables_max)?;
        self.validator.table_section(section)?;
        for item in section.clone().into_iter_with_offsets() {
            let (offset, table) = item?;
            let elements = table.ty.maximum.unwrap_or_default().max(table.ty.initial);
            self.at_most(InvalidCode::TooManyTableElements, offset, elements, limits.table_elements_max)?;
            self.facts.table_elements = self.facts.table_elements.saturating_add(table.ty.initial);
            self.spaces.tables.push(table_type(&table.ty));
        }
        Ok(())
    }

    /// The specification says how many there can be.
    pub(super) fn memories(&mut self, section: &MemorySectionReader<'_>) -> Step {
        self.validator.memory_section(section)?;
        for item in section.clone().into_iter_with_offsets() {
            let (offset, memory) = item?;
            let pages_max = self.rules.limits.memory_pages_max;
            self.at_most(InvalidCode::TooManyMemoryPages, offset, memory.initial, pages_max)?;
            self.spaces.memories.push(memory_type(&memory));
        }
        Ok(())
    }

    pub(super) fn globals(&mut self, section: &GlobalSectionReader<'_>) -> Step {
        let globals_max = self.rules.limits.globals_max;
        self.count(section, self.spaces.globals.len(), InvalidCode::TooManyGlobals, globals_max)?;
        self.validator.global_section(section)?;
        self.add_items(section.count());
        for item in section.clone().into_iter_with_offsets() {
            let (offset, global) = item?;
            let ty = global_type(&global.ty);
            if ty.value.is_float() && !self.rules.revision.features.floats {
                let detail = format!("global {}: {}", self.spaces.globals.len(), ty.value);
                self.findings.report(InvalidModule::rule(InvalidCode::FloatsForbidden, offset, detail))?;
            }
            let constant = self.const_expr(&global.init_expr)?;
            self.facts.renewal.global(self.spaces.globals.len(), &ty);
            self.spaces.globals.push(Global { ty, constant });
        }
        Ok(())
    }

    pub(super) fn elements(&mut self, section: &ElementSectionReader<'_>) -> Step {
        self.count(section, 0, InvalidCode::TooManyElementSegments, self.rules.limits.element_segments_max)?;
        self.validator.element_section(section)?;
        self.add_items(section.count());
        let mut total = 0_u64;
        for segment in section.clone() {
            let segment = segment?;
            if let ElementKind::Active { offset_expr, .. } = &segment.kind {
                self.const_expr(offset_expr)?;
            }
            let elements = match &segment.items {
                ElementItems::Functions(functions) => functions.count(),
                ElementItems::Expressions(_, expressions) => expressions.count(),
            };
            self.add_items(elements);
            total = total.saturating_add(u64::from(elements));
            match segment.items {
                ElementItems::Functions(functions) => {
                    for index in functions {
                        self.tail_calls.reference(index?);
                    }
                }
                ElementItems::Expressions(_, expressions) => {
                    for expression in expressions {
                        self.const_expr(&expression?)?;
                    }
                }
            }
        }
        self.at_most(InvalidCode::TooManyElements, section.range().start, total, self.rules.limits.elements_max)
    }

    /// Here our rules come first: see `payloads`.
    pub(super) fn data(&mut self, section: &DataSectionReader<'_>) -> Step {
        self.count(section, 0, InvalidCode::TooManyDataSegments, self.rules.limits.data_segments_max)?;
        let (code, features) = (self.code, self.rules.features);
        for_each_data_segment(code, section, features, |segment| {
            if let Some(start) = &segment.start {
                self.facts.data_bytes = self.facts.data_bytes.saturating_add(segment.content.len() as u64);
                let start = self.const_expr(start)?;
                self.facts.renewal.data(start, segment.content);
            }
            Ok(())
        })?;
        self.validator.data_section(section)?;
        self.add_items(section.count());
        Ok(())
    }

    /// Holds a constant expression to its limit. Gives its value if it is one `i32.const`.
    fn const_expr(&mut self, expression: &ConstExpr<'_>) -> Result<Option<i32>, InvalidModule> {
        let mut reader = expression.get_operators_reader();
        let offset = reader.original_position();
        let (mut operators, mut constant) = (0_u64, None);
        while !reader.eof() {
            match reader.read()? {
                Operator::End => break,
                Operator::I32Const { value } if operators == 0 => constant = Some(value),
                Operator::RefFunc { function_index } => self.tail_calls.reference(function_index),
                _ => constant = None,
            }
            operators = operators.saturating_add(1);
        }
        self.facts.translated_bytes =
            self.facts.translated_bytes.saturating_add(operators.saturating_mul(CONSTANT_OPERATOR));
        self.at_most(InvalidCode::TooManyConstOperators, offset, operators, self.rules.limits.const_operators_max)?;
        Ok(constant)
    }
}

/// In 32 bits: what is larger is refused by the specification, which has no 64-bit memories and tables here.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn table_type(parsed: &wasmparser::TableType) -> TableType {
    let element = ValType::of(wasmparser::ValType::Ref(parsed.element_type)).unwrap_or(ValType::FuncRef);
    TableType { element, minimum_elements: narrow(parsed.initial), maximum_elements: parsed.maximum.map(narrow) }
}

fn memory_type(parsed: &wasmparser::MemoryType) -> MemoryType {
    MemoryType { minimum_pages: narrow(parsed.initial), maximum_pages: parsed.maximum.map(narrow) }
}

/// The value type is one that a revision has: the specification has been asked.
fn global_type(parsed: &wasmparser::GlobalType) -> GlobalType {
    GlobalType { value: ValType::of(parsed.content_type).unwrap_or(ValType::I32), mutable: parsed.mutable }
}
