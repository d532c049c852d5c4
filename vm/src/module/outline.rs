//! What can be read off a module that nobody has validated: for messages and for the command, never for consensus.

use super::{
    exports::MAIN,
    invalid::InvalidModule,
    payloads::{Payloads, TypeItem, for_each_function_name, for_each_type},
    types::{FunctionType, ValType},
};
use core::ops::ControlFlow;
use lockstep_gas::Abi;
use lockstep_host::packed::{PackOrder, PackedAbi};
use wasmparser::{ExternalKind, Payload, TypeRef, WasmFeatures};

/// The name that the name section gives the function `index`, imported functions counted first. `None` if it gives
/// none, or if there is no readable name section. Reads the whole of `code`.
pub fn function_name(code: &[u8], index: u32) -> Option<&str> {
    let mut found = None;
    for_each_function_name(code, |named, name| {
        if named == index {
            found = Some(name);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    found
}

/// The ABI that `code` looks like: [`Abi::Packed`] if it has a section of that ABI, if its `main` is `(i64)->(i64)` or
/// if it exports no `main`; otherwise, and if it is not a readable module, [`Abi::Ewasm`].
pub fn guess_abi(code: &[u8]) -> Abi {
    let is_packed = match outline(code) {
        Ok(outline) => {
            let main_is_packed =
                outline.main.is_none_or(|main| main.is_some_and(|ty| ty.is(&[ValType::I64], &[ValType::I64])));
            outline.has_packed_section || main_is_packed
        }
        Err(_) => false,
    };
    if is_packed { Abi::Packed } else { Abi::Ewasm }
}

#[derive(Default)]
struct Outline {
    has_packed_section: bool,
    /// The export `main`, and its type if it is a function.
    main: Option<Option<FunctionType>>,
}

fn outline(code: &[u8]) -> Result<Outline, InvalidModule> {
    let features = WasmFeatures::empty();
    let mut payloads = Payloads::new(code, features);
    let mut outline = Outline::default();
    let (mut types, mut functions) = (Vec::new(), Vec::new());
    loop {
        match payloads.next()? {
            Payload::TypeSection(section) => for_each_type(code, &section, features, |_, item| {
                if let TypeItem::Read(ty) = item {
                    types.push(FunctionType::of(&ty));
                }
                Ok(())
            })?,
            Payload::ImportSection(section) => {
                for import in section {
                    if let TypeRef::Func(index) = import?.ty {
                        functions.push(index);
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for index in section {
                    functions.push(index?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.name != MAIN {
                        continue;
                    }
                    let index = usize::try_from(export.index).ok().filter(|_| export.kind == ExternalKind::Func);
                    let ty = index.and_then(|index| functions.get(index));
                    let ty = ty.and_then(|&index| types.get(usize::try_from(index).ok()?));
                    outline.main = Some(ty.cloned().flatten());
                }
            }
            Payload::CustomSection(section) => {
                outline.has_packed_section |= matches!(section.name(), PackedAbi::SECTION | PackOrder::SECTION);
            }
            Payload::End(_) => return Ok(outline),
            _ => {}
        }
    }
}
