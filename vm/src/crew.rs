//! The threads that an embedder lends for a block: one of them leads and goes through the block, the others try transactions of
//! its windows. Only speed depends on how many of them come, and when.

use crate::{
    block_state::BlockState,
    engine::Engine,
    executor::Executor,
    machine::Vm,
    transaction::{Tried, Tx},
};
use lockstep_gas::Gas;
use lockstep_host::BlockEnv;
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Transactions that a thread takes at a time: their results lie beside each other in the memory.
const AT_A_TIME: usize = 4;

/// Transactions to be tried on one state of their block.
pub(crate) struct Window {
    pub(crate) state: Arc<BlockState>,
    pub(crate) env: BlockEnv,
    pub(crate) gas_left: Gas,
    /// Each with what came of it; nothing for one that is refused on this state, or was not tried.
    pub(crate) transactions: Vec<(Tx, OnceLock<Tried>)>,
    next: AtomicUsize,
}

impl Window {
    pub(crate) fn new(state: Arc<BlockState>, env: BlockEnv, gas_left: Gas, transactions: Vec<Tx>) -> Self {
        let transactions = transactions.into_iter().map(|tx| (tx, OnceLock::new())).collect();
        Self { state, env, gas_left, transactions, next: AtomicUsize::new(0) }
    }

    /// Whether there are transactions that no thread has taken yet.
    fn is_open(&self) -> bool {
        self.next.load(Ordering::Relaxed) < self.transactions.len()
    }

    /// Tries transactions until all are taken.
    fn work<E: Engine>(&self, vm: &Vm<E>) {
        loop {
            let from = self.next.fetch_add(AT_A_TIME, Ordering::Relaxed);
            let Some(taken) = self.transactions.get(from..) else { return };
            for (tx, tried) in taken.iter().take(AT_A_TIME) {
                if let Ok(result) = vm.try_on(Arc::clone(&self.state), &self.env, self.gas_left, tx.clone()) {
                    // It is this thread's alone.
                    let _ = tried.set(result);
                }
            }
        }
    }
}

/// The threads of one block.
pub(crate) struct Crew<'vm, E: Engine> {
    vm: &'vm Vm<E>,
    stage: Mutex<Stage>,
    changed: Condvar,
}

/// What the threads do now.
#[derive(Default)]
struct Stage {
    window: Option<Arc<Window>>,
    /// Threads that try transactions of the window beside the one that leads.
    helping: usize,
    /// The block is at its end.
    has_ended: bool,
}

impl<'vm, E: Engine> Crew<'vm, E> {
    pub(crate) fn new(vm: &'vm Vm<E>) -> Self {
        Self { vm, stage: Mutex::default(), changed: Condvar::new() }
    }

    /// Goes through a block by `lead`, with `threads` threads of `executor`. The first of them that comes leads. If none comes,
    /// it is the thread that asks. `None` if the executor lost the job that led.
    pub(crate) fn run<T: Send>(
        &self,
        executor: &dyn Executor,
        threads: usize,
        lead: impl FnOnce() -> T + Send,
    ) -> Option<T> {
        let (lead, led) = (Mutex::new(Some(lead)), Mutex::new(None));
        let job = || {
            let first = lock(&lead).take();
            match first {
                Some(lead) => {
                    // At the end of the block the others go, and also where it ends in a panic.
                    let _end = End(self);
                    let outcome = lead();
                    *lock(&led) = Some(outcome);
                }
                None => self.help(),
            }
        };
        executor.run((0..threads).map(|_| Box::new(job) as Box<dyn FnOnce() + Send>).collect());
        if lock(&lead).is_some() {
            job();
        }
        led.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries the transactions of a window on this thread and on those that help. `None` if one of them did not let go of it.
    pub(crate) fn try_all(&self, window: Window) -> Option<Window> {
        let window = Arc::new(window);
        lock(&self.stage).window = Some(Arc::clone(&window));
        self.changed.notify_all();
        window.work(self.vm);
        let mut stage = lock(&self.stage);
        stage.window = None;
        while stage.helping > 0 {
            stage = self.wait(stage);
        }
        drop(stage);
        Arc::into_inner(window)
    }

    /// Helps with every window until the block ends.
    fn help(&self) {
        let mut stage = lock(&self.stage);
        while !stage.has_ended {
            let Some(window) = stage.window.as_ref().filter(|window| window.is_open()).map(Arc::clone) else {
                stage = self.wait(stage);
                continue;
            };
            stage.helping = stage.helping.saturating_add(1);
            drop(stage);
            // Whoever leads waits for this thread, also where it ends in a panic.
            let helper = Helping(self);
            window.work(self.vm);
            drop(window);
            drop(helper);
            stage = lock(&self.stage);
        }
    }

    fn wait<'a>(&self, stage: MutexGuard<'a, Stage>) -> MutexGuard<'a, Stage> {
        self.changed.wait(stage).unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic of one thread leaves nothing half done behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the other threads that the block is at its end, when it is dropped.
struct End<'a, 'vm, E: Engine>(&'a Crew<'vm, E>);

impl<E: Engine> Drop for End<'_, '_, E> {
    fn drop(&mut self) {
        lock(&self.0.stage).has_ended = true;
        self.0.changed.notify_all();
    }
}

/// Says that a thread no longer helps, when it is dropped.
struct Helping<'a, 'vm, E: Engine>(&'a Crew<'vm, E>);

impl<E: Engine> Drop for Helping<'_, '_, E> {
    fn drop(&mut self) {
        let mut stage = lock(&self.0.stage);
        stage.helping = stage.helping.saturating_sub(1);
        drop(stage);
        self.0.changed.notify_all();
    }
}
