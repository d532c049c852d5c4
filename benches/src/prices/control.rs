//! Probes of variables, branches and calls.

use super::Probe;

pub(super) fn probes() -> Vec<Probe> {
    let mut probes = variables();
    probes.extend(branches());
    probes.extend(unpredictable());
    probes.extend(calls());
    probes
}

fn repeat(text: &str, times: u32) -> String {
    (0..times).map(|_| text).collect()
}

fn variables() -> Vec<Probe> {
    let global = "(global $global (mut i64) (i64.const 7))";
    let selected = "(select (local.get $i) (local.get $j) (local.get $j))";
    let function = "(func $nothing) (elem declare func $nothing)";
    vec![
        Probe::new("local.get, local.set", "(local.set $i (local.get $j))"),
        Probe::new("const, local.set", "(local.set $i (i32.const 7))"),
        Probe::new("local.get, local.tee, local.set", "(local.set $i (local.tee $j (local.get $turns)))"),
        Probe::new("swap of two locals", "(local.get $i) (local.get $j) (local.set $i) (local.set $j)"),
        Probe::new("global.get", "(local.set $k (global.get $global))").fields(global),
        Probe::new("global.set", "(global.set $global (local.get $k))").fields(global),
        Probe::new("select", format!("(drop (select {selected} (local.get $j) (local.get $turns)))")).each_of(2),
        Probe::new("f64.const", "(local.set $d (f64.const 7))"),
        Probe::new("ref.func, ref.is_null", "(drop (ref.is_null (ref.func $nothing)))").fields(function),
    ]
}

fn branches() -> Vec<Probe> {
    let values = repeat("(local.get $k)", 16);
    let block = format!("(block (result {}) {values} (br 0)) {}", repeat("i64 ", 16), repeat("drop ", 16));
    let result = "(if (result i32) (local.get $j) (then (local.get $i)) (else (local.get $j)))";
    vec![
        Probe::new("br", "(block (br 0))"),
        Probe::new("br_if, not taken", "(br_if 0 (local.get $zero))"),
        Probe::new("br_if, taken", "(block (br_if 0 (local.get $j)))"),
        Probe::new("if, then", "(if (local.get $j) (then))"),
        Probe::new("if, else", "(if (local.get $zero) (then) (else (nop)))"),
        Probe::new("if with a result", format!("(drop {result})")),
        Probe::new("loop, entered", "(loop)"),
        Probe::new("br_table", "(block (br_table 0 (local.get $j)))"),
        Probe::new("br with 16 values", block),
    ]
}

/// A number that the processor cannot foresee.
const DIE: &str = "(local.set $i (i32.add (i32.mul (local.get $i) (i32.const 1664525)) (i32.const 1013904223)))";

/// Branches of which the processor takes half for the wrong one, without the dice.
fn unpredictable() -> Vec<Probe> {
    let coin = "(i32.and (i32.shr_u (local.get $i) (i32.const 24)) (i32.const 1))";
    let sixteen = "(i32.and (i32.shr_u (local.get $i) (i32.const 24)) (i32.const 15))";
    let blocks = (0..16).fold(
        format!("(br_table {} 15 {sixteen})", (0..15).map(|label| format!("{label} ")).collect::<String>()),
        |inner, _| format!("(block {inner} (nop))"),
    );
    let functions: String = (0..16).map(|_| "(func)").collect();
    let indices: String = (1..17).map(|index| format!("{index} ")).collect();
    let table =
        format!("(type $t (func)) (func $first) {functions} (table 16 16 funcref) (elem (i32.const 0) func {indices})");
    vec![
        Probe::new("br_if, a coin", format!("{DIE} (block (br_if 0 {coin}))")).against(format!("{DIE} (drop {coin})")),
        Probe::new("br_table, a die of 16", format!("{DIE} {blocks}")).against(format!("{DIE} (drop {sixteen})")),
        Probe::new("call_indirect, a die of 16", format!("{DIE} (call_indirect (type $t) {sixteen})"))
            .against(format!("{DIE} (drop {sixteen})"))
            .fields(table),
    ]
}

fn calls() -> Vec<Probe> {
    let arguments = repeat("(local.get $k)", 8);
    let eight = format!("(func $f (param {}))", repeat("i64 ", 8));
    let sixteen = format!("(func $f (result {}) {})", repeat("i64 ", 16), repeat("(i64.const 0)", 16));
    let wide = format!(
        "(func $f (param i32) (if (local.get 0) (then {} {} (drop))))",
        repeat("(i64.load (local.get 0))", 1_000),
        repeat("(i64.add)", 999)
    );
    let table = "(type $t (func)) (table 1 1 funcref) (elem (i32.const 0) $f) (func $f)";
    let down = |call| {
        format!("(func $f (param i32) (if (local.get 0) (then ({call} $f (i32.sub (local.get 0) (i32.const 1))))))")
    };
    let mut probes = vec![
        Probe::new("call of nothing", "(call $f)").fields("(func $f)"),
        Probe::new("call with 8 parameters", format!("(call $f {arguments})")).fields(eight),
        Probe::new("call with 16 results", format!("(call $f) {}", repeat("drop ", 16))).fields(sixteen),
        Probe::new("call of a function with 1,000 operands", "(call $f (local.get $zero))").fields(wide),
        Probe::new("call_indirect", "(call_indirect (type $t) (i32.const 0))").fields(table),
        Probe::new("call, each of 1,000 deep", "(call $f (i32.const 1000))")
            .fields(down("call"))
            .each_of(1_000)
            .times(1, 100),
        Probe::new("return_call, each of 1,000", "(call $f (i32.const 1000))")
            .fields(down("return_call"))
            .each_of(1_000)
            .times(1, 100),
    ];
    for locals in [16, 64, 256, 1_023] {
        let function = format!("(func $f (local {}))", repeat("i64 ", locals));
        probes.push(Probe::new(format!("call of a function with {locals} locals"), "(call $f)").fields(function));
    }
    probes
}
