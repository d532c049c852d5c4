//! Building a block: it is `execute_block` of what was taken, and a refusal leaves no trace.

use crate::{
    caches::corpus,
    faults::Failing,
    kit::{A, B, NOBODY, RETURN, SENDER, WEALTH, World, main_of},
    prices::BASE,
    property,
};
use lockstep_vm::{
    Abi, Account, Address, B256, Block, BlockEnv, BlockOutcome, Bytes, Fault, Gas, InvalidTx, MemoryState, Outcome,
    Refused, Rejected, Revision, StateReader, StateView, Tx, TxKind, U256, ValueHead, Vm, engine::wasmi::Wasmi,
};
use proptest::prelude::*;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The block after the one that the state of a world ends with.
fn next(world: &World) -> BlockEnv {
    BlockEnv { number: world.block.number + 1, ..world.block.clone() }
}

/// Offers `offered` one after the other. The outcome, what was taken, and why each other one was refused.
fn build(vm: &Vm, world: &World, offered: &[Tx]) -> (BlockOutcome, Vec<Tx>, Vec<(usize, InvalidTx)>) {
    let mut builder = vm.build_block(world.view(), next(world)).unwrap();
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for (position, tx) in offered.iter().enumerate() {
        let (gas_left, count) = (builder.gas_left(), builder.receipts().len());
        match builder.add(tx.clone()) {
            Ok(added) => {
                let gas_used = added.receipt.gas_used;
                assert_eq!(builder.gas_left(), gas_left.less(gas_used));
                taken.push(tx.clone());
            }
            Err(Refused::Invalid(error)) => {
                assert_eq!((builder.gas_left(), builder.receipts().len()), (gas_left, count));
                refused.push((position, error));
            }
            Err(Refused::Fault(fault)) => panic!("{fault}"),
        }
    }
    (builder.finish(), taken, refused)
}

fn execute(vm: &Vm, world: &World, transactions: Vec<Tx>) -> Result<BlockOutcome, Rejected> {
    vm.execute_block(world.view(), Block { env: next(world), transactions })
}

#[test]
fn a_built_block_is_the_one_that_is_executed() {
    let (mut world, txs) = corpus("a built block");
    let vm = Vm::new(Revision::V1).unwrap();
    let (outcome, taken, refused) = build(&vm, &world, &txs);
    assert_eq!((taken.len(), refused), (txs.len(), vec![]));
    assert_eq!(execute(&vm, &world, txs.clone()), Ok(outcome.clone()));
    assert_eq!(outcome.gas_used.get(), outcome.receipts.iter().map(|receipt| receipt.gas_used.get()).sum::<u64>());
    world.note("gas of the block", &outcome.gas_used.to_string());
}

/// One transaction for each reason why one is invalid, offered to a block before, between and behind its good ones.
#[test]
fn a_refused_transaction_leaves_no_trace() {
    let (mut world, txs) = corpus("refused transactions");
    let stranger = Address::repeat_byte(0x57);
    let at_end = Address::repeat_byte(0xee);
    world.state.accounts.insert(at_end, Account { nonce: u64::MAX, balance: U256::MAX >> 8, code: None });
    let vm = Vm::new(Revision::V1).unwrap();
    let call = |sender, nonce| Tx { sender, nonce, ..world.call(A, b"") };
    let bad = [
        call(SENDER, 77),
        call(stranger, 1),
        Tx { gas_limit: Gas::new(BASE - 1), gas_price: U256::ZERO, ..call(stranger, 0) },
        Tx { gas_limit: Gas::new(world.block.gas_limit + 1), ..call(stranger, 0) },
        Tx { value: U256::from(1), gas_price: U256::ZERO, ..call(stranger, 0) },
        Tx { value: U256::from(WEALTH), sender: stranger, ..call(stranger, 0) },
        Tx { input: vec![0; 5_000_000], ..call(stranger, 0) },
        Tx { kind: TxKind::Deploy { abi: Abi::Linked, code: vec![] }, ..call(stranger, 0) },
        Tx { kind: TxKind::Deploy { abi: Abi::Ewasm, code: main_of("") }, input: vec![1], ..call(stranger, 0) },
        call(at_end, u64::MAX),
        call(lockstep_vm::system::SYSTEM_ADDRESS, 0),
    ];
    // Checked alone, each is what it is as the first of the block.
    for tx in &bad {
        let refused = vm.check(world.view(), &next(&world), tx.clone()).unwrap_err();
        let mut builder = vm.build_block(world.view(), next(&world)).unwrap();
        assert_eq!(builder.add(tx.clone()).unwrap_err(), refused);
    }
    let checked = vm.check(world.view(), &next(&world), txs[0].clone()).unwrap();
    assert_eq!(checked.tx(), &txs[0]);
    let fault = vm.check(Failing::at(&world.state, 0), &next(&world), txs[0].clone()).unwrap_err();
    assert!(matches!(fault, Refused::Fault(Fault::State(_))), "{fault}");
    let (expected, _, _) = build(&vm, &world, &txs);
    let offered: Vec<_> = txs.iter().flat_map(|tx| bad.iter().chain([tx])).chain(&bad).cloned().collect();
    let (outcome, taken, refused) = build(&vm, &world, &offered);
    assert_eq!((&outcome, &taken), (&expected, &txs));
    assert_eq!(refused.len(), bad.len() * (txs.len() + 1));
    let kinds: std::collections::BTreeSet<_> =
        refused.iter().map(|(_, error)| format!("{error:?}").split([' ', '{']).next().map(str::to_owned)).collect();
    assert_eq!(kinds.len(), 9, "a case for each reason: {kinds:?}");
    // Where each refusal is fatal, the first one is.
    assert!(matches!(execute(&vm, &world, offered), Err(Rejected::Invalid { position: 0, .. })));
    world.note("gas of the block", &outcome.gas_used.to_string());
}

