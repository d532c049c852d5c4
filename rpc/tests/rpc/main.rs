//! The server as clients see it: over HTTP and WebSocket, spoken by hand.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests panic to fail and count what is small"
)]

mod access;
mod client;
mod hostile;
mod methods;
mod replays;
mod subscriptions;
mod turns;
