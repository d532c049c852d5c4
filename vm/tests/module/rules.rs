//! Imports, exports, start functions, operators, floats, and what the `packed` ABI adds.

use crate::{assert_violations, binary, custom, raw, verdict};
use lockstep_gas::{Abi, AbiSet, Revision, Rules};
use lockstep_host::{ImportTable, ValueType};
use lockstep_vm::module::InvalidCode as C;

const EWASM: Abi = Abi::Ewasm;
const PACKED: Abi = Abi::Packed;
const BYZANTIUM: &Revision = &Revision::EWASM_BYZANTIUM;
const V1: &Revision = &Revision::V1;

/// A module of the `ewasm` ABI with `more` in it.
fn contract(more: &str) -> Vec<u8> {
    binary(&format!("(module {more} (memory (export \"memory\") 1) (func (export \"main\")))"))
}

//= spec 5.1.2 test
#[test]
fn imports_are_those_of_the_table_with_exactly_their_types() {
    for (import, expect) in [
        ("\"ethereum\" \"useGas\" (func (param i64))", None),
        ("\"ethereum\" \"getBalance\" (func (param i32 i32))", Some((C::UnknownImport, "`ethereum.getBalance`"))),
        ("\"debug\" \"print32\" (func (param i32))", Some((C::UnknownImport, "`debug.print32`"))),
        (
            "\"env\" \"ethereum_useGas\" (func (param i64))",
            Some((C::UnknownImport, "`env.ethereum_useGas`; is `ethereum.useGas` meant?")),
        ),
        ("\"ethereum\" \"\" (func)", Some((C::UnknownImport, "`ethereum.`"))),
        (
            "\"ethereum\" \"useGas\\00\" (func (param i64))",
            Some((C::UnknownImport, "`ethereum.useGas\\0`; is `ethereum.useGas` meant?")),
        ),
        ("\"ethereum\" \"state\" (global i64)", Some((C::UnknownImport, "`ethereum.state`"))),
        ("\"ethereum\" \"table\" (table 1 funcref)", Some((C::UnknownImport, "`ethereum.table`"))),
        (
            "\"ethereum\" \"useGas\" (func)",
            Some((C::ImportTypeMismatch, "`ethereum.useGas` is ()->(), expected (i64)->()")),
        ),
        (
            "\"ethereum\" \"useGas\" (func (param i32))",
            Some((C::ImportTypeMismatch, "`ethereum.useGas` is (i32)->(), expected (i64)->()")),
        ),
        (
            "\"ethereum\" \"useGas\" (func (param i64) (result i32))",
            Some((C::ImportTypeMismatch, "`ethereum.useGas` is (i64)->(i32), expected (i64)->()")),
        ),
        (
            "\"ethereum\" \"useGas\" (global i64)",
            Some((C::ImportTypeMismatch, "`ethereum.useGas` is not a function, expected (i64)->()")),
        ),
    ] {
        assert_violations(&contract(&format!("(import {import})")), EWASM, BYZANTIUM, expect.as_slice());
    }
    assert_violations(
        &binary("(module (import \"ethereum\" \"memory\" (memory 1)))"),
        PACKED,
        V1,
        &[(C::UnknownImport, "`ethereum.memory`")],
    );
}

#[test]
fn extensions_are_for_revisions_that_have_them() {
    let code = contract("(import \"crypto\" \"sha256\" (func (param i32 i32 i32)))");
    assert_violations(&code, EWASM, V1, &[]);
    assert_violations(&code, PACKED, V1, &[]);
    assert_violations(&code, EWASM, BYZANTIUM, &[(C::UnknownImport, "`crypto.sha256`")]);
}

