//! The functions of WASI and of SUAVE: vectors of many entries, output that grows, JSON that takes the longest to read.

use super::Shape;
use crate::{
    hostile::shape::{Face, callee},
    programs::module,
};
use lockstep_vm::Abi;

/// Functions of WASI preview 1.
const PREVIEW1: &str = "wasi_snapshot_preview1";

/// Calls of a function, its result dropped.
fn called(what: &str, module: &str, name: &str, parameters: usize, operands: &str) -> Shape {
    let ty = format!("$f (param {}) (result i32)", "i32 ".repeat(parameters));
    let body = format!("(drop (call $f {operands}))");
    Shape::new(what, body).import(module, name, &ty).copies(16).face(Face::WASI)
}

/// Functions that only answer.
pub(super) fn answers() -> Vec<Shape> {
    let time = Shape::new("clock_time_get", "(drop (call $f (i32.const 0) (i64.const 0) (i32.const 4092)))");
    let time =
        time.import(PREVIEW1, "clock_time_get", "$f (param i32 i64 i32) (result i32)").copies(16).face(Face::WASI);
    let two = |name: &str, operands: &str| called(name, PREVIEW1, name, 2, operands);
    vec![
        time,
        two("args_sizes_get", "(i32.const 4094) (i32.const 8190)"),
        two("fd_fdstat_get", "(i32.const 1) (i32.const 4090)"),
        two("fd_filestat_get", "(i32.const 1) (i32.const 4090)"),
        two("fd_fdstat_set_flags", "(i32.const 0) (i32.const 4)"),
        called("sched_yield", PREVIEW1, "sched_yield", 0, ""),
    ]
}

/// Puts `count` entries of `bytes` bytes at 100,000.
fn vector(count: u32, bytes: u32) -> String {
    format!(
        "(local.set $j (i32.const 0)) (loop $v (i32.store (i32.add (i32.const 100004) (i32.shl (local.get $j) (i32.const 3))) (i32.const {bytes})) \
         (br_if $v (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const {count}))))"
    )
}

/// Vectors of none, one and many entries, of no, one and many bytes.
fn vectors(name: &str, fd: u32) -> Vec<Shape> {
    let shape = |count: u32, bytes: u32| {
        let operands = format!("(i32.const {fd}) (i32.const 100000) (i32.const {count}) (i32.const 96)");
        let shape = called(&format!("{count} entries of {bytes} bytes"), PREVIEW1, name, 4, &operands);
        let shape = shape.pages(66).setup(vector(count.max(1), bytes));
        if count > 1 || bytes > 4_096 { shape.copies(1) } else { shape }
    };
    [
        (0, 0),
        (1, 0),
        (1, 1),
        (1, 33),
        (1, 4_194_304),
        (4_096, 0),
        (4_096, 1),
        (4_096, 33),
        (4_096, 65_536),
        (400_000, 0),
    ]
    .map(|(count, bytes)| shape(count, bytes))
    .into()
}

pub(super) fn reads() -> Vec<Shape> {
    vectors("fd_read", 0)
}

/// Writes to standard error, and to standard output of a callee, so that each turn has new buffers to fill.
pub(super) fn writes() -> Vec<Shape> {
    let mut shapes = vectors("fd_write", 2);
    for (what, count, bytes) in [
        ("4 MiB of output at once", 1, 4_194_304),
        ("4 MiB of output in pages", 64, 65_536),
        ("output byte by byte", 4_096, 1),
    ] {
        let code = module(&format!(
            "(module (import \"{PREVIEW1}\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
               (memory (export \"memory\") 66) (func (export \"_start\") (local $j i32) {}
               (drop (call $write (i32.const 1) (i32.const 100000) (i32.const {count}) (i32.const 96)))))",
            vector(count, bytes)
        ));
        let operands =
            format!("(i64.const 1000000000) (i32.const {}) (i32.const 0) (i32.const 0) (i32.const 0)", callee(0));
        let body = format!("(drop (call $f {operands}))");
        let ty = "$f (param i64 i32 i32 i32 i32) (result i32)";
        let shape = Shape::new(what, body).import("lockstep", "call", ty).copies(1).face(Face::WASI);
        shapes.push(shape.callee(Abi::Wasi, code.unwrap_or_default()));
    }
    shapes
}

