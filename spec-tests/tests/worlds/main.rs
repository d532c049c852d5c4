//! Worlds of contracts of every ABI that call each other in every way. A block of transactions to them has one outcome: one
//! after the other, on threads, on the reference interpreter, on a store, on its witness alone. A transaction makes no amount out
//! of nothing, and one that fails changes nothing but what it pays.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests count what is small"
)]

mod contracts;
#[path = "../../../vm/tests/kit/threads.rs"]
mod threads;

use contracts::{CONTRACTS, Dice, FIRST, SENDERS, contract, kind, sender};
use lockstep_diagnosis::{Execution, Profile, replay as replay_one};
use lockstep_gas::Abi;
use lockstep_reference::Reference;
use lockstep_store::{ExecutedBlock, Recorder, Store, replay};
use lockstep_vm::{
    Account, Address, B256, Block, BlockEnv, BlockOutcome, CodeId, Executor, Gas, MODULE_CACHE_BYTES, MemoryState,
    Outcome, Revision, StateDiff, StateView, Tx, TxKind, U256, Vm, beginning, code_hash,
};
use std::sync::{Arc, Mutex};
use threads::Threads;

const SEED: u64 = 0x10c5_7e90;

/// Worlds, blocks of each, and transactions of a block.
const WORLDS: usize = 8;
const BLOCKS: u64 = 3;
const TRANSACTIONS: usize = 6;

/// What an account has at the beginning.
const WEALTH: u64 = 1 << 40;

/// Has one thread and says that it has many: each transaction is tried on the state before all others.
#[derive(Debug)]
struct Early;

impl Executor for Early {
    fn threads(&self) -> usize {
        16
    }

    fn run<'a>(&self, jobs: Vec<Box<dyn FnOnce() + Send + 'a>>) {
        jobs.into_iter().rev().for_each(|job| job());
    }
}

/// The two engines, and what happened.
struct Machines {
    production: Vm,
    reference: Vm<Reference>,
    /// Returns, reverts, halts.
    ends: [usize; 3],
    gas_used: u64,
}

/// A chain that begins with contracts, on a store and in memory.
struct World {
    store: Store,
    root: B256,
    state: MemoryState,
    nonces: [u64; SENDERS as usize],
}

impl World {
    fn begin(dice: &mut Dice, first_abi: usize) -> Self {
        let mut diff = StateDiff::default();
        let balance = U256::from(WEALTH);
        for index in 0..CONTRACTS {
            let abi = Abi::CONTRACTS[(usize::from(index) + first_abi) % Abi::CONTRACTS.len()];
            let code = contract(dice, abi);
            let account = Account { nonce: 1, balance, code: Some(CodeId::of(&code, abi)) };
            diff.accounts.insert(Address::repeat_byte(FIRST + index), Some(account));
            diff.code.insert(code_hash(&code), code);
        }
        for number in 0..SENDERS {
            diff.accounts.insert(sender(number), Some(Account { balance, ..Account::default() }));
        }
        let empty = Arc::new(MemoryState::default());
        let diff = beginning(empty, &BlockEnv::default(), diff, &Revision::V1).unwrap();
        let mut state = MemoryState::default();
        state.apply(&diff);
        let store = Store::memory().unwrap();
        let root = store.commit(&committed(0, &diff, &[])).unwrap();
        Self { store, root, state, nonces: [0; SENDERS as usize] }
    }

    fn block(&mut self, dice: &mut Dice, number: u64) -> Block {
        let transaction = |_| {
            let from = dice.below(SENDERS.into());
            let kind = kind(dice);
            let input: &[u8] = match kind {
                TxKind::Create { .. } => b"",
                TxKind::Deploy { abi, .. } if !matches!(abi, Abi::Wasi | Abi::Json) => b"",
                _ => br#"{"k":1}"#,
            };
            let gas_limit = match kind {
                TxKind::Call { .. } => dice.of(&[1_500_000, 6_000_000, 40_000_000]),
                _ => 60_000_000,
            };
            let nonce = self.nonces[from];
            self.nonces[from] += 1;
            Tx {
                sender: sender(from as u8),
                nonce,
                gas_limit: Gas::new(gas_limit),
                gas_price: U256::from(dice.below(2)),
                value: U256::from(dice.of(&[0, 0, 0, 7])),
                kind,
                input: input.to_vec(),
            }
        };
        let transactions = (0..TRANSACTIONS).map(transaction).collect();
        let (timestamp, parent_hash) = (1_700_000_000 + number, hash(number - 1));
        let beneficiary = Address::repeat_byte(0xbe);
        let gas_limit = 1 << 40;
        let env = BlockEnv { number, timestamp, gas_limit, beneficiary, parent_hash, ..BlockEnv::default() };
        Block { env, transactions }
    }

