//! What of a body has to be changed: constants that a translator could compute with until a condition, a division or an
//! address is known; `loop` and `if` that control cannot reach; stores that wasmi 2.0.0 has no instruction for; blocks with
//! parameters, below which it loses operands.
//!
//! One pass over the operators with the operand stack reduced to one question: which constant or which local an operand
//! is, if it is one. A change that is not needed costs nothing and alters no charge, so whenever the answer is not
//! certain it is yes. Reachability is that of control flow alone, whatever the values are.

use super::{
    super::{invalid::InvalidModule, types::MemoryType},
    classes::{
        can_trap, is_choice_by_test, is_division, is_far_store, is_numeric, is_outside, is_reinterpretation, is_test,
        is_zero, literal, memarg,
    },
    moves::{Moved, Moves},
};
use core::ops::Range;
use lockstep_gas::{InstructionPrices, Operator as Priced, PAGE_BYTES};
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{
    BlockType, ConstExpr, ContType, FrameKind, FuncType, FunctionBody, GlobalType, ModuleArity, Operator, Payload,
    RefType, SubType, TypeRef, ValType,
};

/// A constant: its type and the expression for it without the `end`, both as in the binary format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Constant<'a> {
    pub(super) value_type: u8,
    pub(super) expression: &'a [u8],
}

/// A `loop` or `if` that control cannot reach, with all that stands in it, or a `memory.grow` that it cannot reach.
#[derive(Debug)]
pub(super) struct Removal {
    pub(super) start: usize,
    pub(super) end: usize,
    /// What is paid for in its place: the operator that starts it, nothing for a growth.
    pub(super) operator: Option<Priced>,
}

/// The changes to one body, by offsets in the module.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    /// Operators that become reads of a hidden global.
    pub(super) hidden: BTreeMap<usize, Constant<'a>>,
    /// In ascending order, none inside another.
    pub(super) removed: Vec<Removal>,
    /// Operators before which the operands have to leave their registers and locals.
    pub(super) spilled: BTreeSet<usize>,
    /// Growths that control can reach: each becomes a region of its own.
    pub(super) growths: BTreeSet<usize>,
    /// What operators pay on top of their price, by where they start.
    pub(super) moved: BTreeMap<usize, u64>,
    /// What else-arms pay that are not written, by where the `end` of their `if` starts.
    pub(super) implied_elses: BTreeMap<usize, u64>,
    /// What the entry pays for the frame.
    pub(super) entry: u64,
    /// Whether there is a `nop`, or a `global.get`: not changes, but paid for in another way once something changes.
    pub(super) has_nops: bool,
    pub(super) has_global_gets: bool,
}

impl Changes<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.hidden.is_empty()
            && self.removed.is_empty()
            && self.spilled.is_empty()
            && self.growths.is_empty()
            && self.moved.is_empty()
            && self.implied_elses.is_empty()
            && self.entry == 0
    }
}

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
    prices: Option<&'a InstructionPrices>,
    /// Bytes that the memory has from the start.
    memory_bytes: u64,
}

