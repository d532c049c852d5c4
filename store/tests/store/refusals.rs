//! What the store refuses, and how it says so.

use crate::kit::{address, block_hash, block_of, busy_diff, commit, receipts, redb_in};
use lockstep_store::{ExecutedBlock, FILE_NAME, FORMAT_VERSION, HEIGHT_MAX, Store, StoreError, check};
use lockstep_vm::{Abi, Account, B256, CodeId, StateDiff, StorageDiff};
use std::{fs, path::Path};

fn try_commit(store: &Store, height: u64, hash: B256, diff: &StateDiff) -> Result<B256, StoreError> {
    store.commit(&ExecutedBlock { hash, ..block_of(height, diff, &[]) })
}

//= spec 8.9 test
#[test]
fn a_block_follows_or_is_refused() {
    let store = Store::memory().unwrap();
    let nothing = StateDiff::default();
    assert_eq!(store.tip().unwrap(), None);
    assert_eq!(store.root(0), Err(StoreError::Empty));
    assert_eq!(store.rollback(0), Err(StoreError::Empty));
    assert_eq!(store.prune(1, &mut |_, _| {}), Ok(0));
    let beyond = HEIGHT_MAX + 1;
    let height = |actual, expected| Err(StoreError::Height { actual, expected });
    assert_eq!(try_commit(&store, beyond, block_hash(0), &nothing), height(beyond, HEIGHT_MAX));
    for number in 3..8 {
        commit(&store, number, &nothing);
    }
    store.prune(3, &mut |_, _| {}).unwrap();
    let root = store.root(7).unwrap();
    let other = B256::repeat_byte(0xee);
    for (number, hash, expect) in [
        (9, block_hash(9), height(9, 8)),
        (6, block_hash(6), Ok(root)),
        (7, other, Err(StoreError::OtherBlock { height: 7, committed: block_hash(7), actual: other })),
        (5, other, Err(StoreError::OtherBlock { height: 5, committed: block_hash(5), actual: other })),
        (4, block_hash(4), Err(StoreError::NotKept { height: 4, oldest: 5, tip: 7 })),
    ] {
        assert_eq!(try_commit(&store, number, hash, &nothing), expect, "height {number}");
    }
    let (actual, expected) = (other, block_hash(7));
    let stranger = ExecutedBlock { parent_hash: other, ..block_of(8, &nothing, &[]) };
    assert_eq!(store.commit(&stranger), Err(StoreError::Parent { actual, expected }));
    assert_eq!(store.rollback(4), Err(StoreError::NotKept { height: 4, oldest: 5, tip: 7 }));
    assert_eq!(store.rollback(8), Err(StoreError::NotKept { height: 8, oldest: 5, tip: 7 }));
    assert_eq!(store.tip().unwrap().unwrap().height, 7);
}

/// A block that is there already is the same in everything that is kept of it, or it is refused.
#[test]
fn a_block_that_is_there_is_compared() {
    let store = Store::memory().unwrap();
    let diff = |height| busy_diff(height, 3);
    let roots: Vec<B256> = (0..6).map(|height| commit(&store, height, &diff(height))).collect();
    store.prune(4, &mut |_, _| {}).unwrap();
    let (false_root, false_diff) = (Some(B256::repeat_byte(7)), busy_diff(77, 3));
    for height in 2..6 {
        let root = roots[height as usize];
        let (there, changes) = (receipts(height), diff(height));
        let same = block_of(height, &changes, &there);
        let false_receipts = [there.as_slice(), &receipts(1)].concat();
        assert_eq!(store.commit(&same), Ok(root));
        assert_eq!(store.commit(&ExecutedBlock { root: Some(root), ..same }), Ok(root));
        let hash = B256::repeat_byte(9);
        let error = store.commit(&ExecutedBlock { hash, ..same });
        assert_eq!(error, Err(StoreError::OtherBlock { height, committed: block_hash(height), actual: hash }));
        let error = store.commit(&ExecutedBlock { root: false_root, ..same });
        assert_eq!(error, Err(StoreError::Root { actual: B256::repeat_byte(7), expected: root }));
        let error = store.commit(&ExecutedBlock { body: Some(b"another"), ..same });
        assert_eq!(error, if same.body.is_some() { Err(StoreError::OtherBody { height }) } else { Ok(root) });
        assert_eq!(store.commit(&ExecutedBlock { body: None, ..same }), Ok(root));
        let error = store.commit(&ExecutedBlock { receipts: &false_receipts, ..same });
        assert!(matches!(error, Err(StoreError::OtherReceipts { committed, actual, .. }) if committed != actual));
        // The diff is compared by the root that it results in, where the state before is kept.
        let error = store.commit(&ExecutedBlock { diff: &false_diff, ..same });
        match height {
            2 => assert_eq!(error, Ok(root)),
            _ => assert!(matches!(error, Err(StoreError::Root { expected, .. }) if expected == root), "{error:?}"),
        }
    }
    assert_eq!(store.tip().unwrap().unwrap().root, roots[5]);
}

