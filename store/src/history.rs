//! Going back to an earlier height, and forgetting the earliest ones.

use crate::{
    commit::Rows,
    error::StoreError,
    forest::{AccountRow, NodeAt, TreeId},
    node::{Path, TreeNode},
    store::{Store, kept},
    tables::{
        ACCOUNTS, BLOCKS, CODE, CODE_USES, HISTORY, History, Kept, META, META_KEPT, NODES, RECEIPTS, STORAGE, Stale,
        at_height, decode, get, height_key, node_key, put, storage_tree_prefix,
    },
};
use redb::{ReadableDatabase, WriteTransaction};

/// Heights that one transaction of a pruning forgets.
const PRUNED_AT_ONCE: u64 = 64;

impl Store {
    /// Makes `height` the last one: every later block is gone, as if it had never been.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotKept`], [`StoreError::Empty`], or that the database cannot be read or written; nothing is changed
    /// then.
    pub fn rollback(&self, height: u64) -> Result<(), StoreError> {
        let writing = self.begin_write()?;
        let Kept { oldest, tip } = kept(&self.db.begin_read()?)?.ok_or(StoreError::Empty)?;
        if !(oldest..=tip).contains(&height) {
            return Err(StoreError::NotKept { height, oldest, tip });
        }
        {
            let mut tables = Tables::open(&writing)?;
            for gone in (height..tip).rev().map(|below| below.saturating_add(1)) {
                tables.undo(gone)?;
            }
            // Nodes are stored by the height that they were written at.
            let first = height_key(height.saturating_add(1));
            tables.nodes.retain_in(first.as_slice().., |_, _| false)?;
        }
        put(&mut writing.open_table(META)?, META_KEPT, &Kept { oldest, tip: height })?;
        writing.commit()?;
        Ok(())
    }

    /// Keeps the states of the last `keep_last` heights, at least 1, and forgets earlier ones. Says how many heights were
    /// forgotten. `progress` is told after each step how many are done and how many there are.
    ///
    /// It goes in steps, each of them a transaction: it can be interrupted at any time and goes on the next time.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read or written.
    pub fn prune(&self, keep_last: u64, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, StoreError> {
        let Some(Kept { oldest: first, tip }) = kept(&self.db.begin_read()?)? else { return Ok(0) };
        let target = tip.saturating_sub(keep_last.max(1).saturating_sub(1)).max(first);
        let count = target.saturating_sub(first);
        let mut done = 0;
        while done < count {
            let writing = self.begin_write()?;
            // Somebody else may have been here meanwhile.
            let Some(Kept { oldest, tip }) = kept(&self.db.begin_read()?)? else { break };
            let next = oldest.saturating_add(PRUNED_AT_ONCE).min(target).min(tip);
            {
                let mut tables = Tables::open(&writing)?;
                for forgotten in oldest..next {
                    tables.forget(forgotten)?;
                }
            }
            put(&mut writing.open_table(META)?, META_KEPT, &Kept { oldest: next.max(oldest), tip })?;
            writing.commit()?;
            if next <= oldest {
                break;
            }
            done = next.saturating_sub(first);
            progress(done, count);
        }
        Ok(done)
    }

    /// Gives the space that the file no longer needs back to the disk. Nobody may hold a view meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read or written, or is being read.
    pub fn compact(&mut self) -> Result<(), StoreError> {
        while self.db.compact()? {}
        Ok(())
    }
}

/// Every table, open to be written.
struct Tables<'a> {
    blocks: Rows<'a>,
    receipts: Rows<'a>,
    accounts: Rows<'a>,
    storage: Rows<'a>,
    code: Rows<'a>,
    code_uses: Rows<'a>,
    nodes: Rows<'a>,
    history: Rows<'a>,
}

impl<'a> Tables<'a> {
    fn open(writing: &'a WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            blocks: writing.open_table(BLOCKS)?,
            receipts: writing.open_table(RECEIPTS)?,
            accounts: writing.open_table(ACCOUNTS)?,
            storage: writing.open_table(STORAGE)?,
            code: writing.open_table(CODE)?,
            code_uses: writing.open_table(CODE_USES)?,
            nodes: writing.open_table(NODES)?,
            history: writing.open_table(HISTORY)?,
        })
    }

    fn history_of(&self, height: u64) -> Result<History, StoreError> {
        let history = get(&self.history, &height_key(height))?;
        history.ok_or_else(|| StoreError::Damaged(format!("there is no history of height {height}")))
    }

    /// Takes back the last block.
    fn undo(&mut self, height: u64) -> Result<(), StoreError> {
        let History { accounts, storage, stale: _ } = self.history_of(height)?;
        for address in accounts {
            self.remove_account(&at_height(address.as_slice(), height))?;
        }
        for prefix in storage {
            self.storage.remove(at_height(&prefix, height).as_slice())?;
        }
        let key = height_key(height);
        for table in [&mut self.history, &mut self.blocks, &mut self.receipts] {
            table.remove(key.as_slice())?;
        }
        Ok(())
    }

    /// Forgets the oldest height: what only it needs is what the next one made stale.
    fn forget(&mut self, height: u64) -> Result<(), StoreError> {
        for stale in self.history_of(height.saturating_add(1))?.stale {
            match stale {
                Stale::Node(at) => {
                    self.nodes.remove(node_key(&at).as_slice())?;
                }
                Stale::Account(address, at) => self.remove_account(&at_height(address.as_slice(), at))?,
                Stale::Storage(prefix, at) => {
                    self.storage.remove(at_height(&prefix, at).as_slice())?;
                }
                Stale::Tree(tree, version) => self.remove_tree(tree, version)?,
            }
        }
        let key = height_key(height);
        for table in [&mut self.history, &mut self.blocks, &mut self.receipts] {
            table.remove(key.as_slice())?;
        }
        Ok(())
    }

    /// Removes an account row, and code that no row has any more.
    fn remove_account(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let row: Option<AccountRow> = match self.accounts.remove(key)? {
            Some(row) => decode(row.value())?,
            None => None,
        };
        let Some(id) = row.and_then(|row| row.account.code) else { return Ok(()) };
        let hash = id.hash.as_slice();
        match get::<u64>(&self.code_uses, hash)? {
            Some(count) if count > 1 => put(&mut self.code_uses, hash, &count.saturating_sub(1)),
            _ => {
                self.code_uses.remove(hash)?;
                self.code.remove(hash)?;
                Ok(())
            }
        }
    }

    /// Removes a whole storage tree and its values.
    fn remove_tree(&mut self, tree: TreeId, version: u64) -> Result<(), StoreError> {
        let TreeId::Storage(address, birth) = tree else { return Ok(()) };
        let prefix = storage_tree_prefix(&address, birth);
        let next = at_height(address.as_slice(), birth.saturating_add(1));
        self.storage.retain_in(prefix.as_slice()..next.as_slice(), |_, _| false)?;
        let mut left = vec![NodeAt { version, tree, path: Path::default() }];
        while let Some(at) = left.pop() {
            let Some(node) = self.nodes.remove(node_key(&at).as_slice())? else { continue };
            if let TreeNode::Internal(children) = TreeNode::decode(node.value())? {
                let below = children.iter();
                left.extend(below.map(|child| NodeAt {
                    version: child.version,
                    tree,
                    path: at.path.child(child.nibble),
                }));
            }
        }
        Ok(())
    }
}
