//! What of a body has to be changed: constants that a translator could compute with until a condition, a division or an
//! address is known, and `loop` and `if` that control cannot reach.
//!
//! One pass over the operators with the operand stack reduced to one question: which constant an operand is, if it is
//! one. Hiding a constant that need not be hidden costs nothing and changes no charge, so whenever the answer is not
//! certain it is yes. Reachability is that of control flow alone, whatever the values are.

use super::super::{invalid::InvalidModule, types::MemoryType};
use core::ops::Range;
use lockstep_gas::{Operator as Priced, PAGE_BYTES};
use std::collections::BTreeMap;
use wasmparser::{
    BlockType, ConstExpr, ContType, FrameKind, FuncType, FunctionBody, GlobalType, MemArg, ModuleArity, Operator,
    Payload, RefType, SubType, TypeRef, ValType,
};

/// A constant: its type and the expression for it without the `end`, both as in the binary format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Constant<'a> {
    pub(super) value_type: u8,
    pub(super) expression: &'a [u8],
}

/// A `loop` or `if` that control cannot reach, with all that stands in it.
#[derive(Debug)]
pub(super) struct Removal {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) operator: Priced,
}

/// The changes to one body, by offsets in the module.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    /// Operators that become reads of a hidden global.
    pub(super) hidden: BTreeMap<usize, Constant<'a>>,
    /// In ascending order, none inside another.
    pub(super) removed: Vec<Removal>,
}

impl Changes<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.hidden.is_empty() && self.removed.is_empty()
    }
}

/// What has to be known of the sections before the bodies.
pub(super) struct Shape<'a> {
    code: &'a [u8],
    types: Vec<SubType>,
    functions: Vec<u32>,
    /// The values of immutable globals; `None` for all others.
    globals: Vec<Option<Constant<'a>>>,
    imported_globals: usize,
    own_globals: &'a [u8],
    /// Bytes that the memory has from the start.
    memory_bytes: u64,
}

impl<'a> Shape<'a> {
    pub(super) fn new(code: &'a [u8], memory: Option<MemoryType>) -> Self {
        let pages = memory.map_or(0, |memory| u64::from(memory.minimum_pages));
        Self {
            code,
            types: Vec::new(),
            functions: Vec::new(),
            globals: Vec::new(),
            imported_globals: 0,
            own_globals: &[],
            memory_bytes: pages.saturating_mul(PAGE_BYTES),
        }
    }

