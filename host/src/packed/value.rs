//! The two packed values: a buffer that goes in, a result that comes out.
//!
//! Owns the meaning of their bits and the check that they lie inside a memory. Whether a value that does not is the
//! caller's or the callee's failure is for others to say.

use crate::errno::Errno;
use core::fmt;

/// The largest offset and the largest length of a [`BufOut`], and the most bytes that all input buffers of one call can
/// have together: 2^24 - 1, what 24 bits hold.
pub const BUFFER_BYTES_MAX: u32 = 0x00FF_FFFF;

/// Which half of a [`BufIn`] has the offset. A contract says it once for itself; it is never guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PackOrder {
    /// Offset in the low 32 bits, length in the high ones: the little-endian struct `{ u32 offset; u32 length; }`.
    #[default]
    LowOffset,
    /// Offset in the high 32 bits, length in the low ones (SUAVE).
    HighOffset,
}

impl PackOrder {
    /// The name of the custom section that a contract says its order in.
    pub const SECTION: &'static str = "packed_order";

    /// Reads the content of the custom section [`PackOrder::SECTION`], `None` if the module has no such section: one
    /// byte, 0 for [`PackOrder::LowOffset`], 1 for [`PackOrder::HighOffset`]. Without the section it is `LowOffset`.
    ///
    /// # Errors
    ///
    /// [`InvalidPackOrder`] for any other content.
    //= spec 6.1.4
    pub const fn parse(section: Option<&[u8]>) -> Result<Self, InvalidPackOrder> {
        match section {
            None | Some([0]) => Ok(Self::LowOffset),
            Some([1]) => Ok(Self::HighOffset),
            Some(_) => Err(InvalidPackOrder),
        }
    }
}

/// The section `packed_order` is not the single byte 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPackOrder;

impl fmt::Display for InvalidPackOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the section packed_order is not one byte 0 or 1")
    }
}

impl core::error::Error for InvalidPackOrder {}

/// A buffer that does not lie inside the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfBounds {
    /// The offset of the first byte after the buffer.
    pub end: u64,
    /// The size of the memory.
    pub memory_bytes: u64,
}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a buffer ends at {} in a memory of {} bytes", self.end, self.memory_bytes)
    }
}

impl core::error::Error for OutOfBounds {}

/// Refuses a buffer that ends after the memory.
const fn check_end(offset: u32, length: u32, memory_bytes: u64) -> Result<(), OutOfBounds> {
    // Two u32 cannot overflow a u64.
    let end = (offset as u64).saturating_add(length as u64);
    if end <= memory_bytes { Ok(()) } else { Err(OutOfBounds { end, memory_bytes }) }
}

/// An argument: a buffer in a memory of at most 2^32 bytes. An empty one has offset 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BufIn {
    offset: u32,
    length: u32,
}

impl BufIn {
    /// The buffer of `length` bytes at `offset`. The offset of an empty buffer is ignored.
    //= spec 6.1.5
    pub const fn new(offset: u32, length: u32) -> Self {
        Self { offset: if length == 0 { 0 } else { offset }, length }
    }

    /// Reads a packed value. Every value means a buffer.
    //= spec 6.1.1, 6.1.2
    pub const fn unpack(value: i64, order: PackOrder) -> Self {
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        let (low, high) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        match order {
            PackOrder::LowOffset => Self::new(low, high),
            PackOrder::HighOffset => Self::new(high, low),
        }
    }

    /// The packed value.
    pub const fn pack(self, order: PackOrder) -> i64 {
        let (low, high) = match order {
            PackOrder::LowOffset => (self.offset, self.length),
            PackOrder::HighOffset => (self.length, self.offset),
        };
        let ([a, b, c, d], [e, f, g, h]) = (low.to_le_bytes(), high.to_le_bytes());
        i64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The offset of the first byte, 0 if the buffer is empty.
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// The length in bytes.
    pub const fn length(self) -> u32 {
        self.length
    }

    /// Whether the buffer lies inside a memory of `memory_bytes` bytes. An empty one always does.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if it does not.
    pub const fn check(self, memory_bytes: u64) -> Result<(), OutOfBounds> {
        check_end(self.offset, self.length, memory_bytes)
    }
}

/// A result: a buffer in the callee's memory and a code. All zero is success without output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BufOut {
    offset: u32,
    length: u32,
    errno: Errno,
}

impl BufOut {
    /// The result with the buffer of `length` bytes at `offset`.
    ///
    /// # Errors
    ///
    /// [`BufOutTooLarge`] if one of the two is larger than [`BUFFER_BYTES_MAX`].
    pub const fn new(offset: u32, length: u32, errno: Errno) -> Result<Self, BufOutTooLarge> {
        if offset > BUFFER_BYTES_MAX || length > BUFFER_BYTES_MAX {
            return Err(BufOutTooLarge { offset, length });
        }
        Ok(Self { offset, length, errno })
    }

