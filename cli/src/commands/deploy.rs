//! `lockstep deploy`: a module onto a new account of a chain, as it is or by running it as init code.

use super::{
    explain::explain_creation,
    transaction::{add_receipt, machine},
};
use crate::{
    args::{AbiArgument, DEFAULT_CALLER, DEFAULT_GAS, PlaceArgument, ValueArgument},
    bytes::{InputSource, parse_address, parse_gas, parse_input},
    execution::{add_changes, add_outcome},
    failure::Failure,
    files,
    ledger::Ledger,
    module_file::ModuleFile,
    report::Report,
    state_file::IfMissing,
    value::Value,
};
use clap::Args;
use lockstep_chain::Order;
use lockstep_vm::{Abi, Address, HaltSite, Outcome, TxKind};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct DeployArguments {
    /// A module, binary (.wasm) or text (.wat)
    file: PathBuf,

    #[command(flatten)]
    place: PlaceArgument,

    #[command(flatten)]
    abi: AbiArgument,

    /// The account that sends the transaction
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, default_value_t = DEFAULT_CALLER)]
    sender: Address,

    #[command(flatten)]
    value: ValueArgument,

    /// The input of the contract's constructor, as for --input of a call [default: empty]
    #[arg(long, value_name = "HEX", value_parser = parse_input, allow_hyphen_values = true, conflicts_with = "create")]
    input: Option<InputSource>,

    /// Gas limit [default: what the deployment costs, and 100000000 for a constructor or with --create]
    #[arg(long, value_name = "N", value_parser = parse_gas, allow_hyphen_values = true)]
    gas: Option<u64>,

    /// Run the module as ewasm init code: what it finishes with becomes the code of the contract
    #[arg(long, conflicts_with = "abi")]
    create: bool,
}

/// Runs the command.
pub(crate) fn deploy(arguments: DeployArguments) -> Result<Report, Failure> {
    let DeployArguments {
        file,
        place,
        abi: AbiArgument { abi },
        sender,
        value: ValueArgument { value },
        input,
        gas,
        create,
    } = arguments;
    let vm = machine()?;
    let module = ModuleFile::read(&file, if create { Some(Abi::Ewasm) } else { abi }, vm.revision())?;
    // On a chain such a deployment would be a halt that costs all its gas; here it is a file that is no module.
    module.valid(&vm)?;
    let input = files::input(input, vm.revision())?;
    let code = module.code.to_vec();
    let (kind, gas_default) = if create {
        (TxKind::Create { init_code: code }, DEFAULT_GAS)
    } else {
        (TxKind::Deploy { abi: module.abi, code }, module.deploy_gas(&vm, &input, DEFAULT_GAS))
    };
    let gas_limit = gas.unwrap_or(gas_default);
    let ledger = Ledger::write(&place, IfMissing::Begin)?;
    let nonce = ledger.account(&sender)?.map_or(0, |account| account.nonce);
    let mut report = Report::new("deploy");
    let attempt = ledger.execute(&vm, Order { sender, gas_limit, value, kind, input })?;
    explain_creation(&mut report, &vm, &attempt)?;
    let sealed = ledger.keep(attempt)?;

    let receipt = &sealed.executed.receipt;
    let halts = match receipt.outcome {
        // A deployment runs no code: it halts before there is a frame.
        Outcome::Halt { reason } if sealed.executed.halts.is_empty() => {
            vec![HaltSite { reason, contract: sender.create(nonce), export: String::new(), depth: 0 }]
        }
        _ => sealed.executed.halts,
    };
    add_outcome(&mut report, receipt.outcome, &halts);
    report.add("contract", Value::maybe(receipt.created, Value::bytes));
    add_receipt(&mut report, receipt, gas_limit);
    add_changes(&mut report, &sealed.changes);
    report.add("sender", Value::bytes(sender));
    report.add("abi", Value::text(module.abi.name()));
    report.add("abi_guessed", Value::Flag(module.abi_guessed));
    report.add("block", Value::Number(sealed.number));
    Ok(report)
}
