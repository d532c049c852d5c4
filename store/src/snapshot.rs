//! Snapshots: the state at one height in one stream, for another machine.
//!
//! A snapshot is the diff that makes the state out of nothing, with the block that it belongs to, and a checksum. It has
//! no trees: the root is computed anew, and must be the one that it says.

use crate::{
    commit::ExecutedBlock,
    error::StoreError,
    store::Store,
    tables::{decode, encode},
};
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_vm::{
    B256, Fault, StateDiff, StateReader, StorageDiff, last_block,
    system::{LAST_BLOCK_KEY, LastBlock, SYSTEM_ADDRESS},
};
use sha3::{Digest, Sha3_256};

const MAGIC: &[u8; 8] = b"LOCKSNAP";

/// The version of the snapshot format.
pub const SNAPSHOT_VERSION: u32 = 2;

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

    fn compare(&self, head: &SnapshotHead) -> Result<(), StoreError> {
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

impl Store {
    /// The snapshot of a kept height.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotKept`], [`StoreError::Empty`], or that the database cannot be read.
    pub fn export(&self, height: u64) -> Result<(SnapshotHead, Vec<u8>), StoreError> {
        let view = self.view(height)?;
        let mut diff = StateDiff::default();
        view.for_each_account(|address, account| {
            diff.accounts.insert(*address, Some(account.clone()));
            Ok(())
        })?;
        for (address, account) in &diff.accounts {
            if let Some(id) = account.as_ref().and_then(|account| account.code)
                && !diff.code.contains_key(&id.hash)
            {
                let code = view.guarded(|| view.code_bytes(&id.hash))?;
                let code = code.ok_or_else(|| StoreError::Damaged(format!("there is no code {}", id.hash)))?;
                diff.code.insert(id.hash, code);
            }
            let values = view.values(address)?;
            if !values.is_empty() {
                let values = values.into_iter().map(|(key, value)| (key, Some(value))).collect();
                diff.storage.insert(*address, StorageDiff { cleared: false, values });
            }
        }
        let hash = view.hash();
        let head = SnapshotHead { height, hash, root: view.root() };
        let mut bytes = [MAGIC.as_slice(), &SNAPSHOT_VERSION.to_le_bytes(), &encode(&(&head, &diff))?].concat();
        let checksum = Sha3_256::digest(&bytes);
        bytes.extend(checksum);
        Ok((head, bytes))
    }

    /// Begins with a snapshot, in a store without blocks. What `expected` leaves out is believed as the snapshot says it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if it is no snapshot, damaged, not the expected one, or of a state that no chain can be on, or
    /// if the store has blocks; [`StoreError::Root`] if its state
    /// has not the root that it says; or that the database cannot be written. Nothing is changed then.
    pub fn import(&self, bytes: &[u8], expected: &Expected) -> Result<SnapshotHead, StoreError> {
        let refused = |why: &str| StoreError::Refused(format!("not a snapshot: {why}"));
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| refused("it begins otherwise"))?;
        let (version, rest) = rest.split_first_chunk().ok_or_else(|| refused("it is too short"))?;
        match u32::from_le_bytes(*version) {
            SNAPSHOT_VERSION => {}
            version => return Err(refused(&format!("version {version}, this lockstep reads {SNAPSHOT_VERSION}"))),
        }
        let (body, checksum) = rest.split_last_chunk::<32>().ok_or_else(|| refused("it is too short"))?;
        let content = bytes.get(..bytes.len().saturating_sub(32)).unwrap_or_default();
        if Sha3_256::digest(content).as_slice() != checksum {
            return Err(refused("the checksum does not match"));
        }
        let (head, diff): (SnapshotHead, StateDiff) = decode(body).map_err(|_| refused("it cannot be decoded"))?;
        expected.compare(&head)?;
        if self.tip()?.is_some() {
            return Err(StoreError::Refused("there are blocks already: a snapshot begins a database".into()));
        }
        let record = diff.storage.get(&SYSTEM_ADDRESS).and_then(|changes| changes.values.get(LAST_BLOCK_KEY));
        if let Some(last) = record.and_then(|value| LastBlock::of_value(value.as_deref()?))
            && last.number != head.height
        {
            let (height, number) = (head.height, last.number);
            return Err(refused(&format!("its height is {height}, and the last block of its state is {number}")));
        }
        diff.check_whole().map_err(|error| refused(&error.to_string()))?;
        let SnapshotHead { height, hash, root } = head;
        let parent_hash = B256::ZERO;
        self.commit(&ExecutedBlock { height, hash, parent_hash, diff: &diff, receipts: &[], root: Some(root) })?;
        Ok(head)
    }
}
