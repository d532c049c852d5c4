//! The body of a block: what a store keeps so that the block can be executed again.

use crate::error::ChainError;
use lockstep_vm::{Block, Fault};

/// The borsh encoding of `block`.
///
/// # Errors
///
/// [`ChainError::Fault`] if the block is too large to be encoded.
pub fn body_of(block: &Block) -> Result<Vec<u8>, ChainError> {
    let encoded = borsh::to_vec(block);
    Ok(encoded.map_err(|error| Fault::State(format!("a block cannot be encoded: {error}")))?)
}
