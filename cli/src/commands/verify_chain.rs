//! `lockstep chain verify`: the blocks of a database are executed again, from their bodies, on either engine.

use super::transaction::machine;
use crate::{
    args::DatabaseArgument,
    bytes::parse_gas,
    database_folder,
    failure::{Class, Exit, Failure},
    progress::Progress,
    report::Report,
    value::Value,
};
use anyhow::anyhow;
use clap::{Args, ValueEnum};
use lockstep_reference::Reference;
use lockstep_store::{ExecutedBlock, Store, StoreError, View};
use lockstep_vm::{
    B256, Block, Gas, MODULE_CACHE_BYTES, Outcome, Receipt, Rejected, Revision, StateView, Vm, engine::Engine,
};
use std::sync::Arc;

#[derive(Debug, Args)]
pub(crate) struct VerifyChainArguments {
    #[command(flatten)]
    database: DatabaseArgument,

    /// The height whose state is the first that a block is executed on [default: the oldest that is kept]
    #[arg(long, value_name = "HEIGHT", value_parser = parse_gas)]
    from: Option<u64>,

    /// The engine that executes
    #[arg(long, value_enum, default_value_t = EngineName::Wasmi)]
    engine: EngineName,
}

/// An engine by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineName {
    /// The one of production
    Wasmi,
    /// The slow interpreter that is written from the specification
    Reference,
}

impl EngineName {
    /// The name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Wasmi => "wasmi",
            Self::Reference => "reference",
        }
    }
}

/// Blocks whose changes are held in memory, until the next one is executed on the state that the database has.
const HELD_BLOCKS: u64 = 64;

/// What the execution of a block gave otherwise than the database says.
type Difference = Option<String>;

/// Runs the command. A difference ends it with the code of a fault.
pub(crate) fn verify(arguments: &VerifyChainArguments) -> Result<Report, Failure> {
    let store = database_folder::open_to_look(&arguments.database.db)?;
    let tip = store.tip()?.ok_or(StoreError::Empty)?;
    let from = arguments.from.unwrap_or(tip.oldest);
    let (executed, difference) = match arguments.engine {
        EngineName::Wasmi => execute(&machine()?, &store, from, tip.height)?,
        EngineName::Reference => {
            let vm = Vm::<Reference>::with_engine(Revision::V1, MODULE_CACHE_BYTES)?;
            execute(&vm, &store, from, tip.height)?
        }
    };
    let mut report = Report::new("chain verify");
    if difference.is_some() {
        report.set_exit(Exit::Fault);
    }
    report.add("same", Value::Flag(difference.is_none()));
    report.add("engine", Value::text(arguments.engine.name()));
    report.add("from", Value::Number(from));
    report.add("last", Value::Number(tip.height));
    report.add("executed", Value::Number(executed));
    report.add("difference", Value::maybe(difference, Value::Text));
    Ok(report)
}

/// Executes the blocks above the state at `from`. Returns how many, and what differs at the first that differs: those
/// above it stand on another state.
fn execute<E: Engine>(vm: &Vm<E>, store: &Store, from: u64, last: u64) -> Result<(u64, Difference), Failure> {
    let progress = Progress::new("blocks");
    let (mut view, mut executed) = (Arc::new(store.view(from)?), 0_u64);
    for height in from.saturating_add(1)..=last {
        if executed > 0 && executed.is_multiple_of(HELD_BLOCKS) {
            view = Arc::new(store.view(height.saturating_sub(1))?);
        }
        executed = executed.saturating_add(1);
        match execute_one(vm, store, height, &view)? {
            Ok(after) => view = Arc::new(after),
            Err(difference) => return Ok((executed, Some(format!("block {height}: {difference}")))),
        }
        progress.at(executed, last.saturating_sub(from));
    }
    Ok((executed, None))
}

/// The state after a block, or what differs.
fn execute_one<E: Engine>(
    vm: &Vm<E>,
    store: &Store,
    height: u64,
    view: &Arc<View>,
) -> Result<Result<View, String>, Failure> {
    let Some(body) = store.body(height)? else {
        let error = anyhow!("block {height} was committed without its body: it cannot be executed again");
        return Err(Failure::new(Class::Database, error).remedy(format!("give --from {height} or a later height")));
    };
    let Ok(block) = borsh::from_slice::<Block>(&body) else { return Ok(Err("its body is no block".into())) };
    let (hash, parent_hash) = (block.hash(), block.env.parent_hash);
    if let Some(difference) = differs("its hash", hash, store.block_hash(height)?) {
        return Ok(Err(difference));
    }
    let outcome = match vm.execute_block(Arc::clone(view) as StateView, block) {
        Ok(outcome) => outcome,
        Err(Rejected::Fault(fault)) => return Err(fault.into()),
        Err(invalid) => return Ok(Err(format!("it is invalid: {invalid}"))),
    };
    if let Some(difference) = receipts_differ(&outcome.receipts, &store.receipts(height)?) {
        return Ok(Err(difference));
    }
    let (diff, receipts) = (&outcome.diff, outcome.receipts.as_slice());
    let after = view.after(&ExecutedBlock { height, hash, parent_hash, diff, receipts, body: None, root: None })?;
    Ok(match differs("the root after it", after.root(), store.root(height)?) {
        Some(difference) => Err(difference),
        None => Ok(after),
    })
}

fn differs(what: &str, is: B256, was: B256) -> Difference {
    (is != was).then(|| format!("{what} is {is}, and the database has {was}"))
}

fn receipts_differ(is: &[Receipt], was: &[Receipt]) -> Difference {
    if is.len() != was.len() {
        return Some(format!("it has {} receipts, and the database has {}", is.len(), was.len()));
    }
    let at = is.iter().zip(was).position(|(is, was)| is != was)?;
    let [is, was] = [is, was].map(|receipts| receipts.get(at).map(|receipt| (receipt.outcome, receipt.gas_used)));
    let text = |receipt: Option<(Outcome, Gas)>| match receipt {
        Some((outcome, gas)) => format!("{outcome}, gas used {gas}"),
        None => String::new(),
    };
    Some(format!("receipt {at} is another one: {}, and the database has {}", text(is), text(was)))
}
