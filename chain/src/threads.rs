//! Threads for those who have none of their own: an executor for the store's hashing and the transactions of a block.
//!
//! Nothing here starts one unless the embedder makes it: an executor is a setting of the store.

use core::num::NonZeroUsize;
use lockstep_vm::Executor;
use std::{
    sync::{Mutex, PoisonError},
    thread,
};

/// Bytes of native stack of each thread: four times what executing a transaction is measured to need at most
/// (`docs/embedding.md`).
const STACK_BYTES: usize = 2 * 1_024 * 1_024;

/// An executor whose threads end with their jobs. The thread that asks is one of them.
#[derive(Debug, Clone, Copy)]
pub struct Threads(NonZeroUsize);

impl Threads {
    /// An executor of `threads` threads.
    pub const fn new(threads: NonZeroUsize) -> Self {
        Self(threads)
    }
}

impl Executor for Threads {
    fn threads(&self) -> usize {
        self.0.get()
    }

    /// If the process cannot start a thread, the others do its jobs.
    fn run<'a>(&self, jobs: Vec<Box<dyn FnOnce() + Send + 'a>>) {
        let others = self.0.get().min(jobs.len()).saturating_sub(1);
        let jobs = Mutex::new(jobs.into_iter());
        let work = || {
            loop {
                // In a statement of its own, so that the lock is not held while the job runs.
                let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(job) = job else { return };
                job();
            }
        };
        thread::scope(|scope| {
            for _ in 0..others {
                if thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_job_runs_once() {
        for (threads, jobs) in [(1, 0), (1, 5), (2, 1), (3, 100), (8, 3)] {
            let counts: Vec<AtomicUsize> = (0..jobs).map(|_| AtomicUsize::new(0)).collect();
            let count = |place: &AtomicUsize| {
                place.fetch_add(1, Ordering::Relaxed);
            };
            let boxed = counts.iter().map(|place| Box::new(move || count(place)) as Box<dyn FnOnce() + Send>);
            Threads::new(NonZeroUsize::new(threads).unwrap()).run(boxed.collect());
            let counts: Vec<usize> = counts.into_iter().map(AtomicUsize::into_inner).collect();
            assert_eq!(counts, vec![1; jobs], "{threads} threads");
        }
    }
}
