//! What a fold writes and what a file holds, without a clock: bytes that reach the disk for each changed key, and the
//! room of the tables for each key.
//!
//! 10^5 keys of 64 bytes; `LOCKSTEP_LONG=1` makes it 10^6, for which the bounds of issue are.

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
    writes: u64,
    syncs: u64,
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
        self.1.lock().unwrap().len = len;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.lock().unwrap().syncs += 1;
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.1.lock().unwrap();
        written.bytes += data.len() as u64;
        written.writes += 1;
        for page in offset / 4_096..(offset + data.len() as u64).div_ceil(4_096) {
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

fn sizes(store: &Store) {
    for table in store.stats().unwrap().tables.iter().filter(|table| table.rows > 0) {
        eprintln!("  {table:?}");
    }
}

#[test]
fn a_fold_writes_so_much() {
    let long = std::env::var("LOCKSTEP_LONG").is_ok_and(|value| value == "1");
    let keys: u64 = if long { 1_000_000 } else { 100_000 };
    let written = Arc::new(Mutex::new(Written::default()));
    let database = Counted(InMemoryBackend::new(), Arc::clone(&written));
    let cache_bytes = std::env::var("CACHE_MIB").map_or(128, |mib| mib.parse().unwrap()) << 20;
    let settings = Settings { fold_blocks: usize::MAX, fold_bytes: 1 << 30, cache_bytes, ..Settings::default() };
    let store = Store::with_backends(database, InMemoryBackend::new(), settings).unwrap();
    let mut height = 0;
    let fill = std::env::var("FILL").map_or(50_000, |fill| fill.parse().unwrap());
    for from in (0..keys).step_by(fill) {
        store.commit(&block(height, &values(from..keys.min(from + fill as u64), 1))).unwrap();
        height += 1;
        store.fold().unwrap();
    }
    eprintln!("{keys} keys, len {}", written.lock().unwrap().len);
    sizes(&store);
    for fold in [16, 16, 1, 256] {
        let len = written.lock().unwrap().len;
        *written.lock().unwrap() = Written { len, ..Written::default() };
        for round in 0..fold {
            let changed = (0..1_000).map(move |at| at * (keys / 1_000) + round);
            store.commit(&block(height, &values(changed, height))).unwrap();
            height += 1;
        }
        store.fold().unwrap();
        let w = written.lock().unwrap();
        let per = |n: u64| n as f64 / (1_000.0 * fold as f64);
        eprintln!(
            "fold of {fold}: {:.0} bytes a key, {:.0} distinct page bytes, {} writes again {} syncs {} len {}",
            per(w.bytes),
            per(w.pages.len() as u64 * 4_096),
            w.writes,
            w.again,
            w.syncs,
            w.len
        );
    }
    sizes(&store);
}
