//! What binds a row, by kind: a row of each kind is changed, taken away, or is what it once was, with the checksum that it had.
//! redb says that all is well. Nothing that is read is wrong, no work loses what was still there before it, and the check finds
//! the damage, or a fold mends it.

use crate::{
    disk::{Bytes, Disk},
    kit::rounds,
    lost_writes::{Chain, Rows, Step, Table, live_on, look, rows},
};
use lockstep_store::{FILE_NAME, LOG_NAME, Settings, Store, StoreError, check};
use lockstep_vm::StateReader;
use std::{collections::BTreeMap, fs};

/// Every table.
const TABLES: [&str; 12] = [
    "meta",
    "blocks",
    "receipts",
    "rows",
    "undo",
    "changes",
    "pages",
    "code",
    "code_uses",
    "ended",
    "bodies",
    "values",
];

/// Two forks, storages and codes that come and go; at the end what no height has is not swept yet.
const STEPS: [Step; 20] = {
    use Step::{Back, Fold, Grow, Prune};
    [
        Grow(0),
        Grow(0),
        Grow(0),
        Grow(0),
        Fold,
        Grow(0),
        Grow(0),
        Fold,
        Back(2),
        Grow(1),
        Grow(1),
        Grow(1),
        Fold,
        Prune(4),
        Grow(1),
        Fold,
        Grow(1),
        Grow(1),
        Fold,
        Grow(1),
    ]
};

fn settings() -> Settings {
    Settings { pages_bytes: 0, ..Settings::default() }
}

/// Every content that each row had on the way.
type Was = BTreeMap<(String, Vec<u8>), Vec<Vec<u8>>>;

/// A chain, and its rows.
fn life() -> (Bytes, Chain, Was) {
    let (disk, mut chain, mut was) = (Disk::default(), Chain::new(), Was::new());
    for step in STEPS {
        let (store, after) = live_on(&disk, &settings(), chain, &[step]);
        let store = store.unwrap();
        chain = after;
        if let Step::Grow(_) = step {
            drop(store);
        } else {
            // One step of a pruning more leaves storages that are not swept.
            let tip = *chain.keys().next_back().unwrap();
            if tip == 8 {
                assert!(!store.prune_step(4).unwrap().is_last);
                chain.retain(|height, _| height + 4 > tip);
            }
            drop(store);
        }
        for (place, row) in rows(&disk.bytes()) {
            let contents = was.entry(place).or_default();
            if !contents.contains(&row) {
                contents.push(row);
            }
        }
    }
    (disk.bytes(), chain, was)
}

/// The database with another row, or without it.
fn with(bytes: &Bytes, (table, key): &(String, Vec<u8>), row: Option<&[u8]>) -> Bytes {
    let disk = Disk::of(bytes);
    let redb = disk.redb();
    let writing = redb.begin_write().unwrap();
    {
        let mut rows = writing.open_table(Table::new(table)).unwrap();
        match row {
            Some(row) => drop(rows.insert(key.as_slice(), row).unwrap()),
            None => drop(rows.remove(key.as_slice()).unwrap()),
        }
    }
    writing.commit().unwrap();
    drop(redb);
    disk.bytes()
}

/// What is different in a database.
fn differences(bytes: &Bytes) -> Result<usize, StoreError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [FILE_NAME, LOG_NAME].iter().zip(bytes) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    check(folder.path(), &mut |_, _| {}).map(|checked| checked.differences.len())
}

/// What is still read of a height.
fn readable(store: &Store, height: u64) -> Vec<bool> {
    let mut found = vec![store.receipts(height).is_ok(), store.body(height).is_ok()];
    let view = store.view(height);
    for address in (0..6).map(crate::kit::address) {
        let account = view.as_ref().map(|view| view.account(&address));
        let code = account.as_ref().is_ok_and(|account| match account {
            Ok(Some(account)) => {
                account.code.is_none_or(|id| matches!(view.as_ref().unwrap().code(&id.hash), Ok(Some(_))))
            }
            Ok(None) => true,
            Err(_) => false,
        });
        let values = view.as_ref().is_ok_and(|view| view.values(&address).is_ok());
        found.extend([code, values]);
    }
    found
}

type Work = fn(&Store, &Chain) -> Result<(u64, u64), StoreError>;