#[test]
fn a_diff_that_contradicts_the_state_changes_nothing() {
    let store = Store::memory().unwrap();
    commit(&store, 0, &StateDiff { accounts: [(address(1), Some(Account::default()))].into(), ..StateDiff::default() });
    let code = CodeId::of(b"code", Abi::Ewasm);
    let with_code = [(address(2), Some(Account { code: Some(code), ..Account::default() }))];
    let longer = CodeId { bytes: 5, ..code };
    let with_longer = [(address(3), Some(Account { code: Some(longer), ..Account::default() }))];
    let the_code = [(code.hash, b"code".to_vec())];
    let value = |address| [(address, StorageDiff { cleared: false, values: [(vec![1], Some(vec![2]))].into() })];
    let long = StorageDiff { cleared: false, values: [(vec![0; 65_536], Some(vec![2]))].into() };
    for diff in [
        StateDiff { storage: value(address(2)).into(), ..StateDiff::default() },
        StateDiff { accounts: [(address(1), None)].into(), storage: value(address(1)).into(), ..StateDiff::default() },
        StateDiff { accounts: with_code.clone().into(), ..StateDiff::default() },
        StateDiff {
            accounts: with_code.clone().into(),
            code: [(code.hash, b"othe".to_vec())].into(),
            ..StateDiff::default()
        },
        // Another length than the code has: alone, and beside an account that says it right.
        StateDiff { accounts: with_longer.clone().into(), code: the_code.clone().into(), ..StateDiff::default() },
        StateDiff {
            accounts: with_code.into_iter().chain(with_longer).collect(),
            code: the_code.into(),
            ..StateDiff::default()
        },
        StateDiff { storage: [(address(1), long)].into(), ..StateDiff::default() },
    ] {
        let error = try_commit(&store, 1, block_hash(1), &diff).unwrap_err();
        assert!(matches!(error, StoreError::Diff(_)), "{error}");
        assert!(error.is_invalid());
        assert_eq!(store.tip().unwrap().unwrap().height, 0);
    }
    commit(&store, 1, &StateDiff::default());
}

#[test]
fn what_is_no_database_of_ours_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE_NAME);
    let error = Store::open_existing(folder.path()).unwrap_err().to_string();
    assert!(error.starts_with("not a database of lockstep: there is no "), "{error}");
    for bytes in [b"LOCKSTEP and so on".as_slice(), &[0; 8_192]] {
        fs::write(&file, bytes).unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::Foreign(_)), "{error}");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    fs::remove_file(&file).unwrap();
    let table: redb::TableDefinition<'_, u64, u64> = redb::TableDefinition::new("theirs");
    let redb = redb::Database::create(&file).unwrap();
    let transaction = redb.begin_write().unwrap();
    transaction.open_table(table).unwrap().insert(1, 2).unwrap();
    transaction.commit().unwrap();
    drop(redb);
    let error = Store::open(folder.path()).unwrap_err();
    assert_eq!(error, StoreError::Foreign("it has a table theirs".into()));
}

