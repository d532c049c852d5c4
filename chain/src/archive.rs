//! Headers and transactions of a chain on disk, and the index of its logs. Receipts and states are the store's.
//!
//! A log is found by its address and by each of its topics: a row for each in each block that has one. A filter asks for the
//! heights of its rows and reads no other receipt.
//!
//! A damaged block of the file is an error: the file has checksums below the database, as the store's has. The database panics on
//! some headers that are damaged: each access is behind a [`Guard`].

use crate::{
    header::{Header, SignedBlock},
    transaction::SignedTx,
};
use lockstep_store::{ChecksummedBackend, Guard, StoreError};
use lockstep_vm::{Address, B256, Receipt};
use redb::{
    Database, ReadableDatabase, ReadableTable, TableDefinition,
    backends::{FileBackend, InMemoryBackend},
};
use std::{collections::BTreeSet, fs::File, io, path::Path};

/// The name of the archive's file in the folder of a chain.
pub const ARCHIVE_NAME: &str = "archive.redb";

/// What an archive says of itself: its format, and the identity of its chain.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// The borsh encoding of the block by its height.
const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
/// The height of a block by its hash.
const HASHES: TableDefinition<'_, &[u8], u64> = TableDefinition::new("hashes");
/// Height and position of a transaction by its hash.
const TRANSACTIONS: TableDefinition<'_, &[u8], (u64, u64)> = TableDefinition::new("transactions");
/// What logs of a block are found by, and its height: see [`log_key`].
const LOGS: TableDefinition<'_, &[u8], ()> = TableDefinition::new("logs");

/// Positions of topics that the index knows: a log has at most 4.
const TOPICS_MAX: usize = 4;

/// The version of the format.
const FORMAT: &[u8] = b"lockstep-archive-2";

/// The key of the height that an archive begins at, where that is not 0.
const BEGINS: &str = "begins";

/// Which logs are looked for (the filter of `eth_getLogs`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Contracts, any if there are none.
    pub addresses: Vec<Address>,
    /// For each position of a topic the topics that are looked for, any if there are none.
    pub topics: Vec<Vec<B256>>,
}

impl LogFilter {
    /// Whether a log is one that is looked for.
    pub fn matches(&self, log: &lockstep_vm::Log) -> bool {
        let address = self.addresses.is_empty() || self.addresses.contains(&log.address);
        let topics = self.topics.iter().enumerate().all(|(position, wanted)| match log.topics.get(position) {
            Some(topic) => wanted.is_empty() || wanted.contains(topic),
            None => false,
        });
        address && topics
    }
}

/// Headers, transactions and the index of the logs.
pub struct Archive {
    db: Database,
    chain_id: u64,
    guard: Guard,
}

