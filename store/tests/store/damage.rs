//! Damage to the file: each flipped bit is found, or it is in no place that matters.

use crate::kit::{Random, body, busy_diff, commit, random_diff, redb_in, rounds};
use lockstep_store::{FILE_NAME, LOG_NAME, Settings, Store, StoreError, View, check};
use lockstep_vm::{Abi, Account, Address, B256, CodeId, MemoryState};
use std::{collections::BTreeMap, fs, path::Path};

/// What the checksums of the database begin with.
const SALT: u64 = 0x5a17;

/// Everything that the store says.
type Everything = BTreeMap<u64, (B256, Vec<(Address, Account, BTreeMap<Vec<u8>, Vec<u8>>)>)>;

fn everything(folder: &Path) -> Result<Everything, StoreError> {
    let store = Store::open_existing(folder)?;
    let mut found = BTreeMap::new();
    let Some(tip) = store.tip()? else { return Ok(found) };
    for height in tip.oldest..=tip.height {
        let view: View = store.view(height)?;
        let mut accounts = Vec::new();
        view.for_each_account(|address, account| {
            accounts.push((*address, account.clone(), view.values(address)?));
            Ok(())
        })?;
        store.receipts(height)?;
        assert_eq!(store.body(height)?.as_deref(), body(height));
        found.insert(height, (view.root(), accounts));
    }
    Ok(found)
}

fn sound(folder: &Path) {
    let checked = check(folder, &mut |_, _| {}).unwrap();
    assert_eq!(checked.differences, Vec::<String>::new());
    assert!(checked.rows > 0);
}

/// A small database with everything that one can have: code, destroyed storages, a pruned past.
fn small(folder: &Path) {
    // With a salt of its own, which the rows that are changed here need.
    let store = Store::open_with(folder, Settings { salt: Some(SALT), ..Settings::default() }).unwrap();
    let mut random = Random(5);
    let mut state = MemoryState::default();
    for height in 0..30 {
        let diff = random_diff(&mut random, &state);
        state.apply(&diff);
        commit(&store, height, &diff);
    }
    store.rollback(27).unwrap();
    store.prune(6, &mut |_, _| {}).unwrap();
    store.close().unwrap();
}

#[test]
fn a_sound_database_has_no_difference_and_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    let files = || [FILE_NAME, LOG_NAME].map(|name| fs::read(folder.path().join(name)).unwrap());
    let before = files();
    sound(folder.path());
    assert!(files() == before);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(check(folder.path(), &mut |_, _| {}), Err(StoreError::InUse));
    for height in 28..70 {
        commit(&store, height, &busy_diff(height, 4));
        if height % 10 == 0 {
            store.rollback(height - 3).unwrap();
            (height - 2..=height).for_each(|height| {
                commit(&store, height, &busy_diff(height, 4));
            });
            store.prune(9, &mut |_, _| {}).unwrap();
        }
    }
    drop(store);
    sound(folder.path());
}

/// Blocks that are in the log alone are not lost with it, as where somebody copies one file of the two.
#[test]
fn a_database_without_its_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for height in 1..5 {
        commit(&store, height, &busy_diff(height, 4));
    }
    // As after a crash: nothing is folded.
    drop(store);
    let log = folder.path().join(LOG_NAME);
    let kept = fs::read(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let refused = [Store::open(folder.path()), Store::open_read_only(folder.path())].map(|store| store.map(drop));
    let found = check(folder.path(), &mut |_, _| {}).unwrap().differences;
    for text in refused.map(|refused| refused.unwrap_err().to_string()).iter().chain(&found) {
        assert!(text.contains(LOG_NAME) && text.contains("both files"), "{text}");
    }
    assert_eq!(found.len(), 1);
    assert!(!log.exists(), "a refusal makes nothing");
    fs::write(&log, kept).unwrap();
    assert_eq!(Store::open(folder.path()).unwrap().tip().unwrap().unwrap().height, 4);
}

