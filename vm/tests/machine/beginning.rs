//! The beginning of a block, what follows a state, and the system account that no contract can alter.

use crate::kit::{A, B, RETURN, SENDER, WEALTH, main_of, module};
use lockstep_reference::Reference;
use lockstep_vm::{
    Abi, Account, Address, B256, Block, BlockEnv, CodeId, Gas, InvalidTx, MemoryState, Outcome, Rejected, Revision,
    StateDiff, StorageDiff, Tx, TxKind, U256, ViewCall, Vm, beginning, last_block,
    system::{self, LAST_BLOCK_KEY, LastBlock, SYSTEM_ADDRESS, block_hash_key, block_hash_value},
};
use std::{collections::BTreeMap, sync::Arc};

/// Returns one byte for each of the 300 blocks before this one, the next before first: 1 where there is no hash, else 0;
/// and then the hashes, zeros where there is none.
fn looker() -> Vec<u8> {
    module(
        "(memory (export \"memory\") 1)
         (func (export \"main\") (local $back i32)
            (loop $next
                (i32.store8 (local.get $back)
                    (call $getBlockHash
                        (i64.sub (call $getBlockNumber) (i64.extend_i32_u (i32.add (local.get $back) (i32.const 1))))
                        (i32.add (i32.const 300) (i32.mul (local.get $back) (i32.const 32)))))
                (local.set $back (i32.add (local.get $back) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $back) (i32.const 300))))
            (call $finish (i32.const 0) (i32.const 9900)))",
    )
}

fn state() -> MemoryState {
    let mut state = MemoryState::default();
    state.accounts.insert(SENDER, Account { balance: U256::from(WEALTH), ..Account::default() });
    let code = looker();
    state.put_code(A, CodeId::of(&code, Abi::Ewasm), &code);
    state
}

fn tx(nonce: u64, value: u64, kind: TxKind) -> Tx {
    let (gas_limit, value) = (Gas::new(100_000_000), U256::from(value));
    Tx { sender: SENDER, nonce, gas_limit, gas_price: U256::ZERO, value, kind, input: Vec::new() }
}

fn call(nonce: u64, to: Address) -> Tx {
    tx(nonce, 0, TxKind::Call { to, export: None })
}

fn env(number: u64, timestamp: u64, parent_hash: B256) -> BlockEnv {
    BlockEnv { number, timestamp, parent_hash, gas_limit: u64::MAX, ..BlockEnv::default() }
}

/// What a look at the last 300 blocks before `number` must return.
fn expected(hashes: &BTreeMap<u64, B256>, number: u64) -> Vec<u8> {
    let of = |back: u64| number.checked_sub(back).filter(|_| back <= 256).and_then(|at| hashes.get(&at));
    let statuses = (1..=300).map(|back| u8::from(of(back).is_none()));
    let hashes = (1..=300).flat_map(|back| of(back).copied().unwrap_or_default().0);
    statuses.chain(hashes).collect()
}

