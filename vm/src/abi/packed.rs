//! `packed`: `main (i64)->(i64)` and exports called by name, arguments packed into i64 values (packed convention,
//! `docs/spec.md`).
//!
//! `main` may also be `()->()`; a memory is exported as `memory`; none of the two is required. A module says more of itself
//! in the sections `packed_abi` and `packed_order` and in the exported globals `input_base` and `input_capacity`.

use super::{
    facts::{AbiFacts, InputArea, PackedFacts},
    protocol::{
        End, GuestCall, MAIN, MEMORY, Opening, Outline, Protocol, Returned, Step, Then, Unfit, ended, only_buffer,
    },
};
use crate::{
    argument::Argument as EngineArgument,
    module::{
        facts::{Facts, Section},
        invalid::{InvalidCode, InvalidModule, quoted},
        types::{ExternType, FunctionType, GlobalType, ValType},
    },
};
use alloy_primitives::Bytes;
use lockstep_gas::{PAGE_BYTES, Rules};
use lockstep_host::{
    AbiState, Buffers, Entry, Errno, ExportCall, HaltReason, Stop, ValueType,
    packed::{
        Argument, BufIn, BufOut, Descriptor, PackOrder, PackedAbi, Parameter, Placement, ResultKind, Room,
        StructLayout, Unplaced,
    },
};

/// The global that says where input buffers go, an offset in bytes.
const INPUT_BASE: &str = "input_base";

/// The global that says how much room is there, in bytes.
const INPUT_CAPACITY: &str = "input_capacity";

/// What both are.
const INPUT_GLOBAL: ExternType = ExternType::Global(GlobalType { value: ValType::I32, mutable: false });

/// Bytes of a buffer in the struct of arguments: its offset and its length, 32 bits each.
const BUFFER_BYTES: u32 = 8;

/// Where violations go.
type Report<'r> = dyn FnMut(InvalidModule) -> Result<(), InvalidModule> + 'r;

/// The protocol.
pub(super) struct Packed;

impl Protocol for Packed {
    fn sections(&self) -> &'static [(&'static str, InvalidCode)] {
        &[(PackedAbi::SECTION, InvalidCode::PackedAbiSection), (PackOrder::SECTION, InvalidCode::PackedOrderSection)]
    }

    fn export(&self, name: &str, ty: &ExternType, _rules: &Rules) -> Result<(), Unfit> {
        match (name, ty) {
            (MAIN, ExternType::Function(function))
                if function.is(&[], &[]) || function.is(&[ValType::I64], &[ValType::I64]) =>
            {
                Ok(())
            }
            (MAIN, _) => Err(Unfit::mismatch(name, ty, "a function (i64)->(i64) or ()->()")),
            (MEMORY, ExternType::Memory(_)) => Ok(()),
            (MEMORY, _) => Err(Unfit::mismatch(name, ty, "a memory")),
            (name, ExternType::Memory(_)) => Err(Unfit::extra(name, &format!(": a memory is exported as `{MEMORY}`"))),
            // The names are taken: nothing else may be exported by them.
            //= spec 6.5.6
            (INPUT_BASE | INPUT_CAPACITY, _) if *ty != INPUT_GLOBAL => {
                Err(Unfit { code: InvalidCode::InputArea, ..Unfit::mismatch(name, ty, "an immutable global i32") })
            }
            _ => Ok(()),
        }
    }

    fn facts(&self, module: &Facts, report: &mut Report<'_>) -> Result<AbiFacts, InvalidModule> {
        Ok(AbiFacts::Packed(PackedFacts {
            order: order(module, report)?,
            descriptors: descriptors(module, report)?,
            input_area: input_area(module, report)?,
        }))
    }

    /// It has a section of this ABI, its `main` is `(i64)->(i64)`, or it exports no `main`.
    fn recognises(&self, outline: &Outline<'_>) -> bool {
        let has_section = outline.sections.iter().any(|name| matches!(*name, PackedAbi::SECTION | PackOrder::SECTION));
        has_section
            || outline
                .export(MAIN)
                .is_none_or(|main| main.as_ref().is_some_and(|ty| ty.is(&[ValType::I64], &[ValType::I64])))
    }

    fn uncallable(&self, name: &str, ty: &FunctionType) -> Option<String> {
        (name != MAIN && values_of(ty).is_none()).then(|| {
            format!(
                "the export `{name}` {ty} cannot be called by name: its parameters and its one result, if any, must be i32 \
                 or i64"
            )
        })
    }

    //= spec 6.4.1
    fn open(&self, module: &Facts, entry: &Entry, pages_max: u32) -> Result<Opening, HaltReason> {
        match entry {
            Entry::Main(input) => open_main(module, input.clone(), pages_max),
            Entry::Export(call) if is_packed_main(module, &call.name) => {
                // A contract that calls by name has paid for the pages itself.
                let pays_for_pages = call.buffers == Buffers::InArguments;
                let opening = open_main(module, only_buffer(call, MAIN)?, pages_max)?;
                Ok(Opening { pays_for_pages, ..opening })
            }
            Entry::Export(call) => open_export(module, call, pages_max),
            Entry::Constructor(_) => Err(HaltReason::NoSuchExport),
        }
    }

    /// A struct of one buffer, which lies behind it.
    //= spec 12.12
    fn one_buffer(&self, name: Bytes, input: &Bytes) -> ExportCall {
        let length = u32::try_from(input.len()).unwrap_or(u32::MAX);
        let arguments = [&BUFFER_BYTES.to_le_bytes()[..], &length.to_le_bytes(), input].concat().into();
        let descriptor = Descriptor::parse(&[Parameter::BufIn.letter(), ResultKind::BufOut.letter()]).ok();
        ExportCall { name, descriptor, arguments, buffers: Buffers::InArguments }
    }
}

