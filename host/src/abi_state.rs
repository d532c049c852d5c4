//! What an ABI keeps for one frame: a variant for each that keeps something.

use crate::packed::PackOrder;

/// What an ABI keeps for one frame, from its beginning to its end. The frame loop carries it and knows nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AbiState {
    /// Nothing.
    #[default]
    Nothing,
    /// `packed`: how the contract packs its pointers.
    Packed(PackOrder),
}

impl AbiState {
    /// How the contract packs its pointers: those of other ABIs, which have no say, as the convention begins.
    pub(crate) fn pack_order(&self) -> PackOrder {
        match self {
            Self::Packed(order) => *order,
            Self::Nothing => PackOrder::default(),
        }
    }
}
