//! The section of the store: chains of random changes, with the root of every height, proofs, a snapshot, and what
//! rollback and pruning leave; and blocks executed on a store, with their witnesses.

use super::stream::Stream;
use lockstep_selftest::{Case, Recording};
use lockstep_store::{ExecutedBlock, Recorder, Store, StoreError, replay};
use lockstep_vm::{
    Abi, Account, Address, B256, Block, BlockEnv, CodeId, Fault, Gas, MemoryState, StateDiff, StorageDiff, Tx, TxKind,
    U256, Vm, code_hash, engine::Engine,
};
use std::sync::Arc;

/// How many chains of random changes there are.
const CHAINS: u32 = 16;

/// Heights of each.
const HEIGHTS: u64 = 24;

/// Heights that a chain is rolled back by, and that pruning keeps.
const ROLLED_BACK: u64 = 7;
const KEPT: u64 = 5;

/// Blocks of a fork, and heights after which the store folds.
const FORK: u64 = 3;
const FOLDED: u64 = 5;

/// Accounts of a chain, and keys of an account. Few, so that they meet often.
const ACCOUNTS: u64 = 24;
const KEYS: u64 = 40;

/// Blocks that are executed, each with this many calls.
const BLOCKS: u64 = 6;
const CALLS: u64 = 5;

const COUNTER: &[u8] = include_bytes!("../../../contracts/counter/counter.wasm");

/// Runs the section; `vm` executes the blocks.
pub(super) fn run<E: Engine>(vm: &Vm<E>) -> Result<Vec<Case>, Fault> {
    let mut cases = Vec::new();
    for seed in 0..CHAINS {
        cases.push(random_chain(seed).map_err(|error| broken(&error))?);
    }
    cases.extend(executed_blocks(vm)?);
    Ok(cases)
}

fn broken(error: &StoreError) -> Fault {
    Fault::Broken(format!("the store of the corpus: {error}"))
}

fn address(number: u64) -> Address {
    let mut bytes = [0; 20];
    for (to, from) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *to = from;
    }
    Address::from(bytes)
}

/// Keys of every length up to 39 bytes, each the beginning of the next.
fn key(number: u64) -> Vec<u8> {
    (0..number).map(|position| position.to_le_bytes()[0]).collect()
}

/// A chain of random changes.
fn random_chain(seed: u32) -> Result<Case, StoreError> {
    let (store, mut stream, mut recording) = (Store::memory()?, Stream::new(seed), Recording::default());
    let (mut state, mut changes) = (MemoryState::default(), Vec::new());
    for height in 0..HEIGHTS {
        recording.note(&fork(&store, &mut stream, &state, height)?);
        let diff = random_diff(&mut stream, &state);
        state.apply(&diff);
        recording.note(&commit(&store, height, &diff)?.0);
        changes.push((height, diff));
        if height % FOLDED == FOLDED - 1 {
            store.fold()?;
        }
    }
    let view = store.latest()?;
    for number in 0..ACCOUNTS {
        recording.note(&view.prove_account(&address(number))?);
        recording.note(&view.prove_storage(&address(number), &key(number))?);
    }
    let height = HEIGHTS - 1 - ROLLED_BACK;
    store.rollback(height)?;
    recording.note(&store.export(height)?.1);
    for (height, diff) in changes.iter().filter(|(at, _)| *at > height) {
        recording.note(&commit(&store, *height, diff)?.0);
    }
    recording.note(&store.prune(KEPT, &mut |_, _| {})?);
    recording.note(&store.export(HEIGHTS - 1)?.1);
    Ok(recording.case(format!("chain {seed}")))
}

/// Roots of blocks that are never committed, each above the one before it.
fn fork(store: &Store, stream: &mut Stream, state: &MemoryState, height: u64) -> Result<Vec<[u8; 32]>, StoreError> {
    let (mut state, mut stack) = (state.clone(), Vec::new());
    for above in 0..FORK {
        let diff = random_diff(stream, &state);
        state.apply(&diff);
        let at = height.saturating_add(above);
        // Hashes of their own, so that no block follows one of another fork.
        let of_fork = |at: u64| B256::from(U256::from(at).saturating_add(U256::from(1_u64 << 32)));
        let parent_hash = if above == 0 { block_hash(height.saturating_sub(1)) } else { of_fork(at.saturating_sub(1)) };
        let (hash, diff) = (of_fork(at), &diff);
        let block = ExecutedBlock { height: at, hash, parent_hash, diff, receipts: &[], body: None, root: None };
        stack.push(store.pending(&stack, &block)?);
    }
    Ok(stack.iter().map(|pending| pending.root().0).collect())
}

