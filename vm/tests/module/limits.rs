//! Every limit: as many as allowed are accepted, one more is refused with the code, the number and the limit.

use crate::{binary, custom, raw, verdict};
use lockstep_gas::{Abi, Limits, Revision};
use lockstep_vm::module::InvalidCode as C;

/// As many bytes as no limit by bytes is met with.
fn pad() -> String {
    format!("(@custom \"pad\" \"{}\")", "x".repeat(130_000))
}

/// `(module` with `item` so many times.
fn times(before: &str, count: u32, item: &str) -> Vec<u8> {
    binary(&format!("(module {before} {} {})", item.repeat(count as usize), pad()))
}

/// `(module` with functions of `each` items written by `function`, and one for the rest.
fn spread(total: u32, each: u32, function: impl Fn(u32) -> String) -> Vec<u8> {
    let full = function(each).repeat((total / each) as usize);
    binary(&format!("(module {full} {} {})", function(total % each), pad()))
}

fn padded_to(bytes: u32) -> Vec<u8> {
    let empty = raw(&[(0, &custom("pad", &[0; 100_000]))]).len();
    let code = raw(&[(0, &custom("pad", &vec![0; 100_000 + bytes as usize - empty]))]);
    assert_eq!(code.len(), bytes as usize);
    code
}

/// What the revision allows of what the code counts.
fn limit_of(code: C, limits: &Limits) -> u32 {
    match code {
        C::TooManyBytes => limits.code_bytes_max,
        C::TooManyTypes => limits.types_max,
        C::TooManyParameters => limits.parameters_max,
        C::TooManyResults => limits.results_max,
        C::TooManyImports => limits.imports_max,
        C::TooManyFunctions => limits.functions_max,
        C::TooManyModuleParameters => limits.module_parameters_max,
        C::TooManyTables => limits.tables_max,
        C::TooManyTableElements => limits.table_elements_max,
        C::TooManyMemoryPages => limits.memory_pages_max,
        C::TooManyGlobals => limits.globals_max,
        C::TooManyExports => limits.exports_max,
        C::TooManyElementSegments => limits.element_segments_max,
        C::TooManyElements => limits.elements_max,
        C::TooManyBodyBytes => limits.body_bytes_max,
        C::TooManyLocals => limits.locals_max,
        C::TooManyModuleLocals => limits.module_locals_max,
        C::TooManyOperands => limits.operands_max,
        C::TooManyBrTableTargets => limits.br_table_targets_max,
        C::TooManyDataSegments => limits.data_segments_max,
        _ => panic!("{code:?} is not of a limit of the revision"),
    }
}

/// A module with so many.
type Make = fn(u32) -> Vec<u8>;

