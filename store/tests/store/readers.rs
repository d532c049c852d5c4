//! A database that one store writes and others look at: what they see is a whole state that there was.

use crate::kit::{Random, address, block_of, body, busy_diff, commit, receipts};
use lockstep_store::{FILE_NAME, LOG_NAME, Settings, Store, StoreError};
use lockstep_vm::{B256, StateDiff, StateReader};
use std::{
    collections::BTreeMap,
    fs,
    sync::atomic::{AtomicU64, Ordering},
};

const CHANGES: u64 = 6;

/// The roots of the chain that these tests commit.
fn roots(blocks: u64) -> Vec<B256> {
    let store = Store::memory().unwrap();
    (0..blocks).map(|height| commit(&store, height, &busy_diff(height, CHANGES))).collect()
}

#[test]
fn a_reader_sees_what_is_folded_and_what_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (mut random, mut there) = (Random(3), BTreeMap::new());
    let store = Store::open(folder.path()).unwrap();
    let empty = Store::open_read_only(folder.path()).unwrap();
    assert_eq!(empty.tip(), Ok(None));
    for step in 0..60 {
        let tip = there.keys().next_back().copied();
        match (tip, random.below(8)) {
            (Some(_), 0) => store.fold().unwrap(),
            (Some(tip), 1) => {
                let oldest = *there.keys().next().unwrap();
                let target = oldest + random.below(tip - oldest + 1);
                store.rollback(target).unwrap();
                there.retain(|height, _| *height <= target);
            }
            (Some(tip), 2) => {
                store.prune(5, &mut |_, _| {}).unwrap();
                there.retain(|height, _| height + 5 > tip);
            }
            (tip, _) => {
                let height = tip.map_or(0, |tip| tip + 1);
                there.insert(height, commit(&store, height, &busy_diff(height, CHANGES)));
            }
        }
        let reader = Store::open_read_only(folder.path()).unwrap();
        let tip = reader.tip().unwrap();
        assert_eq!(tip, store.tip().unwrap(), "step {step}");
        for (&height, root) in &there {
            assert_eq!(reader.root(height).as_ref(), Ok(root), "step {step}, height {height}");
            assert_eq!(reader.receipts(height).unwrap(), receipts(height));
            assert_eq!(reader.body(height).unwrap().as_deref(), body(height));
        }
        if let Some((&height, root)) = there.iter().nth(random.below(there.len() as u64) as usize) {
            let view = reader.view(height).unwrap();
            let mut count = 0;
            view.for_each_account(|_, _| {
                count += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!((view.root(), count > 0), (*root, true));
        }
        reader.close().unwrap();
    }
    // One that is held sees what there was when it was opened.
    assert_eq!(empty.tip(), Ok(None));
}

/// Readers come while blocks are committed and folded, and see some height as it was.
#[test]
fn a_reader_beside_a_busy_writer_sees_a_height_as_it_was() {
    let blocks = 150;
    let roots = roots(blocks);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_with(folder.path(), Settings { fold_blocks: 3, ..Settings::default() }).unwrap();
    commit(&store, 0, &busy_diff(0, CHANGES));
    let acknowledged = AtomicU64::new(0);
    let mut seen = BTreeMap::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for height in 1..blocks {
                commit(&store, height, &busy_diff(height, CHANGES));
                acknowledged.store(height, Ordering::SeqCst);
            }
        });
        while acknowledged.load(Ordering::SeqCst) + 1 < blocks {
            let before = acknowledged.load(Ordering::SeqCst);
            let reader = Store::open_read_only(folder.path()).unwrap();
            let tip = reader.tip().unwrap().unwrap();
            // What was acknowledged before it opened is there, and at most one block more than afterwards.
            let after = acknowledged.load(Ordering::SeqCst);
            assert!((before..=after + 1).contains(&tip.height), "{before} to {after}: {}", tip.height);
            assert_eq!(tip.root, roots[tip.height as usize]);
            reader.latest().unwrap().for_each_account(|_, _| Ok(())).unwrap();
            *seen.entry(tip.height).or_insert(0) += 1;
        }
    });
    assert!(seen.len() > 5, "{seen:?}");
}

