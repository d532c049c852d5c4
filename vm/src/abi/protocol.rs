//! What the machine asks of an ABI.

use super::facts::AbiFacts;
use crate::{
    argument::Argument,
    module::{
        facts::Facts,
        invalid::{InvalidCode, InvalidModule, quoted},
        types::{ExternType, FunctionType},
    },
};
use alloy_primitives::Bytes;
use lockstep_gas::Rules;
use lockstep_host::{
    AbiState, Buffers, Entry, Errno, ExportCall, HaltReason, HostCall, Stop,
    packed::{Parameter, ResultKind},
};
use std::borrow::Cow;

/// The export that a plain call runs.
pub(crate) const MAIN: &str = "main";

/// The export that the host reads and writes.
pub(crate) const MEMORY: &str = "memory";

pub(crate) use crate::start::START;

/// An ABI.
pub(crate) trait Protocol: Sync {
    /// The custom sections that it reads, each with what a second one of the name is.
    fn sections(&self) -> &'static [(&'static str, InvalidCode)] {
        &[]
    }

    /// Whether a module may export that under that name.
    fn export(&self, name: &str, ty: &ExternType, rules: &Rules) -> Result<(), Unfit>;

    /// The exports that must be there.
    fn required_exports(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether a module may have a start function.
    fn may_start(&self) -> bool {
        false
    }

    /// The export that a deployment runs, where a module has it. `None` if the ABI knows no such thing: a deployment has no
    /// input then.
    fn constructor(&self) -> Option<&'static str> {
        None
    }

    /// What is found out about a module that has been looked at to its end. Violations go to `report`, which says when the
    /// search is over.
    ///
    /// # Errors
    ///
    /// What `report` returns.
    fn facts(
        &self,
        _module: &Facts,
        _report: &mut dyn FnMut(InvalidModule) -> Result<(), InvalidModule>,
    ) -> Result<AbiFacts, InvalidModule> {
        Ok(AbiFacts::Nothing)
    }

    /// Whether a module looks like one of this ABI: for the command and for messages, never for consensus.
    fn recognises(&self, outline: &Outline<'_>) -> bool;

    /// Why an exported function that validation admits is never called, if that is so: for messages.
    fn uncallable(&self, name: &str, ty: &FunctionType) -> Option<String>;

    /// How a frame opens on `entry`, in a module whose memory can have `pages_max` pages in this frame. Nothing is
    /// instantiated yet.
    ///
    /// # Errors
    ///
    /// Why the frame cannot begin: no such export, arguments that do not match it, no room for the input.
    fn open(&self, module: &Facts, entry: &Entry, pages_max: u32) -> Result<Opening, HaltReason>;

    /// A call of the export `name` that hands over `input` as a transaction would, where the export takes one buffer and
    /// returns one: how a precompiled contract enters its module.
    fn one_buffer(&self, name: Bytes, input: &Bytes) -> ExportCall {
        ExportCall { name, descriptor: None, arguments: input.clone(), buffers: Buffers::InArguments }
    }
}

/// Why an export may not be there.
pub(crate) struct Unfit {
    pub(crate) code: InvalidCode,
    pub(crate) detail: String,
}

impl Unfit {
    /// The export is there and is something else than `expected`.
    pub(crate) fn mismatch(name: &str, ty: &ExternType, expected: &str) -> Self {
        let detail = format!("`{name}` is a {} {ty}, expected {expected}", ty.kind());
        Self { code: InvalidCode::ExportTypeMismatch, detail }
    }

    /// The export has the name that engines call a start function by.
    pub(crate) fn start(name: &str) -> Self {
        Self::extra(name, ": the name is kept for the start function")
    }

    /// The export is one too many.
    pub(crate) fn extra(name: &str, reason: &str) -> Self {
        Self { code: InvalidCode::ExtraExport, detail: format!("{}{reason}", quoted(name)) }
    }
}

/// What can be read off a module that is not validated.
#[derive(Debug, Default)]
pub(crate) struct Outline<'a> {
    /// Each import.
    pub(crate) imports: Vec<OutlinedImport<'a>>,
    /// Each export, and its type if it is a function whose type can be read.
    pub(crate) exports: Vec<(&'a str, Option<FunctionType>)>,
    /// The names of its custom sections.
    pub(crate) sections: Vec<&'a str>,
}

