//! `lockstep chain`: the blocks of a database, going back, forgetting, checking.

use crate::{
    args::DatabaseArgument,
    bytes::{hex, parse_count, parse_gas},
    database_folder::{self, Sizes},
    failure::{Exit, Failure},
    progress::Progress,
    report::Report,
    state_file::IfMissing,
    value::{Row, Value},
};
use clap::Args;
use lockstep_store::{Store, Tip};

#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    #[command(flatten)]
    database: DatabaseArgument,

    /// Blocks to print, at most
    #[arg(long, value_name = "N", value_parser = parse_gas, default_value_t = 20)]
    limit: u64,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArguments {
    /// The height to go back to
    #[arg(value_parser = parse_gas)]
    height: u64,

    #[command(flatten)]
    database: DatabaseArgument,
}

#[derive(Debug, Args)]
pub(crate) struct PruneArguments {
    #[command(flatten)]
    database: DatabaseArgument,

    /// Heights to keep, at least 1
    #[arg(long, value_name = "N", value_parser = parse_count)]
    keep: u64,

    /// Stop after this time, between two steps; the next pruning goes on
    #[arg(long, value_name = "N", value_parser = parse_gas)]
    max_seconds: Option<u64>,
}

/// Runs `lockstep chain log`.
pub(crate) fn log(arguments: &LogArguments) -> Result<Report, Failure> {
    let store = database_folder::open_to_look(&arguments.database.db)?;
    let mut report = Report::new("chain log");
    let tip = store.tip()?;
    report.add("last", Value::maybe(tip, |tip| Value::Number(tip.height)));
    report.add("oldest_kept", Value::maybe(tip, |tip| Value::Number(tip.oldest)));
    let sizes = Sizes::of(&arguments.database.db)?;
    report.add("file_bytes", Value::Number(sizes.file));
    report.add("log_bytes", Value::Number(sizes.log));
    report.add("free_disk_bytes", Value::maybe(sizes.free_disk, Value::Number));
    let mut rows = Vec::new();
    if let Some(Tip { height, oldest, .. }) = tip {
        for height in (oldest..=height).rev().zip(0..arguments.limit).map(|(height, _)| height) {
            rows.push(block_row(&store, height)?);
        }
    }
    report.add("blocks", Value::Rows(rows));
    Ok(report)
}

fn block_row(store: &Store, height: u64) -> Result<Row, Failure> {
    let (hash, root, receipts) = (store.block_hash(height)?, store.root(height)?, store.receipts(height)?);
    let receipts_root = store.receipts_root(height)?;
    let gas_used = receipts.iter().fold(0_u64, |sum, receipt| sum.saturating_add(receipt.gas_used.get()));
    let lines = vec![
        format!("{height} root {}", hex(root.as_slice())),
        format!("  hash {} transactions {} gas used {gas_used}", hex(hash.as_slice()), receipts.len()),
        match receipts_root {
            Some(root) => format!("  receipts root {}", hex(root.as_slice())),
            None => "  receipts: not here, the block came with a snapshot".to_owned(),
        },
    ];
    let fields = vec![
        ("block", Value::Number(height)),
        ("block_hash", Value::bytes(hash)),
        ("root", Value::bytes(root)),
        ("receipts_root", Value::maybe(receipts_root, Value::bytes)),
        ("transactions", Value::Number(u64::try_from(receipts.len()).unwrap_or(u64::MAX))),
        ("gas_used", Value::Number(gas_used)),
    ];
    Ok(Row { lines, fields })
}

/// Runs `lockstep chain rollback`.
pub(crate) fn rollback(arguments: &RollbackArguments) -> Result<Report, Failure> {
    let (store, _) = database_folder::open(&arguments.database.db, IfMissing::Refuse)?;
    let before = store.tip()?.map_or(0, |tip| tip.height);
    store.rollback(arguments.height)?;
    let root = store.root(arguments.height)?;
    store.close()?;
    let mut report = Report::new("chain rollback");
    report.add("last", Value::Number(arguments.height));
    report.add("root", Value::bytes(root));
    report.add("blocks_gone", Value::Number(before.saturating_sub(arguments.height)));
    Ok(report)
}

/// Runs `lockstep chain prune`.
#[expect(clippy::disallowed_types, reason = "when it stops; no result depends on it")]
pub(crate) fn prune(arguments: &PruneArguments) -> Result<Report, Failure> {
    let begun = std::time::Instant::now();
    let is_over = || arguments.max_seconds.is_some_and(|most| begun.elapsed().as_secs() >= most);
    let (mut store, _) = database_folder::open(&arguments.database.db, IfMissing::Refuse)?;
    let progress = Progress::new("heights");
    let mut forgotten = 0_u64;
    let (is_whole, left) = loop {
        let step = store.prune_step(arguments.keep)?;
        forgotten = forgotten.saturating_add(step.forgotten);
        progress.at(forgotten, forgotten.saturating_add(step.left));
        // One step is always done, so that it ends however short the time is.
        if step.is_last || is_over() {
            break (step.is_last, step.left);
        }
    };
    drop(progress);
    if is_whole && !is_over() {
        store.compact()?;
    }
    let tip = store.tip()?;
    store.close()?;
    let mut report = Report::new("chain prune");
    report.add("heights_forgotten", Value::Number(forgotten));
    report.add("heights_left", Value::Number(left));
    report.add("whole", Value::Flag(is_whole));
    report.add("last", Value::maybe(tip, |tip| Value::Number(tip.height)));
    report.add("oldest_kept", Value::maybe(tip, |tip| Value::Number(tip.oldest)));
    Ok(report)
}

/// Runs `lockstep chain check`. Damage ends it with the code of a fault.
pub(crate) fn check(arguments: &DatabaseArgument) -> Result<Report, Failure> {
    let progress = Progress::new("rows");
    let checked = database_folder::check(&arguments.db, &mut |done, all| progress.at(done, all))?;
    drop(progress);
    let mut report = Report::new("chain check");
    if !checked.differences.is_empty() {
        report.set_exit(Exit::Fault);
    }
    report.add("sound", Value::Flag(checked.differences.is_empty()));
    report.add("oldest_kept", Value::maybe(checked.heights, |(oldest, _)| Value::Number(oldest)));
    report.add("last", Value::maybe(checked.heights, |(_, last)| Value::Number(last)));
    report.add("rows", Value::Number(checked.rows));
    report.add("differences", Value::List(checked.differences.iter().map(Value::text).collect()));
    Ok(report)
}
