//! Folding: blocks of the log become rows of the database, in one transaction.

use crate::{
    base::Base,
    code_tally::CodeTally,
    code_uses::CodeUses,
    error::StoreError,
    layer::Layer,
    page::Sub,
    row::{Row, RowKey, TreeId},
    store::{Chain, Store},
    tables::{
        BLOCKS, BODIES, BODY_PART_BYTES, BlockRow, CHANGES, CHANGES_MAX, CODE, Changes, Forks, Kept, PAGES, RECEIPTS,
        ROWS, UNDO, VALUES, Writing, body_sum, dated_key, encode, height_key, numbered_key, undo_key,
    },
    update::Slot,
};
use lockstep_vm::B256;
use redb::WriteTransaction;
use std::{collections::BTreeMap, sync::Arc};

impl Store {
    /// Puts blocks into the database, all of those that are not in it. Returns the chain after them, whose log begins
    /// anew.
    pub(crate) fn fold_layers(&self, chain: &Chain, layers: &[Arc<Layer>]) -> Result<Chain, StoreError> {
        let (Some(first), Some(last)) = (layers.first(), layers.last()) else { return Ok(chain.clone()) };
        let before = chain.base.kept;
        let kept = Kept {
            oldest: before.map_or(first.height, |kept| kept.oldest),
            folded: last.height,
            epoch: before.map_or(0, |kept| kept.epoch).saturating_add(1),
            codes: CodeTally::default(),
        };
        let forks = match before {
            Some(_) => Arc::clone(&chain.base.forks),
            None => Arc::new(chain.base.forks.from(first.height, kept.epoch)),
        };
        if before.is_some() {
            self.free_replaced()?;
        }
        let writing = self.begin_write()?;
        let codes = write_rows(&writing, layers, &forks, before.as_ref().map(|kept| kept.codes))?;
        write_pages(&writing, layers, &forks)?;
        Writing::put_kept(&writing, &Kept { codes, ..kept }, &forks)?;
        writing.commit()?;
        let mut cache = chain.base.cache().clone();
        layers.iter().for_each(|layer| cache.apply(layer.patch.slots().iter()));
        let base = Base::new(&*self.begin_read()?, cache)?;
        Ok(Chain { base: Arc::new(base), layers: Vec::new() })
    }

    /// Lets redb write over the pages that its last transaction replaced, by a transaction that changes nothing.
    ///
    /// redb frees such pages at the end of a transaction, and so not before the next one has found room for its own. Two
    /// foldings that change every page would take three times the room of what they leave.
    fn free_replaced(&self) -> Result<(), StoreError> {
        Ok(self.begin_write()?.commit()?)
    }
}

/// What the leaves of several blocks are afterwards, and what they were.
struct Folding<'a> {
    layers: &'a [Arc<Layer>],
    rows: Writing<'a>,
    /// By the position of a block: leaves that it changed, in their order.
    changed: Vec<Vec<(RowKey, Old<'a>)>>,
    /// How many account rows more have a code.
    uses: BTreeMap<B256, u64>,
    /// Whether the first block is the first of all: nothing is below it to go back to.
    begins: bool,
}

/// What a leaf was before a block.
enum Old<'a> {
    /// It was not there.
    None,
    /// Its row, which was in the database.
    Folded(Vec<u8>),
    /// The row that a block before it has made.
    InLayer(&'a [u8]),
}

impl Old<'_> {
    fn row(&self) -> Option<&[u8]> {
        match self {
            Self::None => None,
            Self::Folded(row) => Some(row),
            Self::InLayer(row) => Some(row),
        }
    }
}

