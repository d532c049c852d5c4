//! No result depends on what a node keeps: one corpus of blocks on full, pruned, imported and rolled back stores, on
//! witnesses alone and in memory. Receipts, diffs and roots are the same at every height.

use crate::kit::{Random, address, block_hash, block_of, fresh_root};
use lockstep_store::{Expected, Recorder, Store, replay};
use lockstep_vm::{
    Abi, Account, Address, B256, Block, BlockEnv, BlockOutcome, CodeId, Gas, MemoryState, Revision, StateDiff,
    StorageDiff, Tx, TxKind, U256, Vm, beginning, code_hash,
};
use std::{collections::BTreeMap, sync::Arc};

/// Heights of the corpus: the ring of 256 hashes is overwritten, and the corpus goes on for a while.
const HEIGHTS: u64 = 300;

/// Accounts that pay, contracts, and addresses that transactions meet at.
const SENDERS: u64 = 4;
const CONTRACTS: u64 = 6;
const ADDRESSES: u64 = 14;

/// Looks at a hash and a value, and does what the bits of its input's first byte say.
const WALKER: &str = r#"(module
    (import "ethereum" "callDataCopy" (func $input (param i32 i32 i32)))
    (import "ethereum" "getBlockNumber" (func $number (result i64)))
    (import "ethereum" "getBlockHash" (func $hash (param i64 i32) (result i32)))
    (import "ethereum" "storageStore" (func $store (param i32 i32)))
    (import "ethereum" "storageLoad" (func $load (param i32 i32)))
    (import "ethereum" "selfDestruct" (func $destroy (param i32)))
    (import "ethereum" "create" (func $create (param i32 i32 i32 i32) (result i32)))
    (import "ethereum" "call" (func $call (param i64 i32 i32 i32 i32) (result i32)))
    (import "ethereum" "getExternalCodeSize" (func $size (param i32) (result i32)))
    (import "ethereum" "revert" (func $revert (param i32 i32)))
    (import "ethereum" "finish" (func $finish (param i32 i32)))
    (memory (export "memory") 1)
    (func $does (param i32) (result i32) (i32.and (i32.load8_u (i32.const 0)) (local.get 0)))
    (func (export "main")
        (call $input (i32.const 0) (i32.const 0) (i32.const 64))
        (i32.store (i32.const 96) (call $hash
            (i64.sub (call $number) (i64.extend_i32_u (i32.load (i32.const 4)))) (i32.const 128)))
        (i32.store (i32.const 100) (call $size (i32.const 12)))
        (if (call $does (i32.const 1)) (then (call $store (i32.const 32) (i32.const 128))))
        (call $load (i32.const 32) (i32.const 160))
        (if (call $does (i32.const 2)) (then (call $store (i32.const 32) (i32.const 192))))
        (if (call $does (i32.const 4)) (then
            (drop (call $create (i32.const 192) (i32.const 0) (i32.const 0) (i32.const 224)))))
        (if (call $does (i32.const 8)) (then
            (drop (call $call (i64.const 900000) (i32.const 12) (i32.const 192) (i32.const 0) (i32.const 0)))))
        (if (call $does (i32.const 16)) (then unreachable))
        (if (call $does (i32.const 32)) (then (call $revert (i32.const 96) (i32.const 8))))
        (if (call $does (i32.const 64)) (then (call $destroy (i32.const 12))))
        (call $finish (i32.const 96) (i32.const 160))))"#;

/// The state that the chain begins with: the diff of block 0.
fn genesis(code: &[u8]) -> StateDiff {
    let mut diff = StateDiff { code: [(code_hash(code), code.to_vec())].into(), ..StateDiff::default() };
    for number in 0..ADDRESSES {
        let account = match number {
            0..SENDERS => Account { balance: U256::from(1_u64 << 60), ..Account::default() },
            number if number < SENDERS + CONTRACTS => {
                Account { nonce: 1, code: Some(CodeId::of(code, Abi::Ewasm)), ..Account::default() }
            }
            // Empty accounts, which the first transaction that touches them removes, and absent ones.
            number if number % 2 == 0 => Account::default(),
            _ => continue,
        };
        if account.code.is_some() {
            let values = (0..3_u8).map(|key| (vec![key; 32], Some(if key == 2 { Vec::new() } else { vec![key; 5] })));
            diff.storage.insert(address(number), StorageDiff { cleared: false, values: values.collect() });
        }
        diff.accounts.insert(address(number), Some(account));
    }
    beginning(Arc::new(MemoryState::default()), &BlockEnv::default(), diff, &Revision::V1).unwrap()
}

