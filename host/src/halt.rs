//! Why a contract's frame halts.

use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;

macro_rules! halt_reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $text:literal;)*) => {
        /// Why a frame halted. The code is consensus, the text is not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        //= spec 1.1.6, 1.3.9
        pub enum HaltReason {
            $($(#[doc = $doc])+ $name = $code,)*
        }

        impl HaltReason {
            /// Every reason, in the order of its code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code in receipts.
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
    /// The contract called a function that it imports and that the host does not have.
    UnknownImport = 24, "an imported function called that does not exist";
    /// A precompiled contract has no answer for its input.
    InvalidPrecompileInput = 25, "input that the precompiled contract has no answer for";
}

impl fmt::Display for HaltReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= spec 1.1.6, 1.3.9 test
    #[test]
    fn codes_are_dense_and_encode_as_themselves() {
        for (position, reason) in HaltReason::ALL.iter().enumerate() {
            assert_eq!(usize::from(reason.code()), position);
            assert_eq!(borsh::to_vec(reason).unwrap(), [reason.code()]);
            assert_eq!(borsh::from_slice::<HaltReason>(&[reason.code()]).unwrap(), *reason);
        }
        assert!(borsh::from_slice::<HaltReason>(&[26]).is_err());
    }
}
