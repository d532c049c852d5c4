//! `lockstep block apply`: executes blocks on a database, each committed before the next begins.

use super::transaction::machine;
use crate::{
    args::DatabaseArgument,
    block_file::BlockFile,
    bytes::hex,
    database_folder,
    failure::Failure,
    output_file::OutputFile,
    progress::Progress,
    report::Report,
    state_file::IfMissing,
    value::{Row, Value},
};
use clap::Args;
use lockstep_chain::{Application, Applied, ChainError, Place, Purpose, Threads};
use lockstep_store::{Settings, Store, Tip};
use lockstep_vm::{Receipt, Vm};
use std::{num::NonZeroUsize, path::PathBuf, sync::Arc};

#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    /// A block in JSON or borsh (.borsh), or a list of blocks in JSON
    file: PathBuf,

    #[command(flatten)]
    database: DatabaseArgument,

    /// Write the witness of the last of these blocks into this file
    #[arg(long, value_name = "FILE")]
    witness: Option<PathBuf>,

    /// MiB of the database that are kept in memory
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 128)]
    cache_mib: u32,

    /// Blocks that wait in the log until they are put into the database
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 64)]
    fold_blocks: u32,

    /// Threads that execute the transactions of a block and hash its changes; the outcome is the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_024), default_value_t = 1)]
    threads: u32,
}

/// Runs the command.
pub(crate) fn apply(arguments: &ApplyArguments) -> Result<Report, Failure> {
    let taken =
        [(Some(arguments.database.db.as_path()), "the database"), (Some(arguments.file.as_path()), "the blocks")];
    let mut witness = arguments.witness.as_deref().map(|path| OutputFile::plan(path, &taken)).transpose()?;
    let vm = machine()?;
    let file = BlockFile::read(&arguments.file)?;
    let (store, _) = database_folder::open_with(&arguments.database.db, IfMissing::Refuse, settings(arguments))?;
    let progress = Progress::new("blocks");
    let count = file.count();
    let mut applied = Vec::new();
    let mut number = None;
    for position in 0..count {
        let witness = if position.saturating_add(1) == count { witness.take() } else { None };
        let next = number.or_else(|| file.number(position));
        let done = match apply_one(&vm, &store, &file, position, next, witness) {
            Ok(done) => done,
            Err(failure) => {
                let failure = failure.within(file.place(position));
                return Err(stopped(&store, failure, &applied, file.number(0).is_some()));
            }
        };
        number = Some(done.number.saturating_add(1));
        applied.push(done);
        let total = u64::try_from(count).unwrap_or(u64::MAX);
        progress.at(u64::try_from(applied.len()).unwrap_or(0), total);
    }
    drop(progress);
    store.close()?;
    Ok(report(&applied))
}

fn settings(arguments: &ApplyArguments) -> Settings {
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    Settings {
        cache_bytes: count(arguments.cache_mib).saturating_mul(1_024 * 1_024),
        fold_blocks: count(arguments.fold_blocks),
        executor: Arc::new(Threads::new(NonZeroUsize::new(count(arguments.threads)).unwrap_or(NonZeroUsize::MIN))),
        ..Settings::default()
    }
}

/// The failure of a block after `applied`. Those stay: a chain goes on from its last sound block. Blocks with numbers are
/// found again when the file is applied a second time.
fn stopped(store: &Store, failure: Failure, applied: &[Applied], has_numbers: bool) -> Failure {
    let new: Vec<&Applied> = applied.iter().filter(|block| !block.was_there).collect();
    match (new.first(), new.last()) {
        (Some(first), Some(last)) => {
            let (first, last) = (first.number, last.number);
            let said = if first == last {
                format!("block {first} was applied, the next one was not")
            } else {
                format!("blocks {first} to {last} were applied, the next one was not")
            };
            let again = if has_numbers {
                "the file again: the blocks that are there are skipped"
            } else {
                "the rest of the file, without the blocks that were applied"
            };
            let remedy =
                format!("correct the block and apply {again}; or take all back: {}", taking_back(store, first));
            failure.within(said).remedy(remedy).after(new.into_iter().map(block_row).collect())
        }
        _ => failure,
    }
}

/// What makes a chain end before block `number`.
fn taking_back(store: &Store, number: u64) -> String {
    let before = number.saturating_sub(1);
    match store.tip() {
        Ok(Some(Tip { oldest, .. })) if before >= oldest => format!("`lockstep chain rollback {before}`"),
        // Where a chain begins without a genesis, the state before its first block is no height.
        _ => format!("height {before} is not kept, so begin a database of its own, in another folder"),
    }
}

fn apply_one(
    vm: &Vm,
    store: &Store,
    file: &BlockFile,
    position: usize,
    next: Option<u64>,
    witness: Option<OutputFile>,
) -> Result<Applied, Failure> {
    let place = Place::find(store, file.number(position).or(next))?;
    let number = place.number;
    let block = file.block(position, number, &place.parent)?;
    let purpose = if witness.is_some() { Purpose::Witness } else { Purpose::Commit };
    let application = place.execute(vm, store, block, purpose).map_err(|error| match error {
        ChainError::OtherBlock { height, .. } => {
            let remedy = format!("to take it back: {}", taking_back(store, height));
            Failure::from(error).remedy(remedy)
        }
        error => error.into(),
    })?;
    match application {
        Application::WasThere(applied) => Ok(applied),
        Application::Executed(execution) => {
            if let (Some(witness), Some(bytes)) = (witness, execution.witness()) {
                witness.write(bytes)?;
            }
            Ok(execution.commit(store)?)
        }
    }
}

fn block_row(block: &Applied) -> Row {
    let gas_used = block.receipts.iter().fold(0_u64, |sum, receipt| sum.saturating_add(receipt.gas_used.get()));
    let lines = vec![format!(
        "{} root {} gas used {gas_used}{}",
        block.number,
        hex(block.root.as_slice()),
        if block.was_there { " (was there)" } else { "" }
    )];
    let fields = vec![
        ("block", Value::Number(block.number)),
        ("block_hash", Value::bytes(block.hash)),
        ("root", Value::bytes(block.root)),
        ("gas_used", Value::Number(gas_used)),
        ("was_there", Value::Flag(block.was_there)),
        ("receipts", Value::Rows(block.receipts.iter().map(receipt_row).collect())),
    ];
    Row { lines, fields }
}

fn report(applied: &[Applied]) -> Report {
    let mut report = Report::new("block apply");
    // A long list says little: the text shows how it ends.
    let mut rows: Vec<Row> = applied.iter().map(block_row).collect();
    let hidden = rows.len().saturating_sub(5);
    rows.iter_mut().take(hidden).for_each(|row| row.lines.clear());
    report.add("applied", Value::Number(u64::try_from(rows.len()).unwrap_or(u64::MAX)));
    report.add("blocks", Value::Rows(rows));
    if let [one] = applied {
        let rows = one.receipts.iter().map(receipt_row).collect();
        report.add("receipts", Value::Rows(rows));
    }
    report
}

/// A receipt in one line.
pub(crate) fn receipt_row(receipt: &Receipt) -> Row {
    let lines = vec![format!("{}, gas used {}", receipt.outcome, receipt.gas_used)];
    let fields = vec![
        ("outcome", Value::text(receipt.outcome.to_string())),
        ("gas_used", Value::Number(receipt.gas_used.get())),
        ("output", Value::bytes(&receipt.output)),
        ("created", Value::maybe(receipt.created, Value::bytes)),
    ];
    Row { lines, fields }
}
