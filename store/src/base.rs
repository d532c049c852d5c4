//! The state that the database holds, as a snapshot of it: leaves, pages, and what leaves were at earlier heights.
//!
//! What is read of the last folded height is held against the tree, up to its root: a wrong row, an old one and a
//! missing one are all found when they are read.

use crate::{
    error::StoreError,
    page::{LEAVES_MAX, LEVELS, Leaf, Page, Place, Sub, bit, hash_of_leaves},
    proof::{EMPTY_ROOT, Kind},
    row::{LongRow, Row, RowKey, RowValue, TreeId},
    tables::{
        BLOCKS, BODIES, BlockRow, CHANGES, CODE, Changes, ENDED, Forks, Kept, META_IMPORT, PAGES, RECEIPTS, ROWS,
        Reading, UNDO, VALUES, body_sum, dated_key, decode, height_key, numbered_key, undo_key,
    },
    update::{Slot, Source},
};
use lockstep_proof::{Hash, KeyRange, LongValue};
use lockstep_vm::{B256, Receipt};
use redb::ReadTransaction;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

/// A snapshot of the database.
pub(crate) struct Base {
    /// `None` if there is no block in it.
    pub(crate) kept: Option<Kept>,
    /// Which forks its rows are of.
    pub(crate) forks: Arc<Forks>,
    /// Whether an import was begun and is not finished.
    pub(crate) importing: bool,
    /// Hash of the last folded block.
    pub(crate) hash: B256,
    /// Root of [`ROWS`].
    pub(crate) root: B256,
    /// `None` once it is too old.
    tables: RwLock<Option<Arc<Tables>>>,
    cache: Mutex<Cache>,
}

/// The tables of a snapshot. While they are there, redb writes over nothing of it, and the file grows.
struct Tables {
    rows: Reading,
    values: Reading,
    undo: Reading,
    pages: Reading,
    code: Reading,
    blocks: Reading,
    receipts: Reading,
    changes: Reading,
    ended: Reading,
    bodies: Reading,
}

/// Rows of trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) leaves: u64,
    pub(crate) values: u64,
    pub(crate) pages: u64,
}

/// Places that were read, each held against the hash of its node.
#[derive(Debug, Default, Clone)]
pub(crate) struct Cache {
    subs: BTreeMap<Place, Sub>,
    bytes: usize,
    bytes_max: usize,
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, ..Self::default() }
    }

    fn put(&mut self, place: Place, sub: Sub) {
        if self.bytes > self.bytes_max {
            self.shrink();
        }
        self.bytes = self.bytes.saturating_add(bytes_of(&sub));
        if let Some(before) = self.subs.insert(place, sub) {
            self.bytes = self.bytes.saturating_sub(bytes_of(&before));
        }
    }

    /// Keeps the places near the roots, which every other one is reached through; nothing if these are too many.
    fn shrink(&mut self) {
        for depth in [12, 6, 0] {
            self.subs.retain(|place, _| place.depth <= depth);
            self.bytes = self.subs.values().map(bytes_of).fold(0, usize::saturating_add);
            if self.bytes <= self.bytes_max / 2 {
                return;
            }
        }
        (self.subs, self.bytes) = (BTreeMap::new(), 0);
    }

    /// What blocks that were folded made of it.
    pub(crate) fn apply<'a>(&mut self, slots: impl Iterator<Item = &'a (Place, Slot)>) {
        for (place, slot) in slots {
            if let Some(before) = self.subs.remove(place) {
                self.bytes = self.bytes.saturating_sub(bytes_of(&before));
            }
            if let Some(sub) = &slot.sub {
                self.put(*place, sub.clone());
            }
        }
    }
}

/// Bytes of memory that a place takes, about.
fn bytes_of(sub: &Sub) -> usize {
    match sub {
        Sub::Page(_) => 4_224,
        Sub::Leaves(leaves) => leaves.len().saturating_mul(64).saturating_add(128),
    }
}