/// Every code of a limit of the revision, with each way to reach it.
const ROWS: &[(C, Make)] = &[
    (C::TooManyBytes, padded_to),
    (C::TooManyTypes, |n| times("", n, "(type (func))")),
    (C::TooManyParameters, |n| binary(&format!("(module (type (func (param {}))))", "i32 ".repeat(n as usize)))),
    (C::TooManyResults, |n| binary(&format!("(module (type (func (result {}))))", "i64 ".repeat(n as usize)))),
    (C::TooManyImports, |n| times("(type (func (param i64)))", n, "(import \"ethereum\" \"useGas\" (func (type 0)))")),
    (C::TooManyFunctions, |n| times("", n, "(func)")),
    (C::TooManyFunctions, |n| times("(import \"ethereum\" \"useGas\" (func (param i64)))", n - 1, "(func)")),
    (C::TooManyModuleParameters, |n| spread(n, 25, |each| format!("(func (param {}))", "i32 ".repeat(each as usize)))),
    (C::TooManyModuleParameters, |n| {
        let functions = "(func (param i64 i64 i64 i64 i64 i64 i64 i64 i64))".repeat((n / 9) as usize);
        let rest = "i64 ".repeat((n % 9 - 1) as usize);
        let import = "(import \"ethereum\" \"useGas\" (func (param i64)))";
        binary(&format!("(module {import} {functions} (func (param {rest})) {})", pad()))
    }),
    (C::TooManyTables, |n| times("", n, "(table 1 funcref)")),
    (C::TooManyTableElements, |n| binary(&format!("(module (table {n} funcref))"))),
    (C::TooManyTableElements, |n| binary(&format!("(module (table 1 {n} funcref))"))),
    (C::TooManyMemoryPages, |n| binary(&format!("(module (memory {n}))"))),
    (C::TooManyGlobals, |n| times("", n, "(global i32 (i32.const 0))")),
    (C::TooManyExports, |n| {
        let exports: String = (0..n).map(|index| format!("(export \"{index}\" (func 0))")).collect();
        binary(&format!("(module (func) {exports})"))
    }),
    (C::TooManyElementSegments, |n| times("(func)", n, "(elem func 0)")),
    (C::TooManyElements, |n| binary(&format!("(module (func) (elem func {}))", "0 ".repeat(n as usize)))),
    (C::TooManyElements, |n| {
        let (functions, rest) = ("0 ".repeat(n as usize / 2), "(ref.null func)".repeat((n - n / 2) as usize));
        binary(&format!("(module (func) (elem func {functions}) (elem funcref {rest}))"))
    }),
    (C::TooManyBodyBytes, |n| {
        // A count of locals, the operators and their `end`.
        binary(&format!("(module (func {}))", "nop ".repeat(n as usize - 2)))
    }),
    (C::TooManyLocals, |n| {
        binary(&format!("(module (func (param i32 i64) (local {})))", "i32 ".repeat(n as usize - 2)))
    }),
    (C::TooManyModuleLocals, |n| spread(n, 1_000, |each| format!("(func (local {}))", "i64 ".repeat(each as usize)))),
    (C::TooManyModuleLocals, |n| {
        spread(n, 100, |each| match each.checked_sub(1) {
            Some(locals) => format!("(func (param i32) (local {}))", "i64 ".repeat(locals as usize)),
            None => String::new(),
        })
    }),
    (C::TooManyOperands, |n| {
        let (push, pop) = ("i32.const 0 ".repeat(n as usize), "drop ".repeat(n as usize));
        binary(&format!("(module (func {push} {pop}))"))
    }),
    (C::TooManyBrTableTargets, |n| {
        binary(&format!("(module (func i32.const 0 br_table 0 {}))", "0 ".repeat(n as usize)))
    }),
    (C::TooManyDataSegments, |n| times("", n, "(data \"x\")")),
];

#[test]
fn every_code_of_a_limit_has_a_row() {
    let elsewhere =
        [C::TooManyConstOperators, C::TooManyMovedValues, C::TooManyLocalsByBytes, C::TooManyFunctionsByBytes];
    for code in C::ALL.iter().filter(|code| code.is_limit() && !elsewhere.contains(code)) {
        assert!(ROWS.iter().any(|(row, _)| row == code), "{code:?}");
    }
}

//= spec 5.1.6 test
#[test]
fn every_limit_of_v1_admits_what_it_says_and_no_more() {
    for (row, (code, make)) in ROWS.iter().enumerate() {
        let limit = limit_of(*code, &Revision::V1.limits.contract);
        if let Err(violations) = verdict(&make(limit), Abi::Packed, &Revision::V1) {
            panic!("row {row}, {code:?}: {limit} are refused: {}", violations[0]);
        }
        let violations = verdict(&make(limit + 1), Abi::Packed, &Revision::V1).unwrap_err();
        let found: Vec<_> = violations.iter().map(|invalid| (invalid.code, invalid.actual, invalid.limit)).collect();
        assert_eq!(found, [(*code, u64::from(limit) + 1, u64::from(limit))], "row {row}");
    }
}

/// The parser has limits of its own for types; ours are named even beyond those.
#[test]
fn far_too_many_parameters_and_results_are_counted() {
    for count in [1_000_u32, 1_001, 20_000] {
        for (code, keyword) in [(C::TooManyParameters, "param"), (C::TooManyResults, "result")] {
            let module = binary(&format!("(module (type (func ({keyword} {}))))", "i32 ".repeat(count as usize)));
            let violations = verdict(&module, Abi::Packed, &Revision::V1).unwrap_err();
            let first = &violations[0];
            let limit = u64::from(limit_of(code, &Revision::V1.limits.contract));
            assert_eq!((first.code, first.actual, first.limit), (code, u64::from(count), limit), "{count}");
        }
    }
}