fn order(module: &Facts, report: &mut Report<'_>) -> Result<PackOrder, InvalidModule> {
    let Some(section) = module.section(PackOrder::SECTION) else { return Ok(PackOrder::default()) };
    match PackOrder::parse(Some(&section.content)) {
        Ok(order) => Ok(order),
        Err(error) => {
            report(InvalidModule::rule(InvalidCode::PackedOrderSection, section.offset, error.to_string()))?;
            Ok(PackOrder::default())
        }
    }
}

//= spec 6.2.3
fn descriptors(module: &Facts, report: &mut Report<'_>) -> Result<Option<PackedAbi>, InvalidModule> {
    let Some(Section { offset, content, .. }) = module.section(PackedAbi::SECTION) else { return Ok(None) };
    let abi = match PackedAbi::parse(content) {
        Ok(abi) => abi,
        Err(error) => {
            let offset = usize::try_from(error.offset).map_or(*offset, |inside| offset.saturating_add(inside));
            report(InvalidModule::rule(InvalidCode::PackedAbiSection, offset, error.to_string()))?;
            return Ok(None);
        }
    };
    for (name, descriptor) in abi.iter() {
        let name = core::str::from_utf8(name).unwrap_or_default();
        let detail = match module.exports.get(name).map(|export| &export.ty) {
            Some(ty) if fits(descriptor, ty) => continue,
            Some(ty) => format!("{} is a {} {ty}, not {descriptor}", quoted(name), ty.kind()),
            None => format!("{} is not exported", quoted(name)),
        };
        report(InvalidModule::rule(InvalidCode::PackedAbiSection, *offset, detail))?;
    }
    Ok(Some(abi))
}

//= spec 6.5.4, 6.5.6
fn input_area(module: &Facts, report: &mut Report<'_>) -> Result<Option<InputArea>, InvalidModule> {
    // One of another type is a violation of its own.
    let global = |name: &str| module.exports.get(name).filter(|export| export.ty == INPUT_GLOBAL);
    let (base, capacity) = match (global(INPUT_BASE), global(INPUT_CAPACITY)) {
        (None, None) => return Ok(None),
        (Some(base), Some(capacity)) => (base, capacity),
        (Some(one), None) | (None, Some(one)) => {
            let detail = format!("only one of `{INPUT_BASE}` and `{INPUT_CAPACITY}` is exported");
            report(InvalidModule::rule(InvalidCode::InputArea, one.offset, detail))?;
            return Ok(None);
        }
    };
    let (Some(start), Some(bytes)) = (base.constant, capacity.constant) else {
        let global = if base.constant.is_none() { base } else { capacity };
        let detail = "the global is not initialized by one i32.const";
        report(InvalidModule::rule(InvalidCode::InputArea, global.offset, detail))?;
        return Ok(None);
    };
    let area = InputArea { base: start.cast_unsigned(), capacity: bytes.cast_unsigned() };
    let end = u64::from(area.base).saturating_add(u64::from(area.capacity));
    let memory_bytes = module.memory.map(|memory| u64::from(memory.minimum_pages).saturating_mul(PAGE_BYTES));
    if memory_bytes.is_none_or(|memory_bytes| end > memory_bytes) {
        let memory_bytes = memory_bytes.unwrap_or_default();
        let detail = format!("the area ends at {end} in an initial memory of {memory_bytes} bytes");
        report(InvalidModule::rule(InvalidCode::InputArea, base.offset, detail))?;
        return Ok(None);
    }
    Ok(Some(area))
}

