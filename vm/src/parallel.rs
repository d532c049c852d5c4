//! A block of another node: every transaction is valid in its place, on one thread or on several with the same outcome.
//!
//! On several threads a window of transactions is tried on the state that the block has before it, each as if it were the next one. Then they
//! are taken in their order: a transaction that looked at nothing which the ones before it changed did what it does in its
//! place, and is taken as it is; any other is executed again in its place. So the outcome does not depend on the number of
//! threads, on their timing or on the size of a window.

use crate::{
    block::{Block, BlockOutcome, Rejected},
    block_state::StateView,
    builder::BlockBuilder,
    crew::{Crew, Window},
    engine::Engine,
    executor::{Executor, Serial},
    machine::Vm,
    transaction::{Refused, Tried, Tx},
};
use lockstep_gas::Gas;
use lockstep_host::Fault;
use std::sync::Arc;

/// Transactions of a window for each thread: enough that a thread which ends early waits for a small part of the time.
const WINDOW_PER_THREAD: usize = 128;

/// Transactions of the smallest window for each thread. Below that, waiting costs more than a second thread saves.
const WINDOW_PER_THREAD_MIN: usize = 4;

/// The part of a window that can be in vain, as a divisor: beyond it the next windows are smaller or left out.
const VAIN_DIVISOR: usize = 4;

/// Windows that are executed one transaction after the other where the smallest was in vain, at most.
const SERIAL_WINDOWS_MAX: usize = 64;

impl<E: Engine> Vm<E> {
    /// Executes a block on a state view. Nothing is written: the diff says what would be.
    ///
    /// # Errors
    ///
    /// [`Rejected`]: the block is invalid, the revision is for conformance only, or this node failed.
    pub fn execute_block(&self, view: StateView, block: Block) -> Result<BlockOutcome, Rejected> {
        self.execute_block_with(view, block, &Serial)
    }

    /// As [`execute_block`](Self::execute_block), on the threads of `executor`. The outcome is the same.
    ///
    /// Each thread needs the native stack of one that executes alone.
    ///
    /// # Errors
    ///
    /// As [`execute_block`](Self::execute_block).
    pub fn execute_block_with(
        &self,
        view: StateView,
        block: Block,
        executor: &dyn Executor,
    ) -> Result<BlockOutcome, Rejected> {
        let Block { env, transactions } = block;
        execute_all(self.build_block(view, env)?, transactions, executor)
    }

    /// As [`execute_block`](Self::execute_block), for conformance suites: any revision, even one under which a contract
    /// can loop for ever, and any number, timestamp and parent hash.
    ///
    /// # Errors
    ///
    /// [`Rejected`]: the block is invalid, or this node failed.
    pub fn execute_conformance_block(&self, view: StateView, block: Block) -> Result<BlockOutcome, Rejected> {
        let Block { env, transactions } = block;
        execute_all(self.begin(view, env)?, transactions, &Serial)
    }
}

/// Executes every transaction of a block: each must be valid in its place.
fn execute_all<E: Engine>(
    mut builder: BlockBuilder<'_, E>,
    transactions: Vec<Tx>,
    executor: &dyn Executor,
) -> Result<BlockOutcome, Rejected> {
    Arc::make_mut(&mut builder.state).reserve(transactions.len());
    let threads = executor.threads().min(transactions.len() / WINDOW_PER_THREAD_MIN);
    if threads > 1 {
        let crew = Crew::new(builder.vm);
        let led = crew.run(executor, threads, || execute_windows(builder, transactions, &crew, threads));
        return led.unwrap_or_else(|| {
            Err(Rejected::Fault(Fault::Broken("the executor lost a job that it had begun".into())))
        });
    }
    for (position, tx) in (0..).zip(transactions) {
        add(&mut builder, position, tx)?;
    }
    Ok(builder.finish())
}

