//! What a running frame knows of itself: the message that started it, and what its last call returned.

use crate::{abi_state::AbiState, entry::Entry};
use alloy_primitives::{Address, Bytes, U256};
use lockstep_gas::Abi;

/// What started a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who called: `getCaller`.
    pub caller: Address,
    /// The account that runs: `getAddress`; its storage and balance are the frame's.
    pub address: Address,
    /// The amount that came with the call: `getCallValue`.
    pub value: U256,
    /// The input, by the door that it enters through.
    pub input: Entry,
    /// Whether the frame may change the state.
    pub is_static: bool,
    /// Frames above this one: 0 for the transaction's own.
    pub depth: u32,
}

/// A frame as its host functions see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What started it.
    pub message: Message,
    /// Frames that began in the transaction before this one.
    pub index: u64,
    /// The ABI of the code that runs.
    pub abi: Abi,
    /// What `callDataCopy` reads.
    pub input: Bytes,
    /// The code that runs: `codeCopy`.
    pub code: Bytes,
    /// Output of the last call or creation of this frame, empty at first.
    pub return_data: Bytes,
    /// What the ABI keeps for this frame.
    pub state: AbiState,
}