/// Whether an export of that type can be called with the descriptor.
fn fits(descriptor: &Descriptor, ty: &ExternType) -> bool {
    let integers = |values: &[ValType]| values.iter().map(|value| value.integer()).collect::<Option<Vec<ValueType>>>();
    match ty {
        ExternType::Function(function) => match (integers(&function.parameters), integers(&function.results)) {
            (Some(parameters), Some(results)) => descriptor.matches(&parameters, &results),
            _ => false,
        },
        ExternType::Table(_) | ExternType::Memory(_) | ExternType::Global(_) => false,
    }
}

fn is_packed_main(module: &Facts, name: &[u8]) -> bool {
    name == MAIN.as_bytes()
        && value_types(module, MAIN)
            .is_some_and(|(parameters, results)| parameters == [ValueType::I64] && results == [ValueType::I64])
}

//= spec 6.4.1, 6.4.2, 6.4.7
fn open_main(module: &Facts, input: Bytes, pages_max: u32) -> Result<Opening, HaltReason> {
    let (parameters, _) = value_types(module, MAIN).ok_or(HaltReason::NoSuchExport)?;
    if parameters.is_empty() {
        let opening = Opening::plain(input, GuestCall::of(MAIN, ended));
        return Ok(Opening { state: state(module), ..opening });
    }
    let arguments = [Argument::BufIn(0)];
    let call = ("main".to_owned(), buffer_returned as Then);
    let opening = place(module, call, &arguments, vec![input.clone()], input, pages_max)?;
    Ok(Opening { pays_for_pages: true, ..opening })
}

//= spec 6.4.3, 6.4.4, 6.4.5
fn open_export(module: &Facts, call: &ExportCall, pages_max: u32) -> Result<Opening, HaltReason> {
    let name = core::str::from_utf8(&call.name).map_err(|_| HaltReason::NoSuchExport)?;
    let (parameters, results) = value_types(module, name).ok_or(HaltReason::NoSuchExport)?;
    let facts = module.abi.packed();
    let declared = facts.and_then(|facts| facts.descriptors.as_ref()).and_then(|section| section.get(&call.name));
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
    let then: Then = match descriptor.result() {
        ResultKind::Void => ended,
        ResultKind::I32 => i32_returned,
        ResultKind::I64 => i64_returned,
        ResultKind::BufOut => buffer_returned,
    };
    let opening = place(module, (name.to_owned(), then), &arguments, buffers, call.arguments.clone(), pages_max)?;
    Ok(Opening { pays_for_pages: call.buffers == Buffers::InArguments, ..opening })
}

/// The struct at the start of a transaction's input, and the buffers that its slots name in the same input.
//= spec 6.3.3
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
            let end = start.checked_add(length).filter(|end| *end <= input.len());
            // A part of the input, not a copy: 32 buffers can each name the whole input.
            buffers.push(input.slice(start..end.ok_or(HaltReason::SignatureMismatch)?));
        }
    }
    if buffers.is_empty() && input.len() != size {
        return Err(HaltReason::SignatureMismatch);
    }
    Ok((input.slice(..size), buffers))
}

/// Places `buffers` and puts their places into the `b` arguments.
fn place(
    module: &Facts,
    (export, then): (String, Then),
    arguments: &[Argument],
    buffers: Vec<Bytes>,
    input: Bytes,
    pages_max: u32,
) -> Result<Opening, HaltReason> {
    let lengths: Result<Vec<u32>, _> = buffers.iter().map(|buffer| u32::try_from(buffer.len())).collect();
    let lengths = lengths.map_err(|_| HaltReason::LimitExceeded)?;
    let placement = Placement::new(&lengths, room(module, pages_max)).map_err(|unplaced| match unplaced {
        Unplaced::InputTooLarge { .. } => HaltReason::LimitExceeded,
        Unplaced::NoRoom { .. } => HaltReason::NoRoomForInput,
    })?;
    let mut places = placement.buffers().iter();
    let state = state(module);
    let order = order_of(module);
    let arguments = arguments.iter().map(|argument| match *argument {
        Argument::I32(value) => EngineArgument::I32(value.cast_unsigned()),
        Argument::I64(value) => EngineArgument::I64(value.cast_unsigned()),
        Argument::BufIn(_) => EngineArgument::I64(places.next().map_or(0, |place| place.pack(order).cast_unsigned())),
    });
    let first = GuestCall { export: export.into(), arguments: arguments.collect(), then };
    let buffers = placement.buffers().iter().map(|place| place.offset()).zip(buffers).collect();
    Ok(Opening { input, state, pages: placement.pages(), pays_for_pages: false, buffers, first })
}

