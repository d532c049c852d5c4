//! A thread: the operand stack and the activations of functions, and what control and variable instructions do to
//! them. Nothing recurses: a call pushes an activation, a call of the host pauses the thread.

use crate::{
    instruction::{BlockArity, Body, Instruction},
    machine::Machine,
    memory, numeric,
    observer::{Event, Position},
    store::Code,
    table,
    value::{Executed, Operands, Value, broken, index},
};
use lockstep_host::{HaltReason, HostImport};
use lockstep_vm::module::FunctionType;
use std::sync::Arc;

/// Where a branch goes.
#[derive(Debug, Clone, Copy)]
struct Label {
    /// Values that a branch takes along.
    arity: usize,
    /// Operands below the block.
    height: usize,
    /// The instruction that it leads to.
    target: usize,
}

/// A function in progress.
#[derive(Debug)]
struct Activation {
    instance: usize,
    function: u32,
    body: Arc<Body>,
    /// The next instruction.
    position: usize,
    locals: Vec<Value>,
    labels: Vec<Label>,
    /// Operands below it.
    height: usize,
    results: usize,
}

impl Activation {
    /// The operator that it is at.
    fn at(&self) -> Position {
        let at = self.position.saturating_sub(1);
        let offset = self.body.sites.get(at).map_or(0, |site| site.offset);
        Position { function: self.function, offset }
    }
}

/// Why a thread does not go on by itself.
#[derive(Debug)]
pub(crate) enum Pause {
    /// The function has returned; its results are the operands.
    Finished,
    /// A function of the host is called with these bits; its result is to be pushed.
    Host(&'static HostImport, Vec<u64>),
}

/// A thread.
#[derive(Debug, Default)]
pub(crate) struct Thread {
    pub(crate) operands: Operands,
    activations: Vec<Activation>,
}

impl Thread {
    /// Begins a call of the function at `address` with the operands that are there.
    ///
    /// # Errors
    ///
    /// Halts where there is no gas for its first region.
    pub(crate) fn call(&mut self, machine: &mut Machine<'_>, address: usize) -> Executed<Option<Pause>> {
        let function = machine.store.function(address)?.clone();
        let arguments = self.operands.pop_many(function.ty.parameters.len())?;
        match function.code {
            Code::Host(row) => {
                let bits = arguments.iter().map(|value| value.bits().ok_or_else(|| broken("a reference for the host")));
                Ok(Some(Pause::Host(row, bits.collect::<Executed<_>>()?)))
            }
            Code::Unknown => Err(HaltReason::UnknownImport.into()),
            Code::Wasm { instance, function: number, body } => {
                if self.activations.len() >= machine.store.bounds.call_depth_max {
                    return Err(HaltReason::CallStackExhausted.into());
                }
                self.enter(machine, arguments, &function.ty, instance, number, body)?;
                Ok(None)
            }
        }
    }

    fn enter(
        &mut self,
        machine: &mut Machine<'_>,
        arguments: Vec<Value>,
        ty: &FunctionType,
        instance: usize,
        function: u32,
        body: Arc<Body>,
    ) -> Executed<()> {
        let mut locals = arguments;
        locals.extend(body.locals.iter().map(|ty| Value::default_of(*ty)));
        machine.watch.tell(&Event::FunctionEntered { function });
        let entry = body.regions.first().copied().unwrap_or_default();
        let (height, results) = (self.operands.height(), ty.results.len());
        let labels = Vec::new();
        self.activations.push(Activation { instance, function, body, position: 0, locals, labels, height, results });
        machine.charge(entry)
    }

    /// Runs until the first function has returned or the host is called.
    pub(crate) fn run(&mut self, machine: &mut Machine<'_>) -> Executed<Pause> {
        while let Some(top) = self.activations.last_mut() {
            let body = Arc::clone(&top.body);
            let position = top.position;
            top.position = position.saturating_add(1);
            let instruction = body.instructions.get(position).ok_or_else(|| broken("the end of a body"))?;
            if machine.watch.is_on()
                && let Some(site) = body.sites.get(position)
            {
                let (function, gas_left) = (top.function, machine.meter.left());
                machine.watch.tell(&Event::Instruction {
                    function,
                    operator: site.operator,
                    offset: site.offset,
                    gas_left,
                });
            }
            if let Some(pause) = self.step(machine, instruction)? {
                return Ok(pause);
            }
        }
        Ok(Pause::Finished)
    }