/// 1 is said exactly for what is not among the last 256, and for what was before the chain began.
//= spec 8.4, 8.11, 8.13, 8.14, 8.19 test
#[test]
fn a_hash_is_there_for_each_of_the_last_256_blocks_of_the_chain() {
    let vm = Vm::new(Revision::V1).unwrap();
    let interpreter = Vm::<Reference>::with_engine(Revision::V1, 1 << 20).unwrap();
    for with_genesis in [false, true] {
        let (mut state, mut hashes, mut parent) = (state(), BTreeMap::new(), B256::ZERO);
        if with_genesis {
            let diff = beginning(Arc::new(state.clone()), &env(0, 0, B256::ZERO), StateDiff::default(), vm.revision());
            state.apply(&diff.unwrap());
            parent = B256::repeat_byte(0x99);
            hashes.insert(0, parent);
        }
        let mut nonce = 0;
        for number in 1..=600 {
            let looks = [1, 2, 3, 100, 255, 256, 257, 258, 300, 511, 512, 513, 514, 600].contains(&number);
            let transactions = if looks { vec![call(nonce, A)] } else { Vec::new() };
            nonce += u64::from(looks);
            let block = Block { env: env(number, number, parent), transactions };
            let outcome = vm.execute_block(Arc::new(state.clone()), block.clone()).unwrap();
            if looks {
                assert_eq!(outcome.receipts[0].outcome, RETURN);
                assert!(outcome.receipts[0].output == expected(&hashes, number), "block {number}, {with_genesis}");
                assert_eq!(interpreter.execute_block(Arc::new(state.clone()), block.clone()).as_ref(), Ok(&outcome));
                // A look from outside sees what the block would.
                let look = ViewCall {
                    caller: SENDER,
                    to: A,
                    export: None,
                    input: Vec::new(),
                    gas_limit: Gas::new(100_000_000),
                };
                let viewed = vm.view(Arc::new(state.clone()), &block.env, look).unwrap();
                assert!(viewed.output == outcome.receipts[0].output, "a view at block {number}");
                let tx = &block.transactions[0];
                let env = BlockEnv { gas_limit: 1 << 30, ..block.env.clone() };
                let estimate = vm.estimate(Arc::new(state.clone()), &env, tx.clone()).unwrap();
                assert!(estimate.receipt.output == viewed.output, "an estimate at block {number}");
                assert!(!estimate.diff.storage.contains_key(&SYSTEM_ADDRESS), "the block's, not the transaction's");
            }
            state.apply(&outcome.diff);
            parent = block.hash();
            hashes.insert(number, parent);
        }
        let values = &state.storage[&SYSTEM_ADDRESS];
        assert_eq!((values.len(), state.accounts[&SYSTEM_ADDRESS].nonce), (257, 1));
    }
}

//= spec 8.5, 8.6, 8.7, 8.8, 8.12 test
#[test]
fn a_block_follows_its_state_or_is_invalid() {
    let vm = Vm::new(Revision::V1).unwrap();
    let (zero, some) = (B256::ZERO, B256::repeat_byte(7));
    let number = |actual, expected| Err(Rejected::Number { actual, expected });
    let after = |number, timestamp| {
        let mut state = state();
        state.put_last_block(LastBlock { number, timestamp }, []);
        state
    };
    for (state, env, expect) in [
        (state(), env(1, 0, zero), Ok(())),
        (state(), env(1, u64::MAX, zero), Ok(())),
        (state(), env(0, 0, zero), number(0, 1)),
        (state(), env(2, 0, zero), number(2, 1)),
        (state(), env(77, 0, zero), number(77, 1)),
        (state(), env(u64::MAX, 0, zero), number(u64::MAX, 1)),
        (state(), env(1, 0, some), Err(Rejected::NoParent { actual: some })),
        (after(0, 0), env(1, 0, some), Ok(())),
        (after(0, 0), env(0, 0, some), number(0, 1)),
        (after(9, 5), env(10, 5, some), Ok(())),
        (after(9, 5), env(10, 6, zero), Ok(())),
        (after(9, 5), env(10, 4, some), Err(Rejected::Timestamp { actual: 4, previous: 5 })),
        (after(9, 5), env(9, 5, some), number(9, 10)),
        (after(9, 5), env(11, 5, some), number(11, 10)),
        (after(9, 5), env(1, 5, some), number(1, 10)),
        // The number comes first.
        (after(9, 5), env(11, 4, some), number(11, 10)),
        (state(), env(2, 0, some), number(2, 1)),
    ] {
        let block = Block { env: env.clone(), transactions: vec![] };
        let result = vm.execute_block(Arc::new(state.clone()), block);
        assert_eq!(result.as_ref().map(drop), expect.as_ref().map(drop), "{env:?}");
        if let Ok(outcome) = result {
            let mut after = state.clone();
            after.apply(&outcome.diff);
            let last = LastBlock { number: env.number, timestamp: env.timestamp };
            assert_eq!(last_block(&after), Ok(Some(last)));
            let alone = beginning(Arc::new(state), &env, StateDiff::default(), vm.revision());
            assert_eq!(alone, Ok(outcome.diff), "a block without transactions is its beginning");
        }
    }
    let text = Rejected::Timestamp { actual: 4, previous: 5 }.to_string();
    assert_eq!(text, "timestamp 4 is before 5, that of the last block");
    assert_eq!(Rejected::Number { actual: 77, expected: 1 }.to_string(), "block number 77 where 1 follows");
}

