//! `lockstep index`: runs an indexer over the blocks of another chain. Each is a block of a chain of the indexer's own, of
//! the same height, with one transaction.

use super::transaction::{halt_sites, machine};
use crate::{
    args::abi_parser,
    block_folder::block_files,
    bytes::{hex, parse_gas},
    database_folder::{self, Begun},
    execution::{add_outcome, add_output},
    failure::{Class, Failure},
    files::Source,
    module_file::ModuleFile,
    progress::Progress,
    report::Report,
    state_file::IfMissing,
    value::{Row, Value},
};
use anyhow::anyhow;
use clap::Args;
use lockstep_chain::indexer::{Indexed, IndexedBlock, Indexer, NotIndexed, indexer_address};
use lockstep_store::Store;
use lockstep_vm::{Abi, CodeId, Vm};
use std::path::{Path, PathBuf};

/// Gas of a block that is indexed, unless another limit is given: minutes of work.
pub(super) const INDEX_GAS: u64 = 1_000_000_000_000;

/// The highest height: an indexer is told heights of 32 bits.
const HEIGHT_MAX: u64 = 0xffff_ffff;

#[derive(Debug, Args)]
pub(crate) struct IndexArguments {
    /// The indexer: a module, binary (.wasm) or text (.wat)
    file: PathBuf,

    /// Its ABI, one of indexers [default: guessed from the module]
    #[arg(long, value_parser = abi_parser())]
    abi: Option<Abi>,

    /// The blocks: files with one block each, or folders of such files, in the order of the numbers in their names
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    blocks: Vec<PathBuf>,

    /// The height of the first of them [default: the one after the database's last, or 0]
    #[arg(long, value_name = "HEIGHT", value_parser = parse_height)]
    from: Option<u64>,

    /// Keep what is indexed in the database in this folder, or go on with it [default: nothing is kept]
    #[arg(long, value_name = "DIR")]
    db: Option<PathBuf>,

    /// Gas limit of each block
    #[arg(long, value_name = "N", value_parser = parse_gas, allow_hyphen_values = true, default_value_t = INDEX_GAS)]
    gas: u64,
}

/// Runs the command.
pub(crate) fn index(arguments: &IndexArguments) -> Result<Report, Failure> {
    let IndexArguments { file, abi, blocks, from, db, gas } = arguments;
    let vm = machine()?;
    let module = ModuleFile::read(file, *abi, vm.revision())?;
    if !matches!(module.abi, Abi::Metashrew | Abi::MetashrewDocumented) {
        let error = anyhow!("{} is a module for {}, and an indexer is one for metashrew", module.name, module.abi);
        return Err(
            Failure::new(Class::Module, error).remedy("give an indexer; --abi says which dialect it is built for")
        );
    }
    module.valid(&vm)?;
    let files = block_files(blocks)?;
    let (store, begun) = match db {
        Some(folder) => database_folder::open(folder, IfMissing::Begin)?,
        None => (Store::memory()?, Begun::default()),
    };
    let id = CodeId::of(&module.code, module.abi);
    let indexer = Indexer { vm, code: module.code.clone(), id, gas_limit: *gas };
    let tip = store.tip()?;
    if !indexer.is_of(&store)? {
        let failure = Failure::new(Class::Database, anyhow!("the database is not one of this indexer"));
        return Err(failure.remedy("give another folder, or the module and the --abi that the database was begun with"));
    }
    let first = from.unwrap_or_else(|| tip.map_or(0, |tip| tip.height.saturating_add(1)));
    let mut report = Report::new("index");
    let mut rows = Vec::new();
    let mut last = tip.map(|tip| tip.root);
    let progress = Progress::new("blocks");
    let count = u64::try_from(files.len()).unwrap_or(u64::MAX);
    let mut stopped = None;
    for (path, height) in files.iter().zip(first..) {
        let indexed = read_block(path, &indexer.vm)
            .and_then(|block| indexer.index(&store, height, block).map_err(|why| not_indexed(why, height)));
        match indexed {
            Ok(Indexed::Block(block)) => {
                rows.push(block_row(&block));
                last = Some(block.root);
            }
            Ok(Indexed::Stopped(attempt)) => {
                stopped = Some((height, attempt));
                break;
            }
            Err(failure) => return Err(failure.within(format!("block {height}, {}", path.display())).after(rows)),
        }
        progress.at(height.saturating_sub(first).saturating_add(1), count);
    }
    drop(progress);
    if last.is_some() {
        begun.keep();
    }
    store.close()?;
    if let Some((height, attempt)) = &stopped {
        let executed = &attempt.executed;
        let halts = halt_sites(executed.receipt.outcome, executed.halts.clone(), indexer_address(), None);
        add_outcome(&mut report, executed.receipt.outcome, &halts);
        add_output(&mut report, &executed.receipt.output);
        report.add("stopped_at", Value::Number(*height));
    }
    report.add("indexed", Value::Number(u64::try_from(rows.len()).unwrap_or(u64::MAX)));
    report.add("blocks", Value::Rows(shown(rows)));
    report.add("root", Value::maybe(last, Value::bytes));
    report.add("contract", Value::bytes(indexer_address()));
    report.add("abi", Value::text(module.abi.name()));
    report.add("abi_guessed", Value::Flag(module.abi_guessed));
    Ok(report)
}

