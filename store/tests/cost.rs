//! What a commit costs without a clock: permutations of sha3-256 and allocations for each changed key.
//!
//! 10^5 keys; `LOCKSTEP_LONG=1` makes it 10^6, for which the bounds are.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests panic to fail"
)]

use lockstep_store::{ExecutedBlock, Store};
use lockstep_vm::{Account, Address, B256, StateDiff, StateReader, StorageDiff, U256};

/// Permutations and allocations of a changed key, at most. At 10^6 keys 11.4 permutations are nodes on the ways to the
/// changed keys, 3 the key, the value and the leaf, and 2.1 the neighbours in subtrees that have no page.
const PERMUTATIONS_MAX: u64 = 17;
const ALLOCATIONS_MAX: u64 = 10;

const CHANGED: u64 = 1_000;

fn contract() -> Address {
    Address::repeat_byte(0xcc)
}

fn key(number: u64) -> Vec<u8> {
    B256::from(U256::from(number)).to_vec()
}

fn values(keys: impl Iterator<Item = u64>, value: u64) -> StateDiff {
    let values = keys.map(|number| (key(number), Some(B256::from(U256::from(value)).to_vec()))).collect();
    let account = Account { nonce: 1, ..Account::default() };
    StateDiff {
        accounts: [(contract(), Some(account))].into(),
        storage: [(contract(), StorageDiff { cleared: false, values })].into(),
        ..StateDiff::default()
    }
}

fn block(height: u64, diff: &StateDiff) -> ExecutedBlock<'_> {
    let hash = |height| B256::from(U256::from(height));
    let parent_hash = height.checked_sub(1).map_or(B256::ZERO, hash);
    ExecutedBlock { height, hash: hash(height), parent_hash, diff, receipts: &[], body: None, root: None }
}

#[test]
fn a_changed_key_has_its_price() {
    let long = std::env::var("LOCKSTEP_LONG").is_ok_and(|value| value == "1");
    let keys: u64 = if long { 1_000_000 } else { 100_000 };
    let store = Store::memory().unwrap();
    let mut height = 0;
    for from in (0..keys).step_by(50_000) {
        store.commit(&block(height, &values(from..from + 50_000, 1))).unwrap();
        height += 1;
    }
    store.fold().unwrap();
    for round in 0..4 {
        let spread = move || (0..CHANGED).map(move |at| at * (keys / CHANGED) + round);
        // What a contract changes it has read: the machine looks at the value before.
        let view = store.latest().unwrap();
        spread().for_each(|number| drop(view.storage(&contract(), &key(number)).unwrap()));
        let diff = values(spread(), round + 2);
        let pending = store.pending(&[], &block(height, &diff)).unwrap();
        let permutations = pending.permutations();
        drop(pending);
        let allocations = allocation_counter::measure(|| {
            store.commit(&block(height, &diff)).unwrap();
        });
        height += 1;
        let (permutations, allocations) =
            (permutations as f64 / CHANGED as f64, allocations.count_total as f64 / CHANGED as f64);
        eprintln!(
            "{keys} keys, round {round}: {permutations:.2} permutations and {allocations:.2} allocations a changed key"
        );
        assert!(permutations <= PERMUTATIONS_MAX as f64, "{permutations} permutations");
        assert!(allocations <= ALLOCATIONS_MAX as f64, "{allocations} allocations");
    }
}
