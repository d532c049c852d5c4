//! Snapshots: the same state with the same root elsewhere, and nothing damaged or forged.

use crate::{
    kit::{Random, busy_diff, commit, random_diff},
    model::assert_is,
};
use lockstep_store::{Expected, Store, StoreError};
use lockstep_vm::MemoryState;

#[test]
fn a_snapshot_begins_another_store() {
    let mut random = Random(8);
    let store = Store::memory().unwrap();
    let mut states = vec![MemoryState::default()];
    for height in 0..30 {
        let mut state = states.last().unwrap().clone();
        let diff = random_diff(&mut random, &state);
        state.apply(&diff);
        commit(&store, height, &diff);
        states.push(state);
    }
    let (head, bytes) = store.export(20).unwrap();
    let other = Store::memory().unwrap();
    assert_eq!(other.import(&bytes, &Expected::default()).unwrap(), head);
    let view = other.view(20).unwrap();
    assert_is(&view, &states[21], "imported");
    assert_eq!((view.root(), view.hash()), (store.root(20).unwrap(), store.block_hash(20).unwrap()));
    assert_eq!(other.export(20).unwrap().1, bytes);
    // Both go on in the same way.
    store.rollback(20).unwrap();
    assert_eq!(commit(&store, 21, &busy_diff(21, 9)), commit(&other, 21, &busy_diff(21, 9)));
    let error = other.import(&bytes, &Expected::default()).unwrap_err().to_string();
    assert_eq!(error, "there are blocks already: a snapshot begins a database");
}

#[test]
fn a_damaged_or_forged_snapshot_changes_nothing() {
    let store = Store::memory().unwrap();
    commit(&store, 0, &busy_diff(0, 3));
    let good = store.export(0).unwrap().1;
    let other = Store::memory().unwrap();
    for at in (0..good.len()).step_by(7) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        let error = other.import(&bytes, &Expected::default()).unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "byte {at}: {error}");
        assert!(other.import(&good[..at], &Expected::default()).is_err());
    }
    assert_eq!(other.tip().unwrap(), None);
    other.import(&good, &Expected::default()).unwrap();
}
