//! Modules that keep many operands on the stack while the locals that they came from are set, blocks take and leave them,
//! and operators, calls and growths go by: for a translator that holds operands in registers and locals for as long as it
//! can. No operator traps, and turns of loops are counted, so a program runs to its end, and there every operand and every
//! local is written to the memory.

use super::{
    operations,
    shapes::Shaped,
    surroundings::{bits_of_f32, bits_of_f64, narrow, number},
};
use crate::input::Input;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, HeapType, Instruction as I, MemArg, MemorySection, MemoryType, Module,
    RefType, TableSection, TableType, TypeSection, ValType,
};

/// Types of values.
const TYPES: [ValType; 5] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::FUNCREF];

/// Locals of each function, behind its parameters. The first is the counter of turns that are left, the second an address.
const LOCALS: [ValType; 12] = [
    ValType::I32,
    ValType::I32,
    ValType::I32,
    ValType::I32,
    ValType::I64,
    ValType::I64,
    ValType::F32,
    ValType::F32,
    ValType::F64,
    ValType::F64,
    ValType::FUNCREF,
    ValType::FUNCREF,
];

/// The first element of the table that is no function to be called.
const FREE_ELEMENTS: u32 = 5;

/// Instructions of the function that is called from outside, and of the others, roughly.
const INSTRUCTIONS_MAX: usize = 300;
const CALLED_INSTRUCTIONS_MAX: usize = 40;

/// Functions. Each can call those behind it.
const FUNCTIONS: usize = 5;

/// How deep blocks nest.
const DEPTH_MAX: usize = 4;

/// Operands that wait at a time, roughly.
const OPERANDS_MAX: usize = 24;

/// Bytes of the memory that programs read and write, below what is written at the end.
const SCRATCH: u64 = 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    Loop,
    /// The then-arm.
    If,
    Else,
}

/// A block that has not ended.
struct Label {
    kind: Kind,
    /// Operands below it.
    height: usize,
    parameters: Vec<ValType>,
    results: Vec<ValType>,
}

impl Label {
    /// What a branch to it takes along.
    fn taken(&self) -> &[ValType] {
        if self.kind == Kind::Loop { &self.parameters } else { &self.results }
    }
}

/// A function: its parameters and its results.
type Signature = (Vec<ValType>, Vec<ValType>);

/// A body in the making.
struct Body<'a> {
    /// All functions; the body is that of the one at `index`.
    functions: &'a [Signature],
    index: usize,
    /// Parameters and results of blocks, behind the types of functions.
    types: &'a mut Vec<Signature>,
    /// Types of parameters and locals.
    locals: Vec<ValType>,
    code: Vec<I<'static>>,
    operands: Vec<ValType>,
    labels: Vec<Label>,
}

/// A module whose function `f0` takes two integers.
pub(crate) fn module(input: &mut Input<'_>) -> Shaped {
    let some = |input: &mut Input<'_>, end: u32| (0..input.below(end)).map(|_| input.choose(&TYPES)).collect();
    let mut functions: Vec<Signature> = vec![(vec![ValType::I32, ValType::I64], vec![ValType::I32])];
    functions.extend((1..FUNCTIONS).map(|_| (some(input, 5), some(input, 4))));
    let mut types = functions.clone();
    let mut bodies: Vec<Function> =
        (0..FUNCTIONS).rev().map(|index| Body::new(&functions, index, &mut types).generate(input)).collect();
    bodies.reverse();
    let (mut section, mut code, mut all) = (FunctionSection::new(), CodeSection::new(), TypeSection::new());
    for (index, body) in (0..).zip(&bodies) {
        section.function(index);
        code.function(body);
    }
    for (taken, left) in types {
        all.ty().function(taken, left);
    }
    let mut module = Module::new();
    module.section(&all).section(&section);
    let (mut tables, mut memories, mut globals) = (TableSection::new(), MemorySection::new(), GlobalSection::new());
    let count = u64::from(FREE_ELEMENTS) + 5;
    let element_type = RefType::FUNCREF;
    tables.table(TableType { element_type, table64: false, minimum: count, maximum: None, shared: false });
    memories.memory(MemoryType { minimum: 2, maximum: Some(4), memory64: false, shared: false, page_size_log2: None });
    for val_type in TYPES {
        let value = match val_type {
            ValType::I32 => ConstExpr::i32_const(narrow(number(input))),
            ValType::I64 => ConstExpr::i64_const(number(input)),
            ValType::F32 => ConstExpr::f32_const(bits_of_f32(input)),
            ValType::FUNCREF => ConstExpr::ref_func(2),
            _ => ConstExpr::f64_const(bits_of_f64(input)),
        };
        globals.global(GlobalType { val_type, mutable: true, shared: false }, &value);
    }
    module.section(&tables).section(&memories).section(&globals);
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0).export("f0", ExportKind::Func, 0);
    let mut elements = ElementSection::new();
    let indices: Vec<u32> = (1..).take(FUNCTIONS - 1).collect();
    elements.active(None, &ConstExpr::i32_const(1), Elements::Functions(indices.into()));
    let (count, mut data) = (wasm_encoder::DataCountSection { count: 1 }, DataSection::new());
    data.passive(input.array::<8>());
    module.section(&exports).section(&elements).section(&count).section(&code).section(&data);
    let [(parameters, _), ..] = &functions[..] else { unreachable!("there is a first function") };
    Shaped { code: module.finish(), functions: vec![("f0".into(), parameters.clone())] }
}