/// What a transaction does, without its nonce.
fn random_tx(random: &mut Random, created: &[Address], code: &[u8]) -> (u64, TxKind, u64, Vec<u8>) {
    let sender = random.below(SENDERS);
    let any = |random: &mut Random| match random.below(4) {
        0 if !created.is_empty() => created[random.below(created.len() as u64) as usize],
        _ => address(random.below(ADDRESSES)),
    };
    match random.below(8) {
        0 => (sender, TxKind::Deploy { abi: Abi::Ewasm, code: code.to_vec() }, 0, Vec::new()),
        1 => (sender, TxKind::Create { init_code: Vec::new() }, random.below(2), Vec::new()),
        2 => (sender, TxKind::Call { to: any(random), export: None }, random.below(3), vec![0; 64]),
        _ => {
            let mut input = vec![0; 64];
            // Each bit now and then; destruction seldom, or nothing would be left.
            for (bit, chance) in [(1, 2), (2, 4), (4, 4), (8, 2), (16, 9), (32, 9), (64, 12)] {
                input[0] |= if random.below(chance) == 0 { bit } else { 0 };
            }
            input[4..8].copy_from_slice(&(1 + random.below(300) as u32).to_le_bytes());
            input[12..32].copy_from_slice(any(random).as_slice());
            input[32..64].fill(random.below(5) as u8);
            let contract = SENDERS + random.below(CONTRACTS);
            let to = if random.below(3) == 0 { any(random) } else { address(contract) };
            (sender, TxKind::Call { to, export: None }, random.below(2), input)
        }
    }
}

/// A store that executes every block.
struct Node {
    name: String,
    store: Store,
}

impl Node {
    fn follow(&self, vm: &Vm, block: &Block, expected: &(BlockOutcome, B256)) {
        let outcome = vm.execute_block(Arc::new(self.store.latest().unwrap()), block.clone()).unwrap();
        let height = block.env.number;
        assert_eq!(outcome, expected.0, "{}, block {height}", self.name);
        let root = self.store.commit(&block_of(height, &outcome.diff, &outcome.receipts)).unwrap();
        assert_eq!(root, expected.1, "{}, block {height}", self.name);
    }
}

fn snapshot_of(store: &Store, height: u64) -> Node {
    let (_, bytes) = store.export(height).unwrap();
    let other = Store::memory().unwrap();
    other.import(&bytes, &Expected::default()).unwrap();
    Node { name: format!("imported at {height}"), store: other }
}

/// The corpus, executed on a full store, on witnesses and in memory.
struct Corpus {
    vm: Vm,
    random: Random,
    code: Vec<u8>,
    state: MemoryState,
    nonces: BTreeMap<u64, u64>,
    created: Vec<Address>,
    blocks: Vec<(Block, (BlockOutcome, B256))>,
}

impl Corpus {
    fn block(&mut self, number: u64) -> Block {
        let count = 1 + self.random.below(2);
        let transactions = (0..count).map(|_| {
            let (sender, kind, value, input) = random_tx(&mut self.random, &self.created, &self.code);
            let nonce = self.nonces.entry(sender).or_default();
            let tx = Tx {
                sender: address(sender),
                nonce: *nonce,
                gas_limit: Gas::new(20_000_000),
                gas_price: U256::from(1),
                value: U256::from(value),
                kind,
                input,
            };
            *nonce += 1;
            tx
        });
        let transactions = transactions.collect();
        let (timestamp, parent_hash) = (number / 2, block_hash(number - 1));
        let beneficiary = address(self.random.below(ADDRESSES));
        let env =
            BlockEnv { number, timestamp, gas_limit: 1_000_000_000, beneficiary, parent_hash, ..BlockEnv::default() };
        Block { env, transactions }
    }

