//! Real cache bytes, and compile memory against the cache's count: what a compiled module keeps of the host's memory,
//! counted by an allocator, beside what the module cache takes it for.
//!
//! One test at a time: the allocator counts for the whole process.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests panic to fail and count what is small"
)]

use cap::Cap;
use lockstep_vm::{
    Abi, Bytes, CodeId, Revision, Vm,
    engine::{Engine, wasmi::Wasmi},
    module::ValidModule,
};
use std::{alloc::System, sync::Arc};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes of the large modules.
const SIZE: usize = 60_000;

/// A name, types before the first function's, the locals of the functions, instructions before the units, a unit, and
/// instructions behind them.
type Shape = (&'static str, &'static str, &'static str, String, String, String);

/// Shapes whose translation is large, slow, or leaves much in the translator's buffers.
fn shapes() -> Vec<Shape> {
    [units(), rewritten(), operands()].concat()
}

/// The locals of most functions here.
const LOCALS: &str = "(local i32 i64 f64)";

/// A unit again and again, with nothing around it.
fn units() -> Vec<Shape> {
    [
        ("additions", "local.get 0 local.get 0 i32.add local.set 0 "),
        ("constants", "i64.const 0x3fffffffffffffff drop "),
        ("blocks", "block end "),
        ("loops", "loop end "),
        ("ifs", "local.get 0 if end "),
        ("ifs with else", "local.get 0 if else end "),
        ("ifs on constants", "i32.const 0 if else end "),
        ("ifs with a result", "local.get 0 if (result i32) local.get 0 else local.get 0 end drop "),
        ("branches", "block local.get 0 br_if 0 end "),
        ("branches with a value", "block (result i32) local.get 0 local.get 0 br_if 0 end drop "),
        ("branch tables", "block local.get 0 br_table 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 end "),
        ("stores", "local.get 0 local.get 0 i32.store "),
        ("far stores", "local.get 0 local.get 0 i32.store offset=70000 "),
        ("far loads", "local.get 0 i32.load offset=70000 drop "),
        ("loads outside", "i32.const 0 i32.load offset=0xffffffff drop "),
        ("choices", "local.get 0 local.get 0 local.get 0 i32.eqz select drop "),
        ("divisions by zero", "local.get 0 i32.const 0 i32.div_s drop "),
        ("copies", "local.get 0 local.get 0 local.get 0 memory.copy "),
        ("calls", "call 0 "),
        ("conversions", "local.get 0 f64.convert_i32_s i32.trunc_f64_s drop "),
    ]
    .into_iter()
    .map(|(name, unit)| (name, "", LOCALS, String::new(), unit.to_owned(), String::new()))
    .collect()
}

/// Modules that are rewritten, where what a unit costs is paid for in another place.
fn rewritten() -> Vec<Shape> {
    vec![
        ("nops behind a constant if", "", LOCALS, "i32.const 0 if end ".into(), "nop ".repeat(8), String::new()),
        (
            "reads of a global behind a constant if",
            "(global (mut i32) (i32.const 0))",
            "(local i32)",
            "i32.const 0 if end ".into(),
            "global.get 0 drop ".into(),
            String::new(),
        ),
        (
            "branches behind a table that leaves an operand behind",
            "(type $t (func (result i32 i32)))",
            "(local i32)",
            "block (type $t) local.get 0 local.get 0 local.get 0 local.get 0 br_table 0 0 end drop drop ".into(),
            "block br 0 end ".into(),
            String::new(),
        ),
        ("growths", "", LOCALS, "i32.const 0 ".into(), "memory.grow nop nop nop nop nop nop ".into(), "drop ".into()),
        (
            "tables that leave an operand behind",
            "(type $t (func (result i32 i32)))",
            "(local i32)",
            String::new(),
            "block (type $t) local.get 0 local.get 0 local.get 0 local.get 0 br_table 0 0 end drop drop ".into(),
            String::new(),
        ),
    ]
}

/// Units that work on operands which stand below them.
fn operands() -> Vec<Shape> {
    let get = |count: usize| "local.get 0 ".repeat(count);
    vec![
        ("preserved locals", "", LOCALS, get(900), "i32.const 1 local.set 0 ".into(), "drop ".repeat(900)),
        (
            "locals read and written",
            "",
            LOCALS,
            String::new(),
            format!("{}{}", get(100), "local.set 0 ".repeat(100)),
            String::new(),
        ),
        (
            "branches with four values",
            "(type $t (func (result i32 i32 i32 i32)))",
            "(local i32)",
            format!("block (type $t) {}", get(4)),
            format!("local.get 0 br_if 0 {}", "nop ".repeat(5)),
            "end drop drop drop drop ".into(),
        ),
        (
            "ifs with two parameters",
            "(type $t (func (param i32 i32) (result i32 i32)))",
            "(local i32)",
            get(2),
            format!("local.get 0 if (type $t) end {}", "nop ".repeat(4)),
            "drop drop ".into(),
        ),
        (
            "loops with two parameters",
            "(type $t (func (param i32 i32) (result i32 i32)))",
            "(local i32)",
            get(2),
            format!("loop (type $t) end {}", "nop ".repeat(6)),
            "drop drop ".into(),
        ),
    ]
}

/// A contract with functions of that shape, of about `size` bytes.
fn module((_, types, locals, before, unit, after): &Shape, size: usize) -> Bytes {
    let text = |functions: usize, units: usize| {
        let function = format!("(func {locals} {before} {} {after})", unit.repeat(units));
        wat::parse_str(format!(
            "(module {types} (memory (export \"memory\") 1) (func (export \"main\")) {})",
            function.repeat(functions)
        ))
        .unwrap()
    };
    // The bytes of a unit, by two modules.
    let each = (text(1, 1_100).len() - text(1, 100).len()) / 1_000;
    text(3, size / 3 / each.max(1)).into()
}

/// Contracts of ABI `json` with ticks below and above operands, of about `size` bytes.
fn ticks(size: usize) -> Vec<(String, Abi, Bytes)> {
    let tick = "call $tick nop nop nop nop nop nop ";
    let pushed = |count: usize| format!("{}{tick}{}", "local.get 0 ".repeat(count), "drop ".repeat(count));
    [("ticks", tick.to_owned()), ("ticks above a local", pushed(1)), ("ticks above 900 locals", pushed(900))]
        .into_iter()
        .map(|(name, unit)| {
            let text = |units: usize| {
                wat::parse_str(format!(
                    "(module (import \"env\" \"gas_tick\" (func $tick)) (memory (export \"memory\") 1)
                     (func (export \"main\") (local i32) {}))",
                    unit.repeat(units)
                ))
                .unwrap()
            };
            let each = (text(11).len() - text(1).len()) / 10;
            (name.to_owned(), Abi::Json, text(size / each).into())
        })
        .collect()
}

/// Modules with much of everything beside bodies.
fn declarations() -> Vec<(String, Bytes)> {
    let module = |fields: String| -> Bytes {
        let text = format!("(module {fields} (memory (export \"memory\") 1) (func (export \"main\")))");
        wat::parse_str(text).unwrap().into()
    };
    let pad = |bytes: usize| format!("(@custom \"p\" \"{}\")", "x".repeat(bytes));
    vec![
        ("the smallest".into(), module(String::new())),
        ("functions".into(), module(format!("{} {}", pad(72_000), "(func)".repeat(9_000)))),
        ("globals".into(), module("(global i32 (i32.const 7))".repeat(1_000))),
        (
            "sums".into(),
            module(format!("(global i32 (i32.const 7){})", " (i32.const 1) (i32.add)".repeat(3)).repeat(1_000)),
        ),
        ("segments".into(), module("(data (i32.const 0) \"0123456789\")".repeat(1_000))),
        (
            "elements".into(),
            module(format!("(table 4096 funcref) (elem funcref {})", "(ref.null func)".repeat(10_000))),
        ),
        ("types".into(), {
            let parameter = |number: usize, at: usize| if number >> (at % 10) & 1 == 0 { "i32 " } else { "i64 " };
            let ty = |number| (0..32).map(|at| parameter(number, at)).collect::<String>();
            module((0..1_000).map(|number| format!("(type (func (param {})))", ty(number))).collect())
        }),
        (
            "exports".into(),
            module((0..90).map(|name| format!("(func (export \"export {name}\"))")).collect::<String>() + &pad(1_000)),
        ),
    ]
}

fn modules() -> Vec<(String, Abi, Bytes)> {
    let large = shapes().into_iter().map(|shape| (shape.0.to_owned(), module(&shape, SIZE)));
    let small = shapes().into_iter().map(|shape| (format!("{}, small", shape.0), module(&shape, 3_000)));
    let contracts = large.chain(small).chain(declarations());
    contracts.map(|(name, code)| (name, Abi::Ewasm, code)).chain(ticks(SIZE)).collect()
}

/// What one more compiled module keeps, its code included, and what it is taken for.
fn kept_and_counted(engine: &Wasmi, name: &str, abi: Abi, code: &Bytes) -> (u64, u64) {
    let before = ALLOCATOR.allocated();
    let own = Bytes::copy_from_slice(code);
    let valid = ValidModule::parse(own, abi, &Revision::V1).unwrap_or_else(|error| panic!("{name}: {error}"));
    let compiled = engine.compile(&valid).unwrap_or_else(|error| panic!("{name}: {error}"));
    let kept = ALLOCATOR.allocated() - before;
    let counted = valid.compiled_bytes();
    drop((compiled, valid));
    (kept as u64, counted)
}

/// No shape keeps more than it is counted as, and those that keep the most for their size are counted within a quarter.
fn every_module_is_counted_in_full() {
    let engine = Wasmi::new(Arc::new(Revision::V1)).unwrap();
    let mut rows = Vec::new();
    for (name, abi, code) in modules() {
        let (kept, counted) = kept_and_counted(&engine, &name, abi, &code);
        assert!(kept <= counted, "{name}: {kept} bytes are kept and {counted} are counted");
        if code.len() > 30_000 {
            rows.push((kept * 100 / code.len() as u64, kept, counted, name));
        }
    }
    rows.sort_unstable();
    // The five that keep the most for each byte of code.
    for (_, kept, counted, name) in rows.iter().rev().take(5) {
        assert!(counted * 4 <= kept * 5, "{name}: {kept} bytes are kept and {counted} are counted");
    }
    let most = rows.last().unwrap();
    assert!(most.0 <= 3_000, "{}: {} hundredths of a byte for each byte of code", most.3, most.0);
}

/// A cache that many different modules went through holds no more than it may.
fn a_cache_holds_what_it_says() {
    const CACHE_BYTES: usize = 1 << 20;
    for (name, abi, code) in modules().into_iter().filter(|(_, _, code)| code.len() > 30_000) {
        let before = ALLOCATOR.allocated();
        let vm = Vm::<Wasmi>::with_engine(Revision::V1, CACHE_BYTES as u64).unwrap();
        for copy in 0..8_u8 {
            // A custom section makes another code of it.
            let code: Bytes = [&code[..], &[0, 3, 1, b'n', copy]].concat().into();
            vm.check_code(CodeId::of(&code, abi), &code).unwrap();
        }
        let kept = ALLOCATOR.allocated() - before;
        assert!(kept <= CACHE_BYTES + CACHE_BYTES / 4, "{name}: {kept} bytes in a cache of {CACHE_BYTES}");
    }
}

/// Several threads that compile one code at once leave one module in the cache.
fn threads_leave_one_module() {
    let code = module(&shapes()[0], SIZE);
    let id = CodeId::of(&code, Abi::Ewasm);
    let vm = Vm::<Wasmi>::with_engine(Revision::V1, 1 << 30).unwrap();
    let before = ALLOCATOR.allocated();
    vm.check_code(id, &code).unwrap();
    let one = ALLOCATOR.allocated() - before;
    drop(vm);
    let vm = Vm::<Wasmi>::with_engine(Revision::V1, 1 << 30).unwrap();
    let before = ALLOCATOR.allocated();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| vm.check_code(id, &code).unwrap());
        }
    });
    let all = ALLOCATOR.allocated() - before;
    assert!(all <= one + one / 4, "{all} bytes are kept, {one} by one thread");
}

/// What compiling takes for a while is bounded by the bytes of the code: counted with a limit on the process's memory that
/// it must not meet.
fn compiling_is_bounded() {
    let engine = Wasmi::new(Arc::new(Revision::V1)).unwrap();
    for (name, abi, code) in modules().into_iter().filter(|(_, _, code)| code.len() > 30_000) {
        let limit = ALLOCATOR.allocated() + PEAK_BYTES_PER_BYTE * code.len();
        ALLOCATOR.set_limit(limit).unwrap();
        let valid = ValidModule::parse(code, abi, &Revision::V1).unwrap();
        let compiled = engine.compile(&valid);
        ALLOCATOR.set_limit(usize::MAX).unwrap();
        assert!(compiled.is_ok(), "{name}");
    }
}

/// Bytes that compiling takes at its peak for each byte of code.
const PEAK_BYTES_PER_BYTE: usize = 256;

#[test]
fn real_cache_bytes() {
    every_module_is_counted_in_full();
    a_cache_holds_what_it_says();
    threads_leave_one_module();
    compiling_is_bounded();
}