/// The file of a format before blocks had checksums: redb begins it.
#[test]
fn a_file_without_checksums_of_blocks_is_refused_by_its_format() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE_NAME);
    let redb = redb::Database::create(&file).unwrap();
    let meta: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("meta");
    let writing = redb.begin_write().unwrap();
    let row = [7_u32.to_le_bytes().as_slice(), &[9; 8]].concat();
    writing.open_table(meta).unwrap().insert(b"format".as_slice(), row.as_slice()).unwrap();
    writing.commit().unwrap();
    type Open = fn(&Path) -> Result<(), StoreError>;
    let open: [Open; 3] = [
        |path| Store::open(path).map(drop),
        |path| Store::open_read_only(path).map(drop),
        |path| check(path, &mut |_, _| {}).map(drop),
    ];
    for open in open {
        assert_eq!(open(folder.path()).unwrap_err(), StoreError::InUse);
    }
    drop(redb);
    let before = fs::read(&file).unwrap();
    for open in open {
        let error = open(folder.path()).unwrap_err();
        assert_eq!(error, StoreError::Format { actual: 7, expected: FORMAT_VERSION });
        assert_eq!(fs::read(&file).unwrap(), before);
    }
}

#[test]
fn another_format_is_refused_and_left_as_it_is() {
    for other in [FORMAT_VERSION - 1, FORMAT_VERSION + 1] {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path()).unwrap());
        let meta: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("meta");
        let redb = redb_in(folder.path());
        let transaction = redb.begin_write().unwrap();
        if other < FORMAT_VERSION {
            // The table of values came with this one.
            transaction.delete_table(redb::TableDefinition::<'_, &[u8], &[u8]>::new("values")).unwrap();
        }
        transaction.open_table(meta).unwrap().insert(b"format".as_slice(), other.to_le_bytes().as_slice()).unwrap();
        transaction.commit().unwrap();
        drop(redb);
        let error = Store::open(folder.path()).unwrap_err();
        assert_eq!(error, StoreError::Format { actual: other, expected: FORMAT_VERSION });
        assert_eq!(error.to_string(), format!("format version {other}; this lockstep reads version {FORMAT_VERSION}"));
        let redb = redb_in(folder.path());
        let tables = redb::ReadableDatabase::begin_read(&redb).unwrap().list_tables().unwrap().count();
        assert_eq!(tables, if other < FORMAT_VERSION { 11 } else { 12 }, "a refusal makes no table");
    }
}

/// A body of several rows goes where its block goes: into the log, into the database, away with a rollback or a pruning.
#[test]
fn a_body_is_kept_with_its_block() {
    let folder = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..3_000_000_u32).map(|at| (at / 7) as u8).collect();
    let nothing = StateDiff::default();
    let commit = |store: &Store, height: u64, body: Option<&[u8]>| {
        store.commit(&ExecutedBlock { body, ..block_of(height, &nothing, &[]) }).unwrap();
    };
    let store = Store::open(folder.path()).unwrap();
    let bodies = [Some(large.as_slice()), None, Some(&[]), Some(&large[..1_048_576]), Some(&large[7..])];
    for (height, body) in (0..).zip(bodies) {
        commit(&store, height, body);
    }
    let same = |store: &Store, from: u64| {
        for (height, body) in (0..).zip(bodies).skip(from as usize) {
            assert_eq!(store.body(height).unwrap().as_deref(), body, "height {height}");
        }
    };
    same(&store, 0);
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    same(&store, 0);
    store.fold().unwrap();
    same(&store, 0);
    // Another block at the same height has its own.
    store.rollback(3).unwrap();
    commit(&store, 4, Some(b"other"));
    assert_eq!(store.body(4).unwrap().as_deref(), Some(b"other".as_slice()));
    store.rollback(3).unwrap();
    commit(&store, 4, bodies[4]);
    store.prune(3, &mut |_, _| {}).unwrap();
    same(&store, 2);
    store.close().unwrap();
    let checked = lockstep_store::check(folder.path(), &mut |_, _| {}).unwrap();
    assert_eq!(checked.differences, Vec::<String>::new());
}

#[test]
fn a_store_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(Store::open(folder.path()).unwrap_err(), StoreError::InUse);
    store.close().unwrap();
    Store::open(folder.path()).unwrap();
}
