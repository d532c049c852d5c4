//! Memory instructions.

use crate::{
    instruction::Instruction,
    machine::Machine,
    value::{Executed, Operands, Value, broken, index},
};
use core::ops::Range;
use lockstep_gas::{Operator, PAGE_BYTES};
use lockstep_host::HaltReason;
use lockstep_vm::module::ValType;

/// Executes `instruction`, and says whether it is one of a memory.
pub(crate) fn step(
    machine: &mut Machine<'_>,
    operands: &mut Operands,
    instance: usize,
    instruction: &Instruction,
) -> Executed<bool> {
    match *instruction {
        Instruction::Load { operator, memory, offset } => {
            let access = access(operator)?;
            let address = operands.pop_i32()?;
            let bytes = &machine.store.memory(instance, memory)?.bytes;
            let bytes = bytes.get(effective(address, offset, access.bytes)?).ok_or(HaltReason::MemoryOutOfBounds)?;
            operands.push(access.loaded(bytes)?);
        }
        Instruction::Store { operator, memory, offset } => {
            let access = access(operator)?;
            let (value, address) = (operands.pop_bits()?.to_le_bytes(), operands.pop_i32()?);
            let bytes = &mut machine.store.memory(instance, memory)?.bytes;
            let target = bytes.get_mut(effective(address, offset, access.bytes)?);
            let value = value.get(..access.bytes).ok_or_else(|| broken("a store of more than a value"))?;
            target.ok_or(HaltReason::MemoryOutOfBounds)?.copy_from_slice(value);
        }
        Instruction::MemorySize(memory) => {
            let pages = machine.store.memory(instance, memory)?.pages();
            operands.push(Value::I32(pages));
        }
        Instruction::MemoryGrow { memory, .. } => {
            let pages = operands.pop_i32()?;
            let result = grow(machine, instance, memory, pages)?;
            operands.push(Value::I32(result));
        }
        Instruction::MemoryFill(memory) => {
            let (length, value, target) = (operands.pop_i32()?, operands.pop_i32()?, operands.pop_i32()?);
            let [value, ..] = value.to_le_bytes();
            let target = range(target, length)?;
            in_bounds(machine, instance, memory, &target)?;
            machine.charge_bulk(u64::from(length))?;
            let bytes = machine.store.memory(instance, memory)?.bytes.get_mut(target);
            bytes.ok_or(HaltReason::MemoryOutOfBounds)?.fill(value);
        }
        Instruction::MemoryCopy { target: to, source: from } => {
            let (length, source, target) = (operands.pop_i32()?, operands.pop_i32()?, operands.pop_i32()?);
            let (source, target) = (range(source, length)?, range(target, length)?);
            in_bounds(machine, instance, from, &source)?;
            in_bounds(machine, instance, to, &target)?;
            machine.charge_bulk(u64::from(length))?;
            let bytes = machine.store.memory(instance, from)?.bytes.get(source).map(<[u8]>::to_vec);
            let bytes = bytes.ok_or(HaltReason::MemoryOutOfBounds)?;
            let place = machine.store.memory(instance, to)?.bytes.get_mut(target);
            place.ok_or(HaltReason::MemoryOutOfBounds)?.copy_from_slice(&bytes);
        }
        Instruction::MemoryInit { data, memory } => {
            let (length, source, target) = (operands.pop_i32()?, operands.pop_i32()?, operands.pop_i32()?);
            init(machine, instance, (data, memory), (source, target, length))?;
        }
        Instruction::DataDrop(data) => machine.store.data(instance, data)?.clear(),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Gives the pages that there were, or -1.
fn grow(machine: &mut Machine<'_>, instance: usize, memory: u32, pages: u32) -> Executed<u32> {
    let pages_max = machine.store.bounds.memory_pages_max;
    let grown = machine.store.memory(instance, memory)?;
    let before = grown.pages();
    if !grown.can_grow(pages, pages_max) {
        return Ok(u32::MAX);
    }
    machine.charge_bulk(u64::from(pages).saturating_mul(PAGE_BYTES))?;
    machine.store.memory(instance, memory)?.extend(u64::from(pages))?;
    Ok(before)
}

/// `memory.init`; the frame is charged for it if an instruction does it, and not at instantiation.
fn init(
    machine: &mut Machine<'_>,
    instance: usize,
    (data, memory): (u32, u32),
    (source, target, length): (u32, u32, u32),
) -> Executed<()> {
    let (source, target) = (range(source, length)?, range(target, length)?);
    in_bounds(machine, instance, memory, &target)?;
    let bytes = machine.store.data(instance, data)?.get(source).map(<[u8]>::to_vec);
    let bytes = bytes.ok_or(HaltReason::MemoryOutOfBounds)?;
    machine.charge_bulk(u64::from(length))?;
    let place = machine.store.memory(instance, memory)?.bytes.get_mut(target);
    place.ok_or(HaltReason::MemoryOutOfBounds)?.copy_from_slice(&bytes);
    Ok(())
}

fn in_bounds(machine: &mut Machine<'_>, instance: usize, memory: u32, range: &Range<usize>) -> Executed<()> {
    let bytes = &machine.store.memory(instance, memory)?.bytes;
    bytes.get(range.clone()).map(|_| ()).ok_or_else(|| HaltReason::MemoryOutOfBounds.into())
}

/// The `length` bytes at `start`, if the host can number them.
pub(crate) fn range(start: u32, length: u32) -> Executed<Range<usize>> {
    let end = usize::try_from(u64::from(start).saturating_add(u64::from(length)));
    Ok(index(start)..end.map_err(|_| HaltReason::MemoryOutOfBounds)?)
}

/// The bytes of an access: address and offset are added without overflow.
fn effective(address: u32, offset: u64, bytes: usize) -> Executed<Range<usize>> {
    let start = usize::try_from(u64::from(address).saturating_add(offset)).ok();
    let end = start.and_then(|start| start.checked_add(bytes));
    start.zip(end).map(|(start, end)| start..end).ok_or_else(|| HaltReason::MemoryOutOfBounds.into())
}

/// What a load or store moves.
struct Access {
    ty: ValType,
    bytes: usize,
    /// Whether a load fills up with the sign.
    signed: bool,
}

impl Access {
    fn loaded(&self, bytes: &[u8]) -> Executed<Value> {
        let is_negative = self.signed && bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut value = if is_negative { [0xff; 8] } else { [0; 8] };
        value.get_mut(..bytes.len()).ok_or_else(|| broken("a load of more than a value"))?.copy_from_slice(bytes);
        Value::of_bits(self.ty, u64::from_le_bytes(value))
    }
}

fn access(operator: Operator) -> Executed<Access> {
    use Operator as O;
    use ValType::{F32, F64, I32, I64};
    let (ty, bytes, signed) = match operator {
        O::I32Load | O::I32Store => (I32, 4, false),
        O::I64Load | O::I64Store => (I64, 8, false),
        O::F32Load | O::F32Store => (F32, 4, false),
        O::F64Load | O::F64Store => (F64, 8, false),
        O::I32Load8S => (I32, 1, true),
        O::I32Load8U | O::I32Store8 => (I32, 1, false),
        O::I32Load16S => (I32, 2, true),
        O::I32Load16U | O::I32Store16 => (I32, 2, false),
        O::I64Load8S => (I64, 1, true),
        O::I64Load8U | O::I64Store8 => (I64, 1, false),
        O::I64Load16S => (I64, 2, true),
        O::I64Load16U | O::I64Store16 => (I64, 2, false),
        O::I64Load32S => (I64, 4, true),
        O::I64Load32U | O::I64Store32 => (I64, 4, false),
        _ => return Err(broken("an access that is neither load nor store")),
    };
    Ok(Access { ty, bytes, signed })
}
