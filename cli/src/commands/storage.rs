//! `lockstep storage`: the storage of a contract of a chain; can set a value.

use crate::{
    args::PlaceArgument,
    bytes::{Hex, hex, parse_address, parse_key, parse_value},
    failure::{Class, Failure},
    ledger::Ledger,
    report::Report,
    state_file::IfMissing,
    value::{Row, Value},
};
use anyhow::anyhow;
use clap::Args;
use lockstep_chain::storage_diff;
use lockstep_vm::Address;

#[derive(Debug, Args)]
pub(crate) struct StorageArguments {
    /// The contract
    #[arg(value_parser = parse_address)]
    address: Address,

    /// The key, in hex [default: every key]
    #[arg(value_parser = parse_key)]
    key: Option<Hex>,

    #[command(flatten)]
    place: PlaceArgument,

    /// Put this value there first, without a transaction, in a state file: up to 32 bytes in hex; zero removes the key
    #[arg(long, value_name = "VALUE", value_parser = parse_value, requires = "key")]
    set: Option<Hex>,
}

/// Runs the command.
pub(crate) fn storage(arguments: StorageArguments) -> Result<Report, Failure> {
    let StorageArguments { address, key, place, set } = arguments;
    if let (Some(key), Some(value)) = (&key, set) {
        let ledger = Ledger::prepare(&place, IfMissing::Refuse, "--set")?;
        if ledger.account(&address)?.is_none_or(|account| account.code.is_none()) {
            let error = anyhow!("there is no contract at {}: nothing would read its storage", hex(address.as_slice()));
            return Err(Failure::new(Class::Usage, error));
        }
        ledger.amend(storage_diff(address, key.0.clone(), value.0))?;
    }
    let storage = Ledger::read(&place, None)?.values(&address)?;
    let mut report = Report::new("storage");
    report.add("address", Value::bytes(address));
    match key {
        Some(key) => {
            let value = storage.get(&key.0);
            report.add("key", Value::bytes(&key.0));
            report.add("present", Value::Flag(value.is_some()));
            report.add("value", Value::maybe(value, Value::bytes));
        }
        None => {
            let rows: Vec<Row> = storage.iter().map(|(key, value)| entry(key, value)).collect();
            report.add("entries", Value::Number(u64::try_from(rows.len()).unwrap_or(u64::MAX)));
            report.add("storage", Value::Rows(rows));
        }
    }
    Ok(report)
}

fn entry(key: &[u8], value: &[u8]) -> Row {
    let lines = vec![hex(key), format!("  {}", hex(value))];
    Row { lines, fields: vec![("key", Value::bytes(key)), ("value", Value::bytes(value))] }
}
