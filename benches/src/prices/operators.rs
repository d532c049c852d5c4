//! Probes of Wasm operators.
//!
//! Each stands where it is cheapest in gas for its work: in a chain where the result of one is the operand of the next,
//! or dropped at once, for `drop` costs nothing.

use super::{Comparison, Probe, Row};

/// Operators in a chain.
const CHAIN: u32 = 16;

/// Measures every class of operators.
///
/// # Errors
///
/// If a probe is not valid.
pub fn measure(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let mut probes = Vec::new();
    integers(&mut probes);
    floats(&mut probes);
    conversions(&mut probes);
    variables(&mut probes);
    memory(&mut probes);
    control(&mut probes);
    bulk(&mut probes);
    Comparison::measure(&[], &probes, rounds)
}

/// `operator` on `local`, on the result of that, and so on.
fn unary(probes: &mut Vec<Probe>, value: &str, local: &str, operators: &[&str]) {
    for operator in operators {
        let chain = (0..CHAIN).fold(format!("(local.get {local})"), |inner, _| format!("({value}.{operator} {inner})"));
        let body = format!("(local.set {local} {chain})");
        probes.push(Probe::new(format!("{value}.{operator}"), body, CHAIN).times(4, 1_000));
    }
}

/// `operator` on the two locals, on the result of that and the second, and so on.
fn binary(probes: &mut Vec<Probe>, value: &str, [first, second]: [&str; 2], operators: &[&str]) {
    for operator in operators {
        let start = format!("(local.get {first})");
        let chain = (0..CHAIN).fold(start, |inner, _| format!("({value}.{operator} {inner} (local.get {second}))"));
        let body = format!("(drop {chain})");
        probes.push(Probe::new(format!("{value}.{operator}"), body, CHAIN).times(4, 1_000));
    }
}

/// Operators whose result is of another type than their operands.
fn dropped(probes: &mut Vec<Probe>, operands: &str, operators: &[&str]) {
    for operator in operators {
        probes.push(Probe::new(*operator, format!("(drop ({operator} {operands}))"), 1));
    }
}

const ARITHMETIC: [&str; 11] = ["add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr"];
const DIVISIONS: [&str; 4] = ["div_s", "div_u", "rem_s", "rem_u"];
const COMPARISONS: [&str; 6] = ["eq", "ne", "lt_s", "lt_u", "ge_s", "ge_u"];

fn integers(probes: &mut Vec<Probe>) {
    binary(probes, "i32", ["$i", "$j"], &ARITHMETIC);
    binary(probes, "i64", ["$k", "$l"], &ARITHMETIC);
    for operator in DIVISIONS {
        dropped(probes, "(local.get $i) (local.get $j)", &[&format!("i32.{operator}")]);
        dropped(probes, "(local.get $k) (local.get $l)", &[&format!("i64.{operator}")]);
    }
    binary(probes, "i32", ["$i", "$j"], &COMPARISONS);
    for operator in COMPARISONS {
        dropped(probes, "(local.get $k) (local.get $l)", &[&format!("i64.{operator}")]);
    }
    unary(probes, "i32", "$i", &["clz", "ctz", "popcnt", "eqz", "extend8_s", "extend16_s"]);
    unary(probes, "i64", "$k", &["clz", "ctz", "popcnt", "extend8_s", "extend16_s", "extend32_s"]);
    dropped(probes, "(local.get $k)", &["i64.eqz"]);
}

fn floats(probes: &mut Vec<Probe>) {
    for (value, locals) in [("f32", ["$f", "$g"]), ("f64", ["$d", "$e"])] {
        binary(probes, value, locals, &["add", "sub", "mul", "div", "min", "max", "copysign"]);
        unary(probes, value, locals[0], &["abs", "neg", "sqrt", "ceil", "floor", "trunc", "nearest"]);
        let operands = format!("(local.get {}) (local.get {})", locals[0], locals[1]);
        for operator in ["eq", "lt", "ge"] {
            dropped(probes, &operands, &[&format!("{value}.{operator}")]);
        }
    }
}

fn conversions(probes: &mut Vec<Probe>) {
    for (from, local) in [("f32", "$f"), ("f64", "$d")] {
        for to in ["i32", "i64"] {
            for (kind, sign) in [("trunc", "s"), ("trunc", "u"), ("trunc_sat", "s"), ("trunc_sat", "u")] {
                dropped(probes, &format!("(local.get {local})"), &[&format!("{to}.{kind}_{from}_{sign}")]);
            }
        }
    }
    for (from, local) in [("i32", "$i"), ("i64", "$k")] {
        for operator in ["f32.convert", "f64.convert"] {
            for sign in ["s", "u"] {
                dropped(probes, &format!("(local.get {local})"), &[&format!("{operator}_{from}_{sign}")]);
            }
        }
    }
    dropped(probes, "(local.get $i)", &["i64.extend_i32_s", "i64.extend_i32_u", "f32.reinterpret_i32"]);
    dropped(probes, "(local.get $k)", &["i32.wrap_i64", "f64.reinterpret_i64"]);
    dropped(probes, "(local.get $f)", &["f64.promote_f32", "i32.reinterpret_f32"]);
    dropped(probes, "(local.get $d)", &["f32.demote_f64", "i64.reinterpret_f64"]);
}