/// The file of the database from before a fold, a rollback or another life, and the log from after it: blocks would be gone.
#[test]
fn a_database_that_is_older_than_its_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [file, log] = [FILE_NAME, LOG_NAME].map(|name| folder.path().join(name));
    let mut olds = Vec::new();
    for life in 0..3 {
        let store = Store::open(folder.path()).unwrap();
        let from = store.tip().unwrap().map_or(0, |tip| tip.height + 1);
        for height in from..from + 3 {
            commit(&store, height, &busy_diff(height, 4));
        }
        match life {
            0 => store.fold().unwrap(),
            1 => store.rollback(1).unwrap(),
            _ => store.close().unwrap(),
        }
        olds.push(fs::read(&file).unwrap());
    }
    let newest = olds.pop().unwrap();
    for old in olds {
        fs::write(&file, &old).unwrap();
        let found = check(folder.path(), &mut |_, _| {}).unwrap().differences;
        let refused = [Store::open(folder.path()).map(drop)].map(|refused| refused.unwrap_err().to_string());
        for text in refused.iter().chain(&found) {
            assert!(text.contains("the last transaction of the database is lost"), "{text}");
        }
        assert_eq!(found.len(), 1);
    }
    // An older log is that of a fold which ended before the log began again.
    fs::write(&file, newest).unwrap();
    let tip = Store::open(folder.path()).unwrap().tip().unwrap();
    fs::write(&log, []).unwrap();
    assert_eq!(Store::open(folder.path()).unwrap().tip().unwrap(), tip);
}

#[test]
fn a_flipped_bit_is_found_or_harmless() {
    let seed = 99;
    eprintln!("seed {seed}");
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    let truth = everything(folder.path()).unwrap();
    let file = folder.path().join(FILE_NAME);
    let good = fs::read(&file).unwrap();
    let mut random = Random(seed);
    let used: Vec<usize> = (0..good.len()).filter(|&at| good[at] != 0).collect();
    let (mut found, mut harmless) = (0, 0);
    for round in 0..rounds(160, 1_000) {
        // The header, places that hold something, and any.
        let at = match round % 4 {
            0 => random.below(320) as usize,
            1 | 2 => used[random.below(used.len() as u64) as usize],
            _ => random.below(good.len() as u64) as usize,
        };
        let bit = random.below(8);
        let mut bytes = good.clone();
        bytes[at] ^= 1 << bit;
        fs::write(&file, &bytes).unwrap();
        let context = format!("seed {seed}, bit {bit} of byte {at}");
        match check(folder.path(), &mut |_, _| {}) {
            Ok(checked) if checked.differences.is_empty() => {
                assert_eq!(everything(folder.path()).unwrap(), truth, "{context} was not found");
                harmless += 1;
            }
            Ok(_) | Err(_) => found += 1,
        }
    }
    eprintln!("{found} found, {harmless} harmless");
    assert!(found > 10 && harmless > 10, "{found} found, {harmless} harmless");
}

