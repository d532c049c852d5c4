//! The memory that a hostile file can take before it is refused: at most a multiple of its size. No count in it is
//! believed before that many things have been read.
//!
//! One test only: the limit is the whole process's, and beyond it the process ends.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests panic to fail"
)]

use cap::Cap;
use lockstep_proof::{AccountRange, CHUNK_BYTES_MAX, ChangeProof, Chunk, KeyRange, StorageRange};
use lockstep_store::{
    AccountProof, ExecutedBlock, Expected, Recorder, StorageProof, Store, WITNESS_VERSION, Witness, replay,
};
use lockstep_vm::{Account, Address, B256, Block, Revision, StateDiff, StateReader, StorageDiff, U256, Vm};
use std::{alloc::System, collections::BTreeMap};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes of memory for each byte of a file.
const MEMORY_BYTES_PER_BYTE: usize = 64;

/// What a file of any size may take: borsh reserves 1 MiB for the one string of bytes that a count begins.
const MEMORY_BYTES_MIN: usize = 1_280 * 1_024;

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
    store
        .commit(&ExecutedBlock { height: 0, hash, parent_hash, diff: &diff, receipts: &[], body: None, root: None })
        .unwrap();
    store
}

/// Runs `read` on `bytes`. Beyond the limit the process ends.
fn limited(bytes: &[u8], read: impl Fn(&[u8])) {
    let before = ALLOCATOR.allocated();
    let room = MEMORY_BYTES_MIN + MEMORY_BYTES_PER_BYTE * bytes.len();
    ALLOCATOR.set_limit(before + room).unwrap();
    read(bytes);
    ALLOCATOR.set_limit(usize::MAX).unwrap();
}

/// Reads `file` with a count that is not filled at each place.
fn bounded(file: &[u8], read: impl Fn(&[u8])) {
    for at in 0..file.len().saturating_sub(3) {
        for count in [u32::MAX, 1 << 24] {
            let mut bytes = file.to_vec();
            bytes[at..at + 4].copy_from_slice(&count.to_le_bytes());
            limited(&bytes, &read);
        }
    }
}

/// Witnesses of many of the smallest things: what a verifier makes of them is not looked at here.
fn dense() -> Vec<Vec<u8>> {
    let nibbles = |number: u32| [12, 8, 4, 0].map(|shift| (number >> shift & 15) as u8).to_vec();
    let count = 0..65_536_u32;
    let strings: Vec<Vec<u8>> = vec![Vec::new(); 250_000];
    // Empty values.
    let values = count.clone().map(|number| (number.to_be_bytes().to_vec(), (0_u8, Vec::new()))).collect();
    // An internal node without children.
    let nodes = count.map(|number| (nibbles(number), (1_u8, 0_u32))).collect();
    let none = Values::new();
    [
        content(strings, [].into(), BTreeMap::new()),
        content(Vec::new(), [(address(1), values)].into(), BTreeMap::new()),
        content(Vec::new(), [(address(1), none)].into(), nodes),
    ]
    .into()
}

/// Proofs that are lists: of steps of one byte, of accounts that changed, of values that changed and of whole values.
fn dense_proofs() -> Vec<Vec<u8>> {
    let list = |count: u32, item: &[u8]| [&count.to_le_bytes(), item.repeat(count as usize).as_slice()].concat();
    let none = 0_u32.to_le_bytes();
    let one = |storage: &[u8]| [&1_u32.to_le_bytes(), [7; 20].as_slice(), &[0, 0], storage, &none].concat();
    let steps = |kind: u8| [none.as_slice(), &list(3_000_000, &[kind])].concat();
    let accounts = [list(100_000, &[0; 23]), none.to_vec()].concat();
    let values = one(&[&[3], list(400_000, &[0; 6]).as_slice(), &none].concat());
    let whole = one(&[&[2], list(300_000, &[0; 8]).as_slice()].concat());
    let range = [list(30_000, &[0; 93]), none.to_vec()].concat();
    let proofs = [steps(1), steps(2), accounts, values, whole].map(|bytes| {
        assert!(borsh::from_slice::<ChangeProof>(&bytes).is_ok(), "it can be decoded");
        bytes
    });
    assert!(borsh::from_slice::<AccountRange>(&range).is_ok(), "it can be decoded");
    proofs.into_iter().chain([range]).collect()
}

type Values = BTreeMap<Vec<u8>, (u8, Vec<u8>)>;
type EmptyNodes = BTreeMap<Vec<u8>, (u8, u32)>;

fn content(code: Vec<Vec<u8>>, values: BTreeMap<Address, Values>, nodes: EmptyNodes) -> Vec<u8> {
    let accounts = BTreeMap::<Address, u8>::new();
    let storage_nodes = BTreeMap::<Address, EmptyNodes>::new();
    let parts = (Block::default(), B256::ZERO, code, accounts, values, nodes, storage_nodes);
    let body = borsh::to_vec(&parts).unwrap();
    [b"LOCKWITN".as_slice(), &WITNESS_VERSION.to_le_bytes(), &body].concat()
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
    let vm = Vm::new(Revision::V1).unwrap();
    for bytes in dense() {
        assert!(bytes.len() > 500_000, "{} bytes", bytes.len());
        Witness::from_bytes(&bytes).expect("it can be decoded");
        limited(&bytes, |bytes| {
            drop(Witness::from_bytes(bytes).and_then(|witness| replay(witness, &B256::ZERO, &vm)));
        });
    }
    let view = store.latest().unwrap();
    let proof = borsh::to_vec(&view.prove_account(&address(3)).unwrap()).unwrap();
    bounded(&proof, |bytes| drop(borsh::from_slice::<AccountProof>(bytes)));
    let proof = borsh::to_vec(&view.prove_storage(&address(3), &[0; 4]).unwrap()).unwrap();
    bounded(&proof, |bytes| drop(borsh::from_slice::<StorageProof>(bytes)));
    let chunk = |at: usize| {
        let mut chunks = Vec::new();
        view.chunks(&mut |chunk| {
            chunks.push(borsh::to_vec(chunk).unwrap());
            Ok(())
        })
        .unwrap();
        chunks.swap_remove(at)
    };
    bounded(&chunk(0), |bytes| drop(borsh::from_slice::<Chunk>(bytes)));
    // Many of the smallest things, in as many bytes as they like.
    let dense = vec![1_u8; 3_000_000];
    for at in (0..chunk(0).len()).step_by(7) {
        let bytes = [&chunk(0)[..at], dense.as_slice()].concat();
        limited(&bytes, |bytes| drop(borsh::from_slice::<Chunk>(bytes)));
    }
    // Proofs of ranges and of changes, with lists of the smallest things there are, that are whole or end too early.
    for list in dense_proofs() {
        for bytes in [&list[..], &list[..list.len() - 1]] {
            limited(bytes, |bytes| {
                let proof = borsh::from_slice::<ChangeProof>(bytes);
                drop(proof.map(|proof| proof.verify(&[1; 32], &[2; 32], &KeyRange::ALL).is_ok()));
                drop(borsh::from_slice::<AccountRange>(bytes));
                drop(borsh::from_slice::<StorageRange>(bytes));
            });
        }
    }
    // A chunk that says it is as long as a chunk may be, and ends.
    let snapshot = store.export(0).unwrap().1;
    let empty = Store::memory().unwrap();
    let mut bytes = snapshot[..120].to_vec();
    bytes[116..120].copy_from_slice(&(CHUNK_BYTES_MAX as u32).to_le_bytes());
    limited(&bytes, |bytes| assert!(empty.import(bytes, &Expected::default()).is_err()));
}
