//! The custom section `packed_abi`: which descriptors a contract's exports are called with.
//!
//! Owns its binary format. Whether the names are exports and the descriptors fit their types is checked where the
//! module is known.

use super::{Descriptor, InvalidDescriptor};
use core::fmt;
use std::collections::{BTreeMap, btree_map::Entry};

/// The descriptors of a contract's exports, by name.
///
/// The content of the section is, in the Wasm binary format, `vec(entry)` with `entry = export:name descriptor:name`:
/// counts and lengths are LEB128 u32, names are UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackedAbi(BTreeMap<Box<[u8]>, Descriptor>);

impl PackedAbi {
    /// The name of the custom section.
    pub const SECTION: &'static str = "packed_abi";

    /// Reads the content of the section.
    ///
    /// # Errors
    ///
    /// [`InvalidPackedAbi`] with the first thing that is wrong, and where.
    //= spec 6.2.2
    pub fn parse(section: &[u8]) -> Result<Self, InvalidPackedAbi> {
        let mut reader = Reader { section, rest: section };
        let mut descriptors = BTreeMap::new();
        // No space is kept for `count` entries: the section may end long before.
        for _ in 0..reader.u32()? {
            let name_offset = reader.offset();
            let Entry::Vacant(entry) = descriptors.entry(reader.name()?.into()) else {
                return Err(InvalidPackedAbi { offset: name_offset, reason: PackedAbiReason::DuplicateName });
            };
            let letters = reader.name()?;
            let letters_start = reader.offset().saturating_sub(length(letters));
            entry.insert(Descriptor::parse(letters).map_err(|error| InvalidPackedAbi {
                offset: letters_start,
                reason: PackedAbiReason::Descriptor(error),
            })?);
        }
        if reader.rest.is_empty() { Ok(Self(descriptors)) } else { Err(reader.error(PackedAbiReason::TrailingBytes)) }
    }

    /// The descriptor of the export `name`, `None` if the section says nothing about it.
    pub fn get(&self, name: &[u8]) -> Option<&Descriptor> {
        self.0.get(name)
    }

    /// Every entry, in ascending order of the names' bytes. The names are UTF-8.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Descriptor)> {
        self.0.iter().map(|(name, descriptor)| (&**name, descriptor))
    }
}

/// What is left to read of the section.
struct Reader<'a> {
    section: &'a [u8],
    rest: &'a [u8],
}

/// The length in 32 bits; a Wasm module has no section that is longer.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

impl<'a> Reader<'a> {
    fn offset(&self) -> u32 {
        length(self.section).saturating_sub(length(self.rest))
    }

    fn error(&self, reason: PackedAbiReason) -> InvalidPackedAbi {
        InvalidPackedAbi { offset: self.offset(), reason }
    }

    fn take(&mut self, count: u32) -> Result<&'a [u8], InvalidPackedAbi> {
        let split = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let (taken, rest) = split.ok_or_else(|| self.error(PackedAbiReason::UnexpectedEnd))?;
        self.rest = rest;
        Ok(taken)
    }

    /// A LEB128 u32 by the rule of the Wasm binary format: at most 5 bytes, padding allowed, no bits above the 32nd.
    fn u32(&mut self) -> Result<u32, InvalidPackedAbi> {
        let too_large = self.error(PackedAbiReason::IntegerTooLarge);
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let (&byte, rest) = self.rest.split_first().ok_or_else(|| self.error(PackedAbiReason::UnexpectedEnd))?;
            // The fifth byte has room for 4 bits and for no sixth byte.
            if shift == 28 && byte > 0x0F {
                break;
            }
            self.rest = rest;
            value |= u32::from(byte & 0x7F).unbounded_shl(shift);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(too_large)
    }

    fn name(&mut self) -> Result<&'a [u8], InvalidPackedAbi> {
        let count = self.u32()?;
        let not_utf8 = self.error(PackedAbiReason::NotUtf8);
        let name = self.take(count)?;
        core::str::from_utf8(name).map(str::as_bytes).map_err(|_| not_utf8)
    }
}

