//! Bodies of functions: statements and expressions, generated with their types.

use super::surroundings::{Surroundings, bits_of_f32, bits_of_f64, narrow, number};
use crate::input::Input;
use wasm_encoder::{BlockType, Function, Instruction as I, MemArg, ValType};

/// How deep expressions and blocks nest.
const DEPTH_MAX: u32 = 5;

/// Instructions of a body, roughly.
const INSTRUCTIONS_MAX: usize = 300;

/// A body in the making.
pub(super) struct Body<'a> {
    around: &'a Surroundings,
    /// Parameters, then locals.
    locals: Vec<ValType>,
    parameters: usize,
    result: ValType,
    code: Vec<I<'static>>,
    /// What a branch to each open label hands over, the function's own first.
    labels: Vec<Option<ValType>>,
}

impl<'a> Body<'a> {
    /// `more` locals beyond the usual ones are what a frame is large by.
    pub(super) fn new(around: &'a Surroundings, parameters: &[ValType], result: ValType, more: usize) -> Self {
        let declared = [ValType::I32, ValType::I32, ValType::I64, ValType::F32, ValType::F64];
        let more = core::iter::repeat_n(ValType::I64, more);
        let locals = parameters.iter().copied().chain(declared).chain(more).collect();
        let labels = vec![Some(result)];
        Self { around, locals, parameters: parameters.len(), result, code: Vec::new(), labels }
    }

    pub(super) fn generate(mut self, input: &mut Input<'_>) -> Function {
        self.statements(input, 0);
        // What float locals hold is to be seen in the memory, after all that was done with it.
        for (index, ty) in (0..).zip(&self.locals) {
            let place = MemArg { offset: 512 + 8 * u64::from(index), align: 0, memory_index: 0 };
            let store = match ty {
                ValType::F32 => I::F32Store(place),
                ValType::F64 => I::F64Store(place),
                _ => continue,
            };
            self.code.extend([I::I32Const(0), I::LocalGet(index), store]);
        }
        self.expression(input, self.result, 0);
        self.code.push(I::End);
        let mut function = Function::new_with_locals_types(self.locals.iter().copied().skip(self.parameters));
        self.code.iter().for_each(|instruction| {
            function.instruction(instruction);
        });
        function
    }

    fn is_full(&self, input: &Input<'_>, depth: u32) -> bool {
        depth >= DEPTH_MAX || self.code.len() >= INSTRUCTIONS_MAX || input.is_empty()
    }

    fn statements(&mut self, input: &mut Input<'_>, depth: u32) {
        for _ in 0..input.below(4) {
            self.statement(input, depth);
        }
    }

    fn local(&self, input: &mut Input<'_>, value: ValType) -> u32 {
        let fitting: Vec<u32> =
            (0..).zip(&self.locals).filter(|(_, ty)| **ty == value).map(|(index, _)| index).collect();
        input.choose(&fitting)
    }

    fn global(&self, input: &mut Input<'_>, value: ValType, to_set: bool) -> u32 {
        let globals = (0..).zip(&self.around.globals);
        let fitting = globals.filter(|(_, (ty, mutable))| *ty == value && (*mutable || !to_set));
        let fitting: Vec<u32> = fitting.map(|(index, _)| index).collect();
        input.choose(&fitting)
    }

    fn constant(&mut self, input: &mut Input<'_>, value: ValType) {
        let number = number(input);
        self.code.push(match value {
            ValType::I32 => I::I32Const(narrow(number)),
            ValType::F32 => I::F32Const(bits_of_f32(input)),
            ValType::F64 => I::F64Const(bits_of_f64(input)),
            _ => I::I64Const(number),
        });
    }

