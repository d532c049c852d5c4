//! Probes of the price of a frame before its first instruction.

use super::{Comparison, Probe, Row, data_text};
use crate::{programs::module, scene::address};
use core::fmt::Write as _;

/// A shape of callee, and how much it has of what is counted.
struct Callee {
    name: String,
    text: String,
    count: u32,
}

/// Calls of contracts of many shapes, against a call of the plainest one.
pub(super) fn measure(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let callees = callees();
    let texts = callees.iter().map(|callee| callee.text.as_str());
    let modules = [PLAINEST].into_iter().chain(texts).map(module).collect::<anyhow::Result<Vec<_>>>()?;
    let mut probes = vec![call("call of an account without code", 10_000), call("call of the plainest contract", 1)];
    for (callee, number) in callees.iter().zip(2..) {
        let turns = if callee.count > 5_000 { 10 } else { 50 };
        let probe = call(&format!("call, {}", callee.name), number).against(call_of(0));
        probes.push(probe.each_of(callee.count).times(1, turns));
    }
    Comparison::measure(modules, &probes, rounds)
}

const PLAINEST: &str = "(module (memory (export \"memory\") 0) (func (export \"main\")))";

/// Calls of the contract `number`, whose address is at 32. The plainest one's is at 0, the value, nothing, at 64.
fn call(name: &str, number: u64) -> Probe {
    let import = "(import \"ethereum\" \"call\" (func $f (param i64 i32 i32 i32 i32) (result i32)))";
    let data = [(0, address(1)), (32, address(number))].map(|(place, address)| {
        let bytes = data_text(address.as_slice());
        format!("(data (i32.const {place}) \"{bytes}\")")
    });
    Probe::new(name, call_of(32)).fields(format!("{import} {}", data.concat())).times(1, 100)
}

/// A call of the contract whose address is at `place`; it has to succeed.
fn call_of(place: u32) -> String {
    let operands = format!("(i64.const 0x7fffffffffffffff) (i32.const {place}) (i32.const 64)");
    format!("(if (call $f {operands} (i32.const 0) (i32.const 0)) (then (unreachable)))")
}

fn callees() -> Vec<Callee> {
    let shape = |what: &str, count: u32, pages: u32, fields: String| Callee {
        name: format!("each {what} of {count}"),
        text: format!("(module {fields} (memory (export \"memory\") {pages}) (func (export \"main\")))"),
        count,
    };
    let repeat = |text: &str, times: u32| (0..times).map(|_| text).collect::<String>();
    let import = "(import \"ethereum\" \"getGasLeft\" (func (result i64)))";
    let exports = (0..98).fold(String::from("(func $e)"), |mut text, number| {
        let _ = write!(text, "(export \"e{number}\" (func $e))");
        text
    });
    let table = "(table 4096 4096 funcref) (func $t)";
    let body = repeat("(drop (i32.const 0x7fffffff))", 2_000);
    vec![
        shape("page", 1, 1, String::new()),
        shape("page", 16, 16, String::new()),
        shape("page", 400, 400, String::new()),
        shape("import", 100, 0, repeat(import, 100)),
        shape("export", 98, 0, exports),
        shape("function", 1_000, 0, repeat("(func nop nop nop nop)", 1_000)),
        shape("function", 9_998, 0, repeat("(func nop nop nop nop)", 9_998)),
        shape("global", 1_000, 0, repeat("(global i64 (i64.const 1))", 1_000)),
        shape("data segment", 1_000, 1, repeat("(data (i32.const 0) \"1\")", 1_000)),
        shape("passive data segment", 1_000, 1, repeat("(data \"1\")", 1_000)),
        shape("table element", 4_096, 0, "(table 4096 4096 funcref)".into()),
        shape("element segment", 1_000, 0, format!("{table} {}", repeat("(elem (i32.const 0) func $t)", 1_000))),
        shape("function in one element segment", 4_000, 0, {
            format!("{table} (elem (i32.const 0) func {})", repeat("$t ", 4_000))
        }),
        shape("word of code", 1_500, 0, format!("(func {body} {body} {body})")),
    ]
}
