//! The Wasm features beyond version 1 that a revision admits.

use borsh::BorshSerialize;

/// Proposals of the Wasm specification, each on or off.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct Features {
    /// Float types and instructions, with canonical NaN.
    pub floats: bool,
    /// Import and export of mutable globals.
    pub mutable_globals: bool,
    /// `i32.extend8_s` and its like.
    pub sign_extension: bool,
    /// Conversions from float to integer that do not trap.
    pub saturating_conversions: bool,
    /// Several results, blocks with parameters.
    pub multi_value: bool,
    /// `memory.copy`, `memory.fill` and their like.
    pub bulk_memory: bool,
    /// `funcref` and `externref` as values.
    pub reference_types: bool,
    /// `return_call`.
    pub tail_calls: bool,
    /// Arithmetic in constant expressions.
    pub extended_const: bool,
    /// Several memories.
    pub multi_memory: bool,
    /// 128-bit addition, subtraction and multiplication.
    pub wide_arithmetic: bool,
}

impl Features {
    /// `V1`: what compilers emit today; SIMD, threads, memory64, multi-memory, exceptions and GC are off.
    pub(crate) const V1: Self = Self {
        floats: true,
        mutable_globals: true,
        sign_extension: true,
        saturating_conversions: true,
        multi_value: true,
        bulk_memory: true,
        reference_types: true,
        tail_calls: true,
        extended_const: true,
        multi_memory: false,
        wide_arithmetic: false,
    };

    /// `SPEC`: all that the engine has as it is built for production: without 64-bit memories, which would make each of
    /// its loads and stores larger.
    pub(crate) const SPEC: Self = Self { multi_memory: true, wide_arithmetic: true, ..Self::V1 };

    /// Whether each feature of `earlier` is one of these.
    pub(crate) const fn contain(&self, earlier: &Self) -> bool {
        let Self {
            floats,
            mutable_globals,
            sign_extension,
            saturating_conversions,
            multi_value,
            bulk_memory,
            reference_types,
            tail_calls,
            extended_const,
            multi_memory,
            wide_arithmetic,
        } = *earlier;
        (self.floats || !floats)
            && (self.mutable_globals || !mutable_globals)
            && (self.sign_extension || !sign_extension)
            && (self.saturating_conversions || !saturating_conversions)
            && (self.multi_value || !multi_value)
            && (self.bulk_memory || !bulk_memory)
            && (self.reference_types || !reference_types)
            && (self.tail_calls || !tail_calls)
            && (self.extended_const || !extended_const)
            && (self.multi_memory || !multi_memory)
            && (self.wide_arithmetic || !wide_arithmetic)
    }

    /// Wasm version 1 without floats (ewasm's rule).
    pub(crate) const BYZANTIUM: Self = Self {
        floats: false,
        mutable_globals: false,
        sign_extension: false,
        saturating_conversions: false,
        multi_value: false,
        bulk_memory: false,
        reference_types: false,
        tail_calls: false,
        extended_const: false,
        multi_memory: false,
        wide_arithmetic: false,
    };
}