    fn statement(&mut self, input: &mut Input<'_>, depth: u32) {
        if self.is_full(input, depth) {
            self.code.push(I::Nop);
            return;
        }
        let value = input.choose(&[ValType::I32, ValType::I64, ValType::F64, ValType::F32]);
        match input.below(18) {
            0 | 1 | 14 => {
                self.expression(input, value, depth + 1);
                let local = self.local(input, value);
                self.code.push(I::LocalSet(local));
            }
            2 => {
                self.expression(input, value, depth + 1);
                let global = self.global(input, value, true);
                self.code.push(I::GlobalSet(global));
            }
            3 => {
                self.expression(input, value, depth + 1);
                self.code.push(I::Drop);
            }
            4 | 5 => self.store(input, depth),
            6 => {
                self.open(I::Block(BlockType::Empty), None);
                self.statements(input, depth + 1);
                self.close();
            }
            7 | 8 => {
                // A label outside, so that the loop can be left, and often a branch back that is not taken for ever.
                self.open(I::Block(BlockType::Empty), None);
                self.open(I::Loop(BlockType::Empty), None);
                self.statements(input, depth + 1);
                if input.once_in(2) {
                    self.condition(input, depth + 1);
                    self.code.push(I::BrIf(0));
                }
                self.close();
                self.close();
            }
            9 | 10 => {
                self.condition(input, depth + 1);
                self.open(I::If(BlockType::Empty), None);
                self.statements(input, depth + 1);
                if input.once_in(2) {
                    self.code.push(I::Else);
                    self.statements(input, depth + 1);
                }
                self.close();
            }
            11 => self.branch(input, depth),
            12 => self.dead_end(input, depth),
            13 => self.bulk(input, depth),
            16 | 17 => self.values(input, depth),
            _ => self.code.push(I::Nop),
        }
    }

    fn open(&mut self, instruction: I<'static>, branch: Option<ValType>) {
        self.code.push(instruction);
        self.labels.push(branch);
    }

    fn close(&mut self) {
        self.code.push(I::End);
        self.labels.pop();
    }

    /// A condition: more often than not one that could be computed beforehand.
    fn condition(&mut self, input: &mut Input<'_>, depth: u32) {
        match input.below(6) {
            0 | 1 => self.constant(input, ValType::I32),
            2 => {
                self.expression(input, ValType::I32, depth + 1);
                self.code.push(I::I32Eqz);
            }
            3 => {
                let local = self.local(input, ValType::I32);
                self.code.push(I::LocalGet(local));
            }
            4 => {
                self.constant(input, ValType::I64);
                self.constant(input, ValType::I64);
                self.code.push(input.choose(&[I::I64Eq, I::I64LtS, I::I64GtU, I::I64Ne]));
            }
            _ => self.expression(input, ValType::I32, depth + 1),
        }
    }

    /// An offset that can lie anywhere.
    fn place(input: &mut Input<'_>, align: u32) -> MemArg {
        let far = [0, 0, 0, 4, 65_535, 65_536, 70_000, 131_068, 1 << 31, u64::from(u32::MAX)];
        MemArg { offset: input.choose(&far), align, memory_index: 0 }
    }

    fn address(&mut self, input: &mut Input<'_>, depth: u32) {
        if input.once_in(3) {
            self.expression(input, ValType::I32, depth + 1);
        } else if input.once_in(2) {
            let local = self.local(input, ValType::I32);
            self.code.push(I::LocalGet(local));
        } else {
            self.code.push(I::I32Const(input.choose(&[0, 8, 100, 65_528, 65_533, 65_536, -1])));
        }
    }

    fn store(&mut self, input: &mut Input<'_>, depth: u32) {
        let value = input.choose(&[ValType::I32, ValType::I64, ValType::I32, ValType::F32, ValType::F64]);
        if value == ValType::I32 && input.once_in(3) {
            // The same local as address and as value.
            let local = self.local(input, ValType::I32);
            self.code.extend([I::LocalGet(local), I::LocalGet(local)]);
        } else {
            self.address(input, depth);
            self.expression(input, value, depth + 1);
        }
        let place = Self::place(input, 0);
        self.code.push(match value {
            ValType::I32 => input.choose(&[I::I32Store(place), I::I32Store8(place), I::I32Store16(place)]),
            ValType::F32 => I::F32Store(place),
            ValType::F64 => I::F64Store(place),
            _ => input.choose(&[I::I64Store(place), I::I64Store8(place), I::I64Store16(place), I::I64Store32(place)]),
        });
    }

    /// A branch on a condition.
    fn branch(&mut self, input: &mut Input<'_>, depth: u32) {
        let empty = self.empty_labels();
        if empty.is_empty() {
            return;
        }
        if input.once_in(3) {
            self.constant(input, ValType::I32);
        } else {
            self.condition(input, depth);
        }
        let label = input.choose(&empty);
        self.code.push(I::BrIf(label));
    }

    /// Labels that take no values.
    fn empty_labels(&self) -> Vec<u32> {
        (0..).zip(self.labels.iter().rev()).filter(|(_, label)| label.is_none()).map(|(index, _)| index).collect()
    }

