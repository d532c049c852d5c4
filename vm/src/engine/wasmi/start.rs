//! A module's start function as an export: wasmi would run it while it instantiates, where nothing can be charged to a
//! frame or asked of the host.

use super::normal::{leb128, section};
use crate::{module::invalid::InvalidModule, start::START};
use std::borrow::Cow;
use wasmparser::{BinaryReader, Parser, Payload};

/// Identifiers of sections (Wasm specification, binary format of modules).
const EXPORT: u8 = 7;
const START_SECTION: u8 = 8;

/// The kind of an exported function (binary format of exports).
const FUNCTION: u8 = 0;

/// The module without its start section, whose function it exports as [`START`]. One without a start function stays as it
/// is.
///
/// # Errors
///
/// None for a valid module.
pub(super) fn exposed(code: &[u8]) -> Result<Cow<'_, [u8]>, InvalidModule> {
    let mut start = None;
    let mut has_exports = false;
    for payload in Parser::new(0).parse_all(code) {
        match payload? {
            Payload::StartSection { func, .. } => start = Some(func),
            Payload::ExportSection(_) => has_exports = true,
            _ => {}
        }
    }
    let Some(start) = start else { return Ok(Cow::Borrowed(code)) };
    let mut module = code.get(..8).unwrap_or_default().to_vec();
    for payload in Parser::new(0).parse_all(code) {
        let Some((id, range)) = payload?.as_section() else { continue };
        let content = code.get(range).unwrap_or_default();
        match id {
            EXPORT => section(&mut module, EXPORT, &exports(content, start)?),
            // It stands where exports would.
            START_SECTION if !has_exports => section(&mut module, EXPORT, &exports(&[0], start)?),
            START_SECTION => {}
            id => section(&mut module, id, content),
        }
    }
    Ok(Cow::Owned(module))
}

/// The content of the export section with one more export.
fn exports(own: &[u8], start: u32) -> Result<Vec<u8>, InvalidModule> {
    let mut reader = BinaryReader::new(own, 0);
    let count = reader.read_var_u32()?;
    let mut content = Vec::new();
    leb128(&mut content, count.saturating_add(1));
    content.extend_from_slice(own.get(reader.original_position()..).unwrap_or_default());
    leb128(&mut content, u32::try_from(START.len()).unwrap_or(u32::MAX));
    content.extend_from_slice(START.as_bytes());
    content.push(FUNCTION);
    leb128(&mut content, start);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_function_becomes_an_export() {
        for (before, after) in [
            (
                r#"(module (func $f) (func $g) (export "g" (func $g)) (start $g))"#,
                r#"(module (func $f) (func $g) (export "g" (func $g)) (export "(start)" (func $g)))"#,
            ),
            (
                r#"(module (import "m" "f" (func $f)) (memory 1) (global i32 (i32.const 1)) (start $f) (data (i32.const 0) "d"))"#,
                r#"(module (import "m" "f" (func $f)) (memory 1) (global i32 (i32.const 1)) (export "(start)" (func $f))
                    (data (i32.const 0) "d"))"#,
            ),
            (r#"(module (func (export "f")))"#, r#"(module (func (export "f")))"#),
        ] {
            // Names are custom sections, which stay.
            let [before, after] = [before, after].map(|wat| wat::parse_str(wat).unwrap());
            let without_names = |code: &[u8]| {
                let sections = Parser::new(0).parse_all(code).filter_map(|payload| payload.unwrap().as_section());
                sections.filter(|(id, _)| *id != 0).map(|(id, range)| (id, code[range].to_vec())).collect::<Vec<_>>()
            };
            assert_eq!(without_names(&exposed(&before).unwrap()), without_names(&after));
        }
    }
}
