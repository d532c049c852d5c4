//! Memory bombs: growth to the limits and beyond, memory of all frames of a transaction, tables, large segments.

use crate::{
    kit::{A, B, C, RETURN, World, binary, data, halt, main_of, module},
    prices,
};
use lockstep_vm::{Abi, CodeId, Gas, HaltReason, Tx};

/// Gas for several times the memory of a transaction.
const MUCH: u64 = 400_000_000;

const EXHAUSTED: HaltReason = HaltReason::TransactionMemoryExhausted;

fn finish_with_i32s(values: &[&str]) -> String {
    let stores: String =
        values.iter().enumerate().map(|(at, value)| format!("(i32.store (i32.const {}) ({value}))", 4 * at)).collect();
    format!("{stores} (call $finish (i32.const 0) (i32.const {}))", 4 * values.len())
}

fn bytes_of(values: &[i32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

//= spec 3.30 test
#[test]
fn growth_gives_the_old_size_up_to_the_limit_and_minus_one_beyond() {
    let mut world = World::new("memory growth");
    for (case, memory, steps, expected) in [
        (
            "up to 512 pages and no further",
            "1",
            &["memory.grow (i32.const 511)", "memory.grow (i32.const 1)", "memory.size"][..],
            &[1, -1, 512][..],
        ),
        ("513 pages at once", "1", &["memory.grow (i32.const 512)", "memory.size"], &[-1, 1]),
        (
            "page by page",
            "510",
            &[
                "memory.grow (i32.const 1)",
                "memory.grow (i32.const 1)",
                "memory.grow (i32.const 1)",
                "memory.grow (i32.const 0)",
            ],
            &[510, 511, -1, 512],
        ),
        (
            "a declared maximum",
            "1 3",
            &["memory.grow (i32.const 3)", "memory.grow (i32.const 2)", "memory.grow (i32.const 1)"],
            &[-1, 1, -1],
        ),
        (
            "a maximum beyond what there may be",
            "1 65536",
            &["memory.grow (i32.const 512)", "memory.grow (i32.const 511)"],
            &[-1, 1],
        ),
        (
            "as many pages as there are numbers",
            "1",
            &["memory.grow (i32.const -1)", "memory.grow (i32.const 65535)", "memory.grow (i32.const 0x80000000)"],
            &[-1, -1, -1],
        ),
        ("all at the start", "512", &["memory.grow (i32.const 1)", "memory.grow (i32.const 0)"], &[-1, 512]),
        ("no memory grows by nothing", "1 1", &["memory.grow (i32.const 0)", "memory.grow (i32.const 1)"], &[1, -1]),
    ] {
        world.put(
            A,
            &module(&format!(
                "(memory (export \"memory\") {memory}) (func (export \"main\") {})",
                finish_with_i32s(steps)
            )),
        );
        let tx = Tx { gas_limit: Gas::new(MUCH), ..world.call(A, b"") };
        let executed = world.run(case, &tx);
        assert_eq!((executed.receipt.outcome, executed.receipt.output), (RETURN, bytes_of(expected)), "{case}");
    }
    // A growth that there is no gas for is no -1.
    world.put(A, &main_of(&finish_with_i32s(&["memory.grow (i32.const 511)"])));
    let tx = Tx { gas_limit: Gas::new(1_000_000), ..world.call(A, b"") };
    assert_eq!(world.run("too little gas", &tx).receipt.outcome, halt(HaltReason::OutOfGas));
}

/// New pages are zeros, with any content of the memory that the host takes for them.
#[test]
fn new_pages_are_zeros() {
    let mut world = World::new("new pages");
    let fills = "(memory.fill (i32.const 0) (i32.const 255) (i32.mul (memory.size) (i32.const 65536)))";
    let sums = "(local $at i32) (local $sum i64)
        (drop (memory.grow (i32.const 3)))
        (loop
            (local.set $sum (i64.or (local.get $sum) (i64.load (i32.add (i32.const 65536) (local.get $at)))))
            (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 196608))))
        (i64.store (i32.const 0) (local.get $sum))";
    world.put(
        A,
        &main_of(&format!(
            "{sums} {fills} (i64.store (i32.const 0) (local.get $sum)) (call $finish (i32.const 0) (i32.const 8))"
        )),
    );
    for case in ["first", "second"] {
        let tx = world.call(A, b"");
        assert_eq!(world.run(case, &tx).receipt.output, [0; 8]);
    }
}

