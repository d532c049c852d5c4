//! What a module of the `packed` ABI says of itself: the sections `packed_abi` and `packed_order`, and the exported
//! globals `input_base` and `input_capacity`.
//!
//! In modules of other ABIs none of these means anything.

use super::{
    invalid::{InvalidCode, InvalidModule, quoted},
    pass::{Pass, Step},
    types::{ExternType, GlobalType, ValType},
};
use lockstep_gas::{Abi, PAGE_BYTES};
use lockstep_host::{
    ValueType,
    packed::{Descriptor, PackOrder, PackedAbi},
};
use wasmparser::{CustomSectionReader, Export};

/// The global that says where input buffers go, an offset in bytes.
const INPUT_BASE: &str = "input_base";

/// The global that says how much room is there, in bytes.
const INPUT_CAPACITY: &str = "input_capacity";

/// What a module of the `packed` ABI says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackedFacts {
    /// The section `packed_abi`, if there is one. Each name in it is an exported function that has a type for its
    /// descriptor.
    pub descriptors: Option<PackedAbi>,
    /// The section `packed_order`, or what holds without it.
    pub order: PackOrder,
    /// Where input buffers go, if the module has a place of its own for them.
    pub input_area: Option<InputArea>,
}

/// A part of the module's initial memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputArea {
    /// The offset of the first byte.
    pub base: u32,
    /// Bytes. `base + capacity` is at most the bytes of the initial memory.
    pub capacity: u32,
}

/// One of the two globals: where it is exported, and its value if that is a constant.
#[derive(Debug, Clone, Copy)]
struct InputGlobal {
    offset: usize,
    constant: Option<i32>,
}

/// What is known until the end of the module.
#[derive(Debug, Default)]
pub(super) struct PackedSections<'a> {
    /// Content of the section, and its offset.
    abi: Option<(usize, &'a [u8])>,
    order: Option<PackOrder>,
    base: Option<InputGlobal>,
    capacity: Option<InputGlobal>,
}

impl<'a> Pass<'a> {
    pub(super) fn custom(&mut self, section: &CustomSectionReader<'a>) -> Step {
        if self.is_linked() {
            return Ok(());
        }
        let offset = section.data_offset();
        let (code, is_second) = match (self.rules.abi, section.name()) {
            (Abi::Packed, PackedAbi::SECTION) => {
                (InvalidCode::PackedAbiSection, self.packed.abi.replace((offset, section.data())).is_some())
            }
            (Abi::Packed, PackOrder::SECTION) => {
                let order = PackOrder::parse(Some(section.data()));
                let is_second = self.packed.order.replace(order.unwrap_or_default()).is_some();
                if let Err(error) = order {
                    let invalid = InvalidModule::rule(InvalidCode::PackedOrderSection, offset, error.to_string());
                    self.findings.report(invalid)?;
                }
                (InvalidCode::PackedOrderSection, is_second)
            }
            _ => return Ok(()),
        };
        if is_second {
            self.findings.report(InvalidModule::rule(code, offset, "a second section of the name"))?;
        }
        Ok(())
    }

    /// The names of the two globals are taken: nothing else may be exported by them.
    pub(super) fn input_area_export(&mut self, offset: usize, export: &Export<'_>, ty: &ExternType) -> Step {
        if !matches!(export.name, INPUT_BASE | INPUT_CAPACITY) {
            return Ok(());
        }
        if *ty != ExternType::Global(GlobalType { value: ValType::I32, mutable: false }) {
            let detail = format!("`{}` is a {} {ty}, expected an immutable global i32", export.name, ty.kind());
            return self.findings.report(InvalidModule::rule(InvalidCode::InputArea, offset, detail));
        }
        let global = usize::try_from(export.index).ok().and_then(|index| self.spaces.globals.get(index));
        let found = Some(InputGlobal { offset, constant: global.and_then(|global| global.constant) });
        if export.name == INPUT_BASE {
            self.packed.base = found;
        } else {
            self.packed.capacity = found;
        }
        Ok(())
    }

    /// After the last section: holds what was found against the exports and the memory.
    pub(super) fn packed_facts(&mut self) -> Step {
        self.facts.packed.order = self.packed.order.unwrap_or_default();
        if let Some((offset, content)) = self.packed.abi {
            self.packed_abi(offset, content)?;
        }
        self.input_area()
    }

    fn packed_abi(&mut self, offset: usize, content: &[u8]) -> Step {
        let abi = match PackedAbi::parse(content) {
            Ok(abi) => abi,
            Err(error) => {
                let offset = usize::try_from(error.offset).map_or(offset, |inside| offset.saturating_add(inside));
                let invalid = InvalidModule::rule(InvalidCode::PackedAbiSection, offset, error.to_string());
                return self.findings.report(invalid);
            }
        };
        for (name, descriptor) in abi.iter() {
            let name = core::str::from_utf8(name).unwrap_or_default();
            let detail = match self.facts.exports.get(name) {
                Some(ty) if fits(descriptor, ty) => continue,
                Some(ty) => format!("{} is a {} {ty}, not {descriptor}", quoted(name), ty.kind()),
                None => format!("{} is not exported", quoted(name)),
            };
            self.findings.report(InvalidModule::rule(InvalidCode::PackedAbiSection, offset, detail))?;
        }
        self.facts.packed.descriptors = Some(abi);
        Ok(())
    }

    fn input_area(&mut self) -> Step {
        let (base, capacity) = match (self.packed.base, self.packed.capacity) {
            (None, None) => return Ok(()),
            (Some(base), Some(capacity)) => (base, capacity),
            (Some(one), None) | (None, Some(one)) => {
                let detail = format!("only one of `{INPUT_BASE}` and `{INPUT_CAPACITY}` is exported");
                return self.findings.report(InvalidModule::rule(InvalidCode::InputArea, one.offset, detail));
            }
        };
        let (Some(start), Some(bytes)) = (base.constant, capacity.constant) else {
            let global = if base.constant.is_none() { base } else { capacity };
            let detail = "the global is not initialized by one i32.const";
            return self.findings.report(InvalidModule::rule(InvalidCode::InputArea, global.offset, detail));
        };
        let area = InputArea { base: start.cast_unsigned(), capacity: bytes.cast_unsigned() };
        let end = u64::from(area.base).saturating_add(u64::from(area.capacity));
        let pages = self.spaces.memories.first().map(|memory| u64::from(memory.minimum_pages));
        let memory_bytes = pages.map(|pages| pages.saturating_mul(PAGE_BYTES));
        if memory_bytes.is_none_or(|memory_bytes| end > memory_bytes) {
            let detail =
                format!("the area ends at {end} in an initial memory of {} bytes", memory_bytes.unwrap_or_default());
            return self.findings.report(InvalidModule::rule(InvalidCode::InputArea, base.offset, detail));
        }
        self.facts.packed.input_area = Some(area);
        Ok(())
    }
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
