//! The long life of a store: `soak [BLOCKS [TRANSACTIONS [ACCOUNTS]]]` executes blocks of transfers, rolls back and
//! prunes, and prints how the file and the memory of the process grow, and what execution, tree and disk take.

use anyhow::Result;
use lockstep_benches::{
    disk::Disk,
    ledger::{Transfer, accounts, commit, next_block},
};
use lockstep_store::{ExecutedBlock, FILE_NAME, Settings, Store, check};
use lockstep_vm::{B256, Revision, U256, Vm};
use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Heights that a pruning keeps.
const KEPT: u64 = 100;

fn main() -> Result<()> {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let argument = |at: usize, default| arguments.get(at).copied().unwrap_or(default);
    let (blocks, count, size) = (argument(0, 10_000), argument(1, 100), argument(2, 100_000));
    let folder = tempfile::tempdir()?;
    let (disk, log, written) = Disk::create(folder.path())?;
    let store = Store::with_backends(disk, log, Settings::default())?;
    for from in (0..size).step_by(50_000) {
        commit(&store, &accounts(from..size.min(from + 50_000)))?;
    }
    let vm = Vm::new(Revision::V1)?;
    let (mut executing, mut committing, mut writing) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    println!("{blocks} blocks of {count} transfers among {size} accounts");
    println!("{:>8} {:>12} {:>12}", "block", "file MiB", "memory MiB");
    for round in 1..=blocks {
        let block = next_block(&store, Transfer::Coin, count, size)?;
        let start = Instant::now();
        let outcome = vm.execute_block(Arc::new(store.latest()?), block.clone())?;
        executing += start.elapsed();
        let (diff, receipts) = (&outcome.diff, outcome.receipts.as_slice());
        let (height, parent_hash) = (block.env.number, block.env.parent_hash);
        let hash = B256::from(U256::from(height));
        let executed = ExecutedBlock { height, hash, parent_hash, diff, receipts, body: None, root: None };
        let (start, before) = (Instant::now(), written.time());
        store.commit(&executed)?;
        committing += start.elapsed();
        writing += written.time() - before;
        if round % 500 == 0 {
            store.rollback(height - 20)?;
            store.prune(KEPT, &mut |_, _| {})?;
        }
        if round % (blocks / 10).max(1) == 0 {
            println!("{round:>8} {:>12.1} {:>12.1}", file_mib(folder.path())?, memory_mib());
        }
    }
    let transactions = (blocks * count) as f64;
    let per_tx = |time: Duration| time.as_secs_f64() * 1e6 / transactions;
    println!(
        "execution {:.1} us a transfer, commit {:.1} us, of which writing and sync {:.1} us",
        per_tx(executing),
        per_tx(committing),
        per_tx(writing)
    );
    println!("{:.0} transfers a second", transactions / (executing + committing).as_secs_f64());
    store.close()?;
    let checked = check(folder.path(), &mut |_, _| {})?;
    anyhow::ensure!(checked.differences.is_empty(), "differences: {:?}", checked.differences);
    println!("checked: sound, {} rows", checked.rows);
    Ok(())
}

fn file_mib(folder: &Path) -> Result<f64> {
    Ok(fs::metadata(folder.join(FILE_NAME))?.len() as f64 / 1_048_576.0)
}

/// Resident memory, where the system says it; 0 elsewhere.
fn memory_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1_024.0
}
