//! Arguments of exported functions.

/// An argument of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// An i32.
    I32(u32),
    /// An i64.
    I64(u64),
}
