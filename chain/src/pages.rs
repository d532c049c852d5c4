//! Pages whose examples in Rust are compiled and run by `cargo test --doc`. Holds no code: it is not built otherwise.

#[doc = include_str!("../../README.md")]
struct Readme;

#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;
