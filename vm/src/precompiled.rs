//! Modules that a revision carries to answer the calls of precompiled addresses: what they are known by.

use crate::{code::CodeId, engine::Engine, machine::Vm, module::InvalidModule};
use alloy_primitives::Bytes;
use lockstep_gas::Revision;
use lockstep_host::Fault;

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

impl<E: Engine> Vm<E> {
    /// Checks the modules that the revision carries, so that no call finds one that is none.
    pub(crate) fn check_carried(&self) -> Result<(), Fault> {
        for Carried { id, code } in &self.carried {
            self.check_code(*id, code).map_err(|error| not_valid(&error))?;
        }
        Ok(())
    }

    /// The module at `position` among those of the revision.
    pub(crate) fn carried(&self, position: u16) -> Result<&Carried, Fault> {
        let carried = self.carried.get(usize::from(position));
        carried.ok_or_else(|| Fault::Broken("a precompiled contract names a module that is not there".into()))
    }
}

fn not_valid(error: &InvalidModule) -> Fault {
    Fault::Broken(format!("a module of the revision is not valid: {error}"))
}
