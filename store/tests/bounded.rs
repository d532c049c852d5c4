//! The memory that a hostile file can take before it is refused: at most a multiple of its size. No count in it is
//! believed before that many things have been read.
//!
//! One test only: the limit is the whole process's, and beyond it the process ends.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests panic to fail"
)]

use cap::Cap;
use lockstep_store::{AccountProof, ExecutedBlock, Expected, Recorder, StorageProof, Store, Witness};
use lockstep_vm::{Account, Address, B256, Block, StateDiff, StateReader, StorageDiff, U256};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes of memory for each byte of a file, and what a small file may take.
const MEMORY_BYTES_PER_BYTE: usize = 64;
const MEMORY_BYTES_MIN: usize = 256 * 1_024;

fn address(number: u64) -> Address {
    Address::left_padding_from(&(number + 1).to_be_bytes())
}

fn state() -> Store {
    let store = Store::memory().unwrap();
    let mut diff = StateDiff::default();
    for number in 0..40 {
        diff.accounts.insert(address(number), Some(Account { balance: U256::from(number), ..Account::default() }));
        let values = (0..number as u8 % 5).map(|key| (vec![key; 4], Some(vec![key; 9]))).collect();
        diff.storage.insert(address(number), StorageDiff { cleared: false, values });
    }
    let hash = B256::repeat_byte(1);
    let parent_hash = B256::ZERO;
    store.commit(&ExecutedBlock { height: 0, hash, parent_hash, diff: &diff, receipts: &[], root: None }).unwrap();
    store
}

/// Reads `bytes` with a count written at each place, and with no end, under the limit.
fn bounded(file: &[u8], read: impl Fn(&[u8])) {
    for at in 0..file.len().saturating_sub(3) {
        for count in [u32::MAX, 1 << 24, 1 << 31] {
            let mut bytes = file.to_vec();
            bytes[at..at + 4].copy_from_slice(&count.to_le_bytes());
            let room = MEMORY_BYTES_MIN + MEMORY_BYTES_PER_BYTE * bytes.len();
            ALLOCATOR.set_limit(ALLOCATOR.allocated() + room).unwrap();
            read(&bytes);
            ALLOCATOR.set_limit(usize::MAX).unwrap();
        }
    }
}

#[test]
fn no_count_in_a_file_takes_memory_before_it_is_filled() {
    let store = state();
    let recorder = Recorder::new(store.latest().unwrap());
    for number in 0..6 {
        recorder.account(&address(number)).unwrap();
        recorder.storage(&address(number), &[0; 4]).unwrap();
    }
    let witness = recorder.witness(Block::default(), &StateDiff::default()).unwrap().to_bytes().unwrap();
    bounded(&witness, |bytes| drop(Witness::from_bytes(bytes)));
    let view = store.latest().unwrap();
    let proof = borsh::to_vec(&view.prove_account(&address(3)).unwrap()).unwrap();
    bounded(&proof, |bytes| drop(borsh::from_slice::<AccountProof>(bytes)));
    let proof = borsh::to_vec(&view.prove_storage(&address(3), &[0; 4]).unwrap()).unwrap();
    bounded(&proof, |bytes| drop(borsh::from_slice::<StorageProof>(bytes)));
    // The checksum is made anew, so that the count is read.
    let snapshot = store.export(0).unwrap().1;
    let empty = Store::memory().unwrap();
    bounded(&snapshot[..snapshot.len() - 32], |bytes| {
        use sha3::Digest;
        let sum = sha3::Sha3_256::digest(bytes);
        assert!(
            empty
                .import(&[bytes, &sum[..]].concat(), &Expected { root: Some(B256::ZERO), ..Expected::default() })
                .is_err()
        );
    });
}
