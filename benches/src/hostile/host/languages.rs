//! The functions of the ABIs `json` and `dela` that the Ethereum environment interface does not have.

use super::Shape;
use crate::{
    hostile::shape::{Face, callee, data_text},
    programs::module,
};
use lockstep_vm::Abi;

/// Calls of a function of `env` in a contract of ABI `json`.
pub(super) fn json(what: &str, name: &str, ty: &str, operands: &str) -> Shape {
    of(Face::JSON, what, name, ty, operands)
}

/// The same in one of ABI `dela`.
pub(super) fn dela(what: &str, name: &str, ty: &str, operands: &str) -> Shape {
    of(Face::DELA, what, name, ty, operands)
}

fn of(face: Face, what: &str, name: &str, ty: &str, operands: &str) -> Shape {
    let call = format!("(call $f {operands})");
    let body = if ty.contains("result") { format!("(drop {call})") } else { call };
    Shape::new(what, body).import("env", name, &format!("$f {ty}")).copies(16).face(face)
}

/// The production engine makes no call of a tick, but where the call is an indirect one.
pub(super) fn ticks() -> Vec<Shape> {
    let direct = json("called", "gas_tick", "", "");
    let fields = "(table 1 funcref) (elem (i32.const 0) $f)".into();
    let name = "called through a table".into();
    vec![Shape { name, fields, body: "(call_indirect (i32.const 0))".into(), ..direct.clone() }, direct]
}

/// A function that takes a range: nothing, a byte, more, and as much as there can be.
pub(super) fn ranges(name: &str, bytes_max: u32) -> Vec<Shape> {
    let range = |bytes: u32| {
        let shape =
            json(&format!("{bytes} bytes"), name, "(param i32 i32)", &format!("(i32.const 0) (i32.const {bytes})"));
        shape.pages(66).copies(if bytes > 4_096 { 1 } else { 16 })
    };
    [0, 1, 33, 4_096, bytes_max].map(range).into()
}

/// Keys and accounts of the state.
const STATE: u32 = 50_000;

/// Makes the key at 0 another one of the state's, in an order that no processor foresees.
const NEXT: &str = "(i32.store (i32.const 0) (local.tee $i (i32.rem_u
  (i32.add (i32.mul (local.get $i) (i32.const 1664525)) (i32.const 1013904223)) (i32.const 50000))))";

/// Makes it one that the state does not have.
const ABSENT: &str = "(i32.store (i32.const 0) (local.tee $i (i32.add (local.get $i) (i32.const 1))))";

/// With a key at 0: the same each time, another one of the state, one that is not there.
fn looked_up(shape: &Shape) -> Vec<Shape> {
    let with = |what: &str, before: &str| {
        let body = format!("{before} {}", shape.body);
        Shape { name: format!("{}, {what}", shape.name), body, ..shape.clone() }.state(STATE)
    };
    let known = with("one of 50,000", NEXT).setup("(local.set $i (i32.const 7))");
    let unknown = with("absent", ABSENT).setup("(local.set $i (i32.const 50000))");
    vec![shape.clone(), known, unknown]
}

pub(super) fn reads() -> Vec<Shape> {
    let get = "(param i32 i32 i32) (result i32)";
    let read = |what: &str, key: u32| {
        json(what, "storage_get", get, &format!("(i32.const 0) (i32.const {key}) (i32.const 2048)")).pages(66)
    };
    let length =
        json("length alone", "storage_get_len", "(param i32 i32) (result i32)", "(i32.const 0) (i32.const 32)");
    let large = |bytes: u32| {
        let shape = read(&format!("{bytes} bytes"), 32).copies(1);
        let set = format!("(call $set (i32.const 0) (i32.const 32) (i32.const 0) (i32.const {bytes}))");
        shape.import("env", "storage_set", "$set (param i32 i32 i32 i32)").setup(set)
    };
    let mut shapes = looked_up(&read("32 bytes", 32));
    shapes.extend(looked_up(&length));
    shapes.extend([read("a key of 1,024 bytes", 1_024), read("no key", 0), large(65_536), large(4_194_304)]);
    shapes
}