/// One and many subscriptions, to clocks and to streams.
pub(super) fn polls() -> Vec<Shape> {
    let shape = |what: &str, count: u32, tag: u32| {
        let operands = format!("(i32.const 100000) (i32.const 2000000) (i32.const {count}) (i32.const 96)");
        let tags = format!(
            "(local.set $j (i32.const 0)) (loop $v (i32.store8 (i32.add (i32.const 100008) (i32.mul (local.get $j) (i32.const 48))) (i32.const {tag})) \
             (br_if $v (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const {count}))))"
        );
        called(what, PREVIEW1, "poll_oneoff", 4, &operands).pages(66).setup(tags).copies(1)
    };
    vec![
        shape("one clock", 1, 0),
        shape("10,000 clocks", 10_000, 0),
        shape("one stream", 1, 1),
        shape("10,000 streams", 10_000, 1),
        shape("10,000 of no kind", 10_000, 9),
    ]
}

/// Random bytes at the edges of SHAKE256's blocks of 136 bytes.
pub(super) fn randoms() -> Vec<Shape> {
    let shape = |bytes: u32| {
        let operands = format!("(i32.const 1) (i32.const {bytes})");
        let shape = called(&format!("{bytes} bytes"), PREVIEW1, "random_get", 2, &operands).pages(66);
        if bytes > 4_096 { shape.copies(1) } else { shape.copies(4) }
    };
    [0, 1, 32, 136, 137, 4_194_304].map(shape).into()
}

/// Entries that are not there, under keys of every length.
pub(super) fn retrieves() -> Vec<Shape> {
    let shape = |what: &str, key: u32, id: u32, capacity: u32| {
        let operands = format!(
            "(i32.const 100000) (i32.const {key}) (i32.const 0) (i32.const {id}) (i32.const 200000) (i32.const {capacity}) (i32.const 96)"
        );
        called(what, "suavexec", "retrieve", 7, &operands).pages(66).copies(4)
    };
    vec![
        shape("no entry", 7, 16, 1_024),
        shape("a short id", 7, 15, 1_024),
        shape("a long key", 1_008, 16, 0),
        shape("a key that is too long", 1_024, 16, 0),
    ]
}

/// JSON that the reader goes through to the end.
pub(super) fn jsons() -> Vec<Shape> {
    let shape = |what: &str, name: &str, before: &str, part: &str, after: &str| {
        let part = part.repeat(400_000 / part.len().max(1));
        let text = format!("{before}{part}{after}");
        let operands = format!(
            "(i32.const 100000) (i32.const {}) (i32.const 1000000) (i32.const 65536) (i32.const 96)",
            text.len()
        );
        called(what, "suavexec", name, 5, &operands).pages(66).data(100_000, text.as_bytes()).copies(1)
    };
    vec![
        shape("nothing", "fetchBidById", "", "", ""),
        shape("one long string", "storePut", "{\"x\":\"", "a", "\"}"),
        shape("escapes", "storePut", "{\"x\":\"", "\\u0041", "\"}"),
        shape("small values", "storePut", "{\"x\":[1", ",[{\"\":0}]", "]}"),
        shape("fields", "storePut", "{\"x\":1", ",\"\":0", "}"),
        shape("white space", "storePut", "{", " ", "}"),
        shape("base 64", "storePut", "{\"Value\":\"", "AAAA", "\"}"),
        shape(
            "addresses",
            "initializeBid",
            "{\"AllowedPeekers\":[\"0x0000000000000000000000000000000000000000\"",
            ",\"0x0000000000000000000000000000000000000000\"",
            "]}",
        ),
        shape("malformed at its end", "storePut", "{\"x\":\"", "a", "\"]"),
    ]
}
