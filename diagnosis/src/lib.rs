//! Looking into a transaction: where it stopped, what it did, what its gas went into.
//!
//! The production engine has no hook for this. A transaction that was executed is executed once more, on the reference
//! interpreter, and observers are told what happens ([`replay()`]). The replay must give what production gave, otherwise
//! this node has a fault; so nothing here can change a receipt, and nothing here can tell a tale of another execution.
//!
//! [`Backtrace`] says where frames stopped, [`Trace`] writes what happened line by line, [`Profile`] adds up gas by
//! function. [`diverge()`] finds the first event in which two traces differ. Must not know a file or a terminal.
//!
//! ```
//! use lockstep_diagnosis::{Backtrace, Execution, replay};
//! use lockstep_vm::{
//!     Abi, Address, BlockEnv, CodeId, Gas, MemoryState, Outcome, Revision, Tx, TxKind, U256, Vm,
//! };
//! use std::sync::{Arc, Mutex};
//!
//! // A token without an owner: it reverts.
//! let (alice, token) = (Address::repeat_byte(0xa1), Address::repeat_byte(0x70));
//! let code = include_bytes!("../../contracts/wrc20/wrc20.wasm");
//! let mut state = MemoryState::default();
//! state.put_code(token, CodeId::of(code, Abi::Ewasm), code);
//! let tx = Tx {
//!     sender: alice,
//!     nonce: 0,
//!     gas_limit: Gas::new(10_000_000),
//!     gas_price: U256::ZERO,
//!     value: U256::ZERO,
//!     kind: TxKind::Call { to: token, export: None },
//!     input: Vec::new(),
//! };
//! let (vm, view, block) = (Vm::new(Revision::V1)?, Arc::new(state), BlockEnv { gas_limit: 10_000_000, ..BlockEnv::default() });
//! let tx = vm.check(view.clone(), &block, tx)?;
//! let executed = vm.execute_tx(view.clone(), &block, tx.clone())?;
//! assert_eq!(executed.receipt.outcome, Outcome::Revert { errno: 0 });
//! assert_eq!(executed.receipt.gas_used.get(), 327_350);
//!
//! let backtrace = Arc::new(Mutex::new(Backtrace::default()));
//! let execution = Execution { revision: vm.revision(), view, block: &block, tx };
//! replay(execution, &executed, vec![backtrace.clone()])?;
//! let mut backtrace = backtrace.lock().unwrap();
//! let (stops, _) = backtrace.finish(&executed);
//! assert_eq!(stops[0].end.to_string(), "revert");
//! assert_eq!(stops[0].inner[0].to_string(), "ethereum.revert");
//! assert!(stops[0].inner[1].to_string().starts_with("main (func[7]) at byte 0x155 of contract 0x7070"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backtrace;
mod diverge;
mod lines;
mod names;
mod profile;
mod replay;
mod stacks;
mod trace;

pub use backtrace::{Backtrace, End, Place, Stopped};
pub use diverge::{Compared, Difference, NoTrace, Side, diverge};
pub use lines::FORMAT_VERSION;
pub use lockstep_reference::{Event, Observer, Position, SharedObserver, Write};
pub use names::{FunctionNames, Names};
pub use profile::{Profile, Sums};
pub use replay::{Execution, InBlock, replay, replay_in_block};
pub use trace::{Detail, Trace};
