//! `lockstep call`: a transaction to a contract of a chain. Its changes are kept.

use super::{
    explain::{Called, explain_call},
    transaction::{add_receipt, gas_limit, halt_sites, machine, note_missing_code, typed_input},
};
use crate::{
    args::{ContractArguments, DiagnosisArguments, ValueArgument},
    bytes::parse_gas,
    diagnosis::Diagnosis,
    execution::{add_changes, add_outcome},
    failure::Failure,
    ledger::Ledger,
    report::Report,
    state_file::IfMissing,
    value::Value,
};
use clap::Args;
use lockstep_chain::Order;
use lockstep_vm::TxKind;

#[derive(Debug, Args)]
pub(crate) struct CallArguments {
    #[command(flatten)]
    contract: ContractArguments,

    /// Gas limit [default: 100000000, or 500 a byte of the code if that is more]
    #[arg(long, value_name = "N", value_parser = parse_gas, allow_hyphen_values = true)]
    gas: Option<u64>,

    #[command(flatten)]
    value: ValueArgument,

    #[command(flatten)]
    diagnosis: DiagnosisArguments,
}

/// Runs the command.
pub(crate) fn call(arguments: CallArguments) -> Result<Report, Failure> {
    let CallArguments {
        contract: ContractArguments { address, place, entry },
        gas,
        value: ValueArgument { value },
        diagnosis,
    } = arguments;
    let taken = [
        (place.state.as_deref(), "the state file"),
        (place.db.as_deref(), "the database"),
        (entry.input_file(), "the input"),
    ];
    let diagnosis = Diagnosis::plan(diagnosis, &taken)?;
    let (export, caller) = (entry.export(), entry.caller);
    let vm = machine()?;
    let ledger = Ledger::write(&place, IfMissing::Refuse)?;
    let input = typed_input(&vm, &ledger, &address, &entry)?;
    let mut report = Report::new("call");
    note_missing_code(&mut report, &ledger, &address)?;
    let gas = gas_limit(gas, &ledger, &address)?;
    let kind = TxKind::Call { to: address, export: export.map(|name| name.as_bytes().to_vec()) };
    let attempt =
        ledger.execute(&vm, Order { sender: caller, gas_limit: gas, value, kind, input: input.bytes.clone() })?;
    let seen = diagnosis.carry_out(&vm, &attempt)?;
    let (outcome, halts) = (attempt.executed.receipt.outcome, attempt.executed.halts.clone());
    let halts = halt_sites(outcome, halts, address, export);
    let called = Called { export, input: &input.bytes };
    explain_call(&mut report, &vm, &ledger, &address, &called, (outcome, &halts))?;
    let sealed = ledger.keep(attempt)?;
    let receipt = &sealed.executed.receipt;
    add_outcome(&mut report, receipt.outcome, &halts);
    add_receipt(&mut report, receipt, gas);
    input.add_result(&mut report, receipt.outcome, &receipt.output);
    add_changes(&mut report, &sealed.changes);
    report.add("contract", Value::bytes(address));
    report.add("caller", Value::bytes(caller));
    report.add("block", Value::Number(sealed.number));
    seen.add_to(&mut report);
    Ok(report)
}
