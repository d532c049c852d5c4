//! A disk that loses one write without a word, while a chain goes back and on along other forks: what is read afterwards
//! are rows that were right once, with right checksums. Each read returns the truth of the last fork, or an error.

use crate::{
    disk::{Bytes, Disk},
    kit::{KEYS, address, key, rounds},
};
use lockstep_store::{ExecutedBlock, Settings, Store, StoreError};
use lockstep_vm::{
    Abi, Account, B256, CodeId, Gas, MemoryState, Outcome, Receipt, StateDiff, StateReader, StorageDiff, U256,
};
use redb::ReadableDatabase;
use redb::TableHandle;
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// A block of a fork, and what is true after it.
#[derive(Clone)]
pub(crate) struct Said {
    hash: B256,
    parent_hash: B256,
    diff: StateDiff,
    receipts: Vec<Receipt>,
    body: Vec<u8>,
    state: MemoryState,
}

pub(crate) type Chain = BTreeMap<u64, Said>;

/// What a fork does at a height. Every third height does the same on each fork, and has another block all the same.
fn diff_of(fork: u64, height: u64) -> StateDiff {
    let fork = if height.is_multiple_of(3) { 0 } else { fork };
    let mut diff = StateDiff::default();
    for number in 0..3 + (fork + height) % 3 {
        let value = |at: u64| match (height + at) % 5 {
            0 => None,
            1 => Some(vec![(fork * 16 + at) as u8; 1_100]),
            _ => Some([[fork, height, at].map(u64::to_be_bytes).concat(), vec![1; 9]].concat()),
        };
        let values = (0..3).map(|at| (key((height + fork + at) % KEYS), value(at))).collect();
        diff.storage.insert(address(number), StorageDiff { cleared: false, values });
        let code = vec![fork as u8, number as u8];
        let id = CodeId::of(&code, Abi::Ewasm);
        diff.code.insert(id.hash, code);
        let account = Account { nonce: height, balance: U256::from(1 + fork), code: Some(id) };
        diff.accounts.insert(address(number), Some(account));
    }
    if height % 5 == 4 {
        let gone = address(fork % 3);
        diff.accounts.insert(gone, None);
        diff.storage.insert(gone, StorageDiff { cleared: true, ..StorageDiff::default() });
    }
    diff
}

fn next(chain: &Chain, fork: u64) -> (u64, Said) {
    let (height, parent_hash, mut state) = match chain.last_key_value() {
        Some((height, said)) => (height + 1, said.hash, said.state.clone()),
        None => (0, B256::ZERO, MemoryState::default()),
    };
    let diff = diff_of(fork, height);
    state.apply(&diff);
    let receipt = |number: u64| Receipt {
        outcome: Outcome::Return,
        gas_used: Gas::new(fork * 100 + number),
        output: vec![fork as u8; 5],
        logs: Vec::new(),
        created: None,
    };
    let hash = B256::from(U256::from(1 + fork * 1_000 + height));
    let receipts = (0..1 + (fork + height) % 2).map(receipt).collect();
    let body = vec![fork as u8 + 1; 20 + (fork * 10) as usize];
    (height, Said { hash, parent_hash, diff, receipts, body, state })
}

/// Steps of a life: each is a call that changes the store, and the chain afterwards.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    Grow(u64),
    Back(u64),
    Fold,
    Prune(u64),
    Compact,
    Reopen,
}

/// Forks that begin at several heights, in the database and in the log.
const LIFE: [Step; 31] = {
    use Step::{Back, Compact, Fold, Grow, Prune, Reopen};
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
        Back(2),
        Grow(2),
        Grow(2),
        Fold,
        Reopen,
        Grow(2),
        Back(3),
        Grow(3),
        Prune(5),
        Grow(3),
        Fold,
        Back(3),
        Grow(4),
        Fold,
        Compact,
        Grow(4),
        Grow(4),
        Reopen,
    ]
};

/// Lives as far as the store goes. Returns it with the chain that it acknowledged, or why it did not go on, and whether
/// every step was done.
fn live(disk: &Disk, settings: &Settings, steps: &[Step]) -> (Result<Store, StoreError>, Chain) {
    live_on(disk, settings, Chain::new(), steps)
}

