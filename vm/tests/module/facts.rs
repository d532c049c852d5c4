//! What is known of a valid module, and what can be guessed of any.

use crate::{binary, custom, raw, verdict};
use lockstep_gas::{Abi, Revision};
use lockstep_host::packed::PackOrder;
use lockstep_vm::{
    CodeId,
    module::{Import, InputArea, MemoryType, ValidModule, function_name, guess_abi},
};
use sha3::{Digest, Sha3_256};

fn valid(code: &[u8], abi: Abi) -> ValidModule {
    verdict(code, abi, &Revision::V1).unwrap()
}

//= spec 3.17, 7.2 test
#[test]
fn counts_are_those_of_the_module() {
    let wat = "(module
        (import \"ethereum\" \"finish\" (func (param i32 i32)))
        (import \"ethereum\" \"getGasLeft\" (func (result i64)))
        (import \"ethereum\" \"finish\" (func (param i32 i32)))
        (memory (export \"memory\") 3 40)
        (table (export \"table\") 5 9 funcref)
        (global (export \"count\") (mut i64) (i64.const 0))
        (global f32 (f32.const 0))
        (data (i32.const 0) \"abcde\")
        (data \"passive\")
        (data (i32.const 100) \"fg\")
        (elem (i32.const 0) func 3)
        (elem declare func 4)
        (func (export \"main\"))
        (func (export \"add\") (param i32 i64) (result i64)
            (local i32 i32 i32)
            local.get 1 local.get 1 i64.add))";
    let code = binary(wat);
    let module = valid(&code, Abi::Ewasm);
    assert_eq!(&module.code()[..], &code);
    assert_eq!(CodeId::of(&code, Abi::Ewasm).hash.as_slice(), Sha3_256::digest(&code).as_slice());
    assert_eq!(module.abi(), Abi::Ewasm);
    let imports: Vec<_> = module.imports().iter().map(Import::name).collect();
    assert_eq!(imports, [("ethereum", "finish"), ("ethereum", "getGasLeft"), ("ethereum", "finish")]);
    // 2 functions, 2 globals, 3 imports, 5 exports, 3 data and 2 element segments of an element each.
    assert_eq!(module.items(), 19);
    assert_eq!(module.data_bytes(), 7);
    assert_eq!(module.table_elements(), 5);
    assert_eq!(module.frame_slots_max(), 7, "5 locals and 2 operands");
    assert_eq!(module.memory(), Some(MemoryType { minimum_pages: 3, maximum_pages: Some(40) }));
    assert!(module.has_memory());
    let exports: Vec<_> = module.exports().map(|(name, ty)| format!("{name}: {} {ty}", ty.kind())).collect();
    assert_eq!(
        exports,
        [
            "add: function (i32, i64)->(i64)",
            "count: global mut i64",
            "main: function ()->()",
            "memory: memory 3 to 40 pages",
            "table: table 5 to 9 funcref",
        ]
    );
    assert_eq!(module.export_type("add").unwrap().to_string(), "(i32, i64)->(i64)");
    assert_eq!(module.export_type("memory"), None);
    assert_eq!(module.export_type("none"), None);
    assert_eq!(module.abi_facts().packed(), None);
}

#[test]
fn nothing_is_known_of_an_empty_module() {
    let module = valid(&binary("(module)"), Abi::Packed);
    assert_eq!((module.items(), module.data_bytes(), module.table_elements(), module.frame_slots_max()), (0, 0, 0, 0));
    assert_eq!((module.memory(), module.has_memory(), module.exports().count()), (None, false, 0));
}

#[test]
fn slots_are_those_of_the_largest_function() {
    for (functions, slots) in [
        ("(func)", 0),
        ("(func (param i32))", 1),
        ("(func (local i64 i64)) (func i32.const 0 drop)", 2),
        ("(func (local i64)) (func i32.const 0 i32.const 0 drop drop)", 2),
        ("(func (param i64) (local i64) i32.const 0 i32.const 0 i32.const 0 drop drop drop)", 5),
        ("(func (result i32 i32 i32) i32.const 0 i32.const 0 i32.const 0)", 3),
        ("(func (param i32) (result i32 i32) local.get 0 local.get 0) (func (result i32 i32) i32.const 1 call 0)", 3),
        // Dead code counts.
        ("(func return i32.const 0 i32.const 0 drop drop)", 2),
    ] {
        assert_eq!(
            valid(&binary(&format!("(module {functions})")), Abi::Packed).frame_slots_max(),
            slots,
            "{functions}"
        );
    }
}

#[test]
fn packed_modules_speak_of_themselves() {
    let wat = "(module (memory (export \"memory\") 1) (func (export \"f\") (param i64) (result i64) local.get 0)
        (global (export \"input_base\") i32 (i32.const 4096)) (global (export \"input_capacity\") i32 (i32.const 512)))";
    let sections = raw(&[(0, &custom("packed_abi", b"\x01\x01f\x02br")), (0, &custom("packed_order", &[1]))]);
    let code = [&binary(wat)[..], &sections[8..]].concat();
    let module = valid(&code, Abi::Packed);
    let facts = module.abi_facts().packed().unwrap();
    assert_eq!(facts.order, PackOrder::HighOffset);
    assert_eq!(facts.input_area, Some(InputArea { base: 4_096, capacity: 512 }));
    assert_eq!(facts.descriptors.as_ref().unwrap().get(b"f").unwrap().to_string(), "br");
}

#[test]
fn custom_sections_are_ignored_wherever_they_stand() {
    let code = binary("(module (memory (export \"memory\") 1) (func (export \"main\")))");
    let section = &raw(&[(0, &custom("producers", &[0xff; 20])), (0, &custom("name", &[1, 0xff]))])[8..];
    let everywhere = [&code[..8], section, &code[8..], section, section].concat();
    assert!(verdict(&everywhere, Abi::Ewasm, &Revision::EWASM_BYZANTIUM).is_ok());
}

#[test]
fn functions_are_named_by_the_name_section() {
    let code = binary(
        "(module $m (import \"ethereum\" \"useGas\" (func $gas (param i64))) (func $first) (func) (func $third (local $x i32)))",
    );
    for (index, name) in [(0, Some("gas")), (1, Some("first")), (2, None), (3, Some("third")), (4, None)] {
        assert_eq!(function_name(&code, index), name);
    }
    for code in [&b""[..], b"\0asm", &raw(&[(0, &custom("name", b"\x01\xff\xff\xff\xff\x0f"))])] {
        assert_eq!(function_name(code, 0), None);
    }
    let hostile = raw(&[(0, &custom("name", b"\x01\x0d\x02\x00\x01a\x01\xff\xff\xff\xff\x0fbbb"))]);
    assert_eq!((function_name(&hostile, 0), function_name(&hostile, 1)), (Some("a"), None));
}

#[test]
fn the_abi_is_guessed_from_main_and_the_packed_sections() {
    for (wat, abi) in [
        ("(module (func (export \"main\")))", Abi::Ewasm),
        ("(module (func (export \"main\") (param i32)))", Abi::Ewasm),
        ("(module (global (export \"main\") i32 (i32.const 0)))", Abi::Ewasm),
        ("(module (func (export \"main\") (param i64) (result i64) local.get 0))", Abi::Packed),
        (
            "(module (import \"x\" \"y\" (func)) (func (export \"main\") (param i64) (result i64) local.get 0))",
            Abi::Packed,
        ),
        ("(module (func (export \"other\")))", Abi::Packed),
        ("(module)", Abi::Packed),
    ] {
        assert_eq!(guess_abi(&binary(wat)), abi, "{wat}");
    }
    let section =
        |name| [&binary("(module (func (export \"main\")))")[..], &raw(&[(0, &custom(name, b""))])[8..]].concat();
    assert_eq!(guess_abi(&section("packed_abi")), Abi::Packed);
    assert_eq!(guess_abi(&section("packed_order")), Abi::Packed);
    assert_eq!(guess_abi(&section("producers")), Abi::Ewasm);
    for code in [&b""[..], b"no", b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f"] {
        assert_eq!(guess_abi(code), Abi::Ewasm);
    }
}