/// A reader that is used for long lets go of what it looks at, and the file does not grow with it; so does its view.
#[test]
fn a_reader_lives_for_its_foldings() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let grow = |from: u64, to: u64| {
        for height in from..to {
            commit(&store, height, &busy_diff(height, CHANGES));
            store.fold().unwrap();
            store.prune(2, &mut |_, _| {}).unwrap();
        }
    };
    grow(0, 10);
    let reader = Store::open_read_only(folder.path()).unwrap();
    let (root, view) = (reader.root(9).unwrap(), reader.view(9).unwrap());
    let foldings = Settings::default().view_foldings as u64;
    grow(10, 9 + foldings);
    assert_eq!((reader.root(9), view.account(&address(1)).is_ok()), (Ok(root), true));
    grow(9 + foldings, 10 + foldings);
    for _ in 0..2 {
        assert_eq!(reader.root(9), Err(StoreError::Expired));
    }
    assert!(view.account(&address(1)).is_err());
    let bytes = || fs::metadata(folder.path().join(FILE_NAME)).unwrap().len();
    grow(10 + foldings, 30 + foldings);
    let before = bytes();
    grow(30 + foldings, 30 + 3 * foldings);
    assert_eq!(bytes(), before, "what the reader looked at is free");
    drop(view);
    reader.close().unwrap();
    let again = Store::open_read_only(folder.path()).unwrap();
    assert_eq!(again.tip().unwrap(), store.tip().unwrap());
}

#[test]
fn a_reader_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Store::open_read_only(folder.path()).map(drop).unwrap_err();
    assert!(matches!(missing, StoreError::Database(_)), "{missing}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let store = Store::open(folder.path()).unwrap();
    for height in 0..9 {
        commit(&store, height, &busy_diff(height, CHANGES));
        if height == 4 {
            store.fold().unwrap();
        }
    }
    drop(store);
    let files = || [FILE_NAME, LOG_NAME].map(|name| fs::read(folder.path().join(name)).unwrap());
    let before = files();
    let mut reader = Store::open_read_only(folder.path()).unwrap();
    let nothing = StateDiff::default();
    let snapshot = reader.export(3).unwrap().1;
    for refused in [
        reader.commit(&block_of(9, &nothing, &[])).map(drop),
        reader.fold(),
        reader.rollback(2),
        reader.prune(1, &mut |_, _| {}).map(drop),
        reader.import(&snapshot, &lockstep_store::Expected::default()).map(drop),
        reader.compact(),
    ] {
        assert_eq!(refused, Err(StoreError::ReadOnly));
    }
    assert_eq!(reader.tip().unwrap().unwrap().height, 8, "a refusal ends nothing");
    // Several look at once, and one that writes comes beside them.
    let other = Store::open_read_only(folder.path()).unwrap();
    assert!(files() == before);
    let store = Store::open(folder.path()).unwrap();
    commit(&store, 9, &busy_diff(9, CHANGES));
    assert_eq!(other.tip().unwrap().unwrap().height, 8);
    reader.close().unwrap();
}

/// What a crash leaves is mended by the process that opens it to write, and by no other.
#[test]
fn what_a_crash_left_is_not_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for height in 0..9 {
        commit(&store, height, &busy_diff(height, CHANGES));
    }
    store.fold().unwrap();
    commit(&store, 9, &busy_diff(9, CHANGES));
    let crashed = tempfile::tempdir().unwrap();
    for name in [FILE_NAME, LOG_NAME] {
        fs::copy(folder.path().join(name), crashed.path().join(name)).unwrap();
    }
    assert_eq!(Store::open_read_only(crashed.path()).map(drop), Err(StoreError::Unrepaired));
    assert_eq!(Store::open(crashed.path()).unwrap().tip().unwrap().unwrap().height, 9);
    assert_eq!(Store::open_read_only(crashed.path()).unwrap().tip().unwrap().unwrap().height, 9);
}
