//! Checking a database: every row, every page, every hash, every height.
//!
//! The folder is only read: what is written goes into memory. The pages of the file are checked by redb's checksums
//! first. Then the trees of the last height are computed anew from their leaves, and the blocks are taken back one by one,
//! each of which must lead to the root of the one before it. What is left at the oldest height is what belongs to it.

use crate::{
    base::{Base, Counts},
    code_uses,
    copy_on_write::CopyOnWrite,
    error::StoreError,
    open::{LogFile, blocks, builder, check_blocks, log_is_missing},
    page::{LEAVES_MAX, Leaf, Place, Sub, bit},
    proof::{EMPTY_ROOT, Kind, account_key, hash_leaf, hash_pair, storage_key},
    row::{Row, RowKey, RowValue, StorageTree, TreeId},
    settings::Settings,
    store::{FILE_NAME, LOG_NAME, Store},
    stream::Stream,
    tables::{CODE, CODE_USES, Reading, UNDO, decode, leaf_of_undo_key},
    update::Source,
};
use lockstep_vm::{B256, code_bytes, code_hash};
use redb::{StorageBackend, backends::FileBackend};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Differences that a report lists, at most.
pub const DIFFERENCES_MAX: usize = 100;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// The lowest and the highest height; `None` if there is no block, or if the file cannot be read that far.
    pub heights: Option<(u64, u64)>,
    /// Leaves, old rows, pages and codes that were looked at.
    pub rows: u64,
    /// What is not as it must be, at most [`DIFFERENCES_MAX`] of them. A sound database has none.
    pub differences: Vec<String>,
}

impl Checked {
    fn differs(&mut self, difference: impl Into<String>) {
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(difference.into());
        }
    }
}

/// Checks the database in the folder `folder`, which is left as it is. `progress` is told from time to time how many
/// rows were looked at and how many there are.
///
/// The memory that it takes does not grow with the state. It grows with the changes of the kept heights.
///
/// # Errors
///
/// [`StoreError::InUse`], [`StoreError::Foreign`], [`StoreError::Format`], or that the file cannot be read. Damage is no
/// error: it is what is looked for, and is in the report.
pub fn check(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Checked, StoreError> {
    let lost_a_commit = Arc::new(AtomicBool::new(false));
    let mut checked = Checked::default();
    let result = open(folder, &lost_a_commit).and_then(|store| {
        let guard = Arc::clone(&store.guard);
        guard.run(|| Walk::run(&store, &mut checked, progress))
    });
    if lost_a_commit.load(Ordering::Relaxed) {
        checked.differs("the last commit is damaged");
    }
    match result {
        Ok(()) => {}
        Err(StoreError::Damaged(what)) => checked.differs(what),
        Err(error) => return Err(error),
    }
    Ok(checked)
}

/// The store in a folder that stays as it is.
fn open(folder: &Path, lost_a_commit: &Arc<AtomicBool>) -> Result<Store, StoreError> {
    let backend = |name: &str| {
        let file = folder.join(name);
        // Nothing is written, but only a file that could be can be locked against others.
        let opened = File::options().read(true).write(true).open(&file);
        let opened = opened.map_err(|error| StoreError::Foreign(format!("{}: {error}", file.display())))?;
        Ok::<_, StoreError>(CopyOnWrite::new(FileBackend::new(opened)?)?)
    };
    check_blocks(&folder.join(FILE_NAME))?;
    let database = backend(FILE_NAME)?;
    let settings = Settings::default();
    let mut redb = builder(&settings);
    redb.set_check_integrity_on_open(true);
    let seen = Arc::clone(lost_a_commit);
    // Between its start and two thirds, a repair speaks only when it drops the last commit.
    redb.set_repair_callback(move |repair| {
        if (0.1..0.5).contains(&repair.progress()) {
            seen.store(true, Ordering::Relaxed);
        }
    });
    let log = |expected| {
        if folder.join(LOG_NAME).exists() {
            return Ok(Box::new(backend(LOG_NAME)?) as Box<dyn StorageBackend>);
        }
        if expected == LogFile::There {
            return Err(log_is_missing());
        }
        Ok(Box::new(redb::backends::InMemoryBackend::new()) as Box<dyn StorageBackend>)
    };
    Store::from_redb(move || redb.create_with_backend(blocks(database)?), log, settings)
}

/// The walk through a database.
struct Walk<'a> {
    checked: &'a mut Checked,
    progress: &'a mut dyn FnMut(u64, u64),
    rows_max: u64,
    /// Leaves, long values and pages that some tree has or had.
    counts: Counts,
    /// Account rows by the code that they have, and the lengths that they say of it.
    uses: BTreeMap<B256, u64>,
    lengths: BTreeSet<(B256, u32)>,
}