    /// Executes a block in every way; it is the last one afterwards.
    fn execute(&mut self, machines: &mut Machines, block: &Block, case: &str) {
        let vm = &machines.production;
        let recorder = Arc::new(Recorder::new(self.store.latest().unwrap()));
        let outcome = vm.execute_block(Arc::clone(&recorder) as StateView, block.clone());
        let outcome = outcome.unwrap_or_else(|error| panic!("{case}: {error}"));
        let view: StateView = Arc::new(self.state.clone());
        for executor in [&Threads(3) as &dyn Executor, &Early] {
            let other = vm.execute_block_with(Arc::clone(&view), block.clone(), executor).unwrap();
            assert!(other == outcome, "{case}: {executor:?}");
        }
        let interpreted = machines.reference.execute_block(Arc::clone(&view), block.clone()).unwrap();
        assert_eq!(interpreted, outcome, "{case}: on the reference interpreter");
        let witness = recorder.witness(block.clone(), &outcome.diff).unwrap();
        let root = self.store.commit(&committed(block.env.number, &outcome.diff, &outcome.receipts)).unwrap();
        let replayed = replay(witness, &self.root, vm).unwrap();
        assert!((replayed.root, &replayed.outcome) == (root, &outcome), "{case}: on its witness");
        self.one_by_one(machines, block, &outcome, case);
        self.root = root;
    }

    /// Executes the transactions of a block again, each as a block: what each did is looked into.
    fn one_by_one(&mut self, machines: &mut Machines, block: &Block, outcome: &BlockOutcome, case: &str) {
        let vm = &machines.production;
        let mut state = self.state.clone();
        for (index, (tx, receipt)) in block.transactions.iter().zip(&outcome.receipts).enumerate() {
            let case = format!("{case}, transaction {index}");
            let view: StateView = Arc::new(state.clone());
            let valid = vm.check(Arc::clone(&view), &block.env, tx.clone()).unwrap();
            let executed = vm.execute_tx(Arc::clone(&view), &block.env, valid.clone()).unwrap();
            let profile = Arc::new(Mutex::new(Profile::new(&valid, &Revision::V1)));
            let execution = Execution { revision: &Revision::V1, view, block: &block.env, tx: valid };
            assert_eq!(replay_one(execution, &executed, vec![profile.clone()]), Ok(()), "{case}");
            let sums = profile.lock().unwrap().finish(&executed);
            let gas_used = executed.receipt.gas_used;
            assert_eq!(sums.stacks, gas_used.get() + sums.refund + sums.made, "{case}: {sums:?}");
            assert!(gas_used <= tx.gas_limit, "{case}: gas used {gas_used}");
            let before = supply(&state);
            state.apply(&executed.diff);
            assert!(supply(&state) <= before, "{case}: an amount out of nothing");
            let end = match receipt.outcome {
                Outcome::Return => 0,
                Outcome::Revert { .. } => 1,
                Outcome::Halt { .. } => 2,
            };
            if end != 0 {
                let pays = [tx.sender, block.env.beneficiary, lockstep_host::system::SYSTEM_ADDRESS];
                let touched = executed.diff.accounts.keys().chain(executed.diff.storage.keys());
                let others: Vec<&Address> = touched.filter(|address| !pays.contains(address)).collect();
                assert!(others.is_empty() && receipt.logs.is_empty(), "{case} failed and changed {others:?}");
            }
            machines.ends[end] += 1;
            machines.gas_used += receipt.gas_used.get();
        }
        self.state.apply(&outcome.diff);
    }
}

fn supply(state: &MemoryState) -> U256 {
    state.accounts.values().fold(U256::ZERO, |sum, account| sum + account.balance)
}

fn hash(number: u64) -> B256 {
    if number == 0 { B256::ZERO } else { B256::with_last_byte(number as u8) }
}

fn committed<'a>(height: u64, diff: &'a StateDiff, receipts: &'a [lockstep_vm::Receipt]) -> ExecutedBlock<'a> {
    let parent_hash = if height == 0 { B256::ZERO } else { hash(height - 1) };
    ExecutedBlock { height, hash: hash(height), parent_hash, diff, receipts, body: None, root: None }
}

#[test]
fn contracts_of_every_abi_call_what_they_like() {
    let mut dice = Dice(SEED);
    let mut machines = Machines {
        production: Vm::new(Revision::V1).unwrap(),
        reference: Vm::with_engine(Revision::V1, MODULE_CACHE_BYTES).unwrap(),
        ends: [0; 3],
        gas_used: 0,
    };
    for number in 0..WORLDS {
        let mut world = World::begin(&mut dice, number);
        for height in 1..=BLOCKS {
            let block = world.block(&mut dice, height);
            world.execute(&mut machines, &block, &format!("seed {SEED:x}, world {number}, block {height}"));
        }
    }
    let Machines { ends, gas_used, .. } = machines;
    assert_eq!((ends, gas_used), ([71, 13, 60], 1_446_368_414), "returns, reverts, halts, and gas used in all");
}
