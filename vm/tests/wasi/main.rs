//! The ABI `wasi`: programs of real compilers, and what is hostile about standard streams, exports and calls.
//!
//! Every transaction of the kit runs on both engines. Outcome and gas of each stand in `vm/tests/golden/languages`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests panic to fail and count what is small"
)]

mod calls;
mod entries;
mod functions;
mod hostile;
#[path = "../languages/kit.rs"]
mod kit;
mod pointers;
mod programs;

// What all these tests share.
#[path = "../kit/diagnosed.rs"]
mod diagnosed;
#[path = "../kit/every_way.rs"]
mod every_way;
#[path = "../kit/golden_file.rs"]
mod golden_file;