impl<'a> Walk<'a> {
    fn run(store: &Store, checked: &'a mut Checked, progress: &'a mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
        let Some((oldest, tip)) = store.chain()?.heights() else { return Ok(()) };
        checked.heights = Some((oldest, tip));
        store.fold()?;
        let base = store.chain()?.base;
        let (there, undo) = base.counts()?;
        let rows_max = there.leaves.saturating_add(undo).saturating_add(there.pages);
        let (uses, lengths) = (BTreeMap::new(), BTreeSet::new());
        let mut walk = Self { checked, progress, rows_max, counts: Counts::default(), uses, lengths };
        walk.state(&base)?;
        walk.ended(&base, oldest, tip)?;
        walk.old_rows(store, &base)?;
        if walk.counts != there {
            walk.checked.differs("leaves, values or pages that no tree has");
        }
        walk.code(store, &base)?;
        drop(base);
        walk.back(store, oldest, tip)
    }

    fn step(&mut self) {
        self.checked.rows = self.checked.rows.saturating_add(1);
        if self.checked.rows.is_multiple_of(1_024) {
            (self.progress)(self.checked.rows, self.rows_max);
        }
    }

    /// The trees of the last height, from their leaves.
    fn state(&mut self, base: &Base) -> Result<(), StoreError> {
        self.pages_of(base, Place::root(TreeId::ACCOUNTS), base.root)?;
        let mut all = Stream::default();
        for row in base.below(&Place::root(TreeId::ACCOUNTS))? {
            let (key, row) = row?;
            let (address, account) = row.to_account()?;
            if account_key(&address) != key.key {
                self.checked.differs(format!("account {address} is in the wrong place"));
            }
            self.leaf(&mut all, TreeId::ACCOUNTS, key.key, &row)?;
            self.count_code(&row)?;
            if let Some(storage) = account.storage {
                self.storage(base, storage)?;
            }
        }
        if all.finish()? != base.root {
            self.checked.differs("the accounts are not those of the root");
        }
        Ok(())
    }

    fn leaf(&mut self, all: &mut Stream, tree: TreeId, key: B256, row: &Row) -> Result<(), StoreError> {
        self.step();
        self.counts.leaves = self.counts.leaves.saturating_add(1);
        if hash_leaf(&key, &row.value_hash(tree)?) != row.hash() {
            self.checked.differs(format!("the leaf {key} has another hash than it says"));
        }
        all.push(Leaf { key, hash: row.hash() })
    }

    /// A storage, with its leaves and pages.
    fn storage(&mut self, base: &Base, StorageTree { tree, root }: StorageTree) -> Result<(), StoreError> {
        if root == EMPTY_ROOT {
            self.checked.differs("a storage without values");
        }
        self.pages_of(base, Place::root(tree), root)?;
        let mut all = Stream::default();
        for row in base.below(&Place::root(tree))? {
            let (key, row) = row?;
            if storage_key(row.to_storage()?.0) != key.key {
                self.checked.differs(format!("a storage value is in the wrong place: {}", key.key));
            }
            self.value(base, &key, &row)?;
            self.leaf(&mut all, tree, key.key, &row)?;
        }
        if all.finish()? != root {
            self.checked.differs("the values of a storage are not those of its root");
        }
        Ok(())
    }

    /// The long value of a row, if it has one: it must be there, with the length and the hash that the row says.
    fn value(&mut self, base: &Base, key: &RowKey, row: &Row) -> Result<(), StoreError> {
        if let RowValue::Long(long) = row.to_storage()?.1 {
            self.counts.values = self.counts.values.saturating_add(1);
            match base.value(key, &long) {
                Err(StoreError::Damaged(what)) => self.checked.differs(what),
                other => drop(other?),
            }
        }
        Ok(())
    }

    /// The pages below a place: each hash must be that of what is below it.
    fn pages_of(&mut self, base: &Base, place: Place, hash: B256) -> Result<(), StoreError> {
        let mut left = vec![(place, hash)];
        while let Some((place, hash)) = left.pop() {
            if Kind::of(&hash) != Kind::Internal {
                continue;
            }
            let page = match base.sub(&place, &hash)? {
                Sub::Page(page) => page,
                Sub::Leaves(leaves) if leaves.len() <= LEAVES_MAX => continue,
                Sub::Leaves(_) => return Err(StoreError::Damaged(format!("a page is missing: {place:?}"))),
            };
            self.step();
            self.counts.pages = self.counts.pages.saturating_add(1);
            let mut nodes = vec![(1_usize, place, hash)];
            while let Some((number, at, hash)) = nodes.pop() {
                if Kind::of(&hash) != Kind::Internal {
                    continue;
                }
                let Some((one, other)) = page.children(number) else {
                    left.push((at, hash));
                    continue;
                };
                if hash_pair(&one, &other) != hash {
                    self.checked.differs(format!("a page has a false hash: {place:?}"));
                }
                let below = number.saturating_mul(2);
                nodes.push((below, at.child(false), one));
                nodes.push((below.saturating_add(1), at.child(true), other));
                debug_assert!(!bit(&at.path, at.depth), "bits behind a path are clear");
            }
        }
        Ok(())
    }

