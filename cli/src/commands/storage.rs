//! `lockstep storage`: the storage of a contract of a state file; can set a value.

use super::put_storage;
use crate::{
    args::StorageArguments,
    bytes::hex,
    failure::{Class, Failure},
    report::{Report, Row, Value},
    state_file::{self, IfMissing},
};
use anyhow::anyhow;

/// Runs the command.
pub(crate) fn storage(arguments: StorageArguments) -> Result<Report, Failure> {
    let StorageArguments { address, key, state, set } = arguments;
    let chain = match (&key, set) {
        (Some(key), Some(value)) => {
            let (writing, mut chain) = state_file::write(&state.state, IfMissing::Refuse)?;
            if chain.state.accounts.get(&address).is_none_or(|account| account.code.is_none()) {
                let error =
                    anyhow!("there is no contract at {}: nothing would read its storage", hex(address.as_slice()));
                return Err(Failure::new(Class::Usage, error));
            }
            put_storage(chain.prepare(), address, key.0.clone(), value.0);
            writing.save(&chain)?;
            chain
        }
        _ => state_file::read(&state.state)?,
    };
    let storage = chain.state.storage.get(&address);
    let mut report = Report::new("storage");
    report.add("address", Value::bytes(address));
    match key {
        Some(key) => {
            let value = storage.and_then(|storage| storage.get(&key.0));
            report.add("key", Value::bytes(&key.0));
            report.add("present", Value::Flag(value.is_some()));
            report.add("value", Value::maybe(value, Value::bytes));
        }
        None => {
            let rows: Vec<Row> = storage.into_iter().flatten().map(|(key, value)| entry(key, value)).collect();
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
