//! A disk that fails: errors at every call of a commit, half-written pages, a power failure that loses what was not
//! synced.

use crate::kit::{Random, block_of, busy_diff, commit, rounds};
use lockstep_store::{ChecksummedBackend, Durability, Expected, Settings, Store, StoreError};
use lockstep_vm::B256;
use redb::StorageBackend;
use std::{
    io,
    sync::{Arc, Mutex},
};

/// One file of a disk.
#[derive(Debug, Clone, Default)]
struct Content {
    /// What reads see.
    bytes: Vec<u8>,
    /// What a power failure leaves for sure, and what was written since.
    synced: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug, Default)]
struct State {
    /// That of the database and that of the log.
    files: [Content; 2],
    calls: u64,
    /// Bytes of all reads.
    read_bytes: u64,
    /// The call that fails, counted from 0, and all after it.
    fails_at: Option<u64>,
    /// Whether syncs fail.
    no_sync: bool,
    /// Writes so far, and the one that is lost.
    writes: u64,
    loses: Option<u64>,
    /// Whether a write that fails has written its first half.
    tears: bool,
    syncs: u64,
}

impl State {
    fn call(&mut self) -> io::Result<()> {
        let fails = self.fails_at.is_some_and(|at| self.calls >= at);
        self.calls += 1;
        if fails { Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full")) } else { Ok(()) }
    }
}

/// What is on a disk: the database and the log.
pub(crate) type Bytes = [Vec<u8>; 2];

/// A disk in memory that can be told to fail.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

/// A file of it.
#[derive(Debug)]
struct DiskFile(Disk, usize);

impl Disk {
    pub(crate) fn of(bytes: &Bytes) -> Self {
        let files = bytes.clone().map(|bytes| Content { synced: bytes.clone(), bytes, unsynced: Vec::new() });
        Self(Arc::new(Mutex::new(State { files, ..State::default() })))
    }

    pub(crate) fn open(&self, settings: &Settings) -> Result<Store, StoreError> {
        // The same bytes each time, so that a seed finds the same place again.
        let settings = Settings { salt: settings.salt.or(Some(1)), ..settings.clone() };
        Store::with_backends(DiskFile(self.clone(), 0), DiskFile(self.clone(), 1), settings)
    }

    /// The database below the store.
    pub(crate) fn redb(&self) -> redb::Database {
        redb::Builder::new().create_with_backend(ChecksummedBackend::new(DiskFile(self.clone(), 0)).unwrap()).unwrap()
    }

    pub(crate) fn bytes(&self) -> Bytes {
        self.0.lock().unwrap().files.clone().map(|file| file.bytes)
    }

    /// From now on the call with that number fails, and all after it.
    pub(crate) fn fail_at(&self, at: u64, tears: bool) {
        let mut state = self.0.lock().unwrap();
        (state.calls, state.fails_at, state.tears) = (0, Some(at), tears);
    }

    /// From now on nothing is synced, and whoever asks for it is told.
    pub(crate) fn fail_sync(&self) {
        self.0.lock().unwrap().no_sync = true;
    }

    /// The write with that number, counted from 0, will be acknowledged and lost.
    pub(crate) fn lose(&self, at: u64) {
        self.0.lock().unwrap().loses = Some(at);
    }

    /// Writes so far.
    pub(crate) fn writes(&self) -> u64 {
        self.0.lock().unwrap().writes
    }

    /// Bytes that were read so far.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.0.lock().unwrap().read_bytes
    }

    fn calls(&self) -> u64 {
        self.0.lock().unwrap().calls
    }

    /// What a power failure leaves: all that was synced, and of the rest what had come through.
    fn after_power_failure(&self, random: &mut Random) -> Bytes {
        self.left(&mut |_| random.below(2) == 0)
    }

    /// What a power failure leaves: all that was synced, and of each write since the sectors that `came`.
    pub(crate) fn left(&self, came: &mut dyn FnMut(usize) -> bool) -> Bytes {
        let state = self.0.lock().unwrap();
        state.files.clone().map(|file| {
            let mut bytes = file.synced.clone();
            bytes.resize(file.bytes.len().max(bytes.len()), 0);
            for (offset, data) in &file.unsynced {
                // Sectors are written whole, in any order.
                for (at, sector) in data.chunks(512).enumerate().filter(|(at, _)| came(*at)) {
                    let from = offset + at * 512;
                    if bytes.len() >= from + sector.len() {
                        bytes[from..from + sector.len()].copy_from_slice(sector);
                    }
                }
            }
            bytes
        })
    }
}

