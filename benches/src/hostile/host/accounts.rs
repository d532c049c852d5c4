//! Accounts, storage, code, block hashes and logs: known, unknown and new, on a state that no processor's cache holds.

use super::{Shape, ballast, called_as};
use crate::{
    hostile::{
        Recipe,
        blocks::{calls, importing},
        program::{Ends, Program, Subject},
        shape::{ZEROS, callee},
        stored,
    },
    programs::module,
    scene::address,
};
use core::fmt::Write as _;
use lockstep_gas::HostFunction;
use lockstep_vm::{Abi, HaltReason, TxKind};

/// Accounts and keys of the state.
const STATE: u32 = stored::STATE;

/// Contracts whose code is read, and bytes of each: all that a transaction of ten million gas can name.
const LARGE: u64 = 100;
const LARGE_BYTES: usize = 1_000_000;

/// Makes the key or address at 0 another one of the state's, in an order that no processor foresees.
const NEXT: &str = "(i32.store (i32.const 0) (local.tee $i (i32.rem_u
  (i32.add (i32.mul (local.get $i) (i32.const 1664525)) (i32.const 1013904223)) (i32.const 50000))))";

/// Makes it one that the state does not have.
const ABSENT: &str = "(i32.store (i32.const 0) (local.tee $i (i32.add (local.get $i) (i32.const 1))))";

/// The function with a key or an address at 0: the same each time, another one of the state, one that is not there.
fn looked_up(name: &str, ty: &str, operands: &str) -> Vec<Shape> {
    let again = called_as("the same again", name, ty, operands);
    let with = |what: &str, before: &str| {
        let body = format!("{before} {}", again.body);
        Shape { name: what.into(), body, ..again.clone() }.state(STATE)
    };
    let known = with("one of 50,000", NEXT).setup("(local.set $i (i32.const 7))");
    let unknown = with("absent", ABSENT).setup("(local.set $i (i32.const 50000))");
    vec![again.clone(), known, unknown]
}

pub(super) fn balances() -> Vec<Shape> {
    looked_up("getExternalBalance", "(param i32 i32)", "(i32.const 0) (i32.const 64)")
}

pub(super) fn loads() -> Vec<Shape> {
    looked_up("storageLoad", "(param i32 i32)", "(i32.const 0) (i32.const 64)")
}

/// Writes of values; of nothing, which removes; of both in turn.
pub(super) fn stores() -> Vec<Shape> {
    let ty = "(param i32 i32)";
    let mut shapes = looked_up("storageStore", ty, "(i32.const 0) (i32.const 0)");
    let removed = looked_up("storageStore", ty, &format!("(i32.const 0) (i32.const {ZEROS})"));
    shapes.extend(removed.into_iter().map(|shape| Shape { name: format!("{}, removed", shape.name), ..shape }));
    let (set, removed) =
        ("(call $f (i32.const 0) (i32.const 0))", format!("(call $f (i32.const 0) (i32.const {ZEROS}))"));
    let both = Shape::new("set and removed", format!("{set} {removed}"));
    shapes.push(both.import("ethereum", "storageStore", &format!("$f {ty}")).data(0, &[1]));
    shapes
}

pub(super) fn block_hashes() -> Vec<Shape> {
    let hash = |what: &str, number: &str| {
        called_as(what, "getBlockHash", "(param i64 i32) (result i32)", &format!("{number} (i32.const 64)"))
    };
    vec![
        hash("known", "(i64.const 999)"),
        hash("too old", "(i64.const 1)"),
        hash(
            "each of 256",
            "(i64.add (i64.const 744) (i64.and (local.tee $k (i64.add (local.get $k) (i64.const 1))) (i64.const 255)))",
        ),
    ]
}

fn large(number: usize) -> anyhow::Result<(Abi, Vec<u8>)> {
    let text =
        format!("(module (memory (export \"memory\") 0) (func (export \"main\")) {})", ballast(LARGE_BYTES - number));
    Ok((Abi::Ewasm, module(&text)?))
}

pub(super) fn code_sizes() -> Vec<Shape> {
    looked_up("getExternalCodeSize", "(param i32) (result i32)", "(i32.const 0)")
}

pub(super) fn code_copies() -> Vec<Shape> {
    let copy = |what: &str, bytes: usize| {
        let operands = format!("(i32.const {}) (i32.const 65536) (i32.const 0) (i32.const {bytes})", callee(0));
        let text = format!("(module (memory (export \"memory\") 0) (func (export \"main\")) {})", ballast(LARGE_BYTES));
        let code = module(&text).unwrap_or_default();
        called_as(what, "externalCodeCopy", "(param i32 i32 i32 i32)", &operands)
            .callee(Abi::Ewasm, code)
            .pages(17)
            .copies(1)
    };
    vec![copy("0 bytes of 1,000,000", 0), copy("1,000,000 bytes", LARGE_BYTES)]
}

