//! NaNs, bit by bit: which operators give the canonical one, and which keep what they are given (docs/spec.md, section 9).

use crate::kit::{A, SENDER, binary};
use lockstep_reference::Reference;
use lockstep_vm::{
    Abi, Account, BlockEnv, CodeId, Gas, MemoryState, Outcome, Revision, Tx, TxKind, U256, Vm,
    engine::{Engine, wasmi::Wasmi},
};
use std::sync::Arc;

/// The canonical NaN of each width.
const CANONICAL: [u64; 2] = [0x7fc0_0000, 0x7ff8_0000_0000_0000];

/// NaNs: quiet and signalling, of both signs, with payloads. For 32 bits and for 64.
const NANS: [[u64; 8]; 2] = [
    [0x7fc0_0000, 0xffc0_0000, 0x7f80_0001, 0xff80_0001, 0x7fff_ffff, 0xffff_ffff, 0x7fc0_1234, 0xffa5_4321],
    [
        0x7ff8_0000_0000_0000,
        0xfff8_0000_0000_0000,
        0x7ff0_0000_0000_0001,
        0xfff0_0000_0000_0001,
        0x7fff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0x7ff8_1234_5678_9abc,
        0xfff4_5678_9abc_def0,
    ],
];

/// The 8 bytes that `body` leaves as an i64, on an engine.
fn run<E: Engine>(vm: &Vm<E>, code: &[u8]) -> u64 {
    let mut state = MemoryState::default();
    state.put_code(A, CodeId::of(code, Abi::Ewasm), code);
    state.accounts.insert(SENDER, Account { nonce: 0, balance: U256::from(1), code: None });
    let tx = Tx {
        sender: SENDER,
        nonce: 0,
        gas_limit: Gas::new(10_000_000),
        gas_price: U256::ZERO,
        value: U256::ZERO,
        kind: TxKind::Call { to: A, export: None },
        input: Vec::new(),
    };
    let block = BlockEnv { number: 1, timestamp: 1, gas_limit: 1_000_000_000, ..BlockEnv::default() };
    let tx = vm.check(Arc::new(state.clone()), &block, tx).unwrap();
    let receipt = vm.execute_tx(Arc::new(state), &block, tx).unwrap().receipt;
    assert_eq!(receipt.outcome, Outcome::Return);
    assert!(receipt.gas_used.get() > 0);
    u64::from_le_bytes(receipt.output.as_slice().try_into().unwrap())
}

