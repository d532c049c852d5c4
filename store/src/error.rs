//! Why the store refuses or fails. What the caller got wrong, what the file is, and what this node suffers are told
//! apart.

use crate::checksummed::wrong_block;
use core::fmt;
use lockstep_vm::{B256, Fault};
use std::{io, sync::Arc};

/// A refusal or a failure of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// Another process, or another `Store` of this one, has the database open.
    InUse,
    /// The store is open to look at it alone.
    ReadOnly,
    /// The view is too old: so many foldings came after it that it would keep the file from being written over.
    Expired,
    /// Whoever wrote the database last has not closed it: it must be opened to be written once, which mends it.
    Unrepaired,
    /// The file is not a database of this crate.
    Foreign(String),
    /// The database has another format version than this build reads.
    Format {
        /// The version of the file.
        actual: u32,
        /// The version that this build reads and writes.
        expected: u32,
    },
    /// The block does not follow the last one.
    Height {
        /// Height of the block.
        actual: u64,
        /// The height that follows.
        expected: u64,
    },
    /// The block has another parent than the last block.
    Parent {
        /// The parent hash that it has.
        actual: B256,
        /// The hash of the last block.
        expected: B256,
    },
    /// Another block was committed at this height.
    OtherBlock {
        /// The height.
        height: u64,
        /// Hash of the block that is there.
        committed: B256,
        /// Hash of the block that was given.
        actual: B256,
    },
    /// The block that was committed at this height has other receipts.
    OtherReceipts {
        /// The height.
        height: u64,
        /// sha3-256 over the borsh encoding of the receipts that are there.
        committed: B256,
        /// The same over those that were given.
        actual: B256,
    },
    /// The block that was committed at this height, with the same hash, has another body.
    OtherBody {
        /// The height.
        height: u64,
    },
    /// The block has another root than was expected.
    Root {
        /// The root that it has.
        actual: B256,
        /// The root that it was said to give.
        expected: B256,
    },
    /// The height is not kept.
    NotKept {
        /// The height.
        height: u64,
        /// The lowest height that is kept.
        oldest: u64,
        /// The height of the last block.
        tip: u64,
    },
    /// In this build a panic ends the process, and it was not asked for by name.
    PanicsAbort,
    /// There is no block yet.
    Empty,
    /// The diff contradicts the state that it is for.
    Diff(String),
    /// Something given from outside is false: a proof, a witness, a snapshot.
    Refused(String),
    /// What the database holds contradicts itself: it was damaged.
    Damaged(String),
    /// The database could not be read or written.
    Database(Cause),
}

/// Why a database could not be read or written.
#[derive(Debug, Clone)]
pub struct Cause {
    text: String,
    kind: Option<io::ErrorKind>,
    source: Option<Arc<dyn core::error::Error + Send + Sync>>,
}

impl Cause {
    fn of_text(text: String) -> Self {
        Self { text, kind: None, source: None }
    }

    /// The kind of an operation of the operating system that failed: a full disk, one that cannot be written.
    pub const fn io_kind(&self) -> Option<io::ErrorKind> {
        self.kind
    }
}

/// Two failures are the same if they say the same.
impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.kind) == (&other.text, other.kind)
    }
}

impl Eq for Cause {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StoreError {
    /// A failure that has no other cause than the one that `text` names.
    pub fn database(text: impl Into<String>) -> Self {
        Self::Database(Cause::of_text(text.into()))
    }

    /// The failure of an operation on a file.
    pub(crate) fn io(what: &str, error: io::Error) -> Self {
        let (text, kind) = (format!("cannot {what}: {error}"), Some(error.kind()));
        Self::Database(Cause { text, kind, source: Some(Arc::new(error)) })
    }

