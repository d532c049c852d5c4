//! What differs between two states: between any two kept heights, folded or in the log, and between forks.

use crate::kit::{Random, block_of, busy_diff, commit, random_diff};
use lockstep_store::{Difference, ExecutedBlock, Settings, Store, StoreError, View};
use lockstep_vm::{Account, Address, B256, MemoryState};
use redb::backends::InMemoryBackend;
use std::collections::{BTreeMap, BTreeSet};

type Values = BTreeMap<(Address, Vec<u8>), (Option<Vec<u8>>, Option<Vec<u8>>)>;
type Accounts = BTreeMap<Address, (Option<Account>, Option<Account>)>;

/// Asserts that the differences of two views are those of their models, each given once, accounts before their values.
fn assert_differ((older, old): (&View, &MemoryState), (newer, new): (&View, &MemoryState), context: &str) {
    let (mut accounts, mut values) = (Accounts::new(), Values::new());
    newer
        .differences(older, &mut |difference| {
            match difference.clone() {
                Difference::Account { address, old, new } => {
                    assert_eq!(accounts.insert(address, (old, new)), None, "{context}: {address} twice");
                }
                Difference::Value { address, key, old, new } => {
                    assert!(accounts.contains_key(&address), "{context}: a value before its account {address}");
                    assert_eq!(values.insert((address, key), (old, new)), None, "{context}: a value twice");
                }
            }
            Ok(())
        })
        .unwrap();
    let mut expected = Values::new();
    let nothing = BTreeMap::new();
    for address in old.storage.keys().chain(new.storage.keys()) {
        let [old, new] = [old, new].map(|state| state.storage.get(address).unwrap_or(&nothing));
        for key in old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)) {
            expected.insert((*address, key.clone()), (old.get(key).cloned(), new.get(key).cloned()));
        }
    }
    let mut named: BTreeSet<Address> = expected.keys().map(|(address, _)| *address).collect();
    for address in old.accounts.keys().chain(new.accounts.keys()) {
        if old.accounts.get(address) != new.accounts.get(address) {
            named.insert(*address);
        }
    }
    let both = |address: &Address| (old.accounts.get(address).cloned(), new.accounts.get(address).cloned());
    let named: Accounts = named.iter().map(|address| (*address, both(address))).collect();
    assert_eq!(accounts, named, "{context}");
    assert_eq!(values, expected, "{context}");
}

/// Commits that many blocks, of which those from `folded` on are in the log, and compares each height with each.
fn every_pair(seed: u64, blocks: u64, folded: u64, busy: bool) {
    eprintln!("seed {seed}");
    let settings = Settings { fold_blocks: 1_000, ..Settings::default() };
    let store = Store::with_backends(InMemoryBackend::new(), InMemoryBackend::new(), settings).unwrap();
    let (mut random, mut state, mut states) = (Random(seed), MemoryState::default(), Vec::new());
    for height in 0..blocks {
        let diff = if busy { busy_diff(height, 20) } else { random_diff(&mut random, &state) };
        state.apply(&diff);
        commit(&store, height, &diff);
        states.push(state.clone());
        if height == folded {
            store.fold().unwrap();
        }
    }
    let views: Vec<View> = (0..blocks).map(|height| store.view(height).unwrap()).collect();
    for (from, older) in views.iter().zip(&states).enumerate() {
        for (to, newer) in views.iter().zip(&states).enumerate() {
            assert_differ(older, newer, &format!("seed {seed}, {from} to {to}"));
        }
    }
}

#[test]
fn every_height_differs_from_every_other_as_the_model_does() {
    for (seed, folded) in (1..).zip([99, 11, 5]) {
        every_pair(seed, 12, folded, false);
    }
    every_pair(9, 8, 5, true);
}

#[test]
fn forks_differ_as_their_models_do() {
    let store = Store::memory().unwrap();
    let mut random = Random(4);
    let mut state = MemoryState::default();
    for height in 0..6 {
        let diff = random_diff(&mut random, &state);
        state.apply(&diff);
        commit(&store, height, &diff);
    }
    store.fold().unwrap();
    let mut fork = |name: u8| {
        let diff = random_diff(&mut random, &state);
        let mut after = state.clone();
        after.apply(&diff);
        let block = ExecutedBlock { hash: B256::repeat_byte(name), ..block_of(6, &diff, &[]) };
        let pending = store.pending(&[], &block).unwrap();
        (store.view_above(&[pending]).unwrap(), after)
    };
    let forks: Vec<(View, MemoryState)> = (1..7).map(&mut fork).collect();
    for (one, one_state) in &forks {
        for (other, other_state) in &forks {
            assert_differ((one, one_state), (other, other_state), "forks");
        }
    }
}

/// Whoever takes the differences can end it.
#[test]
fn an_error_of_the_taker_ends_it() {
    let store = Store::memory().unwrap();
    commit(&store, 0, &busy_diff(0, 20));
    commit(&store, 1, &busy_diff(1, 20));
    let mut taken = 0;
    let error = store.view(1).unwrap().differences(&store.view(0).unwrap(), &mut |_| {
        taken += 1;
        if taken == 3 { Err(StoreError::database("full")) } else { Ok(()) }
    });
    assert_eq!((error, taken), (Err(StoreError::database("full")), 3));
    assert!(store.tip().is_ok(), "the store is as it was");
}
