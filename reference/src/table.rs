//! Table instructions.

use crate::{
    instruction::Instruction,
    machine::Machine,
    memory::range,
    value::{Executed, Operands, Value, broken, index},
};
use core::ops::Range;
use lockstep_gas::TABLE_ELEMENT_BYTES;
use lockstep_host::{HaltReason, Stop};

/// Executes `instruction`, which is one of a table.
pub(crate) fn step(
    machine: &mut Machine<'_>,
    operands: &mut Operands,
    instance: usize,
    instruction: &Instruction,
) -> Executed<()> {
    match *instruction {
        Instruction::TableGet(table) => {
            let at = index(operands.pop_i32()?);
            let value = machine.store.table(instance, table)?.elements.get(at).copied();
            operands.push(value.ok_or(HaltReason::TableOutOfBounds)?);
        }
        Instruction::TableSet(table) => {
            let (value, at) = (operands.pop()?, index(operands.pop_i32()?));
            let place = machine.store.table(instance, table)?.elements.get_mut(at);
            *place.ok_or(HaltReason::TableOutOfBounds)? = value;
        }
        Instruction::TableSize(table) => {
            let size = machine.store.table(instance, table)?.size();
            operands.push(Value::I32(size));
        }
        Instruction::TableGrow(table) => {
            let (count, init) = (operands.pop_i32()?, operands.pop()?);
            let result = grow(machine, instance, table, count, init)?;
            operands.push(Value::I32(result));
        }
        Instruction::TableFill(table) => {
            let (length, value, target) = (operands.pop_i32()?, operands.pop()?, operands.pop_i32()?);
            let target = elements(target, length)?;
            in_bounds(machine, instance, table, &target)?;
            charge(machine, length)?;
            let place = machine.store.table(instance, table)?.elements.get_mut(target);
            place.ok_or(HaltReason::TableOutOfBounds)?.fill(value);
        }
        Instruction::TableCopy { target: to, source: from } => {
            let (length, source, target) = (operands.pop_i32()?, operands.pop_i32()?, operands.pop_i32()?);
            let (source, target) = (elements(source, length)?, elements(target, length)?);
            in_bounds(machine, instance, from, &source)?;
            in_bounds(machine, instance, to, &target)?;
            charge(machine, length)?;
            let values = machine.store.table(instance, from)?.elements.get(source).map(<[Value]>::to_vec);
            place(machine, instance, to, target, &values.ok_or(HaltReason::TableOutOfBounds)?)?;
        }
        Instruction::TableInit { element, table } => {
            let (length, source, target) = (operands.pop_i32()?, operands.pop_i32()?, operands.pop_i32()?);
            let (source, target) = (elements(source, length)?, elements(target, length)?);
            in_bounds(machine, instance, table, &target)?;
            let values = machine.store.element(instance, element)?.get(source).map(<[Value]>::to_vec);
            let values = values.ok_or(HaltReason::TableOutOfBounds)?;
            charge(machine, length)?;
            place(machine, instance, table, target, &values)?;
        }
        Instruction::ElemDrop(element) => machine.store.element(instance, element)?.clear(),
        _ => return Err(broken("an instruction that it does not know")),
    }
    Ok(())
}

/// Gives the elements that there were, or -1.
fn grow(machine: &mut Machine<'_>, instance: usize, table: u32, count: u32, init: Value) -> Executed<u32> {
    let elements_max = machine.store.bounds.table_elements_max;
    let grown = machine.store.table(instance, table)?;
    let before = grown.size();
    if !grown.can_grow(count, elements_max) {
        return Ok(u32::MAX);
    }
    charge(machine, count)?;
    machine.store.table(instance, table)?.extend(count, init)?;
    Ok(before)
}

fn charge(machine: &mut Machine<'_>, elements: u32) -> Executed<()> {
    machine.charge_bulk(u64::from(elements).saturating_mul(TABLE_ELEMENT_BYTES))
}

fn elements(start: u32, length: u32) -> Executed<Range<usize>> {
    range(start, length).map_err(|_| Stop::Halt(HaltReason::TableOutOfBounds))
}

fn in_bounds(machine: &mut Machine<'_>, instance: usize, table: u32, range: &Range<usize>) -> Executed<()> {
    let elements = &machine.store.table(instance, table)?.elements;
    elements.get(range.clone()).map(|_| ()).ok_or_else(|| HaltReason::TableOutOfBounds.into())
}

fn place(
    machine: &mut Machine<'_>,
    instance: usize,
    table: u32,
    target: Range<usize>,
    values: &[Value],
) -> Executed<()> {
    let place = machine.store.table(instance, table)?.elements.get_mut(target);
    place.ok_or(HaltReason::TableOutOfBounds)?.copy_from_slice(values);
    Ok(())
}
