//! Control, variables and calls: values that branches move, branches that cannot be foreseen, locals that calls clear.

use super::Shape;
use core::fmt::Write as _;

/// Values that a block, a branch or a result can have, and parameters.
const RESULTS: usize = 16;
const PARAMETERS: usize = 32;

/// A number that the processor cannot foresee, in `$i`.
const DIE: &str = "(local.set $i (i32.add (i32.mul (local.get $i) (i32.const 1664525)) (i32.const 1013904223)))";

/// The upper bits of `$i`, below `sides`, a power of 2.
fn rolled(sides: u32) -> String {
    format!("(i32.and (i32.shr_u (local.get $i) (i32.const 16)) (i32.const {}))", sides - 1)
}

fn results(count: usize) -> String {
    format!("(result {})", "i64 ".repeat(count))
}

fn values(count: usize) -> String {
    "(local.get $k)".repeat(count)
}

pub(super) fn unreachable() -> Vec<Shape> {
    vec![Shape::new("never reached", "(block (br 0) (unreachable))")]
}

pub(super) fn nop() -> Vec<Shape> {
    vec![Shape::new("many", "(nop)").copies(1_000)]
}

pub(super) fn block() -> Vec<Shape> {
    let values = format!("(block {} {}) {}", results(RESULTS), values(RESULTS), "(drop)".repeat(RESULTS));
    let parameters = format!("(param {})", "i64 ".repeat(RESULTS));
    let through = format!("(block {parameters} {} (br 0)) ", results(RESULTS)).repeat(20);
    vec![
        Shape::new("empty", "(block)"),
        Shape::new("16 results", values),
        Shape::new("16 parameters, left by a branch", rotated(&through)).copies(1),
    ]
}

/// Puts 16 values on the stack, lets `body` pass them on, and drops them.
fn rotated(body: &str) -> String {
    format!("{} {body} {}", values(RESULTS), "(drop)".repeat(RESULTS))
}

pub(super) fn loops() -> Vec<Shape> {
    let parameters = format!("(param {}) {}", "i64 ".repeat(RESULTS), results(RESULTS));
    let passed = format!(
        "(local.set $j (i32.const 100)) {} (loop $l {parameters}
           (br_if $l (local.tee $j (i32.sub (local.get $j) (i32.const 1))))) {}",
        values(RESULTS),
        "(drop)".repeat(RESULTS)
    );
    let moved = format!(
        "(local.set $j (i32.const 100)) {} (loop $l (param {}) (local.get $k)
           (br_if $l (local.tee $j (i32.sub (local.get $j) (i32.const 1)))) {})",
        values(PARAMETERS),
        "i64 ".repeat(PARAMETERS),
        "(drop)".repeat(PARAMETERS + 1)
    );
    vec![
        Shape::new("entered", "(loop)"),
        Shape::new("16 parameters that stay", passed).copies(1),
        Shape::new("32 parameters that all move", moved).copies(1),
        Shape::new("16 parameters, entered", rotated(&format!("(loop {parameters})").repeat(20))).copies(1),
    ]
}

pub(super) fn ifs() -> Vec<Shape> {
    let parameters = format!("(param {}) {}", "i64 ".repeat(RESULTS), results(RESULTS));
    let moved = format!("(local.get $j) (if {parameters} (then (drop) (local.get $l)))").repeat(20);
    vec![
        Shape::new("then", "(if (local.get $j) (then))"),
        Shape::new("else", "(if (local.get $zero) (then) (else))"),
        Shape::new("a coin", format!("{DIE} (if {} (then (nop)) (else (nop)))", rolled(2))),
        Shape::new("16 parameters", rotated(&moved)).copies(1),
    ]
}

pub(super) fn end() -> Vec<Shape> {
    vec![Shape::new("of many blocks", format!("{}{}", "(block ".repeat(500), ")".repeat(500))).copies(1)]
}

pub(super) fn branches() -> Vec<Shape> {
    let with_values = format!("(block {} {} (br 0)) {}", results(RESULTS), values(RESULTS), "(drop)".repeat(RESULTS));
    vec![Shape::new("no value", "(block (br 0))"), Shape::new("16 values", with_values)]
}

pub(super) fn conditional_branches() -> Vec<Shape> {
    let untaken = format!(
        "(block {} {} {}) {}",
        results(RESULTS),
        values(RESULTS),
        "(br_if 0 (local.get $zero))".repeat(50),
        "(drop)".repeat(RESULTS)
    );
    let taken = format!(
        "(block {} (local.get $l) {} (br_if 0 (local.get $j)) (drop)) {}",
        results(RESULTS),
        values(RESULTS),
        "(drop)".repeat(RESULTS)
    );
    vec![
        Shape::new("not taken", "(block (br_if 0 (local.get $zero)))"),
        Shape::new("taken", "(block (br_if 0 (local.get $j)))"),
        Shape::new("a coin", format!("{DIE} (block (br_if 0 {}))", rolled(2))),
        Shape::new("16 values, not taken", untaken).copies(1),
        Shape::new("16 values that move, taken", taken),
    ]
}