/// The same with every limit at a small number, which a mistaken constant in the source would not follow.
#[test]
fn limits_come_from_the_revision() {
    let mut revision = Revision::V1;
    let limits = &mut revision.limits.contract;
    for limit in [
        &mut limits.types_max,
        &mut limits.parameters_max,
        &mut limits.results_max,
        &mut limits.imports_max,
        &mut limits.table_elements_max,
        &mut limits.memory_pages_max,
        &mut limits.globals_max,
        &mut limits.exports_max,
        &mut limits.element_segments_max,
        &mut limits.operands_max,
        &mut limits.br_table_targets_max,
        &mut limits.data_segments_max,
    ] {
        *limit = 7;
    }
    limits.functions_max = 9;
    limits.tables_max = 2;
    limits.body_bytes_max = 100;
    limits.locals_max = 30;
    for (row, (code, make)) in ROWS.iter().enumerate() {
        let limit = limit_of(*code, &revision.limits.contract);
        if matches!(code, C::TooManyBytes | C::TooManyModuleParameters | C::TooManyModuleLocals) {
            continue;
        }
        assert!(verdict(&make(limit), Abi::Packed, &revision).is_ok(), "row {row}");
        let violations = verdict(&make(limit + 1), Abi::Packed, &revision).unwrap_err();
        let found: Vec<_> = violations.iter().map(|invalid| (invalid.code, invalid.actual, invalid.limit)).collect();
        assert_eq!(found, [(*code, u64::from(limit) + 1, u64::from(limit))], "row {row}");
    }
}

#[test]
fn constant_expressions_have_an_odd_number_of_operators() {
    let sums = |operators: u32| "(i32.const 1) (i32.add) ".repeat((operators / 2) as usize);
    for make in [
        (|sums| format!("(module (global i32 (i32.const 0) {sums}))")) as fn(String) -> String,
        |sums| format!("(module (memory 1) (data (offset (i32.const 0) {sums}) \"x\"))"),
        |sums| format!("(module (table 1 funcref) (elem (offset (i32.const 0) {sums}) func))"),
    ] {
        assert!(
            verdict(&binary(&make(sums(Revision::V1.limits.contract.const_operators_max))), Abi::Packed, &Revision::V1)
                .is_ok()
        );
        let max = u64::from(Revision::V1.limits.contract.const_operators_max);
        let code = binary(&make(sums(Revision::V1.limits.contract.const_operators_max + 2)));
        let violations = verdict(&code, Abi::Packed, &Revision::V1).unwrap_err();
        let found: Vec<_> = violations.iter().map(|invalid| (invalid.code, invalid.actual, invalid.limit)).collect();
        assert_eq!(found, [(C::TooManyConstOperators, max + 2, max)]);
    }
}

#[test]
fn a_declared_maximum_of_memory_may_be_above_the_limit() {
    for (memory, accepted) in [("512 512", true), ("1 513", true), ("0 65536", true), ("1", true), ("513 513", false)] {
        let code = binary(&format!("(module (memory {memory}))"));
        assert_eq!(verdict(&code, Abi::Packed, &Revision::V1).is_ok(), accepted, "{memory}");
    }
}

#[test]
fn conformance_limits_are_looked_at_before_the_specification() {
    let revision = Revision::EWASM_BYZANTIUM;
    for (wat, code, actual, limit) in [
        ("(module (type (func (result i32 i32))))", C::TooManyResults, 2, 1),
        ("(module (table 1 funcref) (table 1 funcref))", C::TooManyTables, 2, 1),
        ("(module (table 1000001 funcref))", C::TooManyTableElements, 1_000_001, 1_000_000),
    ] {
        let violations = verdict(&binary(wat), Abi::Ewasm, &revision).unwrap_err();
        let first = &violations[0];
        assert_eq!((first.code, first.actual, first.limit), (code, actual, limit), "{wat}");
    }
}