/// A state that counts what is read of it.
struct Counting {
    state: MemoryState,
    reads: AtomicUsize,
}

impl StateReader for Counting {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        StateReader::account(&self.state, address)
    }

    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        StateReader::storage_head(&self.state, address, key)
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        StateReader::storage(&self.state, address, key)
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        StateReader::code(&self.state, hash)
    }
}

/// A flood of invalid transactions from as many senders costs a look at each sender, which is forgotten: the second look
/// reads again. A sender that the block has to do with is read once.
#[test]
fn a_block_full_of_invalid_transactions() {
    let mut world = World::new("invalid transactions only");
    let vm = Vm::new(Revision::V1).unwrap();
    let counting = Arc::new(Counting { state: world.state.clone(), reads: AtomicUsize::new(0) });
    let mut builder = vm.build_block(Arc::clone(&counting) as StateView, next(&world)).unwrap();
    let before = counting.reads.load(Ordering::Relaxed);
    let flood = |number: u64| {
        let mut sender = [0x33; 20];
        sender[..8].copy_from_slice(&number.to_le_bytes());
        Tx { sender: sender.into(), nonce: 1, ..world.call(NOBODY, b"") }
    };
    for _ in 0..2 {
        for number in 0..10_000 {
            let error = InvalidTx::Nonce { actual: 1, expected: 0 };
            assert_eq!(builder.add(flood(number)).unwrap_err(), Refused::Invalid(error));
        }
    }
    assert_eq!(counting.reads.load(Ordering::Relaxed) - before, 20_000);
    builder.add(world.call(NOBODY, b"")).unwrap();
    let before = counting.reads.load(Ordering::Relaxed);
    for _ in 0..10 {
        builder.add(world.call(NOBODY, b"")).unwrap_err();
    }
    assert_eq!(counting.reads.load(Ordering::Relaxed), before, "the sender of a transaction that was taken");
    let outcome = builder.finish();
    assert_eq!(execute(&vm, &world, vec![world.call(NOBODY, b"")]), Ok(outcome));
    let empty = vm.build_block(world.view(), next(&world)).unwrap().finish();
    assert_eq!(execute(&vm, &world, vec![]), Ok(empty.clone()));
    assert_eq!((empty.receipts.len(), empty.gas_used), (0, Gas::ZERO));
    world.note("none taken", &empty.gas_used.to_string());
}