fn constant_of(ty: ValType, number: i64) -> I<'static> {
    match ty {
        ValType::I32 => I::I32Const(narrow(number)),
        ValType::F32 => I::F32Const(f32::from_bits(narrow(number).cast_unsigned())),
        ValType::F64 => I::F64Const(f64::from_bits(number.cast_unsigned())),
        ValType::FUNCREF if number & 1 == 0 => I::RefNull(HeapType::FUNC),
        ValType::FUNCREF => I::RefFunc(3),
        _ => I::I64Const(number),
    }
}

/// The global of type `ty`.
fn global(ty: ValType) -> u32 {
    TYPES.iter().zip(0..).find(|(known, _)| **known == ty).map_or(0, |(_, index)| index)
}

fn at(offset: u64) -> MemArg {
    MemArg { offset, align: 0, memory_index: 0 }
}

const fn load(ty: ValType, place: MemArg) -> I<'static> {
    match ty {
        ValType::I32 => I::I32Load(place),
        ValType::F32 => I::F32Load(place),
        ValType::F64 => I::F64Load(place),
        _ => I::I64Load(place),
    }
}

/// What writes the topmost operand, which is of type `ty`: of a reference, whether it is null.
fn store(ty: ValType, place: MemArg) -> impl Iterator<Item = I<'static>> {
    let (before, store) = match ty {
        ValType::I32 => (None, I::I32Store(place)),
        ValType::F32 => (None, I::F32Store(place)),
        ValType::F64 => (None, I::F64Store(place)),
        ValType::FUNCREF => (Some(I::RefIsNull), I::I32Store(place)),
        _ => (None, I::I64Store(place)),
    };
    before.into_iter().chain([store])
}

impl<'a> Body<'a> {
    fn new(functions: &'a [Signature], index: usize, types: &'a mut Vec<Signature>) -> Self {
        let (parameters, results) = &functions[index];
        let locals = parameters.iter().copied().chain(LOCALS).collect();
        let mut labels = Vec::new();
        if index > 0 {
            // The one that is called from outside goes on to its end.
            labels.push(Label { kind: Kind::Block, height: 0, parameters: Vec::new(), results: results.clone() });
        }
        Self { functions, index, types, locals, code: Vec::new(), operands: Vec::new(), labels }
    }

    /// The local that counts the turns of loops that are left.
    fn counter(&self) -> u32 {
        u32::try_from(self.functions[self.index].0.len()).expect("few")
    }

    /// Blocks that have not ended.
    fn blocks(&self) -> usize {
        self.labels.len() - usize::from(self.index > 0)
    }

    fn generate(mut self, input: &mut Input<'_>) -> Function {
        let length = if self.index > 0 { CALLED_INSTRUCTIONS_MAX } else { INSTRUCTIONS_MAX };
        self.code.extend([I::I32Const(narrow(i64::from(input.below(6)))), I::LocalSet(self.counter())]);
        while self.code.len() < length && !input.is_empty() {
            self.step(input);
        }
        while self.blocks() > 0 {
            self.close(input);
        }
        if self.index > 0 {
            self.fit(input);
        } else {
            self.write();
            self.code.push(I::LocalGet(self.counter()));
        }
        self.code.push(I::End);
        let mut function = Function::new_with_locals_types(LOCALS);
        self.code.iter().for_each(|instruction| {
            function.instruction(instruction);
        });
        function
    }

