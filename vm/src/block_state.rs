//! The state of a running block: what its transactions have left behind, above the view that it began with.
//!
//! A transaction reads through it and changes nothing in it. What the transaction did is taken over as a whole when it has
//! ended. So any number of transactions can be tried on one state of a block, on any number of threads.

use crate::{
    code::{CodeId, code_bytes},
    state::{Account, StateDiff, StateReader, StorageDiff},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use hashbrown::{HashMap, hash_map};
use lockstep_host::{Fault, ValueHead};
use smallvec::SmallVec;
use std::{
    collections::{BTreeMap, BTreeSet, hash_map::RandomState},
    sync::Arc,
};

/// Codes from the view that are kept at one time, so that a block which reads many does not fill the host's memory: at
/// 1 MiB each, 16 MiB.
const CODE_READ_MAX: usize = 16;

/// Accounts that a transaction brings into its block, as a guess: who sends and who gets.
const ACCOUNTS_PER_TRANSACTION: usize = 2;

/// Accounts that room is made for before any of them is there, at most: 10 MB.
const ACCOUNTS_RESERVED_MAX: usize = 32_768;

/// A state view that execution can keep for as long as it needs.
pub type StateView = Arc<dyn StateReader>;

/// A map that is looked up by keys which contracts choose: its hash is keyed, so that none of them can make it slow. What is
/// taken out of it is put in order first.
type Map<K, V> = HashMap<K, V, RandomState>;

/// A key of storage: up to 32 bytes lie in their place, as most keys have them.
pub(crate) type StorageKey = SmallVec<[u8; 32]>;

/// The state keys that execution looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StateKeys {
    /// Accounts.
    pub accounts: BTreeSet<Address>,
    /// Storage keys by account.
    pub storage: BTreeMap<Address, BTreeSet<Vec<u8>>>,
}

/// A storage value as it was found and as it is now: by the block, or by one transaction.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// Known as soon as it was read. One that a block does not know has another length than every value that was put in its
    /// place.
    pub(crate) found: Option<ValueHead>,
    pub(crate) current: Current,
}

/// A storage value as it is now.
#[derive(Debug, Clone)]
pub(crate) enum Current {
    /// As it was found.
    Found,
    /// What was put there.
    Written(Option<Bytes>),
}

impl Slot {
    pub(crate) fn head(&self) -> Option<ValueHead> {
        match &self.current {
            Current::Found => self.found.clone(),
            Current::Written(value) => value.clone().map(ValueHead::Known),
        }
    }

    /// Whether something else is there than was found.
    fn is_changed(&self) -> bool {
        match (&self.current, &self.found) {
            (Current::Found, _) | (Current::Written(None), None) => false,
            (Current::Written(Some(value)), Some(ValueHead::Known(found))) => value != found,
            (Current::Written(_), _) => true,
        }
    }

    /// Whether a transaction that found `there` here finds the same now.
    fn is_still(&self, there: Option<&ValueHead>) -> bool {
        match (&self.current, there) {
            // What the block did not write is what the view has, however much of it was read.
            (Current::Found, there) => self.found.is_some() == there.is_some(),
            (Current::Written(value), None) => value.is_none(),
            (Current::Written(value), Some(ValueHead::Known(there))) => value.as_ref() == Some(there),
            (Current::Written(_), Some(ValueHead::Unread { .. })) => false,
        }
    }

    /// The value that was put there, if there is one.
    fn written(&self) -> Option<&Bytes> {
        match &self.current {
            Current::Written(value) => value.as_ref(),
            Current::Found => None,
        }
    }
}

/// A storage value that a transaction looked at.
#[derive(Debug, Clone)]
pub(crate) struct SlotEntry {
    pub(crate) slot: Slot,
    /// Whether what was found is what the block found.
    pub(crate) is_as_found: bool,
    /// The value before the block, where it was read and is not what the transaction found.
    pub(crate) before: Option<Option<Bytes>>,
}

/// An account as a transaction found it and as it leaves it, with the storage values that it looked at.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) found: Option<Account>,
    pub(crate) current: Option<Account>,
    pub(crate) slots: BTreeMap<StorageKey, SlotEntry>,
    /// Whether values were written.
    pub(crate) written: bool,
    /// Whether it is removed as the transaction ends, if it is empty then (EIP-161).
    pub(crate) touched: bool,
    /// Whether it is removed, with its storage, as the transaction ends.
    pub(crate) removed: bool,
}

/// A payment that the payee's account was not looked at for: payments to one account can be made in any order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payment {
    pub(crate) to: Address,
    pub(crate) amount: U256,
}

