//! Probes of operators on numbers.
//!
//! Each is placed where it is cheapest in gas for its work: in a chain where the result of one is the operand of the next,
//! or dropped at once, for `drop` costs nothing.

use super::Probe;

/// Operators in a chain.
const CHAIN: u32 = 16;

const ARITHMETIC: [&str; 11] = ["add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr"];
const DIVISIONS: [&str; 4] = ["div_s", "div_u", "rem_s", "rem_u"];
const COMPARISONS: [&str; 6] = ["eq", "ne", "lt_s", "lt_u", "ge_s", "ge_u"];

pub(super) fn probes() -> Vec<Probe> {
    let mut probes = Vec::new();
    integers(&mut probes);
    floats(&mut probes);
    conversions(&mut probes);
    probes
}

/// `operator` on `local`, on the result of that, and so on.
fn unary(probes: &mut Vec<Probe>, value: &str, local: &str, operators: &[&str]) {
    for operator in operators {
        let chain = (0..CHAIN).fold(format!("(local.get {local})"), |inner, _| format!("({value}.{operator} {inner})"));
        let probe = Probe::new(format!("{value}.{operator}"), format!("(local.set {local} {chain})"));
        probes.push(probe.each_of(CHAIN).times(4, 1_000));
    }
}

/// `operator` on the two locals, on the result of that and the second, and so on.
fn binary(probes: &mut Vec<Probe>, value: &str, [first, second]: [&str; 2], operators: &[&str]) {
    for operator in operators {
        let start = format!("(local.get {first})");
        let chain = (0..CHAIN).fold(start, |inner, _| format!("({value}.{operator} {inner} (local.get {second}))"));
        let probe = Probe::new(format!("{value}.{operator}"), format!("(drop {chain})"));
        probes.push(probe.each_of(CHAIN).times(4, 1_000));
    }
}

/// Operators of `value` whose result is dropped.
fn dropped(probes: &mut Vec<Probe>, value: &str, locals: &[&str], operators: &[&str]) {
    let operands: String = locals.iter().map(|local| format!("(local.get {local})")).collect();
    for operator in operators {
        let name = format!("{value}.{operator}");
        probes.push(Probe::new(&name, format!("(drop ({name} {operands}))")));
    }
}

fn integers(probes: &mut Vec<Probe>) {
    for (value, locals) in [("i32", ["$i", "$j"]), ("i64", ["$k", "$l"])] {
        binary(probes, value, locals, &ARITHMETIC);
        dropped(probes, value, &locals, &DIVISIONS);
        dropped(probes, value, &locals, &COMPARISONS);
        unary(probes, value, locals[0], &["clz", "ctz", "popcnt", "extend8_s", "extend16_s"]);
        dropped(probes, value, &locals[..1], &["eqz"]);
    }
    unary(probes, "i64", "$k", &["extend32_s"]);
}

fn floats(probes: &mut Vec<Probe>) {
    for (value, locals) in [("f32", ["$f", "$g"]), ("f64", ["$d", "$e"])] {
        binary(probes, value, locals, &["add", "sub", "mul", "div", "min", "max", "copysign"]);
        unary(probes, value, locals[0], &["abs", "neg", "sqrt", "ceil", "floor", "trunc", "nearest"]);
        dropped(probes, value, &locals, &["eq", "lt", "ge"]);
    }
}

fn conversions(probes: &mut Vec<Probe>) {
    for (from, local) in [("f32", "$f"), ("f64", "$d")] {
        for value in ["i32", "i64"] {
            for kind in ["trunc", "trunc_sat"] {
                let [signed, unsigned] = ["s", "u"].map(|sign| format!("{kind}_{from}_{sign}"));
                dropped(probes, value, &[local], &[&signed, &unsigned]);
            }
        }
    }
    for (from, local) in [("i32", "$i"), ("i64", "$k")] {
        for value in ["f32", "f64"] {
            let [signed, unsigned] = ["s", "u"].map(|sign| format!("convert_{from}_{sign}"));
            dropped(probes, value, &[local], &[&signed, &unsigned]);
        }
    }
    dropped(probes, "i64", &["$i"], &["extend_i32_s", "extend_i32_u"]);
    dropped(probes, "i32", &["$k"], &["wrap_i64"]);
    dropped(probes, "f64", &["$f"], &["promote_f32"]);
    dropped(probes, "f32", &["$d"], &["demote_f64"]);
    dropped(probes, "f32", &["$i"], &["reinterpret_i32"]);
    dropped(probes, "i64", &["$d"], &["reinterpret_f64"]);
}
