//! How a frame starts: the memory that it counts as, an input that it does not take, and what a refusal leaves behind
//! (docs/spec.md, section 3).

use crate::{
    kit::{A, B, C, RETURN, World, beside_fees, binary, data, halt, main_of, module},
    prices,
};
use lockstep_reference::Reference;
use lockstep_vm::{
    Abi, Executed, Gas, HaltReason, Revision, StateDiff, Tx, TxKind, ValidTx, Vm,
    engine::{Engine, wasmi::Wasmi},
};

const PAGE: u64 = 65_536;

/// Execution where a transaction has `memory_bytes_max` of memory, on both engines.
fn with_memory(world: &World, memory_bytes_max: u64, tx: &Tx) -> Executed {
    fn on<E: Engine>(world: &World, revision: Revision, tx: &ValidTx) -> Executed {
        let vm = Vm::<E>::with_engine(revision, 0).unwrap();
        vm.execute_tx(world.view(), &world.block, tx.clone()).unwrap()
    }
    let mut revision = Revision::V1;
    revision.transaction.memory_bytes_max = memory_bytes_max;
    let valid = world.check(tx).unwrap();
    let executed = on::<Wasmi>(world, revision.clone(), &valid);
    assert_eq!(on::<Reference>(world, revision, &valid), executed);
    executed
}

/// What a frame with these holds beside its pages.
fn held(items: u64, table_elements: u64, bytes: u64) -> u64 {
    let limits = Revision::V1.transaction;
    u64::from(limits.frame_memory_bytes)
        + u64::from(limits.item_memory_bytes) * items
        + u64::from(limits.table_element_memory_bytes) * table_elements
        + bytes
}

/// With exactly the memory that a frame counts as it runs; with a byte less it halts, and all its gas is gone.
//= spec 3.10, 3.11, 3.12 test
#[test]
fn a_frame_counts_as_what_it_holds() {
    let mut world = World::new("memory that a frame holds");
    let long = "x".repeat(300);
    for (case, fields, export, input, counts) in [
        ("a function and its name", "", "f", 0, held(2, 0, 1 + 1)),
        ("a page", "(memory (export \"memory\") 1)", "f", 0, held(3, 0, 7 + 1) + PAGE),
        ("three pages", "(memory 3)", "f", 0, held(2, 0, 1 + 1) + 3 * PAGE),
        ("a table", "(table 10 20 funcref)", "f", 0, held(2, 10, 1 + 1)),
        ("a long name", &format!("(func (export \"{long}\"))"), "f", 0, held(4, 0, 301 + 1)),
        ("a long name that is called", &format!("(func (export \"{long}\"))"), &long, 0, held(4, 0, 301 + 300)),
        ("arguments", "(func (export \"g\") (param i32 i64))", "g", 16, held(4, 0, 2 + 1 + 16)),
        ("an input", "(func (export \"main\"))", "", 1_000, held(4, 0, 5 + 1_000)),
        ("globals", "(global i32 (i32.const 1)) (global (mut i64) (i64.const 2))", "f", 0, held(4, 0, 1 + 1)),
        ("segments", "(memory 1) (data \"abc\") (data (i32.const 0) \"d\")", "f", 0, held(4, 0, 1 + 1) + PAGE),
        ("elements", "(table 2 funcref) (elem (i32.const 0) func 0 0) (elem func 0)", "f", 0, held(7, 2, 1 + 1)),
        ("an import", "(import \"ethereum\" \"useGas\" (func (param i64)))", "f", 0, held(3, 0, 1 + 1)),
    ] {
        world.put_abi(A, Abi::Packed, &binary(&format!("(module {fields} (func (export \"f\")))")));
        let export = (!export.is_empty()).then(|| export.as_bytes().to_vec());
        let tx = Tx { kind: TxKind::Call { to: A, export }, ..world.call(A, &vec![0; input]) };
        let enough = with_memory(&world, counts, &tx).receipt;
        assert_eq!(enough.outcome, RETURN, "{case}");
        let short = with_memory(&world, counts - 1, &tx).receipt;
        assert_eq!(short.outcome, halt(HaltReason::TransactionMemoryExhausted), "{case}: a byte less");
        assert_eq!(short.gas_used, tx.gas_limit, "{case}");
        world.note(case, &format!("{counts} bytes, gas {}", enough.gas_used));
    }
}

/// A frame that waits counts with its pages, what it holds, and the return data of the call before.
//= spec 3.11, 3.13 test
#[test]
fn a_frame_that_waits_counts_with_its_return_data() {
    let mut world = World::new("memory of a frame that waits");
    let imports = "(import \"ethereum\" \"call\" (func $call (param i64 i32 i32 i32 i32) (result i32)))
        (import \"ethereum\" \"finish\" (func $finish (param i32 i32)))";
    let call = |at: u32| {
        format!("(call $call (i64.const 1000000) (i32.const {at}) (i32.const 64) (i32.const 0) (i32.const 0))")
    };
    let code = binary(&format!(
        "(module {imports} (memory (export \"memory\") 1) {} {} (func (export \"main\")
            (drop {}) (i32.store (i32.const 100) {}) (call $finish (i32.const 100) (i32.const 4))))",
        data(0, B.as_slice()),
        data(32, C.as_slice()),
        call(0),
        call(32)
    ));
    world.put_abi(A, Abi::Packed, &code);
    world.put_abi(C, Abi::Packed, &binary("(module (memory 3) (func (export \"main\")))"));
    let tx = world.call(A, b"");
    // 2 imports, 2 exports, a function, 2 segments; the names `memory` and `main`.
    let waits = held(7, 0, 6 + 4) + PAGE;
    let below = held(2, 0, 4) + 3 * PAGE;
    for returned in [0_u64, 1, 1_000, 40_000] {
        world.put(B, &main_of(&format!("(call $finish (i32.const 0) (i32.const {returned}))")));
        let counts = waits + returned + below;
        let enough = with_memory(&world, counts, &tx);
        assert_eq!((enough.receipt.output, enough.halts.len()), (vec![0; 4], 0), "{returned}");
        let short = with_memory(&world, counts - 1, &tx);
        assert_eq!(short.receipt.output, [1, 0, 0, 0], "{returned}: a byte less");
        let reasons: Vec<_> = short.halts.iter().map(|site| (site.contract, site.reason)).collect();
        assert_eq!(reasons, [(C, HaltReason::TransactionMemoryExhausted)], "{returned}");
        world.note(&format!("{returned} bytes"), &format!("{counts} bytes, gas {}", enough.receipt.gas_used));
    }
}

