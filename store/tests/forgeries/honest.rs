//! Honest chains: blocks that pay, create, write, remove, destroy, read what is absent, and fail.

use lockstep_store::{ExecutedBlock, Recorder, Store};
use lockstep_vm::{
    Abi, Account, Address, B256, Block, BlockEnv, BlockOutcome, CodeId, Gas, MemoryState, StateDiff, StateReader,
    StorageDiff, Tx, TxKind, U256, Vm, code_hash,
};
use std::{collections::BTreeMap, sync::Arc};

/// Stores (0), destroys itself (1), asks for a balance (2), stores and fails (3), or loads (4), by the first byte of its
/// input. The rest is keys and values of 32 bytes, or an address.
const KEEPER: &str = r#"(module
  (import "ethereum" "getCallDataSize" (func $size (result i32)))
  (import "ethereum" "callDataCopy" (func $copy (param i32 i32 i32)))
  (import "ethereum" "storageStore" (func $store (param i32 i32)))
  (import "ethereum" "storageLoad" (func $load (param i32 i32)))
  (import "ethereum" "getExternalBalance" (func $balance (param i32 i32)))
  (import "ethereum" "selfDestruct" (func $destroy (param i32)))
  (memory (export "memory") 1)
  (func (export "main") (local $at i32) (local $kind i32)
    (call $copy (i32.const 0) (i32.const 0) (call $size))
    (local.set $kind (i32.load8_u (i32.const 0)))
    (if (i32.eq (local.get $kind) (i32.const 1)) (then (call $destroy (i32.const 1))))
    (if (i32.eq (local.get $kind) (i32.const 2)) (then (call $balance (i32.const 1) (i32.const 60000)) (return)))
    (if (i32.eq (local.get $kind) (i32.const 4)) (then (call $load (i32.const 1) (i32.const 60000)) (return)))
    (local.set $at (i32.const 1))
    (loop $next
      (if (i32.lt_u (local.get $at) (call $size))
        (then
          (call $store (local.get $at) (i32.add (local.get $at) (i32.const 32)))
          (local.set $at (i32.add (local.get $at) (i32.const 64)))
          (br $next))))
    (if (i32.eq (local.get $kind) (i32.const 3)) (then (unreachable)))))"#;

const RICH: u64 = 24;
const KEEPERS: u64 = 14;
const KEYS: u64 = 40;

/// splitmix64: small, seeded, the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn index(&mut self, end: usize) -> usize {
        self.below(end as u64) as usize
    }
}

/// A rich account.
pub(crate) fn address(number: u64) -> Address {
    Address::left_padding_from(&(number + 1).to_be_bytes())
}

/// A contract of the chain of a seed.
fn keeper(seed: u64, number: u64) -> Address {
    address((1 + seed) * 1_000 + number)
}

pub(crate) fn key(number: u64) -> B256 {
    B256::with_last_byte(number as u8)
}

/// What the blocks of a chain do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Everything.
    Everything,
    /// Each removes one value of a large storage.
    ValuesRemoved,
    /// Each destroys one of many contracts.
    AccountsDestroyed,
}

/// A chain that is being made.
pub(crate) struct Chain {
    pub(crate) store: Store,
    pub(crate) state: MemoryState,
    seed: u64,
    scene: Scene,
    random: Random,
    number: u64,
    code: Vec<u8>,
}

/// A block that was executed honestly.
pub(crate) struct Honest {
    /// The witness file.
    pub(crate) witness: Vec<u8>,
    /// The root before it.
    pub(crate) root: B256,
    /// The hash of the block.
    pub(crate) hash: B256,
    /// What it gave, with the root afterwards.
    pub(crate) gave: (BlockOutcome, B256),
    /// Accounts with storage that it removed, and values.
    pub(crate) destroyed: usize,
    pub(crate) removed: usize,
}

impl Chain {
    pub(crate) fn new(seed: u64, scene: Scene) -> Self {
        let mut random = Random(seed);
        let code = wat::parse_str(KEEPER).unwrap();
        let id = CodeId::of(&code, Abi::Ewasm);
        let mut diff = StateDiff { code: [(code_hash(&code), code.clone())].into(), ..StateDiff::default() };
        for number in 0..RICH {
            let account = Account { balance: U256::from(1_u64 << 50), ..Account::default() };
            diff.accounts.insert(address(number), Some(account));
        }
        let keepers = if scene == Scene::AccountsDestroyed { 9 * KEEPERS } else { KEEPERS };
        for number in 0..keepers {
            diff.accounts
                .insert(keeper(seed, number), Some(Account { nonce: 1, code: Some(id), ..Account::default() }));
            if scene == Scene::AccountsDestroyed {
                continue;
            }
            // A storage of one value is a tree of one leaf.
            let count = [1, 2, 6, KEYS][random.index(4)];
            let (count, keys) = if scene == Scene::Everything { (count, KEYS) } else { (200, 256) };
            // Some are long. A block asks for the length of what it writes over or removes, and reads what it loads.
            let long = scene == Scene::Everything;
            let values = (0..count).map(|_| {
                let bytes = if long { [32, 32, 1_024, 1_025, 3_000][random.index(5)] } else { 32 };
                (key(random.below(keys)).to_vec(), Some(vec![random.next() as u8 | 1; bytes]))
            });
            diff.storage.insert(keeper(seed, number), StorageDiff { cleared: false, values: values.collect() });
        }
        let (store, state) = (Store::memory().unwrap(), MemoryState::default());
        let mut chain = Self { store, state, seed, scene, random, number: 0, code };
        chain.commit(&diff, &[]);
        chain
    }

