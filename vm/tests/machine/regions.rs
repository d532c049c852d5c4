//! The gas of instructions (docs/spec.md, section 2): small functions with gas that was counted by hand from the
//! operators' prices, each executed with exactly enough gas and with one less.
//!
//! Conditions are parameters or loaded values: constant ones are in `constants`.

use crate::{
    kit::{A, RETURN, World, binary, halt},
    prices,
};
use lockstep_gas::HostFunction;
use lockstep_vm::{Abi, Gas, HaltReason, U256, ViewCall, Viewed};

/// A function `f` in a module with gas to count: the start of the frame is `items` and `bytes`, see [`start`].
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static str,
    /// Functions and globals of its own, imports, exports and segments.
    items: u64,
    /// Bytes that instantiation makes and copies.
    bytes: u64,
    /// Arguments, and the gas of the instructions.
    pub(crate) calls: &'static [(&'static [i32], u64)],
    /// The host function that it calls once: its base comes on top.
    pub(crate) host: Option<HostFunction>,
}

pub(crate) const PAGE: u64 = 65_536;

pub(crate) const fn row(name: &'static str, fields: &'static str, calls: &'static [(&'static [i32], u64)]) -> Row {
    Row { name, fields, items: 2, bytes: 0, calls, host: None }
}

pub(crate) const fn with(items: u64, bytes: u64, row: Row) -> Row {
    Row { items, bytes, ..row }
}

/// A row that imports and calls a host function.
const fn calling(function: HostFunction, row: Row) -> Row {
    Row { items: row.items + 1, host: Some(function), ..row }
}

impl Row {
    /// The gas of a frame whose instructions cost `instructions`.
    pub(crate) fn gas(&self, code: &[u8], instructions: u64) -> u64 {
        let host = self.host.map_or(0, |function| prices::host(function, 0));
        prices::start(code, self.items, self.bytes) + instructions + host
    }
}

const CONTROL: &[Row] = &[
    row("nothing", "(func (export \"f\"))", &[(&[], 1)]),
    row("nops cost nothing", "(func (export \"f\") nop nop nop)", &[(&[], 1)]),
    row(
        "straight line",
        "(func (export \"f\") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))",
        &[(&[1, 2], 1 + 3)],
    ),
    row("block", "(func (export \"f\") (param i32) (block (drop (local.get 0))))", &[(&[1], 1 + 1)]),
    row(
        "block with a result",
        "(func (export \"f\") (param i32) (result i32) (block (result i32) (local.get 0)))",
        &[(&[1], 1 + 1)],
    ),
    row("br", "(func (export \"f\") (block (br 0)))", &[(&[], 1 + 1)]),
    row(
        "br_if is in one region with what it jumps over",
        "(func (export \"f\") (param i32) (block (br_if 0 (local.get 0)) (drop (i32.const 1)) (drop (i32.const 2))))",
        &[(&[0], 1 + 4), (&[1], 1 + 4)],
    ),
    row(
        "return, and straight code behind it",
        "(func (export \"f\") (param i32) (result i32) (return (local.get 0)) (drop (i32.const 1)) (i32.const 2))",
        &[(&[1], 1 + 3)],
    ),
    row(
        "if without else",
        "(func (export \"f\") (param i32) (if (local.get 0) (then (drop (i32.const 7)))))",
        &[(&[0], 1 + 2), (&[1], 1 + 2 + 1 + 1), (&[-1], 1 + 2 + 1 + 1)],
    ),
    row(
        "if with else",
        "(func (export \"f\") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.const 7))
                (else (i32.add (local.get 0) (i32.const 3)))))",
        &[(&[0], 1 + 2 + 1 + 3), (&[1], 1 + 2 + 1 + 1)],
    ),
    row(
        "if with empty arms",
        "(func (export \"f\") (param i32) (if (local.get 0) (then) (else)))",
        &[(&[0], 1 + 2 + 1), (&[1], 1 + 2 + 1)],
    ),
    row(
        "if with an empty arm and none",
        "(func (export \"f\") (param i32) (if (local.get 0) (then)))",
        &[(&[0], 1 + 2), (&[1], 1 + 2 + 1)],
    ),
    row(
        "what follows an if belongs to the region around it",
        "(func (export \"f\") (param i32) (if (local.get 0) (then nop)) (drop (i32.const 1)) (drop (i32.const 2)))",
        &[(&[0], 1 + 4), (&[1], 1 + 4 + 1)],
    ),
    row(
        "if in if",
        "(func (export \"f\") (param i32 i32)
            (if (local.get 0)
                (then (if (local.get 1) (then (drop (i32.const 1))) (else (drop (i32.const 1)) (drop (i32.const 2)))))
                (else (if (local.get 1) (then (drop (i32.const 1)))))))",
        &[
            (&[0, 0], 1 + 2 + 1 + 2),
            (&[0, 1], 1 + 2 + 1 + 2 + 1 + 1),
            (&[1, 0], 1 + 2 + 1 + 2 + 1 + 2),
            (&[1, 1], 1 + 2 + 1 + 2 + 1 + 1),
        ],
    ),
    row(
        "if that leaves the function",
        "(func (export \"f\") (param i32) (result i32)
            (if (local.get 0) (then (return (i32.const 1)))) (i32.const 2))",
        &[(&[0], 1 + 3), (&[1], 1 + 3 + 1 + 1)],
    ),
    row(
        "br_table: one region whatever the target",
        "(func (export \"f\") (param i32) (result i32)
            (block (block (block (br_table 0 1 2 (local.get 0))) (return (i32.const 10))) (return (i32.const 20)))
            (i32.const 30))",
        &[(&[0], 1 + 7), (&[1], 1 + 7), (&[2], 1 + 7), (&[-1], 1 + 7)],
    ),
    with(
        2,
        PAGE,
        row(
            "if on a loaded value",
            "(memory 1)
         (func (export \"f\") (param i32) (i32.store (i32.const 8) (local.get 0))
            (if (i32.load (i32.const 8)) (then (drop (i32.const 1))) (else nop)))",
            &[(&[0], 1 + 4 + 4 + 1), (&[5], 1 + 4 + 4 + 1 + 1)],
        ),
    ),
];