/// The block in a file.
pub(crate) fn read_block(path: &Path, vm: &Vm) -> Result<Vec<u8>, Failure> {
    let bytes_max = vm.revision().limits(Abi::Metashrew).input_bytes_max;
    Source::open(path, Class::File)?.read(u64::from(bytes_max), "the limit of a block", Class::File)
}

/// A long list says little: the text shows how it ends.
fn shown(mut rows: Vec<Row>) -> Vec<Row> {
    let hidden = rows.len().saturating_sub(5);
    rows.iter_mut().take(hidden).for_each(|row| row.lines.clear());
    rows
}

/// Why a block is not indexed, and what can be done.
fn not_indexed(why: NotIndexed, height: u64) -> Failure {
    let refused = |why: String, remedy: String| Failure::new(Class::Database, anyhow!(why)).remedy(remedy);
    match why {
        NotIndexed::Follows { expected } => refused(
            format!("it does not follow: block {expected} does"),
            format!("give the blocks from {expected} on, and leave --from out"),
        ),
        NotIndexed::Before { oldest } => refused(
            format!("the database begins with block {oldest}"),
            format!("give the blocks from {oldest} on, or another folder"),
        ),
        NotIndexed::Other => refused(
            "the database has another block of this height".to_owned(),
            format!("after a reorganisation, `lockstep chain rollback {}` takes it back", height.saturating_sub(1)),
        ),
        NotIndexed::Chain(error) => error.into(),
    }
}

fn block_row(block: &IndexedBlock) -> Row {
    let IndexedBlock { height, root, gas_used, .. } = *block;
    let note = match block {
        IndexedBlock { was_there: true, .. } => Some("was there"),
        IndexedBlock { noted_failure: true, .. } => Some("noted a failure"),
        _ => None,
    };
    let shown = note.map(|note| format!(" ({note})")).unwrap_or_default();
    Row {
        lines: vec![format!("{height} root {} gas used {gas_used}{shown}", hex(root.as_slice()))],
        fields: vec![
            ("block", Value::Number(height)),
            ("root", Value::bytes(root)),
            ("gas_used", Value::Number(gas_used)),
            ("note", Value::maybe(note, Value::text)),
        ],
    }
}

/// A number as [`parse_gas`] reads it, of 32 bits.
fn parse_height(text: &str) -> Result<u64, String> {
    match parse_gas(text)? {
        height if height > HEIGHT_MAX => Err(format!("more than {HEIGHT_MAX}, the highest height")),
        height => Ok(height),
    }
}
