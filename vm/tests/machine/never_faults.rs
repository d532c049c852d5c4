//! A valid transaction never faults: random transactions and blocks on states with all the money and the last nonces that
//! there can be. What is wrong is invalid input or a halt.

use crate::{
    kit::{A, B, BENEFICIARY, C, SENDER, main_of, module},
    property,
};
use lockstep_vm::{
    Abi, Account, Address, Block, BlockEnv, CodeId, Gas, MemoryState, Outcome, Rejected, Revision, Tx, TxKind, U256,
    Vm, engine::wasmi::Wasmi, system::SYSTEM_ADDRESS,
};
use proptest::{collection::vec, prelude::*, sample::select};
use std::{
    cell::Cell,
    sync::{Arc, LazyLock},
};

static VM: LazyLock<Vm> = LazyLock::new(|| Vm::<Wasmi>::with_engine(Revision::V1, 1 << 24).unwrap());

/// Contracts: each does one thing with an address and an amount of 128 bits, the input.
static CONTRACTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let read = "(call $callDataCopy (i32.const 0) (i32.const 0) (i32.const 36))";
    let reads = |body: &str| module(&format!("(func (export \"main\") {read} {body})"));
    let call = "(drop (call $call (i64.const 100000000) (i32.const 0) (i32.const 20) (i32.const 0) (i32.const 36)))";
    vec![
        reads(call),
        reads(&format!("{call} {call} (call $revert (i32.const 0) (i32.const 0))")),
        reads("(call $selfDestruct (i32.const 0))"),
        reads(&format!("{call} (call $selfDestruct (i32.const 0))")),
        reads("(drop (call $create (i32.const 20) (i32.const 0) (i32.const 0) (i32.const 64)))"),
        reads(&format!("(drop (call $create (i32.const 20) (i32.const 0) (i32.const 0) (i32.const 0))) {call} {call}")),
        main_of("(unreachable)"),
    ]
});

/// Addresses that meet: payers, contracts, who is paid, what is created, the chain's own.
fn address() -> impl Strategy<Value = Address> {
    select(vec![SENDER, A, B, C, BENEFICIARY, SYSTEM_ADDRESS, SENDER.create(0), A.create(u64::MAX - 1), Address::ZERO])
}

/// Amounts at every end.
fn amount() -> impl Strategy<Value = U256> {
    let ends = vec![
        U256::ZERO,
        U256::from(1),
        U256::from(u64::MAX),
        U256::from(u128::MAX),
        U256::from(1) << 128,
        U256::from(1) << 255,
        U256::MAX - U256::from(1),
        U256::MAX,
    ];
    prop_oneof![select(ends), any::<u128>().prop_map(U256::from), any::<u32>().prop_map(U256::from)]
}

fn nonce() -> impl Strategy<Value = u64> {
    select(vec![0, 1, u64::MAX - 2, u64::MAX - 1, u64::MAX])
}

/// A state whose balances together are exactly 2^256 - 1, or less.
fn state() -> impl Strategy<Value = MemoryState> {
    let account = (amount(), nonce(), 0..8_usize);
    (vec(account, 5), any::<bool>()).prop_map(|(accounts, all)| {
        let (mut state, mut left) = (MemoryState::default(), U256::MAX);
        for (address, (wish, nonce, contract)) in [SENDER, A, B, C, BENEFICIARY].into_iter().zip(accounts) {
            let balance = wish.min(left);
            left -= balance;
            state.accounts.insert(address, Account { nonce, balance, code: None });
            if let Some(code) = CONTRACTS.get(contract).filter(|_| [A, B, C].contains(&address)) {
                state.put_code(address, CodeId::of(code, Abi::Ewasm), code);
            }
        }
        if all {
            state.accounts.get_mut(&SENDER).unwrap().balance += left;
        }
        assert_eq!(state.check(), Ok(()));
        state
    })
}

fn tx() -> impl Strategy<Value = Tx> {
    let kind = prop_oneof![
        6 => address().prop_map(|to| TxKind::Call { to, export: None }),
        1 => address().prop_map(|to| TxKind::Call { to, export: Some(b"main".to_vec()) }),
        1 => Just(TxKind::Create { init_code: Vec::new() }),
        1 => (0..7_usize).prop_map(|at| TxKind::Create { init_code: CONTRACTS[at].clone() }),
        1 => (0..7_usize).prop_map(|at| TxKind::Deploy { abi: Abi::Ewasm, code: CONTRACTS[at].clone() }),
    ];
    let gas_limit = prop_oneof![3 => Just(20_000_000_u64), 1 => any::<u64>(), 1 => Just(u64::MAX)];
    let sender = select(vec![SENDER, SENDER, A, BENEFICIARY, SYSTEM_ADDRESS]);
    (sender, gas_limit, amount(), amount(), kind, address(), amount()).prop_map(
        |(sender, gas_limit, gas_price, value, kind, to, sends)| {
            let is_call = matches!(kind, TxKind::Call { .. });
            let amount = sends.to_le_bytes::<32>();
            let input = if is_call { [to.as_slice(), &amount[..16]].concat() } else { Vec::new() };
            // Most prices and values must be affordable, or nothing would run.
            let price = if gas_limit % 3 == 0 { gas_price } else { gas_price & U256::from(0xff) };
            Tx { sender, nonce: 0, gas_limit: Gas::new(gas_limit), gas_price: price, value, kind, input }
        },
    )
}

fn sum(state: &MemoryState) -> U256 {
    state.accounts.values().fold(U256::ZERO, |sum, account| sum.checked_add(account.balance).unwrap())
}

//= spec 7.7 test
#[test]
fn a_valid_transaction_never_faults() {
    let counts = [const { Cell::new(0_u32) }; 3];
    let count = |at: usize| counts[at].set(counts[at].get() + 1);
    property::check(&(state(), vec(tx(), 1..4), address(), any::<bool>()), |(mut state, txs, beneficiary, rightly)| {
        for (mut tx, number) in txs.into_iter().zip(1..) {
            // Half of the nonces are the sender's, the others are as they come.
            if rightly {
                tx.nonce = state.accounts.get(&tx.sender).map_or(0, |account| account.nonce);
            }
            let parent_hash = lockstep_vm::B256::ZERO;
            let env = BlockEnv { number, gas_limit: u64::MAX, beneficiary, parent_hash, ..BlockEnv::default() };
            let before = sum(&state);
            match VM.execute_block(Arc::new(state.clone()), Block { env, transactions: vec![tx] }) {
                Ok(outcome) => {
                    state.apply(&outcome.diff);
                    prop_assert!(sum(&state) <= before, "money was made");
                    prop_assert_eq!(state.check(), Ok(()));
                    match outcome.receipts[0].outcome {
                        Outcome::Return => count(0),
                        _ => count(1),
                    }
                }
                Err(Rejected::Invalid { .. }) => {
                    count(2);
                    break;
                }
                Err(rejected) => return Err(TestCaseError::fail(rejected.to_string())),
            }
        }
        Ok(())
    });
    let [returned, halted, invalid] = counts.map(|count| count.get());
    assert!(returned > 10 && halted > 10 && invalid > 10, "{returned} returned, {halted} halted, {invalid} invalid");
}
