//! What makes a transaction invalid, with the numbers that it says; blocks; fees; accounts that come and go.

use crate::{
    kit::{A, B, BENEFICIARY, BLOCK_GAS, NOBODY, RETURN, SENDER, WEALTH, World, beside_fees, halt, main_of},
    prices,
};
use lockstep_gas::AbiSet;
use lockstep_vm::{
    Abi, Account, Block, BlockEnv, Gas, HaltReason, InvalidTx, MemoryState, Rejected, Revision, StateDiff, Tx, TxKind,
    U256, ValidTx, system::SYSTEM_ADDRESS,
};

use prices::BASE as INTRINSIC;

/// A sender with nonce 5.
fn world_with_nonce(section: &'static str) -> World {
    let mut world = World::new(section);
    world.state.accounts.get_mut(&SENDER).unwrap().nonce = 5;
    world
}

/// Each transaction is invalid for its reason, and makes a block invalid that it is the second of.
fn assert_invalid(world: &mut World, cases: Vec<(&'static str, Tx, InvalidTx)>) {
    let good = world.call(NOBODY, b"");
    for (case, tx, error) in cases {
        assert_eq!(world.check(&tx), Err(error.clone()), "{case}");
        world.note(case, &error.to_string());
        if matches!(error, InvalidTx::Nonce { .. } | InvalidTx::Balance { .. } | InvalidTx::BlockGas { .. }) {
            // The numbers are others behind another transaction.
            continue;
        }
        let next = Tx { nonce: tx.nonce + 1, ..tx };
        let block = Block { env: world.block.clone(), transactions: vec![good.clone(), next] };
        let rejected = Rejected::Invalid { position: 1, error };
        assert_eq!(world.vm().execute_conformance_block(world.view(), block), Err(rejected), "{case}");
    }
}

fn balance(actual: u64, required: U256) -> InvalidTx {
    InvalidTx::Balance { actual: U256::from(actual), required }
}

//= spec 1.3.5, 4.1, 4.2 test
#[test]
fn invalid_nonces_and_gas() {
    let mut world = world_with_nonce("invalid nonces and gas");
    let good = world.call(NOBODY, b"");
    let gas = |limit| Tx { gas_limit: Gas::new(limit), ..good.clone() };
    let call = |export: Vec<u8>, input: Vec<u8>| Tx {
        kind: TxKind::Call { to: NOBODY, export: Some(export) },
        input,
        ..good.clone()
    };
    let intrinsic =
        |actual, required| InvalidTx::IntrinsicGas { actual: Gas::new(actual), required: Gas::new(required) };
    let cases = vec![
        ("nonce too low", Tx { nonce: 4, ..good.clone() }, InvalidTx::Nonce { actual: 4, expected: 5 }),
        ("nonce too high", Tx { nonce: 6, ..good.clone() }, InvalidTx::Nonce { actual: 6, expected: 5 }),
        (
            "the largest nonce",
            Tx { nonce: u64::MAX, ..good.clone() },
            InvalidTx::Nonce { actual: u64::MAX, expected: 5 },
        ),
        ("an absent sender", Tx { sender: A, ..good.clone() }, InvalidTx::Nonce { actual: 5, expected: 0 }),
        (
            "an absent sender that pays nothing",
            Tx { sender: A, nonce: 0, ..good.clone() },
            balance(0, U256::from(10_000_000)),
        ),
        ("no gas", gas(0), intrinsic(0, INTRINSIC)),
        ("one gas too little", gas(INTRINSIC - 1), intrinsic(INTRINSIC - 1, INTRINSIC)),
        (
            "one gas too little for the input",
            Tx { input: vec![0, 1, 0], ..gas(prices::intrinsic(&[0, 1, 0]) - 1) },
            intrinsic(prices::intrinsic(&[0, 1, 0]) - 1, prices::intrinsic(&[0, 1, 0])),
        ),
        (
            "one gas too little for the name",
            call(b"ab".to_vec(), vec![]).with_gas(prices::intrinsic(b"ab") - 1),
            intrinsic(prices::intrinsic(b"ab") - 1, prices::intrinsic(b"ab")),
        ),
        (
            "one gas too little for init code",
            Tx { kind: TxKind::Create { init_code: vec![0, 9] }, ..gas(prices::creation(&[0, 9]) - 1) },
            intrinsic(prices::creation(&[0, 9]) - 1, prices::creation(&[0, 9])),
        ),
        (
            "more gas than the block has",
            gas(BLOCK_GAS + 1),
            InvalidTx::BlockGas { actual: Gas::new(BLOCK_GAS + 1), limit: Gas::new(BLOCK_GAS) },
        ),
        ("all gas", gas(u64::MAX), InvalidTx::BlockGas { actual: Gas::MAX, limit: Gas::new(BLOCK_GAS) }),
    ];
    assert_invalid(&mut world, cases);
}

#[test]
fn invalid_prices_and_values() {
    let mut world = world_with_nonce("invalid prices and values");
    let good = world.call(NOBODY, b"");
    let gas = |limit| Tx { gas_limit: Gas::new(limit), ..good.clone() };
    let price = |limit, price, value| Tx { gas_price: price, value, ..gas(limit) };
    let wealth = U256::from(WEALTH);
    let cases = vec![
        (
            "a price one too high",
            price(1_000_000, wealth / U256::from(1_000_000) + U256::from(1), U256::ZERO),
            balance(WEALTH, wealth + U256::from(1_000_000)),
        ),
        (
            "a value one too high",
            price(1_000_000, U256::from(1), wealth - U256::from(999_999)),
            balance(WEALTH, wealth + U256::from(1)),
        ),
        (
            "a price that exceeds 256 bits with the limit",
            price(1_000_000, U256::MAX, U256::ZERO),
            balance(WEALTH, U256::MAX),
        ),
        (
            "a price that exceeds 256 bits by one bit",
            price(1 << 20, U256::from(1) << 236, U256::ZERO),
            balance(WEALTH, U256::MAX),
        ),
        ("a sum that exceeds 256 bits", price(1_000_000, U256::from(1), U256::MAX), balance(WEALTH, U256::MAX)),
    ];
    assert_invalid(&mut world, cases);
}

#[test]
fn invalid_sizes_and_the_order_of_checks() {
    let mut world = world_with_nonce("invalid sizes and the order of checks");
    let good = world.call(NOBODY, b"");
    let gas = |limit| Tx { gas_limit: Gas::new(limit), ..good.clone() };
    let price = |limit, price, value| Tx { gas_price: price, value, ..gas(limit) };
    let call = |export: Vec<u8>, input: Vec<u8>| Tx {
        kind: TxKind::Call { to: NOBODY, export: Some(export) },
        input,
        ..good.clone()
    };
    let too_large = InvalidTx::TooLarge { actual: 4_194_305, limit: 4_194_304 };
    let cases = vec![
        ("input too large", Tx { input: vec![0; 4_194_305], ..good.clone() }, too_large.clone()),
        ("export too large", call(vec![b'a'; 4_194_305], vec![]), too_large.clone()),
        ("sizes come before the nonce", Tx { nonce: 9, input: vec![0; 4_194_305], ..good.clone() }, too_large),
        ("the nonce comes before the gas", Tx { nonce: 9, ..gas(0) }, InvalidTx::Nonce { actual: 9, expected: 5 }),
        (
            "the block's gas comes before the balance",
            price(BLOCK_GAS + 1, U256::MAX, U256::ZERO),
            InvalidTx::BlockGas { actual: Gas::new(BLOCK_GAS + 1), limit: Gas::new(BLOCK_GAS) },
        ),
        (
            "init code too large",
            world.create(&vec![1; 1_048_577]),
            InvalidTx::TooLarge { actual: 1_048_577, limit: 1_048_576 },
        ),
        (
            "input for init code",
            Tx { input: vec![0], ..world.create(b"") },
            InvalidTx::InputWithoutConstructor { actual: 1 },
        ),
        (
            "code too large",
            world.deploy(Abi::Packed, &vec![1; 1_048_577]),
            InvalidTx::TooLarge { actual: 1_048_577, limit: 1_048_576 },
        ),
    ];
    assert_invalid(&mut world, cases);
}

/// Every two faults that one transaction can have: the one that is checked first is told.
//= spec 4.1 test
#[test]
fn the_first_check_that_fails_makes_a_transaction_invalid() {
    let mut revision = Revision::V1;
    revision.rules.abis = AbiSet::of(&[Abi::Ewasm]);
    let [input_max, code_max] = [revision.transaction.input_bytes_max, revision.limits(Abi::Packed).code_bytes_max];
    let sender = Account { nonce: 5, balance: U256::from(WEALTH), ..Account::default() };
    let deploy = |tx: &mut Tx, change: &dyn Fn(&mut Abi, &mut Vec<u8>)| match &mut tx.kind {
        TxKind::Deploy { abi, code } => change(abi, code),
        TxKind::Call { .. } | TxKind::Create { .. } => unreachable!(),
    };
    type Break<'a> = &'a dyn Fn(&mut Tx);
    let faults: [(&str, Break<'_>); 9] = [
        ("SystemSender", &|tx| tx.sender = SYSTEM_ADDRESS),
        ("TooLarge", &|tx| tx.input = vec![0; input_max as usize + 1]),
        ("Abi", &|tx| deploy(tx, &|abi, _| *abi = Abi::Packed)),
        ("TooLarge", &|tx| deploy(tx, &|_, code| *code = vec![0; code_max as usize + 1])),
        ("InputWithoutConstructor", &|tx| tx.input = vec![0]),
        ("Nonce", &|tx| tx.nonce = 9),
        ("IntrinsicGas", &|tx| tx.gas_limit = Gas::new(100)),
        ("BlockGas", &|_| {}),
        ("Balance", &|tx| tx.value = U256::MAX),
    ];
    let good = Tx {
        sender: SENDER,
        nonce: 5,
        gas_limit: Gas::new(20_000_000),
        gas_price: U256::from(1),
        value: U256::ZERO,
        kind: TxKind::Deploy { abi: Abi::Ewasm, code: main_of("") },
        input: Vec::new(),
    };
    assert!(ValidTx::check(good.clone(), Some(&sender), Gas::MAX, &revision).is_ok());
    for (first, (name, breaks)) in faults.iter().enumerate() {
        for (second, (_, also)) in faults.iter().enumerate().skip(first) {
            let mut tx = good.clone();
            // The earlier one last, for two can be about one field.
            also(&mut tx);
            breaks(&mut tx);
            let block_gas_left = if second == 7 || first == 7 { 50 } else { u64::MAX };
            let error = ValidTx::check(tx, Some(&sender), Gas::new(block_gas_left), &revision).unwrap_err();
            assert!(format!("{error:?}").starts_with(name), "{first} and {second}: {error:?}");
        }
    }
}

/// While a transaction runs its sender has neither the value nor the gas limit times the gas price.
//= spec 4.3 test
#[test]
fn the_prepayment_is_taken_before_the_frame_runs() {
    let mut world = World::new("the prepayment");
    world.put(
        A,
        &main_of(
            "(call $getTxOrigin (i32.const 0)) (call $getExternalBalance (i32.const 0) (i32.const 32))
            (call $finish (i32.const 32) (i32.const 16))",
        ),
    );
    for (price, value) in [(0_u64, 0_u64), (7, 0), (7, 100)] {
        let tx = Tx { gas_price: U256::from(price), value: U256::from(value), ..world.call(A, b"") };
        let executed = world.run(&format!("price {price}, value {value}"), &tx);
        let left = u128::from(WEALTH - price * tx.gas_limit.get() - value);
        assert_eq!(executed.receipt.output, left.to_le_bytes(), "{price} {value}");
    }
}

trait WithGas {
    fn with_gas(self, limit: u64) -> Tx;
}

impl WithGas for Tx {
    fn with_gas(self, limit: u64) -> Tx {
        Tx { gas_limit: Gas::new(limit), ..self }
    }
}

/// What is just about valid.
//= spec 4.1, 7.8 test
#[test]
fn edges_of_validity() {
    let mut world = World::new("edges of validity");
    let good = world.call(NOBODY, b"");
    let wealth = U256::from(WEALTH);
    for (case, tx) in [
        ("exactly the intrinsic gas", good.clone().with_gas(INTRINSIC)),
        ("all gas of the block", good.clone().with_gas(BLOCK_GAS)),
        ("all money for value", Tx { value: wealth - U256::from(INTRINSIC), ..good.clone() }.with_gas(INTRINSIC)),
        ("all money for gas", Tx { gas_price: wealth / U256::from(1_000_000), ..good.clone() }.with_gas(1_000_000)),
        ("free", Tx { gas_price: U256::ZERO, value: wealth, ..good.clone() }),
        ("the largest input", Tx { input: vec![0; 131_072], ..good.clone() }),
        ("nothing but gas from an absent sender", Tx { sender: B, gas_price: U256::ZERO, ..good.clone() }),
        ("to itself", Tx { value: U256::from(5), kind: TxKind::Call { to: SENDER, export: None }, ..good.clone() }),
    ] {
        let executed = world.run(case, &tx);
        assert_eq!(executed.receipt.outcome, RETURN, "{case}");
    }
    // A sender that has all the money there can be: the sum of limit times price and value exceeds 256 bits.
    world.fund(SENDER, U256::MAX);
    let tx = Tx { value: U256::MAX, ..good.clone() };
    assert_eq!(world.check(&tx), Err(InvalidTx::Balance { actual: U256::MAX, required: U256::MAX }));
    let tx = Tx { gas_price: U256::MAX, ..good.clone() };
    assert_eq!(world.check(&tx), Err(InvalidTx::Balance { actual: U256::MAX, required: U256::MAX }));
    let tx = Tx { value: U256::MAX - U256::from(INTRINSIC), ..good.clone() }.with_gas(INTRINSIC);
    assert_eq!(world.run("all the money there can be", &tx).receipt.outcome, RETURN);
    // The end of the nonces.
    world.state.accounts.get_mut(&SENDER).unwrap().nonce = u64::MAX;
    assert_eq!(world.check(&Tx { nonce: u64::MAX, ..good.clone() }), Err(InvalidTx::NonceAtEnd));
    world.state.accounts.get_mut(&SENDER).unwrap().nonce = u64::MAX - 1;
    assert_eq!(world.run("the last nonce", &Tx { nonce: u64::MAX - 1, ..good }).receipt.outcome, RETURN);
}

/// A gas limit of 2^64 - 1: nothing wraps, and what was not used comes back.
#[test]
fn a_block_and_a_transaction_with_all_gas() {
    let mut world = World::new("all gas");
    world.block.gas_limit = u64::MAX;
    world.fund(SENDER, U256::MAX >> 1);
    world.put(
        A,
        &main_of(
            "(i64.store (i32.const 0) (call $getGasLeft)) (i64.store (i32.const 8) (call $getBlockGasLimit))
         (call $finish (i32.const 0) (i32.const 16))",
        ),
    );
    world.put(B, &main_of("(unreachable)"));
    let tx = Tx { gas_price: U256::from(3), ..world.call(A, b"") }.with_gas(u64::MAX);
    let executed = world.run("u64::MAX", &tx);
    assert_eq!(executed.receipt.output, i64::MAX.to_le_bytes().repeat(2), "the interface has signed numbers");
    let tx = Tx { gas_price: U256::from(3), ..world.call(B, b"") }.with_gas(u64::MAX);
    let executed = world.run("all of it gone", &tx);
    assert_eq!((executed.receipt.outcome, executed.receipt.gas_used), (halt(HaltReason::Unreachable), Gas::MAX));
    let paid = U256::from(u64::MAX) * U256::from(3);
    assert_eq!(executed.diff.accounts[&BENEFICIARY].as_ref().unwrap().balance, paid);
    // Nothing is left for another in the same block.
    let next = Tx { nonce: 1, ..tx.clone() }.with_gas(INTRINSIC);
    let block = Block { env: world.block.clone(), transactions: vec![tx, next] };
    let error = InvalidTx::BlockGas { actual: Gas::new(INTRINSIC), limit: Gas::ZERO };
    assert_eq!(
        world.vm().execute_conformance_block(world.view(), block),
        Err(Rejected::Invalid { position: 1, error })
    );
}

/// The limit of a block is held against what was used so far, not against the limits so far.
#[test]
fn the_gas_of_a_block() {
    let mut world = World::new("gas of a block");
    world.block.gas_limit = 1_000_000;
    let tx = |nonce, limit| Tx { nonce, ..world.call(NOBODY, b"") }.with_gas(limit);
    let run = |limits: &[u64]| {
        let transactions = limits.iter().zip(0..).map(|(&limit, nonce)| tx(nonce, limit)).collect();
        world.vm().execute_conformance_block(world.view(), Block { env: world.block.clone(), transactions })
    };
    let outcome = run(&[1_000_000, 790_000, 580_000, 370_000]).unwrap();
    assert_eq!(outcome.gas_used, Gas::new(4 * INTRINSIC));
    assert_eq!(outcome.receipts.len(), 4);
    let error = InvalidTx::BlockGas { actual: Gas::new(580_001), limit: Gas::new(580_000) };
    assert_eq!(run(&[1_000_000, 790_000, 580_001, 370_000]), Err(Rejected::Invalid { position: 2, error }));
    let error = InvalidTx::BlockGas { actual: Gas::new(INTRINSIC), limit: Gas::new(160_000) };
    assert_eq!(run(&[INTRINSIC; 5]), Err(Rejected::Invalid { position: 4, error }));
    assert_eq!(
        run(&[]).unwrap(),
        lockstep_vm::BlockOutcome { receipts: vec![], diff: StateDiff::default(), gas_used: Gas::ZERO }
    );
    let single = tx(0, 1_000_000);
    world.run("alone", &single);
}

#[test]
fn a_conformance_revision_does_not_carry_a_chain() {
    let mut world = World::under("conformance", &Revision::EWASM_BYZANTIUM);
    let tx = world.call(NOBODY, b"");
    let block = Block { env: world.block.clone(), transactions: vec![tx.clone()] };
    assert_eq!(world.vm().execute_block(world.view(), block.clone()), Err(Rejected::Conformance));
    let outcome = world.vm().execute_conformance_block(world.view(), block).unwrap();
    assert_eq!(outcome.receipts, [world.run("a plain transfer", &tx).receipt]);
    assert_eq!(outcome.gas_used, Gas::new(21_000));
    let empty = Block { env: world.block.clone(), transactions: vec![] };
    assert_eq!(world.vm().execute_block(world.view(), empty), Err(Rejected::Conformance), "even an empty one");
}

//= spec 1.3.7, 4.20 test
#[test]
fn fees_go_to_the_beneficiary() {
    let mut world = World::new("fees");
    world.put(A, &main_of("(unreachable)"));
    let balance = |diff: &StateDiff, address| diff.accounts[&address].as_ref().unwrap().balance;
    let wealth = U256::from(WEALTH);
    for (case, to, price, value, used) in [
        ("a transfer", NOBODY, 7, 100, INTRINSIC),
        ("a halt", A, 7, 100, 1_000_000),
        ("a free one", NOBODY, 0, 100, INTRINSIC),
    ] {
        let tx =
            Tx { gas_price: U256::from(price), value: U256::from(value), ..world.call(to, b"") }.with_gas(1_000_000);
        let executed = world.run(case, &tx);
        let fee = U256::from(used) * U256::from(price);
        let moved = U256::from(if to == A { 0 } else { value });
        assert_eq!(balance(&executed.diff, SENDER), wealth - fee - moved, "{case}");
        if price > 0 {
            assert_eq!(balance(&executed.diff, BENEFICIARY), fee, "{case}");
        } else {
            assert!(!executed.diff.accounts.contains_key(&BENEFICIARY), "an empty account that was only touched");
        }
    }
    world.block.beneficiary = SENDER;
    let tx = Tx { gas_price: U256::from(7), value: U256::from(3), ..world.call(NOBODY, b"") };
    let executed = world.run("the sender is the beneficiary", &tx);
    assert_eq!(balance(&executed.diff, SENDER), wealth - U256::from(3));
    world.block.beneficiary = NOBODY;
    let executed = world.run("the callee is the beneficiary", &tx);
    assert_eq!(balance(&executed.diff, NOBODY), U256::from(7 * INTRINSIC + 3));
}

/// EIP-161: an account without nonce, balance and code goes when it is touched, and only then.
//= spec 4.22, 4.24 test
#[test]
fn empty_accounts() {
    let mut world = World::new("empty accounts");
    world.state.accounts.insert(B, Account::default());
    world.state.accounts.insert(NOBODY, Account::default());
    let tx = world.call(B, b"");
    let executed = world.run("a call without value", &tx);
    assert_eq!(beside_fees(&executed.diff).accounts.into_iter().collect::<Vec<_>>(), [(B, None)]);
    let tx = Tx { value: U256::from(1), ..world.call(B, b"") };
    let executed = world.run("a call with value", &tx);
    assert_eq!(beside_fees(&executed.diff).accounts.len(), 1);
    assert!(executed.diff.accounts[&B].is_some());
    world.block.beneficiary = B;
    let tx = Tx { gas_price: U256::ZERO, ..world.call(A, b"") };
    let executed = world.run("an empty beneficiary without fees", &tx);
    assert_eq!(executed.diff.accounts[&B], None);
    assert!(!executed.diff.accounts.contains_key(&A) && !executed.diff.accounts.contains_key(&NOBODY));
}

/// A transaction that was checked against one state may not fit another: that is this node's fault, not an outcome.
#[test]
fn a_checked_transaction_on_a_state_that_it_was_not_checked_against() {
    let mut world = World::new("another state");
    let valid = world.check(&world.call(NOBODY, b"")).unwrap();
    assert_eq!((valid.tx().nonce, valid.intrinsic_gas()), (0, Gas::new(INTRINSIC)));
    let empty = std::sync::Arc::new(MemoryState::default());
    let fault = world.vm().execute_tx(empty, &BlockEnv::default(), valid).unwrap_err();
    world.note("the sender cannot pay", &fault.to_string());
    let rich = Account { balance: U256::MAX, ..Account::default() };
    let tx = Tx { value: U256::from(1), ..world.call(NOBODY, b"") };
    assert!(ValidTx::check(tx, Some(&rich), Gas::MAX, &Revision::V1).is_ok());
}
