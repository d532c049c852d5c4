//! Ranges, changes and chunks of states, each verified by the crate `lockstep-proof` alone, against a model.

use crate::{
    kit::{Random, address, commit, random_diff},
    model::assert_is,
};
use lockstep_proof::{
    AccountChange, Chunk, FIRST_KEY, Hash, KeyRange, LAST_KEY, StorageChanges, account_key, storage_key,
    storage_value_hash,
};
use lockstep_store::{CHUNK_BYTES, ChunkOf, Expected, Missing, SnapshotHead, Store, StoreError, View};
use lockstep_vm::{Abi, Account, Address, B256, CodeId, MemoryState, StateDiff, StorageDiff, code_hash};
use std::collections::{BTreeMap, BTreeSet};

/// A store and the state at each height; some heights are in the log.
fn grown(heights: u64) -> (Store, Vec<MemoryState>) {
    let (mut random, store) = (Random(91), Store::memory().unwrap());
    let mut states: Vec<MemoryState> = Vec::new();
    for height in 0..heights {
        let mut state = states.last().cloned().unwrap_or_default();
        let diff = random_diff(&mut random, &state);
        state.apply(&diff);
        commit(&store, height, &diff);
        states.push(state);
        if height == heights / 2 {
            store.fold().unwrap();
        }
    }
    (store, states)
}

fn range(random: &mut Random, keys: &[Hash]) -> KeyRange {
    let mut end = || {
        let mut key = match random.below(4) {
            0 => [[0; 32], [0xff; 32]][random.below(2) as usize],
            1 => random.bytes(32).try_into().unwrap(),
            _ => keys.get(random.below(keys.len() as u64 + 1) as usize).copied().unwrap_or([7; 32]),
        };
        key[31] = key[31].wrapping_add([0, 1, 255][random.below(3) as usize]);
        key
    };
    let (one, other) = (end(), end());
    KeyRange { first: one.min(other), last: one.max(other) }
}

/// Accounts of a state by key hash.
fn accounts(state: &MemoryState) -> BTreeMap<Hash, (Address, Account)> {
    state.accounts.iter().map(|(address, account)| (account_key(address), (*address, account.clone()))).collect()
}

#[test]
fn ranges_of_every_height_are_those_of_the_model() {
    let (store, states) = grown(24);
    let mut random = Random(5);
    for (height, state) in (0..).zip(&states) {
        let view = store.view(height).unwrap();
        let (root, there) = (view.root(), accounts(state));
        let keys: Vec<Hash> = there.keys().copied().collect();
        for bytes_max in [usize::MAX, 400, 0] {
            let range = range(&mut random, &keys);
            let (proven, proof) = view.prove_account_range(&range, bytes_max).unwrap();
            assert!(proven.first == range.first && proven.last <= range.last);
            let shown = proof.verify(&root, &proven).unwrap();
            let expected: Vec<Address> = there.range(proven.first..=proven.last).map(|(_, (at, _))| *at).collect();
            assert_eq!(shown.iter().map(|(at, _)| Address::from(*at)).collect::<Vec<_>>(), expected, "height {height}");
            let other = KeyRange { last: range.last, ..KeyRange::ALL };
            if let Some(beyond) = keys.iter().find(|key| other.holds(key) && !proven.holds(key)) {
                assert!(proof.verify(&root, &other).is_err(), "{beyond:?} is left out");
            }
            let owner = address(random.below(13));
            let values: BTreeMap<Hash, (Vec<u8>, Vec<u8>)> = (state.storage.get(&owner).into_iter().flatten())
                .map(|(key, value)| (storage_key(key), (key.clone(), value.clone())))
                .collect();
            let range = self::range(&mut random, &values.keys().copied().collect::<Vec<_>>());
            let (proven, proof) = view.prove_storage_range(&owner, &range, bytes_max).unwrap();
            let shown = proof.verify(&root, &owner, &proven).unwrap();
            let expected: Vec<_> = values.range(proven.first..=proven.last).map(|(_, value)| value.clone()).collect();
            assert_eq!(shown, expected, "height {height}");
        }
    }
    let turned = KeyRange { first: [1; 32], last: [0; 32] };
    let refused = store.latest().unwrap().prove_account_range(&turned, 1);
    assert!(matches!(refused, Err(StoreError::Refused(_))));
}

