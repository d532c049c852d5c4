//! The journal against a model that keeps whole states: random operations with checkpoints, reverts and transactions.

use crate::property;
use lockstep_proof::SHORT_VALUE_BYTES_MAX;
use lockstep_vm::{
    Abi, Account, Address, Bytes, CodeId, Log, MemoryState, StateDiff, StateReader, U256, ValueHead,
    engine::{Checkpoint, Journal},
};
use proptest::{collection::vec, prelude::*};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Few accounts and keys, so that operations meet.
const ACCOUNTS: u8 = 4;
const KEYS: u8 = 3;

#[derive(Debug, Clone)]
enum Op {
    Checkpoint,
    /// Back to one of the open checkpoints, counted from the newest.
    Revert(u8),
    /// Closes the newest checkpoint; what came behind it stays.
    Keep,
    Commit,
    Touch(u8),
    Credit(u8, u64),
    Debit(u8, u64),
    Transfer(u8, u8, u64),
    Nonce(u8),
    Contract(u8),
    Code(u8, u8),
    /// One of the values of [`value`].
    Store(u8, u8, Option<u8>),
    Load(u8, u8),
    Head(u8, u8),
    LoadBefore(u8, u8),
    Log(u8),
    Refund(u16),
    Destroy(u8, u8),
}

fn op() -> impl Strategy<Value = Op> {
    let account = 0..ACCOUNTS;
    let key = 0..KEYS;
    let amount = prop_oneof![Just(0_u64), 1..5_u64, 90..110_u64];
    prop_oneof![
        4 => Just(Op::Checkpoint),
        3 => (0..3_u8).prop_map(Op::Revert),
        2 => Just(Op::Keep),
        2 => Just(Op::Commit),
        1 => account.clone().prop_map(Op::Touch),
        3 => (account.clone(), amount.clone()).prop_map(|(to, amount)| Op::Credit(to, amount)),
        3 => (account.clone(), amount.clone()).prop_map(|(from, amount)| Op::Debit(from, amount)),
        3 => (account.clone(), account.clone(), amount).prop_map(|(from, to, amount)| Op::Transfer(from, to, amount)),
        1 => account.clone().prop_map(Op::Nonce),
        1 => account.clone().prop_map(Op::Contract),
        1 => (account.clone(), 0..3_u8).prop_map(|(to, code)| Op::Code(to, code)),
        6 => (account.clone(), key.clone(), proptest::option::of(0..VALUES)).prop_map(|(to, key, value)| Op::Store(to, key, value)),
        4 => (account.clone(), key.clone()).prop_map(|(to, key)| Op::Load(to, key)),
        3 => (account.clone(), key.clone()).prop_map(|(to, key)| Op::Head(to, key)),
        1 => (account.clone(), key).prop_map(|(to, key)| Op::LoadBefore(to, key)),
        2 => (0..9_u8).prop_map(Op::Log),
        1 => (0..9_u16).prop_map(Op::Refund),
        2 => (account.clone(), account).prop_map(|(contract, heir)| Op::Destroy(contract, heir)),
    ]
}

fn address(number: u8) -> Address {
    Address::repeat_byte(number + 1)
}

const VALUES: u8 = 8;

/// Values of both kinds, some of the same length: a long one is not read with its length.
fn value(number: u8) -> Vec<u8> {
    match number {
        0 => vec![],
        1 => vec![7],
        2 => vec![1; SHORT_VALUE_BYTES_MAX - 1],
        3 => vec![1; SHORT_VALUE_BYTES_MAX],
        4 => vec![2; SHORT_VALUE_BYTES_MAX],
        5 => vec![1; SHORT_VALUE_BYTES_MAX + 1],
        6 => vec![2; SHORT_VALUE_BYTES_MAX + 1],
        _ => vec![1; 65_536],
    }
}

fn code(number: u8) -> Bytes {
    Bytes::from(vec![number; 3])
}