    /// The result without a buffer: what a caller gets when the host answers for the callee.
    pub const fn empty(errno: Errno) -> Self {
        Self { offset: 0, length: 0, errno }
    }

    /// Reads a packed value: bits 0 to 23 are the offset, 24 to 47 the length, 48 to 63 the code. Every value means a
    /// result.
    //= spec 6.1.3
    pub const fn unpack(value: i64) -> Self {
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        Self {
            offset: u32::from_le_bytes([a, b, c, 0]),
            length: u32::from_le_bytes([d, e, f, 0]),
            errno: Errno::new(u16::from_le_bytes([g, h])),
        }
    }

    /// The packed value.
    pub const fn pack(self) -> i64 {
        let ([a, b, c, _], [d, e, f, _]) = (self.offset.to_le_bytes(), self.length.to_le_bytes());
        let [g, h] = self.errno.code().to_le_bytes();
        i64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The same result with offset 0: an address in the callee's memory means nothing to the caller.
    #[must_use]
    pub const fn without_offset(self) -> Self {
        Self { offset: 0, length: self.length, errno: self.errno }
    }

    /// The offset of the first byte, at most [`BUFFER_BYTES_MAX`].
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// The length in bytes, at most [`BUFFER_BYTES_MAX`].
    pub const fn length(self) -> u32 {
        self.length
    }

    /// How the call ended.
    pub const fn errno(self) -> Errno {
        self.errno
    }

    /// Whether the buffer lies inside a memory of `memory_bytes` bytes. The offset of an empty buffer counts as well:
    /// it may be the end of the memory, not more.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if it does not.
    pub const fn check(self, memory_bytes: u64) -> Result<(), OutOfBounds> {
        check_end(self.offset, self.length, memory_bytes)
    }
}

/// An offset or a length that 24 bits do not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufOutTooLarge {
    /// The offset that was given.
    pub offset: u32,
    /// The length that was given, in bytes.
    pub length: u32,
}

impl fmt::Display for BufOutTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a result of {} bytes at {}: both can be at most {BUFFER_BYTES_MAX}", self.length, self.offset)
    }
}

impl core::error::Error for BufOutTooLarge {}

#[cfg(test)]
mod tests {
    use super::{
        super::property,
        PackOrder::{HighOffset, LowOffset},
        *,
    };
    use proptest::prelude::*;

    #[test]
    fn pack_order_is_one_byte() {
        for (section, expect) in [
            (None, Ok(LowOffset)),
            (Some(&[0][..]), Ok(LowOffset)),
            (Some(&[1]), Ok(HighOffset)),
            (Some(&[]), Err(InvalidPackOrder)),
            (Some(&[2]), Err(InvalidPackOrder)),
            (Some(&[0xFF]), Err(InvalidPackOrder)),
            (Some(&[0, 0]), Err(InvalidPackOrder)),
            (Some(&[1, 0]), Err(InvalidPackOrder)),
        ] {
            assert_eq!(PackOrder::parse(section), expect, "{section:?}");
        }
        assert_eq!(PackOrder::default(), LowOffset);
    }

    //= spec 6.1.1, 6.1.2 test
    #[test]
    fn buf_in_bits() {
        for (offset, length, low_offset, high_offset) in [
            (0x1_0000, 5, 0x0000_0005_0001_0000_u64, 0x0001_0000_0000_0005_u64),
            (0, 1, 0x0000_0001_0000_0000, 0x0000_0000_0000_0001),
            (u32::MAX, 1, 0x0000_0001_FFFF_FFFF, 0xFFFF_FFFF_0000_0001),
            (1, u32::MAX, 0xFFFF_FFFF_0000_0001, 0x0000_0001_FFFF_FFFF),
            (u32::MAX, u32::MAX, u64::MAX, u64::MAX),
            (0x8000_0000, 0x8000_0000, 0x8000_0000_8000_0000, 0x8000_0000_8000_0000),
            (0, 0, 0, 0),
        ] {
            let buffer = BufIn::new(offset, length);
            assert_eq!((buffer.offset(), buffer.length()), (offset, length));
            for (order, value) in [(LowOffset, low_offset), (HighOffset, high_offset)] {
                let value = value.cast_signed();
                assert_eq!(buffer.pack(order), value, "{buffer:?} {order:?}");
                assert_eq!(BufIn::unpack(value, order), buffer, "{value:#X} {order:?}");
            }
        }
    }

    //= spec 6.1.5 test
    #[test]
    fn an_empty_buf_in_has_offset_zero() {
        for (value, order) in [(0xFFFF_FFFF, LowOffset), (1, LowOffset), (-1 << 32, HighOffset), (1 << 32, HighOffset)]
        {
            let buffer = BufIn::unpack(value, order);
            assert_eq!(buffer, BufIn::default(), "{value:#X} {order:?}");
            assert_eq!(buffer.pack(order), 0);
            assert_eq!(buffer.check(0), Ok(()));
        }
        assert_eq!(BufIn::new(u32::MAX, 0), BufIn::default());
    }

