//! Tests of the host functions through guests: contracts in, receipts and state diffs out, gas in every execution.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod calculator;
mod calls;
mod copies;
mod create;
mod crypto;
mod depth;
mod ends;
mod engine;
mod environment;
mod export_ends;
mod export_kit;
mod export_order;
mod export_places;
mod export_values;
mod golden;
mod kit;
mod later;
mod lines;
mod logs;
mod out_of_gas;
mod pointers;
mod precompiled_modules;
mod precompiles;
mod return_data;
mod static_mode;
mod storage;
mod text;

// What all these tests share.
#[path = "../kit/diagnosed.rs"]
mod diagnosed;
#[path = "../kit/every_way.rs"]
mod every_way;
#[path = "../kit/golden_file.rs"]
mod golden_file;
#[path = "../kit/golden_sections.rs"]
mod golden_sections;
