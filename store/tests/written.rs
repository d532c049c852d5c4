//! What a fold writes and what a file holds, without a clock: bytes that redb writes for each changed key, and the room of
//! the tables for each key.
//!
//! 10^5 keys of 64 bytes in one storage; `LOCKSTEP_LONG=1` makes it 10^6. With a cache that has room for a fold, and with one that
//! has not; `LOCKSTEP_CACHE_MIB` is another one.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests panic to fail"
)]

use lockstep_store::{ExecutedBlock, Settings, Store};
use lockstep_vm::{Account, Address, B256, StateDiff, StorageDiff, U256};
use redb::{StorageBackend, backends::InMemoryBackend};
use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
};

/// What was written.
#[derive(Debug, Default)]
struct Written {
    bytes: u64,
    len: u64,
    /// Pages that were written since the last look, and how many of these writes were of a page written before.
    pages: BTreeSet<u64>,
    again: u64,
    syncs: u64,
    /// Pages that were ever written and that the file has: what of its length takes room on a disk.
    taken: BTreeSet<u64>,
}

impl Written {
    /// Nothing was written since, but what takes room does.
    fn begin_anew(&mut self) {
        let taken = core::mem::take(&mut self.taken);
        *self = Self { len: self.len, taken, ..Self::default() };
    }

    fn taken_bytes(&self) -> u64 {
        self.taken.len() as u64 * 4_096
    }
}

/// A file in memory that counts.
#[derive(Debug)]
struct Counted(InMemoryBackend, Arc<Mutex<Written>>);

impl StorageBackend for Counted {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.1.lock().unwrap();
        written.len = len;
        written.taken.split_off(&len.div_ceil(4_096));
        drop(written);
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.lock().unwrap().syncs += 1;
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.1.lock().unwrap();
        written.bytes += data.len() as u64;
        for page in offset / 4_096..(offset + data.len() as u64).div_ceil(4_096) {
            written.taken.insert(page);
            if !written.pages.insert(page) {
                written.again += 1;
            }
        }
        drop(written);
        self.0.write(offset, data)
    }
}

fn contract() -> Address {
    Address::repeat_byte(0xcc)
}

fn values(keys: impl Iterator<Item = u64>, value: u64) -> StateDiff {
    let values =
        keys.map(|number| (B256::from(U256::from(number)).to_vec(), Some(B256::from(U256::from(value)).to_vec())));
    let account = Account { nonce: 1, ..Account::default() };
    StateDiff {
        accounts: [(contract(), Some(account))].into(),
        storage: [(contract(), StorageDiff { cleared: false, values: values.collect() })].into(),
        ..StateDiff::default()
    }
}

fn block(height: u64, diff: &StateDiff) -> ExecutedBlock<'_> {
    let hash = |height| B256::from(U256::from(height));
    let parent_hash = height.checked_sub(1).map_or(B256::ZERO, hash);
    ExecutedBlock { height, hash: hash(height), parent_hash, diff, receipts: &[], body: None, root: None }
}

/// Bytes of the pages of all tables.
fn page_bytes(store: &Store) -> u64 {
    let stats = store.stats().unwrap();
    for table in stats.tables.iter().filter(|table| table.rows > 100) {
        eprintln!(
            "  {}: {} rows, {} bytes in {} of pages",
            table.name, table.rows, table.content_bytes, table.page_bytes
        );
    }
    stats.page_bytes()
}

/// Foldings one after the other that each change every page of the rows. What they replace is written over.
fn change_every_page(store: &Store, keys: u64, height: &mut u64, written: &Mutex<Written>) {
    for round in 0..4 {
        let changed = (0..keys).filter(|key| key % 20 == round);
        store.commit(&block(*height, &values(changed, *height))).unwrap();
        *height += 1;
        store.fold().unwrap();
        store.prune(1, &mut |_, _| {}).unwrap();
    }
    let (taken, room) = (written.lock().unwrap().taken_bytes(), page_bytes(store));
    eprintln!("foldings that change every page: {taken} bytes taken for {room} of pages");
    assert!(taken <= room * 2, "{taken} bytes taken for {room} of pages");
}

