//! A file below redb whose blocks have checksums: a block that is not what was written last is an error of the disk.
//!
//! redb verifies the checksums of its pages only when it repairs a file. What it reads otherwise it believes, and a wrong
//! page can make it panic in a destructor, or go on for ever. Here it gets an error in the place of a wrong page, as from a disk
//! that cannot be read. Nothing is known of the content of a block but that the first one is redb's header.

use crate::checksum::block_sum;
use redb::{BackendError, StorageBackend};
use std::{
    collections::BTreeMap,
    fmt, io,
    ops::Bound,
    sync::{PoisonError, RwLock},
};

/// Bytes of a block: a page of redb is one or several of them.
const BLOCK_BYTES: usize = 4_096;

/// Bytes of a checksum.
const SUM_BYTES: usize = 8;

/// Blocks of a group: their checksums are one block, and are before them.
const GROUP_BLOCKS: usize = BLOCK_BYTES / SUM_BYTES;

/// The same as numbers of places in a file.
const BLOCK: u64 = BLOCK_BYTES as u64;
const GROUP: u64 = GROUP_BLOCKS as u64;

/// What the file begins with, in the place of a checksum of its first block. redb writes that block in place, a commit at a
/// time, so a failure of the power can leave parts of two. It has checksums of its own.
const BEGINNING: u64 = u64::from_le_bytes(*b"LOCKSUM1");

/// What a file of redb begins with.
const REDB: [u8; 4] = *b"redb";

/// A storage whose blocks of 4 KiB have checksums: those of 512 blocks are the block before them.
///
/// A checksum binds a block to its place and to the last write there. So a flipped bit, a block in the place of another
/// one and a block whose last write was lost are an error of the kind [`io::ErrorKind::InvalidData`]. The checksums are written by
/// [`sync_data`](StorageBackend::sync_data), before it syncs. The first block has none: it is the header of redb.
///
/// Each commit of redb must be one of two phases (`set_two_phase_commit` or `set_quick_repair`). After one of a single phase a power
/// failure can leave a header whose pages are not there. redb would find that by reading them, and here it cannot read them.
#[derive(Debug)]
pub struct ChecksummedBackend<B> {
    storage: B,
    sums: RwLock<Sums>,
}

/// Checksums of blocks that were written.
#[derive(Debug, Default)]
struct Sums {
    /// By block: those that are not in the storage yet.
    unwritten: BTreeMap<u64, u64>,
    /// Those that were written to the storage last.
    last: BTreeMap<u64, u64>,
}

/// A block that is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrongBlock(u64);

impl fmt::Display for WrongBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} of the file is not what was written there", self.0)
    }
}

impl core::error::Error for WrongBlock {}

/// What an error of a storage says of a block that is wrong, if it is one.
pub(crate) fn wrong_block(error: &io::Error) -> Option<&WrongBlock> {
    error.get_ref().and_then(|error| error.downcast_ref())
}

/// What a file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// Blocks with checksums, or nothing yet.
    Ours,
    /// The header of redb: a file of a format without checksums of blocks.
    Redb,
    Other,
}

