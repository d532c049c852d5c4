//! `lockstep export` and `lockstep import`: a state on its way to another machine.

use super::note_trusted;
use crate::{
    args::{ExportArguments, ImportArguments},
    block_file,
    failure::Failure,
    files::len,
    output_file::OutputFile,
    report::{Report, Value},
};
use lockstep_store::{Expected, SnapshotHead, Store, StoreError};

/// Runs `lockstep export`.
pub(crate) fn export(arguments: &ExportArguments) -> Result<Report, Failure> {
    let file = OutputFile::plan(&arguments.file, &[(Some(&arguments.database.db), "the database")])?;
    let store = Store::open_existing(&arguments.database.db)?;
    let height = match arguments.at {
        Some(height) => height,
        None => store.tip()?.ok_or(StoreError::Empty)?.height,
    };
    let (head, bytes) = store.export(height)?;
    file.write(&bytes)?;
    Ok(report("export", &head, &bytes))
}

/// Runs `lockstep import`.
pub(crate) fn import(arguments: &ImportArguments) -> Result<Report, Failure> {
    let bytes = block_file::read(&arguments.file)?;
    let expected = Expected { root: arguments.root, hash: arguments.hash, height: arguments.number };
    let store = Store::open(&arguments.database.db)?;
    let head = store.import(&bytes, &expected)?;
    let believed = expected.believed(&store.latest()?)?;
    store.close()?;
    let mut report = report("import", &head, &bytes);
    let fields = [("block", "height", "--number"), ("block_hash", "hash", "--hash"), ("root", "root", "--root")];
    let unbound =
        fields.into_iter().filter(|(_, name, _)| believed.contains(name)).map(|(field, _, option)| (field, option));
    note_trusted(&mut report, "snapshot", &unbound.collect::<Vec<_>>());
    Ok(report)
}

fn report(command: &'static str, head: &SnapshotHead, bytes: &[u8]) -> Report {
    let mut report = Report::new(command);
    report.add("block", Value::Number(head.height));
    report.add("block_hash", Value::bytes(head.hash));
    report.add("root", Value::bytes(head.root));
    report.add("snapshot_bytes", Value::Number(len(bytes)));
    report
}
