//! What a WASI program has for one frame: its streams, its clock, how far its randomness has gone.

use crate::{errno::Errno, stop::Stop};

/// What a virtual clock advances by with each look at it, in nanoseconds. A program that waits for its clock gets on.
pub(super) const CLOCK_STEP_NS: u64 = 1_000;

/// What a revert says of an exit code that is no error number of a contract.
const FAILED: Errno = Errno::new(1);

/// What a WASI program has for one frame, from its beginning to its end.
//= spec 11.1.10
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// Bytes of the input that were read.
    read: usize,
    /// What was written to standard output.
    output: Vec<u8>,
    /// What was written to standard error, as far as it is kept.
    diagnostic: Vec<u8>,
    /// The flags of the three standard streams, as the program set them.
    flags: [u16; 3],
    /// Nanoseconds since the frame began, as the program is told.
    clock_ns: u64,
    /// How often the program asked for random bytes.
    random_calls: u64,
}

impl Process {
    /// Bytes that the frame holds for its streams, beside its memory.
    //= spec 11.1.11
    pub fn held_bytes(&self) -> u64 {
        let bytes = self.output.len().saturating_add(self.diagnostic.len());
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// How the frame ends with exit code `code`: 0 is a return with standard output, any other a revert with standard
    /// error, whose error number is the code if a contract can have that one, else 1.
    //= spec 11.1.12, 11.1.13
    pub fn exit(&mut self, code: u32) -> Stop {
        if code == 0 {
            return Stop::Finish(core::mem::take(&mut self.output).into());
        }
        let errno = u16::try_from(code).map(Errno::new).ok().filter(|errno| errno.is_contract_defined());
        Stop::Revert { errno: errno.unwrap_or(FAILED), data: core::mem::take(&mut self.diagnostic).into() }
    }

    /// The part of `input` that was not read.
    pub(super) fn unread<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        input.get(self.read..).unwrap_or_default()
    }

    /// Notes that `bytes` bytes of the input were read.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.read = self.read.saturating_add(bytes);
    }

    /// Bytes of standard output so far.
    pub(super) fn output_bytes(&self) -> u64 {
        u64::try_from(self.output.len()).unwrap_or(u64::MAX)
    }

    /// Writes to standard output. The caller keeps to the limit.
    pub(super) fn write_output(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Writes to standard error, of which the first `bytes_max` bytes are kept.
    //= spec 11.2.6
    pub(super) fn write_diagnostic(&mut self, bytes: &[u8], bytes_max: u32) {
        let room = usize::try_from(bytes_max).unwrap_or(usize::MAX).saturating_sub(self.diagnostic.len());
        self.diagnostic.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// The flags of a stream, `None` if there is no such descriptor.
    pub(super) fn flags(&mut self, fd: u32) -> Option<&mut u16> {
        self.flags.get_mut(usize::try_from(fd).ok()?)
    }

    /// Nanoseconds since the frame began, after one more look at the clock.
    //= spec 11.3.1
    pub(super) fn look_at_clock(&mut self) -> u64 {
        self.clock_ns = self.clock_ns.saturating_add(CLOCK_STEP_NS);
        self.clock_ns
    }

    /// Nanoseconds since the frame began.
    pub(super) const fn clock_ns(&self) -> u64 {
        self.clock_ns
    }

    /// Sleeps: the clock shows at least `deadline_ns`.
    //= spec 11.3.6
    pub(super) fn sleep_until(&mut self, deadline_ns: u64) {
        self.clock_ns = self.clock_ns.max(deadline_ns);
    }

    /// The number of this call for random bytes in the frame.
    pub(super) fn next_random_call(&mut self) -> u64 {
        let call = self.random_calls;
        self.random_calls = self.random_calls.saturating_add(1);
        call
    }
}
