//! Views that are held: for so many foldings and no longer, so that the file stays what it is. And copies of a database.

use crate::kit::{block_of, body, busy_diff, commit, receipts};
use lockstep_store::{FILE_NAME, LOG_NAME, Settings, Store, StoreError, check};
use lockstep_vm::{Fault, StateReader};
use std::fs;

#[test]
fn a_view_lives_for_its_foldings() {
    for view_foldings in [1, 2, 5] {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { fold_blocks: 2, view_foldings, ..Settings::default() };
        let store = Store::open_with(folder.path(), settings).unwrap();
        for height in 0..6 {
            commit(&store, height, &busy_diff(height, 5));
        }
        store.fold().unwrap();
        let (view, past) = (store.latest().unwrap(), store.view(2).unwrap());
        let address = crate::kit::address(3);
        let before = view.values(&crate::kit::address(7)).unwrap();
        for folding in 1..=view_foldings as u64 + 2 {
            for held in [&view, &past] {
                let read = held.for_each_account(|_, _| Ok(()));
                match folding <= view_foldings as u64 {
                    true => assert_eq!(read, Ok(()), "{folding} of {view_foldings}"),
                    false => {
                        assert_eq!(read, Err(StoreError::Expired), "{folding} of {view_foldings}");
                        assert!(matches!(held.code(&held.root()), Err(Fault::State(_))));
                    }
                }
            }
            // Pruning and going back within the log make no view older.
            store.prune(4, &mut |_, _| {}).unwrap();
            let tip = store.tip().unwrap().unwrap().height;
            commit(&store, tip + 1, &busy_diff(tip + 1, 5));
            store.fold().unwrap();
        }
        let tip = store.tip().unwrap().unwrap();
        let now = store.latest().unwrap();
        assert!(now.account(&address).is_ok() && now.root() == tip.root, "the store goes on");
        drop((before, view, past, now));
        store.close().unwrap();
        assert_eq!(check(folder.path(), &mut |_, _| {}).unwrap().differences, Vec::<String>::new());
    }
}

/// Bytes of the file after a chain that one view was held through.
fn bytes_with_a_held_view(view_foldings: usize) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { fold_blocks: 1, view_foldings, ..Settings::default() };
    let store = Store::open_with(folder.path(), settings).unwrap();
    commit(&store, 0, &busy_diff(0, 200));
    store.fold().unwrap();
    let held = store.latest().unwrap();
    for height in 1..200 {
        commit(&store, height, &busy_diff(height, 20));
        if height % 20 == 0 {
            store.prune(2, &mut |_, _| {}).unwrap();
        }
    }
    drop(held);
    fs::metadata(folder.path().join(FILE_NAME)).unwrap().len()
}

#[test]
fn a_view_that_is_held_does_not_make_the_file_grow() {
    let (bounded, unbounded) = (bytes_with_a_held_view(8), bytes_with_a_held_view(usize::MAX));
    assert!(bounded * 2 < unbounded, "{bounded} bytes where it ends, {unbounded} where it does not");
}

#[test]
fn a_backup_is_the_chain_with_its_past() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_with(folder.path(), Settings { fold_blocks: 1_000, ..Settings::default() }).unwrap();
    let to = |name: &str| folder.path().join(name);
    assert_eq!(store.backup(&to("empty"), &mut |_, _| {}), Err(StoreError::Empty));
    for (name, blocks, folds) in [("log", 0..6, false), ("both", 6..12, true), ("folded", 12..14, true)] {
        for height in blocks.clone() {
            commit(&store, height, &busy_diff(height, 30));
            if folds && height + 3 == blocks.end {
                store.fold().unwrap();
                store.prune(8, &mut |_, _| {}).unwrap();
            }
        }
        if name == "folded" {
            store.fold().unwrap();
        }
        let held = store.latest().unwrap();
        let (mut last, mut steps) = ((0, 0), 0);
        let tip = store.backup(&to(name), &mut |done, all| {
            (last, steps) = ((done, all), steps + 1);
        });
        assert_eq!(tip, Ok(store.tip().unwrap().unwrap()), "{name}");
        assert!(steps > 0 && last.0 <= last.1, "{name}: {last:?}");
        // Both go on, and the one that is copied is looked at meanwhile.
        let copy = Store::open(&to(name)).unwrap();
        let tip = store.tip().unwrap().unwrap();
        for height in tip.oldest..=tip.height {
            assert_eq!(copy.root(height), store.root(height), "{name}");
            assert_eq!(copy.receipts(height).unwrap(), receipts(height));
            assert_eq!(copy.body(height).unwrap().as_deref(), body(height));
            assert_eq!(copy.view(height).unwrap().root(), store.root(height).unwrap());
        }
        let (diff, receipts) = (busy_diff(tip.height + 1, 30), receipts(tip.height + 1));
        copy.commit(&block_of(tip.height + 1, &diff, &receipts)).unwrap();
        copy.rollback(tip.oldest).unwrap();
        assert!(held.for_each_account(|_, _| Ok(())).is_ok());
        copy.close().unwrap();
        assert_eq!(check(&to(name), &mut |_, _| {}).unwrap().differences, Vec::<String>::new(), "{name}");
        let refused = store.backup(&to(name), &mut |_, _| {}).unwrap_err();
        assert!(matches!(&refused, StoreError::Refused(why) if why.contains("already")), "{refused}");
    }
    // A reader beside the writer makes one as well.
    let reader = Store::open_read_only(folder.path()).unwrap();
    commit(&store, 14, &busy_diff(14, 30));
    assert_eq!(reader.backup(&to("read"), &mut |_, _| {}).unwrap().height, 13);
    assert_eq!(check(&to("read"), &mut |_, _| {}).unwrap().differences, Vec::<String>::new());
}

/// What is left of a copy that was interrupted is no database.
#[test]
fn half_a_backup_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("chain")).unwrap();
    for height in 0..6 {
        commit(&store, height, &busy_diff(height, 30));
    }
    store.fold().unwrap();
    let to = folder.path().join("half");
    let mut steps = 0;
    let interrupted = store.backup(&to, &mut |_, _| {
        steps += 1;
        assert!(steps < 5, "the power fails");
    });
    assert!(matches!(interrupted, Err(StoreError::Damaged(_))), "{interrupted:?}");
    fs::write(to.join(LOG_NAME), b"").unwrap();
    for refused in [Store::open(&to).map(drop), check(&to, &mut |_, _| {}).map(drop)] {
        assert!(matches!(refused, Err(StoreError::Foreign(_))), "{refused:?}");
    }
}
