//! A disk that lies: one flipped bit anywhere, and an old page of the file in the place of a new one. Whatever is read is
//! the truth or an error, a block gets its own root or none, and no panic gets through.

use crate::{
    disk::{Bytes, Disk},
    kit::{
        ADDRESSES, KEYS, Random, address, block_of, body, busy_diff, commit, key, random_diff, receipts, rounds, whole,
    },
};
use lockstep_store::{Settings, Store, StoreError};
use lockstep_vm::{Account, B256, MemoryState, Receipt, StateReader};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// The truth about a chain, by height, and the next block with its root.
struct Truth {
    states: BTreeMap<u64, (MemoryState, B256, Vec<Receipt>)>,
    next: (u64, lockstep_vm::StateDiff, B256, MemoryState),
}

/// A chain of that many blocks, of which the last ones are in the log and the first ones forgotten.
fn chain(seed: u64, blocks: u64, large: bool, folded: u64, kept: u64) -> (Bytes, Truth) {
    let mut random = Random(seed);
    let disk = Disk::default();
    let store = disk.open(&Settings::default()).unwrap();
    let (mut states, mut state) = (BTreeMap::new(), MemoryState::default());
    let diff = |random: &mut Random, height: u64, state: &MemoryState| match large && height != 3 {
        true => busy_diff(height, 30),
        false => random_diff(random, state),
    };
    for height in 0..blocks {
        let diff = diff(&mut random, height, &state);
        state.apply(&diff);
        let root = commit(&store, height, &diff);
        states.insert(height, (state.clone(), root, receipts(height)));
        if height == folded {
            store.prune(kept, &mut |_, _| {}).unwrap();
            store.fold().unwrap();
        }
    }
    let oldest = store.tip().unwrap().unwrap().oldest;
    states.retain(|height, _| *height >= oldest);
    drop(store);
    let diff = diff(&mut random, blocks, &state);
    state.apply(&diff);
    let root = crate::kit::fresh_root(&state);
    (disk.bytes(), Truth { states, next: (blocks, diff, root, state) })
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

fn look(
    store: &Store,
    height: u64,
    (state, root, receipts): &(MemoryState, B256, Vec<Receipt>),
    tally: &mut Tally,
    what: &str,
) {
    tally.same(store.receipts(height), receipts, what);
    tally.same(store.body(height), &body(height).map(<[u8]>::to_vec), what);
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
    let last = *truth.states.keys().next_back().unwrap();
    assert_eq!(tip.height, last, "{what}");
    for (height, truth) in truth.states.range(tip.oldest..=tip.height) {
        look(&store, *height, truth, &mut tally, what);
    }
    let (height, diff, root, state) = &truth.next;
    let receipts = receipts(*height);
    let committed = store.commit(&block_of(*height, diff, &receipts)).and_then(|root| store.fold().map(|()| root));
    if let Ok(found) = committed {
        assert_eq!(found, *root, "{what}");
        look(&store, *height, &(state.clone(), *root, receipts), &mut tally, what);
    }
    tally
}

fn never_wrong(seed: u64, count: u64, change: impl Fn(&mut Random, &mut Bytes)) {
    eprintln!("seed {seed}");
    let mut random = Random(seed);
    let mut sum = Tally::default();
    for (shape, blocks, large, folded, kept) in [
        ("all folded", 14, false, 13, 20),
        ("folded and pruned", 16, false, 15, 3),
        ("half in the log", 16, false, 8, 4),
        ("large", 9, true, 8, 5),
        ("in the log alone", 6, false, 99, 1),
    ] {
        let (bytes, truth) = chain(seed, blocks, large, folded, kept);
        let sound = try_all(&bytes, &truth, shape);
        assert_eq!(sound.errors, 0, "{shape}");
        for round in 0..count {
            let mut wrong = bytes.clone();
            change(&mut random, &mut wrong);
            let what = format!("{shape}, seed {seed}, round {round}");
            let tally = catch_unwind(AssertUnwindSafe(|| try_all(&wrong, &truth, &what)));
            let tally = tally.unwrap_or_else(|panic| {
                let text = panic.downcast_ref::<String>().map_or("", String::as_str);
                panic!("{what}: {text}")
            });
            sum.true_things += tally.true_things;
            sum.errors += tally.errors;
        }
    }
    eprintln!("{sum:?}");
    assert!(sum.errors > 20 && sum.true_things > 1_000, "{sum:?}");
}

#[test]
fn a_flipped_bit_is_never_used() {
    never_wrong(1, rounds(60, 2_000), |random, bytes| {
        let file = usize::from(random.below(3) == 0);
        // Places that hold something, mostly.
        let used: Vec<usize> = (0..bytes[file].len()).filter(|&at| bytes[file][at] != 0).collect();
        let at = match random.below(8) {
            0 => random.below(bytes[file].len() as u64) as usize,
            _ => used[random.below(used.len() as u64) as usize],
        };
        bytes[file][at] ^= 1 << random.below(8);
    });
}

/// What a branch of redb's B-tree begins with.
const REDB_BRANCH: u8 = 2;

/// Pages of the file that hold something.
fn used_pages(bytes: &Bytes) -> Vec<usize> {
    let pages = bytes[0].len() / 4_096;
    (1..pages).map(|page| page * 4_096).filter(|at| bytes[0][*at..][..4_096].iter().any(|&byte| byte != 0)).collect()
}

/// A page of the file that is all zeros, or what another page is: what a lost or a misdirected write leaves.
#[test]
fn a_wrong_page_is_never_used() {
    never_wrong(2, rounds(40, 1_000), |random, bytes| {
        let used = used_pages(bytes);
        let page = used[random.below(used.len() as u64) as usize];
        let other = match random.below(3) {
            0 => vec![0; 4_096],
            _ => bytes[0][used[random.below(used.len() as u64) as usize]..][..4_096].to_vec(),
        };
        bytes[0][page..page + 4_096].copy_from_slice(&other);
    });
}

/// Branches of redb's B-trees in the file, each with the pages below it.
fn branches(bytes: &Bytes) -> Vec<(usize, Vec<usize>)> {
    let file = &bytes[0];
    let number = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    // Type, keys; a checksum and then a number for each child. The number of a page is its size (a power of two), and which
    // of its size it is.
    let children = |at: usize| {
        let count = usize::from(u16::from_le_bytes([file[at + 2], file[at + 3]])) + 1;
        (0..count).map(move |child| number(at + 8 + count * 16 + child * 8))
    };
    let place = |first: usize, page: u64| first * 4_096 + ((page & 0xf_ffff) as usize) * (4_096 << (page >> 59));
    let all: Vec<usize> =
        used_pages(bytes).into_iter().filter(|at| file[*at] == REDB_BRANCH && file[at + 1] == 0).collect();
    // The first page is behind what redb has at the beginning: where every branch has leaves or branches below it.
    let is_page = |at: usize| at < file.len() && matches!(file[at], 1 | REDB_BRANCH);
    let first = (1..64).max_by_key(|first| {
        let sound = |at: &&usize| children(**at).all(|page| is_page(place(*first, page)));
        all.iter().filter(sound).count()
    });
    let first = first.unwrap();
    let of = |at: usize| (at, children(at).map(|page| place(first, page)).filter(|at| is_page(*at)).collect());
    all.into_iter().map(of).collect()
}

/// Something that is done with a store.
type Work = fn(&mut Store) -> Result<(), StoreError>;

/// A branch of redb's B-tree in the place of a page below it is a circle. Nothing follows it until the stack is at its end,
/// in any call of the store.
#[test]
fn a_branch_in_the_place_of_a_page_below_it_ends_no_process() {
    let seed = 4;
    eprintln!("seed {seed}");
    let (bytes, truth) = chain(seed, 9, true, 8, 5);
    let branches = branches(&bytes);
    let pairs: Vec<(usize, usize)> =
        branches.iter().flat_map(|(branch, below)| below.iter().map(|page| (*branch, *page))).collect();
    assert!(branches.len() > 2 && pairs.len() > 20, "{} branches, {} pairs", branches.len(), pairs.len());
    let works: [Work; 5] = [
        |store| store.stats().map(drop),
        |store| store.rollback(5),
        |store| store.prune(1, &mut |_, _| {}).map(drop),
        |store| store.compact(),
        |store| store.export(8).map(drop),
    ];
    let step = (pairs.len() / rounds(40, 10_000) as usize).max(1);
    let (mut errors, mut done) = (0, 0);
    for (branch, page) in pairs.iter().step_by(step) {
        let mut wrong = bytes.clone();
        wrong[0].copy_within(*branch..branch + 4_096, *page);
        errors += try_all(&wrong, &truth, &format!("branch {branch} at {page}")).errors.min(1);
        for work in works {
            let worked = Disk::of(&wrong).open(&Settings::default()).and_then(|mut store| work(&mut store));
            errors += u64::from(worked.is_err());
            done += 1;
        }
    }
    eprintln!("{} branches, {} pairs: {errors} errors of {done}", branches.len(), pairs.len());
    assert!(errors > 20, "{errors} errors");
}

/// What the store says of a database that cannot be read names a cause, and stays what it is.
#[test]
fn a_failed_store_stays_failed() {
    let (bytes, _) = chain(5, 10, true, 9, 4);
    let disk = Disk::of(&bytes);
    let store = disk.open(&Settings::default()).unwrap();
    disk.fail_at(0, false);
    let diff = whole(&MemoryState::default());
    let error = store.commit(&block_of(10, &diff, &[])).unwrap_err();
    assert!(matches!(error, StoreError::Database(_)), "{error}");
    assert_eq!(store.tip(), Err(error.clone()));
    assert_eq!(store.commit(&block_of(10, &diff, &[])), Err(error));
}
