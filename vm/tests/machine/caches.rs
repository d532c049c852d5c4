//! Gas and outcomes are functions of code, input, state, block and revision: never of what a machine did before, of the
//! size of its cache, of what else is in the block, or of what other threads do with it.

use crate::kit::{A, B, C, RETURN, SENDER, World, data, main_of, module, word};
use lockstep_gas::{Operator, Revision};
use lockstep_vm::{Abi, Address, Block, BlockOutcome, Gas, StateView, Tx, U256, ViewCall, Vm, engine::wasmi::Wasmi};
use std::sync::atomic::{AtomicBool, Ordering};

/// Another sender.
const OTHER: Address = Address::repeat_byte(0x07);

/// What control passes through without a price never leads back: every turn of a loop goes through a branch, and a
/// region costs 1 on its own.
#[test]
fn operators_without_a_price_do_not_lead_back() {
    let prices = Revision::V1.schedule;
    let free: Vec<_> = Operator::ALL.iter().filter(|&&operator| prices.operator(operator) == Some(0)).collect();
    let names: Vec<_> = free.iter().map(|operator| operator.name()).collect();
    assert_eq!(names, ["unreachable", "nop", "block", "loop", "else", "end", "return", "drop"]);
    for operator in [
        Operator::Br,
        Operator::BrIf,
        Operator::BrTable,
        Operator::Call,
        Operator::ReturnCall,
        Operator::ReturnCallIndirect,
    ] {
        assert!(prices.operator(operator) >= Some(1), "{operator:?}");
    }
}

//= spec 2.20 test
#[test]
fn every_turn_of_a_loop_costs_something() {
    let mut world = World::new("turns of loops");
    for (case, body) in [
        ("nothing but a branch", "(br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))"),
        (
            "nops and blocks",
            "nop (block) (block (block)) nop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))",
        ),
        ("a loop that is not repeated", "(loop) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))"),
    ] {
        world.put(
            A,
            &main_of(&format!(
                "(local i32) (call $callDataCopy (i32.const 0) (i32.const 0) (i32.const 4)) (local.set 0 (i32.load
                (i32.const 0))) (loop {body})"
            )),
        );
        let mut gas = |turns: u8| {
            let tx = world.call(A, &[turns, 1, 1, 0]);
            world.run(&format!("{case}, {turns}"), &tx).receipt.gas_used.get()
        };
        let (one, two, many) = (gas(1), gas(2), gas(255));
        assert!(two > one, "{case}");
        assert_eq!(many - one, 254 * (two - one), "{case}");
    }
    for body in [
        "(loop (br 0))",
        "(loop nop (block) (br 0))",
        "(loop (loop (br 1)))",
        "(loop (block (br 1)))",
        "(loop (br_table 0 0 (i32.load (i32.const 0))))",
    ] {
        world.put(A, &main_of(body));
        let tx = Tx { gas_limit: Gas::new(1_000_000), ..world.call(A, b"") };
        assert_eq!(world.run(body, &tx).receipt.gas_used, tx.gas_limit);
    }
}

/// A world with contracts of several kinds, and transactions that use them in many ways.
pub(crate) fn corpus(section: &'static str) -> (World, Vec<Tx>) {
    let mut world = World::new(section);
    let counter = module(&format!(
        "{} (func (export \"main\")
            (call $storageLoad (i32.const 0) (i32.const 64))
            (i64.store (i32.const 88) (i64.add (i64.load (i32.const 88)) (i64.const 1)))
            (call $storageStore (i32.const 0) (i32.const 64))
            (call $log (i32.const 64) (i32.const 32) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0))
            (call $finish (i32.const 64) (i32.const 32)))",
        data(0, &word(1))
    ));
    let caller = module(&format!(
        "{} (func (export \"main\")
            (drop (call $call (i64.const 400000) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)))
            (drop (call $callDelegate (i64.const 400000) (i32.const 0) (i32.const 0) (i32.const 0)))
            (i32.store (i32.const 64) (call $callStatic (i64.const 400000) (i32.const 0) (i32.const 0) (i32.const 0)))
            (call $finish (i32.const 64) (i32.const 4)))",
        data(0, A.as_slice())
    ));
    // NaNs of several origins, and how long it took in gas.
    let floats = main_of(
        "(f64.store (i32.const 0) (f64.div (f64.load (i32.const 100)) (f64.load (i32.const 100))))
         (f32.store (i32.const 8) (f32.sqrt (f32.const -1)))
         (f32.store (i32.const 12) (f32.demote_f64 (f64.load (i32.const 0))))
         (i64.store (i32.const 16) (call $getGasLeft))
         (call $finish (i32.const 0) (i32.const 24))",
    );
    let trap = main_of("(call $storageStore (i32.const 0) (i32.const 0)) (unreachable)");
    world.put(A, &counter);
    world.put(B, &caller);
    world.put(C, &floats);
    world.put(Address::repeat_byte(9), &trap);
    world.fund(OTHER, U256::from(1_u64 << 60));
    let creates = module(&format!(
        "{} (func (export \"main\") (call $finish (i32.const 0) (i32.const 8)))",
        data(0, b"leftover")
    ));
    let mut txs = vec![
        world.call(A, b""),
        world.call(B, b""),
        world.call(C, b""),
        world.call(Address::repeat_byte(9), b"x"),
        world.call(A, b"again"),
        world.create(&creates),
        world.deploy(Abi::Ewasm, &counter),
        world.call(SENDER.create(6), b"the new one"),
        world.deploy(Abi::Packed, b"broken"),
        world.call(SENDER.create(5), b"no module"),
        world.call(B, b""),
    ];
    for (tx, nonce) in txs.iter_mut().zip(0..) {
        tx.nonce = nonce;
    }
    txs[3].gas_limit = Gas::new(500_000);
    (world, txs)
}

