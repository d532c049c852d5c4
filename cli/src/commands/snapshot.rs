//! `lockstep export` and `lockstep import`: a state on its way to another machine.

use crate::{
    args::{ExportArguments, ImportArguments},
    block_file,
    failure::{Class, Classify, Failure},
    files::len,
    report::{Report, Value},
};
use anyhow::Context;
use lockstep_store::{SnapshotHead, Store, StoreError};
use std::fs;

/// Runs `lockstep export`.
pub(crate) fn export(arguments: &ExportArguments) -> Result<Report, Failure> {
    let store = Store::open_existing(&arguments.database.db)?;
    let height = match arguments.at {
        Some(height) => height,
        None => store.tip()?.ok_or(StoreError::Empty)?.height,
    };
    let (head, bytes) = store.export(height)?;
    let name = arguments.file.display();
    fs::write(&arguments.file, &bytes).with_context(|| format!("cannot write {name}")).class(Class::Fault)?;
    Ok(report("export", &head, &bytes))
}

/// Runs `lockstep import`.
pub(crate) fn import(arguments: &ImportArguments) -> Result<Report, Failure> {
    let bytes = block_file::read(&arguments.file)?;
    let store = Store::open(&arguments.database.db)?;
    let head = store.import(&bytes)?;
    store.close()?;
    Ok(report("import", &head, &bytes))
}

fn report(command: &'static str, head: &SnapshotHead, bytes: &[u8]) -> Report {
    let mut report = Report::new(command);
    report.add("block", Value::Number(head.height));
    report.add("block_hash", Value::bytes(head.hash));
    report.add("root", Value::bytes(head.root));
    report.add("snapshot_bytes", Value::Number(len(bytes)));
    report
}
