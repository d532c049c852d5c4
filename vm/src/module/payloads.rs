//! The sections of a module, one after the other, with lengths and counts looked at before wasmparser trusts them.
//!
//! wasmparser 0.228 adds a length that it has read to a position, in `usize`: on a 32-bit host a length near 2^32
//! overflows there. And it makes room for as many types as a recursion group announces. What goes through here can
//! do neither. Knows nothing of limits, ABIs or revisions.

use super::{
    invalid::{InvalidCode, InvalidModule},
    reasons::form_of_type,
};
use core::ops::{ControlFlow, Range};
use wasmparser::{
    BinaryReader, Chunk, ConstExpr, DataSectionReader, FuncType, Parser, Payload, SectionLimited, TypeSectionReader,
    ValType, WasmFeatures,
};

/// Magic number and version 1 (Wasm specification, binary format of modules).
pub(super) const HEADER: &[u8; 8] = b"\0asm\x01\0\0\0";

/// The form of a function type; the other forms belong to proposals that no revision has.
const FUNCTION_TYPE: u8 = 0x60;

/// What is at the position of [`Payloads`].
enum Next {
    Header,
    Section,
    Bodies(u32),
}

/// The payloads of a module in order. Nothing is promised about what is in them but that the lengths of sections and
/// function bodies lie inside the module.
pub(super) struct Payloads<'a> {
    parser: Parser,
    rest: &'a [u8],
    position: usize,
    next: Next,
}

impl<'a> Payloads<'a> {
    /// The payloads of `code`, which must begin with [`HEADER`] or the first one is an error.
    pub(super) fn new(code: &'a [u8], features: WasmFeatures) -> Self {
        let mut parser = Parser::new(0);
        parser.set_features(features);
        Self { parser, rest: code, position: 0, next: Next::Header }
    }

    /// The next payload; the last is [`Payload::End`], and nothing may be asked for after it or after an error.
    ///
    /// # Errors
    ///
    /// [`InvalidCode::Malformed`].
    pub(super) fn next(&mut self) -> Result<Payload<'a>, InvalidModule> {
        let mut reader = BinaryReader::new(self.rest, self.position);
        match self.next {
            Next::Header => {}
            Next::Section | Next::Bodies(0) => {
                if !self.rest.is_empty() {
                    reader.read_u8()?;
                    length_fits(&reader)?;
                }
            }
            Next::Bodies(_) => length_fits(&reader)?,
        }
        let Chunk::Parsed { consumed, payload } = self.parser.parse(self.rest, true)? else {
            return Err(InvalidModule::rule(InvalidCode::Malformed, self.position, "unexpected end"));
        };
        self.rest = self.rest.get(consumed..).unwrap_or_default();
        self.position = self.position.saturating_add(consumed);
        self.next = match (&payload, &self.next) {
            (Payload::CodeSectionStart { count, .. }, _) => Next::Bodies(*count),
            (Payload::CodeSectionEntry(_), Next::Bodies(left)) => Next::Bodies(left.saturating_sub(1)),
            _ => Next::Section,
        };
        Ok(payload)
    }
}

/// Checks that the length that is next in `reader` is not longer than what follows it. A length that cannot
/// be read is left for the parser to refuse.
fn length_fits(reader: &BinaryReader<'_>) -> Result<(), InvalidModule> {
    let mut reader = reader.clone();
    let offset = reader.original_position();
    match reader.read_var_u32() {
        Ok(length) if u64::from(length) > reader.bytes_remaining() as u64 => {
            let left = reader.bytes_remaining();
            let detail = format!("{length} bytes announced where {left} are left");
            Err(InvalidModule::rule(InvalidCode::Malformed, offset, detail))
        }
        _ => Ok(()),
    }
}

/// A part of the module that says its length before it.
pub(super) fn read_part<'a>(reader: &mut BinaryReader<'a>) -> Result<BinaryReader<'a>, InvalidModule> {
    length_fits(reader)?;
    Ok(reader.read_reader()?)
}

/// A reader of the items of `section`.
fn content<'a, T>(code: &'a [u8], section: &SectionLimited<'_, T>, features: WasmFeatures) -> BinaryReader<'a> {
    let items = section.original_position()..section.range().end;
    let start = items.start;
    BinaryReader::new_features(code.get(items).unwrap_or_default(), start, features)
}

