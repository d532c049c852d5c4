//! A disk that lies: one flipped bit anywhere, and an old page of the file in the place of a new one. What is read is
//! the truth or an error, a block gets its own root or none, and no panic gets through.

use crate::{
    disk::{Bytes, Disk},
    kit::{
        ADDRESSES, KEYS, Random, address, block_of, body, busy_diff, commit, key, random_diff, receipts, rounds, whole,
    },
};
use lockstep_store::{Expected, FILE_NAME, LOG_NAME, Settings, Store, StoreError, check};
use lockstep_vm::{Account, B256, MemoryState, Receipt, StateDiff, StateReader};
use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// What is true at a height.
#[derive(Clone)]
struct Said {
    state: MemoryState,
    root: B256,
    receipts: Vec<Receipt>,
    body: Option<Vec<u8>>,
    /// What its block did.
    diff: StateDiff,
}

/// The truth about a chain, by height, and the next block.
struct Truth {
    said: BTreeMap<u64, Said>,
    next: (u64, Said),
    /// The export of the last height.
    export: Vec<u8>,
}

/// What is done with a chain at its end.
#[derive(Clone, Copy)]
enum End {
    Nothing,
    /// Back to a height, and as far as before along another fork.
    Back(u64),
    /// Its state is the beginning of another database.
    Import,
    Compact,
}

/// A database of every kind.
struct Shape {
    name: &'static str,
    blocks: u64,
    large: bool,
    /// The height at which all is pruned and folded, and the heights that are kept.
    folded: u64,
    kept: u64,
    end: End,
}

const SHAPES: [Shape; 9] = {
    const fn shape(name: &'static str, blocks: u64, large: bool, (folded, kept): (u64, u64), end: End) -> Shape {
        Shape { name, blocks, large, folded, kept, end }
    }
    [
        shape("fresh", 1, false, (0, 1), End::Nothing),
        shape("all folded", 14, false, (13, 20), End::Nothing),
        shape("folded and pruned", 16, false, (15, 3), End::Nothing),
        shape("half in the log", 16, false, (8, 4), End::Nothing),
        shape("large", 9, true, (8, 5), End::Nothing),
        shape("in the log alone", 6, false, (99, 1), End::Nothing),
        shape("rolled back", 14, false, (12, 9), End::Back(8)),
        shape("imported", 6, true, (5, 6), End::Import),
        shape("compacted", 12, true, (10, 4), End::Compact),
    ]
};

impl Shape {
    fn said(&self, random: &mut Random, height: u64, before: &MemoryState) -> Said {
        let diff = match self.large && height != 3 {
            true => busy_diff(height, 30),
            false => random_diff(random, before),
        };
        let mut state = before.clone();
        state.apply(&diff);
        let root = crate::kit::fresh_root(&state);
        Said { state, root, receipts: receipts(height), body: body(height).map(<[u8]>::to_vec), diff }
    }

    fn grow(&self, store: &Store, random: &mut Random, said: &mut BTreeMap<u64, Said>) {
        let before = said.last_key_value().map(|(_, said)| said.state.clone()).unwrap_or_default();
        let height = said.last_key_value().map_or(0, |(height, _)| height + 1);
        let next = self.said(random, height, &before);
        assert_eq!(commit(store, height, &next.diff), next.root);
        said.insert(height, next);
    }

    /// A chain of this shape.
    fn chain(&self, seed: u64) -> (Bytes, Truth) {
        let (mut random, disk, mut said) = (Random(seed), Disk::default(), BTreeMap::new());
        let mut store = disk.open(&Settings::default()).unwrap();
        for height in 0..self.blocks {
            self.grow(&store, &mut random, &mut said);
            if height == self.folded {
                store.prune(self.kept, &mut |_, _| {}).unwrap();
                store.fold().unwrap();
            }
        }
        let (last, mut bytes) = (self.blocks - 1, None);
        match self.end {
            End::Nothing => {}
            End::Back(to) => {
                store.rollback(to).unwrap();
                said.retain(|height, _| *height <= to);
                (to..last).for_each(|_| self.grow(&store, &mut random, &mut said));
                store.fold().unwrap();
            }
            End::Import => {
                let other = Disk::default();
                let imported = other.open(&Settings::default()).unwrap();
                imported.import(&store.export(last).unwrap().1, &Expected::default()).unwrap();
                said.retain(|height, _| *height == last);
                // A snapshot has none of them.
                said.values_mut().for_each(|said| (said.receipts, said.body) = (Vec::new(), None));
                drop(imported);
                bytes = Some(other.bytes());
            }
            End::Compact => store.compact().unwrap(),
        }
        let oldest = store.tip().unwrap().unwrap().oldest;
        said.retain(|height, _| *height >= oldest);
        let export = store.export(last).unwrap().1;
        drop(store);
        let next = self.said(&mut random, self.blocks, &said[&last].state);
        (bytes.unwrap_or_else(|| disk.bytes()), Truth { said, next: (self.blocks, next), export })
    }
}

