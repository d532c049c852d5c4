//! Instructions of a body, decoded, and the gas rule: which region each operator belongs to (`docs/spec.md`,
//! section 2).

use crate::{
    numeric,
    value::{Executed, Value, broken, index},
};
use lockstep_gas::{InstructionPrices, Operator};
use lockstep_vm::module::{FunctionType, ValType};
use wasmparser::{BlockType, FunctionBody, MemArg};

/// One instruction. Positions are indices of the body's instructions, regions those of its regions.
#[derive(Debug, Clone)]
pub(crate) enum Instruction {
    Unreachable,
    Nop,
    Block {
        arity: BlockArity,
        end: usize,
    },
    Loop {
        arity: BlockArity,
        region: usize,
    },
    If {
        arity: BlockArity,
        region: usize,
        otherwise: Option<Otherwise>,
        end: usize,
    },
    /// Control gets here at the end of a then-arm only.
    Else {
        end: usize,
    },
    End,
    Br(u32),
    BrIf(u32),
    BrTable {
        targets: Box<[u32]>,
        default: u32,
    },
    Return,
    Call(u32),
    CallIndirect {
        ty: u32,
        table: u32,
    },
    ReturnCall(u32),
    ReturnCallIndirect {
        ty: u32,
        table: u32,
    },
    Drop,
    Select,
    LocalGet(u32),
    LocalSet(u32),
    LocalTee(u32),
    GlobalGet(u32),
    GlobalSet(u32),
    Const(Value),
    RefFunc(u32),
    RefIsNull,
    Load {
        operator: Operator,
        memory: u32,
        offset: u64,
    },
    Store {
        operator: Operator,
        memory: u32,
        offset: u64,
    },
    MemorySize(u32),
    MemoryGrow {
        memory: u32,
        region: usize,
    },
    MemoryFill(u32),
    MemoryCopy {
        target: u32,
        source: u32,
    },
    MemoryInit {
        data: u32,
        memory: u32,
    },
    DataDrop(u32),
    TableGet(u32),
    TableSet(u32),
    TableSize(u32),
    TableGrow(u32),
    TableFill(u32),
    TableCopy {
        target: u32,
        source: u32,
    },
    TableInit {
        element: u32,
        table: u32,
    },
    ElemDrop(u32),
    Numeric(Operator),
}

/// The else-arm of an `if`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Otherwise {
    /// Where it starts.
    pub(crate) start: usize,
    /// Its region.
    pub(crate) region: usize,
}

/// Values that a block takes and leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockArity {
    pub(crate) parameters: usize,
    pub(crate) results: usize,
}

/// A body, decoded.
#[derive(Debug)]
pub(crate) struct Body {
    /// Types of the locals behind the parameters.
    pub(crate) locals: Vec<ValType>,
    pub(crate) instructions: Vec<Instruction>,
    /// The operator of each instruction, and its place in the module.
    pub(crate) sites: Vec<Site>,
    /// The gas of each region; the first is the one of the function's entry.
    pub(crate) regions: Vec<u64>,
}

/// Where an instruction comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) operator: Operator,
    /// Byte offset in the module.
    pub(crate) offset: usize,
}

macro_rules! define_priced {
    ($($name:ident $snake:ident $text:literal $price:expr,)*) => {
        /// The operator in the words of the price list.
        const fn priced(operator: &wasmparser::Operator<'_>) -> Option<Operator> {
            match operator {
                $(wasmparser::Operator::$name { .. } => Some(Operator::$name),)*
                _ => None,
            }
        }
    };
}
lockstep_gas::for_each_operator!(define_priced);

/// The type in our words.
pub(crate) fn value_type(ty: wasmparser::ValType) -> Executed<ValType> {
    use wasmparser::{RefType, ValType as Parsed};
    match ty {
        Parsed::I32 => Ok(ValType::I32),
        Parsed::I64 => Ok(ValType::I64),
        Parsed::F32 => Ok(ValType::F32),
        Parsed::F64 => Ok(ValType::F64),
        Parsed::Ref(RefType::FUNCREF) => Ok(ValType::FuncRef),
        Parsed::Ref(RefType::EXTERNREF) => Ok(ValType::ExternRef),
        Parsed::Ref(_) | Parsed::V128 => Err(broken("a value type that no revision has")),
    }
}

