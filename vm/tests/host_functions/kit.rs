//! A case: a world and a transaction (`given_`), and everything that is expected of it (`expect_`), checked under both
//! revisions. What no `expect_` names must not change.
//!
//! Gas is asserted in every execution: under `EWASM_BYZANTIUM` the case says the number, under `V1` the golden file does,
//! and a halt takes the gas limit under both.

use crate::{
    every_way, golden,
    text::{CONTRACT, SENDER, main_field, main_of, module},
};
use lockstep_gas::{Abi, Gas, Revision};
use lockstep_host::{Address, B256, BlockEnv, HaltReason, Log, U256};
use lockstep_reference::Reference;
use lockstep_vm::{
    Account, CodeId, Executed, MemoryState, Outcome, StateDiff, StateReader, StateView, StorageDiff, Tx, TxKind,
    ValidTx, Vm,
    engine::Engine,
    system::{LAST_BLOCK_KEY, LastBlock, SYSTEM_ADDRESS},
};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};

pub(crate) static BYZANTIUM: LazyLock<Vm> = LazyLock::new(|| Vm::new(Revision::EWASM_BYZANTIUM).unwrap());
pub(crate) static V1: LazyLock<Vm> = LazyLock::new(|| Vm::new(Revision::V1).unwrap());

/// The same two on the reference interpreter.
static REFERENCES: LazyLock<[Vm<Reference>; 2]> = LazyLock::new(|| {
    [Revision::EWASM_BYZANTIUM, Revision::V1].map(|revision| Vm::with_engine(revision, 1 << 26).unwrap())
});

/// The gas limit of a case that does not say one.
pub(crate) const GAS_LIMIT: u64 = 10_000_000;

/// What the sender has at the start: enough for any amount of 128 bits.
pub(crate) const WEALTH: U256 = U256::from_limbs([0, 0, 1 << 32, 0]);

/// The block that every case runs in.
pub(crate) fn block() -> BlockEnv {
    BlockEnv {
        number: 300,
        timestamp: 1_600_000_000,
        gas_limit: i64::MAX.unsigned_abs(),
        beneficiary: Address::repeat_byte(0xFE),
        difficulty: U256::from_be_bytes(crate::text::counted::<32>(1)),
        parent_hash: hash_of(299),
    }
}

/// The hash of block `number` in every case's world.
pub(crate) fn hash_of(number: u64) -> B256 {
    B256::from(U256::from(number) << 128 | U256::from(0xB10C))
}

/// An expected account: nonce, balance and whether it has code.
pub(crate) type Is = (u64, U256, bool);

pub(crate) struct Case {
    name: String,
    pub(crate) world: MemoryState,
    pub(crate) tx: Tx,
    /// Gas under `EWASM_BYZANTIUM`, `None` for a case of `V1` alone.
    byzantium: Option<u64>,
    v1: bool,
    outcome: Outcome,
    output: Vec<u8>,
    logs: Vec<Log>,
    storage: BTreeMap<(Address, Vec<u8>), Option<Vec<u8>>>,
    cleared: Vec<Address>,
    accounts: BTreeMap<Address, Option<Is>>,
    created: Option<Address>,
    burned: U256,
    /// Why the innermost frame halted, where an outer one goes on.
    halted_inside: Option<HaltReason>,
}

impl Case {
    /// A call of a contract whose `main` is `body`.
    pub(crate) fn new(name: impl Into<String>, body: &str) -> Self {
        Self::of_code(name, &main_of(body), Abi::Ewasm)
    }

    /// A call of a contract with more fields than its `main`.
    pub(crate) fn with_fields(name: impl Into<String>, body: &str, fields: &str) -> Self {
        Self::of_code(name, &module(&main_field(body, fields)), Abi::Ewasm)
    }

