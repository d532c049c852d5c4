//! What a receipt keeps is paid for: each byte of output or revert data of a transaction's own frame, in every ABI and by
//! every way to end, to the last gas. What stays between frames or with this node costs what copying costs.

use crate::{
    kit::{A, B, BENEFICIARY, RETURN, REVERT, SENDER, World, binary, data, halt, main_of, module},
    prices,
};
use lockstep_vm::{Abi, Gas, HaltReason, Outcome, StateDiff, Tx};

/// A contract of ABI `packed`: `main` and the exports `l` and `i` have results of each kind.
fn packed(main: u64) -> Vec<u8> {
    binary(&format!(
        "(module (memory (export \"memory\") 1)
            (func (export \"main\") (param i64) (result i64) (i64.const {main}))
            (func (export \"l\") (result i64) (i64.const 7)) (func (export \"i\") (result i32) (i32.const 7)))"
    ))
}

/// A name, code, its ABI, the export, the outcome and the bytes of output.
type Case = (&'static str, Vec<u8>, Abi, Option<&'static str>, Outcome, usize);

fn cases() -> Vec<Case> {
    let ends = |function: &str, bytes: u32| main_of(&format!("(call ${function} (i32.const 0) (i32.const {bytes}))"));
    let failed = Outcome::Revert { errno: 5 };
    vec![
        ("finish", ends("finish", 1_000), Abi::Ewasm, None, RETURN, 1_000),
        ("finish with a byte", ends("finish", 1), Abi::Ewasm, None, RETURN, 1),
        ("finish with nothing", ends("finish", 0), Abi::Ewasm, None, RETURN, 0),
        ("revert", ends("revert", 1_000), Abi::Ewasm, None, REVERT, 1_000),
        ("a buffer", packed(1_000 << 24), Abi::Packed, None, RETURN, 1_000),
        ("a buffer with an error number", packed(1_000 << 24 | 5 << 48), Abi::Packed, None, failed, 1_000),
        ("an i64", packed(0), Abi::Packed, Some("l"), RETURN, 8),
        ("an i32", packed(0), Abi::Packed, Some("i"), RETURN, 4),
    ]
}

//= spec 1.3.1, 1.3.2, 3.22, 3.24 test
#[test]
fn every_byte_that_a_receipt_keeps_is_paid_for() {
    let mut world = World::new("outputs");
    for (case, code, abi, export, outcome, bytes) in cases() {
        world.put_abi(A, abi, &code);
        let tx = export.map_or_else(|| world.call(A, b""), |export| world.call_export(A, export, b""));
        let executed = world.run(case, &tx);
        assert_eq!((executed.receipt.outcome, executed.receipt.output.len()), (outcome, bytes), "{case}");
        let used = executed.receipt.gas_used;
        // A view's output stays with this node: what is between them is the price of the output.
        let mut call = world.view_call(A, b"");
        call.export = export.map(|export| export.as_bytes().to_vec());
        let viewed = world.vm().view(world.view(), &world.block, call).unwrap();
        assert_eq!((viewed.outcome, viewed.output.len()), (outcome, bytes), "{case}: a view");
        let payload = export.unwrap_or_default().as_bytes();
        let without = viewed.gas_used.get() + prices::intrinsic(payload);
        assert_eq!(used.get(), without + prices::output(bytes), "{case}");
        // To the last gas; a frame that cannot pay halts, and nothing stays.
        let exactly = Tx { gas_limit: used, ..tx.clone() };
        assert_eq!(world.execute(&exactly).receipt.outcome, outcome, "{case}: exactly enough");
        let short = Tx { gas_limit: used.less(Gas::new(1)), ..tx.clone() };
        let executed = world.execute(&short);
        assert_eq!(executed.receipt.outcome, halt(HaltReason::OutOfGas), "{case}: one less");
        assert!(executed.receipt.output.is_empty() && crate::kit::beside_fees(&executed.diff) == StateDiff::default());
        if outcome == RETURN {
            let estimate = world.vm().estimate(world.view(), &world.block, tx.clone()).unwrap();
            assert_eq!(estimate.gas_limit, used, "{case}: the estimate");
        }
    }
}

/// Output that only a caller sees is copied and not kept.
//= spec 3.24 test
#[test]
fn output_between_frames_is_not_paid_by_the_byte() {
    let mut world = World::new("outputs between frames");
    let used = |world: &mut World, case: &str, bytes: u32| {
        world.put(B, &main_of(&format!("(call $finish (i32.const 0) (i32.const {bytes}))")));
        let tx = world.call(A, b"");
        let executed = world.run(&format!("{case}, {bytes} bytes"), &tx);
        assert!(executed.receipt.output.is_empty());
        executed.receipt.gas_used.get()
    };
    world.put(
        A,
        &module(&format!(
            "{} (func (export \"main\") (drop (call $call (i64.const 1000000) (i32.const 0) (i32.const 32)
                (i32.const 0) (i32.const 0))))",
            data(0, B.as_slice())
        )),
    );
    let (one, many) = (used(&mut world, "call", 320), used(&mut world, "call", 3_200));
    assert_eq!(many, one + 3 * 90, "three gas a word");
}

/// The code that a creation leaves behind is paid for as code; the revert data of init code as output.
//= spec 3.23 test
#[test]
fn created_code_is_paid_once() {
    let mut world = World::new("outputs of creations");
    let ends = |function: &str| main_of(&format!("(call ${function} (i32.const 0) (i32.const 100))"));
    let tx = world.create(&ends("revert"));
    let reverted = world.run("revert data", &tx).receipt;
    assert_eq!((reverted.outcome, reverted.output.len()), (REVERT, 100));
    let tx = world.create(&ends("finish"));
    let created = world.run("code", &tx).receipt;
    assert_eq!((created.outcome, created.output.len()), (RETURN, 0));
    assert_eq!(created.gas_used.get() + prices::output(100), reverted.gas_used.get() + 100 * prices::DEPOSIT);
    // Who cannot pay for the revert data has reverted nothing: it halts, and no fee goes elsewhere.
    let tx = Tx { gas_limit: reverted.gas_used.less(Gas::new(1)), ..world.create(&ends("revert")) };
    let executed = world.execute(&tx);
    assert_eq!(executed.receipt.outcome, halt(HaltReason::OutOfGas));
    assert!(executed.diff.accounts.keys().all(|address| [SENDER, BENEFICIARY].contains(address)));
}
