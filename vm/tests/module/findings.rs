//! What `check` lists: all that is wrong, in words that say what to change.

use super::{assert_violations, binary, custom, leb, raw, verdict};
use core::fmt::Write;
use lockstep_gas::{Abi, Revision};
use lockstep_vm::module::{FINDINGS_MAX, InvalidCode, InvalidModule, check};

/// Words of the parser that mean nothing to the person who wrote a module.
const PARSERS_WORDS: [&str; 23] = [
    "support is not enabled",
    "proposal",
    "not supported",
    "must be enabled",
    "subopcode",
    "opcode",
    "index out of bounds",
    "type mismatch",
    "nothing on stack",
    "end-of-file",
    "eof",
    "implementation",
    "heap type",
    "func ",
    "elem ",
    "memop",
    "leading byte",
    "flags byte",
    "wasmparser",
    "found ",
    "expected {",
    "0x5e",
    "malformed",
];

fn assert_our_words(invalid: &InvalidModule) {
    let text = invalid.to_string();
    if invalid.code == InvalidCode::Malformed {
        for word in PARSERS_WORDS {
            assert!(!text.contains(word), "{word:?} in {text:?}");
        }
    }
}

#[test]
fn every_forbidden_operator_of_a_function_is_listed() {
    let code = binary(
        "(module (memory (export \"memory\") 1) (table $t 1 funcref)
           (func $alpha (param i64 i64 i64 i64)
             (drop (table.grow $t (ref.null func) (i32.const 1)))
             (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)) drop drop
             (drop (table.grow $t (ref.null func) (i32.const 1)))
             (drop (i64.mul_wide_u (local.get 0) (local.get 1))) drop)
           (func (export \"main\")))",
    );
    assert_violations(
        &code,
        Abi::Ewasm,
        &Revision::V1,
        &[
            (InvalidCode::ForbiddenOperator, "function 0 `alpha`: table.grow"),
            (InvalidCode::ForbiddenOperator, "function 0 `alpha`: i64.add128"),
            (InvalidCode::ForbiddenOperator, "function 0 `alpha`: i64.mul_wide_u"),
        ],
    );
}

#[test]
fn type_errors_of_every_function_are_listed_with_what_is_forbidden_behind_them() {
    let code = binary(
        "(module (memory (export \"memory\") 1) (table $t 1 funcref)
           (func $a (i32.const 0))
           (func $b (drop (i32.add (i64.const 1) (i32.const 1))) (drop (table.grow $t (ref.null func) (i32.const 1))))
           (func $c (i32.add) drop)
           (func $d (br 7))
           (func $e (call 99))
           (func (export \"main\")))",
    );
    assert_violations(
        &code,
        Abi::Ewasm,
        &Revision::V1,
        &[
            (
                InvalidCode::Malformed,
                "function 0 `a`: wrong types: the block or function ends with values left over on the operand stack",
            ),
            (InvalidCode::Malformed, "function 1 `b`: wrong types: i32 is needed and i64 is there"),
            (InvalidCode::ForbiddenOperator, "function 1 `b`: table.grow"),
            (InvalidCode::Malformed, "function 2 `c`: wrong types: i32 is needed and the operand stack is empty"),
            (InvalidCode::Malformed, "function 3 `d`: a branch leaves more blocks than there are around it"),
            (InvalidCode::Malformed, "function 4 `e`: there is no function 99"),
        ],
    );
}

/// A module with `inner` in the function `main`, and `outer` before it.
fn with(outer: &str, inner: &str) -> Vec<u8> {
    binary(&format!("(module {outer} (func (export \"main\") {inner}))"))
}

#[test]
fn features_that_are_off_are_called_by_their_names_with_a_switch() {
    let memory = "(memory (export \"memory\") 1)";
    for (outer, inner, name, switch) in [
        (memory, "(drop (v128.const i32x4 1 2 3 4))", "SIMD is off", "-mno-simd128"),
        (memory, "(local v128)", "SIMD is off", "-mno-simd128"),
        (memory, "(drop (v128.load (i32.const 0)))", "SIMD is off", "-C target-feature=-simd128"),
        ("(memory (export \"memory\") 1) (func (param v128))", "", "SIMD is off", "-mno-simd128"),
        ("(memory (export \"memory\") 1) (global v128 (v128.const i64x2 0 0))", "", "SIMD is off", "-mno-simd128"),
        ("(memory (export \"memory\") 1 1 shared)", "", "threads and atomics are off", "-mno-atomics"),
        (memory, "(drop (i32.atomic.load (i32.const 0)))", "threads and atomics are off", "-mno-atomics"),
        (memory, "(atomic.fence)", "threads and atomics are off", "-mno-atomics"),
        ("(memory (export \"memory\") 1) (tag)", "", "exceptions are off", "-fno-exceptions"),
        (memory, "(block (try_table (catch_all 0)))", "exceptions are off", "-C panic=abort"),
        (memory, "(unreachable) (throw_ref)", "exceptions are off", "-C panic=abort"),
        (
            "(memory (export \"memory\") 1) (type (struct (field i32)))",
            "",
            "garbage collection (GC) is off",
            "linear memory",
        ),
        ("(memory (export \"memory\") 1) (type (array i8))", "", "garbage collection (GC) is off", "linear memory"),
        (memory, "(drop (ref.i31 (i32.const 0)))", "garbage collection (GC) is off", "linear memory"),
        ("(memory (export \"memory\") i64 1)", "", "64-bit memories (memory64) are off", "wasm32"),
        ("(memory (export \"memory\") 1) (memory 1)", "", "several memories (multi-memory) are off", "multimemory"),
        (
            "(memory (export \"memory\") 1) (memory 1)",
            "(drop (memory.size 1))",
            "(multi-memory) are off",
            "multimemory",
        ),
        (memory, "(unreachable) (call_ref 0)", "typed function references are off", "table of funcref"),
    ] {
        let code = with(outer, inner);
        let found = verdict(&code, Abi::Ewasm, &Revision::V1).expect_err(inner);
        let text = found[0].to_string();
        assert!(text.contains(name) && text.contains(switch), "{outer} {inner}: {text}");
        found.iter().for_each(assert_our_words);
    }
    for (inner, name, switch) in [
        ("(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))", "bulk memory is off", "-mno-bulk-memory"),
        ("(drop (i32.extend8_s (i32.const 0)))", "sign extension is off", "-mno-sign-ext"),
        ("(drop (i32.trunc_sat_f32_s (f32.const 0)))", "saturating conversions are off", "-mno-nontrapping-fptoint"),
        ("(drop (ref.null func))", "reference types are off", "-mno-reference-types"),
        ("(return_call 0)", "tail calls are off", "-mno-tail-call"),
        (
            "(block (result i32 i32) (i32.const 0) (i32.const 0)) drop drop",
            "several results (multi-value) are off",
            "-mno-multivalue",
        ),
    ] {
        let code = with(memory, inner);
        let found = verdict(&code, Abi::Ewasm, &Revision::EWASM_BYZANTIUM).expect_err(inner);
        let text = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(text.contains(name) && text.contains(switch), "{inner}: {text}");
        found.iter().for_each(assert_our_words);
    }
}

/// Each function with a feature that is off is listed, and the functions behind it.
#[test]
fn a_feature_that_is_off_does_not_hide_what_follows() {
    let code = binary(
        "(module (memory (export \"memory\") 1)
           (func $a (drop (v128.const i32x4 1 2 3 4)))
           (func $b (local v128) (drop (i32.atomic.load (i32.const 0))))
           (func $c (atomic.fence))
           (func (export \"main\") (result i32) (i64.const 0)))",
    );
    let found = verdict(&code, Abi::Ewasm, &Revision::V1).unwrap_err();
    let text = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for part in ["function 0 `a`: SIMD", "function 1 `b`: SIMD", "function 2 `c`: threads", "function 3: wrong types"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_start_function_is_named_with_the_switch_that_avoids_it() {
    let code = binary("(module (memory (export \"memory\") 1) (func $begin) (start $begin) (func (export \"main\")))");
    let found = verdict(&code, Abi::Ewasm, &Revision::V1).unwrap_err();
    let [start] = &found[..] else { panic!("{found:?}") };
    assert_eq!(start.code, InvalidCode::StartFunction);
    assert!(start.detail.starts_with("function 0 `begin`: ") && start.detail.contains("--exportStart"), "{start}");
}

#[test]
fn an_unknown_import_suggests_the_one_that_is_meant() {
    let code = binary(
        "(module (import \"env\" \"ethereum_useGas\" (func (param i64))) (import \"debug\" \"print\" (func))
           (memory (export \"memory\") 1) (func (export \"main\")))",
    );
    assert_violations(
        &code,
        Abi::Ewasm,
        &Revision::V1,
        &[
            (InvalidCode::UnknownImport, "`env.ethereum_useGas`; is `ethereum.useGas` meant?"),
            (InvalidCode::UnknownImport, "`debug.print`"),
        ],
    );
}

/// Modules with every operator code and every byte changed: what is said of them is in our words, and what is said of
/// two of the same kind by check and parse is the same.
#[test]
fn whatever_is_refused_is_refused_in_our_words() {
    let mut seen = std::collections::BTreeSet::new();
    let mut look = |code: &[u8]| {
        for (abi, revision) in [(Abi::Ewasm, Revision::V1), (Abi::Packed, Revision::EWASM_BYZANTIUM)] {
            for invalid in verdict(code, abi, &revision).err().unwrap_or_default() {
                assert_our_words(&invalid);
                if invalid.code == InvalidCode::Malformed {
                    let digits = |character: char| character.is_ascii_digit();
                    seen.insert(invalid.detail.rsplit(": ").next().unwrap().replace(digits, ""));
                }
            }
        }
    };
    let code = binary(
        "(module (type (func (param i32) (result i32))) (import \"ethereum\" \"useGas\" (func (param i64)))
           (table 2 4 funcref) (memory (export \"memory\") 1 2) (global $g (mut i32) (i32.const 7))
           (elem (i32.const 0) func 1) (data (i32.const 0) \"abc\")
           (func $f (type 0) (local i64) (block (result i32) (br_if 0 (local.get 0) (i32.const 1)) (drop) (i32.const 2)))
           (func (export \"main\") (call 0 (i64.const 1)) (global.set $g (call_indirect (type 0) (i32.const 0) (i32.const 0)))
             (loop (br_table 0 1 (i32.const 0))) (memory.copy (i32.const 0) (i32.const 0) (i32.const 0))))",
    );
    for at in 8..code.len() {
        for byte in [0x00, 0x01, 0x05, 0x0b, 0x40, 0x41, 0x60, 0x7b, 0x7f, 0x80, 0xff, code[at] ^ 1, code[at] ^ 0x80] {
            let mut changed = code.clone();
            changed[at] = byte;
            look(&changed);
        }
        look(&code[..at]);
    }
    // Every operator with zeros for its immediates, alone in a function.
    let prefixed =
        [0xfb, 0xfc, 0xfd, 0xfe].into_iter().flat_map(|prefix| (0..=0xff).map(move |code| vec![prefix, code, 1]));
    for operator in (0..=0xff_u8).map(|code| vec![code]).chain(prefixed) {
        let body = [&[0][..], &operator, &[0, 0, 0, 0x0b]].concat();
        let section = [&[1][..], &leb(u32::try_from(body.len()).unwrap()), &body].concat();
        look(&raw(&[(1, &[1, 0x60, 0, 0]), (3, &[1, 0]), (5, &[1, 0, 1]), (10, &section)]));
    }
    for id in 0..=20 {
        look(&raw(&[(id, &[1, 0])]));
    }
    for form in 0..=0xff_u8 {
        look(&raw(&[(1, &[1, form, 1, 0x7f, 0])]));
        look(&raw(&[(1, &[1, 0x60, 1, form, 0])]));
        look(&raw(&[(4, &[1, form, 0, 1])]));
        look(&raw(&[(5, &[1, form, 1])]));
        look(&raw(&[(6, &[1, form, 0, 0x41, 0, 0x0b])]));
    }
    look(&raw(&[(0, &custom("name", &[0xff; 9]))]));
    assert!(seen.len() > 25, "{} texts: {seen:#?}", seen.len());
}

/// A list for people: a module of megabytes that is wrong everywhere is listed in little time.
#[test]
fn a_list_of_findings_has_an_end() {
    let mut text = String::from("(module (memory (export \"memory\") 1) ");
    for index in 0..5_000 {
        write!(text, "(func $f{index} (i32.const 0))").unwrap();
    }
    let code = binary(&(text + "(func (export \"main\")))"));
    let found = check(&code, Abi::Ewasm, &Revision::V1);
    assert_eq!(found.len(), FINDINGS_MAX);
    assert_eq!(found.last().map(|invalid| invalid.code), Some(InvalidCode::Malformed));
    assert!(found.last().unwrap().detail.starts_with("function 199 `f199`: "));
    let mut imports = String::from("(module ");
    for index in 0..5_000 {
        write!(imports, "(import \"{}\" \"{index}\" (func))", "e".repeat(3_000)).unwrap();
    }
    assert_eq!(check(&binary(&(imports + ")")), Abi::Ewasm, &Revision::V1).len(), FINDINGS_MAX);
}
