//! Every limit of `V1` at its worst: programs that reach it, or come as near as a frame and its gas allow.

use super::{
    Program, Recipe,
    blocks::{calls, cold_calls, contract, creations, deployments, importing},
    code,
    patterns::nested_frames,
    program::Subject,
    shape::{Face, Shape, ZEROS, callee},
};
use crate::programs::module;
use core::fmt::Write as _;
use lockstep_gas::{Limits, Revision, TransactionLimits};
use lockstep_vm::Abi;

/// The limits that programs are made for.
const LIMITS: &Limits = &Revision::V1.limits.contract;

/// The limits of all frames of a transaction together.
const TRANSACTION: &TransactionLimits = &Revision::V1.transaction;

/// What keeps an engine from making an instance as new, so that each frame has another one (`docs/decisions/0050`).
const ANEW: &str = "(elem $anew func) (func (elem.drop $anew))";

/// Programs of every limit.
pub(super) fn recipes() -> Vec<Recipe> {
    [translated(), started(), called(), nested(), stored(), emitted()].into_iter().flatten().collect()
}

fn row(limit: &'static str, what: &str, make: impl Fn() -> anyhow::Result<Program> + 'static) -> Recipe {
    Recipe::new(Subject::Limit(limit), format!("{}: {what}", Subject::Limit(limit)), make)
}

/// Code that is not compiled, deployed or left behind.
fn translated() -> Vec<Recipe> {
    let what = "of code that is not compiled";
    let plain = |bytes: u32| {
        let body_bytes = at(LIMITS.body_bytes_max) - 100;
        code::patterns().swap_remove(0).module(at(bytes) - 1_000, body_bytes, 0)
    };
    let functions = |function: String, count: u32| contract(&function.repeat(at(count)), 0, "");
    vec![
        row("code_bytes_max", what, move || Ok(cold_calls(plain(LIMITS.code_bytes_max), 2))),
        row("code_bytes_max", "of a deployment", move || Ok(deployments(vec![plain(LIMITS.code_bytes_max)]))),
        row("body_bytes_max", what, move || Ok(cold_calls(plain(LIMITS.body_bytes_max + 800), 8))),
        row("created_code_bytes_max", "of code that is left", || {
            let bytes = LIMITS.created_code_bytes_max;
            let finish = format!("(call $f (i32.const 0) (i32.const {bytes}))");
            Ok(creations(vec![importing("finish", "(param i32 i32)", "", bytes.div_ceil(65_536), &finish)?]))
        }),
        row("module_parameters_max", what, move || {
            let function = format!(
                "(func (param {}) {})",
                repeat("i64 ", LIMITS.parameters_max),
                repeat("nop ", LIMITS.bytes_per_function_min)
            );
            Ok(cold_calls(functions(function, LIMITS.module_parameters_max / LIMITS.parameters_max)?, 8))
        }),
        row("module_locals_max", what, move || {
            Ok(cold_calls(locals(LIMITS.module_locals_max / LIMITS.locals_max - 1)?, 8))
        }),
        row("locals_per_byte_max", what, || Ok(cold_calls(locals(2)?, 8))),
        row("bytes_per_moved_value_min", what, || {
            let moving = code::patterns().into_iter().find(|pattern| pattern.name == "loops with 16 parameters");
            let pattern = moving.unwrap_or_else(|| code::patterns().swap_remove(0));
            Ok(cold_calls(pattern.module(at(LIMITS.code_bytes_max) / 4, at(LIMITS.body_bytes_max) - 100, 0), 4))
        }),
    ]
}

/// A module of `count` functions with as many locals as one can have, and no more bytes than they need.
fn locals(count: u32) -> anyhow::Result<Vec<u8>> {
    let function = format!("(func (local {}))", repeat("i64 ", LIMITS.locals_max));
    let bytes = count * LIMITS.locals_max / LIMITS.locals_per_byte_max;
    contract(&format!("{} (data \"{}\")", repeat(&function, count), repeat("x", bytes)), 0, "")
}

