//! Writes changed function bodies, the hidden globals that they read and the types of blocks that are put into them.

use super::{
    changes::{Changes, Taken},
    free::Inserted,
    operand::Constant,
    shape::{Shape, value_type},
};
use crate::module::{invalid::InvalidModule, operators::priced_operator};
use core::ops::Range;
use lockstep_gas::{InstructionPrices, Operator as Priced};
use std::collections::BTreeMap;
use wasmparser::{BinaryReader, BrTable, FunctionBody, Operator};

/// Opcodes (Wasm specification, binary format of instructions).
const UNREACHABLE: u8 = 0x00;
const NOP: u8 = 0x01;
const BLOCK: u8 = 0x02;
const LOOP: u8 = 0x03;
const ELSE: u8 = 0x05;
const END: u8 = 0x0b;
const BR: u8 = 0x0c;
const BR_TABLE: u8 = 0x0e;
const GLOBAL_GET: u8 = 0x23;
/// The form of a function type, and a type of values (binary format of types).
const FUNCTION_TYPE: u8 = 0x60;
const I32: u8 = 0x7f;
/// The type of a block without parameters and results.
const EMPTY: u8 = 0x40;

/// What is put behind the items of a section, each once.
struct Added<T> {
    /// The index of the first.
    first: u32,
    indices: BTreeMap<T, u32>,
    in_order: Vec<T>,
}

impl<T: Ord + Copy> Added<T> {
    const fn new(first: u32) -> Self {
        Self { first, indices: BTreeMap::new(), in_order: Vec::new() }
    }

    /// The index of `item`.
    fn index(&mut self, item: T) -> u32 {
        let next = self.first.saturating_add(self.count());
        *self.indices.entry(item).or_insert_with(|| {
            self.in_order.push(item);
            next
        })
    }

    fn count(&self) -> u32 {
        u32::try_from(self.in_order.len()).unwrap_or(u32::MAX)
    }
}

/// Writes the bodies of one module.
pub(super) struct Encoder<'s, 'a> {
    shape: &'s Shape<'a>,
    /// `None` if nothing is metered: then nothing is paid for.
    prices: Option<&'a InstructionPrices>,
    inserted: Inserted,
    /// The type of the module that a block around a growth has, if there is one.
    growth_type: Option<u32>,
    /// Types of blocks: around a growth, and around tables of branches by what these take along.
    types: Added<Option<Taken>>,
    /// Hidden globals, each a mutable one that nothing sets.
    hidden: Added<Constant<'a>>,
}

impl<'s, 'a> Encoder<'s, 'a> {
    pub(super) fn new(shape: &'s Shape<'a>, prices: Option<&'a InstructionPrices>, inserted: Inserted) -> Self {
        let (_, types) = shape.own_types();
        Self {
            shape,
            prices,
            inserted,
            growth_type: shape.growth_type(),
            types: Added::new(types),
            hidden: Added::new(shape.globals_count()),
        }
    }

    /// The body with its changes, without its length.
    pub(super) fn body(&mut self, body: &FunctionBody<'_>, changes: &Changes<'a>) -> Result<Vec<u8>, InvalidModule> {
        let code = self.shape.code();
        let bytes = |range: Range<usize>| code.get(range).unwrap_or_default();
        let Range { start, end } = body.range();
        let first = body.get_operators_reader()?.original_position();
        let mut written = bytes(start..first).to_vec();
        nops(&mut written, changes.entry);
        let mut removed = changes.removed.iter().peekable();
        let mut next = first;
        for place in changes.places(self.inserted) {
            // In what is removed nothing else is written.
            if place < next {
                continue;
            }
            written.extend_from_slice(bytes(next..place));
            if let Some(removal) = removed.next_if(|removal| removal.start == place) {
                written.push(UNREACHABLE);
                nops(&mut written, changes.moved.get(&place).copied().unwrap_or_default());
                removal.operator.into_iter().for_each(|operator| self.pay(&mut written, operator));
                next = removal.end;
            } else {
                let mut reader = BinaryReader::new(bytes(place..end), place);
                let operator = reader.read_operator()?;
                next = reader.original_position();
                self.operator(&mut written, changes, &operator, place..next);
            }
        }
        written.extend_from_slice(bytes(next..end));
        Ok(written)
    }

