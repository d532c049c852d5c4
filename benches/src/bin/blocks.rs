//! What a transfer costs in a block, beside one that is executed alone: `blocks [THREADS]`, two threads if none is given.
//!
//! States in memory, receipts and diff included. The first table has transfers between accounts of their own, the second one
//! transfers that all depend on each other: one sender.

use anyhow::{Context as _, Result, ensure};
use lockstep_benches::{
    ledger::{accounts, address, holders, token},
    measure::{median, nanoseconds},
    programs::TRANSFER,
};
use lockstep_vm::{
    Block, BlockEnv, BlockOutcome, Executor, Gas, MemoryState, Outcome, Revision, StateView, Tx, TxKind, U256, Vm,
};
use std::{sync::Arc, thread};

/// Rounds of which the median counts.
const ROUNDS: usize = 7;

/// Transactions that are executed alone in one round.
const ALONE: u64 = 500;

/// Accounts in the state and transfers in a block.
const SIZES: [(u64, u64); 6] =
    [(1_000, 1_000), (10_000, 100), (10_000, 1_000), (10_000, 10_000), (100_000, 10_000), (1_000_000, 100_000)];

/// Threads that end with the block. The one that asks is one of them.
#[derive(Debug)]
struct Threads(usize);

impl Executor for Threads {
    fn threads(&self) -> usize {
        self.0
    }

    fn run<'a>(&self, mut jobs: Vec<Box<dyn FnOnce() + Send + 'a>>) {
        let own = jobs.pop();
        thread::scope(|scope| {
            jobs.into_iter().for_each(|job| drop(scope.spawn(job)));
            own.into_iter().for_each(|job| job());
        });
    }
}

fn main() -> Result<()> {
    let threads = std::env::args().nth(1).map_or(Ok(2), |text| text.parse()).context("THREADS is a number")?;
    let vm = Vm::new(Revision::V1)?;
    for (title, senders) in [("accounts of their own", true), ("one sender", false)] {
        println!("Transfers: {title}\n");
        println!("| what | accounts | transfers | alone | in a block | on {threads} threads | times faster |");
        println!("|---|---|---|---|---|---|---|");
        for (size, count) in SIZES {
            for (what, is_token) in [("coin", false), ("token", true)] {
                let row = measure(&vm, size, count, is_token, senders, threads)?;
                println!("| {what} | {size} | {count} | {row}");
            }
        }
        println!();
    }
    Ok(())
}

fn measure(vm: &Vm, size: u64, count: u64, is_token: bool, senders: bool, threads: usize) -> Result<String> {
    let mut state = MemoryState::default();
    state.apply(&if is_token { holders(0..size)? } else { accounts(0..size) });
    let view: StateView = Arc::new(state);
    let step = (size / count).max(1);
    let tx = |at: u64| {
        let recipient = address((at * step * 7 + 5) % size);
        let (to, value, input) = match is_token {
            false => (recipient, 1, Vec::new()),
            true => (token(), 0, [&TRANSFER, recipient.as_slice(), &1_u64.to_be_bytes()].concat()),
        };
        let (sender, nonce) = if senders { (at * step % size, 0) } else { (0, at) };
        Tx {
            sender: address(sender),
            nonce,
            gas_limit: Gas::new(10_000_000),
            gas_price: U256::from(1),
            value: U256::from(value),
            kind: TxKind::Call { to, export: None },
            input,
        }
    };
    let beneficiary = address(u64::MAX);
    let env = BlockEnv { number: 1, gas_limit: u64::MAX, beneficiary, ..BlockEnv::default() };
    let block = Block { env: env.clone(), transactions: (0..count).map(tx).collect() };
    let alone = (0..ALONE.min(count)).map(|at| vm.check(Arc::clone(&view), &env, Tx { nonce: 0, ..tx(at) }));
    let alone = alone.collect::<Result<Vec<_>, _>>()?;
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let (txs, mut result) = (alone.clone(), Ok(()));
        times[0].push(
            nanoseconds(|| {
                result = txs.into_iter().try_for_each(|tx| vm.execute_tx(Arc::clone(&view), &env, tx).map(drop));
            }) / alone.len() as f64,
        );
        result?;
        let (mut serial, mut parallel) = (None, None);
        let [first, second] = [block.clone(), block.clone()];
        let time = nanoseconds(|| serial = Some(vm.execute_block(Arc::clone(&view), first)));
        times[1].push(time / count as f64);
        let time = nanoseconds(|| {
            parallel = Some(vm.execute_block_with(Arc::clone(&view), second, &Threads(threads)));
        });
        times[2].push(time / count as f64);
        let outcomes = [serial, parallel].map(|outcome| outcome.context("it ran"));
        let [serial, parallel]: [Result<BlockOutcome>; 2] = outcomes.map(|outcome| Ok(outcome??));
        let (serial, parallel) = (serial?, parallel?);
        ensure!(serial == parallel, "the outcome on threads differs");
        ensure!(serial.receipts.iter().all(|receipt| receipt.outcome == Outcome::Return), "a transfer failed");
    }
    let [alone, serial, parallel] = times.map(|times| median(times) / 1e3);
    Ok(format!("{alone:.2} us | {serial:.2} us | {parallel:.2} us | {:.2} |", serial / parallel))
}
