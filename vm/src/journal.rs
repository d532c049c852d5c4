//! The journal: accounts, storage, code and logs as the running block has changed them, with checkpoints.
//!
//! Reads go to the state view once and are kept. A long value in storage is read when somebody asks for it, and not with
//! its length. Every change is written down with what was there before, so that a frame that fails goes back to its
//! checkpoint. Knows nothing of frames, gas or contracts.

use crate::{
    code::{CodeId, code_bytes},
    state::{Account, StateDiff, StateReader, StorageDiff},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use lockstep_host::{Fault, Log, ValueHead};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Codes from the view that a journal keeps at one time, so that a block which reads many does not fill the host's
/// memory: at 1 MiB each, 16 MiB. What is not kept is read again; only speed depends on it.
const CODE_READ_MAX: usize = 16;

/// A state view that execution can keep for as long as it needs.
pub type StateView = Arc<dyn StateReader>;

/// An account as the block found it and as it is now.
#[derive(Debug, Clone)]
struct AccountEntry {
    original: Option<Account>,
    current: Option<Account>,
    /// Whether the storage that the view has for this address is gone: the account was removed in this block.
    cleared: bool,
    /// Whether values were written since then. Without any there is nothing to remove again, however many were read.
    written: bool,
}

/// A storage value as the block found it and as it is now.
#[derive(Debug, Clone)]
struct Slot {
    /// Known as soon as it was read. One that is not has another length than every value that was put in its place.
    original: Option<ValueHead>,
    current: Current,
}

/// What is in a slot now.
#[derive(Debug, Clone)]
enum Current {
    /// What the block found.
    Original,
    /// What the block put there.
    Written(Option<Bytes>),
}

impl Slot {
    fn head(&self) -> Option<ValueHead> {
        match &self.current {
            Current::Original => self.original.clone(),
            Current::Written(value) => value.clone().map(ValueHead::Known),
        }
    }

    /// Whether something else is there than the block found.
    fn is_changed(&self) -> bool {
        match (&self.current, &self.original) {
            (Current::Original, _) | (Current::Written(None), None) => false,
            (Current::Written(Some(value)), Some(ValueHead::Known(original))) => value != original,
            (Current::Written(_), _) => true,
        }
    }

    /// The value that the block put there, if there is one.
    fn written(&self) -> Option<&Bytes> {
        match &self.current {
            Current::Written(value) => value.as_ref(),
            Current::Original => None,
        }
    }
}

/// How to take back one change.
#[derive(Debug)]
enum Undo {
    Account(Address, Option<Account>),
    Slot(Address, Vec<u8>, Current),
    Touched(Address),
    Destroyed(Address),
    Log(u32),
    Refund(u64),
}

/// A point that the journal can go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint(usize);

/// The state of a running block.
pub struct Journal {
    view: StateView,
    accounts: BTreeMap<Address, AccountEntry>,
    storage: BTreeMap<Address, BTreeMap<Vec<u8>, Slot>>,
    /// Code that this block brought along.
    code: BTreeMap<B256, Bytes>,
    /// Code that was read from the view lately: at most [`CODE_READ_MAX`] of them.
    code_read: BTreeMap<B256, Bytes>,
    undo: Vec<Undo>,
    // What follows belongs to the running transaction.
    touched: BTreeSet<Address>,
    destroyed: BTreeSet<Address>,
    logs: Vec<Log>,
    log_bytes: u32,
    refund: u64,
}

/// The state keys that execution looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StateKeys {
    /// Accounts.
    pub accounts: BTreeSet<Address>,
    /// Storage keys by account.
    pub storage: BTreeMap<Address, BTreeSet<Vec<u8>>>,
}

impl Journal {
    /// A journal over `view`, with nothing changed.
    pub fn new(view: StateView) -> Self {
        Self {
            view,
            accounts: BTreeMap::new(),
            storage: BTreeMap::new(),
            code: BTreeMap::new(),
            code_read: BTreeMap::new(),
            undo: Vec::new(),
            touched: BTreeSet::new(),
            destroyed: BTreeSet::new(),
            logs: Vec::new(),
            log_bytes: 0,
            refund: 0,
        }
    }