    /// Executes the next block on `full`, on the witness alone and in memory.
    fn step(&mut self, full: &Store, number: u64) {
        let block = self.block(number);
        let view = full.latest().unwrap();
        let root_before = view.root();
        let recorder = Arc::new(Recorder::new(view));
        let outcome = self.vm.execute_block(Arc::clone(&recorder) as _, block.clone()).unwrap();
        let witness = recorder.witness(block.clone(), &outcome.diff).unwrap();
        let root = full.commit(&block_of(number, &outcome.diff, &outcome.receipts)).unwrap();
        let replayed = replay(witness, &root_before, &self.vm).unwrap();
        assert_eq!((&replayed.outcome, replayed.root), (&outcome, root), "on a witness, block {number}");
        let in_memory = self.vm.execute_block(Arc::new(self.state.clone()), block.clone()).unwrap();
        assert_eq!(in_memory, outcome, "in memory, block {number}");
        self.state.apply(&outcome.diff);
        if number.is_multiple_of(50) {
            assert_eq!(fresh_root(&self.state), root, "the state in memory at block {number}");
        }
        self.created.extend(outcome.receipts.iter().filter_map(|receipt| receipt.created));
        self.blocks.push((block, (outcome, root)));
    }
}

#[test]
fn no_result_depends_on_what_a_node_keeps() {
    let code = wat::parse_str(WALKER).unwrap();
    let diff = genesis(&code);
    let store = || {
        let store = Store::memory().unwrap();
        store.commit(&block_of(0, &diff, &[])).unwrap();
        store
    };
    let mut state = MemoryState::default();
    state.apply(&diff);
    let vm = Vm::new(Revision::V1).unwrap();
    let (nonces, created, blocks) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut corpus = Corpus { vm, random: Random(2_935), code, state, nonces, created, blocks };
    let full = store();
    let mut nodes = vec![Node { name: "pruned".into(), store: store() }];
    for number in 1..=HEIGHTS {
        corpus.step(&full, number);
        let (block, expected) = corpus.blocks.last().unwrap();
        nodes.iter().for_each(|node| node.follow(&corpus.vm, block, expected));
        // Pruned to every depth that matters: the last height, a few, and less than the ring of hashes.
        let keep = [1, 3, 100, 20][(number / 20 % 4) as usize];
        if number % 20 == 0 {
            nodes[0].store.prune(keep, &mut |_, _| {}).unwrap();
        }
        if [40, 290].contains(&number) {
            nodes.push(snapshot_of(&full, number));
            // A snapshot of a snapshot, of a pruned store.
            nodes.push(snapshot_of(&nodes[0].store, number));
        }
    }
    // Back to the oldest height that each keeps, at most 40 blocks, and on again: a pruned store keeps what that needs.
    nodes.push(Node { name: "full".into(), store: full });
    for node in &nodes {
        let tip = node.store.tip().unwrap().unwrap();
        let back = tip.oldest.max(HEIGHTS - 40);
        node.store.rollback(back).unwrap();
        for (block, expected) in &corpus.blocks[back as usize..] {
            node.follow(&corpus.vm, block, expected);
        }
    }
    // What is equal must not be so because nothing happened.
    let outcomes = corpus.blocks.iter().flat_map(|(_, (outcome, _))| &outcome.receipts);
    let looked = outcomes.clone().filter(|receipt| receipt.output.len() == 160);
    let known = looked.clone().filter(|receipt| receipt.output[..4] == [0; 4]).count();
    let diffs = || corpus.blocks.iter().map(|(_, (outcome, _))| &outcome.diff);
    let removed = diffs().flat_map(|diff| diff.accounts.values()).filter(|account| account.is_none()).count();
    let cleared = diffs().flat_map(|diff| diff.storage.values()).filter(|changes| changes.cleared).count();
    let failed = outcomes.clone().filter(|receipt| receipt.outcome != lockstep_vm::Outcome::Return).count();
    let counts = (known, looked.count() - known, removed, cleared, failed, corpus.created.len());
    eprintln!("hashes known and not, accounts removed, storages cleared, failures, creations: {counts:?}");
    assert!(
        counts.0 > 20 && counts.1 > 5 && counts.2 > 3 && counts.3 > 3 && counts.4 > 10 && counts.5 > 20,
        "{counts:?}"
    );
}
