//! A chain of blocks with one transaction each, in memory: a state and the number of its last block.
//!
//! There is no clock: the timestamp of a block is its number. Gas costs nothing. Knows no files.

use crate::{
    execution::Changes,
    failure::{Class, Failure},
};
use anyhow::anyhow;
use lockstep_vm::{
    Address, B256, Block, BlockEnv, Executed, Gas, MemoryState, StateView, Supply, Tx, TxKind, U256, ValidTx, Vm,
    last_block,
};
use std::sync::Arc;

/// Gas limit of a block, unless its transaction takes more: about a second or two of work.
pub(crate) const BLOCK_GAS_LIMIT: u64 = 1_000_000_000;

/// A transaction before the chain gives it a nonce.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) sender: Address,
    pub(crate) gas_limit: u64,
    pub(crate) value: U256,
    pub(crate) kind: TxKind,
    pub(crate) input: Vec<u8>,
}

/// A transaction that was executed and is not part of the chain yet.
pub(crate) struct Attempt {
    /// The block that it is going to be.
    pub(crate) env: BlockEnv,
    /// The state before it.
    pub(crate) view: StateView,
    /// The transaction.
    pub(crate) valid: ValidTx,
    /// What it did.
    pub(crate) executed: Executed,
}

impl Attempt {
    /// Executes `tx` on `view`. A block of one transaction is its transaction; executed as such, it also says where a
    /// frame halted.
    pub(crate) fn new(vm: &Vm, view: StateView, env: BlockEnv, tx: Tx) -> Result<Self, Failure> {
        let valid = vm.check(Arc::clone(&view), &env, tx)?;
        let executed = vm.execute_tx(Arc::clone(&view), &env, valid.clone())?;
        Ok(Self { env, view, valid, executed })
    }
}

/// A block that was executed and is part of the chain.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// Its number.
    pub(crate) number: u64,
    /// What its transaction did.
    pub(crate) executed: Executed,
    /// What that changed, with what was there before.
    pub(crate) changes: Changes,
}

/// A state and its last block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The number of the last block, 0 if there is none.
    pub(crate) number: u64,
    /// The hash of the last block, zero if there is none.
    pub(crate) hash: B256,
    /// The state after it.
    pub(crate) state: Arc<MemoryState>,
}

impl Chain {
    /// The state to look at.
    pub(crate) fn view(&self) -> StateView {
        Arc::clone(&self.state) as StateView
    }

    /// All balances, counted.
    pub(crate) fn supply(&self) -> Supply {
        let mut supply = Supply::default();
        self.state.accounts.iter().for_each(|(address, account)| supply.add(address, account.balance));
        supply
    }

    /// The state to prepare, as whoever starts a chain does: no transaction, no block.
    pub(crate) fn prepare(&mut self) -> &mut MemoryState {
        Arc::make_mut(&mut self.state)
    }

    /// The block that comes next, with room for `gas_limit`: what a call is executed in, and what one that only looks
    /// is told.
    pub(crate) fn next_block(&self, gas_limit: u64) -> Result<BlockEnv, Failure> {
        block_after(&self.view(), self.number, self.hash, gas_limit)
    }

    /// The transaction, with the nonce that its sender has now.
    pub(crate) fn transaction(&self, order: Order) -> Tx {
        let Order { sender, gas_limit, value, kind, input } = order;
        let nonce = self.state.accounts.get(&sender).map_or(0, |account| account.nonce);
        Tx { sender, nonce, gas_limit: Gas::new(gas_limit), gas_price: U256::ZERO, value, kind, input }
    }

    /// Executes one transaction as the next block. An invalid one, or a fault, leaves the chain as it is.
    pub(crate) fn seal(&mut self, vm: &Vm, order: Order) -> Result<Sealed, Failure> {
        self.keep(self.execute(vm, order)?)
    }

    /// Executes one transaction as the next block would. The chain stays as it is.
    pub(crate) fn execute(&self, vm: &Vm, order: Order) -> Result<Attempt, Failure> {
        Attempt::new(vm, self.view(), self.next_block(order.gas_limit)?, self.transaction(order))
    }

    /// Makes a transaction that was executed on this state the next block.
    pub(crate) fn keep(&mut self, attempt: Attempt) -> Result<Sealed, Failure> {
        let Attempt { env, view, valid, executed } = attempt;
        let number = env.number;
        let hash = Block { env, transactions: vec![valid.tx().clone()] }.hash();
        let changes = Changes::of(&*self.state, &executed.diff)?;
        // Otherwise the whole state would be copied before it is changed.
        drop(view);
        self.prepare().apply(&executed.diff);
        (self.number, self.hash) = (number, hash);
        Ok(Sealed { number, executed, changes })
    }
}