    /// Functions in progress with the operator that each is at, the innermost last.
    pub(crate) fn backtrace(&self) -> Vec<Position> {
        self.activations.iter().map(Activation::at).collect()
    }

    /// The innermost function in progress and the operator that it is at.
    pub(crate) fn position(&self) -> Option<Position> {
        self.activations.last().map(Activation::at)
    }

    fn step(&mut self, machine: &mut Machine<'_>, instruction: &Instruction) -> Executed<Option<Pause>> {
        match instruction {
            Instruction::Unreachable => return Err(HaltReason::Unreachable.into()),
            Instruction::Nop => {}
            Instruction::Block { arity, end } => self.open(*arity, arity.results, end.saturating_add(1))?,
            Instruction::Loop { arity, region } => {
                let start = self.top()?.position.saturating_sub(1);
                self.open(*arity, arity.parameters, start)?;
                self.charge_region(machine, *region)?;
            }
            Instruction::If { arity, region, otherwise, end } => {
                let after = end.saturating_add(1);
                match (self.operands.pop_i32()? != 0, otherwise) {
                    (true, _) => {
                        self.open(*arity, arity.results, after)?;
                        self.charge_region(machine, *region)?;
                    }
                    (false, Some(arm)) => {
                        self.open(*arity, arity.results, after)?;
                        self.top_mut()?.position = arm.start;
                        self.charge_region(machine, arm.region)?;
                    }
                    (false, None) => self.top_mut()?.position = after,
                }
            }
            // The then-arm is done: on to the `end`, which closes the block.
            Instruction::Else { end } => self.top_mut()?.position = *end,
            Instruction::End => {
                if self.top_mut()?.labels.pop().is_none() {
                    self.leave(machine)?;
                }
            }
            Instruction::Br(depth) => self.branch(machine, *depth)?,
            Instruction::BrIf(depth) => {
                if self.operands.pop_i32()? != 0 {
                    self.branch(machine, *depth)?;
                }
            }
            Instruction::BrTable { targets, default } => {
                let at = index(self.operands.pop_i32()?);
                self.branch(machine, targets.get(at).copied().unwrap_or(*default))?;
            }
            Instruction::Return => self.leave(machine)?,
            Instruction::MemoryGrow { region, .. } => {
                self.charge_region(machine, *region)?;
                self.plain(machine, instruction)?;
            }
            Instruction::Call(_)
            | Instruction::CallIndirect { .. }
            | Instruction::ReturnCall(_)
            | Instruction::ReturnCallIndirect { .. } => return self.call_instruction(machine, instruction),
            other => self.plain(machine, other)?,
        }
        Ok(None)
    }

    /// An instruction that leaves control alone.
    fn plain(&mut self, machine: &mut Machine<'_>, instruction: &Instruction) -> Executed<()> {
        let instance = self.top()?.instance;
        match instruction {
            Instruction::Drop => {
                self.operands.pop()?;
            }
            Instruction::Select => {
                let condition = self.operands.pop_i32()?;
                let (otherwise, then) = (self.operands.pop()?, self.operands.pop()?);
                self.operands.push(if condition == 0 { otherwise } else { then });
            }
            Instruction::LocalGet(local) => {
                let value = *self.local(*local)?;
                self.operands.push(value);
            }
            Instruction::LocalSet(local) => {
                let value = self.operands.pop()?;
                *self.local(*local)? = value;
            }
            Instruction::LocalTee(local) => {
                let value = self.operands.pop()?;
                *self.local(*local)? = value;
                self.operands.push(value);
            }
            Instruction::GlobalGet(global) => {
                let value = machine.store.global(instance, *global)?.value;
                self.operands.push(value);
            }
            Instruction::GlobalSet(global) => {
                machine.store.global(instance, *global)?.value = self.operands.pop()?;
            }
            Instruction::Const(value) => self.operands.push(*value),
            Instruction::RefFunc(function) => {
                let address = machine.store.function_address(instance, *function)?;
                self.operands.push(Value::FuncRef(Some(address)));
            }
            Instruction::RefIsNull => {
                let is_null = matches!(self.operands.pop()?, Value::FuncRef(None) | Value::ExternRef(None));
                self.operands.push(Value::I32(u32::from(is_null)));
            }
            Instruction::Numeric(operator) => numeric::apply(*operator, &mut self.operands)?,
            other => {
                if !memory::step(machine, &mut self.operands, instance, other)? {
                    table::step(machine, &mut self.operands, instance, other)?;
                }
            }
        }
        Ok(())
    }