impl Base {
    pub(crate) fn new(transaction: &ReadTransaction, cache: Cache) -> Result<Self, StoreError> {
        let (meta, kept, forks) = Reading::open_meta(transaction)?;
        let open = |id| Reading::open(transaction, id, &forks);
        let tables = Tables {
            rows: open(ROWS)?,
            values: open(VALUES)?,
            undo: open(UNDO)?,
            pages: open(PAGES)?,
            code: open(CODE)?,
            blocks: open(BLOCKS)?,
            receipts: open(RECEIPTS)?,
            changes: open(CHANGES)?,
            ended: open(ENDED)?,
            bodies: open(BODIES)?,
        };
        let mut base = Self {
            kept,
            importing: meta.get(META_IMPORT, |_| Ok(()))?.is_some(),
            hash: B256::ZERO,
            root: EMPTY_ROOT,
            forks: Arc::clone(&forks),
            tables: RwLock::new(Some(Arc::new(tables))),
            cache: Mutex::new(cache),
        };
        base.check_blocks()?;
        if let Some(kept) = base.kept {
            let block = base.block(kept.folded)?;
            (base.hash, base.root) = (block.hash, block.root);
        }
        Ok(base)
    }

    /// Whether there are as many blocks as it says, and a state only where it says that there is one.
    fn check_blocks(&self) -> Result<(), StoreError> {
        let (tables, kept) = (self.tables()?, self.kept);
        let heights = |kept: Kept| kept.folded.checked_sub(kept.oldest).and_then(|above| above.checked_add(1));
        let is_sound = match kept {
            Some(kept) => !self.importing && heights(kept) == Some(tables.blocks.len()?),
            None => tables.blocks.len()? == 0 && (self.importing || tables.rows.len()? == 0),
        };
        if is_sound { Ok(()) } else { Err(StoreError::Damaged("it does not say which blocks it has".into())) }
    }

