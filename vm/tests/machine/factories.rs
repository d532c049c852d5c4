//! Creations by contracts: status, address, return data, nonce, value and gas, as the creator sees them.

use crate::{
    kit::{A, B, C, RETURN, SENDER, World, beside_fees, data, escaped, halt, main_of, module, word},
    prices,
};
use lockstep_gas::HostFunction::{Create, Finish, GetGasLeft, GetReturnDataSize, ReturnDataCopy};
use lockstep_vm::{Account, Address, Executed, Gas, HaltReason, Tx, U256};

/// Where init code is in the creator's memory.
const INIT: usize = 4_096;

/// A creator: first calls `B`, which leaves 3 bytes of return data; then creates with `value`; finishes with the status
/// at 0, the gas that the creation took at 8, the address at 16 and the return data at 36.
fn creator(init_code: &[u8], value: u8) -> Vec<u8> {
    module(&format!(
        "{} {} (data (i32.const {INIT}) \"{}\")
         (func (export \"main\") (local $before i64)
            (drop (call $call (i64.const 100000) (i32.const 900) (i32.const 932) (i32.const 0) (i32.const 0)))
            (local.set $before (call $getGasLeft))
            (i32.store (i32.const 0) (call $create (i32.const 920) (i32.const {INIT}) (i32.const {}) (i32.const 16)))
            (i64.store (i32.const 8) (i64.sub (local.get $before) (call $getGasLeft)))
            (call $returnDataCopy (i32.const 36) (i32.const 0) (call $getReturnDataSize))
            (call $finish (i32.const 0) (i32.add (i32.const 36) (call $getReturnDataSize))))",
        data(900, B.as_slice()),
        data(920, &[value]),
        escaped(init_code),
        init_code.len()
    ))
}

struct Seen {
    status: u32,
    gas: u64,
    address: Address,
    return_data: Vec<u8>,
}

fn seen(executed: &Executed) -> Seen {
    assert_eq!(executed.receipt.outcome, RETURN, "{:?}", executed.halts);
    let output = &executed.receipt.output;
    Seen {
        status: u32::from_le_bytes(output[..4].try_into().unwrap()),
        gas: u64::from_le_bytes(output[8..16].try_into().unwrap()),
        address: Address::from_slice(&output[16..36]),
        return_data: output[36..].to_vec(),
    }
}

fn world_with_creator(section: &'static str) -> World {
    let mut world = World::new(section);
    world.put(
        B,
        &module(&format!("{} (func (export \"main\") (call $finish (i32.const 0) (i32.const 3)))", data(0, b"old"))),
    );
    world.fund(A, U256::from(50));
    world
}

//= spec 3.2, 4.10 test
#[test]
fn what_a_creator_sees() {
    let mut world = world_with_creator("creations by contracts");
    let leaves =
        module(&format!("{} (func (export \"main\") (call $finish (i32.const 0) (i32.const 3)))", data(0, b"new")));
    let reverts =
        module(&format!("{} (func (export \"main\") (call $revert (i32.const 0) (i32.const 3)))", data(0, b"why")));
    let bad =
        module(&format!("{} (func (export \"main\") (call $finish (i32.const 0) (i32.const 4)))", data(0, b"\0asm")));
    // All but a 64th of what is left goes to the creation; where it halts all of that is gone.
    for (case, init_code, value, status, return_data, halts) in [
        ("leaves code", leaves.as_slice(), 5, 0, &b""[..], None),
        ("leaves nothing", &main_of(""), 5, 0, b"", None),
        ("reverts", &reverts, 5, 2, b"why", None),
        ("traps", &main_of("(unreachable)"), 5, 1, b"", Some(HaltReason::Unreachable)),
        ("leaves no module", &bad, 5, 1, b"", Some(HaltReason::InvalidCreatedCode)),
        ("is no module", b"xyz", 5, 1, b"", Some(HaltReason::InvalidCode)),
        ("is empty", b"", 5, 0, b"", None),
        ("is too poor", &leaves, 51, 1, b"old", None),
        ("has exactly enough", &leaves, 50, 0, b"", None),
    ] {
        world.put(A, &creator(init_code, value));
        let tx = world.call(A, b"");
        let executed = world.run(case, &tx);
        let found = seen(&executed);
        assert_eq!((found.status, found.return_data.as_slice()), (status, return_data), "{case}");
        let address = if status == 0 { A.create(1) } else { Address::ZERO };
        assert_eq!(found.address, address, "{case}");
        assert_eq!(executed.halts.first().map(|site| site.reason), halts, "{case}");
        let diff = beside_fees(&executed.diff);
        // Too poor: no frame began, the nonce is not used.
        assert_eq!(
            diff.accounts.get(&A).cloned().flatten().map_or(1, |account| account.nonce),
            if value == 51 { 1 } else { 2 }
        );
        assert_eq!(
            diff.accounts.get(&address).cloned().flatten().map(|account| (account.nonce, account.balance)),
            (status == 0).then(|| (1, U256::from(value))),
            "{case}"
        );
        if value == 51 {
            assert_eq!(found.gas, prices::host(Create, init_code.len() as u64) + prices::host(GetGasLeft, 0));
        }
    }
}

/// A halt takes all but a 64th, to the last gas.
//= spec 3.34 test
#[test]
fn a_creation_gets_all_but_a_64th() {
    let mut world = world_with_creator("gas of a creation");
    for gas_limit in [2_000_000, 5_000_000, 9_999_999] {
        world.put(A, &creator(&main_of("(unreachable)"), 0));
        let tx = Tx { gas_limit: Gas::new(gas_limit), ..world.call(A, b"") };
        let executed = world.run(&format!("limit {gas_limit}"), &tx);
        let (found, used) = (seen(&executed), executed.receipt.gas_used.get());
        let reads = prices::host(GetGasLeft, 0);
        let afterwards = 2 * prices::host(GetReturnDataSize, 0)
            + prices::host(ReturnDataCopy, 0)
            + prices::host(Finish, 36)
            + prices::output(36);
        let left_after_creation = gas_limit - used + reads + afterwards;
        let creation = prices::host(Create, main_of("(unreachable)").len() as u64);
        let before_passing_on = left_after_creation + found.gas - reads - creation;
        assert_eq!(left_after_creation, before_passing_on / 64);
    }
}

/// Init code that creates: the inner contract's creator is the outer contract, whose nonce starts at 1.
#[test]
fn nested_creation() {
    let mut world = world_with_creator("nested creation");
    let innermost = main_of("(call $getCaller (i32.const 0)) (call $finish (i32.const 0) (i32.const 20))");
    let nest = |inner: &[u8]| {
        module(&format!(
            "(data (i32.const {INIT}) \"{}\") (func (export \"main\")
                (if (call $create (i32.const 0) (i32.const {INIT}) (i32.const {}) (i32.const 16)) (then (unreachable)))
                (call $finish (i32.const 16) (i32.const 20)))",
            escaped(inner),
            inner.len()
        ))
    };
    let tx = world.create(&nest(&nest(&innermost)));
    let executed = world.run("three levels", &tx);
    let outer = SENDER.create(0);
    let (middle, inner) = (outer.create(1), outer.create(1).create(1));
    assert_eq!(executed.receipt.created, Some(outer));
    let code = |address| {
        let account = executed.diff.accounts[&address].clone().unwrap();
        (account.nonce, executed.diff.code[&account.code.unwrap().hash].clone())
    };
    assert_eq!(code(outer), (2, middle.to_vec()));
    assert_eq!(code(middle), (2, inner.to_vec()));
    assert_eq!(code(inner), (1, middle.to_vec()), "its caller");
}

