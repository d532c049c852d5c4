//! Chains of loads, each of the address that the one before found: the processor can prepare none of them.
//!
//! Within the processor's caches they are operators like others. Beyond, each waits for the memory of the machine: what
//! that means is decided in `docs/decisions/0018`.

use super::{Recipe, program::Subject, shape::Shape};

/// Pages that are walked through, powers of 2.
const PAGES: [u32; 8] = [1, 4, 16, 32, 64, 128, 256, 512];

/// Bytes of one place: a line of every processor's cache.
const PLACE_BYTES: u32 = 64;

pub(super) fn recipes() -> Vec<Recipe> {
    let recipe = |pages: u32| shape(pages).of(Subject::Loads(pages * 64));
    PAGES.map(recipe).into()
}

/// Each place of the memory holds the address of another: of the place that a linear congruential generator says, whose
/// period is all of them. 65,532, the place of the number of turns, is not the beginning of one.
fn shape(pages: u32) -> Shape {
    let places = pages * (65_536 / PLACE_BYTES);
    let setup = format!(
        "(local.set $i (i32.const 0))
         (loop $fill
           (i32.store (i32.mul (local.get $i) (i32.const {PLACE_BYTES}))
             (i32.mul (i32.const {PLACE_BYTES}) (i32.and (i32.const {last})
               (i32.add (i32.mul (local.get $i) (i32.const 1664525)) (i32.const 1013904223)))))
           (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {places}))))
         (local.set $i (i32.const 0))",
        last = places - 1
    );
    let chain = (0..200).fold("(local.get $i)".to_owned(), |inner, _| format!("(i32.load {inner})"));
    Shape::new("each of the address that the one before found", format!("(local.set $i {chain})"))
        .setup(setup)
        .pages(pages)
        .copies(1)
}
