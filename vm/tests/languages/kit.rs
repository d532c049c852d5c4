//! The kit: a chain of transactions that run on both engines, and the golden files of their outcomes and gas.

use crate::{every_way, golden_file::check_file};
use lockstep_gas::{Abi, Gas, Revision};
use lockstep_host::{Address, B256, BlockEnv, HaltReason, ImportTable, U256, ValueType};
use lockstep_reference::Reference;
use lockstep_vm::{
    Account, CodeId, Executed, MemoryState, Outcome, Receipt, StateView, Tx, TxKind, Vm, engine::wasmi::Wasmi,
    system::LastBlock,
};
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

static V1: LazyLock<Vm> = LazyLock::new(|| Vm::<Wasmi>::new(Revision::V1).unwrap());
static REFERENCE: LazyLock<Vm<Reference>> = LazyLock::new(|| Vm::with_engine(Revision::V1, 1 << 28).unwrap());

/// Enough for a deployment of two megabytes and for the first use of it.
pub(crate) const GAS_LIMIT: u64 = 20_000_000_000;

/// The account that sends where a test does not say which.
pub(crate) const SENDER: Address = Address::repeat_byte(0x5e);

/// What an account has that sends for the first time.
pub(crate) const WEALTH: u64 = 1_000_000;

pub(crate) const fn halt(reason: HaltReason) -> Outcome {
    Outcome::Halt { reason }
}

pub(crate) const fn revert(errno: u16) -> Outcome {
    Outcome::Revert { errno }
}

/// A state, and the transactions on it.
pub(crate) struct Chain {
    pub(crate) state: MemoryState,
    pub(crate) block: BlockEnv,
    pub(crate) gas_limit: u64,
    /// What goes with the next transaction alone.
    pub(crate) value: u64,
    golden: &'static str,
    /// What was noted.
    pub(crate) lines: Vec<String>,
}

impl Chain {
    /// A state without contracts. What is noted of the transactions is compared with the golden file of that name.
    pub(crate) fn new(golden: &'static str) -> Self {
        let block = BlockEnv {
            number: 1,
            timestamp: 1_700_000_000,
            gas_limit: i64::MAX.unsigned_abs(),
            beneficiary: Address::repeat_byte(0xbe),
            difficulty: U256::ZERO,
            parent_hash: B256::ZERO,
        };
        let mut state = MemoryState::default();
        state.put_last_block(LastBlock { number: 0, timestamp: 0 }, []);
        Self { state, block, gas_limit: GAS_LIMIT, value: 0, golden, lines: Vec::new() }
    }

    /// Puts a contract on an account, as if it had been deployed long ago. Its constructor does not run.
    pub(crate) fn put(&mut self, address: Address, abi: Abi, code: &[u8]) {
        let id = CodeId::of(code, abi);
        if let Err(error) = V1.check_code(id, &code.to_vec().into()) {
            panic!("{error}");
        }
        self.state.put_code(address, id, code);
        self.state.accounts.entry(address).or_default().nonce = 1;
    }

    /// Deploys a contract with an input for its constructor.
    #[track_caller]
    pub(crate) fn deploy(&mut self, case: &str, from: Address, abi: Abi, code: &[u8], input: &[u8]) -> Receipt {
        self.commit(case, from, TxKind::Deploy { abi, code: code.to_vec() }, input)
    }

    /// Calls an export by name.
    #[track_caller]
    pub(crate) fn call(&mut self, case: &str, from: Address, to: Address, export: &str, input: &[u8]) -> Receipt {
        self.commit(case, from, TxKind::Call { to, export: Some(export.into()) }, input)
    }

    /// Executes a transaction on both engines; what it changes stays.
    #[track_caller]
    pub(crate) fn commit(&mut self, case: &str, from: Address, kind: TxKind, input: &[u8]) -> Receipt {
        self.state
            .accounts
            .entry(from)
            .or_insert_with(|| Account { balance: U256::from(WEALTH), ..Account::default() });
        let tx = Tx {
            sender: from,
            nonce: self.state.accounts[&from].nonce,
            gas_limit: Gas::new(self.gas_limit),
            gas_price: U256::ZERO,
            value: U256::from(core::mem::take(&mut self.value)),
            kind,
            input: input.to_vec(),
        };
        let Executed { receipt, diff, .. } = self.execute(tx);
        if let Outcome::Halt { .. } = receipt.outcome {
            assert_eq!(receipt.gas_used.get(), self.gas_limit, "{case}: a halt takes all gas");
        }
        assert!(receipt.outcome == Outcome::Return || receipt.logs.is_empty(), "{case}: logs of a failure");
        let logs = if receipt.logs.is_empty() { String::new() } else { format!(", logs {}", receipt.logs.len()) };
        let shown: String = String::from_utf8_lossy(&receipt.output).chars().take(120).collect();
        self.lines.push(format!("{case}: {}, gas {}{logs}, {shown:?}", receipt.outcome, receipt.gas_used));
        self.state.apply(&diff);
        receipt
    }

    fn execute(&self, tx: Tx) -> Executed {
        let view: StateView = Arc::new(self.state.clone());
        let valid = V1.check(Arc::clone(&view), &self.block, tx).unwrap();
        every_way::execute(&V1, Some(&REFERENCE), &view, &self.block, &valid)
    }

    /// Compares what was noted with the golden file.
    pub(crate) fn settle(self) {
        check_file(&format!("languages/{}", self.golden), &(self.lines.join("\n") + "\n"));
    }
}

/// A file of the example contracts.
pub(crate) fn contract(path: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../contracts").join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A module of `fields`, with an import for each host function of the ABI that stands in them with a `$` before its name,
/// and with an exported memory of one page unless they have one.
pub(crate) fn module(abi: Abi, fields: &str) -> Vec<u8> {
    let used = |name: &str| {
        let ident = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = format!("${name}");
        fields.match_indices(&name).any(|(at, found)| !fields[at + found.len()..].starts_with(ident))
    };
    let letter = |value: &ValueType| if *value == ValueType::I32 { "i32 " } else { "i64 " };
    // Of several types of one name a module takes the first.
    let mut imports = BTreeMap::new();
    for row in ImportTable::of(abi, &Revision::V1).rows().filter(|row| used(row.name)) {
        let (module, name) = (row.module, row.name);
        let parameters: String = row.parameters().iter().map(letter).collect();
        let result: String = row.result().iter().map(letter).collect();
        let import = format!("(import {module:?} {name:?} (func ${name} (param {parameters}) (result {result})))");
        imports.entry(name).or_insert(import);
    }
    let imports: String = imports.into_values().collect();
    let memory = if fields.contains("(memory ") { "" } else { "(memory (export \"memory\") 1)" };
    let text = format!("(module {imports} {memory} {fields})");
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
