//! Calls and creations: of nothing, of the plainest contract, with large inputs, and failing in every way.

use super::{INPUT_BYTES_MAX, Shape, called_as};
use crate::{
    hostile::shape::{ZEROS, callee, data_text},
    programs::module,
};
use lockstep_vm::Abi;

/// Gas for a callee that runs, and for one that fails at once: what it gets it loses.
const ENOUGH: u64 = 1 << 40;
const START: u64 = 40_000;
/// Gas for a creation, without what its code costs.
const CREATION: u64 = 340_000;

fn contract(fields: &str) -> Vec<u8> {
    module(&format!("(module {fields})")).unwrap_or_default()
}

fn plainest() -> Vec<u8> {
    contract("(memory (export \"memory\") 0) (func (export \"main\"))")
}

/// Calls by a function of the four. `value` is the text of its operand, for those that have one.
pub(super) fn of(name: &str, value: &str, moves_value: bool) -> Vec<Shape> {
    let values = if value.is_empty() { "" } else { "i32" };
    let ty = format!("(param i64 i32 {values} i32 i32) (result i32)");
    let call = |what: &str, gas: u64, to: u32, value: &str, length: u32| {
        let operands = format!("(i64.const {gas}) (i32.const {to}) {value} (i32.const 0) (i32.const {length})");
        called_as(what, name, &ty, &operands).pages(3)
    };
    let calls = |what: &str, gas: u64, code: Vec<u8>| call(what, gas, callee(0), value, 0).callee(Abi::Ewasm, code);
    let mut shapes = vec![
        call("no code", ENOUGH, ZEROS, value, 0),
        call("no code, an input of 131,072 bytes", ENOUGH, ZEROS, value, INPUT_BYTES_MAX),
        calls("the plainest contract", ENOUGH, plainest()),
        calls("too little gas", 0, plainest()),
        calls("a trap at once", START, contract("(memory (export \"memory\") 0) (func (export \"main\") unreachable)")),
        calls("a data segment that does not fit", START, {
            contract("(memory (export \"memory\") 0) (func (export \"main\")) (data (i32.const 1) \"1\")")
        }),
        calls(
            "a loop without end",
            START,
            contract("(memory (export \"memory\") 0) (func (export \"main\") (loop (br 0)))"),
        ),
        calls("a page", ENOUGH, contract("(memory (export \"memory\") 1) (func (export \"main\"))")),
        calls("500 pages", ENOUGH, contract("(memory (export \"memory\") 500) (func (export \"main\"))")).copies(1),
        call("the plainest contract, an input of 131,072 bytes", ENOUGH, callee(0), value, INPUT_BYTES_MAX)
            .callee(Abi::Ewasm, plainest()),
    ];
    if moves_value {
        shapes.push(call("a value that is not there", ENOUGH, ZEROS, "(i32.const 0)", 0).data(0, &[1]));
    }
    shapes
}

/// The same with 131,072 bytes of return data.
pub(super) fn with_return_data(shape: Shape) -> Shape {
    let finish = "(import \"ethereum\" \"finish\" (func $f (param i32 i32)))";
    let main = format!("(func (export \"main\") (call $f (i32.const 0) (i32.const {INPUT_BYTES_MAX})))");
    let call = format!(
        "(drop (call $call (i64.const {ENOUGH}) (i32.const {}) (i32.const {ZEROS}) (i32.const 0) (i32.const 0)))",
        callee(0)
    );
    shape
        .import("ethereum", "call", "$call (param i64 i32 i32 i32 i32) (result i32)")
        .callee(Abi::Ewasm, contract(&format!("{finish} (memory (export \"memory\") 2) {main}")))
        .setup(call)
}

/// Calls of a contract that ends by `name`, with nothing and with as much as there can be.
pub(super) fn endings(name: &str, bytes_max: u32) -> Vec<Shape> {
    let ends = |bytes: u32, pages: u32| {
        let code = contract(&format!(
            "(import \"ethereum\" \"{name}\" (func $f (param i32 i32))) (memory (export \"memory\") {pages})
             (func (export \"main\") (call $f (i32.const 0) (i32.const {bytes})))"
        ));
        called(&format!("{bytes} bytes"), 1_000_000, code)
    };
    vec![ends(0, 0), ends(bytes_max, bytes_max.div_ceil(65_536)), ends(bytes_max + 1, bytes_max.div_ceil(65_536) + 1)]
}

/// Calls of contracts that destroy themselves.
pub(super) fn destructions() -> Vec<Shape> {
    let destroys = |what: &str, fields: &str, body: &str| {
        called(
            what,
            1_000_000,
            contract(&format!(
                "(import \"ethereum\" \"selfDestruct\" (func $f (param i32))) {fields}
             (memory (export \"memory\") 1) (func (export \"main\") {body} (call $f (i32.const 0)))"
            )),
        )
    };
    let own = "(import \"ethereum\" \"getAddress\" (func $own (param i32)))";
    vec![destroys("for itself", own, "(call $own (i32.const 0))"), destroys("for one that is not there", "", "")]
}

/// Calls of `code` with `gas`.
fn called(what: &str, gas: u64, code: Vec<u8>) -> Shape {
    let operands =
        format!("(i64.const {gas}) (i32.const {}) (i32.const {ZEROS}) (i32.const 0) (i32.const 0)", callee(0));
    called_as(what, "call", "(param i64 i32 i32 i32 i32) (result i32)", &operands).callee(Abi::Ewasm, code)
}

/// Creations whose init code does nothing, fails, is no module, or is as large as it can be and fails at its end.
pub(super) fn creations() -> Vec<Shape> {
    // What fails takes all gas but a 64th, so each creation is made by a frame of its own that gets what it needs.
    let create = |what: &str, init_code: &[u8], gas: u64| {
        let operands = format!("(i32.const {ZEROS}) (i32.const 65536) (i32.const {}) (i32.const 0)", init_code.len());
        let pages = 1 + init_code.len().div_ceil(65_536);
        let code = contract(&format!(
            "(import \"ethereum\" \"create\" (func $f (param i32 i32 i32 i32) (result i32)))
             (memory (export \"memory\") {pages}) (data (i32.const 65536) \"{}\")
             (func (export \"main\") (drop (call $f {operands})))",
            data_text(init_code)
        ));
        called(what, gas, code)
    };
    let length = |code: &[u8]| u64::try_from(code.len()).unwrap_or_default();
    let trap = contract("(memory (export \"memory\") 0) (func (export \"main\") unreachable)");
    let magic = b"\0asm\x01\0\0\0".as_slice();
    let mut late = contract(&format!(
        "(memory (export \"memory\") 0) (func (export \"main\")) (func (local i64) {})",
        "(local.set 0 (i64.add (local.get 0) (local.get 0)))".repeat(20_000)
    ));
    late.push(0xff);
    let finish = "(import \"ethereum\" \"finish\" (func $f (param i32 i32)))";
    let code = format!("(data (i32.const 0) \"{}\")", data_text(&plainest()));
    let leaves = contract(&format!(
        "{finish} (memory (export \"memory\") 1) {code}
         (func (export \"main\") (call $f (i32.const 0) (i32.const {})))",
        plainest().len()
    ));
    vec![
        create("no init code", &[], START + CREATION),
        create("no module", &[7; 64], START + CREATION),
        create("a module without memory", magic, START + CREATION),
        create("the plainest contract", &plainest(), ENOUGH),
        create("a trap at once", &trap, START + CREATION),
        create("140,000 bytes that fail at their end", &late, START + CREATION + 150 * length(&late)),
        create("a contract that leaves a contract", &leaves, ENOUGH),
    ]
}
