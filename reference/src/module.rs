//! A module, decoded: every section as the specification's abstract syntax has it.

use crate::{
    instruction::{Body, Context, Instruction, decode, of_constant, value_type},
    value::{Executed, broken},
};
use lockstep_gas::InstructionPrices;
use lockstep_host::Stop;
use lockstep_vm::{
    ValidModule,
    module::{FunctionType, GlobalType, ValType},
};
use std::sync::Arc;
use wasmparser::{
    ConstExpr, DataKind, Element, ElementItems, ElementKind, ElementSectionReader, ExternalKind, ImportSectionReader,
    Parser, Payload, TableInit, TypeRef,
};

/// Numbers of something from which it starts and to which it can grow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) minimum: u32,
    pub(crate) maximum: Option<u32>,
}

/// What an import wants, or a definition is.
#[derive(Debug, Clone)]
pub(crate) enum ImportType {
    Function(u32),
    Table(ValType, Limits),
    Memory(Limits),
    Global(GlobalType),
}

#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) module: String,
    pub(crate) name: String,
    pub(crate) ty: ImportType,
}

/// What an export refers to, by its index.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Export {
    Function(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
}

/// A constant expression.
pub(crate) type Constant = Vec<Instruction>;

/// What happens with a segment at instantiation.
#[derive(Debug)]
pub(crate) enum Mode {
    Passive,
    Declared,
    /// It is copied into the table or memory, from there on.
    Active(u32, Constant),
}

#[derive(Debug)]
pub(crate) struct ElementSegment {
    pub(crate) items: Vec<Constant>,
    pub(crate) mode: Mode,
}

#[derive(Debug)]
pub(crate) struct DataSegment {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mode: Mode,
}

/// A module.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) types: Vec<FunctionType>,
    pub(crate) imports: Vec<Import>,
    /// Types of the functions behind the imported ones.
    pub(crate) functions: Vec<u32>,
    pub(crate) tables: Vec<(ValType, Limits, Option<Constant>)>,
    pub(crate) memories: Vec<Limits>,
    pub(crate) globals: Vec<(GlobalType, Constant)>,
    pub(crate) exports: Vec<(String, Export)>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<ElementSegment>,
    pub(crate) data: Vec<DataSegment>,
    pub(crate) bodies: Vec<Arc<Body>>,
}

impl Module {
    /// Decodes a module, with the prices of its revision.
    pub(crate) fn decode(valid: &ValidModule, prices: Option<&InstructionPrices>) -> Executed<Self> {
        let mut module = Self::default();
        let mut functions = Vec::new();
        for payload in Parser::new(0).parse_all(valid.code()) {
            match payload.map_err(unreadable)? {
                Payload::CodeSectionEntry(body) => {
                    let slots = valid.frame_slots().get(module.bodies.len()).copied();
                    let slots = slots.ok_or_else(|| broken("a body that was not validated"))?;
                    if functions.is_empty() {
                        functions = module.function_types();
                    }
                    let number = functions.len().saturating_sub(module.functions.len());
                    let number = u32::try_from(number.saturating_add(module.bodies.len())).unwrap_or(u32::MAX);
                    let context = Context { types: &module.types, functions: &functions, prices };
                    let body = decode(&body, context, number, slots)?;
                    module.bodies.push(Arc::new(body));
                }
                payload => module.payload(payload)?,
            }
        }
        Ok(module)
    }

    /// The types of all functions, imported ones first.
    fn function_types(&self) -> Vec<u32> {
        let imported = self.imports.iter().filter_map(|import| match import.ty {
            ImportType::Function(ty) => Some(ty),
            _ => None,
        });
        imported.chain(self.functions.iter().copied()).collect()
    }

