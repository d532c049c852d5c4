//! What a frame of ABI `dela` keeps.

use crate::wasi::Process;
use alloy_primitives::Bytes;

/// What a frame of the ABI keeps from one guest call to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DelaState {
    /// Where the request is in the guest's memory: what its `malloc` returned.
    pub request: u32,
    /// The reply, once it has been read.
    pub reply: Bytes,
    /// What functions of WASI serve.
    pub process: Process,
}
