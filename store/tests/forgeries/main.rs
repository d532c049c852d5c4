//! Forgeries that know the structure of what they forge: each field of each node of a witness, each part of a proof and of
//! a snapshot is changed, dropped, added, exchanged. Each forgery is refused or harmless. Harmless means that the verifier
//! believes exactly what the honest one shows.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

mod honest;
mod parts;
mod proofs;
mod ranges;
mod snapshots;
mod tally;
mod witnesses;
