//! What a frame that does not return undoes, what it keeps, and where its gas goes.

use crate::{
    kit::{
        A, B, C, NOBODY, RETURN, REVERT, SENDER, World, beside_fees, binary, data, escaped, halt, main_of, module, word,
    },
    prices,
};
use lockstep_gas::HostFunction::{Call, GetGasLeft};
use lockstep_vm::{Abi, Account, Address, Executed, Gas, HaltReason, Revision, StateDiff, Tx, U256};

/// An account whose balance is too large for the interface's amounts.
const D: Address = Address::repeat_byte(0xd4);

/// The three ends of a frame, as bodies.
const RETURNS: &str = "(call $finish (i32.const 1000) (i32.const 3))";
const REVERTS: &str = "(call $revert (i32.const 1000) (i32.const 3))";
const TRAPS: &str = "(unreachable)";
/// Not in the text of a body that ends otherwise.
const RUNS_OUT: &str = "(loop (br 0))";

/// A contract that calls `B` with `gas`, puts the status at 64 and the gas that the call took at 72, and finishes with
/// both and the return data.
fn calls_b(gas: u64) -> Vec<u8> {
    module(&format!(
        "{} (func (export \"main\") (local $before i64)
            (local.set $before (call $getGasLeft))
            (i32.store (i32.const 64) (call $call (i64.const {gas}) (i32.const 0) (i32.const 32) (i32.const 0)
                (i32.const 0)))
            (i64.store (i32.const 72) (i64.sub (local.get $before) (call $getGasLeft)))
            (call $returnDataCopy (i32.const 80) (i32.const 0) (call $getReturnDataSize))
            (call $finish (i32.const 64) (i32.add (i32.const 16) (call $getReturnDataSize))))",
        data(0, B.as_slice())
    ))
}

/// Status, gas that the call took, return data: what [`calls_b`] finishes with.
fn seen_by_caller(executed: &Executed) -> (u32, u64, Vec<u8>) {
    assert_eq!(executed.receipt.outcome, RETURN);
    let output = &executed.receipt.output;
    let status = u32::from_le_bytes(output[..4].try_into().unwrap());
    let gas = u64::from_le_bytes(output[8..16].try_into().unwrap());
    (status, gas, output[16..].to_vec())
}

/// What `B` does before it ends: name, data and body. Addresses stand at 0 (`C`), 20 (nobody), 40 (`D`); words at 100
/// (key 1), 132 (value 7), 164 (value 0); the amount 5 at 200.
fn effects() -> Vec<(&'static str, String)> {
    let init = main_of("(call $finish (i32.const 0) (i32.const 1))");
    let creates = format!(
        "(if (call $create (i32.const 200) (i32.const 2000) (i32.const {}) (i32.const 300)) (then (unreachable)))",
        init.len()
    );
    vec![
        ("nothing", String::new()),
        ("storage", "(call $storageStore (i32.const 100) (i32.const 132))".into()),
        ("storage cleared", "(call $storageStore (i32.const 68) (i32.const 164))".into()),
        (
            "log",
            "(call $log (i32.const 1000) (i32.const 3) (i32.const 1) (i32.const 100) (i32.const 0) (i32.const 0)
            (i32.const 0))"
                .into(),
        ),
        ("value to a contract", send(0)),
        ("value to nobody", send(20)),
        ("creation", creates),
        (
            "self-destruct of another",
            "(drop (call $call (i64.const 1000000) (i32.const 40) (i32.const 216)
            (i32.const 0) (i32.const 0)))"
                .into(),
        ),
    ]
}

fn send(address: u32) -> String {
    format!(
        "(if (call $call (i64.const 50000) (i32.const {address}) (i32.const 200) (i32.const 0) (i32.const 0)) (then
            (unreachable)))"
    )
}

