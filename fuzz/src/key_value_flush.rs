//! The message of `__flush`: what the reader finds is what the library of deployed indexers finds, rust-protobuf 3, and
//! what it refuses that library refuses.
//!
//! Messages are put together from pieces that a reader can be wrong about: numbers that are longer than they need to be,
//! fields that are not known, groups in groups, lengths beyond the end.

use crate::input::Input;
use lockstep_host::metashrew::key_value_flush::Items;
use protobuf::{CodedInputStream, UnknownFields, rt::read_unknown_or_skip_group};

/// Finds the items of a message, or refuses it.
pub type Reader = fn(&[u8]) -> Option<Vec<Vec<u8>>>;

/// Tag of field 1 with a length.
const LIST: u32 = 1 << 3 | 2;

/// What the reader of messages is held to.
///
/// # Panics
///
/// See the module.
pub fn key_value_flush(bytes: &[u8]) {
    against(bytes, items);
}

/// The same for a reader that need not be the machine's.
///
/// # Panics
///
/// See the module.
pub fn against(bytes: &[u8], reader: Reader) {
    let mut input = Input::new(bytes);
    let message = if input.once_in(8) { input.bytes(64).to_vec() } else { message(&mut input) };
    assert_eq!(reader(&message), by_library(&message), "of {message:02x?}");
    let count = Items::default().count(&message);
    assert_eq!(count.ok(), items(&message).map(|items| items.len() as u64), "the count of {message:02x?}");
}

/// The machine's.
fn items(message: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut items = Items::default();
    let mut found = Vec::new();
    while let Some(item) = items.next(message).ok()? {
        found.push(message[item].to_vec());
    }
    Some(found)
}

/// rust-protobuf's, as the code that it generates for the message does it.
pub(crate) fn by_library(message: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut stream = CodedInputStream::from_bytes(message);
    let mut unknown = UnknownFields::new();
    let mut found = Vec::new();
    while let Some(tag) = stream.read_raw_tag_or_eof().ok()? {
        match tag {
            LIST => found.push(stream.read_bytes().ok()?),
            _ => read_unknown_or_skip_group(tag, &mut stream, &mut unknown).ok()?,
        }
    }
    Some(found)
}

/// A message out of pieces.
pub(crate) fn message(input: &mut Input<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    // Short messages: a single piece that is refused hides what comes behind it.
    for _ in 0..=input.below(12) {
        match input.below(12) {
            0..=6 => item(input, &mut message),
            7 => {
                let tag = tag(input, 0);
                number(input, &mut message, tag);
                let value = input.u64() >> input.below(64);
                number(input, &mut message, value);
            }
            8 => {
                let wire_type = input.choose(&[1, 5, 1, 5, 2, 6]);
                let tag = tag(input, wire_type);
                number(input, &mut message, tag);
                let length = if wire_type == 1 { 8 } else { 4 };
                message.extend((0..length).map(|_| input.byte()));
            }
            9 => {
                let depth = if input.once_in(2) { 98 + input.below(8) } else { input.below(4) };
                let [begin, end] = [3, 4].map(|wire_type| {
                    let (tag, mut encoded) = (tag(input, wire_type), Vec::new());
                    number(input, &mut encoded, tag);
                    encoded
                });
                (0..depth).for_each(|_| message.extend_from_slice(&begin));
                item(input, &mut message);
                let ends = if input.once_in(5) { input.below(depth + 2) } else { depth };
                (0..ends).for_each(|_| message.extend_from_slice(&end));
            }
            10 => message.push(input.byte()),
            _ => message.truncate(message.len().saturating_sub(input.index(4))),
        }
    }
    message
}

/// An item of the list, now and then of another length than it says.
fn item(input: &mut Input<'_>, message: &mut Vec<u8>) {
    let bytes = input.bytes(12);
    number(input, message, LIST.into());
    let off = if input.once_in(16) { input.u64() } else { 0 };
    number(input, message, (bytes.len() as u64).wrapping_add(off));
    message.extend_from_slice(bytes);
}

/// The tag of a field that is seldom the list.
fn tag(input: &mut Input<'_>, wire_type: u64) -> u64 {
    let wrong = if input.once_in(4) { input.choose(&[0, 1 << 29]) } else { 2 };
    let field = input.choose(&[1, 2, 3, 15, 16, 17, (1 << 29) - 1, wrong]);
    field << 3 | wire_type
}

/// An encoded number, now and then with more bytes than it needs.
fn number(input: &mut Input<'_>, message: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while rest >= 0x80 {
        message.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    if input.once_in(12) {
        message.push(rest as u8 | 0x80);
        (0..input.below(10)).for_each(|_| message.push(0x80));
        rest = 0;
    }
    message.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner;

    #[test]
    fn smoke() {
        runner::smoke("key_value_flush", key_value_flush);
    }

    #[test]
    fn the_inputs_are_read_and_refused() {
        let (mut read, mut refused, mut deep) = (0, 0, 0);
        for case in 0..runner::SMOKE_CASES {
            let bytes = runner::input(runner::SMOKE_SEED, case);
            let message = message(&mut Input::new(&bytes));
            match items(&message) {
                Some(items) if !items.is_empty() => read += 1,
                Some(_) => {}
                None => refused += 1,
            }
            deep += u32::from(message.windows(99).any(|bytes| bytes.iter().all(|byte| byte & 7 == 3)));
        }
        assert!(read > 200 && refused > 200 && deep > 100, "{read} read, {refused} refused, {deep} with deep groups");
    }
}
