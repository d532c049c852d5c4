//! What operators pay for the values that they move: blocks for parameters and results, branches for what their labels
//! take, calls for parameters (`docs/spec.md`, section 2).
//!
//! The text alone decides: dead code is looked at as any other.

use super::shape::Shape;
use lockstep_gas::InstructionPrices;
use wasmparser::{BlockType, ModuleArity, Operator};

/// Parameters and results of a block that has not ended, and what it is.
struct Block {
    parameters: usize,
    results: usize,
    is_loop: bool,
    /// An `if` in its then-arm.
    is_then: bool,
}

impl Block {
    /// Values that a branch to it takes along.
    const fn label(&self) -> usize {
        if self.is_loop { self.parameters } else { self.results }
    }
}

/// What an operator pays on top of its price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// In the region that the operator belongs to.
    pub(super) gas: u64,
    /// An `end` of an `if` with results and without an `else`: in the else-arm, which is not written.
    pub(super) implied_else: Option<u64>,
}

/// A body in progress.
pub(super) struct Moves<'s> {
    prices: &'s InstructionPrices,
    blocks: Vec<Block>,
}

impl<'s> Moves<'s> {
    /// For the body of a function with that many results.
    pub(super) fn new(prices: &'s InstructionPrices, results: usize) -> Self {
        let function = Block { parameters: 0, results, is_loop: false, is_then: false };
        Self { prices, blocks: vec![function] }
    }

    /// What `operator`, the next of the body, pays.
    pub(super) fn of(&mut self, shape: &Shape<'_>, operator: &Operator<'_>) -> Moved {
        let gas = match operator {
            //= spec 2.9
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                let block = Self::block(shape, operator, *blockty);
                let gas = self.prices.moved(block.parameters);
                self.blocks.push(block);
                gas
            }
            //= spec 2.10
            Operator::Else => match self.blocks.last_mut() {
                Some(block) => {
                    block.is_then = false;
                    self.prices.moved(block.results).saturating_add(self.prices.moved(block.parameters))
                }
                None => 0,
            },
            Operator::End => return self.end(),
            //= spec 2.8
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => self.label(*relative_depth),
            Operator::BrTable { targets } => self.label(targets.default()),
            //= spec 2.12
            Operator::Return => self.prices.moved(self.blocks.first().map_or(0, |function| function.results)),
            //= spec 2.13
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                let ty = shape.type_index_of_function(*function_index);
                self.prices.passed(ty.map_or(0, |ty| shape.parameters_of(ty)))
            }
            Operator::CallIndirect { type_index, .. } | Operator::ReturnCallIndirect { type_index, .. } => {
                self.prices.passed(shape.parameters_of(*type_index))
            }
            _ => 0,
        };
        Moved { gas, implied_else: None }
    }

    fn block(shape: &Shape<'_>, operator: &Operator<'_>, ty: BlockType) -> Block {
        let (parameters, results) = shape.block_type_arity(ty).unwrap_or_default();
        let [parameters, results] = [parameters, results].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let is_loop = matches!(operator, Operator::Loop { .. });
        Block { parameters, results, is_loop, is_then: matches!(operator, Operator::If { .. }) }
    }

    //= spec 2.11, 2.14
    fn end(&mut self) -> Moved {
        let Some(block) = self.blocks.pop() else { return Moved::default() };
        let gas = self.prices.moved(block.results);
        Moved { gas, implied_else: Some(gas).filter(|gas| block.is_then && *gas > 0) }
    }

    fn label(&self, depth: u32) -> u64 {
        let at = usize::try_from(depth).ok().and_then(|depth| self.blocks.len().checked_sub(depth.checked_add(1)?));
        self.prices.moved(at.and_then(|at| self.blocks.get(at)).map_or(0, Block::label))
    }
}