/// An arm that is being decoded: the control instruction that starts it, its region, and what its block takes and leaves.
struct Arm {
    start: Option<usize>,
    region: usize,
    arity: BlockArity,
    is_loop: bool,
}

/// What of a module its bodies refer to.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) types: &'a [FunctionType],
    /// The type of each function, imported ones first.
    pub(crate) functions: &'a [u32],
    /// `None` where instructions are not metered.
    pub(crate) prices: Option<&'a InstructionPrices>,
}

impl Context<'_> {
    fn function_type(&self, function: u32) -> Executed<&FunctionType> {
        let ty = self.functions.get(index(function)).and_then(|ty| self.types.get(index(*ty)));
        ty.ok_or_else(|| broken("a function without a type"))
    }
}

/// A body that is being decoded.
struct Decoder<'a> {
    context: Context<'a>,
    body: Body,
    arms: Vec<Arm>,
}

/// Decodes `body`, the one of `function`, whose frame has `slots` slots.
pub(crate) fn decode(body: &FunctionBody<'_>, context: Context<'_>, function: u32, slots: u32) -> Executed<Body> {
    let mut locals = Vec::new();
    for group in body.get_locals_reader().map_err(unreadable)? {
        let (count, ty) = group.map_err(unreadable)?;
        locals.extend(core::iter::repeat_n(value_type(ty)?, index(count)));
    }
    let body_so_far = Body { locals, instructions: Vec::new(), sites: Vec::new(), regions: Vec::new() };
    let mut decoder = Decoder { context, body: body_so_far, arms: Vec::new() };
    let region = decoder.region();
    let arity = BlockArity { parameters: 0, results: context.function_type(function)?.results.len() };
    decoder.arms.push(Arm { start: None, region, arity, is_loop: false });
    decoder.pay_gas(context.prices.map_or(0, |prices| prices.entered(slots)))?;
    let mut operators = body.get_operators_reader().map_err(unreadable)?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset().map_err(unreadable)?;
        decoder.operator(&operator, offset)?;
    }
    Ok(decoder.body)
}

fn unreadable(error: wasmparser::BinaryReaderError) -> lockstep_host::Stop {
    broken(&format!("a module that it cannot read: {error}"))
}

