//! The journal: accounts, storage, code and logs as the running transaction has changed them, with checkpoints.
//!
//! Reads go to the state of the block once and are kept. A long value in storage is read when somebody asks for it, and not with
//! its length. Every change is written down with what was there before, so that a frame that fails goes back to its checkpoint. Knows nothing of frames, gas or contracts.

use crate::{
    block_state::{BlockState, Changes, Current, Entry, Payment, Slot, SlotEntry, StateKeys, StateView, StorageKey},
    code::CodeId,
    state::{Account, StateDiff},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use lockstep_host::{Fault, Log, ValueHead};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, btree_map},
    sync::Arc,
};

/// How to take back one change.
#[derive(Debug)]
enum Undo {
    Account(Address, Option<Account>),
    Slot(Address, StorageKey, Current),
    Touched(Address),
    Destroyed(Address),
    Log(u32),
    Refund(u64),
}

/// A point that the journal can go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint(usize);

/// The state as the running transaction sees it.
pub struct Journal {
    block: Arc<BlockState>,
    changes: Changes,
    undo: Vec<Undo>,
    destroyed: BTreeSet<Address>,
    logs: Vec<Log>,
    log_bytes: u32,
    refund: u64,
}

impl Journal {
    /// A journal of the first transaction of a block over `view`, with nothing changed.
    pub fn new(view: StateView) -> Self {
        Self::over(Arc::new(BlockState::new(view)))
    }

    /// A journal of the next transaction of a block.
    pub(crate) fn over(block: Arc<BlockState>) -> Self {
        Self {
            block,
            changes: Changes::default(),
            undo: Vec::new(),
            destroyed: BTreeSet::new(),
            logs: Vec::new(),
            log_bytes: 0,
            refund: 0,
        }
    }

    /// The state of the block, without what the running transaction did.
    pub(crate) fn into_block(self) -> Arc<BlockState> {
        self.block
    }

