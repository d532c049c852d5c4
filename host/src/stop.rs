//! Why a frame does not go on: the contract halted, it finished or reverted, it waits for another frame, or this node
//! failed.

use crate::{Request, packed::Errno};
use alloy_primitives::Bytes;
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use lockstep_gas::OutOfGas;

/// What a host function gives: a value for the guest, or the reason why the guest does not go on.
pub type HostResult<T> = Result<T, Stop>;

/// Why control does not return to the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The contract did what it must not: the frame's gas and effects are gone.
    Halt(HaltReason),
    /// The contract is done; its effects stand.
    Finish(Bytes),
    /// The contract undoes its effects and keeps its gas.
    Revert(Bytes),
    /// Another frame has to run before the guest goes on.
    Suspend(Box<Request>),
    /// This node failed; the block is aborted.
    Fault(Fault),
}

impl From<HaltReason> for Stop {
    fn from(reason: HaltReason) -> Self {
        Self::Halt(reason)
    }
}

impl From<OutOfGas> for Stop {
    fn from(OutOfGas: OutOfGas) -> Self {
        Self::Halt(HaltReason::OutOfGas)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

macro_rules! halt_reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $text:literal;)*) => {
        /// Why a frame halted. The code is consensus, the text is not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        pub enum HaltReason {
            $($(#[doc = $doc])+ $name = $code,)*
        }

        impl HaltReason {
            /// Every reason, in the order of its code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code that stands in receipts.
            pub const fn code(self) -> u8 {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// What happened, in words.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

halt_reasons! {
    /// The price of the next region, host call or bulk operation was more than what was left.
    OutOfGas = 0, "out of gas";
    /// `unreachable` was executed.
    Unreachable = 1, "unreachable executed";
    /// An instruction accessed memory beyond its end.
    MemoryOutOfBounds = 2, "memory access out of bounds";
    /// An instruction accessed a table beyond its end.
    TableOutOfBounds = 3, "table access out of bounds";
    /// An indirect call met a null reference.
    IndirectCallToNull = 4, "indirect call to null";
    /// An indirect call met a function of another type.
    IndirectCallTypeMismatch = 5, "indirect call to a function of another type";
    /// Division or remainder by zero.
    IntegerDivisionByZero = 6, "integer division by zero";
    /// A signed division whose result does not fit.
    IntegerOverflow = 7, "integer overflow";
    /// A conversion of a float that has no integer.
    InvalidConversionToInteger = 8, "conversion of a float that has no integer";
    /// More Wasm calls in progress in the frame than `call_depth_max`.
    CallStackExhausted = 9, "call stack exhausted";
    /// A host function was given a range that does not lie in memory, or a source range that does not exist.
    HostAccessOutOfBounds = 10, "host function given a range out of bounds";
    /// A host function was given a value that it cannot take: negative gas, too many topics.
    ArgumentOutOfRange = 11, "host function given a value out of range";
    /// A static frame tried to change the state.
    StaticModeViolation = 12, "state change in static mode";
    /// The account's code is not a valid module of its ABI.
    InvalidCode = 13, "the code called is not a valid module";
    /// The frame's memory or value stack does not fit into what the transaction has left.
    TransactionMemoryExhausted = 14, "memory of the transaction exhausted";
    /// An input, output, storage key, storage value or log is larger than its limit.
    LimitExceeded = 15, "a limit of the revision exceeded";
    /// A packed result names a range outside memory, or an error number that is not the contract's to use.
    BadResult = 16, "packed result out of range";
    /// The creation's address is taken.
    AddressCollision = 17, "the address of the new contract is taken";
    /// The code that a creation left behind is not a valid module.
    InvalidCreatedCode = 18, "the created code is not a valid module";
    /// The code that a creation left behind is larger than its limit.
    CreatedCodeTooLarge = 19, "the created code is too large";
    /// The account called by export name has no code.
    NoCode = 20, "no code to call";
    /// The contract has no export of that name that can be called.
    NoSuchExport = 21, "no such export";
    /// The descriptor or the arguments do not match the export's type.
    SignatureMismatch = 22, "arguments do not match the export";
    /// The callee's memory has no room for the input.
    NoRoomForInput = 23, "no room for the input in the contract's memory";
}

impl HaltReason {
    /// The error number that a caller by export name sees (packed convention, 6.3).
    pub const fn errno(self) -> Errno {
        match self {
            Self::OutOfGas => Errno::OUT_OF_GAS,
            Self::StaticModeViolation => Errno::STATIC_VIOLATION,
            Self::BadResult => Errno::BAD_RESULT,
            Self::NoCode => Errno::NO_CODE,
            Self::NoSuchExport => Errno::NO_EXPORT,
            Self::SignatureMismatch => Errno::SIGNATURE_MISMATCH,
            Self::NoRoomForInput => Errno::NO_ROOM,
            _ => Errno::TRAP,
        }
    }
}

impl fmt::Display for HaltReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A failure of this node: its disk, its memory or an invariant of its own. It aborts the block and never enters a
/// receipt; on another node the same block goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The state could not be read.
    State(String),
    /// The host had no memory for what the guest is entitled to.
    OutOfMemory,
    /// An invariant of the machine does not hold.
    Broken(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(cause) => write!(f, "the state cannot be read: {cause}"),
            Self::OutOfMemory => f.write_str("this host has no memory left for a contract"),
            Self::Broken(what) => write!(f, "internal error: {what}"),
        }
    }
}

impl core::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_dense_and_encode_as_themselves() {
        for (position, reason) in HaltReason::ALL.iter().enumerate() {
            assert_eq!(usize::from(reason.code()), position);
            assert_eq!(borsh::to_vec(reason).unwrap(), [reason.code()]);
            assert_eq!(borsh::from_slice::<HaltReason>(&[reason.code()]).unwrap(), *reason);
        }
        assert!(borsh::from_slice::<HaltReason>(&[24]).is_err());
    }
}
