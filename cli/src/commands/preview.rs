//! `lockstep preview`: the answer of a view after one more block. The chain stays as it is.

use super::{
    index::{INDEX_GAS, read_block},
    transaction::{halt_sites, machine, note_missing_code},
};
use crate::{
    args::{EntryArguments, PlaceArgument},
    bytes::{parse_address, parse_gas},
    execution::{add_outcome, add_output},
    failure::Failure,
    ledger::Ledger,
    report::Report,
    typed,
    value::Value,
};
use clap::Args;
use lockstep_chain::{Order, indexer::has_noted_failure};
use lockstep_vm::{Address, Gas, HaltSite, Outcome, Overlaid, TxKind, U256, ViewCall};
use std::{path::PathBuf, sync::Arc};

#[derive(Debug, Args)]
pub(crate) struct PreviewArguments {
    /// The indexer
    #[arg(value_parser = parse_address)]
    address: Address,

    #[command(flatten)]
    place: PlaceArgument,

    /// The file of the block that comes next
    #[arg(long, value_name = "FILE")]
    block: PathBuf,

    #[command(flatten)]
    entry: EntryArguments,

    /// The height that the block follows, of a database [default: the last]
    #[arg(long, value_name = "HEIGHT", value_parser = parse_gas, requires = "db")]
    at: Option<u64>,

    /// Gas limit of the block, and gas that the view may use
    #[arg(long, value_name = "N", value_parser = parse_gas, allow_hyphen_values = true, default_value_t = INDEX_GAS)]
    gas: u64,
}

/// Runs the command.
pub(crate) fn preview(arguments: PreviewArguments) -> Result<Report, Failure> {
    let PreviewArguments { address, place, block, entry, at, gas } = arguments;
    let (export, caller) = (entry.export(), entry.caller);
    let vm = machine()?;
    // An indexer has no typed exports.
    let input = typed::input(&entry, vm.revision(), None)?.bytes;
    let block = read_block(&block, &vm)?;
    let ledger = Ledger::read(&place, at)?;
    let mut report = Report::new("preview");
    note_missing_code(&mut report, &ledger, &address)?;
    let kind = TxKind::Call { to: address, export: None };
    let attempt =
        ledger.execute(&vm, Order { sender: caller, gas_limit: gas, value: U256::ZERO, kind, input: block })?;
    let receipt = &attempt.executed.receipt;
    let noted_failure = has_noted_failure(&attempt.executed);
    report.add("block", Value::Number(attempt.env.number));
    report.add("block_gas_used", Value::Number(receipt.gas_used.get()));
    report.add("noted_failure", Value::Flag(noted_failure));
    report.add("contract", Value::bytes(address));
    report.add("caller", Value::bytes(caller));
    // The indexer itself goes on after a failure that it noted. A preview does not.
    let ended = match receipt.outcome {
        Outcome::Return if noted_failure => Some(Outcome::Revert { errno: 0 }),
        Outcome::Return => None,
        outcome => Some(outcome),
    };
    if let Some(outcome) = ended {
        let halts: Vec<HaltSite> = halt_sites(receipt.outcome, attempt.executed.halts.clone(), address, None);
        add_outcome(&mut report, outcome, &halts);
        add_output(&mut report, &receipt.output);
        report.add("gas_used", Value::Number(0));
        return Ok(report);
    }
    let next = attempt.next_block();
    let after = Arc::new(Overlaid::new(attempt.view, attempt.executed.diff));
    let name = export.map(|name| name.as_bytes().to_vec());
    let call = ViewCall { caller, to: address, export: name, input, gas_limit: Gas::new(gas) };
    let viewed = vm.view(after, &next, call)?;
    let halts = halt_sites(viewed.outcome, viewed.halts, address, export);
    add_outcome(&mut report, viewed.outcome, &halts);
    add_output(&mut report, &viewed.output);
    report.add("gas_used", Value::Number(viewed.gas_used.get()));
    Ok(report)
}