impl<B: StorageBackend> ChecksummedBackend<B> {
    /// The blocks of a storage, which is empty or was written through this type.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] if it is neither, or that it cannot be read.
    pub fn new(storage: B) -> io::Result<Self> {
        let mut unwritten = BTreeMap::new();
        match beginning(&storage)? {
            (Beginning::Ours, true) => {}
            (Beginning::Ours, false) => drop(unwritten.insert(0, BEGINNING)),
            (Beginning::Redb | Beginning::Other, _) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it has no checksums of blocks"));
            }
        }
        Ok(Self { storage, sums: RwLock::new(Sums { unwritten, last: BTreeMap::new() }) })
    }

    /// Calls `each` for the parts of a range that are in one piece in the storage: the number of the first block, the place in
    /// the storage, and the bytes.
    fn pieces(offset: u64, bytes: usize, mut each: impl FnMut(u64, u64, usize) -> io::Result<()>) -> io::Result<()> {
        let (mut at, mut left) = (offset, bytes);
        while left > 0 {
            let block = at / BLOCK;
            let within = at % BLOCK;
            // The header is a piece, and after it the blocks of each group.
            let blocks = if block == 0 { 1 } else { GROUP.saturating_sub(block % GROUP) };
            let room = blocks.saturating_mul(BLOCK).saturating_sub(within);
            let count = usize::try_from(room).unwrap_or(usize::MAX).min(left);
            if block > 0 && (within > 0 || !count.is_multiple_of(BLOCK_BYTES)) {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "a part of a block"));
            }
            each(block, place_of(at)?, count)?;
            at = at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            left = left.saturating_sub(count);
        }
        Ok(())
    }

    /// Holds blocks against their checksums, which are in one group.
    fn verify(&self, first: u64, blocks: &[u8]) -> io::Result<()> {
        let count = blocks.len() / BLOCK_BYTES;
        let mut sums = vec![0; count.saturating_mul(SUM_BYTES)];
        // A flush holds it too: a checksum is here or in the storage.
        let known = self.sums.read().unwrap_or_else(PoisonError::into_inner);
        self.storage.read(sum_place(first)?, &mut sums)?;
        let sums = sums.as_chunks::<SUM_BYTES>().0;
        let blocks = blocks.as_chunks::<BLOCK_BYTES>().0;
        for (number, (block, sum)) in (first..).zip(blocks.iter().zip(sums)) {
            let sum = known.unwritten.get(&number).copied().unwrap_or(u64::from_le_bytes(*sum));
            if block_sum(number, block) != sum {
                return Err(io::Error::new(io::ErrorKind::InvalidData, WrongBlock(number)));
            }
        }
        Ok(())
    }

    /// Whether blocks were written lately as they are written now. redb does that to each page that had no room in
    /// its memory: it takes the page up again for its checksum, and does not change it.
    fn is_written(&self, sums: &[(u64, u64)], place: u64, blocks: &[u8]) -> bool {
        let known = self.sums.read().unwrap_or_else(PoisonError::into_inner);
        let last = |block: &u64| known.unwritten.get(block).or_else(|| known.last.get(block));
        if !sums.iter().all(|(block, sum)| last(block) == Some(sum)) {
            return false;
        }
        drop(known);
        // Whoever chooses what is stored can make two blocks with one checksum.
        let mut there = vec![0; blocks.len()];
        self.storage.read(place, &mut there).is_ok() && there == blocks
    }

    /// Writes the checksums of blocks that were written since the last flush: one write for each group.
    fn flush(&self) -> io::Result<()> {
        let mut known = self.sums.write().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<(u64, u64)> = known.unwritten.iter().map(|(block, sum)| (*block, *sum)).collect();
        for group in all.chunk_by(|(one, _), (other, _)| one / GROUP == other / GROUP) {
            let (Some((first, _)), Some((last, _))) = (group.first(), group.last()) else { continue };
            let count = usize::try_from(last.saturating_sub(*first)).unwrap_or(GROUP_BLOCKS).saturating_add(1);
            let (place, mut sums) = (sum_place(*first)?, vec![0; count.saturating_mul(SUM_BYTES)]);
            if group.len() < count {
                self.storage.read(place, &mut sums)?;
            }
            let entries = sums.as_chunks_mut::<SUM_BYTES>().0;
            for (block, sum) in group {
                let at = usize::try_from(block.saturating_sub(*first)).unwrap_or(usize::MAX);
                if let Some(entry) = entries.get_mut(at) {
                    *entry = sum.to_le_bytes();
                }
            }
            self.storage.write(place, &sums)?;
        }
        if !all.is_empty() {
            known.last = core::mem::take(&mut known.unwritten);
        }
        Ok(())
    }
}

/// What a storage begins with, and whether something of ours is there already.
fn beginning(storage: &impl StorageBackend) -> io::Result<(Beginning, bool)> {
    let bytes = storage.len()?;
    if bytes == 0 {
        return Ok((Beginning::Ours, false));
    }
    let mut head = [0; SUM_BYTES];
    let count = usize::try_from(bytes).unwrap_or(SUM_BYTES).min(SUM_BYTES);
    storage.read(0, head.get_mut(..count).unwrap_or_default())?;
    if u64::from_le_bytes(head) == BEGINNING {
        return Ok((Beginning::Ours, true));
    }
    if head.starts_with(&REDB) {
        return Ok((Beginning::Redb, true));
    }
    // A file that was begun, and did not get as far as its first sync: redb says what it is after that.
    let mut header = [0; REDB.len()];
    if head == [0; SUM_BYTES] && bytes > BLOCK.saturating_mul(2) {
        storage.read(BLOCK, &mut header)?;
        if header == [0; REDB.len()] {
            return Ok((Beginning::Ours, false));
        }
    }
    Ok((Beginning::Other, true))
}

/// What a storage begins with.
pub(crate) fn begins_with(storage: &impl StorageBackend) -> io::Result<Beginning> {
    Ok(beginning(storage)?.0)
}

