//! Modules for an engine that meters by operators: which are rewritten, and what becomes of them.

use super::NormalModule;
use crate::module::ValidModule;
use lockstep_gas::{Abi, Class, HostFunction, HostPrice, Operator, Revision};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

fn valid(fields: &str) -> ValidModule {
    let code = binary(&format!("(module {fields})"));
    ValidModule::parse(code.into(), Abi::Packed, &Revision::V1).unwrap()
}

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn normal(module: &ValidModule) -> NormalModule {
    let normal = NormalModule::new(module, &Revision::V1).unwrap();
    let features = WasmFeatures::WASM2 | WasmFeatures::TAIL_CALL | WasmFeatures::EXTENDED_CONST;
    Validator::new_with_features(features).validate_all(normal.code()).unwrap();
    normal
}

/// The operators of all bodies, by name.
fn operators(code: &[u8]) -> Vec<String> {
    let mut operators = Vec::new();
    for payload in Parser::new(0).parse_all(code) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            for operator in body.get_operators_reader().unwrap() {
                let text = format!("{:?}", operator.unwrap());
                operators.push(text.split([' ', '(']).next().unwrap().to_owned());
            }
        }
    }
    operators
}

#[test]
fn what_nobody_can_look_through_stays_as_it_is() {
    for fields in [
        "",
        "(func)",
        "(func (param i32) (if (local.get 0) (then (drop (i32.const 1))) (else nop)))",
        "(func (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 10)))",
        "(func (param i32) (result i32) (i32.shl (i32.add (local.get 0) (i32.const 3)) (i32.const 0)))",
        "(func (param i32) (block (br_if 0 (local.get 0)) (return)) (loop))",
        "(func (param i32) (result i32) (return (local.get 0)) (drop (i32.add (i32.const 1) (i32.const 2))))",
        "(func (result i32) unreachable)",
        "(func (param i32) (local.set 0 (i32.add (i32.const 1) (i32.mul (i32.const 2) (i32.const 3)))))",
        "(global i32 (i32.const 8)) (memory 1) (func (i32.store (global.get 0) (i32.add (global.get 0) (i32.const 1))))",
        "(func (param i32) (block (block (br_table 0 1 (local.get 0))) (return)) (loop))",
        "(memory 1) (func (param i32) (i32.store offset=65528 (i32.const 0) (i32.const 1)))",
        "(memory 2) (func (param i32 i32) (i32.store offset=65536 (local.get 0) (local.get 1)))",
        "(memory 2) (func (param i32) (i32.store offset=65535 (local.get 0) (local.get 0)))",
        "(global (mut i32) (i32.const 1)) (func (if (global.get 0) (then)))",
        "(func $f (param i32)) (func (call $f (i32.const 1)))",
        "(func (param i32 i32 i32) (result i32) (select (local.get 0) (i32.const 0) (local.get 2)))",
        "(func (param i32 i32) (result i32) (select (local.get 0) (i32.const 0) (i32.lt_s (local.get 1) (i32.const 2))))",
        "(func (param i32) (if (i32.eqz (local.get 0)) (then (br_if 0 (i32.eqz (local.get 0))))))",
        "(func (param i32 i32) (result i32) (select (local.get 0) (i32.const 0) (i32.eq (local.get 1) (i32.const 105))))",
        "(func (param i32) (result i32)
            (block (result i32) (i32.const 7) (i32.const 1) (local.get 0) (br_table 0 1)))",
    ] {
        let module = valid(fields);
        let normal = normal(&module);
        assert!(!normal.is_rewritten(), "{fields}");
        assert_eq!(normal.code(), &module.code()[..], "{fields}");
        assert_eq!(normal.engine_price(Operator::GlobalGet, 2), 2);
    }
}

