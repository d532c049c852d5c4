//! The block that a snapshot belongs to, and what is known of it from elsewhere.

use crate::error::StoreError;
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_vm::{B256, Fault, StateReader, last_block};

/// The block that a snapshot belongs to.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SnapshotHead {
    /// Height.
    pub height: u64,
    /// Hash of the block.
    pub hash: B256,
    /// Root of the state.
    pub root: B256,
}

/// What is known of the block of a snapshot from another source than the snapshot: a header of the chain, for example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// The root of the state, which commits to every account, value and code.
    pub root: Option<B256>,
    /// The hash of the block.
    pub hash: Option<B256>,
    /// The height.
    pub height: Option<u64>,
}

impl Expected {
    /// What is believed of an imported snapshot because the snapshot says it: names of fields of [`SnapshotHead`].
    ///
    /// The root binds the height if the state has a record of its last block, as `state` says.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    pub fn believed(&self, state: &dyn StateReader) -> Result<Vec<&'static str>, Fault> {
        let bound = self.root.is_some() && last_block(state)?.is_some();
        let height = bound || self.height.is_some();
        let known = [("height", height), ("hash", self.hash.is_some()), ("root", self.root.is_some())];
        Ok(known.into_iter().filter(|(_, known)| !known).map(|(name, _)| name).collect())
    }

    pub(crate) fn compare(&self, head: &SnapshotHead) -> Result<(), StoreError> {
        fn same<T: PartialEq + core::fmt::Display>(
            what: &str,
            actual: T,
            expected: Option<T>,
        ) -> Result<(), StoreError> {
            match expected.filter(|expected| *expected != actual) {
                None => Ok(()),
                Some(expected) => {
                    Err(StoreError::Refused(format!("the snapshot has {what} {actual}, and {expected} is expected")))
                }
            }
        }
        same("height", head.height, self.height)?;
        same("block hash", head.hash, self.hash)?;
        same("root", head.root, self.root)
    }
}
