//! `lockstep view`: a call in static mode on a chain, which stays as it is.

use super::{
    explain::{Called, explain_call},
    halt_sites, machine, note_missing_code,
};
use crate::{
    args::{EntryArguments, ViewArguments},
    execution::{add_outcome, add_output},
    failure::Failure,
    files,
    ledger::Ledger,
    report::{Report, Value},
};
use lockstep_vm::{Gas, ViewCall};

/// Runs the command.
pub(crate) fn view(arguments: ViewArguments) -> Result<Report, Failure> {
    let ViewArguments { address, place, entry, at, gas } = arguments;
    let EntryArguments { export, input, caller } = entry;
    let vm = machine()?;
    let input = files::input(input, vm.revision())?;
    let ledger = Ledger::read(&place, at)?;
    let mut report = Report::new("view");
    note_missing_code(&mut report, &ledger, &address)?;
    let call = ViewCall {
        caller,
        to: address,
        export: export.clone().map(String::into_bytes),
        input: input.clone(),
        gas_limit: Gas::new(gas),
    };
    let viewed = vm.view(ledger.view(), &ledger.next_block(gas)?, call)?;

    let halts = halt_sites(viewed.outcome, viewed.halts, address, export.as_deref());
    let called = Called { export: export.as_deref(), input: &input };
    explain_call(&mut report, &vm, &ledger, &address, &called, (viewed.outcome, &halts))?;
    add_outcome(&mut report, viewed.outcome, &halts);
    report.add("gas_used", Value::Number(viewed.gas_used.get()));
    report.add("gas_limit", Value::Number(gas));
    add_output(&mut report, &viewed.output);
    report.add("contract", Value::bytes(address));
    report.add("caller", Value::bytes(caller));
    Ok(report)
}