    fn operator(&mut self, written: &mut Vec<u8>, changes: &Changes<'a>, operator: &Operator<'_>, range: Range<usize>) {
        let Some(priced) = priced_operator(operator) else { return };
        let same = self.shape.code().get(range.clone()).unwrap_or_default();
        if changes.spilled.contains(&range.start) {
            written.extend_from_slice(&[BLOCK, EMPTY, END]);
        }
        nops(written, changes.moved.get(&range.start).copied().unwrap_or_default());
        match (operator, changes.hidden.get(&range.start)) {
            (Operator::Nop, _) => self.pay(written, priced),
            (_, Some(constant)) => {
                written.push(GLOBAL_GET);
                leb128(written, self.hidden.index(*constant));
                self.pay(written, priced);
            }
            //= spec 2.2
            // A loop of one turn is a region of its own.
            (Operator::MemoryGrow { .. }, None) if changes.growths.contains(&range.start) => {
                written.push(LOOP);
                let ty = self.growth_type.unwrap_or_else(|| self.types.index(None));
                type_index(written, ty);
                written.extend_from_slice(same);
                written.push(END);
            }
            // The empty region costs 1, as a tick does, and halts where that is not there.
            (Operator::Call { .. }, None) if changes.ticks.contains(&range.start) => {
                self.pay(written, priced);
                written.extend_from_slice(&[LOOP, EMPTY, END]);
            }
            (Operator::BrTable { targets }, None) if changes.tables.contains_key(&range.start) => {
                if let Some(taken) = changes.tables.get(&range.start) {
                    written.push(BLOCK);
                    let ty = self.types.index(Some(*taken));
                    type_index(written, ty);
                    branch_table(written, targets);
                }
            }
            //= spec 2.3
            // What pays for a `loop` must stand in the region around it, what pays for an `else` or an `end` in the one that
            // it ends, and what pays for a `br` where control still is.
            (Operator::Loop { .. } | Operator::Else | Operator::End | Operator::Br { .. }, None)
                if self.inserted.has(priced) =>
            {
                self.pay(written, priced);
                //= spec 2.14
                if let Some(gas) = changes.implied_elses.get(&range.start) {
                    written.push(ELSE);
                    nops(written, *gas);
                }
                written.extend_from_slice(same);
            }
            _ => {
                written.extend_from_slice(same);
                if self.inserted.has(priced) {
                    self.pay(written, priced);
                }
            }
        }
    }

    /// As many `nop` as `operator` costs.
    fn pay(&self, written: &mut Vec<u8>, operator: Priced) {
        let price = self.prices.map_or(0, |prices| prices.operator(operator).unwrap_or(u8::MAX));
        nops(written, u64::from(price));
    }

    /// The content of the global section: `count` globals that are there already, and the hidden ones.
    pub(super) fn globals(&self, count: u32, own: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        leb128(&mut content, count.saturating_add(self.hidden.count()));
        content.extend_from_slice(own);
        for constant in &self.hidden.in_order {
            content.extend_from_slice(&[constant.value_type, 1]);
            content.extend_from_slice(constant.expression);
            content.push(END);
        }
        content
    }

    /// The content of the type section: the types that are there already, and those of the blocks.
    pub(super) fn types(&self) -> Vec<u8> {
        let (own, count) = self.shape.own_types();
        let mut content = Vec::new();
        leb128(&mut content, count.saturating_add(self.types.count()));
        content.extend_from_slice(own);
        for taken in &self.types.in_order {
            let values = taken.map_or(&[][..], |taken| self.shape.taken(taken));
            let values: Vec<u8> = values.iter().filter_map(|ty| value_type(*ty)).collect();
            let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
            content.push(FUNCTION_TYPE);
            leb128(&mut content, count.saturating_add(1));
            content.extend_from_slice(&values);
            content.push(I32);
            match taken {
                Some(_) => {
                    leb128(&mut content, count);
                    content.extend_from_slice(&values);
                }
                None => content.extend_from_slice(&[1, I32]),
            }
        }
        content
    }
}

/// A table of branches, where a block around it is open, the end of that block and the branch that was the default. With
/// that block among its targets they are not all of one height.
fn branch_table(written: &mut Vec<u8>, targets: &BrTable<'_>) {
    written.push(BR_TABLE);
    leb128(written, targets.len());
    for target in targets.targets().flatten() {
        leb128(written, target.saturating_add(1));
    }
    written.extend_from_slice(&[0, END, BR]);
    leb128(written, targets.default());
}

/// As many `nop` as that much gas.
fn nops(written: &mut Vec<u8>, gas: u64) {
    written.extend(core::iter::repeat_n(NOP, usize::try_from(gas).unwrap_or(usize::MAX)));
}

/// Adds a section.
pub(in super::super) fn section(module: &mut Vec<u8>, id: u8, content: &[u8]) {
    module.push(id);
    sized(module, content);
}

/// The content of a section of items that say their size.
pub(super) fn vector(items: &[Vec<u8>]) -> Vec<u8> {
    let mut content = Vec::new();
    leb128(&mut content, u32::try_from(items.len()).unwrap_or(u32::MAX));
    for item in items {
        sized(&mut content, item);
    }
    content
}

fn sized(bytes: &mut Vec<u8>, content: &[u8]) {
    leb128(bytes, u32::try_from(content.len()).unwrap_or(u32::MAX));
    bytes.extend_from_slice(content);
}

/// An unsigned number (Wasm specification, binary format of values).
pub(in super::super) fn leb128(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        let [low, ..] = number.to_le_bytes();
        bytes.push(low | 0x80);
        number >>= 7;
    }
    let [low, ..] = number.to_le_bytes();
    bytes.push(low);
}

/// The type of a block by its index, which is a signed number there.
fn type_index(bytes: &mut Vec<u8>, index: u32) {
    leb128(bytes, index);
    if let Some(last) = bytes.last_mut().filter(|last| **last & 0x40 != 0) {
        *last |= 0x80;
        bytes.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_blocks_are_signed() {
        for (index, bytes) in [(0, &[0][..]), (63, &[63]), (64, &[0xc0, 0]), (127, &[0xff, 0]), (1_000, &[0xe8, 7])] {
            let mut written = Vec::new();
            type_index(&mut written, index);
            assert_eq!(written, bytes, "{index}");
        }
    }

    #[test]
    fn numbers_are_leb128() {
        for (number, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0x80, 1]),
            (624_485, &[0xe5, 0x8e, 0x26]),
            (u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0xf]),
        ] {
            let mut written = Vec::new();
            leb128(&mut written, number);
            assert_eq!(written, bytes, "{number}");
        }
    }
}
