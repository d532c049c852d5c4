//! What can be read off a module that is not validated: for messages and for the command, never for consensus.

use super::{
    invalid::InvalidModule,
    payloads::{Payloads, TypeItem, for_each_function_name, for_each_type},
    types::FunctionType,
};
use crate::abi::{
    self,
    protocol::{Outline, OutlinedImport},
};
use core::ops::ControlFlow;
use lockstep_gas::Abi;
use wasmparser::{ExternalKind, Payload, TypeRef, WasmFeatures};

/// The name of the function `index` in the name section, imported functions counted first. `None` if it has
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

/// The ABI that `code` looks like; [`Abi::Ewasm`] if it is not a readable module.
pub fn guess_abi(code: &[u8]) -> Abi {
    let Ok(outline) = outline(code) else { return Abi::Ewasm };
    // From the last, which is the most particular, to `ewasm`, which every module looks like.
    let mut abis = Abi::CONTRACTS.iter().rev().copied();
    abis.find(|&abi| abi::protocol(abi).recognises(&outline)).unwrap_or(Abi::Ewasm)
}

fn outline(code: &[u8]) -> Result<Outline<'_>, InvalidModule> {
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
                    let import = import?;
                    let mut ty = None;
                    if let TypeRef::Func(index) = import.ty {
                        functions.push(index);
                        ty = usize::try_from(index).ok().and_then(|index| types.get(index).cloned().flatten());
                    }
                    outline.imports.push(OutlinedImport { module: import.module, name: import.name, ty });
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
                    let index = usize::try_from(export.index).ok().filter(|_| export.kind == ExternalKind::Func);
                    let ty = index.and_then(|index| functions.get(index));
                    let ty = ty.and_then(|&index| types.get(usize::try_from(index).ok()?));
                    outline.exports.push((export.name, ty.cloned().flatten()));
                }
            }
            Payload::CustomSection(section) => outline.sections.push(section.name()),
            Payload::End(_) => return Ok(outline),
            _ => {}
        }
    }
}

/// Why a module of `abi` may export a function of that name and type that is never called, if that is so.
pub fn uncallable(abi: Abi, name: &str, ty: &FunctionType) -> Option<String> {
    abi::protocol(abi).uncallable(name, ty)
}