    /// A call of a contract.
    pub(crate) fn of_code(name: impl Into<String>, code: &[u8], abi: Abi) -> Self {
        let mut world = MemoryState::default();
        world.accounts.insert(SENDER, Account { balance: WEALTH, ..Account::default() });
        world.put_code(CONTRACT, CodeId::of(code, abi), code);
        world.block_hashes =
            (0..300).filter(|number| number % 50 != 0).map(|number| (number, hash_of(number))).collect();
        let last = LastBlock { number: 299, timestamp: block().timestamp };
        world.put_last_block(last, world.block_hashes.clone());
        let tx = Tx {
            sender: SENDER,
            nonce: 0,
            gas_limit: Gas::new(GAS_LIMIT),
            gas_price: U256::ZERO,
            value: U256::ZERO,
            kind: TxKind::Call { to: CONTRACT, export: None },
            input: Vec::new(),
        };
        Self {
            name: name.into(),
            world,
            tx,
            byzantium: None,
            v1: true,
            outcome: Outcome::Return,
            output: Vec::new(),
            logs: Vec::new(),
            storage: BTreeMap::new(),
            cleared: Vec::new(),
            accounts: BTreeMap::new(),
            created: None,
            burned: U256::ZERO,
            halted_inside: None,
        }
    }

    // The world.

    /// Puts a contract with that `main` at `address`.
    pub(crate) fn given_contract(self, address: Address, body: &str) -> Self {
        self.given_code(address, &main_of(body), Abi::Ewasm)
    }

    /// Puts code at `address`.
    pub(crate) fn given_code(mut self, address: Address, code: &[u8], abi: Abi) -> Self {
        self.world.put_code(address, CodeId::of(code, abi), code);
        self
    }

    pub(crate) fn given_balance(mut self, address: Address, balance: impl TryInto<U256>) -> Self {
        self.world.accounts.entry(address).or_default().balance = balance.try_into().ok().unwrap();
        self
    }

    pub(crate) fn given_nonce(mut self, address: Address, nonce: u64) -> Self {
        self.world.accounts.entry(address).or_default().nonce = nonce;
        self
    }

    pub(crate) fn given_storage(mut self, address: Address, key: [u8; 32], value: &[u8]) -> Self {
        self.world.put_storage(address, key.to_vec(), value.to_vec());
        self
    }

    // The transaction.

    pub(crate) fn given_kind(mut self, kind: TxKind) -> Self {
        self.tx.kind = kind;
        self
    }

    pub(crate) fn given_input(mut self, input: &[u8]) -> Self {
        self.tx.input = input.to_vec();
        self
    }

    pub(crate) fn given_value(mut self, value: impl TryInto<U256>) -> Self {
        self.tx.value = value.try_into().ok().unwrap();
        self
    }

    pub(crate) fn given_gas_limit(mut self, gas_limit: u64) -> Self {
        self.tx.gas_limit = Gas::new(gas_limit);
        self
    }

    pub(crate) fn given_gas_price(mut self, gas_price: impl TryInto<U256>) -> Self {
        self.tx.gas_price = gas_price.try_into().ok().unwrap();
        self
    }

    // What is expected.

    /// It runs under `EWASM_BYZANTIUM` too, and uses this gas there.
    pub(crate) fn expect_gas(mut self, byzantium: u64) -> Self {
        self.byzantium = Some(byzantium);
        self
    }

    /// It does not run under `V1`.
    pub(crate) fn byzantium_only(mut self) -> Self {
        self.v1 = false;
        self
    }

    /// It does not run under `EWASM_BYZANTIUM`.
    pub(crate) fn v1_only(mut self) -> Self {
        self.byzantium = None;
        self
    }

    pub(crate) fn expect_halt(mut self, reason: HaltReason) -> Self {
        self.outcome = Outcome::Halt { reason };
        self
    }

    /// It halts under both revisions; all gas is gone.
    pub(crate) fn expect_halt_in_both(self, reason: HaltReason) -> Self {
        let limit = self.tx.gas_limit.get();
        self.expect_gas(limit).expect_halt(reason)
    }

