//! Why bytes are no transaction of this chain.

use alloy_primitives::Address;
use core::fmt;

/// Why an envelope cannot be a transaction of this chain, in any block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidEnvelope {
    /// There are too many bytes.
    TooLarge {
        /// Bytes.
        actual: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The bytes are no envelope.
    Encoding(String),
    /// The envelope, or something in it, is of a kind that this chain does not have.
    Unsupported {
        /// The name of the kind, with that of the proposal that defines it.
        what: &'static str,
    },
    /// The envelope has a type byte that no proposal known here defines.
    UnknownType {
        /// The type byte.
        actual: u8,
    },
    /// The transaction is of another chain.
    ChainId {
        /// The chain id that it says.
        actual: u64,
        /// The chain id of this chain.
        expected: u64,
    },
    /// No public key has made the signature, or its `s` is in the upper half of the order (EIP-2).
    Signature,
    /// The creation's data is neither a Wasm module nor the envelope of a deployment.
    Creation {
        /// The first bytes of the data, at most 4.
        begins: Vec<u8>,
    },
    /// The envelope of a deployment is not well-formed.
    Deploy {
        /// What is wrong.
        why: &'static str,
    },
    /// The price offered is below the base fee.
    BaseFee {
        /// The price offered for one gas.
        offered: u128,
        /// The base fee.
        required: u128,
    },
    /// The priority fee is higher than the whole price offered (EIP-1559).
    Priority {
        /// The priority fee.
        priority: u128,
        /// The most that is paid for one gas.
        offered: u128,
    },
    /// The sender is an account that the chain alone writes.
    SystemSender(Address),
}

impl fmt::Display for InvalidEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { actual, limit } => write!(f, "{actual} bytes where a transaction has at most {limit}"),
            Self::Encoding(why) => write!(f, "no transaction envelope (EIP-2718): {why}"),
            Self::Unsupported { what } => write!(f, "this chain has no {what}"),
            Self::UnknownType { actual } => {
                write!(f, "transaction type {actual} is not known: this chain has legacy (EIP-155), 1 and 2")
            }
            Self::ChainId { actual, expected } => write!(f, "chain id {actual}, but this chain has {expected}"),
            Self::Signature => f.write_str("the signature is of no account (EIP-2 allows the lower s alone)"),
            Self::Creation { begins } => {
                f.write_str("a creation's data begins with ")?;
                begins.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(
                    ", neither a Wasm module (0061736d) nor a deployment (ef4c53, docs/chain.md); EVM code does not run here",
                )
            }
            Self::Deploy { why } => write!(f, "the data of the deployment is refused: {why} (docs/chain.md)"),
            Self::BaseFee { offered, required } => {
                write!(f, "the transaction offers {offered} for one gas, below the base fee of {required}")
            }
            Self::Priority { priority, offered } => {
                write!(f, "the priority fee of {priority} is more than the whole fee of {offered} (EIP-1559)")
            }
            Self::SystemSender(address) => write!(f, "{address} is a system account, which sends nothing"),
        }
    }
}

impl core::error::Error for InvalidEnvelope {}
