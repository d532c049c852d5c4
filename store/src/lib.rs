//! The durable state of a chain.
//!
//! [`Store`] keeps accounts, storage, code and receipts by height in one folder, commits to them with one root, has
//! [views](View) of every kept height and proofs of every key, and goes back to an earlier height. [`Pending`] blocks
//! have states and roots before they are committed. The root depends on the content of the state alone.

mod apply;
mod backup;
mod base;
mod check;
mod checksum;
mod checksummed;
mod chunks;
mod code_tally;
mod code_uses;
mod commit;
mod copy_on_write;
mod cursor;
mod differences;
mod error;
mod executed;
mod fold;
mod guard;
mod handle;
mod history;
mod layer;
mod load;
mod log;
mod node;
mod open;
mod page;
mod past;
mod patch;
mod pending;
mod proof;
mod ranges;
mod replay;
mod row;
mod settings;
mod snapshot;
mod snapshot_head;
mod stats;
mod store;
mod stream;
mod tables;
mod update;
mod view;
mod witness;

pub use check::{Checked, DIFFERENCES_MAX, check};
pub use checksummed::ChecksummedBackend;
pub use chunks::{CHUNK_BYTES, ChunkOf};
pub use differences::Difference;
pub use error::{Cause, StoreError};
pub use executed::{BODY_BYTES_MAX, ExecutedBlock, HEIGHT_MAX};
pub use guard::Guard;
pub use history::PruneStep;
pub use load::{Import, Missing};
pub use lockstep_proof::{KeyRange, LogProof, ReceiptProof};
pub use lockstep_vm::{Executor, Serial};
pub use pending::{Pending, Roots};
pub use proof::{AccountLeaf, AccountProof, EMPTY_ROOT, InvalidProof, MerklePath, StorageProof};
pub use replay::{Replayed, replay};
pub use settings::{Durability, Settings};
pub use snapshot::SNAPSHOT_VERSION;
pub use snapshot_head::{Expected, SnapshotHead};
pub use stats::Stats;
pub use store::{FILE_NAME, LOG_NAME, Store, Tip};
pub use tables::{FORMAT_VERSION, TableSize};
pub use view::View;
pub use witness::{Recorder, WITNESS_VERSION, Witness};
