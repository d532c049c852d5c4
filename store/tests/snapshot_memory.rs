//! Memory and time of snapshots and of the check: a state of any size is exported, imported and checked in 256 MiB.
//!
//! One test only: the limit is the whole process's, and beyond it the process ends. 100,000 values; with
//! `LOCKSTEP_LONG=1` 10,000,000.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests panic to fail, and measure"
)]

use cap::Cap;
use lockstep_store::{ExecutedBlock, Expected, Store, check};
use lockstep_vm::{Account, Address, B256, StateDiff, StorageDiff};
use std::{
    alloc::System,
    fs::File,
    io::{BufReader, BufWriter, Write},
    path::Path,
    time::{Duration, Instant},
};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const MEMORY_BYTES: usize = 256 * 1_024 * 1_024;

/// Values that a block adds.
const BLOCK: u64 = 50_000;

/// A chain whose last state has so many values: a half in one storage, the others in storages of 100.
fn grown(folder: &Path, values: u64) -> (Store, u64) {
    let store = Store::open(folder).unwrap();
    let blocks = values.div_ceil(BLOCK);
    for height in 0..blocks {
        let mut diff = StateDiff::default();
        for number in 0..BLOCK {
            let owner = if number % 2 == 0 { 0 } else { 1 + (height * BLOCK + number) / 200 };
            let address = Address::left_padding_from(&owner.to_be_bytes());
            let storage = diff.storage.entry(address).or_insert_with(StorageDiff::default);
            let key = B256::left_padding_from(&(height * BLOCK + number).to_be_bytes());
            storage.values.insert(key.to_vec(), Some(key.to_vec()));
            diff.accounts.entry(address).or_insert_with(|| Some(Account { nonce: 1, ..Account::default() }));
        }
        let (hash, parent_hash) = (hash(height), height.checked_sub(1).map_or(B256::ZERO, hash));
        let block = ExecutedBlock { height, hash, parent_hash, diff: &diff, receipts: &[], body: None, root: None };
        store.commit(&block).unwrap();
    }
    (store, blocks - 1)
}

fn hash(height: u64) -> B256 {
    B256::left_padding_from(&(height + 1).to_be_bytes())
}

/// Runs `work` within the limit and returns its seconds, and those of the processor where the system says them.
fn limited<T>(work: impl FnOnce() -> T) -> (T, String) {
    ALLOCATOR.set_limit(MEMORY_BYTES).unwrap();
    let (begun, used) = (Instant::now(), cpu());
    let done = work();
    let (time, cpu) = (begun.elapsed(), cpu() - used);
    ALLOCATOR.set_limit(usize::MAX).unwrap();
    (done, format!("{:.1} s ({:.1} s of the processor)", time.as_secs_f64(), cpu.as_secs_f64()))
}

/// The time of the processor that this thread has had.
fn cpu() -> Duration {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(schedule.split_whitespace().next().and_then(|time| time.parse().ok()).unwrap_or(0))
}

#[test]
fn snapshots_and_checks_of_any_size_take_256_mib() {
    let long = std::env::var("LOCKSTEP_LONG").is_ok_and(|value| value == "1");
    let values = std::env::var("LOCKSTEP_VALUES").ok().and_then(|values| values.parse().ok());
    let values: u64 = values.unwrap_or(if long { 10_000_000 } else { 100_000 });
    let folder = tempfile::tempdir().unwrap();
    let (store, height) = grown(&folder.path().join("grown"), values);
    store.close().unwrap();
    let file = folder.path().join("snapshot");
    let grown = folder.path().join("grown");
    let (head, exported) = limited(|| {
        let store = Store::open_existing(&grown).unwrap();
        let mut to = BufWriter::new(File::create(&file).unwrap());
        let head = store.export_to(height, &mut to).unwrap();
        to.flush().unwrap();
        head
    });
    let begun = folder.path().join("begun");
    let (root, imported) = limited(|| {
        let store = Store::open(&begun).unwrap();
        let mut from = BufReader::new(File::open(&file).unwrap());
        assert_eq!(store.import_from(&mut from, &Expected::default()).unwrap(), head);
        let root = store.root(height).unwrap();
        store.close().unwrap();
        root
    });
    assert_eq!(root, head.root);
    let bytes = file.metadata().unwrap().len();
    let (checked, in_time) = limited(|| check(&begun, &mut |_, _| {}).unwrap());
    assert_eq!(checked.differences, Vec::<String>::new());
    eprintln!("{values} values: exported in {exported}, {bytes} bytes, imported in {imported}, checked in {in_time}");
}
