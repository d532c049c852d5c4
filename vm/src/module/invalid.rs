//! Why a module is not valid: one code for each kind of violation, its place, and by how much.
//!
//! Codes are consensus. Texts, details and offsets are diagnostics; nothing may be decided by them.

use super::reasons::reason;
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use wasmparser::BinaryReaderError;

macro_rules! invalid_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $kind:ident $text:literal;)*) => {
        /// The kind of a violation. The numbers are consensus, the texts are not.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
        )]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        pub enum InvalidCode {
            $($(#[doc = $doc])+ $name = $code,)*
        }

        impl InvalidCode {
            /// Every code, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The number.
            pub const fn code(self) -> u8 {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// The name, as in the source.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// In words: what was counted if the code is of a limit, otherwise what is wrong.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// Whether the violation is of a limit: only then `actual` and `limit` say something.
            pub const fn is_limit(self) -> bool {
                match self {
                    $(Self::$name => invalid_codes!(@ $kind),)*
                }
            }
        }
    };
    (@ limit) => { true };
    (@ rule) => { false };
}

invalid_codes! {
    /// The revision does not have the ABI.
    AbiNotAvailable = 0, rule "the revision does not have this ABI";
    /// More bytes than `code_bytes_max`. Looked at before anything is parsed.
    TooManyBytes = 1, limit "bytes of code";
    /// Does not begin with the magic number and version 1.
    NotWasm = 2, rule "not a Wasm module of version 1";
    /// Not a module of the Wasm specification with the revision's features: what wasmparser 0.228 refuses.
    Malformed = 3, rule "not valid Wasm under this revision";
    /// More types than `types_max`.
    TooManyTypes = 4, limit "types";
    /// A function type with more parameters than `parameters_max`.
    TooManyParameters = 5, limit "parameters of a function type";
    /// A function type with more results than `results_max`.
    TooManyResults = 6, limit "results of a function type";
    /// More imports than `imports_max`.
    TooManyImports = 7, limit "imports";
    /// An import that the ABI does not have.
    UnknownImport = 8, rule "unknown import";
    /// An import whose type is not exactly that of the ABI.
    ImportTypeMismatch = 9, rule "import of the wrong type";
    /// More functions than `functions_max`, imported ones included.
    TooManyFunctions = 10, limit "functions";
    /// More parameters of all functions than `module_parameters_max`, imported functions included.
    TooManyModuleParameters = 11, limit "parameters of all functions";
    /// More tables than `tables_max`.
    TooManyTables = 12, limit "tables";
    /// A table whose minimum or declared maximum is above `table_elements_max`.
    TooManyTableElements = 13, limit "elements of a table";
    /// A memory whose minimum is above `memory_pages_max`.
    TooManyMemoryPages = 14, limit "initial pages of a memory";
    /// More globals than `globals_max`, imported ones included.
    TooManyGlobals = 15, limit "globals";
    /// More exports than `exports_max`.
    TooManyExports = 16, limit "exports";
    /// An export that the ABI requires is not there.
    MissingExport = 17, rule "missing export";
    /// An export that the ABI does not allow.
    ExtraExport = 18, rule "export that the ABI does not allow";
    /// An export that is not of the type that the ABI demands of its name.
    ExportTypeMismatch = 19, rule "export of the wrong type";
    /// A start section.
    StartFunction = 20, rule "a start function is not allowed";
    /// More element segments than `element_segments_max`.
    TooManyElementSegments = 21, limit "element segments";
    /// More operators in one constant expression than
    /// `const_operators_max`.
    TooManyConstOperators = 22, limit "operators of a constant expression";
    /// A function body of more bytes than `body_bytes_max`.
    TooManyBodyBytes = 23, limit "bytes of a function body";
    /// A function with more locals than `locals_max`, parameters included.
    TooManyLocals = 24, limit "locals of a function";
    /// More locals of all functions than `module_locals_max`, parameters included.
    TooManyModuleLocals = 25, limit "locals of all functions";
    /// A function whose operand stack grows above `operands_max` values.
    TooManyOperands = 26, limit "operands of a function";
    /// A `br_table` with more targets than `br_table_targets_max`, the default not counted.
    TooManyBrTableTargets = 27, limit "targets of a br_table";
    /// An operator that the revision's schedule forbids.
    ForbiddenOperator = 28, rule "forbidden operator";
    /// A float type or operator where the revision has no floats.
    FloatsForbidden = 29, rule "floats are not allowed";
    /// More data segments than `data_segments_max`.
    TooManyDataSegments = 30, limit "data segments";
    /// The custom section `packed_abi` is not a list of descriptors of the module's exports.
    PackedAbiSection = 31, rule "bad section packed_abi";
    /// The custom section `packed_order` is not one byte 0 or 1.
    PackedOrderSection = 32, rule "bad section packed_order";
    /// The exports `input_base` and `input_capacity` do not name an area of the initial memory.
    InputArea = 33, rule "bad input area";
    /// The engine's compiler refuses the module. Never found here: for whoever compiles a valid module.
    Engine = 34, rule "refused by the engine";
    /// A tail call that is, or can be, of an import.
    TailCallOfImport = 35, rule "tail call of an import";
    /// More elements of all element segments than `elements_max`.
    TooManyElements = 36, limit "elements of all segments";
    /// More values handed over by branches, blocks and calls than `bytes_per_moved_value_min` admits for the module's bytes.
    TooManyMovedValues = 37, limit "values handed over by branches, blocks and calls";
    /// More locals of all functions than `locals_per_byte_max` admits for the module's bytes.
    TooManyLocalsByBytes = 38, limit "locals of all functions";
    /// More functions of its own than `bytes_per_function_min` admits for the module's bytes.
    TooManyFunctionsByBytes = 39, limit "functions of its own";
}

/// A violation, and the only error of this stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidModule {
    /// What kind it is.
    pub code: InvalidCode,
    /// Its place, in bytes from the start of the module; `None` for what is missing.
    pub offset: Option<u64>,
    /// What was counted, in the unit of the code's text; 0 if the code is not of a limit.
    pub actual: u64,
    /// The most that is allowed; 0 if the code is not of a limit.
    pub limit: u64,
    /// More for the reader: the name of the import, the function, the reason. May be empty.
    pub detail: String,
}

