//! Beginning a store with the chunks of a snapshot: in any order, some of them twice, from several sources, and going on
//! where an earlier process ended.
//!
//! Chunks become rows and pages as they come. There is no block before everything is there.

use crate::{
    apply::{Applied, apply_from},
    base::{Base, Cache},
    code_tally::CodeTally,
    code_uses::CodeUses,
    error::StoreError,
    executed::HEIGHT_MAX,
    fold::write_page,
    log::Log,
    patch::Patch,
    proof::EMPTY_ROOT,
    row::TreeId,
    snapshot_head::{Expected, SnapshotHead},
    store::{Chain, Store},
    tables::{
        BLOCKS, BlockRow, CODE, Forks, Kept, META, META_IMPORT, PAGES, ROWS, Reading, VALUES, Writing, dated_key,
        decode, encode, height_key,
    },
    view::View,
};
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_proof::{AccountLeaf, Chunk, ChunkStorage, Coverage, KeyRange};
use lockstep_vm::{Account, Address, B256, InvalidState, StateDiff, Supply, last_block};
use redb::WriteTransaction;
use std::{collections::BTreeMap, sync::Arc};

/// Bytes of chunks that wait in memory until they are written in one transaction.
const WAITING_BYTES: usize = 8 * 1_024 * 1_024;

/// How far an import is.
#[derive(Debug, Clone, BorshSerialize, BorshDeserialize)]
struct Progress {
    head: SnapshotHead,
    /// The root of what is there.
    root: B256,
    /// Numbers that were given to storages.
    storages: u32,
    /// Accounts that are there.
    accounts: Coverage,
    /// Of storages in chunks of their own, the values that are there.
    apart: BTreeMap<Address, Coverage>,
}

/// What an import still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Accounts whose key hashes are in this range.
    Accounts(KeyRange),
    /// Values of the storage of this account whose key hashes are in this range.
    Storage(Address, KeyRange),
}

/// An import that goes on. Chunks come in any order. When it is dropped, what was [written](Self::write) stays, and the
/// next one of the same snapshot goes on from there.
pub struct Import<'a> {
    store: &'a Store,
    progress: Progress,
    base: Arc<Base>,
    waiting: StateDiff,
    waiting_bytes: usize,
}

impl Store {
    /// Begins an import of the snapshot with that head into a store without blocks, or goes on with it. What is there of
    /// another one is removed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if it is not the expected one or if there are blocks, or that the database cannot be read or
    /// written.
    pub fn begin_import(&self, head: &SnapshotHead, expected: &Expected) -> Result<Import<'_>, StoreError> {
        expected.compare(head)?;
        if head.height > HEIGHT_MAX {
            return Err(StoreError::Refused(format!(
                "not a snapshot: its height {} is above {HEIGHT_MAX}",
                head.height
            )));
        }
        self.write(|_, chain| {
            is_empty(chain)?;
            let (meta, ..) = Reading::open_meta(&*self.begin_read()?)?;
            let there: Option<Progress> = meta.get(META_IMPORT, decode)?;
            let progress = match there.filter(|there| there.head == *head) {
                Some(there) => there,
                None => self.begin(head, &chain.base.forks)?,
            };
            // Chunks come mostly in order: few pages are read again, and memory is for the chunks.
            let cache = Cache::new(self.settings.pages_bytes / 4);
            let base = self.base_of(chain, &progress, cache)?;
            Ok(Import { store: self, progress, base, waiting: StateDiff::default(), waiting_bytes: 0 })
        })
    }

    /// Whether an import was begun and is not finished: the store can do nothing else then.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read.
    pub fn is_importing(&self) -> Result<bool, StoreError> {
        self.guard.run(|| Ok(self.chain()?.base.importing))
    }

    fn begin(&self, head: &SnapshotHead, forks: &Arc<Forks>) -> Result<Progress, StoreError> {
        let (root, storages) = (EMPTY_ROOT, 0);
        let (accounts, apart) = (Coverage::default(), BTreeMap::new());
        let progress = Progress { head: head.clone(), root, storages, accounts, apart };
        let writing = self.begin_write()?;
        for table in [ROWS, VALUES, PAGES, CODE] {
            writing.delete_table(table.definition)?;
            writing.open_table(table.definition)?;
        }
        Writing::open(&writing, META, forks)?.put(META_IMPORT, &[&encode(&progress)?])?;
        writing.commit()?;
        Ok(progress)
    }

    /// What is there, as a snapshot of the database. The chain sees none of it.
    fn base_of(&self, chain: &mut Chain, progress: &Progress, cache: Cache) -> Result<Arc<Base>, StoreError> {
        let reading = self.begin_read()?;
        chain.base = Arc::new(Base::new(&reading, Cache::new(0))?);
        let mut base = Base::new(&reading, cache)?;
        base.root = progress.root;
        Ok(Arc::new(base))
    }
}

