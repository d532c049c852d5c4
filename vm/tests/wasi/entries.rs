//! How a frame opens and ends: commands and reactors, names, constructors, exit codes.

use crate::kit::{Chain, SENDER, halt, module, revert};
use lockstep_gas::{Abi, Revision};
use lockstep_host::{Address, HaltReason};
use lockstep_vm::{Outcome, TxKind, ValidModule};

const A: Address = Address::repeat_byte(0xa1);

fn wasi(fields: &str) -> Vec<u8> {
    module(Abi::Wasi, fields)
}

/// Writes one byte of the memory to standard output.
fn write(letter: char) -> String {
    format!(
        "(i32.store8 (i32.const 16) (i32.const {})) (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 1)) \
         (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))",
        u32::from(letter)
    )
}

fn function(export: &str, letter: char) -> String {
    format!("(func (export \"{export}\") {})", write(letter))
}

//= spec 11.1.4, 11.1.5, 11.1.6, 11.1.8 test
#[test]
fn commands_and_reactors() {
    let mut chain = Chain::new("wasi_entries.txt");
    let no_export = halt(HaltReason::NoSuchExport);
    let start = function("_start", 's');
    let initialize = function("_initialize", 'i');
    let main = function("main", 'm');
    let other = function("other", 'o');
    let constructor = function("constructor", 'c');
    for (case, fields, export, outcome, output) in [
        ("a command", [&start, &main, &other].map(String::as_str).concat(), None, Outcome::Return, "s"),
        ("a command by name", start.clone(), Some("_start"), Outcome::Return, "s"),
        ("an export of a command", [&*start, &other].concat(), Some("other"), Outcome::Return, "o"),
        ("a reactor's main", [&*initialize, &main].concat(), None, Outcome::Return, "im"),
        ("a reactor's export", [&*initialize, &other].concat(), Some("other"), Outcome::Return, "io"),
        ("a reactor without a beginning", [&*other, &main].concat(), Some("other"), Outcome::Return, "o"),
        ("no main", [&*initialize, &other].concat(), None, no_export, ""),
        ("both", [&*start, &initialize].concat(), None, Outcome::Return, "s"),
        ("both, by name", [&*start, &initialize].concat(), Some("_start"), Outcome::Return, "s"),
        ("the beginning alone", [&*initialize, &main].concat(), Some("_initialize"), no_export, ""),
        ("the constructor by name", [&*constructor, &main].concat(), Some("constructor"), no_export, ""),
        ("no such name", main.clone(), Some("absent"), no_export, ""),
        ("the memory", main.clone(), Some("memory"), no_export, ""),
        ("an empty name", main.clone(), Some(""), no_export, ""),
        (
            "parameters",
            [&*main, "(func (export \"f\") (param i32))"].concat(),
            Some("f"),
            halt(HaltReason::SignatureMismatch),
            "",
        ),
        (
            "a long result",
            [&*main, "(func (export \"f\") (result i64) (i64.const 0))"].concat(),
            Some("f"),
            halt(HaltReason::SignatureMismatch),
            "",
        ),
    ] {
        chain.put(A, Abi::Wasi, &wasi(&fields));
        let kind = TxKind::Call { to: A, export: export.map(Into::into) };
        let receipt = chain.commit(case, SENDER, kind, &[]);
        assert_eq!(
            (receipt.outcome, String::from_utf8(receipt.output).unwrap()),
            (outcome, output.to_owned()),
            "{case}"
        );
    }
    let name = vec![0xFF, 0xFE];
    let receipt = chain.commit("a name that is no text", SENDER, TxKind::Call { to: A, export: Some(name) }, &[]);
    assert_eq!(receipt.outcome, no_export);
    chain.settle();
}

//= spec 4.15, 4.17, 11.1.7 test
#[test]
fn a_deployment_runs_the_constructor() {
    let mut chain = Chain::new("wasi_constructors.txt");
    let echo = r#"(func (export "constructor")
        (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 100))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#;
    let receipt = chain.deploy("with an input", SENDER, Abi::Wasi, &wasi(echo), b"the input");
    assert_eq!((receipt.outcome, receipt.output.as_slice()), (Outcome::Return, &b"the input"[..]));
    let both = [&*function("_initialize", 'i'), &function("constructor", 'c')].concat();
    assert_eq!(chain.deploy("after the beginning", SENDER, Abi::Wasi, &wasi(&both), &[]).output, b"ic");
    let fails = r#"(func (export "constructor") (result i32) (i32.const 3))"#;
    let receipt = chain.deploy("that fails", SENDER, Abi::Wasi, &wasi(fails), &[]);
    assert_eq!((receipt.outcome, receipt.created), (revert(3), None));
    let none = function("main", 'm');
    assert!(chain.deploy("none", SENDER, Abi::Wasi, &wasi(&none), &[]).created.is_some());
    let receipt = chain.deploy("none for an input", SENDER, Abi::Wasi, &wasi(&none), b"x");
    assert_eq!((receipt.outcome, receipt.created), (halt(HaltReason::NoSuchExport), None));
    chain.settle();
}

