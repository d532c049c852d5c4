//! The layout of arguments: one little-endian C struct with a member for each parameter.
//!
//! Owns offsets, size and padding. Knows nothing of where the bytes come from, nor of what a buffer in them points at.

use super::{Descriptor, Parameter};
use core::fmt;

/// The value of one parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// The value of an `i`.
    I32(i32),
    /// The value of an `l`.
    I64(i64),
    /// The value of a `b`, packed as [`BufIn`](super::BufIn) in the order of the contract that wrote it.
    BufIn(i64),
}

impl Argument {
    /// The parameter that takes it.
    pub const fn parameter(self) -> Parameter {
        match self {
            Self::I32(_) => Parameter::I32,
            Self::I64(_) => Parameter::I64,
            Self::BufIn(_) => Parameter::BufIn,
        }
    }

    /// The bits, those of an `i` zero-extended.
    pub const fn bits(self) -> u64 {
        match self {
            Self::I32(value) => value.cast_unsigned() as u64,
            Self::I64(value) | Self::BufIn(value) => value.cast_unsigned(),
        }
    }
}

/// One member of the struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    offset: u16,
    parameter: Parameter,
}

/// The struct that holds the arguments of a descriptor.
///
/// As a C compiler lays it out: members in order, each at the next multiple of its own size (4 or 8 bytes), the size
/// rounded up to the alignment of the strictest member. Without parameters it has no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StructLayout {
    slots: Vec<Slot>,
    size: u16,
}

/// Bytes of one member, which are also its alignment.
const fn bytes(parameter: Parameter) -> u16 {
    match parameter {
        Parameter::I32 => 4,
        Parameter::I64 | Parameter::BufIn => 8,
    }
}

impl StructLayout {
    /// The layout of the parameters of `descriptor`.
    //= spec 6.3.1
    pub fn new(descriptor: &Descriptor) -> Self {
        // 32 members of 8 bytes are 256 bytes: nothing here reaches the end of a u16.
        let (mut end, mut alignment) = (0_u16, 1_u16);
        let slot = |&parameter| {
            let bytes = bytes(parameter);
            let offset = end.next_multiple_of(bytes);
            end = offset.saturating_add(bytes);
            alignment = alignment.max(bytes);
            Slot { offset, parameter }
        };
        let slots = descriptor.parameters().iter().map(slot).collect();
        Self { slots, size: end.next_multiple_of(alignment) }
    }

    /// Bytes of the struct, at most 256.
    pub fn size(&self) -> u32 {
        u32::from(self.size)
    }

    /// The offset of each member, in the order of the parameters.
    pub fn offsets(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().map(|slot| u32::from(slot.offset))
    }

    /// Reads the members out of the bytes of a struct. Padding is ignored.
    ///
    /// # Errors
    ///
    /// [`WrongLength`] unless there are exactly [`StructLayout::size`] bytes.
    //= spec 6.3.1
    pub fn read(&self, bytes: &[u8]) -> Result<Vec<Argument>, WrongLength> {
        let wrong_length =
            WrongLength { expected: self.size(), actual: u64::try_from(bytes.len()).unwrap_or(u64::MAX) };
        if bytes.len() != usize::from(self.size) {
            return Err(wrong_length);
        }
        self.slots.iter().map(|slot| slot.read(bytes).ok_or(wrong_length)).collect()
    }

    /// Writes the members into the bytes of a struct. Padding is zero.
    ///
    /// # Errors
    ///
    /// [`WrongArgument`] unless there is one argument of the right kind for each parameter.
    pub fn write(&self, arguments: &[Argument]) -> Result<Vec<u8>, WrongArgument> {
        let mut wanted = self.slots.iter().map(|slot| slot.parameter);
        let mut given = arguments.iter().map(|argument| argument.parameter());
        for position in 0.. {
            match (wanted.next(), given.next()) {
                (None, None) => break,
                (wanted, given) if wanted == given => {}
                (wanted, given) => return Err(WrongArgument { position, wanted, given }),
            }
        }
        let mut bytes = Vec::with_capacity(usize::from(self.size));
        for (slot, argument) in self.slots.iter().zip(arguments) {
            bytes.resize(usize::from(slot.offset), 0);
            match argument {
                Argument::I32(value) => bytes.extend_from_slice(&value.to_le_bytes()),
                Argument::I64(value) | Argument::BufIn(value) => bytes.extend_from_slice(&value.to_le_bytes()),
            }
        }
        bytes.resize(usize::from(self.size), 0);
        Ok(bytes)
    }
}

impl Slot {
    /// The member, `None` if the bytes end before it does.
    fn read(self, bytes: &[u8]) -> Option<Argument> {
        let member = bytes.get(usize::from(self.offset)..)?;
        Some(match self.parameter {
            Parameter::I32 => Argument::I32(i32::from_le_bytes(*member.first_chunk()?)),
            Parameter::I64 => Argument::I64(i64::from_le_bytes(*member.first_chunk()?)),
            Parameter::BufIn => Argument::BufIn(i64::from_le_bytes(*member.first_chunk()?)),
        })
    }
}

/// The bytes are not as many as the struct has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongLength {
    /// Bytes of the struct.
    pub expected: u32,
    /// Bytes that were given.
    pub actual: u64,
}

impl fmt::Display for WrongLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of arguments where the descriptor has {}", self.actual, self.expected)
    }
}

impl core::error::Error for WrongLength {}

