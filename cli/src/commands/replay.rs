//! `lockstep replay`: executes a block on its witness alone.

use super::{block::receipt_row, machine};
use crate::{
    args::ReplayArguments,
    block_file,
    failure::Failure,
    report::{Report, Value},
};
use lockstep_store::Witness;

/// Runs the command.
pub(crate) fn replay(arguments: &ReplayArguments) -> Result<Report, Failure> {
    let vm = machine()?;
    let name = arguments.file.display();
    let refused = |error| Failure::from(error).within(&name);
    let witness = Witness::from_bytes(&block_file::read(&arguments.file)?).map_err(refused)?;
    let (before, number) = (arguments.root.unwrap_or(witness.root), witness.block.env.number);
    let replayed = lockstep_store::replay(witness, &before, &vm).map_err(refused)?;
    let mut report = Report::new("replay");
    report.add("block", Value::Number(number));
    report.add("root_before", Value::bytes(before));
    report.add("root", Value::bytes(replayed.root));
    report.add("gas_used", Value::Number(replayed.outcome.gas_used.get()));
    report.add("receipts", Value::Rows(replayed.outcome.receipts.iter().map(receipt_row).collect()));
    let mut trusted = vec![Value::text("block")];
    if arguments.root.is_none() {
        trusted.push(Value::text("root_before"));
        report.note(
            "the root before the block is believed because the witness says it; compare with a source that you trust: --root",
        );
    }
    report.add("trusted", Value::List(trusted));
    Ok(report)
}