/// What one transaction looked at and did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) accounts: BTreeMap<Address, Entry>,
    /// Code that it brought along.
    pub(crate) code: BTreeMap<B256, Bytes>,
    /// Code that it read.
    pub(crate) code_read: CodeRead,
    /// What it pays when it has ended.
    pub(crate) payment: Option<Payment>,
}

/// Code that was read from the view lately, by its hash. What is not kept is read again; only speed depends on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CodeRead(BTreeMap<B256, Bytes>);

impl CodeRead {
    pub(crate) fn get(&self, hash: &B256) -> Option<&Bytes> {
        self.0.get(hash)
    }

    pub(crate) fn keep(&mut self, hash: B256, code: Bytes) {
        if self.0.len() >= CODE_READ_MAX {
            self.0.clear();
        }
        self.0.insert(hash, code);
    }

    fn extend(&mut self, other: Self) {
        other.0.into_iter().for_each(|(hash, code)| self.keep(hash, code));
    }
}

/// An account as the block found it and as it is now, with the storage values that were looked at.
#[derive(Debug, Clone)]
struct AccountState {
    found: Option<Account>,
    current: Option<Account>,
    /// Whether the storage that the view has for it is gone: it was removed in this block.
    cleared: bool,
    /// Whether values were written since then. Without any there is nothing to remove again, however many were read.
    written: bool,
    slots: Map<StorageKey, Slot>,
}

/// The state of a running block.
#[derive(Clone)]
pub(crate) struct BlockState {
    view: StateView,
    accounts: Map<Address, AccountState>,
    /// Code that the block brought along.
    code: BTreeMap<B256, Bytes>,
    /// Code that its transactions read.
    code_read: CodeRead,
}

impl BlockState {
    /// A block over `view` that has changed nothing.
    pub(crate) fn new(view: StateView) -> Self {
        Self { view, accounts: Map::default(), code: BTreeMap::new(), code_read: CodeRead::default() }
    }

    /// Makes room for the accounts of as many transactions.
    pub(crate) fn reserve(&mut self, transactions: usize) {
        self.accounts.reserve(transactions.saturating_mul(ACCOUNTS_PER_TRANSACTION).min(ACCOUNTS_RESERVED_MAX));
    }

