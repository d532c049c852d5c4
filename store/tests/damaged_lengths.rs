//! A flipped bit in a length or a count takes no memory: each bit of what a database begins with, of the beginnings of the
//! records of its log, and others. Opening, reading, committing and checking stay within a bound.
//!
//! One test only: the limit is the whole process's, and beyond it the process ends. Every seventh bit; with
//! `LOCKSTEP_LONG=1` every bit.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests panic to fail"
)]

#[path = "store/kit.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod kit;

use cap::Cap;
use kit::{Random, address, block_of, busy_diff, commit, rounds};
use lockstep_store::{FILE_NAME, LOG_NAME, Settings, Store, StoreError, check};
use std::{alloc::System, fs, path::Path};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// More than a database of some kilobytes takes when it is sound, and a part of what a wrong length can ask for.
const MEMORY_BYTES: usize = 64 * 1_024 * 1_024;

/// Bytes that redb has at the beginning of its file: what it is, its layout and its two last commits.
const HEADER_BYTES: usize = 320;

fn work(folder: &Path) -> Result<(), StoreError> {
    let store = Store::open(folder)?;
    let view = store.latest()?;
    for number in 0..20 {
        view.values(&address(number))?;
    }
    store.receipts(view.height())?;
    store.body(view.height())?;
    let diff = busy_diff(12, 4);
    store.commit(&block_of(12, &diff, &[]))?;
    store.rollback(5)?;
    store.prune(2, &mut |_, _| {})?;
    drop(view);
    store.close()
}

#[test]
fn a_wrong_length_takes_no_memory() {
    let seed = 12;
    eprintln!("seed {seed}");
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_with(folder.path(), Settings { salt: Some(1), ..Settings::default() }).unwrap();
    for height in 0..12 {
        commit(&store, height, &busy_diff(height, 4));
        if height == 7 {
            store.fold().unwrap();
        }
    }
    drop(store);
    let files = [FILE_NAME, LOG_NAME].map(|name| folder.path().join(name));
    let sound = files.clone().map(|file| fs::read(file).unwrap());
    let records = (0..sound[1].len()).step_by(512).filter(|&at| sound[1][at..].starts_with(b"LOCKLOG"));
    let headers = (0..HEADER_BYTES).map(|at| (0, at)).chain(records.flat_map(|at| (at..at + 32).map(|at| (1, at))));
    let mut places: Vec<(usize, usize, u64)> =
        headers.flat_map(|(file, at)| (0..8).map(move |bit| (file, at, bit))).collect();
    let used: Vec<usize> = (0..sound[0].len()).filter(|&at| sound[0][at] != 0).collect();
    let mut random = Random(seed);
    let others = (0..rounds(150, 3_000)).map(|_| (0, used[random.below(used.len() as u64) as usize], random.below(8)));
    let step = rounds(7, 1) as usize;
    places = places.into_iter().step_by(step).chain(others).collect();
    let (mut errors, mut done) = (0, 0);
    ALLOCATOR.set_limit(ALLOCATOR.allocated() + MEMORY_BYTES).unwrap();
    for (file, at, bit) in places {
        for (path, bytes) in files.iter().zip(&sound) {
            fs::write(path, bytes).unwrap();
        }
        let mut wrong = sound[file].clone();
        wrong[at] ^= 1 << bit;
        fs::write(&files[file], &wrong).unwrap();
        let found = check(folder.path(), &mut |_, _| {});
        drop(found);
        errors += u32::from(work(folder.path()).is_err());
        done += 1;
    }
    ALLOCATOR.set_limit(usize::MAX).unwrap();
    eprintln!("{errors} errors of {done}");
    assert!(errors > 20);
}
