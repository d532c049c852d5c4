//! Where the host puts the input buffers of a call in the callee's memory.
//!
//! Owns the arithmetic. Growing the memory and copying are done elsewhere; what they cost is not known here.
//!
//! The place is a function of the callee's module and the lengths alone, so a callee that stores an address in its
//! state does not make that state depend on the node.

use super::{BUFFER_BYTES_MAX, BufIn};
use crate::errno::Errno;
use core::fmt;
use lockstep_gas::PAGE_BYTES;

/// Bytes that each buffer is aligned to, counted from the first: the strictest alignment of a C type on wasm32.
const ALIGNMENT: u64 = 16;

/// The most pages of a 32-bit memory (Wasm spec): its bytes are 2^32.
const PAGES_MAX: u64 = 65_536;

/// Where a callee takes its input buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// In pages that are added for them. Existing pages are never touched.
    Appended {
        /// Pages that the memory has after instantiation.
        pages: u32,
        /// Pages that it can have: what the module declares or the revision allows, whichever is less.
        pages_max: u32,
    },
    /// In an area of the callee's own, inside its initial memory: what its globals `input_base` and `input_capacity`
    /// say.
    Static {
        /// The offset of the area's first byte. It need not be aligned; buffers are aligned relative to it.
        base: u32,
        /// Bytes of the area.
        capacity: u32,
    },
}

impl Room {
    /// The offset of `occupied_bytes` bytes, not 0, and the pages to add for them; `None` if they do not fit.
    //= spec 6.5.3, 6.5.5
    fn claim(self, occupied_bytes: u64) -> Option<(u64, u32)> {
        match self {
            Self::Appended { pages, pages_max } => {
                let added = occupied_bytes.div_ceil(PAGE_BYTES);
                let pages_after = u64::from(pages).checked_add(added)?;
                if pages_after > u64::from(pages_max).min(PAGES_MAX) {
                    return None;
                }
                Some((u64::from(pages).checked_mul(PAGE_BYTES)?, u32::try_from(added).ok()?))
            }
            Self::Static { base, capacity } => {
                let end = u64::from(base).checked_add(occupied_bytes)?;
                let fits = occupied_bytes <= u64::from(capacity) && end <= PAGES_MAX.checked_mul(PAGE_BYTES)?;
                fits.then_some((u64::from(base), 0))
            }
        }
    }
}

/// A place for each input buffer of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pages: u32,
    buffers: Vec<BufIn>,
}

impl Placement {
    /// Places buffers of `lengths` bytes, in order, each at the next multiple of 16 bytes from where the first begins.
    /// Empty buffers take no place. Without a buffer that has bytes nothing is needed, in any room.
    ///
    /// # Errors
    ///
    /// [`Unplaced::InputTooLarge`] if the lengths add up to more than [`BUFFER_BYTES_MAX`], otherwise
    /// [`Unplaced::NoRoom`] if the callee has no room for them.
    //= spec 6.5.1, 6.5.2
    pub fn new(lengths: &[u32], room: Room) -> Result<Self, Unplaced> {
        let total_bytes = sum(lengths.iter().map(|&length| u64::from(length)));
        if total_bytes > u64::from(BUFFER_BYTES_MAX) {
            return Err(Unplaced::InputTooLarge { total_bytes });
        }
        let occupied_bytes = sum(lengths.iter().map(|&length| aligned(length)));
        let no_room = Unplaced::NoRoom { occupied_bytes, room };
        let (base, pages) = if occupied_bytes == 0 { (0, 0) } else { room.claim(occupied_bytes).ok_or(no_room)? };
        let mut next = base;
        let mut place = |length| {
            let start = next;
            next = next.saturating_add(aligned(length));
            // An empty buffer may stand where the memory ends, at 2^32: its offset is 0 and not computed.
            if length == 0 {
                Some(BufIn::default())
            } else {
                u32::try_from(start).ok().map(|start| BufIn::new(start, length))
            }
        };
        let buffers = lengths.iter().map(|&length| place(length).ok_or(no_room)).collect::<Result<_, _>>()?;
        Ok(Self { pages, buffers })
    }

