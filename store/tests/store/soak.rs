//! A long life: blocks, rollbacks and prunings for ever take bounded space. `cargo run -p lockstep-benches --bin soak` is
//! the long form.

use crate::kit::{busy_diff, commit};
use lockstep_store::{FILE_NAME, Store, check};
use std::fs;

#[test]
fn a_pruned_chain_takes_bounded_space() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let size = || fs::metadata(folder.path().join(FILE_NAME)).unwrap().len();
    let mut sizes = Vec::new();
    for height in 0..400 {
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
    assert!(sizes[9] <= sizes[5], "bytes of the file after each 40 blocks: {sizes:?}");
    drop(store);
    assert_eq!(check(folder.path(), &mut |_, _| {}).unwrap().differences, Vec::<String>::new());
}
