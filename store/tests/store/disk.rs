//! A disk that fails: errors at every call of a commit, half-written pages, a power failure that loses what was not
//! synced.

use crate::kit::{Random, block_of, busy_diff, commit, rounds};
use lockstep_store::{Expected, Store, StoreError};
use lockstep_vm::B256;
use redb::StorageBackend;
use std::{
    io,
    sync::{Arc, Mutex},
};

#[derive(Debug, Default)]
struct State {
    /// What reads see.
    bytes: Vec<u8>,
    /// What a power failure leaves for sure, and what was written since.
    synced: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    calls: u64,
    /// The call that fails, counted from 0, and all after it.
    fails_at: Option<u64>,
    /// Whether a write that fails has written its first half.
    tears: bool,
}

impl State {
    fn call(&mut self) -> io::Result<()> {
        let fails = self.fails_at.is_some_and(|at| self.calls >= at);
        self.calls += 1;
        if fails { Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full")) } else { Ok(()) }
    }
}

/// A disk in memory that can be told to fail.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<State>>);

impl Disk {
    fn of(bytes: &[u8]) -> Self {
        let state = State { bytes: bytes.to_vec(), synced: bytes.to_vec(), ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().bytes.clone()
    }

    /// What a power failure leaves: all that was synced, and of the rest whatever had come through.
    fn after_power_failure(&self, random: &mut Random) -> Vec<u8> {
        let state = self.0.lock().unwrap();
        let mut bytes = state.synced.clone();
        bytes.resize(state.bytes.len().max(bytes.len()), 0);
        for (offset, data) in &state.unsynced {
            // Sectors are written whole, in any order.
            for (at, sector) in data.chunks(512).enumerate().filter(|_| random.below(2) == 0) {
                let from = offset + at * 512;
                bytes[from..from + sector.len()].copy_from_slice(sector);
            }
        }
        bytes
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.call()?;
        out.copy_from_slice(&state.bytes[offset as usize..offset as usize + out.len()]);
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.call()?;
        state.bytes.resize(bytes as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.call()?;
        state.synced = state.bytes.clone();
        state.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let result = state.call();
        let count = match result {
            Ok(()) => data.len(),
            Err(_) if state.tears => data.len() / 2,
            Err(_) => 0,
        };
        let offset = offset as usize;
        state.bytes[offset..offset + count].copy_from_slice(&data[..count]);
        state.unsynced.push((offset, data[..count].to_vec()));
        result
    }
}

const CHANGES: u64 = 12;
const BLOCKS: u64 = 6;

/// A disk with a chain of [`BLOCKS`] blocks, and the roots of that chain and the next block.
fn prepared() -> (Vec<u8>, Vec<B256>) {
    let disk = Disk::default();
    let store = Store::with_backend(disk.clone()).unwrap();
    let mut roots: Vec<_> = (0..BLOCKS).map(|height| commit(&store, height, &busy_diff(height, CHANGES))).collect();
    store.close().unwrap();
    let bytes = disk.bytes();
    let store = Store::with_backend(Disk::of(&bytes)).unwrap();
    roots.push(commit(&store, BLOCKS, &busy_diff(BLOCKS, CHANGES)));
    (bytes, roots)
}

fn try_commit(store: &Store) -> Result<B256, StoreError> {
    let diff = busy_diff(BLOCKS, CHANGES);
    store.commit(&block_of(BLOCKS, &diff, &[]))
}

/// Asserts that what is on the disk is the chain with the last block or without it, and can go on.
fn assert_whole(bytes: &[u8], roots: &[B256], acknowledged: bool, context: &str) {
    let store = Store::with_backend(Disk::of(bytes)).unwrap_or_else(|error| panic!("{context}: {error}"));
    let tip = store.tip().unwrap().unwrap();
    assert!(tip.height == BLOCKS || (tip.height == BLOCKS - 1 && !acknowledged), "{context}: tip {}", tip.height);
    for height in tip.oldest..=tip.height {
        assert_eq!(store.root(height).unwrap(), roots[height as usize], "{context}");
    }
    assert_eq!(try_commit(&store).unwrap(), roots[BLOCKS as usize], "{context}");
}

#[test]
fn an_error_at_any_call_of_a_commit_never_leaves_half_a_block() {
    let (bytes, roots) = prepared();
    for tears in [false, true] {
        let mut failures = 0;
        for at in 0.. {
            let context = format!("call {at} fails, tears: {tears}");
            let disk = Disk::of(&bytes);
            let store = Store::with_backend(disk.clone()).unwrap();
            {
                let mut state = disk.0.lock().unwrap();
                (state.calls, state.fails_at, state.tears) = (0, Some(at), tears);
            }
            let result = try_commit(&store);
            let calls = disk.0.lock().unwrap().calls;
            match &result {
                Ok(root) => assert_eq!(*root, roots[BLOCKS as usize], "{context}"),
                Err(error) => {
                    failures += 1;
                    assert!(matches!(error, StoreError::Database(_)), "{context}: {error}");
                    assert!(!error.is_invalid());
                    // While the disk fails, nothing pretends to work.
                    assert!(try_commit(&store).is_err(), "{context}");
                }
            }
            drop(store);
            assert_whole(&disk.bytes(), &roots, result.is_ok(), &context);
            if calls <= at {
                break;
            }
        }
        assert!(failures > 5, "a commit made {failures} calls that can fail");
    }
}

/// Power fails at each call, and what was not synced is lost in part.
#[test]
fn a_power_failure_at_any_call_of_a_commit_never_leaves_half_a_block() {
    let seed = 31;
    eprintln!("seed {seed}");
    let mut random = Random(seed);
    let (bytes, roots) = prepared();
    for round in 0..rounds(3, 100) {
        for at in 0.. {
            let disk = Disk::of(&bytes);
            let store = Store::with_backend(disk.clone()).unwrap();
            {
                let mut state = disk.0.lock().unwrap();
                (state.calls, state.fails_at, state.tears) = (0, Some(at), true);
            }
            let acknowledged = try_commit(&store).is_ok();
            let calls = disk.0.lock().unwrap().calls;
            let left = disk.after_power_failure(&mut random);
            assert_whole(&left, &roots, acknowledged, &format!("seed {seed}, round {round}, call {at}"));
            if calls <= at {
                break;
            }
        }
    }
}

/// An import is whole, or the store is as empty as before.
#[test]
fn an_error_at_any_call_of_an_import_leaves_all_of_it_or_nothing() {
    let chain = Store::with_backend(Disk::of(&prepared().0)).unwrap();
    let (head, snapshot) = chain.export(BLOCKS - 1).unwrap();
    let disk = Disk::default();
    Store::with_backend(disk.clone()).unwrap().close().unwrap();
    let empty = disk.bytes();
    let mut failures = 0;
    for at in 0.. {
        let disk = Disk::of(&empty);
        let store = Store::with_backend(disk.clone()).unwrap();
        {
            let mut state = disk.0.lock().unwrap();
            (state.calls, state.fails_at, state.tears) = (0, Some(at), true);
        }
        let imported = store.import(&snapshot, &Expected::default()).is_ok();
        failures += u32::from(!imported);
        let calls = disk.0.lock().unwrap().calls;
        drop(store);
        let store = Store::with_backend(Disk::of(&disk.bytes())).unwrap();
        match store.tip().unwrap() {
            Some(_) => {
                let (there, bytes) = store.export(BLOCKS - 1).unwrap();
                assert_eq!(there, head, "call {at}");
                assert!(bytes == snapshot, "call {at}");
            }
            None => {
                assert!(!imported, "call {at}");
                assert_eq!(store.import(&snapshot, &Expected::default()).unwrap(), head, "call {at}");
            }
        }
        if calls <= at {
            break;
        }
    }
    assert!(failures > 5, "an import made {failures} calls that can fail");
}
