//! Patterns that cost a node more than their gas once, or that no operator, host function or limit shows alone.

use super::{
    Program, Recipe,
    blocks::{calls, cold_calls, contract, creations, deployments, importing},
    code,
    program::Subject,
    shape::{Shape, ZEROS, callee, data_text},
};
use crate::{programs::module, scene::address};
use lockstep_vm::{Abi, TxKind};

/// Bytes of the modules whose translation is measured.
const CODE_BYTES: usize = 200_000;

/// Programs of every pattern.
pub(super) fn recipes() -> Vec<Recipe> {
    let mut recipes = translations();
    recipes.extend(frames());
    recipes.extend(pages());
    recipes.extend(transactions());
    recipes
}

fn row(pattern: &'static str, what: &str, make: impl Fn() -> anyhow::Result<Program> + 'static) -> Recipe {
    Recipe::new(Subject::Pattern(pattern), format!("{pattern}: {what}"), make)
}

/// Code of every shape: called where it is not compiled, used once as init code, deployed.
fn translations() -> Vec<Recipe> {
    let mut recipes = Vec::new();
    for (number, pattern) in code::patterns().into_iter().enumerate() {
        let name = pattern.name;
        let code = move |salt: u32| code::patterns().swap_remove(number).module(CODE_BYTES, 190_000, salt);
        recipes.push(row("calling code that is not compiled", name, move || Ok(cold_calls(code(0), 3))));
        recipes.push(row("init code that is used once", name, move || Ok(creations(vec![code(0), code(1)]))));
        recipes.push(row("deployment", name, move || Ok(deployments(vec![code(0)]))));
    }
    let name = "10,000 empty functions";
    recipes
        .push(row("calling code that is not compiled", name, || Ok(cold_calls(code::empty_functions(10_000, 0), 3))));
    recipes.push(row("deployment", name, || Ok(deployments(vec![code::empty_functions(10_000, 0)]))));
    let plain = code::patterns().swap_remove(0).module(CODE_BYTES, 190_000, 0);
    recipes.push(calling("again and again", plain).cold().of(Subject::Pattern("calling code that is not compiled")));
    let wrong = |code: Vec<u8>| [code, vec![0xff]].concat();
    recipes.push(row("deployment", "of code that is wrong at its end", move || {
        let code = code::patterns().swap_remove(0).module(CODE_BYTES, 190_000, 0);
        let limit = lockstep_vm::Revision::V1.intrinsic_gas(
            &[&wrong(code.clone())],
            lockstep_vm::NewCode::Deployed { bytes: u64::try_from(code.len())? + 1 },
        );
        let kind = TxKind::Deploy { abi: Abi::Ewasm, code: wrong(code) };
        let program = Program::block(Vec::new(), vec![(kind, Vec::new(), limit.get())]);
        Ok(super::blocks::halting(program, lockstep_vm::HaltReason::InvalidCode))
    }));
    recipes
}

/// A loop that calls `code` with much gas.
pub(super) fn calling(what: &str, code: Vec<u8>) -> Shape {
    let operands = format!(
        "(i64.const {}) (i32.const {}) (i32.const {ZEROS}) (i32.const 0) (i32.const 0)",
        1_u64 << 44,
        callee(0)
    );
    Shape::new(what, format!("(drop (call $f {operands}))"))
        .import("ethereum", "call", "$f (param i64 i32 i32 i32 i32) (result i32)")
        .callee(Abi::Ewasm, code)
        .copies(1)
}