    fn tables(&self) -> Result<Arc<Tables>, StoreError> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.as_ref().map(Arc::clone).ok_or(StoreError::Expired)
    }

    /// Lets go of the database: whoever holds it still is told that it is too old.
    pub(crate) fn expire(&self) {
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The cache as it is now, for the next snapshot.
    pub(crate) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block at a height that is in the database.
    pub(crate) fn block(&self, height: u64) -> Result<BlockRow, StoreError> {
        let row = self.tables()?.blocks.get(&height_key(height), decode)?;
        row.ok_or_else(|| StoreError::Damaged(format!("there is no block at height {height}")))
    }

    /// Its receipts, none if they did not come with it.
    pub(crate) fn receipts(&self, height: u64) -> Result<Vec<Receipt>, StoreError> {
        let missing = || StoreError::Damaged(format!("a receipt is missing at height {height}"));
        let numbers = 0..self.block(height)?.receipts.unwrap_or(0);
        let receipt = |number| self.tables()?.receipts.get(&numbered_key(height, number), decode)?.ok_or_else(missing);
        numbers.map(receipt).collect()
    }

    /// The block itself, `None` if it has no body.
    pub(crate) fn body(&self, height: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some((parts, sum)) = self.block(height)?.body else { return Ok(None) };
        let damaged =
            || StoreError::Damaged(format!("the body of the block at height {height} is not what was written"));
        let mut body = Vec::new();
        for number in 0..parts {
            let append = |part: &[u8]| {
                body.extend_from_slice(part);
                Ok(())
            };
            self.tables()?.bodies.get(&numbered_key(height, number), append)?.ok_or_else(damaged)?;
        }
        if body_sum(height, &body) == sum { Ok(Some(body)) } else { Err(damaged()) }
    }

    /// What it changed, part by part.
    pub(crate) fn changes(&self, height: u64) -> Result<impl Iterator<Item = Result<Changes, StoreError>>, StoreError> {
        let parts = 0..self.block(height)?.changes;
        Ok(parts.map(move |part| {
            let changes = self.tables()?.changes.get(&numbered_key(height, part), decode)?;
            changes.ok_or_else(|| StoreError::Damaged(format!("the changes of height {height} are missing")))
        }))
    }

    pub(crate) fn code(&self, hash: &B256) -> Result<Option<Vec<u8>>, StoreError> {
        self.tables()?.code.get(hash.as_slice(), |code| Ok(code.to_vec()))
    }

    pub(crate) fn has_code(&self, hash: &B256) -> Result<bool, StoreError> {
        Ok(self.tables()?.code.get(hash.as_slice(), |_| Ok(()))?.is_some())
    }

    /// The leaf as its row says, held against nothing.
    pub(crate) fn row_as_it_is(&self, key: &RowKey) -> Result<Option<Row>, StoreError> {
        self.tables()?.rows.get(&key.bytes(), Row::of)
    }

    /// A long value, which has the length and the hash that the row of its leaf says.
    pub(crate) fn value(&self, key: &RowKey, long: &LongRow) -> Result<Vec<u8>, StoreError> {
        let value = self.tables()?.values.get(&dated_key(key, long.height), |value| Ok(value.to_vec()))?;
        let value = value.filter(|value| LongValue::of(value) == Some(long.value));
        value.ok_or_else(|| StoreError::Damaged(format!("the value of the leaf {} is not what its row says", key.key)))
    }

    /// The leaf in the tree with that root.
    pub(crate) fn row(&self, root: &B256, key: &RowKey) -> Result<Option<Row>, StoreError> {
        let (mut hash, mut depth) = (*root, 0);
        loop {
            match Kind::of(&hash) {
                Kind::Empty => return Ok(None),
                Kind::Leaf => return self.alone(&Place::on_way(key.tree, &key.key, depth), &hash, key),
                Kind::Internal => {}
            }
            let place = Place::on_way(key.tree, &key.key, depth);
            match self.sub(&place, &hash)? {
                Sub::Page(page) => {
                    (hash, depth) = down(&page, &place, &key.key).ok_or_else(|| self.missing(&place))?;
                }
                Sub::Leaves(leaves) => {
                    let Ok(at) = leaves.binary_search_by(|leaf| leaf.key.cmp(&key.key)) else { return Ok(None) };
                    return match leaves.get(at) {
                        Some(leaf) => self.row_of(key, &leaf.hash).map(Some),
                        None => Ok(None),
                    };
                }
            }
        }
    }

    /// The row of a leaf that is there, with that hash.
    fn row_of(&self, key: &RowKey, hash: &B256) -> Result<Row, StoreError> {
        let row = self.row_as_it_is(key)?.filter(|row| row.hash() == *hash);
        row.ok_or_else(|| StoreError::Damaged(format!("the row of the leaf {} is not what the tree says", key.key)))
    }

    /// The leaf, if it is the one that is alone below a place.
    fn alone(&self, place: &Place, hash: &B256, key: &RowKey) -> Result<Option<Row>, StoreError> {
        match self.row_as_it_is(key)? {
            Some(row) if row.hash() == *hash => Ok(Some(row)),
            Some(_) => self.row_of(key, hash).map(Some),
            // Then it is the leaf of another key, and that is there.
            None => self.leaf_key(place, hash).map(|_| None),
        }
    }

    /// Leaves below a place, in the order of their keys, held against nothing.
    pub(crate) fn below(
        &self,
        place: &Place,
    ) -> Result<impl Iterator<Item = Result<(RowKey, Row), StoreError>> + use<>, StoreError> {
        let tree = place.tree;
        let (from, to) = (RowKey { tree, key: place.path }.bytes(), RowKey { tree, key: place.last() }.bytes());
        let rows = self.tables()?.rows.between(&from, &to)?;
        Ok(rows.map(|row| {
            let (key, content) = row?;
            Ok((RowKey::split(&key)?.0, Row::of(&content)?))
        }))
    }

    /// Leaves of a tree in a range, in the order of their keys, held against nothing.
    pub(crate) fn between(
        &self,
        tree: TreeId,
        range: &KeyRange,
    ) -> Result<impl Iterator<Item = Result<(RowKey, Row), StoreError>> + use<>, StoreError> {
        let bytes = |key: Hash| RowKey { tree, key: B256::new(key) }.bytes();
        let rows = self.tables()?.rows.between(&bytes(range.first), &bytes(range.last))?;
        Ok(rows.map(|row| {
            let (key, content) = row?;
            Ok((RowKey::split(&key)?.0, Row::of(&content)?))
        }))
    }

    /// What a leaf was before a height that changed it, if it was there.
    pub(crate) fn old_at(&self, key: &RowKey, height: u64) -> Result<Row, StoreError> {
        let row = self.tables()?.undo.get(&undo_key(height, key), Row::of)?;
        row.ok_or_else(|| StoreError::Damaged(format!("what leaf {} was before height {height} is missing", key.key)))
    }

    /// What is in the database besides one block and its state, if there is something.
    pub(crate) fn left_over(&self) -> Result<Option<&'static str>, StoreError> {
        let Some(kept) = self.kept else { return Ok(None) };
        let block = self.block(kept.folded)?;
        let (receipts, parts) =
            (u64::from(block.receipts.unwrap_or(0)), block.body.map_or(0, |(parts, _)| u64::from(parts)));
        if self.tables()?.bodies.len()? != parts {
            return Ok(Some("bodies"));
        }
        Ok(
            match (
                self.tables()?.undo.len()?,
                self.tables()?.changes.len()?,
                self.tables()?.blocks.len()?,
                self.tables()?.receipts.len()?,
            ) {
                (0, 0, 1, count) if count == receipts => None,
                (0, 0, 1, _) => Some("receipts"),
                (0, 0, _, _) => Some("blocks"),
                (0, _, _, _) => Some("changes"),
                _ => Some("old rows"),
            },
        )
    }

    /// Storages that no kept height has, and that have rows or pages still.
    pub(crate) fn ended(&self) -> Result<impl Iterator<Item = Result<TreeId, StoreError>> + use<>, StoreError> {
        Ok(self.tables()?.ended.all()?.map(|row| {
            let tree = TreeId::split(&row?.0).map(|(tree, _)| tree);
            tree.ok_or_else(|| StoreError::Damaged("the key of a storage that ended".into()))
        }))
    }

    /// Leaves, long values and pages of a tree.
    pub(crate) fn count_of(&self, tree: TreeId) -> Result<Counts, StoreError> {
        let (mut leaves, mut values, mut pages) = (0_u64, 0_u64, 0_u64);
        for row in self.below(&Place::root(tree))? {
            leaves = leaves.saturating_add(1);
            if let RowValue::Long(_) = row?.1.to_storage()?.1 {
                values = values.saturating_add(1);
            }
        }
        let (from, to) = pages_of(tree);
        for page in self.tables()?.pages.between(&from, &to)? {
            Page::decode(&page?.1)?;
            pages = pages.saturating_add(1);
        }
        Ok(Counts { leaves, values, pages })
    }

    /// Leaves, long values and pages of all trees, and old rows.
    pub(crate) fn counts(&self) -> Result<(Counts, u64), StoreError> {
        let tables = self.tables()?;
        let (leaves, values, pages) = (tables.rows.len()?, tables.values.len()?, tables.pages.len()?);
        Ok((Counts { leaves, values, pages }, tables.undo.len()?))
    }
}

