//! Modules that a revision carries to answer the calls of precompiled addresses: what they are known by.

use crate::code::CodeId;
use alloy_primitives::Bytes;
use lockstep_gas::Revision;

/// A module of the revision.
#[derive(Debug, Clone)]
pub(crate) struct Carried {
    /// What it is known by in caches, and priced by.
    pub(crate) id: CodeId,
    pub(crate) code: Bytes,
}

/// The modules of `revision`, by their positions.
pub(crate) fn carried(revision: &Revision) -> Vec<Carried> {
    let carried = revision
        .precompiles
        .modules()
        .iter()
        .map(|module| Carried { id: CodeId::of(&module.code, module.abi), code: Bytes::copy_from_slice(&module.code) });
    carried.collect()
}
