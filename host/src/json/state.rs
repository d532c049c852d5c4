//! What a frame of ABI `json` keeps.

use crate::wasi::Process;
use alloy_primitives::Bytes;

/// What a frame of the ABI keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JsonState {
    /// The output so far: what the last `set_result` gave.
    pub result: Bytes,
    /// What functions of WASI serve: runtimes of languages ask for clock, randomness and streams.
    pub process: Process,
}