    /// Pages to add to the memory before the buffers are copied.
    pub const fn pages(&self) -> u32 {
        self.pages
    }

    /// The buffers in the callee's memory, in the order of the lengths.
    pub fn buffers(&self) -> &[BufIn] {
        &self.buffers
    }
}

fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// The bytes that a buffer occupies.
fn aligned(length: u32) -> u64 {
    u64::from(length).next_multiple_of(ALIGNMENT)
}

/// Why buffers have no place in the callee's memory. The callee does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unplaced {
    /// They have more than [`BUFFER_BYTES_MAX`] bytes together.
    InputTooLarge {
        /// Bytes of all buffers.
        total_bytes: u64,
    },
    /// They do not fit into the room.
    NoRoom {
        /// Bytes that all buffers occupy, each rounded up to a multiple of 16.
        occupied_bytes: u64,
        /// The room.
        room: Room,
    },
}

impl Unplaced {
    /// The code that the caller gets.
    pub const fn errno(self) -> Errno {
        match self {
            Self::InputTooLarge { .. } => Errno::INPUT_TOO_LARGE,
            Self::NoRoom { .. } => Errno::NO_ROOM,
        }
    }
}

impl fmt::Display for Unplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InputTooLarge { total_bytes } => {
                write!(f, "{total_bytes} bytes of input: at most {BUFFER_BYTES_MAX}")
            }
            Self::NoRoom { occupied_bytes, room: Room::Appended { pages, pages_max } } => {
                write!(f, "no room for {occupied_bytes} bytes after {pages} of {pages_max} pages")
            }
            Self::NoRoom { occupied_bytes, room: Room::Static { base, capacity } } => {
                write!(f, "no room for {occupied_bytes} bytes in the {capacity} at {base}")
            }
        }
    }
}

impl core::error::Error for Unplaced {}

#[cfg(test)]
mod tests {
    use super::{super::property, *};
    use proptest::prelude::*;

    const fn appended(pages: u32, pages_max: u32) -> Room {
        Room::Appended { pages, pages_max }
    }

    const fn area(base: u32, capacity: u32) -> Room {
        Room::Static { base, capacity }
    }

    #[test]
    fn buffers_have_a_place() {
        let page = 65_536;
        for (lengths, room, pages, offsets) in [
            (&[5, 20][..], appended(1, 512), 1, &[0x1_0000, 0x1_0010][..]),
            (&[page + 1], appended(3, 5), 2, &[0x3_0000]),
            (&[page], appended(3, 4), 1, &[0x3_0000]),
            (&[1], appended(0, 1), 1, &[0]),
            (&[16, 17, 15, 1], appended(2, 3), 1, &[0x2_0000, 0x2_0010, 0x2_0030, 0x2_0040]),
            (&[0, 5, 0, 0, 1, 0], appended(1, 2), 1, &[0, 0x1_0000, 0, 0, 0x1_0010, 0]),
            (&[page - 15, 1], appended(1, 3), 2, &[0x1_0000, 0x2_0000]),
            (&[BUFFER_BYTES_MAX], appended(1, 257), 256, &[0x1_0000]),
            (&[BUFFER_BYTES_MAX - 1, 1], appended(0, 512), 257, &[0, 0x100_0000]),
            (&[1], appended(65_535, 65_536), 1, &[0xFFFF_0000]),
            (&[page, 0], appended(65_535, 65_536), 1, &[0xFFFF_0000, 0]),
            (&[5, 20], area(0x1001, 48), 0, &[0x1001, 0x1011]),
            (&[16, 16], area(0, 32), 0, &[0, 16]),
            (&[16, 0], area(u32::MAX - 15, 16), 0, &[u32::MAX - 15, 0]),
        ] {
            let placement = Placement::new(lengths, room).unwrap();
            let buffers: Vec<_> = offsets.iter().zip(lengths).map(|(&o, &l)| BufIn::new(o, l)).collect();
            assert_eq!(placement.buffers(), buffers, "{lengths:?} {room:?}");
            assert_eq!(placement.pages(), pages, "{lengths:?} {room:?}");
        }
    }

