//! How a frame enters its contract: which export, with which arguments, and where the input goes; and what the
//! export's result means.
//!
//! A plan is made from the module and the message alone, before anything is instantiated.

use crate::{
    engine::Argument as EngineArgument,
    module::{ExternType, ValidModule},
};
use alloy_primitives::Bytes;
use lockstep_gas::Abi;
use lockstep_host::{
    Buffers, Entry, ExportCall, HaltReason, ValueType,
    packed::{Argument, BufIn, Descriptor, PackOrder, Parameter, Placement, ResultKind, Room, StructLayout, Unplaced},
};

/// The export that a plain call runs.
const MAIN: &str = "main";

/// How to start a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The export.
    pub(crate) export: String,
    /// Its arguments.
    pub(crate) arguments: Vec<EngineArgument>,
    /// What `callDataCopy` reads.
    pub(crate) input: Bytes,
    /// Input buffers and the offsets that they go to, after `pages` pages are added.
    pub(crate) buffers: Vec<(u32, Bytes)>,
    /// Pages to add.
    pub(crate) pages: u32,
    /// Whether the frame itself pays for the pages: its caller did not.
    pub(crate) pays_for_pages: bool,
    /// What the result means.
    pub(crate) result: ResultKind,
}

/// The plan for `entry` into `module`, whose memory can have `pages_max` pages in this frame.
///
/// # Errors
///
/// Why the frame cannot begin: no such export, arguments that do not match it, no room for the input.
pub(crate) fn plan(module: &ValidModule, entry: &Entry, pages_max: u32) -> Result<Plan, HaltReason> {
    match (module.abi(), entry) {
        (Abi::Ewasm, Entry::Main(input)) => Ok(plain(input.clone())),
        (Abi::Ewasm, Entry::Export(call)) => Ok(plain(input_of_main(call)?)),
        (Abi::Packed, Entry::Main(input)) => packed_main(module, input.clone(), pages_max),
        (Abi::Packed, Entry::Export(call)) if is_packed_main(module, &call.name) => {
            // A contract that calls by name has paid for the pages itself.
            let pays_for_pages = call.buffers == Buffers::InArguments;
            packed_main(module, input_of_main(call)?, pages_max).map(|plan| Plan { pays_for_pages, ..plan })
        }
        (Abi::Packed, Entry::Export(call)) => packed_export(module, call, pages_max),
    }
}

/// `main ()->()`: the input is fetched with `callDataCopy`, the output given with `finish`.
fn plain(input: Bytes) -> Plan {
    Plan {
        export: MAIN.into(),
        arguments: Vec::new(),
        input,
        buffers: Vec::new(),
        pages: 0,
        pays_for_pages: false,
        result: ResultKind::Void,
    }
}