fn contract_with(effect: &str, end: &str) -> Vec<u8> {
    let init = main_of("(call $finish (i32.const 0) (i32.const 1))");
    module(&format!(
        "{} {} {} {} {} {} {} {} (data (i32.const 2000) \"{}\") (func (export \"main\") {effect} {end})",
        data(0, C.as_slice()),
        data(20, NOBODY.as_slice()),
        data(40, D.as_slice()),
        data(68, &word(9)),
        data(100, &word(1)),
        data(132, &word(7)),
        data(200, &[5]),
        data(1_000, b"bye"),
        escaped(&init)
    ))
}

fn world_of_effects(section: &'static str, revision: &Revision) -> World {
    let mut world = World::under(section, revision);
    world.put(C, &main_of(""));
    world.put(
        D,
        &module(&format!("{} (func (export \"main\") (call $selfDestruct (i32.const 0)))", data(0, C.as_slice()))),
    );
    world.fund(D, U256::from(11));
    world.fund(B, U256::from(1_000));
    world.state.put_storage(B, word(9).to_vec(), word(9).to_vec());
    world
}

//= spec 1.1.2, 1.1.3, 1.1.7 test
#[test]
fn a_frame_that_does_not_return_undoes_every_kind_of_effect() {
    let mut world = world_of_effects("reverts of effects", &Revision::V1);
    for (name, effect) in effects() {
        for (end, body, status, output) in [
            ("returns", RETURNS, 0, &b"bye"[..]),
            ("reverts", REVERTS, 2, b"bye"),
            ("traps", TRAPS, 1, b""),
            ("runs out", RUNS_OUT, 1, b""),
        ] {
            world.put(A, &calls_b(3_000_000));
            world.put(B, &contract_with(&effect, body));
            world.fund(B, U256::from(1_000));
            let tx = world.call(A, b"");
            let executed = world.run(&format!("{name}, {end}"), &tx);
            let (seen, gas, data) = seen_by_caller(&executed);
            assert_eq!((seen, data.as_slice()), (status, output), "{name}, {end}");
            let beside = beside_fees(&executed.diff);
            if status == 0 {
                assert_eq!(
                    beside != StateDiff::default() || !executed.receipt.logs.is_empty(),
                    name != "nothing",
                    "{name}"
                );
            } else {
                assert_eq!(beside, StateDiff::default(), "{name}, {end}");
                assert!(executed.receipt.logs.is_empty(), "{name}, {end}");
            }
            if status == 1 {
                // The call's own price, what was passed on, and the caller's region and getGasLeft: nothing more.
                assert_eq!(gas, prices::host(Call, 0) + 3_000_000 + prices::host(GetGasLeft, 0), "{name}, {end}");
            }
        }
    }
}

//= spec 1.1.1 test
#[test]
fn effects_of_a_frame_that_returns_are_exactly_these() {
    let mut world = world_of_effects("effects that stand", &Revision::V1);
    world.put(A, &calls_b(3_000_000));
    let contract = |nonce, balance, world: &World, address| {
        Some(Account { nonce, balance: U256::from(balance), ..world.account(address) })
    };
    for (name, effect) in effects() {
        world.put(B, &contract_with(&effect, RETURNS));
        world.fund(B, U256::from(1_000));
        let tx = world.call(A, b"");
        let executed = world.run(name, &tx);
        let diff = beside_fees(&executed.diff);
        let created = B.create(1);
        let accounts: Vec<_> = match name {
            "value to a contract" => vec![(B, contract(1, 995, &world, B)), (C, contract(1, 5, &world, C))],
            "value to nobody" => vec![(NOBODY, contract(0, 5, &world, NOBODY)), (B, contract(1, 995, &world, B))],
            "creation" => {
                let account = diff.accounts[&created].clone().unwrap();
                assert_eq!((account.nonce, account.balance), (1, U256::from(5)));
                vec![(B, contract(2, 995, &world, B)), (created, Some(account))]
            }
            "self-destruct of another" => vec![(C, contract(1, 11, &world, C)), (D, None)],
            _ => Vec::new(),
        };
        let found: Vec<_> = diff.accounts.clone().into_iter().collect();
        let mut accounts = accounts;
        accounts.sort_by_key(|(address, _)| *address);
        assert_eq!(found, accounts, "{name}");
        let values: Vec<_> =
            diff.storage.get(&B).map(|changes| changes.values.clone().into_iter().collect()).unwrap_or_default();
        let expected = match name {
            "storage" => vec![(word(1).to_vec(), Some(word(7).to_vec()))],
            "storage cleared" => vec![(word(9).to_vec(), None)],
            _ => Vec::new(),
        };
        assert_eq!(values, expected, "{name}");
        assert_eq!(diff.storage.get(&D).is_some_and(|changes| changes.cleared), name == "self-destruct of another");
        assert_eq!(executed.receipt.logs.len(), usize::from(name == "log"));
    }
}

