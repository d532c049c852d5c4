//! A chain in memory of blocks with one transaction each: a state and the number of its last block. Knows no files.

use crate::{
    attempt::{Attempt, Order, Sealed, block_after},
    changes::Changes,
    error::ChainError,
};
use lockstep_vm::{B256, BlockEnv, MemoryState, StateDiff, StateView, Supply, Tx, Vm};
use std::sync::Arc;

/// A state and its last block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryChain {
    /// The number of the last block, 0 if there is none.
    pub number: u64,
    /// The hash of the last block, zero if there is none.
    pub hash: B256,
    /// The state after it.
    pub state: Arc<MemoryState>,
}

impl MemoryChain {
    /// The state to look at.
    pub fn view(&self) -> StateView {
        Arc::clone(&self.state) as StateView
    }

    /// All balances, counted.
    pub fn supply(&self) -> Supply {
        let mut supply = Supply::default();
        self.state.accounts.iter().for_each(|(address, account)| supply.add(address, account.balance));
        supply
    }

    /// The state to prepare, as whoever starts a chain does: no transaction, no block.
    pub fn prepare(&mut self) -> &mut MemoryState {
        Arc::make_mut(&mut self.state)
    }

    /// Changes the state without a transaction and without a block: a chain in memory has no height to keep it at.
    ///
    /// # Errors
    ///
    /// [`ChainError::SystemAccount`].
    pub fn amend(&mut self, diff: &StateDiff) -> Result<(), ChainError> {
        crate::amendment::check_amendment(diff)?;
        self.prepare().apply(diff);
        Ok(())
    }

    /// The block that comes next, with room for `gas_limit`: what a call is executed in, and what one that only looks
    /// is told.
    ///
    /// # Errors
    ///
    /// As [`block_after`].
    pub fn next_block(&self, gas_limit: u64) -> Result<BlockEnv, ChainError> {
        block_after(&self.view(), self.number, self.hash, gas_limit)
    }

    /// The transaction, with the nonce that its sender has now.
    ///
    /// # Errors
    ///
    /// As [`Order::transaction`].
    pub fn transaction(&self, order: Order) -> Result<Tx, ChainError> {
        order.transaction(&self.view())
    }

    /// Executes one transaction as the next block. An invalid one, or a fault, leaves the chain as it is.
    ///
    /// # Errors
    ///
    /// As [`Attempt::new`] and [`block_after`].
    pub fn seal(&mut self, vm: &Vm, order: Order) -> Result<Sealed, ChainError> {
        self.keep(self.execute(vm, order)?)
    }

    /// Executes one transaction as the next block would. The chain stays as it is.
    ///
    /// # Errors
    ///
    /// As [`Attempt::new`] and [`block_after`].
    pub fn execute(&self, vm: &Vm, order: Order) -> Result<Attempt, ChainError> {
        Attempt::new(vm, self.view(), self.next_block(order.gas_limit)?, self.transaction(order)?)
    }

    /// Makes a transaction that was executed on this state the next block.
    ///
    /// # Errors
    ///
    /// [`ChainError::Fault`] if the state cannot be read.
    pub fn keep(&mut self, attempt: Attempt) -> Result<Sealed, ChainError> {
        let (number, hash) = (attempt.env.number, attempt.hash());
        let Attempt { view, executed, .. } = attempt;
        let changes = Changes::of(&*self.state, &executed.diff)?;
        // Otherwise the whole state would be copied before it is changed.
        drop(view);
        self.prepare().apply(&executed.diff);
        (self.number, self.hash) = (number, hash);
        Ok(Sealed { number, executed, changes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_vm::{
        Abi, Address, Block, Revision, TxKind, U256,
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
        let mut chain = MemoryChain::default();
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
            let transactions = vec![chain.transaction(order.clone()).unwrap()];
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
        let mut chain = MemoryChain::default();
        let gas = call_gas(&vm);
        let call = TxKind::Call { to: Address::repeat_byte(0xbb), export: None };
        let too_little = format!("gas limit {}, but the transaction itself costs {gas}", gas - 1);
        for (order, message) in [
            (order(call.clone(), gas - 1), too_little.as_str()),
            (Order { value: U256::from(1), ..order(call.clone(), gas) }, "the sender has 0, but gas and value take 1"),
        ] {
            let failure = chain.seal(&vm, order).unwrap_err().to_string();
            assert!(failure.ends_with(message), "{failure}");
            assert_eq!(chain, MemoryChain::default());
        }
        chain.number = u64::MAX;
        let failure = chain.seal(&vm, order(call, gas)).unwrap_err();
        assert_eq!(failure.to_string(), "the block number is at its end");
    }

    #[test]
    fn the_last_256_block_hashes_are_state() {
        let vm = Vm::new(Revision::V1).unwrap();
        let (mut chain, mut hashes) = (MemoryChain::default(), vec![B256::ZERO]);
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