/// Calls `visit` twice for each type of the section, with its offset: with what it announces before it is read, for
/// wasmparser has limits of its own, and with the type.
///
/// # Errors
///
/// [`InvalidCode::Malformed`] for a type that is not a function's, or what `visit` says.
pub(super) fn for_each_type(
    code: &[u8],
    section: &TypeSectionReader<'_>,
    features: WasmFeatures,
    mut visit: impl FnMut(usize, TypeItem) -> Result<(), InvalidModule>,
) -> Result<(), InvalidModule> {
    let mut reader = content(code, section, features);
    for _ in 0..section.count() {
        let offset = reader.original_position();
        if let Ok(arity) = arity(reader.clone()) {
            visit(offset, TypeItem::Announced(arity))?;
        }
        visit(offset, TypeItem::Read(read_type(&mut reader)?))?;
    }
    Ok(())
}

/// A function type of the type section.
#[derive(Debug)]
pub(super) enum TypeItem {
    /// Before it is read.
    Announced(Arity),
    /// The type.
    Read(FuncType),
}

/// How many parameters and results a function type announces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arity {
    pub(super) parameters: u32,
    pub(super) results: u32,
}

/// What the type at `reader` announces, as far as it can be read: one that is cut off has no results, and what is not a
/// function's has nothing.
fn arity(mut reader: BinaryReader<'_>) -> wasmparser::Result<Arity> {
    if reader.read_u8()? != FUNCTION_TYPE {
        return Ok(Arity { parameters: 0, results: 0 });
    }
    let parameters = reader.read_var_u32()?;
    for _ in 0..parameters {
        if reader.read::<ValType>().is_err() {
            return Ok(Arity { parameters, results: 0 });
        }
    }
    Ok(Arity { parameters, results: reader.read_var_u32().unwrap_or_default() })
}

fn read_type(reader: &mut BinaryReader<'_>) -> Result<FuncType, InvalidModule> {
    let offset = reader.original_position();
    let form = reader.read_u8()?;
    if form != FUNCTION_TYPE {
        return Err(InvalidModule::rule(InvalidCode::Malformed, offset, form_of_type(form)));
    }
    Ok(reader.read()?)
}

/// A segment of the data section.
pub(super) struct DataSegment<'a> {
    /// Where it starts in memory, `None` if it is passive.
    pub(super) start: Option<ConstExpr<'a>>,
    /// Where its bytes stand in the module.
    pub(super) content: Range<usize>,
}

/// Calls `visit` with each segment of the section.
///
/// # Errors
///
/// [`InvalidCode::Malformed`], or what `visit` says.
pub(super) fn for_each_data_segment<'a>(
    code: &'a [u8],
    section: &DataSectionReader<'a>,
    features: WasmFeatures,
    mut visit: impl FnMut(DataSegment<'a>) -> Result<(), InvalidModule>,
) -> Result<(), InvalidModule> {
    let mut reader = content(code, section, features);
    for _ in 0..section.count() {
        visit(read_data_segment(&mut reader)?)?;
    }
    Ok(())
}

fn read_data_segment<'a>(reader: &mut BinaryReader<'a>) -> Result<DataSegment<'a>, InvalidModule> {
    let offset = reader.original_position();
    let start = match reader.read_var_u32()? {
        0 => Some(reader.read()?),
        1 => None,
        2 => {
            reader.read_var_u32()?;
            Some(reader.read()?)
        }
        flags => {
            let detail = format!("data segment with flags {flags}");
            return Err(InvalidModule::rule(InvalidCode::Malformed, offset, detail));
        }
    };
    let content = read_part(reader)?.range();
    Ok(DataSegment { start, content })
}

/// Calls `visit` with the index and name of each function that the name section names, until it breaks. Diagnostics: a
/// name section that is not one ends the walk.
pub(super) fn for_each_function_name<'a>(code: &'a [u8], mut visit: impl FnMut(u32, &'a str) -> ControlFlow<()>) {
    let mut payloads = Payloads::new(code, WasmFeatures::empty());
    loop {
        match payloads.next() {
            Ok(Payload::CustomSection(section)) if section.name() == "name" => {
                let reader = BinaryReader::new(section.data(), section.data_offset());
                if matches!(function_names(reader, &mut visit), Ok(ControlFlow::Break(())) | Err(_)) {
                    return;
                }
            }
            Ok(Payload::End(_)) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The subsection of a name section that names functions (Wasm specification, appendix on custom sections).
const FUNCTION_NAMES: u8 = 1;

fn function_names<'a>(
    mut section: BinaryReader<'a>,
    visit: &mut impl FnMut(u32, &'a str) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, InvalidModule> {
    while !section.eof() {
        let subsection = section.read_u8()?;
        let mut names = read_part(&mut section)?;
        if subsection != FUNCTION_NAMES {
            continue;
        }
        for _ in 0..names.read_var_u32()? {
            let index = names.read_var_u32()?;
            let mut name = read_part(&mut names)?;
            let bytes = name.read_bytes(name.bytes_remaining())?;
            if visit(index, core::str::from_utf8(bytes).unwrap_or_default()).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}
