//! The tables of the database and the bytes of their rows. `docs/store.md` says the same in words.
//!
//! Numbers within keys are big-endian, so that the rows of one thing stand in the order of their heights. Every row but
//! that of the format ends with a checksum, which is verified whenever the row is read.

use crate::{
    checksum::{CHECKSUM_BYTES, checksum},
    code_tally::CodeTally,
    error::StoreError,
    row::{KeyBytes, RowKey, TreeId},
};
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_vm::B256;
use redb::{
    AccessGuard, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
    WriteTransaction,
};
use std::sync::Arc;

/// The size of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// Its name.
    pub name: &'static str,
    /// Its rows.
    pub rows: u64,
    /// Bytes of its keys and values.
    pub content_bytes: u64,
    /// Bytes of the pages that it has in the file.
    pub page_bytes: u64,
}

/// The version of the format that `docs/store.md` describes.
pub const FORMAT_VERSION: u32 = 8;

/// A table: every key and value is a string of bytes.
type Bytes2 = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// A table and the number that checksums of its rows know it by.
#[derive(Clone, Copy)]
pub(crate) struct TableId {
    number: u8,
    /// Whether its keys begin with a height: its rows are of the fork of that height then.
    by_height: bool,
    pub(crate) name: &'static str,
    pub(crate) definition: Bytes2,
}

const fn table(number: u8, name: &'static str) -> TableId {
    TableId { number, by_height: false, name, definition: TableDefinition::new(name) }
}

const fn by_height(number: u8, name: &'static str) -> TableId {
    TableId { by_height: true, ..table(number, name) }
}

/// By name: the format version, and what is kept.
pub(crate) const META: TableId = table(0, "meta");
/// By height: [`BlockRow`].
pub(crate) const BLOCKS: TableId = by_height(1, "blocks");
/// By height and number: a receipt.
pub(crate) const RECEIPTS: TableId = by_height(2, "receipts");
/// By [`RowKey`]: the leaf at the last folded height.
pub(crate) const ROWS: TableId = table(3, "rows");
/// By height and [`RowKey`]: what the leaf was before that height, if there was one.
pub(crate) const UNDO: TableId = by_height(4, "undo");
/// By height and number: [`Changes`].
pub(crate) const CHANGES: TableId = by_height(5, "changes");
/// By tree and place: a page.
pub(crate) const PAGES: TableId = table(6, "pages");
/// By hash: code.
pub(crate) const CODE: TableId = table(7, "code");
/// By hash: the number of account rows with that code, in [`ROWS`] and [`UNDO`].
pub(crate) const CODE_USES: TableId = table(8, "code_uses");

/// By tree: nothing. Storages that no kept height has, and that have rows or pages still.
pub(crate) const ENDED: TableId = table(9, "ended");

/// By height and number: a part of the body of a block.
pub(crate) const BODIES: TableId = by_height(10, "bodies");

/// By [`RowKey`] and the height at which it was written: a long value.
pub(crate) const VALUES: TableId = table(11, "values");

/// Every table.
pub(crate) const TABLES: [TableId; 12] =
    [META, BLOCKS, RECEIPTS, ROWS, UNDO, CHANGES, PAGES, CODE, CODE_USES, ENDED, BODIES, VALUES];

/// Bytes of a part of a body: no row asks redb for much room at once.
pub(crate) const BODY_PART_BYTES: usize = 1_024 * 1_024;

/// The version of the format, 4 bytes, and the salt of the file, 8 bytes, without a checksum: what every version of this
/// program can read begins with a version.
pub(crate) const META_FORMAT: &[u8] = b"format";
pub(crate) const META_KEPT: &[u8] = b"kept";
/// How far an import is, while there is one.
pub(crate) const META_IMPORT: &[u8] = b"import";

/// What the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Kept {
    /// The lowest height whose state is kept.
    pub(crate) oldest: u64,
    /// The height of [`ROWS`].
    pub(crate) folded: u64,
    /// Which of the records in the log follow it.
    pub(crate) epoch: u64,
    /// What the rows of [`CODE_USES`] are together.
    pub(crate) codes: CodeTally,
}

/// The version of the format and the salt of the file, which no version but this one has for sure.
pub(crate) fn format_of(row: &[u8]) -> Option<(u32, u64)> {
    let (version, salt) = row.split_first_chunk()?;
    Some((u32::from_le_bytes(*version), salt.first_chunk().map_or(0, |salt| u64::from_le_bytes(*salt))))
}

/// The row that says them.
pub(crate) fn format_row(salt: u64) -> Vec<u8> {
    [FORMAT_VERSION.to_le_bytes().as_slice(), &salt.to_le_bytes()].concat()
}