/// What `changes` make of `state` is what the accounts in the range are afterwards.
fn apply(state: &MemoryState, changes: &[AccountChange]) -> MemoryState {
    let mut after = state.clone();
    for change in changes {
        let address = Address::from(change.address);
        match &change.new {
            Some(leaf) => drop(after.accounts.insert(address, Account::try_from(&leaf.account).unwrap())),
            None => drop(after.accounts.remove(&address)),
        }
        let storage = after.storage.entry(address).or_default();
        match &change.storage {
            StorageChanges::Unchanged => {}
            StorageChanges::Gone => storage.clear(),
            StorageChanges::Whole(values) => *storage = values.iter().cloned().collect(),
            StorageChanges::Changed { values, .. } => {
                for value in values {
                    let old = storage.get(&value.key).map(|value| storage_value_hash(value));
                    assert_eq!(old, value.old, "what it was");
                    match &value.new {
                        Some(new) => drop(storage.insert(value.key.clone(), new.clone())),
                        None => drop(storage.remove(&value.key)),
                    }
                }
            }
        }
        if storage.is_empty() {
            after.storage.remove(&address);
        }
    }
    after
}

#[test]
fn changes_between_any_two_heights_are_those_of_the_model() {
    let (store, states) = grown(20);
    let mut random = Random(6);
    for old in 0..states.len() {
        for _ in 0..4 {
            let new = random.below(states.len() as u64) as usize;
            let views: [View; 2] = [old, new].map(|height| store.view(height as u64).unwrap());
            let roots = [views[0].root(), views[1].root()];
            let all = views[1].prove_changes(&views[0], &KeyRange::ALL).unwrap();
            let shown = all.verify(&roots[0], &roots[1], &KeyRange::ALL).unwrap();
            let after = apply(&states[old], shown);
            let expected = &states[new];
            assert_eq!((&after.accounts, &after.storage), (&expected.accounts, &expected.storage), "{old} to {new}");
            let range = range(&mut random, &accounts(expected).keys().copied().collect::<Vec<_>>());
            let part = views[1].prove_changes(&views[0], &range).unwrap();
            let shown_part = part.verify(&roots[0], &roots[1], &range).unwrap();
            let inside: Vec<_> =
                shown.iter().filter(|change| range.holds(&account_key(&change.address))).cloned().collect();
            assert_eq!(shown_part, inside, "{old} to {new}");
            if shown_part.len() < shown.len() {
                assert!(part.verify(&roots[0], &roots[1], &KeyRange::ALL).is_err(), "{old} to {new}");
            }
        }
    }
}

/// A state with storages of every size, code that several have, and a large storage.
fn large() -> (Store, MemoryState, SnapshotHead, Vec<Chunk>) {
    let (store, mut diff) = (Store::memory().unwrap(), StateDiff::default());
    let mut random = Random(13);
    let ids = [0_u8, 1, 2].map(|byte| {
        let code = vec![byte; 6_000];
        let id = CodeId::of(&code, Abi::Ewasm);
        diff.code.insert(code_hash(&code), code);
        id
    });
    for number in 0..3_000 {
        let id = ids[number as usize % 3];
        let account = Account { nonce: number + 1, code: (number % 5 == 0).then_some(id), ..Account::default() };
        diff.accounts.insert(address(number), Some(account));
        let count = if number == 77 { 40_000 } else { number % 4 };
        let values = (0..count).map(|at| (at.to_le_bytes().to_vec(), Some(random.bytes(40)))).collect();
        diff.storage.insert(address(number), StorageDiff { cleared: false, values });
    }
    commit(&store, 0, &diff);
    let mut state = MemoryState::default();
    state.apply(&diff);
    let mut chunks = Vec::new();
    let view = store.view(0).unwrap();
    view.chunks(&mut |chunk| {
        chunks.push(chunk.clone());
        Ok(())
    })
    .unwrap();
    let head = SnapshotHead { height: 0, hash: view.hash(), root: view.root() };
    (store, state, head, chunks)
}