    fn payload(&mut self, payload: Payload<'_>) -> Executed<()> {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    let ty = ty.map_err(unreadable)?;
                    let values = |values: &[wasmparser::ValType]| {
                        values.iter().map(|value| value_type(*value)).collect::<Executed<Vec<_>>>()
                    };
                    self.types.push(FunctionType { parameters: values(ty.params())?, results: values(ty.results())? });
                }
            }
            Payload::ImportSection(section) => self.imports(section)?,
            Payload::FunctionSection(section) => {
                self.functions = section.into_iter().collect::<Result<_, _>>().map_err(unreadable)?;
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table.map_err(unreadable)?;
                    let init = match &table.init {
                        TableInit::RefNull => None,
                        TableInit::Expr(expression) => Some(constant(expression)?),
                    };
                    let element = value_type(wasmparser::ValType::Ref(table.ty.element_type))?;
                    self.tables.push((element, limits(table.ty.initial, table.ty.maximum), init));
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory.map_err(unreadable)?;
                    self.memories.push(limits(memory.initial, memory.maximum));
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global.map_err(unreadable)?;
                    self.globals.push((global_type(global.ty)?, constant(&global.init_expr)?));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(unreadable)?;
                    let target = match export.kind {
                        ExternalKind::Func => Export::Function(export.index),
                        ExternalKind::Table => Export::Table(export.index),
                        ExternalKind::Memory => Export::Memory(export.index),
                        ExternalKind::Global => Export::Global(export.index),
                        ExternalKind::Tag => return Err(broken("a tag")),
                    };
                    self.exports.push((export.name.to_owned(), target));
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => self.elements(section)?,
            Payload::DataSection(section) => {
                for segment in section {
                    let segment = segment.map_err(unreadable)?;
                    let mode = match segment.kind {
                        DataKind::Passive => Mode::Passive,
                        DataKind::Active { memory_index, offset_expr } => {
                            Mode::Active(memory_index, constant(&offset_expr)?)
                        }
                    };
                    self.data.push(DataSegment { bytes: segment.data.to_vec(), mode });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn imports(&mut self, section: ImportSectionReader<'_>) -> Executed<()> {
        for import in section {
            let import = import.map_err(unreadable)?;
            let ty = match import.ty {
                TypeRef::Func(ty) => ImportType::Function(ty),
                TypeRef::Table(ty) => ImportType::Table(
                    value_type(wasmparser::ValType::Ref(ty.element_type))?,
                    limits(ty.initial, ty.maximum),
                ),
                TypeRef::Memory(ty) => ImportType::Memory(limits(ty.initial, ty.maximum)),
                TypeRef::Global(ty) => ImportType::Global(global_type(ty)?),
                TypeRef::Tag(_) => return Err(broken("a tag")),
            };
            self.imports.push(Import { module: import.module.to_owned(), name: import.name.to_owned(), ty });
        }
        Ok(())
    }

    fn elements(&mut self, section: ElementSectionReader<'_>) -> Executed<()> {
        for segment in section {
            let Element { kind, items, .. } = segment.map_err(unreadable)?;
            let mode = match kind {
                ElementKind::Passive => Mode::Passive,
                ElementKind::Declared => Mode::Declared,
                ElementKind::Active { table_index, offset_expr } => {
                    Mode::Active(table_index.unwrap_or(0), constant(&offset_expr)?)
                }
            };
            let mut constants = Vec::new();
            match items {
                ElementItems::Functions(functions) => {
                    for function in functions {
                        constants.push(vec![Instruction::RefFunc(function.map_err(unreadable)?)]);
                    }
                }
                ElementItems::Expressions(_, expressions) => {
                    for expression in expressions {
                        constants.push(constant(&expression.map_err(unreadable)?)?);
                    }
                }
            }
            self.elements.push(ElementSegment { items: constants, mode });
        }
        Ok(())
    }
}

fn unreadable(error: wasmparser::BinaryReaderError) -> Stop {
    broken(&format!("a module that it cannot read: {error}"))
}

/// In 32 bits: no revision has 64-bit memories or tables.
fn limits(minimum: u64, maximum: Option<u64>) -> Limits {
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Limits { minimum: narrow(minimum), maximum: maximum.map(narrow) }
}

fn global_type(ty: wasmparser::GlobalType) -> Executed<GlobalType> {
    Ok(GlobalType { value: value_type(ty.content_type)?, mutable: ty.mutable })
}

fn constant(expression: &ConstExpr<'_>) -> Executed<Constant> {
    let mut instructions = Vec::new();
    for operator in expression.get_operators_reader() {
        match operator.map_err(unreadable)? {
            wasmparser::Operator::End => {}
            operator => instructions.push(of_constant(&operator)?),
        }
    }
    Ok(instructions)
}