/// For everything that a transaction does with the address: what the chain keeps there stays as it is.
//= spec 8.15, 8.16 test
#[test]
fn no_transaction_alters_the_system_account() {
    let vm = Vm::new(Revision::V1).unwrap();
    let at = format!("(data (i32.const 0) \"{}\") (data (i32.const 32) \"\\07\")", "lockstep-blockhashes");
    let with = |body: &str| module(&format!("{at} (func (export \"main\") {body})"));
    let values: Vec<(&str, Vec<u8>)> = vec![
        ("destroys itself for it", with("(call $selfDestruct (i32.const 0))")),
        (
            "sends value",
            with("(drop (call $call (i64.const 50000) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)))"),
        ),
        (
            "runs its code",
            with(
                "(drop (call $callCode (i64.const 50000) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)))
            (call $storageStore (i32.const 0) (i32.const 32))",
            ),
        ),
        (
            "delegates to it",
            with(
                "(drop (call $callDelegate (i64.const 50000) (i32.const 0) (i32.const 0) (i32.const 0)))
            (call $storageStore (i32.const 0) (i32.const 32))",
            ),
        ),
        (
            "calls it in static mode",
            with("(drop (call $callStatic (i64.const 50000) (i32.const 0) (i32.const 0) (i32.const 0)))"),
        ),
    ];
    let mut before = state();
    before.put_last_block(LastBlock { number: 9, timestamp: 9 }, (0..9).map(|at| (at, B256::repeat_byte(3))));
    let env = env(10, 10, B256::repeat_byte(4));
    let begun = {
        let diff = beginning(Arc::new(before.clone()), &env, StateDiff::default(), vm.revision()).unwrap();
        let mut state = before.clone();
        state.apply(&diff);
        state
    };
    let mut kinds = vec![("pays it", TxKind::Call { to: SYSTEM_ADDRESS, export: None })];
    kinds.extend(values.iter().map(|(case, _)| (*case, TxKind::Call { to: B, export: None })));
    for (position, (case, kind)) in kinds.into_iter().enumerate() {
        let mut state = before.clone();
        if let Some((_, code)) = position.checked_sub(1).map(|at| &values[at]) {
            state.put_code(B, CodeId::of(code, Abi::Ewasm), code);
            state.accounts.get_mut(&B).unwrap().balance = U256::from(100);
        }
        let block = Block { env: env.clone(), transactions: vec![tx(0, 5, kind)] };
        let outcome = vm.execute_block(Arc::new(state.clone()), block).unwrap();
        assert_eq!(outcome.receipts[0].outcome, RETURN, "{case}");
        state.apply(&outcome.diff);
        assert_eq!(state.storage[&SYSTEM_ADDRESS], begun.storage[&SYSTEM_ADDRESS], "{case}");
        let account = &state.accounts[&SYSTEM_ADDRESS];
        assert_eq!((account.nonce, account.code), (1, None), "{case}");
        let got = ["pays it", "destroys itself for it", "sends value"].contains(&case);
        assert_eq!(!account.balance.is_zero(), got, "{case}: value stays there");
        // The next block goes on.
        let next = BlockEnv { number: 11, ..env.clone() };
        vm.execute_block(Arc::new(state), Block { env: next, transactions: vec![] }).unwrap();
    }
    // It sends nothing, whoever claims to be it.
    for sender in system::ACCOUNTS {
        let mut state = before.clone();
        state.accounts.entry(sender).or_default().nonce = 1;
        let block = Block { env: env.clone(), transactions: vec![Tx { sender, nonce: 1, ..call(0, A) }] };
        let rejected = vm.execute_block(Arc::new(state), block);
        assert_eq!(rejected, Err(Rejected::Invalid { position: 0, error: InvalidTx::SystemSender }), "{sender}");
    }
}