#[test]
fn chunks_come_in_any_order_and_twice_and_an_import_goes_on() {
    let (store, state, head, chunks) = large();
    let kinds = |chunks: &[Chunk]| {
        let count = |kind: fn(&Chunk) -> bool| chunks.iter().filter(|chunk| kind(chunk)).count();
        [
            count(|chunk| matches!(chunk, Chunk::Accounts(_))),
            count(|chunk| matches!(chunk, Chunk::Storage(_))),
            count(|chunk| matches!(chunk, Chunk::Code(_))),
        ]
    };
    let [accounts, storage, code] = kinds(&chunks);
    assert!(accounts > 0 && storage > 1 && code == 3, "{accounts} {storage} {code}");
    for chunk in &chunks {
        assert_eq!(chunk.verify(&head.root), Ok(()));
        assert!(chunk.verify(&B256::ZERO).is_err());
        assert!(borsh::to_vec(chunk).unwrap().len() < 2 << 20);
    }
    let whole = store.export(0).unwrap().1;
    for seed in 0..3 {
        let (mut random, mut order) = (Random(seed), chunks.clone());
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at as u64 + 1) as usize);
        }
        let other = Store::memory().unwrap();
        let mut import = other.begin_import(&head, &Expected::default()).unwrap();
        assert_eq!(import.missing(), Some(Missing::Accounts(KeyRange::ALL)));
        let half = order.len() / 2;
        order[..half].iter().for_each(|chunk| import.put(chunk).unwrap());
        import.write().unwrap();
        let missing = import.missing();
        drop(import);
        // The next one goes on; nothing else can be done with the store.
        assert!(other.is_importing().unwrap());
        let refused = other.commit(&crate::kit::block_of(0, &StateDiff::default(), &[])).unwrap_err();
        assert!(refused.to_string().contains("an import was begun"), "{refused}");
        let mut import = other.begin_import(&head, &Expected::default()).unwrap();
        assert_eq!(import.missing(), missing);
        // Some come a second time.
        order[half / 2..].iter().for_each(|chunk| import.put(chunk).unwrap());
        assert_eq!(import.missing(), None);
        assert_eq!(import.finish().unwrap(), head);
        assert_is(&other.view(0).unwrap(), &state, "imported");
        assert_eq!(other.export(0).unwrap().1, whole);
        assert_eq!(commit(&other, 1, &StateDiff::default()), head.root);
    }
}

/// A state by asking for what is missing, in chunks of any size, at a height that is in the log or folded.
#[test]
fn a_state_is_had_by_asking_for_what_is_missing() {
    let (store, state, head, _) = large();
    let (chain, states) = grown(12);
    let mut random = Random(17);
    for bytes_max in [CHUNK_BYTES, 400_000] {
        had_by_asking(&store, &head, &state, bytes_max);
    }
    for bytes_max in [usize::MAX, 60_000, 900] {
        let height = random.below(12);
        let view = chain.view(height).unwrap();
        let head = SnapshotHead { height, hash: view.hash(), root: view.root() };
        had_by_asking(&chain, &head, &states[height as usize], bytes_max);
    }
    // Parts that there are not.
    let view = store.view(0).unwrap();
    let (nobody, backwards) = (address(9_999), KeyRange { first: LAST_KEY, last: FIRST_KEY });
    for part in [
        ChunkOf::Accounts(backwards),
        ChunkOf::Storage(address(77), backwards),
        ChunkOf::Storage(nobody, KeyRange::ALL),
        ChunkOf::Code(nobody),
    ] {
        let refused = view.chunk(&part, CHUNK_BYTES).unwrap_err();
        assert!(matches!(refused, StoreError::Refused(_)), "{part:?}: {refused}");
    }
}

