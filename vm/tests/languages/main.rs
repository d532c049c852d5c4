//! Contracts in the languages that people write them in, and what is hostile about their ABIs: `json` and `dela`.
//!
//! Every transaction of the kit runs on both engines and is looked into. Outcome and gas of each stand in `vm/tests/golden/languages`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests panic to fail and count what is small"
)]

mod dela;
mod json;
mod json_limits;
mod kit;
mod mixed;
mod pointers;
mod transcripts;
mod wide_functions;

// What all these tests share.
#[path = "../kit/diagnosed.rs"]
mod diagnosed;
#[path = "../kit/every_way.rs"]
mod every_way;
#[path = "../kit/golden_file.rs"]
mod golden_file;
