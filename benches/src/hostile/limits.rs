//! Every limit of `V1` at its worst: programs that reach it, or come as near as a frame and its gas allow.

use super::{
    Program, Recipe,
    blocks::{calls, cold_calls, contract, creations, deployments, importing},
    code,
    patterns::nested_frames,
    program::Subject,
    shape::{Shape, ZEROS, callee},
};
use crate::programs::module;
use core::fmt::Write as _;
use lockstep_gas::{Limits, Revision};
use lockstep_vm::Abi;

/// Programs of every limit. A field that [`Limits`] gains does not compile here until it has some.
pub(super) fn recipes() -> Vec<Recipe> {
    let Limits {
        code_bytes_max,
        created_code_bytes_max,
        functions_max,
        types_max,
        globals_max,
        imports_max,
        exports_max,
        parameters_max,
        results_max,
        locals_max,
        operands_max,
        module_parameters_max,
        module_locals_max,
        body_bytes_max,
        data_segments_max,
        element_segments_max,
        elements_max,
        br_table_targets_max,
        const_operators_max,
        tables_max: _,
        table_elements_max,
        memory_pages_max,
        transaction_memory_bytes_max,
        transaction_stack_bytes_max: _,
        call_depth_max,
        frame_depth_max,
        storage_key_bytes_max: _,
        storage_value_bytes_max,
        input_bytes_max,
        output_bytes_max,
        revert_bytes_max,
        log_bytes_max,
        transaction_logs_max,
        transaction_log_bytes_max,
    } = Revision::V1.limits;
    let plain = |bytes: u32, body: u32| code::patterns().swap_remove(0).module(at(bytes) - 1_000, at(body) - 100, 0);
    let repeat = |text: &str, times: u32| text.repeat(at(times));
    let started = |limit, fields: String| started(limit, "of the frame that has all", fields);
    let called = |limit, ty: String, body: String, arguments: String, dropped: u32| {
        let shape =
            Shape::new("of a function that is called", format!("(call $f {arguments}) {}", repeat("(drop)", dropped)));
        shape.fields(format!("(func $f {ty} {body})")).of(Subject::Limit(limit))
    };
    let row = |limit, what: &str, make: Box<dyn Fn() -> anyhow::Result<Program>>| {
        Recipe::new(Subject::Limit(limit), format!("{}: {what}", Subject::Limit(limit)), make)
    };
    let wide = format!(
        "{} {} drop",
        repeat("(i64.load (local.get 0))", operands_max - 2),
        repeat("i64.add ", operands_max - 3)
    );
    let sum = |count: u32| format!("(i64.const 1) {}", repeat("(i64.const 1) (i64.add)", count / 2 - 1));
    let pages = transaction_memory_bytes_max / 65_536;
    vec![
        row("code_bytes_max", "of code that is not compiled", Box::new(move || Ok(cold_calls(plain(code_bytes_max, body_bytes_max), 2)))),
        row("body_bytes_max", "of code that is not compiled", Box::new(move || Ok(cold_calls(plain(body_bytes_max + 800, body_bytes_max), 8)))),
        row("created_code_bytes_max", "of code that is left", Box::new(move || {
            let finish = format!("(call $f (i32.const 0) (i32.const {created_code_bytes_max}))");
            Ok(creations(vec![importing("finish", "(param i32 i32)", "", created_code_bytes_max.div_ceil(65_536), &finish)?]))
        })),
        started("functions_max", repeat("(func)", functions_max - 2)),
        started("types_max", {
            let values = format!("(param {}) (result {})", repeat("i64 ", parameters_max), repeat("i64 ", results_max));
            repeat(&format!("(type (func {values}))"), types_max.min(module_parameters_max / parameters_max) - 4)
        }),
        started("globals_max", repeat("(global (mut i64) (i64.const 1))", globals_max)),
        started("imports_max", repeat("(import \"ethereum\" \"getGasLeft\" (func (result i64)))", imports_max)),
        started("exports_max", {
            (0..exports_max - 2).fold(String::from("(func $e)"), |mut text, number| {
                let _ = write!(text, "(export \"{}{number}\" (func $e))", "x".repeat(1_000));
                text
            })
        }),
        started("const_operators_max", repeat(&format!("(global i64 {})", sum(const_operators_max)), globals_max)),
        started("data_segments_max", repeat("(data (i32.const 0) \"1\")", data_segments_max)),
        started("element_segments_max", {
            let table = "(table 4096 4096 funcref) (func $t)";
            format!("{table} {}", repeat("(elem (i32.const 0) func $t)", element_segments_max))
        }),
        started("elements_max", {
            let segments = repeat(&format!("(elem (i32.const 0) func {})", repeat("$t ", 4_000)), elements_max / 4_000);
            format!("(table 4096 4096 funcref) (func $t) {segments}")
        }),
        started("table_elements_max", format!("(table {table_elements_max} {table_elements_max} funcref)")),
        started("tables_max", "(table 1 1 funcref)".into()),
        called("parameters_max", format!("(param {})", repeat("i64 ", parameters_max)), String::new(), repeat("(local.get $k)", parameters_max), 0),
        called("results_max", format!("(result {})", repeat("i64 ", results_max)), repeat("(i64.const 1)", results_max), String::new(), results_max),
        called("locals_max", format!("(local {})", repeat("i64 ", locals_max)), String::new(), String::new(), 0),
        called("operands_max", "(param i32)".into(), format!("(if (local.get 0) (then {wide}))"), "(local.get $zero)".into(), 0),
        row("module_parameters_max", "of code that is not compiled", Box::new(move || {
            let function = format!("(func (param {}))", "i64 ".repeat(at(parameters_max)));
            Ok(cold_calls(contract(&function.repeat(at(module_parameters_max / parameters_max)), 0, "")?, 8))
        })),
        row("module_locals_max", "of code that is not compiled", Box::new(move || {
            let function = format!("(func (local {}))", "i64 ".repeat(at(locals_max)));
            Ok(cold_calls(contract(&function.repeat(at(module_locals_max / locals_max) - 1), 0, "")?, 8))
        })),
        Shape::new("of one that is executed", format!("(block (br_table {} (local.get $j)))", repeat("0 ", br_table_targets_max)))
            .copies(4)
            .of(Subject::Limit("br_table_targets_max")),
        calling("memory_pages_max", "of a frame's memory", contract("", memory_pages_max, "")),
        calling("transaction_memory_bytes_max", "of two frames", nested_frames(&format!("(memory (export \"memory\") {})", pages / 2 - 1), 2)),
        calling("call_depth_max", "calls deep in a new frame", {
            let down = "(func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))))";
            contract(down, 0, &format!("(call $f (i32.const {}))", call_depth_max - 3))
        }),
        calling("frame_depth_max", "frames", nested_frames("(memory (export \"memory\") 1)", frame_depth_max - 1)),
        calling("transaction_stack_bytes_max", "of frames that each recurse through 1,000 locals", {
            let recurse = format!(
                "(memory (export \"memory\") 1) (func $g (param i32) (local {})
                   (if (local.get 0) (then (call $g (i32.sub (local.get 0) (i32.const 1)))) (else (call $down))))",
                "i64 ".repeat(1_000)
            );
            nested_frames(&format!("{recurse} (func $before (call $g (i32.const 1000)))"), 70)
        }),
        Shape::new("of values that a storage holds", "(call $f (i32.const 0) (i32.const 64)) (i32.store (i32.const 0) (local.tee $i (i32.add (local.get $i) (i32.const 1))))")
            .import("ethereum", "storageLoad", "$f (param i32 i32)")
            .setup("(local.set $i (i32.const 0))")
            .copies(1)
            .values(2_000, storage_value_bytes_max)
            .of(Subject::Limit("storage_value_bytes_max")),
        Shape::new("of an absent key", "(call $f (i32.const 0) (i32.const 64))")
            .import("ethereum", "storageLoad", "$f (param i32 i32)")
            .of(Subject::Limit("storage_key_bytes_max")),
        Shape::new("of a call", format!("(drop (call $f (i64.const 1000000) (i32.const {}) (i32.const {ZEROS}) (i32.const 0) (i32.const {input_bytes_max})))", callee(0)))
            .import("ethereum", "call", "$f (param i64 i32 i32 i32 i32) (result i32)")
            .callee(Abi::Ewasm, module("(module (memory (export \"memory\") 0) (func (export \"main\")))").unwrap_or_default())
            .pages(3)
            .copies(4)
            .of(Subject::Limit("input_bytes_max")),
        row("output_bytes_max", "of a transaction", Box::new(move || ending("finish", output_bytes_max))),
        row("log_bytes_max", "of each log", Box::new(move || logging(log_bytes_max, transaction_log_bytes_max / log_bytes_max))),
        row("transaction_logs_max", "logs of nothing", Box::new(move || logging(0, transaction_logs_max))),
        row("transaction_log_bytes_max", "in as many logs as can be", Box::new(move || {
            logging(transaction_log_bytes_max / transaction_logs_max, transaction_logs_max)
        })),
        reverting(revert_bytes_max),
        row("code_bytes_max", "of a deployment", Box::new(move || Ok(deployments(vec![plain(code_bytes_max, body_bytes_max)])))),
    ]
}

fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Calls of a contract that has what `fields` say, compiled already.
fn started(limit: &'static str, what: &str, fields: String) -> Recipe {
    calling(limit, what, contract(&fields, 1, ""))
}

/// Calls of `code` in a loop.
fn calling(limit: &'static str, what: &str, code: anyhow::Result<Vec<u8>>) -> Recipe {
    let shape = super::patterns::calling(what, code.unwrap_or_default());
    shape.of(Subject::Limit(limit))
}

/// Transactions that end by `name` with `bytes` bytes.
fn ending(name: &str, bytes: u32) -> anyhow::Result<Program> {
    let body = format!("(call $f (i32.const 0) (i32.const {bytes}))");
    Ok(calls(importing(name, "(param i32 i32)", "", bytes.div_ceil(65_536), &body)?, 20))
}

fn reverting(bytes: u32) -> Recipe {
    let body = format!("(call $f (i32.const 0) (i32.const {bytes}))");
    calling("revert_bytes_max", "of a frame", importing("revert", "(param i32 i32)", "", 1, &body))
}

/// Transactions that emit `count` logs of `bytes` bytes.
fn logging(bytes: u32, count: u32) -> anyhow::Result<Program> {
    let places = "(i32.const 0)".repeat(4);
    let log = format!("(call $f (i32.const 0) (i32.const {bytes}) (i32.const 4) {places})");
    let ty = "(param i32 i32 i32 i32 i32 i32 i32)";
    Ok(calls(importing("log", ty, "", 1, &log.repeat(at(count)))?, 10))
}