/// The host answers a call of a precompiled contract where its caller has left nothing of the transaction's memory.
//= spec 12.3 test
#[test]
fn an_answer_of_the_host_counts_for_nothing() {
    let mut world = World::new("memory of an answer");
    let [mut identity, mut nobody] = [lockstep_vm::Address::ZERO; 2];
    (identity.0[19], nobody.0[18]) = (4, 1);
    let call = |length: u32| {
        format!("(call $call (i64.const 90000) (i32.const 0) (i32.const 64) (i32.const 0) (i32.const {length}))")
    };
    for (case, callee, input) in [("identity", identity, 60_000), ("no account", nobody, 0)] {
        let code = binary(&format!(
            "(module (import \"ethereum\" \"call\" (func $call (param i64 i32 i32 i32 i32) (result i32)))
                (import \"ethereum\" \"finish\" (func $finish (param i32 i32)))
                (memory (export \"memory\") 1) {} (func (export \"main\")
                    (i32.store (i32.const 100) {}) (call $finish (i32.const 100) (i32.const 4))))",
            data(0, callee.as_slice()),
            call(input)
        ));
        world.put_abi(A, Abi::Packed, &code);
        let executed = with_memory(&world, held(6, 0, 6 + 4) + PAGE, &world.call(A, b""));
        assert_eq!((executed.receipt.output, executed.halts.len()), (vec![0; 4], 0), "{case}");
        world.note(case, &format!("gas {}", executed.receipt.gas_used));
    }
}

/// A transaction can carry more than a contract's frame takes. The frame is refused before anything else is looked at.
//= spec 3.9, 3.25 test
#[test]
fn an_input_that_is_too_long_for_the_callee() {
    let mut world = World::new("an input too long for the callee");
    let limit = Revision::V1.limits(Abi::Packed).input_bytes_max as usize;
    world.put_abi(A, Abi::Packed, &binary("(module (func (export \"main\")) (func (export \"f\") (param i32)))"));
    let exceeded = halt(HaltReason::LimitExceeded);
    let mismatch = halt(HaltReason::SignatureMismatch);
    for (case, export, bytes, outcome) in [
        ("the longest", None, limit, RETURN),
        ("a byte more", None, limit + 1, exceeded),
        ("the longest arguments", Some("f"), limit, mismatch),
        ("a byte more of arguments", Some("f"), limit + 1, exceeded),
        ("before the name", Some("g"), limit + 1, exceeded),
    ] {
        let kind = TxKind::Call { to: A, export: export.map(Into::into) };
        let tx = Tx { kind, gas_limit: Gas::new(30_000_000), ..world.call(A, &vec![0; bytes]) };
        let executed = world.run(case, &tx);
        assert_eq!(executed.receipt.outcome, outcome, "{case}");
        assert_eq!(executed.receipt.gas_used == tx.gas_limit, outcome != RETURN, "{case}");
        assert_eq!(beside_fees(&executed.diff), StateDiff::default(), "{case}");
    }
}

/// A refused frame returns all but the code price, and the code has been used: the next call pays the base alone.
//= spec 3.25, 3.27 test
#[test]
fn a_refused_frame_has_used_its_code() {
    let mut world = World::new("a refusal uses the code");
    let code = binary(&format!(
        "(module {} (func (export \"f\")))",
        "(func nop nop nop nop nop nop nop nop nop nop)".repeat(20)
    ));
    world.put_abi(B, Abi::Packed, &code);
    let call = "(drop (call $call (i64.const 900000) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)))";
    let mut gas = |times: usize| {
        let caller = module(&format!("{} (func (export \"main\") {})", data(0, B.as_slice()), call.repeat(times)));
        world.put(A, &caller);
        let tx = world.call(A, b"");
        let executed = world.run(&format!("{times} calls"), &tx);
        assert_eq!((executed.receipt.outcome, executed.halts.len()), (RETURN, 0), "{times}");
        executed.receipt.gas_used.get() - prices::first_use(&caller)
    };
    let (one, two, three) = (gas(1), gas(2), gas(3));
    let prices = Revision::V1.schedule.frame;
    assert_eq!(three - two, two - one);
    // A call: its 5 constants and itself, the drop being free; the price of the host function; the base of the code.
    let call = 5 + 8 + prices::host(lockstep_gas::HostFunction::Call, 0);
    assert_eq!(two - one, call + prices.base);
}