    /// Something behind which nothing is reached, and something behind it all the same.
    fn dead_end(&mut self, input: &mut Input<'_>, depth: u32) {
        // In a block of its own at times, so that what follows is reached by a branch.
        let inner = input.once_in(2);
        if inner {
            self.open(I::Block(BlockType::Empty), None);
            if input.once_in(2) {
                self.condition(input, depth + 1);
                self.code.push(I::BrIf(0));
            }
        }
        let empty = self.empty_labels();
        match input.below(6) {
            0 => self.code.push(I::Unreachable),
            1 if !empty.is_empty() => self.code.push(I::Br(input.choose(&empty))),
            2 if !empty.is_empty() => {
                self.condition(input, depth + 1);
                let targets: Vec<u32> = (0..input.below(4)).map(|_| input.choose(&empty)).collect();
                self.code.push(I::BrTable(targets.into(), input.choose(&empty)));
            }
            3 => {
                self.expression(input, ValType::I32, depth + 1);
                self.code.push(I::I32Const(0));
                self.code.push(input.choose(&[I::I32DivS, I::I32DivU, I::I32RemS, I::I32RemU]));
                self.code.push(I::Drop);
            }
            4 => {
                self.expression(input, self.result, depth + 1);
                self.code.push(I::Return);
            }
            _ => self.tail_call(input, depth),
        }
        if input.once_in(2) {
            // Without operands: in code that is not reached they are there all the same. Not behind a division, which
            // the specification does not see through.
            let is_dead = matches!(
                self.code.last(),
                Some(I::Unreachable | I::Br(_) | I::BrTable(..) | I::Return | I::ReturnCall(_))
            );
            if is_dead {
                self.code.extend(input.choose(&[[I::I32Add, I::Drop], [I::Select, I::Drop], [I::I64Eqz, I::Drop]]));
            }
        }
        self.statements(input, depth + 1);
        if inner {
            self.close();
        }
    }

    fn tail_call(&mut self, input: &mut Input<'_>, depth: u32) {
        let own = (0..).zip(&self.around.functions).skip(self.around.imports as usize);
        let fitting: Vec<u32> = own.filter(|(_, (_, result))| *result == self.result).map(|(index, _)| index).collect();
        let callee = input.choose(&fitting);
        self.arguments(input, callee, depth);
        self.code.push(I::ReturnCall(callee));
    }

    fn arguments(&mut self, input: &mut Input<'_>, callee: u32, depth: u32) {
        let around = self.around;
        for parameter in &around.functions[callee as usize].0 {
            self.expression(input, *parameter, depth + 1);
        }
    }

    fn bulk(&mut self, input: &mut Input<'_>, depth: u32) {
        let choice = input.below(3);
        self.address(input, depth);
        if choice == 1 {
            self.code.push(I::I32Const(narrow(number(input))));
        } else {
            self.code.push(I::I32Const(input.choose(&[0, 1, 7, 200])));
        }
        self.code.push(I::I32Const(input.choose(&[0, 0, 1, 9, 15, 16, 33, 1_000, 70_000])));
        self.code.push(match choice {
            0 => I::MemoryFill(0),
            1 => I::MemoryCopy { src_mem: 0, dst_mem: 0 },
            _ => I::MemoryInit { mem: 0, data_index: 1 },
        });
    }

    /// A block of any kind that takes several values and leaves as many, with branches that take them along, and growths
    /// of the memory among what is computed.
    fn values(&mut self, input: &mut Input<'_>, depth: u32) {
        let (ty, values) = self.around.block_types[input.below(2) as usize];
        // Below the values waits a local that an arm may set; what waited is to be seen in the memory.
        let waiting = self.local(input, ValType::I32);
        self.code.extend([I::I32Const(40), I::LocalGet(waiting)]);
        for value in values {
            if *value == ValType::I32 && input.once_in(3) {
                self.code.extend([I::I32Const(input.choose(&[0, 0, 1, -1])), I::MemoryGrow(0)]);
            } else {
                self.expression(input, *value, depth + 1);
            }
        }
        let block = BlockType::FunctionType(ty);
        let kind = input.below(4);
        match kind {
            0 => self.code.push(I::Block(block)),
            1 => self.code.push(I::Loop(block)),
            _ => {
                self.condition(input, depth + 1);
                self.code.push(I::If(block));
            }
        }
        // Nothing that is generated elsewhere branches to it.
        self.labels.push(Some(ValType::V128));
        self.arm(input, block, waiting, depth);
        if kind == 3 {
            self.code.push(I::Else);
            self.arm(input, block, waiting, depth);
        }
        self.close();
        self.code.extend(values.iter().map(|_| I::Drop));
        self.code.push(I::I32Store(MemArg { offset: 0, align: 0, memory_index: 0 }));
    }