    /// The account at `address`.
    pub(crate) fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        match self.accounts.get(address) {
            Some(state) => Ok(state.current.clone()),
            None => self.view.account(address),
        }
    }

    /// The length of the value at `key` in the storage of `address`, or the value if it is short or was read before; and
    /// whether that is what the block found.
    pub(crate) fn storage_head(&self, address: &Address, key: &[u8]) -> Result<(Option<ValueHead>, bool), Fault> {
        if let Some(state) = self.accounts.get(address) {
            if let Some(slot) = state.slots.get(key) {
                return Ok((slot.head(), !state.cleared && matches!(slot.current, Current::Found)));
            }
            if state.cleared {
                return Ok((None, false));
            }
        }
        Ok((self.view.storage_head(address, key)?, true))
    }

    /// [`storage_head`](Self::storage_head) as the block found it.
    pub(crate) fn storage_head_before(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        match self.before(address, key) {
            Some(head) => Ok(head),
            None => self.view.storage_head(address, key),
        }
    }

    /// The value at `key` in the storage of `address` as the block found it.
    pub(crate) fn storage_before(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        match self.before(address, key) {
            Some(None) => Ok(None),
            Some(Some(ValueHead::Known(value))) => Ok(Some(value)),
            Some(Some(ValueHead::Unread { bytes })) => self.read(address, key, bytes),
            None => self.view.storage(address, key),
        }
    }

    /// What the block knows of the value that it found, `None` if it has to ask the view.
    pub(crate) fn before(&self, address: &Address, key: &[u8]) -> Option<Option<ValueHead>> {
        // A slot that was met after its account had been removed does not say what was there before.
        let state = self.accounts.get(address).filter(|state| !state.cleared)?;
        state.slots.get(key).map(|slot| slot.found.clone())
    }

    /// Reads a value of the view that has `bytes` bytes.
    pub(crate) fn read(&self, address: &Address, key: &[u8], bytes: u32) -> Result<Option<Bytes>, Fault> {
        let value = self.view.storage(address, key)?;
        match value.filter(|value| u32::try_from(value.len()) == Ok(bytes)) {
            Some(value) => Ok(Some(value)),
            None => {
                let key = Bytes::copy_from_slice(key);
                Err(Fault::State(format!("storage {key} of {address} does not have the {bytes} bytes that it said")))
            }
        }
    }

    /// The code that an account says it has.
    pub(crate) fn code(&self, id: &CodeId) -> Result<Bytes, Fault> {
        if let Some(code) = self.code.get(&id.hash).or_else(|| self.code_read.get(&id.hash)) {
            return Ok(code.clone());
        }
        let code = self.view.code(&id.hash)?;
        let code = code.ok_or_else(|| Fault::State(format!("no code with hash {}", id.hash)))?;
        //= spec 7.4
        let (actual, expected) = (code_bytes(&code), id.bytes);
        if actual != expected {
            return Err(Fault::State(format!("code {} has {actual} bytes, its account says {expected}", id.hash)));
        }
        Ok(code)
    }

    /// The hash of the block at `height`, from outside the state.
    pub(crate) fn block_hash(&self, height: u64) -> Result<Option<B256>, Fault> {
        self.view.block_hash(height)
    }

    /// Whether a transaction that did `changes` on an earlier state of this block does the same on this one: everything that
    /// it looked at is as it found it. What it pays to the payee is not looked at.
    pub(crate) fn holds(&self, changes: &Changes) -> bool {
        changes.accounts.iter().all(|(address, entry)| {
            // What the block did not look at is as the view has it.
            self.accounts.get(address).is_none_or(|state| {
                let same = |(key, SlotEntry { slot, .. }): (&StorageKey, &SlotEntry)| match state.slots.get(key) {
                    Some(now) => now.is_still(slot.found.as_ref()),
                    None => !state.cleared || slot.found.is_none(),
                };
                state.current == entry.found && entry.slots.iter().all(same)
            })
        })
    }

    /// Takes over what a transaction did on this state.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the payee cannot be read, or if its balance would exceed 256 bits: there is not that much money.
    /// Nothing that the transaction did is taken over then.
    pub(crate) fn apply(&mut self, changes: Changes) -> Result<(), Fault> {
        if let Some(Payment { to, amount }) = changes.payment {
            self.pay(to, amount)?;
        }
        self.merge(changes);
        Ok(())
    }

    /// Takes over what a transaction looked at and changed, without what it pays.
    pub(crate) fn merge(&mut self, changes: Changes) {
        let Changes { accounts, code, code_read, payment: _ } = changes;
        accounts.into_iter().for_each(|(address, entry)| self.take_over(address, entry));
        self.code.extend(code);
        self.code_read.extend(code_read);
    }

    fn take_over(&mut self, address: Address, entry: Entry) {
        let Entry { found, current, slots, written, touched: _, removed } = entry;
        let state = self.accounts.entry(address).or_insert_with(|| AccountState::of(found));
        state.current = current;
        if removed {
            state.clear();
        }
        state.written |= written && !removed;
        slots.into_iter().for_each(|(key, entry)| state.take_over(key, entry));
    }

    /// Pays to an account that the transaction did not look at. One that is empty then is removed (EIP-161).
    fn pay(&mut self, to: Address, amount: U256) -> Result<(), Fault> {
        let state = match self.accounts.entry(to) {
            hash_map::Entry::Occupied(place) => place.into_mut(),
            hash_map::Entry::Vacant(place) => place.insert(AccountState::of(self.view.account(&to)?)),
        };
        let balance = state.current.as_ref().map_or(U256::ZERO, |account| account.balance).checked_add(amount);
        let balance = balance.ok_or_else(|| Fault::Broken("a balance exceeds 256 bits".into()))?;
        if !amount.is_zero() {
            state.current.get_or_insert_default().balance = balance;
        }
        if state.current.as_ref().is_none_or(Account::is_empty) {
            state.current = None;
            state.clear();
        }
        Ok(())
    }

    /// The difference from the view.
    pub(crate) fn diff(&self) -> StateDiff {
        let mut diff = StateDiff::default();
        for (address, state) in self.in_order() {
            if state.current != state.found {
                diff.accounts.insert(address, state.current.clone());
                let new_code = state.current.as_ref().and_then(|account| account.code);
                let old_code = state.found.as_ref().and_then(|account| account.code);
                if let Some(id) = new_code.filter(|id| Some(id.hash) != old_code.map(|old| old.hash))
                    && let Some(code) = self.code.get(&id.hash)
                {
                    diff.code.insert(id.hash, code.to_vec());
                }
            }
            let changes = state.storage_diff();
            if changes != StorageDiff::default() {
                diff.storage.insert(address, changes);
            }
        }
        diff
    }

    /// Every state key that was looked at so far.
    pub(crate) fn keys_read(&self) -> StateKeys {
        let mut keys = StateKeys::default();
        for (address, state) in self.in_order() {
            keys.accounts.insert(address);
            if !state.slots.is_empty() {
                keys.storage.insert(address, state.slots.keys().map(|key| key.to_vec()).collect());
            }
        }
        keys
    }

    fn in_order(&self) -> Vec<(Address, &AccountState)> {
        let mut accounts: Vec<_> = self.accounts.iter().map(|(address, state)| (*address, state)).collect();
        accounts.sort_unstable_by_key(|(address, _)| *address);
        accounts
    }
}

