//! The commands, one file each: arguments in, a report or a failure out. Nothing here prints.

mod account;
mod block;
mod call;
mod chain;
mod check;
mod db;
mod deploy;
mod dev;
mod diverge;
mod estimate;
mod explain;
mod genesis;
mod index;
mod manual;
mod preview;
mod proof;
mod replay;
mod run;
mod selftest;
mod show;
mod snapshot;
mod storage;
mod verify_chain;
mod view;

use crate::{
    args::{BlockCommand, ChainCommand, Command, EntryArguments, default_gas},
    db_args::DbCommand,
    execution::{add_logs, add_output},
    failure::{Class, Failure},
    ledger::Ledger,
    report::{Report, Value},
    typed::{self, TypedInput},
};
use lockstep_vm::{Abi, Address, HaltSite, MemoryState, Outcome, Receipt, Revision, Vm};

pub(crate) use dev::start as serve;
pub(crate) use manual::{CompletionsArguments, ManArguments, completions};
pub(crate) use snapshot::{ExportArguments, ImportArguments};

/// Carries out a command.
pub(crate) fn run(command: Command) -> Result<Report, Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Deploy(arguments) => deploy::deploy(arguments),
        Command::Call(arguments) => call::call(arguments),
        Command::View(arguments) => view::view(arguments),
        Command::Index(arguments) => index::index(&arguments),
        Command::Preview(arguments) => preview::preview(arguments),
        Command::Estimate(arguments) => estimate::estimate(arguments),
        Command::Account(arguments) => account::account(&arguments),
        Command::Storage(arguments) => storage::storage(arguments),
        Command::Selftest(arguments) => selftest::selftest(&arguments),
        Command::Genesis(arguments) => genesis::genesis(&arguments),
        Command::Block(BlockCommand::Apply(arguments)) => block::apply(&arguments),
        Command::Chain(ChainCommand::Log(arguments)) => chain::log(&arguments),
        Command::Chain(ChainCommand::Show(arguments)) => show::show(&arguments),
        Command::Chain(ChainCommand::Verify(arguments)) => verify_chain::verify(&arguments),
        Command::Chain(ChainCommand::Rollback(arguments)) => chain::rollback(&arguments),
        Command::Chain(ChainCommand::Prune(arguments)) => chain::prune(&arguments),
        Command::Chain(ChainCommand::Check(arguments)) => chain::check(&arguments),
        Command::Db(DbCommand::Stats(arguments)) => db::stats(&arguments),
        Command::Db(DbCommand::Diff(arguments)) => db::diff(arguments),
        Command::Db(DbCommand::Backup(arguments)) => db::backup(&arguments),
        Command::Prove(arguments) => proof::prove(arguments),
        Command::Verify(arguments) => proof::verify(&arguments),
        Command::Diverge(arguments) => diverge::diverge(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Dev(_) => Err(Failure::new(Class::Fault, anyhow::anyhow!("`dev` is served, not run"))),
        Command::Completions(_) => Err(Failure::new(Class::Fault, anyhow::anyhow!("completions are printed, not run"))),
        Command::Man(arguments) => manual::man(&arguments),
        Command::Export(arguments) => snapshot::export(&arguments),
        Command::Import(arguments) => snapshot::import(&arguments),
    }
}

/// The machine that transactions are executed on.
fn machine() -> Result<Vm, Failure> {
    Ok(Vm::new(Revision::V1)?)
}

/// The input of a call of the contract at `address`. Its code is read only if types are needed.
fn typed_input(vm: &Vm, ledger: &Ledger, address: &Address, entry: &EntryArguments) -> Result<TypedInput, Failure> {
    let account = ledger.account(address)?;
    let is_packed = account.and_then(|account| account.code).is_some_and(|code| code.abi == Abi::Packed);
    let module = if is_packed && entry.export().is_some() { explain::module_at(vm, ledger, address)? } else { None };
    typed::input(entry, vm.revision(), module.as_ref())
}

/// The gas limit of a call of `to`: the given one, or what the size of its code suggests.
fn gas_limit(gas: Option<u64>, ledger: &Ledger, to: &Address) -> Result<u64, Failure> {
    if let Some(gas) = gas {
        return Ok(gas);
    }
    let id = ledger.account(to)?.and_then(|account| account.code);
    let code = id.map(|id| ledger.view().code(&id.hash)).transpose()?.flatten();
    Ok(default_gas(code.map_or(0, |code| code.len())))
}

/// Adds which fields of a report were believed because a file says them, and the options that compare them.
fn note_trusted(report: &mut Report, file: &str, believed: &[(&'static str, &str)]) {
    let fields = believed.iter().map(|(field, _)| Value::text(*field));
    report.add("trusted", Value::List(fields.collect()));
    if !believed.is_empty() {
        let names: Vec<_> = believed.iter().map(|(field, _)| field.replace('_', " ")).collect();
        let options: Vec<_> = believed.iter().map(|(_, option)| *option).collect();
        let (names, options) = (names.join(", "), options.join(", "));
        report.note(format!(
            "believed because the {file} says it: {names}; compare with a source that you trust: {options}"
        ));
    }
}

/// Adds what every receipt has to a report, except for the outcome.
fn add_receipt(report: &mut Report, receipt: &Receipt, gas_limit: u64) {
    report.add("gas_used", Value::Number(receipt.gas_used.get()));
    report.add("gas_limit", Value::Number(gas_limit));
    add_output(report, &receipt.output);
    add_logs(report, &receipt.logs);
}

/// Remarks that nothing runs where there is no contract: such a call returns, and that may surprise.
fn note_missing_code(report: &mut Report, ledger: &Ledger, address: &Address) -> Result<(), Failure> {
    if ledger.account(address)?.is_none_or(|account| account.code.is_none()) {
        report.note("there is no contract at this address: nothing runs, only a value can move");
    }
    Ok(())
}

/// Where a call of `to` halted. A call that the contract could not even be entered with has no frame; it halted at the
/// door.
fn halt_sites(outcome: Outcome, halts: Vec<HaltSite>, to: Address, export: Option<&str>) -> Vec<HaltSite> {
    match outcome {
        Outcome::Halt { reason } if halts.is_empty() => {
            vec![HaltSite { reason, contract: to, export: export.unwrap_or("main").to_owned(), depth: 0 }]
        }
        Outcome::Return | Outcome::Revert { .. } | Outcome::Halt { .. } => halts,
    }
}

/// Puts a value into a contract's storage as the contract would: the empty value removes the key.
fn put_storage(state: &mut MemoryState, address: Address, key: Vec<u8>, value: Vec<u8>) {
    if !value.is_empty() {
        state.put_storage(address, key, value);
    } else if let Some(storage) = state.storage.get_mut(&address) {
        storage.remove(&key);
        if storage.is_empty() {
            state.storage.remove(&address);
        }
    }
}
