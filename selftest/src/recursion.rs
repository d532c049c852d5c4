//! Wasm calls and contract calls at the limit of their depth and one beyond, on functions that need little and much of an
//! engine's stack.

use crate::chain::Chain;
use lockstep_gas::Revision;
use lockstep_vm::{Fault, engine::Engine};

/// A call of `$f` with one less, unless the parameter is 0.
const DOWN: &str = "(if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))";

/// Functions `$f` that call themselves as often as their parameter says.
fn functions() -> Vec<(&'static str, String)> {
    let push = |count: usize| "(i32.load (local.get 0)) ".repeat(count);
    let drop = |count: usize| "(drop) ".repeat(count);
    let deep = format!("{} {DOWN} {}", push(1_022), drop(1_022));
    let locals = "i64 ".repeat(1_023);
    vec![
        ("a small function", format!("(func $f (param i32) {DOWN})")),
        ("1,024 locals", format!("(func $f (param i32) (local {locals}) {DOWN})")),
        ("1,024 operands", format!("(func $f (param i32) {deep})")),
        ("1,024 locals and operands", format!("(func $f (param i32) (local {locals}) {deep})")),
        (
            "two functions in turn, through a table",
            "(type $t (func (param i32))) (table 2 2 funcref) (elem (i32.const 0) func $f $g)
             (func $f (type $t) (if (local.get 0) (then
                (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.and (local.get 0) (i32.const 1))))))
             (func $g (type $t) (local f64 i64) (if (local.get 0) (then
                (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1))
                    (i32.and (local.get 0) (i32.const 1))))))"
                .into(),
        ),
        (
            "a host function at the bottom",
            "(func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))
                (else (i64.store (i32.const 8) (call $getGasLeft)) (call $finish (i32.const 0) (i32.const 16)))))"
                .into(),
        ),
        (
            "tail calls, which have no depth",
            "(func $f (param i32) (if (local.get 0) (then (return_call $f (i32.sub (local.get 0) (i32.const 1))))))"
                .into(),
        ),
    ]
}

pub(crate) fn run<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    let limit = Revision::V1.limits.contract.call_depth_max;
    for (name, function) in functions() {
        let contract = chain.put_module(&format!(
            "{function} (func (export \"main\")
                (call $callDataCopy (i32.const 0) (i32.const 0) (i32.const 4))
                (call $f (i32.load (i32.const 0))))"
        ))?;
        for depth in [limit.saturating_sub(1), limit, limit.saturating_add(1), 50_000] {
            // `main` and `$f` of 0 are two calls in progress.
            chain.call(contract, &depth.saturating_sub(2).to_le_bytes())?;
            chain.end(format!("{name}, depth {depth}"));
        }
    }
    contract_calls(chain)
}

/// Contracts that call themselves until a call fails, and finish with how many there were.
fn contract_calls<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    let gas = "(i64.const 0x7fffffffffffffff)";
    let callee = "(i32.const 0)";
    for (name, call) in [
        ("call", format!("(call $call {gas} {callee} (i32.const 32) (i32.const 0) (i32.const 0))")),
        ("callCode", format!("(call $callCode {gas} {callee} (i32.const 32) (i32.const 0) (i32.const 0))")),
        ("callDelegate", format!("(call $callDelegate {gas} {callee} (i32.const 0) (i32.const 0))")),
        ("callStatic", format!("(call $callStatic {gas} {callee} (i32.const 0) (i32.const 0))")),
    ] {
        let contract = chain.put_module(&format!(
            "(func (export \"main\")
                (call $getAddress (i32.const 0))
                (if {call}
                    (then (i32.store (i32.const 64) (i32.const 0)))
                    (else
                        (call $returnDataCopy (i32.const 64) (i32.const 0) (call $getReturnDataSize))
                        (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))))
                (i64.store offset=8 (i32.const 64) (call $getGasLeft))
                (call $finish (i32.const 64) (i32.const 16)))"
        ))?;
        chain.call(contract, &[])?;
        chain.end(format!("{name} of itself until it fails"));
    }
    Ok(())
}
