//! Hostile tests of the machine: transactions, blocks, views and estimates in, receipts, gas and diffs out.
//!
//! Every execution of the kit runs on a warm machine, on one without a cache and in a block of one, and is held to what
//! must be true of any execution; its outcome and gas stand in `vm/tests/golden/machine.txt`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "tests panic to fail and count what is small"
)]

mod beginning;
mod builder;
mod caches;
mod code_reads;
mod compilers;
mod constants;
mod creation;
mod deployment;
mod depth;
mod encoding;
mod factories;
mod faults;
mod first_use;
mod golden;
mod growth;
mod indexer_gas;
mod inspect;
mod journal_model;
mod kit;
mod memory;
mod metashrew;
mod nans;
mod never_faults;
mod operands;
mod outputs;
mod parallel;
mod prices;
mod property;
mod recursion;
mod regions;
mod reverts;
mod slices;
mod stack;
mod starts;
mod tail_calls;
mod traps;
mod validity;
mod value_reads;
mod values;

// What all these tests share.
#[path = "../kit/diagnosed.rs"]
mod diagnosed;
#[path = "../kit/every_way.rs"]
mod every_way;
#[path = "../kit/golden_file.rs"]
mod golden_file;
#[path = "../kit/golden_sections.rs"]
mod golden_sections;
#[path = "../kit/threads.rs"]
mod threads;