    pub(crate) fn expect_revert(mut self, errno: u16) -> Self {
        self.outcome = Outcome::Revert { errno };
        self
    }

    pub(crate) fn expect_output(mut self, output: &[u8]) -> Self {
        self.output = output.to_vec();
        self
    }

    pub(crate) fn expect_log(mut self, address: Address, topics: &[[u8; 32]], data: &[u8]) -> Self {
        let topics = topics.iter().copied().map(B256::new).collect();
        self.logs.push(Log { address, topics, data: data.to_vec() });
        self
    }

    /// A storage value that is changed; empty for removed.
    pub(crate) fn expect_storage(mut self, address: Address, key: [u8; 32], value: &[u8]) -> Self {
        self.storage.insert((address, key.to_vec()), (!value.is_empty()).then(|| value.to_vec()));
        self
    }

    pub(crate) fn expect_cleared(mut self, address: Address) -> Self {
        self.cleared.push(address);
        self
    }

    /// An account that is changed. The sender is looked at in any case.
    pub(crate) fn expect_account(
        mut self,
        address: Address,
        nonce: u64,
        balance: impl TryInto<U256>,
        has_code: bool,
    ) -> Self {
        self.accounts.insert(address, Some((nonce, balance.try_into().ok().unwrap(), has_code)));
        self
    }

    /// An account that is removed.
    pub(crate) fn expect_removed(mut self, address: Address) -> Self {
        self.accounts.insert(address, None);
        self
    }

    pub(crate) fn expect_created(mut self, address: Address) -> Self {
        self.created = Some(address);
        self
    }

    /// What self-destruction takes out of the world.
    pub(crate) fn expect_burned(mut self, amount: impl TryInto<U256>) -> Self {
        self.burned = amount.try_into().ok().unwrap();
        self
    }

    /// The innermost frame halts, and one above it goes on.
    pub(crate) fn expect_halt_inside(mut self, reason: HaltReason) -> Self {
        self.halted_inside = Some(reason);
        self
    }

    // Checks.

    /// Executes the transaction in every way.
    #[track_caller]
    pub(crate) fn execute(&self, vm: &Vm) -> Executed {
        let reference = REFERENCES.iter().find(|reference| reference.revision() == vm.revision());
        let view: StateView = Arc::new(self.world.clone());
        every_way::execute(vm, reference, &view, &block(), &self.valid(vm))
    }

    /// Executes it once.
    pub(crate) fn execute_on<E: Engine>(&self, vm: &Vm<E>) -> Executed {
        let view: StateView = Arc::new(self.world.clone());
        let executed = vm.execute_tx(view, &block(), self.valid(vm));
        executed.unwrap_or_else(|fault| panic!("{}: fault: {fault}", self.name))
    }

