//! Blocks without transactions that change the state from outside: the genesis is one, and so is what an operator puts
//! into a state.

use crate::error::ChainError;
use lockstep_vm::{Address, B256, Fault, StateDiff, StorageDiff, system::SYSTEM_ADDRESS};
use sha3::{Digest, Sha3_256};

/// What the preimage of the hash of such a block begins with. No other block begins like that: its first 8 bytes are its
/// number, and no height is as high.
const DOMAIN: [u8; 8] = *b"LOCKSTEP";

/// The hash of a block without transactions that changes the state by `diff`: sha3-256 over `LOCKSTEP`, the hash of its
/// parent and the borsh encoding of what it changes.
///
/// # Errors
///
/// [`ChainError::Fault`] if the diff is too large to be encoded.
//= spec 8.18
pub fn amendment_hash(parent: B256, diff: &StateDiff) -> Result<B256, ChainError> {
    let encoded = borsh::to_vec(&(DOMAIN, parent, diff));
    let encoded = encoded.map_err(|error| Fault::State(format!("a diff cannot be encoded: {error}")))?;
    Ok(B256::new(Sha3_256::digest(encoded).into()))
}

/// Refuses a diff that says something of the system account.
///
/// # Errors
///
/// [`ChainError::SystemAccount`].
pub fn check_amendment(diff: &StateDiff) -> Result<(), ChainError> {
    if diff.accounts.contains_key(&SYSTEM_ADDRESS) || diff.storage.contains_key(&SYSTEM_ADDRESS) {
        return Err(ChainError::SystemAccount);
    }
    Ok(())
}

/// The diff that puts a value into a contract's storage as the contract would: the empty value removes the key.
pub fn storage_diff(address: Address, key: Vec<u8>, value: Vec<u8>) -> StateDiff {
    let values = [(key, Some(value).filter(|value| !value.is_empty()))].into();
    StateDiff { storage: [(address, StorageDiff { cleared: false, values })].into(), ..StateDiff::default() }
}
