//! The functions of the ABI `metashrew` that no other ABI has.

use super::Shape;
use crate::hostile::shape::Face;

/// Bytes of the largest messages here: most of a memory of 66 pages.
const MESSAGE_BYTES: u32 = 4_194_304;

/// Where a message begins, behind its length.
const MESSAGE: u32 = 65_540;

fn flush(what: &str, message: u32) -> Shape {
    let shape = Shape::new(what, format!("(call $f (i32.const {message}))"));
    shape.import("env", "__flush", "$f (param i32)").pages(66).face(Face::METASHREW)
}

/// A message of `bytes` times `byte`.
fn filled(what: &str, byte: u8, bytes: u32) -> Shape {
    let setup = format!(
        "(i32.store (i32.const {}) (i32.const {bytes}))
         (memory.fill (i32.const {MESSAGE}) (i32.const {byte}) (i32.const {bytes}))",
        MESSAGE - 4
    );
    flush(what, MESSAGE).copies(1).setup(setup)
}

pub(super) fn flushes() -> Vec<Shape> {
    vec![
        flush("nothing", 4).copies(16),
        flush("no buffer", 1).copies(16),
        // A tag and a number of one byte each, of a field that is not known.
        filled("unknown fields", 0x10, MESSAGE_BYTES),
        filled("unknown fields, the last one cut off", 0x10, MESSAGE_BYTES - 1),
        filled("a few unknown fields", 0x10, 32).copies(16),
        // Groups in each other, refused where they are too deep.
        filled("groups", 0x13, MESSAGE_BYTES),
        // Items of ten bytes: one pair again and again.
        filled("one pair", 0x0a, 24).copies(4),
        filled("many pairs", 0x0a, 24_000),
        filled("many pairs, then a cut", 0x0a, MESSAGE_BYTES - 1),
    ]
}

pub(super) fn failures() -> Vec<Shape> {
    let body = "(call $end (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";
    vec![Shape::new("noted", body.to_owned()).copies(16).face(Face::METASHREW)]
}
