//! What an ABI keeps for one frame: a variant for each that keeps something.

use crate::{dela::DelaState, json::JsonState, metashrew::Indexing, packed::PackOrder, wasi::Process};

/// What an ABI keeps for one frame, from its beginning to its end. The frame loop carries it and knows nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AbiState {
    /// Nothing.
    #[default]
    Nothing,
    /// `packed`: how the contract packs its pointers.
    Packed(PackOrder),
    /// `wasi`: the streams, the clock and the randomness of a program.
    Wasi(Process),
    /// `json`: the output so far.
    Json(JsonState),
    /// `dela`: request and reply.
    Dela(DelaState),
    /// `metashrew` and `metashrew-documented`: what is indexed or asked, and how that goes.
    Metashrew(Indexing),
}

impl AbiState {
    /// How the contract packs its pointers: those of other ABIs, which have no say, as the convention begins.
    pub(crate) fn pack_order(&self) -> PackOrder {
        match self {
            Self::Packed(order) => *order,
            Self::Nothing | Self::Wasi(_) | Self::Json(_) | Self::Dela(_) | Self::Metashrew(_) => PackOrder::default(),
        }
    }

    /// What an indexer keeps; `None` if the ABI is none of them.
    pub const fn metashrew(&self) -> Option<&Indexing> {
        match self {
            Self::Metashrew(indexing) => Some(indexing),
            Self::Nothing | Self::Packed(_) | Self::Wasi(_) | Self::Json(_) | Self::Dela(_) => None,
        }
    }

    /// The same, to be changed.
    pub(crate) const fn metashrew_mut(&mut self) -> Option<&mut Indexing> {
        match self {
            Self::Metashrew(indexing) => Some(indexing),
            Self::Nothing | Self::Packed(_) | Self::Wasi(_) | Self::Json(_) | Self::Dela(_) => None,
        }
    }

    /// What `json` keeps; `None` if it is not the ABI.
    pub const fn json_mut(&mut self) -> Option<&mut JsonState> {
        match self {
            Self::Json(state) => Some(state),
            Self::Nothing | Self::Packed(_) | Self::Wasi(_) | Self::Dela(_) | Self::Metashrew(_) => None,
        }
    }

    /// What `dela` keeps; `None` if it is not the ABI.
    pub const fn dela_mut(&mut self) -> Option<&mut DelaState> {
        match self {
            Self::Dela(state) => Some(state),
            Self::Nothing | Self::Packed(_) | Self::Wasi(_) | Self::Json(_) | Self::Metashrew(_) => None,
        }
    }

    /// The program that functions of WASI serve, if the ABI begins one.
    pub const fn process_mut(&mut self) -> Option<&mut Process> {
        match self {
            Self::Wasi(process) | Self::Json(JsonState { process, .. }) | Self::Dela(DelaState { process, .. }) => {
                Some(process)
            }
            Self::Nothing | Self::Packed(_) | Self::Metashrew(_) => None,
        }
    }

    /// Bytes that it holds beyond a few: they count as memory of the transaction.
    //= spec 3.13
    pub fn held_bytes(&self) -> u64 {
        let (process, held) = match self {
            Self::Nothing | Self::Packed(_) | Self::Metashrew(_) => return 0,
            Self::Wasi(process) => (process, 0),
            Self::Json(state) => (&state.process, state.result.len()),
            Self::Dela(state) => (&state.process, state.reply.len()),
        };
        process.held_bytes().saturating_add(u64::try_from(held).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= spec 3.13 test
    #[test]
    fn what_an_abi_keeps_of_output_counts_as_held() {
        let bytes = |count| vec![7; count].into();
        let json = JsonState { result: bytes(1_000), ..JsonState::default() };
        let dela = DelaState { reply: bytes(70), ..DelaState::default() };
        for (state, held) in [
            (AbiState::Nothing, 0),
            (AbiState::Wasi(Process::default()), 0),
            (AbiState::Json(JsonState::default()), 0),
            (AbiState::Json(json), 1_000),
            (AbiState::Dela(DelaState::default()), 0),
            (AbiState::Dela(dela), 70),
        ] {
            assert_eq!(state.held_bytes(), held, "{state:?}");
        }
    }
}
