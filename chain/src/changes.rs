//! What a block changed, with what was there before.

use crate::error::ChainError;
use lockstep_store::View;
use lockstep_vm::{Account, Address, MemoryState, StateDiff, StateReader, U256, system::SYSTEM_ADDRESS};
use std::collections::BTreeMap;

/// A storage value before and after; `None` for absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageChange {
    /// The account.
    pub account: Address,
    /// The key.
    pub key: Vec<u8>,
    /// The value before.
    pub before: Option<Vec<u8>>,
    /// The value after.
    pub after: Option<Vec<u8>>,
}

/// A balance before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceChange {
    /// The account.
    pub account: Address,
    /// The balance before.
    pub before: U256,
    /// The balance after.
    pub after: U256,
}

/// A state that was there before a diff.
pub trait Before {
    /// An account.
    ///
    /// # Errors
    ///
    /// That the state cannot be read.
    fn account_before(&self, address: &Address) -> Result<Option<Account>, ChainError>;

    /// A storage value.
    ///
    /// # Errors
    ///
    /// That the state cannot be read.
    fn value_before(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, ChainError>;

    /// The whole storage of an account.
    ///
    /// # Errors
    ///
    /// That the state cannot be read.
    fn values_before(&self, address: &Address) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, ChainError>;
}

impl Before for MemoryState {
    fn account_before(&self, address: &Address) -> Result<Option<Account>, ChainError> {
        Ok(self.accounts.get(address).cloned())
    }

    fn value_before(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, ChainError> {
        Ok(self.storage.get(address).and_then(|values| values.get(key)).cloned())
    }

    fn values_before(&self, address: &Address) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, ChainError> {
        Ok(self.storage.get(address).cloned().unwrap_or_default())
    }
}

impl Before for View {
    fn account_before(&self, address: &Address) -> Result<Option<Account>, ChainError> {
        Ok(self.account(address)?)
    }

    fn value_before(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, ChainError> {
        Ok(self.value(address, key)?)
    }

    fn values_before(&self, address: &Address) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, ChainError> {
        Ok(self.values(address)?)
    }
}

/// What a diff changes, with what was there before. The system account is left out: the block writes it, not what it
/// executes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Storage values, by account and key.
    pub storage: Vec<StorageChange>,
    /// Balances, by account.
    pub balances: Vec<BalanceChange>,
    /// Accounts that are gone.
    pub removed: Vec<Address>,
}

impl Changes {
    /// What `diff` changes in `state`.
    ///
    /// # Errors
    ///
    /// That the state cannot be read.
    pub fn of(state: &impl Before, diff: &StateDiff) -> Result<Self, ChainError> {
        let mut changes = Self::default();
        for (account, now) in &diff.accounts {
            let before = state.account_before(account)?;
            let balance_before = before.as_ref().map_or(U256::ZERO, |before| before.balance);
            let balance_now = now.as_ref().map_or(U256::ZERO, |now| now.balance);
            if balance_before != balance_now {
                let change = BalanceChange { account: *account, before: balance_before, after: balance_now };
                changes.balances.push(change);
            }
            if before.is_some() && now.is_none() {
                changes.removed.push(*account);
            }
        }
        for (account, changed) in diff.storage.iter().filter(|(account, _)| **account != SYSTEM_ADDRESS) {
            let mut after: BTreeMap<&[u8], Option<&Vec<u8>>> = BTreeMap::new();
            let old = if changed.cleared { state.values_before(account)? } else { BTreeMap::new() };
            after.extend(old.keys().map(|key| (key.as_slice(), None)));
            after.extend(changed.values.iter().map(|(key, value)| (key.as_slice(), value.as_ref())));
            for (key, after) in after {
                let before = state.value_before(account, key)?;
                let after = after.cloned();
                changes.storage.push(StorageChange { account: *account, key: key.to_vec(), before, after });
            }
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_vm::StorageDiff;

    #[test]
    fn a_destroyed_contract_loses_every_key_that_it_had() {
        let account = Address::repeat_byte(1);
        let mut state = MemoryState::default();
        state.accounts.insert(account, Account { nonce: 1, balance: U256::from(5), code: None });
        state.put_storage(account, vec![1], vec![10]);
        state.put_storage(account, vec![2], vec![20]);
        let values = [(vec![2], Some(vec![21])), (vec![3], Some(vec![30]))].into();
        let diff = StateDiff {
            accounts: [(account, None)].into(),
            storage: [(account, StorageDiff { cleared: true, values })].into(),
            ..StateDiff::default()
        };
        let changes = Changes::of(&state, &diff).unwrap();
        let change = |key, before: Option<u8>, after: Option<u8>| StorageChange {
            account,
            key: vec![key],
            before: before.map(|byte| vec![byte]),
            after: after.map(|byte| vec![byte]),
        };
        let storage = vec![change(1, Some(10), None), change(2, Some(20), Some(21)), change(3, None, Some(30))];
        assert_eq!(changes.storage, storage);
        assert_eq!(changes.balances, [BalanceChange { account, before: U256::from(5), after: U256::ZERO }]);
        assert_eq!(changes.removed, [account]);
    }
}