/// What was read: how much was the truth, and how much an error.
#[derive(Debug, Default)]
struct Tally {
    true_things: u64,
    errors: u64,
}

impl Tally {
    fn same<T: PartialEq + core::fmt::Debug, E: core::fmt::Display>(
        &mut self,
        found: Result<T, E>,
        truth: &T,
        what: &str,
    ) {
        match found {
            Ok(found) => {
                assert_eq!(found, *truth, "{what}");
                self.true_things += 1;
            }
            Err(_) => self.errors += 1,
        }
    }
}

fn look(store: &Store, height: u64, said: &Said, tally: &mut Tally, what: &str) {
    let Said { state, root, receipts, body, .. } = said;
    tally.same(store.receipts(height), receipts, what);
    tally.same(store.body(height), body, what);
    let Ok(view) = store.view(height) else {
        tally.errors += 1;
        return;
    };
    assert_eq!(view.root(), *root, "{what}");
    for number in (0..=ADDRESSES).chain([40, 77, 200]) {
        let address = address(number);
        tally.same(view.account(&address), &state.accounts.get(&address).cloned(), what);
        let values = state.storage.get(&address).cloned().unwrap_or_default();
        tally.same(view.values(&address), &values, what);
        for key in (0..=KEYS).map(key).chain((0..200).step_by(17).map(|last| B256::with_last_byte(last).to_vec())) {
            tally.same(view.value(&address, &key), &values.get(&key).cloned(), what);
        }
        if let Ok(proof) = view.prove_account(&address)
            && let Ok(proven) = proof.verify(root, &address)
        {
            let proven = proven.map(|leaf| Account::try_from(&leaf.account).unwrap());
            assert_eq!(proven.as_ref(), state.accounts.get(&address), "{what}");
        }
    }
    for (hash, code) in &state.code {
        if let Ok(Some(found)) = view.code(hash) {
            assert_eq!(found[..], code[..], "{what}");
        }
    }
}

fn try_all(bytes: &Bytes, truth: &Truth, what: &str) -> Tally {
    let mut tally = Tally::default();
    let store = match Disk::of(bytes).open(&Settings { fold_blocks: 1, ..Settings::default() }) {
        Ok(store) => store,
        Err(_) => return Tally { errors: 1, ..tally },
    };
    let Ok(Some(tip)) = store.tip() else { return Tally { errors: 1, ..tally } };
    let last = *truth.said.keys().next_back().unwrap();
    assert_eq!(tip.height, last, "{what}");
    look_at_all(&store, truth, &mut tally, what);
    let (height, next) = &truth.next;
    let committed =
        store.commit(&block_of(*height, &next.diff, &next.receipts)).and_then(|root| store.fold().map(|()| root));
    match committed {
        Ok(found) => {
            assert_eq!(found, next.root, "{what}");
            look(&store, *height, next, &mut tally, what);
        }
        Err(error) => assert!(!error.is_invalid(), "{what}: the fault of this node is said of the block: {error}"),
    }
    tally
}

/// Every height that the store has.
fn look_at_all(store: &Store, truth: &Truth, tally: &mut Tally, what: &str) {
    let Ok(Some(tip)) = store.tip() else {
        tally.errors += 1;
        return;
    };
    truth.said.range(tip.oldest..=tip.height).for_each(|(height, said)| look(store, *height, said, tally, what));
}

/// Something that is done with a store, and what must be true of what it gave.
type Work = fn(&mut Store, &Truth) -> Result<(), StoreError>;

