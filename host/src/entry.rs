//! The input of a frame: which door of the contract it goes through, and what it brings.

use crate::packed::Descriptor;
use alloy_primitives::Bytes;

/// The input of a frame, by the door that it enters through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The contract's `main`.
    Main(Bytes),
    /// An export by name (packed convention).
    Export(ExportCall),
    /// What the contract runs when it is deployed.
    Constructor(Bytes),
}

/// A call of an export by name: the arguments as a C struct, and the buffers that its `b` slots stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportCall {
    /// The export.
    pub name: Bytes,
    /// What the caller takes the export's type for, or `None` to go by what the contract says of itself.
    pub descriptor: Option<Descriptor>,
    /// The struct of the scalars (packed convention), and behind it the bytes that [`Buffers::InArguments`] names.
    pub arguments: Bytes,
    /// The input buffers.
    pub buffers: Buffers,
}

/// Where the bytes are that the `b` slots of the arguments stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Buffers {
    /// Copied out of the caller's memory, in the order of the parameters.
    Copied(Vec<Bytes>),
    /// In the arguments themselves: a transaction has no memory to point into, so its slots count from the start of
    /// its input, low half offset, high half length.
    InArguments,
}