/// Three frames, each writes its own key and then calls the next; all combinations of ends.
//= spec 1.1.7 test
#[test]
fn a_frame_undoes_what_is_below_it_and_nothing_above() {
    let mut world = World::new("reverts in three levels");
    let ends = [("returns", RETURNS), ("reverts", REVERTS), ("traps", TRAPS)];
    let contract = |key: u8, below: Option<Address>, end: &str| {
        let call = "(drop (call $call (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 64) (i32.const 0)
            (i32.const 0)))";
        let call = if below.is_some() { call } else { "" };
        module(&format!(
            "{} {} (func (export \"main\") (call $storageStore (i32.const 100) (i32.const 100)) {call} {end})",
            data(0, below.unwrap_or_default().as_slice()),
            data(100, &word(key))
        ))
    };
    for (name_b, end_b) in ends {
        for (name_c, end_c) in ends {
            for (name_d, end_d) in ends {
                world.put(A, &contract(1, Some(B), RETURNS));
                world.put(B, &contract(2, Some(C), end_b));
                world.put(C, &contract(3, Some(D), end_c));
                world.put(D, &contract(4, None, end_d));
                let tx = world.call(A, b"");
                let executed = world.run(&format!("B {name_b}, C {name_c}, D {name_d}"), &tx);
                let stand = |ends: &[&str]| ends.iter().all(|&end| end == RETURNS);
                for (address, stands) in
                    [(A, true), (B, stand(&[end_b])), (C, stand(&[end_b, end_c])), (D, stand(&[end_b, end_c, end_d]))]
                {
                    assert_eq!(executed.diff.storage.contains_key(&address), stands, "{address}");
                }
                let traps = [end_b, end_c, end_d].iter().filter(|&&end| end == TRAPS).count();
                assert_eq!(executed.halts.len(), traps);
            }
        }
    }
}

//= spec 1.1.1, 1.1.2, 1.1.3 test
#[test]
fn a_halt_takes_what_was_passed_on_and_a_revert_gives_it_back() {
    let mut world = World::new("gas of reverts and halts");
    let took = |world: &mut World, case: &str, gas: u64, end: &str| {
        world.put(A, &calls_b(gas));
        world.put(B, &contract_with("", end));
        let tx = world.call(A, b"");
        seen_by_caller(&world.run(&format!("{case}, {gas} passed on"), &tx)).1
    };
    let call_and_read = prices::host(Call, 0) + prices::host(GetGasLeft, 0);
    for gas in [100_000, 200_000, 1_000_000] {
        assert_eq!(took(&mut world, "trap", gas, TRAPS), call_and_read + gas);
        assert_eq!(took(&mut world, "out of gas", gas, RUNS_OUT), call_and_read + gas);
    }
    let (less, more) = (took(&mut world, "revert", 100_000, REVERTS), took(&mut world, "revert", 1_000_000, REVERTS));
    assert_eq!(less, more);
    assert!(less < 100_000);
    let (less, more) = (took(&mut world, "return", 100_000, RETURNS), took(&mut world, "return", 1_000_000, RETURNS));
    assert_eq!(less, more);
    // More than there is: all but a 64th goes, and the caller can still finish with the rest.
    let tx = world.call(A, b"");
    world.put(A, &calls_b(u64::MAX >> 1));
    world.put(B, &contract_with("", TRAPS));
    let executed = world.run("a trap with all but a 64th", &tx);
    let left = tx.gas_limit.get() - executed.receipt.gas_used.get();
    assert!((140_000..156_000).contains(&left), "{left}");
    // Nothing passed on: the callee cannot begin.
    assert_eq!(took(&mut world, "nothing", 0, RETURNS), call_and_read);
}

