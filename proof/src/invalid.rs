//! The refusal of a verifier.

use core::fmt;

/// A proof does not show what it claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidProof;

impl fmt::Display for InvalidProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the proof does not lead to this root")
    }
}

impl core::error::Error for InvalidProof {}
