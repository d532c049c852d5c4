//! Who runs the hashing of sub-trees. The results are the same, whoever it is.

use core::fmt;

/// Runs jobs that do not depend on each other, in any order and on any threads, and returns when all are done.
///
/// The store starts no threads. An embedder that has some gives them here.
pub trait Executor: fmt::Debug + Send + Sync {
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
