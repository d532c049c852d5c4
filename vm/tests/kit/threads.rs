//! Threads that an embedder gives to the execution of a block.

use lockstep_vm::Executor;
use std::thread;

/// So many threads, made anew for each run of jobs.
#[derive(Debug)]
pub(crate) struct Threads(pub(crate) usize);

impl Executor for Threads {
    fn threads(&self) -> usize {
        self.0
    }

    fn run<'a>(&self, jobs: Vec<Box<dyn FnOnce() + Send + 'a>>) {
        thread::scope(|scope| jobs.into_iter().for_each(|job| drop(scope.spawn(job))));
    }
}