/// The same with a chain that is there.
pub(crate) fn live_on(
    disk: &Disk,
    settings: &Settings,
    mut chain: Chain,
    steps: &[Step],
) -> (Result<Store, StoreError>, Chain) {
    let mut store = match disk.open(settings) {
        Ok(store) => store,
        Err(error) => return (Err(error), chain),
    };
    for step in steps {
        let mut after = chain.clone();
        let done = match *step {
            Step::Grow(fork) => {
                let (height, said) = next(&chain, fork);
                let Said { hash, parent_hash, diff, receipts, body, .. } = &said;
                let (hash, parent_hash, body) = (*hash, *parent_hash, Some(body.as_slice()));
                let block = ExecutedBlock { height, hash, parent_hash, diff, receipts, body, root: None };
                let done = store.commit(&block);
                if let Ok(root) = &done {
                    assert_eq!(*root, crate::kit::fresh_root(&said.state), "the root of height {height}");
                }
                after.insert(height, said);
                done.map(drop)
            }
            Step::Back(to) => {
                after.retain(|height, _| *height <= to);
                store.rollback(to)
            }
            Step::Fold => store.fold(),
            Step::Prune(keep) => {
                let tip = *chain.keys().next_back().unwrap();
                after.retain(|height, _| height + keep > tip);
                store.prune(keep, &mut |_, _| {}).map(drop)
            }
            Step::Compact => store.compact(),
            Step::Reopen => {
                drop(store);
                match disk.open(settings) {
                    Ok(opened) => store = opened,
                    Err(error) => return (Err(error), chain),
                }
                let tip = chain.last_key_value().map(|(height, said)| (*height, said.hash));
                store.tip().map(|there| assert_eq!(there.map(|there| (there.height, there.hash)), tip, "the tip"))
            }
        };
        if let Err(error) = done {
            assert!(!error.is_invalid(), "the fault of this node is said of somebody else: {error}");
            return (Err(error), chain);
        }
        chain = after;
    }
    (Ok(store), chain)
}

fn same<T: PartialEq + core::fmt::Debug, E: core::fmt::Display>(found: Result<T, E>, truth: &T, what: &str) -> bool {
    found.map(|found| assert_eq!(found, *truth, "{what}")).is_ok()
}

/// Whether all is there; what is there is the truth.
pub(crate) fn look(store: &Store, chain: &Chain, what: &str) -> bool {
    let mut all = true;
    let (oldest, tip) = (*chain.keys().next().unwrap(), *chain.keys().next_back().unwrap());
    match store.tip() {
        Ok(there) => {
            let there = there.unwrap();
            assert_eq!((there.oldest, there.height, there.hash), (oldest, tip, chain[&tip].hash), "{what}: the tip");
        }
        Err(_) => return false,
    }
    for (height, Said { hash, receipts, body, state, .. }) in chain {
        let what = format!("{what}, height {height}");
        all &= same(store.block_hash(*height), hash, &what);
        all &= same(store.receipts(*height), receipts, &what);
        all &= same(store.body(*height), &Some(body.clone()), &what);
        all &= same(store.root(*height), &crate::kit::fresh_root(state), &what);
        let Ok(view) = store.view(*height) else {
            all = false;
            continue;
        };
        for address in (0..6).map(address) {
            all &= same(view.account(&address), &state.accounts.get(&address).cloned(), &what);
            let values = state.storage.get(&address).cloned().unwrap_or_default();
            all &= same(view.values(&address), &values, &what);
            for key in (0..KEYS).map(key) {
                all &= same(view.value(&address, &key), &values.get(&key).cloned(), &what);
            }
        }
        for (hash, code) in &state.code {
            if state.accounts.values().any(|account| account.code.is_some_and(|id| id.hash == *hash)) {
                match view.code(hash) {
                    Ok(Some(found)) => assert_eq!(found[..], code[..], "{what}"),
                    // Whoever has an account with it knows that it must be there.
                    Ok(None) | Err(_) => all = false,
                }
            }
        }
    }
    all
}