/// The checksum of a row as docs/store.md says it.
fn checksum(of: [u64; 2], table: u8, key: &[u8], content: &[u8]) -> [u8; 8] {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |sum: u64, word: u64| (sum ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let mut sum = step(step(step(0, of[0]), of[1]), u64::from(table));
    for bytes in [key, content] {
        sum = step(sum, bytes.len() as u64);
        // Whole words, then the rest, which may be none.
        for at in (0..=bytes.len() / 8).map(|word| word * 8) {
            let mut word = [0; 8];
            let part = &bytes[at..bytes.len().min(at + 8)];
            word[..part.len()].copy_from_slice(part);
            sum = step(sum, u64::from_le_bytes(word));
        }
    }
    sum = (sum ^ (sum >> 32)).wrapping_mul(FACTOR);
    (sum ^ (sum >> 29)).to_le_bytes()
}

/// What is done to a row, with a checksum that is right or without.
#[derive(Debug, Clone, Copy)]
enum Change {
    Bit,
    BitAndChecksum,
    Removal,
    /// The same content once more, at another key.
    Addition,
}

/// Damage that redb's checksums do not see, because it was written through redb: rows that are damaged, or missing, or
/// contradict each other.
#[test]
fn rows_that_contradict_each_other_are_found() {
    let tables = ["blocks", "receipts", "rows", "undo", "changes", "pages", "code", "code_uses"];
    let tables = (1..).zip(tables).chain([(10, "bodies"), (11, "values")]);
    let changes = [Change::Bit, Change::BitAndChecksum, Change::Removal];
    let cases = tables.flat_map(|table| changes.map(|change| (table, change)));
    for ((number, table), change) in cases.chain([((11, "values"), Change::Addition)]) {
        let folder = tempfile::tempdir().unwrap();
        large(folder.path());
        let redb = redb_in(folder.path());
        let definition: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new(table);
        let transaction = redb.begin_write().unwrap();
        {
            let mut rows = transaction.open_table(definition).unwrap();
            let (key, value) = {
                let (key, value) = redb::ReadableTable::last(&rows).unwrap().unwrap();
                (key.value().to_vec(), value.value().to_vec())
            };
            let mut content = value[..value.len() - 8].to_vec();
            // A chain has as many forks as it went back from what was folded, at most.
            let is_of = |fork: &u64| checksum([SALT, *fork], number, &key, &content) == value[value.len() - 8..];
            let fork = (0..100).find(is_of).unwrap_or_else(|| panic!("{table}"));
            let by_height = matches!(table, "blocks" | "receipts" | "undo" | "changes" | "bodies");
            assert_eq!(fork != 0, by_height, "{table}: fork {fork}");
            if let Change::Removal = change {
                rows.remove(key.as_slice()).unwrap();
            } else if let Change::Addition = change {
                let mut key = key;
                *key.last_mut().unwrap() ^= 1;
                let sum = checksum([SALT, fork], number, &key, &content);
                rows.insert(key.as_slice(), [content.as_slice(), &sum].concat().as_slice()).unwrap();
            } else {
                *content.last_mut().unwrap() ^= 1;
                let sum = match change {
                    Change::BitAndChecksum => checksum([SALT, fork], number, &key, &content),
                    _ => value[value.len() - 8..].try_into().unwrap(),
                };
                rows.insert(key.as_slice(), [content.as_slice(), &sum].concat().as_slice()).unwrap();
            }
        }
        transaction.commit().unwrap();
        drop(redb);
        let checked = check(folder.path(), &mut |_, _| {});
        let found = checked.map(|checked| checked.differences);
        assert!(found.as_ref().is_ok_and(|found| !found.is_empty()), "{table}, {change:?}: {found:?}");
    }
}

/// A database that has a row in every table, and pages.
fn large(folder: &Path) {
    small(folder);
    let store = Store::open(folder).unwrap();
    for height in 28..34 {
        commit(&store, height, &busy_diff(height, 40));
    }
    let mut state = MemoryState::default();
    state.put_code(Address::repeat_byte(9), CodeId::of(b"code", Abi::Ewasm), b"code");
    state.put_storage(Address::repeat_byte(9), vec![1], vec![7; 3_000]);
    commit(&store, 34, &crate::kit::whole(&state));
    store.close().unwrap();
}

/// Checksums of two databases with the same content differ: whoever chooses what is stored does not know them.
#[test]
fn each_database_has_a_salt() {
    let rows = [(); 2].map(|()| {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        commit(&store, 1, &busy_diff(1, 4));
        store.close().unwrap();
        let redb = redb_in(folder.path());
        let definition: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("rows");
        let rows = redb::ReadableDatabase::begin_read(&redb).unwrap().open_table(definition).unwrap();
        let row = |row: redb::AccessGuard<'_, &[u8]>| row.value().to_vec();
        rows.range::<&[u8]>(..).unwrap().map(|found| row(found.unwrap().1)).collect::<Vec<_>>()
    });
    assert!(!rows[0].is_empty() && rows[0].len() == rows[1].len());
    for (one, other) in rows[0].iter().zip(&rows[1]) {
        let ((one, sum), (other, of_other)) = (one.split_at(one.len() - 8), other.split_at(other.len() - 8));
        assert!(one == other && sum != of_other);
    }
}
