//! Tests of the command as its users meet it: the built program, in a folder of its own.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod arguments;
mod databases;
mod diagnosis;
mod first_contract;
mod folder;
mod honest_nodes;
mod indexers;
mod json_files;
#[cfg(unix)]
mod paths;
mod readme;
mod state_files;
mod transcript;
