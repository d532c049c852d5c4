//! Value stacks are paid for: a transaction that fills as many as it can holds at most so many bytes a gas.
//!
//! One test only: the limit is the whole process's.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests panic to fail"
)]

use cap::Cap;
use lockstep_vm::{
    Abi, Address, BlockEnv, CodeId, Gas, MemoryState, Outcome, Revision, StateView, ViewCall, Vm, engine::wasmi::Wasmi,
};
use std::{alloc::System, sync::Arc};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const CONTRACT: Address = Address::repeat_byte(0xc0);

/// Bytes of value stacks that a gas buys, at most: 28 in frames of as many slots as a call contains, and what an engine
/// has to spare that doubles its stack.
const BYTES_PER_GAS: u64 = 64;

/// What a machine takes beside value stacks.
const ROOM: u64 = 4 * 1_024 * 1_024;

/// A contract whose `main` calls functions to the limit of the depth, the last of which calls the contract again.
fn nested(functions: &str) -> Vec<u8> {
    wat::parse_str(format!(
        "(module
            (import \"ethereum\" \"call\" (func $call (param i64 i32 i32 i32 i32) (result i32)))
            (import \"ethereum\" \"getAddress\" (func $getAddress (param i32)))
            (memory (export \"memory\") 1)
            (func $again
                (call $getAddress (i32.const 0))
                (drop (call $call (i64.const 0x3fffffffffffffff) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0))))
            {functions})"
    ))
    .unwrap()
}

/// One function with `locals` locals that calls itself.
fn recursion(locals: usize) -> Vec<u8> {
    nested(&format!(
        "(func $f (param i32) (local {})
            (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))) (else (call $again))))
         (func (export \"main\") (call $f (i32.const 1015)))",
        "i64 ".repeat(locals)
    ))
}

/// A thousand functions with `locals` locals, each of which does nothing but call the next.
fn chain(locals: usize) -> Vec<u8> {
    let locals = "i64 ".repeat(locals);
    let functions: String =
        (0..1_000).map(|number| format!("(func $f{number} (local {locals}) (call $f{}))", number + 1)).collect();
    nested(&format!("{functions} (func $f1000 (local {locals}) (call $again)) (func (export \"main\") (call $f0))"))
}

#[test]
fn a_gas_buys_few_bytes_of_value_stack() {
    let vm = Vm::<Wasmi>::with_engine(Revision::V1, 64 * 1_024 * 1_024).unwrap();
    for (name, code) in [
        ("recursion through 1,000 locals", recursion(1_000)),
        ("recursion through 200 locals", recursion(200)),
        ("recursion through what a call contains", recursion(27)),
        ("a chain of what a call contains", chain(32)),
        ("a chain through 49 locals", chain(49)),
    ] {
        let id = CodeId::of(&code, Abi::Ewasm);
        vm.check_code(id, &code.clone().into()).unwrap();
        let mut state = MemoryState::default();
        state.put_code(CONTRACT, id, &code);
        let state: StateView = Arc::new(state);
        for gas in [500_000, 2_000_000, 3_000_000, 10_000_000] {
            let call = ViewCall {
                caller: Address::ZERO,
                to: CONTRACT,
                export: None,
                input: Vec::new(),
                gas_limit: Gas::new(gas),
            };
            let room = BYTES_PER_GAS * gas + ROOM;
            ALLOCATOR.set_limit(ALLOCATOR.allocated() + usize::try_from(room).unwrap()).unwrap();
            let viewed = vm.view(state.clone(), &BlockEnv::default(), call);
            ALLOCATOR.set_limit(usize::MAX).unwrap();
            let viewed = viewed.unwrap_or_else(|fault| panic!("{name}, {gas} gas: more than {room} bytes: {fault}"));
            assert!(matches!(viewed.outcome, Outcome::Return | Outcome::Halt { .. }), "{name}");
            assert!(!viewed.halts.is_empty(), "{name}: it goes on until something ends it");
        }
    }
}