fn order_of(module: &Facts) -> PackOrder {
    module.abi.packed().map_or_else(PackOrder::default, |facts| facts.order)
}

fn state(module: &Facts) -> AbiState {
    AbiState::Packed(order_of(module))
}

/// Where the contract takes its input: an area of its own, or pages behind its memory. There is no room in a memory that
/// is not exported: the host does not reach it.
//= spec 6.5.1, 6.5.3, 6.5.4
fn room(module: &Facts, pages_max: u32) -> Room {
    let is_exported = module.exports.values().any(|export| matches!(export.ty, ExternType::Memory(_)));
    match (module.memory, module.abi.packed().and_then(|facts| facts.input_area)) {
        (Some(_), Some(area)) if is_exported => Room::Static { base: area.base, capacity: area.capacity },
        (Some(memory), None) if is_exported => {
            let declared = memory.maximum_pages.unwrap_or(u32::MAX);
            Room::Appended { pages: memory.minimum_pages, pages_max: declared.min(pages_max) }
        }
        _ => Room::Appended { pages: 0, pages_max: 0 },
    }
}

/// The types of an exported function that can be called by name: integers only, at most one result.
fn value_types(module: &Facts, name: &str) -> Option<(Vec<ValueType>, Vec<ValueType>)> {
    values_of(module.function(name)?)
}

//= spec 6.4.3
fn values_of(function: &FunctionType) -> Option<(Vec<ValueType>, Vec<ValueType>)> {
    let parameters: Option<Vec<_>> = function.parameters.iter().map(|value| value.integer()).collect();
    let results: Option<Vec<_>> = function.results.iter().map(|value| value.integer()).collect();
    let (parameters, results) = (parameters?, results?);
    (results.len() <= 1).then_some((parameters, results))
}

//= spec 6.6.1
fn i32_returned(returned: Returned<'_>) -> Result<Step, Stop> {
    let bytes = returned.bits.to_le_bytes();
    let low = bytes.first_chunk::<4>().map_or(&[][..], |low| low);
    Ok(Step::End(End::Return(Bytes::copy_from_slice(low))))
}

//= spec 6.6.1
fn i64_returned(returned: Returned<'_>) -> Result<Step, Stop> {
    Ok(Step::End(End::Return(Bytes::copy_from_slice(&returned.bits.to_le_bytes()))))
}

/// The result names the output and says how the call ended.
//= spec 6.1.6, 6.1.7, 6.1.8, 6.6.2
fn buffer_returned(returned: Returned<'_>) -> Result<Step, Stop> {
    let result = BufOut::unpack(returned.bits.cast_signed());
    let output = returned.call.guest.load_bytes(result.offset(), result.length());
    Ok(Step::End(match output {
        Ok(output) if result.errno() == Errno::OK => End::Return(output),
        Ok(output) if result.errno().is_contract_defined() => End::Revert(result.errno(), output),
        _ => End::Halt(HaltReason::BadResult),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many buffers name a part of the input, and however often: no byte of it is held twice.
    #[test]
    fn buffers_in_arguments_are_parts_of_the_input() {
        let descriptor = Descriptor::parse(format!("{}v", "b".repeat(32)).as_bytes()).unwrap();
        let layout = StructLayout::new(&descriptor);
        let input_bytes = 131_072_u64;
        let whole = (input_bytes << 32).to_le_bytes().repeat(32);
        let mut input = whole;
        input.resize(131_072, 0);
        let input = Bytes::from(input);
        let (scalars, buffers) = split(&layout, &input).unwrap();
        assert_eq!((scalars.len(), buffers.len()), (256, 32));
        let within = input.as_ptr_range();
        for part in buffers.iter().chain([&scalars]) {
            assert!(within.contains(&part.as_ptr()));
        }
        // One byte beyond the end is no part of it.
        let mut beyond = input.to_vec();
        beyond[0] = 1;
        assert_eq!(split(&layout, &beyond.into()), Err(HaltReason::SignatureMismatch));
        let mut far = input.to_vec();
        far[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(split(&layout, &far.into()), Err(HaltReason::SignatureMismatch));
    }
}
