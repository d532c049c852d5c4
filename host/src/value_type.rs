//! The Wasm types of values that pass between a guest and the host.

/// A type of the parameters and results of host functions, and the only ones of an export that can be called by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// `i32`.
    I32,
    /// `i64`.
    I64,
}