#[test]
fn check_goes_on_after_a_limit() {
    let (many, few) = ("(global i32 (i32.const 0))".repeat(1_001), "i32.const 0 ".repeat(1_030));
    let wat = format!(
        "(module {many} (memory 600) (func (export \"f\") (local {}) {few} unreachable) (func {few} unreachable)
            (func $named (local {}) {few} unreachable))",
        "i32 ".repeat(1_000),
        "i64 ".repeat(1_025)
    );
    let violations = verdict(&binary(&wat), Abi::Ewasm, &Revision::V1).unwrap_err();
    let found: Vec<_> =
        violations.iter().map(|invalid| (invalid.code, invalid.actual, invalid.detail.as_str())).collect();
    assert_eq!(
        found,
        [
            (C::TooManyMemoryPages, 600, ""),
            (C::TooManyGlobals, 1_001, ""),
            (C::TooManyOperands, 1_025, "function 0"),
            (C::TooManyOperands, 1_025, "function 1"),
            (C::TooManyLocals, 1_025, "function 2 `named`"),
            (C::MissingExport, 0, "`main`"),
            (C::MissingExport, 0, "`memory`"),
        ]
    );
}

/// A module need not have functions of its own; under `V1` other limits are met first then.
#[test]
fn parameters_of_imports_count_without_a_function_section() {
    let mut revision = Revision::V1;
    revision.limits.contract.module_parameters_max = 6;
    for (name, parameters, accepted) in [("log", 7, false), ("call", 5, true)] {
        let types = if name == "log" { "i32 ".repeat(7) } else { "i64 i32 i32 i32 i32".into() };
        let result = if name == "log" { "" } else { "(result i32)" };
        let code = binary(&format!("(module (import \"ethereum\" \"{name}\" (func (param {types}) {result})))"));
        let violations = verdict(&code, Abi::Packed, &revision).err().unwrap_or_default();
        let found: Vec<_> = violations.iter().map(|invalid| (invalid.code, invalid.actual)).collect();
        let expect = if accepted { vec![] } else { vec![(C::TooManyModuleParameters, parameters)] };
        assert_eq!(found, expect, "{name}");
    }
}

