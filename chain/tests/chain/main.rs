//! A chain of signed transactions: envelopes, blocks, revisions by height, the pool of what waits.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests panic to fail and count what is small"
)]

mod archives;
mod blocks;
mod envelopes;
mod floods;
mod patch;
mod revisions;
mod signer;