impl AccountState {
    fn of(found: Option<Account>) -> Self {
        Self { current: found.clone(), found, cleared: false, written: false, slots: Map::default() }
    }

    fn take_over(&mut self, key: StorageKey, SlotEntry { slot, is_as_found: _, before }: SlotEntry) {
        let now = match self.slots.entry(key) {
            hash_map::Entry::Vacant(place) => place.insert(slot),
            hash_map::Entry::Occupied(place) => {
                let now = place.into_mut();
                // Both are the view's, and the transaction may have read more of it.
                if let (Current::Found, Some(ValueHead::Unread { .. })) = (&now.current, &now.found) {
                    now.found = slot.found;
                }
                if let written @ Current::Written(_) = slot.current {
                    now.current = written;
                }
                now
            }
        };
        if let (Some(before), Some(ValueHead::Unread { .. })) = (before.flatten(), &now.found) {
            now.found = Some(ValueHead::Known(before));
        }
    }

    /// Removes every storage value.
    fn clear(&mut self) {
        if self.written || !self.cleared {
            self.slots.values_mut().for_each(|slot| slot.current = Current::Written(None));
        }
        (self.cleared, self.written) = (true, false);
    }

    fn storage_diff(&self) -> StorageDiff {
        let cleared = self.cleared && self.found.is_some();
        let changed = |slot: &Slot| if cleared { slot.written().is_some() } else { slot.is_changed() };
        let mut values: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| changed(slot))
            .map(|(key, slot)| (key.to_vec(), slot.written().map(|value| value.to_vec())))
            .collect();
        values.sort_unstable();
        StorageDiff { cleared, values: values.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{journal::Journal, state::MemoryState};

    const AT: Address = Address::repeat_byte(7);

    /// A block over a state with an account and a value, and what a transaction did that looked at both.
    fn looked() -> (Arc<BlockState>, Changes) {
        let mut state = MemoryState::default();
        state.accounts.insert(AT, Account { nonce: 1, ..Account::default() });
        state.put_storage(AT, vec![1], vec![2]);
        let block = Arc::new(BlockState::new(Arc::new(state)));
        let mut journal = Journal::over(Arc::clone(&block));
        assert_eq!(journal.storage(&AT, &[1]).unwrap().as_ref(), Some(&Bytes::from(vec![2])));
        (block, journal.end_transaction().unwrap().0)
    }

    /// The block after a transaction.
    fn after(block: &Arc<BlockState>, does: impl FnOnce(&mut Journal)) -> Arc<BlockState> {
        let mut journal = Journal::over(Arc::clone(block));
        does(&mut journal);
        journal.commit_transaction().unwrap();
        journal.into_block()
    }

    #[test]
    fn an_account_that_came_back_has_lost_its_storage() {
        let (block, changes) = looked();
        assert!(block.holds(&changes));
        let gone = after(&block, |journal| assert!(journal.self_destruct(&AT, &AT).unwrap()));
        assert!(!gone.holds(&changes), "the account is gone");
        let back = after(&gone, |journal| journal.create_contract(&AT).unwrap());
        assert_eq!(back.account(&AT), block.account(&AT));
        assert!(!back.holds(&changes), "its storage is gone");
    }

    #[test]
    fn what_is_written_back_is_no_conflict() {
        let (block, changes) = looked();
        let put =
            |value: u8| move |journal: &mut Journal| journal.set_storage(&AT, &[1], Some(vec![value].into())).unwrap();
        let other = after(&block, put(3));
        assert!(!other.holds(&changes));
        assert!(after(&other, put(2)).holds(&changes));
    }

    /// A payment finds its payee whoever has looked at it, and an empty one goes.
    #[test]
    fn a_payment_is_added_to_what_is_there() {
        let (block, _) = looked();
        let pays = |amount: u64| move |journal: &mut Journal| journal.pay_fee(&AT, U256::from(amount)).unwrap();
        let paid = after(&after(&block, pays(5)), pays(6));
        assert_eq!(paid.account(&AT).unwrap().unwrap().balance, U256::from(11));
        assert_eq!(paid.storage_head(&AT, &[1]), block.storage_head(&AT, &[1]));
        let most = after(&block, |journal| journal.credit(&AT, U256::MAX).unwrap());
        let mut journal = Journal::over(Arc::clone(&most));
        pays(1)(&mut journal);
        assert!(matches!(journal.commit_transaction(), Err(Fault::Broken(_))));
        let stranger = Address::repeat_byte(9);
        let unpaid = after(&block, |journal| journal.pay_fee(&stranger, U256::ZERO).unwrap());
        assert_eq!((unpaid.account(&stranger), unpaid.diff()), (Ok(None), StateDiff::default()));
    }
}
