//! A long life: blocks, rollbacks and prunings for ever take bounded space. `cargo run -p lockstep-benches --bin soak` is
//! the long form.

use crate::kit::{address, busy_diff, commit};
use lockstep_store::{EMPTY_ROOT, FILE_NAME, Store, check};
use lockstep_vm::{Account, StateDiff, StorageDiff};
use std::fs;

#[test]
fn a_pruned_chain_takes_bounded_space() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let size = || fs::metadata(folder.path().join(FILE_NAME)).unwrap().len();
    let mut sizes = Vec::new();
    for height in 0..1_200 {
        commit(&store, height, &busy_diff(height, 10));
        if height % 40 == 39 {
            store.rollback(height - 5).unwrap();
            (height - 4..=height).for_each(|height| {
                commit(&store, height, &busy_diff(height, 10));
            });
            assert!(store.prune(20, &mut |_, _| {}).unwrap() > 0);
            sizes.push(size());
        }
    }
    // redb makes its file larger by doubling.
    assert!(sizes[29] <= sizes[14], "bytes of the file after each 40 blocks: {sizes:?}");
    drop(store);
    assert_eq!(check(folder.path(), &mut |_, _| {}).unwrap().differences, Vec::<String>::new());
}

/// A storage that ends does so in one step, and its rows go in a pruning, however many they are.
#[test]
fn a_large_storage_ends_in_one_step() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let values = (0..45_000_u64).map(|number| (number.to_be_bytes().to_vec(), Some(vec![7; 40]))).collect();
    let owner = address(1);
    let account = Account { nonce: 1, ..Account::default() };
    let full = StateDiff {
        accounts: [(owner, Some(account.clone()))].into(),
        storage: [(owner, StorageDiff { cleared: false, values })].into(),
        ..StateDiff::default()
    };
    let root = commit(&store, 0, &full);
    let gone = StateDiff {
        accounts: [(owner, None)].into(),
        storage: [(owner, StorageDiff { cleared: true, ..StorageDiff::default() })].into(),
        ..StateDiff::default()
    };
    let pending = store.pending(&[], &crate::kit::block_of(1, &gone, &[])).unwrap();
    assert!(pending.permutations() < 10, "{} permutations", pending.permutations());
    assert_eq!(commit(&store, 1, &gone), EMPTY_ROOT);
    // Back, and once more: the values are there.
    store.fold().unwrap();
    store.rollback(0).unwrap();
    assert_eq!(store.latest().unwrap().values(&owner).unwrap().len(), 45_000);
    assert_eq!(store.tip().unwrap().unwrap().root, root);
    commit(&store, 1, &gone);
    commit(&store, 2, &full);
    assert_eq!(store.view(0).unwrap().values(&owner).unwrap().len(), 45_000);
    store.fold().unwrap();
    let before = store.view(0).unwrap();
    assert_eq!(before.values(&owner).unwrap().len(), 45_000);
    drop(before);
    drop(store);
    assert_eq!(check(folder.path(), &mut |_, _| {}).unwrap().differences, Vec::<String>::new());
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.prune(1, &mut |_, _| {}), Ok(2));
    assert_eq!(store.latest().unwrap().values(&owner).unwrap().len(), 45_000);
    drop(store);
    let checked = check(folder.path(), &mut |_, _| {}).unwrap();
    assert_eq!(checked.differences, Vec::<String>::new());
    assert!(checked.rows < 60_000, "{} rows are left of one storage", checked.rows);
}