/// Frames of contracts that have as many of something as there can be, compiled already.
fn started() -> Vec<Recipe> {
    let started = |limit, fields: String| {
        calling(limit, "of the frame that has all", contract(&format!("{fields} {ANEW}"), 1, ""))
    };
    let table = "(table 4096 4096 funcref) (func $t)";
    let values =
        format!("(param {}) (result {})", repeat("i64 ", LIMITS.parameters_max), repeat("i64 ", LIMITS.results_max));
    let types = LIMITS.types_max.min(LIMITS.module_parameters_max / LIMITS.parameters_max) - 4;
    let sum = format!("(i64.const 1) {}", repeat("(i64.const 1) (i64.add)", LIMITS.const_operators_max / 2 - 1));
    let smallest = format!("(func {})", repeat("nop ", LIMITS.bytes_per_function_min));
    let segment = format!("(elem (i32.const 0) func {})", repeat("$t ", 4_000));
    let exports = (0..LIMITS.exports_max - 2).fold(String::from("(func $e)"), |mut text, number| {
        let _ = write!(text, "(export \"{}{number}\" (func $e))", "x".repeat(10_400));
        text
    });
    vec![
        started("functions_max", repeat(&smallest, LIMITS.functions_max - 3)),
        started("bytes_per_function_min", repeat(&smallest, LIMITS.functions_max / 2)),
        started("transaction.frame_memory_bytes", String::new()),
        started("transaction.item_memory_bytes", repeat("(global i32 (i32.const 1))", LIMITS.globals_max)),
        started(
            "transaction.table_element_memory_bytes",
            format!("(table {0} {0} funcref)", LIMITS.table_elements_max),
        ),
        started("types_max", repeat(&format!("(type (func {values}))"), types)),
        started("globals_max", repeat("(global (mut i64) (i64.const 1))", LIMITS.globals_max)),
        started("imports_max", {
            repeat("(import \"ethereum\" \"getGasLeft\" (func (result i64)))", LIMITS.imports_max)
        }),
        started("exports_max", exports),
        started("const_operators_max", repeat(&format!("(global i64 {sum})"), LIMITS.globals_max)),
        started("data_segments_max", repeat("(data (i32.const 0) \"1\")", LIMITS.data_segments_max)),
        started("element_segments_max", {
            format!("{table} {}", repeat("(elem (i32.const 0) func $t)", LIMITS.element_segments_max - 1))
        }),
        started("elements_max", format!("{table} {}", repeat(&segment, LIMITS.elements_max / 4_000))),
        started("table_elements_max", format!("(table {0} {0} funcref)", LIMITS.table_elements_max)),
        started("tables_max", "(table 1 1 funcref)".into()),
        calling("memory_pages_max", "of a frame's memory", contract("", LIMITS.memory_pages_max, "")),
    ]
}

/// Functions with as much of something as there can be.
fn called() -> Vec<Recipe> {
    let called = |limit, ty: String, body: String, arguments: String, dropped: u32| {
        let call = format!("(call $f {arguments}) {}", repeat("(drop)", dropped));
        let shape = Shape::new("of a function that is called", call);
        shape.fields(format!("(func $f {ty} {body})")).of(Subject::Limit(limit))
    };
    let Limits { parameters_max, results_max, locals_max, operands_max, br_table_targets_max, .. } = LIMITS;
    let loads = repeat("(i64.load (local.get 0))", operands_max - 2);
    let wide = format!("(if (local.get 0) (then {loads} {} drop))", repeat("i64.add ", operands_max - 3));
    let table = format!("(block (br_table {} (local.get $j)))", repeat("0 ", *br_table_targets_max));
    vec![
        called(
            "parameters_max",
            format!("(param {})", repeat("i64 ", *parameters_max)),
            String::new(),
            repeat("(local.get $k)", *parameters_max),
            0,
        ),
        called(
            "results_max",
            format!("(result {})", repeat("i64 ", *results_max)),
            repeat("(i64.const 1)", *results_max),
            String::new(),
            *results_max,
        ),
        called("locals_max", format!("(local {})", repeat("i64 ", *locals_max)), String::new(), String::new(), 0),
        called("operands_max", "(param i32)".into(), wide, "(local.get $zero)".into(), 0),
        Shape::new("of one that is executed", table).copies(4).of(Subject::Limit("br_table_targets_max")),
    ]
}

/// Calls and frames as deep as they can be, and all that they may hold.
fn nested() -> Vec<Recipe> {
    let down = "(func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))))";
    let pages = LIMITS.memory_pages_max - 2;
    let frames = u32::try_from(TRANSACTION.memory_bytes_max / 65_536).unwrap_or(u32::MAX) / LIMITS.memory_pages_max;
    let recurse = format!(
        "(memory (export \"memory\") 1) (func $g (param i32) (local {})
           (if (local.get 0) (then (call $g (i32.sub (local.get 0) (i32.const 1)))) (else (call $down))))
         (func $before (call $g (i32.const 1000)))",
        "i64 ".repeat(1_000)
    );
    vec![
        calling("call_depth_max", "calls deep in a new frame", {
            contract(down, 0, &format!("(call $f (i32.const {}))", LIMITS.call_depth_max - 3))
        }),
        calling("transaction.frame_depth_max", "frames", {
            nested_frames("(memory (export \"memory\") 1)", TRANSACTION.frame_depth_max - 1)
        }),
        calling("transaction.memory_bytes_max", "of frames with all pages", {
            nested_frames(&format!("(memory (export \"memory\") {pages})"), frames - 1)
        }),
        calling(
            "transaction.stack_bytes_max",
            "of frames that each recurse through 1,000 locals",
            nested_frames(&recurse, 70),
        ),
    ]
}