fn is_empty(chain: &Chain) -> Result<(), StoreError> {
    match chain.heights() {
        None => Ok(()),
        Some(_) => Err(StoreError::Refused("there are blocks already: a snapshot begins a database".into())),
    }
}

impl Import<'_> {
    /// The snapshot.
    pub const fn head(&self) -> &SnapshotHead {
        &self.progress.head
    }

    /// A part of the state that is not there yet, the first one; `None` if at most codes are missing.
    pub fn missing(&self) -> Option<Missing> {
        let apart = || self.progress.apart.iter().find_map(|(address, there)| Some((*address, there.missing()?)));
        match self.progress.accounts.missing() {
            Some(range) => Some(Missing::Accounts(range)),
            None => apart().map(|(address, range)| Missing::Storage(address, range)),
        }
    }

    /// Takes a chunk.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if it is no part of the state, or that the database cannot be read or written. Another
    /// chunk can come after a refusal.
    pub fn put(&mut self, chunk: &Chunk) -> Result<(), StoreError> {
        let root = self.progress.head.root;
        if chunk.verify(&root).is_err() {
            return Err(StoreError::Refused(format!(
                "not a snapshot: a chunk is no part of the state with root {root}: take it from another source"
            )));
        }
        match chunk {
            Chunk::Accounts(chunk) => {
                for (address, leaf, storage) in chunk.accounts() {
                    let address = Address::from(*address);
                    self.account(address, leaf)?;
                    match storage {
                        Some(ChunkStorage::Here(values)) => {
                            self.progress.apart.remove(&address);
                            self.values(address, values);
                        }
                        Some(ChunkStorage::Apart) if !self.is_whole(&address, leaf)? => {
                            self.progress.apart.entry(address).or_default();
                        }
                        Some(ChunkStorage::Apart) | None => {}
                    }
                }
                self.progress.accounts.add(&chunk.range);
            }
            Chunk::Storage(chunk) => {
                let address = Address::from(chunk.address);
                if let Some(leaf) = chunk.account.leaf.as_ref()
                    && !self.is_whole(&address, leaf)?
                {
                    self.account(address, leaf)?;
                    self.values(address, &chunk.values);
                    self.progress.apart.entry(address).or_default().add(&chunk.range);
                }
            }
            Chunk::Code(chunk) => {
                self.waiting_bytes = self.waiting_bytes.saturating_add(chunk.code.len());
                self.waiting.code.insert(lockstep_vm::code_hash(&chunk.code), chunk.code.clone());
            }
        }
        if self.waiting_bytes >= WAITING_BYTES { self.write() } else { Ok(()) }
    }

    /// Whether the storage of an account is there as a whole, or waits as a whole.
    fn is_whole(&self, address: &Address, leaf: &AccountLeaf) -> Result<bool, StoreError> {
        if self.progress.apart.contains_key(address) {
            return Ok(false);
        }
        if self.waiting.storage.contains_key(address) {
            return Ok(true);
        }
        let row = self.view()?.prove(address)?.1;
        let root = row.and_then(|row| row.storage).map_or(EMPTY_ROOT, |storage| storage.root);
        Ok(root.0 == leaf.storage_root)
    }

    fn account(&mut self, address: Address, leaf: &AccountLeaf) -> Result<(), StoreError> {
        let account = Account::try_from(&leaf.account).map_err(|error| {
            StoreError::Refused(format!("not a snapshot for this lockstep: {error}: take a newer one"))
        })?;
        self.waiting_bytes = self.waiting_bytes.saturating_add(crate::ranges::ACCOUNT_BYTES);
        self.waiting.accounts.insert(address, Some(account));
        Ok(())
    }

    fn values(&mut self, address: Address, values: &[(Vec<u8>, Vec<u8>)]) {
        let waiting = &mut self.waiting.storage.entry(address).or_default().values;
        for (key, value) in values {
            self.waiting_bytes = self.waiting_bytes.saturating_add(crate::ranges::value_bytes(key, value.len()));
            waiting.insert(key.clone(), Some(value.clone()));
        }
    }

    fn view(&self) -> Result<View, StoreError> {
        View::of_base(&self.base, 0, &self.store.settings, &self.store.guard)
    }

    /// Puts the chunks that came on the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read or written.
    pub fn write(&mut self) -> Result<(), StoreError> {
        let waiting = core::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let store = self.store;
        store.write(|_, chain| {
            is_empty(chain)?;
            let (view, height) = (self.view()?, self.progress.head.height);
            let executor = store.settings.executor();
            let Applied { root, rows, values, updated, .. } =
                apply_from(&view, executor, height, self.progress.storages, &waiting)?;
            self.progress.root = root;
            let count = u32::try_from(waiting.accounts.len()).unwrap_or(u32::MAX);
            let storages = self.progress.storages.checked_add(count);
            self.progress.storages = storages.ok_or_else(|| StoreError::Diff("too many storages".into()))?;
            let patch = Patch::new(rows, values, updated.slots);
            let writing = store.begin_write()?;
            let forks = &self.base.forks;
            write_patch(&writing, height, &patch, &waiting, forks)?;
            Writing::open(&writing, META, forks)?.put(META_IMPORT, &[&encode(&self.progress)?])?;
            writing.commit()?;
            drop(view);
            let mut cache = self.base.cache().clone();
            cache.apply(patch.slots().iter());
            self.base = store.base_of(chain, &self.progress, cache)?;
            Ok(())
        })
    }

    /// Ends the import: the block of the snapshot is the last one of the store then.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if something is missing, named, or if no chain can be on the state; or that the database
    /// cannot be read or written. More chunks can come after that.
    pub fn finish(mut self) -> Result<SnapshotHead, StoreError> {
        self.write()?;
        let head = self.progress.head.clone();
        if self.progress.root != head.root {
            let missing = match self.missing() {
                Some(Missing::Accounts(range)) => format!("accounts from key hash {} on", B256::new(range.first)),
                Some(Missing::Storage(address, range)) => {
                    format!("storage of {address} from key hash {} on", B256::new(range.first))
                }
                None => return Err(StoreError::Damaged("the chunks of a snapshot make another root".into())),
            };
            return Err(StoreError::Refused(format!("the snapshot is not whole: it lacks {missing}")));
        }
        let refused = |why: String| StoreError::Refused(format!("not a snapshot: {why}"));
        let view = self.view()?;
        let uses = uses_of(&view).map_err(|error| match error {
            Unsound::State(error) => refused(error.to_string()),
            Unsound::Store(error) => error,
        })?;
        let last = last_block(&view).map_err(|error| refused(error.to_string()))?;
        if let Some(last) = last.filter(|last| last.number != head.height) {
            let (height, number) = (head.height, last.number);
            return Err(refused(format!("its height is {height}, and the last block of its state is {number}")));
        }
        drop(view);
        self.store.write(|log, chain| begin_chain(self.store, log, chain, &head, &uses))?;
        Ok(head)
    }
}

