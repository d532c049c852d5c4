//! Views change nothing and have a cap of their own; estimates are the smallest limits that work.

use crate::{
    kit::{
        A, B, BENEFICIARY, C, NOBODY, RETURN, REVERT, SENDER, World, binary, data, escaped, halt, main_of, module, word,
    },
    prices,
};
use lockstep_vm::{Abi, Address, Gas, HaltReason, InvalidTx, NoEstimate, Outcome, Tx, U256, ViewCall};
use std::collections::{BTreeMap, BTreeSet};

const VIOLATION: Outcome = halt(HaltReason::StaticModeViolation);

/// A body of `main`, how a view of it ends, and its output. Address `B` is at 200, key 1 at 0.
const VIEWS: &[(&str, &str, Outcome, &[u8])] = &[
    (
        "reads",
        "(call $storageLoad (i32.const 0) (i32.const 100)) (call $finish (i32.const 131)
            (i32.const 1))",
        RETURN,
        &[7],
    ),
    (
        "input",
        "(call $callDataCopy (i32.const 300) (i32.const 0) (call $getCallDataSize))
            (call $finish (i32.const 300) (call $getCallDataSize))",
        RETURN,
        b"in",
    ),
    (
        "caller and origin",
        "(call $getCaller (i32.const 300)) (call $getTxOrigin (i32.const 320)) (call $finish
            (i32.const 300) (i32.const 40))",
        RETURN,
        &[0x5e; 40],
    ),
    (
        "price and value are nothing",
        "(call $getTxGasPrice (i32.const 300)) (call $getCallValue (i32.const 316))
            (call $finish (i32.const 300) (i32.const 32))",
        RETURN,
        &[0; 32],
    ),
    ("reverts", "(call $revert (i32.const 31) (i32.const 1))", REVERT, &[1]),
    ("traps", "(unreachable)", halt(HaltReason::Unreachable), &[]),
    ("writes", "(call $storageStore (i32.const 0) (i32.const 0))", VIOLATION, &[]),
    ("writes zero over nothing", "(call $storageStore (i32.const 32) (i32.const 32))", VIOLATION, &[]),
    (
        "logs",
        "(call $log (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0))",
        VIOLATION,
        &[],
    ),
    (
        "creates",
        "(drop (call $create (i32.const 32) (i32.const 0) (i32.const 0)
            (i32.const 0)))",
        VIOLATION,
        &[],
    ),
    ("destroys itself", "(call $selfDestruct (i32.const 0))", VIOLATION, &[]),
    (
        "sends",
        "(drop (call $call (i64.const 0) (i32.const 200) (i32.const 16) (i32.const 0)
            (i32.const 0)))",
        VIOLATION,
        &[],
    ),
    (
        "calls one that writes",
        "(i32.store8 (i32.const 0) (call $call (i64.const 100000) (i32.const 200) (i32.const 32) (i32.const 0)
                (i32.const 0))) (call $finish (i32.const 0) (i32.const 1))",
        RETURN,
        &[1],
    ),
    ("loops", "(loop (br 0))", halt(HaltReason::OutOfGas), &[]),
];

#[test]
fn views_are_static_and_change_nothing() {
    let mut world = World::new("views");
    world.fund(A, U256::from(9));
    let reads = format!("{} {}", data(0, &word(1)), data(200, B.as_slice()));
    world.put(B, &main_of("(call $storageStore (i32.const 0) (i32.const 0))"));
    world.state.put_storage(A, word(1).to_vec(), word(7).to_vec());
    for &(case, body, outcome, output) in VIEWS {
        world.put(A, &module(&format!("{reads} (func (export \"main\") {body})")));
        let before = world.state.clone();
        let call = ViewCall { gas_limit: Gas::new(1_000_000), ..world.view_call(A, b"in") };
        let viewed = world.vm().view(world.view(), &world.block, call.clone()).unwrap();
        assert_eq!((viewed.outcome, viewed.output.as_slice()), (outcome, output), "{case}");
        assert_eq!(world.vm().view(world.view(), &world.block, call.clone()).as_ref(), Ok(&viewed), "{case}, again");
        assert_eq!(world.state, before);
        world.note(case, &format!("{}, gas {}", viewed.outcome, viewed.gas_used));
        if let Outcome::Halt { .. } = viewed.outcome {
            assert_eq!(viewed.gas_used, call.gas_limit);
        } else if case != "calls one that writes" {
            // That one's callee takes all that it is given.
            let exactly = ViewCall { gas_limit: viewed.gas_used, ..call.clone() };
            let same = world.vm().view(world.view(), &world.block, exactly).unwrap();
            assert_eq!((same.outcome, same.gas_used), (outcome, viewed.gas_used), "{case}");
            let short = ViewCall { gas_limit: viewed.gas_used.less(Gas::new(1)), ..call };
            let short = world.vm().view(world.view(), &world.block, short).unwrap();
            assert_eq!(short.outcome, halt(HaltReason::OutOfGas), "{case}");
        }
    }
}

