//! Block indexers of Metashrew: an indexer is run on each block and writes keys and values; its views read them.
//!
//! What an indexer reads is the state as the last block left it, whatever this block has written already. `imports` holds
//! its functions, `dialect` what the two dialects differ in; `key_value_flush`, the message that it writes, is pure.

mod buffer;
mod dialect;
pub(crate) mod imports;
pub mod key_value_flush;

use crate::{halt::HaltReason, host_call::HostCall, stop::HostResult};
use alloy_primitives::Bytes;
use buffer::Buffer;
use dialect::Dialect;
use lockstep_gas::HostFunction;

/// What a frame does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Task {
    /// It indexes a block.
    #[default]
    Block,
    /// It answers from what was indexed.
    View(View),
}

/// A view that a frame calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The export.
    pub name: String,
    /// Whether it is given place and length of its argument; otherwise it asks for it.
    pub is_given_argument: bool,
    /// What gives room for the argument, if the module has something.
    pub allocator: Option<Allocator>,
}

/// An export that gives memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocator {
    /// Its name.
    pub export: &'static str,
    /// Whether it has a second parameter: the class of the object, or an alignment.
    pub has_class: bool,
}

/// What a frame of an indexer keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Indexing {
    /// What it does.
    pub task: Task,
    /// Whether a message of keys and values was taken over.
    pub has_flushed: bool,
    /// Whether something went wrong that did not stop it.
    pub has_failed: bool,
}

impl Indexing {
    /// A frame that is about to do `task`.
    pub const fn new(task: Task) -> Self {
        Self { task, has_flushed: false, has_failed: false }
    }

    /// Whether it answers from what was indexed.
    pub const fn is_view(&self) -> bool {
        matches!(self.task, Task::View(_))
    }
}

/// Puts the argument of a view where the module's allocator has made room, and gives its length.
///
/// # Errors
///
/// Halts if it does not fit into memory there ([`HaltReason::NoRoomForInput`]), or cannot be paid for.
pub fn place_argument(call: &mut HostCall<'_>, place: u32) -> HostResult<u32> {
    let length = u32::try_from(call.frame.input.len()).map_err(|_| HaltReason::LimitExceeded)?;
    call.charge_bytes(HostFunction::CallDataCopy, length)?;
    call.guest.store(place, &call.frame.input).map_err(|_| HaltReason::NoRoomForInput)?;
    Ok(length)
}

/// The bytes of the buffer that a view returned.
///
/// # Errors
///
/// Halts if the pointer means no buffer ([`HaltReason::BadResult`]), if the bytes are more than an output can have, or if
/// they cannot be paid for.
pub fn view_result(call: &mut HostCall<'_>, pointer: u32) -> HostResult<Bytes> {
    let buffer = Buffer::at(&call.guest, Dialect::of(call.frame.abi), pointer).ok_or(HaltReason::BadResult)?;
    call.charge_bytes(HostFunction::Finish, buffer.length)?;
    if buffer.length > call.limits().output_bytes_max {
        return Err(HaltReason::LimitExceeded.into());
    }
    call.guest.load_bytes(buffer.offset, buffer.length)
}