    fn commit(&mut self, diff: &StateDiff, receipts: &[lockstep_vm::Receipt]) -> B256 {
        self.state.apply(diff);
        let (height, parent_hash) = (self.number, self.store.latest().unwrap().hash());
        let hash = B256::from(U256::from(height + 1));
        self.store.commit(&ExecutedBlock { height, hash, parent_hash, diff, receipts, body: None, root: None }).unwrap()
    }

    fn transaction(&mut self, sender: u64, nonce: u64) -> Tx {
        let random = &mut self.random;
        let contract = keeper(self.seed, random.below(KEEPERS));
        let (mut value, mut input) = (0, Vec::new());
        let mut kind = TxKind::Call { to: contract, export: None };
        let choice = match self.scene {
            Scene::Everything => random.below(16),
            Scene::ValuesRemoved => 16,
            Scene::AccountsDestroyed => 17,
        };
        match choice {
            0 | 1 => {
                (kind, value) = (TxKind::Call { to: address(random.below(60)), export: None }, random.below(9));
            }
            2 => kind = TxKind::Deploy { abi: Abi::Ewasm, code: self.code.clone() },
            3 => input = [&[2], address(200 + random.below(9)).as_slice()].concat(),
            16 => {
                let values = &self.state.storage[&contract];
                let key = values.keys().nth(random.index(values.len())).unwrap();
                input = [&[0], key.as_slice(), &[0; 32]].concat();
            }
            17 => {
                kind = TxKind::Call { to: keeper(self.seed, self.number), export: None };
                input = [&[1], address(1).as_slice()].concat();
            }
            4 => input = [&[1], address(random.below(40)).as_slice()].concat(),
            5 => {
                let values = self.state.storage.get(&contract);
                let held = values.and_then(|values| values.keys().nth(random.index(values.len())));
                input = [&[4_u8][..], held.map_or(&[], Vec::as_slice)].concat();
            }
            other => {
                input.push(if other == 6 { 3 } else { 0 });
                let held: Vec<_> =
                    self.state.storage.get(&contract).into_iter().flatten().map(|(key, _)| key).collect();
                for _ in 0..=random.below(3) {
                    let removes = !held.is_empty() && random.below(4) != 0;
                    if removes {
                        input.extend(held[random.index(held.len())]);
                        input.extend([0; 32]);
                    } else {
                        input.extend(key(random.below(KEYS)));
                        input.extend([random.next() as u8; 32]);
                    }
                }
            }
        }
        let (gas_limit, gas_price, value) = (Gas::new(10_000_000), U256::from(1), U256::from(value));
        Tx { sender: address(sender), nonce, gas_limit, gas_price, value, kind, input }
    }

    /// Makes the next block.
    pub(crate) fn next(&mut self, vm: &Vm) -> Honest {
        self.number += 1;
        let view = self.store.latest().unwrap();
        let beneficiary = address(90 + self.random.below(2));
        let env = BlockEnv { number: self.number, gas_limit: 100_000_000, beneficiary, ..BlockEnv::default() };
        let count = if self.scene == Scene::Everything { 1 + self.random.below(2) } else { 1 };
        let senders: Vec<u64> = (0..count).map(|at| at * 8 + self.random.below(8)).collect();
        let transactions = senders.into_iter().map(|sender| {
            let nonce = view.account(&address(sender)).unwrap().unwrap().nonce;
            self.transaction(sender, nonce)
        });
        let block = Block { env, transactions: transactions.collect() };
        let (root, hash) = (view.root(), block.hash());
        let recorder = Arc::new(Recorder::new(view));
        let outcome = vm.execute_block(Arc::clone(&recorder) as _, block.clone()).unwrap();
        let witness = recorder.witness(block, &outcome.diff).unwrap().to_bytes().unwrap();
        let destroyed = outcome.diff.accounts.values().filter(|account| account.is_none()).count();
        let values = outcome.diff.storage.values().flat_map(|changes: &StorageDiff| changes.values.values());
        let removed = values.filter(|value| value.is_none()).count();
        let after = self.commit(&outcome.diff, &outcome.receipts);
        Honest { witness, root, hash, gave: (outcome, after), destroyed, removed }
    }

    /// The storage of an account.
    pub(crate) fn values(&self, address: &Address) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.state.storage.get(address).cloned().unwrap_or_default()
    }

    /// Addresses that have been something: rich ones, keepers, and ones that are absent.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        let keepers = (0..KEEPERS).map(|number| keeper(self.seed, number));
        (0..4).map(address).chain(keepers).chain((100..104).map(address)).collect()
    }
}
