//! `json`: exports `()->()` are methods, called by name; arguments and output go through host functions.
//!
//! A start function, which AssemblyScript's compiler adds, and an exported `_initialize` run first in each frame.
//! `constructor` runs in the transaction that deploys the contract and at
//! no other time. What else a module exports is there and cannot be called.

use super::protocol::{
    End, GuestCall, MAIN, MEMORY, Opening, Outline, Protocol, Returned, START, Step, Unfit, only_buffer,
};
use crate::module::{
    facts::Facts,
    types::{ExternType, FunctionType},
};
use lockstep_gas::Rules;
use lockstep_host::{AbiState, Entry, HaltReason, JsonState, Stop};

/// What sets up the runtime of a language: Go, TinyGo and wasi-libc export it from a reactor.
pub(super) const INITIALIZE: &str = "_initialize";

/// The method that a deployment runs.
const CONSTRUCTOR: &str = "constructor";

/// Functions of module `env` that no other ABI has, nor any JavaScript.
pub(super) const OWN_IMPORTS: [&str; 13] = [
    "args_len",
    "args_read",
    "storage_get_len",
    "storage_get",
    "storage_set",
    "storage_remove",
    "self_address",
    "block_height",
    "block_time",
    "return_len",
    "return_read",
    "set_result",
    "gas_tick",
];

/// Functions of module `env` whose names others can have as well.
const COMMON_IMPORTS: [&str; 8] = ["abort", "call", "caller", "emit", "fail", "gas_left", "log", "value"];

/// The modules that contracts import.
const MODULES: [&str; 3] = ["env", "wasi_snapshot_preview1", "crypto"];

/// The protocol.
pub(super) struct Json;

impl Protocol for Json {
    //= spec 10.3.1, 10.3.2
    fn export(&self, name: &str, ty: &ExternType, _rules: &Rules) -> Result<(), Unfit> {
        match (name, ty) {
            (INITIALIZE | CONSTRUCTOR, ExternType::Function(function)) if function.is(&[], &[]) => Ok(()),
            (INITIALIZE | CONSTRUCTOR, _) => Err(Unfit::mismatch(name, ty, "a function ()->()")),
            (MEMORY, ExternType::Memory(_)) => Ok(()),
            (MEMORY, _) => Err(Unfit::mismatch(name, ty, "a memory")),
            (START, _) => Err(Unfit::start(name)),
            _ => Ok(()),
        }
    }

    //= spec 10.3.2
    fn may_start(&self) -> bool {
        true
    }

    fn constructor(&self) -> Option<&'static str> {
        Some(CONSTRUCTOR)
    }

    /// A function of its own, or one that could be another's where it is the only ABI that has the modules.
    fn recognises(&self, outline: &Outline<'_>) -> bool {
        let is_linked = || outline.imports.iter().all(|import| MODULES.contains(&import.module));
        outline.imports.iter().any(|import| import.is_of_env(&OWN_IMPORTS))
            || outline.imports.iter().any(|import| import.is_of_env(&COMMON_IMPORTS)) && is_linked()
    }

    //= spec 10.3.3, 10.3.4, 10.3.5
    fn open(&self, module: &Facts, entry: &Entry, _pages_max: u32) -> Result<Opening, HaltReason> {
        let name = method_of(entry)?;
        let input = match entry {
            Entry::Main(input) | Entry::Constructor(input) => input.clone(),
            // What sets up a contract is no method of it.
            Entry::Export(_) if is_reserved(name) => return Err(HaltReason::NoSuchExport),
            Entry::Export(call) => only_buffer(call, name)?,
        };
        let function = module.function(name).ok_or(HaltReason::NoSuchExport)?;
        if !is_method(function) {
            return Err(HaltReason::SignatureMismatch);
        }
        let first = match (module.has_start, module.function(INITIALIZE)) {
            (true, Some(_)) => GuestCall::of(START, started),
            (true, None) => GuestCall::of(START, initialized),
            (false, Some(_)) => GuestCall::of(INITIALIZE, initialized),
            (false, None) => GuestCall::of(name.to_owned(), ended),
        };
        Ok(Opening { state: AbiState::Json(JsonState::default()), ..Opening::plain(input, first) })
    }

    fn uncallable(&self, name: &str, ty: &FunctionType) -> Option<String> {
        let reason = if is_reserved(name) {
            "runs before a method, or when the contract is deployed"
        } else if is_method(ty) {
            return None;
        } else {
            "only functions ()->() are methods"
        };
        Some(reason.to_owned())
    }
}

/// Whether an export is one that the machine runs of its own accord.
fn is_reserved(name: &str) -> bool {
    matches!(name, INITIALIZE | CONSTRUCTOR)
}

fn is_method(function: &FunctionType) -> bool {
    function.is(&[], &[])
}

/// The method that a frame is for: `main` if the call names none.
//= spec 10.3.6
fn method_of(entry: &Entry) -> Result<&str, HaltReason> {
    match entry {
        Entry::Main(_) => Ok(MAIN),
        Entry::Constructor(_) => Ok(CONSTRUCTOR),
        Entry::Export(call) => core::str::from_utf8(&call.name).map_err(|_| HaltReason::NoSuchExport),
    }
}

/// The start function of a module that exports `_initialize` has returned.
fn started(_returned: Returned<'_>) -> Result<Step, Stop> {
    Ok(Step::Call(GuestCall::of(INITIALIZE, initialized)))
}

/// The runtime is set up: now the method.
fn initialized(returned: Returned<'_>) -> Result<Step, Stop> {
    let name = method_of(&returned.call.frame.message.input)?.to_owned();
    Ok(Step::Call(GuestCall::of(name, ended)))
}

/// The method has returned: the output is what it set.
//= spec 10.3.8
fn ended(returned: Returned<'_>) -> Result<Step, Stop> {
    let output = returned.call.frame.state.json_mut().map(|state| core::mem::take(&mut state.result));
    Ok(Step::End(End::Return(output.unwrap_or_default())))
}
