//! `wasi`: a command runs `_start`; a reactor runs `_initialize` and then an export. Input and output go through the
//! streams of the frame's process, and the exit code is the outcome.

use super::protocol::{GuestCall, MAIN, MEMORY, Opening, Outline, Protocol, Returned, Step, Unfit};
use crate::module::{
    facts::Facts,
    types::{ExternType, FunctionType, ValType},
};
use alloy_primitives::Bytes;
use lockstep_gas::Rules;
use lockstep_host::{
    AbiState, Buffers, Entry, ExportCall, Fault, HaltReason, Process, Stop,
    packed::{Parameter, ResultKind},
};

/// The export of a command.
const START: &str = "_start";

/// The export of a reactor that runs before any other.
const INITIALIZE: &str = "_initialize";

/// The export that a deployment runs.
const CONSTRUCTOR: &str = "constructor";

/// The modules that programs import, by which one is recognised.
const MODULES: [&str; 3] = ["wasi_snapshot_preview1", "lockstep", "suavexec"];

/// The protocol.
pub(super) struct Wasi;

impl Protocol for Wasi {
    //= spec 11.1.1
    fn export(&self, name: &str, ty: &ExternType, _rules: &Rules) -> Result<(), Unfit> {
        match (name, ty) {
            (MEMORY, ExternType::Memory(_)) => Ok(()),
            (MEMORY, _) => Err(Unfit::mismatch(name, ty, "a memory")),
            (START | INITIALIZE, ExternType::Function(function)) if function.is(&[], &[]) => Ok(()),
            (START | INITIALIZE, _) => Err(Unfit::mismatch(name, ty, "a function ()->()")),
            (CONSTRUCTOR, ExternType::Function(function)) if is_callable(function) => Ok(()),
            (CONSTRUCTOR, _) => Err(Unfit::mismatch(name, ty, "a function ()->() or ()->(i32)")),
            _ => Ok(()),
        }
    }

    fn required_exports(&self) -> &'static [&'static str] {
        &[MEMORY]
    }

    fn constructor(&self) -> Option<&'static str> {
        Some(CONSTRUCTOR)
    }

    /// Imports of a program, or the export of a command, and no import of another ABI's.
    fn recognises(&self, outline: &Outline<'_>) -> bool {
        let mut modules = outline.imports.iter().map(|import| import.module);
        let is_program = modules.clone().any(|module| MODULES.contains(&module)) || outline.export(START).is_some();
        is_program && modules.all(|module| MODULES.contains(&module) || module == "crypto")
    }

    fn uncallable(&self, name: &str, ty: &FunctionType) -> Option<String> {
        (!is_callable(ty)).then(|| {
            format!(
                "the export `{name}` {ty} cannot be called by name: it must have no parameters, and no result or one i32"
            )
        })
    }

    //= spec 11.1.4, 11.1.5, 11.1.6, 11.1.7, 11.1.8
    fn open(&self, module: &Facts, entry: &Entry, _pages_max: u32) -> Result<Opening, HaltReason> {
        let (name, input) = match entry {
            Entry::Main(input) if module.function(START).is_some() => return Ok(opening(START, input.clone())),
            Entry::Main(input) | Entry::Constructor(input) => (target(entry)?, input.clone()),
            Entry::Export(call) => (target(entry)?, input_of(call)?),
        };
        if matches!(entry, Entry::Export(_)) && [INITIALIZE, CONSTRUCTOR].contains(&name) {
            return Err(HaltReason::NoSuchExport);
        }
        let function = module.function(name).ok_or(HaltReason::NoSuchExport)?;
        if !is_callable(function) {
            return Err(HaltReason::SignatureMismatch);
        }
        if module.function(INITIALIZE).is_some() && name != START {
            let opening = opening(INITIALIZE, input);
            return Ok(Opening { first: GuestCall::of(INITIALIZE, initialized), ..opening });
        }
        Ok(opening(name.to_owned(), input))
    }
}

/// Whether an export of that type can be called.
fn is_callable(function: &FunctionType) -> bool {
    function.is(&[], &[]) || function.is(&[], &[ValType::I32])
}

/// A frame with a new process that runs one export.
//= spec 11.1.10
fn opening(export: impl Into<std::borrow::Cow<'static, str>>, input: Bytes) -> Opening {
    let opening = Opening::plain(input, GuestCall::of(export, returned));
    Opening { state: AbiState::Wasi(Process::default()), ..opening }
}

/// The export that an entry runs, in a module without `_start`.
fn target(entry: &Entry) -> Result<&str, HaltReason> {
    match entry {
        Entry::Main(_) => Ok(MAIN),
        Entry::Constructor(_) => Ok(CONSTRUCTOR),
        Entry::Export(call) => core::str::from_utf8(&call.name).map_err(|_| HaltReason::NoSuchExport),
    }
}

/// The input of a call by name: all arguments, or the one buffer of a caller with a descriptor.
//= spec 11.1.9
fn input_of(call: &ExportCall) -> Result<Bytes, HaltReason> {
    match (&call.descriptor, &call.buffers) {
        (None, Buffers::InArguments) => Ok(call.arguments.clone()),
        (Some(descriptor), Buffers::Copied(buffers))
            if matches!(descriptor.parameters(), [] | [Parameter::BufIn])
                && matches!(descriptor.result(), ResultKind::Void | ResultKind::BufOut) =>
        {
            Ok(buffers.first().cloned().unwrap_or_default())
        }
        _ => Err(HaltReason::SignatureMismatch),
    }
}

/// `_initialize` has run: what the frame was called for follows.
fn initialized(returned_from: Returned<'_>) -> Result<Step, Stop> {
    let name = target(&returned_from.call.frame.message.input)?.to_owned();
    Ok(Step::Call(GuestCall::of(name, returned)))
}

/// The export has run without calling `proc_exit`: its result is the exit code, 0 where it has none.
//= spec 11.1.12
fn returned(returned_from: Returned<'_>) -> Result<Step, Stop> {
    let code = returned_from.i32();
    let process = returned_from.call.frame.state.process_mut();
    let process = process.ok_or_else(|| Fault::Broken("a program without a process".into()))?;
    Err(process.exit(code))
}