/// The arguments are not of the kinds of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongArgument {
    /// The first position that differs, from 0.
    pub position: u32,
    /// The parameter there, `None` after the last.
    pub wanted: Option<Parameter>,
    /// The kind of the argument there, `None` after the last.
    pub given: Option<Parameter>,
}

impl fmt::Display for WrongArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |parameter: Option<Parameter>| parameter.map_or('-', |parameter| char::from(parameter.letter()));
        write!(f, "argument {}: {} where {} is expected", self.position, letter(self.given), letter(self.wanted))
    }
}

impl core::error::Error for WrongArgument {}

#[cfg(test)]
mod tests {
    use super::{super::property, *};
    use proptest::prelude::*;

    /// The layout of parameters in letters.
    fn layout(parameters: &str) -> StructLayout {
        StructLayout::new(&Descriptor::parse(format!("{parameters}v").as_bytes()).unwrap())
    }

    //= spec 6.3.1 test
    #[test]
    fn offsets_are_those_of_a_c_compiler() {
        for (parameters, offsets, size) in [
            ("", &[][..], 0),
            ("i", &[0], 4),
            ("l", &[0], 8),
            ("b", &[0], 8),
            ("ili", &[0, 8, 16], 24),
            ("li", &[0, 8], 16),
            ("il", &[0, 8], 16),
            ("ii", &[0, 4], 8),
            ("iii", &[0, 4, 8], 12),
            ("iib", &[0, 4, 8], 16),
            ("bi", &[0, 8], 16),
            ("bii", &[0, 8, 12], 16),
            ("ibil", &[0, 8, 16, 24], 32),
        ] {
            let layout = layout(parameters);
            assert_eq!(layout.offsets().collect::<Vec<_>>(), offsets, "{parameters}");
            assert_eq!(layout.size(), size, "{parameters}");
        }
        assert_eq!(layout(&"b".repeat(32)).size(), 256);
        assert_eq!(layout(&"il".repeat(16)).size(), 256);
        assert_eq!(layout(&"i".repeat(32)).size(), 128);
    }

    //= spec 6.3.1 test
    #[test]
    fn members_are_little_endian_and_padding_is_free() {
        let layout = layout("ilb");
        let arguments = [Argument::I32(-2), Argument::I64(0x0102_0304_0506_0708), Argument::BufIn(i64::MIN + 1)];
        let zero_padded =
            [[0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0], [8, 7, 6, 5, 4, 3, 2, 1], [1, 0, 0, 0, 0, 0, 0, 0x80]].concat();
        assert_eq!(layout.write(&arguments).unwrap(), zero_padded);
        let mut wild = zero_padded;
        wild[4..8].fill(0xAA);
        assert_eq!(layout.read(&wild).unwrap(), arguments);
        assert_eq!(arguments.map(Argument::bits), [0xFFFF_FFFE, 0x0102_0304_0506_0708, 0x8000_0000_0000_0001]);
    }

    #[test]
    fn the_length_must_be_exact() {
        for (parameters, expected, wrong) in
            [("", 0, &[1, 8][..]), ("li", 16, &[0, 12, 15, 17, 256]), ("i", 4, &[3, 8])]
        {
            let layout = layout(parameters);
            assert!(layout.read(&vec![0; usize::try_from(expected).unwrap()]).is_ok());
            for &actual in wrong {
                let bytes = vec![0; usize::try_from(actual).unwrap()];
                assert_eq!(layout.read(&bytes), Err(WrongLength { expected, actual }), "{parameters}");
            }
        }
    }

    #[test]
    fn arguments_must_be_those_of_the_parameters() {
        use Parameter as P;
        let (number, long, buffer) = (Argument::I32(1), Argument::I64(1), Argument::BufIn(1));
        for (parameters, arguments, position, wanted, given, text) in [
            ("i", &[][..], 0, Some(P::I32), None, "argument 0: - where i is expected"),
            ("", &[long], 0, None, Some(P::I64), "argument 0: l where - is expected"),
            ("li", &[long, long], 1, Some(P::I32), Some(P::I64), "argument 1: l where i is expected"),
            ("bl", &[long, buffer], 0, Some(P::BufIn), Some(P::I64), "argument 0: l where b is expected"),
            ("i", &[number, number], 1, None, Some(P::I32), "argument 1: i where - is expected"),
        ] {
            let error = layout(parameters).write(arguments).unwrap_err();
            assert_eq!(error, WrongArgument { position, wanted, given }, "{parameters}");
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn writing_and_reading_are_inverse() {
        let argument = prop_oneof![
            any::<i32>().prop_map(Argument::I32),
            any::<i64>().prop_map(Argument::I64),
            any::<i64>().prop_map(Argument::BufIn),
        ];
        property::check(&proptest::collection::vec(argument, 0..=32), |arguments| {
            let letters: String = arguments.iter().map(|argument| char::from(argument.parameter().letter())).collect();
            let layout = layout(&letters);
            let bytes = layout.write(&arguments).unwrap();
            prop_assert_eq!(bytes.len(), usize::from(layout.size));
            prop_assert_eq!(layout.read(&bytes).unwrap(), arguments);
            Ok(())
        });
    }

    #[test]
    fn members_do_not_overlap_and_are_aligned() {
        property::check(&"[ilb]{0,32}", |parameters| {
            let layout = layout(&parameters);
            let mut end = 0;
            for slot in &layout.slots {
                prop_assert!(slot.offset >= end && slot.offset < end + 8 && slot.offset % bytes(slot.parameter) == 0);
                end = slot.offset + bytes(slot.parameter);
            }
            prop_assert!(layout.size >= end && layout.size < end + 8);
            Ok(())
        });
    }
}
