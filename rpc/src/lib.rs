//! Ethereum's JSON-RPC over a chain of [`lockstep_chain`], and a chain of one process that makes a block for each
//! transaction.
//!
//! [`DevNode`] is the chain and what waits for it; [`serve()`] answers for it over HTTP and WebSocket on one port. Has no clock
//! and prints nothing: its caller passes the time and the address.

mod access;
mod accounts;
mod answers;
mod batch;
mod budget;
mod call;
mod connection;
mod error;
mod filter;
mod forms;
mod frames;
mod front;
mod limits;
mod methods;
mod node;
mod pages;
mod parameters;
mod replays;
mod serve;
mod socket;
mod subscription;
mod turns;

pub use access::{Access, InvalidAccess};
pub use accounts::{DEV_MNEMONIC, DevAccount, dev_accounts};
pub use error::RpcError;
pub use limits::Limits;
pub use node::{Clock, DevNode, NewBlock};
pub use serve::{Served, serve, serve_with};