impl InvalidModule {
    /// More of something than allowed.
    pub(crate) const fn limit(code: InvalidCode, offset: usize, actual: u64, limit: u64) -> Self {
        Self { code, offset: Some(offset as u64), actual, limit, detail: String::new() }
    }

    /// A rule broken at `offset`.
    pub(crate) fn rule(code: InvalidCode, offset: usize, detail: impl Into<String>) -> Self {
        Self { code, offset: Some(offset as u64), actual: 0, limit: 0, detail: detail.into() }
    }

    /// The refusal of an engine's compiler, in its own words.
    pub fn engine(detail: impl Into<String>) -> Self {
        Self::missing(InvalidCode::Engine, detail)
    }

    /// A rule broken by something that is not there.
    pub(crate) fn missing(code: InvalidCode, detail: impl Into<String>) -> Self {
        Self { code, offset: None, actual: 0, limit: 0, detail: detail.into() }
    }
}

impl From<BinaryReaderError> for InvalidModule {
    fn from(error: BinaryReaderError) -> Self {
        Self::rule(InvalidCode::Malformed, error.offset(), reason(&error))
    }
}

impl fmt::Display for InvalidModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.text())?;
        if self.code.is_limit() {
            write!(f, ": {} where {} are allowed", Grouped(self.actual), Grouped(self.limit))?;
        }
        if let Some(offset) = self.offset {
            write!(f, ", at byte {offset:#x}")?;
        }
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl core::error::Error for InvalidModule {}

/// A number with a comma before every third digit from the end.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
        f.write_str(&groups.join(","))
    }
}

/// Characters of a name that a detail repeats.
const NAME_CHARS_MAX: usize = 80;

/// A name out of a module, fit to be printed: without control characters, and cut if it is long.
pub(crate) fn quoted(name: &str) -> String {
    let mut kept: String = name.chars().take(NAME_CHARS_MAX).flat_map(char::escape_debug).collect();
    if name.chars().nth(NAME_CHARS_MAX).is_some() {
        kept.push('\u{2026}');
    }
    format!("`{kept}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_dense_and_encode_as_themselves() {
        for (position, code) in InvalidCode::ALL.iter().enumerate() {
            assert_eq!(usize::from(code.code()), position);
            assert_eq!(borsh::to_vec(code).unwrap(), [code.code()]);
            assert_eq!(format!("{code:?}"), code.name());
        }
        assert_eq!(InvalidCode::ALL.len(), 40);
    }

    #[test]
    fn display_says_what_where_and_by_how_much() {
        for (invalid, text) in [
            (
                InvalidModule::limit(InvalidCode::TooManyFunctions, 0x1f, 10_001, 10_000),
                "functions: 10,001 where 10,000 are allowed, at byte 0x1f",
            ),
            (
                InvalidModule::limit(InvalidCode::TooManyBytes, 0, 1_234_567, 999),
                "bytes of code: 1,234,567 where 999 are allowed, at byte 0x0",
            ),
            (
                InvalidModule::rule(InvalidCode::UnknownImport, 33, "`ethereum.getBalance`"),
                "unknown import, at byte 0x21: `ethereum.getBalance`",
            ),
            (InvalidModule::missing(InvalidCode::MissingExport, "`main`"), "missing export: `main`"),
            (InvalidModule::rule(InvalidCode::StartFunction, 16, ""), "a start function is not allowed, at byte 0x10"),
        ] {
            assert_eq!(invalid.to_string(), text);
        }
    }

    #[test]
    fn names_are_quoted_without_control_characters_and_cut() {
        assert_eq!(quoted("a\u{1b}[2J\n\u{e9}"), "`a\\u{1b}[2J\\n\u{e9}`");
        assert_eq!(quoted(&"x".repeat(80)), format!("`{}`", "x".repeat(80)));
        assert_eq!(quoted(&"x".repeat(81)), format!("`{}\u{2026}`", "x".repeat(80)));
    }
}