/// Everything at one moment.
#[derive(Debug, Clone, Default)]
struct Model {
    state: MemoryState,
    touched: BTreeSet<Address>,
    destroyed: BTreeSet<Address>,
    logs: Vec<Log>,
    refund: u64,
}

impl Model {
    fn change(&mut self, address: Address, change: impl FnOnce(&mut Account)) {
        change(self.state.accounts.entry(address).or_default());
        self.touched.insert(address);
    }

    fn balance(&self, address: Address) -> U256 {
        self.state.accounts.get(&address).map_or(U256::ZERO, |account| account.balance)
    }

    fn credit(&mut self, address: Address, amount: U256) {
        if amount.is_zero() {
            self.touched.insert(address);
        } else {
            self.change(address, |account| account.balance += amount);
        }
    }

    fn debit(&mut self, address: Address, amount: U256) -> bool {
        let enough = self.balance(address) >= amount;
        if enough && !amount.is_zero() {
            self.change(address, |account| account.balance -= amount);
        }
        enough
    }

    fn store(&mut self, address: Address, key: Vec<u8>, value: Option<Vec<u8>>) {
        let storage = self.state.storage.entry(address).or_default();
        match value {
            Some(value) => storage.insert(key, value),
            None => storage.remove(&key),
        };
        if storage.is_empty() {
            self.state.storage.remove(&address);
        }
        self.touched.insert(address);
    }

    fn value(&self, address: Address, key: &[u8]) -> Option<Bytes> {
        self.state.storage.get(&address).and_then(|values| values.get(key)).cloned().map(Bytes::from)
    }

    fn commit(&mut self) -> Vec<Log> {
        for address in core::mem::take(&mut self.destroyed) {
            self.state.accounts.remove(&address);
            self.state.storage.remove(&address);
        }
        for address in core::mem::take(&mut self.touched) {
            if self.state.accounts.get(&address).is_none_or(Account::is_empty) {
                self.state.accounts.remove(&address);
                self.state.storage.remove(&address);
            }
        }
        self.refund = 0;
        core::mem::take(&mut self.logs)
    }
}

/// The state that journal and model start from: one account of each sort.
fn start() -> MemoryState {
    let mut state = MemoryState::default();
    let account = |nonce, balance| Account { nonce, balance: U256::from(balance), code: None };
    state.accounts = [(address(0), account(3, 100)), (address(1), account(1, 0)), (address(2), account(0, 0))].into();
    state.put_code(address(1), CodeId::of(&code(0), Abi::Ewasm), &code(0));
    state.put_storage(address(1), vec![0], vec![7]);
    state.put_storage(address(1), vec![1], vec![]);
    state.put_storage(address(1), vec![2], value(5));
    state.put_storage(address(0), vec![0], value(6));
    state.put_storage(address(0), vec![1], value(4));
    // No chain can begin on that, but where it is anyhow it goes with the account.
    state.put_storage(address(2), vec![0], vec![8]);
    state
}

/// Journal and model side by side.
struct Both {
    journal: Journal,
    model: Model,
    checkpoints: Vec<(Checkpoint, Model)>,
}

impl Both {
    fn new() -> Self {
        let model = Model { state: start(), ..Model::default() };
        Self { journal: Journal::new(Arc::new(start())), model, checkpoints: Vec::new() }
    }