//= spec 11.1.12, 11.1.13 test
#[test]
fn exit_codes() {
    let mut chain = Chain::new("wasi_exits.txt");
    let says = format!(
        "{} (i32.store8 (i32.const 16) (i32.const 33)) (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))",
        write('x')
    );
    for (code, outcome) in [
        (0, Outcome::Return),
        (1, revert(1)),
        (2, revert(2)),
        (0xFEFF, revert(0xFEFF)),
        (0xFF00, revert(1)),
        (65_536, revert(1)),
        (-1, revert(1)),
    ] {
        let returns = format!("(func (export \"main\") (result i32) {says} (i32.const {code}))");
        let exits = format!("(func (export \"_start\") {says} (call $proc_exit (i32.const {code})) (unreachable))");
        for (way, fields) in [("returned", returns), ("exited", exits)] {
            chain.put(A, Abi::Wasi, &wasi(&fields));
            let receipt = chain.commit(&format!("{code} {way}"), SENDER, TxKind::Call { to: A, export: None }, &[]);
            let output = if code == 0 { b"x" } else { b"!" };
            assert_eq!((receipt.outcome, receipt.output.as_slice()), (outcome, &output[..]), "{code} {way}");
        }
    }
    let early =
        "(func (export \"_initialize\") (call $proc_exit (i32.const 0))) (func (export \"main\") (unreachable))";
    chain.put(A, Abi::Wasi, &wasi(early));
    let receipt = chain.commit("an exit at the beginning", SENDER, TxKind::Call { to: A, export: None }, &[]);
    assert_eq!(receipt.outcome, Outcome::Return);
    chain.settle();
}

//= spec 11.1.1, 11.1.2, 11.1.3 test
#[test]
fn what_makes_a_module_one_of_the_abi() {
    let check = |text: &str| ValidModule::parse(wat::parse_str(text).unwrap().into(), Abi::Wasi, &Revision::V1);
    let memory = "(memory (export \"memory\") 1)";
    let import = |name: &str, ty: &str| format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func {ty}))");
    for (fields, is_valid) in [
        (String::new(), true),
        (import("fd_write", "(param i32 i32 i32 i32) (result i32)").repeat(2), true),
        (import("fd_seek", "(param i32 i64 i32 i32) (result i32)"), true),
        (import("fd_seek", "(param i32 i32 i32 i32 i32) (result i32)"), true),
        (import("fd_seek", "(param i32 i32 i32 i32) (result i32)"), false),
        (import("fd_seek", "(param i32 i32 i32 i32 i32) (result i32)").repeat(2), true),
        (
            import("fd_seek", "(param i32 i64 i32 i32) (result i32)")
                + &import("fd_seek", "(param i32 i32 i32 i32 i32) (result i32)"),
            false,
        ),
        (import("fd_write", "(param i32 i32 i32) (result i32)"), false),
        (import("thread_spawn", "(param i32) (result i32)"), false),
        ("(import \"wasi_unstable\" \"sched_yield\" (func (result i32)))".into(), false),
        ("(import \"ethereum\" \"getCaller\" (func (param i32)))".into(), false),
        ("(import \"lockstep\" \"caller\" (func (param i32)))".into(), true),
        ("(import \"crypto\" \"sha256\" (func (param i32 i32 i32)))".into(), true),
        ("(func (export \"_start\") (param i32))".into(), false),
        ("(func (export \"_initialize\") (result i32) (i32.const 0))".into(), false),
        ("(func (export \"constructor\") (result i32) (i32.const 0))".into(), true),
        ("(func (export \"constructor\") (param i32))".into(), false),
        ("(func $f) (start $f)".into(), false),
    ] {
        let checked = check(&format!("(module {fields} {memory})"));
        assert_eq!(checked.is_ok(), is_valid, "{fields}: {:?}", checked.err());
    }
    assert!(check("(module)").is_err(), "a memory is required");
    assert!(check("(module (func (export \"memory\")))").is_err());
}