#[test]
fn a_fold_writes_each_page_once_and_a_file_is_small() {
    // With all pages in memory, and with a cache that has no room for those of a fold.
    let cache_mib = std::env::var("LOCKSTEP_CACHE_MIB").ok().map(|mib| mib.parse().unwrap());
    let long = std::env::var("LOCKSTEP_LONG").is_ok_and(|value| value == "1");
    let small = if long { Settings::default().cache_bytes >> 20 } else { 12 };
    for cache_mib in cache_mib.map_or(vec![1_024, small], |mib| vec![mib]) {
        fill_and_fold(cache_mib);
    }
}

fn fill_and_fold(cache_mib: usize) {
    let long = std::env::var("LOCKSTEP_LONG").is_ok_and(|value| value == "1");
    let keys: u64 = if long { 1_000_000 } else { 100_000 };
    // A fold by the blocks that it folds, and the bytes for a changed key at most; the last is the room of a key at most,
    // with the list of what its block changed.
    let (folds, room_max) = match long {
        true => ([(16, 5_400), (1, 11_500), (256, 1_300)], 280),
        false => ([(16, 2_200), (1, 8_400), (32, 1_250)], 340),
    };
    let written = Arc::new(Mutex::new(Written::default()));
    let database = Counted(InMemoryBackend::new(), Arc::clone(&written));
    let (fold_blocks, fold_bytes, cache_bytes) = (usize::MAX, 1 << 32, cache_mib << 20);
    let settings = Settings { fold_blocks, fold_bytes, cache_bytes, ..Settings::default() };
    let mut store = Store::with_backends(database, InMemoryBackend::new(), settings).unwrap();
    let mut height = 0;
    for from in (0..keys).step_by(50_000) {
        store.commit(&block(height, &values(from..from + 50_000, 1))).unwrap();
        height += 1;
        store.fold().unwrap();
    }
    let room = page_bytes(&store) / keys;
    let filled = written.lock().unwrap().taken_bytes();
    eprintln!("{keys} keys: {room} bytes a key, a file of {} bytes, {filled} taken", written.lock().unwrap().len);
    assert!(room <= room_max, "{room} bytes a key");
    if long {
        assert!(filled <= room * keys * 17 / 10, "{filled} bytes taken");
    } else {
        change_every_page(&store, keys, &mut height, &written);
    }
    for (blocks, bytes_max) in folds {
        written.lock().unwrap().begin_anew();
        for round in 0..blocks {
            let changed = (0..1_000).map(move |at| at * (keys / 1_000) + round);
            store.commit(&block(height, &values(changed, height))).unwrap();
            height += 1;
        }
        store.fold().unwrap();
        let written = written.lock().unwrap();
        let (bytes, again) = (written.bytes / (1_000 * blocks), written.again * 100 / written.pages.len() as u64);
        let (Written { syncs, len, .. }, taken) = (&*written, written.taken_bytes());
        eprintln!(
            "{blocks} blocks: {bytes} bytes a changed key, {again} % of the pages twice, {syncs} syncs, file {len}, \
             {taken} taken"
        );
        assert!(bytes <= bytes_max, "{blocks} blocks: {bytes} bytes a changed key");
        assert!(again <= 4, "{again} % of the pages are written twice");
    }
    store.prune(1, &mut |_, _| {}).unwrap();
    let room = page_bytes(&store);
    store.compact().unwrap();
    let len = written.lock().unwrap().len;
    eprintln!("one height: {} bytes a key in pages, {} in the file after a compaction", room / keys, len / keys);
    assert!(len <= room + room / 8, "{len} bytes of a file for {room} bytes of pages");
}
