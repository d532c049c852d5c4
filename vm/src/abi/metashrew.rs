//! `metashrew` and `metashrew-documented`: an indexer's `_start ()->()` is run on each block, and its views by their names.
//!
//! The dialects differ in host functions alone (`lockstep_host::metashrew`). A view is `()->(i32)` and fetches its argument
//! from the host, or `(i32, i32)->(i32)` and gets it in memory from the module's own allocator: one more guest call
//! of the frame. A start function, which AssemblyScript's compiler adds, is the first guest call of every frame.

use super::protocol::{End, GuestCall, MEMORY, Opening, Outline, Protocol, Returned, START, Step, Unfit, only_buffer};
use crate::{
    argument::Argument,
    module::{
        facts::Facts,
        types::{ExternType, FunctionType, ValType},
    },
};
use alloy_primitives::Bytes;
use lockstep_gas::Rules;
use lockstep_host::{
    AbiState, Entry, Errno, Fault, HaltReason, Stop,
    metashrew::{Allocator, Indexing, Task, View, place_argument, view_result},
};

/// The export that indexes a block.
const INDEX: &str = "_start";

/// Exports that give memory, in the order in which they are looked for.
const ALLOCATORS: [&str; 3] = ["alloc", "__alloc", "__new"];

/// The function that reads a value. Its type tells the dialects from each other.
const GET: &str = "__get";

/// Functions of module `env` that contracts of no other ABI have.
const OWN_IMPORTS: [&str; 6] = ["__host_len", "__load_input", GET, "__get_len", "__flush", "__log"];

/// What an allocator with two parameters gets for the second: AssemblyScript's class of an `ArrayBuffer`, and an alignment
/// that is none.
const ALLOCATED_CLASS: u32 = 1;

/// The reason of an indexer that ended without having stored anything or noted a failure.
const EXITED: (Errno, &[u8]) = (Errno::new(1), b"indexer exited unexpectedly");

/// The output of an indexer that noted a failure.
const FAILED: &[u8] = &[1];

/// The protocol of both dialects.
pub(super) struct Metashrew {
    /// Whether it is the published one.
    pub(super) is_documented: bool,
}

impl Protocol for Metashrew {
    //= spec 13.2
    fn export(&self, name: &str, ty: &ExternType, _rules: &Rules) -> Result<(), Unfit> {
        match (name, ty) {
            (INDEX, ExternType::Function(function)) if function.is(&[], &[]) => Ok(()),
            (INDEX, _) => Err(Unfit::mismatch(name, ty, "a function ()->()")),
            (MEMORY, ExternType::Memory(_)) => Ok(()),
            (MEMORY, _) => Err(Unfit::mismatch(name, ty, "a memory")),
            (START, _) => Err(Unfit::start(name)),
            _ => Ok(()),
        }
    }

    //= spec 13.2
    fn required_exports(&self) -> &'static [&'static str] {
        &[INDEX, MEMORY]
    }

    //= spec 13.2
    fn may_start(&self) -> bool {
        true
    }

    /// It indexes blocks and imports a function of indexers. It is of the published dialect if its `__get` has a result.
    /// Where it reads nothing, the dialects differ in nothing that shows, and it is taken for what indexers are built for.
    fn recognises(&self, outline: &Outline<'_>) -> bool {
        let get = outline.imports.iter().find(|import| import.is_of_env(&[GET]));
        let has_result = get.and_then(|get| get.ty.as_ref()).is_some_and(|ty| !ty.results.is_empty());
        outline.imports.iter().any(|import| import.is_of_env(&OWN_IMPORTS))
            && outline.export(INDEX).is_some()
            && has_result == self.is_documented
    }

    fn uncallable(&self, name: &str, ty: &FunctionType) -> Option<String> {
        (name != INDEX && !ALLOCATORS.contains(&name) && Given::of(ty).is_none())
            .then(|| format!("the export `{name}` {ty} is never called: a view is ()->(i32) or (i32, i32)->(i32)"))
    }

    //= spec 13.5
    fn open(&self, module: &Facts, entry: &Entry, _pages_max: u32) -> Result<Opening, HaltReason> {
        let (task, input) = match entry {
            Entry::Main(block) => (Task::Block, block.clone()),
            Entry::Constructor(_) => return Err(HaltReason::NoSuchExport),
            Entry::Export(call) => {
                let name = core::str::from_utf8(&call.name).map_err(|_| HaltReason::NoSuchExport)?;
                let task = if name == INDEX { Task::Block } else { Task::View(view(module, name)?) };
                (task, only_buffer(call, name)?)
            }
        };
        let first = if module.has_start { GuestCall::of(START, started) } else { first_call(&task, &input)? };
        Ok(Opening { state: AbiState::Metashrew(Indexing::new(task)), ..Opening::plain(input, first) })
    }
}

