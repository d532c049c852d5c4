//! Cryptographic functions of the module `crypto`: pure functions over well-kept pure-Rust crates.
//!
//! Owns the rule by which an input is accepted, where the crates or the standards leave a choice. Only `imports`, which
//! puts the functions in reach of guests, knows of memories and gas.

mod ed25519;
mod hash;
pub(crate) mod imports;
mod secp256k1;

pub use ed25519::ed25519_verify;
pub use hash::{blake2b_256, keccak256, ripemd160, sha3_256, sha256, sha512};
pub use secp256k1::secp256k1_recover;
