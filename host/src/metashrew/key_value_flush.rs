//! `KeyValueFlush { repeated bytes list = 1 }`: the message of Protocol Buffers in which an indexer hands over keys and
//! values, which take turns in `list`.
//!
//! Reads what the library of deployed indexers reads, rust-protobuf 3, and refuses what it refuses: fields that it does not
//! know are skipped, groups too. The reader holds a position and nothing else, so a message of any length takes no memory.
//! Knows no guest and no storage.

use core::ops::Range;

/// Bytes of an encoded number of 32 bits, and what its last one can be.
const VARINT_32: (usize, u8) = (5, 0x0f);

/// Bytes of an encoded number of 64 bits, and what its last one can be.
const VARINT_64: (usize, u8) = (10, 0x01);

/// Field 1 with a length: an item of `list`.
const LIST: u64 = 1 << 3 | 2;

/// Groups in each other: the outermost, and rust-protobuf's recursion limit of 100 below it.
const GROUPS_MAX: u32 = 101;

/// The message is none, or is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// The items of a message, from first to last.
#[derive(Debug, Clone, Default)]
pub struct Items {
    /// Where the next field begins.
    at: usize,
}

impl Items {
    /// Where the next item lies in `message`, `None` after the last one.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if what comes next is no field; nothing may be asked for after that.
    //= spec 13.13
    pub fn next(&mut self, message: &[u8]) -> Result<Option<Range<usize>>, Malformed> {
        let mut groups = 0_u32;
        while self.at < message.len() {
            let tag = self.varint(message, VARINT_32)?;
            let (field, wire_type) = (tag >> 3, tag & 7);
            if field == 0 {
                return Err(Malformed);
            }
            match wire_type {
                0 => drop(self.varint(message, VARINT_64)?),
                1 => {
                    self.skip(message, 8)?;
                }
                2 => {
                    let length = self.varint(message, VARINT_32)?;
                    let item = self.skip(message, length)?;
                    if tag == LIST && groups == 0 {
                        return Ok(Some(item));
                    }
                }
                3 if groups < GROUPS_MAX => groups = groups.saturating_add(1),
                4 => groups = groups.checked_sub(1).ok_or(Malformed)?,
                5 => {
                    self.skip(message, 4)?;
                }
                _ => return Err(Malformed),
            }
        }
        if groups == 0 { Ok(None) } else { Err(Malformed) }
    }

    /// Number of the items from here to the end.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if the message is not well-formed up to its end.
    pub fn count(mut self, message: &[u8]) -> Result<u64, Malformed> {
        let mut items = 0_u64;
        while self.next(message)?.is_some() {
            items = items.saturating_add(1);
        }
        Ok(items)
    }

    /// A number in groups of seven bits, the lowest first, of at most `bytes` bytes of which the last can be `last_max`.
    //= spec 13.13
    fn varint(&mut self, message: &[u8], (bytes, last_max): (usize, u8)) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for (position, shift) in (1..=bytes).zip((0_u32..).step_by(7)) {
            let byte = *message.get(self.at).ok_or(Malformed)?;
            self.at = self.at.saturating_add(1);
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if position == bytes && byte > last_max {
                return Err(Malformed);
            }
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    /// The next `length` bytes.
    fn skip(&mut self, message: &[u8], length: u64) -> Result<Range<usize>, Malformed> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let end = end.filter(|end| *end <= message.len()).ok_or(Malformed)?;
        let bytes = self.at..end;
        self.at = end;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &[u8], expect: Result<&[&[u8]], Malformed>) {
        let mut items = Items::default();
        let mut found = Vec::new();
        let result = loop {
            match items.next(message) {
                Ok(Some(item)) => found.push(&message[item]),
                Ok(None) => break Ok(found.as_slice()),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(result, expect, "{message:02x?}");
        assert_eq!(Items::default().count(message), expect.map(|items| items.len() as u64), "{message:02x?}");
    }

    //= spec 13.13 test
    #[test]
    fn items_come_in_order() {
        check(b"", Ok(&[]));
        check(b"\x0a\x00", Ok(&[b""]));
        check(b"\x0a\x01k\x0a\x02vw\x0a\x00", Ok(&[b"k", b"vw", b""]));
        check(b"\x0a\x81\x00k", Ok(&[b"k"]));
        check(b"\x8a\x00\x01k", Ok(&[b"k"]));
    }

    //= spec 13.13 test
    #[test]
    fn fields_that_are_not_known_are_skipped() {
        // Field 2 of each wire type, and field 1 of another one than the list has.
        for unknown in [
            b"\x10\x00".as_slice(),
            b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x1112345678",
            b"\x12\x03abc",
            b"\x151234",
            b"\x08\x05",
            b"\x0d1234",
            b"\x13\x14",
            // The list in a group is not the list; the numbers of a group's beginning and end are not compared.
            b"\x13\x0a\x01x\x1b\x1c\x0a\x01y\x24",
        ] {
            check(&[b"\x0a\x01k", unknown, b"\x0a\x01v"].concat(), Ok(&[b"k", b"v"]));
        }
    }

    //= spec 13.13 test
    #[test]
    fn what_is_no_message_is_refused() {
        for message in [
            b"\x0a".as_slice(),
            b"\x0a\x01",
            b"\x0a\xff\xff\xff\xff\x0f",
            b"\x0a\xff\xff\xff\xff\x1f",
            b"\x80",
            // Field 0, wire types 6 and 7.
            b"\x00\x00",
            b"\x02\x00",
            b"\x0e",
            b"\x0f",
            // Numbers that are too long, for a tag, a length and a value.
            b"\x8a\x80\x80\x80\x80\x00\x00",
            b"\x0a\x81\x80\x80\x80\x80\x00k",
            b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
            // Fixed lengths that are cut off.
            b"\x111234567",
            b"\x15123",
            // Groups without an end, or without a beginning.
            b"\x13",
            b"\x13\x10\x00",
            b"\x14",
            b"\x13\x14\x14",
        ] {
            check(message, Err(Malformed));
            check(&[b"\x0a\x01k", message].concat(), Err(Malformed));
        }
    }

    //= spec 13.13 test
    #[test]
    fn groups_nest_as_deep_as_the_library_lets_them() {
        let nested = |depth: usize| [vec![0x13; depth], vec![0x14; depth]].concat();
        check(&nested(101), Ok(&[]));
        check(&nested(102), Err(Malformed));
        check(&vec![0x13; 1 << 20], Err(Malformed));
    }
}
