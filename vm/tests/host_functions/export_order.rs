//! `callExport`: the order of its checks, what becomes of the return data, and what each part costs.

use crate::{
    export_kit::{BUFFERS, Export, NAME, answer, export, f, packed, slot, told},
    kit::{Case, V1, check_all},
    text::{B, CONTRACT, FREE, data, main_field, module},
};
use lockstep_gas::Abi;
use lockstep_host::HaltReason;
use lockstep_vm::Outcome;

const OOB: HaltReason = HaltReason::HostAccessOutOfBounds;

/// One call with these arguments, and name `f`, descriptors `v` and `bv` and a struct in memory.
fn raw(name: &str, arguments: &str) -> Case {
    let fields =
        [data(NAME, b"fvbv"), data(0x400, &slot(65_536, 1)), data(0x408, &slot(0, 65_536)), data(0x410, &[b'x'; 257])];
    Case::with_fields(name, &told(&format!("(call $callExport {arguments})")), &fields.concat())
}

/// `f`, `v`, nothing.
const PLAIN: &str = "#768 #1 #769 #1 #0 #0";

/// Each case has what a later step refuses as well.
fn steps() -> Vec<Case> {
    let refused = |case: Case, errno| case.expect_output(&answer(errno, b""));
    vec![
        raw("1: negative gas", "~-1 #-1 #-1 #-1 #-1 #-1 #-1 #-1 #-1").expect_halt(HaltReason::ArgumentOutOfRange),
        raw("2: the address", "~0 #-1 #-1 #768 #257 #769 #0 #0 #3").expect_halt(OOB),
        raw("3: the value", "~0 @A #-1 #768 #257 #769 #0 #0 #3").expect_halt(OOB),
        raw("4: the name", "~0 @A @ZERO #65280 #257 #769 #0 #0 #3").expect_halt(OOB),
        raw("4: the descriptor", "~0 @A @ZERO #1040 #257 #-1 #0 #0 #3").expect_halt(OOB),
        raw("4: the struct", "~0 @A @ZERO #1040 #257 #769 #0 #65534 #3").expect_halt(OOB),
        // A name that is too long, and no descriptor, and arguments of another length.
        refused(raw("6: the name", "~0 @A @AMOUNT #1040 #257 #769 #0 #0 #3"), 0xFF04),
        refused(raw("7: no descriptor", "~0 @A @AMOUNT #768 #1 #769 #0 #0 #3"), 0xFF05),
        refused(raw("7: the length", "~0 @A @AMOUNT #768 #1 #770 #2 #1024 #7"), 0xFF05),
        raw("8: a buffer", "~0 @A @AMOUNT #768 #1 #770 #2 #1024 #8").expect_halt(OOB),
        refused(raw("12: the balance", "~0 @ABSENT @AMOUNT #768 #1 #770 #2 #1032 #8"), 0xFF09),
        refused(raw("13: no code", "~0 @ABSENT @ZERO #768 #1 #770 #2 #1032 #8"), 0xFF03),
        refused(raw("13: no code, nothing in memory at 0", &format!("~0 @ABSENT @ZERO {PLAIN}")), 0xFF03),
        // 9: too much input before the balance.
        {
            let arguments = slot(0, 131_065);
            let call = Export { name: b"f", descriptor: "bv", arguments: &arguments, buffers: b"" };
            let body = told(&call.call_of("@A", 0, "@AMOUNT"));
            refused(call.case_with("9: too much input", &body, "(memory (export \"memory\") 3)"), 0xFF06)
        },
    ]
}

