//! The replay: a transaction that was executed is executed again, on the reference interpreter, and watched.

use lockstep_reference::{Event, Observer, Reference, SharedObserver};
use lockstep_vm::{BlockEnv, Executed, Fault, MODULE_CACHE_BYTES, Revision, StateView, ValidTx, Vm};
use std::sync::{Arc, Mutex, PoisonError};

/// What a transaction was executed with.
#[derive(Clone)]
pub struct Execution<'a> {
    /// The rules.
    pub revision: &'a Revision,
    /// The state before it.
    pub view: StateView,
    /// The block.
    pub block: &'a BlockEnv,
    /// The transaction.
    pub tx: ValidTx,
}

/// Executes a transaction again and tells `observers` what happens, in their order.
///
/// # Errors
///
/// A [`Fault`] of this node, also if the replay gives something else than `produced`, which is what production gave: the
/// fault says what differs.
pub fn replay(execution: Execution<'_>, produced: &Executed, observers: Vec<SharedObserver>) -> Result<(), Fault> {
    let revision = Arc::new(execution.revision.clone());
    let engine = Reference::observed(Arc::clone(&revision), Arc::new(Mutex::new(Several(observers))));
    let vm = Vm::from_engine(engine, revision, MODULE_CACHE_BYTES);
    let replayed = vm.execute_tx(execution.view, execution.block, execution.tx)?;
    match difference(produced, &replayed) {
        None => Ok(()),
        Some(difference) => Err(Fault::Broken(format!("the replay differs from the execution in {difference}"))),
    }
}

/// The first thing that differs, in words.
fn difference(produced: &Executed, replayed: &Executed) -> Option<String> {
    let (was, is) = (&produced.receipt, &replayed.receipt);
    if was.outcome != is.outcome {
        return Some(format!("the outcome: {} was {}", is.outcome, was.outcome));
    }
    if was.gas_used != is.gas_used {
        return Some(format!("the gas used: {} was {}", is.gas_used, was.gas_used));
    }
    let parts = [
        ("the output", was.output != is.output),
        ("the logs", was.logs != is.logs),
        ("the contract created", was.created != is.created),
        ("the changes of the state", produced.diff != replayed.diff),
        ("the frames that halted", produced.halts != replayed.halts),
    ];
    parts.into_iter().find(|(_, differs)| *differs).map(|(part, _)| part.to_owned())
}

/// Observers that are told one after the other.
struct Several(Vec<SharedObserver>);

impl Observer for Several {
    fn event(&mut self, event: &Event<'_>) {
        for observer in &self.0 {
            observer.lock().unwrap_or_else(PoisonError::into_inner).event(event);
        }
    }
}
