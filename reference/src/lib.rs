//! A slow and obvious interpreter: the execution rules of the Wasm specification and the gas rule of `docs/spec.md`,
//! written down once more, instruction by instruction, over wasmparser's operators.
//!
//! It shares nothing with the production engine but the interface: no compiled code, no registers, no fuel, no float of
//! the host. So it is the oracle that the production engine is held against, for results and for gas; and because
//! nothing can depend on what it is slow at, it is where execution can be looked into ([`Observer`]): backtraces, traces and
//! profiles are replays on this engine.
//!
//! [`Reference`] is an [`Engine`](lockstep_vm::engine::Engine): the whole machine runs on it. [`ReferenceEmbedding`] is
//! an [`Embedding`](lockstep_vm::engine::embedding::Embedding), for plain Wasm.

mod embedding;
mod engine;
mod instantiate;
mod instruction;
mod machine;
mod memory;
mod module;
mod numeric;
mod observer;
mod store;
mod table;
mod thread;
mod value;
mod writes;

pub use embedding::ReferenceEmbedding;
pub use engine::{Reference, ReferenceCode, ReferenceInstance};
pub use observer::{Event, Observer, Position, SharedObserver, Write};