impl StorageBackend for DiskFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.0.lock().unwrap().files[self.1].bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.call()?;
        state.read_bytes += out.len() as u64;
        let bytes = state.files[self.1].bytes.get(offset as usize..).and_then(|bytes| bytes.get(..out.len()));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.call()?;
        state.files[self.1].bytes.resize(bytes as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.call()?;
        if state.no_sync {
            return Err(io::Error::other("the disk cannot sync"));
        }
        state.syncs += 1;
        let file = &mut state.files[self.1];
        file.synced = file.bytes.clone();
        file.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        let result = state.call();
        state.writes += 1;
        if result.is_ok() && state.loses == Some(state.writes - 1) {
            return Ok(());
        }
        let count = match result {
            Ok(()) => data.len(),
            Err(_) if state.tears => data.len() / 2,
            Err(_) => 0,
        };
        let offset = offset as usize;
        let file = &mut state.files[self.1];
        // As a file: a write behind its end makes it longer.
        file.bytes.resize(file.bytes.len().max(offset + count), 0);
        file.bytes[offset..offset + count].copy_from_slice(&data[..count]);
        file.unsynced.push((offset, data[..count].to_vec()));
        result
    }
}

const CHANGES: u64 = 12;
const BLOCKS: u64 = 6;

/// Commits that write the log alone, and commits that fold the block before.
fn settings() -> [Settings; 2] {
    [Settings::default(), Settings { fold_blocks: 1, ..Settings::default() }]
}

/// A disk with a chain of [`BLOCKS`] blocks, the last ones in the log, and the roots of that chain and the next block.
fn prepared(settings: &Settings) -> (Bytes, Vec<B256>) {
    let disk = Disk::default();
    let store = disk.open(settings).unwrap();
    let mut roots = Vec::new();
    for height in 0..BLOCKS {
        roots.push(commit(&store, height, &busy_diff(height, CHANGES)));
        if height == 2 {
            store.fold().unwrap();
        }
    }
    drop(store);
    let bytes = disk.bytes();
    let store = Disk::of(&bytes).open(settings).unwrap();
    roots.push(commit(&store, BLOCKS, &busy_diff(BLOCKS, CHANGES)));
    (bytes, roots)
}

fn try_commit(store: &Store) -> Result<B256, StoreError> {
    let diff = busy_diff(BLOCKS, CHANGES);
    store.commit(&block_of(BLOCKS, &diff, &[]))
}

/// Asserts that what is on the disk is the chain with the last block or without it, and can go on.
fn assert_whole(bytes: &Bytes, roots: &[B256], acknowledged: bool, context: &str) {
    let store = Disk::of(bytes).open(&Settings::default()).unwrap_or_else(|error| panic!("{context}: {error}"));
    let tip = store.tip().unwrap().unwrap();
    assert!(tip.height == BLOCKS || (tip.height == BLOCKS - 1 && !acknowledged), "{context}: tip {}", tip.height);
    for height in tip.oldest..=tip.height {
        assert_eq!(store.root(height).unwrap(), roots[height as usize], "{context}");
    }
    assert_eq!(try_commit(&store).unwrap(), roots[BLOCKS as usize], "{context}");
    store.fold().unwrap();
    assert_eq!(store.root(BLOCKS).unwrap(), roots[BLOCKS as usize], "{context}");
}