fn write_rows(
    writing: &WriteTransaction,
    layers: &[Arc<Layer>],
    forks: &Arc<Forks>,
    before: Option<CodeTally>,
) -> Result<CodeTally, StoreError> {
    let (begins, codes) = (before.is_none(), before.unwrap_or_default());
    let rows = Writing::open(writing, ROWS, forks)?;
    let changed = layers.iter().map(|_| Vec::new()).collect();
    let mut folding = Folding { layers, rows, changed, uses: BTreeMap::new(), begins };
    let rows = |(at, layer): (usize, &'_ Arc<Layer>)| -> Vec<(RowKey, usize)> {
        layer.patch.rows().iter().map(|(key, _)| (*key, at)).collect()
    };
    let mut keys: Vec<(RowKey, usize)> = layers.iter().enumerate().flat_map(rows).collect();
    keys.sort_unstable();
    for versions in keys.chunk_by(|(one, _), (other, _)| one == other) {
        folding.leaf(versions)?;
    }
    let Folding { changed, uses, .. } = folding;
    write_old(writing, layers, forks, &changed)?;
    write_values(writing, layers, forks)?;
    let codes = write_code(writing, layers, (forks, codes), &uses)?;
    write_blocks(writing, layers, forks, &changed)?;
    Ok(codes)
}

impl<'a> Folding<'a> {
    /// One leaf: its last version becomes its row, each one before that an old row.
    fn leaf(&mut self, versions: &[(RowKey, usize)]) -> Result<(), StoreError> {
        let layers = self.layers;
        let row_of = |key: &RowKey, at: usize| layers.get(at).and_then(|layer| layer.patch.row(key)).flatten();
        let Some(&(key, last)) = versions.last() else { return Ok(()) };
        let bytes = key.bytes();
        let before = match row_of(&key, last) {
            Some(row) => self.rows.replace(&bytes, &[row.bytes()])?,
            None => self.rows.remove(&bytes)?,
        };
        let mut old = before.map_or(Old::None, Old::Folded);
        for &(_, at) in versions {
            let row = row_of(&key, at);
            let next = row.map_or(Old::None, |row| Old::InLayer(row.bytes()));
            if (old.row().is_some() || row.is_some())
                && !(self.begins && at == 0)
                && let Some(changed) = self.changed.get_mut(at)
            {
                changed.push((key, old));
            }
            if key.tree == TreeId::ACCOUNTS
                && let Some(id) = row.map(Row::to_account).transpose()?.and_then(|(_, row)| row.account.code)
            {
                let uses = self.uses.entry(id.hash).or_default();
                *uses = uses.saturating_add(1);
            }
            old = next;
        }
        Ok(())
    }
}