    /// Takes in what `payload` says of types, functions and globals.
    pub(super) fn note(&mut self, payload: &Payload<'a>) -> Result<(), InvalidModule> {
        match payload {
            Payload::TypeSection(section) => {
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
            }
            Payload::FunctionSection(section) => {
                for ty in section.clone() {
                    self.functions.push(ty?);
                }
            }
            Payload::GlobalSection(section) => {
                self.own_globals =
                    self.code.get(section.original_position()..section.range().end).unwrap_or_default();
                for global in section.clone() {
                    let global = global?;
                    self.globals.push(self.constant(global.ty, &global.init_expr));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn constant(&self, ty: GlobalType, init: &ConstExpr<'_>) -> Option<Constant<'a>> {
        if ty.mutable {
            return None;
        }
        let range = init.get_binary_reader().range();
        let expression = self.code.get(range.start..range.end.checked_sub(1)?)?;
        Some(Constant { value_type: value_type(ty.content_type)?, expression })
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

    /// The constant that `operator`, which stands in `range`, gives.
    fn leaf(&self, operator: &Operator<'_>, range: &Range<usize>) -> Option<Constant<'a>> {
        let ty = match operator {
            Operator::I32Const { .. } => ValType::I32,
            Operator::I64Const { .. } => ValType::I64,
            Operator::F32Const { .. } => ValType::F32,
            Operator::F64Const { .. } => ValType::F64,
            Operator::RefNull { hty } => ValType::Ref(RefType::new(true, *hty)?),
            Operator::GlobalGet { global_index } => {
                return *self.globals.get(usize::try_from(*global_index).ok()?)?;
            }
            _ => return None,
        };
        Some(Constant { value_type: value_type(ty)?, expression: self.code.get(range.clone())? })
    }
}

/// The type in the binary format, `None` for one that no revision has.
fn value_type(ty: ValType) -> Option<u8> {
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

/// What is needed of the parser's own table of how many operands an operator takes and gives. Labels are not: control
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

/// An operand: the constant that it is, by where it stands and what it is, or something else.
type Operand<'a> = Option<Leaf<'a>>;

#[derive(Debug, Clone, Copy)]
struct Leaf<'a> {
    start: usize,
    constant: Constant<'a>,
    /// The number, if it is a literal integer.
    literal: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    Loop,
    If,
    Else,
    /// Anything that control does not reach.
    Dead,
}

/// A block that has not ended.
struct Block<'a> {
    kind: Kind,
    /// Operands below it.
    height: usize,
    /// Its parameters, for the else-arm.
    parameters: Vec<Operand<'a>>,
    results: usize,
    /// Whether a branch that control reaches goes to its end, or its then-arm reaches it.
    is_left: bool,
    /// Where it starts, if it is a `loop` or `if` to be removed.
    removal: Option<(usize, Priced)>,
}

/// A body in progress.
struct Flow<'s, 'a> {
    shape: &'s Shape<'a>,
    changes: Changes<'a>,
    operands: Vec<Operand<'a>>,
    blocks: Vec<Block<'a>>,
    is_reached: bool,
}

/// The changes that `body` needs.
pub(super) fn changes<'a>(shape: &Shape<'a>, body: &FunctionBody<'a>) -> Result<Changes<'a>, InvalidModule> {
    let mut flow =
        Flow { shape, changes: Changes::default(), operands: Vec::new(), blocks: Vec::new(), is_reached: true };
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, start) = operators.read_with_offset()?;
        flow.operator(&operator, start..operators.original_position())?;
    }
    Ok(flow.changes)
}

impl<'a> Flow<'_, 'a> {
    fn operator(&mut self, operator: &Operator<'_>, range: Range<usize>) -> Result<(), InvalidModule> {
        match operator {
            Operator::Block { blockty } => self.enter(Kind::Block, *blockty, range.start),
            Operator::Loop { blockty } => self.enter(Kind::Loop, *blockty, range.start),
            Operator::If { blockty } => {
                if self.is_reached {
                    self.hide_top();
                }
                self.enter(Kind::If, *blockty, range.start);
            }
            Operator::Else => self.otherwise(),
            Operator::End => self.end(range.end),
            _ if !self.is_reached => {}
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth);
                self.is_reached = false;
            }
            Operator::BrIf { relative_depth } => {
                self.hide_top();
                self.branch(*relative_depth);
            }
            Operator::BrTable { targets } => {
                self.hide_top();
                for target in targets.targets() {
                    self.branch(target?);
                }
                self.branch(targets.default());
                self.is_reached = false;
            }
            Operator::Unreachable
            | Operator::Return
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => self.is_reached = false,
            _ => self.plain(operator, &range),
        }
        Ok(())
    }

    /// Takes the topmost operand, which control depends on, and hides it if it is a constant.
    fn hide_top(&mut self) {
        let operand = self.operands.pop().flatten();
        self.hide(operand);
    }

    fn hide(&mut self, operand: Operand<'a>) {
        if let Some(leaf) = operand {
            self.changes.hidden.insert(leaf.start, leaf.constant);
        }
    }

    fn enter(&mut self, kind: Kind, ty: BlockType, start: usize) {
        if !self.is_reached {
            let is_inside_removal = self.blocks.last().is_some_and(|block| block.removal.is_some());
            let removal = match kind {
                _ if is_inside_removal => Some((usize::MAX, Priced::Nop)),
                Kind::Loop => Some((start, Priced::Loop)),
                Kind::If => Some((start, Priced::If)),
                Kind::Block | Kind::Else | Kind::Dead => None,
            };
            let height = self.operands.len();
            let parameters = Vec::new();
            self.blocks.push(Block { kind: Kind::Dead, height, parameters, results: 0, is_left: false, removal });
            return;
        }
        let (parameters, results) = self.shape.block_type_arity(ty).unwrap_or_default();
        let height = self.operands.len().saturating_sub(index(parameters));
        let taken = self.operands.split_off(height);
        // What enters a loop is not the same in every turn.
        let inside = if kind == Kind::Loop { vec![None; taken.len()] } else { taken.clone() };
        self.operands.extend(inside);
        let parameters = if kind == Kind::If { taken } else { Vec::new() };
        let results = index(results);
        self.blocks.push(Block { kind, height, parameters, results, is_left: false, removal: None });
    }

    fn otherwise(&mut self) {
        let Some(block) = self.blocks.last_mut().filter(|block| block.kind == Kind::If) else { return };
        block.kind = Kind::Else;
        block.is_left |= self.is_reached;
        self.operands.truncate(block.height);
        self.operands.append(&mut block.parameters);
        self.is_reached = true;
    }

    fn end(&mut self, end: usize) {
        let Some(block) = self.blocks.pop() else { return };
        let is_left = match block.kind {
            Kind::Dead => {
                match block.removal {
                    Some((start, operator)) if start < end => {
                        self.changes.removed.push(Removal { start, end, operator });
                    }
                    _ => {}
                }
                return;
            }
            // Without an else-arm the condition alone can lead here.
            Kind::If => true,
            Kind::Block | Kind::Loop | Kind::Else => block.is_left,
        };
        // What leaves by several ways is not one constant. By the end alone the operands stay what they are.
        if is_left || !self.is_reached || block.kind == Kind::Else {
            self.operands.truncate(block.height);
            self.operands.extend(core::iter::repeat_n(None, block.results));
        }
        self.is_reached |= is_left;
    }

    /// A branch that control reaches. One to a loop leads to its start.
    fn branch(&mut self, depth: u32) {
        let target = self.blocks.len().checked_sub(index(depth).saturating_add(1));
        if let Some(block) = target.and_then(|target| self.blocks.get_mut(target)) {
            block.is_left |= block.kind != Kind::Loop;
        }
    }

    /// An operator that control goes through.
    fn plain(&mut self, operator: &Operator<'_>, range: &Range<usize>) {
        let (taken, given) = operator.operator_arity(self.shape).unwrap_or_default();
        let taken = self.operands.split_off(self.operands.len().saturating_sub(index(taken)));
        if let Some(constant) = self.shape.leaf(operator, range) {
            self.operands.push(Some(Leaf { start: range.start, constant, literal: literal(operator) }));
            return;
        }
        match (operator, taken.as_slice()) {
            // The value stays the same operand.
            (Operator::LocalTee { .. }, [value]) => {
                self.operands.push(*value);
                return;
            }
            // Of two equal constants the choice is known without the condition.
            (Operator::Select | Operator::TypedSelect { .. }, [Some(_), otherwise, _]) => self.hide(*otherwise),
            (Operator::RefIsNull, [reference]) => self.hide(*reference),
            (_, [_, divisor]) if is_division(operator) && !is_nonzero(divisor) => self.hide(*divisor),
            (_, [address] | [address, _]) if is_outside(memarg(operator), address, self.shape.memory_bytes) => {
                self.hide(*address);
            }
            (_, [.., last]) if is_numeric(operator) && taken.iter().all(Option::is_some) => self.hide(*last),
            _ => {}
        }
        self.operands.extend(core::iter::repeat_n(None, index(given)));
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

const fn literal(operator: &Operator<'_>) -> Option<u64> {
    match operator {
        Operator::I32Const { value } => Some(value.cast_unsigned() as u64),
        Operator::I64Const { value } => Some(value.cast_unsigned()),
        _ => None,
    }
}

const fn is_division(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I32DivS
            | Operator::I32DivU
            | Operator::I32RemS
            | Operator::I32RemU
            | Operator::I64DivS
            | Operator::I64DivU
            | Operator::I64RemS
            | Operator::I64RemU
    )
}

/// Whether a divisor is known not to be zero, or is not known at all.
fn is_nonzero(divisor: &Operand<'_>) -> bool {
    divisor.is_none_or(|leaf| leaf.literal.is_some_and(|number| number != 0))
}

/// Whether an access at a constant address is not surely within the memory's initial bytes.
fn is_outside(argument: Option<MemArg>, address: &Operand<'_>, memory_bytes: u64) -> bool {
    let (Some(argument), Some(leaf)) = (argument, address) else { return false };
    let end = leaf.literal.and_then(|address| address.checked_add(argument.offset)?.checked_add(8));
    end.is_none_or(|end| end > memory_bytes)
}

macro_rules! define_memarg {
    ($($operator:ident)*) => {
        /// Where a load or a store goes, `None` for any other operator.
        const fn memarg(operator: &Operator<'_>) -> Option<MemArg> {
            match operator {
                $(Operator::$operator { memarg } => Some(*memarg),)*
                _ => None,
            }
        }
    };
}
define_memarg! {
    I32Load I64Load F32Load F64Load
    I32Load8S I32Load8U I32Load16S I32Load16U
    I64Load8S I64Load8U I64Load16S I64Load16U I64Load32S I64Load32U
    I32Store I64Store F32Store F64Store I32Store8 I32Store16 I64Store8 I64Store16 I64Store32
}

macro_rules! define_is_numeric {
    ($(@$proposal:ident $operator:ident $({ $($field:ident: $ty:ty),* })? => $visit:ident ($class:ident $($rest:tt)*))*) => {
        /// Whether the operator is a function of its operands and nothing else.
        fn is_numeric(operator: &Operator<'_>) -> bool {
            let class = match operator {
                $(Operator::$operator { .. } => stringify!($class),)*
                _ => return false,
            };
            matches!(class, "unary" | "binary" | "test" | "cmp" | "conversion")
        }
    };
}
wasmparser::for_each_operator!(define_is_numeric);
