//! Committing a block: one write transaction, all of it or nothing.

use crate::{
    error::StoreError,
    forest::{AccountRow, Update, update},
    store::{Store, block, kept},
    tables::{
        ACCOUNTS, BLOCKS, BlockRow, CODE, CODE_USES, HISTORY, History, Kept, META, META_KEPT, NODES, RECEIPTS, STORAGE,
        Stale, at_height, encode, encode_value, get, height_key, node_key, put, storage_prefix,
    },
    view::View,
};
use lockstep_vm::{B256, Receipt, StateDiff, code_bytes};
use redb::{ReadTransaction, ReadableDatabase, Table, WriteTransaction};
use sha3::{Digest, Sha3_256};

/// The highest height: far beyond any chain, and far from where numbers end.
pub const HEIGHT_MAX: u64 = 1 << 62;

/// A block that was executed.
#[derive(Debug, Clone, Copy)]
pub struct ExecutedBlock<'a> {
    /// Its height: that of the last block and 1; any for the first.
    pub height: u64,
    /// Its hash, by the rule of the chain.
    pub hash: B256,
    /// The hash of the block before it, as the block says. Not looked at in the first block of a store.
    pub parent_hash: B256,
    /// What it changed.
    pub diff: &'a StateDiff,
    /// What its transactions gave.
    pub receipts: &'a [Receipt],
    /// The root that it must give, where somebody has said it.
    pub root: Option<B256>,
}

impl Store {
    /// Makes the block the last one. When this returns, it is on disk. Returns the root.
    ///
    /// A block that is there already changes nothing. Its hash, its receipts and `root` are compared with what is there.
    /// So is the root that the diff results in, if the height before is kept. A block that came with a snapshot has no
    /// receipts to compare.
    ///
    /// # Errors
    ///
    /// [`StoreError::Height`] if it does not follow, [`StoreError::Parent`] if its parent is not the last block,
    /// [`StoreError::OtherBlock`] or [`StoreError::OtherReceipts`] if another one has its height, [`StoreError::Diff`] if
    /// the diff contradicts the state, [`StoreError::Root`] if the root is another, or that the database cannot be read or
    /// written. Nothing is changed then.
    pub fn commit(&self, executed: &ExecutedBlock<'_>) -> Result<B256, StoreError> {
        let &ExecutedBlock { height, hash, parent_hash, diff, receipts, root } = executed;
        // Begun first, so that nobody commits between reading and writing.
        let writing = self.begin_write()?;
        let reading = self.db.begin_read()?;
        let before = kept(&reading)?;
        if let Some(Kept { oldest, tip }) = before {
            if height < oldest {
                return Err(StoreError::NotKept { height, oldest, tip });
            }
            if height <= tip {
                return same_as_there(&reading, oldest, executed);
            }
        }
        let expected = before.map_or(height, |kept| kept.tip.saturating_add(1)).min(HEIGHT_MAX);
        if height != expected {
            return Err(StoreError::Height { actual: height, expected });
        }
        if let Some(Kept { tip, .. }) = before {
            let expected = block(&reading, tip)?.hash;
            if parent_hash != expected {
                return Err(StoreError::Parent { actual: parent_hash, expected });
            }
        }
        let view = View::new(&reading, before.map(|kept| kept.tip))?;
        let update = update(&view, view.head, height, diff)?;
        if let Some(expected) = root.filter(|root| *root != update.head.root) {
            return Err(StoreError::Root { actual: update.head.root, expected });
        }
        let mut history = History::default();
        write_accounts(&writing, &view, height, &update, diff, &mut history)?;
        write_storage(&writing, &view, height, &update, diff, &mut history)?;
        write_nodes(&writing, &update, &mut history)?;
        let key = height_key(height);
        put(&mut writing.open_table(HISTORY)?, &key, &history)?;
        put(&mut writing.open_table(BLOCKS)?, &key, &BlockRow { hash, head: update.head })?;
        put(&mut writing.open_table(RECEIPTS)?, &key, &receipts)?;
        let kept = Kept { oldest: before.map_or(height, |kept| kept.oldest), tip: height };
        put(&mut writing.open_table(META)?, META_KEPT, &kept)?;
        writing.commit()?;
        Ok(update.head.root)
    }
}

/// Compares a block with the one of its height that is there, and returns the root.
fn same_as_there(reading: &ReadTransaction, oldest: u64, executed: &ExecutedBlock<'_>) -> Result<B256, StoreError> {
    let &ExecutedBlock { height, hash, diff, receipts, root, parent_hash: _ } = executed;
    let there = block(reading, height)?;
    if there.hash != hash {
        return Err(StoreError::OtherBlock { height, committed: there.hash, actual: hash });
    }
    let there_root = there.head.root;
    let same_root = |root: B256| match root == there_root {
        true => Ok(()),
        false => Err(StoreError::Root { actual: root, expected: there_root }),
    };
    root.map_or(Ok(()), same_root)?;
    let committed: Vec<Receipt> = get(&reading.open_table(RECEIPTS)?, &height_key(height))?
        .ok_or_else(|| StoreError::Damaged(format!("there are no receipts at height {height}")))?;
    // A snapshot has no receipts. The block that it begins with is the oldest.
    let without = committed.is_empty() && height == oldest;
    if !without && committed != receipts {
        let hash = |receipts: &[Receipt]| Ok::<_, StoreError>(B256::new(Sha3_256::digest(encode(&receipts)?).into()));
        return Err(StoreError::OtherReceipts { height, committed: hash(&committed)?, actual: hash(receipts)? });
    }
    if let Some(before) = height.checked_sub(1).filter(|before| *before >= oldest) {
        let view = View::new(reading, Some(before))?;
        same_root(update(&view, view.head, height, diff)?.head.root)?;
    }
    Ok(there_root)
}