    #[test]
    fn nothing_needs_no_room() {
        for lengths in [&[][..], &[0], &[0; 32]] {
            for room in [appended(0, 0), appended(3, 3), appended(5, 3), appended(u32::MAX, 0), area(u32::MAX, 0)] {
                let placement = Placement::new(lengths, room).unwrap();
                assert_eq!(placement.pages(), 0);
                assert_eq!(placement.buffers(), vec![BufIn::default(); lengths.len()]);
            }
        }
    }

    #[test]
    fn no_room_is_said() {
        for (lengths, room, occupied_bytes) in [
            (&[65_537][..], appended(3, 3), 65_552),
            (&[65_537], appended(3, 4), 65_552),
            (&[1], appended(3, 3), 16),
            (&[1], appended(4, 3), 16),
            (&[1], appended(0, 0), 16),
            (&[1], appended(65_536, u32::MAX), 16),
            (&[65_537], appended(65_535, u32::MAX), 65_552),
            (&[1], appended(u32::MAX, u32::MAX), 16),
            (&[5, 20], area(0x1000, 47), 48),
            (&[1], area(0x1000, 15), 16),
            (&[1], area(0x1000, 0), 16),
            (&[1], area(u32::MAX, u32::MAX), 16),
        ] {
            let error = Placement::new(lengths, room).unwrap_err();
            assert_eq!(error, Unplaced::NoRoom { occupied_bytes, room });
            assert_eq!(error.errno().code(), 0xFF07);
        }
    }

    #[test]
    fn too_much_input_is_said_before_no_room() {
        for (lengths, total_bytes) in [
            (&[BUFFER_BYTES_MAX, 1][..], 0x100_0000),
            (&[BUFFER_BYTES_MAX + 1], 0x100_0000),
            (&[u32::MAX, 1], 0x1_0000_0000),
            (&[u32::MAX; 32], 0x1F_FFFF_FFE0),
        ] {
            for room in [appended(1, 65_536), appended(3, 3), area(0, 0)] {
                let error = Placement::new(lengths, room).unwrap_err();
                assert_eq!(error, Unplaced::InputTooLarge { total_bytes });
                assert_eq!(error.errno().code(), 0xFF06);
            }
        }
    }

    /// Random lengths and rooms: buffers lie inside the room, apart from each other, and rooms are judged by their
    /// size.
    #[test]
    fn buffers_lie_apart_inside_the_room() {
        let length = prop_oneof![Just(0), 0_u32..64, 0_u32..200_000];
        let room = prop_oneof![
            (0_u32..600, 0_u32..600).prop_map(|(pages, pages_max)| appended(pages, pages_max)),
            (0_u32..100_000, 0_u32..1_000_000).prop_map(|(base, capacity)| area(base, capacity)),
        ];
        property::check(&(proptest::collection::vec(length, 0..10), room), |(lengths, room)| {
            let occupied: u64 = lengths.iter().map(|&length| u64::from(length.div_ceil(16) * 16)).sum();
            let (start, free) = match room {
                Room::Appended { pages, pages_max } => {
                    (u64::from(pages) * PAGE_BYTES, u64::from(pages_max.saturating_sub(pages)) * PAGE_BYTES)
                }
                Room::Static { base, capacity } => (u64::from(base), u64::from(capacity)),
            };
            let Ok(placement) = Placement::new(&lengths, room) else {
                prop_assert!(occupied > free);
                return Ok(());
            };
            prop_assert!(occupied == 0 || occupied <= free);
            let mut end = start;
            for (buffer, &length) in placement.buffers().iter().zip(&lengths) {
                prop_assert_eq!(buffer.length(), length);
                if length > 0 {
                    prop_assert!(u64::from(buffer.offset()) >= end && u64::from(buffer.offset()) < end + ALIGNMENT);
                    prop_assert_eq!((u64::from(buffer.offset()) - start) % ALIGNMENT, 0);
                    end = u64::from(buffer.offset()) + u64::from(length);
                }
            }
            let added = u64::from(placement.pages()) * PAGE_BYTES;
            match room {
                Room::Appended { .. } => prop_assert!(end <= start + added && added < occupied + PAGE_BYTES),
                Room::Static { capacity, .. } => prop_assert!(added == 0 && end <= start + u64::from(capacity)),
            }
            Ok(())
        });
    }
}
