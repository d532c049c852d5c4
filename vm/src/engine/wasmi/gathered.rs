//! Active data segments that lie close to each other, as one: an instance is made of each segment by itself, and a program in
//! Go has tens of thousands of them.
//!
//! Bytes between two segments are zeros in a new memory, and become zeros of a segment. It is done where it cannot be seen:
//! every segment lies within the initial memory, in ascending order, and no operator of the module can name one.

use super::normal::{leb128, section};
use crate::module::invalid::InvalidModule;
use std::borrow::Cow;
use wasmparser::{DataKind, DataSectionReader, Operator, Parser, Payload};

/// The identifier of the data section (Wasm specification, binary format of modules).
const DATA: u8 = 11;

/// Opcodes (Wasm specification, binary format of instructions).
const I32_CONST: u8 = 0x41;
const END: u8 = 0x0b;

/// Bytes between two segments that become one, at most: an engine keeps about as many for a segment of its own.
const GAP_MAX: usize = 32;

/// The module with fewer data segments, or as it is. `memory_bytes` are those of the memory at first.
///
/// Work and memory are linear in the bytes of the module.
///
/// # Errors
///
/// None for a valid module.
pub(super) fn gathered(code: &[u8], memory_bytes: u64) -> Result<Cow<'_, [u8]>, InvalidModule> {
    let mut gathered = None;
    for payload in Parser::new(0).parse_all(code) {
        match payload? {
            // With it, operators can name segments.
            Payload::DataCountSection { .. } => return Ok(Cow::Borrowed(code)),
            Payload::DataSection(segments) => gathered = runs(segments, memory_bytes)?,
            _ => {}
        }
    }
    let Some(runs) = gathered else { return Ok(Cow::Borrowed(code)) };
    let mut module = code.get(..8).unwrap_or_default().to_vec();
    for payload in Parser::new(0).parse_all(code) {
        let Some((id, range)) = payload?.as_section() else { continue };
        match id {
            DATA => section(&mut module, DATA, &content(&runs)),
            id => section(&mut module, id, code.get(range).unwrap_or_default()),
        }
    }
    Ok(Cow::Owned(module))
}

/// Bytes that lie beside each other in the memory.
struct Run {
    start: usize,
    bytes: Vec<u8>,
}

impl Run {
    fn end(&self) -> usize {
        self.start.saturating_add(self.bytes.len())
    }
}

/// The segments as runs. `None` if there are as many, or if it could be seen.
fn runs(segments: DataSectionReader<'_>, memory_bytes: u64) -> Result<Option<Vec<Run>>, InvalidModule> {
    let count = usize::try_from(segments.count()).unwrap_or(usize::MAX);
    let mut runs: Vec<Run> = Vec::new();
    for segment in segments {
        let segment = segment?;
        let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else { return Ok(None) };
        let mut operators = offset_expr.get_operators_reader();
        let (Operator::I32Const { value }, Operator::End) = (operators.read()?, operators.read()?) else {
            return Ok(None);
        };
        let Ok(start) = usize::try_from(value.cast_unsigned()) else { return Ok(None) };
        let end = u64::try_from(start.saturating_add(segment.data.len())).unwrap_or(u64::MAX);
        let gap = start.checked_sub(runs.last().map_or(0, Run::end));
        let (Some(gap), true) = (gap, end <= memory_bytes) else { return Ok(None) };
        match runs.last_mut().filter(|_| gap <= GAP_MAX) {
            Some(run) => {
                run.bytes.extend(core::iter::repeat_n(0, gap));
                run.bytes.extend_from_slice(segment.data);
            }
            None => runs.push(Run { start, bytes: segment.data.to_vec() }),
        }
    }
    Ok(Some(runs).filter(|runs| runs.len() < count))
}