/// A branch table with `targets` targets, each a block with something to do behind it: in a loop, which is paid for only
/// where it is entered.
fn table_of(targets: u32, index: &str) -> String {
    let labels = (0..targets).fold(String::new(), |mut text, label| {
        let _ = write!(text, "{label} ");
        text
    });
    let inner = format!("(br_table {labels} 0 {index})");
    (0..targets).fold(inner, |inner, number| {
        let sum = format!("(local.set $k (i64.add (local.get $k) (i64.const {number})))");
        format!("(block {inner} (loop {sum} (br {})))", targets - number)
    })
}

pub(super) fn branch_tables() -> Vec<Shape> {
    let same = format!("(block (br_table {} (local.get $j)))", "0 ".repeat(4_096));
    let with_values = format!(
        "(block {} {} (br_table 0 0 (local.get $j))) {}",
        results(RESULTS),
        values(RESULTS),
        "(drop)".repeat(RESULTS)
    );
    let around = format!(
        "(local.set $j (i32.const 100)) (block $out {} (loop $l (param {}) (local.get $k)
           (br_if $out (i32.eqz (local.tee $j (i32.sub (local.get $j) (i32.const 1)))))
           (br_table $l $l (local.get $zero))))",
        values(PARAMETERS),
        "i64 ".repeat(PARAMETERS),
    );
    vec![
        Shape::new("one target", "(block (br_table 0 (local.get $j)))"),
        Shape::new("4,096 targets that are one", same).copies(4),
        Shape::new("a die of 16", format!("{DIE} {}", table_of(16, &rolled(16)))).copies(1),
        Shape::new("a die of 512", format!("{DIE} (block {})", table_of(512, &rolled(512)))).copies(1),
        Shape::new("16 values", with_values),
        Shape::new("32 parameters that all move", around).copies(1),
    ]
}

pub(super) fn returns() -> Vec<Shape> {
    let with_results = format!("(func $f {} (return {}))", results(RESULTS), "(i64.const 7)".repeat(RESULTS));
    vec![
        Shape::new("nothing", "(call $f)").fields("(func $f (return))"),
        Shape::new("16 results", format!("(call $f) {}", "(drop)".repeat(RESULTS))).fields(with_results),
    ]
}

/// A function to call.
struct Callee {
    what: String,
    /// Its parameters and results.
    ty: String,
    /// Its locals and instructions.
    body: String,
    arguments: String,
    results: usize,
}

impl Callee {
    fn new(what: impl Into<String>, ty: String, body: String, arguments: String, results: usize) -> Self {
        Self { what: what.into(), ty, body, arguments, results }
    }

    /// Calls of it, with what `operator` needs beside the arguments and the module beside the function.
    fn called(&self, operator: &str, index: &str, fields: &str) -> Shape {
        let Self { what, ty, body, arguments, results } = self;
        let drops = "(drop)".repeat(*results);
        let body = format!("(func $f {ty} {body}) {fields}");
        Shape::new(what, format!("({operator} {arguments} {index}) {drops}").replace("TYPE", ty)).fields(body)
    }
}

fn callees() -> Vec<Callee> {
    let parameters = |count| format!("(param {})", "i64 ".repeat(count));
    let loads = format!("{} {} (drop)", "(i64.load (local.get 0))".repeat(1_000), "(i64.add)".repeat(999));
    let wide = format!("(if (local.get 0) (then {loads}))");
    let through: String = (0..RESULTS).map(|number| format!("(local.get {number})")).collect();
    let both = format!("{} {}", parameters(RESULTS), results(RESULTS));
    let mut callees = vec![
        Callee::new("nothing", String::new(), String::new(), String::new(), 0),
        Callee::new("32 parameters", parameters(PARAMETERS), String::new(), values(PARAMETERS), 0),
        Callee::new("16 parameters and results", both, through, values(RESULTS), RESULTS),
        Callee::new("1,000 operands", "(param i32)".into(), wide, "(local.get $zero)".into(), 0),
    ];
    for locals in [16, 64, 256, 1_023] {
        let declared = format!("(local {})", "i64 ".repeat(locals));
        callees.push(Callee::new(format!("{locals} locals"), String::new(), declared, String::new(), 0));
    }
    callees
}