/// What rows belong to: a file, and the fork of their height.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Forks {
    /// That of the file. Contracts choose bytes, and do not know it: where a disk has lost a write, what was there before it
    /// can be a page that somebody made up, and none of its rows is right.
    salt: u64,
    /// The first height of each fork, ascending, and the epoch in which it began. It tells a row from the one of another
    /// block of its height that was taken back, where a disk has lost the write that replaced it.
    begins: Vec<(u64, u64)>,
}

impl Forks {
    /// Those of a file without blocks.
    pub(crate) const fn none(salt: u64) -> Self {
        Self { salt, begins: Vec::new() }
    }

    /// The salt of the file.
    pub(crate) const fn salt(&self) -> u64 {
        self.salt
    }

    /// These where everything from `height` on is of a fork that begins in `epoch`.
    pub(crate) fn from(&self, height: u64, epoch: u64) -> Self {
        let kept = self.begins.iter().copied().filter(|(first, _)| *first < height);
        Self { salt: self.salt, begins: kept.chain([(height, epoch)]).collect() }
    }

    /// These without those that end below `oldest`.
    pub(crate) fn without_below(&self, oldest: u64) -> Self {
        let first = self.begins.partition_point(|(first, _)| *first <= oldest).saturating_sub(1);
        Self { salt: self.salt, begins: self.begins.get(first..).unwrap_or_default().to_vec() }
    }

    /// The epoch in which the last fork began, 0 before the first. It changes where blocks of the database are taken back.
    pub(crate) fn last(&self) -> u64 {
        self.begins.last().map_or(0, |(_, epoch)| *epoch)
    }

    /// What a use of a code adds to the [tally](CodeTally): whoever does not know the salt knows no two uses with one sum.
    pub(crate) fn weight(&self, hash: &B256) -> u128 {
        let half = |half: u64| u64::from_le_bytes(checksum([self.salt, half], CODE_USES.number, hash.as_slice(), &[]));
        u128::from(half(0)) << 64 | u128::from(half(1))
    }

    /// The fork of a height.
    fn at(&self, height: u64) -> u64 {
        let at = self.begins.partition_point(|(first, _)| *first <= height).checked_sub(1);
        at.and_then(|at| self.begins.get(at)).map_or(0, |(_, epoch)| *epoch)
    }
}

/// A block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct BlockRow {
    /// Its hash.
    pub(crate) hash: B256,
    /// The root of the state after it.
    pub(crate) root: B256,
    /// Rows of [`RECEIPTS`]; `None` for the block of a snapshot, whose receipts did not come with it.
    pub(crate) receipts: Option<u32>,
    /// Rows of [`CHANGES`].
    pub(crate) changes: u32,
    /// Rows of [`BODIES`] and the [sum](body_sum) of all of them, `None` if the block has no body.
    pub(crate) body: Option<(u32, u64)>,
}

/// The checksum of a whole body, which finds a part that is missing or of another block.
pub(crate) fn body_sum(height: u64, body: &[u8]) -> u64 {
    u64::from_le_bytes(checksum([0; 2], BODIES.number, &height_key(height), body))
}

/// What a block changed, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct Changes {
    /// Leaves, by their trees.
    pub(crate) leaves: Vec<TreeLeaves>,
    /// Storages that ended at this height with their values in them.
    pub(crate) dead: Vec<TreeId>,
}

/// Leaves of a tree that a block changed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct TreeLeaves {
    tree: TreeId,
    /// Those that were there before: each has a row of [`UNDO`].
    old: Vec<B256>,
    /// Those that were not.
    born: Vec<B256>,
}

/// Leaves that a row of [`CHANGES`] names at most: those of one tree fit into a page of redb.
pub(crate) const CHANGES_MAX: usize = 120;

impl Changes {
    /// Leaves in the order of their trees, each with whether it was there before.
    pub(crate) fn of_leaves(leaves: &[(RowKey, bool)]) -> Self {
        let of_tree = |leaves: &[(RowKey, bool)]| {
            let keys = |was: bool| leaves.iter().filter(|leaf| leaf.1 == was).map(|(key, _)| key.key).collect();
            leaves.first().map(|(key, _)| TreeLeaves { tree: key.tree, old: keys(true), born: keys(false) })
        };
        let trees = leaves.chunk_by(|(one, _), (other, _)| one.tree == other.tree);
        Self { leaves: trees.filter_map(of_tree).collect(), dead: Vec::new() }
    }