/// Invalid for its nonce, its balance, or the code that is not there yet; valid when another one has been taken.
#[test]
fn invalid_at_first_and_valid_later() {
    let mut world = World::new("valid later");
    let vm = Vm::new(Revision::V1).unwrap();
    let poor = Address::repeat_byte(0x9f);
    let pays = Tx { value: U256::from(BASE + 5), gas_limit: Gas::new(BASE), ..world.call(poor, b"") };
    let spends = Tx { sender: poor, value: U256::from(5), gas_limit: Gas::new(BASE), ..world.call(B, b"") };
    let third = Tx { nonce: 1, ..world.call(B, b"") };
    let offered = [spends.clone(), third.clone(), pays.clone(), spends.clone(), third.clone(), third.clone()];
    let (outcome, taken, refused) = build(&vm, &world, &offered);
    assert_eq!(taken, [pays, spends, third]);
    assert_eq!(refused.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [0, 1, 5]);
    assert!(matches!(refused[0].1, InvalidTx::Balance { .. }), "{refused:?}");
    assert_eq!(refused[1].1, InvalidTx::Nonce { actual: 1, expected: 0 });
    assert_eq!(refused[2].1, InvalidTx::Nonce { actual: 1, expected: 2 });
    assert_eq!(execute(&vm, &world, taken), Ok(outcome.clone()));
    assert!(outcome.receipts.iter().all(|receipt| receipt.outcome == RETURN));
    world.note("gas of the block", &outcome.gas_used.to_string());
}

/// The limit of a transaction must fit into what is left; what it uses is what counts then.
#[test]
fn the_border_of_the_gas_budget() {
    let mut world = World::new("a gas budget");
    let vm = Vm::new(Revision::V1).unwrap();
    let limited = |nonce, gas| Tx { nonce, gas_limit: Gas::new(gas), ..world.call(NOBODY, b"") };
    let begin = |budget| {
        let builder = vm.build_block(world.view(), next(&world)).unwrap();
        builder.with_gas_budget(Gas::new(budget))
    };
    let mut builder = begin(3 * BASE - 1);
    assert_eq!((builder.gas_left(), builder.is_full()), (Gas::new(3 * BASE - 1), false));
    let too_much =
        |actual, limit| Refused::Invalid(InvalidTx::BlockGas { actual: Gas::new(actual), limit: Gas::new(limit) });
    assert_eq!(builder.add(limited(0, 3 * BASE)).unwrap_err(), too_much(3 * BASE, 3 * BASE - 1));
    // A limit of all that is left, of which it uses a part.
    assert_eq!(builder.add(limited(0, 3 * BASE - 1)).unwrap().receipt.gas_used, Gas::new(BASE));
    assert_eq!(builder.add(limited(1, 2 * BASE)).unwrap_err(), too_much(2 * BASE, 2 * BASE - 1));
    builder.add(limited(1, BASE)).unwrap();
    assert_eq!((builder.gas_left(), builder.is_full()), (Gas::new(BASE - 1), true));
    assert_eq!(builder.add(limited(2, BASE)).unwrap_err(), too_much(BASE, BASE - 1));
    let outcome = builder.finish();
    // The block itself has more: its limit is not the budget.
    assert_eq!(execute(&vm, &world, vec![limited(0, 3 * BASE - 1), limited(1, BASE)]), Ok(outcome));
    let mut exact = begin(BASE);
    assert!(!exact.is_full(), "one fits");
    exact.add(limited(0, BASE)).unwrap();
    assert_eq!((exact.gas_left(), exact.is_full()), (Gas::ZERO, true));
    assert!(begin(0).is_full() && begin(BASE - 1).is_full());
    // A budget beyond the block's limit is the block's limit.
    assert_eq!(begin(u64::MAX).gas_left(), Gas::new(world.block.gas_limit));
    let env = BlockEnv { gas_limit: BASE, ..next(&world) };
    assert!(vm.execute_block(world.view(), Block { env, transactions: vec![limited(0, BASE + 1)] }).is_err());
    world.note("two of three", &(2 * BASE).to_string());
}

/// What a contract is told of the block's gas is its limit, not the proposer's budget.
#[test]
fn contracts_see_the_limit_and_not_the_budget() {
    let mut world = World::new("the limit of the block");
    world.put(
        A,
        &main_of("(i64.store (i32.const 0) (call $getBlockGasLimit)) (call $finish (i32.const 0) (i32.const 8))"),
    );
    let vm = Vm::new(Revision::V1).unwrap();
    let tx = Tx { gas_limit: Gas::new(1_000_000), ..world.call(A, b"") };
    let builder = vm.build_block(world.view(), next(&world)).unwrap();
    let mut builder = builder.with_gas_budget(Gas::new(1_000_000));
    let output = builder.add(tx.clone()).unwrap().receipt.output.clone();
    assert_eq!(output, world.block.gas_limit.to_le_bytes());
    assert_eq!(world.run("its output is eight bytes", &tx).receipt.output, output);
}

