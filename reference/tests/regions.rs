//! The gas rule on both engines, with a price of its own for every operator: which region each belongs to.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use lockstep_gas::Operator;
use lockstep_reference::Reference;
use lockstep_vm::{
    Abi, Address, BlockEnv, CodeId, Gas, MemoryState, Outcome, Revision, Tx, TxKind, U256, ValidTx, Vm,
    engine::{Engine, wasmi::Wasmi},
};
use std::sync::Arc;

const SENDER: Address = Address::repeat_byte(0x5e);
const CONTRACT: Address = Address::repeat_byte(0xc0);

/// `V1` with the prices of `SPEC`, which are all different. `table.grow` stays forbidden.
fn distinct() -> Revision {
    let mut revision = Revision::V1;
    revision.schedule.instructions = Revision::SPEC.schedule.instructions;
    revision.schedule.set_operator(Operator::TableGrow, None);
    revision
}

/// Outcome and gas of the export `f` called with `argument`.
fn gas<E: Engine>(wat: &str, argument: i32) -> (Outcome, Gas) {
    let code = wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}\n{wat}"));
    let vm: Vm<E> = Vm::with_engine(distinct(), 0).unwrap();
    let id = CodeId::of(&code, Abi::Packed);
    vm.check_code(id, &code.clone().into()).unwrap_or_else(|error| panic!("{error}\n{wat}"));
    let mut state = MemoryState::default();
    state.put_code(CONTRACT, id, &code);
    let tx = Tx {
        sender: SENDER,
        nonce: 0,
        gas_limit: Gas::new(10_000_000),
        gas_price: U256::ZERO,
        value: U256::ZERO,
        kind: TxKind::Call { to: CONTRACT, export: Some("f".into()) },
        input: argument.to_le_bytes().to_vec(),
    };
    let tx = ValidTx::check(tx, None, Gas::MAX, vm.revision()).unwrap();
    let executed = vm.execute_tx(Arc::new(state), &BlockEnv::default(), tx).unwrap();
    (executed.receipt.outcome, executed.receipt.gas_used)
}

#[test]
fn both_engines_charge_by_the_rule() {
    for body in [
        "nop",
        "(if (local.get 0) (then nop) (else (drop (i32.const 1))))",
        "(if (local.get 0) (then nop))",
        "(drop (i32.const 5) (if (param i32) (result i32) (local.get 0) (then (i32.const 1) (i32.add))))",
        "(drop (i32.const 5) (i64.const 1) (if (param i32 i64) (result i32 i64) (local.get 0) (then)) (drop))",
        "(drop (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2) nop)))",
        "(block (br_if 0 (local.get 0)) nop nop)",
        "(block (loop (br_if 1 (local.get 0)) (local.set 0 (i32.const 1)) (br 0)))",
        "(loop (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (i32.gt_s (local.get 0) (i32.const -3))))",
        "(block (block (br_table 0 1 (local.get 0))) nop (loop nop))",
        "(if (i32.const 1) (then nop) (else nop nop nop))",
        "(if (i32.const 0) (then nop nop) (else (loop nop)))",
        "(return) (loop (if (local.get 0) (then nop) (else nop nop)))",
        "(block (br 0) (drop (i32.add (i32.const 1) (i32.const 2))) (if (local.get 0) (then nop)))",
        "(block (drop (i32.div_u (local.get 0) (i32.const 0))) (loop nop))",
        "(drop (select (i32.const 1) (local.get 0) (i32.eqz (local.get 0))))",
        "(i64.store offset=70000 (local.get 0) (i64.extend_i32_u (local.get 0)))",
        "(i32.store offset=65536 (local.get 0) (local.get 0))",
        "(i32.store (i32.const 65533) (i32.const 1)) (loop nop)",
        "(memory.fill (local.get 0) (i32.const 7) (i32.const 40))",
        "(memory.copy (local.get 0) (i32.const 9) (i32.const 100)) (drop (memory.grow (local.get 0)))",
        "(drop (memory.grow (local.get 0))) (return) (drop (memory.grow (i32.const 0))) (loop (drop (memory.grow (i32.const 0))))",
        "(drop (memory.grow (memory.grow (memory.grow (local.get 0)))))",
        "(drop (if (result i32) (memory.grow (i32.const 0)) (then (memory.grow (local.get 0))) (else (i32.const 1))))",
        "(drop (if (result i32) (i32.const 1) (then (i32.const 1)) (else (memory.grow (local.get 0)))))",
        "(drop (i32.const 1) (local.get 0) (block (param i32 i32) (result i32 i32) (br 0)) (drop))",
        "(i32.const 1) (local.get 0) (i64.const 2) (loop (param i32 i32 i64) (drop) (drop) (local.set 0))",
        "(local.get 0) (i32.const 7) (loop (param i32 i32) (result i32) (local.set 0) (i32.const 7)
            (br_if 0 (i32.eqz (i32.const 1))) (drop)) (drop)",
        "(i32.const 1) (i32.const 2) (if (param i32 i32) (result i32 i32 i32) (local.get 0) (then (i32.const 3))
            (else (i32.const 4))) (drop) (drop) (drop)",
        "(i32.const 1) (i64.const 2) (i32.const 3) (if (param i32 i64 i32) (result i32 i64 i32) (local.get 0) (then)) (drop) (drop)
            (drop)",
        "(i32.const 1) (i64.const 2) (if (param i32 i64) (result i32 i64) (local.get 0) (then (br 0))) (drop) (drop)",
        "(block (result i32 i32 i32) (i32.const 1) (i32.const 2) (i32.const 3) (br_table 0 0 (local.get 0))) (drop) (drop) (drop)",
        "(block (result i32 i32) (block (result i32 i32) (i32.const 1) (i32.const 2) (br_table 0 1 (local.get 0)))) (drop) (drop)",
        "(return) (i32.const 1) (i32.const 2) (block (param i32 i32) (result i32 i32)) (br 0)",
        "(return) (i32.const 1) (i32.const 2) (loop (param i32 i32) (result i32 i32)) (br 0)",
        "(return) (i32.const 1) (i32.const 2) (if (param i32 i32) (result i32 i32) (i32.const 0) (then)) (br 0)",
        "(br_if 0 (local.get 0)) (call $many (call $many (call $many (i32.const 1) (i64.const 2) (i32.const 3)))) (drop) (drop) (drop)",
        "(call $lots (local.get 0))",
        "(call $returns (local.get 0)) (drop) (drop)",
        "(call $g (local.get 0))",
        "(return_call $g (local.get 0))",
        "(call_indirect (param i32) (i32.const 3) (local.get 0))",
    ] {
        let wat = format!(
            "(module (memory (export \"memory\") 2) (table 2 2 funcref) (elem (i32.const 0) $g $g)
               (func $many (param i32 i64 i32) (result i32 i64 i32) (local.get 0) (local.get 1) (local.get 2))
               (func $returns (param i32) (result i32 i64) (local i64 i64 i64)
                   (if (local.get 0) (then (return (i32.const 1) (i64.const 2)))) (i32.const 3) (local.get 1))
               (func $lots (param i32) (local i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64 i32 i64)
                   (return) (i32.const 1) (i32.const 2) (i32.const 3) (unreachable) (drop) (drop) (drop) (drop))
               (func $g (param i32) (if (local.get 0) (then (return))) nop)
               (func (export \"f\") (param i32) {body}))"
        );
        for argument in [0, 1, 2, -1] {
            let engine = gas::<Wasmi>(&wat, argument);
            assert_eq!(gas::<Reference>(&wat, argument), engine, "{body}, called with {argument}");
        }
    }
}
