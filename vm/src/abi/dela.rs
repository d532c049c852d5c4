//! `dela`: an export takes a JSON request as a C string and returns a JSON reply as another.
//!
//! A frame is a chain of guest calls: the constructors of static objects, `malloc` for the request, the export, `free` for
//! the request. Between them the host writes the request and reads the reply. Each is code of the contract and spends the
//! frame's gas. `malloc` and `free` can harm only their own contract.

use super::{
    json::OWN_IMPORTS,
    protocol::{End, GuestCall, MAIN, MEMORY, Opening, Outline, Protocol, Returned, Step, Unfit, only_buffer},
};
use crate::{
    argument::Argument,
    module::{
        facts::Facts,
        types::{ExternType, FunctionType, ValType},
    },
};
use lockstep_gas::Rules;
use lockstep_host::{
    AbiState, DelaState, Entry, Errno, HaltReason, Stop,
    dela::{Verdict, verdict},
};

/// The export that makes room for the request.
const MALLOC: &str = "malloc";

/// What takes it back.
const FREE: &str = "free";

/// What runs before anything else, the first of them that is exported: a reactor's start, which runs the constructors itself,
/// or the constructors.
const STARTS: [&str; 2] = ["_initialize", "__wasm_call_ctors"];

/// The contract says that it does not accept the request.
const NOT_ACCEPTED: Errno = Errno::new(1);

/// The reply is not one.
const MALFORMED_REPLY: Errno = Errno::new(2);

/// The protocol.
pub(super) struct Dela;

impl Protocol for Dela {
    //= spec 10.4.1
    fn export(&self, name: &str, ty: &ExternType, _rules: &Rules) -> Result<(), Unfit> {
        let expected = match name {
            MEMORY if matches!(ty, ExternType::Memory(_)) => return Ok(()),
            MEMORY => return Err(Unfit::mismatch(name, ty, "a memory")),
            MALLOC => (&[ValType::I32][..], &[ValType::I32][..], "a function (i32)->(i32)"),
            FREE => (&[ValType::I32][..], &[][..], "a function (i32)->()"),
            _ if STARTS.contains(&name) => (&[][..], &[][..], "a function ()->()"),
            _ => return Ok(()),
        };
        match ty {
            ExternType::Function(function) if function.is(expected.0, expected.1) => Ok(()),
            _ => Err(Unfit::mismatch(name, ty, expected.2)),
        }
    }

    fn required_exports(&self) -> &'static [&'static str] {
        &[MEMORY, MALLOC, FREE]
    }

    /// It exports an allocator and an entry, and is no program and no contract of ABI `json`.
    fn recognises(&self, outline: &Outline<'_>) -> bool {
        let exports = |name, parameters: &[ValType], results: &[ValType]| {
            outline.export(name).is_some_and(|ty| ty.as_ref().is_some_and(|ty| ty.is(parameters, results)))
        };
        let entry = |(name, ty): &(&str, Option<FunctionType>)| *name != MALLOC && ty.as_ref().is_some_and(is_entry);
        exports(MALLOC, &[ValType::I32], &[ValType::I32])
            && exports(FREE, &[ValType::I32], &[])
            && outline.export("_start").is_none()
            && !outline.imports.iter().any(|import| import.is_of_env(&OWN_IMPORTS))
            && outline.exports.iter().any(entry)
    }

    //= spec 10.4.3, 10.4.4
    fn open(&self, module: &Facts, entry: &Entry, _pages_max: u32) -> Result<Opening, HaltReason> {
        let name = export_of(entry)?;
        let input = match entry {
            Entry::Main(input) => input.clone(),
            Entry::Export(call) => only_buffer(call, name)?,
            Entry::Constructor(_) => return Err(HaltReason::NoSuchExport),
        };
        let function = module.function(name).ok_or(HaltReason::NoSuchExport)?;
        if name == MALLOC || !is_entry(function) {
            return Err(HaltReason::SignatureMismatch);
        }
        let start = STARTS.into_iter().find(|start| module.function(start).is_some());
        let first = match start {
            Some(start) => GuestCall::of(start, started),
            None => allocation(input.len())?,
        };
        Ok(Opening { state: AbiState::Dela(DelaState::default()), ..Opening::plain(input, first) })
    }

    fn uncallable(&self, name: &str, ty: &FunctionType) -> Option<String> {
        let called = name != MALLOC && is_entry(ty);
        (!called).then(|| "only functions (i32)->(i32) other than malloc take a request".to_owned())
    }
}

/// Whether a function takes one pointer and returns another.
fn is_entry(function: &FunctionType) -> bool {
    function.is(&[ValType::I32], &[ValType::I32])
}

/// The export that a frame is for: `main` if the call names none.
//= spec 10.4.3
fn export_of(entry: &Entry) -> Result<&str, HaltReason> {
    match entry {
        Entry::Main(_) | Entry::Constructor(_) => Ok(MAIN),
        Entry::Export(call) => core::str::from_utf8(&call.name).map_err(|_| HaltReason::NoSuchExport),
    }
}

/// The call that asks for a place for `bytes` bytes and the zero that ends them.
fn allocation(bytes: usize) -> Result<GuestCall, HaltReason> {
    let bytes = u32::try_from(bytes).ok().and_then(|bytes| bytes.checked_add(1)).ok_or(HaltReason::LimitExceeded)?;
    Ok(GuestCall { export: MALLOC.into(), arguments: vec![Argument::I32(bytes)], then: allocated })
}

/// Static objects are there: now a place for the request.
//= spec 10.4.4
fn started(returned: Returned<'_>) -> Result<Step, Stop> {
    Ok(Step::Call(allocation(returned.call.frame.input.len())?))
}

/// The place is there: now the request and the contract.
//= spec 10.4.4
fn allocated(mut returned: Returned<'_>) -> Result<Step, Stop> {
    let place = returned.i32();
    returned.call.place_request(place)?;
    if let Some(state) = returned.call.frame.state.dela_mut() {
        state.request = place;
    }
    let name = export_of(&returned.call.frame.message.input)?.to_owned();
    Ok(Step::Call(GuestCall { export: name.into(), arguments: vec![Argument::I32(place)], then: replied }))
}

/// The contract has replied: the reply is read before anything else can write over it.
//= spec 10.4.4
fn replied(mut returned: Returned<'_>) -> Result<Step, Stop> {
    let place = returned.i32();
    let reply = returned.call.read_reply(place)?;
    let state = returned.call.frame.state.dela_mut().ok_or(HaltReason::BadResult)?;
    state.reply = reply;
    let arguments = vec![Argument::I32(state.request)];
    Ok(Step::Call(GuestCall { export: FREE.into(), arguments, then: freed }))
}

/// Everything has run: the reply says how the frame ends.
//= spec 10.4.8
fn freed(returned: Returned<'_>) -> Result<Step, Stop> {
    let reply = returned.call.frame.state.dela_mut().map(|state| core::mem::take(&mut state.reply)).unwrap_or_default();
    Ok(Step::End(match verdict(&reply) {
        Verdict::Accepted => End::Return(reply),
        Verdict::Refused => End::Revert(NOT_ACCEPTED, reply),
        Verdict::Malformed => End::Revert(MALFORMED_REPLY, reply),
    }))
}
