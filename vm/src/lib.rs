//! A deterministic WebAssembly virtual machine for consensus.
//!
//! A block is a pure function: a state view, a block and a revision give receipts and a state diff. [`Vm`] executes
//! it; [`StateReader`] is what it reads; [`StateDiff`] is what it returns. The machine writes nothing, keeps no clock, reads no
//! environment and starts no thread.
//!
//! | for | use |
//! |---|---|
//! | a block of another node | [`Vm::execute_block`] |
//! | a block of one's own | [`Vm::build_block`], a [`BlockBuilder`] |
//! | a pool of transactions | [`Vm::check`] |
//! | a transaction alone, for its receipt or its diff | [`Vm::execute_tx`] |
//! | a call that changes nothing | [`Vm::view`] |
//! | a gas limit | [`Vm::estimate`] |
//!
//! All take the same in the same way. The state view comes by value: it is an [`Arc`](std::sync::Arc), and a clone of it is a
//! count. Transactions, calls and blocks come by value as well, for what they carry moves into the execution. The environment
//! of a block is borrowed, except where a block keeps it.
//!
//! ```
//! use lockstep_vm::{Abi, Address, Block, BlockEnv, Gas, MemoryState, Outcome, Revision, Tx, TxKind, U256, Vm};
//! use std::sync::Arc;
//!
//! // A counter: adds 1 to a number in its storage and returns it.
//! let code = include_bytes!("../../contracts/counter/counter.wasm").to_vec();
//! let alice = Address::repeat_byte(0xa1);
//! let tx = |nonce, kind| Tx {
//!     sender: alice,
//!     nonce,
//!     gas_limit: Gas::new(10_000_000),
//!     gas_price: U256::ZERO,
//!     value: U256::ZERO,
//!     kind,
//!     input: Vec::new(),
//! };
//! let counter = alice.create(0);
//! let block = Block {
//!     env: BlockEnv { number: 1, gas_limit: 100_000_000, ..BlockEnv::default() },
//!     transactions: vec![
//!         tx(0, TxKind::Deploy { abi: Abi::Ewasm, code }),
//!         tx(1, TxKind::Call { to: counter, export: None }),
//!         tx(2, TxKind::Call { to: counter, export: None }),
//!     ],
//! };
//!
//! let vm = Vm::new(Revision::V1)?;
//! let mut state = MemoryState::default();
//! let outcome = vm.execute_block(Arc::new(state.clone()), block)?;
//! state.apply(&outcome.diff);
//!
//! assert_eq!(outcome.receipts[0].created, Some(counter));
//! assert_eq!(outcome.receipts[2].outcome, Outcome::Return);
//! assert_eq!(outcome.receipts[2].output, 2_u64.to_le_bytes());
//! assert_eq!(outcome.gas_used.get(), outcome.receipts.iter().map(|receipt| receipt.gas_used.get()).sum::<u64>());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod abi;
mod argument;
mod beginning;
mod block;
mod block_state;
mod builder;
mod code;
mod codes;
mod crew;
pub mod engine;
mod executor;
mod frames;
mod inspect;
mod journal;
mod machine;
pub mod module;
mod module_cache;
mod outcome;
mod overlaid;
mod parallel;
mod precompiled;
mod session;
mod start;
mod state;
mod supply;
mod transaction;

pub use beginning::{beginning, last_block};
pub use block::{Block, BlockOutcome, Rejected};
pub use block_state::{StateKeys, StateView};
pub use builder::{Added, BlockBuilder};
pub use code::{CodeId, code_bytes, code_hash};
pub use engine::wasmi::Dispatch;
pub use executor::{Executor, Serial};
pub use inspect::{Estimate, NoEstimate, ViewCall, Viewed};
pub use lockstep_gas::{Abi, Gas, NewCode, Revision};
pub use lockstep_host::{Address, B256, BlockEnv, Bytes, Fault, HaltReason, Log, U256, ValueHead, system};
pub use machine::{MODULE_CACHE_BYTES, Vm};
pub use module::{InvalidModule, ValidModule};
pub use outcome::{HaltSite, Outcome, Receipt, receipt_hashes, receipts_root};
pub use overlaid::Overlaid;
pub use state::{Account, MemoryState, StateDiff, StateReader, StorageDiff, UnknownAbi};
pub use supply::{InvalidState, Supply};
pub use transaction::{Executed, InvalidTx, Refused, Tx, TxKind, ValidTx};
