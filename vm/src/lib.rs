//! A deterministic WebAssembly virtual machine for consensus.
//!
//! A block is a pure function: a state view, a block and a revision give receipts and a state diff. [`Vm`] executes
//! it; [`StateReader`] is what it reads; [`StateDiff`] is what it gives back. The machine writes nothing, keeps no
//! clock, reads no environment and starts no thread.

mod block;
mod code;
pub mod engine;
mod entry;
mod frames;
mod inspect;
mod journal;
mod machine;
pub mod module;
mod module_cache;
mod outcome;
mod session;
mod state;
mod transaction;

pub use block::{Block, BlockOutcome, Rejected};
pub use code::{CodeId, code_hash};
pub use inspect::{Estimate, NoEstimate, ViewCall, Viewed};
pub use journal::{Checkpoint, Journal, StateKeys, StateView};
pub use lockstep_gas::{Abi, Gas, Revision};
pub use lockstep_host::{Address, B256, BlockEnv, Bytes, Fault, HaltReason, Log, U256};
pub use machine::{MODULE_CACHE_BYTES, Vm};
pub use module::{InvalidModule, ValidModule};
pub use outcome::{HaltSite, Outcome, Receipt};
pub use session::Session;
pub use state::{Account, MemoryState, StateDiff, StateReader, StorageDiff};
pub use transaction::{Executed, InvalidTx, Tx, TxKind, ValidTx};
