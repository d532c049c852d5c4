//! `lockstep view`: a call in static mode on a chain, which stays as it is.

use super::{
    explain::{Called, explain_call},
    transaction::{gas_limit, halt_sites, machine, note_missing_code, typed_input},
};
use crate::{
    args::ContractArguments,
    bytes::parse_gas,
    execution::{add_outcome, add_output},
    failure::Failure,
    ledger::Ledger,
    report::Report,
    value::Value,
};
use clap::Args;
use lockstep_vm::{Gas, ViewCall};

#[derive(Debug, Args)]
pub(crate) struct ViewArguments {
    #[command(flatten)]
    contract: ContractArguments,

    /// The height to look at, of a database [default: the last]
    #[arg(long, value_name = "HEIGHT", value_parser = parse_gas, requires = "db")]
    at: Option<u64>,

    /// Gas that it may use; a view is not a transaction and has no intrinsic gas [default: 100000000, or 500 a byte of the code if that is more]
    #[arg(long, value_name = "N", value_parser = parse_gas, allow_hyphen_values = true)]
    gas: Option<u64>,
}

/// Runs the command.
pub(crate) fn view(arguments: ViewArguments) -> Result<Report, Failure> {
    let ViewArguments { contract: ContractArguments { address, place, entry }, at, gas } = arguments;
    let (export, caller) = (entry.export(), entry.caller);
    let vm = machine()?;
    let ledger = Ledger::read(&place, at)?;
    let input = typed_input(&vm, &ledger, &address, &entry)?;
    let mut report = Report::new("view");
    note_missing_code(&mut report, &ledger, &address)?;
    let gas = gas_limit(gas, &ledger, &address)?;
    let call = ViewCall {
        caller,
        to: address,
        export: export.map(|name| name.as_bytes().to_vec()),
        input: input.bytes.clone(),
        gas_limit: Gas::new(gas),
    };
    let viewed = vm.view(ledger.view(), &ledger.next_block(gas)?, call)?;

    let halts = halt_sites(viewed.outcome, viewed.halts, address, export);
    let called = Called { export, input: &input.bytes };
    explain_call(&mut report, &vm, &ledger, &address, &called, (viewed.outcome, &halts))?;
    add_outcome(&mut report, viewed.outcome, &halts);
    report.add("gas_used", Value::Number(viewed.gas_used.get()));
    report.add("gas_limit", Value::Number(gas));
    add_output(&mut report, &viewed.output);
    input.add_result(&mut report, viewed.outcome, &viewed.output);
    report.add("contract", Value::bytes(address));
    report.add("caller", Value::bytes(caller));
    Ok(report)
}