/// Works that write rows, each with the first height that is left and the last.
const WORKS: [(&str, Work); 3] = [
    ("pruning", |store, chain| {
        store.prune(1, &mut |_, _| {})?;
        let tip = *chain.keys().next_back().unwrap();
        Ok((tip, tip))
    }),
    ("going back and pruning", |store, chain| {
        let to = *chain.keys().next().unwrap();
        store.rollback(to)?;
        store.prune(1, &mut |_, _| {})?;
        Ok((to, to))
    }),
    ("folding", |store, chain| {
        store.fold()?;
        Ok((*chain.keys().next().unwrap(), *chain.keys().next_back().unwrap()))
    }),
];

/// Does each work with a database. Returns whether something was refused, whether something could not be read, and whether all is
/// well after a fold.
fn try_works(wrong: &Bytes, chain: &Chain, what: &str) -> [bool; 3] {
    let (mut refused, mut lost, mut healed) = (false, false, false);
    for (name, work) in WORKS {
        let what = format!("{what}, {name}");
        let disk = Disk::of(wrong);
        let Ok(store) = disk.open(&settings()) else {
            refused = true;
            continue;
        };
        if store.tip().is_ok_and(|tip| tip.is_none()) {
            panic!("{what}: it says that there is no block");
        }
        lost |= !look(&store, chain, &what);
        let before: BTreeMap<u64, Vec<bool>> = chain.keys().map(|at| (*at, readable(&store, *at))).collect();
        drop(store);
        let opened = disk.open(&settings());
        let done = opened.and_then(|store| work(&store, chain));
        refused |= done.is_err();
        let Ok(store) = disk.open(&settings()) else {
            refused = true;
            continue;
        };
        let tip = store.tip().unwrap().unwrap();
        if let Ok(heights) = done {
            assert_eq!((tip.oldest, tip.height), heights, "{what}");
        }
        let left: Chain = chain.clone().into_iter().filter(|(at, _)| (tip.oldest..=tip.height).contains(at)).collect();
        if look(&store, &left, &what) && name == "folding" {
            healed = true;
        }
        let mut both = before[&tip.height].iter().zip(readable(&store, tip.height));
        assert!(both.all(|(before, after)| !before || after), "{what}: something of the last height was lost");
    }
    [refused, lost, healed]
}

#[test]
fn every_row_is_bound_by_something() {
    let (bytes, chain, was) = life();
    let now: Rows = rows(&bytes);
    assert_eq!(differences(&bytes), Ok(0));
    let mut cases = Vec::new();
    for (place, contents) in &was {
        let there = now.get(place);
        let mut rows: Vec<Option<Vec<u8>>> =
            contents.iter().filter(|row| there != Some(*row)).cloned().map(Some).collect();
        if let Some(row) = there {
            rows.push(None);
            for at in [0, row.len() / 3, row.len() - 1] {
                let mut row = row.clone();
                row[at] ^= 1;
                rows.push(Some(row));
            }
        }
        cases.extend(rows.into_iter().map(|row| (place, row)));
    }
    let mut tally = BTreeMap::<&str, [u32; 4]>::new();
    let step = (cases.len() / rounds(150, 100_000) as usize).max(1);
    // Kinds with few rows are tried whole.
    let few = |table: &str| cases.iter().filter(|((name, _), _)| name == table).count() <= 40;
    for (at, (place, row)) in cases.iter().enumerate() {
        let (table, key) = place;
        if at % step != 0 && !few(table) {
            continue;
        }
        let kind = match row {
            None => "gone",
            Some(row) if was[*place].contains(row) => "as it was",
            Some(_) => "changed",
        };
        let what = format!("{table} {key:x?}: {kind}");
        let wrong = with(&bytes, place, row.as_deref());
        let found = differences(&wrong);
        let [refused, lost, healed] = try_works(&wrong, &chain, &what);
        let is_found = !matches!(found, Ok(0));
        let counts = tally.entry(table).or_default();
        counts[0] += 1;
        counts[1] += u32::from(is_found);
        counts[2] += u32::from(refused);
        counts[3] += u32::from(lost);
        // A check folds the blocks of the log first, which writes some rows anew.
        assert!(is_found || healed, "{what}: the check finds nothing");
    }
    eprintln!("table: tried, found by the check, refused, read with an error: {tally:#?}");
    for table in TABLES {
        assert!(tally.get(table).is_some_and(|[tried, ..]| *tried > 1), "{table}");
    }
}
