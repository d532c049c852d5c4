//! What the store costs as the state grows: `growth [KEYS...]`, 10^4, 10^5 and 10^6 if none is given.
//!
//! For each size: the commit of 1,000 changed storage keys with the bytes that it writes, the share that each of 16 commits
//! has in the fold after them, and a read at the tip and 1,000 heights back. Then blocks of 10,000 token transfers on a state with that many accounts, root and durable commit
//! included.

use anyhow::{Context as _, Result};
use lockstep_benches::{
    disk::{Disk, Written},
    ledger::{Transfer, commit, contract, fill, holders, key, next_block, values},
    measure::median,
};
use lockstep_store::{ExecutedBlock, Settings, Store};
use lockstep_vm::{B256, Outcome, Revision, StateReader, U256, Vm};
use std::{hint::black_box, sync::Arc, time::Instant};
use tempfile::TempDir;

/// Commits that are measured, and keys that each changes.
const COMMITS: u64 = 16;
const KEYS: u64 = 1_000;

/// Heights that reads look back.
const BACK: u64 = 1_000;

/// Reads that are measured.
const READS: u64 = 20_000;

/// Blocks of transfers that are measured, and transfers of each.
const BLOCKS: u64 = 5;
const TRANSFERS: u64 = 10_000;

fn main() -> Result<()> {
    let mut sizes: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000, 1_000_000];
    }
    println!(
        "| keys in the state | commit of 1,000 keys | its CPU | CPU of its share of a fold | written to the log | written by \
         the fold | read at the tip | read 1,000 heights back |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for size in &sizes {
        growth(*size)?;
    }
    println!();
    println!("| accounts in the state | transfers a second | execution | tree and tables | disk |");
    println!("|---|---|---|---|---|");
    for size in &sizes {
        token_blocks(*size)?;
    }
    Ok(())
}

/// Blocks that nothing but the bench folds.
const FOLDED_BY_HAND: usize = usize::MAX;

/// A store on a disk that counts, in a folder of its own, that folds after so many blocks.
fn store(fold_blocks: usize) -> Result<(TempDir, Store, Arc<Written>)> {
    let folder = tempfile::tempdir()?;
    let (disk, log, written) = Disk::create(folder.path())?;
    let fold_bytes = if fold_blocks == FOLDED_BY_HAND { 1 << 30 } else { Settings::default().fold_bytes };
    let settings = Settings { fold_blocks, fold_bytes, ..Settings::default() };
    Ok((folder, Store::with_backends(disk, log, settings)?, written))
}

fn growth(size: u64) -> Result<()> {
    let (_folder, store, written) = store(FOLDED_BY_HAND)?;
    fill(&store, size)?;
    store.fold()?;
    let spread = |round: u64| (0..KEYS).map(move |at| (at * (size / KEYS).max(1) + round) % size);
    let (mut times, mut cpu, before) = (Vec::new(), Vec::new(), written.bytes());
    for round in 0..COMMITS {
        let diff = values(spread(round), round + 2);
        // What a block changes it has read.
        let view = store.latest()?;
        for number in spread(round) {
            black_box(view.storage(&contract(), &key(number))?);
        }
        let (start, used) = (Instant::now(), cpu_seconds()?);
        commit(&store, &diff)?;
        times.push(start.elapsed().as_secs_f64());
        cpu.push(cpu_seconds()? - used);
    }
    let in_log = (written.bytes() - before) as f64 / COMMITS as f64;
    let (used, before) = (cpu_seconds()?, written.bytes());
    store.fold()?;
    let fold_cpu = (cpu_seconds()? - used) * 1e3 / COMMITS as f64;
    let folded = (written.bytes() - before) as f64 / COMMITS as f64;
    // Heights between, each with a few changes.
    for round in 0..BACK {
        commit(&store, &values(spread(round).take(10), round + 100))?;
    }
    store.fold()?;
    let tip = store.latest()?.height();
    let [now, then] = [read(&store, tip, size)?, read(&store, tip - BACK, size)?];
    let (commit, cpu) = (median(times) * 1e3, cpu.iter().sum::<f64>() * 1e3 / COMMITS as f64);
    let [in_log, folded] = [in_log, folded].map(|bytes| bytes / 1_024.0);
    println!(
        "| {size} | {commit:.1} ms | {cpu:.1} ms | {fold_cpu:.1} ms | {in_log:.0} KiB | {folded:.0} KiB | {now:.2} us | \
         {then:.2} us |"
    );
    Ok(())
}

/// Seconds of processor time that this process has used.
fn cpu_seconds() -> Result<f64> {
    let schedule = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = schedule.split_whitespace().next().context("no time in schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}

/// Microseconds that a read at `height` takes.
fn read(store: &Store, height: u64, size: u64) -> Result<f64> {
    let view = store.view(height)?;
    let start = Instant::now();
    for at in 0..READS {
        black_box(view.storage(&contract(), &key(at * 7_919 % size))?);
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / READS as f64)
}

fn token_blocks(size: u64) -> Result<()> {
    let (_folder, store, written) = store(Settings::default().fold_blocks)?;
    for from in (0..size).step_by(50_000) {
        commit(&store, &holders(from..size.min(from + 50_000))?)?;
    }
    let vm = Vm::new(Revision::V1)?;
    let (mut execution, mut commits, mut disk) = (0.0, 0.0, 0.0);
    for _ in 0..BLOCKS {
        let block = next_block(&store, Transfer::Token, TRANSFERS.min(size), size)?;
        let (height, parent_hash) = (block.env.number, block.env.parent_hash);
        let start = Instant::now();
        let outcome = vm.execute_block(Arc::new(store.latest()?), block)?;
        execution += start.elapsed().as_secs_f64();
        anyhow::ensure!(outcome.receipts.iter().all(|receipt| receipt.outcome == Outcome::Return), "a transfer failed");
        let (diff, receipts) = (&outcome.diff, outcome.receipts.as_slice());
        let hash = B256::from(U256::from(height));
        let executed = ExecutedBlock { height, hash, parent_hash, diff, receipts, body: None, root: None };
        let (start, before) = (Instant::now(), written.time());
        store.commit(&executed)?;
        commits += start.elapsed().as_secs_f64();
        disk += (written.time() - before).as_secs_f64();
    }
    let all = execution + commits;
    let rate = (BLOCKS * TRANSFERS.min(size)) as f64 / all;
    let share = |part: f64| format!("{:.0} %", part * 100.0 / all);
    let (execution, tree, disk) = (share(execution), share(commits - disk), share(disk));
    println!("| {size} | {rate:.0} | {execution} | {tree} | {disk} |");
    Ok(())
}
