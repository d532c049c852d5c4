//! How functions of WASI reach the process of their frame.

use super::process::Process;
use crate::{
    fault::Fault,
    host_call::HostCall,
    stop::{HostResult, Stop},
};

/// Nanoseconds of a second.
const SECOND_NS: u64 = 1_000_000_000;

impl HostCall<'_> {
    /// The process that the frame's ABI has begun it with.
    pub(super) fn process(&mut self) -> HostResult<&mut Process> {
        self.frame.state.process_mut().ok_or_else(no_process)
    }

    /// Writes a line of the host's on the program's standard error.
    pub(crate) fn write_diagnostic(&mut self, line: &str) -> HostResult<()> {
        let bytes_max = self.limits().revert_bytes_max;
        self.process()?.write_diagnostic(line.as_bytes(), bytes_max);
        Ok(())
    }

    /// The time of the block, in nanoseconds since 1970-01-01.
    pub(super) fn block_time_ns(&self) -> u64 {
        self.world.block().timestamp.saturating_mul(SECOND_NS)
    }
}

/// A frame of an ABI that offers functions of WASI began without a process.
pub(super) fn no_process() -> Stop {
    Fault::Broken("a WASI function in a frame without a process".into()).into()
}
