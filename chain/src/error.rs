//! Why a chain did not do what it was asked for: whose fault it is, and the numbers.

use core::fmt;
use lockstep_store::StoreError;
use lockstep_vm::{B256, Fault, InvalidModule, InvalidState, InvalidTx, Refused, Rejected, system::SYSTEM_ADDRESS};

/// Why a block is not part of the chain. The chain is as it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainError {
    /// The transaction is invalid at this point of the chain.
    Tx(InvalidTx),
    /// The block is invalid, on every node. Never a fault: that is [`ChainError::Fault`].
    Block(Rejected),
    /// The block does not follow the last one.
    Follows {
        /// Its number.
        actual: u64,
        /// The number that follows.
        expected: u64,
    },
    /// Another block has this height.
    OtherBlock {
        /// The height.
        height: u64,
        /// The hash of the block that is there.
        there: B256,
    },
    /// The chain has another genesis, or began with a snapshot.
    OtherBeginning,
    /// A block of the chain is of another revision than the schedule has at its height.
    OtherSchedule {
        /// The height.
        height: u64,
    },
    /// The archive lacks a block that the store has.
    Archive {
        /// The height.
        missing: u64,
    },
    /// The genesis state, or an amendment, is none that a chain can be on.
    State(InvalidState),
    /// The genesis has code that is no module of its ABI.
    Code {
        /// Whose code it is, and of which ABI.
        place: String,
        /// What is wrong with it.
        error: InvalidModule,
    },
    /// The system account is written by the chain alone.
    SystemAccount,
    /// The number of the last block is the largest one.
    NumberAtEnd,
    /// The store refused, or failed: [`StoreError::is_invalid`] says which.
    Store(StoreError),
    /// This node failed.
    Fault(Fault),
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tx(error) => write!(f, "the transaction is invalid: {error}"),
            Self::Block(error) => write!(f, "the block is invalid: {error}"),
            Self::Follows { actual, expected } => write!(f, "block {actual} does not follow: block {expected} does"),
            Self::OtherBlock { height, there } => write!(f, "height {height} has another block, {there}"),
            Self::OtherBeginning => f.write_str("the database has another beginning"),
            Self::OtherSchedule { height } => {
                write!(f, "block {height} was executed under another revision than the schedule has there")
            }
            Self::Archive { missing } => write!(f, "the archive of the chain lacks block {missing}"),
            Self::State(error) => error.fmt(f),
            Self::Code { place, error } => write!(f, "{place}: {error}"),
            Self::SystemAccount => write!(f, "{SYSTEM_ADDRESS} is the system account: the chain alone writes it"),
            Self::NumberAtEnd => f.write_str("the block number is at its end"),
            Self::Store(error) => error.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for ChainError {}

impl From<InvalidTx> for ChainError {
    fn from(error: InvalidTx) -> Self {
        Self::Tx(error)
    }
}

impl From<Refused> for ChainError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(error) => Self::Tx(error),
            Refused::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<Rejected> for ChainError {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Fault(fault) => Self::Fault(fault),
            invalid => Self::Block(invalid),
        }
    }
}

impl From<InvalidState> for ChainError {
    fn from(error: InvalidState) -> Self {
        Self::State(error)
    }
}

impl From<StoreError> for ChainError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for ChainError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