impl Source for Base {
    fn sub(&self, place: &Place, hash: &B256) -> Result<Sub, StoreError> {
        if let Some(sub) = self.cache().subs.get(place) {
            return Ok(sub.clone());
        }
        let sub = match self.tables()?.pages.get(&place.page_key(), Page::decode)? {
            Some(page) if page.hash() == Some(*hash) => Sub::Page(Arc::new(page)),
            Some(_) => {
                return Err(StoreError::Damaged(format!("a page of a tree is not what its root says: {place:?}")));
            }
            None => {
                let mut leaves = Vec::with_capacity(LEAVES_MAX);
                for row in self.below(place)?.take(LEAVES_MAX.saturating_add(1)) {
                    let (key, row) = row?;
                    leaves.push(Leaf { key: key.key, hash: row.hash() });
                }
                if leaves.len() > LEAVES_MAX || hash_of_leaves(&leaves, place.depth, &mut 0) != *hash {
                    return Err(StoreError::Damaged(format!("leaves of a tree are not what its root says: {place:?}")));
                }
                Sub::Leaves(leaves.into())
            }
        };
        self.cache().put(*place, sub.clone());
        Ok(sub)
    }

    fn leaf_key(&self, place: &Place, hash: &B256) -> Result<B256, StoreError> {
        for row in self.below(place)? {
            let (key, row) = row?;
            if row.hash() == *hash {
                return Ok(key.key);
            }
        }
        Err(self.missing(place))
    }
}

/// The first and the last key that a page of a tree can have.
pub(crate) fn pages_of(tree: TreeId) -> (Vec<u8>, Vec<u8>) {
    (tree.bytes().to_vec(), [&*tree.bytes(), &[0xff; 40]].concat())
}

/// The node at the end of the way to `key` in a page: its hash and its depth.
fn down(page: &Page, place: &Place, key: &B256) -> Option<(B256, u16)> {
    let (mut number, mut depth) = (1_usize, place.depth);
    loop {
        let (left, right) = page.children(number)?;
        let side = bit(key, depth);
        let hash = if side { right } else { left };
        number = number.saturating_mul(2).saturating_add(usize::from(side));
        depth = depth.saturating_add(1);
        if Kind::of(&hash) != Kind::Internal || depth >= place.depth.saturating_add(LEVELS) {
            return Some((hash, depth));
        }
    }
}
