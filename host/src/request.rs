//! What a host function asks of the frame loop, and what comes of it.

use crate::{entry::Entry, errno::Errno, halt::HaltReason};
use alloy_primitives::{Address, Bytes, U256};
use lockstep_gas::Gas;

/// Another frame that has to run before the guest goes on. Its gas is already taken from the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Run an account's code.
    Call(CallRequest),
    /// Make a new contract.
    Create(CreateRequest),
    /// No frame at all: make the guest's own memory larger by so many pages, all of them or none.
    Grow {
        /// Pages of 65,536 bytes.
        pages: u32,
    },
}

/// The four ways of calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// The callee's code on the callee's account.
    Call,
    /// The callee's code on the caller's account; the caller is the caller.
    CallCode,
    /// The callee's code on the caller's account; the caller's caller is the caller.
    CallDelegate,
    /// As [`Call`](Self::Call), and nothing below may change the state.
    CallStatic,
}

/// A call of another account's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRequest {
    /// The way of calling.
    pub kind: CallKind,
    /// Gas of the callee, the stipend included.
    pub gas: Gas,
    /// The account whose code runs.
    pub callee: Address,
    /// The amount that moves (`Call`), is seen (`CallCode`), or is inherited (`CallDelegate`).
    pub value: U256,
    /// The input.
    pub input: Entry,
}

/// The making of a new contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateRequest {
    /// Gas of the init code.
    pub gas: Gas,
    /// The amount that the new contract starts with.
    pub value: U256,
    /// The code that runs once and leaves the contract's code behind.
    pub init_code: Bytes,
}

/// How a frame ended, as its caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameResult {
    /// Success, revert or failure.
    pub status: Status,
    /// The output: of a return or a revert; empty otherwise.
    pub output: Bytes,
    /// Gas that the frame did not spend.
    pub gas_left: Gas,
    /// The contract that a creation made.
    pub created: Option<Address>,
}

/// The three ends of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The effects stand.
    Success,
    /// The contract undid its effects; [`Errno::OK`] where its ABI has no error numbers.
    Revert(Errno),
    /// The frame failed; all its gas is gone.
    Failure(HaltReason),
    /// The frame never began: no code, no such export, no room. Its gas comes back.
    Refused(HaltReason),
}