#[test]
fn an_error_at_any_call_of_a_commit_never_leaves_half_a_block() {
    let mut failures = 0;
    for (settings, tears) in settings().iter().flat_map(|settings| [(settings, false), (settings, true)]) {
        let (bytes, roots) = prepared(settings);
        for at in 0.. {
            let context = format!("call {at} fails, tears: {tears}, {settings:?}");
            let disk = Disk::of(&bytes);
            let store = disk.open(settings).unwrap();
            disk.fail_at(at, tears);
            let result = try_commit(&store);
            let calls = disk.calls();
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
    }
    assert!(failures > 10, "commits made {failures} calls that can fail");
}

/// A commit that folds nothing is one sync.
#[test]
fn a_commit_is_one_sync() {
    let disk = Disk::default();
    let store = disk.open(&Settings::default()).unwrap();
    for height in 0..40 {
        let before = disk.0.lock().unwrap().syncs;
        commit(&store, height, &busy_diff(height, CHANGES));
        assert_eq!(disk.0.lock().unwrap().syncs - before, 1, "height {height}");
    }
}

/// Blocks that are synced when they are folded: a commit syncs nothing, the end of the process loses nothing, and a power
/// failure leaves a chain that begins as the true one, with what was folded. It goes on with other blocks, and records that
/// the failure left behind its end never come back.
#[test]
fn unsynced_blocks_are_lost_from_the_end_on() {
    let seed = 33;
    eprintln!("seed {seed}");
    let (mut random, mut kept) = (Random(seed), [0; BLOCKS as usize]);
    let unsynced = Settings { durability: Durability::Fold, ..Settings::default() };
    for round in 0..rounds(40, 1_000) {
        let disk = Disk::default();
        let store = disk.open(&unsynced).unwrap();
        let mut roots = Vec::new();
        for height in 0..BLOCKS {
            let before = disk.0.lock().unwrap().syncs;
            roots.push(commit(&store, height, &busy_diff(height, CHANGES)));
            assert_eq!(disk.0.lock().unwrap().syncs, before);
            if height == 2 {
                store.fold().unwrap();
            }
        }
        let all = store.tip().unwrap();
        assert_eq!(Disk::of(&disk.bytes()).open(&Settings::default()).unwrap().tip().unwrap(), all);
        // Of what was not synced, a half is lost, or little.
        let one_of = [2, 8, 64][round as usize % 3];
        let disk = Disk::of(&disk.left(&mut |_| random.below(one_of) != 0));
        for (life, settings) in
            [&unsynced, &Settings::default()].into_iter().cycle().skip(round as usize).take(2).enumerate()
        {
            let store = disk.open(settings).unwrap();
            let tip = store.tip().unwrap().unwrap();
            let last = if life == 0 { tip.height } else { tip.height - 2 };
            assert!((2..BLOCKS).contains(&last), "round {round}: {last}");
            (2..=last)
                .for_each(|height| assert_eq!(store.root(height).unwrap(), roots[height as usize], "round {round}"));
            kept[last as usize] += 1;
            if life == 0 {
                for height in last + 1..last + 3 {
                    commit(&store, height, &busy_diff(height + 100, CHANGES));
                }
                let tip = store.tip().unwrap();
                drop(store);
                assert_eq!(Disk::of(&disk.bytes()).open(settings).unwrap().tip().unwrap(), tip, "round {round}");
            }
        }
    }
    assert!(kept[2] > 0 && kept[3] > 0 && kept[..2] == [0, 0], "{kept:?}");
}

/// Power fails at each call, and what was not synced is lost in part.
#[test]
fn a_power_failure_at_any_call_of_a_commit_never_leaves_half_a_block() {
    let seed = 31;
    eprintln!("seed {seed}");
    let mut random = Random(seed);
    for settings in settings() {
        let (bytes, roots) = prepared(&settings);
        for round in 0..rounds(3, 100) {
            for at in 0.. {
                let disk = Disk::of(&bytes);
                let store = disk.open(&settings).unwrap();
                disk.fail_at(at, true);
                let acknowledged = try_commit(&store).is_ok();
                let calls = disk.calls();
                let left = disk.after_power_failure(&mut random);
                assert_whole(&left, &roots, acknowledged, &format!("seed {seed}, round {round}, call {at}"));
                if calls <= at {
                    break;
                }
            }
        }
    }
}

/// What the last block wrote to the log is there in part, in any order: the block is there or it is not.
#[test]
fn a_torn_record_is_no_block() {
    let seed = 32;
    eprintln!("seed {seed}");
    let mut random = Random(seed);
    let settings = Settings::default();
    let (bytes, roots) = prepared(&settings);
    let disk = Disk::of(&bytes);
    let store = disk.open(&settings).unwrap();
    try_commit(&store).unwrap();
    let [database, mut log] = disk.bytes();
    // The mark of a record is written when that is on the disk.
    let mark = (0..log.len()).step_by(512).rfind(|&at| log[at..].starts_with(b"LOCKLOG1")).unwrap();
    log.truncate(mark);
    for round in 0..rounds(60, 1_000) {
        let mut torn = bytes[1].clone();
        torn.resize(torn.len().max(log.len()), 0);
        for (old, new) in torn.chunks_mut(512).zip(log.chunks(512)) {
            if random.below(1 + round % 6) == 0 {
                old.copy_from_slice(new);
            }
        }
        assert_whole(&[database.clone(), torn], &roots, false, &format!("seed {seed}, round {round}"));
    }
}

/// A record that was acknowledged is missed, the last one too: its mark shows it.
#[test]
fn a_damaged_record_is_found() {
    let settings = Settings::default();
    let (bytes, roots) = prepared(&settings);
    // Three blocks are in the log, and the mark of the last of them.
    let begins: Vec<usize> =
        (0..bytes[1].len()).step_by(512).filter(|&at| bytes[1][at..].starts_with(b"LOCKLOG1")).collect();
    assert_eq!(begins.len() as u64, BLOCKS - 3 + 1);
    for at in (begins[0]..begins[3] + 512).step_by(41) {
        let mut damaged = bytes.clone();
        damaged[1][at] ^= 4;
        match Disk::of(&damaged).open(&settings) {
            Err(StoreError::Damaged(_)) => {}
            // Between the records, or in the mark.
            Ok(store) => assert_eq!(store.tip().unwrap().unwrap().root, roots[BLOCKS as usize - 1], "byte {at}"),
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
}

/// An import is whole, or the store is as empty as before.
#[test]
fn an_error_at_any_call_of_an_import_leaves_all_of_it_or_nothing() {
    for settings in [Settings::default(), Settings { fold_bytes: 1, ..Settings::default() }] {
        let chain = Disk::of(&prepared(&settings).0).open(&settings).unwrap();
        let (head, snapshot) = chain.export(BLOCKS - 1).unwrap();
        let disk = Disk::default();
        disk.open(&settings).unwrap().close().unwrap();
        let empty = disk.bytes();
        let mut failures = 0;
        for at in 0.. {
            let disk = Disk::of(&empty);
            let store = disk.open(&settings).unwrap();
            disk.fail_at(at, true);
            let imported = store.import(&snapshot, &Expected::default()).is_ok();
            failures += u32::from(!imported);
            let calls = disk.calls();
            drop(store);
            let store = Disk::of(&disk.bytes()).open(&settings).unwrap();
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
        assert!(failures > 1, "an import made {failures} calls that can fail");
    }
}

/// What is done to a store, and the heights that it has afterwards.
type Operation = (&'static str, fn(&Store) -> Result<(), StoreError>, (u64, u64));

/// Going back, pruning and folding are whole or have not begun, or go on the next time.
#[test]
fn an_error_at_any_call_of_a_maintenance_leaves_a_chain() {
    let settings = Settings::default();
    let (bytes, roots) = prepared(&settings);
    let last = BLOCKS - 1;
    let operations: [Operation; 4] = [
        ("back within the log", |store| store.rollback(BLOCKS - 2), (0, last - 1)),
        ("back below the log", |store| store.rollback(1), (0, 1)),
        ("pruning", |store| store.prune(2, &mut |_, _| {}).map(drop), (last - 1, last)),
        ("folding", |store| store.fold(), (0, last)),
    ];
    for (what, operation, (oldest, tip)) in operations {
        for tears in [false, true] {
            let mut failures = 0;
            for at in 0.. {
                let context = format!("{what}, call {at}, tears: {tears}");
                let disk = Disk::of(&bytes);
                let store = disk.open(&settings).unwrap();
                disk.fail_at(at, tears);
                let result = operation(&store);
                let calls = disk.calls();
                drop(store);
                failures += u32::from(result.is_err());
                let store =
                    Disk::of(&disk.bytes()).open(&settings).unwrap_or_else(|error| panic!("{context}: {error}"));
                let there = store.tip().unwrap().unwrap();
                let heights = (there.oldest, there.height);
                assert!(heights == (oldest, tip) || result.is_err() && heights == (0, last), "{context}: {heights:?}");
                operation(&store).unwrap();
                for height in oldest..=tip {
                    assert_eq!(store.root(height).unwrap(), roots[height as usize], "{context}");
                    store.view(height).unwrap().for_each_account(|_, _| Ok(())).unwrap();
                }
                for height in tip + 1..=BLOCKS {
                    assert_eq!(
                        commit(&store, height, &busy_diff(height, CHANGES)),
                        roots[height as usize],
                        "{context}"
                    );
                }
                if calls <= at {
                    break;
                }
            }
            assert!(failures > 1, "{what}: {failures} calls can fail");
        }
    }
}