/// An account that would be created at the address of the system account is refused, as everywhere else: it has a nonce.
//= spec 8.10, 8.12 test
#[test]
fn the_system_account_is_never_empty() {
    let vm = Vm::new(Revision::V1).unwrap();
    for balance in [0, 5] {
        let mut state = MemoryState::default();
        if balance > 0 {
            let account = Account { balance: U256::from(balance), ..Account::default() };
            state.accounts.insert(SYSTEM_ADDRESS, account);
        }
        let block = Block { env: env(1, 2, B256::ZERO), transactions: vec![] };
        let outcome = vm.execute_block(Arc::new(state), block).unwrap();
        let account = Account { nonce: 1, balance: U256::from(balance), code: None };
        let last = LastBlock { number: 1, timestamp: 2 }.to_value().to_vec();
        let storage = StorageDiff { cleared: false, values: [(LAST_BLOCK_KEY.to_vec(), Some(last))].into() };
        assert_eq!(outcome.diff.accounts, [(SYSTEM_ADDRESS, Some(account))].into());
        assert_eq!(outcome.diff.storage, [(SYSTEM_ADDRESS, storage)].into());
    }
}

/// A transaction alone is a block of one.
//= spec 8.11 test
#[test]
fn a_transaction_alone_is_a_block_of_one() {
    let vm = Vm::new(Revision::V1).unwrap();
    let mut state = state();
    state.put_last_block(LastBlock { number: 4, timestamp: 4 }, []);
    let env = env(5, 9, B256::repeat_byte(0x44));
    let tx = call(0, A);
    let valid = vm.check(Arc::new(state.clone()), &env, tx.clone()).unwrap();
    let alone = vm.execute_tx(Arc::new(state.clone()), &env, valid).unwrap();
    let outcome = vm.execute_block(Arc::new(state), Block { env, transactions: vec![tx] }).unwrap();
    assert_eq!((&[alone.receipt][..], alone.diff), (outcome.receipts.as_slice(), outcome.diff.clone()));
    let parent = block_hash_value(4, B256::repeat_byte(0x44)).to_vec();
    assert_eq!(outcome.diff.storage[&SYSTEM_ADDRESS].values[block_hash_key(4).as_slice()], Some(parent));
}

/// Under a revision without the rule nothing is written, and hashes come from beside the accounts.
//= spec 8.1 test
#[test]
fn a_revision_without_the_rule_writes_nothing() {
    let vm = Vm::new(Revision::EWASM_BYZANTIUM).unwrap();
    let mut state = state();
    let code = main_of("(call $finish (i32.const 0) (call $getBlockHash (i64.const 4) (i32.const 0)))");
    state.put_code(B, CodeId::of(&code, Abi::Ewasm), &code);
    state.block_hashes.insert(4, B256::repeat_byte(1));
    let block = Block { env: env(5, 9, B256::repeat_byte(0x44)), transactions: vec![call(0, B)] };
    let outcome = vm.execute_conformance_block(Arc::new(state), block).unwrap();
    assert_eq!(outcome.receipts[0].outcome, Outcome::Return);
    assert_eq!(outcome.receipts[0].output.len(), 0, "status 0: there is one");
    assert!(!outcome.diff.accounts.contains_key(&SYSTEM_ADDRESS) && outcome.diff.storage.is_empty());
    // Nor is a block of a chain held to what came before it.
    let mut revision = Revision::V1;
    revision.rules.block_hashes_in_state = false;
    let vm = Vm::new(revision).unwrap();
    for (number, timestamp, parent) in [(0, 0, 0), (77, 3, 0x44), (5, 1, 0), (u64::MAX, 0, 9)] {
        let mut state = MemoryState::default();
        state.put_last_block(LastBlock { number: 9, timestamp: 9 }, []);
        let block = Block { env: env(number, timestamp, B256::repeat_byte(parent)), transactions: vec![] };
        assert_eq!(vm.execute_block(Arc::new(state), block).map(|outcome| outcome.diff), Ok(StateDiff::default()));
    }
}