/// Storage and input.
fn stored() -> Vec<Recipe> {
    let load = "(call $f (i32.const 0) (i32.const 64))";
    let next = "(i32.store (i32.const 0) (local.tee $i (i32.add (local.get $i) (i32.const 1))))";
    let loading = |what: &str, body: String| {
        Shape::new(what, body).import("ethereum", "storageLoad", "$f (param i32 i32)").copies(1)
    };
    let operands = format!("(i64.const 1000000) (i32.const {}) (i32.const {ZEROS}) (i32.const 0)", callee(0));
    let plainest = module("(module (memory (export \"memory\") 0) (func (export \"main\")))").unwrap_or_default();
    vec![
        // No host function of today's ABIs writes more than a word, and one that does has to bring a row of its own.
        loading("of words that a storage holds", format!("{load} {next}"))
            .setup("(local.set $i (i32.const 0))")
            .state(2_000)
            .of(Subject::Limit("storage_value_bytes_max")),
        loading("of an absent key", load.into()).of(Subject::Limit("storage_key_bytes_max")),
        Shape::new("of a call", format!("(drop (call $f {operands} (i32.const {})))", LIMITS.input_bytes_max))
            .import("ethereum", "call", "$f (param i64 i32 i32 i32 i32) (result i32)")
            .callee(Abi::Ewasm, plainest)
            .pages(3)
            .copies(4)
            .of(Subject::Limit("input_bytes_max")),
        Shape::new("read as a whole", "(call $input (i32.const 65532))")
            .face(Face::JSON)
            .pages(66)
            // The number of turns is before it.
            .input_bytes(at(TRANSACTION.input_bytes_max) - 4)
            .copies(1)
            .of(Subject::Limit("transaction.input_bytes_max")),
    ]
}

/// Output, revert data and logs.
fn emitted() -> Vec<Recipe> {
    let (log, logs, all) = (LIMITS.log_bytes_max, TRANSACTION.logs_max, TRANSACTION.log_bytes_max);
    vec![
        row("output_bytes_max", "of a transaction", || ending("finish", LIMITS.output_bytes_max)),
        reverting(LIMITS.revert_bytes_max),
        row("log_bytes_max", "of each log", move || logging(log, all / log)),
        row("transaction.logs_max", "logs of nothing", move || logging(0, logs)),
        row("transaction.log_bytes_max", "in as many logs as can be", move || logging(all / logs, logs)),
    ]
}

fn repeat(text: &str, times: u32) -> String {
    text.repeat(at(times))
}

fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! limits {
        ($names:ident of $limits:ident, $prefix:literal: $($name:ident),* $(,)?) => {
            /// The names of all limits: one that is added does not compile here until it is in the list below.
            fn $names(limits: &$limits) -> Vec<&'static str> {
                let $limits { $($name: _),* } = limits;
                vec![$(concat!($prefix, stringify!($name))),*]
            }
        };
    }

    limits! { of_modules of Limits, "":
        code_bytes_max, created_code_bytes_max, functions_max, types_max, globals_max, imports_max, exports_max,
        parameters_max, results_max, locals_max, operands_max, module_parameters_max, module_locals_max, body_bytes_max,
        data_segments_max, element_segments_max, elements_max, br_table_targets_max, bytes_per_moved_value_min,
        locals_per_byte_max, bytes_per_function_min, const_operators_max, tables_max,
        table_elements_max, memory_pages_max, call_depth_max, storage_key_bytes_max, storage_value_bytes_max,
        input_bytes_max, output_bytes_max, revert_bytes_max, log_bytes_max,
    }

    limits! { of_transactions of TransactionLimits, "transaction.":
        input_bytes_max, memory_bytes_max, frame_memory_bytes, item_memory_bytes, table_element_memory_bytes,
        stack_bytes_max, frame_depth_max, logs_max, log_bytes_max,
    }

    #[test]
    fn every_limit_has_a_program() {
        let recipes = recipes();
        let names = [of_modules(LIMITS), of_transactions(TRANSACTION)].concat();
        for &name in &names {
            assert!(recipes.iter().any(|recipe| recipe.subject == Subject::Limit(name)), "{name}");
        }
        assert!(recipes.iter().all(|recipe| matches!(recipe.subject, Subject::Limit(name) if names.contains(&name))));
    }
}