fn had_by_asking(store: &Store, head: &SnapshotHead, state: &MemoryState, bytes_max: usize) {
    let (view, other) = (store.view(head.height).unwrap(), Store::memory().unwrap());
    let mut import = other.begin_import(head, &Expected::default()).unwrap();
    let mut codes = BTreeSet::new();
    while let Some(missing) = import.missing() {
        let chunk = view.chunk(&missing.into(), bytes_max).unwrap();
        assert_eq!(chunk.verify(&head.root), Ok(()));
        assert!(borsh::to_vec(&chunk).unwrap().len() < bytes_max.saturating_add(1 << 20), "{bytes_max}");
        if let Chunk::Accounts(chunk) = &chunk {
            for (address, leaf, _) in chunk.accounts() {
                if let Some(id) = leaf.account.code.filter(|id| codes.insert(id.hash)) {
                    let code = view.chunk(&ChunkOf::Code((*address).into()), bytes_max).unwrap();
                    assert!(matches!(&code, Chunk::Code(code) if code_hash(&code.code).0 == id.hash));
                    import.put(&code).unwrap();
                }
            }
        }
        import.put(&chunk).unwrap();
        assert_ne!(import.missing(), Some(missing), "nothing came of a chunk");
    }
    assert_eq!(import.finish().unwrap(), *head);
    assert_is(&other.view(head.height).unwrap(), state, "asked for");
}

#[test]
fn what_is_missing_of_a_snapshot_is_named() {
    let (_, _, head, chunks) = large();
    let without = |kind: fn(&Chunk) -> bool| {
        let other = Store::memory().unwrap();
        let mut import = other.begin_import(&head, &Expected::default()).unwrap();
        let left_out = chunks.iter().position(kind).unwrap();
        for (at, chunk) in chunks.iter().enumerate() {
            if at != left_out {
                import.put(chunk).unwrap();
            }
        }
        let error = import.finish().unwrap_err();
        assert!(error.is_invalid());
        assert_eq!(other.tip().unwrap(), None);
        // What is missing can still come.
        let mut import = other.begin_import(&head, &Expected::default()).unwrap();
        import.put(&chunks[left_out]).unwrap();
        assert_eq!(import.finish().unwrap(), head);
        error.to_string()
    };
    let accounts = without(|chunk| matches!(chunk, Chunk::Accounts(_)));
    assert!(accounts.contains("it lacks accounts from key hash"), "{accounts}");
    let storage = without(|chunk| matches!(chunk, Chunk::Storage(_)));
    assert!(storage.contains(&format!("it lacks storage of {}", address(77))), "{storage}");
    let code = without(|chunk| matches!(chunk, Chunk::Code(_)));
    assert!(code.contains("the code of") && code.contains("is not there"), "{code}");
}

/// A chunk of another state is refused, and leaves the import as it was.
#[test]
fn a_chunk_of_another_state_is_refused() {
    let (store, states) = grown(12);
    let (old, new) = (store.view(5).unwrap(), store.view(11).unwrap());
    assert_ne!(states[5], states[11]);
    let other = Store::memory().unwrap();
    let head = SnapshotHead { height: 11, hash: new.hash(), root: new.root() };
    let mut import = other.begin_import(&head, &Expected::default()).unwrap();
    old.chunks(&mut |chunk| {
        assert!(matches!(import.put(chunk), Err(StoreError::Refused(_))));
        Ok(())
    })
    .unwrap();
    new.chunks(&mut |chunk| import.put(chunk)).unwrap();
    assert_eq!(import.finish().unwrap(), head);
    assert_is(&other.view(11).unwrap(), &states[11], "imported");
    let elsewhere = Expected { root: Some(B256::ZERO), ..Expected::default() };
    let refused = Store::memory().unwrap().begin_import(&head, &elsewhere).err().unwrap();
    assert!(matches!(refused, StoreError::Refused(_)));
}
