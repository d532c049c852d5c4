//! A corpus of contracts and transactions under `V1`, and the digests that every machine must make of it.
//!
//! Each [`Section`] executes on any [`Vm`](lockstep_vm::Vm) and returns [`Case`]s: a name, and a digest over the receipts (outcome, gas,
//! output, logs) and the state that came of it. A contract whose memory is of interest puts it out. [`Golden`] holds the
//! digests of the release, and names the first case that differs. The crate reads no file and needs no clock, so it
//! returns the same on every processor, or shows that one is broken.

mod chain;
mod contracts;
mod crypto;
mod environment;
mod golden;
mod indexers;
mod memory;
mod methods;
mod nans;
mod numbers;
mod operators;
mod precompiles;
mod programs;
mod record;
mod recursion;
mod section;
mod stack;

pub use golden::{Difference, Golden, MalformedGolden};
pub use record::{Case, Digest, Ran, Recording, total};
pub use section::Section;
pub use stack::{STACK_BYTES, Unit};
