//! `ewasm`: `main ()->()` fetches its input with `callDataCopy` and returns its output with `finish`.
//!
//! `main` and `memory` are required; nothing else may be exported where the revision says so (ewasm contract interface).

use super::protocol::{GuestCall, MAIN, MEMORY, Opening, Outline, Protocol, Unfit, ended, only_buffer};
use crate::module::{
    facts::Facts,
    types::{ExternType, FunctionType},
};
use lockstep_gas::Rules;
use lockstep_host::{Entry, HaltReason};

/// The protocol.
pub(super) struct Ewasm;

impl Protocol for Ewasm {
    //= spec 5.1.3
    fn export(&self, name: &str, ty: &ExternType, rules: &Rules) -> Result<(), Unfit> {
        match (name, ty) {
            (MAIN, ExternType::Function(function)) if function.is(&[], &[]) => Ok(()),
            (MAIN, _) => Err(Unfit::mismatch(name, ty, "a function ()->()")),
            (MEMORY, ExternType::Memory(_)) => Ok(()),
            (MEMORY, _) => Err(Unfit::mismatch(name, ty, "a memory")),
            _ if rules.exact_exports => Err(Unfit::extra(name, &format!(", where only `{MAIN}` and `{MEMORY}` are"))),
            _ => Ok(()),
        }
    }

    fn required_exports(&self) -> &'static [&'static str] {
        &[MAIN, MEMORY]
    }

    /// Every module that is not another ABI's.
    fn recognises(&self, _outline: &Outline<'_>) -> bool {
        true
    }

    fn uncallable(&self, name: &str, ty: &FunctionType) -> Option<String> {
        (name != MAIN).then(|| format!("the export `{name}` {ty} is never called: ABI ewasm calls `{MAIN}` alone"))
    }

    //= spec 6.4.6
    fn open(&self, _module: &Facts, entry: &Entry, _pages_max: u32) -> Result<Opening, HaltReason> {
        let input = match entry {
            Entry::Main(input) => input.clone(),
            Entry::Export(call) => only_buffer(call, MAIN)?,
            Entry::Constructor(_) => return Err(HaltReason::NoSuchExport),
        };
        Ok(Opening::plain(input, GuestCall::of(MAIN, ended)))
    }
}
