//! Buffers of an indexer: bytes in its memory with their length beside them, by one pointer.

use crate::{guest::Guest, metashrew::dialect::Dialect};

/// Bytes of a length, little-endian.
pub(super) const LENGTH_BYTES: u32 = 4;

/// A buffer that lies in the guest's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buffer {
    /// Offset of its first byte.
    pub(super) offset: u32,
    /// Its bytes.
    pub(super) length: u32,
}

impl Buffer {
    /// The buffer that `pointer` means, `None` if it does not lie in memory.
    pub(super) fn at(guest: &Guest<'_>, dialect: Dialect, pointer: u32) -> Option<Self> {
        let (length_at, offset) = if dialect.length_at_pointer() {
            (pointer, pointer.checked_add(LENGTH_BYTES)?)
        } else {
            (pointer.checked_sub(LENGTH_BYTES)?, pointer)
        };
        let length = u32::from_le_bytes(guest.load_array(length_at).ok()?);
        guest.load(offset, length).ok()?;
        Some(Self { offset, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_gas::{Gas, GasMeter};

    //= spec 13.1 test
    #[test]
    fn buffers_are_found_at_every_edge() {
        let mut memory = [0; 32];
        memory[8..12].copy_from_slice(&20_u32.to_le_bytes());
        memory[12..16].copy_from_slice(&16_u32.to_le_bytes());
        memory[16..20].copy_from_slice(&13_u32.to_le_bytes());
        memory[28..].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut gas = GasMeter::new(Gas::ZERO);
        let guest = Guest::new(&mut memory, &mut gas);
        let buffer = |offset, length| Some(Buffer { offset, length });
        for (pointer, deployed, documented) in [
            (0, None, buffer(4, 0)),
            (3, None, buffer(7, 0)),
            (4, buffer(4, 0), buffer(8, 0)),
            (8, buffer(8, 0), buffer(12, 20)),
            (12, buffer(12, 20), buffer(16, 16)),
            (16, buffer(16, 16), None),
            (20, None, buffer(24, 0)),
            (28, buffer(28, 0), None),
            (29, None, None),
            (32, None, None),
            (33, None, None),
            (u32::MAX, None, None),
            (u32::MAX - 3, None, None),
        ] {
            // Where a length is cut through, it is some number beyond memory.
            assert_eq!(Buffer::at(&guest, Dialect::Deployed, pointer), deployed, "deployed, {pointer}");
            assert_eq!(Buffer::at(&guest, Dialect::Documented, pointer), documented, "documented, {pointer}");
        }
    }
}
