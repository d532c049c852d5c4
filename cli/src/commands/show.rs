//! `lockstep chain show`: one block of a database, with its receipts and their logs.

use super::block::receipt_row;
use crate::{
    args::DatabaseArgument,
    bytes::{hex, parse_gas},
    database_folder,
    execution::log_rows,
    failure::Failure,
    files::len,
    report::Report,
    value::{Row, Value},
};
use clap::Args;
use lockstep_vm::{Block, Receipt};

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The height of the block
    #[arg(value_parser = parse_gas)]
    height: u64,

    #[command(flatten)]
    database: DatabaseArgument,
}

/// Runs the command.
pub(crate) fn show(arguments: &ShowArguments) -> Result<Report, Failure> {
    let height = arguments.height;
    let store = database_folder::open_to_look(&arguments.database.db)?;
    let receipts = store.receipts(height)?;
    let receipts_root = store.receipts_root(height)?;
    let body = store.body(height)?;
    let block: Option<Block> = body.as_deref().and_then(|body| borsh::from_slice(body).ok());
    let env = block.as_ref().map(|block| &block.env);
    let gas_used = receipts.iter().fold(0_u64, |sum, receipt| sum.saturating_add(receipt.gas_used.get()));
    let mut report = Report::new("chain show");
    report.add("block", Value::Number(height));
    report.add("block_hash", Value::bytes(store.block_hash(height)?));
    report.add("parent_hash", Value::maybe(env, |env| Value::bytes(env.parent_hash)));
    report.add("timestamp", Value::maybe(env, |env| Value::Number(env.timestamp)));
    report.add("beneficiary", Value::maybe(env, |env| Value::bytes(env.beneficiary)));
    report.add("gas_limit", Value::maybe(env, |env| Value::Number(env.gas_limit)));
    report.add("body_bytes", Value::maybe(body.as_deref(), |body| Value::Number(len(body))));
    report.add("root", Value::bytes(store.root(height)?));
    report.add("receipts_root", Value::maybe(receipts_root, Value::bytes));
    report.add("transactions", Value::Number(u64::try_from(receipts.len()).unwrap_or(u64::MAX)));
    report.add("gas_used", Value::Number(gas_used));
    report.add("receipts", Value::Rows((0_u64..).zip(&receipts).map(whole_receipt).collect()));
    if receipts_root.is_none() {
        report.note("the block came with a snapshot: its receipts are not in this database");
    }
    Ok(report)
}

/// A receipt with all that it has.
fn whole_receipt((number, receipt): (u64, &Receipt)) -> Row {
    let Row { lines, mut fields } = receipt_row(receipt);
    let logs = log_rows(&receipt.logs);
    let mut shown: Vec<String> = lines.into_iter().map(|line| format!("{number} {line}")).collect();
    shown.extend(receipt.created.map(|address| format!("  created {}", hex(address.as_slice()))));
    if !receipt.output.is_empty() {
        shown.push(format!("  output {}", hex(&receipt.output)));
    }
    shown.extend(logs.iter().flat_map(|log| &log.lines).map(|line| format!("  log {line}")));
    fields.push(("logs", Value::Rows(logs)));
    Row { lines: shown, fields }
}
