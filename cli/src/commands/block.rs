//! `lockstep block apply`: executes blocks on a database, each committed before the next begins.

use super::machine;
use crate::{
    args::ApplyArguments,
    block_file::BlockFile,
    bytes::hex,
    database_folder,
    failure::{Class, Classify, Failure},
    output_file::OutputFile,
    progress::Progress,
    report::{Report, Row, Value},
    state_file::IfMissing,
};
use anyhow::{Error, anyhow};
use lockstep_store::{ExecutedBlock, Recorder, Settings, Store, StoreError, Tip};
use lockstep_vm::{B256, Block, BlockOutcome, Receipt, Rejected, StateView, Vm};
use std::sync::Arc;

/// A block that is part of the chain.
struct Applied {
    number: u64,
    hash: B256,
    root: B256,
    receipts: Vec<Receipt>,
    was_there: bool,
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
    let tip = store.tip()?;
    let follows = tip.map_or(1, |tip| tip.height.saturating_add(1));
    let number = file.number(position).or(next).unwrap_or(follows);
    if number > follows || number == 0 {
        let failure = Failure::new(Class::Database, anyhow!("block {number} does not follow: block {follows} does"));
        return Err(failure.remedy(format!("give the block the number {follows}, or leave the number out")));
    }
    let parent = match (number.checked_sub(1), tip) {
        (Some(parent), Some(_)) => store.view(parent)?,
        _ => store.latest()?,
    };
    let block = file.block(position, number, &parent)?;
    let (actual, expected) = (block.env.parent_hash, parent.hash());
    if actual != expected {
        return Err(StoreError::Parent { actual, expected }.into());
    }
    let hash = block.hash();
    if let Some(Tip { height, .. }) = tip
        && number <= height
        && witness.is_none()
    {
        let there = store.block_hash(number)?;
        if there != hash {
            let error = anyhow!("height {number} has another block, {there}");
            return Err(
                Failure::new(Class::Database, error).remedy(format!("to take it back: {}", taking_back(store, number)))
            );
        }
        let (root, receipts) = (store.root(number)?, store.receipts(number)?);
        return Ok(Applied { number, hash, root, receipts, was_there: true });
    }
    let Some(witness) = witness else {
        let outcome = vm.execute_block(Arc::new(parent), block.clone()).map_err(rejected)?;
        return commit(store, &block, hash, outcome);
    };
    let recorder = Arc::new(Recorder::new(parent));
    let outcome = vm.execute_block(Arc::clone(&recorder) as StateView, block.clone()).map_err(rejected)?;
    let bytes = recorder.witness(block.clone(), &outcome.diff)?.to_bytes()?;
    witness.write(&bytes)?;
    commit(store, &block, hash, outcome)
}

fn commit(store: &Store, block: &Block, hash: B256, outcome: BlockOutcome) -> Result<Applied, Failure> {
    let number = block.env.number;
    let was_there = store.tip()?.is_some_and(|tip| tip.height >= number);
    let (diff, receipts, parent_hash) = (&outcome.diff, outcome.receipts.as_slice(), block.env.parent_hash);
    let body = borsh::to_vec(block).map_err(Error::msg).class(Class::Fault)?;
    let root = store.commit(&ExecutedBlock {
        height: number,
        hash,
        parent_hash,
        diff,
        receipts,
        body: Some(&body),
        root: None,
    })?;
    Ok(Applied { number, hash, root, receipts: outcome.receipts, was_there })
}

/// Whose fault it is that a block was not executed.
pub(crate) fn rejected(rejected: Rejected) -> Failure {
    match rejected {
        Rejected::Fault(fault) => fault.into(),
        invalid => Failure::new(Class::Transaction, Error::new(invalid).context("the block is invalid")),
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