/// As the official tests `malformedImport*` do: each function with one parameter too few or too many, with the other
/// integer in each place, with another result.
//= spec 5.1.2 test
#[test]
fn every_function_of_the_table_is_refused_with_any_other_type() {
    let name = |value: &ValueType| if *value == ValueType::I32 { "i32" } else { "i64" };
    let other = |value: &str| if value == "i32" { "i64" } else { "i32" };
    for row in ImportTable::of(EWASM, V1).rows() {
        let parameters: Vec<_> = row.parameters().iter().map(name).collect();
        let results: Vec<_> = row.result().iter().map(name).collect();
        let accepts = |parameters: &[&str], results: &[&str]| {
            let (module, name) = (row.module, row.name);
            let (parameters, results) = (parameters.join(" "), results.join(" "));
            let ty = format!("(func (param {parameters}) (result {results}))");
            let violations = verdict(&contract(&format!("(import \"{module}\" \"{name}\" {ty})")), EWASM, V1);
            let codes: Vec<_> = violations.err().unwrap_or_default().iter().map(|invalid| invalid.code).collect();
            assert!(codes.is_empty() || codes == [C::ImportTypeMismatch], "{name} {ty}: {codes:?}");
            codes.is_empty()
        };
        assert!(accepts(&parameters, &results), "{}", row.name);
        assert!(!accepts(&[&parameters[..], &["i32"]].concat(), &results), "{}", row.name);
        if let Some((_, fewer)) = parameters.split_last() {
            assert!(!accepts(fewer, &results), "{}", row.name);
        }
        for position in 0..parameters.len() {
            let mut changed = parameters.clone();
            changed[position] = other(changed[position]);
            assert!(!accepts(&changed, &results), "{}", row.name);
        }
        let changed = if results.is_empty() { vec!["i32"] } else { vec![other(results[0])] };
        assert!(!accepts(&parameters, &changed), "{}", row.name);
        assert!(!accepts(&parameters, &[&results[..], &["i64"]].concat()), "{}", row.name);
    }
}

//= spec 5.1.3 test
#[test]
fn ewasm_modules_export_main_and_memory() {
    let extra = (C::ExtraExport, "`more`, where only `main` and `memory` are");
    let (no_main, no_memory) = ((C::MissingExport, "`main`"), (C::MissingExport, "`memory`"));
    for (wat, conformance, production) in [
        ("(memory (export \"memory\") 1) (func (export \"main\"))", &[][..], &[][..]),
        ("(memory 1) (func (export \"main\"))", &[no_memory], &[no_memory]),
        (
            "(memory (export \"memory\") 1) (func (export \"Main\"))",
            &[(C::ExtraExport, "`Main`, where only `main` and `memory` are"), no_main],
            &[no_main],
        ),
        ("", &[no_main, no_memory], &[no_main, no_memory]),
        ("(memory (export \"memory\") 1) (func (export \"main\") (export \"more\"))", &[extra], &[]),
        ("(memory (export \"memory\") (export \"more\") 1) (func (export \"main\"))", &[extra], &[]),
        (
            "(memory (export \"memory\") 1) (func (export \"main\") (param i32))",
            &[(C::ExportTypeMismatch, "`main` is a function (i32)->(), expected a function ()->()")],
            &[(C::ExportTypeMismatch, "`main` is a function (i32)->(), expected a function ()->()")],
        ),
        (
            "(memory (export \"memory\") 1) (func (export \"main\") (param i64) (result i64) local.get 0)",
            &[(C::ExportTypeMismatch, "`main` is a function (i64)->(i64), expected a function ()->()")],
            &[(C::ExportTypeMismatch, "`main` is a function (i64)->(i64), expected a function ()->()")],
        ),
        (
            "(memory (export \"main\") 1 2) (func (export \"memory\"))",
            &[
                (C::ExportTypeMismatch, "`main` is a memory 1 to 2 pages, expected a function ()->()"),
                (C::ExportTypeMismatch, "`memory` is a function ()->(), expected a memory"),
            ],
            &[
                (C::ExportTypeMismatch, "`main` is a memory 1 to 2 pages, expected a function ()->()"),
                (C::ExportTypeMismatch, "`memory` is a function ()->(), expected a memory"),
            ],
        ),
    ] {
        let code = binary(&format!("(module {wat})"));
        assert_violations(&code, EWASM, BYZANTIUM, conformance);
        assert_violations(&code, EWASM, V1, production);
    }
}