fn variables(probes: &mut Vec<Probe>) {
    probes.push(Probe::new("local.get, local.set", "(local.set $i (local.get $j))", 2));
    probes.push(Probe::new("const, local.set", "(local.set $i (i32.const 7))", 2));
    probes.push(Probe::new("local.tee twice", "(local.set $i (local.tee $j (local.get $turns)))", 3));
    let swap = "(local.get $i) (local.get $j) (local.set $i) (local.set $j)";
    probes.push(Probe::new("swap of two locals", swap, 4));
    let global = "(global $global (mut i64) (i64.const 7))";
    probes.push(Probe::new("global.get", "(local.set $k (global.get $global))", 1).fields(global));
    probes.push(Probe::new("global.set", "(global.set $global (local.get $k))", 1).fields(global));
    let select =
        "(drop (select (select (local.get $i) (local.get $j) (local.get $j)) (local.get $j) (local.get $turns)))";
    probes.push(Probe::new("select", select, 2));
    probes.push(Probe::new("f64.const", "(local.set $d (f64.const 7))", 1));
    let funcs = "(func $nothing) (elem declare func $nothing)";
    probes.push(Probe::new("ref.func, ref.is_null", "(drop (ref.is_null (ref.func $nothing)))", 2).fields(funcs));
    probes.push(Probe::new("ref.null, ref.is_null", "(drop (ref.is_null (ref.null func)))", 2));
}

fn memory(probes: &mut Vec<Probe>) {
    let address = "(i32.and (local.get $turns) (i32.const 1023))";
    for operator in ["i32.load", "i64.load", "f32.load", "f64.load", "i32.load8_s", "i32.load16_u", "i64.load32_s"] {
        dropped(probes, "(local.get $turns)", &[operator]);
    }
    let chain = (0..CHAIN).fold("(i32.const 0)".to_owned(), |inner, _| format!("(i32.load {inner})"));
    probes.push(Probe::new("i32.load, each the address of the next", format!("(drop {chain})"), CHAIN).times(4, 1_000));
    for (operator, value) in [
        ("i32.store", "$i"),
        ("i64.store", "$k"),
        ("f32.store", "$f"),
        ("f64.store", "$d"),
        ("i32.store8", "$i"),
        ("i64.store32", "$k"),
    ] {
        probes.push(Probe::new(operator, format!("({operator} (local.get $turns) (local.get {value}))"), 1));
    }
    probes.push(Probe::new("i64.store with address arithmetic", format!("(i64.store {address} (local.get $k))"), 1));
    probes.push(Probe::new("memory.size", "(drop (memory.size))", 1));
    // A walk through 32 MiB that no cache holds: a linear congruential generator picks the next address.
    let walk = "(local.set $i (i32.and (i32.add (i32.mul (local.get $i) (i32.const 1664525)) (i32.const 1013904223))
        (i32.const 0x1ffffff)))
        (local.set $i (i32.add (local.get $i) (i32.load (local.get $i))))";
    let mut walk = Probe::new("i32.load out of 32 MiB at random, dependent", walk, 1).times(32, 2_000);
    walk.pages = 512;
    probes.push(walk);
    let walk = "(drop (i32.load (local.tee $i (i32.and (i32.add (i32.mul (local.get $i) (i32.const 1664525))
        (i32.const 1013904223)) (i32.const 0x1ffffff)))))";
    let mut walk = Probe::new("i32.load out of 32 MiB at random", walk, 1).times(32, 2_000);
    walk.pages = 512;
    probes.push(walk);
}