/// The view `name`, with the export that makes room for its argument.
//= spec 13.5
fn view(module: &Facts, name: &str) -> Result<View, HaltReason> {
    let ty = module.function(name).ok_or(HaltReason::NoSuchExport)?;
    let argument = Given::of(ty).ok_or(HaltReason::SignatureMismatch)?;
    let allocator = match argument {
        Given::Asked => None,
        Given::Placed => ALLOCATORS.into_iter().find_map(|export| {
            let ty = module.function(export)?;
            let one = ty.is(&[ValType::I32], &[ValType::I32]);
            let two = ty.is(&[ValType::I32, ValType::I32], &[ValType::I32]);
            (one || two).then_some(Allocator { export, has_class: two })
        }),
    };
    Ok(View { name: name.to_owned(), is_given_argument: argument == Given::Placed, allocator })
}

/// The first call of a frame whose module has no start function, or whose start function has returned.
//= spec 13.4
fn first_call(task: &Task, input: &Bytes) -> Result<GuestCall, HaltReason> {
    let view = match task {
        Task::Block => return Ok(GuestCall::of(INDEX, indexed)),
        Task::View(view) => view,
    };
    if !view.is_given_argument {
        return Ok(GuestCall::of(view.name.clone(), viewed));
    }
    let length = u32::try_from(input.len()).map_err(|_| HaltReason::LimitExceeded)?;
    match &view.allocator {
        Some(Allocator { export, has_class }) => {
            let mut arguments = vec![Argument::I32(length)];
            arguments.extend(has_class.then_some(Argument::I32(ALLOCATED_CLASS)));
            Ok(GuestCall { export: (*export).into(), arguments, then: allocated })
        }
        None if length == 0 => Ok(view_of(&view.name, 0, 0)),
        //= spec 13.6
        None => Err(HaltReason::NoRoomForInput),
    }
}

/// The call of a view whose argument lies in memory.
fn view_of(name: &str, place: u32, length: u32) -> GuestCall {
    let arguments = vec![Argument::I32(place), Argument::I32(length)];
    GuestCall { export: name.to_owned().into(), arguments, then: viewed }
}

/// The start function has returned.
fn started(returned: Returned<'_>) -> Result<Step, Stop> {
    let frame = returned.call.frame;
    let task = frame.state.metashrew().map_or(Task::Block, |indexing| indexing.task.clone());
    Ok(Step::Call(first_call(&task, &frame.input)?))
}

/// The allocator has given a place for the argument.
fn allocated(mut returned: Returned<'_>) -> Result<Step, Stop> {
    let place = returned.i32();
    let length = place_argument(&mut returned.call, place)?;
    match returned.call.frame.state.metashrew().map(|indexing| &indexing.task) {
        Some(Task::View(view)) => Ok(Step::Call(view_of(&view.name, place, length))),
        _ => Err(Fault::Broken("an argument was placed for no view".into()).into()),
    }
}

/// A view has returned a buffer.
fn viewed(mut returned: Returned<'_>) -> Result<Step, Stop> {
    let place = returned.i32();
    let output = view_result(&mut returned.call, place)?;
    Ok(Step::End(End::Return(output)))
}

/// `_start` has returned.
//= spec 13.15
fn indexed(returned: Returned<'_>) -> Result<Step, Stop> {
    let indexing = returned.call.frame.state.metashrew();
    Ok(Step::End(match indexing.map(|indexing| (indexing.has_flushed, indexing.has_failed)) {
        Some((true, false)) => End::Return(Bytes::new()),
        Some((_, true)) => End::Return(Bytes::from_static(FAILED)),
        Some((false, false)) | None => End::Revert(EXITED.0, Bytes::from_static(EXITED.1)),
    }))
}

/// How a view gets its argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    /// It asks the host.
    Asked,
    /// It is given place and length.
    Placed,
}

impl Given {
    /// The kind of a function of type `ty`, `None` if it is no view.
    fn of(ty: &FunctionType) -> Option<Self> {
        match (ty.parameters.as_slice(), ty.results.as_slice()) {
            ([], [ValType::I32]) => Some(Self::Asked),
            ([ValType::I32, ValType::I32], [ValType::I32]) => Some(Self::Placed),
            _ => None,
        }
    }
}