/// Why the content of a section is not a list of descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPackedAbi {
    /// Where, in bytes from the start of the section's content.
    pub offset: u32,
    /// Why.
    pub reason: PackedAbiReason,
}

/// The kinds of [`InvalidPackedAbi`], each with what its offset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackedAbiReason {
    /// The content ends inside an entry; the offset is that of the integer's next byte, or of the name.
    UnexpectedEnd,
    /// A LEB128 integer has more than 5 bytes or more than 32 bits; the offset is that of its first byte.
    IntegerTooLarge,
    /// A name is not UTF-8; the offset is that of its first byte, after its length.
    NotUtf8,
    /// An export is named a second time; the offset is that of the second entry.
    DuplicateName,
    /// A descriptor is not one; the offset is that of its first letter.
    Descriptor(InvalidDescriptor),
    /// Bytes follow the last entry; the offset is that of the first of them.
    TrailingBytes,
}

impl fmt::Display for InvalidPackedAbi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "section {} at {}: ", PackedAbi::SECTION, self.offset)?;
        match self.reason {
            PackedAbiReason::UnexpectedEnd => f.write_str("unexpected end"),
            PackedAbiReason::IntegerTooLarge => f.write_str("an integer of more than 32 bits or 5 bytes"),
            PackedAbiReason::NotUtf8 => f.write_str("a name that is not UTF-8"),
            PackedAbiReason::DuplicateName => f.write_str("a name for the second time"),
            PackedAbiReason::Descriptor(error) => error.fmt(f),
            PackedAbiReason::TrailingBytes => f.write_str("bytes after the last entry"),
        }
    }
}

impl core::error::Error for InvalidPackedAbi {}

#[cfg(test)]
mod tests {
    use super::{super::property, PackedAbiReason as R, *};
    use proptest::prelude::*;

    #[test]
    fn sections_are_lists_of_descriptors() {
        for (section, expect) in [
            (&b"\x00"[..], &[][..]),
            (b"\x80\x80\x80\x80\x00", &[]),
            (b"\x01\x00\x01v", &[("", "v")]),
            (b"\x01\x04main\x02br", &[("main", "br")]),
            (b"\x02\x01b\x02ll\x01a\x03ilv", &[("a", "ilv"), ("b", "ll")]),
            (b"\x01\x84\x80\x00main\x82\x80\x80\x80\x00br", &[("main", "br")]),
            ("\u{1}\u{3}\u{20ac}\u{1}r".as_bytes(), &[("\u{20ac}", "r")]),
        ] {
            let abi = PackedAbi::parse(section).unwrap();
            let expect: Vec<_> = expect.iter().map(|&(name, letters)| (name.as_bytes(), letters.to_string())).collect();
            let entries: Vec<_> = abi.iter().map(|(name, descriptor)| (name, descriptor.to_string())).collect();
            assert_eq!(entries, expect);
            for (name, letters) in expect {
                assert_eq!(abi.get(name).unwrap().to_string(), letters);
            }
            assert_eq!(abi.get(b"absent"), None);
        }
    }

