//! Every reason to halt, each at least once, and code that tries to outlast its gas.

use crate::{
    kit::{A, B, BLOCK_GAS, C, RETURN, SENDER, World, beside_fees, binary, data, escaped, halt, main_of, module},
    prices,
};
use lockstep_vm::{Abi, Account, Address, CodeId, Gas, HaltReason, Outcome, StateDiff, Tx, U256};
use std::collections::BTreeSet;

use HaltReason as R;

/// A body of `main`, and how it halts. `ZERO` is a zero that no translator knows of.
const BODIES: &[(&str, &str, R)] = &[
    ("unreachable", "(unreachable)", R::Unreachable),
    ("load beyond the end", "(drop (i32.load (i32.const 65533)))", R::MemoryOutOfBounds),
    ("load far beyond the end", "(drop (i64.load offset=0xffffffff (i32.const -1)))", R::MemoryOutOfBounds),
    ("store across the end", "(i64.store (i32.const 65529) (i64.const 1))", R::MemoryOutOfBounds),
    (
        "memory.fill beyond the end",
        "(memory.fill (i32.const 65530) (i32.const 1)
            (i32.const 7))",
        R::MemoryOutOfBounds,
    ),
    (
        "memory.copy of 4 GiB",
        "(memory.copy (i32.const 0) (i32.const 1)
            (i32.const -1))",
        R::MemoryOutOfBounds,
    ),
    ("table.get beyond the end", "(drop (table.get 0 (i32.const 3)))", R::TableOutOfBounds),
    ("table.set beyond the end", "(table.set 0 (i32.const -1) (ref.null func))", R::TableOutOfBounds),
    ("call_indirect beyond the end", "(call_indirect (i32.const 3))", R::TableOutOfBounds),
    ("call_indirect of null", "(call_indirect (i32.const 2))", R::IndirectCallToNull),
    (
        "call_indirect of another type",
        "(call_indirect (param i32) (i32.const 1)
            (i32.const 0))",
        R::IndirectCallTypeMismatch,
    ),
    ("i32.div_s by zero", "(drop (i32.div_s (i32.const 7) ZERO))", R::IntegerDivisionByZero),
    ("i32.rem_u by zero", "(drop (i32.rem_u (i32.const 7) ZERO))", R::IntegerDivisionByZero),
    (
        "i64.div_u by zero",
        "(drop (i64.div_u (i64.const 7)
            (i64.extend_i32_u ZERO)))",
        R::IntegerDivisionByZero,
    ),
    (
        "i64.rem_s by zero",
        "(drop (i64.rem_s (i64.const 7)
            (i64.extend_i32_u ZERO)))",
        R::IntegerDivisionByZero,
    ),
    (
        "i32.div_s overflow",
        "(drop (i32.div_s (i32.const 0x80000000) (i32.sub ZERO
            (i32.const 1))))",
        R::IntegerOverflow,
    ),
    (
        "i64.div_s overflow",
        "(drop (i64.div_s (i64.const 0x8000000000000000) (i64.sub
            (i64.extend_i32_u ZERO) (i64.const 1))))",
        R::IntegerOverflow,
    ),
    (
        "conversion of a NaN",
        "(drop (i32.trunc_f32_s (f32.load
            (i32.const 200))))",
        R::InvalidConversionToInteger,
    ),
    (
        "conversion of what is too large",
        "(drop (i64.trunc_f64_u (f64.load
            (i32.const 208))))",
        R::IntegerOverflow,
    ),
    (
        "input that is not there",
        "(call $callDataCopy (i32.const 0) (i32.const 0) (i32.const 8))",
        R::HostAccessOutOfBounds,
    ),
    ("a place that is not there", "(call $getAddress (i32.const 65517))", R::HostAccessOutOfBounds),
    ("negative gas", "(call $useGas (i64.const -1))", R::ArgumentOutOfRange),
    (
        "five topics",
        "(call $log (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0))",
        R::ArgumentOutOfRange,
    ),
    (
        "a log too long",
        "(call $log (i32.const 0) (i32.const 16385) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0))",
        R::LimitExceeded,
    ),
    ("gas that is not there", "(call $useGas (i64.const 0x7fffffffffffffff))", R::OutOfGas),
    ("a loop", "(loop (br 0))", R::OutOfGas),
    (
        "a loop that works",
        "(local i64) (loop (local.set 0 (i64.add (local.get 0) (i64.const 1))) (br_if 0
            (i64.ge_s (local.get 0) (i64.const 0))))",
        R::OutOfGas,
    ),
    ("a loop of host calls", "(loop (drop (call $getGasLeft)) (br 0))", R::OutOfGas),
    ("a loop of calls", "(loop (call $tick) (br 0))", R::OutOfGas),
    (
        "a loop of large fills",
        "(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))
            (br 0))",
        R::OutOfGas,
    ),
    ("a loop of growth by nothing", "(loop (drop (memory.grow (i32.const 0))) (br 0))", R::OutOfGas),
    ("a loop of growth that fails", "(loop (drop (memory.grow (i32.const 65535))) (br 0))", R::OutOfGas),
    ("tail calls round and round", "(return_call $round)", R::OutOfGas),
    ("recursion", "(call $deep)", R::CallStackExhausted),
    ("self-destruction of nobody", "(call $selfDestruct (i32.const 65530))", R::HostAccessOutOfBounds),
];

