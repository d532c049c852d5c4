//! A machine under `V1`, a state with contracts on it, and transactions that call them.

use crate::programs::TRANSFER;
use anyhow::{Context as _, ensure};
use lockstep_vm::{
    Abi, Account, Address, Block, BlockEnv, BlockOutcome, CodeId, Executed, Gas, MemoryState, Outcome, Revision,
    StateView, Tx, TxKind, U256, ValidTx, Vm,
};
use std::sync::Arc;

/// Gas of every transaction that is not part of a large block: more than any program here uses.
const GAS_LIMIT: u64 = 1 << 50;

/// A machine and a state.
pub struct Scene {
    vm: Vm,
    state: MemoryState,
    view: StateView,
    env: BlockEnv,
}

/// The `number`th address of this crate's own; 0 is the sender's.
pub fn address(number: u64) -> Address {
    Address::left_padding_from(&number.wrapping_add(0x1000).to_be_bytes())
}

impl Scene {
    /// A state with these contracts, the first at `address(1)`, the next at `address(2)`, and so on.
    ///
    /// # Errors
    ///
    /// If this build cannot run `V1`, or if a contract is not valid under it.
    pub fn new(contracts: &[Vec<u8>]) -> anyhow::Result<Self> {
        let vm = Vm::new(Revision::V1)?;
        let mut state = MemoryState::default();
        state.accounts.insert(address(0), Account { balance: U256::from(u64::MAX), ..Account::default() });
        for (code, number) in contracts.iter().zip(1..) {
            let id = CodeId::of(code, Abi::Ewasm);
            vm.check_code(id, &code.clone().into()).with_context(|| format!("contract {number}"))?;
            state.put_code(address(number), id, code);
        }
        let env = BlockEnv { number: 1, gas_limit: u64::MAX, ..BlockEnv::default() };
        let view: StateView = Arc::new(state.clone());
        Ok(Self { vm, state, view, env })
    }

    /// The machine.
    pub const fn vm(&self) -> &Vm {
        &self.vm
    }

    /// Puts a value into a contract's storage.
    pub fn put_storage(&mut self, contract: Address, key: Vec<u8>, value: Vec<u8>) {
        self.state.put_storage(contract, key, value);
        self.view = Arc::new(self.state.clone());
    }

    /// A transaction that calls the `number`th contract.
    ///
    /// # Errors
    ///
    /// If it would be invalid.
    pub fn call(&self, number: u64, input: &[u8]) -> anyhow::Result<ValidTx> {
        let tx = call_tx(0, address(number), Gas::new(GAS_LIMIT), input.to_vec());
        Ok(self.vm.check(Arc::clone(&self.view), &self.env, tx)?)
    }

    /// Executes a transaction.
    ///
    /// # Errors
    ///
    /// If the machine fails, or if the contract does not return.
    pub fn execute(&self, tx: ValidTx) -> anyhow::Result<Executed> {
        let executed = self.vm.execute_tx(Arc::clone(&self.view), &self.env, tx)?;
        let outcome = executed.receipt.outcome;
        ensure!(outcome == Outcome::Return, "{outcome}: {:?}", executed.halts);
        Ok(executed)
    }

    /// Executes a block.
    ///
    /// # Errors
    ///
    /// If the block is rejected.
    pub fn execute_block(&self, block: Block) -> anyhow::Result<BlockOutcome> {
        Ok(self.vm.execute_block(Arc::clone(&self.view), block)?)
    }
}

/// The sender's transaction number `nonce`, which calls `to`.
pub fn call_tx(nonce: u64, to: Address, gas_limit: Gas, input: Vec<u8>) -> Tx {
    let kind = TxKind::Call { to, export: None };
    Tx { sender: address(0), nonce, gas_limit, gas_price: U256::ZERO, value: U256::ZERO, kind, input }
}

/// A WRC-20 token at `address(1)` that the sender holds all of, and a block of `transfers` transfers to as many
/// accounts.
///
/// # Errors
///
/// If the contract is not valid.
pub fn token_block(transfers: u64) -> anyhow::Result<(Scene, Block)> {
    let mut scene = Scene::new(&[crate::programs::WRC20.wasm()?])?;
    let mut key = address(0).to_vec();
    key.resize(32, 0);
    let mut value = u64::MAX.to_be_bytes().to_vec();
    value.resize(32, 0);
    scene.put_storage(address(1), key, value);
    let transactions = (0..transfers).map(|nonce| {
        let recipient = address(10 + nonce);
        let input = [&TRANSFER, recipient.as_slice(), &1_u64.to_be_bytes()].concat();
        call_tx(nonce, address(1), Gas::new(10_000_000), input)
    });
    let block = Block { env: scene.env.clone(), transactions: transactions.collect() };
    Ok((scene, block))
}