fn write_patch(
    writing: &WriteTransaction,
    height: u64,
    patch: &Patch,
    waiting: &StateDiff,
    forks: &Arc<Forks>,
) -> Result<(), StoreError> {
    let mut rows = Writing::open(writing, ROWS, forks)?;
    for (key, row) in patch.rows() {
        match row {
            Some(row) => rows.put(&key.bytes(), &[row.bytes()])?,
            None => drop(rows.remove(&key.bytes())?),
        }
    }
    let mut values = Writing::open(writing, VALUES, forks)?;
    for (key, value) in patch.values() {
        values.put(&dated_key(key, height), &[value])?;
    }
    let mut pages = Writing::open(writing, PAGES, forks)?;
    for (place, slot) in patch.slots() {
        write_page(&mut pages, &place.page_key(), slot, slot.had_page)?;
    }
    let mut code = Writing::open(writing, CODE, forks)?;
    for (hash, bytes) in &waiting.code {
        code.put(hash.as_slice(), &[bytes])?;
    }
    Ok(())
}

/// Accounts that have a code, and the bytes of it.
type Uses = BTreeMap<B256, (u64, u32)>;

enum Unsound {
    State(InvalidState),
    Store(StoreError),
}

impl From<StoreError> for Unsound {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Counts the uses of each code, in a state that a chain can be on.
//= spec 7.6, 7.9
fn uses_of(view: &View) -> Result<Uses, Unsound> {
    let (mut uses, mut supply, mut unsound) = (Uses::new(), Supply::default(), None);
    view.for_each_row(TreeId::ACCOUNTS, &view.root(), Some(view.root()), &mut |_, row| {
        let (address, row) = row.to_account()?;
        supply.add(&address, row.account.balance);
        if row.storage.is_some() && row.account.is_empty() {
            unsound.get_or_insert(InvalidState::StorageOfNothing { address });
        }
        if let Some(id) = row.account.code {
            if !uses.contains_key(&id.hash) {
                let bytes = view.code_bytes(&id.hash)?.map(|code| lockstep_vm::code_bytes(&code));
                uses.extend(bytes.map(|bytes| (id.hash, (0, bytes))));
            }
            match uses.get_mut(&id.hash).filter(|(_, bytes)| *bytes == id.bytes) {
                Some((count, _)) => *count = count.saturating_add(1),
                None => drop(unsound.get_or_insert(InvalidState::Code { address, hash: id.hash })),
            }
        }
        Ok(())
    })?;
    match unsound {
        Some(unsound) => Err(Unsound::State(unsound)),
        None => supply.check().map(|()| uses).map_err(Unsound::State),
    }
}

/// Makes what was imported the first block.
fn begin_chain(
    store: &Store,
    log: &mut Log,
    chain: &mut Chain,
    head: &SnapshotHead,
    uses: &Uses,
) -> Result<(), StoreError> {
    is_empty(chain)?;
    let kept = Kept { oldest: head.height, folded: head.height, epoch: 1, codes: CodeTally::default() };
    let forks = Arc::new(chain.base.forks.from(head.height, kept.epoch));
    let block = BlockRow { hash: head.hash, root: head.root, receipts: None, changes: 0, body: None };
    let writing = store.begin_write()?;
    let codes = {
        let mut counts = CodeUses::open(&writing, &forks, kept.codes)?;
        for (hash, (count, _)) in uses {
            counts.more(hash, *count)?;
        }
        Writing::open(&writing, BLOCKS, &forks)?.put(&height_key(head.height), &[&encode(&block)?])?;
        Writing::open(&writing, META, &forks)?.remove(META_IMPORT)?;
        counts.tally()
    };
    Writing::put_kept(&writing, &Kept { codes, ..kept }, &forks)?;
    writing.commit()?;
    let base = Base::new(&*store.begin_read()?, Cache::new(store.settings.pages_bytes))?;
    *chain = Chain { base: Arc::new(base), layers: Vec::new() };
    log.reset(kept.epoch)
}
