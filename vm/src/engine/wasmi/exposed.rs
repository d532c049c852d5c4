//! What an engine must reach of a module, as exports: the start function, which wasmi would run while it instantiates, where
//! nothing can be charged to a frame or asked of the host; and the mutable globals, whose first values make an instance as
//! new.

use super::normal::{leb128, section};
use crate::{module::invalid::InvalidModule, start::START};
use std::borrow::Cow;
use wasmparser::{BinaryReader, Parser, Payload};

/// Identifiers of sections (Wasm specification, binary format of modules).
const EXPORT: u8 = 7;
const START_SECTION: u8 = 8;

/// Kinds of exports (Wasm specification, binary format of exports).
const FUNCTION: u8 = 0;
const GLOBAL: u8 = 3;

/// An export of the engine's own.
struct Exposed<'a> {
    name: &'a str,
    kind: u8,
    index: u32,
}

/// The module without its start section, whose function it exports as [`START`], and with the globals exported that
/// `globals` names. One without any stays as it is.
///
/// # Errors
///
/// None for a valid module.
pub(super) fn exposed<'a>(code: &'a [u8], globals: &[(String, u32)]) -> Result<Cow<'a, [u8]>, InvalidModule> {
    let mut exposed: Vec<_> =
        globals.iter().map(|(name, index)| Exposed { name, kind: GLOBAL, index: *index }).collect();
    for payload in Parser::new(0).parse_all(code) {
        if let Payload::StartSection { func, .. } = payload? {
            exposed.push(Exposed { name: START, kind: FUNCTION, index: func });
        }
    }
    if exposed.is_empty() {
        return Ok(Cow::Borrowed(code));
    }
    let mut module = code.get(..8).unwrap_or_default().to_vec();
    let mut is_written = false;
    for payload in Parser::new(0).parse_all(code) {
        let Some((id, range)) = payload?.as_section() else { continue };
        let content = code.get(range).unwrap_or_default();
        // Exports stand between globals and the start, whether there are any or not. Custom sections stand anywhere.
        if id >= EXPORT && !is_written {
            let own = if id == EXPORT { content } else { &[0] };
            section(&mut module, EXPORT, &exports(own, &exposed)?);
            is_written = true;
        }
        if id != EXPORT && id != START_SECTION {
            section(&mut module, id, content);
        }
    }
    if !is_written {
        section(&mut module, EXPORT, &exports(&[0], &exposed)?);
    }
    Ok(Cow::Owned(module))
}

/// The content of the export section with more exports.
fn exports(own: &[u8], more: &[Exposed<'_>]) -> Result<Vec<u8>, InvalidModule> {
    let mut reader = BinaryReader::new(own, 0);
    let count = reader.read_var_u32()?;
    let mut content = Vec::new();
    leb128(&mut content, count.saturating_add(u32::try_from(more.len()).unwrap_or(u32::MAX)));
    content.extend_from_slice(own.get(reader.original_position()..).unwrap_or_default());
    for Exposed { name, kind, index } in more {
        leb128(&mut content, u32::try_from(name.len()).unwrap_or(u32::MAX));
        content.extend_from_slice(name.as_bytes());
        content.push(*kind);
        leb128(&mut content, *index);
    }
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
            assert_eq!(without_names(&exposed(&before, &[]).unwrap()), without_names(&after));
        }
    }

    #[test]
    fn globals_become_exports() {
        let globals = [("(global 1)".to_owned(), 1), ("(global 2)".to_owned(), 2)];
        for (before, after) in [
            (
                r#"(module (global i32 (i32.const 1)) (global (mut i32) (i32.const 2)) (global (mut i64) (i64.const 3)))"#,
                r#"(module (global i32 (i32.const 1)) (global (mut i32) (i32.const 2)) (global (mut i64) (i64.const 3))
                    (export "(global 1)" (global 1)) (export "(global 2)" (global 2)))"#,
            ),
            (
                r#"(module (global i32 (i32.const 1)) (global (mut i32) (i32.const 2)) (global (mut i64) (i64.const 3))
                    (func $f) (export "f" (func $f)) (start $f))"#,
                r#"(module (global i32 (i32.const 1)) (global (mut i32) (i32.const 2)) (global (mut i64) (i64.const 3))
                    (func $f) (export "f" (func $f)) (export "(global 1)" (global 1)) (export "(global 2)" (global 2))
                    (export "(start)" (func $f)))"#,
            ),
        ] {
            let [before, after] = [before, after].map(|wat| wat::parse_str(wat).unwrap());
            let sections = |code: &[u8]| {
                let sections = Parser::new(0).parse_all(code).filter_map(|payload| payload.unwrap().as_section());
                sections.filter(|(id, _)| *id != 0).map(|(id, range)| (id, code[range].to_vec())).collect::<Vec<_>>()
            };
            assert_eq!(sections(&exposed(&before, &globals).unwrap()), sections(&after));
        }
    }
}