pub(super) fn writes() -> Vec<Shape> {
    let write = |key: u32, value: u32| {
        let operands = format!("(i32.const 0) (i32.const {key}) (i32.const 2048) (i32.const {value})");
        let shape = json(&format!("{key} and {value} bytes"), "storage_set", "(param i32 i32 i32 i32)", &operands);
        shape.pages(66).copies(4)
    };
    let mut shapes = looked_up(&write(32, 32));
    shapes.extend(looked_up(&write(4, 0)));
    shapes.extend([write(0, 0), write(1_024, 0), write(32, 4_096), write(32, 65_536)]);
    shapes
}

pub(super) fn removals() -> Vec<Shape> {
    let removal = json("32 bytes", "storage_remove", "(param i32 i32)", "(i32.const 0) (i32.const 32)");
    let both = Shape {
        name: "set and removed".into(),
        body: "(call $set (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 32)) (call $f (i32.const 0) (i32.const 32))".into(),
        ..removal.clone()
    };
    let mut shapes = looked_up(&removal);
    shapes.push(both.import("env", "storage_set", "$set (param i32 i32 i32 i32)"));
    shapes
}

/// A contract of ABI `dela` that returns the C string at 1,000 after `body`.
fn replying(body: &str, fields: &str) -> Vec<u8> {
    let text = format!(
        "(module (import \"env\" \"abort\" (func $abort)) (memory (export \"memory\") 16)
           (func (export \"malloc\") (param i32) (result i32) (i32.const 8)) (func (export \"free\") (param i32))
           (func (export \"main\") (param i32) (result i32) {body} (i32.const 1000)) {fields})"
    );
    module(&text).unwrap_or_default()
}

/// Calls of such a contract from one of ABI `json`.
fn of_callee(what: &str, code: Vec<u8>) -> Shape {
    let ty = "(param i32 i32 i32 i32 i32 i64) (result i32)";
    let operands = format!(
        "(i32.const {}) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 100000000)",
        callee(0)
    );
    json(what, "call", ty, &operands).callee(Abi::Dela, code).copies(1)
}

pub(super) fn aborts() -> Vec<Shape> {
    vec![of_callee("in a callee that has much gas", replying("(call $abort)", ""))]
}

/// Replies that take the reader the longest.
pub(super) fn replies() -> Vec<Shape> {
    let reply = |what: &str, before: &str, part: &str, after: &str| {
        let text = format!("{before}{}{after}\0", part.repeat(400_000 / part.len()));
        let segment = format!("(data (i32.const 1000) \"{}\")", data_text(text.as_bytes()));
        of_callee(what, replying("", &segment))
    };
    let head = r#"{"Accepted":"true","result":""#;
    vec![
        reply("one long string", head, "a", "\"}"),
        reply("escapes", head, "\\u0041", "\"}"),
        reply("small values", r#"{"Accepted":"true","result":"","x":[1"#, ",[{\"\":0}]", "]}"),
        reply("white space", r#"{"Accepted":"true","result":"""#, " ", "}"),
        reply("malformed at its end", head, "a", "\"]"),
    ]
}

pub(super) fn growths() -> Vec<Shape> {
    let ty = "(param i32) (result i32)";
    let page = "(local.tee $j (i32.add (local.get $j) (i32.const 65536)))";
    vec![
        dela("nothing to grow", "emscripten_resize_heap", ty, "(i32.const 1)"),
        dela("too much to grow", "emscripten_resize_heap", ty, "(i32.const -1)"),
        dela("page by page", "emscripten_resize_heap", ty, page).setup("(local.set $j (i32.const 65536))").copies(1),
    ]
}

pub(super) fn copies() -> Vec<Shape> {
    let copy = |bytes: u32| {
        let ty = "(param i32 i32 i32) (result i32)";
        let operands = format!("(i32.const 1048576) (i32.const 1048609) (i32.const {bytes})");
        let shape = dela(&format!("{bytes} bytes"), "emscripten_memcpy_big", ty, &operands).pages(100);
        if bytes > 4_096 { shape.copies(1) } else { shape }
    };
    [0, 1, 33, 4_096, 4_194_304].map(copy).into()
}