#[test]
fn packed_modules_may_export_main_and_call_their_memory_memory() {
    let expected = "expected a function (i64)->(i64) or ()->()";
    for (wat, expect) in [
        ("", None),
        ("(func (export \"main\"))", None),
        ("(func (export \"main\") (param i64) (result i64) local.get 0)", None),
        ("(memory (export \"memory\") 1) (table (export \"t\") 1 funcref) (func (export \"f\") (param f64))", None),
        (
            "(func (export \"main\") (param i64))",
            Some((C::ExportTypeMismatch, format!("`main` is a function (i64)->(), {expected}"))),
        ),
        (
            "(func (export \"main\") (result i64) i64.const 0)",
            Some((C::ExportTypeMismatch, format!("`main` is a function ()->(i64), {expected}"))),
        ),
        (
            "(global (export \"main\") i32 (i32.const 0))",
            Some((C::ExportTypeMismatch, format!("`main` is a global i32, {expected}"))),
        ),
        ("(memory (export \"mem\") 1)", Some((C::ExtraExport, "`mem`: a memory is exported as `memory`".to_owned()))),
        (
            "(func (export \"memory\"))",
            Some((C::ExportTypeMismatch, "`memory` is a function ()->(), expected a memory".to_owned())),
        ),
    ] {
        let expect: Vec<_> = expect.iter().map(|(code, detail)| (*code, detail.as_str())).collect();
        assert_violations(&binary(&format!("(module {wat})")), PACKED, V1, &expect);
    }
}

//= spec 13.2, 13.3 test
#[test]
fn indexers_export_start_and_memory_and_import_what_they_like() {
    let (start, memory) = ("(func $s (export \"_start\"))", "(memory (export \"memory\") 1)");
    for abi in [Abi::Metashrew, Abi::MetashrewDocumented] {
        for (fields, expect) in [
            (format!("{start} {memory}"), vec![]),
            (format!("{start} {memory} (start $s)"), vec![]),
            (format!("(import \"no\" \"such\" (func (param f64))) {start} {memory}"), vec![]),
            (memory.to_owned(), vec![C::MissingExport]),
            (start.to_owned(), vec![C::MissingExport]),
            (format!("(func (export \"_start\") (param i32)) {memory}"), vec![C::ExportTypeMismatch]),
            (format!("{start} {memory} (func (export \"(start)\"))"), vec![C::ExtraExport]),
        ] {
            let found = verdict(&binary(&format!("(module {fields})")), abi, V1).err().unwrap_or_default();
            assert_eq!(found.iter().map(|invalid| invalid.code).collect::<Vec<_>>(), expect, "{abi}: {fields}");
        }
    }
}

//= spec 5.1.4 test
#[test]
fn a_start_function_is_refused_by_every_abi() {
    let code = binary("(module (memory (export \"memory\") 1) (func (export \"main\")) (start 0))");
    for (abi, revision) in [(EWASM, BYZANTIUM), (EWASM, V1), (PACKED, V1)] {
        let found = verdict(&code, abi, revision).unwrap_err();
        assert_eq!(found.iter().map(|invalid| invalid.code).collect::<Vec<_>>(), [C::StartFunction]);
        assert!(found[0].detail.starts_with("function 0: "), "{}", found[0]);
    }
}

#[test]
fn an_abi_that_the_revision_does_not_have_is_refused() {
    assert_violations(&binary("(module)"), PACKED, BYZANTIUM, &[(C::AbiNotAvailable, "packed")]);
    let only_packed = Revision { rules: Rules { abis: AbiSet::of(&[PACKED]), ..V1.rules.clone() }, ..V1.clone() };
    assert_violations(&contract(""), EWASM, &only_packed, &[(C::AbiNotAvailable, "ewasm")]);
    assert_violations(&contract(""), PACKED, &only_packed, &[]);
}