impl Decoder<'_> {
    /// A new region, which costs 1 before anything is in it.
    fn region(&mut self) -> usize {
        self.body.regions.push(u64::from(self.context.prices.is_some()));
        self.body.regions.len().saturating_sub(1)
    }

    /// Adds the price of `operator` to the region of the innermost arm.
    fn pay(&mut self, operator: Operator) -> Executed<()> {
        let region = self.arms.last().map(|arm| arm.region);
        self.pay_in(region.ok_or_else(|| broken("an operator outside every region"))?, operator)
    }

    /// Adds the price of `operator` to `region`.
    fn pay_in(&mut self, region: usize, operator: Operator) -> Executed<()> {
        let Some(prices) = self.context.prices else { return Ok(()) };
        let price = prices.operator(operator).ok_or_else(|| broken("a forbidden operator"))?;
        self.add(region, u64::from(price))
    }

    /// Adds `gas` to the region of the innermost arm.
    fn pay_gas(&mut self, gas: u64) -> Executed<()> {
        let region = self.arms.last().map(|arm| arm.region);
        self.add(region.ok_or_else(|| broken("an operator outside every region"))?, gas)
    }

    fn add(&mut self, region: usize, gas: u64) -> Executed<()> {
        let region = self.body.regions.get_mut(region).ok_or_else(|| broken("a region that is not there"))?;
        *region = region.saturating_add(gas);
        Ok(())
    }

    /// Adds what `operator` pays for the values that it moves to the region of the innermost arm.
    fn pay_for_values(&mut self, operator: &wasmparser::Operator<'_>) -> Executed<()> {
        use wasmparser::Operator as Parsed;
        let Some(prices) = self.context.prices else { return Ok(()) };
        let gas = match *operator {
            Parsed::Block { blockty } | Parsed::Loop { blockty } | Parsed::If { blockty } => {
                prices.moved(self.arity(blockty)?.parameters)
            }
            // What the then-arm leaves, and the parameters that the else-arm takes up again.
            Parsed::Else => {
                let arity = self.innermost()?.arity;
                prices.moved(arity.results).saturating_add(prices.moved(arity.parameters))
            }
            Parsed::End => prices.moved(self.innermost()?.arity.results),
            Parsed::Br { relative_depth } | Parsed::BrIf { relative_depth } => {
                prices.moved(self.label_arity(relative_depth)?)
            }
            Parsed::BrTable { ref targets } => prices.moved(self.label_arity(targets.default())?),
            Parsed::Return => prices.moved(self.arms.first().map_or(0, |function| function.arity.results)),
            Parsed::Call { function_index } | Parsed::ReturnCall { function_index } => {
                prices.passed(self.context.function_type(function_index)?.parameters.len())
            }
            Parsed::CallIndirect { type_index, .. } | Parsed::ReturnCallIndirect { type_index, .. } => {
                let ty = self.context.types.get(index(type_index)).ok_or_else(|| broken("a call of no type"))?;
                prices.passed(ty.parameters.len())
            }
            _ => 0,
        };
        self.pay_gas(gas)
    }

    fn innermost(&self) -> Executed<&Arm> {
        self.arms.last().ok_or_else(|| broken("an arm of nothing"))
    }

    /// Values that a branch to the label takes along.
    fn label_arity(&self, depth: u32) -> Executed<usize> {
        let at = self.arms.len().checked_sub(index(depth).saturating_add(1));
        let arm = at.and_then(|at| self.arms.get(at)).ok_or_else(|| broken("a branch to nowhere"))?;
        Ok(if arm.is_loop { arm.arity.parameters } else { arm.arity.results })
    }

    fn operator(&mut self, operator: &wasmparser::Operator<'_>, offset: usize) -> Executed<()> {
        use wasmparser::Operator as Parsed;
        let priced = priced(operator).ok_or_else(|| broken("an operator without a price"))?;
        let position = self.body.instructions.len();
        let region_around = self.arms.last().map_or(0, |arm| arm.region);
        self.pay_for_values(operator)?;
        let instruction = match operator {
            Parsed::Block { blockty } => {
                self.pay(priced)?;
                let arity = self.arity(*blockty)?;
                self.arms.push(Arm { start: Some(position), region: region_around, arity, is_loop: false });
                Instruction::Block { arity, end: 0 }
            }
            Parsed::Loop { blockty } => {
                self.pay(priced)?;
                let region = self.region();
                let arity = self.arity(*blockty)?;
                self.arms.push(Arm { start: Some(position), region, arity, is_loop: true });
                Instruction::Loop { arity, region }
            }
            Parsed::If { blockty } => {
                self.pay(priced)?;
                let region = self.region();
                let arity = self.arity(*blockty)?;
                self.arms.push(Arm { start: Some(position), region, arity, is_loop: false });
                Instruction::If { arity, region, otherwise: None, end: 0 }
            }
            Parsed::Else => {
                self.pay(priced)?;
                let then = self.arms.pop().ok_or_else(|| broken("an else without an if"))?;
                let region = self.region();
                self.arms.push(Arm { region, ..then });
                let then_start = self.innermost()?.start;
                let start = position.saturating_add(1);
                self.connect(then_start, |instruction| {
                    if let Instruction::If { otherwise, .. } = instruction {
                        *otherwise = Some(Otherwise { start, region });
                    }
                });
                Instruction::Else { end: 0 }
            }
            Parsed::End => {
                self.pay(priced)?;
                let arm = self.arms.pop().ok_or_else(|| broken("an end of nothing"))?;
                self.close(arm.start, position);
                self.add_implied_else(arm.start, position)?;
                Instruction::End
            }
            Parsed::MemoryGrow { mem } => {
                let region = self.region();
                self.pay_in(region, priced)?;
                Instruction::MemoryGrow { memory: *mem, region }
            }
            other => {
                self.pay(priced)?;
                plain(other, priced)?
            }
        };
        self.body.instructions.push(instruction);
        self.body.sites.push(Site { operator: priced, offset });
        Ok(())
    }

    /// Tells the instructions of a block where its `end` is.
    fn close(&mut self, start: Option<usize>, position: usize) {
        let mut otherwise = None;
        self.connect(start, |instruction| match instruction {
            Instruction::Block { end, .. } => *end = position,
            Instruction::If { end, otherwise: arm, .. } => {
                *end = position;
                otherwise = *arm;
            }
            _ => {}
        });
        if let Some(arm) = otherwise {
            self.connect(arm.start.checked_sub(1), |instruction| {
                if let Instruction::Else { end } = instruction {
                    *end = position;
                }
            });
        }
    }

    /// An `if` that has results and no `else` has an empty else-arm, whose `end` moves the results.
    fn add_implied_else(&mut self, start: Option<usize>, position: usize) -> Executed<()> {
        let region = self.body.regions.len();
        let mut implied = None;
        self.connect(start, |instruction| {
            if let Instruction::If { arity, otherwise: otherwise @ None, .. } = instruction
                && arity.results > 0
            {
                *otherwise = Some(Otherwise { start: position, region });
                implied = Some(arity.results);
            }
        });
        let Some(results) = implied else { return Ok(()) };
        let region = self.region();
        self.add(region, self.context.prices.map_or(0, |prices| prices.moved(results)))
    }

    fn connect(&mut self, position: Option<usize>, change: impl FnOnce(&mut Instruction)) {
        if let Some(instruction) = position.and_then(|position| self.body.instructions.get_mut(position)) {
            change(instruction);
        }
    }

    fn arity(&self, ty: BlockType) -> Executed<BlockArity> {
        Ok(match ty {
            BlockType::Empty => BlockArity { parameters: 0, results: 0 },
            BlockType::Type(_) => BlockArity { parameters: 0, results: 1 },
            BlockType::FuncType(ty) => {
                let ty = self.context.types.get(index(ty)).ok_or_else(|| broken("a block without a type"))?;
                BlockArity { parameters: ty.parameters.len(), results: ty.results.len() }
            }
        })
    }
}