/// A contract that calls itself until `depth` frames are in progress. `fields` are what each frame has; a function
/// `$before` among them is called first, and then has to call `$down`, which calls the next frame.
pub(super) fn nested_frames(fields: &str, depth: u32) -> anyhow::Result<Vec<u8>> {
    let start = if fields.contains("$before") { "$before" } else { "$down" };
    module(&format!(
        "(module
           (import \"ethereum\" \"call\" (func $call (param i64 i32 i32 i32 i32) (result i32)))
           (import \"ethereum\" \"getAddress\" (func $address (param i32)))
           (import \"ethereum\" \"getCallDataSize\" (func $size (result i32)))
           (import \"ethereum\" \"callDataCopy\" (func $input (param i32 i32 i32)))
           {fields}
           (func $down (local $level i32)
             (if (call $size) (then (call $input (i32.const 64) (i32.const 0) (i32.const 4))))
             (local.set $level (i32.load (i32.const 64)))
             (if (i32.lt_u (local.get $level) (i32.const {depth})) (then
               (i32.store (i32.const 64) (i32.add (local.get $level) (i32.const 1)))
               (call $address (i32.const 0))
               (drop (call $call (i64.const {gas}) (i32.const 0) (i32.const 32) (i32.const 64) (i32.const 4))))))
           (func (export \"main\") (call {start})))",
        gas = 1_u64 << 62
    ))
}

/// Frames: of what a module can have most of, nested.
fn frames() -> Vec<Recipe> {
    let nested = |what: &str, fields: &str, depth: u32| {
        let fields = format!("(memory (export \"memory\") 1) {fields}");
        calling(what, nested_frames(&fields, depth).unwrap_or_default()).of(Subject::Pattern("nested frames"))
    };
    let mut recipes = vec![
        nested("64 with 9,990 functions", &format!("(func {})", "nop ".repeat(12)).repeat(9_990), 64),
        nested("64 with 1,000 globals", &"(global (mut i64) (i64.const 1))".repeat(1_000), 64),
        nested("64 with a table of 4,096 elements", "(table 4096 4096 funcref)", 64),
        nested("64 with 990 data segments", &"(data \"1\")".repeat(990), 64),
        nested(
            "64 with constants",
            &"(func (drop (f64.const 1.5)) (drop (i64.const 0x123456789abcdef)))".repeat(3_000),
            64,
        ),
        nested("1,000 of a page", "", 1_000),
    ];
    let recursing = |what: &str, locals: usize, depth: u32, frames: u32| {
        let fields = format!(
            "(func $g (param i32) (local {})
               (if (local.get 0) (then (call $g (i32.sub (local.get 0) (i32.const 1)))) (else (call $down))))
             (func $before (call $g (i32.const {depth})))",
            "i64 ".repeat(locals)
        );
        nested(what, &fields, frames)
    };
    recipes.push(recursing("64 that each recurse through 1,000 locals", 1_000, 1_000, 64));
    recipes.push(recursing("16 that each recurse through 1,000 locals", 1_000, 1_000, 16));
    recipes.push(recursing("one that recurses through 1,000 locals", 1_000, 1_000, 0));
    recipes.push(recursing("64 that each recurse through 10 locals", 10, 1_000, 64));
    recipes
}

/// Pages of new frames: at start, grown at once or one by one, written to.
fn pages() -> Vec<Recipe> {
    let start = |what: &str, pages: u32, body: &str| {
        calling(what, contract("", pages, body).unwrap_or_default()).of(Subject::Pattern("pages of new frames"))
    };
    let one_by_one = "(local i32) (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))";
    vec![
        start("1 at start", 1, ""),
        start("16 at start", 16, ""),
        start("500 at start", 500, ""),
        start("500 at start, written to", 500, "(memory.fill (i32.const 0) (i32.const 1) (i32.const 32768000))"),
        start("500 grown at once", 1, "(drop (memory.grow (i32.const 500)))"),
        start("500 grown one by one", 1, one_by_one),
        start("500 grown one by one, each written to", 1, {
            "(local i32) (loop
               (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const 1))
               (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))"
        }),
    ]
}

/// Transactions that do as little as one can, and those with the largest input.
fn transactions() -> Vec<Recipe> {
    let pattern = "transactions";
    let call = |number: u64| TxKind::Call { to: address(number), export: None };
    vec![
        row(pattern, "calls of an account without code", move || {
            Ok(Program::block(Vec::new(), vec![(call(77), Vec::new(), 210_000); 100]))
        }),
        row(pattern, "calls of the plainest contract", || Ok(calls(contract("", 0, "")?, 100))),
        row(pattern, "halts before the first instruction", move || {
            let code = contract("", 0, "")?;
            let program = Program::block(vec![(Abi::Ewasm, code)], vec![(call(1), Vec::new(), 210_001); 100]);
            Ok(super::blocks::halting(program, lockstep_vm::HaltReason::OutOfGas))
        }),
        row(pattern, "an input of 131,072 bytes", move || {
            Ok(Program::block(Vec::new(), vec![(call(77), vec![0; 131_072], 10_000_000); 10]))
        }),
        row(pattern, "creations that halt", || {
            let program = creations(vec![contract("", 0, "unreachable")?; 20]);
            let transactions = match program.work {
                super::Work::Block(transactions) => {
                    transactions.into_iter().map(|(kind, input, _)| (kind, input, 600_000)).collect()
                }
                super::Work::Turns { .. } | super::Work::Views(_) => Vec::new(),
            };
            let program = Program { cache_bytes: 0, ..Program::block(Vec::new(), transactions) };
            Ok(super::blocks::halting(program, lockstep_vm::HaltReason::Unreachable))
        }),
        row(pattern, "creations of creations", || {
            let plainest = contract("", 0, "")?;
            let data = format!("(data (i32.const 1024) \"{}\")", data_text(&plainest));
            let create = format!(
                "(drop (call $f (i32.const 0) (i32.const 1024) (i32.const {}) (i32.const 64)))",
                plainest.len()
            );
            let ty = "(param i32 i32 i32 i32) (result i32)";
            Ok(creations(vec![importing("create", ty, &data, 1, &create.repeat(20))?]))
        }),
    ]
}
