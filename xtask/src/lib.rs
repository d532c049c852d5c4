//! Chores of the repository: generated pages, example contracts, goldens, numbers of rules.
//!
//! The command is in `main.rs`, its work is here. So the rules under `tests/rules` compare with the same code.

pub mod api;
pub mod bless;
pub mod citations;
pub mod determinism;
pub mod docs;
pub mod embed;
pub mod guests;
mod tree;

pub use tree::Tree;
