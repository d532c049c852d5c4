//! `lockstep export` and `lockstep import`: a state on its way to another machine.

use super::note_trusted;
use crate::{
    args::{ExportArguments, ImportArguments},
    block_file, database_folder,
    failure::Failure,
    files::len,
    output_file::OutputFile,
    report::{Report, Value},
    state_file::IfMissing,
};
use lockstep_store::{Expected, SnapshotHead, StoreError};

/// Runs `lockstep export`.
pub(crate) fn export(arguments: &ExportArguments) -> Result<Report, Failure> {
    let file = OutputFile::plan(&arguments.file, &[(Some(&arguments.database.db), "the database")])?;
    let (store, _) = database_folder::open(&arguments.database.db, IfMissing::Refuse)?;
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
    let (store, begun) = database_folder::open(&arguments.database.db, IfMissing::Begin)?;
    let name = arguments.file.display();
    let head = store.import(&bytes, &expected).map_err(|error| Failure::from(error).within(name))?;
    let believed = expected.believed(&store.latest()?)?;
    begun.keep();
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