    /// The point that [`revert`](Self::revert) goes back to.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint(self.undo.len())
    }

    /// Takes back every change since `checkpoint`, logs and refunds included.
    //= spec 1.1.7
    pub fn revert(&mut self, checkpoint: Checkpoint) {
        while self.undo.len() > checkpoint.0 {
            match self.undo.pop() {
                Some(Undo::Account(address, previous)) => {
                    if let Some(entry) = self.changes.accounts.get_mut(&address) {
                        entry.current = previous;
                    }
                }
                Some(Undo::Slot(address, key, previous)) => {
                    let entry = self.changes.accounts.get_mut(&address);
                    if let Some(entry) = entry.and_then(|entry| entry.slots.get_mut(&key)) {
                        entry.slot.current = previous;
                    }
                }
                Some(Undo::Touched(address)) => {
                    if let Some(entry) = self.changes.accounts.get_mut(&address) {
                        entry.touched = false;
                    }
                }
                Some(Undo::Destroyed(address)) => {
                    self.destroyed.remove(&address);
                }
                Some(Undo::Log(log_bytes)) => {
                    self.logs.pop();
                    self.log_bytes = log_bytes;
                }
                Some(Undo::Refund(refund)) => self.refund = refund,
                None => return,
            }
        }
    }

    fn entry(&mut self, address: &Address) -> Result<&mut Entry, Fault> {
        entry(&self.block, &mut self.changes.accounts, address)
    }

    /// The account at `address`; an empty one counts as absent until the transaction ends and removes it.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn account(&mut self, address: &Address) -> Result<Option<&Account>, Fault> {
        Ok(self.entry(address)?.current.as_ref())
    }

    /// The balance of `address`, zero if it is absent.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn balance(&mut self, address: &Address) -> Result<U256, Fault> {
        Ok(self.account(address)?.map_or(U256::ZERO, |account| account.balance))
    }

    /// The nonce of `address`, zero if it is absent.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn nonce(&mut self, address: &Address) -> Result<u64, Fault> {
        Ok(self.account(address)?.map_or(0, |account| account.nonce))
    }

    /// Changes the account at `address`, which comes into being if it is absent, and touches it. If `change` returns false,
    /// nothing is changed, and false is returned.
    fn change_if(
        &mut self,
        address: &Address,
        change: impl FnOnce(&mut Account) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let Self { block, changes, undo, .. } = self;
        let entry = entry(block, &mut changes.accounts, address)?;
        let mut account = entry.current.clone().unwrap_or_default();
        if !change(&mut account)? {
            return Ok(false);
        }
        let previous = entry.current.replace(account);
        undo.push(Undo::Account(*address, previous));
        touch(undo, entry, address);
        Ok(true)
    }

    /// Changes the account at `address`, which comes into being if it is absent, and touches it.
    fn change(&mut self, address: &Address, change: impl FnOnce(&mut Account)) -> Result<(), Fault> {
        self.change_if(address, |account| {
            change(account);
            Ok(true)
        })?;
        Ok(())
    }

    /// Marks the account for removal at the end of the transaction if it is empty then (EIP-161).
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    //= spec 4.24
    pub fn touch(&mut self, address: &Address) -> Result<(), Fault> {
        let Self { block, changes, undo, .. } = self;
        touch(undo, entry(block, &mut changes.accounts, address)?, address);
        Ok(())
    }

    /// Adds to a balance.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read, or if the sum exceeds 256 bits: there is not that much money.
    pub fn credit(&mut self, address: &Address, amount: U256) -> Result<(), Fault> {
        if amount.is_zero() {
            return self.touch(address);
        }
        self.change_if(address, |account| {
            let balance = account.balance.checked_add(amount);
            account.balance = balance.ok_or_else(|| Fault::Broken("a balance exceeds 256 bits".into()))?;
            Ok(true)
        })?;
        Ok(())
    }

    /// Takes from a balance; false, and nothing taken, if it is smaller.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn debit(&mut self, address: &Address, amount: U256) -> Result<bool, Fault> {
        if amount.is_zero() {
            self.entry(address)?;
            return Ok(true);
        }
        self.change_if(address, |account| {
            let Some(balance) = account.balance.checked_sub(amount) else { return Ok(false) };
            account.balance = balance;
            Ok(true)
        })
    }

    /// Moves `amount`; false, and nothing moved, if `from` does not have it.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    //= spec 7.7
    pub fn transfer(&mut self, from: &Address, to: &Address, amount: U256) -> Result<bool, Fault> {
        Ok(self.debit(from, amount)? && self.credit(to, amount).map(|()| true)?)
    }

    /// Adds 1 to the nonce.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read or the nonce is at its end.
    pub fn increment_nonce(&mut self, address: &Address) -> Result<(), Fault> {
        self.change_if(address, |account| {
            let nonce = account.nonce.checked_add(1);
            account.nonce = nonce.ok_or_else(|| Fault::Broken("a nonce is at its end".into()))?;
            Ok(true)
        })?;
        Ok(())
    }

    /// Makes the account a contract with nonce 1 (EIP-161), keeping a balance that it may already have.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    //= spec 4.8
    pub fn create_contract(&mut self, address: &Address) -> Result<(), Fault> {
        self.change(address, |account| account.nonce = 1)
    }

    /// Puts code on an account.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn set_code(&mut self, address: &Address, id: CodeId, code: Bytes) -> Result<(), Fault> {
        // Code is found by its hash alone, so what a reverted frame leaves here is never seen.
        self.changes.code.insert(id.hash, code);
        self.change(address, |account| account.code = Some(id))
    }

    /// What `address` says of its code, if it has any: enough to price it. The code itself is not read.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn code_id(&mut self, address: &Address) -> Result<Option<CodeId>, Fault> {
        Ok(self.account(address)?.and_then(|account| account.code))
    }

    /// The code that an account says it has. Reading it is work in proportion to its length: whoever asks has been paid
    /// for that.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read, lacks the code, or has one of another length than the account says.
    pub fn code(&mut self, id: &CodeId) -> Result<Bytes, Fault> {
        let Changes { code, code_read, .. } = &mut self.changes;
        if let Some(code) = code.get(&id.hash).or_else(|| code_read.get(&id.hash)) {
            return Ok(code.clone());
        }
        let code = self.block.code(id)?;
        code_read.keep(id.hash, code.clone());
        Ok(code)
    }

    fn slot(&mut self, address: &Address, key: &[u8]) -> Result<&mut SlotEntry, Fault> {
        let Self { block, changes, .. } = self;
        slot(block, entry(block, &mut changes.accounts, address)?, address, key)
    }

    /// The value at `key` in the storage of `address` as the transaction found it, which is read now if it was not before.
    fn found(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let block = Arc::clone(&self.block);
        let slot = &mut self.slot(address, key)?.slot;
        match &slot.found {
            None => Ok(None),
            Some(ValueHead::Known(value)) => Ok(Some(value.clone())),
            // What the block wrote is known, so this is the view's.
            Some(ValueHead::Unread { bytes }) => {
                let value = block.read(address, key, *bytes)?;
                slot.found = value.clone().map(ValueHead::Known);
                Ok(value)
            }
        }
    }

    /// The length of the value at `key` in the storage of `address`, or the value if it is short or was read before.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn storage_head(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        Ok(self.slot(address, key)?.slot.head())
    }

    /// The value at `key` in the storage of `address`. Reading it is work in proportion to its length: whoever asks has
    /// been paid for that.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read, or has a value of another length than it said.
    pub fn storage(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        match &self.slot(address, key)?.slot.current {
            Current::Written(value) => Ok(value.clone()),
            Current::Found => self.found(address, key),
        }
    }

    /// [`storage_head`](Self::storage_head) as the block found it, however it has changed since.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn storage_head_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        let SlotEntry { slot, is_as_found, .. } = self.slot(address, key)?;
        if *is_as_found { Ok(slot.found.clone()) } else { self.block.storage_head_before(address, key) }
    }

    /// [`storage`](Self::storage) as the block found it, however it has changed since.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read, or has a value of another length than it said.
    pub fn storage_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        if self.slot(address, key)?.is_as_found {
            return self.found(address, key);
        }
        let block = Arc::clone(&self.block);
        let before = &mut self.slot(address, key)?.before;
        if let Some(value) = before {
            return Ok(value.clone());
        }
        let value = block.storage_before(address, key)?;
        *before = Some(value.clone());
        Ok(value)
    }

    /// Puts a value at `key` in the storage of `address`, or removes it. It does not outlast the transaction if there
    /// is no account then. A long value of the same length that the block found there is read, to know whether anything
    /// changes: whoever asks has been paid for that.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn set_storage(&mut self, address: &Address, key: &[u8], value: Option<Bytes>) -> Result<(), Fault> {
        if let Some(value) = &value {
            let SlotEntry { slot, is_as_found, .. } = self.slot(address, key)?;
            let is_as_long = |found: &Option<ValueHead>| match found {
                Some(ValueHead::Unread { bytes }) => usize::try_from(*bytes) == Ok(value.len()),
                _ => false,
            };
            let is_as_long = match is_as_found {
                true => is_as_long(&slot.found),
                false => is_as_long(&self.block.before(address, key).flatten()),
            };
            if is_as_long {
                self.storage_before_block(address, key)?;
            }
        }
        let Self { block, changes, undo, .. } = self;
        let entry = entry(block, &mut changes.accounts, address)?;
        let slot = &mut slot(block, entry, address, key)?.slot;
        let previous = core::mem::replace(&mut slot.current, Current::Written(value));
        undo.push(Undo::Slot(*address, StorageKey::from_slice(key), previous));
        entry.written = true;
        touch(undo, entry, address);
        Ok(())
    }

    /// Logs of the running transaction and the bytes of their data.
    pub fn logs(&self) -> (&[Log], u32) {
        (&self.logs, self.log_bytes)
    }

    /// Adds a log.
    pub fn add_log(&mut self, log: Log) {
        self.undo.push(Undo::Log(self.log_bytes));
        self.log_bytes = self.log_bytes.saturating_add(u32::try_from(log.data.len()).unwrap_or(u32::MAX));
        self.logs.push(log);
    }

    /// What the running transaction gets back at its end.
    pub fn refund(&self) -> u64 {
        self.refund
    }

    /// Adds to what the running transaction gets back at its end.
    pub fn add_refund(&mut self, gas: u64) {
        self.undo.push(Undo::Refund(self.refund));
        self.refund = self.refund.saturating_add(gas);
    }

    /// Gives the balance of `contract` to `beneficiary` and marks it for removal at the end of the transaction; a
    /// contract that names itself loses its balance. True if it was not marked before.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    //= spec 7.7
    pub fn self_destruct(&mut self, contract: &Address, beneficiary: &Address) -> Result<bool, Fault> {
        let balance = self.balance(contract)?;
        self.change(contract, |account| account.balance = U256::ZERO)?;
        // Not credited to itself even for a moment: the sum could exceed 256 bits.
        if contract != beneficiary {
            self.credit(beneficiary, balance)?;
        }
        let first = self.destroyed.insert(*contract);
        if first {
            self.undo.push(Undo::Destroyed(*contract));
        }
        Ok(first)
    }

    /// Pays the fee of the transaction. An account that was not looked at is not looked at for this: the block adds the
    /// amount when it takes the transaction over, so that transactions with one payee do not depend on each other.
    pub(crate) fn pay_fee(&mut self, payee: &Address, amount: U256) -> Result<(), Fault> {
        if self.changes.accounts.contains_key(payee) {
            return self.credit(payee, amount);
        }
        self.changes.payment = Some(Payment { to: *payee, amount });
        Ok(())
    }

    /// Ends the running transaction: destroyed and empty touched accounts go with their storage. Returns what it did, and
    /// its logs.
    //= spec 4.21, 4.22
    pub(crate) fn end_transaction(&mut self) -> Result<(Changes, Vec<Log>), Fault> {
        for address in core::mem::take(&mut self.destroyed) {
            remove(self.entry(&address)?);
        }
        for entry in self.changes.accounts.values_mut() {
            if entry.touched && entry.current.as_ref().is_none_or(Account::is_empty) {
                remove(entry);
            }
        }
        self.undo.clear();
        self.refund = 0;
        self.log_bytes = 0;
        Ok((core::mem::take(&mut self.changes), core::mem::take(&mut self.logs)))
    }

    /// Ends the running transaction and begins the next one of the block, which finds what this one did. What came before
    /// can no longer be reverted. Returns the logs.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn commit_transaction(&mut self) -> Result<Vec<Log>, Fault> {
        let (changes, logs) = self.end_transaction()?;
        Arc::make_mut(&mut self.block).apply(changes)?;
        Ok(logs)
    }

    /// What differs from the view, the running transaction included. Meant for after
    /// [`commit_transaction`](Self::commit_transaction).
    pub fn diff(&self) -> StateDiff {
        self.with_running().diff()
    }

    /// Every state key that was looked at so far.
    pub fn keys_read(&self) -> StateKeys {
        self.with_running().keys_read()
    }

    /// The state of the block with what the running transaction did so far.
    fn with_running(&self) -> Cow<'_, BlockState> {
        let mut block = Cow::Borrowed(&*self.block);
        if !self.changes.accounts.is_empty() {
            block.to_mut().merge(self.changes.clone());
        }
        block
    }

    /// The hash of the block at `height`, from outside the state.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn block_hash(&self, height: u64) -> Result<Option<B256>, Fault> {
        self.block.block_hash(height)
    }
}