pub(super) fn calls() -> Vec<Shape> {
    let mut shapes: Vec<_> = callees().iter().map(|callee| callee.called("call $f", "", "")).collect();
    for (what, locals) in [("1,000 deep", 0), ("1,000 deep with 1,000 locals", 1_000)] {
        let declared = format!("(local {})", "i64 ".repeat(locals));
        let down = format!(
            "(func $f (param i32) {declared} (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))))"
        );
        shapes.push(Shape::new(what, "(call $f (i32.const 1000))").fields(down).copies(1));
    }
    shapes
}

/// A table of `functions` functions that differ, and calls of them at random.
fn scattered(functions: u32, operations: usize) -> Shape {
    let mut fields =
        format!("(type $t (func)) (table {functions} {functions} funcref) (global $g (mut i64) (i64.const 1))");
    let mut names = String::new();
    for number in 0..functions {
        let add = format!("(global.set $g (i64.add (global.get $g) (i64.const {number})))").repeat(operations);
        let _ = write!(fields, "(func $f{number} {add})");
        let _ = write!(names, "$f{number} ");
    }
    let _ = write!(fields, "(elem (i32.const 0) func {names})");
    let body = format!("{DIE} (call_indirect (type $t) {})", rolled(functions));
    Shape::new(format!("a die of {functions} functions of {operations} sums"), body).fields(fields)
}

pub(super) fn indirect_calls() -> Vec<Shape> {
    let table = "(table 1 1 funcref) (elem (i32.const 0) $f)";
    let callees = callees();
    let mut shapes: Vec<_> =
        callees.iter().map(|callee| callee.called("call_indirect TYPE", "(i32.const 0)", table)).collect();
    shapes.push(scattered(16, 1));
    shapes.push(scattered(4_096, 1));
    shapes.push(scattered(4_096, 8));
    shapes
}

pub(super) fn tail_calls() -> Vec<Shape> {
    let down = |locals: usize| {
        format!(
            "(func $f (param i32) (local {})
               (if (local.get 0) (then (return_call $f (i32.sub (local.get 0) (i32.const 1))))))",
            "i64 ".repeat(locals)
        )
    };
    [0, 1_000]
        .map(|locals| {
            let shape = Shape::new(format!("1,000 in a row with {locals} locals"), "(call $f (i32.const 1000))");
            shape.fields(down(locals)).copies(1)
        })
        .into()
}

pub(super) fn indirect_tail_calls() -> Vec<Shape> {
    let down = |locals: usize| {
        format!(
            "(table 1 1 funcref) (elem (i32.const 0) $f)
             (func $f (param i32) (local {}) (if (local.get 0) (then
               (return_call_indirect (param i32) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))",
            "i64 ".repeat(locals)
        )
    };
    [0, 1_000]
        .map(|locals| {
            let shape = Shape::new(format!("1,000 in a row with {locals} locals"), "(call $f (i32.const 1000))");
            shape.fields(down(locals)).copies(1)
        })
        .into()
}

pub(super) fn drops() -> Vec<Shape> {
    vec![Shape::new("16 values", format!("{} {}", values(RESULTS), "(drop)".repeat(RESULTS)))]
}

pub(super) fn selects(typed: bool) -> Vec<Shape> {
    let ty = if typed { "(result i64)" } else { "" };
    let select = |condition: &str| format!("(drop (select {ty} (local.get $k) (local.get $l) {condition}))");
    vec![
        Shape::new("the same again", select("(local.get $j)")),
        Shape::new("a coin", format!("{DIE} {}", select(&rolled(2)))),
    ]
}

pub(super) fn locals(operator: &str) -> Vec<Shape> {
    let swap = "(local.get $i) (local.get $j) (local.set $i) (local.set $j)";
    let pushed = format!("{} (local.set $k (i64.const 1)) {}", "(local.get $k)".repeat(900), "(drop)".repeat(900));
    match operator {
        "local.get" => vec![
            Shape::new("dropped", "(drop (local.get $i))"),
            Shape::new("900 of one that changes", pushed).copies(1),
        ],
        "local.set" => vec![Shape::new("copied", "(local.set $i (local.get $j))"), Shape::new("swapped", swap)],
        _ => vec![Shape::new("copied", "(local.set $i (local.tee $j (local.get $turns)))")],
    }
}

pub(super) fn globals(operator: &str) -> Vec<Shape> {
    let body = if operator == "global.get" { "(drop (global.get $g))" } else { "(global.set $g (local.get $k))" };
    let last = body.replace("$g", "$last");
    let many = (0..998).fold(String::new(), |text, _| text + "(global (mut i64) (i64.const 1))");
    vec![
        Shape::new("the only one", body).fields("(global $g (mut i64) (i64.const 7))"),
        Shape::new("the last of 999", last).fields(format!("{many} (global $last (mut i64) (i64.const 7))")),
    ]
}