/// An instruction of a constant expression.
pub(crate) fn of_constant(operator: &wasmparser::Operator<'_>) -> Executed<Instruction> {
    let priced = priced(operator).ok_or_else(|| broken("an operator without a price"))?;
    plain(operator, priced)
}

/// An instruction that is no block.
fn plain(operator: &wasmparser::Operator<'_>, priced: Operator) -> Executed<Instruction> {
    use wasmparser::Operator as Parsed;
    if numeric::is_numeric(priced) {
        return Ok(Instruction::Numeric(priced));
    }
    Ok(match *operator {
        Parsed::Unreachable => Instruction::Unreachable,
        Parsed::Nop => Instruction::Nop,
        Parsed::Br { relative_depth } => Instruction::Br(relative_depth),
        Parsed::BrIf { relative_depth } => Instruction::BrIf(relative_depth),
        Parsed::BrTable { ref targets } => {
            let default = targets.default();
            let targets = targets.targets().collect::<Result<_, _>>().map_err(unreadable)?;
            Instruction::BrTable { targets, default }
        }
        Parsed::Return => Instruction::Return,
        Parsed::Call { function_index } => Instruction::Call(function_index),
        Parsed::CallIndirect { type_index, table_index } => {
            Instruction::CallIndirect { ty: type_index, table: table_index }
        }
        Parsed::ReturnCall { function_index } => Instruction::ReturnCall(function_index),
        Parsed::ReturnCallIndirect { type_index, table_index } => {
            Instruction::ReturnCallIndirect { ty: type_index, table: table_index }
        }
        Parsed::Drop => Instruction::Drop,
        Parsed::Select | Parsed::TypedSelect { .. } => Instruction::Select,
        Parsed::LocalGet { local_index } => Instruction::LocalGet(local_index),
        Parsed::LocalSet { local_index } => Instruction::LocalSet(local_index),
        Parsed::LocalTee { local_index } => Instruction::LocalTee(local_index),
        Parsed::GlobalGet { global_index } => Instruction::GlobalGet(global_index),
        Parsed::GlobalSet { global_index } => Instruction::GlobalSet(global_index),
        Parsed::I32Const { value } => Instruction::Const(Value::I32(value.cast_unsigned())),
        Parsed::I64Const { value } => Instruction::Const(Value::I64(value.cast_unsigned())),
        Parsed::F32Const { value } => Instruction::Const(Value::F32(value.bits())),
        Parsed::F64Const { value } => Instruction::Const(Value::F64(value.bits())),
        Parsed::RefNull { hty } => {
            let ty = wasmparser::RefType::new(true, hty).ok_or_else(|| broken("a null of no type"))?;
            Instruction::Const(Value::default_of(value_type(wasmparser::ValType::Ref(ty))?))
        }
        Parsed::RefIsNull => Instruction::RefIsNull,
        Parsed::RefFunc { function_index } => Instruction::RefFunc(function_index),
        ref other => return of_storage(other, priced),
    })
}

