//! Snapshots: the same state with the same root elsewhere, and nothing damaged or forged.

use crate::{
    kit::{Random, busy_diff, commit, random_diff},
    model::assert_is,
};
use lockstep_store::{Expected, Store, StoreError};
use lockstep_vm::{Account, Address, MemoryState, StateDiff, StorageDiff, U256};

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

/// A snapshot that is whole and honest, of a state that no chain can be on.
//= spec 7.6, 7.9 test
#[test]
fn a_snapshot_of_an_unsound_state_is_refused() {
    let [one, two] = [Address::repeat_byte(1), Address::repeat_byte(2)];
    let of = |balance| Some(Account { balance, ..Account::default() });
    let storage = StorageDiff { cleared: false, values: [(vec![1], Some(vec![2]))].into() };
    let with = |accounts, storage| StateDiff { accounts, storage, ..StateDiff::default() };
    for (diff, why) in [
        (with([(one, of(U256::MAX)), (two, of(U256::ZERO))].into(), [].into()), None),
        (with([(one, of(U256::MAX)), (two, of(U256::from(1)))].into(), [].into()), Some("more than 2^256 - 1")),
        (with([(one, of(U256::from(1)))].into(), [(one, storage.clone())].into()), None),
        (with([(one, of(U256::ZERO))].into(), [(one, storage)].into()), Some("has storage")),
    ] {
        let store = Store::memory().unwrap();
        commit(&store, 0, &diff);
        let (head, bytes) = store.export(0).unwrap();
        let imported = Store::memory().unwrap().import(&bytes, &Expected::default());
        match why {
            None => assert_eq!(imported, Ok(head)),
            Some(why) => {
                let error = imported.unwrap_err();
                assert!(matches!(&error, StoreError::Refused(text) if text.contains(why)), "{error}");
            }
        }
    }
}