/// B puts out `hello`; then comes a `callExport`, and what it leaves as return data is put out.
fn return_data() -> Vec<Case> {
    let hello = module(&main_field(&format!("(call $finish #{FREE} #5)"), &data(FREE, b"hello")));
    let after = |name: &str, call: &Export<'_>, value: &str, errno: u16, returned: &[u8]| {
        let told = told(&call.call_of("@A", 1_000_000, value));
        let body = format!("(drop (call $call ~100000 @B @ZERO #0 #0)) {told}");
        let packed_result = u64::from(errno) << 48;
        let mut output = answer(errno, returned);
        output[..8].copy_from_slice(&packed_result.to_le_bytes());
        call.case_with(name, &body, "").given_code(B, &hello, Abi::Ewasm).expect_output(&output)
    };
    let too_long = [b'x'; 257];
    let named = Export { name: &too_long, descriptor: "v", arguments: b"", buffers: b"" };
    vec![
        // No frame began.
        after("stays: a name that is too long", &named, "@ZERO", 0xFF04, b"hello"),
        after("stays: no descriptor", &f("x", b""), "@ZERO", 0xFF05, b"hello"),
        after("stays: the balance", &f("v", b""), "@AMOUNT", 0xFF09, b"hello"),
        // The loop of frames was asked.
        after("goes: no code", &f("v", b""), "@ZERO", 0xFF03, b""),
        packed(after("goes: no such export", &f("v", b""), "@ZERO", 0xFF04, b""), ""),
        packed(after("goes: another type", &f("iv", &[0; 4]), "@ZERO", 0xFF05, b""), &export("f", "", "")),
        packed(after("goes: a trap", &f("v", b""), "@ZERO", 0xFF01, b""), &export("f", "", "(unreachable)"))
            .expect_halt_inside(HaltReason::Unreachable),
        packed(after("goes: a return without output", &f("v", b""), "@ZERO", 0, b""), &export("f", "", "")),
    ]
}

//= spec 1.1.5, 1.2.1, 1.2.3, 1.2.4, 1.2.5, 6.7.1, 6.7.2, 6.7.3, 6.7.4, 6.7.6, 6.7.7, 6.7.8, 6.7.9, 6.7.12, 6.7.15 test
#[test]
fn order() {
    let mut cases = steps();
    cases.extend(return_data());
    check_all("export_order", cases);
}

/// What `call` costs its caller: the difference of two `getGasLeft`, less the 40 of the second.
fn cost(call: &Export<'_>, gas: u64, callee: Option<&str>) -> u64 {
    let body = format!(
        "(local $before i64) (local.set $before (call $getGasLeft)) (i64.store #8 {}) \
         (i64.store #0 (i64.sub (local.get $before) (call $getGasLeft))) (call $finish #0 #16)",
        call.call_of("@A", gas, "@ZERO")
    );
    let case = call.case_with("cost", &body, "(memory (export \"memory\") 3)").given_gas_limit(100_000_000);
    let case = match callee {
        Some(fields) => packed(case, fields),
        None => case,
    };
    let receipt = case.execute(&V1).receipt;
    assert_eq!(receipt.outcome, Outcome::Return);
    u64::from_le_bytes(receipt.output[..8].try_into().unwrap()) - 40
}

const BASE: u64 = 7_003;
const PAGE: u64 = 20_480;

/// The caller's part, in numbers of the price list: a refused callee costs nothing itself.
//= spec 6.7.5, 6.7.10 test
#[test]
fn the_price_of_a_call_that_is_refused() {
    let buffer = |length: u32| slot(BUFFERS, length);
    for (descriptor, arguments, expect) in [
        ("v", vec![], BASE),
        ("lv", vec![0; 8], BASE + 3),
        ("lllllv", vec![0; 40], BASE + 2 * 3),
        // A word of struct and buffer together, and a page.
        ("bv", buffer(1).to_vec(), BASE + 3 + PAGE),
        ("bv", buffer(24).to_vec(), BASE + 3 + PAGE),
        ("bv", buffer(25).to_vec(), BASE + 2 * 3 + PAGE),
        ("bv", buffer(0).to_vec(), BASE + 3),
        ("bv", buffer(65_536).to_vec(), BASE + 2_049 * 3 + PAGE),
        ("bv", buffer(65_537).to_vec(), BASE + 2_049 * 3 + 2 * PAGE),
        // 65,521 and 1 byte lie on 65,536 + 16 bytes.
        ("bbv", [buffer(65_521), buffer(1)].concat(), BASE + 2_049 * 3 + 2 * PAGE),
        // Found before the words are charged.
        ("x", vec![], BASE),
        ("bv", vec![0; 7], BASE),
        ("bv", buffer(131_065).to_vec(), BASE),
    ] {
        let call = f(descriptor, &arguments);
        assert_eq!(cost(&call, 1_000_000, None), expect, "{descriptor}, {arguments:x?}");
        // With all the gas that there is, too: it comes back.
        assert_eq!(cost(&call, i64::MAX.unsigned_abs(), None), expect, "{descriptor}, all gas");
    }
}

