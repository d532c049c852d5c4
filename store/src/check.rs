//! Checking a database: every row, every node, every hash.
//!
//! The file is only read. Its pages are checked by redb's checksums first; then everything that the store relies on is
//! computed anew, without jmt.

use crate::{
    error::StoreError,
    forest::{AccountRow, Forest, NodeAt, TreeId, leaf_at},
    node::{Path as NodePath, TreeNode},
    overlay::Overlay,
    proof::{account_key, account_value_hash, storage_key, storage_value_hash},
    store::{FILE_NAME, Store, block, builder, kept},
    tables::{
        ACCOUNTS, BLOCKS, CODE, CODE_USES, HISTORY, History, Kept, NODES, RECEIPTS, STORAGE, bad, decode, decode_value,
        get, height_key, node_key, split_height, split_storage,
    },
    view::View,
};
use lockstep_vm::{Address, B256, Receipt, code_bytes, code_hash};
use redb::{ReadTransaction, ReadableDatabase, ReadableTableMetadata, backends::FileBackend};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Differences that a report lists at the most.
pub const DIFFERENCES_MAX: usize = 100;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// The lowest and the highest height; `None` if there is no block, or if the file cannot be read that far.
    pub heights: Option<(u64, u64)>,
    /// Rows of accounts, storage values and code, and tree nodes that were looked at.
    pub rows: u64,
    /// What is not as it must be, [`DIFFERENCES_MAX`] of them at the most. A sound database has none.
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
/// # Errors
///
/// [`StoreError::InUse`], [`StoreError::Foreign`], [`StoreError::Format`], or that the file cannot be read. Damage is no
/// error: it is what is looked for, and stands in the report.
pub fn check(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Checked, StoreError> {
    let file = folder.join(FILE_NAME);
    // Nothing is written, but only a file that could be can be locked against others.
    let opened = File::options().read(true).write(true).open(&file);
    let opened = opened.map_err(|error| StoreError::Foreign(format!("{}: {error}", file.display())))?;
    let failed = |error: std::io::Error| StoreError::Database(error.to_string());
    let overlay = Overlay::new(FileBackend::new(opened)?).map_err(failed)?;
    let lost_a_commit = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&lost_a_commit);
    let mut redb = builder();
    redb.set_check_integrity_on_open(true);
    // Between its start and two thirds, a repair speaks only when it gives the last commit up.
    redb.set_repair_callback(move |repair| {
        if (0.1..0.5).contains(&repair.progress()) {
            seen.store(true, Ordering::Relaxed);
        }
    });
    let mut checked = Checked::default();
    let result = Store::from_redb(redb.create_with_backend(overlay)).and_then(|store| {
        let transaction = store.db.begin_read()?;
        match kept(&transaction)? {
            Some(kept) => Walk::new(&transaction, kept, &mut checked, progress)?.run(),
            None => Ok(()),
        }
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

/// The walk through a database.
struct Walk<'a> {
    transaction: &'a ReadTransaction,
    kept: Kept,
    checked: &'a mut Checked,
    progress: &'a mut dyn FnMut(u64, u64),
    rows_max: u64,
    views: BTreeMap<u64, View>,
    /// Keys of the nodes that some kept height has.
    reached: BTreeSet<Vec<u8>>,
    /// Leaves of all kept heights.
    leaves: BTreeSet<(TreeId, B256, B256)>,
    /// Leaves that some row says.
    said: BTreeSet<(TreeId, B256, B256)>,
}

impl<'a> Walk<'a> {
    fn new(
        transaction: &'a ReadTransaction,
        kept: Kept,
        checked: &'a mut Checked,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Result<Self, StoreError> {
        checked.heights = Some((kept.oldest, kept.tip));
        let mut rows_max = 0_u64;
        for table in [ACCOUNTS, STORAGE, CODE, NODES] {
            rows_max = rows_max.saturating_add(transaction.open_table(table)?.len()?);
        }
        Ok(Self {
            transaction,
            kept,
            checked,
            progress,
            rows_max,
            views: BTreeMap::new(),
            reached: BTreeSet::new(),
            leaves: BTreeSet::new(),
            said: BTreeSet::new(),
        })
    }

    fn run(mut self) -> Result<(), StoreError> {
        self.blocks()?;
        self.accounts()?;
        self.storage()?;
        self.code()?;
        let missing = self.leaves.difference(&self.said).count();
        if missing > 0 {
            self.checked.differs(format!("{missing} leaves of the trees have no row"));
        }
        let nodes = self.transaction.open_table(NODES)?;
        for row in nodes.range::<&[u8]>(..)? {
            if !self.reached.contains(row?.0.value()) {
                self.checked.differs("a tree node that no kept height has");
            }
        }
        Ok(())
    }

    fn step(&mut self) {
        self.checked.rows = self.checked.rows.saturating_add(1);
        if self.checked.rows.is_multiple_of(1_024) {
            (self.progress)(self.checked.rows, self.rows_max);
        }
    }

    /// The view of a height, or of the oldest that is kept.
    fn view(&mut self, height: u64) -> Result<&View, StoreError> {
        let height = height.max(self.kept.oldest);
        if !self.views.contains_key(&height) {
            self.views.insert(height, View::new(self.transaction, Some(height))?);
        }
        self.views.get(&height).ok_or(StoreError::Empty)
    }

    /// Every height has its rows and a tree of accounts with its root; there are no others.
    fn blocks(&mut self) -> Result<(), StoreError> {
        let Kept { oldest, tip } = self.kept;
        let (receipts, history) = (self.transaction.open_table(RECEIPTS)?, self.transaction.open_table(HISTORY)?);
        for height in oldest..=tip {
            let block = block(self.transaction, height)?;
            let key = height_key(height);
            if get::<Vec<Receipt>>(&receipts, &key)?.is_none() || get::<History>(&history, &key)?.is_none() {
                self.checked.differs(format!("height {height} lacks its receipts or its history"));
            }
            self.tree(TreeId::Accounts, block.head.version, &block.head.root)?;
        }
        let heights = tip.saturating_sub(oldest).saturating_add(1);
        for table in [BLOCKS, RECEIPTS, HISTORY] {
            if self.transaction.open_table(table)?.len()? != heights {
                self.checked.differs("rows of heights that are not kept");
            }
        }
        Ok(())
    }

    /// Walks a tree from its root node on, as far as it was not walked yet. Every node must have the hash that its
    /// parent says.
    fn tree(&mut self, tree: TreeId, version: Option<u64>, root: &B256) -> Result<(), StoreError> {
        let Some(version) = version else { return Ok(()) };
        let nodes = self.transaction.open_table(NODES)?;
        let mut left = vec![(NodeAt { version, tree, path: NodePath::default() }, *root)];
        while let Some((at, hash)) = left.pop() {
            let key = node_key(&at);
            let row = nodes.get(key.as_slice())?;
            let row = row.ok_or_else(|| StoreError::Damaged(format!("there is no tree node at {at:?}")))?;
            let node = TreeNode::decode(row.value())?;
            // A node that was reached before can be claimed to have another hash by another parent.
            if node.hash() != hash {
                self.checked.differs(format!("the tree node at {at:?} has another hash than its parent says"));
            }
            if !self.reached.insert(key) {
                continue;
            }
            self.step();
            match node {
                TreeNode::Leaf { key, value } => {
                    if !at.path.leads_to(&key) {
                        self.checked.differs(format!("the leaf at {at:?} is in the wrong place"));
                    }
                    self.leaves.insert((tree, key, value));
                }
                TreeNode::Internal(children) => {
                    for child in children {
                        let path = NodePath::new([at.path.nibbles(), &[child.nibble]].concat());
                        let path = path.ok_or_else(|| bad("a tree that is deeper than its keys"))?;
                        left.push((NodeAt { version: child.version, tree, path }, child.hash));
                    }
                }
            }
        }
        Ok(())
    }

    /// Every account is in the tree of accounts of its height, and its storage has the root that it says.
    fn accounts(&mut self) -> Result<(), StoreError> {
        let rows = self.transaction.open_table(ACCOUNTS)?;
        for row in rows.range::<&[u8]>(..)? {
            let (key, value) = row?;
            let (address, height) = split_height(key.value())?;
            let address = Address::try_from(address).map_err(|_| bad("the key of an account"))?;
            let row: Option<AccountRow> = decode(value.value())?;
            self.step();
            if height > self.kept.tip {
                self.checked.differs(format!("an account row of height {height}"));
                continue;
            }
            let key = account_key(&address);
            let leaf = row.as_ref().map(|row| (key, account_value_hash(&row.leaf())));
            let view = self.view(height)?;
            let found = leaf_at(view, TreeId::Accounts, view.head.version, &key)?.filter(|(found, _)| *found == key);
            if found != leaf {
                self.checked.differs(format!("account {address} at height {height} is not what the tree says"));
            }
            self.said.extend(leaf.map(|(key, value)| (TreeId::Accounts, key, value)));
            if let Some(storage) = row.and_then(|row| row.storage) {
                self.tree(TreeId::Storage(address, storage.birth), Some(storage.version), &storage.root)?;
            }
        }
        Ok(())
    }

    /// Every storage value is in its tree at its height.
    fn storage(&mut self) -> Result<(), StoreError> {
        let rows = self.transaction.open_table(STORAGE)?;
        for row in rows.range::<&[u8]>(..)? {
            let (key, value) = row?;
            let (prefix, height) = split_height(key.value())?;
            let (address, birth, key) = split_storage(prefix)?;
            let value = decode_value(value.value())?;
            self.step();
            if height > self.kept.tip {
                self.checked.differs(format!("a storage row of height {height}"));
                continue;
            }
            let tree = TreeId::Storage(address, birth);
            let key_hash = storage_key(key);
            let leaf = value.map(|value| (key_hash, storage_value_hash(value)));
            let view = self.view(height)?;
            let storage = view.account_row(&address)?.and_then(|row| row.storage).filter(|tree| tree.birth == birth);
            let found = leaf_at(view, tree, storage.map(|storage| storage.version), &key_hash)?;
            if found.filter(|(found, _)| *found == key_hash) != leaf {
                let key = hex(key);
                self.checked
                    .differs(format!("storage {key} of {address} at height {height} is not what the tree says"));
            }
            self.said.extend(leaf.map(|(key, value)| (tree, key, value)));
        }
        Ok(())
    }

    /// Every code is what its hash says and is counted right.
    fn code(&mut self) -> Result<(), StoreError> {
        let mut counted: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        let mut lengths: BTreeSet<(Vec<u8>, u32)> = BTreeSet::new();
        for row in self.transaction.open_table(ACCOUNTS)?.range::<&[u8]>(..)? {
            let row: Option<AccountRow> = decode(row?.1.value())?;
            if let Some(id) = row.and_then(|row| row.account.code) {
                let count = counted.entry(id.hash.to_vec()).or_insert(0);
                *count = count.saturating_add(1);
                lengths.insert((id.hash.to_vec(), id.bytes));
            }
        }
        let mut uses = BTreeMap::new();
        for row in self.transaction.open_table(CODE_USES)?.range::<&[u8]>(..)? {
            let (hash, count) = row?;
            uses.insert(hash.value().to_vec(), decode::<u64>(count.value())?);
        }
        if uses != counted {
            self.checked.differs("code is not counted right");
        }
        let mut present = 0_usize;
        for row in self.transaction.open_table(CODE)?.range::<&[u8]>(..)? {
            let (hash, code) = row?;
            self.step();
            present = present.saturating_add(1);
            if code_hash(code.value()).as_slice() != hash.value() || !counted.contains_key(hash.value()) {
                self.checked.differs("code that is not what its hash says, or that nobody has");
            }
            lengths.remove(&(hash.value().to_vec(), code_bytes(code.value())));
        }
        if !lengths.is_empty() {
            self.checked.differs("an account that says another length of its code than the code has");
        }
        if present != counted.len() {
            self.checked.differs("code is missing");
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    lockstep_vm::Bytes::copy_from_slice(bytes).to_string()
}
