//! The identity of a contract's code: its hash and the ABI that it was deployed with.

use alloy_primitives::B256;
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_gas::Abi;
use sha3::{Digest, Sha3_256};

/// What an account says of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct CodeId {
    /// sha3-256 of the code.
    pub hash: B256,
    /// The ABI.
    pub abi: Abi,
}

impl CodeId {
    /// The identity of `code` under `abi`.
    pub fn of(code: &[u8], abi: Abi) -> Self {
        Self { hash: code_hash(code), abi }
    }
}

/// sha3-256 of `code`: the key that code is stored under.
pub fn code_hash(code: &[u8]) -> B256 {
    B256::new(Sha3_256::digest(code).into())
}

/// Whether `code` claims to be Wasm.
pub(crate) fn is_wasm(code: &[u8]) -> bool {
    code.starts_with(b"\0asm")
}
