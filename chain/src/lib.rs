//! The rules of a chain above the virtual machine: which blocks there are, what their hashes are, what follows what.
//!
//! [`MemoryChain`] and [`Database`] are chains of blocks with one transaction each, as the command makes them; a block has
//! the same hash in both. [`Place`] applies blocks of any number of transactions to a store. [`Genesis`] is block 0.
//!
//! [`Chain`] is a chain of signed transactions by a [`ChainSpec`]: headers, a [`transaction`] format, a [`Mempool`], and
//! revisions by height.
//! `docs/chain.md` has the rules.

mod amendment;
mod application;
mod archive;
mod attempt;
mod body;
mod changes;
mod database;
mod error;
mod genesis;
mod header;
pub mod indexer;
mod memory;
mod mempool;
mod node;
#[cfg(doctest)]
mod pages;
mod spec;
pub mod state_file;
mod threads;
pub mod transaction;

pub use amendment::{amendment_hash, check_amendment, storage_diff};
pub use application::{Application, Applied, Execution, Place, Purpose};
pub use archive::{ARCHIVE_NAME, Archive, LogFilter};
pub use attempt::{Attempt, BLOCK_GAS_LIMIT, Order, Sealed, block_after, timestamp_of};
pub use body::body_of;
pub use changes::{BalanceChange, Before, Changes, StorageChange};
pub use database::Database;
pub use error::ChainError;
pub use genesis::Genesis;
pub use header::{Header, InvalidEncoding, SignedBlock};
pub use memory::MemoryChain;
pub use mempool::{Admitted, Mempool, NotAdmitted, Point, PoolLimits};
pub use node::{BlockError, Chain, Proposal};
pub use spec::{ChainSpec, InvalidSchedule, Machines, Schedule};
pub use threads::Threads;
