//! What the commands share that execute a transaction or a view: the machine, the input, the gas limit, and what a report says
//! of a receipt.

use super::explain;
use crate::{
    args::{EntryArguments, default_gas},
    execution::{add_logs, add_output},
    failure::Failure,
    ledger::Ledger,
    report::Report,
    typed::{self, TypedInput},
    value::Value,
};
use lockstep_vm::{Abi, Address, HaltSite, Outcome, Receipt, Revision, Vm};

/// The machine that transactions are executed on.
pub(super) fn machine() -> Result<Vm, Failure> {
    Ok(Vm::new(Revision::V1)?)
}

/// The input of a call of the contract at `address`. Its code is read only if types are needed.
pub(super) fn typed_input(
    vm: &Vm,
    ledger: &Ledger,
    address: &Address,
    entry: &EntryArguments,
) -> Result<TypedInput, Failure> {
    let account = ledger.account(address)?;
    let is_packed = account.and_then(|account| account.code).is_some_and(|code| code.abi == Abi::Packed);
    let module = if is_packed && entry.export().is_some() { explain::module_at(vm, ledger, address)? } else { None };
    typed::input(entry, vm.revision(), module.as_ref())
}

/// The gas limit of a call of `to`: the given one, or what the size of its code suggests.
pub(super) fn gas_limit(gas: Option<u64>, ledger: &Ledger, to: &Address) -> Result<u64, Failure> {
    if let Some(gas) = gas {
        return Ok(gas);
    }
    let id = ledger.account(to)?.and_then(|account| account.code);
    let code = id.map(|id| ledger.view().code(&id.hash)).transpose()?.flatten();
    Ok(default_gas(code.map_or(0, |code| code.len())))
}

/// Adds what every receipt has to a report, except for the outcome.
pub(super) fn add_receipt(report: &mut Report, receipt: &Receipt, gas_limit: u64) {
    report.add("gas_used", Value::Number(receipt.gas_used.get()));
    report.add("gas_limit", Value::Number(gas_limit));
    add_output(report, &receipt.output);
    add_logs(report, &receipt.logs);
}

/// Remarks that nothing runs where there is no contract: such a call returns, and that may surprise.
pub(super) fn note_missing_code(report: &mut Report, ledger: &Ledger, address: &Address) -> Result<(), Failure> {
    if ledger.account(address)?.is_none_or(|account| account.code.is_none()) {
        report.note("there is no contract at this address: nothing runs, only a value can move");
    }
    Ok(())
}

/// Where a call of `to` halted. A call that the contract could not even be entered with has no frame; it halted at the
/// door.
pub(super) fn halt_sites(outcome: Outcome, halts: Vec<HaltSite>, to: Address, export: Option<&str>) -> Vec<HaltSite> {
    match outcome {
        Outcome::Halt { reason } if halts.is_empty() => {
            vec![HaltSite { reason, contract: to, export: export.unwrap_or("main").to_owned(), depth: 0 }]
        }
        Outcome::Return | Outcome::Revert { .. } | Outcome::Halt { .. } => halts,
    }
}
