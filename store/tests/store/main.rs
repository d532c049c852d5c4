//! Tests of the store: against a model, against damage, against everything that a disk and a power supply can do.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

mod chunks;
mod damage;
mod differences;
mod disk;
mod forks;
mod imitations;
mod kinds;
mod kit;
mod lost_writes;
mod model;
mod oracle;
mod proofs;
mod readers;
mod refusals;
mod roots;
mod rows;
mod snapshots;
mod soak;
mod values;
mod views;
mod witnesses;
mod wrong_bytes;