    /// Storages that ended at kept heights, whose values are there for the heights before.
    fn ended(&mut self, base: &Base, oldest: u64, tip: u64) -> Result<(), StoreError> {
        for height in oldest.saturating_add(1)..=tip {
            let Some(below) = height.checked_sub(1) else { continue };
            let mut roots = BTreeMap::new();
            let mut dead = BTreeSet::new();
            for changes in base.changes(height)? {
                let changes = changes?;
                for (key, _) in changes.leaves().filter(|(key, was)| *was && key.tree == TreeId::ACCOUNTS) {
                    let old = base.old_at(&key, height)?.to_account()?.1.storage;
                    roots.extend(old.map(|storage| (storage.tree, storage)));
                }
                dead.extend(changes.dead);
            }
            for tree in dead {
                match roots.get(&tree) {
                    Some(storage) => self.storage(base, *storage)?,
                    None => self.checked.differs(format!("a storage ended that was not there at height {below}")),
                }
            }
        }
        // A pruning that was interrupted goes on the next time.
        for tree in base.ended()? {
            let Counts { leaves, values, pages } = base.count_of(tree?)?;
            let counts = &mut self.counts;
            counts.leaves = counts.leaves.saturating_add(leaves);
            counts.values = counts.values.saturating_add(values);
            counts.pages = counts.pages.saturating_add(pages);
        }
        Ok(())
    }

    /// Rows of earlier heights are counted here, and held against the trees where the blocks are taken back.
    fn old_rows(&mut self, store: &Store, base: &Base) -> Result<(), StoreError> {
        let reading = store.begin_read()?;
        for row in Reading::open(&reading, UNDO, &base.forks)?.all()? {
            let (key, content) = row?;
            self.step();
            let (key, old) = (leaf_of_undo_key(&key)?, Row::of(&content)?);
            // The trees have the hash of the row. What it holds is what this is the hash of, for the leaf of that key.
            let whose = match key.tree {
                TreeId::ACCOUNTS => account_key(&old.to_account()?.0),
                _ => storage_key(old.to_storage()?.0),
            };
            if whose != key.key || hash_leaf(&key.key, &old.value_hash(key.tree)?) != old.hash() {
                self.checked.differs(format!("an old row of the leaf {} is not what its hash says", key.key));
            }
            match key.tree {
                TreeId::ACCOUNTS => self.count_code(&old)?,
                _ => self.value(base, &key, &old)?,
            }
        }
        Ok(())
    }

    fn count_code(&mut self, row: &Row) -> Result<(), StoreError> {
        if let Some(id) = row.to_account()?.1.account.code {
            let uses = self.uses.entry(id.hash).or_default();
            *uses = uses.saturating_add(1);
            self.lengths.insert((id.hash, id.bytes));
        }
        Ok(())
    }

    /// Every code is what its hash says and is counted right.
    fn code(&mut self, store: &Store, base: &Base) -> Result<(), StoreError> {
        let reading = store.begin_read()?;
        let mut counted = BTreeMap::new();
        for row in Reading::open(&reading, CODE_USES, &base.forks)?.all()? {
            let (hash, count) = row?;
            counted.insert(decode(&hash)?, decode::<u64>(&count)?);
        }
        let used = counted.iter().filter(|(_, count)| **count > 0);
        if !used.eq(&self.uses) || base.kept.is_none_or(|kept| kept.codes != code_uses::tally(&base.forks, &counted)) {
            self.checked.differs("code is not counted right");
        }
        let mut present = 0_usize;
        for row in Reading::open(&reading, CODE, &base.forks)?.all()? {
            let (key, code) = row?;
            self.step();
            present = present.saturating_add(1);
            let hash = code_hash(&code);
            if hash.as_slice() != key || !counted.contains_key(&hash) {
                self.checked.differs("code that is not what its hash says, or that is not counted");
            }
            self.lengths.remove(&(hash, code_bytes(&code)));
        }
        if !self.lengths.is_empty() {
            self.checked.differs("an account that says another length of its code than the code has");
        }
        if present != counted.len() {
            self.checked.differs("code is missing");
        }
        Ok(())
    }

    /// Takes the blocks back one by one. Each must lead to the root before it, and nothing may be left over.
    fn back(&mut self, store: &Store, oldest: u64, tip: u64) -> Result<(), StoreError> {
        for height in (oldest..=tip).rev() {
            store.receipts(height)?;
            store.body(height)?;
            if let Some(below) = height.checked_sub(1).filter(|below| *below >= oldest) {
                store.rollback(below)?;
            }
        }
        let left = store.chain()?.base.left_over()?;
        if let Some(what) = left {
            self.checked.differs(format!("rows of heights that are not kept: {what}"));
        }
        Ok(())
    }
}