/// Values as long as they can be, each read or written over once by one transaction. Programs without a store have them in
/// their own state.
pub(super) fn long_values() -> Vec<Recipe> {
    let row = |function: HostFunction, name: &'static str| {
        let what = format!("{}: {name}, each of {} values of 65,536 bytes", super::IN_THE_STORE, stored::LONG);
        Recipe::new(Subject::HostFunction(function), what, move || {
            let body = format!(
                "(local $i i32) (i32.store8 (i32.const 31) (i32.const 1))
                 (loop
                   (i32.store (i32.const 0) (local.get $i))
                   (call $f (i32.const 0) (i32.const 64))
                   (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {}))))",
                stored::LONG
            );
            let code = importing(name, "(param i32 i32)", "", 1, &body)?;
            Ok(Program { on_store: true, ..calls(code, 1) })
        })
    };
    vec![row(HostFunction::StorageLoad, "storageLoad"), row(HostFunction::StorageStore, "storageStore")]
}

/// Transactions that name each of many contracts once, and those that emit as many logs as one can.
pub(super) fn blocks() -> Vec<Recipe> {
    let mut recipes: Vec<_> = [
        (
            HostFunction::GetExternalCodeSize,
            "getExternalCodeSize",
            "(param i32) (result i32)",
            "(drop (call $f PLACE))",
        ),
        (
            HostFunction::ExternalCodeCopy,
            "externalCodeCopy",
            "(param i32 i32 i32 i32)",
            "(call $f PLACE (i32.const 0) (i32.const 0) (i32.const 0))",
        ),
        (
            HostFunction::Call,
            "call",
            "(param i64 i32 i32 i32 i32) (result i32)",
            "(drop (call $f (i64.const 0) PLACE (i32.const 61000) (i32.const 0) (i32.const 0)))",
        ),
    ]
    .map(|(function, name, ty, call)| {
        let subject = Subject::HostFunction(function);
        Recipe::new(subject, format!("{subject}: 100 contracts of 1 MB, once each"), move || once_each(name, ty, call))
    })
    .into();
    for (what, bytes, topics) in [("512 bytes, 4 topics", 512, 4), ("nothing", 0, 0), ("1 byte, 4 topics", 1, 4)] {
        let subject = Subject::HostFunction(HostFunction::Log);
        recipes.push(Recipe::new(subject, format!("{subject}: {what}"), move || logs(bytes, topics, 128)));
    }
    let subject = Subject::HostFunction(HostFunction::Log);
    recipes.push(Recipe::new(subject, format!("{subject}: more than a transaction may have"), || {
        Ok(Program { ends: Ends::Halt(HaltReason::LimitExceeded), ..logs(0, 0, 129)? })
    }));
    recipes
}

/// A transaction that calls `name` once for each of the large contracts.
fn once_each(name: &str, ty: &str, call: &str) -> anyhow::Result<Program> {
    let mut body = String::new();
    let mut data = String::new();
    for number in 0..LARGE {
        let place = number * 32;
        body.push_str(&call.replace("PLACE", &format!("(i32.const {place})")));
        write!(
            data,
            "(data (i32.const {place}) \"{}\")",
            super::super::shape::data_text(address(number + 2).as_slice())
        )?;
    }
    let text = format!(
        "(module (import \"ethereum\" \"{name}\" (func $f {ty})) (memory (export \"memory\") 1) {data}
           (func (export \"main\") {body}))"
    );
    let mut contracts = vec![(Abi::Ewasm, module(&text)?)];
    for number in 0..usize::try_from(LARGE)? {
        contracts.push(large(number)?);
    }
    let kind = TxKind::Call { to: address(1), export: None };
    Ok(Program::block(contracts, vec![(kind, Vec::new(), 1 << 40)]))
}

/// Ten transactions with so many logs each. One that halts has little more gas than it needs.
fn logs(bytes: u32, topics: u32, count: usize) -> anyhow::Result<Program> {
    let places = "(i32.const 0)".repeat(4);
    let log = format!("(call $f (i32.const 0) (i32.const {bytes}) (i32.const {topics}) {places})").repeat(count);
    let ty = "(param i32 i32 i32 i32 i32 i32 i32)";
    let text = format!(
        "(module (import \"ethereum\" \"log\" (func $f {ty})) (memory (export \"memory\") 1) (func (export \"main\") {log}))"
    );
    let transaction =
        (TxKind::Call { to: address(1), export: None }, Vec::new(), if count > 128 { 1_500_000 } else { 1 << 40 });
    Ok(Program::block(vec![(Abi::Ewasm, module(&text)?)], vec![transaction; 10]))
}