#[test]
fn rewriting_changes_what_it_must() {
    for (fields, expected) in [
        // A constant condition is read from a hidden global, and 1 nop pays for the constant.
        ("(func (if (i32.const 1) (then)))", "GlobalGet Nop If End End"),
        // Only one of the two constants has to be hidden.
        ("(func (br_if 0 (i32.add (i32.const 1) (i32.const 2))))", "I32Const GlobalGet Nop I32Add BrIf End"),
        ("(func (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))))", "I32Const GlobalGet Nop I32DivS Drop End"),
        (
            "(func (param i32) (drop (i32.div_u (local.get 0) (i32.const 0))))",
            "LocalGet GlobalGet Nop I32DivU Drop End",
        ),
        // What cannot be reached goes; the operator `if` is in the region around it and was paid for there.
        ("(func (return) (loop (drop (i32.const 1))))", "Return Unreachable End"),
        (
            "(func (return) (block (if (i32.const 1) (then (loop)) (else))))",
            "Return Block I32Const Unreachable Nop End End",
        ),
        ("(func (block (return)) (loop))", "Block Return End Unreachable End"),
        // A growth is a region of its own.
        ("(memory 1) (func (drop (memory.grow (i32.const 1))))", "I32Const Block End Loop MemoryGrow End Drop End"),
        ("(memory 1) (func (return) (drop (memory.grow (i32.const 1))))", "Return I32Const Unreachable Drop End"),
        ("(memory 1) (func (return) (loop (drop (memory.grow (i32.const 1)))))", "Return Unreachable End"),
        // Two nops pay for a `global.get`; a nop that was there cost nothing.
        (
            "(global (mut i32) (i32.const 5)) (func (nop) (br_if 0 (i32.const 0)) (drop (global.get 0)))",
            "GlobalGet Nop BrIf GlobalGet Nop Nop Drop End",
        ),
        // A table of branches that leaves an operand behind; its default branch follows a block that is not as high.
        // Where nothing is left behind it stays.
        (
            "(type $two (func (result i32 i32)))
             (func (param i32) (result i32 i32)
                (block (type $two) (i32.const 7) (i32.const 1) (i32.const 2) (local.get 0) (br_table 0 1)))",
            "Block I32Const I32Const I32Const LocalGet Block End Nop Block BrTable End Br Nop End Nop End",
        ),
        (
            "(func (param i32) (result i32 i32)
                (block (result i32 i32) (i32.const 1) (i32.const 2) (local.get 0) (br_table 0 1)))",
            "Block I32Const I32Const LocalGet Nop BrTable Nop End Nop End",
        ),
        (
            "(func (param i32) (result i32 i32) (i32.const 5)
                (block (result i32 i32) (i32.const 7) (i32.const 1) (i32.const 2) (local.get 0) (br_table 0 1)) (return))",
            "I32Const Block I32Const I32Const I32Const LocalGet Nop BrTable Nop End Nop Return Nop End",
        ),
        // An immutable global of its own is a constant.
        ("(global i32 (i32.const 5)) (func (br_if 0 (global.get 0)))", "GlobalGet Nop Nop BrIf End"),
        // The operands leave their registers at the start of a block.
        (
            "(memory 2) (func (param i32) (i32.store offset=65536 (local.get 0) (local.get 0)))",
            "LocalGet LocalGet Block End I32Store End",
        ),
        (
            "(func (param i32) (result i32) (select (i32.const 1) (local.get 0) (i32.eqz (local.get 0))))",
            "I32Const LocalGet LocalGet I32Eqz Block End Select End",
        ),
    ] {
        let normal = normal(&valid(fields));
        assert!(normal.is_rewritten(), "{fields}");
        assert_eq!(operators(normal.code()).join(" "), expected, "{fields}");
        assert_eq!(normal.engine_price(Operator::Nop, 0), 1);
        let reads_hidden = expected.contains("GlobalGet");
        assert_eq!(normal.engine_price(Operator::GlobalGet, 2), if reads_hidden { 0 } else { 2 });
        assert_eq!(normal.engine_price(Operator::I32Add, 1), 1);
    }
}

/// A direct call of a tick that control reaches becomes an empty region, and `nop`s pay for the call.
#[test]
fn a_tick_becomes_an_empty_region() {
    const PAID: &str = "Nop Nop Nop Nop Nop Nop Nop Nop Loop End";
    let tick = "(import \"env\" \"gas_tick\" (func $tick)) (import \"env\" \"caller\" (func $caller (param i32)))";
    for (fields, expected) in [
        ("(func (call $tick))", format!("{PAID} End")),
        ("(func (param i32) (local.get 0) (call $tick) (drop))", format!("LocalGet {PAID} Drop End")),
        ("(func (call $caller (i32.const 0)))", "I32Const Call End".into()),
        ("(func (return) (call $tick))", "Return Call End".into()),
        ("(table funcref (elem $tick)) (func (call_indirect (i32.const 0)))", "I32Const CallIndirect End".into()),
    ] {
        let code = binary(&format!("(module {tick} {fields})"));
        let mut revision = Revision::V1;
        for price in [1, 2] {
            revision.schedule.set_host(HostFunction::GasTick, Some(HostPrice::flat(price)));
            let module = ValidModule::parse(code.clone().into(), Abi::Json, &revision).unwrap();
            let normal = NormalModule::new(&module, &revision).unwrap();
            let operators = operators(normal.code()).join(" ");
            let is_rewritten = price == 1 && expected.contains(PAID);
            assert_eq!(normal.is_rewritten(), is_rewritten, "{fields}, {price}");
            assert_eq!(operators == expected, price == 1 || !expected.contains(PAID), "{fields}, {price}: {operators}");
        }
    }
}

