//! A chain of 200 blocks whose inputs and results are files: every version must reproduce each of them, byte for byte.
//!
//! `tests/golden/chain/blocks.borsh` has the genesis and the blocks, code and all, so that it does not depend on the example
//! contracts, on compilers or on the generator beside this file. `results.txt` has a line for each block, and a few witnesses
//! are there as a whole. `LOCKSTEP_BLESS=1` writes the results anew; it generates blocks only where there are none, and
//! nothing once `V1` is released.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests count what is small")]

mod contracts;
mod generate;
mod golden;
#[path = "../../../vm/tests/kit/threads.rs"]
mod threads;

use golden::{BLOCKS, GoldenChain, Run, WITNESSES};
use lockstep_gas::{Abi, HostFunction, HostPrice, Operator};
use lockstep_host::HaltReason;
use lockstep_reference::Reference;
use lockstep_store::{Recorder, Witness, replay};
use lockstep_vm::{Address, MODULE_CACHE_BYTES, Outcome, Revision, StateView, TxKind, Vm};
use std::{collections::BTreeSet, sync::Arc};
use threads::Threads;

/// One after the other, on the production engine: roots, gas, hashes and witnesses are those of the files. Each block is
/// executed on threads too, and again on its witness alone.
#[test]
fn the_golden_chain_is_reproduced() {
    let chain = golden::blocks();
    let vm = Vm::new(Revision::V1).unwrap();
    let mut run = Run::begin(&chain);
    let mut lines = Vec::new();
    for block in &chain.blocks {
        let number = block.env.number;
        let parent = run.store.latest().unwrap();
        let before = run.root;
        let recorder = Arc::new(Recorder::new(parent));
        let outcome = vm.execute_block(Arc::clone(&recorder) as StateView, block.clone());
        let outcome = outcome.unwrap_or_else(|error| panic!("block {number}: {error}"));
        let witness = recorder.witness(block.clone(), &outcome.diff).unwrap().to_bytes().unwrap();

        let view: StateView = Arc::new(run.store.latest().unwrap());
        let on_threads = vm.execute_block_with(view, block.clone(), &Threads(3)).unwrap();
        assert_eq!(on_threads, outcome, "block {number} on threads");

        let root = run.commit(block, &outcome);
        let replayed = replay(Witness::from_bytes(&witness).unwrap(), &before, &vm);
        let replayed = replayed.unwrap_or_else(|error| panic!("block {number} on its witness: {error}"));
        assert_eq!((replayed.root, &replayed.outcome), (root, &outcome), "block {number} on its witness");

        if WITNESSES.contains(&number) {
            golden::settle(&format!("witness-{number}.bin"), &witness);
        }
        lines.push(golden::line(block, root, &outcome, &witness));
    }
    golden::settle_lines(&lines);
}

/// A witness of an earlier version still proves its block.
#[test]
fn a_golden_witness_is_enough() {
    if golden::is_blessing() {
        return;
    }
    let vm = Vm::<Reference>::with_engine(Revision::V1, MODULE_CACHE_BYTES).unwrap();
    for number in WITNESSES {
        let witness = Witness::from_bytes(&golden::read(&format!("witness-{number}.bin")).unwrap()).unwrap();
        let (before, after) = (golden::root(number - 1), golden::root(number));
        assert_eq!(replay(witness, &before, &vm).unwrap().root, after, "block {number}");
    }
}

/// The reference interpreter has the same results.
#[test]
fn the_reference_reproduces_the_golden_chain() {
    let chain = golden::blocks();
    let vm = Vm::<Reference>::with_engine(Revision::V1, MODULE_CACHE_BYTES).unwrap();
    let mut run = Run::begin(&chain);
    for block in &chain.blocks {
        let number = block.env.number;
        let view: StateView = Arc::new(run.store.latest().unwrap());
        let outcome = vm.execute_block(view, block.clone()).unwrap_or_else(|error| panic!("block {number}: {error}"));
        let root = run.commit(block, &outcome);
        assert!(golden::is_blessing() || golden::has_results(block, root, &outcome), "block {number}");
    }
}

/// What is done to a revision.
type Patch = fn(&mut Revision);

