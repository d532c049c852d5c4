//! `lockstep call`: a transaction to a contract of a chain; what it changed is kept.

use super::{
    add_receipt,
    explain::{Called, explain_call},
    halt_sites, machine, note_missing_code,
};
use crate::{
    args::{CallArguments, EntryArguments},
    diagnosis::Diagnosis,
    execution::{add_changes, add_outcome},
    failure::Failure,
    files,
    ledger::Ledger,
    report::{Report, Value},
    state_file::IfMissing,
};
use lockstep_chain::Order;
use lockstep_vm::TxKind;

/// Runs the command.
pub(crate) fn call(arguments: CallArguments) -> Result<Report, Failure> {
    let CallArguments { address, place, entry, gas, value, diagnosis } = arguments;
    let taken = [
        (place.state.as_deref(), "the state file"),
        (place.db.as_deref(), "the database"),
        (entry.input_file(), "the input"),
    ];
    let diagnosis = Diagnosis::plan(diagnosis, &taken)?;
    let EntryArguments { export, input, caller } = entry;
    let vm = machine()?;
    let input = files::input(input, vm.revision())?;
    let ledger = Ledger::write(&place, IfMissing::Refuse)?;
    let mut report = Report::new("call");
    note_missing_code(&mut report, &ledger, &address)?;
    let kind = TxKind::Call { to: address, export: export.clone().map(String::into_bytes) };
    let attempt = ledger.execute(&vm, Order { sender: caller, gas_limit: gas, value, kind, input: input.clone() })?;
    let seen = diagnosis.carry_out(&vm, &attempt)?;
    let (outcome, halts) = (attempt.executed.receipt.outcome, attempt.executed.halts.clone());
    let halts = halt_sites(outcome, halts, address, export.as_deref());
    let called = Called { export: export.as_deref(), input: &input };
    explain_call(&mut report, &vm, &ledger, &address, &called, (outcome, &halts))?;
    let sealed = ledger.keep(attempt)?;
    let receipt = &sealed.executed.receipt;
    add_outcome(&mut report, receipt.outcome, &halts);
    add_receipt(&mut report, receipt, gas);
    add_changes(&mut report, &sealed.changes);
    report.add("contract", Value::bytes(address));
    report.add("caller", Value::bytes(caller));
    report.add("block", Value::Number(sealed.number));
    seen.add_to(&mut report);
    Ok(report)
}