fn too_far() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "a place beyond the end of any file")
}

/// Where the blocks of a group and their checksums begin in the storage.
fn group_place(block: u64) -> io::Result<u64> {
    (block / GROUP).checked_mul(GROUP.saturating_add(1)).and_then(|at| at.checked_mul(BLOCK)).ok_or_else(too_far)
}

/// Where a checksum is in the storage.
fn sum_place(block: u64) -> io::Result<u64> {
    let within = (block % GROUP).saturating_mul(SUM_BYTES as u64);
    group_place(block)?.checked_add(within).ok_or_else(too_far)
}

/// Where a byte is in the storage.
fn place_of(offset: u64) -> io::Result<u64> {
    let before = (offset / BLOCK / GROUP).saturating_add(1).saturating_mul(BLOCK);
    offset.checked_add(before).ok_or_else(too_far)
}

/// Bytes of a storage for so many bytes in blocks.
fn storage_bytes(bytes: u64) -> io::Result<u64> {
    let groups = bytes.div_ceil(GROUP.saturating_mul(BLOCK));
    groups.checked_mul(BLOCK).and_then(|sums| sums.checked_add(bytes)).ok_or_else(too_far)
}

impl<B: StorageBackend> StorageBackend for ChecksummedBackend<B> {
    fn len(&self) -> io::Result<u64> {
        let bytes = self.storage.len()?;
        let groups = bytes.div_ceil(GROUP.saturating_add(1).saturating_mul(BLOCK));
        Ok(bytes.saturating_sub(groups.saturating_mul(BLOCK)))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut rest = out;
        Self::pieces(offset, rest.len(), |block, place, count| {
            let (now, later) = core::mem::take(&mut rest).split_at_mut_checked(count).ok_or_else(too_far)?;
            rest = later;
            self.storage.read(place, now)?;
            if block == 0 { Ok(()) } else { self.verify(block, now) }
        })
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut known = self.sums.write().unwrap_or_else(PoisonError::into_inner);
        let is_left = |block: &u64| *block < bytes.div_ceil(BLOCK).max(1);
        known.unwritten.retain(|block, _| is_left(block));
        known.last.retain(|block, _| is_left(block));
        drop(known);
        self.storage.set_len(storage_bytes(bytes)?)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.flush()?;
        self.storage.sync_data()
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        Self::pieces(offset, rest.len(), |first, place, count| {
            let (now, later) = rest.split_at_checked(count).ok_or_else(too_far)?;
            rest = later;
            if first == 0 {
                return self.storage.write(place, now);
            }
            let sums = (first..).zip(now.as_chunks::<BLOCK_BYTES>().0).map(|(at, block)| (at, block_sum(at, block)));
            let sums: Vec<(u64, u64)> = sums.collect();
            if self.is_written(&sums, place, now) {
                return Ok(());
            }
            self.storage.write(place, now)?;
            self.sums.write().unwrap_or_else(PoisonError::into_inner).unwritten.extend(sums);
            Ok(())
        })
    }