fn machine(cache_bytes: u64) -> Vm {
    Vm::<Wasmi>::with_engine(Revision::V1, cache_bytes).unwrap()
}

fn run(vm: &Vm, world: &World, transactions: &[Tx]) -> BlockOutcome {
    let block = Block { env: world.block.clone(), transactions: transactions.to_vec() };
    vm.execute_conformance_block(world.view(), block).unwrap()
}

//= spec 2.19 test
#[test]
fn whatever_is_cached() {
    let (mut world, txs) = corpus("with any cache");
    let vm = machine(1 << 30);
    let cold = run(&vm, &world, &txs);
    let expected = borsh::to_vec(&cold).unwrap();
    for (case, machine) in [
        ("warm", vm),
        ("no cache", machine(0)),
        ("room for one module", machine(20_000)),
        ("room for two", machine(45_000)),
        ("a cold one", machine(1 << 30)),
    ] {
        for time in 0..3 {
            assert_eq!(borsh::to_vec(&run(&machine, &world, &txs)).unwrap(), expected, "{case}, {time}");
        }
    }
    assert_eq!(cold.receipts.iter().filter(|receipt| receipt.outcome == RETURN).count(), 8);
    // Each on its own, on the state that those before it left.
    for (position, (tx, receipt)) in txs.iter().zip(&cold.receipts).enumerate() {
        assert_eq!(&world.commit(&position.to_string(), tx).receipt, receipt);
    }
}

//= spec 2.19 test
#[test]
fn among_others() {
    let (mut world, txs) = corpus("among others");
    let alone = run(&machine(1 << 30), &world, &txs);
    // Transactions of another sender that touch nothing that the others look at but the beneficiary and code.
    let mut mixed = Vec::new();
    for (tx, nonce) in txs.iter().zip(0..) {
        mixed.push(Tx { sender: OTHER, nonce, ..world.call(C, b"") });
        mixed.push(tx.clone());
    }
    let among = run(&machine(20_000), &world, &mixed);
    let receipts: Vec<_> = among.receipts.iter().skip(1).step_by(2).cloned().collect();
    assert_eq!(receipts, alone.receipts);
    assert!(among.receipts.iter().step_by(2).all(|receipt| receipt.gas_used == among.receipts[0].gas_used));
    let tx = Tx { sender: OTHER, nonce: 0, ..world.call(C, b"") };
    assert_eq!(world.run("the other's", &tx).receipt, among.receipts[0]);
}

/// Eight threads look at the state with views of every contract while the block is executed, on one machine.
#[test]
fn beside_views() {
    let (mut world, txs) = corpus("beside views");
    for cache_bytes in [1 << 30, 20_000, 0] {
        let vm = machine(cache_bytes);
        let expected = borsh::to_vec(&run(&machine(1 << 30), &world, &txs)).unwrap();
        let views: Vec<_> = [A, B, C, Address::repeat_byte(9), SENDER]
            .map(|to| ViewCall { gas_limit: Gas::new(500_000), ..world.view_call(to, b"") })
            .into();
        let seen: Vec<_> =
            views.iter().map(|view| vm.view(world.view(), &world.block, view.clone()).unwrap()).collect();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|thread: usize| {
                    let (vm, views, seen, done) = (&vm, &views, &seen, &done);
                    let state: StateView = world.view();
                    let block = world.block.clone();
                    scope.spawn(move || {
                        let mut turn = thread;
                        while !done.load(Ordering::Relaxed) || turn < thread + views.len() {
                            let at = turn % views.len();
                            let viewed = vm.view(StateView::clone(&state), &block, views[at].clone()).unwrap();
                            assert_eq!(viewed, seen[at]);
                            turn += 1;
                        }
                    })
                })
                .collect();
            for _ in 0..10 {
                assert_eq!(borsh::to_vec(&run(&vm, &world, &txs)).unwrap(), expected);
            }
            done.store(true, Ordering::Relaxed);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }
    let tx = world.call(A, b"");
    world.run("one of them", &tx);
}
