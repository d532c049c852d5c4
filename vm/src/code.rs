//! The identity of a contract's code: its hash, the ABI that it was deployed with, and its length.

use alloy_primitives::B256;
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_gas::Abi;
use sha3::{Digest, Sha3_256};

/// What an account says of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
//= spec 3.26, 7.3
pub struct CodeId {
    /// sha3-256 of the code.
    pub hash: B256,
    /// The ABI.
    pub abi: Abi,
    /// Bytes of the code. They stand in the account, below the state root, so that prices, sizes and ranges are known
    /// before the code is read: nothing reads code that has not been paid for.
    pub bytes: u32,
}

impl CodeId {
    /// The identity of `code` under `abi`.
    pub fn of(code: &[u8], abi: Abi) -> Self {
        Self { hash: code_hash(code), abi, bytes: code_bytes(code) }
    }
}

/// sha3-256 of `code`: the key that code is stored under.
//= spec 7.2
pub fn code_hash(code: &[u8]) -> B256 {
    B256::new(Sha3_256::digest(code).into())
}

/// Bytes of `code`; every limit on code is a u32.
pub fn code_bytes(code: &[u8]) -> u32 {
    u32::try_from(code.len()).unwrap_or(u32::MAX)
}

/// Whether `code` claims to be Wasm.
pub(crate) fn is_wasm(code: &[u8]) -> bool {
    code.starts_with(b"\0asm")
}
