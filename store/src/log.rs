//! The log: one record for each block that is not in the database yet, appended with one write and one sync.
//!
//! Records begin at multiples of a sector, the first at the beginning of the file. A record is believed if it is of the
//! epoch that the database says, the next in its sequence, and has the digest that it says. When the blocks are in the
//! database, that has a new epoch, and the log begins anew over the old records.
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
    /// A log that begins anew, whatever is in the file.
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
        let mut records = Vec::new();
        while let Some((payload, next)) = log.read(log.end, log.sequence)?.filter(|(payload, _)| !payload.is_empty()) {
            records.push(decode(&payload)?);
            (log.end, log.sequence) = (next, log.sequence.saturating_add(1));
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

    /// The payload of the record at `offset`, if it is of this epoch and has that number, and where the next one begins.
    fn read(&self, offset: u64, sequence: u64) -> Result<Option<(Vec<u8>, u64)>, StoreError> {
        let header_bytes = u64::try_from(HEADER_BYTES).unwrap_or(0);
        let body = offset.saturating_add(header_bytes);
        if body > self.bytes {
            return Ok(None);
        }
        let mut header = [0; HEADER_BYTES];
        self.backend.read(offset, &mut header)?;
        let Some((_, found, payload_bytes)) = self.header(&header) else { return Ok(None) };
        let end = body.checked_add(payload_bytes).filter(|end| *end <= self.bytes);
        let (Some(end), true) = (end, found == sequence) else { return Ok(None) };
        let Ok(length) = usize::try_from(payload_bytes) else { return Ok(None) };
        let mut payload = vec![0; length];
        self.backend.read(body, &mut payload)?;
        let (start, digest) = header.split_at_checked(32).unwrap_or_default();
        if digest_of(start, &payload).as_slice() != digest {
            return Ok(None);
        }
        let next = end.div_ceil(SECTOR_BYTES).saturating_mul(SECTOR_BYTES);
        Ok(Some((payload, next)))
    }

    /// What it begins with, the number and the bytes of the payload, if a header is one of this epoch.
    fn header(&self, header: &[u8]) -> Option<(&'static [u8; 8], u64, u64)> {
        let (begin, rest) = header.split_first_chunk::<8>()?;
        let begin = [SYNCED, UNSYNCED].into_iter().find(|known| *known == begin)?;
        let (epoch, rest) = rest.split_first_chunk::<8>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (bytes, _) = rest.split_first_chunk::<8>()?;
        let [epoch, sequence, bytes] = [epoch, sequence, bytes].map(|number| u64::from_le_bytes(*number));
        (epoch == self.epoch).then_some((begin, sequence, bytes))
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
                let Some((begins, sequence, _)) = self.header(sector) else { continue };
                let at = offset.saturating_add(at.saturating_mul(SECTOR_BYTES));
                if begins == begin && sequence > self.sequence && self.read(at, sequence)?.is_some() {
                    return Ok(Some((sequence, at)));
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
        let mut record = Vec::with_capacity(HEADER_BYTES.saturating_add(payload.len()));
        record.extend_from_slice(begin);
        for number in [self.epoch, self.sequence, length] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        let digest = digest_of(&record, payload);
        record.extend_from_slice(digest.as_slice());
        record.extend_from_slice(payload);
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
        Ok(())
    }

    /// Closes the file.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        Ok(self.backend.close()?)
    }
}

fn digest_of(header: &[u8], payload: &[u8]) -> B256 {
    let mut hasher = Sha3_256::new();
    hasher.update(header);
    hasher.update(payload);
    B256::new(hasher.finalize().into())
}
