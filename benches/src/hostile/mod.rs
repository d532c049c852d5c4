//! The bench of hostile programs: the most time that a unit of gas buys, beside ordinary integer code in the same run.
//!
//! A [`Recipe`] makes a program: contracts on a state, and transactions that a real [`Vm`](lockstep_vm::Vm) executes.
//! [`recipes`] lists them all: every operator, every host function and every limit has some, which the compiler or a
//! test demands, and so has every pattern that a node was once slow at.
//!
//! Time is processor time of the executing thread. A counting allocator in the executable says what a program takes of
//! the host's memory.

mod blocks;
mod code;
mod heap;
mod host;
mod limits;
mod loads;
mod measure;
mod operators;
mod patterns;
mod program;
mod report;
mod search;
mod shape;
mod stored;
mod views;

pub use heap::{Heap, Taken};
pub use measure::{Measured, Options, measure, worst};
pub(crate) use measure::{ordinary_stage, rounds_of};
pub use program::{Ends, Program, Spent, Stage, Subject, Work};
pub use report::{as_json, as_table, too_cheap};
pub use search::{Dice, search};

/// How a program is made.
pub struct Recipe {
    /// What it shows the cost of.
    pub subject: Subject,
    /// Its name, unique.
    pub name: String,
    make: Box<dyn Fn() -> anyhow::Result<Program>>,
}

impl Recipe {
    /// The recipe of the program that `make` makes.
    pub fn new(
        subject: Subject,
        name: impl Into<String>,
        make: impl Fn() -> anyhow::Result<Program> + 'static,
    ) -> Self {
        Self { subject, name: name.into(), make: Box::new(make) }
    }

    /// The program on its machine and state, set up to take about `gas` in a run.
    ///
    /// # Errors
    ///
    /// If the program is not valid, or does not run as it is meant to.
    pub fn stage(&self, gas: u64) -> anyhow::Result<Stage> {
        use anyhow::Context as _;
        let program = (self.make)().with_context(|| self.name.clone())?;
        Stage::new(program, gas).with_context(|| self.name.clone())
    }
}

/// Modules of every shape that is slow to translate, with its name, each of about `bytes` bytes.
pub(crate) fn slow_modules(bytes: usize) -> Vec<(&'static str, Vec<u8>)> {
    let patterns = code::patterns().into_iter().map(|pattern| (pattern.name, pattern.module(bytes, 190_000, 0)));
    patterns.chain([("10,000 empty functions", code::empty_functions(10_000, 0))]).collect()
}

/// Every program of the bench.
pub fn recipes() -> Vec<Recipe> {
    [operators::recipes(), host::recipes(), limits::recipes(), patterns::recipes(), loads::recipes(), views::recipes()]
        .into_iter()
        .flatten()
        .collect()
}