/// An instruction that has to do with a memory or a table.
fn of_storage(operator: &wasmparser::Operator<'_>, priced: Operator) -> Executed<Instruction> {
    use wasmparser::Operator as Parsed;
    if let Some((is_store, MemArg { memory, offset, .. })) = access(operator) {
        return Ok(match is_store {
            true => Instruction::Store { operator: priced, memory, offset },
            false => Instruction::Load { operator: priced, memory, offset },
        });
    }
    Ok(match *operator {
        Parsed::MemorySize { mem } => Instruction::MemorySize(mem),
        Parsed::MemoryFill { mem } => Instruction::MemoryFill(mem),
        Parsed::MemoryCopy { dst_mem, src_mem } => Instruction::MemoryCopy { target: dst_mem, source: src_mem },
        Parsed::MemoryInit { data_index, mem } => Instruction::MemoryInit { data: data_index, memory: mem },
        Parsed::DataDrop { data_index } => Instruction::DataDrop(data_index),
        Parsed::TableGet { table } => Instruction::TableGet(table),
        Parsed::TableSet { table } => Instruction::TableSet(table),
        Parsed::TableSize { table } => Instruction::TableSize(table),
        Parsed::TableGrow { table } => Instruction::TableGrow(table),
        Parsed::TableFill { table } => Instruction::TableFill(table),
        Parsed::TableCopy { dst_table, src_table } => Instruction::TableCopy { target: dst_table, source: src_table },
        Parsed::TableInit { elem_index, table } => Instruction::TableInit { element: elem_index, table },
        Parsed::ElemDrop { elem_index } => Instruction::ElemDrop(elem_index),
        ref other => return Err(broken(&format!("an operator that it does not know: {other:?}"))),
    })
}

macro_rules! define_access {
    (loads: $($load:ident)*; stores: $($store:ident)*;) => {
        /// The memory argument of a load or a store, and whether it is a store.
        const fn access(operator: &wasmparser::Operator<'_>) -> Option<(bool, MemArg)> {
            match operator {
                $(wasmparser::Operator::$load { memarg } => Some((false, *memarg)),)*
                $(wasmparser::Operator::$store { memarg } => Some((true, *memarg)),)*
                _ => None,
            }
        }
    };
}
define_access! {
    loads: I32Load I64Load F32Load F64Load I32Load8S I32Load8U I32Load16S I32Load16U
        I64Load8S I64Load8U I64Load16S I64Load16U I64Load32S I64Load32U;
    stores: I32Store I64Store F32Store F64Store I32Store8 I32Store16 I64Store8 I64Store16 I64Store32;
}
