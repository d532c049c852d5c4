//! The kit: a world of accounts and contracts, transactions in it, and their execution in every way at once.

use crate::{every_way, golden::Golden};
use lockstep_host::{ImportTable, ValueType};
use lockstep_reference::Reference;
use lockstep_vm::{
    Abi, Account, Address, B256, Block, BlockEnv, CodeId, Executed, Gas, HaltReason, InvalidTx, MemoryState, Outcome,
    Receipt, Refused, Revision, StateDiff, StateView, Tx, TxKind, U256, ValidTx, ViewCall, Vm, engine::wasmi::Wasmi,
    system::LastBlock,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

/// Who sends and pays.
pub(crate) const SENDER: Address = Address::repeat_byte(0x5e);
/// Who receives the fees.
pub(crate) const BENEFICIARY: Address = Address::repeat_byte(0xbe);
/// Contracts of the tests.
pub(crate) const A: Address = Address::repeat_byte(0xa1);
pub(crate) const B: Address = Address::repeat_byte(0xb2);
pub(crate) const C: Address = Address::repeat_byte(0xc3);
/// An account that does not exist.
pub(crate) const NOBODY: Address = Address::repeat_byte(0x40);

/// What the sender has.
pub(crate) const WEALTH: u64 = 1_000_000_000_000_000_000;
/// Gas of a block.
pub(crate) const BLOCK_GAS: u64 = 1_000_000_000;
/// Gas limit of a transaction, unless a test says otherwise.
pub(crate) const GAS_LIMIT: u64 = 10_000_000;

pub(crate) const RETURN: Outcome = Outcome::Return;
pub(crate) const REVERT: Outcome = Outcome::Revert { errno: 0 };

pub(crate) const fn halt(reason: HaltReason) -> Outcome {
    Outcome::Halt { reason }
}

/// Machines for one revision: with a cache, with none, and one on the reference interpreter.
struct Machines {
    warm: Vm,
    uncached: Vm,
    reference: Vm<Reference>,
}

impl Machines {
    fn new(revision: &Revision) -> Self {
        let machine = |bytes| Vm::<Wasmi>::with_engine(revision.clone(), bytes).unwrap();
        let reference = Vm::with_engine(revision.clone(), 64 * 1_024 * 1_024).unwrap();
        Self { warm: machine(64 * 1_024 * 1_024), uncached: machine(0), reference }
    }
}

fn v1() -> Arc<Machines> {
    static V1: OnceLock<Arc<Machines>> = OnceLock::new();
    Arc::clone(V1.get_or_init(|| Arc::new(Machines::new(&Revision::V1))))
}

/// A state, a block and the machines to run transactions on them.
pub(crate) struct World {
    pub(crate) state: MemoryState,
    pub(crate) block: BlockEnv,
    /// Whether money may be lost: a contract that destroys itself can take some with it.
    pub(crate) burns: bool,
    machines: Arc<Machines>,
    golden: Golden,
}

impl World {
    /// A world under `V1` with a rich sender and nothing else.
    pub(crate) fn new(section: &'static str) -> Self {
        Self::with(section, v1())
    }

    /// The same under another revision.
    pub(crate) fn under(section: &'static str, revision: &Revision) -> Self {
        Self::with(section, Arc::new(Machines::new(revision)))
    }

    fn with(section: &'static str, machines: Arc<Machines>) -> Self {
        let block = BlockEnv {
            number: 1_000,
            timestamp: 1_700_000_000,
            gas_limit: BLOCK_GAS,
            beneficiary: BENEFICIARY,
            difficulty: U256::ZERO,
            parent_hash: B256::ZERO,
        };
        let mut world =
            Self { state: MemoryState::default(), block, burns: false, machines, golden: Golden::new(section) };
        // As if the block had begun already, so that a difference is the transaction's alone.
        let last = LastBlock { number: 1_000, timestamp: 1_700_000_000 };
        world.state.put_last_block(last, [(999, B256::ZERO)]);
        world.fund(SENDER, U256::from(WEALTH));
        world
    }

    pub(crate) fn vm(&self) -> &Vm {
        &self.machines.warm
    }

    pub(crate) fn view(&self) -> StateView {
        Arc::new(self.state.clone())
    }

    pub(crate) fn fund(&mut self, address: Address, balance: U256) {
        self.state.accounts.entry(address).or_default().balance = balance;
    }

    /// Puts a contract of ABI `ewasm` at `address`, after making sure that it is one.
    pub(crate) fn put(&mut self, address: Address, code: &[u8]) {
        self.put_abi(address, Abi::Ewasm, code);
    }

    pub(crate) fn put_abi(&mut self, address: Address, abi: Abi, code: &[u8]) {
        let id = CodeId::of(code, abi);
        if let Err(error) = self.vm().check_code(id, &code.to_vec().into()) {
            panic!("{error}");
        }
        self.state.put_code(address, id, code);
        self.state.accounts.entry(address).or_default().nonce = 1;
    }

    pub(crate) fn account(&self, address: Address) -> Account {
        self.state.accounts.get(&address).cloned().unwrap_or_default()
    }

    fn tx(&self, kind: TxKind, input: &[u8]) -> Tx {
        Tx {
            sender: SENDER,
            nonce: self.account(SENDER).nonce,
            gas_limit: Gas::new(GAS_LIMIT),
            gas_price: U256::from(1),
            value: U256::ZERO,
            kind,
            input: input.to_vec(),
        }
    }

    /// A call of an account's `main`.
    pub(crate) fn call(&self, to: Address, input: &[u8]) -> Tx {
        self.tx(TxKind::Call { to, export: None }, input)
    }

    /// A call of an export.
    pub(crate) fn call_export(&self, to: Address, export: &str, input: &[u8]) -> Tx {
        self.tx(TxKind::Call { to, export: Some(export.into()) }, input)
    }

    pub(crate) fn create(&self, init_code: &[u8]) -> Tx {
        self.tx(TxKind::Create { init_code: init_code.to_vec() }, &[])
    }

    pub(crate) fn deploy(&self, abi: Abi, code: &[u8]) -> Tx {
        self.tx(TxKind::Deploy { abi, code: code.to_vec() }, &[])
    }

    pub(crate) fn view_call(&self, to: Address, input: &[u8]) -> ViewCall {
        ViewCall { caller: SENDER, to, export: None, input: input.to_vec(), gas_limit: Gas::new(GAS_LIMIT) }
    }

    pub(crate) fn check(&self, tx: &Tx) -> Result<ValidTx, InvalidTx> {
        match self.vm().check(self.view(), &self.block, tx.clone()) {
            Err(Refused::Fault(fault)) => panic!("{fault}"),
            Err(Refused::Invalid(error)) => Err(error),
            Ok(valid) => Ok(valid),
        }
    }

    /// Executes `tx` on this state in every way, makes sure that all give the same, and notes outcome and gas. The
    /// state stays as it is.
    #[track_caller]
    pub(crate) fn run(&mut self, case: &str, tx: &Tx) -> Executed {
        let executed = self.execute(tx);
        let Receipt { outcome, gas_used, .. } = &executed.receipt;
        self.golden.note(case, &format!("{outcome}, gas {gas_used}"));
        executed
    }

    /// As [`run`](Self::run), and the state becomes what the transaction makes of it.
    #[track_caller]
    pub(crate) fn commit(&mut self, case: &str, tx: &Tx) -> Executed {
        let executed = self.run(case, tx);
        self.state.apply(&executed.diff);
        executed
    }

    /// Notes something else than a transaction.
    pub(crate) fn note(&mut self, case: &str, what: &str) {
        self.golden.note(case, what);
    }

    /// Executes in every way; nothing is noted.
    #[track_caller]
    pub(crate) fn execute(&self, tx: &Tx) -> Executed {
        let valid = self.check(tx).unwrap();
        let Machines { warm, uncached, reference } = &*self.machines;
        let executed = every_way::execute(warm, Some(reference), &self.view(), &self.block, &valid);
        let block = Block { env: self.block.clone(), transactions: vec![tx.clone()] };
        let alone = uncached.execute_conformance_block(self.view(), block).unwrap();
        assert_eq!(alone.receipts.as_slice(), core::slice::from_ref(&executed.receipt), "alone, without a cache");
        assert_eq!(alone.diff, executed.diff, "alone, without a cache");
        assert_eq!(alone.gas_used, executed.receipt.gas_used);
        self.hold_to_invariants(tx, &executed);
        executed
    }

    /// What is true of every execution.
    #[track_caller]
    fn hold_to_invariants(&self, tx: &Tx, Executed { receipt, diff, halts }: &Executed) {
        let Receipt { outcome, gas_used, output, logs, created } = receipt;
        assert!(*gas_used <= tx.gas_limit);
        let nonce = diff.accounts.get(&tx.sender).and_then(Option::as_ref).map(|account| account.nonce);
        assert_eq!(nonce, Some(tx.nonce + 1), "the sender's nonce");
        for (address, account) in &diff.accounts {
            assert_ne!(self.state.accounts.get(address), account.as_ref(), "a difference of nothing");
            assert!(!account.as_ref().is_some_and(Account::is_empty), "an empty account");
        }
        for (address, changes) in &diff.storage {
            let before = self.state.storage.get(address);
            for (key, value) in &changes.values {
                let before = before.and_then(|values| values.get(key)).filter(|_| !changes.cleared);
                assert_ne!(before, value.as_ref(), "a difference of nothing");
            }
        }
        if *outcome != RETURN {
            assert!(logs.is_empty() && created.is_none(), "{receipt:?}");
            assert!(diff.storage.is_empty() && diff.code.is_empty(), "{diff:?}");
            assert!(diff.accounts.keys().all(|address| [tx.sender, self.block.beneficiary].contains(address)));
        }
        if let Outcome::Halt { reason } = outcome {
            assert_eq!(*gas_used, tx.gas_limit, "a halt takes all gas");
            assert!(output.is_empty());
            assert!(halts.is_empty() || halts.last().is_some_and(|site| site.reason == *reason && site.depth == 0));
        }
        let total = |accounts: &BTreeMap<Address, Account>| {
            accounts.values().fold(U256::ZERO, |sum, account| sum.saturating_add(account.balance))
        };
        let mut after = self.state.clone();
        after.apply(diff);
        let (before, after) = (total(&self.state.accounts), total(&after.accounts));
        assert!(after == before || (self.burns && after < before), "money: {before} before, {after} after");
    }
}

/// The diff without the sender and the beneficiary, who pay and are paid in every transaction.
pub(crate) fn beside_fees(diff: &StateDiff) -> StateDiff {
    let mut diff = diff.clone();
    diff.accounts.retain(|address, _| ![SENDER, BENEFICIARY].contains(address));
    diff
}

/// A module of `items` with an import for each host function that stands in them with a `$` before its name, and with a
/// memory of one page unless they have one.
pub(crate) fn module(items: &str) -> Vec<u8> {
    let memory = if items.contains("(memory ") { "" } else { "(memory (export \"memory\") 1)" };
    binary(&format!("(module {} {memory} {items})", imports(items)))
}

fn imports(items: &str) -> String {
    let ident = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let uses = |name: &str| {
        items.match_indices(&format!("${name}")).any(|(at, found)| !items[at + found.len()..].starts_with(ident))
    };
    ImportTable::of(Abi::Ewasm, &Revision::V1)
        .rows()
        .filter(|row| uses(row.name))
        .map(|row| {
            let (module, name) = (row.module, row.name);
            let text = |value: ValueType| if value == ValueType::I32 { "i32" } else { "i64" };
            let parameters: Vec<_> = row.parameters().iter().map(|value| text(*value)).collect();
            let result = row.result().map(|value| format!("(result {})", text(value))).unwrap_or_default();
            format!("(import \"{module}\" \"{name}\" (func ${name} (param {}) {result}))", parameters.join(" "))
        })
        .collect()
}

/// A contract of ABI `ewasm` whose `main` has this body.
pub(crate) fn main_of(body: &str) -> Vec<u8> {
    module(&format!("(func (export \"main\") {body})"))
}

/// The binary of a module in the text format.
pub(crate) fn binary(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}\n{}", wat.chars().take(4_000).collect::<String>()))
}

/// An active data segment.
pub(crate) fn data(offset: usize, bytes: &[u8]) -> String {
    format!("(data (i32.const {offset}) \"{}\")", escaped(bytes))
}

/// Bytes as in a string of the text format.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A 32-byte word that ends in `byte`.
pub(crate) fn word(byte: u8) -> [u8; 32] {
    let mut word = [0; 32];
    word[31] = byte;
    word
}