/// A body that hands over so many values more, and its bytes.
type Handing = (&'static str, u64, String);

/// Each way to hand values over: a unit that hands over so many.
fn handing() -> Vec<Handing> {
    let sixteen = "i32 ".repeat(16);
    let zeros = "i32.const 0 ".repeat(16);
    let drops = "drop ".repeat(16);
    let both = format!("(param {sixteen}) (result {sixteen})");
    vec![
        ("branches", 17, format!("block (result i32) {} end drop", "i32.const 0 br 0 ".repeat(16))),
        (
            "conditional branches",
            17,
            format!("block (result i32) i32.const 0 {} end drop", "i32.const 0 br_if 0 ".repeat(16)),
        ),
        ("tables", 1 + 5, "block (result i32) i32.const 0 i32.const 0 br_table 0 0 0 0 0 end drop ".into()),
        ("blocks", 32, format!("{zeros} block {both} end {drops}")),
        ("loops", 32, format!("{zeros} loop {both} end {drops}")),
        ("ifs", 32, format!("{zeros} i32.const 0 if {both} end {drops}")),
        ("calls", 32, format!("{zeros} call $f {drops}")),
        ("indirect calls", 32, format!("{zeros} i32.const 0 call_indirect (type $t) {drops}")),
        ("growths", 4, "i32.const 0 memory.grow drop".into()),
        ("returns", 1, "block i32.const 0 return end".into()),
    ]
}

/// A module whose one function has `unit` so many times, padded to `bytes` bytes.
fn padded(unit: &str, times: u64, bytes: usize) -> Vec<u8> {
    let sixteen = "i32 ".repeat(16);
    let module = |pad: usize| {
        binary(&format!(
            "(module (@custom \"pad\" \"{}\") (type $t (func (param {sixteen}) (result {sixteen}))) (table 1 funcref)
                (memory 1) (func $f (type $t) unreachable) (func (export \"f\") (result i32) {} i32.const 0))",
            "x".repeat(pad),
            unit.repeat(times as usize)
        ))
    };
    let found = module(20_000).len();
    module(20_000 + bytes - found)
}

/// Values that operators hand over, by the bytes of the module, for each way to do it: the most that is admitted, and one
/// more.
//= spec 5.1.7 test
#[test]
fn values_are_handed_over_by_the_bytes_of_the_module() {
    const BYTES: usize = 300_000;
    let limit =
        BYTES as u64 / u64::from(Revision::V1.limits.contract.bytes_per_moved_value_min) + Limits::FREE_OF_BYTES;
    for (way, values, unit) in handing() {
        // Some of the way in question, and the rest by a block and tables of one value each: a byte for a value.
        let times = 50;
        let rest = limit - times * values;
        let table = |targets: u64| {
            let zeros = "0 ".repeat(targets as usize);
            format!("block (result i32) i32.const 0 i32.const 0 br_table {zeros} end drop ")
        };
        let module = |rest: u64| {
            let (tables, last) = (rest / 4_001, rest % 4_001);
            let last = table(last.checked_sub(1).unwrap());
            let unit = format!("{unit} ").repeat(times as usize);
            padded(&format!("{unit} {} {last}", table(4_000).repeat(tables as usize)), 1, BYTES)
        };
        assert_eq!(verdict(&module(rest), Abi::Packed, &Revision::V1).err(), None, "{way}");
        let violations = verdict(&module(rest + 1), Abi::Packed, &Revision::V1).unwrap_err();
        let found: Vec<_> = violations.iter().map(|invalid| (invalid.code, invalid.actual, invalid.limit)).collect();
        assert_eq!(found, [(C::TooManyMovedValues, limit + 1, limit)], "{way}");
        assert!(violations[0].to_string().contains("keep them in locals"), "{}", violations[0]);
    }
}

/// A direct call of a tick becomes a region, which takes longer to translate than a call.
//= spec 5.1.7 test
#[test]
fn ticks_are_counted_by_the_bytes_of_the_module() {
    const BYTES: usize = 30_000;
    let limits = Revision::V1.limits(Abi::Json);
    let limit = BYTES as u64 / u64::from(limits.bytes_per_moved_value_min) + Limits::FREE_OF_BYTES;
    let module = |import: &str, calls: u64| {
        let text = |pad: usize| {
            binary(&format!(
                "(module (@custom \"pad\" \"{}\") (import \"env\" \"{import}\" (func $f)) (func {}))",
                "x".repeat(pad),
                "call $f ".repeat(calls as usize)
            ))
        };
        let found = text(1_000).len();
        text(1_000 + BYTES - found)
    };
    assert_eq!(verdict(&module("gas_tick", limit / 4), Abi::Json, &Revision::V1).err(), None);
    let violations = verdict(&module("gas_tick", limit / 4 + 1), Abi::Json, &Revision::V1).unwrap_err();
    let found: Vec<_> = violations.iter().map(|invalid| (invalid.code, invalid.actual, invalid.limit)).collect();
    assert_eq!(found, [(C::TooManyMovedValues, limit / 4 * 4 + 4, limit)]);
}

/// Locals and functions by the bytes of the module.
//= spec 5.1.8, 5.1.9 test
#[test]
fn locals_and_functions_by_the_bytes_of_the_module() {
    let module = |fields: &str, bytes: usize| {
        let text = |pad: usize| binary(&format!("(module (@custom \"p\" \"{}\") {fields})", "x".repeat(pad)));
        let found = text(300).len();
        text(300 + bytes - found)
    };
    let locals = |count: usize| {
        let of = |count: usize| format!("(func (local {}))", "i32 ".repeat(count));
        format!("{} {}", of(1_000).repeat(count / 1_000), of(count % 1_000))
    };
    for (code, bytes, limit, fields) in [
        (C::TooManyLocalsByBytes, 2_000, 4 * 2_000 + 1_024, &locals as &dyn Fn(usize) -> String),
        (C::TooManyFunctionsByBytes, 6_000, 750, &|count: usize| "(func)".repeat(count)),
    ] {
        assert_eq!(verdict(&module(&fields(limit), bytes), Abi::Packed, &Revision::V1).err(), None, "{code:?}");
        let violations = verdict(&module(&fields(limit + 1), bytes), Abi::Packed, &Revision::V1).unwrap_err();
        let found: Vec<_> = violations.iter().map(|invalid| (invalid.code, invalid.actual, invalid.limit)).collect();
        assert_eq!(found, [(code, limit as u64 + 1, limit as u64)]);
    }
}