/// The environment of the block after the block `number` with the hash `parent_hash`, whose state is `view`. Its
/// timestamp is its number, or that of the last block if that is higher.
pub(crate) fn block_after(
    view: &StateView,
    number: u64,
    parent_hash: B256,
    gas_limit: u64,
) -> Result<BlockEnv, Failure> {
    let last = last_block(&**view)?;
    let number = number.checked_add(1);
    let number = number.ok_or_else(|| Failure::new(Class::StateFile, anyhow!("the block number is at its end")))?;
    Ok(BlockEnv {
        number,
        timestamp: number.max(last.map_or(0, |last| last.timestamp)),
        gas_limit: gas_limit.max(BLOCK_GAS_LIMIT),
        beneficiary: Address::ZERO,
        difficulty: U256::ZERO,
        parent_hash,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_vm::{
        Abi, Revision,
        system::{SYSTEM_ADDRESS, block_hash_key, block_hash_value},
    };

    fn order(kind: TxKind, gas_limit: u64) -> Order {
        Order { sender: Address::repeat_byte(0xaa), gas_limit, value: U256::ZERO, kind, input: Vec::new() }
    }

    /// Gas of a call with empty input before anything runs.
    fn call_gas(vm: &Vm) -> u64 {
        vm.revision().intrinsic_gas(&[], lockstep_vm::NewCode::None).get()
    }

    /// Return, halt and revert: the chain goes on after each as `execute_block` says.
    #[test]
    fn a_sealed_block_is_what_execute_block_gives() {
        let vm = Vm::new(Revision::V1).unwrap();
        let mut chain = Chain::default();
        let sender = Address::repeat_byte(0xaa);
        let deploy = |code: &[u8]| TxKind::Deploy { abi: Abi::Ewasm, code: code.to_vec() };
        let call = |nonce| TxKind::Call { to: sender.create(nonce), export: None };
        let too_little = call_gas(&vm) + 1;
        for (number, kind, gas_limit, outcome) in [
            (1, deploy(include_bytes!("../../contracts/counter/counter.wasm")), 100_000_000, "return"),
            (2, call(0), 100_000_000, "return"),
            (3, call(0), too_little, "halt: out of gas"),
            (4, deploy(include_bytes!("../../contracts/proxy/proxy.wasm")), 100_000_000, "return"),
            (5, call(3), 100_000_000, "revert"),
        ] {
            let order = order(kind, gas_limit);
            let transactions = vec![chain.transaction(order.clone())];
            let block = Block { env: chain.next_block(gas_limit).unwrap(), transactions };
            let hash = block.hash();
            let mut state = (*chain.state).clone();
            let expect = vm.execute_block(chain.view(), block).unwrap();
            state.apply(&expect.diff);
            let sealed = chain.seal(&vm, order).unwrap();
            assert_eq!((sealed.number, chain.number, chain.hash), (number, number, hash));
            assert_eq!(sealed.executed.receipt, expect.receipts[0], "block {number}");
            assert_eq!(sealed.executed.receipt.gas_used, expect.gas_used, "block {number}");
            assert_eq!(sealed.executed.diff, expect.diff, "block {number}");
            assert_eq!(sealed.executed.receipt.outcome.to_string(), outcome, "block {number}");
            assert_eq!(sealed.executed.halts.len(), usize::from(outcome.starts_with("halt")), "block {number}");
            assert_eq!(*chain.state, state, "block {number}");
        }
        assert_eq!(chain.state.accounts[&sender].nonce, 5);
    }

    #[test]
    fn an_invalid_transaction_changes_nothing() {
        let vm = Vm::new(Revision::V1).unwrap();
        let mut chain = Chain::default();
        let gas = call_gas(&vm);
        let call = TxKind::Call { to: Address::repeat_byte(0xbb), export: None };
        let too_little = format!("gas limit {}, but the transaction itself costs {gas}", gas - 1);
        for (order, message) in [
            (order(call.clone(), gas - 1), too_little.as_str()),
            (Order { value: U256::from(1), ..order(call.clone(), gas) }, "the sender has 0, but gas and value take 1"),
        ] {
            let failure = chain.seal(&vm, order).unwrap_err().to_string();
            assert!(failure.ends_with(message), "{failure}");
            assert_eq!(chain, Chain::default());
        }
        chain.number = u64::MAX;
        let failure = chain.seal(&vm, order(call, gas)).unwrap_err();
        assert_eq!(failure.to_string(), "the block number is at its end");
    }

    #[test]
    fn the_last_256_block_hashes_are_state() {
        let vm = Vm::new(Revision::V1).unwrap();
        let (mut chain, mut hashes) = (Chain::default(), vec![B256::ZERO]);
        for _ in 0..258 {
            let call = TxKind::Call { to: Address::repeat_byte(0xbb), export: None };
            let sealed = chain.seal(&vm, order(call, 100_000_000)).unwrap();
            assert_eq!(sealed.executed.receipt.gas_used.get(), call_gas(&vm));
            hashes.push(chain.hash);
        }
        let values = &chain.state.storage[&SYSTEM_ADDRESS];
        assert_eq!(values.len(), 256 + 1, "and the last block");
        for (number, hash) in (0..).zip(hashes).skip(2).take(256) {
            let expected = block_hash_value(number, hash);
            assert_eq!(values[block_hash_key(number).as_slice()], expected, "block {number}");
        }
    }
}
