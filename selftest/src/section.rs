//! The sections of the corpus, and what executes each.

use crate::{
    chain::Chain, contracts, crypto, environment, indexers, memory, methods, nans, operators, precompiles, programs,
    record::Ran, recursion, stack,
};
use lockstep_vm::{Fault, Vm, engine::Engine};

/// A part of the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// The example contracts: deployed, called, calling each other.
    Contracts,
    /// Block indexers, with their views.
    Indexers,
    /// The kernels of the benches: tens of millions of instructions.
    Kernels,
    /// What a contract can ask about itself, its call, the transaction, the block and other accounts.
    Environment,
    /// Programs for WASI.
    Programs,
    /// Contracts of the ABIs `json` and `dela`.
    Methods,
    /// Hashes and signatures.
    Crypto,
    /// Precompiled contracts.
    Precompiles,
    /// Every integer operator over a grid of values.
    Integers,
    /// Every float operator over a grid of values.
    Floats,
    /// Payloads of NaNs on every way through a program.
    NanPayloads,
    /// Wasm calls and contract calls at the limit of their depth and beyond.
    Recursion,
    /// Memory at the limit of its growth and beyond.
    Memory,
    /// Every operator so often that one which grows the native stack is found.
    Stack,
}

impl Section {
    /// Every section, in the order in which they are run.
    pub const ALL: [Self; 14] = [
        Self::Contracts,
        Self::Indexers,
        Self::Kernels,
        Self::Environment,
        Self::Programs,
        Self::Methods,
        Self::Crypto,
        Self::Precompiles,
        Self::Integers,
        Self::Floats,
        Self::NanPayloads,
        Self::Recursion,
        Self::Memory,
        Self::Stack,
    ];

    /// The name, without spaces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contracts => "contracts",
            Self::Indexers => "indexers",
            Self::Kernels => "kernels",
            Self::Environment => "environment",
            Self::Programs => "programs",
            Self::Methods => "methods",
            Self::Crypto => "crypto",
            Self::Precompiles => "precompiles",
            Self::Integers => "integers",
            Self::Floats => "floats",
            Self::NanPayloads => "nan-payloads",
            Self::Recursion => "recursion",
            Self::Memory => "memory",
            Self::Stack => "stack",
        }
    }

    /// Executes the section on `vm`, a machine under `V1`, from an empty state.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of this node, or of a corpus that the machine refuses.
    pub fn run<E: Engine>(self, vm: &Vm<E>) -> Result<Ran, Fault> {
        let mut chain = Chain::new(vm);
        match self {
            Self::Contracts => contracts::run(&mut chain),
            Self::Indexers => indexers::run(&mut chain),
            Self::Kernels => contracts::run_kernels(&mut chain),
            Self::Environment => environment::run(&mut chain),
            Self::Programs => programs::run(&mut chain),
            Self::Methods => methods::run(&mut chain),
            Self::Crypto => crypto::run(&mut chain),
            Self::Precompiles => precompiles::run(&mut chain),
            Self::Integers => operators::run_integers(&mut chain),
            Self::Floats => operators::run_floats(&mut chain),
            Self::NanPayloads => nans::run(&mut chain),
            Self::Recursion => recursion::run(&mut chain),
            Self::Memory => memory::run(&mut chain),
            Self::Stack => stack::run(&mut chain),
        }?;
        Ok(Ran { section: self.name().into(), cases: chain.into_cases() })
    }
}
