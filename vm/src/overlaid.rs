//! A state with changes on top of it that nothing has committed.

use crate::{
    block_state::StateView,
    state::{Account, StateDiff, StateReader, head_of},
};
use alloy_primitives::{Address, B256, Bytes};
use lockstep_host::{Fault, ValueHead};

/// The state `below` as it is after `diff`.
pub struct Overlaid {
    below: StateView,
    diff: StateDiff,
}

impl Overlaid {
    /// The state `below` as it is after `diff`.
    pub const fn new(below: StateView, diff: StateDiff) -> Self {
        Self { below, diff }
    }

    /// The value that the diff says is at `key`, `Some(None)` if it says that there is none; `None` if it says nothing.
    fn changed(&self, address: &Address, key: &[u8]) -> Option<Option<&[u8]>> {
        // A removed account goes with its storage, and an absent one has none.
        if self.diff.accounts.get(address).is_some_and(Option::is_none) {
            return Some(None);
        }
        let changes = self.diff.storage.get(address)?;
        match changes.values.get(key) {
            Some(value) => Some(value.as_deref()),
            None => changes.cleared.then_some(None),
        }
    }
}

impl StateReader for Overlaid {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        match self.diff.accounts.get(address) {
            Some(account) => Ok(account.clone()),
            None => self.below.account(address),
        }
    }

    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        match self.changed(address, key) {
            Some(value) => Ok(value.map(head_of)),
            None => self.below.storage_head(address, key),
        }
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        match self.changed(address, key) {
            Some(value) => Ok(value.map(Bytes::copy_from_slice)),
            None => self.below.storage(address, key),
        }
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        match self.diff.code.get(hash) {
            Some(code) => Ok(Some(Bytes::copy_from_slice(code))),
            None => self.below.code(hash),
        }
    }

    fn block_hash(&self, height: u64) -> Result<Option<B256>, Fault> {
        self.below.block_hash(height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{code::CodeId, state::MemoryState, state::StorageDiff};
    use lockstep_gas::Abi;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn address(number: u8) -> Address {
        Address::repeat_byte(number % 4)
    }

    /// Values of both kinds.
    fn value_of(number: u8) -> Vec<u8> {
        let bytes = [0, 1, 1_023, 1_024, 1_025, 65_536];
        vec![number; bytes[usize::from(number % 6)]]
    }

    fn diff() -> impl Strategy<Value = StateDiff> {
        let code = |number: u8| vec![number % 3; 4];
        let account = move |(nonce, with_code): (u8, Option<u8>)| Account {
            nonce: u64::from(nonce % 3) + 1,
            code: with_code.map(|number| CodeId::of(&code(number), Abi::Ewasm)),
            ..Account::default()
        };
        let accounts = prop::collection::btree_map(any::<u8>(), prop::option::of(any::<(u8, Option<u8>)>()), 0..4);
        let values = prop::collection::btree_map(0_u8..4, prop::option::of(any::<u8>()), 0..4);
        let storage = prop::collection::btree_map(any::<u8>(), (any::<bool>(), values), 0..4);
        (accounts, storage).prop_map(move |(accounts, storage)| StateDiff {
            accounts: accounts.into_iter().map(|(at, changed)| (address(at), changed.map(account))).collect(),
            storage: storage
                .into_iter()
                .map(|(at, (cleared, values))| {
                    let values = values.into_iter().map(|(key, value)| (vec![key], value.map(value_of)));
                    (address(at), StorageDiff { cleared, values: values.collect() })
                })
                .collect(),
            code: (0..3).map(|number| (CodeId::of(&code(number), Abi::Ewasm).hash, code(number))).collect(),
        })
    }

    proptest! {
        /// Two changes, one over the other, read as a state that took them over.
        #[test]
        fn an_overlaid_state_reads_as_one_that_was_changed(first in diff(), second in diff()) {
            let mut state = MemoryState::default();
            state.apply(&first);
            let below = Arc::new(state.clone());
            // A block never writes storage of an absent account.
            let mut second = second;
            second.storage.retain(|at, _| match second.accounts.get(at) {
                Some(account) => account.is_some(),
                None => state.accounts.contains_key(at),
            });
            state.apply(&second);
            let overlaid = Overlaid::new(below, second);
            for at in (0..4).map(address) {
                prop_assert_eq!(overlaid.account(&at).unwrap(), StateReader::account(&state, &at).unwrap());
                for key in 0..4 {
                    let expected = StateReader::storage(&state, &at, &[key]).unwrap();
                    prop_assert_eq!(overlaid.storage(&at, &[key]).unwrap(), expected);
                    let expected = StateReader::storage_head(&state, &at, &[key]).unwrap();
                    prop_assert_eq!(overlaid.storage_head(&at, &[key]).unwrap(), expected);
                }
            }
            for hash in state.code.keys() {
                prop_assert_eq!(overlaid.code(hash).unwrap(), StateReader::code(&state, hash).unwrap());
            }
        }
    }
}