/// An import that can be read off a module.
#[derive(Debug)]
pub(crate) struct OutlinedImport<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
    /// Its type if it is a function whose type can be read.
    pub(crate) ty: Option<FunctionType>,
}

impl OutlinedImport<'_> {
    /// Whether it is one of the functions `names` of module `env`.
    pub(crate) fn is_of_env(&self, names: &[&str]) -> bool {
        self.module == "env" && names.contains(&self.name)
    }
}

impl Outline<'_> {
    /// The export `name`: the type of a function, `None` for anything else.
    pub(crate) fn export(&self, name: &str) -> Option<&Option<FunctionType>> {
        self.exports.iter().rev().find(|(export, _)| *export == name).map(|(_, ty)| ty)
    }
}

/// How a frame begins.
#[derive(Debug)]
pub(crate) struct Opening {
    /// What the host functions of the frame take for its input.
    pub(crate) input: Bytes,
    /// What the ABI keeps for the frame.
    pub(crate) state: AbiState,
    /// Pages to add to the memory before anything is put into it.
    pub(crate) pages: u32,
    /// Whether the frame itself pays for the pages: its caller did not.
    pub(crate) pays_for_pages: bool,
    /// Bytes to put into the memory, each with the offset that they go to.
    pub(crate) buffers: Vec<(u32, Bytes)>,
    /// The first guest call.
    pub(crate) first: GuestCall,
}

impl Opening {
    /// A frame that runs `first` and fetches its input from the host.
    pub(crate) const fn plain(input: Bytes, first: GuestCall) -> Self {
        Self { input, state: AbiState::Nothing, pages: 0, pays_for_pages: false, buffers: Vec::new(), first }
    }
}

/// A call of an exported function, and what follows when it has returned.
#[derive(Debug, Clone)]
pub(crate) struct GuestCall {
    pub(crate) export: Cow<'static, str>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) then: Then,
}

impl GuestCall {
    /// A call without arguments.
    pub(crate) fn of(export: impl Into<Cow<'static, str>>, then: Then) -> Self {
        Self { export: export.into(), arguments: Vec::new(), then }
    }
}

/// What follows when a guest call has returned.
pub(crate) type Then = fn(Returned<'_>) -> Result<Step, Stop>;

/// A guest call that has returned.
pub(crate) struct Returned<'a> {
    /// Memory, gas, frame and world, as for a host function.
    pub(crate) call: HostCall<'a>,
    /// The bits of the result, 0 if there is none.
    pub(crate) bits: u64,
}

impl Returned<'_> {
    /// The result as an i32.
    pub(crate) const fn i32(&self) -> u32 {
        let [a, b, c, d, ..] = self.bits.to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}

/// What a frame does next.
#[derive(Debug)]
pub(crate) enum Step {
    /// One more guest call.
    Call(GuestCall),
    /// Its end.
    End(End),
}

/// How a frame ended, seen from inside.
#[derive(Debug)]
pub(crate) enum End {
    /// The effects stand; the output.
    Return(Bytes),
    /// The effects are undone; the number and the data of the reason.
    Revert(Errno, Bytes),
    /// The effects and the gas are gone.
    Halt(HaltReason),
}

/// The end of a frame that has given its output already, or has none.
pub(crate) fn ended(_returned: Returned<'_>) -> Result<Step, Stop> {
    Ok(Step::End(End::Return(Bytes::new())))
}

/// The input of a call by name of `name`, for a contract without typed exports: one buffer in and one out, or the whole
/// input of a transaction.
///
/// # Errors
///
/// Why the call does not fit.
//= spec 6.4.1, 6.4.6, 10.3.7, 10.4.3
pub(crate) fn only_buffer(call: &ExportCall, name: &str) -> Result<Bytes, HaltReason> {
    if call.name.as_ref() != name.as_bytes() {
        return Err(HaltReason::NoSuchExport);
    }
    match (&call.descriptor, &call.buffers) {
        (None, Buffers::InArguments) => Ok(call.arguments.clone()),
        (Some(descriptor), Buffers::Copied(buffers))
            if descriptor.parameters() == [Parameter::BufIn] && descriptor.result() == ResultKind::BufOut =>
        {
            buffers.first().cloned().ok_or(HaltReason::SignatureMismatch)
        }
        _ => Err(HaltReason::SignatureMismatch),
    }
}