    /// Does `op` to both and compares the results.
    fn step(&mut self, op: &Op) -> Result<(), TestCaseError> {
        let Self { journal, model, checkpoints } = self;
        match *op {
            Op::Checkpoint => checkpoints.push((journal.checkpoint(), model.clone())),
            Op::Revert(back) => {
                if let Some(at) = checkpoints.len().checked_sub(1 + usize::from(back)) {
                    let (checkpoint, before) = checkpoints.swap_remove(at);
                    checkpoints.truncate(at);
                    journal.revert(checkpoint);
                    *model = before;
                }
            }
            Op::Keep => drop(checkpoints.pop()),
            Op::Commit => {
                checkpoints.clear();
                prop_assert_eq!(journal.commit_transaction().unwrap(), model.commit());
            }
            Op::Touch(_)
            | Op::Credit(..)
            | Op::Debit(..)
            | Op::Transfer(..)
            | Op::Nonce(_)
            | Op::Contract(_)
            | Op::Code(..) => {
                self.account_step(op)?;
            }
            Op::Store(at, key, value) => {
                let value = value.map(self::value);
                journal.set_storage(&address(at), &[key], value.clone().map(Bytes::from)).unwrap();
                model.store(address(at), vec![key], value);
            }
            Op::Load(at, key) => {
                let found = journal.storage(&address(at), &[key]).unwrap();
                prop_assert_eq!(found, model.value(address(at), &[key]));
            }
            Op::Head(at, key) => {
                let found = journal.storage_head(&address(at), &[key]).unwrap();
                let expected = model.value(address(at), &[key]);
                prop_assert_eq!(found.as_ref().map(|head| head.bytes() as usize), expected.as_ref().map(|it| it.len()));
                if let Some(ValueHead::Known(found)) = found {
                    prop_assert_eq!(Some(found), expected);
                }
            }
            Op::LoadBefore(at, key) => {
                let before = StateReader::storage(&start(), &address(at), &[key]).unwrap();
                let head = journal.storage_head_before_block(&address(at), &[key]).unwrap();
                prop_assert_eq!(head.map(|head| head.bytes() as usize), before.as_ref().map(|it| it.len()));
                prop_assert_eq!(journal.storage_before_block(&address(at), &[key]).unwrap(), before);
            }
            Op::Log(bytes) => {
                let log = Log { address: address(0), topics: vec![], data: vec![bytes; usize::from(bytes)] };
                journal.add_log(log.clone());
                model.logs.push(log);
            }
            Op::Refund(gas) => {
                journal.add_refund(u64::from(gas));
                model.refund += u64::from(gas);
            }
            Op::Destroy(contract, heir) => {
                let first = journal.self_destruct(&address(contract), &address(heir)).unwrap();
                let balance = model.balance(address(contract));
                model.change(address(contract), |account| account.balance = U256::ZERO);
                if contract != heir {
                    model.credit(address(heir), balance);
                }
                prop_assert_eq!(first, model.destroyed.insert(address(contract)));
            }
        }
        Ok(())
    }

    /// As [`step`](Self::step), for what changes accounts.
    fn account_step(&mut self, op: &Op) -> Result<(), TestCaseError> {
        let Self { journal, model, .. } = self;
        match *op {
            Op::Touch(to) => {
                journal.touch(&address(to)).unwrap();
                model.touched.insert(address(to));
            }
            Op::Credit(to, amount) => {
                journal.credit(&address(to), U256::from(amount)).unwrap();
                model.credit(address(to), U256::from(amount));
            }
            Op::Debit(from, amount) => {
                let taken = journal.debit(&address(from), U256::from(amount)).unwrap();
                prop_assert_eq!(taken, model.debit(address(from), U256::from(amount)));
            }
            Op::Transfer(from, to, amount) => {
                let moved = journal.transfer(&address(from), &address(to), U256::from(amount)).unwrap();
                let expected = model.debit(address(from), U256::from(amount));
                if expected {
                    model.credit(address(to), U256::from(amount));
                }
                prop_assert_eq!(moved, expected);
            }
            Op::Nonce(of) => {
                journal.increment_nonce(&address(of)).unwrap();
                model.change(address(of), |account| account.nonce += 1);
            }
            Op::Contract(at) => {
                journal.create_contract(&address(at)).unwrap();
                model.change(address(at), |account| account.nonce = 1);
            }
            Op::Code(at, number) => {
                let id = CodeId::of(&code(number), Abi::Packed);
                journal.set_code(&address(at), id, code(number)).unwrap();
                model.change(address(at), |account| account.code = Some(id));
                model.state.code.insert(id.hash, code(number).to_vec());
            }
            _ => unreachable!("{op:?}"),
        }
        Ok(())
    }