    /// The kind of an operation of the operating system that failed, if that is what failed.
    pub const fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Database(cause) => cause.io_kind(),
            _ => None,
        }
    }

    /// Whether what the caller gave is wrong, and not this node.
    pub const fn is_invalid(&self) -> bool {
        !matches!(self, Self::Damaged(_) | Self::Database(_) | Self::PanicsAbort)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("the database is in use by another process"),
            Self::ReadOnly => f.write_str("the database is open to look at it alone"),
            Self::Expired => f.write_str(
                "the view is too old, and what it looks at was written over: take a new one, or let views live for more \
                 foldings (Settings::view_foldings)",
            ),
            Self::Unrepaired => f.write_str("the database was not closed, and must be opened to be written once"),
            Self::Foreign(why) => write!(f, "not a database of lockstep: {why}"),
            Self::Format { actual, expected } => {
                write!(f, "format version {actual}; this lockstep reads version {expected}")
            }
            Self::Height { actual, expected } => write!(f, "height {actual} where {expected} follows"),
            Self::Parent { actual, expected } => {
                write!(f, "parent hash {actual}, but the last block has hash {expected}")
            }
            Self::OtherBlock { height, committed, actual } => {
                write!(f, "height {height} has another block, {committed} and not {actual}: roll back first")
            }
            Self::OtherReceipts { height, committed, actual } => write!(
                f,
                "the block at height {height} has receipts of the hash {committed}, and those given have {actual}: this \
                 node or its database is faulty"
            ),
            Self::OtherBody { height } => write!(
                f,
                "the block at height {height} has another body with the same hash: this node or its database is faulty"
            ),
            Self::Root { actual, expected } => write!(f, "the block has root {actual}, not {expected}"),
            Self::NotKept { height, oldest, tip } => {
                write!(f, "height {height} is not kept: heights {oldest} to {tip} are")
            }
            Self::PanicsAbort => f.write_str(
                "in this build a panic ends the process (panic = \"abort\"): build with panic = \"unwind\", or ask for it by \
                 name with Store::open_where_panics_abort",
            ),
            Self::Empty => f.write_str("the database has no block yet"),
            Self::Diff(why) => write!(f, "the diff contradicts the state: {why}"),
            Self::Refused(why) => f.write_str(why),
            Self::Damaged(what) => write!(f, "the database is damaged: {what}"),
            Self::Database(cause) => write!(f, "the database failed: {cause}"),
        }
    }
}

impl core::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Database(Cause { source: Some(source), .. }) => Some(&**source),
            _ => None,
        }
    }
}

/// The text of a fault is all that whoever executes has of it, so it says what can be done.
impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let remedy = match &error {
            StoreError::Damaged(_) => {
                "; `lockstep chain check` lists the damage, and a snapshot of another node begins a database anew"
            }
            _ => "",
        };
        Self::State(format!("{error}{remedy}"))
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        let (text, kind) = (error.to_string(), Some(error.kind()));
        Self::Database(Cause { text, kind, source: Some(Arc::new(error)) })
    }
}

/// An error of redb, by its meaning.
impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse,
            redb::Error::RepairAborted => Self::Unrepaired,
            redb::Error::Corrupted(what) => Self::Damaged(what),
            redb::Error::UpgradeRequired(version) => Self::Foreign(format!("redb file format {version}")),
            // It has said that it is ours.
            redb::Error::TableTypeMismatch { table, .. } => Self::Damaged(format!("its table {table} has other types")),
            redb::Error::Io(error) => match wrong_block(&error) {
                Some(wrong) => Self::Damaged(wrong.to_string()),
                None => error.into(),
            },
            error => Self::Database(Cause { text: error.to_string(), kind: None, source: Some(Arc::new(error)) }),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident)*) => {
        $(impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        })*
    };
}

from_redb! { DatabaseError TransactionError TableError StorageError CommitError CompactionError SetDurabilityError }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_by_damage_names_the_remedy() {
        let fault = Fault::from(StoreError::Damaged("a row is missing".into())).to_string();
        assert!(fault.contains("a row is missing") && fault.contains("snapshot of another node"), "{fault}");
        assert!(!Fault::from(StoreError::Expired).to_string().contains("snapshot"));
    }
}
