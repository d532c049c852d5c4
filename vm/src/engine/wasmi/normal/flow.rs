//! What of a body has to be changed: constants that a translator could compute with until a condition, a division or an
//! address is known; `loop` and `if` that control cannot reach; stores that wasmi 2.0.0 has no instruction for; blocks with
//! parameters, below which it loses operands; tables of branches, above which it does.
//!
//! One pass over the operators with the operand stack reduced to one question: which constant or which local an operand
//! is, if it is one. A change that is not needed costs nothing and alters no charge, so whenever the answer is not
//! certain it is yes. Reachability is that of control flow alone; values do not matter.

use super::{
    changes::{Changes, Removal, Taken},
    classes::{
        can_trap, is_choice_by_test, is_division, is_far_store, is_numeric, is_outside, is_reinterpretation, is_test,
        is_zero, memarg,
    },
    moves::{Moved, Moves},
    operand::{Leaf, Operand},
    shape::Shape,
};
use crate::module::invalid::InvalidModule;
use core::ops::Range;
use lockstep_gas::Operator as Priced;
use wasmparser::{BlockType, BrTable, FunctionBody, ModuleArity, Operator};

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
    /// What a branch to it takes along, if that can be more than one value.
    taken: Option<Taken>,
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
    /// What a return takes along.
    returned: Option<Taken>,
}

/// The changes that `body` needs, which is the one at `index` and whose frame has `slots` slots.
//= spec 2.6
pub(super) fn changes<'a>(
    shape: &Shape<'a>,
    body: &FunctionBody<'a>,
    index: usize,
    slots: u32,
) -> Result<Changes<'a>, InvalidModule> {
    let mut flow = Flow {
        shape,
        changes: Changes::default(),
        operands: Vec::new(),
        blocks: Vec::new(),
        is_reached: true,
        returned: shape.type_of_body(index).map(|ty| Taken { ty, is_parameters: false }),
    };
    let mut moves = shape.prices.map(|prices| Moves::new(prices, shape.results_of_body(index)));
    //= spec 2.15
    flow.changes.entry = shape.prices.map_or(0, |prices| prices.entered(slots));
    let mut operators = body.get_operators_reader()?.get_binary_reader();
    while !operators.eof() {
        let start = operators.original_position();
        let operator = operators.read_operator()?;
        flow.changes.repriced.extend(shape.repriced(&operator).map(|priced| (start, priced)));
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
                self.branch_table(targets, range.start)?;
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
        self.changes.hide(operand);
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
            let block =
                Block { kind: Kind::Dead, height, parameters, results: 0, taken: None, is_left: false, removal };
            self.blocks.push(block);
            return;
        }
        let (parameters, results) = self.shape.block_type_arity(ty).unwrap_or_default();
        // Below parameters, wasmi 2.0.0 leaves operands in the locals that they came from, where a turn or an arm can
        // overwrite them, or does not copy them at all; or copies a local from its register after a parameter of the loop
        // came into that.
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
        let taken = match ty {
            BlockType::FuncType(ty) => Some(Taken { ty, is_parameters: kind == Kind::Loop }),
            BlockType::Empty | BlockType::Type(_) => None,
        };
        self.blocks.push(Block { kind, height, parameters, results, taken, is_left: false, removal: None });
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

    /// A branch that control reaches. One to a loop leads to its start. Gives the height of its target, and what it takes
    /// along.
    fn branch(&mut self, depth: u32) -> (usize, Option<Taken>) {
        let target = self.blocks.len().checked_sub(index(depth).saturating_add(1));
        let Some(block) = target.and_then(|target| self.blocks.get_mut(target)) else { return (0, self.returned) };
        block.is_left |= block.kind != Kind::Loop;
        (block.height, block.taken)
    }

    /// A table of branches that starts at `start`. wasmi 2.0.0 does not copy its values down to where targets of one height
    /// look for them.
    fn branch_table(&mut self, targets: &BrTable<'_>, start: usize) -> Result<(), InvalidModule> {
        let (height, taken) = self.branch(targets.default());
        let mut is_one_height = true;
        for target in targets.targets() {
            is_one_height &= self.branch(target?).0 == height;
        }
        let Some(taken) = taken else { return Ok(()) };
        let values = self.shape.taken(taken).len();
        if is_one_height && values > 1 && self.operands.len() != height.saturating_add(values) {
            self.changes.tables.insert(start, taken);
            // The block around it has parameters.
            self.changes.spilled.insert(start);
        }
        Ok(())
    }

    /// An operator that control goes through.
    fn plain(&mut self, operator: &Operator<'_>, range: &Range<usize>) {
        match operator {
            // More than half of what compilers write, and nothing has to be asked about it.
            Operator::LocalGet { local_index } => {
                self.operands.push(Operand::Local(*local_index));
                return;
            }
            Operator::LocalSet { .. } | Operator::GlobalSet { .. } | Operator::Drop => {
                self.operands.pop();
                return;
            }
            Operator::MemoryGrow { .. } if self.shape.prices.is_some() => {
                self.changes.growths.insert(range.start);
                // The loop around it has a parameter: see `enter`.
                self.changes.spilled.insert(range.start);
            }
            Operator::Call { function_index } if self.shape.is_tick(*function_index) => {
                self.changes.ticks.insert(range.start);
            }
            _ => {}
        }
        let (taken, given) = operator.operator_arity(self.shape).unwrap_or_default();
        let height = self.operands.len().saturating_sub(index(taken));
        let taken = self.operands.get(height..).unwrap_or_default();
        let result = result(self.shape, &mut self.changes, operator, range, taken);
        self.operands.truncate(height);
        match result {
            Some(result) => self.operands.push(result),
            None => self.operands.resize(height.saturating_add(index(given)), Operand::Other),
        }
    }
}