    /// The leaves, each with whether it was there before.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = (RowKey, bool)> {
        self.leaves.iter().flat_map(|leaves| {
            let with = |was: bool| move |key: &B256| (RowKey { tree: leaves.tree, key: *key }, was);
            leaves.old.iter().map(with(true)).chain(leaves.born.iter().map(with(false)))
        })
    }
}

/// The key of a height.
pub(crate) const fn height_key(height: u64) -> [u8; 8] {
    height.to_be_bytes()
}

/// The key of the row with that number at a height.
pub(crate) fn numbered_key(height: u64, number: u32) -> [u8; 12] {
    let mut key = [0; 12];
    for (to, from) in key.iter_mut().zip(height.to_be_bytes().iter().chain(&number.to_be_bytes())) {
        *to = *from;
    }
    key
}

/// The key of a long value that was written to a leaf at a height.
pub(crate) fn dated_key(row: &RowKey, height: u64) -> KeyBytes {
    let mut key = row.bytes();
    key.push(&height.to_be_bytes());
    key
}

/// The key of what a leaf was before a height. What a height changed is together, and behind all that was before.
pub(crate) fn undo_key(height: u64, row: &RowKey) -> KeyBytes {
    let mut key = KeyBytes::default();
    key.push(&height.to_be_bytes());
    key.push(&row.bytes());
    key
}

/// The leaf of such a key.
pub(crate) fn leaf_of_undo_key(key: &[u8]) -> Result<RowKey, StoreError> {
    let split = key.split_first_chunk::<8>().map(|(_, leaf)| RowKey::split(leaf)).transpose()?;
    match split {
        Some((leaf, [])) => Ok(leaf),
        _ => Err(StoreError::Damaged("the key of an old row".into())),
    }
}

/// The borsh encoding of a value.
pub(crate) fn encode<T: BorshSerialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    borsh::to_vec(value).map_err(|error| StoreError::database(error.to_string()))
}

/// A value out of its borsh encoding.
pub(crate) fn decode<T: BorshDeserialize>(bytes: &[u8]) -> Result<T, StoreError> {
    borsh::from_slice(bytes).map_err(|error| StoreError::Damaged(format!("a row cannot be read: {error}")))
}

impl TableId {
    /// What `read` makes of the content of a row that was looked up, if there is one.
    fn read<T>(
        &self,
        forks: &Forks,
        row: Option<AccessGuard<'_, &'static [u8]>>,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        row.map(|row| read(self.content(forks, key, row.value())?)).transpose()
    }

    /// The checksum of a row.
    fn sum(&self, forks: &Forks, key: &[u8], content: &[u8]) -> [u8; CHECKSUM_BYTES] {
        let height = key.first_chunk().filter(|_| self.by_height);
        let fork = height.map_or(0, |height| forks.at(u64::from_be_bytes(*height)));
        checksum([forks.salt, fork], self.number, key, content)
    }

    /// The content of a row, if its checksum is right.
    fn content<'a>(&self, forks: &Forks, key: &[u8], row: &'a [u8]) -> Result<&'a [u8], StoreError> {
        let parts = row.split_last_chunk::<CHECKSUM_BYTES>();
        let content = parts.filter(|(content, sum)| self.sum(forks, key, content) == **sum);
        content.map(|(content, _)| content).ok_or_else(|| {
            let (key, name) = (lockstep_vm::Bytes::copy_from_slice(key), self.name);
            StoreError::Damaged(format!("the row {key} of the table {name} is not what was written"))
        })
    }
}

/// Rows that are read one after the other: keys and contents.
pub(crate) struct Contents {
    id: TableId,
    forks: Arc<Forks>,
    rows: redb::Range<'static, &'static [u8], &'static [u8]>,
}

impl Iterator for Contents {
    type Item = Result<(Vec<u8>, Vec<u8>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next()?;
        Some(row.map_err(StoreError::from).and_then(|(key, row)| {
            let content = self.id.content(&self.forks, key.value(), row.value())?;
            Ok((key.value().to_vec(), content.to_vec()))
        }))
    }
}

