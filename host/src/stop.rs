//! Why a frame does not go on: the contract halted, it finished or reverted, it waits for another frame, or this node
//! failed.

use crate::{errno::Errno, fault::Fault, halt::HaltReason, request::Request};
use alloy_primitives::Bytes;
use lockstep_gas::OutOfGas;

/// What a host function returns: a value for the guest, or the reason why the guest does not go on.
pub type HostResult<T> = Result<T, Stop>;

/// Why control does not return to the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The contract did what it must not: the frame's gas and effects are gone.
    Halt(HaltReason),
    /// The contract is done; its effects stand.
    Finish(Bytes),
    /// The contract undoes its effects and keeps its gas.
    Revert {
        /// The number of its reason, [`Errno::OK`] where its ABI has none.
        errno: Errno,
        /// What it says of the reason.
        data: Bytes,
    },
    /// Another frame has to run before the guest goes on.
    Suspend(Box<Request>),
    /// This node failed; the block is aborted.
    Fault(Fault),
}

impl Stop {
    /// A revert without an error number.
    pub const fn reverted(data: Bytes) -> Self {
        Self::Revert { errno: Errno::OK, data }
    }
}

impl From<HaltReason> for Stop {
    fn from(reason: HaltReason) -> Self {
        Self::Halt(reason)
    }
}

impl From<OutOfGas> for Stop {
    fn from(OutOfGas: OutOfGas) -> Self {
        Self::Halt(HaltReason::OutOfGas)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
