//! What has to be known of the sections of a module before its bodies.

use super::{
    changes::Taken,
    classes::literal,
    free::Inserted,
    operand::{Constant, Leaf},
};
use crate::module::{Import, ValidModule, invalid::InvalidModule, operators::priced_operator};
use core::ops::Range;
use lockstep_gas::{HostFunction, InstructionPrices, Operator as Priced, PAGE_BYTES, Revision};
use std::collections::BTreeSet;
use wasmparser::{
    BlockType, ConstExpr, ContType, FrameKind, FuncType, GlobalType, ModuleArity, Operator, Payload, RefType, SubType,
    TypeRef, ValType,
};

/// What has to be known of the sections before the bodies.
pub(super) struct Shape<'a> {
    code: &'a [u8],
    types: Vec<SubType>,
    functions: Vec<u32>,
    imported_functions: usize,
    /// The values of immutable globals, and the number where it is a literal; `None` for all others.
    globals: Vec<Option<(Constant<'a>, Option<u64>)>>,
    imported_globals: usize,
    own_globals: &'a [u8],
    own_types: &'a [u8],
    /// `None` if instructions cost nothing: then it does not matter where a region begins.
    pub(super) prices: Option<&'a InstructionPrices>,
    /// Bytes that the memory has from the start.
    pub(super) memory_bytes: u64,
    /// Imported functions that charge 1 and do nothing else. An empty region takes the place of a call.
    ticks: BTreeSet<u32>,
}

impl<'a> Shape<'a> {
    pub(super) fn new(module: &'a ValidModule, revision: &'a Revision) -> Self {
        let pages = module.memory().map_or(0, |memory| u64::from(memory.minimum_pages));
        let prices = revision.schedule.instructions.as_ref();
        Self {
            code: module.code(),
            types: Vec::new(),
            functions: Vec::new(),
            imported_functions: 0,
            globals: Vec::new(),
            imported_globals: 0,
            own_globals: &[],
            own_types: &[],
            prices,
            memory_bytes: pages.saturating_mul(PAGE_BYTES),
            ticks: if prices.is_some() { ticks(module.imports(), revision) } else { BTreeSet::new() },
        }
    }