/// The frames that halted are said, as for a transaction executed alone.
#[test]
fn a_taken_transaction_says_where_it_halted() {
    let mut world = World::new("halts of a built block");
    world.put(A, &main_of("unreachable"));
    let vm = Vm::new(Revision::V1).unwrap();
    let tx = world.call(A, b"");
    let executed = world.run("unreachable", &tx);
    let mut builder = vm.build_block(world.view(), next(&world)).unwrap();
    let added = builder.add(tx).unwrap();
    assert_eq!((added.receipt, &added.halts), (&executed.receipt, &executed.halts));
    assert!(matches!(added.receipt.outcome, Outcome::Halt { .. }) && !added.halts.is_empty());
}

/// A fault at any read leaves the builder as it was: the same transaction is taken when the state can be read again.
//= spec 1.3.8 test
#[test]
fn a_fault_leaves_no_trace() {
    let (mut world, txs) = corpus("faults of a built block");
    let vm = Vm::<Wasmi>::with_engine(Revision::V1, 0).unwrap();
    let (expected, _, _) = build(&vm, &world, &txs);
    let mut faults = 0;
    for fails_at in 0.. {
        let mut builder = match vm.build_block(Failing::at(&world.state, fails_at), next(&world)) {
            Ok(builder) => builder,
            Err(Rejected::Fault(_)) => continue,
            Err(error) => panic!("{error}"),
        };
        let before = faults;
        for tx in &txs {
            if let Err(fault) = builder.add(tx.clone()) {
                assert!(matches!(fault, Refused::Fault(Fault::State(_))), "{fault}");
                faults += 1;
                builder.add(tx.clone()).unwrap();
            }
        }
        assert_eq!(builder.finish(), expected);
        if faults == before {
            break;
        }
    }
    assert!(faults >= 5, "{faults}");
    let tx = world.call(NOBODY, b"");
    world.run("a call", &tx);
}

#[test]
fn a_block_that_does_not_follow_is_not_begun() {
    let mut world = World::new("blocks that do not follow");
    let vm = Vm::new(Revision::V1).unwrap();
    let begun = |vm: &Vm, env: BlockEnv| vm.build_block(world.view(), env).err();
    let (number, previous) = (world.block.number, world.block.timestamp);
    let rejected = Rejected::Number { actual: number, expected: number + 1 };
    assert_eq!(begun(&vm, world.block.clone()), Some(rejected));
    let env = BlockEnv { timestamp: previous - 1, ..next(&world) };
    assert_eq!(begun(&vm, env), Some(Rejected::Timestamp { actual: previous - 1, previous }));
    let conformance = Vm::new(Revision::EWASM_BYZANTIUM).unwrap();
    assert_eq!(begun(&conformance, next(&world)), Some(Rejected::Conformance));
    assert_eq!(begun(&vm, next(&world)), None);
    let tx = world.call(NOBODY, b"");
    world.run("a call", &tx);
}

/// Any offers, good and bad, in any order: what was taken, executed as a block, has the same results.
#[test]
fn any_offers() {
    let (mut world, txs) = corpus("any offers");
    let limits = [BASE, 500_000, 5_000_000, 30_000_000].map(Gas::new);
    // The transaction, its nonce, which is mostly the one that is due, and its gas limit.
    let offer = (0..txs.len(), prop_oneof![4 => Just(None), 1 => (0_u64..4).prop_map(Some)], 0..limits.len());
    let offers = (prop::collection::vec(offer, 0..12), 0_u64..40_000_000);
    property::check(&offers, |(offers, budget)| {
        let builder = world.vm().build_block(world.view(), next(&world)).unwrap();
        let mut builder = builder.with_gas_budget(Gas::new(budget));
        let mut taken = Vec::new();
        for (position, nonce, limit) in offers {
            let nonce = nonce.unwrap_or(taken.len() as u64);
            let tx = Tx { nonce, gas_limit: limits[limit], ..txs[position].clone() };
            if builder.add(tx.clone()).is_ok() {
                taken.push(tx);
            }
        }
        let outcome = builder.finish();
        prop_assert!(outcome.gas_used <= Gas::new(budget));
        prop_assert_eq!(execute(world.vm(), &world, taken), Ok(outcome));
        Ok(())
    });
    world.run("one of them", &txs[0]);
}
