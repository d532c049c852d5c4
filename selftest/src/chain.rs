//! A chain in memory on which the cases of a section execute, each transaction a block of its own.

use crate::record::{Case, Recording};
use lockstep_host::{ImportTable, ValueType};
use lockstep_vm::{
    Abi, Account, Address, B256, Block, BlockEnv, CodeId, Fault, Gas, MemoryState, Receipt, Revision, Tx, TxKind, U256,
    Vm, engine::Engine, system::LastBlock,
};
use std::sync::Arc;

/// Who sends and pays.
pub(crate) const SENDER: Address = Address::repeat_byte(0x5e);

/// Gas of a transaction: enough for a contract call below 1,024 others, each of which keeps a 64th back.
const GAS_LIMIT: u64 = 1 << 55;

/// A machine, a state, and what its transactions gave.
pub(crate) struct Chain<'a, E: Engine> {
    vm: &'a Vm<E>,
    state: Arc<MemoryState>,
    env: BlockEnv,
    nonce: u64,
    contracts: u64,
    recording: Recording,
    cases: Vec<Case>,
}

impl<'a, E: Engine> Chain<'a, E> {
    /// A chain with a rich sender and nothing else.
    pub(crate) fn new(vm: &'a Vm<E>) -> Self {
        let mut state = MemoryState::default();
        state.accounts.insert(SENDER, Account { balance: U256::from(u128::MAX >> 1), ..Account::default() });
        let hash = |number| B256::left_padding_from(&u64::wrapping_mul(number, 0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let last = LastBlock { number: 999, timestamp: 1_700_000_000 };
        state.put_last_block(last, (744..1_000).map(|number| (number, hash(number))));
        let env = BlockEnv {
            number: 1_000,
            timestamp: 1_700_000_000,
            gas_limit: u64::MAX,
            beneficiary: Address::repeat_byte(0xbe),
            difficulty: U256::from_be_bytes([0x3e; 32]),
            parent_hash: hash(999),
        };
        let (recording, cases) = (Recording::default(), Vec::new());
        Self { vm, state: Arc::new(state), env, nonce: 0, contracts: 0, recording, cases }
    }

    /// The state, to be set up before the next transaction.
    pub(crate) fn state(&mut self) -> &mut MemoryState {
        Arc::make_mut(&mut self.state)
    }

    /// Puts a contract on a new account, after making sure that it is one.
    pub(crate) fn put(&mut self, abi: Abi, code: &[u8]) -> Result<Address, Fault> {
        let id = CodeId::of(code, abi);
        let checked = self.vm.check_code(id, &code.to_vec().into());
        checked.map_err(|error| Fault::Broken(format!("a contract of the self-test is refused: {error}")))?;
        self.contracts = self.contracts.saturating_add(1);
        let address = Address::left_padding_from(&self.contracts.saturating_add(0xc0de_0000).to_be_bytes());
        self.state().put_code(address, id, code);
        Ok(address)
    }

    /// Puts a contract of ABI `ewasm` on a new account: `items` are the fields of the module. It has an import for each
    /// host function that is in them with a `$` before its name, and a memory of one page unless they have one.
    pub(crate) fn put_module(&mut self, items: &str) -> Result<Address, Fault> {
        let memory = if items.contains("(memory ") { "" } else { "(memory (export \"memory\") 1)" };
        self.put(Abi::Ewasm, &assemble(&format!("(module {} {memory} {items})", imports(items)))?)
    }

    /// Puts a contract of ABI `ewasm` on a new account: `text` is the whole module.
    pub(crate) fn put_text(&mut self, text: &str) -> Result<Address, Fault> {
        self.put(Abi::Ewasm, &assemble(text)?)
    }

    /// Executes a transaction as a block of its own and notes the receipt and what changed.
    pub(crate) fn execute(&mut self, kind: TxKind, value: U256, input: &[u8]) -> Result<Receipt, Fault> {
        let tx = Tx {
            sender: SENDER,
            nonce: self.nonce,
            gas_limit: Gas::new(GAS_LIMIT),
            gas_price: U256::from(3),
            value,
            kind,
            input: input.to_vec(),
        };
        self.nonce = self.nonce.saturating_add(1);
        let block = Block { env: self.env.clone(), transactions: vec![tx] };
        let view: Arc<MemoryState> = Arc::clone(&self.state);
        // Every block has the same number, so that a case does not depend on the ones before it.
        let outcome =
            self.vm.execute_conformance_block(view, block).map_err(|error| Fault::Broken(error.to_string()))?;
        self.recording.note(&outcome);
        self.state().apply(&outcome.diff);
        outcome.receipts.into_iter().next().ok_or_else(|| Fault::Broken("a block without a receipt".into()))
    }

    /// Calls the `main` of a contract.
    pub(crate) fn call(&mut self, to: Address, input: &[u8]) -> Result<Receipt, Fault> {
        self.execute(TxKind::Call { to, export: None }, U256::ZERO, input)
    }

    /// Calls an export of a contract.
    pub(crate) fn call_export(&mut self, to: Address, export: &str, input: &[u8]) -> Result<Receipt, Fault> {
        self.execute(TxKind::Call { to, export: Some(export.into()) }, U256::ZERO, input)
    }

    /// Ends a case: all that was noted since the one before.
    pub(crate) fn end(&mut self, name: impl Into<String>) {
        self.cases.push(core::mem::take(&mut self.recording).case(name));
    }

    /// The cases, and as the last one the state that is left.
    pub(crate) fn into_cases(mut self) -> Vec<Case> {
        self.recording.note(&*self.state);
        self.end("the state at the end");
        self.cases
    }
}

/// The binary of a module in the text format.
pub(crate) fn assemble(text: &str) -> Result<Vec<u8>, Fault> {
    wat::parse_str(text).map_err(|error| Fault::Broken(format!("a module of the self-test is no text: {error}")))
}

/// The imports of the host functions that stand in `items` with a `$` before their names.
fn imports(items: &str) -> String {
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
    let uses = |name: &str| items.split(&format!("${name}")).skip(1).any(ends);
    let table = ImportTable::of(Abi::Ewasm, &Revision::V1);
    let rows = table.rows().filter(|row| uses(row.name)).map(|row| {
        let text = |value: ValueType| if value == ValueType::I32 { "i32" } else { "i64" };
        let parameters: Vec<_> = row.parameters().iter().map(|value| text(*value)).collect();
        let result = row.result().map(|value| format!("(result {})", text(value))).unwrap_or_default();
        let (module, name, parameters) = (row.module, row.name, parameters.join(" "));
        format!("(import \"{module}\" \"{name}\" (func ${name} (param {parameters}) {result}))")
    });
    rows.collect()
}

/// An active data segment.
pub(crate) fn data(offset: u32, bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!("(data (i32.const {offset}) \"{escaped}\")")
}
