//! The execution of a transaction as fields of a report: outcome, output, logs, halts, changes.

use crate::{
    bytes::{hex, printable},
    failure::Exit,
    report::Report,
    value::{Row, Value},
};
use lockstep_chain::{BalanceChange, Changes, StorageChange};
use lockstep_vm::{HaltSite, Log, Outcome};

/// Adds what changed to a report.
pub(crate) fn add_changes(report: &mut Report, changes: &Changes) {
    let storage = changes.storage.iter().map(|change| {
        let StorageChange { account, key, before, after } = change;
        let lines = vec![
            format!("{} {}", hex(account.as_slice()), hex(key)),
            format!("  {} -> {}", shown(before), shown(after)),
        ];
        let value = |value: &Option<Vec<u8>>| Value::maybe(value.as_ref(), Value::bytes);
        let fields = vec![
            ("account", Value::bytes(account)),
            ("key", Value::bytes(key)),
            ("before", value(before)),
            ("after", value(after)),
        ];
        Row { lines, fields }
    });
    let balances = changes.balances.iter().map(|change| {
        let BalanceChange { account, before, after } = change;
        let lines = vec![format!("{} {before} -> {after}", hex(account.as_slice()))];
        let fields = vec![
            ("account", Value::bytes(account)),
            ("before", Value::Amount(*before)),
            ("after", Value::Amount(*after)),
        ];
        Row { lines, fields }
    });
    report.add("storage_changes", Value::Rows(storage.collect()));
    report.add("balance_changes", Value::Rows(balances.collect()));
    report.add("removed_accounts", Value::List(changes.removed.iter().map(Value::bytes).collect()));
}

/// Adds how execution ended to a report, and makes the process end the same way.
pub(crate) fn add_outcome(report: &mut Report, outcome: Outcome, halts: &[HaltSite]) {
    let (name, exit, errno, reason) = match outcome {
        Outcome::Return => ("return", Exit::Return, None, None),
        Outcome::Revert { errno } => ("revert", Exit::Revert, Some(errno).filter(|&errno| errno != 0), None),
        Outcome::Halt { reason } => ("halt", Exit::Halt, None, Some(reason)),
    };
    report.set_exit(exit);
    report.add("outcome", Value::text(name));
    report.add("errno", Value::maybe(errno, |errno| Value::Number(u64::from(errno))));
    report.add("halt_reason", Value::maybe(reason, |reason| Value::text(reason.text())));
    report.add("halt_code", Value::maybe(reason, |reason| Value::Number(u64::from(reason.code()))));
    let rows = halts.iter().map(|site| {
        let HaltSite { reason, contract, export, depth } = site;
        // A deployment, and an account whose code is no module, have no export.
        let entered = if export.is_empty() { String::new() } else { format!(", export {}", export.escape_debug()) };
        let line = format!("{reason} in contract {}{entered}, frame depth {depth}", hex(contract.as_slice()));
        let fields = vec![
            ("reason", Value::text(reason.text())),
            ("code", Value::Number(u64::from(reason.code()))),
            ("contract", Value::bytes(contract)),
            ("export", Value::text(export)),
            ("depth", Value::Number(u64::from(*depth))),
        ];
        Row { lines: vec![line], fields }
    });
    report.add("halts", Value::Rows(rows.collect()));
}

/// Adds an output to a report: in hex, and as text where it is some.
pub(crate) fn add_output(report: &mut Report, output: &[u8]) {
    report.add("output", Value::bytes(output));
    report.add("output_text", Value::maybe(printable(output), Value::text));
}

/// Adds the logs of a receipt to a report.
pub(crate) fn add_logs(report: &mut Report, logs: &[Log]) {
    report.add("logs", Value::Rows(log_rows(logs)));
}

/// The logs of a receipt.
pub(crate) fn log_rows(logs: &[Log]) -> Vec<Row> {
    let rows = logs.iter().map(|log| {
        let Log { address, topics, data } = log;
        let mut lines = vec![format!("{} data {}", hex(address.as_slice()), shown(&Some(data.clone())))];
        lines.extend(topics.iter().map(|topic| format!("  topic {}", hex(topic.as_slice()))));
        let fields = vec![
            ("address", Value::bytes(address)),
            ("topics", Value::List(topics.iter().map(Value::bytes).collect())),
            ("data", Value::bytes(data)),
        ];
        Row { lines, fields }
    });
    rows.collect()
}

/// A storage value, or that there is none.
pub(crate) fn shown(value: &Option<Vec<u8>>) -> String {
    match value {
        None => "absent".into(),
        Some(value) if value.is_empty() => "empty".into(),
        Some(value) => hex(value),
    }
}