    /// Writes all locals and operands to the memory.
    fn write(&mut self) {
        let mut place = SCRATCH;
        let mut write = |code: &mut Vec<I<'static>>, ty: ValType, local: u32| {
            code.extend([I::I32Const(0), I::LocalGet(local)]);
            code.extend(store(ty, at(place)));
            place += 8;
        };
        // Locals first: an operand reaches the memory through one.
        for (index, ty) in (0..).zip(&self.locals) {
            write(&mut self.code, *ty, index);
        }
        for ty in core::mem::take(&mut self.operands).into_iter().rev() {
            let local = (0..).zip(&self.locals).filter(|(_, local)| **local == ty).map(|(index, _)| index).last();
            let local = local.expect("there are locals of each type");
            self.code.push(I::LocalSet(local));
            write(&mut self.code, ty, local);
        }
    }

    /// Operands that belong to the innermost block.
    fn own(&self) -> usize {
        self.operands.len() - self.labels.last().map_or(0, |label| label.height)
    }

    fn local(&self, input: &mut Input<'_>, ty: ValType) -> u32 {
        let locals = (0..).zip(&self.locals).filter(|(index, local)| **local == ty && *index != self.counter());
        let fitting: Vec<u32> = locals.map(|(index, _)| index).collect();
        input.choose(&fitting)
    }

    /// Something of type `ty` on top.
    fn push(&mut self, input: &mut Input<'_>, ty: ValType) {
        match input.below(8) {
            0 => self.code.push(match ty {
                ValType::F32 => I::F32Const(bits_of_f32(input)),
                ValType::F64 => I::F64Const(bits_of_f64(input)),
                _ => constant_of(ty, number(input)),
            }),
            1 if ty == ValType::FUNCREF => {
                self.code.extend([I::I32Const(input.below(FREE_ELEMENTS + 5).cast_signed()), I::TableGet(0)])
            }
            1 => self.code.extend([I::I32Const(0), load(ty, at(8 * u64::from(input.below(100))))]),
            2 => self.code.push(I::GlobalGet(global(ty))),
            _ => self.code.push(I::LocalGet(self.local(input, ty))),
        }
        self.operands.push(ty);
    }

    /// Makes the topmost operands of the innermost block those of `types`: by what is there if it fits.
    fn have(&mut self, input: &mut Input<'_>, types: &[ValType]) {
        let fitting = (0..=types.len().min(self.own())).rev().find(|count| self.operands.ends_with(&types[..*count]));
        for ty in &types[fitting.unwrap_or_default()..] {
            self.push(input, *ty);
        }
    }

    fn take(&mut self, count: usize) -> Vec<ValType> {
        self.operands.split_off(self.operands.len() - count)
    }

    /// An i32 on top that is made for it.
    fn condition(&mut self, input: &mut Input<'_>) {
        let local = I::LocalGet(self.local(input, ValType::I32));
        match input.below(6) {
            0 => self.code.extend([I::LocalGet(self.local(input, ValType::I64)), I::I64Eqz]),
            1 => self.code.extend([local, I::I32Eqz]),
            2 => self.code.extend([local, I::I32Const(1), input.choose(&[I::I32Eq, I::I32LtS, I::I32And, I::I32GeU])]),
            3 => {
                let [one, other] = [self.local(input, ValType::F64), self.local(input, ValType::F64)];
                self.code.extend([I::LocalGet(one), I::LocalGet(other), I::F64Lt]);
            }
            4 => self.code.extend([I::I32Const(0), I::I32Load8U(at(u64::from(input.below(600))))]),
            _ => self.code.push(local),
        }
    }

    /// `number` on top: a constant, or something that a translator does not know.
    fn number(&mut self, input: &mut Input<'_>, number: u32) {
        self.code.push(I::I32Const(number.cast_signed()));
        if input.once_in(2) {
            let local = I::LocalGet(self.local(input, ValType::I32));
            self.code.extend([local, I::I32Const(0), I::I32And, I::I32Or]);
        }
    }

    /// An operator over many bytes or elements, between operands that wait.
    fn bulk(&mut self, input: &mut Input<'_>) {
        let choice = input.below(5);
        let start = if choice < 3 { input.below(900) } else { FREE_ELEMENTS + input.below(3) };
        self.number(input, start);
        match choice {
            0 => self.push(input, ValType::I32),
            1 | 2 => {
                let from = input.below(if choice == 1 { 900 } else { 4 });
                self.number(input, from);
                self.operands.push(ValType::I32);
            }
            _ => self.push(input, ValType::FUNCREF),
        }
        if choice < 4 {
            let count = input.below(3);
            self.number(input, count);
        }
        self.take(1);
        self.code.push(match choice {
            0 => I::MemoryFill(0),
            1 => I::MemoryCopy { src_mem: 0, dst_mem: 0 },
            2 => I::MemoryInit { mem: 0, data_index: 0 },
            3 => I::TableFill(0),
            _ => I::TableSet(0),
        });
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let [common, rare] = [&[ValType::I32, ValType::I64][..], &[ValType::F32, ValType::F64, ValType::FUNCREF]];
        let types = if input.once_in(2) { rare } else { common };
        let ty = input.choose(types);
        let top = (self.own() > 0).then(|| self.operands.last().copied()).flatten();
        match (input.below(40), top) {
            (0..=5, Some(top)) => self.code.push(I::LocalTee(self.local(input, top))),
            (6..=9, Some(top)) => {
                self.code.push(I::LocalSet(self.local(input, top)));
                self.take(1);
            }
            (10..=12, _) => {
                self.push(input, ty);
                self.code.push(I::LocalSet(self.local(input, ty)));
                self.take(1);
            }
            (13..=18, _) => self.operation(input, ty),
            (19, Some(_)) => {
                self.code.push(I::Drop);
                self.take(1);
            }
            (20 | 21, Some(top)) => {
                self.have(input, &[top, top]);
                self.condition(input);
                self.code.push(if top == ValType::FUNCREF { I::TypedSelect(top) } else { I::Select });
                self.take(1);
            }
            (22 | 23, _) => {
                self.have(input, &[ValType::I32]);
                self.code.push(I::MemoryGrow(0));
            }
            (24 | 25, _) if self.index + 1 < FUNCTIONS => self.call(input),
            (26..=28, _) if self.labels.len() < DEPTH_MAX => self.open(input),
            (29 | 30, _) if self.blocks() > 0 => self.close(input),
            (31..=33, _) if !self.labels.is_empty() => self.branch_if(input),
            (34, _) => {
                self.code.push(I::I32Const(narrow(8 * i64::from(input.below(100)))));
                self.push(input, ty);
                self.code.extend(store(ty, at(0)));
                self.take(1);
            }
            (35, _) => {
                // An offset for which an engine may have other operators, and one local for both operands.
                let local = I::LocalGet(self.local(input, ValType::I32));
                self.code.extend([I::I32Const(1_000), local.clone(), I::I32And, I::LocalTee(self.counter() + 1)]);
                let value = if input.once_in(2) { I::LocalGet(self.counter() + 1) } else { local };
                self.code.extend([value, I::I32Store(at(input.choose(&[0, 65_528, 65_536, 65_540])))]);
            }
            (37, _) => self.bulk(input),
            (36, Some(top)) => {
                self.code.push(I::GlobalSet(global(top)));
                self.take(1);
            }
            _ if self.operands.len() < OPERANDS_MAX => self.push(input, ty),
            _ => self.code.push(I::Nop),
        }
    }

    fn operation(&mut self, input: &mut Input<'_>, ty: ValType) {
        if ty == ValType::FUNCREF {
            self.have(input, &[ty]);
            self.take(1);
            self.code.push(I::RefIsNull);
            return self.operands.push(ValType::I32);
        }
        let operation = operations::choose(input, ty);
        if operation.can_trap() {
            return self.push(input, ty);
        }
        self.have(input, operation.operands);
        self.take(operation.operands.len());
        self.code.push(operation.instruction);
        self.operands.push(ty);
    }

    fn call(&mut self, input: &mut Input<'_>) {
        let callee = self.index + 1 + input.index(FUNCTIONS - self.index - 1);
        let (taken, left) = self.functions[callee].clone();
        self.have(input, &taken);
        let index = u32::try_from(callee).expect("few");
        if input.once_in(3) {
            self.number(input, index);
            self.code.push(I::CallIndirect { type_index: index, table_index: 0 });
        } else {
            self.code.push(I::Call(index));
        }
        self.take(taken.len());
        self.operands.extend(left);
    }

    /// A block of any kind that takes some of what is there.
    fn open(&mut self, input: &mut Input<'_>) {
        let kind = input.choose(&[Kind::Block, Kind::Block, Kind::Loop, Kind::If]);
        if kind == Kind::If {
            if input.once_in(2) {
                self.have(input, &[ValType::I32]);
                self.take(1);
            } else {
                self.condition(input);
            }
        }
        let parameters = self.take(input.index(5).min(self.own()));
        let results = match input.below(2) {
            0 => parameters.clone(),
            _ => (0..input.below(4)).map(|_| input.choose(&TYPES)).collect(),
        };
        let ty = BlockType::FunctionType(u32::try_from(self.types.len()).expect("few"));
        self.types.push((parameters.clone(), results.clone()));
        self.code.push(match kind {
            Kind::Block => I::Block(ty),
            Kind::Loop => I::Loop(ty),
            Kind::If | Kind::Else => I::If(ty),
        });
        let height = self.operands.len();
        self.operands.extend(&parameters);
        self.labels.push(Label { kind, height, parameters, results });
    }

    /// The end of the innermost block, or of its then-arm.
    fn close(&mut self, input: &mut Input<'_>) {
        if !(input.once_in(6) && self.leave(input)) {
            self.fit(input);
        }
        let Some(mut label) = self.labels.pop() else { return };
        self.operands.truncate(label.height);
        let needs_else = label.results != label.parameters;
        if label.kind == Kind::If && (needs_else || input.once_in(2)) {
            label.kind = Kind::Else;
            self.operands.extend(&label.parameters);
            self.code.push(I::Else);
            self.labels.push(label);
            return;
        }
        self.operands.extend(&label.results);
        self.code.push(I::End);
    }

    /// A branch out of a block, perhaps by a table, in place of what the innermost one would leave; false if there is none
    /// but loops. What is behind it is not reached.
    fn leave(&mut self, input: &mut Input<'_>) -> bool {
        let labels = || (0_u32..).zip(self.labels.iter().rev()).filter(|(_, label)| label.kind != Kind::Loop);
        let all: Vec<u32> = labels().map(|(depth, _)| depth).collect();
        if all.is_empty() {
            return false;
        }
        let depth = input.choose(&all);
        let taken = self.labels[self.labels.len() - 1 - depth as usize].taken().to_vec();
        let same: Vec<u32> = labels().filter(|(_, label)| label.taken() == taken).map(|(depth, _)| depth).collect();
        if self.index > 0 && input.once_in(4) {
            return self.leave_function(input);
        }
        self.have(input, &taken);
        if input.once_in(2) {
            self.condition(input);
            let targets: Vec<u32> = (0..input.below(4)).map(|_| input.choose(&same)).collect();
            self.code.push(I::BrTable(targets.into(), depth));
        } else {
            self.code.push(I::Br(depth));
        }
        true
    }

    /// A return, or a tail call.
    fn leave_function(&mut self, input: &mut Input<'_>) -> bool {
        let (_, results) = self.functions[self.index].clone();
        let callees = (0..).zip(self.functions).skip(self.index + 1).filter(|(_, (_, left))| *left == results);
        let callees: Vec<(u32, Vec<ValType>)> = callees.map(|(index, (taken, _))| (index, taken.clone())).collect();
        if callees.is_empty() || input.once_in(2) {
            self.have(input, &results);
            self.code.push(I::Return);
        } else {
            let (index, taken) = input.choose(&callees);
            self.have(input, &taken);
            if input.once_in(2) {
                self.number(input, index);
                self.code.push(I::ReturnCallIndirect { type_index: index, table_index: 0 });
            } else {
                self.code.push(I::ReturnCall(index));
            }
        }
        true
    }

    /// Makes the operands of the innermost block its results.
    fn fit(&mut self, input: &mut Input<'_>) {
        let Some(label) = self.labels.last() else { return };
        let (height, results) = (label.height, label.results.clone());
        while !results.starts_with(&self.operands[height..]) {
            self.code.push(I::Drop);
            self.take(1);
        }
        for ty in &results[self.operands.len() - height..] {
            self.push(input, *ty);
        }
    }

    /// A branch on a condition: one to a loop is taken as long as turns are left.
    fn branch_if(&mut self, input: &mut Input<'_>) {
        let depth = input.index(self.labels.len());
        let label = &self.labels[self.labels.len() - 1 - depth];
        let (taken, is_loop) = (label.taken().to_vec(), label.kind == Kind::Loop);
        self.have(input, &taken);
        let depth = u32::try_from(depth).expect("few");
        if is_loop {
            self.code.extend([I::LocalGet(self.counter()), I::I32Const(1), I::I32Sub, I::LocalTee(self.counter())]);
            self.code.extend([I::I32Const(0), I::I32GtS, I::BrIf(depth)]);
        } else {
            self.condition(input);
            self.code.push(I::BrIf(depth));
        }
    }
}
