//! Random chains of commits, rollbacks and prunings: at every kept height the store is what a plain map is.

use crate::kit::{ADDRESSES, KEYS, Random, address, block_hash, body, commit, fresh_root, key, random_diff, receipts};
use lockstep_store::{Settings, Store, StoreError, View};
use lockstep_vm::{Account, B256, MemoryState, StateReader, ValueHead};
use redb::backends::InMemoryBackend;
use std::collections::BTreeMap;

/// Asserts that a view says what the model says, and proves it.
pub(crate) fn assert_is(view: &View, model: &MemoryState, context: &str) {
    let root = view.root();
    let mut accounts = BTreeMap::new();
    view.for_each_account(|address, account| {
        accounts.insert(*address, account.clone());
        Ok(())
    })
    .unwrap();
    assert_eq!(accounts, model.accounts, "{context}");
    for number in 0..=ADDRESSES {
        let address = address(number);
        let account = view.account(&address).unwrap();
        assert_eq!(account.as_ref(), model.accounts.get(&address), "{context}");
        if let Some(id) = account.and_then(|account| account.code) {
            assert_eq!(view.code(&id.hash).unwrap().unwrap(), model.code[&id.hash], "{context}");
        }
        let proof = view.prove_account(&address).unwrap();
        let proven = proof.verify(&root, &address).unwrap().map(|leaf| Account::try_from(&leaf.account).unwrap());
        assert_eq!(proven.as_ref(), model.accounts.get(&address), "{context}");
        let values = model.storage.get(&address).cloned().unwrap_or_default();
        assert_eq!(view.values(&address).unwrap(), values, "{context}");
        for key in (0..=KEYS).map(key) {
            let head = view.storage_head(&address, &key).unwrap();
            let expected = values.get(&key).map(|value| match value.len() {
                0..=1_024 => ValueHead::Known(value.clone().into()),
                bytes => ValueHead::Unread { bytes: bytes as u32 },
            });
            assert_eq!(head, expected, "{context}");
            let value = view.storage(&address, &key).unwrap();
            let value = value.map(|value| value.to_vec());
            assert_eq!(value.as_deref(), values.get(&key).map(Vec::as_slice), "{context}");
            let proof = view.prove_storage(&address, &key).unwrap();
            let proven = proof.verify(&root, &address, &key).unwrap();
            assert_eq!(proven, values.get(&key).map(Vec::as_slice), "{context}");
        }
    }
}

fn run(seed: u64, steps: u64, settings: Settings) {
    eprintln!("seed {seed}");
    let mut random = Random(seed);
    let store = Store::with_backends(InMemoryBackend::new(), InMemoryBackend::new(), settings).unwrap();
    let first = random.below(3);
    let mut states: BTreeMap<u64, (MemoryState, B256)> = BTreeMap::new();
    let mut held: Vec<(View, MemoryState)> = Vec::new();
    for step in 0..steps {
        let tip = states.keys().next_back().copied();
        let context = format!("seed {seed}, step {step}, tip {tip:?}");
        match (tip, random.below(10)) {
            (Some(tip), 0) => {
                let oldest = *states.keys().next().unwrap();
                let target = oldest + random.below(tip - oldest + 1);
                store.rollback(target).unwrap();
                states.retain(|&height, _| height <= target);
            }
            (Some(tip), 1) => {
                let keep = random.below(6);
                store.prune(keep, &mut |_, _| {}).unwrap();
                states.retain(|&height, _| height + keep.max(1) > tip);
            }
            (_, 2) => store.fold().unwrap(),
            (tip, _) => {
                let height = tip.map_or(first, |tip| tip + 1);
                let mut state = tip.map(|tip| states[&tip].0.clone()).unwrap_or_default();
                let diff = random_diff(&mut random, &state);
                state.apply(&diff);
                let root = commit(&store, height, &diff);
                assert_eq!(root, fresh_root(&state), "the root depends on more than the content: {context}");
                states.insert(height, (state, root));
            }
        }
        let Some(tip) = store.tip().unwrap() else { continue };
        assert_eq!(Some(&tip.height), states.keys().next_back(), "{context}");
        assert_eq!(Some(&tip.oldest), states.keys().next(), "{context}");
        assert_eq!((tip.hash, tip.root), (block_hash(tip.height), states[&tip.height].1));
        let (&height, (state, root)) = states.iter().nth(random.below(states.len() as u64) as usize).unwrap();
        let view = store.view(height).unwrap();
        assert_eq!((view.root(), store.root(height).unwrap()), (*root, *root), "{context}");
        assert_eq!(store.receipts(height).unwrap(), receipts(height), "{context}");
        assert_eq!(store.body(height).unwrap().as_deref(), body(height), "{context}");
        assert_is(&view, state, &context);
        if random.below(10) == 0 {
            held.push((view, state.clone()));
        }
        let beyond = tip.height + 1;
        let error = StoreError::NotKept { height: beyond, oldest: tip.oldest, tip: tip.height };
        assert_eq!(store.root(beyond).unwrap_err(), error);
    }
    for (height, (state, _)) in &states {
        assert_is(&store.view(*height).unwrap(), state, &format!("seed {seed}, height {height} at the end"));
    }
    // What came after a view was made has not reached it.
    for (view, state) in &held {
        assert_is(view, state, &format!("seed {seed}, a view of height {} that was kept", view.height()));
    }
    // What no kept height has is gone, also of storages that ended.
    let Some((state, _)) = states.into_values().next_back() else { return };
    drop(held);
    store.prune(1, &mut |_, _| {}).unwrap();
    let stats = store.stats().unwrap();
    let rows = |name: &str| stats.tables.iter().find(|table| table.name == name).map(|table| table.rows as usize);
    let values = || state.storage.values().flat_map(BTreeMap::values);
    let long = values().filter(|value| value.len() > 1_024).count();
    assert_eq!((rows("values"), rows("undo")), (Some(long), Some(0)), "seed {seed}: long values at the end");
    assert_eq!(rows("rows"), Some(state.accounts.len() + values().count()), "seed {seed}: leaves at the end");
}

#[test]
fn the_store_is_a_map_at_every_height() {
    // Folded by each commit, by some, and only where the test says so; pages kept in memory and not.
    for (seed, fold_blocks) in (1..).zip([64, 1, 3, 64, 7, 2]) {
        run(seed, 50, Settings { fold_blocks, pages_bytes: 1 << (8 + 2 * seed), ..Settings::default() });
    }
}
