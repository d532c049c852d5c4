//! `lockstep replay`: executes a block on its witness alone.

use super::{block::receipt_row, transaction::machine};
use crate::{block_file, bytes::parse_hash, failure::Failure, report::Report, value::Value};
use clap::Args;
use lockstep_store::{StoreError, Witness};
use lockstep_vm::B256;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// A witness
    file: PathBuf,

    /// The root of the state that the block is executed on, from a source that you trust; a witness of another root is rejected
    #[arg(long, value_name = "ROOT", value_parser = parse_hash)]
    root: Option<B256>,

    /// The hash of the block, from a source that you trust; a witness of another block is rejected
    #[arg(long, value_name = "HASH", value_parser = parse_hash)]
    hash: Option<B256>,
}

/// Runs the command.
pub(crate) fn replay(arguments: &ReplayArguments) -> Result<Report, Failure> {
    let vm = machine()?;
    let name = arguments.file.display();
    let refused = |error| Failure::from(error).within(&name);
    let witness = Witness::from_bytes(&block_file::read(&arguments.file)?).map_err(refused)?;
    let (before, number, hash) =
        (arguments.root.unwrap_or(witness.root), witness.block.env.number, witness.block.hash());
    if let Some(expected) = arguments.hash.filter(|expected| *expected != hash) {
        let why = format!("the witness is of the block with hash {hash}, not {expected}");
        return Err(refused(StoreError::Refused(why)));
    }
    let replayed = lockstep_store::replay(witness, &before, &vm).map_err(refused)?;
    let mut report = Report::new("replay");
    report.add("block", Value::Number(number));
    report.add("block_hash", Value::bytes(hash));
    report.add("root_before", Value::bytes(before));
    report.add("root", Value::bytes(replayed.root));
    report.add("gas_used", Value::Number(replayed.outcome.gas_used.get()));
    report.add("receipts", Value::Rows(replayed.outcome.receipts.iter().map(receipt_row).collect()));
    let given =
        [("block_hash", "--hash", arguments.hash.is_some()), ("root_before", "--root", arguments.root.is_some())];
    let believed = given.into_iter().filter(|(_, _, given)| !given).map(|(field, option, _)| (field, option));
    report.note_trusted("witness", &believed.collect::<Vec<_>>());
    Ok(report)
}