const LOOPS: &[Row] = &[
    row(
        "a loop that is not repeated",
        "(func (export \"f\") (param i32) (loop (drop (local.get 0))))",
        &[(&[9], 1 + 1 + 1)],
    ),
    row(
        "a loop of n turns",
        "(func (export \"f\") (param i32)
            (loop (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (local.get 0))))",
        &[(&[1], 1 + 7), (&[2], 1 + 2 * 7), (&[1_000], 1 + 1_000 * 7)],
    ),
    row(
        "what follows a loop belongs to the region around it",
        "(func (export \"f\") (param i32) (drop (i32.const 1))
            (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (drop (i32.const 1)))",
        &[(&[1], 1 + 2 + 6), (&[3], 1 + 2 + 3 * 6)],
    ),
    row(
        "a loop that is left from inside",
        "(func (export \"f\") (param i32)
            (block (loop
                (br_if 1 (i32.eqz (local.get 0)))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br 0))))",
        &[(&[0], 1 + 9), (&[1], 1 + 2 * 9), (&[7], 1 + 8 * 9)],
    ),
    row(
        "nested loops",
        "(func (export \"f\") (param i32 i32) (local i32)
            (loop
                (local.set 2 (local.get 1))
                (loop (br_if 0 (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))
                (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))",
        &[(&[1, 1], 1 + 8 + 6), (&[3, 5], 1 + 3 * (8 + 5 * 6)), (&[10, 10], 1 + 10 * (8 + 10 * 6))],
    ),
    row(
        "an inner loop that goes on with the outer one",
        "(func (export \"f\") (param i32)
            (loop (loop (br_if 1 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))",
        &[(&[1], 1 + 1 + 6), (&[4], 1 + 4 * (1 + 6))],
    ),
    row(
        "a loop behind a branch that is never taken",
        "(func (export \"f\") (block (br_if 0 (i32.const 0)) (loop (drop (i32.const 1)))))",
        &[(&[], 1 + 2 + 1 + 1)],
    ),
    row(
        "a loop in an arm",
        "(func (export \"f\") (param i32 i32)
            (if (local.get 1)
                (then (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
                (else (drop (i32.const 1)))))",
        &[(&[4, 0], 1 + 2 + 1 + 1), (&[4, 1], 1 + 2 + 1 + 4 * 6)],
    ),
    row(
        "an arm in a loop",
        "(func (export \"f\") (param i32)
            (loop
                (if (i32.and (local.get 0) (i32.const 1)) (then (drop (i32.const 1)) (drop (i32.const 1))))
                (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))",
        &[(&[1], 1 + 10 + 3), (&[2], 1 + 2 * 10 + 3), (&[5], 1 + 5 * 10 + 3 * 3)],
    ),
    row(
        "a loop that is repeated by br_table",
        "(func (export \"f\") (param i32)
            (block (loop
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br_table 1 0 (local.get 0)))))",
        &[(&[1], 1 + 9), (&[6], 1 + 6 * 9)],
    ),
    row(
        "a loop with a parameter",
        "(func (export \"f\") (param i32) (result i32)
            local.get 0 (loop (param i32) (result i32) i32.const 1 i32.add) i32.const 2 i32.mul)",
        &[(&[3], 1 + 3 + 1 + 2)],
    ),
];