#[test]
fn views_of_accounts_and_exports() {
    let mut world = World::new("views of accounts and exports");
    world.put_abi(
        C,
        Abi::Packed,
        &binary("(module (func (export \"double\") (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1))))"),
    );
    let long = "x".repeat(200_000);
    for (case, to, export, input, outcome, output) in [
        ("an export", C, Some("double"), &21_i32.to_le_bytes()[..], RETURN, &42_i32.to_le_bytes()[..]),
        ("no export", C, Some("triple"), &[], halt(HaltReason::NoSuchExport), &[]),
        ("no main", C, None, &[], halt(HaltReason::NoSuchExport), &[]),
        ("no account", NOBODY, None, b"anything", RETURN, &[]),
        ("an export of no account", NOBODY, Some("f"), &[], halt(HaltReason::NoCode), &[]),
        ("a long name", C, Some(long.as_str()), &[], halt(HaltReason::NoSuchExport), &[]),
    ] {
        let call = ViewCall { export: export.map(|name| name.as_bytes().to_vec()), ..world.view_call(to, input) };
        let viewed = world.vm().view(world.view(), &world.block, call).unwrap();
        assert_eq!((viewed.outcome, viewed.output.as_slice()), (outcome, output), "{case}");
        world.note(case, &format!("{}, gas {}", viewed.outcome, viewed.gas_used));
    }
}

/// Six contracts, the state keys that a call of each looks at, and whether what it costs depends on what it is given.
fn contracts() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let init = main_of("(call $finish (i32.const 0) (i32.const 10))");
    let spends_what_it_has = "(if (i64.lt_u (call $getGasLeft) (i64.const 77777)) (then (unreachable)))";
    vec![
        ("does nothing", main_of(""), vec![]),
        (
            "writes storage",
            module(&format!(
                "{} (func (export \"main\") (call $storageLoad (i32.const 32) (i32.const 64)) (call $storageStore
                    (i32.const 0) (i32.const 0)))",
                data(0, &word(1))
            )),
            vec![],
        ),
        (
            "loops as often as it is told",
            main_of(
                "(local i32) (call $callDataCopy (i32.const 0) (i32.const 0) (i32.const 4)) (local.set 0 (i32.load
                    (i32.const 0))) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
            ),
            54_321_u32.to_le_bytes().to_vec(),
        ),
        (
            "creates",
            module(&format!(
                "(data (i32.const 1000) \"{}\") (func (export \"main\") (if (call $create (i32.const 0)
                    (i32.const 1000) (i32.const {}) (i32.const 64)) (then (unreachable))))",
                escaped(&init),
                init.len()
            )),
            vec![],
        ),
        (
            "calls with all but a 64th",
            module(&format!(
                "{} (func (export \"main\") (if (call $call (i64.const 0x7fffffffffffffff) (i32.const 0)
                    (i32.const 32) (i32.const 0) (i32.const 0)) (then (unreachable))))",
                data(0, B.as_slice())
            )),
            vec![],
        ),
        ("wants gas left over", main_of(spends_what_it_has), vec![]),
    ]
}

