//! The journal against a model that keeps a whole copy of everything at each checkpoint.
//!
//! Asserts, after every step, that what can be read is what the model has, and at the end that the difference leads from
//! the state at the start to the model's, with nothing in it that did not change.

use crate::input::Input;
use lockstep_vm::{
    Abi, Account, Address, B256, Bytes, CodeId, Log, MemoryState, StateView, U256,
    engine::{Checkpoint, Journal},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A journal, and how it makes checkpoints and goes back to them.
pub trait Ledger {
    /// The ledger over `view`.
    fn over(view: StateView) -> Self;

    /// The journal itself.
    fn journal(&mut self) -> &mut Journal;

    /// Goes back to `checkpoint`.
    fn back_to(&mut self, checkpoint: Checkpoint);
}

impl Ledger for Journal {
    fn over(view: StateView) -> Self {
        Self::new(view)
    }

    fn journal(&mut self) -> &mut Journal {
        self
    }

    fn back_to(&mut self, checkpoint: Checkpoint) {
        self.revert(checkpoint);
    }
}

/// Few accounts and keys, so that steps meet.
const ACCOUNTS: u32 = 5;
const KEYS: u32 = 3;

/// A value that is not read with its length.
const LONG: &[u8] = &[9; 1_025];

/// Steps of one input.
const STEPS_MAX: u32 = 150;

fn address(input: &mut Input<'_>) -> Address {
    Address::repeat_byte(1 + u8::try_from(input.below(ACCOUNTS)).expect("few"))
}

fn key(input: &mut Input<'_>) -> Vec<u8> {
    vec![7; input.below(KEYS) as usize]
}

fn amount(input: &mut Input<'_>) -> U256 {
    U256::from(input.choose(&[0_u64, 1, 2, 50, 100, 101, 1_000]))
}

/// Everything at one moment.
#[derive(Debug, Clone, Default)]
struct Model {
    accounts: BTreeMap<Address, Account>,
    storage: BTreeMap<(Address, Vec<u8>), Vec<u8>>,
    touched: BTreeSet<Address>,
    destroyed: BTreeSet<Address>,
    logs: Vec<Log>,
    refund: u64,
}

impl Model {
    fn account(&mut self, address: Address) -> &mut Account {
        self.touched.insert(address);
        self.accounts.entry(address).or_default()
    }

    fn balance(&self, address: Address) -> U256 {
        self.accounts.get(&address).map(|account| account.balance).unwrap_or_default()
    }

    fn credit(&mut self, address: Address, amount: U256) {
        self.touched.insert(address);
        if !amount.is_zero() {
            self.account(address).balance += amount;
        }
    }

    fn debit(&mut self, address: Address, amount: U256) -> bool {
        let enough = self.balance(address) >= amount;
        if enough && !amount.is_zero() {
            self.account(address).balance -= amount;
        }
        enough
    }

    fn end_transaction(&mut self) -> Vec<Log> {
        for address in core::mem::take(&mut self.destroyed) {
            self.accounts.remove(&address);
            self.storage.retain(|(owner, _), _| *owner != address);
        }
        for address in core::mem::take(&mut self.touched) {
            if self.accounts.get(&address).is_none_or(|account| *account == Account::default()) {
                self.accounts.remove(&address);
                self.storage.retain(|(owner, _), _| *owner != address);
            }
        }
        self.refund = 0;
        core::mem::take(&mut self.logs)
    }
}

/// What the journal is held to.
///
/// # Panics
///
/// See the module.
pub fn journal(bytes: &[u8]) {
    against::<Journal>(bytes);
}

/// The same for a ledger that need not be the machine's.
///
/// # Panics
///
/// See the module.
pub fn against<L: Ledger>(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let start = start(&mut input);
    let mut model = Model { accounts: start.accounts.clone(), ..Model::default() };
    for (address, values) in &start.storage {
        model.storage.extend(values.iter().map(|(key, value)| ((*address, key.clone()), value.clone())));
    }
    let mut ledger = L::over(Arc::new(start.clone()));
    let mut open: Vec<(Checkpoint, Model)> = Vec::new();
    // What is read late must not differ from what is read early.
    let looks = input.once_in(2);
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        step(&mut input, &mut ledger, &mut model, &mut open);
        if looks {
            compare(ledger.journal(), &model, &start);
        }
    }
    compare(ledger.journal(), &model, &start);
    assert_eq!(ledger.journal().commit_transaction(), Ok(model.end_transaction()));
    compare(ledger.journal(), &model, &start);
    finish(ledger.journal(), &model, start);
}

