//! `lockstep run`: deploys a module and calls it, on a state that is thrown away.

use super::{
    explain::{Called, at_the_door, explain_entry},
    transaction::{add_receipt, halt_sites, machine},
};
use crate::{
    args::{AbiArgument, DiagnosisArguments, EntryArguments, default_gas},
    bytes::{InputSource, Preset, hex, parse_amount, parse_gas, parse_input, parse_preset},
    diagnosis::Diagnosis,
    execution::{add_changes, add_outcome},
    failure::{Class, Classify, Failure},
    files,
    module_file::ModuleFile,
    report::Report,
    state_file, typed,
    value::Value,
};
use anyhow::{Context as _, anyhow};
use clap::Args;
use lockstep_chain::{MemoryChain, Order};
use lockstep_vm::{Account, Address, MemoryState, Outcome, TxKind, U256, Vm};
use std::{collections::BTreeSet, path::PathBuf};

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// A module, binary (.wasm) or text (.wat)
    file: PathBuf,

    #[command(flatten)]
    abi: AbiArgument,

    #[command(flatten)]
    entry: EntryArguments,

    /// The input of the contract's constructor, as for --input [default: empty]
    #[arg(long, value_name = "HEX", value_parser = parse_input, allow_hyphen_values = true)]
    constructor: Option<InputSource>,

    /// Gas limit of the call, and of the constructor [default: 100000000, or 500 a byte of the code if that is more]
    #[arg(long, value_name = "N", value_parser = parse_gas, allow_hyphen_values = true)]
    gas: Option<u64>,

    /// Amount to send along, decimal or 0x and hex; the caller is given what it lacks
    #[arg(long, value_name = "N", value_parser = parse_amount, allow_hyphen_values = true, default_value_t = U256::ZERO)]
    value: U256,

    /// Begin with the state in this file instead of an empty one; the file stays as it is
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    /// Put a value into the contract's storage first: 32 bytes in hex, =, up to 32 bytes in hex; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_preset)]
    storage: Vec<Preset>,

    #[command(flatten)]
    diagnosis: DiagnosisArguments,
}

/// Runs the command.
pub(crate) fn run(arguments: RunArguments) -> Result<Report, Failure> {
    let RunArguments { file, abi: AbiArgument { abi }, entry, constructor, gas, value, state, storage, diagnosis } =
        arguments;
    let taken =
        [(Some(file.as_path()), "the module"), (state.as_deref(), "the state file"), (entry.input_file(), "the input")];
    let diagnosis = Diagnosis::plan(diagnosis, &taken)?;
    refuse_twice(&storage)?;
    let (export, caller) = (entry.export(), entry.caller);
    let vm = machine()?;
    let module = ModuleFile::read(&file, abi, vm.revision())?;
    let valid = module.valid(&vm)?;
    let input = typed::input(&entry, vm.revision(), Some(&valid))?;
    let mut chain = match &state {
        Some(path) => state_file::read(path)?,
        None => MemoryChain::default(),
    };
    let mut report = Report::new("run");
    let constructor = files::input(constructor, vm.revision())?;
    let gas = gas.unwrap_or_else(|| default_gas(module.code.len()));
    let (contract, deploy_gas) = deploy(&vm, &mut chain, &module, caller, (constructor, gas))?;
    for preset in storage {
        put_storage(chain.prepare(), contract, preset.key.0, preset.value.0);
    }
    if let Some(given) = give_what_lacks(&mut chain, caller, value)? {
        report.note(format!("the caller was given {given} to send"));
    }
    let kind = TxKind::Call { to: contract, export: export.map(|name| name.as_bytes().to_vec()) };
    let order = Order { sender: caller, gas_limit: gas, value, kind, input: input.bytes.clone() };
    let attempt = chain.execute(&vm, order.clone())?;
    let seen = diagnosis.carry_out(&vm, &attempt)?;
    let sealed = chain.keep(attempt)?;
    let receipt = &sealed.executed.receipt;
    let halts = halt_sites(receipt.outcome, sealed.executed.halts, contract, export);
    if let Some(reason) = at_the_door((receipt.outcome, &halts)) {
        let called = Called { export, input: &order.input };
        explain_entry(&mut report, &valid, &called, reason);
    }
    add_outcome(&mut report, receipt.outcome, &halts);
    add_receipt(&mut report, receipt, gas);
    input.add_result(&mut report, receipt.outcome, &receipt.output);
    add_changes(&mut report, &sealed.changes);
    report.add("contract", Value::bytes(contract));
    report.add("caller", Value::bytes(caller));
    report.add("abi", Value::text(module.abi.name()));
    report.add("abi_guessed", Value::Flag(module.abi_guessed));
    report.add("deploy_gas", Value::Number(deploy_gas));
    seen.add_to(&mut report);
    Ok(report)
}

/// Refuses a key of the storage that is given twice.
fn refuse_twice(storage: &[Preset]) -> Result<(), Failure> {
    let mut keys = BTreeSet::new();
    match storage.iter().find(|preset| !keys.insert(&preset.key.0)) {
        Some(twice) => {
            let failure = Failure::new(Class::Usage, anyhow!("--storage has the key {} twice", hex(&twice.key.0)));
            Err(failure.remedy("give each key once"))
        }
        None => Ok(()),
    }
}

/// Deploys the module as `lockstep deploy` would, with that much gas for a constructor. Gives the contract and the gas used.
fn deploy(
    vm: &Vm,
    chain: &mut MemoryChain,
    module: &ModuleFile,
    sender: Address,
    (input, gas): (Vec<u8>, u64),
) -> Result<(Address, u64), Failure> {
    let gas_limit = module.deploy_gas(vm, &input, gas);
    let kind = TxKind::Deploy { abi: module.abi, code: module.code.to_vec() };
    let sealed = chain.seal(vm, Order { sender, gas_limit, value: U256::ZERO, kind, input })?;
    let receipt = sealed.executed.receipt;
    match (receipt.outcome, receipt.created) {
        (Outcome::Return, Some(contract)) => Ok((contract, receipt.gas_used.get())),
        (outcome, _) => {
            let text = String::from_utf8_lossy(&receipt.output);
            let said = if text.is_empty() { String::new() } else { format!(": {text}") };
            Err(Failure::new(Class::Transaction, anyhow!("the contract cannot be deployed: {outcome}{said}")))
        }
    }
}

/// Raises the caller's balance to `value`. Gives what was missing.
fn give_what_lacks(chain: &mut MemoryChain, caller: Address, value: U256) -> Result<Option<U256>, Failure> {
    let balance = chain.state.accounts.get(&caller).map_or(U256::ZERO, |account| account.balance);
    let missing = value.saturating_sub(balance);
    if missing.is_zero() {
        return Ok(None);
    }
    let mut supply = chain.supply();
    supply.add(&caller, missing);
    supply.check().with_context(|| format!("--value {value} is refused")).class(Class::Usage)?;
    let account: &mut Account = chain.prepare().accounts.entry(caller).or_default();
    account.balance = value;
    Ok(Some(missing))
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
