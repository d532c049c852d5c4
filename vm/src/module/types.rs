//! Types of what a module exports, in the words of the Wasm specification.
//!
//! Own types, so that no crate above depends on the parser's. Knows nothing of limits or ABIs.

use core::fmt;
use lockstep_host::ValueType;

/// A value type that a revision can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValType {
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `funcref`.
    FuncRef,
    /// `externref`.
    ExternRef,
}

impl ValType {
    /// The type as the host knows it, `None` for floats and references.
    pub const fn integer(self) -> Option<ValueType> {
        match self {
            Self::I32 => Some(ValueType::I32),
            Self::I64 => Some(ValueType::I64),
            Self::F32 | Self::F64 | Self::FuncRef | Self::ExternRef => None,
        }
    }

    /// Whether it is `f32` or `f64`.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// The name in the text format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::FuncRef => "funcref",
            Self::ExternRef => "externref",
        }
    }

    const fn of_host(value: ValueType) -> Self {
        match value {
            ValueType::I32 => Self::I32,
            ValueType::I64 => Self::I64,
        }
    }

    /// The parser's type, `None` for one that no revision has: vectors, references of the proposals that are off.
    pub(super) fn of(parsed: wasmparser::ValType) -> Option<Self> {
        match parsed {
            wasmparser::ValType::I32 => Some(Self::I32),
            wasmparser::ValType::I64 => Some(Self::I64),
            wasmparser::ValType::F32 => Some(Self::F32),
            wasmparser::ValType::F64 => Some(Self::F64),
            wasmparser::ValType::V128 => None,
            wasmparser::ValType::Ref(reference) if reference == wasmparser::RefType::FUNCREF => Some(Self::FuncRef),
            wasmparser::ValType::Ref(reference) if reference == wasmparser::RefType::EXTERNREF => Some(Self::ExternRef),
            wasmparser::ValType::Ref(_) => None,
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The type of a function.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FunctionType {
    /// Types of the parameters, in order. At most `parameters_max` of the revision's limits.
    pub parameters: Vec<ValType>,
    /// Types of the results, in order. At most `results_max` of the revision's limits.
    pub results: Vec<ValType>,
}

impl FunctionType {
    /// Whether these are exactly the types.
    pub fn is(&self, parameters: &[ValType], results: &[ValType]) -> bool {
        self.parameters == parameters && self.results == results
    }

    /// The type of a host's function.
    pub(super) fn of_host(parameters: &[ValueType], result: Option<ValueType>) -> Self {
        Self {
            parameters: parameters.iter().copied().map(ValType::of_host).collect(),
            results: result.into_iter().map(ValType::of_host).collect(),
        }
    }

    /// Whether a parameter or result is a float.
    pub(super) fn has_floats(&self) -> bool {
        self.parameters.iter().chain(&self.results).any(|value| value.is_float())
    }

    /// The parser's type, `None` if a value type of it is one that no revision has.
    pub(super) fn of(parsed: &wasmparser::FuncType) -> Option<Self> {
        let values = |types: &[wasmparser::ValType]| types.iter().copied().map(ValType::of).collect::<Option<_>>();
        Some(Self { parameters: values(parsed.params())?, results: values(parsed.results())? })
    }
}

impl fmt::Display for FunctionType {
    /// As in `(i32, i64)->(i64)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &[ValType]| values.iter().map(|value| value.name()).collect::<Vec<_>>().join(", ");
        write!(f, "({})->({})", list(&self.parameters), list(&self.results))
    }
}

/// The type of a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryType {
    /// Pages of 65,536 bytes at the start. At most `memory_pages_max` of the revision's limits.
    pub minimum_pages: u32,
    /// Pages that the module wants to be able to have, 0 to 65,536. It may be above what the revision allows: growth
    /// then fails earlier.
    pub maximum_pages: Option<u32>,
}

/// The type of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableType {
    /// The type of its elements, a reference type.
    pub element: ValType,
    /// Elements at the start. At most `table_elements_max` of the revision's limits.
    pub minimum_elements: u32,
    /// Elements that it can have, if the module says so. At most `table_elements_max`.
    pub maximum_elements: Option<u32>,
}

/// The type of a global.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GlobalType {
    /// The type of its value.
    pub value: ValType,
    /// Whether it can be set.
    pub mutable: bool,
}

/// The type of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExternType {
    /// A function.
    Function(FunctionType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
}

impl ExternType {
    /// The kind: `function`, `table`, `memory` or `global`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Function(_) => "function",
            Self::Table(_) => "table",
            Self::Memory(_) => "memory",
            Self::Global(_) => "global",
        }
    }
}

impl fmt::Display for ExternType {
    /// The type without its kind: `(i64)->(i64)`, `1 to 2 pages`, `mut i32`, `4 or more funcref`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = |minimum: u32, maximum: Option<u32>| match maximum {
            Some(maximum) => format!("{minimum} to {maximum}"),
            None => format!("{minimum} or more"),
        };
        match self {
            Self::Function(function) => function.fmt(f),
            Self::Table(table) => {
                write!(f, "{} {}", range(table.minimum_elements, table.maximum_elements), table.element)
            }
            Self::Memory(memory) => write!(f, "{} pages", range(memory.minimum_pages, memory.maximum_pages)),
            Self::Global(global) if global.mutable => write!(f, "mut {}", global.value),
            Self::Global(global) => global.value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_in_the_documentation() {
        let function = FunctionType { parameters: vec![ValType::I32, ValType::F64], results: vec![ValType::I64] };
        let table = TableType { element: ValType::FuncRef, minimum_elements: 4, maximum_elements: None };
        for (ty, kind, text) in [
            (ExternType::Function(FunctionType::default()), "function", "()->()"),
            (ExternType::Function(function), "function", "(i32, f64)->(i64)"),
            (ExternType::Table(table), "table", "4 or more funcref"),
            (ExternType::Memory(MemoryType { minimum_pages: 1, maximum_pages: Some(2) }), "memory", "1 to 2 pages"),
            (ExternType::Global(GlobalType { value: ValType::I32, mutable: true }), "global", "mut i32"),
            (ExternType::Global(GlobalType { value: ValType::ExternRef, mutable: false }), "global", "externref"),
        ] {
            assert_eq!((ty.kind(), ty.to_string().as_str()), (kind, text));
        }
    }

    #[test]
    fn host_types_and_ours_are_the_same_integers() {
        use ValueType::{I32, I64};
        let ours = FunctionType::of_host(&[I32, I64], Some(I64));
        assert!(ours.is(&[ValType::I32, ValType::I64], &[ValType::I64]));
        assert!(!ours.is(&[ValType::I32], &[ValType::I64]) && !ours.is(&[ValType::I32, ValType::I64], &[]));
        assert_eq!(FunctionType::of_host(&[], None), FunctionType::default());
        for (value, integer) in [
            (ValType::I32, Some(I32)),
            (ValType::I64, Some(I64)),
            (ValType::F32, None),
            (ValType::F64, None),
            (ValType::FuncRef, None),
            (ValType::ExternRef, None),
        ] {
            assert_eq!(value.integer(), integer);
            assert_eq!(value.is_float(), value.name().starts_with('f') && value != ValType::FuncRef);
        }
    }
}