    //= spec 6.2.2 test
    #[test]
    fn refusals_say_what_and_where() {
        let bad_letter = InvalidDescriptor::Parameter { position: 1, letter: b'x' };
        for (section, offset, reason) in [
            (&b""[..], 0, R::UnexpectedEnd),
            (b"\x80", 1, R::UnexpectedEnd),
            (b"\x80\x80\x80\x80", 4, R::UnexpectedEnd),
            (b"\x80\x80\x80\x80\x10", 0, R::IntegerTooLarge),
            (b"\x80\x80\x80\x80\x80\x00", 0, R::IntegerTooLarge),
            (b"\xFF\xFF\xFF\xFF\x7F", 0, R::IntegerTooLarge),
            (b"\x01\xFF\xFF\xFF\xFF\x1Fa", 1, R::IntegerTooLarge),
            (b"\x01", 1, R::UnexpectedEnd),
            (b"\xFF\xFF\xFF\xFF\x0F", 5, R::UnexpectedEnd),
            (b"\x02\x01a\x01v", 5, R::UnexpectedEnd),
            (b"\x01\x05main", 2, R::UnexpectedEnd),
            (b"\x01\xFF\xFF\xFF\xFF\x0Fmain", 6, R::UnexpectedEnd),
            (b"\x01\x04main", 6, R::UnexpectedEnd),
            (b"\x01\x04main\x03br", 7, R::UnexpectedEnd),
            (b"\x01\x02\xC3\x28\x01v", 2, R::NotUtf8),
            (b"\x01\x03\xED\xA0\x80\x01v", 2, R::NotUtf8),
            (b"\x01\x01a\x01\xFF", 4, R::NotUtf8),
            (b"\x02\x01a\x01v\x01a\x01v", 5, R::DuplicateName),
            (b"\x02\x01a\x01v\x01a\x02xx", 5, R::DuplicateName),
            (b"\x01\x01a\x00", 4, R::Descriptor(InvalidDescriptor::Empty)),
            (b"\x01\x01a\x03ixv", 4, R::Descriptor(bad_letter)),
            (b"\x00\x00", 1, R::TrailingBytes),
            (b"\x01\x01a\x01v\x01b\x01v", 5, R::TrailingBytes),
        ] {
            let expect = InvalidPackedAbi { offset, reason };
            assert_eq!(PackedAbi::parse(section), Err(expect), "{}", section.escape_ascii());
        }
        let error = PackedAbi::parse(b"\x01\x01a\x03ixv").unwrap_err();
        assert_eq!(error.to_string(), "section packed_abi at 4: 'x' at 1 is not a parameter, one of i l b");
    }

    #[test]
    fn integers_have_32_bits() {
        for (bytes, value) in [
            (&[0x7F][..], 0x7F),
            (&[0x80, 0x01], 0x80),
            (&[0xFF, 0xFF, 0x03], 0xFFFF),
            (&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F], u32::MAX),
            (&[0x80, 0x80, 0x80, 0x80, 0x08], 0x8000_0000),
            (&[0x81, 0x80, 0x80, 0x80, 0x00], 1),
        ] {
            let mut reader = Reader { section: bytes, rest: bytes };
            assert_eq!(reader.u32(), Ok(value));
            assert_eq!(usize::try_from(reader.offset()).unwrap(), bytes.len());
        }
    }

    fn encode_u32(mut value: u32, bytes: &mut Vec<u8>) {
        while value >= 0x80 {
            bytes.push(u8::try_from(value & 0x7F).unwrap() | 0x80);
            value >>= 7;
        }
        bytes.push(u8::try_from(value).unwrap());
    }

    fn encode(entries: &BTreeMap<String, String>) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_u32(u32::try_from(entries.len()).unwrap(), &mut bytes);
        for name in entries.iter().flat_map(|(name, letters)| [name, letters]) {
            encode_u32(length(name.as_bytes()), &mut bytes);
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }

    #[test]
    fn every_section_is_read_back_and_no_prefix_or_suffix_of_it() {
        let entries = proptest::collection::btree_map(".{0,200}", "[ilb]{0,32}[vilr]", 0..6);
        property::check(&entries, |entries| {
            let mut section = encode(&entries);
            let abi = PackedAbi::parse(&section).unwrap();
            let read = abi.iter().map(|(name, descriptor)| (name.to_vec(), descriptor.to_string()));
            let written = entries.into_iter().map(|(name, letters)| (name.into_bytes(), letters));
            prop_assert!(read.eq(written));
            for end in 0..section.len() {
                prop_assert_eq!(PackedAbi::parse(&section[..end]).unwrap_err().reason, R::UnexpectedEnd);
            }
            section.push(0);
            prop_assert_eq!(PackedAbi::parse(&section).unwrap_err().reason, R::TrailingBytes);
            Ok(())
        });
    }

    #[test]
    fn any_bytes_are_read_or_refused_inside_the_section() {
        property::check(&proptest::collection::vec(prop_oneof![0_u8..4, any::<u8>()], 0..64), |section| {
            if let Err(error) = PackedAbi::parse(&section) {
                prop_assert!(error.offset <= length(&section));
            }
            Ok(())
        });
    }
}
