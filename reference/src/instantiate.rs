//! Instantiation (specification, modules): allocation, segments, exports.

use crate::{
    instruction::Instruction,
    module::{Constant, Export, Mode, Module},
    numeric,
    store::{Code, Extern, Function, Global, Instance, Memory, Store, Table, address},
    value::{Executed, Operands, Value, broken, index},
};
use core::ops::Range;
use lockstep_host::HaltReason;

/// Makes an instance of `module` with `imports` in the order of its imports, and writes its active segments. Gives its
/// index. The start function is not run.
///
/// # Errors
///
/// Halts if a segment does not fit; what was written before stays.
pub(crate) fn instantiate(store: &mut Store, module: &Module, imports: &[Extern]) -> Executed<usize> {
    let instance = store.instances.len();
    store.instances.push(Instance { types: module.types.clone(), ..Instance::default() });
    for import in imports {
        let own = own(store, instance)?;
        match *import {
            Extern::Function(address) => own.functions.push(address),
            Extern::Table(address) => own.tables.push(address),
            Extern::Memory(address) => own.memories.push(address),
            Extern::Global(address) => own.globals.push(address),
        }
    }
    functions(store, module, instance)?;
    // Globals come before tables and segments: those can read them.
    for (ty, init) in &module.globals {
        let value = evaluate(store, instance, init)?;
        let address = store.globals.len();
        store.globals.push(Global { ty: *ty, value });
        own(store, instance)?.globals.push(address);
    }
    for (element, limits, init) in &module.tables {
        let init = init.as_ref().map_or(Ok(Value::default_of(*element)), |init| evaluate(store, instance, init))?;
        let address = store.tables.len();
        store.tables.push(Table::new(*element, *limits, init)?);
        own(store, instance)?.tables.push(address);
    }
    for limits in &module.memories {
        let address = store.memories.len();
        store.memories.push(Memory::new(*limits)?);
        own(store, instance)?.memories.push(address);
    }
    exports(store, module, instance)?;
    segments(store, module, instance)?;
    Ok(instance)
}

fn own(store: &mut Store, instance: usize) -> Executed<&mut Instance> {
    store.instances.get_mut(instance).ok_or_else(|| broken("an instance that is not there"))
}

fn functions(store: &mut Store, module: &Module, instance: usize) -> Executed<()> {
    for (ty, body) in module.functions.iter().zip(&module.bodies) {
        let ty = module.types.get(index(*ty)).cloned().ok_or_else(|| broken("a function without a type"))?;
        let address = store.functions.len();
        let own = own(store, instance)?;
        let function = u32::try_from(own.functions.len()).unwrap_or(u32::MAX);
        own.functions.push(address);
        store.functions.push(Function { ty, code: Code::Wasm { instance, function, body: body.clone() } });
    }
    Ok(())
}

fn exports(store: &mut Store, module: &Module, instance: usize) -> Executed<()> {
    let own = own(store, instance)?;
    for (name, export) in &module.exports {
        let target = match *export {
            Export::Function(at) => Extern::Function(address(&own.functions, at)?),
            Export::Table(at) => Extern::Table(address(&own.tables, at)?),
            Export::Memory(at) => Extern::Memory(address(&own.memories, at)?),
            Export::Global(at) => Extern::Global(address(&own.globals, at)?),
        };
        own.exports.insert(name.clone(), target);
    }
    Ok(())
}

/// Active segments are copied and dropped, elements first; declared ones are dropped.
fn segments(store: &mut Store, module: &Module, instance: usize) -> Executed<()> {
    for segment in &module.elements {
        let items = segment.items.iter().map(|item| evaluate(store, instance, item));
        let items = items.collect::<Executed<Vec<_>>>()?;
        let address = store.elements.len();
        store.elements.push(if matches!(segment.mode, Mode::Declared | Mode::Active(..)) {
            Vec::new()
        } else {
            items.clone()
        });
        own(store, instance)?.elements.push(address);
        if let Mode::Active(table, offset) = &segment.mode {
            let target = place(store, instance, offset, items.len());
            let table = store.table(instance, *table)?;
            let place = target?.and_then(|target| table.elements.get_mut(target));
            place.ok_or(HaltReason::TableOutOfBounds)?.copy_from_slice(&items);
        }
    }
    for segment in &module.data {
        let address = store.data.len();
        store.data.push(if matches!(segment.mode, Mode::Passive) { segment.bytes.clone() } else { Vec::new() });
        own(store, instance)?.data.push(address);
        if let Mode::Active(memory, offset) = &segment.mode {
            let target = place(store, instance, offset, segment.bytes.len());
            let memory = store.memory(instance, *memory)?;
            let place = target?.and_then(|target| memory.bytes.get_mut(target));
            place.ok_or(HaltReason::MemoryOutOfBounds)?.copy_from_slice(&segment.bytes);
        }
    }
    Ok(())
}

/// Where a segment of `length` items goes, `None` if the host cannot number it.
fn place(store: &mut Store, instance: usize, offset: &Constant, length: usize) -> Executed<Option<Range<usize>>> {
    let Value::I32(start) = evaluate(store, instance, offset)? else { return Err(broken("an offset that is no i32")) };
    let start = index(start);
    Ok(start.checked_add(length).map(|end| start..end))
}

/// The value of a constant expression.
fn evaluate(store: &mut Store, instance: usize, constant: &Constant) -> Executed<Value> {
    let mut operands = Operands::default();
    for instruction in constant {
        match *instruction {
            Instruction::Const(value) => operands.push(value),
            Instruction::GlobalGet(global) => operands.push(store.global(instance, global)?.value),
            Instruction::RefFunc(function) => {
                operands.push(Value::FuncRef(Some(store.function_address(instance, function)?)));
            }
            Instruction::Numeric(operator) => numeric::apply(operator, &mut operands)?,
            _ => return Err(broken("an instruction that is not constant")),
        }
    }
    operands.pop()
}