//= spec 2.21 test
#[test]
fn forbidden_operators_are_named_with_their_function() {
    let wat = "(func $wide (param i64 i64 i64 i64) (result i64 i64)
        local.get 0 local.get 1 local.get 2 local.get 3 i64.add128)";
    let code = contract(wat);
    let first = &verdict(&code, EWASM, V1).unwrap_err()[0];
    assert_eq!((first.code, first.detail.as_str()), (C::ForbiddenOperator, "function 0 `wide`: i64.add128"));
    // Without prices it is the specification that does not know it.
    assert_eq!(verdict(&code, EWASM, BYZANTIUM).unwrap_err()[0].code, C::TooManyResults);
}

#[test]
fn what_the_specification_refuses_ends_the_list_unless_it_is_in_a_function() {
    let wat = "(func $good) (func $bad (result i32)) (func $worse (result i64))";
    let bad = "function 1 `bad`: wrong types: i32 is needed and the operand stack is empty";
    let worse = "function 2 `worse`: wrong types: i64 is needed and the operand stack is empty";
    assert_violations(&contract(wat), EWASM, V1, &[(C::Malformed, bad), (C::Malformed, worse)]);
    let wat = "(export \"g\" (global 7)) (func $bad (result i32))";
    assert_violations(&contract(wat), EWASM, V1, &[(C::Malformed, "there is no global 7")]);
}