/// Two creations by one contract, one of them on an address that is taken: the nonce goes on.
#[test]
fn a_collision_uses_the_nonce_and_the_gas() {
    let mut world = world_with_creator("collision in a contract");
    world.state.accounts.insert(A.create(1), Account { nonce: 1, ..Account::default() });
    let init_code = main_of("");
    let create =
        format!("(call $create (i32.const 900) (i32.const {INIT}) (i32.const {}) (i32.const 16))", init_code.len());
    world.put(
        A,
        &module(&format!(
            "(data (i32.const {INIT}) \"{}\") (func (export \"main\")
            (i32.store8 (i32.const 0) {create}) (i32.store8 (i32.const 1) {create})
            (call $finish (i32.const 0) (i32.const 2)))",
            escaped(&init_code)
        )),
    );
    // The first takes all but a 64th: there must be enough left for the second.
    let tx = Tx { gas_limit: Gas::new(100_000_000), ..world.call(A, b"") };
    let executed = world.run("the first collides", &tx);
    assert_eq!(executed.receipt.output, [1, 0]);
    assert_eq!(executed.halts[0].reason, HaltReason::AddressCollision);
    assert_eq!(executed.diff.accounts[&A].as_ref().unwrap().nonce, 3);
    assert!(executed.diff.accounts.contains_key(&A.create(2)));
}

