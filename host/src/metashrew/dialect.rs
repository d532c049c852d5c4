//! The two dialects of Metashrew's interface, and all that they differ in beside the type of `__get`.

use lockstep_gas::Abi;

/// A dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// What deployed indexers are built for: ABI `metashrew`.
    Deployed,
    /// What the published description says: ABI `metashrew-documented`.
    Documented,
}

impl Dialect {
    /// The dialect of a contract of `abi`.
    pub(crate) const fn of(abi: Abi) -> Self {
        match abi {
            Abi::MetashrewDocumented => Self::Documented,
            _ => Self::Deployed,
        }
    }

    /// Whether a buffer is pointed to by its length, with the bytes behind it. Otherwise by its first byte, with the length
    /// in the four bytes before.
    //= spec 13.1
    pub(super) const fn length_at_pointer(self) -> bool {
        matches!(self, Self::Documented)
    }

    /// Whether `__load_input` writes the length of the input in front of it.
    //= spec 13.1
    pub(super) const fn input_has_length(self) -> bool {
        matches!(self, Self::Documented)
    }
}
