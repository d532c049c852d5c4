//! Operators on linear memory: across lines and pages, after narrower stores, of nothing and of everything.

use super::Shape;

/// Addresses: aligned, across a line of the cache, across a page of the host.
const ADDRESSES: [(&str, u32); 3] = [("aligned", 64), ("across a line", 8_253), ("across a page", 8_189)];

pub(super) fn loads(operator: &str) -> Vec<Shape> {
    let mut shapes: Vec<_> =
        ADDRESSES.map(|(what, address)| Shape::new(what, format!("(drop ({operator} (i32.const {address})))"))).into();
    let stored = format!("(i32.store8 (i32.const 65) (local.get $i)) (drop ({operator} (i32.const 64)))");
    shapes.push(Shape::new("behind a store of one of its bytes", stored));
    let strided = format!(
        "(drop ({operator} (local.tee $i (i32.and (i32.add (local.get $i) (i32.const 4160)) (i32.const 0x1ffffc0)))))"
    );
    shapes.push(Shape::new("another page each time", strided).pages(512));
    shapes
}

pub(super) fn stores(operator: &str, value: &str) -> Vec<Shape> {
    let mut shapes: Vec<_> = ADDRESSES
        .map(|(what, address)| Shape::new(what, format!("({operator} (i32.const {address}) (local.get {value}))")))
        .into();
    let strided = format!(
        "({operator} (local.tee $i (i32.and (i32.add (local.get $i) (i32.const 4160)) (i32.const 0x1ffffc0)))
           (local.get {value}))"
    );
    shapes.push(Shape::new("another page each time", strided).pages(512));
    shapes
}

pub(super) fn size() -> Vec<Shape> {
    vec![Shape::new("dropped", "(drop (memory.size))")]
}

pub(super) fn growths() -> Vec<Shape> {
    [("by 0", "0"), ("by too much", "60000"), ("by -1", "-1")]
        .map(|(what, pages)| Shape::new(what, format!("(drop (memory.grow (i32.const {pages})))")))
        .into()
}

/// Lengths that are copied, and how often they stand in the loop.
const LENGTHS: [(u32, usize); 6] = [(0, 32), (1, 32), (15, 32), (31, 32), (4_096, 8), (16_777_216, 1)];

pub(super) fn copies() -> Vec<Shape> {
    let copy = |target: u32, source: u32, what: &str| {
        let shape = move |(bytes, copies): (u32, usize)| {
            let body = format!("(memory.copy (i32.const {target}) (i32.const {source}) (i32.const {bytes}))");
            Shape::new(format!("{bytes} bytes, {what}"), body).copies(copies).pages(512)
        };
        LENGTHS.map(shape)
    };
    [
        copy(16_777_216, 0, "apart"),
        copy(1, 0, "one byte on"),
        copy(0, 1, "one byte back"),
        copy(4_093, 8_190, "across pages"),
    ]
    .concat()
}

pub(super) fn fills() -> Vec<Shape> {
    let shape = |(bytes, copies): (u32, usize)| {
        let body = format!("(memory.fill (i32.const 1) (local.get $i) (i32.const {bytes}))");
        Shape::new(format!("{bytes} bytes"), body).copies(copies).pages(512)
    };
    LENGTHS.map(shape).into()
}

pub(super) fn initialisations() -> Vec<Shape> {
    let segment = format!("(data $d \"{}\")", "x".repeat(4_096));
    let shape = |(bytes, copies): (u32, usize)| {
        let body = format!("(memory.init $d (i32.const 1) (i32.const 0) (i32.const {bytes}))");
        Shape::new(format!("{bytes} bytes"), body).copies(copies).fields(&segment)
    };
    LENGTHS.into_iter().filter(|(bytes, _)| *bytes <= 4_096).map(shape).collect()
}

pub(super) fn data_drop() -> Vec<Shape> {
    vec![Shape::new("dropped again", "(data.drop $d)").fields("(data $d \"x\")")]
}