fn control(probes: &mut Vec<Probe>) {
    probes.push(Probe::new("block, br", "(block (br 0))", 1));
    probes.push(Probe::new("br_if, not taken", "(br_if 0 (local.get $f_is_zero))".replace("$f_is_zero", "$zero"), 1));
    probes.push(Probe::new("br_if, taken", "(block (br_if 0 (local.get $j)))", 1));
    probes.push(Probe::new("if, then", "(if (local.get $j) (then))", 1));
    probes.push(Probe::new("if, else", "(if (local.get $zero) (then) (else (nop)))", 1));
    probes.push(Probe::new(
        "if (result), then",
        "(drop (if (result i32) (local.get $j) (then (local.get $i)) (else (local.get $j))))",
        1,
    ));
    probes.push(Probe::new("br_table of 1", "(block (br_table 0 (local.get $j)))", 1));
    let targets = "0 ".repeat(4_000);
    let table = format!(
        "(block (br_table {targets} 0 (i32.and (i32.mul (local.get $turns) (i32.const 1237)) (i32.const 2047))))"
    );
    probes.push(Probe::new("br_table of 4,000", table, 1).times(4, 4_000));
    probes.push(Probe::new("call of nothing", "(call $f)", 1).fields("(func $f)"));
    let eight = "(param i64 i64 i64 i64 i64 i64 i64 i64)";
    let arguments = "(local.get $k) ".repeat(8);
    probes.push(
        Probe::new("call with 8 parameters", format!("(call $f {arguments})"), 1).fields(format!("(func $f {eight})")),
    );
    for locals in [16, 128, 1_023] {
        let function = format!("(func $f (local {}))", "i64 ".repeat(locals));
        probes.push(Probe::new(format!("call of a function with {locals} locals"), "(call $f)", 1).fields(function));
    }
    let operands = format!(
        "(func $f (if (i32.eqz (i32.const 1)) (then {} {})))",
        "(i64.const 1)".repeat(1_000),
        "drop ".repeat(1_000)
    );
    let _ = operands;
    let wide = format!(
        "(func $f (param i32) (if (local.get 0) (then {} {} (drop)))) ",
        "(i64.load (local.get 0))".repeat(1_000),
        "(i64.add)".repeat(999)
    );
    probes.push(
        Probe::new("call of a function with 1,000 operands, not used", "(call $f (local.get $zero))", 1).fields(wide),
    );
    let table = "(type $t (func)) (table 1 1 funcref) (elem (i32.const 0) $f) (func $f)";
    probes.push(Probe::new("call_indirect", "(call_indirect (type $t) (i32.const 0))", 1).fields(table));
    let tail = "(func $f (param i32) (if (local.get 0) (then (return_call $f (i32.sub (local.get 0) (i32.const 1))))))";
    probes.push(Probe::new("return_call, 100 of them", "(call $f (i32.const 100))", 100).fields(tail).times(1, 500));
    let deep = "(func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))))";
    probes.push(Probe::new("call, 1,000 deep", "(call $f (i32.const 1000))", 1_000).fields(deep).times(1, 100));
    let results = "i64 ".repeat(16);
    let values = "(local.get $k) ".repeat(16);
    let block = format!("(block (result {results}) {values} (br 0)) {}", "drop ".repeat(16));
    probes.push(Probe::new("br with 16 values", block, 1));
    let function = format!("(func $f (result {results}) {})", "(i64.const 0) ".repeat(16));
    probes.push(Probe::new("call with 16 results", format!("(call $f) {}", "drop ".repeat(16)), 1).fields(function));
}

fn bulk(probes: &mut Vec<Probe>) {
    let data = "(data $d \"0123456789abcdef0123456789abcdef\")";
    for bytes in [0, 15, 256, 4_096, 32_768] {
        let (copies, turns) = if bytes > 256 { (4, 100) } else { (16, 500) };
        let copy = format!("(memory.copy (i32.const 32768) (i32.const 0) (i32.const {bytes}))");
        probes.push(Probe::new(format!("memory.copy of {bytes} bytes"), copy, 1).times(copies, turns));
        let fill = format!("(memory.fill (i32.const 0) (local.get $i) (i32.const {bytes}))");
        probes.push(Probe::new(format!("memory.fill of {bytes} bytes"), fill, 1).times(copies, turns));
    }
    let init = "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 15))";
    probes.push(Probe::new("memory.init of 15 bytes", init, 1).fields(data));
    probes.push(Probe::new("data.drop", "(data.drop $d)", 1).fields(data));
    probes.push(Probe::new("memory.grow by 0", "(drop (memory.grow (i32.const 0)))", 1));
    probes.push(Probe::new("memory.grow by 1 page, to 501", "(drop (memory.grow (i32.const 1)))", 1).times(5, 100));
    probes.push(Probe::new("memory.grow by 500 pages, each", "(drop (memory.grow (i32.const 500)))", 500).times(1, 1));
    let table = "(table $t 4000 4096 funcref) (elem $e func $f $f $f) (func $f)";
    for elements in [0, 3] {
        for (operator, operands) in [
            ("table.init $t $e", "(i32.const 0) (i32.const 0)"),
            ("table.copy", "(i32.const 0) (i32.const 1)"),
            ("table.fill $t", "(i32.const 0) (ref.null func)"),
        ] {
            let body = format!("({operator} {operands} (i32.const {elements}))");
            probes.push(Probe::new(format!("{operator} of {elements}"), body, 1).fields(table));
        }
    }
    for (operator, operands) in
        [("table.copy", "(i32.const 0) (i32.const 1)"), ("table.fill $t", "(i32.const 0) (ref.null func)")]
    {
        let body = format!("({operator} {operands} (i32.const 3000))");
        probes.push(Probe::new(format!("{operator} of 3,000"), body, 1).fields(table).times(4, 50));
    }
    probes.push(Probe::new("table.get", "(drop (table.get $t (local.get $j)))", 1).fields(table));
    probes.push(Probe::new("table.set", "(table.set $t (local.get $j) (ref.null func))", 1).fields(table));
    probes.push(Probe::new("table.size", "(drop (table.size $t))", 1).fields(table));
    probes.push(Probe::new("table.grow by 0", "(drop (table.grow $t (ref.null func) (i32.const 0)))", 1).fields(table));
    probes.push(Probe::new("elem.drop", "(elem.drop $e)", 1).fields(table));
}