    fn valid<E: Engine>(&self, vm: &Vm<E>) -> ValidTx {
        let sender = self.world.account(&SENDER).unwrap();
        let valid = ValidTx::check(self.tx.clone(), sender.as_ref(), Gas::MAX, vm.revision());
        valid.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Checks it under every revision that it is for. Gives the line of the golden file.
    pub(crate) fn check(&self) -> Option<String> {
        if let Some(gas) = self.byzantium {
            let executed = self.checked(&BYZANTIUM);
            assert_eq!(executed.receipt.gas_used.get(), gas, "{}: gas under EWASM_BYZANTIUM", self.name);
        }
        self.v1.then(|| format!("{}: {}", self.name, self.checked(&V1).receipt.gas_used))
    }

    /// Executes it and checks everything but the gas of a return or revert.
    pub(crate) fn checked(&self, vm: &Vm) -> Executed {
        let executed = self.execute(vm);
        let (name, number) = (&self.name, vm.revision().number);
        let receipt = &executed.receipt;
        assert_eq!(receipt.outcome, self.outcome, "{name} ({number}): outcome; {:?}", executed.halts);
        assert_eq!(hex(&receipt.output), hex(&self.output), "{name} ({number}): output");
        assert_eq!(receipt.logs, self.logs, "{name} ({number}): logs");
        assert_eq!(receipt.created, self.created, "{name} ({number}): created");
        if matches!(self.outcome, Outcome::Halt { .. }) {
            assert_eq!(receipt.gas_used, self.tx.gas_limit, "{name} ({number}): a halt takes all gas");
        }
        if self.halted_inside.is_some() || self.outcome == Outcome::Return {
            let reason = executed.halts.first().map(|site| site.reason);
            assert_eq!(reason, self.halted_inside, "{name} ({number}): why a frame inside halted");
        }
        self.check_diff(&executed.diff, receipt.gas_used, number);
        executed
    }

    fn check_diff(&self, diff: &StateDiff, gas_used: Gas, number: u16) {
        let name = &self.name;
        let mut diff = diff.clone();
        // What the block begins with: the hash of its parent was there before.
        let last = LastBlock { number: 300, timestamp: block().timestamp }.to_value().to_vec();
        let begins = StorageDiff { cleared: false, values: [(LAST_BLOCK_KEY.to_vec(), Some(last))].into() };
        let expected = (number == Revision::V1.number).then_some(begins);
        assert_eq!(diff.storage.remove(&SYSTEM_ADDRESS), expected, "{name} ({number}): the system account");
        let diff = &diff;
        let mut storage = BTreeMap::new();
        for (address, changes) in &diff.storage {
            storage.extend(changes.values.iter().map(|(key, value)| ((*address, key.clone()), value.clone())));
        }
        assert_eq!(storage, self.storage, "{name} ({number}): storage");
        let cleared: Vec<_> = diff.storage.iter().filter(|(_, changes)| changes.cleared).map(|(at, _)| *at).collect();
        assert_eq!(cleared, self.cleared, "{name} ({number}): cleared storage");

        let mut accounts = diff.accounts.clone();
        let sender = accounts.remove(&SENDER).flatten().unwrap();
        assert_eq!(sender.nonce, 1, "{name} ({number}): nonce of the sender");
        let fee = U256::from(gas_used.get()) * self.tx.gas_price;
        let beneficiary = accounts.remove(&block().beneficiary).flatten().unwrap_or_default();
        assert_eq!(beneficiary.balance, fee, "{name} ({number}): balance of the beneficiary");
        let is = |account: Option<Account>| account.map(|it| (it.nonce, it.balance, it.code.is_some()));
        let accounts: BTreeMap<_, _> = accounts.into_iter().map(|(address, account)| (address, is(account))).collect();
        assert_eq!(accounts, self.accounts, "{name} ({number}): accounts");

        let mut after = self.world.clone();
        after.apply(diff);
        let sum = |state: &MemoryState| state.accounts.values().fold(U256::ZERO, |sum, one| sum + one.balance);
        assert_eq!(sum(&self.world), sum(&after) + self.burned, "{name} ({number}): money was made or lost");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks cases, every one of them, and settles their gas under `V1` with the golden file.
pub(crate) fn check_all(section: &str, cases: impl IntoIterator<Item = Case>) {
    let (mut lines, mut failed) = (Vec::new(), Vec::new());
    for case in cases {
        match catch_unwind(AssertUnwindSafe(|| case.check())) {
            Ok(line) => lines.extend(line),
            Err(_) => failed.push(case.name),
        }
    }
    assert!(failed.is_empty(), "[{section}] failed: {failed:?}");
    golden::settle(section, lines);
}

/// Runs `call`, an expression of type i32, and puts out its value.
pub(crate) fn status_of(call: &str) -> String {
    format!("(i32.store #0 {call}) (call $finish #0 #4)")
}

/// An i32 as the contracts put it into their output.
pub(crate) fn word(number: u32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}
