//! The beginning of a block: what the chain writes into the system account before the first transaction, and the check
//! that a block follows the state.
//!
//! Only under a revision with `block_hashes_in_state`. What the system account holds is said by `lockstep_host::system`.

use crate::{
    block::Rejected,
    block_state::StateView,
    journal::Journal,
    overlaid::Overlaid,
    state::{StateDiff, StateReader},
};
use alloy_primitives::Bytes;
use lockstep_gas::Revision;
use lockstep_host::{
    BlockEnv, Fault,
    system::{LAST_BLOCK_KEY, LastBlock, SYSTEM_ADDRESS, block_hash_key, block_hash_value},
};
use std::sync::Arc;

impl Journal {
    /// The last block of the state; `None` if there was none yet.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read, or has a record that no block writes.
    pub fn last_block(&mut self) -> Result<Option<LastBlock>, Fault> {
        record(self.storage(&SYSTEM_ADDRESS, LAST_BLOCK_KEY)?)
    }

    /// Writes what a block begins with: the hash of its parent, if there is one, and its own number and timestamp. It
    /// ends the running transaction, as there is none.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn begin_block(&mut self, env: &BlockEnv) -> Result<(), Fault> {
        let has_parent = self.last_block()?.is_some();
        // Never empty, so EIP-161 leaves it where it is.
        //= spec 8.10
        if self.nonce(&SYSTEM_ADDRESS)? == 0 {
            //= spec 8.15
            self.create_contract(&SYSTEM_ADDRESS)?;
        }
        //= spec 8.11
        if let Some(parent) = env.number.checked_sub(1).filter(|_| has_parent) {
            let value = Bytes::copy_from_slice(&block_hash_value(parent, env.parent_hash));
            self.set_storage(&SYSTEM_ADDRESS, &block_hash_key(parent), Some(value))?;
        }
        let last = LastBlock { number: env.number, timestamp: env.timestamp };
        //= spec 8.12
        self.set_storage(&SYSTEM_ADDRESS, LAST_BLOCK_KEY, Some(Bytes::copy_from_slice(&last.to_value())))?;
        self.commit_transaction().map(drop)
    }

    /// Whether a block with that environment can be the next one.
    pub(crate) fn check_follows(&mut self, env: &BlockEnv) -> Result<(), Rejected> {
        let last = self.last_block()?;
        let expected = last.map_or(1, |last| last.number.saturating_add(1));
        //= spec 8.5
        if env.number != expected {
            return Err(Rejected::Number { actual: env.number, expected });
        }
        match last {
            //= spec 8.6
            Some(last) if env.timestamp < last.timestamp => {
                Err(Rejected::Timestamp { actual: env.timestamp, previous: last.timestamp })
            }
            //= spec 8.7
            None if !env.parent_hash.is_zero() => Err(Rejected::NoParent { actual: env.parent_hash }),
            _ => Ok(()),
        }
    }
}

/// The last block of a state; `None` if there was none yet.
///
/// # Errors
///
/// A [`Fault`] if the state cannot be read, or has a record that no block writes.
pub fn last_block(state: &dyn StateReader) -> Result<Option<LastBlock>, Fault> {
    record(state.storage(&SYSTEM_ADDRESS, LAST_BLOCK_KEY)?)
}

fn record(value: Option<Bytes>) -> Result<Option<LastBlock>, Fault> {
    let Some(value) = value else { return Ok(None) };
    let last = LastBlock::of_value(&value);
    last.map(Some).ok_or_else(|| Fault::State("the record of the last block is not well-formed".into()))
}

/// What a block without transactions changes that puts `diff` into the state as well, as whoever starts a chain does: the
/// genesis is such a block, with number 0 and no parent. What `diff` says of the system account is dropped, unless the
/// revision is one without `block_hashes_in_state`.
///
/// # Errors
///
/// A [`Fault`] if the view cannot be read.
pub fn beginning(
    view: StateView,
    env: &BlockEnv,
    mut diff: StateDiff,
    revision: &Revision,
) -> Result<StateDiff, Fault> {
    if revision.rules.block_hashes_in_state {
        let mut journal = Journal::new(view);
        journal.begin_block(env)?;
        let StateDiff { accounts, storage, .. } = journal.diff();
        diff.accounts.remove(&SYSTEM_ADDRESS);
        diff.storage.remove(&SYSTEM_ADDRESS);
        diff.accounts.extend(accounts);
        diff.storage.extend(storage);
    }
    Ok(diff)
}

/// The state `view` as the first transaction of a block finds it.
///
/// # Errors
///
/// A [`Fault`] if the view cannot be read.
//= spec 8.14
pub(crate) fn begun(view: StateView, env: &BlockEnv, revision: &Revision) -> Result<StateView, Fault> {
    let diff = beginning(Arc::clone(&view), env, StateDiff::default(), revision)?;
    Ok(Arc::new(Overlaid::new(view, diff)))
}