fn contract(body: &str) -> Vec<u8> {
    module(&format!(
        "(table 3 funcref) (elem (i32.const 0) func $tick $tick)
         {} {} (func $tick) (func $round (return_call $round)) (func $deep (call $deep)) (func
             (export \"main\") {body})",
        data(200, &f32::NAN.to_le_bytes()),
        data(208, &1e300_f64.to_le_bytes())
    ))
}

/// The reasons that halt a transaction as such, with the contract they need.
fn transactions(world: &mut World) -> Vec<(&'static str, Tx, R)> {
    let empty = main_of("");
    let statically = module(&format!(
        "{} (func (export \"main\") (if (call $callStatic (i64.const 1000000) (i32.const 0) (i32.const 0)
            (i32.const 0)) (then (call $revert (i32.const 0) (i32.const 0)))))",
        data(0, B.as_slice())
    ));
    world.put(B, &main_of("(call $storageStore (i32.const 0) (i32.const 0))"));
    world.put(C, &statically);
    let packed = binary(
        "(module (memory (export \"memory\") 1 1)
            (func (export \"main\") (param i64) (result i64) (i64.const 0xff00000000000000))
            (func (export \"f\") (param i32)))",
    );
    let at = |byte| Address::repeat_byte(byte);
    world.put_abi(at(1), Abi::Packed, &packed);
    world.state.put_code(at(2), CodeId::of(b"not wasm", Abi::Ewasm), b"not wasm");
    world.put(at(3), &module("(memory (export \"memory\") 512) (func (export \"main\"))"));
    let create = |world: &World, code: &[u8]| {
        world.create(&module(&format!(
            "(data (i32.const 0) \"{}\") (func (export \"main\") (call $finish (i32.const 0) (i32.const {})))",
            escaped(code),
            code.len()
        )))
    };
    let too_large = module(
        "(memory (export \"memory\") 17) (func (export \"main\") (call $finish (i32.const 0) (i32.const 1048577)))",
    );
    vec![
        (
            "a start that there is no gas for",
            Tx { gas_limit: Gas::new(prices::BASE + 3_000), ..world.call(B, b"") },
            R::OutOfGas,
        ),
        ("code that is no module", world.call(at(2), b""), R::InvalidCode),
        ("init code that is no module", world.create(b"x"), R::InvalidCode),
        ("created code that is no module", create(world, b"\0asm"), R::InvalidCreatedCode),
        ("created code that is too large", world.create(&too_large), R::CreatedCodeTooLarge),
        ("no code", world.call_export(SENDER, "f", b""), R::NoCode),
        ("no export", world.call_export(at(1), "g", b""), R::NoSuchExport),
        ("another signature", world.call_export(at(1), "f", b"12345"), R::SignatureMismatch),
        ("no room", world.call(at(1), b"1"), R::NoRoomForInput),
        ("a bad result", world.call(at(1), b""), R::BadResult),
        ("a deployment that is no module", Tx { ..world.deploy(Abi::Ewasm, &empty[..20]) }, R::InvalidCode),
    ]
}

//= spec 1.1.6, 9.1.6 test
#[test]
fn every_reason_to_halt() {
    let mut world = World::new("reasons to halt");
    let mut met = BTreeSet::new();
    for &(case, body, reason) in BODIES {
        world.put(A, &contract(&body.replace("ZERO", "(i32.load (i32.const 4))")));
        let tx = Tx { gas_limit: Gas::new(2_000_000), value: U256::from(1), ..world.call(A, b"") };
        let executed = world.run(case, &tx);
        assert_eq!(executed.receipt.outcome, halt(reason), "{case}");
        assert_eq!(executed.receipt.gas_used, tx.gas_limit);
        assert_eq!(beside_fees(&executed.diff), StateDiff::default());
        met.insert(reason);
    }
    for (case, tx, reason) in transactions(&mut world) {
        let executed = world.run(case, &tx);
        assert_eq!(executed.receipt.outcome, halt(reason), "{case}");
        met.insert(reason);
    }
    met.insert(reasons_below(&mut world, C, "a write in a static frame"));
    world.state.accounts.insert(SENDER.create(0), Account { nonce: 1, ..Account::default() });
    let tx = world.create(&main_of(""));
    assert_eq!(world.run("an address that is taken", &tx).receipt.outcome, halt(R::AddressCollision));
    met.insert(R::AddressCollision);
    // Seven frames of 512 pages have nearly all the memory of a transaction.
    let calls_itself = module(&format!(
        "(memory (export \"memory\") 512) {} (func (export \"main\") (drop (call $call (i64.const 0x7fffffffffffffff)
            (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0))))",
        data(0, A.as_slice())
    ));
    world.put(A, &calls_itself);
    let tx = Tx { gas_limit: Gas::new(200_000_000), ..world.call(A, b"") };
    let executed = world.run("an eighth frame of 512 pages", &tx);
    assert_eq!((executed.halts.len(), executed.halts[0].depth), (1, 7));
    met.insert(executed.halts[0].reason);
    // Only the ABIs of indexers let such imports be: `metashrew.rs` has the cases.
    met.insert(R::UnknownImport);
    // The tests of precompiled contracts have those of their inputs.
    met.insert(R::InvalidPrecompileInput);
    let all: BTreeSet<_> = R::ALL.iter().copied().collect();
    assert_eq!(all.difference(&met).collect::<Vec<_>>(), Vec::<&R>::new(), "reasons that no case has");
}