impl History {
    /// Notes the row that another takes the place of, if there was one, and the new row itself if it is a removal: that
    /// says nothing that its absence does not, once nobody looks below it.
    fn supersede(&mut self, before: Option<u64>, removal: Option<u64>, row: impl Fn(u64) -> Stale) {
        self.stale.extend(before.into_iter().chain(removal).map(row));
    }
}

/// A table of bytes, to be written.
pub(crate) type Rows<'a> = Table<'a, &'static [u8], &'static [u8]>;

fn write_accounts(
    writing: &WriteTransaction,
    view: &View,
    height: u64,
    update: &Update,
    diff: &StateDiff,
    history: &mut History,
) -> Result<(), StoreError> {
    let (mut accounts, mut code) = (writing.open_table(ACCOUNTS)?, writing.open_table(CODE)?);
    let mut uses = writing.open_table(CODE_USES)?;
    for (address, row) in &update.accounts {
        if let Some(row) = row {
            use_code(&mut code, &mut uses, row, diff)?;
        }
        let before = view.account_version(address)?.map(|(version, _)| version);
        let removal = row.is_none().then_some(height);
        history.supersede(before, removal, |version| Stale::Account(*address, version));
        history.accounts.push(*address);
        put(&mut accounts, &at_height(address.as_slice(), height), row)?;
    }
    Ok(())
}

/// Counts the code of a new account row, and stores it if it is new.
fn use_code(code: &mut Rows<'_>, uses: &mut Rows<'_>, row: &AccountRow, diff: &StateDiff) -> Result<(), StoreError> {
    let Some(id) = row.account.code else { return Ok(()) };
    let count = get::<u64>(uses, id.hash.as_slice())?.unwrap_or(0);
    let bytes = diff.code.get(&id.hash);
    if let Some(actual) = bytes.map(|bytes| code_bytes(bytes)).filter(|&actual| actual != id.bytes) {
        let expected = id.bytes;
        return Err(StoreError::Diff(format!("code {} has {actual} bytes, an account says {expected}", id.hash)));
    }
    if count == 0 {
        let bytes =
            bytes.ok_or_else(|| StoreError::Diff(format!("an account has code {} that nobody has", id.hash)))?;
        if lockstep_vm::code_hash(bytes) != id.hash {
            return Err(StoreError::Diff(format!("code {} has another hash", id.hash)));
        }
        code.insert(id.hash.as_slice(), bytes.as_slice())?;
    }
    put(uses, id.hash.as_slice(), &count.saturating_add(1))
}

fn write_storage(
    writing: &WriteTransaction,
    view: &View,
    height: u64,
    update: &Update,
    diff: &StateDiff,
    history: &mut History,
) -> Result<(), StoreError> {
    let mut storage = writing.open_table(STORAGE)?;
    for (address, changes) in &diff.storage {
        // Where there is no storage before or afterwards, there is nothing to write.
        let after = match update.accounts.get(address) {
            Some(row) => row.as_ref().and_then(|row| row.storage),
            None => continue,
        };
        let before = view.account_version(address)?.and_then(|(_, row)| row).and_then(|row| row.storage);
        let survives = |birth| before.is_some_and(|before| before.birth == birth);
        // A storage that lost its last value has rows of removals all the same: earlier heights still have the values.
        let birth = match (after, before) {
            (Some(after), _) => after.birth,
            (None, Some(before)) if !changes.cleared && update.accounts.get(address).is_some_and(Option::is_some) => {
                before.birth
            }
            (None, _) => continue,
        };
        for (key, value) in &changes.values {
            let prefix = storage_prefix(address, birth, key)?;
            let old = if survives(birth) { view.storage_version(&prefix)? } else { None };
            if old.as_ref().and_then(|(_, old)| old.as_deref()) == value.as_deref() {
                continue;
            }
            let (before, removal) = (old.map(|(version, _)| version), value.is_none().then_some(height));
            history.supersede(before, removal, |version| Stale::Storage(prefix.clone(), version));
            storage.insert(at_height(&prefix, height).as_slice(), encode_value(value.as_deref()).as_slice())?;
            history.storage.push(prefix);
        }
    }
    Ok(())
}

fn write_nodes(writing: &WriteTransaction, update: &Update, history: &mut History) -> Result<(), StoreError> {
    let mut nodes = writing.open_table(NODES)?;
    for (at, node) in &update.nodes {
        nodes.insert(node_key(at).as_slice(), encode(node)?.as_slice())?;
    }
    history.stale.extend(update.stale.iter().cloned().map(Stale::Node));
    history.stale.extend(update.dead.iter().map(|(tree, version)| Stale::Tree(*tree, *version)));
    Ok(())
}
