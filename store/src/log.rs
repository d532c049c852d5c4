//! The log: one record for each block that is not in the database yet, appended with one write and one sync.
//!
//! Records begin at multiples of a sector, the first at the beginning of the file. A record is believed if it is of the
//! epoch that the database says, the next in its sequence, and has the digest that it says. When the blocks are in the
//! database, that has a new epoch, and the log begins anew over the old records, with a mark of that epoch. A database of an
//! earlier epoch than its log has lost its last transaction.
//!
//! Contracts choose what is in a payload, and what is left of it lies behind the end of the log. So every sector of a record
//! but its first begins with a byte that no record begins with: nothing in a payload is taken for a record.
//!
//! Behind the last record is its mark: an empty record with the next number, written when the sync of the last one has
//! returned and not synced itself. A last record that is damaged is told by it from one that was torn: a torn one was never
//! acknowledged and has no mark, and a damaged one that has its mark is an error. The next record takes its place.
//!
//! A record that is not synced ([`Durability::Fold`]) begins with other bytes and has no mark. A power failure can lose it
//! and keep a later one, so the chain ends before the first that is missing, and later ones are erased.

use crate::{
    error::StoreError,
    settings::Durability,
    tables::{decode, encode},
};
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_vm::{B256, Receipt, StateDiff};
use redb::StorageBackend;
use sha3::{Digest, Sha3_256};

/// What a record begins with that was on the disk before the next one was written, and a mark.
const SYNCED: &[u8; 8] = b"LOCKLOG1";

/// What any other record begins with.
const UNSYNCED: &[u8; 8] = b"LOCKLOG0";

/// Bytes of a header: magic, epoch, sequence, bytes of the payload, digest of these and the payload.
const HEADER_BYTES: usize = 64;

/// Records begin at multiples of this.
const SECTOR_BYTES: u64 = 512;

/// What every other sector of a record begins with.
const CONTINUES: u8 = 0;

/// Bytes of the payload in the first sector of a record, and in every other one.
const FIRST_BYTES: usize = 448;
const OTHER_BYTES: usize = 511;

/// The file grows by this, so that few appends change its length.
const GROWTH_BYTES: u64 = 1_024 * 1_024;

/// Bytes of a file that is kept when the log begins anew.
const KEPT_BYTES: u64 = 64 * 1_024 * 1_024;

/// Bytes that are read at once where a record is looked for.
const READ_SECTORS: u64 = 128;

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum Record {
    /// A block was committed.
    Block(Box<BlockRecord>),
    /// The block at that height became the last one.
    Rollback(u64),
}

/// A block as the log has it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct BlockRecord {
    pub(crate) height: u64,
    pub(crate) hash: B256,
    pub(crate) parent_hash: B256,
    pub(crate) root: B256,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) diff: StateDiff,
    pub(crate) body: Option<Vec<u8>>,
}

/// The payload of a block's record, without a copy of what it is made of.
pub(crate) fn block_payload(
    (height, hash, parent_hash, root): (u64, B256, B256, B256),
    receipts: &[Receipt],
    diff: &StateDiff,
    body: Option<&[u8]>,
) -> Result<Vec<u8>, StoreError> {
    encode(&(0_u8, height, hash, parent_hash, root, receipts, diff, body))
}

/// The payload of a rollback's record.
pub(crate) fn rollback_payload(height: u64) -> Result<Vec<u8>, StoreError> {
    encode(&Record::Rollback(height))
}

/// An open log.
#[derive(Debug)]
pub(crate) struct Log {
    backend: Box<dyn StorageBackend>,
    /// Bytes of the file.
    bytes: u64,
    epoch: u64,
    durability: Durability,
    /// Where the next record begins, and its number.
    end: u64,
    sequence: u64,
}

impl Log {
    /// A log that begins anew. What is in the file is not looked at.
    pub(crate) fn begin(backend: &dyn StorageBackend) -> Result<(), StoreError> {
        if backend.len()? > 0 {
            backend.set_len(0)?;
            backend.sync_data()?;
        }
        Ok(())
    }