/// The short instructions of stores are for the first memory.
#[test]
fn a_local_stored_at_itself_in_another_memory_leaves_its_register() {
    for (store, is_rewritten, expected) in [
        ("(i32.store 1 (local.get 0) (local.get 0))", true, "LocalGet LocalGet Block End I32Store"),
        ("(i32.store 0 (local.get 0) (local.get 0))", false, "LocalGet LocalGet I32Store"),
        ("(i32.store 1 (local.get 0) (i32.const 1))", false, "LocalGet I32Const I32Store"),
    ] {
        let code = binary(&format!("(module (memory 1) (memory 1) (func (param i32) {store}))"));
        let valid = ValidModule::parse(code.into(), Abi::Linked, &Revision::SPEC).unwrap();
        let normal = NormalModule::new(&valid, &Revision::SPEC).unwrap();
        assert_eq!(normal.is_rewritten(), is_rewritten, "{store}");
        let operators = operators(normal.code());
        // What is rewritten pays for its `end` by operators of no effect.
        let operators: Vec<_> = operators.iter().map(String::as_str).filter(|name| *name != "Nop").collect();
        assert_eq!(operators.join(" "), format!("{expected} End"), "{store}");
    }
}

/// The type of a block around a growth is one of the module, or the next.
#[test]
fn a_growth_needs_a_type() {
    for (types, growth, count) in [
        ("(type (func)) (type (func (param i32) (result i32)))", 1, 2),
        ("(type (func)) (type (func (param i64) (result i32)))", 2, 3),
        (&"(type (func))".repeat(100), 100, 101),
    ] {
        let normal = normal(&valid(&format!("{types} (memory 1) (func (type 0) (drop (memory.grow (i32.const 1))))")));
        for payload in Parser::new(0).parse_all(normal.code()) {
            match payload.unwrap() {
                Payload::TypeSection(section) => assert_eq!(section.count(), count),
                Payload::CodeSectionEntry(body) => {
                    let operators: Vec<_> =
                        body.get_operators_reader().unwrap().into_iter().map(Result::unwrap).collect();
                    let block = wasmparser::BlockType::FuncType(growth);
                    assert!(operators.iter().any(
                        |operator| matches!(operator, wasmparser::Operator::Loop { blockty } if *blockty == block)
                    ));
                }
                _ => {}
            }
        }
    }
}

/// Each value once, of its own type, behind the globals that are there.
#[test]
fn hidden_globals_are_shared() {
    let normal = normal(&valid(
        "(global (mut i64) (i64.const 1))
         (func (br_if 0 (i32.const 1)) (br_if 0 (i32.const 1)) (br_if 0 (i64.eqz (i64.const 1)))
            (drop (i32.trunc_f32_s (f32.const nan:0x200001))) (drop (i32.trunc_f64_s (f64.const 1)))
            (br_if 0 (ref.is_null (ref.null func))) (br_if 0 (ref.is_null (ref.null extern))))",
    ));
    let mut globals = Vec::new();
    for payload in Parser::new(0).parse_all(normal.code()) {
        if let Payload::GlobalSection(section) = payload.unwrap() {
            globals = section.into_iter().map(|global| global.unwrap().ty).collect();
        }
    }
    let text: Vec<_> = globals.iter().map(|ty| ty.content_type.to_string()).collect();
    assert_eq!(text, ["i64", "i32", "i64", "f32", "f64", "funcref", "externref"]);
    assert!(globals.iter().all(|ty| ty.mutable));
}

/// The example contracts are what compilers and people write: of their operators none changes, but for programs, whose
/// runtimes have constant conditions here and there. Those that grow the memory do
/// so in a loop of one turn, and `nop`s pay for frames of many slots.
#[test]
fn of_example_contracts_growths_and_large_frames_are_rewritten() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let mut seen = 0;
    for contract in folder.read_dir().unwrap() {
        for file in contract.unwrap().path().read_dir().into_iter().flatten() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "wasm") {
                let code = std::fs::read(&path).unwrap();
                let abi = crate::module::guess_abi(&code);
                let module = ValidModule::parse(code.clone().into(), abi, &Revision::V1).unwrap();
                let normal = normal(&module);
                if abi.class() != Class::Contract {
                    continue;
                }
                let before = operators(&code);
                let has_growth = before.contains(&"MemoryGrow".to_owned());
                let has_large_frame = module.frame_slots_max() > 32;
                assert_eq!(normal.is_rewritten(), has_growth || has_large_frame, "{}", path.display());
                let around = before.join(" ").replace("MemoryGrow", "Block End Loop MemoryGrow End");
                let mut after = operators(normal.code());
                after.retain(|name| name != "Nop");
                assert_eq!(after.join(" "), around, "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 12, "{seen}");
}