#[test]
fn floats_are_named_with_every_function_that_uses_them() {
    let wat = "(module
        (type (func (param f32)))
        (global f64 (f64.const 0))
        (memory (export \"memory\") 1)
        (func $integers (param i32) (result i32) local.get 0)
        (func $constant f32.const 1 drop f64.const 2 drop)
        (func $local (local i32 f64))
        (func $parameter (type 0))
        (func $block unreachable block (result f32) unreachable end drop)
        (func $dead return f64.abs drop)
        (func $select unreachable select (result i64) drop)
        (func $load i32.const 0 f32.load drop)
        (func (export \"main\") unreachable i32.reinterpret_f32 drop))";
    let expect = [
        "type 0: (f32)->()",
        "global 0: f64",
        "function 1 `constant`: f32.const",
        "function 2 `local`: a local of type f64",
        "function 3 `parameter`: (f32)->()",
        "function 4 `block`: block",
        "function 5 `dead`: f64.abs",
        "function 7 `load`: f32.load",
        "function 8: i32.reinterpret_f32",
    ];
    let mut revision = V1.clone();
    assert_violations(&binary(wat), EWASM, &revision, &[]);
    revision.features.floats = false;
    let expect: Vec<_> = expect.into_iter().map(|detail| (C::FloatsForbidden, detail)).collect();
    assert_violations(&binary(wat), EWASM, &revision, &expect);
}

#[test]
fn features_are_those_of_the_revision() {
    for (name, wat) in [
        ("mutable globals", "(global (export \"g\") (mut i32) (i32.const 0))"),
        ("sign extension", "(func (result i32) i32.const 0 i32.extend8_s)"),
        ("saturating conversions", "(func (param f32) (result i32) local.get 0 i32.trunc_sat_f32_s)"),
        ("several results", "(func (result i32 i32) i32.const 0 i32.const 0)"),
        ("bulk memory", "(func i32.const 0 i32.const 0 i32.const 0 memory.fill)"),
        ("references", "(func (param externref) (result funcref) ref.null func)"),
        ("tail calls", "(func return_call 0)"),
        ("arithmetic in constants", "(global i32 (i32.add (i32.const 0) (i32.const 1)))"),
    ] {
        let code = contract(wat);
        assert!(verdict(&code, EWASM, V1).is_ok(), "{name}");
        assert!(verdict(&code, EWASM, BYZANTIUM).is_err(), "{name}");
    }
    for (name, wat) in [
        ("SIMD", "(func (param v128))"),
        ("SIMD operators", "(func v128.const i64x2 0 0 drop)"),
        ("threads", "(func i32.const 0 i32.atomic.load drop)"),
        ("shared memory", "(memory 1 1 shared)"),
        ("memory64", "(memory i64 1)"),
        ("table64", "(table i64 1 funcref)"),
        ("several memories", "(memory 1) (memory 1)"),
        ("exceptions", "(tag) (func throw 0)"),
        ("try_table", "(func try_table end)"),
        ("GC", "(type (struct (field i32)))"),
        ("recursion groups", "(rec (type (func)) (type (func)))"),
        ("typed references", "(type (func)) (func (param (ref null 0)))"),
        ("table initializers", "(func) (table 1 funcref (ref.func 0))"),
        ("custom page sizes", "(memory 1 (pagesize 1))"),
        ("stack switching", "(type $f (func)) (type (cont $f))"),
        ("components", "(func unreachable call_ref 0)"),
    ] {
        let code = wat::parse_str(format!("(module {wat})")).unwrap_or_else(|error| panic!("{name}: {error}"));
        let violations = verdict(&code, PACKED, V1).unwrap_err();
        assert_eq!(violations[0].code, C::Malformed, "{name}: {}", violations[0]);
    }
}

/// `wat` with custom sections before and behind it.
fn packed_module(wat: &str, sections: &[(&str, &[u8])]) -> Vec<u8> {
    let custom = |(name, content): &(&str, &[u8])| raw(&[(0, &custom(name, content))])[8..].to_vec();
    let sections: Vec<_> = sections.iter().map(custom).collect();
    let code = binary(&format!("(module {wat})"));
    [
        &code[..8],
        sections.first().map_or(&[][..], Vec::as_slice),
        &code[8..],
        &sections[1.min(sections.len())..].concat(),
    ]
    .concat()
}

//= spec 6.2.3, 6.2.4 test
#[test]
fn packed_abi_names_exports_by_their_types() {
    let wat = "(func (export \"f\") (param i32 i64) (result i64) local.get 1) (func (export \"x\") (param f32))
        (global (export \"g\") i32 (i32.const 0)) (func (export \"main\"))";
    for (section, expect) in [
        (&b"\x00"[..], None),
        (b"\x01\x01f\x03ibr", None),
        (b"\x02\x01f\x03ill\x04main\x01v", None),
        (b"\x01\x01f\x03ibi", Some("`f` is a function (i32, i64)->(i64), not ibi")),
        (b"\x01\x01f\x02br", Some("`f` is a function (i32, i64)->(i64), not br")),
        (b"\x01\x01x\x02iv", Some("`x` is a function (f32)->(), not iv")),
        (b"\x01\x01g\x01v", Some("`g` is a global i32, not v")),
        (b"\x01\x01h\x01v", Some("`h` is not exported")),
        (b"\x01\x01h", Some("section packed_abi at 3: unexpected end")),
        (b"", Some("section packed_abi at 0: unexpected end")),
    ] {
        let expect: Vec<_> = expect.iter().map(|detail| (C::PackedAbiSection, *detail)).collect();
        // The section may stand before or behind the exports, and means nothing to another ABI.
        assert_violations(&packed_module(wat, &[("packed_abi", section)]), PACKED, V1, &expect);
        assert_violations(&packed_module(wat, &[("none", b""), ("packed_abi", section)]), PACKED, V1, &expect);
        let code = packed_module(&format!("{wat} (memory (export \"memory\") 1)"), &[("packed_abi", section)]);
        assert_violations(&code, EWASM, V1, &[]);
    }
    let twice = packed_module(wat, &[("packed_abi", b"\x00"), ("packed_abi", b"\x00")]);
    assert_violations(&twice, PACKED, V1, &[(C::PackedAbiSection, "a second section of the name")]);
    let wrong = verdict(&packed_module(wat, &[("packed_abi", b"\x01\x01h")]), PACKED, V1).unwrap_err();
    assert_eq!(wrong[0].offset, Some(8 + 2 + 11 + 3), "the place is that of the byte in the module");
}

//= spec 6.1.4 test
#[test]
fn packed_order_is_one_byte() {
    let bad = (C::PackedOrderSection, "the section packed_order is not one byte 0 or 1");
    let second = (C::PackedOrderSection, "a second section of the name");
    for (sections, expect) in [
        (&[&[0_u8][..]][..], &[][..]),
        (&[&[1]], &[]),
        (&[&[2]], &[bad]),
        (&[&[]], &[bad]),
        (&[&[0, 0]], &[bad]),
        (&[&[0], &[0]], &[second]),
        (&[&[7], &[0]], &[second, bad]),
    ] {
        let sections: Vec<_> = sections.iter().map(|section| ("packed_order", *section)).collect();
        let code = packed_module("(func (export \"main\")) (memory (export \"memory\") 1)", &sections);
        assert_violations(&code, PACKED, V1, expect);
        assert_violations(&code, EWASM, V1, &[]);
    }
}

//= spec 6.5.6 test
#[test]
fn the_input_area_lies_in_the_initial_memory() {
    let area = |memory: &str, base: &str, capacity: &str| {
        format!("{memory} (global (export \"input_base\") {base}) (global (export \"input_capacity\") {capacity})")
    };
    let not_constant = "the global is not initialized by one i32.const";
    for (wat, expect) in [
        (area("(memory 1)", "i32 (i32.const 1024)", "i32 (i32.const 64512)"), None),
        (area("(memory 1)", "i32 (i32.const 65536)", "i32 (i32.const 0)"), None),
        (area("(memory 2 9)", "i32 (i32.const 0)", "i32 (i32.const 131072)"), None),
        (
            area("(memory 1)", "i32 (i32.const 1024)", "i32 (i32.const 64513)"),
            Some("the area ends at 65537 in an initial memory of 65536 bytes"),
        ),
        (
            area("(memory 1)", "i32 (i32.const -1)", "i32 (i32.const -1)"),
            Some("the area ends at 8589934590 in an initial memory of 65536 bytes"),
        ),
        (
            area("", "i32 (i32.const 0)", "i32 (i32.const 0)"),
            Some("the area ends at 0 in an initial memory of 0 bytes"),
        ),
        (area("(memory 1)", "i32 (i32.add (i32.const 0) (i32.const 0))", "i32 (i32.const 0)"), Some(not_constant)),
        (area("(memory 1)", "i32 (i32.const 0)", "i32 (i32.sub (i32.const 9) (i32.const 0))"), Some(not_constant)),
        (
            "(memory 1) (global (export \"input_base\") i32 (i32.const 0))".to_owned(),
            Some("only one of `input_base` and `input_capacity` is exported"),
        ),
        (
            "(memory 1) (global (export \"input_capacity\") i32 (i32.const 0))".to_owned(),
            Some("only one of `input_base` and `input_capacity` is exported"),
        ),
        ("(memory 1) (global (export \"input_bas\") i32 (i32.const 0))".to_owned(), None),
    ] {
        let expect: Vec<_> = expect.iter().map(|detail| (C::InputArea, *detail)).collect();
        assert_violations(&binary(&format!("(module {wat})")), PACKED, V1, &expect);
    }
    for (base, found) in [
        ("(global (export \"input_base\") (mut i32) (i32.const 0))", "global mut i32"),
        ("(global (export \"input_base\") i64 (i64.const 0))", "global i64"),
        ("(func (export \"input_base\"))", "function ()->()"),
    ] {
        let wat = format!("(module (memory (export \"memory\") 1) (func (export \"main\")) {base})");
        let detail = format!("`input_base` is a {found}, expected an immutable global i32");
        assert_violations(&binary(&wat), PACKED, V1, &[(C::InputArea, &detail)]);
        assert_violations(&binary(&wat), EWASM, V1, &[]);
    }
}

/// To a module that links with modules they are custom sections like any other.
#[test]
fn packed_sections_mean_nothing_to_linked_modules() {
    for (name, content) in [("packed_order", &[2][..]), ("packed_abi", b"?")] {
        let code = raw(&[(0, &custom(name, content))]);
        assert!(verdict(&code, Abi::Linked, &Revision::SPEC).is_ok(), "{name}");
        assert!(verdict(&code, Abi::Packed, &Revision::V1).is_err(), "{name}");
    }
}
