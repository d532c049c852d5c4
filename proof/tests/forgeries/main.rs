//! Forgeries of every kind of proof, on models in memory: each changed proof is refused or shows the truth.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

mod changes;
mod kit;
mod model;
mod ranges;
mod receipts;
