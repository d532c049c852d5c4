//! What can be wrong with a call of the confidential store.

use core::fmt;

/// Why the store did not do what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreError {
    /// The id has fewer than 16 bytes.
    InvalidBidId,
    /// The input is not the JSON that the function takes.
    InvalidInput,
    /// No bid has the id.
    NoSuchBid,
    /// The bid has no entry of the key.
    NoSuchEntry,
    /// The caller is not among those that the bid allows.
    NotAllowed,
    /// The bid has an id that is not its own.
    WrongBidId,
    /// There is a bid of the id.
    BidExists,
    /// A key, a value, a bid or a list of bids is above its limit.
    TooLarge,
}

impl StoreError {
    /// The error number that the guest's call returns. The original takes it from the cause of an error; these have
    /// none, which is -1.
    pub(super) const fn errno(self) -> u32 {
        u32::MAX
    }

    /// What happened, in words.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::InvalidBidId => "invalid size for bidID",
            Self::InvalidInput => "unable to unmarshal inputs",
            Self::NoSuchBid => "bid not found",
            Self::NoSuchEntry => "data not found",
            Self::NotAllowed => "caller not allowed on this bid",
            Self::WrongBidId => "incorrect bid id passed",
            Self::BidExists => "bid already present",
            Self::TooLarge => "a limit of the store exceeded",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
