//! Bytes that a contract chose and that look like a record of the log, at every place of a sector: in a record that was torn,
//! and left over from an earlier epoch. None is taken for a record.

use crate::{
    disk::{Bytes, Disk},
    kit::{block_hash, busy_diff, commit, receipts, rounds},
};
use lockstep_store::{Durability, ExecutedBlock, Settings, Store};
use lockstep_vm::{B256, StateDiff};
use sha3::{Digest, Sha3_256};

const SECTOR: usize = 512;

/// A record as docs/store.md has it.
fn record(begin: &[u8; 8], epoch: u64, sequence: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = begin.to_vec();
    for number in [epoch, sequence, payload.len() as u64] {
        bytes.extend(number.to_le_bytes());
    }
    let digest = Sha3_256::new().chain_update(&bytes).chain_update(payload).finalize();
    bytes.extend(digest);
    bytes.extend(payload);
    bytes
}

/// Bytes in which `part` begins at every place of a sector.
fn at_every_place(part: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for _ in 0..SECTOR {
        all.extend(part);
        // An odd distance: after so many, each place had its turn.
        all.resize(all.len() + 1 + part.len() % 2, 0);
    }
    assert!((all.len() / SECTOR) % 2 == 1);
    all
}

/// What imitations are of: a record of that epoch and number that says that a block is the last one, a mark, and a block.
fn imitations() -> Vec<(String, Vec<u8>)> {
    let rollback = [[1].as_slice(), &1_u64.to_le_bytes()].concat();
    let nothing = borsh::to_vec(&StateDiff::default()).unwrap();
    let no_block = [[0].as_slice(), &[0; 8 + 3 * 32 + 4], &nothing, &[0]].concat();
    let mut all = Vec::new();
    for begin in [b"LOCKLOG1", b"LOCKLOG0"] {
        for epoch in 0..4 {
            for sequence in (0..6).chain([1 << 40]) {
                for (what, payload) in [("mark", &[] as &[u8]), ("rollback", &rollback), ("block", &no_block)] {
                    let name = format!("{what} {sequence} of epoch {epoch}, {}", String::from_utf8_lossy(begin));
                    all.push((name, record(begin, epoch, sequence, payload)));
                }
            }
        }
    }
    all
}

fn commit_with(store: &Store, height: u64, body: &[u8]) -> B256 {
    let (diff, receipts) = (busy_diff(height, 3), receipts(height));
    let (hash, parent_hash) = (block_hash(height), block_hash(height - 1));
    let body = Some(body);
    let block = ExecutedBlock { height, hash, parent_hash, diff: &diff, receipts: &receipts, body, root: None };
    store.commit(&block).unwrap()
}

fn open(bytes: &Bytes, settings: &Settings, what: &str) -> Store {
    Disk::of(bytes).open(settings).unwrap_or_else(|error| panic!("{what}: {error}"))
}

fn height(store: &Store) -> u64 {
    store.tip().unwrap().unwrap().height
}

/// Blocks 0 to 2 in the database, 3 and 4 in the log.
fn begun(settings: &Settings) -> Disk {
    let disk = Disk::default();
    let store = disk.open(settings).unwrap();
    for height in 0..5 {
        commit(&store, height, &busy_diff(height, 3));
        if height == 2 {
            store.fold().unwrap();
        }
    }
    drop(store);
    Disk::of(&disk.bytes())
}

fn settings() -> [Settings; 2] {
    [Durability::Block, Durability::Fold].map(|durability| Settings { durability, ..Settings::default() })
}

/// Power fails while the block is written: what is left is the chain without it, whichever sectors came through.
#[test]
fn nothing_in_a_torn_record_is_a_record() {
    let settings = &Settings::default();
    let step = 840 / rounds(84, 840) as usize;
    for (what, imitation) in imitations().into_iter().step_by(step) {
        let body = at_every_place(&imitation);
        let disk = begun(settings);
        let store = disk.open(settings).unwrap();
        // The write of the record, and then its sync fails.
        disk.fail_sync();
        let (diff, receipts) = (busy_diff(5, 3), receipts(5));
        let (hash, parent_hash, body) = (block_hash(5), block_hash(4), Some(body.as_slice()));
        let block = ExecutedBlock { height: 5, hash, parent_hash, diff: &diff, receipts: &receipts, body, root: None };
        store.commit(&block).unwrap_err();
        drop(store);
        for lost in [0, 1, 5] {
            let left = disk.left(&mut |sector| sector != lost);
            let store = open(&left, settings, &format!("{what}, sector {lost} is lost"));
            assert_eq!(height(&store), 4, "{what}, sector {lost} is lost");
            commit_with(&store, 5, b"other");
        }
    }
}

/// The log begins anew over a record, of which all is left that no new one covers.
#[test]
fn nothing_that_is_left_in_the_file_is_a_record() {
    let step = 840 / rounds(84, 840) as usize;
    for settings in &settings() {
        for (what, imitation) in imitations().into_iter().step_by(step) {
            let body = at_every_place(&imitation);
            let disk = begun(settings);
            let store = disk.open(settings).unwrap();
            commit_with(&store, 5, &body);
            assert_eq!(height(&open(&disk.bytes(), settings, &what)), 5, "{what}, in its own epoch");
            store.fold().unwrap();
            assert_eq!(height(&open(&disk.bytes(), settings, &what)), 5, "{what}, nothing in the log");
            for number in 6..9 {
                commit_with(&store, number, b"small");
                // The process ends, and before it has written the mark.
                let without_mark = disk.left(&mut |_| false);
                let all = disk.bytes();
                let kept = if settings.durability == Durability::Block { &without_mark } else { &all };
                for bytes in [&all, kept] {
                    let store = open(bytes, settings, &format!("{what}, block {number}"));
                    assert_eq!(height(&store), number, "{what}");
                }
            }
        }
    }
}

/// Beginnings of records that say that they are long cost no more reading than others.
#[test]
fn what_looks_long_is_not_read_again_and_again() {
    let settings = &Settings::default();
    for epoch in 0..4_u64 {
        let mut header = record(b"LOCKLOG1", epoch, 1 << 40, &[]);
        header[24..32].copy_from_slice(&400_000_u64.to_le_bytes());
        let body = at_every_place(&header[..32]).repeat(30);
        let disk = begun(settings);
        let store = disk.open(settings).unwrap();
        commit_with(&store, 5, &body);
        store.fold().unwrap();
        drop(store);
        let disk = Disk::of(&disk.bytes());
        let before = disk.read_bytes();
        let store = disk.open(settings).unwrap();
        assert_eq!(height(&store), 5);
        let (read, file) = (disk.read_bytes() - before, disk.bytes()[1].len() as u64);
        assert!(read < 3 * file, "{read} bytes are read of a log of {file} bytes");
    }
}