const CALLS: &[Row] = &[
    with(3, 0, row("call", "(func $g) (func (export \"f\") (call $g))", &[(&[], 1 + 8 + 1)])),
    with(
        3,
        0,
        row(
            "call in a loop",
            "(func $g (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1)))
         (func (export \"f\") (param i32) (loop (br_if 0 (local.tee 0 (call $g (local.get 0))))))",
            &[(&[1], 1 + 12 + 4), (&[20], 1 + 20 * (12 + 4))],
        ),
    ),
    with(
        3,
        0,
        row(
            "recursion",
            "(func $g (param i32) (if (local.get 0) (then (call $g (i32.sub (local.get 0) (i32.const 1))))))
         (func (export \"f\") (param i32) (call $g (local.get 0)))",
            &[(&[0], 1 + 9 + 3), (&[10], 1 + 9 + 10 * (3 + 12) + 3)],
        ),
    ),
    with(
        7,
        8,
        row(
            "call_indirect",
            "(type $t (func (result i32))) (table 2 2 funcref) (elem (i32.const 0) func $g $h)
         (func $g (result i32) (i32.const 1)) (func $h (result i32) (i32.add (i32.const 1) (i32.const 2)))
         (func (export \"f\") (param i32) (result i32) (call_indirect (type $t) (local.get 0)))",
            &[(&[0], 1 + 13 + 2), (&[1], 1 + 13 + 4)],
        ),
    ),
    with(
        3,
        0,
        row(
            "return_call",
            "(func $g (param i32) (result i32) (local.get 0))
         (func (export \"f\") (param i32) (result i32) (return_call $g (local.get 0)))",
            &[(&[3], 1 + 9 + 2)],
        ),
    ),
    with(
        3,
        0,
        row(
            "a tail call that goes round",
            "(func $g (param i32) (if (local.get 0) (then (return_call $g (i32.sub (local.get 0) (i32.const 1))))))
         (func (export \"f\") (param i32) (call $g (local.get 0)))",
            &[(&[0], 1 + 9 + 3), (&[5_000], 1 + 9 + 5_000 * (3 + 12) + 3)],
        ),
    ),
    calling(
        HostFunction::GetGasLeft,
        row(
            "a host function",
            "(import \"ethereum\" \"getGasLeft\" (func $getGasLeft (result i64)))
             (func (export \"f\") (drop (call $getGasLeft)))",
            &[(&[], 1 + 8)],
        ),
    ),
    calling(
        HostFunction::UseGas,
        row(
            "useGas",
            "(import \"ethereum\" \"useGas\" (func $useGas (param i64)))
             (func (export \"f\") (param i32) (call $useGas (i64.extend_i32_u (local.get 0))))",
            &[(&[0], 1 + 10), (&[1_234], 1 + 10 + 1_234)],
        ),
    ),
];

const BULK: &[Row] = &[
    with(
        2,
        2 * PAGE,
        row(
            "memory.copy",
            "(memory 2)
         (func (export \"f\") (param i32) (memory.copy (i32.const 65536) (i32.const 0) (local.get 0)))",
            &[(&[0], 16), (&[3], 16), (&[4], 17), (&[5], 17), (&[7], 17), (&[8], 18), (&[65_536], 16 + 16_384)],
        ),
    ),
    with(
        2,
        2 * PAGE,
        row(
            "memory.fill",
            "(memory 2)
         (func (export \"f\") (param i32) (memory.fill (i32.const 1) (i32.const 7) (local.get 0)))",
            &[(&[0], 16), (&[3], 16), (&[4], 17), (&[5], 17), (&[65_536], 16 + 16_384), (&[131_071], 16 + 32_767)],
        ),
    ),
    with(
        3,
        PAGE,
        row(
            "memory.init",
            "(memory 1) (data \"0123456789abcdefghijklmnopqrstuvwxyz\")
         (func (export \"f\") (param i32) (memory.init 0 (i32.const 9) (i32.const 0) (local.get 0)))",
            &[(&[0], 16), (&[3], 16), (&[4], 17), (&[5], 17), (&[36], 25)],
        ),
    ),
    with(
        2,
        PAGE,
        row(
            "memory.grow",
            "(memory 1 20)
         (func (export \"f\") (param i32) (result i32) (memory.grow (local.get 0)))",
            // Beyond its maximum it returns -1 and charges nothing for pages.
            &[(&[0], 203), (&[1], 203 + 16_384), (&[19], 203 + 19 * 16_384), (&[20], 203), (&[-1], 203)],
        ),
    ),
    with(
        2,
        4 * 100,
        row(
            "table.fill",
            "(table 100 100 funcref)
         (func (export \"f\") (param i32) (table.fill (i32.const 0) (ref.null func) (local.get 0)))",
            &[(&[0], 16), (&[3], 19), (&[4], 20), (&[100], 16 + 100)],
        ),
    ),
    with(
        2,
        4 * 100,
        row(
            "table.copy",
            "(table 100 100 funcref)
         (func (export \"f\") (param i32) (table.copy (i32.const 1) (i32.const 0) (local.get 0)))",
            &[(&[0], 16), (&[3], 19), (&[4], 20), (&[99], 16 + 99)],
        ),
    ),
    with(
        11,
        4 * 100,
        row(
            "table.init",
            "(table 100 100 funcref) (elem func 0 0 0 0 0 0 0 0)
         (func (export \"f\") (param i32) (table.init 0 (i32.const 1) (i32.const 0) (local.get 0)))",
            &[(&[0], 16), (&[3], 19), (&[4], 20), (&[8], 24)],
        ),
    ),
];

/// A view of export `f`.
pub(crate) fn view(world: &World, arguments: &[i32], gas_limit: u64) -> Viewed {
    let call = ViewCall {
        export: Some(b"f".to_vec()),
        gas_limit: Gas::new(gas_limit),
        ..world.view_call(A, &arguments.iter().flat_map(|argument| argument.to_le_bytes()).collect::<Vec<_>>())
    };
    world.vm().view(world.view(), &world.block, call).unwrap()
}

pub(crate) fn check(section: &'static str, rows: &[Row]) {
    let mut world = World::new(section);
    for row in rows {
        let code = binary(&format!("(module {})", row.fields));
        world.put_abi(A, Abi::Packed, &code);
        for (arguments, instructions) in row.calls {
            let case = format!("{} {arguments:?}", row.name);
            let gas = row.gas(&code, *instructions);
            let viewed = view(&world, arguments, 10_000_000);
            assert_eq!((viewed.outcome, viewed.gas_used), (RETURN, Gas::new(gas)), "{case}");
            assert_eq!(view(&world, arguments, gas).outcome, RETURN, "{case}: exactly enough");
            let short = view(&world, arguments, gas - 1);
            let out_of_gas = (halt(HaltReason::OutOfGas), Gas::new(gas - 1));
            assert_eq!((short.outcome, short.gas_used), out_of_gas, "{case}: one less");
            as_transaction(&mut world, &case, arguments, gas + prices::output(viewed.output.len()));
        }
    }
}

/// The same in a transaction, whose intrinsic gas and the price of its output come on top.
fn as_transaction(world: &mut World, case: &str, arguments: &[i32], gas: u64) {
    let input: Vec<u8> = arguments.iter().flat_map(|argument| argument.to_le_bytes()).collect();
    let mut tx = world.call_export(A, "f", &input);
    tx.gas_limit = Gas::new(prices::intrinsic(&[b"f", &input[..]].concat()) + gas);
    tx.gas_price = U256::ZERO;
    let executed = world.run(case, &tx);
    assert_eq!((executed.receipt.outcome, executed.receipt.gas_used), (RETURN, tx.gas_limit), "{case}");
    tx.gas_limit = tx.gas_limit.less(Gas::new(1));
    assert_eq!(world.execute(&tx).receipt.outcome, halt(HaltReason::OutOfGas), "{case}: one less");
}

//= spec 2.1, 2.3, 2.5, 2.6, 2.16, 3.15, 3.16, 3.28, 4.4 test
#[test]
fn control() {
    check("gas of control", CONTROL);
}

//= spec 2.1, 2.3, 2.5, 2.16 test
#[test]
fn loops() {
    check("gas of loops", LOOPS);
}

//= spec 2.5, 3.17 test
#[test]
fn calls() {
    check("gas of calls", CALLS);
}

//= spec 2.17, 2.18, 3.17, 3.19 test
#[test]
fn bulk() {
    check("gas of bulk operations", BULK);
}

/// They charge after their bounds checks: with no gas for the bytes a range out of bounds is still out of bounds.
//= spec 2.18 test
#[test]
fn bounds_come_before_the_charge() {
    use HaltReason::{MemoryOutOfBounds, OutOfGas, TableOutOfBounds};
    let mut world = World::new("bounds before charge");
    let memory = "(memory 1) (data \"0123\")";
    let table = "(table 4000 4000 funcref) (elem func 0)";
    for (operator, count, items, bytes, reason) in [
        ("memory.copy (i32.const 1) (i32.const 0)", 65_536, 3, PAGE, MemoryOutOfBounds),
        ("memory.copy (i32.const 0) (i32.const 1)", 65_536, 3, PAGE, MemoryOutOfBounds),
        ("memory.copy (i32.const 0) (i32.const 0)", 65_536, 3, PAGE, OutOfGas),
        ("memory.fill (i32.const 1) (i32.const 0)", 65_536, 3, PAGE, MemoryOutOfBounds),
        ("memory.fill (i32.const 0) (i32.const 0)", 65_536, 3, PAGE, OutOfGas),
        ("memory.init 0 (i32.const 0) (i32.const 0)", 65_536, 3, PAGE, MemoryOutOfBounds),
        ("table.copy (i32.const 1) (i32.const 0)", 4_000, 4, 16_000, TableOutOfBounds),
        ("table.copy (i32.const 0) (i32.const 0)", 4_000, 4, 16_000, OutOfGas),
        ("table.fill (i32.const 1) (ref.null func)", 4_000, 4, 16_000, TableOutOfBounds),
        ("table.fill (i32.const 0) (ref.null func)", 4_000, 4, 16_000, OutOfGas),
        ("table.init 0 (i32.const 0) (i32.const 0)", 4_000, 4, 16_000, TableOutOfBounds),
    ] {
        let fields = if operator.starts_with("memory") { memory } else { table };
        let code = binary(&format!("(module {fields} (func (export \"f\") (param i32) ({operator} (local.get 0))))"));
        world.put_abi(A, Abi::Packed, &code);
        let region = 1 + 12 + 3;
        let start = prices::start(&code, items, bytes);
        let viewed = view(&world, &[count], start + region);
        assert_eq!(viewed.outcome, halt(reason), "{operator}");
        world.note(operator, &format!("{}, gas {}", viewed.outcome, viewed.gas_used));
    }
}