/// A creator at the end of its nonces cannot create; nothing wraps.
//= spec 7.8 test
#[test]
fn a_nonce_at_its_end() {
    let mut world = world_with_creator("nonce at its end");
    world.put(A, &creator(&main_of(""), 0));
    world.state.accounts.get_mut(&A).unwrap().nonce = u64::MAX;
    let tx = world.call(A, b"");
    let executed = world.run("u64::MAX", &tx);
    assert_eq!(seen(&executed).status, 1);
    assert!(!executed.diff.accounts.contains_key(&A));
    world.state.accounts.get_mut(&A).unwrap().nonce = u64::MAX - 1;
    let executed = world.run("u64::MAX - 1", &tx);
    assert_eq!((seen(&executed).status, seen(&executed).address), (0, A.create(u64::MAX - 1)));
    assert_eq!(executed.diff.accounts[&A].as_ref().unwrap().nonce, u64::MAX);
}

#[test]
fn creation_in_a_static_frame_halts_it() {
    let mut world = world_with_creator("static creation");
    world.put(C, &creator(&main_of(""), 0));
    world.put(
        A,
        &module(&format!(
            "{} (func (export \"main\")
            (i32.store8 (i32.const 0) (call $callStatic (i64.const 1000000) (i32.const 900) (i32.const 0)
                (i32.const 0)))
            (call $finish (i32.const 0) (i32.const 1)))",
            data(900, C.as_slice())
        )),
    );
    let tx = world.call(A, b"");
    let executed = world.run("static", &tx);
    assert_eq!(
        (executed.receipt.output.as_slice(), executed.halts[0].reason),
        (&[1][..], HaltReason::StaticModeViolation)
    );
}

/// The address is written after the creation: where it does not fit the creator halts and nothing of it stays.
#[test]
fn a_place_for_the_address_that_does_not_exist() {
    let mut world = world_with_creator("place of the address");
    for (place, outcome) in [
        (65_516_u32, RETURN),
        (65_517, halt(HaltReason::HostAccessOutOfBounds)),
        (u32::MAX, halt(HaltReason::HostAccessOutOfBounds)),
    ] {
        let init_code = main_of("");
        world.put(
            A,
            &module(&format!(
                "{} (data (i32.const {INIT}) \"{}\") (func (export \"main\")
                (call $storageStore (i32.const 32) (i32.const 32))
                (drop (call $create (i32.const 900) (i32.const {INIT}) (i32.const {}) (i32.const {place}))))",
                data(32, &word(1)),
                escaped(&init_code),
                init_code.len()
            )),
        );
        let tx = world.call(A, b"");
        let executed = world.run(&format!("at {place}"), &tx);
        assert_eq!(executed.receipt.outcome, outcome);
        assert_eq!(executed.diff.accounts.contains_key(&A.create(1)), outcome == RETURN);
    }
}
