//! What an ABI finds out about a module when it is validated: a variant for each that finds out something.

use lockstep_host::packed::{PackOrder, PackedAbi};

/// What an ABI finds out about a module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AbiFacts {
    /// Nothing.
    #[default]
    Nothing,
    /// `packed`.
    Packed(PackedFacts),
}

impl AbiFacts {
    /// What `packed` found out; `None` if it is not the ABI.
    pub const fn packed(&self) -> Option<&PackedFacts> {
        match self {
            Self::Packed(facts) => Some(facts),
            Self::Nothing => None,
        }
    }
}

/// What a module of the `packed` ABI says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackedFacts {
    /// The section `packed_abi`, if there is one. Each name in it is an exported function that has a type for its
    /// descriptor.
    pub descriptors: Option<PackedAbi>,
    /// The section `packed_order`, or what holds without it.
    pub order: PackOrder,
    /// Where input buffers go, if the module has a place of its own for them.
    pub input_area: Option<InputArea>,
}

/// A part of the module's initial memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputArea {
    /// The offset of the first byte.
    pub base: u32,
    /// Bytes. `base + capacity` is at most the bytes of the initial memory.
    pub capacity: u32,
}
