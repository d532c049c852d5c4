//! `lockstep estimate`: the smallest gas limit of a call, and the state keys that it reads and writes.

use super::{
    explain::{Called, explain_call},
    transaction::{halt_sites, machine, note_missing_code, typed_input},
};
use crate::{
    args::{ContractArguments, ValueArgument},
    bytes::hex,
    execution::{add_outcome, add_output},
    failure::Failure,
    ledger::Ledger,
    report::Report,
    value::{Row, Value},
};
use clap::Args;
use lockstep_chain::{BLOCK_GAS_LIMIT, Order};
use lockstep_vm::{Address, Estimate, NoEstimate, StateDiff, StateKeys, TxKind};

#[derive(Debug, Args)]
pub(crate) struct EstimateArguments {
    #[command(flatten)]
    contract: ContractArguments,

    #[command(flatten)]
    value: ValueArgument,
}

/// Runs the command.
pub(crate) fn estimate(arguments: EstimateArguments) -> Result<Report, Failure> {
    let EstimateArguments { contract: ContractArguments { address, place, entry }, value: ValueArgument { value } } =
        arguments;
    let (export, caller) = (entry.export(), entry.caller);
    let vm = machine()?;
    let ledger = Ledger::read(&place, None)?;
    let input = typed_input(&vm, &ledger, &address, &entry)?.bytes;
    let mut report = Report::new("estimate");
    note_missing_code(&mut report, &ledger, &address)?;
    let kind = TxKind::Call { to: address, export: export.map(|name| name.as_bytes().to_vec()) };
    let tx =
        ledger.transaction(Order { sender: caller, gas_limit: BLOCK_GAS_LIMIT, value, kind, input: input.clone() })?;
    match vm.estimate(ledger.view(), &ledger.next_block(BLOCK_GAS_LIMIT)?, tx) {
        Ok(estimate) => add_estimate(&mut report, &estimate),
        Err(NoEstimate::Fails { receipt, halts }) => {
            report.note(format!("there is no gas limit up to {BLOCK_GAS_LIMIT} with which the call returns"));
            let halts = halt_sites(receipt.outcome, halts, address, export);
            let called = Called { export, input: &input };
            explain_call(&mut report, &vm, &ledger, &address, &called, (receipt.outcome, &halts))?;
            add_outcome(&mut report, receipt.outcome, &halts);
            report.add("gas_used", Value::Number(receipt.gas_used.get()));
            report.add("gas_limit", Value::Absent);
            add_output(&mut report, &receipt.output);
            add_keys(&mut report, &StateKeys::default(), &StateDiff::default());
        }
        Err(NoEstimate::Invalid(invalid)) => return Err(invalid.into()),
        Err(NoEstimate::Fault(fault)) => return Err(fault.into()),
    }
    report.add("contract", Value::bytes(address));
    report.add("caller", Value::bytes(caller));
    Ok(report)
}

fn add_estimate(report: &mut Report, estimate: &Estimate) {
    let Estimate { gas_limit, receipt, keys_read, diff } = estimate;
    add_outcome(report, receipt.outcome, &[]);
    report.add("gas_used", Value::Number(receipt.gas_used.get()));
    report.add("gas_limit", Value::Number(gas_limit.get()));
    add_output(report, &receipt.output);
    add_keys(report, keys_read, diff);
}

fn add_keys(report: &mut Report, read: &StateKeys, written: &StateDiff) {
    let accounts = |addresses: Vec<&Address>| Value::List(addresses.into_iter().map(Value::bytes).collect());
    report.add("accounts_read", accounts(read.accounts.iter().collect()));
    let slots = read.storage.iter().flat_map(|(account, keys)| keys.iter().map(|key| slot(account, key)));
    report.add("storage_read", Value::Rows(slots.collect()));
    report.add("accounts_written", accounts(written.accounts.keys().collect()));
    let slots = written.storage.iter();
    let slots = slots.flat_map(|(account, changes)| changes.values.keys().map(|key| slot(account, key)));
    report.add("storage_written", Value::Rows(slots.collect()));
    let cleared = written.storage.iter().filter(|(_, changes)| changes.cleared).map(|(account, _)| account);
    report.add("storage_cleared", accounts(cleared.collect()));
}

fn slot(account: &Address, key: &[u8]) -> Row {
    let lines = vec![format!("{} {}", hex(account.as_slice()), hex(key))];
    Row { lines, fields: vec![("account", Value::bytes(account)), ("key", Value::bytes(key))] }
}