impl Archive {
    /// The archive in the folder `folder`, or a new one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the file cannot be opened or is no archive.
    pub fn open(folder: &Path, chain_id: u64) -> Result<Self, StoreError> {
        let open = || {
            let file =
                File::options().read(true).write(true).create(true).truncate(false).open(folder.join(ARCHIVE_NAME))?;
            let blocks = ChecksummedBackend::new(FileBackend::new(file)?).map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => another_format(),
                _ => error.into(),
            });
            Ok(Database::builder().create_with_backend(blocks?)?)
        };
        Self::of(open, chain_id)
    }

    /// An archive in memory.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if there is no memory for it.
    pub fn memory(chain_id: u64) -> Result<Self, StoreError> {
        Self::of(|| Ok(Database::builder().create_with_backend(InMemoryBackend::new())?), chain_id)
    }

    fn of(open: impl FnOnce() -> Result<Database, StoreError>, chain_id: u64) -> Result<Self, StoreError> {
        let guard = Guard::default();
        let db = guard.run(|| {
            let db = open()?;
            prepare(&db)?;
            Ok(db)
        })?;
        Ok(Self { db, chain_id, guard })
    }

    /// A table as it is now, for `read`.
    fn read<K: redb::Key, V: redb::Value, T>(
        &self,
        table: TableDefinition<'_, K, V>,
        read: impl FnOnce(redb::ReadOnlyTable<K, V>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.guard.run(|| read(self.db.begin_read()?.open_table(table)?))
    }

    /// A transaction for `write`, committed if that succeeds.
    fn write(&self, write: impl FnOnce(&redb::WriteTransaction) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.guard.run(|| {
            let mut writing = self.db.begin_write()?;
            writing.set_two_phase_commit(true);
            write(&writing)?;
            Ok(writing.commit()?)
        })
    }

    /// Begins with block 0 and with `block`, for a chain that begins with the state after it. All that is there is removed. Logs
    /// of `block` are not found: they are in no state.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the archive cannot be written. It is as it was then.
    pub fn begin_at(&self, genesis: &SignedBlock, block: &SignedBlock) -> Result<(), StoreError> {
        self.append(genesis, genesis.header.hash(), &[])?;
        self.append(block, block.header.hash(), &[])?;
        self.write(|writing| {
            writing.open_table(META)?.insert(BEGINS, block.header.number.to_le_bytes().as_slice())?;
            Ok(())
        })
    }

    /// The height of the block whose state this archive began with: below it there is block 0 alone, and its own logs are not
    /// found. 0 if every block is there.
    ///
    /// # Errors
    ///
    /// As [`last`](Self::last).
    pub fn begins(&self) -> Result<u64, StoreError> {
        self.read(META, |meta| {
            let Some(bytes) = meta.get(BEGINS)? else { return Ok(0) };
            let bytes = bytes.value().try_into();
            bytes.map(u64::from_le_bytes).map_err(|_| StoreError::Damaged("the archive begins at no height".into()))
        })
    }

    /// Puts a block above the others. Those of its height and above are removed first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the archive cannot be written. It is as it was then.
    pub fn append(&self, block: &SignedBlock, hash: B256, receipts: &[Receipt]) -> Result<(), StoreError> {
        let bytes = block.to_bytes().map_err(|error| StoreError::database(error.to_string()))?;
        let height = block.header.number;
        self.write(|writing| {
            self.remove_from(writing, height)?;
            writing.open_table(BLOCKS)?.insert(height, bytes.as_slice())?;
            writing.open_table(HASHES)?.insert(hash.as_slice(), height)?;
            let mut transactions = writing.open_table(TRANSACTIONS)?;
            for (position, tx) in (0..).zip(&block.transactions) {
                transactions.insert(tx.hash().as_slice(), (height, position))?;
            }
            let mut logs = writing.open_table(LOGS)?;
            for key in log_keys(receipts, height) {
                logs.insert(key.as_slice(), ())?;
            }
            Ok(())
        })
    }

    /// Removes the blocks above `height`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the archive cannot be written. It is as it was then.
    pub fn truncate(&self, height: u64) -> Result<(), StoreError> {
        self.write(|writing| self.remove_from(writing, height.saturating_add(1)))
    }

    fn remove_from(&self, writing: &redb::WriteTransaction, height: u64) -> Result<(), StoreError> {
        if height == 0 {
            writing.open_table(META)?.remove(BEGINS)?;
        }
        let mut blocks = writing.open_table(BLOCKS)?;
        let mut gone = Vec::new();
        for row in blocks.range(height..)? {
            let (height, bytes) = row?;
            gone.push((height.value(), self.decode(bytes.value())?));
        }
        if gone.is_empty() {
            return Ok(());
        }
        let (mut hashes, mut transactions) = (writing.open_table(HASHES)?, writing.open_table(TRANSACTIONS)?);
        for (height, block) in &gone {
            blocks.remove(height)?;
            hashes.remove(block.header.hash().as_slice())?;
            for tx in &block.transactions {
                transactions.remove(tx.hash().as_slice())?;
            }
        }
        // The receipts of these blocks may be gone; their rows are found by the height at their end.
        writing.open_table(LOGS)?.retain(|key, ()| height_of(key).is_none_or(|found| found < height))?;
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<SignedBlock, StoreError> {
        let block = SignedBlock::from_bytes(bytes, self.chain_id);
        block.map_err(|error| StoreError::Damaged(format!("a block of the archive: {error}")))
    }

    /// The highest block.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the archive cannot be read.
    pub fn last(&self) -> Result<Option<Header>, StoreError> {
        self.read(BLOCKS, |blocks| {
            let last = blocks.last()?;
            last.map(|(_, bytes)| header(bytes.value())).transpose()
        })
    }

    /// The header of a block.
    ///
    /// # Errors
    ///
    /// As [`last`](Self::last).
    pub fn header(&self, height: u64) -> Result<Option<Header>, StoreError> {
        self.read(BLOCKS, |blocks| blocks.get(height)?.map(|bytes| header(bytes.value())).transpose())
    }

    /// A block.
    ///
    /// # Errors
    ///
    /// As [`last`](Self::last).
    pub fn block(&self, height: u64) -> Result<Option<SignedBlock>, StoreError> {
        self.read(BLOCKS, |blocks| blocks.get(height)?.map(|bytes| self.decode(bytes.value())).transpose())
    }

    /// The height of the block with that hash.
    ///
    /// # Errors
    ///
    /// As [`last`](Self::last).
    pub fn height_of(&self, hash: &B256) -> Result<Option<u64>, StoreError> {
        self.read(HASHES, |hashes| Ok(hashes.get(hash.as_slice())?.map(|height| height.value())))
    }

    /// Height and position of the transaction with that hash.
    ///
    /// # Errors
    ///
    /// As [`last`](Self::last).
    pub fn transaction(&self, hash: &B256) -> Result<Option<(u64, u64)>, StoreError> {
        self.read(TRANSACTIONS, |transactions| Ok(transactions.get(hash.as_slice())?.map(|place| place.value())))
    }

    /// The heights from `from` to `to` whose blocks can have a log that `filter` looks for, ascending, at most `count_max`
    /// and one more. `None` for a filter that looks for every log.
    ///
    /// # Errors
    ///
    /// As [`last`](Self::last).
    pub fn heights_of_logs(
        &self,
        filter: &LogFilter,
        (from, to): (u64, u64),
        count_max: usize,
    ) -> Result<Option<Vec<u64>>, StoreError> {
        let addresses: Vec<[u8; 33]> = filter.addresses.iter().map(address_name).collect();
        let topics = (0..).zip(filter.topics.iter().take(TOPICS_MAX)).map(|(position, topics)| {
            topics.iter().map(|topic| topic_name(position, topic)).collect::<Vec<[u8; 33]>>()
        });
        let wanted: Vec<_> = std::iter::once(addresses).chain(topics).filter(|names| !names.is_empty()).collect();
        self.read(LOGS, |logs| {
            let mut found: Option<BTreeSet<u64>> = None;
            for names in wanted {
                let mut heights = BTreeSet::new();
                for name in names {
                    for row in logs.range(log_key(&name, from).as_slice()..=log_key(&name, to).as_slice())? {
                        heights.extend(height_of(row?.0.value()));
                    }
                }
                found = Some(match found {
                    Some(found) => found.intersection(&heights).copied().collect(),
                    None => heights,
                });
            }
            Ok(found.map(|heights| heights.into_iter().take(count_max.saturating_add(1)).collect()))
        })
    }

    /// The transaction at `position` of the block at `height`.
    ///
    /// # Errors
    ///
    /// As [`last`](Self::last).
    pub fn transaction_at(&self, height: u64, position: u64) -> Result<Option<SignedTx>, StoreError> {
        let block = self.block(height)?;
        let position = usize::try_from(position).ok();
        Ok(block.and_then(|block| block.transactions.into_iter().nth(position?)))
    }
}

fn another_format() -> StoreError {
    StoreError::Foreign("its archive has another format".to_owned())
}

/// Writes what an archive says of itself, or compares it, and makes the tables that it lacks.
fn prepare(db: &Database) -> Result<(), StoreError> {
    let mut writing = db.begin_write()?;
    // A block of the file that a failure of the power lost is an error, and no sign of an interrupted commit.
    writing.set_two_phase_commit(true);
    {
        let mut meta = writing.open_table(META)?;
        let format = meta.get("format")?.map(|format| format.value().to_vec());
        match format.as_deref() {
            None => drop(meta.insert("format", FORMAT)?),
            Some(FORMAT) => {}
            Some(_) => return Err(another_format()),
        }
        let _ = (writing.open_table(BLOCKS)?, writing.open_table(HASHES)?);
        let _ = (writing.open_table(TRANSACTIONS)?, writing.open_table(LOGS)?);
    }
    Ok(writing.commit()?)
}

/// The header alone: the transactions are not read.
fn header(bytes: &[u8]) -> Result<Header, StoreError> {
    let mut bytes = bytes;
    let header = borsh::BorshDeserialize::deserialize(&mut bytes);
    header.map_err(|error| StoreError::Damaged(format!("a header of the archive: {error}")))
}

/// What logs of an address are found by.
fn address_name(address: &Address) -> [u8; 33] {
    let mut name = [0; 33];
    for (to, from) in name.iter_mut().skip(1).zip(address.as_slice()) {
        *to = *from;
    }
    name
}

/// What logs with a topic at a position are found by.
fn topic_name(position: u8, topic: &B256) -> [u8; 33] {
    let mut name = [0; 33];
    let named = std::iter::once(&position.saturating_add(1)).chain(topic.as_slice()).copied().collect::<Vec<u8>>();
    name.copy_from_slice(&named);
    name
}

/// A row of the index: a name and a height, big-endian.
fn log_key(name: &[u8; 33], height: u64) -> Vec<u8> {
    [name.as_slice(), &height.to_be_bytes()].concat()
}

fn height_of(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|height| u64::from_be_bytes(*height))
}

fn log_keys(receipts: &[Receipt], height: u64) -> BTreeSet<Vec<u8>> {
    let logs = receipts.iter().flat_map(|receipt| &receipt.logs);
    let names = logs.flat_map(|log| {
        let topics = (0..).zip(&log.topics).map(|(position, topic)| topic_name(position, topic));
        std::iter::once(address_name(&log.address)).chain(topics)
    });
    names.map(|name| log_key(&name, height)).collect()
}
