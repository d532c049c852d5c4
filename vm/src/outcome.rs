//! How a transaction ended, as its receipt says.

use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use lockstep_gas::Gas;
use lockstep_host::{Address, HaltReason, Log};

/// The three ends of a transaction. What a node suffers is never one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Outcome {
    /// The effects stand.
    Return = 0,
    /// The contract undid its effects; gas that it had left came back.
    Revert {
        /// The contract's error number (packed convention), 0 where its ABI has none.
        errno: u16,
    } = 1,
    /// The contract did what it must not; all gas is gone.
    Halt {
        /// What it did.
        reason: HaltReason,
    } = 2,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Return => f.write_str("return"),
            Self::Revert { errno: 0 } => f.write_str("revert"),
            Self::Revert { errno } => write!(f, "revert with error number {errno}"),
            Self::Halt { reason } => write!(f, "halt: {reason}"),
        }
    }
}

/// What a transaction did, as every node agrees.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// How it ended.
    pub outcome: Outcome,
    /// Gas that was paid for, refunds taken off.
    pub gas_used: Gas,
    /// Output of a return or a revert.
    pub output: Vec<u8>,
    /// Logs of frames whose effects stand.
    pub logs: Vec<Log>,
    /// The contract that it created or deployed.
    pub created: Option<Address>,
}

/// Where a frame halted: diagnosis, not consensus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaltSite {
    /// Why.
    pub reason: HaltReason,
    /// The account whose code ran.
    pub contract: Address,
    /// The export that was called.
    pub export: String,
    /// Frames above: 0 for the transaction's own.
    pub depth: u32,
}

impl fmt::Display for HaltSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, contract, export, depth } = self;
        write!(f, "{reason} in contract {contract}, export {export}, frame depth {depth}")
    }
}