/// The entry of an account in `accounts`, which is read now if it was not before.
fn entry<'a>(
    block: &BlockState,
    accounts: &'a mut BTreeMap<Address, Entry>,
    address: &Address,
) -> Result<&'a mut Entry, Fault> {
    Ok(match accounts.entry(*address) {
        btree_map::Entry::Occupied(place) => place.into_mut(),
        btree_map::Entry::Vacant(place) => {
            let found = block.account(address)?;
            let (current, slots) = (found.clone(), BTreeMap::new());
            place.insert(Entry { found, current, slots, written: false, touched: false, removed: false })
        }
    })
}

/// The slot of an account that is at `address`, which is read now if it was not before.
fn slot<'a>(
    block: &BlockState,
    account: &'a mut Entry,
    address: &Address,
    key: &[u8],
) -> Result<&'a mut SlotEntry, Fault> {
    Ok(match account.slots.entry(StorageKey::from_slice(key)) {
        btree_map::Entry::Occupied(place) => place.into_mut(),
        btree_map::Entry::Vacant(place) => {
            let (found, is_as_found) = block.storage_head(address, key)?;
            place.insert(SlotEntry { slot: Slot { found, current: Current::Found }, is_as_found, before: None })
        }
    })
}

/// Marks the account for removal at the end of the transaction if it is empty then.
fn touch(undo: &mut Vec<Undo>, account: &mut Entry, address: &Address) {
    if !account.touched {
        account.touched = true;
        undo.push(Undo::Touched(*address));
    }
}

/// Removes an account with its storage, for good.
//= spec 4.23
fn remove(account: &mut Entry) {
    account.slots.values_mut().for_each(|entry| entry.slot.current = Current::Written(None));
    (account.current, account.removed) = (None, true);
}