const WORKS: [(&str, Work); 6] = [
    ("going back", |store, truth| {
        let (oldest, last) = (*truth.said.keys().next().unwrap(), *truth.said.keys().next_back().unwrap());
        let to = oldest.max(last / 2);
        store.rollback(to)?;
        assert_eq!(store.tip()?.map(|tip| tip.height), Some(to));
        for (height, said) in truth.said.range(to + 1..) {
            assert_eq!(store.commit(&block_of(*height, &said.diff, &said.receipts))?, said.root);
        }
        Ok(())
    }),
    ("pruning", |store, _| store.prune(2, &mut |_, _| {}).map(drop)),
    ("pruning to one height", |store, _| store.prune(1, &mut |_, _| {}).map(drop)),
    ("compacting", |store, _| store.compact()),
    ("counting", |store, _| store.stats().map(drop)),
    ("exporting", |store, truth| {
        let last = *truth.said.keys().next_back().unwrap();
        store.export(last).map(|(_, bytes)| assert!(bytes == truth.export, "another export"))
    }),
];

/// One of the works, and what is there afterwards.
fn try_work(bytes: &Bytes, truth: &Truth, (name, work): (&str, Work), what: &str) -> Tally {
    let (mut tally, disk, settings) = (Tally::default(), Disk::of(bytes), Settings::default());
    let what = format!("{what}, {name}");
    for life in 0..2 {
        let Ok(mut store) = disk.open(&settings) else {
            tally.errors += 1;
            break;
        };
        if life == 0
            && let Err(error) = work(&mut store, truth)
        {
            assert!(!error.is_invalid(), "{what}: the fault of this node is said of the caller: {error}");
            tally.errors += 1;
        }
        // What it says then, and what a store says that is opened later.
        look_at_all(&store, truth, &mut tally, &what);
    }
    tally
}

fn never_wrong(seed: u64, count: u64, change: impl Fn(&mut Random, &mut Bytes)) {
    eprintln!("seed {seed}");
    let mut random = Random(seed);
    let mut sum = Tally::default();
    for shape in &SHAPES {
        let (bytes, truth) = shape.chain(seed);
        let shape = shape.name;
        assert_eq!(try_all(&bytes, &truth, shape).errors, 0, "{shape}");
        WORKS
            .iter()
            .for_each(|work| assert_eq!(try_work(&bytes, &truth, *work, shape).errors, 0, "{shape}, {}", work.0));
        for round in 0..count {
            let mut wrong = bytes.clone();
            change(&mut random, &mut wrong);
            let what = format!("{shape}, seed {seed}, round {round}");
            let work = WORKS[(round % WORKS.len() as u64) as usize];
            let tallies = catch_unwind(AssertUnwindSafe(|| {
                [try_all(&wrong, &truth, &what), try_work(&wrong, &truth, work, &what)]
            }));
            let tallies = tallies.unwrap_or_else(|panic| {
                let text = panic.downcast_ref::<String>().map_or("", String::as_str);
                panic!("{what}: {text}")
            });
            for tally in tallies {
                sum.true_things += tally.true_things;
                sum.errors += tally.errors;
            }
        }
    }
    eprintln!("{sum:?}");
    assert!(sum.errors > 20 && sum.true_things > 1_000, "{sum:?}");
}

#[test]
fn a_flipped_bit_is_never_used() {
    // Other seeds are other chains.
    (1..=rounds(1, 3)).for_each(|seed| never_wrong(seed * 100 - 99, rounds(36, 1_200), flip));
}

/// Flips one bit.
fn flip(random: &mut Random, bytes: &mut Bytes) {
    let file = usize::from(random.below(3) == 0);
    // Places that hold something, mostly.
    let used: Vec<usize> = (0..bytes[file].len()).filter(|&at| bytes[file][at] != 0).collect();
    let at = match random.below(8) {
        0 => random.below(bytes[file].len() as u64) as usize,
        _ => used[random.below(used.len() as u64) as usize],
    };
    bytes[file][at] ^= 1 << random.below(8);
}