/// The same by windows of transactions, each of which is tried on the threads of `crew`.
fn execute_windows<E: Engine>(
    mut builder: BlockBuilder<'_, E>,
    transactions: Vec<Tx>,
    crew: &Crew<'_, E>,
    threads: usize,
) -> Result<BlockOutcome, Rejected> {
    let mut pace = Pace::new(threads);
    // A transaction that looks at what others change can burn on an earlier state what it does not use in its place. So gas
    // that is burnt in vain is counted for the whole block, and there is a block's gas of it.
    let mut vain_gas_left = builder.gas_left();
    let mut left = transactions.into_iter();
    let mut position = 0_u64;
    while !left.as_slice().is_empty() {
        let affords = |tx: &Tx| tx.gas_limit <= vain_gas_left;
        let tries = pace.tries() && left.as_slice().first().is_some_and(affords);
        let size = fitting(left.as_slice(), pace.window(), builder.gas_left().min(vain_gas_left));
        let mut vain = 0_usize;
        let mut transactions = left.by_ref().take(size);
        let tried = if tries { window(&builder, transactions.by_ref(), crew)? } else { Vec::new() };
        for (tx, tried) in tried {
            let gas_tried = tried.as_ref().map_or(Gas::ZERO, |tried| tried.receipt.gas_used);
            let tried = tried.filter(|tried| tx.gas_limit <= builder.gas_left() && builder.state.holds(&tried.changes));
            match tried {
                Some(tried) => drop(builder.take(tried)?),
                None => {
                    vain_gas_left = vain_gas_left.less(gas_tried);
                    vain = vain.saturating_add(1);
                    add(&mut builder, position, tx)?;
                }
            }
            position = position.saturating_add(1);
        }
        // Those of a window that is not tried.
        for tx in transactions {
            vain = vain.saturating_add(1);
            add(&mut builder, position, tx)?;
            position = position.saturating_add(1);
        }
        pace.after(size, vain);
    }
    Ok(builder.finish())
}

/// Tries transactions on the threads of `crew`: each, with what came of it if a thread got to it.
fn window<E: Engine>(
    builder: &BlockBuilder<'_, E>,
    transactions: impl Iterator<Item = Tx>,
    crew: &Crew<'_, E>,
) -> Result<Vec<(Tx, Option<Tried>)>, Fault> {
    let state = Arc::clone(&builder.state);
    let window = Window::new(state, builder.env().clone(), builder.gas_left(), transactions.collect());
    let window = crew.try_all(window).ok_or_else(|| Fault::Broken("a thread did not let go of a window".into()))?;
    Ok(window.transactions.into_iter().map(|(tx, tried)| (tx, tried.into_inner())).collect())
}

/// Executes the transaction at `position` in its place.
fn add<E: Engine>(builder: &mut BlockBuilder<'_, E>, position: u64, tx: Tx) -> Result<(), Rejected> {
    builder.add(tx).map(drop).map_err(|refused| match refused {
        Refused::Invalid(error) => Rejected::Invalid { position, error },
        Refused::Fault(fault) => Rejected::Fault(fault),
    })
}

/// How many of the next transactions make a window: as many as the gas that is left pays for together, one at least. A block
/// that promises more gas than it has does not make this node do more than twice its work.
fn fitting(transactions: &[Tx], window: usize, gas_left: Gas) -> usize {
    let mut promised = Gas::ZERO;
    let fits = transactions.iter().take(window).take_while(|tx| {
        promised = promised.plus(tx.gas_limit);
        promised <= gas_left
    });
    fits.count().max(1)
}

/// How large the windows are, and which of them are tried. Only speed depends on it.
#[derive(Debug)]
struct Pace {
    threads: usize,
    window: usize,
    /// Windows that are not tried from here on.
    serial: usize,
    /// How many there are the next time that the smallest window is in vain.
    serial_next: usize,
}

impl Pace {
    fn new(threads: usize) -> Self {
        let window = threads.saturating_mul(WINDOW_PER_THREAD);
        Self { threads, window, serial: 0, serial_next: 1 }
    }

    /// The size of the next window.
    fn window(&self) -> usize {
        self.window
    }

    /// Whether the next window is tried: there are threads, and windows were not in vain lately.
    fn tries(&self) -> bool {
        self.threads > 1 && self.serial == 0
    }

    /// Goes on after a window, `vain` of whose transactions were tried in vain.
    fn after(&mut self, size: usize, vain: usize) {
        let (least, most) =
            (self.threads.saturating_mul(WINDOW_PER_THREAD_MIN), self.threads.saturating_mul(WINDOW_PER_THREAD));
        if let Some(left) = self.serial.checked_sub(1) {
            self.serial = left;
        } else if vain <= size / VAIN_DIVISOR {
            self.window = self.window.saturating_mul(2).min(most);
            self.serial_next = 1;
        } else if self.window > least {
            self.window = (self.window / 2).max(least);
        } else {
            self.serial = self.serial_next;
            self.serial_next = self.serial_next.saturating_mul(2).min(SERIAL_WINDOWS_MAX);
        }
    }
}
