//! Modules that link with each other, as in the testsuite of the Wasm specification: no rule of a contract holds, and no
//! frame ever runs one.

use super::protocol::{Opening, Outline, Protocol, Unfit};
use crate::module::{
    facts::Facts,
    types::{ExternType, FunctionType},
};
use lockstep_gas::Rules;
use lockstep_host::{Entry, HaltReason};

/// The protocol.
pub(super) struct Linked;

impl Protocol for Linked {
    fn export(&self, _name: &str, _ty: &ExternType, _rules: &Rules) -> Result<(), Unfit> {
        Ok(())
    }

    fn may_start(&self) -> bool {
        true
    }

    fn recognises(&self, _outline: &Outline<'_>) -> bool {
        false
    }

    fn uncallable(&self, _name: &str, _ty: &FunctionType) -> Option<String> {
        None
    }

    fn open(&self, _module: &Facts, _entry: &Entry, _pages_max: u32) -> Result<Opening, HaltReason> {
        Err(HaltReason::NoSuchExport)
    }
}