fn start(input: &mut Input<'_>) -> MemoryState {
    let mut state = MemoryState::default();
    for number in 1..=3 {
        let owner = Address::repeat_byte(number);
        if input.once_in(3) {
            continue;
        }
        state.accounts.insert(owner, Account { nonce: u64::from(number), balance: U256::from(100), code: None });
        for key in 0..input.below(KEYS) {
            let value = if input.once_in(2) { LONG.to_vec() } else { vec![9] };
            state.put_storage(owner, vec![7; key as usize], value);
        }
        if input.once_in(3) {
            state.put_code(owner, CodeId::of(b"old", Abi::Packed), b"old");
        }
    }
    state
}

fn step<L: Ledger>(input: &mut Input<'_>, ledger: &mut L, model: &mut Model, open: &mut Vec<(Checkpoint, Model)>) {
    let (one, other) = (address(input), address(input));
    let choice = input.below(20);
    let journal = ledger.journal();
    match choice {
        0..=2 => open.push((journal.checkpoint(), model.clone())),
        3 | 4 if !open.is_empty() => {
            // What was opened behind it is gone with it.
            open.truncate(input.index(open.len()) + 1);
            let (checkpoint, before) = open.pop().expect("one is left");
            ledger.back_to(checkpoint);
            *model = before;
        }
        5 => {
            open.clear();
            assert_eq!(journal.commit_transaction(), Ok(model.end_transaction()));
        }
        6..=9 => money(input, journal, model, choice, one, other),
        10 => {
            assert_eq!(journal.increment_nonce(&one), Ok(()));
            model.account(one).nonce += 1;
        }
        11 => {
            assert_eq!(journal.create_contract(&one), Ok(()));
            model.account(one).nonce = 1;
        }
        12 => {
            let code = vec![input.byte() % 3];
            let id = CodeId::of(&code, input.choose(Abi::CONTRACTS));
            assert_eq!(journal.set_code(&one, id, code.into()), Ok(()));
            model.account(one).code = Some(id);
        }
        13..=15 => {
            let values =
                [None, Some(vec![]), Some(vec![1]), Some(vec![9]), Some(vec![8; LONG.len()]), Some(LONG.to_vec())];
            let (key, value) = (key(input), input.choose(&values));
            assert_eq!(journal.set_storage(&one, &key, value.clone().map(Bytes::from)), Ok(()));
            match value {
                Some(value) => model.storage.insert((one, key), value),
                None => model.storage.remove(&(one, key)),
            };
            model.touched.insert(one);
        }
        16 => {
            let log = Log { address: one, topics: vec![B256::ZERO; 1], data: vec![0; input.below(9) as usize] };
            journal.add_log(log.clone());
            model.logs.push(log);
        }
        17 => {
            let gas = u64::from(input.byte());
            journal.add_refund(gas);
            model.refund += gas;
        }
        18 => {
            journal.touch(&one).unwrap();
            model.touched.insert(one);
        }
        _ => {
            assert_eq!(journal.self_destruct(&one, &other), Ok(model.destroyed.insert(one)));
            let balance = core::mem::take(&mut model.account(one).balance);
            if one != other {
                model.credit(other, balance);
            }
        }
    }
}