/// A frame that is refused returns its gas, less the price of its code, which was looked into.
//= spec 1.1.4, 3.25 test
#[test]
fn a_refusal_costs_the_code() {
    let mut world = World::new("gas of a refusal");
    world.put(A, &calls_b(1_000_000));
    let code = binary(&format!("(module {} (func (export \"not_main\")))", "(func nop nop nop nop)".repeat(100)));
    world.put_abi(B, Abi::Packed, &code);
    let tx = world.call(A, b"");
    let executed = world.run("no main", &tx);
    let looked_into = prices::start(&code, 0, 0);
    let (status, gas, data) = seen_by_caller(&executed);
    assert_eq!((status, data.as_slice()), (1, &b""[..]));
    assert_eq!(gas, prices::host(Call, 0) + prices::host(GetGasLeft, 0) + looked_into);
    assert!(executed.halts.is_empty());
}

/// A transaction whose own frame reverts returns its gas and output; one that halts does not.
//= spec 1.3.2, 1.3.3 test
#[test]
fn the_frame_of_a_transaction() {
    let mut world = world_of_effects("the frame of a transaction", &Revision::V1);
    for (name, effect) in effects() {
        for (end, body, outcome) in [
            ("reverts", REVERTS, REVERT),
            ("traps", TRAPS, halt(HaltReason::Unreachable)),
            ("runs out", RUNS_OUT, halt(HaltReason::OutOfGas)),
        ] {
            world.put(B, &contract_with(&effect, body));
            world.fund(B, U256::from(1_000));
            let tx = Tx { value: U256::from(17), gas_limit: Gas::new(3_000_000), ..world.call(B, b"") };
            let executed = world.run(&format!("{name}, {end}"), &tx);
            assert_eq!(executed.receipt.outcome, outcome);
            assert_eq!(executed.receipt.output, if outcome == REVERT { &b"bye"[..] } else { b"" });
            assert_eq!(executed.receipt.gas_used == tx.gas_limit, outcome != REVERT);
            assert!(executed.receipt.logs.is_empty() && executed.receipt.created.is_none());
            assert_eq!(beside_fees(&executed.diff), StateDiff::default());
        }
    }
}

/// The nonce of a creator stays used with every outcome of the creation, unless the creator itself does not return.
#[test]
fn the_nonce_of_a_creator() {
    let mut world = World::new("nonce of a creator");
    for (init, init_end, status) in [("returns", "", 0_u32), ("reverts", REVERTS, 2), ("traps", TRAPS, 1)] {
        let init_code = main_of(init_end);
        for (end, body, nonce) in [("returns", RETURNS, 2), ("reverts", REVERTS, 1), ("traps", TRAPS, 1)] {
            let code = module(&format!(
                "(data (i32.const 2000) \"{}\") (func (export \"main\")
                    (if (i32.ne (i32.const {status})
                        (call $create (i32.const 0) (i32.const 2000) (i32.const {}) (i32.const 300)))
                    (then (loop (br 0)))) {body})",
                escaped(&init_code),
                init_code.len()
            ));
            world.put(A, &calls_b(5_000_000));
            world.put(B, &code);
            let tx = world.call(A, b"");
            let executed = world.run(&format!("init {init}, creator {end}"), &tx);
            let account = executed.diff.accounts.get(&B).cloned().flatten().unwrap_or(world.account(B));
            assert_eq!(account.nonce, nonce);
            assert_eq!(executed.diff.accounts.contains_key(&B.create(1)), nonce == 2 && status == 0);
        }
    }
}