#[test]
fn the_smallest_limit_that_works() {
    let mut world = World::new("estimates");
    world.put(
        B,
        &module(&format!(
            "{} (func (export \"main\") (call $storageStore (i32.const 0) (i32.const 0)))",
            data(0, &word(5))
        )),
    );
    for (case, code, input) in contracts() {
        world.put(A, &code);
        // Neither the limit nor the price of the transaction is looked at.
        let tx = Tx { gas_limit: Gas::ZERO, gas_price: U256::MAX, ..world.call(A, &input) };
        let estimate = world.vm().estimate(world.view(), &world.block, tx.clone()).unwrap();
        let exactly = Tx { gas_limit: estimate.gas_limit, gas_price: U256::ZERO, ..tx.clone() };
        let executed = world.run(case, &exactly);
        assert_eq!((executed.receipt.outcome, &executed.receipt), (RETURN, &estimate.receipt), "{case}");
        assert_eq!(executed.diff, estimate.diff, "{case}");
        assert!(estimate.gas_limit >= executed.receipt.gas_used);
        assert_eq!(
            estimate.gas_limit > executed.receipt.gas_used,
            case.starts_with("calls") || case.starts_with("wants") || case == "creates",
            "{case}"
        );
        let short = Tx { gas_limit: estimate.gas_limit.less(Gas::new(1)), ..exactly };
        let fails = world.check(&short).map_or(true, |_| world.execute(&short).receipt.outcome != RETURN);
        assert!(fails, "{case}: one less");
        let expected: (&[Address], &[(Address, u8)]) = match case {
            "writes storage" => (&[A], &[(A, 0), (A, 1)]),
            "creates" => (&[A, A.create(1)], &[]),
            "calls with all but a 64th" => (&[A, B], &[(B, 5)]),
            _ => (&[A], &[]),
        };
        let accounts: BTreeSet<_> = expected.0.iter().copied().chain([SENDER, BENEFICIARY]).collect();
        let mut storage: BTreeMap<Address, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for (address, key) in expected.1 {
            storage.entry(*address).or_default().insert(word(*key).to_vec());
        }
        assert_eq!((estimate.keys_read.accounts, estimate.keys_read.storage), (accounts, storage), "{case}");
    }
}

/// A transfer, a creation and a deployment have estimates too.
#[test]
fn estimates_of_other_kinds() {
    let mut world = World::new("estimates of other kinds");
    let init = main_of("(call $finish (i32.const 0) (i32.const 10))");
    for (case, tx) in [
        ("a transfer", Tx { value: U256::from(4), ..world.call(NOBODY, b"input") }),
        ("a creation", world.create(&init)),
        ("a deployment", world.deploy(Abi::Ewasm, &init)),
    ] {
        let estimate = world.vm().estimate(world.view(), &world.block, tx.clone()).unwrap();
        assert_eq!(estimate.gas_limit, estimate.receipt.gas_used, "{case}");
        let executed = world.run(case, &Tx { gas_limit: estimate.gas_limit, gas_price: U256::ZERO, ..tx });
        assert_eq!(executed.receipt, estimate.receipt);
    }
}

#[test]
fn there_is_no_estimate_of_what_fails() {
    let mut world = World::new("no estimates");
    for (case, body, outcome) in [
        ("traps", "(unreachable)", halt(HaltReason::Unreachable)),
        ("reverts", "(call $revert (i32.const 0) (i32.const 3))", REVERT),
        ("needs more than a block has", "(call $useGas (i64.const 1000000000))", halt(HaltReason::OutOfGas)),
        ("never ends", "(call $useGas (i64.const 990000000)) (loop (br 0))", halt(HaltReason::OutOfGas)),
    ] {
        world.put(A, &main_of(body));
        let tx = world.call(A, b"");
        let error = world.vm().estimate(world.view(), &world.block, tx.clone()).unwrap_err();
        world.note(case, &error.to_string());
        let NoEstimate::Fails { receipt, halts } = error else { panic!("{case}: {error}") };
        assert_eq!(receipt.outcome, outcome, "{case}");
        assert_eq!(halts.is_empty(), outcome == REVERT);
    }
    let tx = world.call(A, b"");
    for (case, tx, error) in [
        ("another nonce", Tx { nonce: 1, ..tx.clone() }, InvalidTx::Nonce { actual: 1, expected: 0 }),
        (
            "too much value",
            Tx { value: U256::MAX, ..tx.clone() },
            InvalidTx::Balance { actual: U256::from(crate::kit::WEALTH), required: U256::MAX },
        ),
    ] {
        let found = world.vm().estimate(world.view(), &world.block, tx.clone()).unwrap_err();
        assert_eq!(found, NoEstimate::Invalid(error), "{case}");
        world.note(case, &found.to_string());
    }
    world.block.gas_limit = 1_000;
    let found = world.vm().estimate(world.view(), &world.block, tx.clone()).unwrap_err();
    let error = InvalidTx::IntrinsicGas { actual: Gas::new(1_000), required: Gas::new(prices::BASE) };
    assert_eq!(found, NoEstimate::Invalid(error));
}