/// A contract without named exports is called by name as `main`, with one buffer for the input and one for the output.
fn input_of_main(call: &ExportCall) -> Result<Bytes, HaltReason> {
    if call.name.as_ref() != MAIN.as_bytes() {
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

fn is_packed_main(module: &ValidModule, name: &[u8]) -> bool {
    name == MAIN.as_bytes()
        && value_types(module, MAIN)
            .is_some_and(|(parameters, results)| parameters == [ValueType::I64] && results == [ValueType::I64])
}

fn packed_main(module: &ValidModule, input: Bytes, pages_max: u32) -> Result<Plan, HaltReason> {
    let (parameters, _) = value_types(module, MAIN).ok_or(HaltReason::NoSuchExport)?;
    if parameters.is_empty() {
        return Ok(plain(input));
    }
    let arguments = [Argument::BufIn(0)];
    packed(module, MAIN.into(), &arguments, vec![input.clone()], input, ResultKind::BufOut, pages_max)
        .map(|plan| Plan { pays_for_pages: true, ..plan })
}

fn packed_export(module: &ValidModule, call: &ExportCall, pages_max: u32) -> Result<Plan, HaltReason> {
    let name = core::str::from_utf8(&call.name).map_err(|_| HaltReason::NoSuchExport)?;
    let (parameters, results) = value_types(module, name).ok_or(HaltReason::NoSuchExport)?;
    let declared = module.packed().descriptors.as_ref().and_then(|section| section.get(&call.name));
    let descriptor = match (&call.descriptor, declared) {
        (Some(given), Some(declared)) if given != declared => return Err(HaltReason::SignatureMismatch),
        (Some(descriptor), _) | (None, Some(descriptor)) => descriptor.clone(),
        (None, None) => {
            let scalars = Descriptor::from_wasm_types(&parameters, results.first().copied());
            scalars.map_err(|_| HaltReason::SignatureMismatch)?
        }
    };
    if !descriptor.matches(&parameters, &results) {
        return Err(HaltReason::SignatureMismatch);
    }
    let layout = StructLayout::new(&descriptor);
    let (scalars, buffers) = match &call.buffers {
        Buffers::Copied(buffers) => (call.arguments.clone(), buffers.clone()),
        Buffers::InArguments => split(&layout, &call.arguments)?,
    };
    let arguments = layout.read(&scalars).map_err(|_| HaltReason::SignatureMismatch)?;
    let plan =
        packed(module, name.into(), &arguments, buffers, call.arguments.clone(), descriptor.result(), pages_max)?;
    Ok(Plan { pays_for_pages: call.buffers == Buffers::InArguments, ..plan })
}

/// The struct at the start of a transaction's input, and the buffers that its slots name in the same input.
fn split(layout: &StructLayout, input: &Bytes) -> Result<(Bytes, Vec<Bytes>), HaltReason> {
    let size = usize::try_from(layout.size()).map_err(|_| HaltReason::SignatureMismatch)?;
    let scalars = input.get(..size).ok_or(HaltReason::SignatureMismatch)?;
    let arguments = layout.read(scalars).map_err(|_| HaltReason::SignatureMismatch)?;
    let mut buffers = Vec::new();
    for argument in arguments {
        if let Argument::BufIn(packed) = argument {
            let buffer = BufIn::unpack(packed, PackOrder::LowOffset);
            let start = usize::try_from(buffer.offset()).map_err(|_| HaltReason::SignatureMismatch)?;
            let length = usize::try_from(buffer.length()).map_err(|_| HaltReason::SignatureMismatch)?;
            let bytes = input.get(start..).and_then(|rest| rest.get(..length));
            buffers.push(Bytes::copy_from_slice(bytes.ok_or(HaltReason::SignatureMismatch)?));
        }
    }
    if buffers.is_empty() && input.len() != size {
        return Err(HaltReason::SignatureMismatch);
    }
    Ok((Bytes::copy_from_slice(scalars), buffers))
}

/// Places `buffers` and puts their places into the `b` arguments.
fn packed(
    module: &ValidModule,
    export: String,
    arguments: &[Argument],
    buffers: Vec<Bytes>,
    input: Bytes,
    result: ResultKind,
    pages_max: u32,
) -> Result<Plan, HaltReason> {
    let lengths: Result<Vec<u32>, _> = buffers.iter().map(|buffer| u32::try_from(buffer.len())).collect();
    let lengths = lengths.map_err(|_| HaltReason::LimitExceeded)?;
    let placement = Placement::new(&lengths, room(module, pages_max)).map_err(|unplaced| match unplaced {
        Unplaced::InputTooLarge { .. } => HaltReason::LimitExceeded,
        Unplaced::NoRoom { .. } => HaltReason::NoRoomForInput,
    })?;
    let mut places = placement.buffers().iter();
    let order = module.packed().order;
    let arguments = arguments.iter().map(|argument| match *argument {
        Argument::I32(value) => EngineArgument::I32(value.cast_unsigned()),
        Argument::I64(value) => EngineArgument::I64(value.cast_unsigned()),
        Argument::BufIn(_) => EngineArgument::I64(places.next().map_or(0, |place| place.pack(order).cast_unsigned())),
    });
    let arguments = arguments.collect();
    let buffers = placement.buffers().iter().map(|place| place.offset()).zip(buffers).collect();
    Ok(Plan { export, arguments, input, buffers, pages: placement.pages(), pays_for_pages: false, result })
}

/// Where the contract takes its input: an area of its own, or pages behind its memory. There is no room in a memory that
/// is not exported: the host does not reach it.
fn room(module: &ValidModule, pages_max: u32) -> Room {
    let is_exported = module.exports().any(|(_, ty)| matches!(ty, ExternType::Memory(_)));
    match (module.memory(), module.packed().input_area) {
        (Some(_), Some(area)) if is_exported => Room::Static { base: area.base, capacity: area.capacity },
        (Some(memory), None) if is_exported => {
            let declared = memory.maximum_pages.unwrap_or(u32::MAX);
            Room::Appended { pages: memory.minimum_pages, pages_max: declared.min(pages_max) }
        }
        _ => Room::Appended { pages: 0, pages_max: 0 },
    }
}

/// The types of an exported function that can be called by name: integers only, at most one result.
fn value_types(module: &ValidModule, name: &str) -> Option<(Vec<ValueType>, Vec<ValueType>)> {
    let function = module.export_type(name)?;
    let parameters: Option<Vec<_>> = function.parameters.iter().map(|value| value.integer()).collect();
    let results: Option<Vec<_>> = function.results.iter().map(|value| value.integer()).collect();
    let (parameters, results) = (parameters?, results?);
    (results.len() <= 1).then_some((parameters, results))
}
