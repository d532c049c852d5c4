//! The error numbers of WASI preview 1 that its functions give here.

/// What a function of WASI returns: 0 for success, or one of these. The numbers are those of the witx files of preview 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WasiErrno {
    /// No error.
    Success,
    /// The descriptor is not one of the three standard streams, or cannot do this.
    BadDescriptor,
    /// An argument means nothing.
    Invalid,
    /// A standard stream has no such function.
    NoSuchFunction,
    /// A stream has no position.
    IllegalSeek,
}

impl WasiErrno {
    /// The number as an event contains it.
    //= spec 11.2.3
    pub(super) const fn number(self) -> u16 {
        match self {
            Self::Success => 0,
            Self::BadDescriptor => 8,
            Self::Invalid => 28,
            Self::NoSuchFunction => 52,
            Self::IllegalSeek => 70,
        }
    }

    /// The number as a guest's call returns it.
    pub(super) fn code(self) -> u32 {
        u32::from(self.number())
    }
}
