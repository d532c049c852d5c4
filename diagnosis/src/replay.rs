//! The replay: a transaction that was executed is executed again, on the reference interpreter, and watched.

use lockstep_reference::{Event, Observer, Reference, SharedObserver};
use lockstep_vm::{
    Account, Block, BlockEnv, Executed, Fault, Gas, MODULE_CACHE_BYTES, Receipt, Refused, Rejected, Revision,
    StateView, U256, ValidTx, Vm,
};
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

/// A transaction of a block, with those before it.
#[derive(Clone)]
pub struct InBlock<'a> {
    /// The rules.
    pub revision: &'a Revision,
    /// The state before the block.
    pub view: StateView,
    /// The block.
    pub block: &'a Block,
    /// The position of the transaction in the block, from 0.
    pub position: usize,
}

impl<'a> InBlock<'a> {
    /// The transaction as observers are made for it. Its view is that of the block.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the block has no such transaction, or one that no block can have.
    pub fn execution(&self) -> Result<Execution<'a>, Fault> {
        let Self { revision, view, block, position } = self;
        let tx = block.transactions.get(*position).ok_or_else(|| Fault::Broken("a transaction is not there".into()))?;
        // What its sender had was seen by those who executed the block.
        let sender = Account { nonce: tx.nonce, balance: U256::MAX, ..Account::default() };
        let valid = ValidTx::check(tx.clone(), Some(&sender), Gas::new(block.env.gas_limit), revision);
        let tx = valid.map_err(|error| Fault::Broken(format!("a transaction of a block is invalid: {error}")))?;
        Ok(Execution { revision, view: Arc::clone(view), block: &block.env, tx })
    }
}

/// Executes a transaction again and tells `observers` what happens, in their order.
///
/// # Errors
///
/// A [`Fault`] of this node, also if the replay has another result than `produced`, which is what production gave: the
/// fault says what differs.
pub fn replay(execution: Execution<'_>, produced: &Executed, observers: Vec<SharedObserver>) -> Result<(), Fault> {
    let (vm, _) = reference(execution.revision, Told { observers, listens: true });
    let replayed = vm.execute_tx(execution.view, execution.block, execution.tx)?;
    match difference(produced, &replayed) {
        None => Ok(()),
        Some(difference) => Err(Fault::Broken(format!("the replay differs from the execution in {difference}"))),
    }
}

/// Executes a transaction of a block again, after those before it, and tells `observers` what happens in it, in their order.
/// Returns what it gave; the diff is that of the block up to it.
///
/// # Errors
///
/// As [`replay`]; `produced` are the receipts of the block.
pub fn replay_in_block(
    execution: InBlock<'_>,
    produced: &[Receipt],
    observers: Vec<SharedObserver>,
) -> Result<Executed, Fault> {
    let InBlock { revision, view, block, position } = execution;
    let (vm, told) = reference(revision, Told { observers, listens: false });
    let mut builder = vm.build_block(view, block.env.clone()).map_err(|rejected| match rejected {
        Rejected::Fault(fault) => fault,
        rejected => Fault::Broken(format!("the replay refuses the block: {rejected}")),
    })?;
    let mut last = None;
    for (number, (tx, was)) in block.transactions.iter().zip(produced).take(position.saturating_add(1)).enumerate() {
        told.lock().unwrap_or_else(PoisonError::into_inner).listens = number == position;
        let added = builder.add(tx.clone()).map_err(|refused| match refused {
            Refused::Invalid(error) => Fault::Broken(format!("the replay refuses transaction {number}: {error}")),
            Refused::Fault(fault) => fault,
        })?;
        if let Some(part) = difference_of_receipts(was, added.receipt) {
            return Err(Fault::Broken(format!(
                "the replay differs from the execution of transaction {number} in {part}"
            )));
        }
        last = Some((number, added.receipt.clone(), added.halts));
    }
    let Some((_, receipt, halts)) = last.filter(|(number, ..)| *number == position) else {
        return Err(Fault::Broken(format!("the block has no transaction {position} with a receipt")));
    };
    Ok(Executed { receipt, diff: builder.finish().diff, halts })
}

/// A machine on the reference interpreter, and whom it tells.
fn reference(revision: &Revision, told: Told) -> (Vm<Reference>, Arc<Mutex<Told>>) {
    let (revision, told) = (Arc::new(revision.clone()), Arc::new(Mutex::new(told)));
    let engine = Reference::observed(Arc::clone(&revision), Arc::clone(&told) as SharedObserver);
    (Vm::from_engine(engine, revision, MODULE_CACHE_BYTES), told)
}

/// The first thing that differs, in words.
fn difference(produced: &Executed, replayed: &Executed) -> Option<String> {
    let parts = [
        ("the changes of the state", produced.diff != replayed.diff),
        ("the frames that halted", produced.halts != replayed.halts),
    ];
    let other = parts.into_iter().find(|(_, differs)| *differs).map(|(part, _)| part.to_owned());
    difference_of_receipts(&produced.receipt, &replayed.receipt).or(other)
}

fn difference_of_receipts(was: &Receipt, is: &Receipt) -> Option<String> {
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
    ];
    parts.into_iter().find(|(_, differs)| *differs).map(|(part, _)| part.to_owned())
}

/// Observers that are told one after the other, while they listen.
struct Told {
    observers: Vec<SharedObserver>,
    listens: bool,
}

impl Observer for Told {
    fn event(&mut self, event: &Event<'_>) {
        for observer in self.observers.iter().filter(|_| self.listens) {
            observer.lock().unwrap_or_else(PoisonError::into_inner).event(event);
        }
    }
}