    /// The point that [`revert`](Self::revert) goes back to.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint(self.undo.len())
    }

    /// Takes back every change since `checkpoint`, logs and refunds included.
    pub fn revert(&mut self, checkpoint: Checkpoint) {
        while self.undo.len() > checkpoint.0 {
            match self.undo.pop() {
                Some(Undo::Account(address, previous)) => {
                    if let Some(entry) = self.accounts.get_mut(&address) {
                        entry.current = previous;
                    }
                }
                Some(Undo::Slot(address, key, previous)) => {
                    if let Some(slot) = self.storage.get_mut(&address).and_then(|slots| slots.get_mut(&key)) {
                        slot.current = previous;
                    }
                }
                Some(Undo::Touched(address)) => {
                    self.touched.remove(&address);
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

    fn entry(&mut self, address: &Address) -> Result<&mut AccountEntry, Fault> {
        // Two look-ups, because the borrow of a hit would last through the miss.
        if !self.accounts.contains_key(address) {
            let original = self.view.account(address)?;
            let entry = AccountEntry { current: original.clone(), original, cleared: false, written: false };
            self.accounts.insert(*address, entry);
        }
        self.accounts.get_mut(address).ok_or_else(|| Fault::Broken("an account entry vanished".into()))
    }

    /// The account at `address`; an empty one counts as absent until the transaction ends and removes it.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn account(&mut self, address: &Address) -> Result<Option<&Account>, Fault> {
        Ok(self.entry(address)?.current.as_ref())
    }

    /// Whether the account at `address` has been read.
    pub(crate) fn has_read(&self, address: &Address) -> bool {
        self.accounts.contains_key(address)
    }

    /// Drops what was read of the account at `address`. Only for an account of which nothing but that was asked.
    pub(crate) fn forget(&mut self, address: &Address) {
        self.accounts.remove(address);
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

    /// Changes the account at `address`, which comes into being if it is absent.
    fn change(&mut self, address: &Address, change: impl FnOnce(&mut Account)) -> Result<(), Fault> {
        let entry = self.entry(address)?;
        let previous = entry.current.clone();
        change(entry.current.get_or_insert_default());
        self.undo.push(Undo::Account(*address, previous));
        self.touch(address);
        Ok(())
    }

    /// Marks the account for removal at the end of the transaction if it is empty then (EIP-161).
    pub fn touch(&mut self, address: &Address) {
        if self.touched.insert(*address) {
            self.undo.push(Undo::Touched(*address));
        }
    }

    /// Adds to a balance.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read, or if the sum exceeds 256 bits: there is not that much money.
    pub fn credit(&mut self, address: &Address, amount: U256) -> Result<(), Fault> {
        let balance = self.balance(address)?.checked_add(amount);
        let balance = balance.ok_or_else(|| Fault::Broken("a balance exceeds 256 bits".into()))?;
        if amount.is_zero() {
            self.touch(address);
            return Ok(());
        }
        self.change(address, |account| account.balance = balance)
    }

    /// Takes from a balance; false, and nothing taken, if it is smaller.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn debit(&mut self, address: &Address, amount: U256) -> Result<bool, Fault> {
        let Some(balance) = self.balance(address)?.checked_sub(amount) else {
            return Ok(false);
        };
        if !amount.is_zero() {
            self.change(address, |account| account.balance = balance)?;
        }
        Ok(true)
    }

    /// Moves `amount`; false, and nothing moved, if `from` does not have it.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn transfer(&mut self, from: &Address, to: &Address, amount: U256) -> Result<bool, Fault> {
        Ok(self.debit(from, amount)? && self.credit(to, amount).map(|()| true)?)
    }

    /// Adds 1 to the nonce.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read or the nonce is at its end.
    pub fn increment_nonce(&mut self, address: &Address) -> Result<(), Fault> {
        let nonce = self.nonce(address)?.checked_add(1);
        let nonce = nonce.ok_or_else(|| Fault::Broken("a nonce is at its end".into()))?;
        self.change(address, |account| account.nonce = nonce)
    }

    /// Makes the account a contract with nonce 1 (EIP-161), keeping a balance that it may already have.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
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
        self.code.insert(id.hash, code);
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
        if let Some(code) = self.code.get(&id.hash).or_else(|| self.code_read.get(&id.hash)) {
            return Ok(code.clone());
        }
        let code = self.view.code(&id.hash)?;
        let code = code.ok_or_else(|| Fault::State(format!("no code with hash {}", id.hash)))?;
        let (actual, expected) = (code_bytes(&code), id.bytes);
        if actual != expected {
            return Err(Fault::State(format!("code {} has {actual} bytes, its account says {expected}", id.hash)));
        }
        if self.code_read.len() >= CODE_READ_MAX {
            self.code_read.clear();
        }
        self.code_read.insert(id.hash, code.clone());
        Ok(code)
    }

    fn slot(&mut self, address: &Address, key: &[u8]) -> Result<&mut Slot, Fault> {
        let cleared = self.entry(address)?.cleared;
        let slots = self.storage.entry(*address).or_default();
        if !slots.contains_key(key) {
            let original = if cleared { None } else { self.view.storage_head(address, key)? };
            slots.insert(key.to_vec(), Slot { original, current: Current::Original });
        }
        slots.get_mut(key).ok_or_else(|| Fault::Broken("a storage slot vanished".into()))
    }

    /// The value at `key` in the storage of `address` as the block found it, which is read now if it was not before.
    fn original(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let view = Arc::clone(&self.view);
        let slot = self.slot(address, key)?;
        let bytes = match &slot.original {
            None => return Ok(None),
            Some(ValueHead::Known(value)) => return Ok(Some(value.clone())),
            Some(ValueHead::Unread { bytes }) => *bytes,
        };
        let known = view.storage(address, key)?.map(ValueHead::Known).filter(|value| value.bytes() == bytes);
        let Some(ValueHead::Known(value)) = known else {
            let key = Bytes::copy_from_slice(key);
            return Err(Fault::State(format!(
                "storage {key} of {address} does not have the {bytes} bytes that it said"
            )));
        };
        slot.original = Some(ValueHead::Known(value.clone()));
        Ok(Some(value))
    }

    /// The length of the value at `key` in the storage of `address`, or the value if it is short or was read before.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn storage_head(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        Ok(self.slot(address, key)?.head())
    }

    /// The value at `key` in the storage of `address`. Reading it is work in proportion to its length: whoever asks has
    /// been paid for that.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read, or has a value of another length than it said.
    pub fn storage(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        match &self.slot(address, key)?.current {
            Current::Written(value) => Ok(value.clone()),
            Current::Original => self.original(address, key),
        }
    }

    /// [`storage_head`](Self::storage_head) as the block found it, however it has changed since.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn storage_head_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        // A slot that was met after its account had been removed does not say what was there before.
        if self.entry(address)?.cleared {
            return self.view.storage_head(address, key);
        }
        Ok(self.slot(address, key)?.original.clone())
    }

    /// [`storage`](Self::storage) as the block found it, however it has changed since.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read, or has a value of another length than it said.
    pub fn storage_before_block(&mut self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        // As above.
        if self.entry(address)?.cleared {
            return self.view.storage(address, key);
        }
        self.original(address, key)
    }

    /// Puts a value at `key` in the storage of `address`, or removes it. It does not outlast the transaction if there
    /// is no account then. A long value of the same length that is there is read, to know whether anything changes:
    /// whoever asks has been paid for that.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn set_storage(&mut self, address: &Address, key: &[u8], value: Option<Bytes>) -> Result<(), Fault> {
        let slot = self.slot(address, key)?;
        if let Some(value) = &value
            && slot.original.as_ref().is_some_and(|original| usize::try_from(original.bytes()) == Ok(value.len()))
        {
            self.original(address, key)?;
        }
        let slot = self.slot(address, key)?;
        let previous = core::mem::replace(&mut slot.current, Current::Written(value));
        self.undo.push(Undo::Slot(*address, key.to_vec(), previous));
        self.entry(address)?.written = true;
        self.touch(address);
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

    /// Ends the running transaction: destroyed and empty touched accounts go with their storage, and what came before
    /// can no longer be reverted. Returns its logs.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn commit_transaction(&mut self) -> Result<Vec<Log>, Fault> {
        for address in core::mem::take(&mut self.destroyed) {
            self.remove(&address)?;
        }
        for address in core::mem::take(&mut self.touched) {
            if self.account(&address)?.is_none_or(Account::is_empty) {
                self.remove(&address)?;
            }
        }
        self.undo.clear();
        self.refund = 0;
        self.log_bytes = 0;
        Ok(core::mem::take(&mut self.logs))
    }

    /// Removes an account with its storage, for good.
    fn remove(&mut self, address: &Address) -> Result<(), Fault> {
        let entry = self.entry(address)?;
        let has_values = entry.written || !entry.cleared;
        *entry = AccountEntry { original: entry.original.take(), current: None, cleared: true, written: false };
        if has_values && let Some(slots) = self.storage.get_mut(address) {
            slots.values_mut().for_each(|slot| slot.current = Current::Written(None));
        }
        Ok(())
    }

    /// What differs from the view. Meant for after [`commit_transaction`](Self::commit_transaction).
    pub fn diff(&self) -> StateDiff {
        let mut diff = StateDiff::default();
        for (address, entry) in &self.accounts {
            if entry.current != entry.original {
                diff.accounts.insert(*address, entry.current.clone());
                let new_code = entry.current.as_ref().and_then(|account| account.code);
                let old_code = entry.original.as_ref().and_then(|account| account.code);
                if let Some(id) = new_code.filter(|id| Some(id.hash) != old_code.map(|old| old.hash))
                    && let Some(code) = self.code.get(&id.hash)
                {
                    diff.code.insert(id.hash, code.to_vec());
                }
            }
            if entry.cleared && entry.original.is_some() {
                diff.storage.entry(*address).or_default().cleared = true;
            }
        }
        for (address, slots) in &self.storage {
            let cleared = diff.storage.get(address).is_some_and(|changes| changes.cleared);
            let changed = |slot: &Slot| if cleared { slot.written().is_some() } else { slot.is_changed() };
            let values: BTreeMap<_, _> = slots
                .iter()
                .filter(|(_, slot)| changed(slot))
                .map(|(key, slot)| (key.clone(), slot.written().map(|value| value.to_vec())))
                .collect();
            if !values.is_empty() {
                diff.storage.entry(*address).or_insert_with(StorageDiff::default).values = values;
            }
        }
        diff
    }

    /// Every state key that was looked at so far.
    pub fn keys_read(&self) -> StateKeys {
        StateKeys {
            accounts: self.accounts.keys().copied().collect(),
            storage: self.storage.iter().map(|(address, slots)| (*address, slots.keys().cloned().collect())).collect(),
        }
    }

    /// The hash of the block at `height`, from outside the state.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the view cannot be read.
    pub fn block_hash(&self, height: u64) -> Result<Option<B256>, Fault> {
        self.view.block_hash(height)
    }
}