    #[test]
    fn buf_in_lies_inside_the_memory() {
        let (page, full) = (0x1_0000, 1 << 32);
        for (offset, length, memory_bytes, end_if_outside) in [
            (0, 0x1_0000, page, None),
            (0, 0x1_0001, page, Some(0x1_0001)),
            (0xFFFF, 1, page, None),
            (0xFFFF, 2, page, Some(0x1_0001)),
            (0x1_0000, 1, page, Some(0x1_0001)),
            (0, 1, 0, Some(1)),
            (u32::MAX, 1, full, None),
            (u32::MAX, 2, full, Some(0x1_0000_0001)),
            (u32::MAX, u32::MAX, full, Some(0x1_FFFF_FFFE)),
            (1, u32::MAX, full, None),
            (1, u32::MAX, page, Some(0x1_0000_0000)),
        ] {
            let expect = end_if_outside.map_or(Ok(()), |end| Err(OutOfBounds { end, memory_bytes }));
            assert_eq!(BufIn::new(offset, length).check(memory_bytes), expect, "{offset:#X} + {length:#X}");
        }
    }

    //= spec 6.1.3 test
    #[test]
    fn buf_out_bits() {
        for (offset, length, errno, value) in [
            (0x100, 32, 0, 0x0000_0000_2000_0100_u64),
            (0, 0, 7, 0x0007_0000_0000_0000),
            (0, 0, 0, 0),
            (BUFFER_BYTES_MAX, 0, 0, 0x0000_0000_00FF_FFFF),
            (0, BUFFER_BYTES_MAX, 0, 0x0000_FFFF_FF00_0000),
            (0, 0, 0xFFFF, 0xFFFF_0000_0000_0000),
            (BUFFER_BYTES_MAX, BUFFER_BYTES_MAX, 0xFFFF, 0xFFFF_FFFF_FFFF_FFFF),
            (1, 2, 0xFF0B, 0xFF0B_0000_0200_0001),
        ] {
            let value = value.cast_signed();
            let result = BufOut::new(offset, length, Errno::new(errno)).unwrap();
            assert_eq!(result.pack(), value, "{result:?}");
            assert_eq!(BufOut::unpack(value), result, "{value:#X}");
            assert_eq!((result.offset(), result.length(), result.errno().code()), (offset, length, errno));
        }
        assert_eq!(BufOut::default(), BufOut::empty(Errno::OK));
        assert_eq!(BufOut::unpack(0x0007_0000_2000_0100).without_offset().pack(), 0x0007_0000_2000_0000);
        assert_eq!(BufOut::empty(Errno::NO_ROOM).pack(), 0xFF07_0000_0000_0000_u64.cast_signed());
    }

    #[test]
    fn buf_out_refuses_what_24_bits_do_not_hold() {
        for (offset, length) in [(0x100_0000, 0), (0, 0x100_0000), (u32::MAX, u32::MAX)] {
            assert_eq!(BufOut::new(offset, length, Errno::OK), Err(BufOutTooLarge { offset, length }));
        }
    }

    #[test]
    fn buf_out_lies_inside_the_memory() {
        let page = 0x1_0000;
        for (offset, length, memory_bytes, end_if_outside) in [
            (0, 0, 0, None),
            (0, 0x1_0000, page, None),
            (1, 0x1_0000, page, Some(0x1_0001)),
            (0x1_0000, 0, page, None),
            (0x1_0001, 0, page, Some(0x1_0001)),
            (BUFFER_BYTES_MAX, 0, page, Some(0xFF_FFFF)),
            (BUFFER_BYTES_MAX, BUFFER_BYTES_MAX, 0x1FF_FFFE, None),
            (BUFFER_BYTES_MAX, BUFFER_BYTES_MAX, 0x1FF_FFFD, Some(0x1FF_FFFE)),
        ] {
            let expect = end_if_outside.map_or(Ok(()), |end| Err(OutOfBounds { end, memory_bytes }));
            let result = BufOut::new(offset, length, Errno::OK).unwrap();
            assert_eq!(result.check(memory_bytes), expect, "{offset:#X} + {length:#X}");
        }
    }

    #[test]
    fn packing_and_unpacking_are_inverse() {
        property::check(&(any::<u32>(), any::<u32>()), |(offset, length)| {
            let buffer = BufIn::new(offset, length);
            for order in [LowOffset, HighOffset] {
                prop_assert_eq!(BufIn::unpack(buffer.pack(order), order), buffer);
            }
            prop_assert_eq!(buffer.pack(LowOffset), buffer.pack(HighOffset).rotate_left(32));
            Ok(())
        });
        property::check(&any::<i64>(), |value| {
            prop_assert_eq!(BufOut::unpack(value).pack(), value);
            let result = BufOut::unpack(value);
            prop_assert_eq!(BufOut::new(result.offset(), result.length(), result.errno()), Ok(result));
            Ok(())
        });
    }
}