#[test]
fn a_lost_write_is_never_used() {
    let (mut tries, mut found, mut stopped, mut used) = (0, 0, 0, Vec::new());
    for fold_blocks in [64, 1] {
        let settings = Settings { fold_blocks, pages_bytes: 0, ..Settings::default() };
        let disk = Disk::default();
        let (store, truth) = live(&disk, &settings, &LIFE);
        assert!(look(&store.unwrap(), &truth, "no write is lost"));
        let writes = disk.writes();
        for at in (0..writes).step_by((writes / rounds(150, 100_000)).max(1) as usize) {
            let what = format!("write {at} of {writes} is lost, fold_blocks {fold_blocks}");
            let disk = Disk::default();
            disk.lose(at);
            let tried = catch_unwind(AssertUnwindSafe(|| {
                let (store, chain) = live(&disk, &settings, &LIFE);
                let Ok(store) = store else { return (1, 0) };
                // What is in memory is the truth, and what is on the disk.
                look(&store, &chain, &what);
                drop(store);
                let whole = |store: Store| look(&store, &chain, &what);
                (0, u32::from(!Disk::of(&disk.bytes()).open(&settings).is_ok_and(whole)))
            }));
            tries += 1;
            match tried {
                Ok((error, wrong)) => (stopped, found) = (stopped + error, found + wrong),
                Err(_) => used.push(what),
            }
        }
    }
    eprintln!("{tries} writes were lost: {stopped} lives ended with an error, {found} looks");
    assert!(used.is_empty(), "{used:#?}");
    assert!(stopped + found > 20);
}

/// The rows of a database, by table and key.
pub(crate) type Rows = BTreeMap<(String, Vec<u8>), Vec<u8>>;

pub(crate) fn rows(bytes: &Bytes) -> Rows {
    let (redb, mut rows) = (Disk::of(bytes).redb(), Rows::new());
    let reading = redb.begin_read().unwrap();
    for table in reading.list_tables().unwrap() {
        let name = table.name().to_owned();
        let table = reading.open_table(Table::new(&name)).unwrap();
        for row in table.range::<&[u8]>(..).unwrap() {
            let (key, value) = row.unwrap();
            rows.insert((name.clone(), key.value().to_vec()), value.value().to_vec());
        }
    }
    rows
}

pub(crate) type Table<'a> = redb::TableDefinition<'a, &'static [u8], &'static [u8]>;

/// Every row that another fork had, in the place of the one that is there, beside it, or gone with it: redb says that all is
/// well, and so does the checksum of a row. What is read is the truth of the last fork, or an error.
#[test]
fn a_row_of_another_fork_is_never_used() {
    let (settings, disk) = (Settings { pages_bytes: 0, ..Settings::default() }, Disk::default());
    let (_, before) = live(&disk, &settings, &LIFE[..8]);
    let old = rows(&disk.bytes());
    let (store, truth) = live_on(&disk, &settings, before, &LIFE[8..17]);
    drop(store);
    let (bytes, now) = (disk.bytes(), rows(&disk.bytes()));
    let changes = |(place, row): (&(String, Vec<u8>), &Vec<u8>)| {
        let row = if now.get(place) == Some(row) { None } else { Some(row.clone()) };
        (place.clone(), row)
    };
    let cases: BTreeMap<_, _> = now.keys().map(|place| (place.clone(), None)).chain(old.iter().map(changes)).collect();
    let (mut errors, mut replaced) = (BTreeMap::new(), BTreeMap::new());
    for ((table, key), row) in &cases {
        let what = format!("{table} {key:x?}: {}", if row.is_some() { "of the other fork" } else { "gone" });
        let disk = Disk::of(&bytes);
        {
            let redb = disk.redb();
            let writing = redb.begin_write().unwrap();
            let mut rows = writing.open_table(Table::new(table)).unwrap();
            match row {
                Some(row) => drop(rows.insert(key.as_slice(), row.as_slice()).unwrap()),
                None => drop(rows.remove(key.as_slice()).unwrap()),
            }
            drop(rows);
            writing.commit().unwrap();
        }
        let all = match disk.open(&settings) {
            Ok(store) => look(&store, &truth, &what),
            Err(_) => false,
        };
        *errors.entry(table.as_str()).or_insert(0) += u32::from(!all);
        *replaced.entry(table.as_str()).or_insert(0) +=
            u32::from(row.is_some() && now.contains_key(&(table.clone(), key.clone())));
        assert!(
            !all || row.is_none() || !now.contains_key(&(table.clone(), key.clone())) || table == "code_uses",
            "{what}"
        );
    }
    eprintln!("rows of another fork in the place of one: {replaced:?}; errors: {errors:?}");
    for table in ["meta", "blocks", "receipts", "rows", "undo", "changes"] {
        assert!(replaced[table] > 0 && errors[table] > 0, "{table}");
    }
}