fn money(input: &mut Input<'_>, journal: &mut Journal, model: &mut Model, choice: u32, one: Address, other: Address) {
    let amount = amount(input);
    match choice {
        6 => {
            assert_eq!(journal.credit(&one, amount), Ok(()));
            model.credit(one, amount);
        }
        7 => assert_eq!(journal.debit(&one, amount), Ok(model.debit(one, amount))),
        _ => {
            let moved = model.debit(one, amount);
            if moved {
                model.credit(other, amount);
            }
            assert_eq!(journal.transfer(&one, &other, amount), Ok(moved));
        }
    }
}

/// Everything that can be read: as it is, and as it was before the block.
fn compare(journal: &mut Journal, model: &Model, start: &MemoryState) {
    let log_bytes: usize = model.logs.iter().map(|log| log.data.len()).sum();
    assert_eq!(journal.logs(), (model.logs.as_slice(), u32::try_from(log_bytes).expect("few")), "logs");
    assert_eq!(journal.refund(), model.refund, "refund");
    for number in 1..=u8::try_from(ACCOUNTS).expect("few") {
        let address = Address::repeat_byte(number);
        let expected = model.accounts.get(&address);
        assert_eq!(journal.account(&address), Ok(expected), "account {address}");
        let code = expected.and_then(|account| account.code);
        assert_eq!(journal.code_id(&address), Ok(code), "code of {address}");
        if let Some(id) = code {
            let code = journal.code(&id).expect("the state can be read");
            assert_eq!(CodeId::of(&code, id.abi), id, "the code of {address} itself");
        }
        for length in 0..KEYS {
            let key = vec![7; length as usize];
            let before = journal.storage_before_block(&address, &key).expect("the state can be read");
            let was_there = start.accounts.contains_key(&address);
            let expected = start.storage.get(&address).filter(|_| was_there).and_then(|values| values.get(&key));
            assert_eq!(
                before.as_ref().map(AsRef::as_ref),
                expected.map(Vec::as_slice),
                "storage of {address} before, {length} bytes of key"
            );
            let expected = model.storage.get(&(address, key.clone()));
            let head = journal.storage_head(&address, &key).expect("the state can be read");
            assert_eq!(
                head.map(|head| head.bytes() as usize),
                expected.map(Vec::len),
                "length in the storage of {address}, {length} bytes of key"
            );
            let value = journal.storage(&address, &key).expect("the state can be read");
            assert_eq!(
                value.as_ref().map(AsRef::as_ref),
                expected.map(Vec::as_slice),
                "storage of {address}, {length} bytes of key"
            );
        }
    }
}

/// Holds the difference to what it must lead to.
fn finish(journal: &Journal, model: &Model, start: MemoryState) {
    let diff = journal.diff();
    let mut state = start.clone();
    state.apply(&diff);
    assert_eq!(state.accounts, model.accounts, "accounts at the end");
    let mut storage: BTreeMap<Address, BTreeMap<Vec<u8>, Vec<u8>>> = BTreeMap::new();
    for ((address, key), value) in &model.storage {
        storage.entry(*address).or_default().insert(key.clone(), value.clone());
    }
    assert_eq!(state.storage, storage, "storage at the end");
    for id in state.accounts.values().filter_map(|account| account.code) {
        assert_eq!(state.code.get(&id.hash).map(|code| CodeId::of(code, id.abi)), Some(id), "the code itself");
    }
    for (address, account) in &diff.accounts {
        assert_ne!(start.accounts.get(address), account.as_ref(), "a difference of nothing");
    }
    for (address, changes) in &diff.storage {
        assert!(changes.cleared || !changes.values.is_empty(), "a difference of nothing");
        let before = start.storage.get(address).filter(|_| !changes.cleared);
        for (key, value) in &changes.values {
            assert_ne!(before.and_then(|values| values.get(key)), value.as_ref(), "a difference of nothing");
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn smoke() {
        crate::runner::smoke("journal", super::journal);
    }
}
