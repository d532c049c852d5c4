//! Profiles: every unit of gas is in a stack.

use crate::{
    golden,
    kit::{A, B, C, World, caller, data, module},
};
use lockstep_diagnosis::Sums;
use lockstep_vm::{Abi, Gas, Revision, Tx, U256};

/// Stacks of a transaction in which a callee halts, one reverts and one returns.
#[test]
fn stacks_across_contracts() {
    let halts = "(func $work (loop (br 0))) (func (export \"main\") (call $work))";
    let writes = format!(
        "{} (func $write (call $storageStore (i32.const 0) (i32.const 0)))
         (func (export \"main\") (call $write) (call $write))",
        data(0, &[1])
    );
    let both = format!(
        "drop {} (drop (call $call (i64.const 200000) (i32.const 64) (i32.const 32) (i32.const 0) (i32.const 0)))",
        "(drop (call $call (i64.const 1) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)))"
    );
    let a = caller(B, 150_000, &both).replace("(func $ask", &format!("{} (func $ask", data(64, C.as_slice())));
    let world = World::new().with(A, &a).with(B, &module(halts)).with(C, &module(&writes));
    let looked = world.look(&world.call(A, &[]));
    let gas_used = looked.executed.receipt.gas_used.get();
    assert_eq!(looked.sums, Sums { stacks: gas_used, refund: 0, made: 0 });
    golden::check("profile.folded", &format!("{}\n", looked.folded.join("\n")));
}

/// A transaction under the rules of Byzantium, which refund and give stipends.
fn byzantium(world: World, value: u64) -> (Sums, u64) {
    let world = World { revision: Revision::EWASM_BYZANTIUM, ..world };
    let tx = Tx { value: U256::from(value), ..world.call(A, &[]) };
    let looked = world.look(&tx);
    (looked.sums, looked.executed.receipt.gas_used.get())
}

#[test]
fn a_refund_is_no_stack() {
    let clears = "(func (export \"main\") (call $storageStore (i32.const 0) (i32.const 0)))";
    let mut world = World::new().with(A, &module(clears));
    world.state.put_storage(A, vec![0; 32], [&[1][..], &[0; 31]].concat());
    // 21,000 and 5,000 for the store; 15,000 back, but at most half.
    assert_eq!(byzantium(world, 0), (Sums { stacks: 26_000, refund: 13_000, made: 0 }, 13_000));
}

/// What a frame cleared is not refunded if it does not return, be it the transaction's own or one below.
#[test]
fn a_refund_of_a_frame_that_reverts_is_none() {
    let clears = "(func (export \"main\") (call $storageStore (i32.const 0) (i32.const 0))
        (call $revert (i32.const 0) (i32.const 0)))";
    for (caller, contract, gas_used) in [
        (module(clears), A, 26_000),
        // 700 for the call.
        (caller(B, 100_000, "drop"), B, 26_700),
    ] {
        let mut world = World::new().with(B, &module(clears)).with(A, &caller);
        world.state.put_storage(contract, vec![0; 32], [&[1][..], &[0; 31]].concat());
        assert_eq!(byzantium(world, 0), (Sums { stacks: gas_used, refund: 0, made: 0 }, gas_used));
    }
}

#[test]
fn a_stipend_that_nobody_pays_for_is_told() {
    let a = format!(
        "(module (import \"ethereum\" \"callDelegate\" (func $d (param i64 i32 i32 i32) (result i32)))
           (memory (export \"memory\") 1) {}
           (func (export \"main\") (drop (call $d (i64.const 5000) (i32.const 0) (i32.const 0) (i32.const 0)))))",
        data(0, B.as_slice())
    );
    let world = World::new().with(A, &a).with(B, &module("(func (export \"main\") unreachable)"));
    // 21,000, 700 for the call, 5,000 and the stipend of 2,300 lost by the callee. The stipend is more than the price.
    assert_eq!(byzantium(world, 1), (Sums { stacks: 28_300, refund: 0, made: 1_600 }, 26_700));
}

/// At each gas limit of a range that ends within frames, at their start and in their charges.
#[test]
fn the_sum_is_exact_wherever_gas_runs_out() {
    let factory = include_bytes!("../../../contracts/factory/factory.wasm");
    let world = World::new().with_code(A, Abi::Ewasm, factory);
    let deployed = format!("{} (func (export \"main\") (call $finish (i32.const 0) (i32.const 40)))", data(0, b"code"));
    let init_code = wat::parse_str(module(&deployed)).unwrap();
    let whole = world.look(&world.call(A, &init_code));
    let enough = whole.executed.receipt.gas_used.get();
    let (mut halted, mut deposits) = (0, 0);
    for gas_limit in (300_000..enough + 20_000).step_by(1_501) {
        let tx = Tx { gas_limit: Gas::new(gas_limit), ..world.call(A, &init_code) };
        let Ok(looked) = std::panic::catch_unwind(|| world.look(&tx)) else { panic!("gas limit {gas_limit}") };
        assert!(looked.executed.receipt.gas_used.get() <= gas_limit);
        halted += u32::from(looked.folded.iter().any(|line| line.contains("lost in the halt")));
        deposits += u32::from(looked.folded.iter().any(|line| line.contains("code deposit")));
    }
    assert!(halted > 100 && deposits > 5, "{halted} {deposits}");
}
