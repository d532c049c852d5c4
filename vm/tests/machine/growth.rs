//! Access to memory after it has grown: old pages and new ones, by the guest and by the host, with frames that wait.

use crate::kit::{A, B, RETURN, World, data, main_of, module};
use lockstep_vm::{Gas, Tx};

/// Pages that the contract ends with, beside the first.
const GROWTHS: u64 = 40;

/// A contract that grows page by page. After each growth it writes to both ends of the new page, lets the host write to
/// the middle, does what `between` does with the page at local `$at`, and adds up both ends of every page so far. It
/// finishes with the sum.
fn walker(between: &str) -> Vec<u8> {
    module(&format!(
        "(memory (export \"memory\") 1) {}
        (func (export \"main\") (local $page i32) (local $at i32) (local $sum i64)
            (loop $grow
                (local.set $page (memory.grow (i32.const 1)))
                (local.set $at (i32.mul (local.get $page) (i32.const 65536)))
                (i64.store (local.get $at) (i64.extend_i32_u (local.get $page)))
                (i64.store offset=65528 (local.get $at) (i64.extend_i32_u (local.get $page)))
                (call $getAddress (i32.add (local.get $at) (i32.const 3000)))
                {between}
                (loop $read
                    (local.set $at (i32.mul (local.get $page) (i32.const 65536)))
                    (local.set $sum (i64.add (local.get $sum)
                        (i64.add (i64.load (local.get $at)) (i64.load offset=65528 (local.get $at)))))
                    (br_if $read (local.tee $page (i32.sub (local.get $page) (i32.const 1)))))
                (br_if $grow (i32.le_u (memory.size) (i32.const {GROWTHS}))))
            (i64.store (i32.const 8) (local.get $sum))
            (call $finish (i32.const 8) (i32.const 8)))",
        data(1_000, B.as_slice()),
    ))
}

/// wasmi before 1.0.1 used memory that had moved (CVE-2025-66627). AddressSanitizer sees such a use even where the bytes
/// happen to be right.
#[test]
fn grow_then_access() {
    let mut world = World::new("growth and access");
    // The callee grows a memory of its own while the caller waits, and the host copies from one to the other.
    world.put(
        B,
        &main_of(
            "(drop (memory.grow (i32.const 3))) (i64.store (i32.const 0x3fff8) (i64.const 7))
            (call $finish (i32.const 0x3fff8) (i32.const 8))",
        ),
    );
    let call = "(drop (call $call (i64.const 1000000) (i32.const 1000) (i32.const 2000) (i32.const 0) (i32.const 64)))
        (call $returnDataCopy (i32.add (local.get $at) (i32.const 4000)) (i32.const 0) (i32.const 8))
        (if (i64.ne (i64.load offset=4000 (local.get $at)) (i64.const 7)) (then unreachable))";
    let sum: u64 = (1..=GROWTHS).flat_map(|last| 1..=last).map(|page| 2 * page).sum();
    for (case, between) in [("alone", ""), ("with calls between", call)] {
        world.put(A, &walker(between));
        let tx = Tx { gas_limit: Gas::new(900_000_000), ..world.call(A, b"") };
        let receipt = world.run(case, &tx).receipt;
        assert_eq!((receipt.outcome, receipt.output.as_slice()), (RETURN, &sum.to_le_bytes()[..]), "{case}");
    }
}
