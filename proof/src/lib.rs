//! What the roots of a chain commit to, and the verifiers of proofs against them.
//!
//! A light client holds a root that it trusts, from the header of a block. It receives a proof from anybody, and the
//! proof shows a part of the state under that root, or that something is not in it. The types to begin with:
//!
//! * [`AccountProof`]: an account, or its absence, under a state root;
//! * [`StorageProof`]: a value in the storage of an account, or its absence, under a state root;
//! * [`ReceiptProof`] and [`LogProof`]: a receipt or a log of a block, under its receipts root;
//! * [`AccountLeaf`]: what the state root says of an account.
//!
//! Addresses, hashes and numbers are arrays of bytes, so that a client brings its own types. The crate needs no standard
//! library, no database and no machine. It owns the encoding of accounts and the hashes of tree nodes: the machine and the
//! store take them from here. `docs/store.md` says the same in words.

#![no_std]

extern crate alloc;

mod account;
mod change_proof;
mod changes;
mod chunk;
mod coverage;
mod hash;
mod invalid;
mod list;
mod long_value;
mod place;
mod range;
mod receipts;
mod state;
mod transactions;
mod walk;

pub use account::{
    Account, AccountLeaf, Address, CodeId, KeyValue, account_key, account_value, account_value_hash, storage_key,
    storage_value_hash,
};
pub use change_proof::{AccountChange, ChangeProof, StorageChanges, ValueChange};
pub use changes::{Beside, ChangeStep, ChangeSteps, ChangedLeaf, TreeChanges, tree_changes};
pub use chunk::{AccountsChunk, CHUNK_BYTES_MAX, Chunk, ChunkStorage, CodeChunk, StorageChunk};
pub use coverage::Coverage;
pub use hash::{EMPTY_ROOT, Hash, Kind, LEAF_DOMAIN, PAIR_DOMAIN, bit, leaf_hash, pair_hash};
pub use invalid::InvalidProof;
pub use list::ListPath;
pub use long_value::{LongValue, SHORT_VALUE_BYTES_MAX};
pub use place::{FIRST_KEY, KeyRange, LAST_KEY, Leaves};
pub use range::{AccountRange, RangeStep, StorageRange, range_steps};
pub use receipts::{
    Log, LogProof, Outcome, Receipt, ReceiptHead, ReceiptProof, log_hash, logs_root, output_hash, receipts_root,
};
pub use state::{AccountProof, MerklePath, StorageProof};
pub use transactions::{TransactionProof, transactions_root};
pub use walk::Node;
