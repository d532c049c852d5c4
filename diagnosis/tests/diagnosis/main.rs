//! Transactions that are executed, and replayed with every observer.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod backtraces;
mod contracts;
mod divergence;
mod golden;
mod kit;
mod profiles;
mod replays;
mod traces;