    /// What is in such a block: its values are the operands, before and after. `waiting` is the local below them.
    fn arm(&mut self, input: &mut Input<'_>, block: BlockType, waiting: u32, depth: u32) {
        if input.once_in(2) {
            self.condition(input, depth + 1);
            self.code.push(I::BrIf(0));
        }
        if input.once_in(2) {
            self.expression(input, ValType::I32, depth + 1);
            self.code.push(I::LocalSet(waiting));
        }
        self.labels.push(Some(ValType::V128));
        match input.below(4) {
            0 => {
                self.code.push(I::Block(block));
                self.condition(input, depth + 1);
                self.code.extend([I::BrTable(vec![0, 1].into(), input.below(2)), I::End]);
            }
            1 => {
                self.code.extend([I::Loop(block), I::I32Const(0), I::MemoryGrow(0), I::Drop, I::End]);
            }
            _ => {}
        }
        self.labels.pop();
        match input.below(6) {
            0 => self.code.push(I::Br(0)),
            1 => self.code.extend([I::Br(0), I::I32Const(1), I::MemoryGrow(0), I::Drop, I::Unreachable]),
            _ => {}
        }
    }

    /// An expression of type `value`.
    fn expression(&mut self, input: &mut Input<'_>, value: ValType, depth: u32) {
        if self.is_full(input, depth) {
            if input.once_in(2) {
                self.constant(input, value);
            } else {
                let local = self.local(input, value);
                self.code.push(I::LocalGet(local));
            }
            return;
        }
        match input.below(16) {
            0 | 1 => self.constant(input, value),
            2 | 3 => {
                let local = self.local(input, value);
                self.code.push(I::LocalGet(local));
            }
            4 => {
                let global = self.global(input, value, false);
                self.code.push(I::GlobalGet(global));
            }
            5 => {
                self.expression(input, value, depth + 1);
                self.expression(input, value, depth + 1);
                self.condition(input, depth + 1);
                self.code.push(I::Select);
            }
            6 => {
                self.open(I::Block(BlockType::Result(value)), Some(value));
                self.statements(input, depth + 1);
                self.expression(input, value, depth + 1);
                if input.once_in(3) {
                    self.condition(input, depth + 1);
                    self.code.push(I::BrIf(0));
                }
                self.close();
            }
            7 => {
                self.condition(input, depth + 1);
                self.open(I::If(BlockType::Result(value)), Some(value));
                self.expression(input, value, depth + 1);
                self.code.push(I::Else);
                self.statements(input, depth + 1);
                self.expression(input, value, depth + 1);
                self.close();
            }
            8 => {
                self.expression(input, value, depth + 1);
                let local = self.local(input, value);
                self.code.push(I::LocalTee(local));
            }
            9 => self.load(input, value, depth),
            10 => self.call(input, value, depth),
            _ => self.operation(input, value, depth),
        }
    }

    fn load(&mut self, input: &mut Input<'_>, value: ValType, depth: u32) {
        self.address(input, depth);
        let place = Self::place(input, 0);
        self.code.push(match value {
            ValType::I32 => input.choose(&[I::I32Load(place), I::I32Load8S(place), I::I32Load16U(place)]),
            ValType::F32 => I::F32Load(place),
            ValType::F64 => I::F64Load(place),
            _ => input.choose(&[I::I64Load(place), I::I64Load8U(place), I::I64Load32S(place)]),
        });
    }

    fn call(&mut self, input: &mut Input<'_>, value: ValType, depth: u32) {
        let functions = (0..).zip(&self.around.functions);
        let fitting: Vec<u32> = functions.filter(|(_, (_, result))| *result == value).map(|(index, _)| index).collect();
        if fitting.is_empty() {
            return self.constant(input, value);
        }
        let callee = input.choose(&fitting);
        self.arguments(input, callee, depth);
        if input.once_in(3) {
            self.code.push(I::I32Const(input.choose(&[0, 1, 2, 3, 4, -1])));
            self.code.push(I::CallIndirect { type_index: callee, table_index: 0 });
        } else {
            self.code.push(I::Call(callee));
        }
    }

    fn operation(&mut self, input: &mut Input<'_>, value: ValType, depth: u32) {
        let operation = super::operations::choose(input, value);
        for operand in operation.operands {
            self.expression(input, *operand, depth + 1);
        }
        self.code.push(operation.instruction);
    }
}
