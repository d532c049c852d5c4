//! Operators on tables and references.

use super::Shape;

const TABLE: &str = "(table $t 4000 4096 funcref) (elem $e func $f $f $f) (func $f)";

/// Elements that are moved, and how often that is in the loop.
const LENGTHS: [(u32, usize); 4] = [(0, 32), (1, 32), (3, 32), (3_000, 2)];

fn each(text: impl Fn(u32) -> String) -> Vec<Shape> {
    let shape =
        |(elements, copies)| Shape::new(format!("{elements} elements"), text(elements)).copies(copies).fields(TABLE);
    LENGTHS.map(shape).into()
}

pub(super) fn copies() -> Vec<Shape> {
    each(|elements| format!("(table.copy (i32.const 0) (i32.const 1) (i32.const {elements}))"))
}

pub(super) fn fills() -> Vec<Shape> {
    each(|elements| format!("(table.fill $t (i32.const 0) (ref.null func) (i32.const {elements}))"))
}

pub(super) fn growths() -> Vec<Shape> {
    each(|elements| format!("(drop (table.grow $t (ref.null func) (i32.const {elements})))"))
}

pub(super) fn initialisations() -> Vec<Shape> {
    let fields = format!("(table $t 4000 4096 funcref) (func $f) (elem $e func {})", "$f ".repeat(3_000));
    let shape = |(elements, copies)| {
        let body = format!("(table.init $t $e (i32.const 0) (i32.const 0) (i32.const {elements}))");
        Shape::new(format!("{elements} elements"), body).copies(copies).fields(&fields)
    };
    LENGTHS.map(shape).into()
}

pub(super) fn accesses(operator: &str) -> Vec<Shape> {
    let body = match operator {
        "table.get" => "(drop (table.get $t (local.get $j)))",
        "table.set" => "(table.set $t (local.get $j) (ref.null func))",
        "table.size" => "(drop (table.size $t))",
        _ => "(elem.drop $e)",
    };
    vec![Shape::new("the same again", body).fields(TABLE)]
}

pub(super) fn references(operator: &str) -> Vec<Shape> {
    let body = match operator {
        "ref.func" => "(drop (ref.func $f))",
        "ref.null" => "(drop (ref.null func))",
        _ => "(drop (ref.is_null (ref.null func)))",
    };
    vec![Shape::new("dropped", body).fields(TABLE)]
}
