//! The durable state of a chain.
//!
//! [`Store`] keeps accounts, storage, code and receipts by height in one file, commits to them with one root, gives
//! [views](View) of every kept height and proofs of every key, and goes back to an earlier height. The root depends on
//! the content of the state alone.

mod check;
mod commit;
mod error;
mod forest;
mod history;
mod node;
mod overlay;
mod proof;
mod replay;
mod snapshot;
mod store;
mod tables;
mod view;
mod witness;

pub use check::{Checked, DIFFERENCES_MAX, check};
pub use commit::{ExecutedBlock, HEIGHT_MAX};
pub use error::StoreError;
pub use proof::{AccountLeaf, AccountProof, EMPTY_ROOT, InvalidProof, MerklePath, StorageProof};
pub use replay::{Replayed, replay};
pub use snapshot::{Expected, SNAPSHOT_VERSION, SnapshotHead};
pub use store::{FILE_NAME, Store, Tip};
pub use tables::FORMAT_VERSION;
pub use view::View;
pub use witness::{Recorder, WITNESS_VERSION, Witness};