/// A refused frame returns its gas, less the price of the code that was looked into. A frame that halts returns none.
//= spec 1.1.3, 1.1.4, 3.25 test
#[test]
fn refused_frames_cost_their_code_and_halted_ones_everything() {
    let hidden = "(memory $own 1) (func (export \"f\") (param i64))";
    let hidden_area = "(memory $own 1) (global (export \"input_base\") i32 (i32.const 0)) \
        (global (export \"input_capacity\") i32 (i32.const 64)) (func (export \"f\") (param i64))";
    let buffer = slot(BUFFERS, 5);
    let with_buffer = BASE + 3 + PAGE;
    for (descriptor, arguments, callee, expect) in [
        ("v", &b""[..], "", BASE),
        ("iv", &[0; 4], "(func (export \"f\"))", BASE + 3),
        ("bv", &buffer, "(memory (export \"memory\") 1 1) (func (export \"f\") (param i64))", with_buffer),
        ("bv", &buffer, "(memory 0 0) (func (export \"f\") (param i64))", with_buffer),
        ("bv", &buffer, hidden, with_buffer),
        ("bv", &buffer, hidden_area, with_buffer),
        ("v", b"", "(func (export \"f\") (unreachable))", BASE + 500_000),
        ("v", b"", "(func (export \"f\") (loop $l (br $l)))", BASE + 500_000),
    ] {
        let looked_into = if expect < BASE + 500_000 {
            let prices = &V1.revision().schedule.frame;
            prices.base + prices.first_use + prices.first_use_byte * module(callee).len() as u64
        } else {
            0
        };
        let found = cost(&f(descriptor, arguments), 500_000, Some(callee));
        assert_eq!(found, expect + looked_into, "{descriptor}: {callee}");
    }
}

/// The callee's own gas does not depend on how much input comes, nor by which name its `main` goes: pages and words are
/// the caller's, once.
//= spec 6.7.10 test
#[test]
fn the_callee_does_not_pay_for_its_input() {
    let callee =
        "(func (export \"f\") (param i64) (result i64) ~0) (func (export \"main\") (param i64) (result i64) ~0)";
    let with = |name: &'static [u8], length: u32| {
        let arguments = slot(0, length);
        cost(&Export { name, descriptor: "br", arguments: &arguments, buffers: b"" }, 1_000_000, Some(callee))
    };
    let nothing = with(b"f", 0);
    assert_eq!(with(b"f", 24), nothing + PAGE);
    assert_eq!(with(b"f", 65_536), nothing + 2_048 * 3 + PAGE);
    assert_eq!(with(b"f", 131_064), nothing + 4_095 * 3 + 2 * PAGE);
    for length in [0, 24, 65_536, 131_064] {
        assert_eq!(with(b"main", length), with(b"f", length), "main with {length} bytes");
    }
}

/// The words of the output are charged to the caller when it is back, and can be too much for it.
//= spec 6.7.14 test
#[test]
fn the_caller_pays_for_the_output() {
    let callee = "(memory (export \"memory\") 3) \
        (func (export \"f\") (param i64) (result i64) (i64.shl (local.get 0) ~24))";
    let of = |length: u64| cost(&f("lr", &length.to_le_bytes()), 1_000_000, Some(callee));
    assert_eq!(of(32), of(0) + 3);
    assert_eq!(of(33), of(0) + 6);
    assert_eq!(of(131_072), of(0) + 4_096 * 3);

    // A caller that accepts no error: with the gas that it needs it ends, with 1 less the words are not paid.
    let length = 131_072_u64.to_le_bytes();
    let call = f("lr", &length);
    let body = format!(
        "(if (i64.ne {} ~{}) (then (unreachable)))",
        call.call_of("@A", 100_000_000, "@ZERO"),
        131_072_u64 << 24
    );
    let mut case = packed(call.case_with("output", &body, ""), callee);
    let view: lockstep_vm::StateView = std::sync::Arc::new(case.world.clone());
    let needed = V1.estimate(view.clone(), &crate::kit::block(), case.tx.clone()).unwrap().gas_limit;
    case.tx.gas_limit = needed;
    assert_eq!(case.execute(&V1).receipt.outcome, Outcome::Return);
    case.tx.gas_limit = needed.less(lockstep_gas::Gas::new(1));
    let executed = case.execute(&V1);
    assert_eq!(executed.receipt.outcome, Outcome::Halt { reason: HaltReason::OutOfGas });
    assert_eq!(
        (executed.halts.len(), executed.halts[0].contract),
        (1, CONTRACT),
        "the caller itself, after the callee"
    );
}