/// The content of the data section.
fn content(runs: &[Run]) -> Vec<u8> {
    let mut content = Vec::new();
    leb128(&mut content, u32::try_from(runs.len()).unwrap_or(u32::MAX));
    for Run { start, bytes } in runs {
        content.extend_from_slice(&[0, I32_CONST]);
        signed_leb128(&mut content, u32::try_from(*start).unwrap_or(u32::MAX).cast_signed());
        content.push(END);
        leb128(&mut content, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        content.extend_from_slice(bytes);
    }
    content
}

/// A signed number (Wasm specification, binary format of values).
fn signed_leb128(bytes: &mut Vec<u8>, mut number: i32) {
    loop {
        let [low, ..] = number.to_le_bytes();
        let (low, rest) = (low & 0x7f, number >> 7);
        if (rest, low & 0x40) == (0, 0) || (rest, low & 0x40) == (-1, 0x40) {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
        number = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The segments of a module, as their places and contents.
    fn segments(code: &[u8]) -> Vec<(i32, Vec<u8>)> {
        let mut segments = Vec::new();
        for payload in Parser::new(0).parse_all(code) {
            let Payload::DataSection(section) = payload.unwrap() else { continue };
            for segment in section {
                let segment = segment.unwrap();
                let DataKind::Active { offset_expr, .. } = segment.kind else { continue };
                let Operator::I32Const { value } = offset_expr.get_operators_reader().read().unwrap() else { continue };
                segments.push((value, segment.data.to_vec()));
            }
        }
        segments
    }

    /// What a new memory contains.
    fn memory(code: &[u8]) -> Vec<u8> {
        let mut memory = vec![0; 65_536];
        for (start, content) in segments(code) {
            let start = usize::try_from(start).unwrap();
            memory[start..][..content.len()].copy_from_slice(&content);
        }
        memory
    }

    #[test]
    fn segments_are_gathered_where_it_cannot_be_seen() {
        for (fields, expected) in [
            ("(data (i32.const 8) \"ab\") (data (i32.const 10) \"c\") (data (i32.const 43) \"d\")", 1),
            ("(data (i32.const 8) \"ab\") (data (i32.const 42) \"c\") (data (i32.const 76) \"d\")", 2),
            (
                "(data (i32.const 63) \"a\") (data (i32.const 64) \"b\") (data (i32.const 8191) \"c\") (data (i32.const 8192) \"\")",
                2,
            ),
            ("(data (i32.const 65535) \"a\") (data (i32.const 65536) \"\")", 1),
            // One segment, far segments, another order, an overlap.
            ("(data (i32.const 8) \"ab\")", 0),
            ("(data (i32.const 8) \"ab\") (data (i32.const 100) \"c\")", 0),
            ("(data (i32.const 8) \"ab\") (data (i32.const 6) \"c\")", 0),
            ("(data (i32.const 8) \"ab\") (data (i32.const 9) \"c\")", 0),
            // Beyond the initial memory, where an instantiation fails after the first segment; a place that is computed.
            ("(data (i32.const 8) \"ab\") (data (i32.const 10) \"c\") (data (i32.const 65536) \"d\")", 0),
            ("(data (i32.const 8) \"ab\") (data (i32.const -1) \"\")", 0),
            ("(data (i32.const 8) \"ab\") (data (i32.add (i32.const 1) (i32.const 9)) \"c\")", 0),
            // Passive, or named by an operator.
            ("(data (i32.const 8) \"ab\") (data (i32.const 10) \"c\") (data \"d\")", 0),
            ("(data $a (i32.const 8) \"ab\") (data (i32.const 10) \"c\") (func (data.drop $a))", 0),
        ] {
            let code = wat::parse_str(format!("(module (memory 1) {fields})")).unwrap();
            let gathered = gathered(&code, 65_536).unwrap();
            assert_eq!(matches!(gathered, Cow::Borrowed(_)), expected == 0, "{fields}");
            if expected > 0 {
                assert_eq!(segments(&gathered).len(), expected, "{fields}");
                assert_eq!(memory(&gathered), memory(&code), "{fields}");
                wasmparser::Validator::new().validate_all(&gathered).unwrap();
            }
        }
    }

    #[test]
    fn numbers_have_their_signs() {
        for (number, bytes) in [
            (0, &[0][..]),
            (63, &[63]),
            (64, &[0xc0, 0]),
            (-1, &[0x7f]),
            (-64, &[0x40]),
            (-65, &[0xbf, 0x7f]),
            (8_191, &[0xff, 0x3f]),
            (8_192, &[0x80, 0xc0, 0]),
            (i32::MAX, &[0xff, 0xff, 0xff, 0xff, 7]),
            (i32::MIN, &[0x80, 0x80, 0x80, 0x80, 0x78]),
        ] {
            let mut written = Vec::new();
            signed_leb128(&mut written, number);
            assert_eq!(written, bytes, "{number}");
        }
    }
}
