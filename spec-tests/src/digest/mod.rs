//! One digest over the whole corpus: every outcome, gas figure, log, memory and state root that must be the same on
//! every processor, in every build and at every time.
//!
//! The sections of the self-test come first; cases that need more than the command may carry are here.

mod driver;
mod generated;
mod languages;
mod roots;
mod state_tests;
mod stream;
mod testsuite;

use lockstep_selftest::{Ran, STACK_BYTES, Section};
use lockstep_vm::{
    Fault, MODULE_CACHE_BYTES, Revision, Vm,
    engine::wasmi::{LinkedWasmi, Wasmi},
};
use std::{sync::Arc, thread};

/// A part of the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A section of the self-test.
    Selftest(Section),
    /// The state tests in `fixtures`.
    StateTests,
    /// Generated modules.
    Generated,
    /// Example contracts with the runtimes of their languages.
    Languages,
    /// The testsuite of the specification.
    Testsuite,
    /// The store: roots, proofs, snapshots, witnesses.
    Store,
}

impl Part {
    /// Every part, in the order in which they are run.
    pub fn all() -> impl Iterator<Item = Self> {
        let selftest = Section::ALL.into_iter().map(Self::Selftest);
        selftest.chain([Self::StateTests, Self::Generated, Self::Languages, Self::Testsuite, Self::Store])
    }

    /// The part of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::all().find(|part| part.name() == name)
    }

    /// Its name, without spaces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Selftest(section) => section.name(),
            Self::StateTests => "state-tests",
            Self::Generated => "generated",
            Self::Languages => "languages",
            Self::Testsuite => "testsuite",
            Self::Store => "store",
        }
    }

    /// Runs it on the production engine, on a machine of its own.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of this node, or of a corpus that the machine refuses.
    pub fn run(self) -> Result<Ran, Fault> {
        self.run_with(MODULE_CACHE_BYTES)
    }

    /// As [`run`](Self::run), with a cache of that many bytes.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of this node, or of a corpus that the machine refuses.
    pub fn run_with(self, cache_bytes: u64) -> Result<Ran, Fault> {
        // wasm32 has no other panics than those that abort; what is executed here is the corpus alone.
        let machine = |revision| {
            let revision = Arc::new(revision);
            let engine = Wasmi::where_panics_abort(Arc::clone(&revision))?;
            Ok::<_, Fault>(Vm::from_engine(engine, revision, cache_bytes))
        };
        let cases = match self {
            Self::Selftest(Section::Stack) => return on_a_small_stack(&machine(Revision::V1)?),
            Self::Selftest(section) => return section.run(&machine(Revision::V1)?),
            Self::StateTests => state_tests::run(&machine(Revision::EWASM_BYZANTIUM)?),
            Self::Generated => generated::run(Wasmi::where_panics_abort),
            Self::Languages => languages::run(&machine(Revision::V1)?),
            Self::Testsuite => testsuite::run::<LinkedWasmi>(),
            Self::Store => roots::run(&machine(Revision::V1)?),
        }?;
        Ok(Ran { section: self.name().into(), cases })
    }
}

/// Runs the section about the native stack on the smallest that a thread may have; where there are no threads, on this one.
fn on_a_small_stack(vm: &Vm) -> Result<Ran, Fault> {
    thread::scope(|scope| {
        match thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || Section::Stack.run(vm)) {
            Ok(running) => running.join().unwrap_or_else(|_| Err(Fault::Broken("the section panicked".into()))),
            Err(_) => Section::Stack.run(vm),
        }
    })
}
