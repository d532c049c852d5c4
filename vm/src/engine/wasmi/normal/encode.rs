//! Writes changed function bodies and the hidden globals that they read.

use super::{changes::Changes, free::FREE, operand::Constant, shape::Shape};
use crate::module::{invalid::InvalidModule, operators::priced_operator};
use lockstep_gas::{InstructionPrices, Operator as Priced};
use std::collections::BTreeMap;
use wasmparser::{FunctionBody, Operator};

/// Opcodes (Wasm specification, binary format of instructions).
const UNREACHABLE: u8 = 0x00;
const NOP: u8 = 0x01;
const BLOCK: u8 = 0x02;
const LOOP: u8 = 0x03;
const ELSE: u8 = 0x05;
const END: u8 = 0x0b;
const GLOBAL_GET: u8 = 0x23;
/// The form of a function type, and a type of values (binary format of types).
const FUNCTION_TYPE: u8 = 0x60;
const I32: u8 = 0x7f;
/// The type of a block without parameters and results.
const EMPTY: u8 = 0x40;

/// Writes the bodies of one module.
pub(super) struct Encoder<'a> {
    code: &'a [u8],
    /// `None` if nothing is metered: then nothing is paid for.
    prices: Option<&'a InstructionPrices>,
    /// Whether reads of hidden globals are inserted.
    is_hiding: bool,
    /// The index of the type of a block around a growth.
    growth_type: u32,
    /// The index of the first hidden global.
    first_hidden: u32,
    /// Hidden globals, each a mutable one that nothing sets.
    hidden: BTreeMap<Constant<'a>, u32>,
    /// The same in the order of their indices.
    in_order: Vec<Constant<'a>>,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(
        code: &'a [u8],
        shape: &Shape<'_>,
        prices: Option<&'a InstructionPrices>,
        is_hiding: bool,
    ) -> Self {
        let (growth_type, first_hidden) = (shape.growth_type(), shape.globals_count());
        Self { code, prices, is_hiding, growth_type, first_hidden, hidden: BTreeMap::new(), in_order: Vec::new() }
    }

    /// The body with its changes, without its length.
    pub(super) fn body(&mut self, body: &FunctionBody<'_>, changes: &Changes<'a>) -> Result<Vec<u8>, InvalidModule> {
        if !self.is_changed(changes) {
            return Ok(self.code.get(body.range()).unwrap_or_default().to_vec());
        }
        let mut operators = body.get_operators_reader()?;
        let start = operators.original_position();
        let mut written = self.code.get(body.range().start..start).unwrap_or_default().to_vec();
        nops(&mut written, changes.entry);
        let mut removed = changes.removed.iter().peekable();
        while !operators.eof() {
            let (operator, start) = operators.read_with_offset()?;
            let end = operators.original_position();
            match removed.peek() {
                Some(removal) if removal.start == start => {
                    written.push(UNREACHABLE);
                    nops(&mut written, changes.moved.get(&start).copied().unwrap_or_default());
                    removal.operator.into_iter().for_each(|operator| self.pay(&mut written, operator));
                }
                Some(removal) if removal.start < start => {}
                _ => self.operator(&mut written, changes, &operator, start..end),
            }
            removed.next_if(|removal| removal.end == end);
        }
        Ok(written)
    }

    fn operator(
        &mut self,
        written: &mut Vec<u8>,
        changes: &Changes<'a>,
        operator: &Operator<'_>,
        range: core::ops::Range<usize>,
    ) {
        let Some(priced) = priced_operator(operator) else { return };
        let same = self.code.get(range.clone()).unwrap_or_default();
        if changes.spilled.contains(&range.start) {
            written.extend_from_slice(&[BLOCK, EMPTY, END]);
        }
        nops(written, changes.moved.get(&range.start).copied().unwrap_or_default());
        match (operator, changes.hidden.get(&range.start)) {
            (Operator::Nop, _) => self.pay(written, priced),
            (_, Some(constant)) => {
                written.push(GLOBAL_GET);
                leb128(written, self.global(*constant));
                self.pay(written, priced);
            }
            // A loop of one turn is a region of its own.
            (Operator::MemoryGrow { .. }, None) if changes.growths.contains(&range.start) => {
                written.push(LOOP);
                type_index(written, self.growth_type);
                written.extend_from_slice(same);
                written.push(END);
            }
            // What pays for a `loop` must stand in the region around it, what pays for an `else` or an `end` in the one that
            // it ends.
            (Operator::Loop { .. } | Operator::Else | Operator::End, None) => {
                self.pay(written, priced);
                if let Some(gas) = changes.implied_elses.get(&range.start) {
                    written.push(ELSE);
                    nops(written, *gas);
                }
                written.extend_from_slice(same);
            }
            _ => {
                written.extend_from_slice(same);
                if self.is_paid_beside(priced) {
                    self.pay(written, priced);
                }
            }
        }
    }

    /// Whether the operator itself is free in the module that is written.
    fn is_paid_beside(&self, operator: Priced) -> bool {
        FREE.contains(&operator) && (self.is_hiding || operator != Priced::GlobalGet)
    }

    /// Whether a body with these changes is written anew: in one that is not, every operator costs what it did.
    fn is_changed(&self, changes: &Changes<'_>) -> bool {
        let price = |operator| self.prices.map_or(0, |prices| prices.operator(operator).unwrap_or(u8::MAX));
        let has_priced = FREE
            .into_iter()
            .any(|operator| self.is_paid_beside(operator) && price(operator) > 0 && operator != Priced::GlobalGet);
        !changes.is_empty() || changes.has_nops || has_priced || (self.is_hiding && changes.has_global_gets)
    }

    /// As many `nop` as `operator` costs.
    fn pay(&self, written: &mut Vec<u8>, operator: Priced) {
        let price = self.prices.map_or(0, |prices| prices.operator(operator).unwrap_or(u8::MAX));
        nops(written, u64::from(price));
    }

    /// The hidden global with that value.
    fn global(&mut self, constant: Constant<'a>) -> u32 {
        let next = self.first_hidden.saturating_add(u32::try_from(self.in_order.len()).unwrap_or(u32::MAX));
        *self.hidden.entry(constant).or_insert_with(|| {
            self.in_order.push(constant);
            next
        })
    }

    /// The content of the global section: `count` globals that are there already, and the hidden ones.
    pub(super) fn globals(&self, count: u32, own: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        leb128(&mut content, count.saturating_add(u32::try_from(self.in_order.len()).unwrap_or(u32::MAX)));
        content.extend_from_slice(own);
        for constant in &self.in_order {
            content.extend_from_slice(&[constant.value_type, 1]);
            content.extend_from_slice(constant.expression);
            content.push(END);
        }
        content
    }
}

/// As many `nop` as that much gas.
fn nops(written: &mut Vec<u8>, gas: u64) {
    written.extend(core::iter::repeat_n(NOP, usize::try_from(gas).unwrap_or(usize::MAX)));
}

/// The content of the type section: `count` types that are there already, and one more.
pub(super) fn types(own: &[u8], count: u32) -> Vec<u8> {
    let mut content = Vec::new();
    leb128(&mut content, count.saturating_add(1));
    content.extend_from_slice(own);
    content.extend_from_slice(&[FUNCTION_TYPE, 1, I32, 1, I32]);
    content
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
