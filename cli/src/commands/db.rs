//! `lockstep db`: sizes of a database, differences between two heights, backups.

use crate::{
    args::DatabaseArgument,
    bytes::{hex, parse_gas},
    database_folder::{self, Sizes},
    execution::shown,
    failure::{Class, Classify, Failure},
    output_file::{Draft, OutputFile},
    progress::Progress,
    report::Report,
    value::{Row, Value},
};
use anyhow::Context as _;
use clap::Args;
use lockstep_store::{Difference, TableSize};
use lockstep_vm::Account;
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The height to compare with
    #[arg(value_parser = parse_gas)]
    from: u64,

    /// The height to compare
    #[arg(value_parser = parse_gas)]
    to: u64,

    #[command(flatten)]
    database: DatabaseArgument,

    /// Differences to print, at most
    #[arg(long, value_name = "N", value_parser = parse_gas, default_value_t = 100)]
    limit: u64,

    /// Write every difference into this file as it is found: one JSON object a line
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// The folder of the copy
    folder: PathBuf,

    #[command(flatten)]
    database: DatabaseArgument,
}

/// Runs `lockstep db stats`.
pub(crate) fn stats(arguments: &DatabaseArgument) -> Result<Report, Failure> {
    let store = database_folder::open_to_look(&arguments.db)?;
    let (tip, stats, sizes) = (store.tip()?, store.stats()?, Sizes::of(&arguments.db)?);
    let mut report = Report::new("db stats");
    report.add("last", Value::maybe(tip, |tip| Value::Number(tip.height)));
    report.add("oldest_kept", Value::maybe(tip, |tip| Value::Number(tip.oldest)));
    report.add("blocks_in_log", Value::Number(stats.blocks_in_log));
    report.add("file_bytes", Value::Number(sizes.file));
    report.add("free_bytes", Value::Number(sizes.file.saturating_sub(stats.page_bytes())));
    report.add("log_bytes", Value::Number(sizes.log));
    report.add("free_disk_bytes", Value::maybe(sizes.free_disk, Value::Number));
    report.add("tables", Value::Rows(stats.tables.iter().map(table_row).collect()));
    Ok(report)
}

fn table_row(table: &TableSize) -> Row {
    let TableSize { name, rows, content_bytes, page_bytes } = table;
    Row {
        lines: vec![format!("{name}: {rows} rows, {content_bytes} bytes, {page_bytes} bytes of pages")],
        fields: vec![
            ("table", Value::text(*name)),
            ("rows", Value::Number(*rows)),
            ("content_bytes", Value::Number(*content_bytes)),
            ("page_bytes", Value::Number(*page_bytes)),
        ],
    }
}

/// Where differences go: all of them into a file, the first ones into the report.
#[derive(Default)]
struct Found {
    accounts: u64,
    values: u64,
    rows: Vec<Row>,
    file: Option<BufWriter<File>>,
}

impl Found {
    fn add(&mut self, difference: &Difference, limit: u64) -> io::Result<()> {
        let count = match difference {
            Difference::Account { .. } => &mut self.accounts,
            Difference::Value { .. } => &mut self.values,
        };
        *count = count.saturating_add(1);
        let is_shown = self.accounts.saturating_add(self.values) <= limit;
        if !is_shown && self.file.is_none() {
            return Ok(());
        }
        let row = difference_row(difference);
        if let Some(file) = &mut self.file {
            serde_json::to_writer(&mut *file, &row)?;
            file.write_all(b"\n")?;
        }
        if is_shown {
            self.rows.push(row);
        }
        Ok(())
    }
}

/// Runs `lockstep db diff`.
pub(crate) fn diff(arguments: DiffArguments) -> Result<Report, Failure> {
    let DiffArguments { from, to, database, limit, out } = arguments;
    let out = out.map(|path| OutputFile::plan(&path, &[(Some(&database.db), "the database")])).transpose()?;
    let store = database_folder::open_to_look(&database.db)?;
    let (older, newer) = (store.view(from)?, store.view(to)?);
    let (file, draft) = out.map(OutputFile::begin).transpose()?.unzip();
    let mut found = Found { file: file.map(BufWriter::new), ..Found::default() };
    newer.differences(&older, &mut |difference| Ok(found.add(difference, limit)?))?;
    if let Some(file) = found.file.take() {
        let file = file.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).context("cannot write the differences").class(Class::Fault)?;
    }
    draft.map_or(Ok(()), Draft::put)?;
    let hidden = found.accounts.saturating_add(found.values) > limit;
    let mut report = Report::new("db diff");
    report.add("from", Value::Number(from));
    report.add("to", Value::Number(to));
    report.add("root_from", Value::bytes(older.root()));
    report.add("root_to", Value::bytes(newer.root()));
    report.add("accounts", Value::Number(found.accounts));
    report.add("values", Value::Number(found.values));
    report.add("differences", Value::Rows(found.rows));
    if hidden {
        report.note(format!(
            "the first {limit} differences are shown; --out FILE writes all of them, --limit N shows more"
        ));
    }
    Ok(report)
}

/// Runs `lockstep db backup`.
pub(crate) fn backup(arguments: &BackupArguments) -> Result<Report, Failure> {
    let BackupArguments { folder, database } = arguments;
    let begun = database_folder::begin_copy(folder)?;
    let store = database_folder::open_to_look(&database.db)?;
    let progress = Progress::new("rows");
    let tip = store.backup(folder, &mut |done, all| progress.at(done, all))?;
    drop(progress);
    begun.keep();
    let mut report = Report::new("db backup");
    report.add("last", Value::Number(tip.height));
    report.add("oldest_kept", Value::Number(tip.oldest));
    report.add("block_hash", Value::bytes(tip.hash));
    report.add("root", Value::bytes(tip.root));
    report.add("file_bytes", Value::Number(Sizes::of(folder)?.file));
    Ok(report)
}

fn difference_row(difference: &Difference) -> Row {
    match difference {
        Difference::Account { address, old, new } => {
            let mut lines = vec![hex(address.as_slice())];
            // Otherwise its storage alone differs.
            if old != new {
                lines.push(format!("  {} -> {}", account_text(old), account_text(new)));
            }
            let fields =
                vec![("account", Value::bytes(address)), ("old", account_value(old)), ("new", account_value(new))];
            Row { lines, fields }
        }
        Difference::Value { address, key, old, new } => {
            let value = |value: &Option<Vec<u8>>| Value::maybe(value.as_ref(), Value::bytes);
            let lines = vec![format!("  {}", hex(key)), format!("    {} -> {}", shown(old), shown(new))];
            let fields = vec![
                ("account", Value::bytes(address)),
                ("key", Value::bytes(key)),
                ("old", value(old)),
                ("new", value(new)),
            ];
            Row { lines, fields }
        }
    }
}

fn account_text(account: &Option<Account>) -> String {
    match account {
        None => "absent".to_owned(),
        Some(Account { nonce, balance, code: None }) => format!("nonce {nonce} balance {balance}"),
        Some(Account { nonce, balance, code: Some(id) }) => {
            format!("nonce {nonce} balance {balance} code {}", hex(id.hash.as_slice()))
        }
    }
}

fn account_value(account: &Option<Account>) -> Value {
    Value::maybe(account.as_ref(), |account| {
        let fields = vec![
            ("nonce", Value::Number(account.nonce)),
            ("balance", Value::Amount(account.balance)),
            ("code_hash", Value::maybe(account.code, |id| Value::bytes(id.hash))),
            ("abi", Value::maybe(account.code, |id| Value::text(id.abi.name()))),
        ];
        Value::Row(Row { lines: Vec::new(), fields })
    })
}