/// A table, to be read.
pub(crate) struct Reading {
    id: TableId,
    forks: Arc<Forks>,
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl Reading {
    pub(crate) fn open(transaction: &ReadTransaction, id: TableId, forks: &Arc<Forks>) -> Result<Self, StoreError> {
        Ok(Self { id, forks: Arc::clone(forks), table: transaction.open_table(id.definition)? })
    }

    /// [`META`], and the forks that the rows of all other tables are of.
    pub(crate) fn open_meta(transaction: &ReadTransaction) -> Result<(Self, Option<Kept>, Arc<Forks>), StoreError> {
        let salt = transaction.open_table(META.definition)?.get(META_FORMAT)?.map(|row| format_of(row.value()));
        let Some(Some((FORMAT_VERSION, salt))) = salt else {
            return Err(StoreError::Damaged("it does not say its format any more".into()));
        };
        let mut forks = Forks::none(salt);
        let meta = Self::open(transaction, META, &Arc::new(forks.clone()))?;
        let kept = meta.get(META_KEPT, decode::<(Kept, Vec<(u64, u64)>)>)?.map(|(kept, begins)| {
            forks.begins = begins;
            kept
        });
        Ok((meta, kept, Arc::new(forks)))
    }

    /// What `read` makes of the content of the row at `key`.
    pub(crate) fn get<T>(
        &self,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.id.read(&self.forks, self.table.get(key)?, key, read)
    }

    /// The rows from one key to another, both included, in their order.
    pub(crate) fn between(&self, from: &[u8], to: &[u8]) -> Result<Contents, StoreError> {
        Ok(Contents { id: self.id, forks: Arc::clone(&self.forks), rows: self.table.range::<&[u8]>(from..=to)? })
    }

    /// Every row.
    pub(crate) fn all(&self) -> Result<Contents, StoreError> {
        Ok(Contents { id: self.id, forks: Arc::clone(&self.forks), rows: self.table.range::<&[u8]>(..)? })
    }

    /// What room it takes; it reads every page of it.
    pub(crate) fn size(&self) -> Result<TableSize, StoreError> {
        let stats = self.table.stats()?;
        let content_bytes = stats.stored_bytes();
        let rest = stats.metadata_bytes().saturating_add(stats.fragmented_bytes());
        let page_bytes = content_bytes.saturating_add(rest);
        Ok(TableSize { name: self.id.name, rows: self.table.len()?, content_bytes, page_bytes })
    }

    /// Rows of it.
    pub(crate) fn len(&self) -> Result<u64, StoreError> {
        Ok(self.table.len()?)
    }
}

/// A table, to be written.
pub(crate) struct Writing<'a> {
    id: TableId,
    forks: Arc<Forks>,
    table: Table<'a, &'static [u8], &'static [u8]>,
    /// Where rows are made, so that none has an allocation of its own.
    buffer: Vec<u8>,
}

impl<'a> Writing<'a> {
    pub(crate) fn open(transaction: &'a WriteTransaction, id: TableId, forks: &Arc<Forks>) -> Result<Self, StoreError> {
        let table = transaction.open_table(id.definition)?;
        Ok(Self { id, forks: Arc::clone(forks), table, buffer: Vec::new() })
    }

    /// Writes what the database holds.
    pub(crate) fn put_kept(
        transaction: &'a WriteTransaction,
        kept: &Kept,
        forks: &Arc<Forks>,
    ) -> Result<(), StoreError> {
        Self::open(transaction, META, forks)?.put(META_KEPT, &[&encode(&(kept, &forks.begins))?])
    }

    /// What `read` makes of the content of the row at `key`.
    pub(crate) fn get<T>(
        &self,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.id.read(&self.forks, self.table.get(key)?, key, read)
    }

    /// Puts the content that consists of `parts` at `key`.
    pub(crate) fn put(&mut self, key: &[u8], parts: &[&[u8]]) -> Result<(), StoreError> {
        self.make(key, parts);
        self.table.insert(key, self.buffer.as_slice())?;
        Ok(())
    }

    /// Puts the content that consists of `parts` at `key`. Returns the content that was there.
    pub(crate) fn replace(&mut self, key: &[u8], parts: &[&[u8]]) -> Result<Option<Vec<u8>>, StoreError> {
        self.make(key, parts);
        let before = self.table.insert(key, self.buffer.as_slice())?;
        self.id.read(&self.forks, before, key, |content| Ok(content.to_vec()))
    }

    /// Makes a row in the buffer.
    fn make(&mut self, key: &[u8], parts: &[&[u8]]) {
        let Self { id, forks, buffer, .. } = self;
        buffer.clear();
        parts.iter().for_each(|part| buffer.extend_from_slice(part));
        let sum = id.sum(forks, key, buffer);
        buffer.extend_from_slice(&sum);
    }

    /// Removes the row at `key`. Returns the content that was there.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.id.read(&self.forks, self.table.remove(key)?, key, |content| Ok(content.to_vec()))
    }

    /// Removes the rows from one key to another, both included.
    pub(crate) fn remove_between(&mut self, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        Ok(self.table.retain_in::<&[u8], _>(from..=to, |_, _| false)?)
    }
}
