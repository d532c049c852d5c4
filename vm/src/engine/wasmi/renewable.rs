//! What makes instances as new: of a code, and of one instance of it.

use crate::module::{ExternType, ValidModule, renewal::ActiveData};
use alloy_primitives::Bytes;
use lockstep_gas::{PAGE_BYTES, Revision};
use std::sync::Arc;
use wasmi::{Global, Val};

/// Bytes that an instance holds which is kept, with its code, at most. To write zeros over a larger one takes as long as to make another.
const INSTANCE_BYTES_MAX: u64 = 2 * 1_024 * 1_024;

/// What makes the instances of a code as new, beside zeros in their memory.
#[derive(Debug)]
pub(super) struct Renewal {
    /// The module as it was deployed: it contains the segments.
    pub(super) code: Bytes,
    pub(super) data: Vec<ActiveData>,
    /// The mutable globals: the exports by which they are reached, and their indices.
    pub(super) globals: Vec<(String, u32)>,
    /// Bytes of a new instance and its compiled code.
    pub(super) bytes: u64,
}

/// How one instance is made as new.
pub(super) struct Renewable {
    /// The number of its code among those that this engine has compiled.
    pub(super) number: u64,
    pub(super) renewal: Arc<Renewal>,
    pub(super) memory_bytes: usize,
    /// The mutable globals and their first values.
    pub(super) globals: Vec<(Global, Val)>,
}

impl Renewal {
    /// What makes the instances of `module` as new, `None` if nothing does or they are too large to be kept.
    pub(super) fn of(module: &ValidModule, revision: &Revision) -> Option<Self> {
        let renewal = module.renewal()?;
        // Without the feature a mutable global cannot be exported.
        if !renewal.globals().is_empty() && !revision.features.mutable_globals {
            return None;
        }
        let pages = module.memory().map_or(0, |memory| u64::from(memory.minimum_pages));
        let bytes = module.compiled_bytes().saturating_add(pages.saturating_mul(PAGE_BYTES));
        let name = |index: &u32| (format!("(global {index})"), *index);
        let globals: Vec<_> = renewal.globals().iter().map(name).collect();
        // A module may export something by such a name itself.
        let is_free = |(name, _): &(String, u32)| module.exports().all(|(own, _)| own != name);
        let is_reached = module.memory().is_none()
            || matches!(module.exports().find(|(name, _)| *name == "memory"), Some((_, ExternType::Memory(_))));
        (bytes <= INSTANCE_BYTES_MAX && is_reached && globals.iter().all(is_free)).then(|| Self {
            code: module.code().clone(),
            data: renewal.active_data().to_vec(),
            globals,
            bytes,
        })
    }
}
