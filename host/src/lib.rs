//! The imports that a contract sees: one table of host functions for each ABI, written against [`Guest`] (the calling
//! instance's memory and gas) and [`World`] (accounts, storage, logs, the block).
//!
//! Must not know an engine, a journal or how a call is carried out: a host function that needs another frame stops
//! with a [`Request`], and the frame loop serves it.

mod abi_state;
mod calls;
pub mod crypto;
pub mod dela;
mod entry;
mod errno;
mod ewasm;
mod fault;
mod frame;
mod guest;
mod halt;
mod host_call;
mod import;
mod imports;
mod json;
mod lockstep;
pub mod metashrew;
mod number;
pub mod packed;
pub mod precompiles;
mod request;
mod signature;
mod stop;
mod storage;
mod suave;
pub mod system;
mod value_type;
mod wasi;
mod world;

pub use abi_state::AbiState;
pub use alloy_primitives::{Address, B256, Bytes, U256};
pub use dela::DelaState;
pub use entry::{Buffers, Entry, ExportCall};
pub use errno::Errno;
pub use fault::Fault;
pub use frame::{Frame, Message};
pub use guest::Guest;
pub use halt::HaltReason;
pub use host_call::HostCall;
pub use import::{Answer, Begin, End, HostBody, HostImport};
pub use imports::{ImportTable, UnknownImport};
pub use json::JsonState;
pub use request::{CallKind, CallRequest, CreateRequest, FrameResult, Request, Status};
pub use signature::Signature;
pub use stop::{HostResult, Stop};
pub use system::{BID_ACCOUNT, ENTRY_ACCOUNT};
pub use value_type::ValueType;
pub use wasi::Process;
pub use world::{BlockEnv, Log, TransactionEnv, ValueHead, World};
