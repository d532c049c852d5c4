//! `lockstep block apply`: executes blocks on a database, each committed before the next begins.

use super::machine;
use crate::{
    args::ApplyArguments,
    block_file::BlockFile,
    bytes::hex,
    failure::{Class, Failure},
    ledger::Database,
    output_file::OutputFile,
    progress::Progress,
    report::{Report, Row, Value},
    state_file::IfMissing,
};
use anyhow::{Error, anyhow};
use lockstep_store::{ExecutedBlock, Recorder, Store, StoreError, Tip};
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
    let Database { store, .. } = Database::open(&arguments.database.db, IfMissing::Refuse, None)?;
    let progress = Progress::new("blocks");
    let count = file.count();
    let mut applied = Vec::new();
    let mut number = None;
    for position in 0..count {
        let witness = if position.saturating_add(1) == count { witness.take() } else { None };
        let next = number.or_else(|| file.number(position));
        let done = apply_one(&vm, &store, &file, position, next, witness)?;
        number = Some(done.number.saturating_add(1));
        applied.push(done);
        let total = u64::try_from(count).unwrap_or(u64::MAX);
        progress.at(u64::try_from(applied.len()).unwrap_or(0), total);
    }
    drop(progress);
    store.close()?;
    Ok(report(&applied))
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
        let error = anyhow!("block {number} does not follow: block {follows} does");
        return Err(Failure::new(Class::Database, error));
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
            let error = anyhow!("height {number} has another block, {there}: roll back first");
            return Err(Failure::new(Class::Database, error));
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
    let root = store.commit(&ExecutedBlock { height: number, hash, parent_hash, diff, receipts, root: None })?;
    Ok(Applied { number, hash, root, receipts: outcome.receipts, was_there })
}

/// Whose fault it is that a block was not executed.
pub(crate) fn rejected(rejected: Rejected) -> Failure {
    match rejected {
        Rejected::Fault(fault) => fault.into(),
        invalid => Failure::new(Class::Transaction, Error::new(invalid).context("the block is invalid")),
    }
}

fn report(applied: &[Applied]) -> Report {
    let mut report = Report::new("block apply");
    let rows = applied.iter().map(|block| {
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
    });
    // A long list says little: the text shows how it ends.
    let mut rows: Vec<Row> = rows.collect();
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
