//! Conformance suites of the Lockstep virtual machine.
//!
//! The official ewasm state tests: [`fixture`] reads their files, [`run`](mod@run) executes one case and compares,
//! [`suite`] does so for files and folders. [`trie`] and [`logs`] compute the two hashes that a case is judged by;
//! Ethereum's trie exists in this crate only.
//!
//! [`wast`](mod@wast) runs the testsuite of the WebAssembly specification through an engine.
//!
//! [`digest`] executes a corpus whose results must be the same on every processor.

pub mod digest;
pub mod fixture;
mod hex;
mod json;
pub mod logs;
pub mod run;
pub mod suite;
pub mod trie;
pub mod wast;