    fn call_instruction(&mut self, machine: &mut Machine<'_>, instruction: &Instruction) -> Executed<Option<Pause>> {
        let instance = self.top()?.instance;
        let address = match *instruction {
            Instruction::Call(function) | Instruction::ReturnCall(function) => {
                machine.store.function_address(instance, function)?
            }
            Instruction::CallIndirect { ty, table } | Instruction::ReturnCallIndirect { ty, table } => {
                let at = index(self.operands.pop_i32()?);
                let element = machine.store.table(instance, table)?.elements.get(at).copied();
                let address = match element.ok_or(HaltReason::TableOutOfBounds)? {
                    Value::FuncRef(address) => address.ok_or(HaltReason::IndirectCallToNull)?,
                    _ => return Err(broken("a table of something else than functions")),
                };
                let expected = machine.store.instance(instance)?.types.get(index(ty));
                if expected != Some(&machine.store.function(address)?.ty) {
                    return Err(HaltReason::IndirectCallTypeMismatch.into());
                }
                address
            }
            _ => return Err(broken("a call that is none")),
        };
        if matches!(instruction, Instruction::ReturnCall(_) | Instruction::ReturnCallIndirect { .. }) {
            let arguments = machine.store.function(address)?.ty.parameters.len();
            let top = self.activations.pop().ok_or_else(|| broken("no activation"))?;
            self.operands.unwind(top.height, arguments)?;
            machine.watch.tell(&Event::FunctionLeft);
        }
        self.call(machine, address)
    }

    /// Returns from the function at the top.
    fn leave(&mut self, machine: &mut Machine<'_>) -> Executed<()> {
        let top = self.activations.pop().ok_or_else(|| broken("no activation"))?;
        machine.watch.tell(&Event::FunctionLeft);
        self.operands.unwind(top.height, top.results)
    }

    /// Begins a block whose label takes `label_arity` values to `target`.
    fn open(&mut self, arity: BlockArity, label_arity: usize, target: usize) -> Executed<()> {
        let height = self.operands.height().checked_sub(arity.parameters);
        let height = height.ok_or_else(|| broken("a block without its parameters"))?;
        self.top_mut()?.labels.push(Label { arity: label_arity, height, target });
        Ok(())
    }

    fn branch(&mut self, machine: &mut Machine<'_>, depth: u32) -> Executed<()> {
        let labels = &mut self.top_mut()?.labels;
        // The function's own label is outside all others.
        let Some(target) = labels.len().checked_sub(index(depth).saturating_add(1)) else {
            return self.leave(machine);
        };
        let label = labels.get(target).copied().ok_or_else(|| broken("a branch to nowhere"))?;
        labels.truncate(target);
        self.top_mut()?.position = label.target;
        self.operands.unwind(label.height, label.arity)
    }

    fn charge_region(&self, machine: &mut Machine<'_>, region: usize) -> Executed<()> {
        let gas = self.top()?.body.regions.get(region).copied();
        machine.charge(gas.ok_or_else(|| broken("a region that is not there"))?)
    }

    fn top(&self) -> Executed<&Activation> {
        self.activations.last().ok_or_else(|| broken("no activation"))
    }

    fn top_mut(&mut self) -> Executed<&mut Activation> {
        self.activations.last_mut().ok_or_else(|| broken("no activation"))
    }

    fn local(&mut self, local: u32) -> Executed<&mut Value> {
        self.top_mut()?.locals.get_mut(index(local)).ok_or_else(|| broken("a local that is not there"))
    }
}