    /// Opens the log of an epoch, with its records: to write it, if `durability` says how.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if a record is missing before another that was synced.
    pub(crate) fn open(
        backend: Box<dyn StorageBackend>,
        epoch: u64,
        durability: Option<Durability>,
    ) -> Result<(Self, Vec<Record>), StoreError> {
        let bytes = backend.len()?;
        let mut log = Self { backend, bytes, epoch, durability: durability.unwrap_or_default(), end: 0, sequence: 0 };
        let begun = log.header_at(0)?.map_or(epoch, |header| header.epoch);
        if begun > epoch && log.read(0)?.is_some() {
            return Err(StoreError::Damaged(format!(
                "the log follows a later state than the database has (epoch {begun}, not {epoch}): the last transaction of the \
                 database is lost, or one of its two files is of another copy"
            )));
        }
        let mut records = Vec::new();
        while let Some(found) = log.read(log.end)?.filter(|found| log.is_next(found) && !found.payload.is_empty()) {
            records.push(decode(&found.payload)?);
            (log.end, log.sequence) = (found.next, log.sequence.saturating_add(1));
        }
        if let Some((sequence, _)) = log.later(log.end, SYNCED)? {
            let missing = log.sequence;
            return Err(StoreError::Damaged(format!(
                "record {missing} of the log is missing before record {sequence}"
            )));
        }
        let mut erased = false;
        if durability.is_some() {
            // A new record must never be followed by an old one that happens to have the next number.
            let mut from = log.end;
            while let Some((_, at)) = log.later(from, UNSYNCED)? {
                log.backend.write(at, &[0; HEADER_BYTES])?;
                (from, erased) = (at.saturating_add(SECTOR_BYTES), true);
            }
        }
        if erased || !records.is_empty() {
            // A record that is believed now must be there after a power failure.
            log.backend.sync_data()?;
        }
        Ok((log, records))
    }

    fn is_next(&self, found: &Found) -> bool {
        (found.header.epoch, found.header.sequence) == (self.epoch, self.sequence)
    }

    fn header_at(&self, offset: u64) -> Result<Option<Header>, StoreError> {
        let mut bytes = [0; HEADER_BYTES];
        let header_bytes = u64::try_from(HEADER_BYTES).unwrap_or(0);
        if offset.saturating_add(header_bytes) > self.bytes {
            return Ok(None);
        }
        self.backend.read(offset, &mut bytes)?;
        Ok(Header::of(&bytes))
    }

    /// The record at `offset`, of any epoch, if there is a whole one.
    fn read(&self, offset: u64) -> Result<Option<Found>, StoreError> {
        let Some(header) = self.header_at(offset)? else { return Ok(None) };
        let length = usize::try_from(header.payload_bytes).ok().and_then(written_bytes);
        let end = length.and_then(|length| offset.checked_add(u64::try_from(length).ok()?));
        let (Some(length), Some(end)) = (length, end.filter(|end| *end <= self.bytes)) else { return Ok(None) };
        let mut record = vec![0; length];
        self.backend.read(offset, &mut record)?;
        let Some(payload) = payload_of(&record) else { return Ok(None) };
        let (start, digest) = record.split_first_chunk::<32>().unwrap_or((&[0; 32], &[]));
        if digest.get(..32) != Some(digest_of(start, &payload).as_slice()) {
            return Ok(None);
        }
        let next = end.div_ceil(SECTOR_BYTES).saturating_mul(SECTOR_BYTES);
        Ok(Some(Found { header, payload, next }))
    }

    /// The number and the place of a later record of this epoch, whole, that is at `from` or behind it and begins so; or of
    /// the mark of one.
    fn later(&self, from: u64, begin: &[u8; 8]) -> Result<Option<(u64, u64)>, StoreError> {
        let mut offset = from;
        while offset.saturating_add(SECTOR_BYTES) <= self.bytes {
            let most = READ_SECTORS.saturating_mul(SECTOR_BYTES);
            let count = self.bytes.saturating_sub(offset).min(most);
            let mut sectors = vec![0; usize::try_from(count).unwrap_or(0)];
            self.backend.read(offset, &mut sectors)?;
            let size = usize::try_from(SECTOR_BYTES).unwrap_or(1);
            for (at, sector) in (0_u64..).zip(sectors.chunks(size)) {
                let Some(header) = Header::of(sector).filter(|header| header.epoch == self.epoch) else { continue };
                let at = offset.saturating_add(at.saturating_mul(SECTOR_BYTES));
                if header.begin == begin && header.sequence > self.sequence && self.read(at)?.is_some() {
                    return Ok(Some((header.sequence, at)));
                }
            }
            offset = offset.saturating_add(count.max(SECTOR_BYTES));
        }
        Ok(None)
    }