/// Writes the old rows, height by height: behind all that are there, so that pages are filled and written once.
fn write_old(
    writing: &WriteTransaction,
    layers: &[Arc<Layer>],
    forks: &Arc<Forks>,
    changed: &[Vec<(RowKey, Old<'_>)>],
) -> Result<(), StoreError> {
    let mut undo = Writing::open(writing, UNDO, forks)?;
    for (layer, changed) in layers.iter().zip(changed) {
        for (key, row) in changed.iter().filter_map(|(key, old)| Some((key, old.row()?))) {
            undo.put(&undo_key(layer.height, key), &[row])?;
        }
    }
    Ok(())
}

/// Writes every long value: the row that says where it is has become a row or an old one.
fn write_values(writing: &WriteTransaction, layers: &[Arc<Layer>], forks: &Arc<Forks>) -> Result<(), StoreError> {
    let mut values = Writing::open(writing, VALUES, forks)?;
    for layer in layers {
        for (key, value) in layer.patch.values() {
            values.put(&dated_key(key, layer.height), &[value])?;
        }
    }
    Ok(())
}

fn write_code(
    writing: &WriteTransaction,
    layers: &[Arc<Layer>],
    (forks, codes): (&Arc<Forks>, CodeTally),
    uses: &BTreeMap<B256, u64>,
) -> Result<CodeTally, StoreError> {
    let (mut code, mut counts) = (Writing::open(writing, CODE, forks)?, CodeUses::open(writing, forks, codes)?);
    for (hash, more) in uses {
        let is_new = counts.more(hash, *more)?;
        match layers.iter().find_map(|layer| layer.code.get(hash)) {
            // It is there already, unless it was damaged.
            Some(bytes) => code.put(hash.as_slice(), &[bytes])?,
            None if is_new => return Err(StoreError::Damaged(format!("there is no code {hash}"))),
            None => {}
        }
    }
    Ok(counts.tally())
}

fn write_blocks(
    writing: &WriteTransaction,
    layers: &[Arc<Layer>],
    forks: &Arc<Forks>,
    changed: &[Vec<(RowKey, Old<'_>)>],
) -> Result<(), StoreError> {
    let open = |id| Writing::open(writing, id, forks);
    let (mut blocks, mut receipts, mut changes) = (open(BLOCKS)?, open(RECEIPTS)?, open(CHANGES)?);
    let mut bodies = open(BODIES)?;
    for (layer, changed) in layers.iter().zip(changed) {
        let height = layer.height;
        let leaves: Vec<(RowKey, bool)> = changed.iter().map(|(key, old)| (*key, old.row().is_some())).collect();
        let mut parts: Vec<Changes> = leaves.chunks(CHANGES_MAX).map(Changes::of_leaves).collect();
        let dead = layer.dead.chunks(CHANGES_MAX).map(|dead| Changes { dead: dead.to_vec(), ..Changes::default() });
        parts.extend(dead);
        for (number, part) in (0..).zip(&parts) {
            changes.put(&numbered_key(height, number), &[&encode(part)?])?;
        }
        for (number, receipt) in (0..).zip(&layer.receipts) {
            receipts.put(&numbered_key(height, number), &[&encode(receipt)?])?;
        }
        let count = |count: usize| {
            u32::try_from(count)
                .map_err(|_| StoreError::Diff(format!("{count} receipts or parts of changes in a block")))
        };
        let body = match &layer.body {
            Some(body) => {
                let parts = body.chunks(BODY_PART_BYTES);
                for (number, part) in (0..).zip(parts.clone()) {
                    bodies.put(&numbered_key(height, number), &[part])?;
                }
                Some((count(parts.len())?, body_sum(height, body)))
            }
            None => None,
        };
        let (receipts, changes) = (count(layer.receipts.len())?, count(parts.len())?);
        let block = BlockRow { hash: layer.hash, root: layer.root, receipts: Some(receipts), changes, body };
        blocks.put(&height_key(height), &[&encode(&block)?])?;
    }
    Ok(())
}

/// Of each place the newest content is written; a page that there is no more is removed.
fn write_pages(writing: &WriteTransaction, layers: &[Arc<Layer>], forks: &Arc<Forks>) -> Result<(), StoreError> {
    let slots = layers
        .iter()
        .enumerate()
        .flat_map(|(at, layer)| layer.patch.slots().iter().map(move |(place, slot)| (place, at, slot)));
    let mut slots: Vec<_> = slots.collect();
    slots.sort_unstable_by_key(|(place, at, _)| (**place, *at));
    let mut pages = Writing::open(writing, PAGES, forks)?;
    for versions in slots.chunk_by(|(one, ..), (other, ..)| one == other) {
        let Some((place, _, slot)) = versions.last() else { continue };
        let had_page = versions.iter().any(|(.., slot)| slot.had_page);
        write_page(&mut pages, &place.page_key(), slot, had_page)?;
    }
    Ok(())
}

/// Writes what lies below a place, or removes the page that was there.
pub(crate) fn write_page(pages: &mut Writing<'_>, key: &[u8], slot: &Slot, had_page: bool) -> Result<(), StoreError> {
    match &slot.sub {
        Some(Sub::Page(page)) => {
            let mut bytes = Vec::with_capacity(4_096);
            page.encode(&mut bytes);
            pages.put(key, &[&bytes])?;
        }
        Some(Sub::Leaves(_)) | None if had_page => {
            pages.remove(key)?;
        }
        Some(Sub::Leaves(_)) | None => {}
    }
    Ok(())
}
