//! A long life: blocks of transfers, with rollbacks, prunings, foldings, views and readers that are held. Disk and memory
//! are bounded, and what a view says is what the model says.
//!
//! One test only: the allocator counts the whole process. 400 blocks of 20 transfers; with `LOCKSTEP_LONG=1` 10,000 blocks of
//! 100.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests panic to fail, and measure"
)]

#[path = "store/kit.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod kit;

use cap::Cap;
use kit::Random;
use lockstep_store::{ExecutedBlock, FILE_NAME, LOG_NAME, Settings, Store, StoreError, View, check};
use lockstep_vm::{Account, Address, B256, Gas, Outcome, Receipt, StateDiff, StateReader, U256};
use std::{alloc::System, collections::BTreeMap, fs};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// How long a life is.
struct Size {
    blocks: u64,
    transfers: u64,
    accounts: u64,
    /// Blocks between two prunings, each after a rollback.
    every: u64,
    kept: u64,
}

fn address(number: u64) -> Address {
    Address::left_padding_from(&(number + 1).to_be_bytes())
}

/// The chain, and what it says by the height: balances alone, all that transfers change.
struct Life {
    store: Store,
    random: Random,
    balances: Vec<u64>,
    /// Of the heights that can be gone back to: hash, and balances before.
    undo: BTreeMap<u64, (B256, Vec<(u64, u64)>)>,
    height: u64,
}

impl Life {
    /// The next block; a hash is of one block of one fork.
    fn block(&mut self, transfers: u64) {
        let (mut diff, mut before, mut receipts) = (StateDiff::default(), Vec::new(), Vec::new());
        for _ in 0..transfers {
            let [from, to] = [(); 2].map(|()| self.random.below(self.balances.len() as u64));
            let value = self.random.below(100).min(self.balances[from as usize]);
            before.extend([(from, self.balances[from as usize]), (to, self.balances[to as usize])]);
            self.balances[from as usize] -= value;
            self.balances[to as usize] += value;
            for number in [from, to] {
                let balance = U256::from(self.balances[number as usize]);
                diff.accounts.insert(address(number), Some(Account { nonce: 1, balance, code: None }));
            }
            let outcome = Outcome::Return;
            receipts.push(Receipt { outcome, gas_used: Gas::new(21_000), output: vec![], logs: vec![], created: None });
        }
        self.commit(&diff, &receipts, before);
    }

    fn commit(&mut self, diff: &StateDiff, receipts: &[Receipt], before: Vec<(u64, u64)>) {
        let parent_hash = self.undo.get(&self.height).map_or(B256::ZERO, |(hash, _)| *hash);
        let (height, hash) = (self.height + 1, B256::from(U256::from(self.random.next())));
        let body = vec![height as u8; receipts.len() * 100];
        let body = Some(body.as_slice());
        let block = ExecutedBlock { height, hash, parent_hash, diff, receipts, body, root: None };
        self.store.commit(&block).unwrap();
        self.undo.insert(height, (hash, before));
        self.height = height;
    }

    fn back(&mut self, count: u64) {
        let target = self.height - count;
        self.store.rollback(target).unwrap();
        for (_, (_, before)) in self.undo.split_off(&(target + 1)).into_iter().rev() {
            before.into_iter().rev().for_each(|(number, balance)| self.balances[number as usize] = balance);
        }
        self.height = target;
    }

    /// Some balances, as they are in the last state.
    fn sample(&mut self) -> Vec<(u64, u64)> {
        (0..20)
            .map(|_| self.random.below(self.balances.len() as u64))
            .map(|at| (at, self.balances[at as usize]))
            .collect()
    }
}

/// Whether a view has these balances; one that is too old says so.
fn says(view: &View, balances: &[(u64, u64)]) -> bool {
    for (number, balance) in balances {
        match view.account(&address(*number)) {
            Ok(account) => assert_eq!(account.unwrap().balance, U256::from(*balance), "account {number}"),
            Err(fault) => {
                assert!(fault.to_string().contains(&StoreError::Expired.to_string()), "{fault}");
                return false;
            }
        }
    }
    true
}

#[test]
fn a_long_life_is_bounded_on_disk_and_in_memory() {
    let long = std::env::var("LOCKSTEP_LONG").is_ok_and(|value| value == "1");
    let size = match long {
        true => Size { blocks: 10_000, transfers: 100, accounts: 20_000, every: 500, kept: 100 },
        false => Size { blocks: 400, transfers: 20, accounts: 2_000, every: 20, kept: 10 },
    };
    let folder = tempfile::tempdir().unwrap();
    let settings = match long {
        true => Settings::default(),
        false => Settings {
            fold_blocks: 4,
            cache_bytes: 1 << 20,
            pages_bytes: 1 << 18,
            view_foldings: 8,
            ..Settings::default()
        },
    };
    let store = Store::open_with(folder.path(), settings).unwrap();
    let balances = vec![1_000; size.accounts as usize];
    let mut life = Life { store, random: Random(8), balances, undo: BTreeMap::new(), height: 0 };
    let account = Account { nonce: 1, balance: U256::from(1_000), code: None };
    let accounts = (0..size.accounts).map(|number| (address(number), Some(account.clone()))).collect();
    life.commit(&StateDiff { accounts, ..StateDiff::default() }, &[], Vec::new());
    // A view looks into the database from now on, and not at the layer of this block.
    life.store.fold().unwrap();
    let tenth = size.blocks / 10;
    let (mut file_bytes, mut memory_bytes, mut expired, mut most) = (Vec::new(), Vec::new(), 0, 0);
    let (mut view, mut sampled) = (life.store.latest().unwrap(), life.sample());
    let (mut reader, mut seen) = (Store::open_read_only(folder.path()).unwrap(), life.sample());
    for round in 1..=size.blocks {
        life.block(size.transfers);
        most = most.max(ALLOCATOR.allocated());
        if round % size.every == 0 {
            life.back(size.every / 25 + 1);
            // What is held says what it said, or that it is too old.
            if !says(&view, &sampled) {
                expired += 1;
                (view, sampled) = (life.store.latest().unwrap(), life.sample());
            }
            assert!(says(&reader.latest().unwrap(), &seen));
            reader.close().unwrap();
            life.store.prune(size.kept, &mut |_, _| {}).unwrap();
            (reader, seen) = (Store::open_read_only(folder.path()).unwrap(), life.sample());
            life.undo = life.undo.split_off(&life.store.tip().unwrap().unwrap().oldest);
        }
        if round % tenth == 0 {
            let bytes = [FILE_NAME, LOG_NAME].map(|name| fs::metadata(folder.path().join(name)).unwrap().len());
            eprintln!("block {round}: {bytes:?} bytes in the files, at most {most} bytes of memory");
            file_bytes.push(bytes[0] + bytes[1]);
            memory_bytes.push(most);
            most = 0;
        }
    }
    // redb doubles a file that is full: when the first view has come of age, it has the room that a life needs.
    assert_eq!(file_bytes.last(), file_bytes.get(5), "{file_bytes:?}");
    let (early, late) = (memory_bytes[..5].iter().max().unwrap(), memory_bytes[5..].iter().max().unwrap());
    assert!(*late <= early + early / 10, "{memory_bytes:?}");
    assert!(expired > 0, "no view was held for too long");
    drop((view, reader));
    let all: Vec<(u64, u64)> = (0..size.accounts).map(|at| (at, life.balances[at as usize])).collect();
    assert!(says(&life.store.latest().unwrap(), &all));
    drop(life.store);
    assert_eq!(check(folder.path(), &mut |_, _| {}).unwrap().differences, Vec::<String>::new());
}