    /// Compares everything that can be asked without changing what is kept.
    fn compare(&mut self) -> Result<(), TestCaseError> {
        let Self { journal, model, .. } = self;
        for at in (0..ACCOUNTS).map(address) {
            let expected = model.state.accounts.get(&at);
            prop_assert_eq!(journal.account(&at).unwrap(), expected);
            prop_assert_eq!(journal.balance(&at).unwrap(), model.balance(at));
            let id = expected.and_then(|account| account.code);
            prop_assert_eq!(journal.code_id(&at).unwrap(), id);
            if let Some(id) = id {
                prop_assert_eq!(&journal.code(&id).unwrap()[..], &model.state.code[&id.hash][..]);
            }
        }
        let bytes: usize = model.logs.iter().map(|log| log.data.len()).sum();
        prop_assert_eq!(journal.logs(), (model.logs.as_slice(), bytes as u32));
        prop_assert_eq!(journal.refund(), model.refund);
        Ok(())
    }

    /// Ends the transaction; the difference makes the one state into the other, and holds nothing that it need not.
    fn finish(mut self) -> Result<(), TestCaseError> {
        self.step(&Op::Commit)?;
        self.compare()?;
        let diff = self.journal.diff();
        let mut after = start();
        after.apply(&diff);
        prop_assert_eq!(&after.accounts, &self.model.state.accounts);
        prop_assert_eq!(&after.storage, &self.model.state.storage);
        for account in after.accounts.values() {
            prop_assert!(account.code.is_none_or(|id| after.code.contains_key(&id.hash)));
        }
        minimal(&diff, &start())
    }
}

fn minimal(diff: &StateDiff, before: &MemoryState) -> Result<(), TestCaseError> {
    for (address, account) in &diff.accounts {
        prop_assert_ne!(account.as_ref(), before.accounts.get(address));
    }
    for (address, changes) in &diff.storage {
        prop_assert!(changes.cleared || !changes.values.is_empty());
        let before = before.storage.get(address).filter(|_| !changes.cleared);
        for (key, value) in &changes.values {
            prop_assert_ne!(value.as_ref(), before.and_then(|values| values.get(key)));
        }
    }
    let named: BTreeMap<_, _> =
        diff.accounts.values().flatten().filter_map(|account| account.code).map(|id| (id.hash, id)).collect();
    prop_assert!(diff.code.keys().all(|hash| named.contains_key(hash)));
    Ok(())
}

//= spec 4.21, 4.22, 4.23, 4.24 test
#[test]
fn a_journal_is_what_the_model_is() {
    property::check(&vec(op(), 0..80), |ops| {
        let mut both = Both::new();
        for op in &ops {
            both.step(op)?;
            both.compare()?;
        }
        both.finish()
    });
}

/// The same without looking in between: what is read late must not differ from what is read early.
#[test]
fn a_journal_that_nobody_looks_at() {
    property::check(&vec(op(), 0..200), |ops| {
        let mut both = Both::new();
        for op in &ops {
            both.step(op)?;
        }
        both.finish()
    });
}

/// Every key that was looked at, and no other.
#[test]
fn keys_read() {
    let mut journal = Journal::new(Arc::new(start()));
    journal.account(&address(0)).unwrap();
    journal.storage(&address(1), &[1]).unwrap();
    journal.set_storage(&address(2), &[2], None).unwrap();
    let keys = journal.keys_read();
    assert_eq!(keys.accounts, [address(0), address(1), address(2)].into());
    let storage: BTreeMap<_, BTreeSet<_>> = [(address(1), [vec![1]].into()), (address(2), [vec![2]].into())].into();
    assert_eq!(keys.storage, storage);
    assert_eq!(journal.diff(), StateDiff::default());
}