impl<'a> Shape<'a> {
    pub(super) fn new(code: &'a [u8], memory: Option<MemoryType>, prices: Option<&'a InstructionPrices>) -> Self {
        let pages = memory.map_or(0, |memory| u64::from(memory.minimum_pages));
        Self {
            code,
            types: Vec::new(),
            functions: Vec::new(),
            imported_functions: 0,
            globals: Vec::new(),
            imported_globals: 0,
            own_globals: &[],
            own_types: &[],
            prices,
            memory_bytes: pages.saturating_mul(PAGE_BYTES),
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

    /// Results of the function whose body is the one at `body`.
    fn results_of_body(&self, body: usize) -> usize {
        let ty = self.functions.get(self.imported_functions.saturating_add(body));
        ty.and_then(|ty| self.sub_type_at(*ty)).map_or(0, |ty| ty.unwrap_func().results().len())
    }

    /// The module.
    pub(super) const fn code(&self) -> &'a [u8] {
        self.code
    }

    /// The types in the binary format, without their number, and the number.
    pub(super) fn own_types(&self) -> (&'a [u8], u32) {
        (self.own_types, u32::try_from(self.types.len()).unwrap_or(u32::MAX))
    }

    /// The index of the type of a block that takes an i32 and leaves one: that of a type of the module, or the next.
    pub(super) fn growth_type(&self) -> u32 {
        let is_growth = |ty: &&SubType| {
            let ty = ty.unwrap_func();
            ty.params() == [ValType::I32] && ty.results() == [ValType::I32]
        };
        let at = self.types.iter().position(|ty| is_growth(&ty)).unwrap_or(self.types.len());
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// The constant that `operator`, which stands in `range`, gives.
    fn leaf(&self, operator: &Operator<'_>, range: &Range<usize>) -> Option<Leaf<'a>> {
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

/// What is known of an operand.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operand<'a> {
    /// A constant, or what is computed from constants alone; then one of them, without which it is not.
    Constant(Leaf<'a>),
    /// The value of a local, of whatever type it is taken for.
    Local(u32),
    /// Whether something is zero, or is not.
    Test,
    Other,
}

/// A constant where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf<'a> {
    start: usize,
    constant: Constant<'a>,
    /// The number, if it is a literal integer.
    pub(super) literal: Option<u64>,
    /// The local that it went through: what it is, once it is hidden.
    local: Option<u32>,
}

impl Leaf<'_> {
    /// What is computed with it.
    const fn computed(self) -> Self {
        Self { literal: None, local: None, ..self }
    }
}

impl Operand<'_> {
    const fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    /// The same bits as a value of another type.
    const fn reinterpreted(self) -> Self {
        match self {
            Self::Constant(leaf) => Self::Constant(Leaf { literal: None, ..leaf }),
            Self::Test => Self::Other,
            Self::Local(_) | Self::Other => self,
        }
    }

    pub(super) const fn local(&self) -> Option<u32> {
        match self {
            Self::Local(local) => Some(*local),
            Self::Constant(leaf) => leaf.local,
            Self::Test | Self::Other => None,
        }
    }
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

/// The changes that `body` needs, which is the one at `index` and whose frame has `slots` slots.
pub(super) fn changes<'a>(
    shape: &Shape<'a>,
    body: &FunctionBody<'a>,
    index: usize,
    slots: u32,
) -> Result<Changes<'a>, InvalidModule> {
    let mut flow =
        Flow { shape, changes: Changes::default(), operands: Vec::new(), blocks: Vec::new(), is_reached: true };
    let mut moves = shape.prices.map(|prices| Moves::new(prices, shape.results_of_body(index)));
    flow.changes.entry = shape.prices.map_or(0, |prices| prices.entered(slots));
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, start) = operators.read_with_offset()?;
        flow.changes.has_nops |= matches!(operator, Operator::Nop);
        flow.changes.has_global_gets |= matches!(operator, Operator::GlobalGet { .. });
        if let Some(moves) = &mut moves {
            let Moved { gas, implied_else } = moves.of(shape, &operator);
            if gas > 0 {
                flow.changes.moved.insert(start, gas);
            }
            flow.changes.implied_elses.extend(implied_else.map(|gas| (start, gas)));
        }
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
            Operator::MemoryGrow { .. } if !self.is_reached => {
                if !self.is_inside_removal() {
                    self.changes.removed.push(Removal { start: range.start, end: range.end, operator: None });
                }
            }
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
        let operand = self.operands.pop().unwrap_or(Operand::Other);
        self.hide(operand);
    }

    fn hide(&mut self, operand: Operand<'a>) {
        if let Operand::Constant(leaf) = operand {
            self.changes.hidden.insert(leaf.start, leaf.constant);
        }
    }

    fn is_inside_removal(&self) -> bool {
        self.blocks.last().is_some_and(|block| block.removal.is_some())
    }

    fn enter(&mut self, kind: Kind, ty: BlockType, start: usize) {
        if !self.is_reached {
            let removal = match kind {
                _ if self.is_inside_removal() => Some((usize::MAX, Priced::Nop)),
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
        // Below parameters, wasmi 2.0.0 leaves operands in the locals that they came from, where a turn or an arm can
        // overwrite them, or not copy them at all.
        if parameters > 0 {
            self.changes.spilled.insert(start);
        }
        let height = self.operands.len().saturating_sub(index(parameters));
        let taken = self.operands.split_off(height);
        // What enters a loop is not the same in every turn.
        let inside = if kind == Kind::Loop { vec![Operand::Other; taken.len()] } else { taken.clone() };
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
                        self.changes.removed.push(Removal { start, end, operator: Some(operator) });
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
            self.operands.extend(core::iter::repeat_n(Operand::Other, block.results));
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
        if matches!(operator, Operator::MemoryGrow { .. }) && self.shape.prices.is_some() {
            self.changes.growths.insert(range.start);
        }
        let (taken, given) = operator.operator_arity(self.shape).unwrap_or_default();
        let taken = self.operands.split_off(self.operands.len().saturating_sub(index(taken)));
        match self.result(operator, range, &taken) {
            Some(result) => self.operands.push(result),
            None => self.operands.extend(core::iter::repeat_n(Operand::Other, index(given))),
        }
    }

    /// Notes what `operator` makes necessary. Gives what its one result is, if that is known.
    fn result(&mut self, operator: &Operator<'_>, range: &Range<usize>, taken: &[Operand<'a>]) -> Option<Operand<'a>> {
        use Operand::{Constant, Local};
        if let Some(leaf) = self.shape.leaf(operator, range) {
            return Some(Constant(leaf));
        }
        if is_far_store(operator, taken) || is_choice_by_test(operator, taken) {
            self.changes.spilled.insert(range.start);
        }
        match (operator, taken) {
            (Operator::LocalGet { local_index }, _) => return Some(Local(*local_index)),
            // A constant stays one.
            (Operator::LocalTee { local_index }, [Constant(leaf)]) => {
                return Some(Constant(Leaf { local: Some(*local_index), ..*leaf }));
            }
            (Operator::LocalTee { local_index }, _) => return Some(Local(*local_index)),
            // Of two equal values the choice is known without the condition.
            (Operator::Select | Operator::TypedSelect { .. }, [Local(then), Local(otherwise), _])
                if then == otherwise =>
            {
                return Some(Local(*then));
            }
            (Operator::Select | Operator::TypedSelect { .. }, [Constant(_), Constant(leaf), _])
            | (Operator::RefIsNull, [Constant(leaf)]) => return Some(Constant(leaf.computed())),
            (operator, [_, divisor]) if is_division(operator) && is_zero(divisor) => self.hide(*divisor),
            (operator, [address] | [address, _]) if is_outside(memarg(operator), address, self.shape.memory_bytes) => {
                self.hide(*address);
            }
            // The product of a constant 0 is known whatever the other factor is, and both halves of it are constants then.
            (Operator::I64MulWideS | Operator::I64MulWideU | Operator::I64Add128 | Operator::I64Sub128, operands) => {
                operands.iter().for_each(|operand| self.hide(*operand))
            }
            // No instruction stands for these.
            (operator, [same]) if is_reinterpretation(operator) => return Some(same.reinterpreted()),
            (operator, [.., Constant(leaf)]) if is_numeric(operator) && taken.iter().all(Operand::is_constant) => {
                if !can_trap(operator) {
                    return Some(Constant(leaf.computed()));
                }
                self.hide(Constant(*leaf));
            }
            _ => {}
        }
        is_test(operator, taken).then_some(Operand::Test)
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
