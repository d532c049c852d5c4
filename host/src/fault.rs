//! What goes wrong with this node.

use core::fmt;

/// A failure of this node: its disk, its memory or an invariant of its own. It aborts the block and never enters a
/// receipt; on another node the same block goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
//= spec 1.3.6, 1.3.8
pub enum Fault {
    /// The state could not be read.
    State(String),
    /// The host had no memory for what the guest is entitled to.
    OutOfMemory,
    /// An invariant of the machine does not hold.
    Broken(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(cause) => write!(f, "the state cannot be read: {cause}"),
            Self::OutOfMemory => f.write_str("this host has no memory left for a contract"),
            Self::Broken(what) => write!(f, "internal error: {what}"),
        }
    }
}

impl core::error::Error for Fault {}
