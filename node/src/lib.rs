//! Validators that agree on the blocks of a Lockstep chain.
//!
//! [`Application`] is what an engine of consensus asks of a chain, and [`ChainApplication`] the chain that answers.
//! [`validator::start`] runs it under commonware's simplex and marshal, over any network of theirs, and [`process::run`] as
//! a process with databases, network and JSON-RPC.

mod application;
mod automaton;
mod block;
pub mod bounded;
pub mod catch_up;
mod chain_file;
mod finality;
mod finality_method;
mod gossip;
pub mod light;
mod metrics;
mod node_file;
pub mod process;
mod source;
pub mod state_channel;
pub mod testnet;
pub mod validator;

pub use application::{Application, ChainApplication, Interpreter, NodeFault};
pub use automaton::Stopper;
pub use block::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, BlockDigest, PlacedBlock, Placement, RawBlock};
pub use chain_file::{ChainFile, public_key};
pub use finality::{Certificate, InvalidCertificate};
pub use node_file::{CatchUp, Engine, NodeFile, NodeSetup, Peer, make_key};