/// In a folder: a check writes nothing, and finds no difference only where all is true; a reader and a copy have the truth
/// or an error.
#[test]
fn wrong_bytes_in_a_folder_are_never_used() {
    let seed = 6;
    eprintln!("seed {seed}");
    let mut random = Random(seed);
    let (mut sum, mut sound, mut copies) = (Tally::default(), 0, 0);
    for shape in &SHAPES {
        let (bytes, truth) = shape.chain(seed);
        for round in 0..rounds(9, 300) {
            let (what, mut wrong) = (format!("{}, seed {seed}, round {round}", shape.name), bytes.clone());
            if round > 0 {
                flip(&mut random, &mut wrong);
            }
            let [folder, copy] = [(); 2].map(|()| tempfile::tempdir().unwrap());
            let files = [FILE_NAME, LOG_NAME].map(|name| folder.path().join(name));
            files.iter().zip(&wrong).for_each(|(file, bytes)| fs::write(file, bytes).unwrap());
            let checked = check(folder.path(), &mut |_, _| {});
            assert!(files.iter().zip(&wrong).all(|(file, bytes)| fs::read(file).unwrap() == *bytes), "{what}");
            let mut tally = Tally::default();
            match Store::open_read_only(folder.path()) {
                Ok(reader) => look_at_all(&reader, &truth, &mut tally, &what),
                Err(_) => tally.errors += 1,
            }
            let copied = Store::open(folder.path()).and_then(|store| {
                look_at_all(&store, &truth, &mut tally, &what);
                store.backup(copy.path(), &mut |_, _| {})?;
                Store::open(copy.path())
            });
            match copied {
                Ok(copy) => {
                    copies += 1;
                    look_at_all(&copy, &truth, &mut tally, &what);
                }
                Err(_) => tally.errors += 1,
            }
            if checked.is_ok_and(|checked| checked.differences.is_empty()) {
                sound += 1;
                // Such a database was not closed: a reader waits until it was opened to be written.
                assert!(tally.errors <= 1, "{what}: the check has found nothing of {tally:?}");
            }
            (sum.true_things, sum.errors) = (sum.true_things + tally.true_things, sum.errors + tally.errors);
        }
    }
    eprintln!("{sum:?}, {sound} sound, {copies} copies");
    assert!(sum.errors > 20 && sound > 5 && copies > 5, "{sum:?}, {sound} sound, {copies} copies");
}

/// Pages of the file that hold something.
fn used_pages(bytes: &Bytes) -> Vec<usize> {
    let pages = bytes[0].len() / 4_096;
    (1..pages).map(|page| page * 4_096).filter(|at| bytes[0][*at..][..4_096].iter().any(|&byte| byte != 0)).collect()
}

/// A page of the file that is all zeros, or what another page is: what a lost or a misdirected write leaves.
#[test]
fn a_wrong_page_is_never_used() {
    never_wrong(2, rounds(24, 600), |random, bytes| {
        let used = used_pages(bytes);
        let page = used[random.below(used.len() as u64) as usize];
        let other = match random.below(3) {
            0 => vec![0; 4_096],
            _ => bytes[0][used[random.below(used.len() as u64) as usize]..][..4_096].to_vec(),
        };
        bytes[0][page..page + 4_096].copy_from_slice(&other);
    });
}

/// The header of redb is the one block without a checksum of ours: each bit of it, and each of what the file begins with.
#[test]
fn a_wrong_header_is_never_used() {
    let seed = 7;
    eprintln!("seed {seed}");
    let (mut sum, mut tries) = (Tally::default(), 0);
    for number in [1, 6] {
        let (bytes, truth) = SHAPES[number].chain(seed);
        let places = (0..16).chain(4_096..4_096 + 330).flat_map(|at| (0..8).map(move |bit| (at, bit)));
        let step = (346 * 8 / rounds(100, 10_000)).max(1) as usize;
        for (at, bit) in places.skip(number).step_by(step) {
            let mut wrong = bytes.clone();
            wrong[0][at] ^= 1 << bit;
            let what = format!("{}, bit {bit} of byte {at}", SHAPES[number].name);
            let work = WORKS[tries % WORKS.len()];
            for tally in [try_all(&wrong, &truth, &what), try_work(&wrong, &truth, work, &what)] {
                sum.true_things += tally.true_things;
                sum.errors += tally.errors;
            }
            tries += 1;
        }
    }
    eprintln!("{tries} tries: {sum:?}");
    assert!(sum.errors > 20 && sum.true_things > 1_000, "{sum:?}");
}

/// What the store says of a database that cannot be read names a cause, and stays what it is.
#[test]
fn a_failed_store_stays_failed() {
    let (bytes, _) = SHAPES[8].chain(5);
    let disk = Disk::of(&bytes);
    let store = disk.open(&Settings::default()).unwrap();
    disk.fail_at(0, false);
    let diff = whole(&MemoryState::default());
    let error = store.commit(&block_of(12, &diff, &[])).unwrap_err();
    assert!(matches!(error, StoreError::Database(_)), "{error}");
    assert_eq!(store.tip(), Err(error.clone()));
    assert_eq!(store.commit(&block_of(12, &diff, &[])), Err(error));
}