    /// Appends a record. When this returns, it is on the disk, if that is what a commit is to wait for.
    pub(crate) fn append(&mut self, payload: &[u8]) -> Result<(), StoreError> {
        let synced = self.durability == Durability::Block;
        let next = self.put(if synced { SYNCED } else { UNSYNCED }, payload)?;
        if synced {
            self.backend.sync_data()?;
        }
        (self.end, self.sequence) = (next, self.sequence.saturating_add(1));
        if synced {
            self.put(SYNCED, &[])?;
        }
        Ok(())
    }

    /// Writes a record at the end. Returns where the next one begins.
    fn put(&mut self, begin: &[u8; 8], payload: &[u8]) -> Result<u64, StoreError> {
        let length = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        let mut record = Vec::with_capacity(written_bytes(payload.len()).unwrap_or(0));
        record.extend_from_slice(begin);
        for number in [self.epoch, self.sequence, length] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        let digest = digest_of(&record, payload);
        record.extend_from_slice(digest.as_slice());
        let (first, rest) = payload.split_at_checked(FIRST_BYTES).unwrap_or((payload, &[]));
        record.extend_from_slice(first);
        for part in rest.chunks(OTHER_BYTES) {
            record.push(CONTINUES);
            record.extend_from_slice(part);
        }
        let written = u64::try_from(record.len()).unwrap_or(u64::MAX);
        let end = self.end.saturating_add(written);
        let next = end.div_ceil(SECTOR_BYTES).saturating_mul(SECTOR_BYTES);
        if next > self.bytes {
            let bytes = next.div_ceil(GROWTH_BYTES).saturating_mul(GROWTH_BYTES);
            self.backend.set_len(bytes)?;
            self.bytes = bytes;
        }
        self.backend.write(self.end, &record)?;
        Ok(next)
    }

    /// Begins anew for an epoch that the database has: no record of another is believed.
    pub(crate) fn reset(&mut self, epoch: u64) -> Result<(), StoreError> {
        (self.epoch, self.end, self.sequence) = (epoch, 0, 0);
        if self.bytes > KEPT_BYTES {
            self.backend.set_len(KEPT_BYTES)?;
            self.bytes = KEPT_BYTES;
        }
        // What is on the disk now is not synced, and need not be: the epoch that it says is that of the database.
        self.put(SYNCED, &[]).map(drop)
    }

    /// Closes the file.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        Ok(self.backend.close()?)
    }
}

/// A whole record that was found.
struct Found {
    header: Header,
    payload: Vec<u8>,
    /// Where the next one begins.
    next: u64,
}

/// What a record says of itself.
#[derive(Debug, Clone, Copy)]
struct Header {
    begin: &'static [u8; 8],
    epoch: u64,
    sequence: u64,
    payload_bytes: u64,
}

impl Header {
    /// The header that a sector begins with, if it is one.
    fn of(sector: &[u8]) -> Option<Self> {
        let (begin, rest) = sector.split_first_chunk::<8>()?;
        let begin = [SYNCED, UNSYNCED].into_iter().find(|known| *known == begin)?;
        let (epoch, rest) = rest.split_first_chunk::<8>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (bytes, _) = rest.split_first_chunk::<8>()?;
        let [epoch, sequence, payload_bytes] = [epoch, sequence, bytes].map(|number| u64::from_le_bytes(*number));
        Some(Self { begin, epoch, sequence, payload_bytes })
    }
}

/// Bytes of a record in the file with so many bytes of payload.
fn written_bytes(payload_bytes: usize) -> Option<usize> {
    let sectors = payload_bytes.saturating_sub(FIRST_BYTES).div_ceil(OTHER_BYTES);
    HEADER_BYTES.checked_add(payload_bytes)?.checked_add(sectors)
}

/// The payload in the bytes of a record, if every sector but the first begins as it must.
fn payload_of(record: &[u8]) -> Option<Vec<u8>> {
    let sector_bytes = OTHER_BYTES.saturating_add(1);
    let (first, rest) = record.split_at_checked(sector_bytes).unwrap_or((record, &[]));
    let mut payload = Vec::with_capacity(record.len());
    payload.extend_from_slice(first.get(HEADER_BYTES..)?);
    for sector in rest.chunks(sector_bytes) {
        let (begin, part) = sector.split_first()?;
        if *begin != CONTINUES {
            return None;
        }
        payload.extend_from_slice(part);
    }
    Some(payload)
}

fn digest_of(header: &[u8], payload: &[u8]) -> B256 {
    let mut hasher = Sha3_256::new();
    hasher.update(header);
    hasher.update(payload);
    B256::new(hasher.finalize().into())
}
