//! The functions of WASI and of SUAVE, called as a guest does, on a world of two maps: what each answers, what it costs,
//! what hostile arguments come to.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "wasi/kit.rs"]
mod kit;
#[path = "wasi/streams.rs"]
mod streams;
#[path = "wasi/suave.rs"]
mod suave;
#[path = "wasi/table.rs"]
mod table;
#[path = "wasi/time.rs"]
mod time;