    /// Takes in what `payload` says of types, functions and globals.
    pub(super) fn note(&mut self, payload: &Payload<'a>) -> Result<(), InvalidModule> {
        match payload {
            Payload::TypeSection(section) => {
                self.own_types = self.code.get(section.original_position()..section.range().end).unwrap_or_default();
                for ty in section.clone().into_iter_err_on_gc_types() {
                    self.types.push(SubType::func(ty?, false));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone() {
                    match import?.ty {
                        TypeRef::Func(index) => self.functions.push(index),
                        TypeRef::Global(_) => self.globals.push(None),
                        TypeRef::Table(_) | TypeRef::Memory(_) | TypeRef::Tag(_) => {}
                    }
                }
                self.imported_globals = self.globals.len();
                self.imported_functions = self.functions.len();
            }
            Payload::FunctionSection(section) => {
                for ty in section.clone() {
                    self.functions.push(ty?);
                }
            }
            Payload::GlobalSection(section) => {
                self.own_globals = self.code.get(section.original_position()..section.range().end).unwrap_or_default();
                for global in section.clone() {
                    let global = global?;
                    self.globals.push(self.constant(global.ty, &global.init_expr));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn constant(&self, ty: GlobalType, init: &ConstExpr<'_>) -> Option<(Constant<'a>, Option<u64>)> {
        if ty.mutable {
            return None;
        }
        let range = init.get_binary_reader().range();
        let expression = self.code.get(range.start..range.end.checked_sub(1)?)?;
        let mut operators = init.get_operators_reader();
        let number = operators.read().ok().as_ref().and_then(literal);
        let number = number.filter(|_| matches!(operators.read(), Ok(Operator::End)));
        Some((Constant { value_type: value_type(ty.content_type)?, expression }, number))
    }

    /// All globals, imported ones included.
    pub(super) fn globals_count(&self) -> u32 {
        u32::try_from(self.globals.len()).unwrap_or(u32::MAX)
    }

    /// Globals of the module itself.
    pub(super) fn own_globals(&self) -> u32 {
        u32::try_from(self.globals.len().saturating_sub(self.imported_globals)).unwrap_or(u32::MAX)
    }

    /// The same in the binary format, without their number.
    pub(super) const fn own_globals_bytes(&self) -> &'a [u8] {
        self.own_globals
    }

    /// Parameters of the type `index`.
    pub(super) fn parameters_of(&self, index: u32) -> usize {
        self.sub_type_at(index).map_or(0, |ty| ty.unwrap_func().params().len())
    }

    /// The type of the function whose body is the one at `body`.
    pub(super) fn type_of_body(&self, body: usize) -> Option<u32> {
        self.functions.get(self.imported_functions.saturating_add(body)).copied()
    }

    /// The types of what a branch takes along.
    pub(super) fn taken(&self, taken: Taken) -> &[ValType] {
        let ty = self.sub_type_at(taken.ty).map(SubType::unwrap_func);
        ty.map_or(&[], |ty| if taken.is_parameters { ty.params() } else { ty.results() })
    }

    /// Results of the function whose body is the one at `body`.
    pub(super) fn results_of_body(&self, body: usize) -> usize {
        self.type_of_body(body).map_or(0, |ty| self.taken(Taken { ty, is_parameters: false }).len())
    }

    /// Whether the function at `index` charges 1 and does nothing else.
    pub(super) fn is_tick(&self, index: u32) -> bool {
        self.ticks.contains(&index)
    }

    /// The module.
    pub(super) const fn code(&self) -> &'a [u8] {
        self.code
    }

    /// The types in the binary format, without their number, and the number.
    pub(super) fn own_types(&self) -> (&'a [u8], u32) {
        (self.own_types, u32::try_from(self.types.len()).unwrap_or(u32::MAX))
    }

    /// The index of a type of the module that takes an i32 and leaves one.
    pub(super) fn growth_type(&self) -> Option<u32> {
        let is_growth = |ty: &&SubType| {
            let ty = ty.unwrap_func();
            ty.params() == [ValType::I32] && ty.results() == [ValType::I32]
        };
        let at = self.types.iter().position(|ty| is_growth(&ty))?;
        u32::try_from(at).ok()
    }

    /// What `operator` is, if it can cost something else in a rewritten module.
    pub(super) fn repriced(&self, operator: &Operator<'_>) -> Option<Priced> {
        let priced = priced_operator(operator).filter(|priced| Inserted::EVERYTHING.reprices(*priced))?;
        let price = self.prices.map_or(0, |prices| prices.operator(priced).unwrap_or(u8::MAX));
        (priced == Priced::Nop || price > 0).then_some(priced)
    }

    /// The constant of `operator`, which is in `range`.
    pub(super) fn leaf(&self, operator: &Operator<'_>, range: &Range<usize>) -> Option<Leaf<'a>> {
        let ty = match operator {
            Operator::I32Const { .. } => ValType::I32,
            Operator::I64Const { .. } => ValType::I64,
            Operator::F32Const { .. } => ValType::F32,
            Operator::F64Const { .. } => ValType::F64,
            Operator::RefNull { hty } => ValType::Ref(RefType::new(true, *hty)?),
            Operator::GlobalGet { global_index } => {
                let (constant, literal) = (*self.globals.get(usize::try_from(*global_index).ok()?)?)?;
                return Some(Leaf { start: range.start, constant, literal, local: None });
            }
            _ => return None,
        };
        let constant = Constant { value_type: value_type(ty)?, expression: self.code.get(range.clone())? };
        Some(Leaf { start: range.start, constant, literal: literal(operator), local: None })
    }
}

/// The functions among `imports` that charge 1 and do nothing else. A tick with another price stays a call.
fn ticks(imports: &[Import], revision: &Revision) -> BTreeSet<u32> {
    let is_one = revision.schedule.host(HostFunction::GasTick).base == 1;
    (0..).zip(imports).filter(|(_, import)| is_one && import.is_tick()).map(|(index, _)| index).collect()
}

/// The type in the binary format, `None` for one that no revision has.
pub(super) fn value_type(ty: ValType) -> Option<u8> {
    match ty {
        ValType::I32 => Some(0x7f),
        ValType::I64 => Some(0x7e),
        ValType::F32 => Some(0x7d),
        ValType::F64 => Some(0x7c),
        ValType::Ref(ty) if ty == RefType::FUNCREF => Some(0x70),
        ValType::Ref(ty) if ty == RefType::EXTERNREF => Some(0x6f),
        ValType::Ref(_) | ValType::V128 => None,
    }
}

/// What is needed of the parser's own table of how many operands an operator takes and leaves. Labels are not: control
/// operators are looked at here.
impl ModuleArity for Shape<'_> {
    fn sub_type_at(&self, index: u32) -> Option<&SubType> {
        self.types.get(usize::try_from(index).ok()?)
    }

    fn type_index_of_function(&self, index: u32) -> Option<u32> {
        self.functions.get(usize::try_from(index).ok()?).copied()
    }

    fn tag_type_arity(&self, _index: u32) -> Option<(u32, u32)> {
        None
    }

    fn func_type_of_cont_type(&self, _ty: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _ty: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        0
    }

    fn label_block(&self, _depth: u32) -> Option<(BlockType, FrameKind)> {
        None
    }
}
