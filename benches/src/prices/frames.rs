//! Probes of what a frame costs before its first instruction, and of what code costs before its first frame.

use super::{Comparison, Probe, Row, data_text, spent_by, yardstick};
use crate::{
    measure::{median, nanoseconds},
    programs::{chain_link, many_functions, module},
    scene::{Scene, address},
};
use core::fmt::Write as _;
use lockstep_vm::{Abi, CodeId, Revision, Vm};

/// A callee, and what of it is counted.
struct Callee {
    name: &'static str,
    text: String,
    items: u32,
}

/// Measures calls of contracts of many shapes, against a call of the plainest one.
///
/// # Errors
///
/// If a contract is not valid.
pub fn measure(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let plainest = "(module (memory (export \"memory\") 0) (func (export \"main\")))";
    let callees = callees();
    let modules = core::iter::once(plainest).chain(callees.iter().map(|callee| callee.text.as_str())).map(module);
    let modules = modules.collect::<anyhow::Result<Vec<_>>>()?;
    let mut probes = vec![
        Probe { fields: call_fields(99), ..call("call of an account without code", 99) },
        call("call of the plainest contract", 1),
    ];
    for (callee, number) in callees.iter().zip(2..) {
        probes.push(against_plainest(callee, number));
    }
    let mut rows = Comparison::measure(&modules, &probes, rounds)?;
    rows.extend(compile(rounds)?);
    Ok(rows)
}

fn call_fields(number: u64) -> String {
    let import = "(import \"ethereum\" \"call\" (func $f (param i64 i32 i32 i32 i32) (result i32)))";
    let (plainest, callee) = (data_text(address(1).as_slice()), data_text(address(number).as_slice()));
    format!("{import} (data (i32.const 0) \"{plainest}\") (data (i32.const 32) \"{callee}\")")
}

/// A call of the contract whose address lies at `place`, which must succeed.
fn call_of(place: u32) -> String {
    let operands = format!("(i64.const 0x7fffffffffffffff) (i32.const {place}) (i32.const 64)");
    format!("(if (call $f {operands} (i32.const 0) (i32.const 0)) (then (unreachable)))")
}

fn call(name: &str, number: u64) -> Probe {
    Probe::new(name, call_of(32), 1).fields(call_fields(number)).times(1, 100)
}

fn against_plainest(callee: &Callee, number: u64) -> Probe {
    let turns = if callee.items > 5_000 { 10 } else { 50 };
    Probe { operators: callee.items, ..call(callee.name, number) }.against(call_of(0)).times(1, turns)
}

fn callees() -> Vec<Callee> {
    let shape = |name, items, pages: u32, fields: String| {
        let text = format!("(module {fields} (memory (export \"memory\") {pages}) (func (export \"main\")))");
        Callee { name, text, items }
    };
    let repeat = |text: &str, times: u32| text.repeat(usize::try_from(times).unwrap_or_default());
    let import = "(import \"ethereum\" \"getGasLeft\" (func (result i64)))";
    let exports = (0..98).fold(String::from("(func $e)"), |mut text, number| {
        let _ = write!(text, "(export \"e{number}\" (func $e))");
        text
    });
    let elements = "$t ".repeat(4_000);
    let body = repeat("(drop (i32.const 0x7fffffff))", 2_000);
    vec![
        shape("call, each page of 1", 1, 1, String::new()),
        shape("call, each page of 16", 16, 16, String::new()),
        shape("call, each page of 400", 400, 400, String::new()),
        shape("call, each import of 100", 100, 0, repeat(import, 100)),
        shape("call, each export of 98", 98, 0, exports),
        shape("call, each function of 1,000", 1_000, 0, repeat("(func)", 1_000)),
        shape("call, each function of 9,999", 9_999, 0, repeat("(func)", 9_999)),
        shape("call, each global of 1,000", 1_000, 0, repeat("(global i64 (i64.const 1))", 1_000)),
        shape("call, each data segment of 1,000", 1_000, 1, repeat("(data (i32.const 0) \"1\")", 1_000)),
        shape("call, each passive data segment of 1,000", 1_000, 1, repeat("(data \"1\")", 1_000)),
        shape("call, each table element of 4,096", 4_096, 0, "(table 4096 4096 funcref)".into()),
        shape(
            "call, each element of a segment of 4,000",
            4_000,
            0,
            format!("(table 4096 4096 funcref) (func $t) (elem (i32.const 0) func {elements})"),
        ),
        shape("call, each element segment of 1,000", 1_000, 0, {
            format!("(table 4096 4096 funcref) (func $t) {}", repeat("(elem (i32.const 0) func $t)", 1_000))
        }),
        shape("call, each word of 126,000 bytes of code", 4_000, 0, format!("(func {body} {body} {body} {body})")),
    ]
}

/// Validation and compilation, by the byte.
fn compile(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let plain = "(module (memory (export \"memory\") 0) (func (export \"main\"))";
    let fields = |text: &str, times: usize| module(&format!("{plain} {})", text.repeat(times)));
    let body = |text: &str, times: usize| module(&format!("{plain} (func (local i64) {}))", text.repeat(times)));
    let nested = |times: usize| body(&format!("{}{}", "(block ".repeat(400), ")".repeat(400)), times);
    let targets = "0 ".repeat(4_000);
    let vm: Vm = Vm::with_engine(Revision::V1, 0)?;
    let unit = Scene::new(&[yardstick().module()?])?;
    let mut rows = Vec::new();
    for (name, code) in [
        ("validate and compile, typical code", many_functions(4_000)?),
        ("validate and compile, the smallest contract", chain_link(&[1; 20])?),
        ("validate and compile, empty functions", fields("(func)", 9_999)?),
        ("validate and compile, constants", body("(drop (i32.const 1))", 60_000)?),
        ("validate and compile, additions", body("(local.set 0 (i64.add (local.get 0) (local.get 0)))", 20_000)?),
        ("validate and compile, nested blocks", nested(150)?),
        ("validate and compile, loops", body("(loop)", 40_000)?),
        ("validate and compile, ifs", body("(if (i32.wrap_i64 (local.get 0)) (then))", 20_000)?),
        (
            "validate and compile, branch tables",
            body(&format!("(br_table {targets} 0 (i32.wrap_i64 (local.get 0)))"), 40)?,
        ),
    ] {
        let bytes = f64::from(u32::try_from(code.len())?);
        let id = CodeId::of(&code, Abi::Ewasm);
        let code = code.into();
        let mut each = Vec::new();
        for _ in 0..=rounds {
            let yardstick = spent_by(&unit, unit.call(1, &[])?)?;
            let mut result = Ok(());
            let time = nanoseconds(|| result = vm.check_code(id, &code));
            result?;
            each.push((time / bytes, yardstick.nanoseconds / yardstick.gas));
        }
        let schedule = &vm.revision().schedule.transaction;
        #[expect(clippy::cast_precision_loss, reason = "a price for a byte is a small number")]
        let gas = schedule.deployed_code_byte as f64;
        let each = each.iter().skip(1);
        rows.push(Row {
            name: format!("{name} ({bytes} bytes), each byte"),
            nanoseconds: median(each.clone().map(|(time, _)| *time)),
            gas,
            nanoseconds_per_gas: median(each.map(|(_, unit)| *unit)),
        });
    }
    Ok(rows)
}
