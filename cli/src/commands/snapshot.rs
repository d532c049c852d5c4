//! `lockstep export` and `lockstep import`: a state on its way to another machine.

use crate::{
    args::DatabaseArgument,
    bytes::{parse_gas, parse_hash},
    database_folder,
    failure::{Class, Classify, Failure},
    files::Source,
    output_file::OutputFile,
    report::Report,
    state_file::IfMissing,
    value::Value,
};
use anyhow::Context;
use clap::Args;
use lockstep_store::{Expected, SnapshotHead, StoreError};
use lockstep_vm::B256;
use std::{
    io::{self, BufWriter, Read, Write},
    path::PathBuf,
};

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The file to write
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) database: DatabaseArgument,

    /// The height [default: the last]
    #[arg(long, value_name = "HEIGHT", value_parser = parse_gas)]
    pub(crate) at: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The file to read
    pub(crate) file: PathBuf,

    /// The root of the state, from a source that you trust; a snapshot of another root is rejected
    #[arg(long, value_name = "ROOT", value_parser = parse_hash)]
    pub(crate) root: Option<B256>,

    /// The hash of the block, from a source that you trust
    #[arg(long, value_name = "HASH", value_parser = parse_hash)]
    pub(crate) hash: Option<B256>,

    /// The number of the block, from a source that you trust
    #[arg(long, value_name = "NUMBER")]
    pub(crate) number: Option<u64>,

    #[command(flatten)]
    pub(crate) database: DatabaseArgument,
}

/// Bytes of a snapshot that are written at once.
const BUFFER_BYTES: usize = 1_024 * 1_024;

/// What is read, counted.
struct Counted<R> {
    from: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(to)?;
        self.bytes = self.bytes.saturating_add(u64::try_from(count).unwrap_or(0));
        Ok(count)
    }
}

/// Runs `lockstep export`.
pub(crate) fn export(arguments: &ExportArguments) -> Result<Report, Failure> {
    let file = OutputFile::plan(&arguments.file, &[(Some(&arguments.database.db), "the database")])?;
    let store = database_folder::open_to_look(&arguments.database.db)?;
    let height = match arguments.at {
        Some(height) => height,
        None => store.tip()?.ok_or(StoreError::Empty)?.height,
    };
    let (written, draft) = file.begin()?;
    let mut to = BufWriter::with_capacity(BUFFER_BYTES, &written);
    let head = store.export_to(height, &mut to)?;
    to.flush().context("cannot write the snapshot").class(Class::Fault)?;
    drop(to);
    written.sync_all().context("cannot write the snapshot").class(Class::Fault)?;
    let bytes = written.metadata().context("cannot look at the snapshot").class(Class::Fault)?.len();
    draft.put()?;
    Ok(report("export", &head, bytes))
}

/// Runs `lockstep import`.
pub(crate) fn import(arguments: &ImportArguments) -> Result<Report, Failure> {
    let source = Source::open(&arguments.file, Class::File)?;
    let mut from = Counted { from: source.reader(), bytes: 0 };
    let expected = Expected { root: arguments.root, hash: arguments.hash, height: arguments.number };
    let (store, begun) = database_folder::open(&arguments.database.db, IfMissing::Begin)?;
    let name = arguments.file.display();
    let head = match store.import_from(&mut from, &expected) {
        Ok(head) => head,
        Err(error) => {
            let failure = Failure::from(error).within(name);
            // What came is kept: the next import of the same snapshot goes on from there.
            if store.is_importing().unwrap_or(false) {
                begun.keep();
                return Err(failure.remedy("import it again from a good source: what was verified is kept"));
            }
            return Err(failure);
        }
    };
    let believed = expected.believed(&store.latest()?)?;
    begun.keep();
    store.close()?;
    let mut report = report("import", &head, from.bytes);
    let fields = [("block", "height", "--number"), ("block_hash", "hash", "--hash"), ("root", "root", "--root")];
    let unbound =
        fields.into_iter().filter(|(_, name, _)| believed.contains(name)).map(|(field, _, option)| (field, option));
    report.note_trusted("snapshot", &unbound.collect::<Vec<_>>());
    Ok(report)
}

fn report(command: &'static str, head: &SnapshotHead, bytes: u64) -> Report {
    let mut report = Report::new(command);
    report.add("block", Value::Number(head.height));
    report.add("block_hash", Value::bytes(head.hash));
    report.add("root", Value::bytes(head.root));
    report.add("snapshot_bytes", Value::Number(bytes));
    report
}
