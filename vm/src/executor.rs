//! Who runs jobs that do not depend on each other. The results are the same, whoever it is.

use core::fmt;

/// Runs jobs that do not depend on each other, in any order and on any threads, and returns when all are done. A job can wait for
/// another one that has begun, and never for one that has not: the first of a block's jobs that begins goes through the block,
/// and the others help it for as long as it goes.
///
/// Neither the machine nor the store starts a thread. An embedder that has some lends them here.
pub trait Executor: fmt::Debug + Send + Sync {
    /// Jobs that it runs at one time: its threads.
    fn threads(&self) -> usize {
        1
    }

    /// Runs every job once.
    fn run<'a>(&self, jobs: Vec<Box<dyn FnOnce() + Send + 'a>>);
}

/// Runs jobs one after the other on the thread that asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Serial;

impl Executor for Serial {
    fn run<'a>(&self, jobs: Vec<Box<dyn FnOnce() + Send + 'a>>) {
        jobs.into_iter().for_each(|job| job());
    }
}
