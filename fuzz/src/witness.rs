//! Execution witnesses: a block executed on its witness alone has the results that it has on the store, and a witness with
//! something changed in it is refused or leads to the same results.

use crate::{
    input::Input,
    store::{fresh_root, mutate},
};
use lockstep_store::{ExecutedBlock, Recorder, Replayed, Store, Witness, replay};
use lockstep_vm::{Abi, Account, Address, B256, Block, BlockEnv, Gas, MemoryState, StateDiff, Tx, TxKind, U256, Vm};
use std::sync::{Arc, OnceLock};

const COUNTER: &[u8] = include_bytes!("../../contracts/counter/counter.wasm");
const FACTORY: &[u8] = include_bytes!("../../contracts/factory/factory.wasm");

/// Accounts that can pay.
const ACCOUNTS: u32 = 9;

/// Transactions of a block, and changed witnesses of one input.
const TRANSACTIONS_MAX: u32 = 5;
const CHANGED: u32 = 8;

/// A machine, and a chain of one block that has deployed two counters and a factory of contracts.
struct Chain {
    vm: Vm,
    store: Store,
    state: MemoryState,
}

fn address(number: u32) -> Address {
    Address::repeat_byte(u8::try_from(number + 1).expect("few"))
}

fn chain() -> &'static Chain {
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| {
        let vm = Vm::new(lockstep_gas::Revision::V1).expect("this build runs V1");
        let (store, mut state) = (Store::memory().expect("memory is enough"), MemoryState::default());
        let rich = |number| (address(number), Some(Account { balance: U256::MAX >> 8, ..Account::default() }));
        let genesis = StateDiff { accounts: (0..ACCOUNTS).map(rich).collect(), ..StateDiff::default() };
        let deploy = |nonce: u32, code: &[u8]| {
            let kind = TxKind::Deploy { abi: Abi::Ewasm, code: code.to_vec() };
            tx(0, u64::from(nonce), 0, kind, Vec::new())
        };
        let block =
            Block { env: env(1), transactions: vec![deploy(0, COUNTER), deploy(1, COUNTER), deploy(2, FACTORY)] };
        for height in 0..=1 {
            let diff = match height {
                0 => genesis.clone(),
                _ => {
                    let view = Arc::new(store.latest().expect("memory is enough"));
                    vm.execute_block(view, block.clone()).expect("the block is valid").diff
                }
            };
            let hash = |height| B256::from(U256::from(height));
            let parent_hash = hash(u64::saturating_sub(height, 1));
            let block = ExecutedBlock {
                height,
                hash: hash(height),
                parent_hash,
                diff: &diff,
                receipts: &[],
                body: None,
                root: None,
            };
            store.commit(&block).expect("the diff is of this state");
            state.apply(&diff);
        }
        Chain { vm, store, state }
    })
}

fn env(number: u64) -> BlockEnv {
    BlockEnv { number, gas_limit: 1_000_000_000, beneficiary: address(ACCOUNTS), ..BlockEnv::default() }
}

fn tx(sender: u32, nonce: u64, value: u32, kind: TxKind, input: Vec<u8>) -> Tx {
    let (gas_limit, gas_price) = (Gas::new(20_000_000), U256::from(1));
    Tx { sender: address(sender), nonce, gas_limit, gas_price, value: U256::from(value), kind, input }
}

/// A block of calls, payments and creations.
fn block(input: &mut Input<'_>, chain: &Chain) -> Block {
    let mut nonces = [0; ACCOUNTS as usize];
    for (number, nonce) in (0..).zip(&mut nonces) {
        *nonce = chain.state.accounts.get(&address(number)).map_or(0, |account| account.nonce);
    }
    let count = 1 + input.below(TRANSACTIONS_MAX);
    let transaction = |_| {
        let sender = input.below(ACCOUNTS);
        let nonce = nonces[sender as usize];
        nonces[sender as usize] += 1;
        let contract = address(0).create(u64::from(input.below(3)));
        let call = |to| TxKind::Call { to, export: None };
        match input.below(5) {
            0 => tx(sender, nonce, input.below(3), call(Address::repeat_byte(input.byte())), Vec::new()),
            1 => tx(sender, nonce, 0, TxKind::Deploy { abi: Abi::Ewasm, code: COUNTER.to_vec() }, Vec::new()),
            2 => tx(sender, nonce, input.below(2), TxKind::Create { init_code: input.bytes(9).to_vec() }, Vec::new()),
            _ => tx(sender, nonce, 0, call(contract), input.bytes(40).to_vec()),
        }
    };
    Block { env: env(2), transactions: (0..count).map(transaction).collect() }
}

/// What witnesses are held to.
///
/// # Panics
///
/// See the module.
pub fn witness(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let chain = chain();
    let block = block(&mut input, chain);
    let recorder = Arc::new(Recorder::new(chain.store.latest().expect("memory is enough")));
    let outcome = chain.vm.execute_block(Arc::clone(&recorder) as _, block.clone()).expect("the block is valid");
    let made = recorder.witness(block, &outcome.diff).expect("memory is enough");
    let encoded = made.to_bytes().expect("memory is enough");
    let mut after = chain.state.clone();
    after.apply(&outcome.diff);
    let expected = Replayed { outcome, root: fresh_root(&after) };
    let read = Witness::from_bytes(&encoded).expect("a witness that was made here");
    assert_eq!(read, made);
    assert_eq!(replay(read, &made.root, &chain.vm).expect("a witness that was made here"), expected);
    for _ in 0..CHANGED {
        let mut changed = encoded.clone();
        mutate(&mut input, &mut changed);
        let Ok(read) = Witness::from_bytes(&changed) else { continue };
        // Another block: which one to believe is not for a witness to say.
        let same = read.block == made.block;
        if let Ok(replayed) = replay(read, &made.root, &chain.vm)
            && same
        {
            assert_eq!(replayed, expected, "a changed witness");
        }
    }
    let _ = Witness::from_bytes(input.rest());
}

#[cfg(test)]
mod tests {
    #[test]
    fn smoke() {
        crate::runner::smoke("witness", super::witness);
    }
}