/// The hash of the block at a height, in this corpus.
fn block_hash(height: u64) -> B256 {
    B256::from(U256::from(height))
}

fn commit(store: &Store, height: u64, diff: &StateDiff) -> Result<B256, StoreError> {
    let (hash, parent_hash) = (block_hash(height), block_hash(height.saturating_sub(1)));
    store.commit(&ExecutedBlock { height, hash, parent_hash, diff, receipts: &[], body: None, root: None })
}

/// What a block could have changed: accounts that come, change and go, with their storage.
fn random_diff(stream: &mut Stream, state: &MemoryState) -> StateDiff {
    let mut diff = StateDiff::default();
    for _ in 0..stream.below(12) {
        let address = address(stream.below(ACCOUNTS));
        let (there, goes) = (state.accounts.contains_key(&address), stream.below(6) == 0);
        if goes && there {
            diff.accounts.insert(address, None);
            diff.storage.insert(address, StorageDiff { cleared: true, ..StorageDiff::default() });
        } else if !goes {
            let code = vec![stream.number().to_le_bytes()[0] % 4; 100];
            let account = Account {
                nonce: stream.below(3),
                balance: U256::from(stream.number()),
                code: (stream.below(2) == 0).then(|| CodeId::of(&code, Abi::Ewasm)),
            };
            diff.code.insert(code_hash(&code), code);
            diff.accounts.insert(address, Some(account));
            let values = (0..stream.below(16)).map(|_| (key(stream.below(KEYS)), random_value(stream))).collect();
            diff.storage.insert(address, StorageDiff { cleared: false, values });
        }
    }
    diff
}

fn random_value(stream: &mut Stream) -> Option<Vec<u8>> {
    let length = usize::try_from(stream.below(80)).unwrap_or_default();
    (stream.below(3) != 0).then(|| stream.take(length))
}

/// Blocks that deploy a counter, call it and pay, executed on a store and again on the witness of each.
fn executed_blocks<E: Engine>(vm: &Vm<E>) -> Result<Vec<Case>, Fault> {
    let store = Store::memory().map_err(|error| broken(&error))?;
    let rich = |number| (address(number), Some(Account { balance: U256::MAX >> 8, ..Account::default() }));
    let genesis = StateDiff { accounts: (1..=CALLS).map(rich).collect(), ..StateDiff::default() };
    commit(&store, 0, &genesis).map_err(|error| broken(&error))?;
    (1..=BLOCKS)
        .map(|number| {
            let mut recording = Recording::default();
            executed_block(vm, &store, number, &mut recording)?;
            Ok(recording.case(format!("block {number}")))
        })
        .collect()
}

fn executed_block<E: Engine>(vm: &Vm<E>, store: &Store, number: u64, recording: &mut Recording) -> Result<(), Fault> {
    let recorder = Arc::new(Recorder::new(store.latest().map_err(|error| broken(&error))?));
    let block = block(number);
    let outcome = vm.execute_block(Arc::clone(&recorder) as _, block.clone());
    let outcome = outcome.map_err(|error| Fault::Broken(format!("block {number} of the corpus: {error}")))?;
    let finish = || {
        let witness = recorder.witness(block, &outcome.diff)?;
        let root = commit(store, number, &outcome.diff)?;
        let (bytes, before) = (witness.to_bytes()?, witness.root);
        Ok((bytes, root, replay(witness, &before, vm)?.root))
    };
    let (witness, root, replayed) = finish().map_err(|error| broken(&error))?;
    recording.note(&(&outcome.receipts, &outcome.diff, witness, root.0, replayed.0));
    Ok(())
}

fn block(number: u64) -> Block {
    let counter = address(1).create(0);
    let transaction = |sender| {
        let kind = match (number, sender) {
            (1, _) => TxKind::Deploy { abi: Abi::Ewasm, code: COUNTER.to_vec() },
            (_, CALLS) => TxKind::Call { to: address(number), export: None },
            _ => TxKind::Call { to: counter, export: None },
        };
        let value = U256::from(if sender == CALLS { number } else { 0 });
        let gas = (Gas::new(10_000_000), U256::from(2));
        Tx {
            sender: address(sender),
            nonce: number - 1,
            gas_limit: gas.0,
            gas_price: gas.1,
            value,
            kind,
            input: vec![],
        }
    };
    let parent_hash = if number == 1 { B256::ZERO } else { block_hash(number - 1) };
    let env = BlockEnv { number, gas_limit: 100_000_000, beneficiary: address(0), parent_hash, ..BlockEnv::default() };
    Block { env, transactions: (1..=CALLS).map(transaction).collect() }
}