    fn close(&self) -> io::Result<()> {
        self.storage.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.storage.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.storage.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.storage.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.storage.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.storage.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.storage.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;
    use std::sync::Arc;

    /// A storage that several blocks look at.
    #[derive(Debug, Clone, Default)]
    struct Shared(Arc<InMemoryBackend>);

    impl StorageBackend for Shared {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.read(offset, out)
        }

        fn set_len(&self, bytes: u64) -> io::Result<()> {
            self.0.set_len(bytes)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data()
        }

        fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            self.0.write(offset, bytes)
        }
    }

    fn all(storage: &impl StorageBackend) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(storage.len().unwrap()).unwrap()];
        storage.read(0, &mut bytes).unwrap();
        bytes
    }

    /// Lengths at every border of groups, and what a piece of several groups is.
    #[test]
    fn bytes_are_where_they_were_written() {
        let storage = Shared::default();
        let blocks = ChecksummedBackend::new(storage.clone()).unwrap();
        for count in [1, 2, GROUP - 1, GROUP, GROUP + 1, 2 * GROUP, 2 * GROUP + 1, 3, 0, 3 * GROUP] {
            blocks.set_len(count * BLOCK).unwrap();
            assert_eq!(blocks.len().unwrap(), count * BLOCK, "{count}");
            assert_eq!(storage.len().unwrap(), (count + count.div_ceil(GROUP)) * BLOCK, "{count}");
        }
        let bytes: Vec<u8> = (0..3 * GROUP * BLOCK).map(|at| (at / 5 * 7).to_le_bytes()[0]).collect();
        blocks.write(0, &bytes).unwrap();
        assert_eq!(all(&blocks), bytes);
        blocks.sync_data().unwrap();
        let again = ChecksummedBackend::new(storage).unwrap();
        assert_eq!(all(&again), bytes);
        blocks.write((GROUP + 3) * BLOCK, &[9; BLOCK_BYTES]).unwrap();
        let error = again.read((GROUP + 2) * BLOCK, &mut [0; 3 * BLOCK_BYTES]).unwrap_err();
        assert_eq!(wrong_block(&error), Some(&WrongBlock(GROUP + 3)), "another process has not synced");
        blocks.read((GROUP + 3) * BLOCK, &mut [0; BLOCK_BYTES]).unwrap();
    }

    /// redb writes pages twice that had no room in its memory. What is there already is not written, also after a sync; two blocks
    /// with one checksum are told apart.
    #[test]
    fn what_is_there_is_not_written_again() {
        let storage = Shared::default();
        let blocks = ChecksummedBackend::new(storage.clone()).unwrap();
        blocks.set_len(4 * BLOCK).unwrap();
        for synced in [false, true] {
            blocks.write(BLOCK, &[5; 2 * BLOCK_BYTES]).unwrap();
            if synced {
                blocks.sync_data().unwrap();
                blocks.sync_data().unwrap();
            }
            let before = all(&storage);
            blocks.write(BLOCK, &[5; 2 * BLOCK_BYTES]).unwrap();
            assert_eq!(all(&storage), before);
            assert_eq!(blocks.sums.read().unwrap().unwritten.contains_key(&1), !synced, "it was not written");
            storage.write(2 * BLOCK, &[6; 8]).unwrap();
            blocks.write(BLOCK, &[5; 2 * BLOCK_BYTES]).unwrap();
            assert_eq!(all(&storage), before, "the checksum is known, and the block is another one");
        }
    }

    /// Every byte of a block and of its checksum, a block in the place of another one, an old one, and none.
    #[test]
    fn a_wrong_block_is_an_error() {
        let storage = Shared::default();
        let blocks = ChecksummedBackend::new(storage.clone()).unwrap();
        blocks.set_len(4 * BLOCK).unwrap();
        blocks.write(BLOCK, &[[1; BLOCK_BYTES], [2; BLOCK_BYTES]].concat()).unwrap();
        blocks.sync_data().unwrap();
        let old = all(&storage);
        blocks.write(BLOCK, &[3; BLOCK_BYTES]).unwrap();
        blocks.sync_data().unwrap();
        let good = all(&storage);
        let wrong = |bytes: &[u8], number: u64| {
            storage.write(0, bytes).unwrap();
            let read = blocks.read(number * BLOCK, &mut [0; BLOCK_BYTES]);
            storage.write(0, &good).unwrap();
            read.err().and_then(|error| wrong_block(&error).copied()) == Some(WrongBlock(number))
        };
        assert!(!wrong(&good, 1) && !wrong(&good, 2));
        assert!(wrong(&good, 3), "a block that was never written");
        for at in (8..16).chain((2 * BLOCK_BYTES..3 * BLOCK_BYTES).step_by(3)) {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            assert!(wrong(&bytes, 1), "byte {at}");
        }
        let place = |number: usize| (number + 1) * BLOCK_BYTES..(number + 2) * BLOCK_BYTES;
        for (block, from) in [(1, &old[place(1)]), (1, &good[place(2)]), (2, &good[place(1)])] {
            let mut bytes = good.clone();
            bytes[place(block)].copy_from_slice(from);
            assert!(wrong(&bytes, block as u64));
        }
        let mut bytes = good.clone();
        bytes[..BLOCK_BYTES].copy_from_slice(&old[..BLOCK_BYTES]);
        assert!(wrong(&bytes, 1), "the checksum is the lost one");
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        for bytes in [b"redb and more".as_slice(), b"L", &[0; 8_192], &[[0; 4_096], [b'r'; 4_096], [0; 4_096]].concat()]
        {
            let storage = InMemoryBackend::new();
            storage.set_len(bytes.len() as u64).unwrap();
            storage.write(0, bytes).unwrap();
            let error = ChecksummedBackend::new(storage).unwrap_err();
            assert_eq!((error.kind(), wrong_block(&error)), (io::ErrorKind::InvalidData, None));
        }
    }
}