/// What `body`, an expression of type i64, is on both engines; `$x` and `$y` are functions that give the operands.
fn value(vms: &(Vm<Wasmi>, Vm<Reference>), functions: &str, body: &str) -> u64 {
    let code = binary(&format!(
        "(module (import \"ethereum\" \"finish\" (func $finish (param i32 i32)))
           (memory (export \"memory\") 1) (table 1 funcref) (global $g32 (mut f32) (f32.const 0))
           (global $g64 (mut f64) (f64.const 0)) {functions}
           (func (export \"main\") (i64.store (i32.const 64) {body}) (call $finish (i32.const 64) (i32.const 8))))"
    ));
    let (wasmi, reference) = (run(&vms.0, &code), run(&vms.1, &code));
    assert_eq!(wasmi, reference, "{body}");
    wasmi
}

fn vms() -> (Vm<Wasmi>, Vm<Reference>) {
    (Vm::new(Revision::V1).unwrap(), Vm::with_engine(Revision::V1, 1 << 20).unwrap())
}

/// An operand that no translator knows, out of its bits.
fn operand(name: &str, width: usize, bits: u64) -> String {
    let (float, integer) = [("f32", "i32"), ("f64", "i64")][width];
    format!("(func ${name} (result {float}) ({float}.reinterpret_{integer} ({integer}.const {bits})))")
}

/// An expression of a float, as an i64.
fn bits_of(width: usize, float: &str) -> String {
    if width == 0 {
        format!("(i64.extend_i32_u (i32.reinterpret_f32 {float}))")
    } else {
        format!("(i64.reinterpret_f64 {float})")
    }
}

//= spec 9.1.2 test
#[test]
fn arithmetic_gives_the_canonical_nan_for_any_nan() {
    let vms = vms();
    for (width, float) in ["f32", "f64"].into_iter().enumerate() {
        for nan in NANS[width] {
            let mut expressions: Vec<String> = ["sqrt", "ceil", "floor", "trunc", "nearest"]
                .map(|operator| format!("({float}.{operator} (call $x))"))
                .into();
            for operator in ["add", "sub", "mul", "div", "min", "max"] {
                expressions.push(format!("({float}.{operator} (call $x) ({float}.const 1))"));
                expressions.push(format!("({float}.{operator} ({float}.const 1) (call $x))"));
                expressions.push(format!("({float}.{operator} (call $x) (call $x))"));
            }
            for expression in expressions {
                let found = value(&vms, &operand("x", width, nan), &bits_of(width, &expression));
                assert_eq!(found, CANONICAL[width], "{expression} of {nan:#x}: {found:#x}");
            }
        }
    }
}

//= spec 9.1.1 test
#[test]
fn a_nan_that_arithmetic_makes_is_positive() {
    let vms = vms();
    for (width, float) in ["f32", "f64"].into_iter().enumerate() {
        let inf = format!("({float}.const inf)");
        let minus = format!("({float}.const -inf)");
        let zero = format!("({float}.const 0)");
        let minus_zero = format!("({float}.const -0)");
        for expression in [
            format!("({float}.sub {inf} {inf})"),
            format!("({float}.add {inf} {minus})"),
            format!("({float}.mul {zero} {inf})"),
            format!("({float}.mul {minus_zero} {inf})"),
            format!("({float}.div {zero} {zero})"),
            format!("({float}.div {inf} {minus})"),
            format!("({float}.sqrt ({float}.const -1))"),
            format!("({float}.sqrt {minus})"),
        ] {
            let found = value(&vms, "", &bits_of(width, &expression));
            assert_eq!(found, CANONICAL[width], "{expression}: {found:#x}");
        }
    }
}

//= spec 9.1.3 test
#[test]
fn promotion_and_demotion_of_a_nan_give_the_canonical_one() {
    let vms = vms();
    for (from, (name, to)) in [("f64.promote_f32", 1), ("f32.demote_f64", 0)].into_iter().enumerate() {
        for nan in NANS[from] {
            let found = value(&vms, &operand("x", from, nan), &bits_of(to, &format!("({name} (call $x))")));
            assert_eq!(found, CANONICAL[to], "{name} of {nan:#x}: {found:#x}");
        }
    }
}

//= spec 9.1.4 test
#[test]
fn operators_of_the_sign_change_only_the_sign_of_a_nan() {
    let vms = vms();
    for (width, float) in ["f32", "f64"].into_iter().enumerate() {
        let sign = [1 << 31, 1 << 63][width];
        for nan in NANS[width] {
            for (expression, expected) in [
                (format!("({float}.neg (call $x))"), nan ^ sign),
                (format!("({float}.abs (call $x))"), nan & !sign),
                (format!("({float}.copysign (call $x) ({float}.const 1))"), nan & !sign),
                (format!("({float}.copysign (call $x) ({float}.const -1))"), nan | sign),
                (format!("({float}.copysign (call $x) (call $x))"), nan),
            ] {
                let found = value(&vms, &operand("x", width, nan), &bits_of(width, &expression));
                assert_eq!(found, expected, "{expression} of {nan:#x}: {found:#x}");
            }
        }
    }
}

//= spec 9.1.5 test
#[test]
fn what_moves_a_nan_keeps_its_bits() {
    let vms = vms();
    for (width, float) in ["f32", "f64"].into_iter().enumerate() {
        let global = ["$g32", "$g64"][width];
        for nan in NANS[width] {
            let functions = format!(
                "{} (func $id (param {float}) (result {float}) (local {float}) (local.set 1 (local.get 0)) (local.get 1))",
                operand("x", width, nan)
            );
            for expression in [
                "(call $x)".to_owned(),
                "(call $id (call $x))".to_owned(),
                format!("(select (call $x) ({float}.const 0) (i32.const 1))"),
                format!("(block (result {float}) (global.set {global} (call $x)) (global.get {global}))"),
                format!(
                    "(block (result {float}) ({float}.store (i32.const 0) (call $x)) ({float}.load (i32.const 0)))"
                ),
                format!("(block (result {float}) (br 0 (call $x)))"),
                format!("(if (result {float}) (i32.const 1) (then (call $x)) (else ({float}.const 0)))"),
            ] {
                let found = value(&vms, &functions, &bits_of(width, &expression));
                assert_eq!(found, nan, "{expression} of {nan:#x}: {found:#x}");
            }
        }
    }
}

//= spec 9.1.6 test
#[test]
fn a_nan_is_not_equal_and_converts_to_zero_where_conversion_saturates() {
    let vms = vms();
    for (width, float) in ["f32", "f64"].into_iter().enumerate() {
        for nan in NANS[width] {
            let functions = operand("x", width, nan);
            for (operator, expected) in [("eq", 0), ("ne", 1), ("lt", 0), ("gt", 0), ("le", 0), ("ge", 0)] {
                let body = format!("(i64.extend_i32_u ({float}.{operator} (call $x) (call $x)))");
                assert_eq!(value(&vms, &functions, &body), expected, "{operator} {nan:#x}");
            }
            for sign in ["s", "u"] {
                let body = format!("(i64.trunc_sat_{float}_{sign} (call $x))");
                assert_eq!(value(&vms, &functions, &body), 0, "{nan:#x}");
            }
        }
    }
}
