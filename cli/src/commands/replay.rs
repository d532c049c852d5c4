//! `lockstep replay`: executes a block on its witness alone.

use super::{block::receipt_row, machine};
use crate::{
    args::ReplayArguments,
    block_file,
    failure::{Class, Failure},
    report::{Report, Value},
};
use anyhow::anyhow;
use lockstep_store::Witness;

/// Runs the command.
pub(crate) fn replay(arguments: &ReplayArguments) -> Result<Report, Failure> {
    let vm = machine()?;
    let witness = Witness::from_bytes(&block_file::read(&arguments.file)?)?;
    if let Some(expected) = arguments.root.filter(|root| *root != witness.root) {
        let error = anyhow!("the witness is of the state with root {}, not {expected}", witness.root);
        return Err(Failure::new(Class::File, error));
    }
    let (before, number) = (witness.root, witness.block.env.number);
    let replayed = lockstep_store::replay(witness, &vm)?;
    let mut report = Report::new("replay");
    report.add("block", Value::Number(number));
    report.add("root_before", Value::bytes(before));
    report.add("root", Value::bytes(replayed.root));
    report.add("gas_used", Value::Number(replayed.outcome.gas_used.get()));
    report.add("receipts", Value::Rows(replayed.outcome.receipts.iter().map(receipt_row).collect()));
    Ok(report)
}