/// Notes what `operator`, which takes `taken`, makes necessary. Returns what its one result is, if that is known.
fn result<'a>(
    shape: &Shape<'a>,
    changes: &mut Changes<'a>,
    operator: &Operator<'_>,
    range: &Range<usize>,
    taken: &[Operand<'a>],
) -> Option<Operand<'a>> {
    use Operand::{Constant, Local};
    if let Some(leaf) = shape.leaf(operator, range) {
        return Some(Constant(leaf));
    }
    if is_far_store(operator, taken) || is_choice_by_test(operator, taken) {
        changes.spilled.insert(range.start);
    }
    match (operator, taken) {
        // A constant stays one.
        (Operator::LocalTee { local_index }, [Constant(leaf)]) => {
            return Some(Constant(Leaf { local: Some(*local_index), ..*leaf }));
        }
        (Operator::LocalTee { local_index }, _) => return Some(Local(*local_index)),
        // Of two equal values the choice is known without the condition.
        (Operator::Select | Operator::TypedSelect { .. }, [Local(then), Local(otherwise), _]) if then == otherwise => {
            return Some(Local(*then));
        }
        (Operator::Select | Operator::TypedSelect { .. }, [Constant(_), Constant(leaf), _])
        | (Operator::RefIsNull, [Constant(leaf)]) => return Some(Constant(leaf.computed())),
        (operator, [_, divisor]) if is_division(operator) && is_zero(divisor) => changes.hide(*divisor),
        (operator, [address] | [address, _]) if is_outside(memarg(operator), address, shape.memory_bytes) => {
            changes.hide(*address);
        }
        // The product with a constant 0 is known for every other factor, and both halves of it are constants then.
        (Operator::I64MulWideS | Operator::I64MulWideU | Operator::I64Add128 | Operator::I64Sub128, operands) => {
            operands.iter().for_each(|operand| changes.hide(*operand))
        }
        // No instruction is made of these.
        (operator, [same]) if is_reinterpretation(operator) => return Some(same.reinterpreted()),
        (operator, [.., Constant(leaf)]) if is_numeric(operator) && taken.iter().all(Operand::is_constant) => {
            if !can_trap(operator) {
                return Some(Constant(leaf.computed()));
            }
            changes.hide(Constant(*leaf));
        }
        _ => {}
    }
    is_test(operator, taken).then_some(Operand::Test)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
