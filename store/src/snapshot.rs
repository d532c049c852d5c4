//! Snapshots: the state at one height in one stream, for another machine.
//!
//! A snapshot is a head, which names a block, and chunks of its state in the order of the key hashes. Each chunk is
//! verified alone against the root in the head.

use crate::{
    error::StoreError,
    load::Import,
    snapshot_head::{Expected, SnapshotHead},
    store::Store,
    tables::{decode, encode},
};
use lockstep_proof::{CHUNK_BYTES_MAX, Chunk};
use sha3::{Digest, Sha3_256};
use std::io::{ErrorKind, Read, Write};

const MAGIC: &[u8; 8] = b"LOCKSNAP";

/// The version of the snapshot format.
pub const SNAPSHOT_VERSION: u32 = 3;

/// Bytes of the head of a snapshot: its name, its version, [`SnapshotHead`], and the sha3-256 of these.
const HEAD_BYTES: usize = 116;

impl Store {
    /// Writes the snapshot of a kept height: its head, and its [chunks](crate::View::chunks). Its memory does not depend
    /// on the size of the state.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotKept`], [`StoreError::Empty`], or that the database cannot be read or `to` cannot be written.
    pub fn export_to(&self, height: u64, to: &mut dyn Write) -> Result<SnapshotHead, StoreError> {
        let view = self.view(height)?;
        let head = SnapshotHead { height, hash: view.hash(), root: view.root() };
        let mut put = |bytes: &[u8]| to.write_all(bytes).map_err(|error| StoreError::io("write the snapshot", error));
        let bytes = [MAGIC.as_slice(), &SNAPSHOT_VERSION.to_le_bytes(), &encode(&head)?].concat();
        put(&bytes)?;
        put(&Sha3_256::digest(&bytes))?;
        view.chunks(&mut |chunk| {
            let bytes = encode(chunk)?;
            let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= CHUNK_BYTES_MAX);
            let length = length.ok_or_else(|| StoreError::Damaged(format!("a chunk of {} bytes", bytes.len())))?;
            put(&length.to_le_bytes())?;
            put(&bytes)
        })?;
        Ok(head)
    }

    /// The snapshot of a kept height, in memory.
    ///
    /// # Errors
    ///
    /// As [`export_to`](Self::export_to).
    pub fn export(&self, height: u64) -> Result<(SnapshotHead, Vec<u8>), StoreError> {
        let mut bytes = Vec::new();
        let head = self.export_to(height, &mut bytes)?;
        Ok((head, bytes))
    }

    /// Begins with a snapshot, in a store without blocks. What `expected` leaves out is believed as the snapshot says it. Its
    /// memory does not depend on the size of the state. After an error it can be called again with the same snapshot, or
    /// with the rest of it behind its head: what was verified before it is there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if it is no snapshot, damaged, not whole, not the expected one, or of a state that no chain
    /// can be on, or if the store has blocks; or that the database cannot be written or `from` cannot be read. There is no
    /// block then.
    pub fn import_from(&self, from: &mut dyn Read, expected: &Expected) -> Result<SnapshotHead, StoreError> {
        let head = read_head(from)?;
        let mut import = self.begin_import(&head, expected)?;
        let put = |import: &mut Import<'_>, from: &mut dyn Read| -> Result<(), StoreError> {
            while let Some(chunk) = read_chunk(from)? {
                import.put(&chunk)?;
            }
            Ok(())
        };
        if let Err(error) = put(&mut import, from) {
            // What came before it need not come again.
            import.write()?;
            return Err(error);
        }
        import.finish()
    }

    /// The same with a snapshot in memory.
    ///
    /// # Errors
    ///
    /// As [`import_from`](Self::import_from).
    pub fn import(&self, bytes: &[u8], expected: &Expected) -> Result<SnapshotHead, StoreError> {
        self.import_from(&mut &*bytes, expected)
    }
}

fn refused(why: &str) -> StoreError {
    StoreError::Refused(format!("not a snapshot: {why}"))
}

/// The head of a snapshot.
fn read_head(from: &mut dyn Read) -> Result<SnapshotHead, StoreError> {
    let mut bytes = [0; HEAD_BYTES];
    let read = read_up_to(from, &mut bytes)?;
    let rest = bytes.get(..read).and_then(|bytes| bytes.strip_prefix(MAGIC));
    let rest = rest.ok_or_else(|| refused("it begins otherwise"))?;
    let (version, rest) = rest.split_first_chunk().ok_or_else(|| refused("it is too short"))?;
    match u32::from_le_bytes(*version) {
        SNAPSHOT_VERSION => {
            let (head, checksum) = rest.split_last_chunk::<32>().ok_or_else(|| refused("it is too short"))?;
            let before = bytes.get(..read.saturating_sub(32)).unwrap_or_default();
            if Sha3_256::digest(before).as_slice() != checksum {
                return Err(refused("the checksum of its head does not match"));
            }
            decode(head).map_err(|_| refused("its head cannot be decoded"))
        }
        version => Err(refused(&format!(
            "version {version}, this lockstep reads {SNAPSHOT_VERSION}: export it with this version"
        ))),
    }
}

/// The next chunk of a snapshot, `None` at its end.
fn read_chunk(from: &mut dyn Read) -> Result<Option<Chunk>, StoreError> {
    let mut length = [0; 4];
    match read_up_to(from, &mut length)? {
        0 => return Ok(None),
        4 => {}
        _ => return Err(refused("it ends within a chunk")),
    }
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > CHUNK_BYTES_MAX {
        return Err(refused(&format!("a chunk of {length} bytes, and the limit is {CHUNK_BYTES_MAX}")));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(length).unwrap_or(u64::MAX);
    let read = from.take(limit).read_to_end(&mut bytes);
    read.map_err(|error| StoreError::io("read the snapshot", error))?;
    if bytes.len() != length {
        return Err(refused("it ends within a chunk"));
    }
    borsh::from_slice(&bytes).map(Some).map_err(|_| refused("a chunk cannot be decoded"))
}

/// Reads until `to` is full or there is no more. Returns the number of bytes.
fn read_up_to(from: &mut dyn Read, to: &mut [u8]) -> Result<usize, StoreError> {
    let mut read = 0_usize;
    while let Some(rest) = to.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(count) => read = read.saturating_add(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(StoreError::io("read the snapshot", error)),
        }
    }
    Ok(read)
}