/// A contract of `pages` that grows by `growth` and calls `below`; finishes with the result of the growth, the status of
/// the call and what the callee finished with.
fn growing(pages: u32, growth: u32, below: Option<lockstep_vm::Address>) -> Vec<u8> {
    let call = match below {
        Some(_) => {
            "call $call (i64.const 0x7fffffffffffffff) (i32.const 1000) (i32.const 1020) (i32.const 0) (i32.const 0)"
        }
        None => "i32.const 0",
    };
    module(&format!(
        "(memory (export \"memory\") {pages}) {} (func (export \"main\")
            (i32.store (i32.const 0) (memory.grow (i32.const {growth})))
            (i32.store (i32.const 4) ({call}))
            (call $returnDataCopy (i32.const 8) (i32.const 0) (call $getReturnDataSize))
            (call $finish (i32.const 0) (i32.add (i32.const 8) (call $getReturnDataSize))))",
        data(1_000, below.unwrap_or_default().as_slice())
    ))
}

/// Contracts of 512 pages that call one another, the last of them `below`: all but 32 MiB of a transaction's memory.
/// Returns the address of the first.
fn seven_full_frames(world: &mut World, below: lockstep_vm::Address) -> lockstep_vm::Address {
    let at = |place: u8| lockstep_vm::Address::repeat_byte(0x70 + place);
    for place in 0..7 {
        world.put(at(place), &growing(512, 0, Some(if place == 6 { below } else { at(place + 1) })));
    }
    at(0)
}

/// What the first `frames` of seven full ones finish with, and then `below`.
fn above(frames: usize, below: &[i32]) -> Vec<u8> {
    bytes_of(&[[512, 0].repeat(frames).as_slice(), below].concat())
}

/// 256 MiB are 4,096 pages. Seven full frames take 3,584 of them, and each frame counts as 17,408 bytes beside its pages:
/// 16,384, and 128 for each of 4 imports, a function, 2 exports and a segment. That leaves 509 pages for the eighth.
//= spec 3.10, 3.11, 3.30 test
#[test]
fn the_memory_of_all_frames() {
    let mut world = World::new("memory of a transaction");
    for (case, (pages, growth), frames, output, halted) in [
        ("as many at the start as are left", (509, 0), 7, &[509, 0][..], None),
        ("more at the start than are left", (510, 0), 6, &[512, 1], Some(7)),
        ("growth to what is left", (1, 508), 7, &[1, 0], None),
        ("growth by one page more", (1, 509), 7, &[-1, 0], None),
    ] {
        let first = seven_full_frames(&mut world, A);
        world.put(A, &growing(pages, growth, None));
        let tx = Tx { gas_limit: Gas::new(MUCH), ..world.call(first, b"") };
        let executed = world.run(case, &tx);
        assert_eq!((executed.receipt.outcome, executed.receipt.output), (RETURN, above(frames, output)), "{case}");
        let sites: Vec<_> = executed.halts.iter().map(|site| (site.depth, site.reason)).collect();
        assert_eq!(sites, halted.map(|depth| (depth, EXHAUSTED)).into_iter().collect::<Vec<_>>(), "{case}");
    }
    // What a frame held is free again when it has ended.
    world.put(B, &growing(1, 511, None));
    let call = "(if (call $call (i64.const 10000000) (i32.const 1000) (i32.const 1020) (i32.const 0) (i32.const 0))
        (then (unreachable)))";
    world.put(A, &module(&format!("{} (func (export \"main\") {})", data(1_000, B.as_slice()), call.repeat(5))));
    let tx = Tx { gas_limit: Gas::new(MUCH), ..world.call(A, b"") };
    assert_eq!(world.run("five full frames one after the other", &tx).receipt.outcome, RETURN);
    // A frame may grow to what was left when it began, after any calls in between.
    world.put(
        A,
        &module(&format!(
            "{} (func (export \"main\") {call} {})",
            data(1_000, B.as_slice()),
            finish_with_i32s(&["memory.grow (i32.const 511)"])
        )),
    );
    assert_eq!(world.run("growth after a call", &tx).receipt.output, bytes_of(&[1]));
}

/// Pages that the host adds for an input count as any other.
#[test]
fn pages_for_the_input() {
    let mut world = World::new("pages for the input");
    world.put_abi(
        C,
        Abi::Packed,
        &binary(
            "(module (memory (export \"memory\") 1) (func (export \"main\") (param i64) (result i64) (i64.const 0)))",
        ),
    );
    let calls = |pages: u32, bytes: u32| {
        module(&format!(
            "(memory (export \"memory\") {pages}) {} (func (export \"main\") {})",
            data(1_000, C.as_slice()),
            finish_with_i32s(&[&format!(
                "call $call (i64.const 10000000) (i32.const 1000) (i32.const 1020) (i32.const 0) (i32.const {bytes})"
            )])
        ))
    };
    let first = seven_full_frames(&mut world, A);
    // Beside its pages the caller counts as 17,152 bytes, the callee as 16,768 and its input.
    for (case, pages, bytes, status) in [
        ("two pages fit", 504, 131_072, 0),
        ("two pages do not fit", 505, 131_072, 1),
        ("one page fits", 506, 65_536, 0),
        ("one page does not fit", 507, 65_536, 1),
        ("no input, no page", 508, 0, 0),
    ] {
        world.put(A, &calls(pages, bytes));
        let tx = Tx { gas_limit: Gas::new(MUCH), ..world.call(first, b"") };
        let executed = world.run(case, &tx);
        assert_eq!(executed.receipt.output, above(7, &[status]), "{case}");
        // A refused frame has not halted, and returns the gas.
        assert!(executed.halts.is_empty());
    }
}