/// Byzantium's refunds of a frame that does not return are gone with it.
//= spec 1.1.7, 1.3.1, 4.19 test
#[test]
fn refunds() {
    let mut world = world_of_effects("refunds under Byzantium", &Revision::EWASM_BYZANTIUM);
    world.put(A, &calls_b(100_000));
    let mut used = |effect: &str, case: &str, end: &str| {
        world.put(B, &contract_with(effect, end));
        world.fund(B, U256::from(1_000));
        let tx = world.call(A, b"");
        world.run(case, &tx).receipt.gas_used.get()
    };
    let effects = effects();
    let effect = |name: &str| effects.iter().find(|(effect, _)| *effect == name).unwrap().1.clone();
    let clear = effect("storage cleared");
    let returns = used(&clear, "clear, returns", RETURNS);
    let reverts = used(&clear, "clear, reverts", REVERTS);
    // 21,000 and 5,700 beside a few reads: half of it is less than the refund of 15,000.
    assert_eq!(returns, reverts - reverts / 2);
    let twice = format!("{clear} {clear}");
    assert_eq!(used(&twice, "clear twice, reverts", REVERTS), reverts + 5_000);
    let destroy = effect("self-destruct of another");
    let returns = used(&destroy, "self-destruct, returns", RETURNS);
    let reverts = used(&destroy, "self-destruct, reverts", REVERTS);
    assert_eq!(returns, reverts - reverts / 2);
    let spent = used(&format!("{clear} (call $useGas (i64.const 50000))"), "clear and use gas, returns", RETURNS);
    let kept = used(&format!("{clear} (call $useGas (i64.const 50000))"), "clear and use gas, reverts", REVERTS);
    assert_eq!(spent, kept - 15_000);
    assert_ne!(SENDER, A);
}

/// Logs of a frame that does not return do not count against the limits of the transaction.
#[test]
fn limits_of_logs_count_what_stands() {
    let mut world = World::new("limits of logs");
    let logs = |count: u32, bytes: u32| {
        format!(
            "(local $n i32) (local.set $n (i32.const {count}))
             (loop (call $log (i32.const 0) (i32.const {bytes}) (i32.const 0) (i32.const 0) (i32.const 0)
                 (i32.const 0) (i32.const 0))
                (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
        )
    };
    let limit = halt(HaltReason::LimitExceeded);
    for (case, count, bytes, outcome) in [
        ("128 logs", 128, 0, RETURN),
        ("129 logs", 129, 0, limit),
        ("the longest log", 1, 16_384, RETURN),
        ("a log too long", 1, 16_385, limit),
        ("4 of the longest", 4, 16_384, RETURN),
        ("5 of the longest", 5, 16_384, limit),
        ("65,536 bytes in 16 logs", 16, 4_096, RETURN),
        ("65,552 bytes in 16 logs", 16, 4_097, limit),
    ] {
        world.put(B, &main_of(&logs(count, bytes)));
        let tx = world.call(B, b"");
        let executed = world.run(case, &tx);
        assert_eq!(executed.receipt.outcome, outcome, "{case}");
        assert_eq!(executed.receipt.logs.len() as u32, if outcome == RETURN { count } else { 0 });
    }
    world.put(B, &main_of(&format!("{} (call $revert (i32.const 0) (i32.const 0))", logs(100, 600))));
    let call = "(drop (call $call (i64.const 8000000) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)))";
    let code = module(&format!(
        "{} (func (export \"main\") {} {call})",
        data(0, B.as_slice()),
        logs(100, 600).replace("(local $n i32)", &format!("(local $n i32) {call}"))
    ));
    world.put(A, &code);
    let tx = Tx { gas_limit: Gas::new(60_000_000), ..world.call(A, b"") };
    let executed = world.run("100 logs between 200 that are undone", &tx);
    assert_eq!((executed.receipt.outcome, executed.receipt.logs.len()), (RETURN, 100));
}