/// The reason of the innermost frame where the transaction itself does not halt.
fn reasons_below(world: &mut World, to: Address, case: &str) -> R {
    let tx = Tx { gas_limit: Gas::new(20_000_000), ..world.call(to, b"") };
    let executed = world.run(case, &tx);
    assert!(!matches!(executed.receipt.outcome, Outcome::Halt { .. }), "{case}");
    executed.halts[0].reason
}

/// Modules at the edge of what is valid: they compile, and they run.
#[test]
fn extreme_shapes() {
    let mut world = World::new("extreme shapes");
    let nested = |open: &str, close: &str, count: usize| format!("{} {}", open.repeat(count), close.repeat(count));
    let targets: String = (0..4_096).map(|at| format!("{} ", at % 2)).collect();
    let input = "(call $callDataCopy (i32.const 0) (i32.const 0) (call $getCallDataSize))";
    for (case, body) in [
        ("60,000 blocks", nested("block ", "end ", 60_000)),
        ("60,000 loops", nested("loop ", "end ", 60_000)),
        ("24,000 ifs", nested("i32.const 0 i32.load if ", "end ", 24_000)),
        ("190,000 nops", "nop ".repeat(190_000)),
        ("60,000 constants dropped", "i32.const 1 drop ".repeat(60_000)),
        ("4,096 targets", format!("{input} (block (block (br_table {targets} 1 (i32.load (i32.const 0)))) (nop))")),
        (
            "20 times 4,096 targets",
            format!("{input} (block (block (br_table {targets} 1 (i32.load (i32.const 0)))) (nop))").repeat(20),
        ),
        ("25,000 branches out", format!("block {} end", "i32.const 0 i32.load br_if 0 ".repeat(25_000))),
    ] {
        world.put(A, &main_of(&body));
        let tx = Tx { gas_limit: Gas::new(BLOCK_GAS), ..world.call(A, &5_u32.to_le_bytes()) };
        assert_eq!(world.run(case, &tx).receipt.outcome, RETURN, "{case}");
    }
    // Conditions that are constants, each another, beside as many globals as there may be.
    let conditions: String = (0..25_000).map(|at| format!("i32.const {} if end ", at % 24_000)).collect();
    let globals = "(global i32 (i32.const 7))".repeat(1_000);
    world.put(A, &module(&format!("{globals} (func (export \"main\") {conditions})")));
    let tx = Tx { gas_limit: Gas::new(BLOCK_GAS), ..world.call(A, b"") };
    assert_eq!(world.run("25,000 constant conditions", &tx).receipt.outcome, RETURN);
    let functions = "(func nop nop nop nop)".repeat(9_000);
    world.put(A, &module(&format!("{functions} (func (export \"main\"))")));
    let tx = world.call(A, b"");
    assert_eq!(world.run("9,000 functions", &tx).receipt.outcome, RETURN);
    // A br_table takes the default for every index beyond its targets.
    let picks = main_of(&format!(
        "{input} (block $b (block $a (block $d (br_table $a $b $a $d (i32.load (i32.const 0))))
            (call $finish (i32.const 0) (i32.const 3))) (call $finish (i32.const 0) (i32.const 1)))
            (call $finish (i32.const 0) (i32.const 2))"
    ));
    world.put(A, &picks);
    for (index, size) in [(0_u32, 1), (1, 2), (2, 1), (3, 3), (4, 3), (1 << 31, 3), (u32::MAX, 3)] {
        let tx = world.call(A, &index.to_le_bytes());
        assert_eq!(world.run(&format!("br_table {index}"), &tx).receipt.output.len(), size);
    }
}
