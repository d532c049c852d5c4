//! The ABI that is guessed of a module: one that the module is valid for, with any part of an ABI among its imports.

use crate::binary;
use lockstep_gas::{Abi, Revision};
use lockstep_host::{HostImport, ImportTable, ValueType};
use lockstep_vm::{ValidModule, module::guess_abi};

/// What a module of an ABI exports.
fn exports(abi: Abi) -> &'static str {
    match abi {
        Abi::Ewasm => r#"(func (export "main"))"#,
        Abi::Packed => r#"(func (export "main") (param i64) (result i64) (i64.const 0))"#,
        Abi::Wasi => r#"(func (export "_start"))"#,
        Abi::Json => r#"(func (export "go"))"#,
        Abi::Metashrew => r#"(func (export "_start")) (func (export "view") (result i32) (i32.const 0))"#,
        Abi::MetashrewDocumented => {
            r#"(func (export "_start")) (func (export "view") (param i32 i32) (result i32) (i32.const 0))"#
        }
        Abi::Dela => {
            r#"(func (export "malloc") (param i32) (result i32) (i32.const 8)) (func (export "free") (param i32))
            (func (export "go") (param i32) (result i32) (i32.const 8))"#
        }
        Abi::Linked => "",
    }
}

fn import(row: &HostImport) -> String {
    let letter = |ty: &ValueType| if *ty == ValueType::I32 { "i32 " } else { "i64 " };
    let parameters: String = row.parameters().iter().map(letter).collect();
    let result: String = row.result().iter().map(letter).collect();
    format!("(import {:?} {:?} (func (param {parameters}) (result {result})))", row.module, row.name)
}

fn module(imports: &str, exports: &str) -> Vec<u8> {
    binary(&format!(r#"(module {imports} (memory (export "memory") 1) {exports})"#))
}

/// A module that imports one function of its ABI, and one that imports its functions two by two.
#[test]
fn a_module_is_valid_for_the_abi_that_is_guessed() {
    let mut count = 0;
    for &abi in Abi::CONTRACTS {
        let rows: Vec<&HostImport> = ImportTable::of(abi, &Revision::V1).rows().collect();
        let alone = rows.iter().map(|row| import(row));
        let pairs = rows.windows(2).filter(|pair| pair[0].name != pair[1].name);
        let pairs = pairs.map(|pair| import(pair[0]) + &import(pair[1]));
        for imports in alone.chain(pairs).chain([String::new()]) {
            let code = module(&imports, exports(abi));
            let guessed = guess_abi(&code);
            let checked = ValidModule::parse(code.clone().into(), guessed, &Revision::V1);
            assert!(checked.is_ok(), "{abi}, guessed {guessed}: {imports}: {:?}", checked.err());
            count += 1;
        }
    }
    assert!(count > 500, "{count} modules");
}

/// Where several ABIs admit a module, the one that it was built for.
#[test]
fn the_abi_that_a_module_was_built_for() {
    let get = |result: &str| format!(r#"(import "env" "__get" (func (param i32 i32) {result}))"#);
    let asked = r#"(func (export "_start")) (func (export "view") (result i32) (i32.const 0))"#;
    let placed = r#"(func (export "_start")) (func (export "view") (param i32 i32) (result i32) (i32.const 0))"#;
    let allocator = r#"(func (export "malloc") (param i32) (result i32) (i32.const 8)) (func (export "free") (param i32))
        (func (export "stackAlloc") (param i32) (result i32) (i32.const 8)) (func (export "go"))"#;
    let fd_write = r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#;
    for (case, imports, exports, abi) in [
        ("an indexer", get(""), asked, Abi::Metashrew),
        ("an indexer whose views have parameters", get(""), placed, Abi::Metashrew),
        ("an indexer by the published interface", get("(result i32)"), placed, Abi::MetashrewDocumented),
        ("one of its views fetches its input", get("(result i32)"), asked, Abi::MetashrewDocumented),
        (
            "an indexer that does not read",
            r#"(import "env" "__flush" (func (param i32)))"#.into(),
            asked,
            Abi::Metashrew,
        ),
        (
            "JSON with an allocator",
            r#"(import "env" "args_len" (func (result i32)))"#.to_owned() + fd_write,
            allocator,
            Abi::Json,
        ),
        (
            "JSON without arguments",
            r#"(import "env" "caller" (func (param i32)))"#.into(),
            exports(Abi::Json),
            Abi::Json,
        ),
        ("a program without imports", String::new(), exports(Abi::Wasi), Abi::Wasi),
        ("a program", fd_write.to_owned(), exports(Abi::Wasi), Abi::Wasi),
        ("a reactor", fd_write.to_owned(), r#"(func (export "_initialize")) (func (export "go"))"#, Abi::Wasi),
        ("a program with an unknown import", fd_write.replace("fd_write", "absent"), exports(Abi::Wasi), Abi::Wasi),
        ("emscripten", r#"(import "env" "abort" (func))"#.to_owned() + fd_write, exports(Abi::Dela), Abi::Dela),
        (
            "emscripten with JavaScript",
            r#"(import "env" "log" (func (param i32)))"#.into(),
            exports(Abi::Dela),
            Abi::Dela,
        ),
    ] {
        assert_eq!(guess_abi(&module(&imports, exports)), abi, "{case}");
    }
}