/// A table stays as large as it is declared: `V1` has no `table.grow`.
#[test]
fn tables() {
    let mut world = World::new("tables");
    let grows = module("(table 1 funcref) (func (export \"main\") (drop (table.grow (ref.null func) (i32.const 1))))");
    assert!(world.vm().check_code(CodeId::of(&grows, Abi::Ewasm), &grows.into()).is_err());
    for (case, table, steps, expected) in [
        (
            "4,096 elements",
            "4096 4096 funcref",
            &["table.size", "ref.is_null (table.get (i32.const 4095))"][..],
            &[4_096, 1][..],
        ),
        ("a maximum that is never reached", "1 4096 funcref", &["table.size"], &[1]),
        ("no element", "0 0 funcref", &["table.size"], &[0]),
        (
            "references to the outside",
            "4096 externref",
            &["table.size", "ref.is_null (table.get (i32.const 0))"],
            &[4_096, 1],
        ),
    ] {
        world.put(A, &module(&format!("(table {table}) (func (export \"main\") {})", finish_with_i32s(steps))));
        let tx = world.call(A, b"");
        let executed = world.run(case, &tx);
        assert_eq!((executed.receipt.outcome, executed.receipt.output), (RETURN, bytes_of(expected)), "{case}");
    }
}

/// Segments as large and as many as there may be: what they cost is paid at each start of a frame.
//= spec 3.20 test
#[test]
fn segments() {
    let mut world = World::new("segments");
    let large = module(&format!(
        "(memory (export \"memory\") 16) {} (func (export \"main\") (call $finish (i32.const 1047000) (i32.const 4)))",
        data(0, &[0x5a; 1_048_000])
    ));
    world.put(A, &large);
    let tx = Tx { gas_limit: Gas::new(MUCH), ..world.call(A, b"") };
    let executed = world.run("1,048,000 bytes of data", &tx);
    assert_eq!(executed.receipt.output, [0x5a; 4]);
    let least = prices::BASE + prices::start(&large, 5, 1_048_000 + 16 * 65_536);
    assert!((least..least + 100_000).contains(&executed.receipt.gas_used.get()), "{least}");
    let many: String = (0..1_000).map(|at| data(at * 2, &[at as u8])).collect();
    world.put(A, &module(&format!("{many} (func (export \"main\") (call $finish (i32.const 1998) (i32.const 1)))")));
    assert_eq!(world.run("1,000 segments of data", &tx).receipt.output, [231]);
    let elements: String = (0..1_000).map(|at| format!("(elem (i32.const {at}) func $main)")).collect();
    world.put(A, &module(&format!("(table 1000 funcref) {elements} (func $main (export \"main\"))")));
    assert_eq!(world.run("1,000 segments of elements", &tx).receipt.outcome, RETURN);
    let functions = "$main ".repeat(4_096);
    world.put(
        A,
        &module(&format!(
            "(table 4096 4096 funcref) (elem (i32.const 0) func {functions}) (func $main (export \"main\"))"
        )),
    );
    assert_eq!(world.run("4,096 elements", &tx).receipt.outcome, RETURN);
    for (case, items, outcome) in [
        ("data to the end", "(data (i32.const 65534) \"ab\")", RETURN),
        ("data across the end", "(data (i32.const 65535) \"ab\")", halt(HaltReason::MemoryOutOfBounds)),
        ("no data at the end", "(data (i32.const 65536) \"\")", RETURN),
        ("no data beyond the end", "(data (i32.const 65537) \"\")", halt(HaltReason::MemoryOutOfBounds)),
        ("data at the end of numbers", "(data (i32.const -1) \"a\")", halt(HaltReason::MemoryOutOfBounds)),
        ("elements to the end", "(table 2 funcref) (elem (i32.const 1) func $main)", RETURN),
        (
            "elements across the end",
            "(table 2 funcref) (elem (i32.const 2) func $main)",
            halt(HaltReason::TableOutOfBounds),
        ),
        (
            "no elements beyond the end",
            "(table 2 funcref) (elem (i32.const 3) func)",
            halt(HaltReason::TableOutOfBounds),
        ),
        (
            "a computed place",
            "(data (i32.add (i32.const 65530) (i32.const 5)) \"ab\")",
            halt(HaltReason::MemoryOutOfBounds),
        ),
    ] {
        world.put(A, &module(&format!("{items} (func $main (export \"main\"))")));
        assert_eq!(world.run(case, &tx).receipt.outcome, outcome, "{case}");
    }
}
