//! The imports that a contract sees: one table of host functions for each ABI, written against [`Guest`] (the calling
//! instance's memory and gas) and [`World`] (accounts, storage, logs, the block).
//!
//! Must not know an engine, a journal or how a call is carried out: a host function that needs another frame stops
//! with a [`Request`], and the frame loop serves it.

pub mod crypto;
mod crypto_imports;
mod ewasm;
mod ewasm_call;
mod frame;
mod guest;
mod host_call;
mod import;
mod imports;
pub mod packed;
mod packed_call;
mod request;
mod stop;
pub mod system;
mod world;

pub use alloy_primitives::{Address, B256, Bytes, U256};
pub use frame::{Frame, Message};
pub use guest::Guest;
pub use host_call::HostCall;
pub use import::{HostBody, HostImport};
pub use imports::ImportTable;
pub use packed::ValueType;
pub use request::{
    Buffers, CallKind, CallRequest, CreateRequest, Entry, ExportCall, FrameResult, Reply, Request, Status,
};
pub use stop::{Fault, HaltReason, HostResult, Stop};
pub use world::{BlockEnv, Log, TransactionEnv, World};