/// Prices that are off by the least, with the first block of the chain that shows each.
#[test]
fn a_revision_that_is_off_by_one_is_found() {
    if golden::is_blessing() {
        return;
    }
    let chain = golden::blocks();
    let patches: [(&str, Patch, u64); 6] = [
        ("an operator", |it| it.schedule.set_operator(Operator::I32WrapI64, Some(2)), 11),
        ("a host function", |it| it.schedule.set_host(HostFunction::GetCaller, Some(HostPrice::flat(41))), 2),
        (
            "a byte of a log",
            |it| {
                let price = it.schedule.host(HostFunction::Log);
                it.schedule.set_host(HostFunction::Log, Some(HostPrice { per_byte: price.per_byte + 1, ..price }));
            },
            1,
        ),
        ("a stipend", |it| it.schedule.account.call_stipend += 1, 13),
        ("code that is left behind", |it| it.schedule.account.code_deposit_byte += 1, 7),
        ("an item of a module", |it| it.schedule.frame.per_item += 1, 1),
    ];
    for (what, patch, first) in patches {
        let mut revision = Revision::V1;
        patch(&mut revision);
        let vm = Vm::new(revision).unwrap();
        let mut run = Run::begin(&chain);
        let found = chain.blocks.iter().find(|block| {
            let outcome = vm.execute_block(Arc::new(run.store.latest().unwrap()), (*block).clone());
            // A block that became invalid is found as well.
            let Ok(outcome) = outcome else { return true };
            let root = run.commit(block, &outcome);
            !golden::has_results(block, root, &outcome)
        });
        let number = found.map(|block| block.env.number);
        assert_eq!(number, Some(first), "{what} is off by one: the first block that shows it");
    }
}

/// What is in the chain, so that it proves something: each ABI, each kind of transaction, and the ends that matter.
#[test]
fn the_golden_chain_has_everything() {
    let chain = golden::blocks();
    assert_eq!(chain.blocks.len(), BLOCKS);
    let seen = Seen::of(&chain);
    let abis: BTreeSet<&str> = Abi::CONTRACTS.iter().map(|abi| abi.name()).collect();
    assert_eq!(seen.abis, abis, "ABIs that are deployed");
    assert_eq!(seen.called_abis, abis, "ABIs that are called");
    assert_eq!(seen.precompiles, (1..=9).collect(), "precompiled contracts that are called");
    for (what, count, least) in [
        ("returns", seen.returns, 300),
        ("reverts", seen.reverts, 30),
        ("calls of exports", seen.exports, 60),
        ("creations", seen.creations, 10),
        ("destructions", seen.destructions, 4),
        ("logs", seen.logs, 60),
        ("values that go", seen.removals, 3),
        ("calls out of one ABI into another", seen.across, 10),
    ] {
        assert!(count >= least, "{what}: {count} where {least} are wanted");
    }
    let halts = [HaltReason::OutOfGas, HaltReason::InvalidCode, HaltReason::Unreachable];
    for reason in halts {
        assert!(seen.halts.contains(&reason.to_string()), "{reason}: {:?}", seen.halts);
    }
}

/// What was met on the way through a chain.
#[derive(Debug, Default)]
struct Seen {
    abis: BTreeSet<&'static str>,
    called_abis: BTreeSet<&'static str>,
    precompiles: BTreeSet<u8>,
    halts: BTreeSet<String>,
    returns: usize,
    reverts: usize,
    exports: usize,
    creations: usize,
    destructions: usize,
    logs: usize,
    removals: usize,
    across: usize,
}

impl Seen {
    fn of(chain: &GoldenChain) -> Self {
        let vm = Vm::new(Revision::V1).unwrap();
        let (mut run, mut seen) = (Run::begin(chain), Self::default());
        for block in &chain.blocks {
            let view: StateView = Arc::new(run.store.latest().unwrap());
            let outcome = vm.execute_block(Arc::clone(&view), block.clone()).unwrap();
            for (tx, receipt) in block.transactions.iter().zip(&outcome.receipts) {
                match receipt.outcome {
                    Outcome::Return => seen.returns += 1,
                    Outcome::Revert { .. } => seen.reverts += 1,
                    Outcome::Halt { reason } => _ = seen.halts.insert(reason.to_string()),
                }
                seen.logs += receipt.logs.len();
                match &tx.kind {
                    TxKind::Create { .. } => seen.creations += usize::from(receipt.created.is_some()),
                    TxKind::Deploy { abi, .. } => _ = seen.abis.insert(abi.name()),
                    TxKind::Call { to, export } => {
                        seen.exports += usize::from(export.is_some());
                        seen.call(&view, *to, &tx.input);
                    }
                }
            }
            seen.destructions += outcome.diff.accounts.values().filter(|account| account.is_none()).count();
            let values = outcome.diff.storage.values().flat_map(|of| of.values.values());
            seen.removals += values.filter(|value| value.is_none()).count();
            run.commit(block, &outcome);
        }
        seen
    }

    fn call(&mut self, view: &StateView, to: Address, input: &[u8]) {
        if to.as_slice()[..19] == [0; 19] && to.as_slice()[19] <= 9 {
            self.precompiles.insert(to.as_slice()[19]);
        }
        let abi = |address: &Address| Some(view.account(address).unwrap()?.code?.abi);
        let Some(called) = abi(&to) else { return };
        self.called_abis.insert(called.name());
        // Proxy and caller begin their input with whom they call.
        let callee = input.first_chunk::<20>().and_then(|address| abi(&Address::from(address)));
        self.across += usize::from(callee.is_some_and(|callee| callee != called));
    }
}
