//! `callExport`: what goes in and what comes out, letter by letter.

use crate::{
    export_kit::{BUFFERS, ECHO, Export, NAME, answer, export, f, packed, slot},
    kit::{Case, check_all},
    text::{A, data},
};
use lockstep_host::HaltReason;

/// The bytes of numbers of 8 bytes.
fn longs(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A call of an export `f` with that type and body.
fn scalar(name: &str, descriptor: &str, arguments: &[u8], ty: &str, body: &str) -> Case {
    packed(f(descriptor, arguments).case(name), &export("f", ty, body))
}

fn scalars() -> Vec<Case> {
    let wild =
        [&1_u32.to_le_bytes()[..], &[0xAA; 4], &10_u64.to_le_bytes(), &100_u32.to_le_bytes(), &[0xBB; 4]].concat();
    let minus_two = (-2_i64).to_le_bytes();
    let many: Vec<u64> = (1..=32).collect();
    let sum = (0..32).fold("~0".to_owned(), |sum, index| {
        format!("(i64.add {sum} (i64.mul (local.get {index}) (local.get {index})))")
    });
    vec![
        scalar("v", "v", b"", "", "").expect_output(&answer(0, b"")),
        scalar("i", "i", b"", "(result i32)", "#-2").expect_output(&answer(0, &minus_two[..4])),
        scalar("l", "l", b"", "(result i64)", "~-2").expect_output(&answer(0, &minus_two)),
        scalar("ii", "ii", &minus_two[..4], "(param i32) (result i32)", "(local.get 0)")
            .expect_output(&answer(0, &minus_two[..4])),
        scalar("ll", "ll", &minus_two, "(param i64) (result i64)", "(local.get 0)")
            .expect_output(&answer(0, &minus_two)),
        // 1 + 10 + 100; the padding does not matter.
        scalar(
            "ilil with wild padding",
            "ilil",
            &wild,
            "(param i32 i64 i32) (result i64)",
            "(i64.add (i64.add (i64.extend_i32_u (local.get 0)) (local.get 1)) (i64.extend_i32_u (local.get 2)))",
        )
        .expect_output(&answer(0, &111_u64.to_le_bytes())),
        // The sum of the squares of 1 to 32.
        scalar(
            "32 parameters",
            &("l".repeat(32) + "l"),
            &longs(&many),
            &format!("(param {}) (result i64)", "i64 ".repeat(32)),
            &sum,
        )
        .expect_output(&answer(0, &11_440_u64.to_le_bytes())),
        scalar("an i64 that looks like an error", "l", b"", "(result i64)", "~0xFF0B000000000000")
            .expect_output(&answer(0, &0xFF0B_0000_0000_0000_u64.to_le_bytes())),
        // A contract that ends by a host function ends so; its result does not matter.
        scalar("finish inside", "i", b"", "(result i32)", "(call $finish @KEY #2) #7")
            .expect_output(&answer(0, &[0x40, 0x41])),
        scalar("revert inside", "i", b"", "(result i32)", "(call $revert @KEY #2) #7")
            .expect_output(&answer(1, &[0x40, 0x41])),
        // What it reads as call data is the struct.
        scalar(
            "call data is the struct",
            "lv",
            &minus_two,
            "(param i64)",
            "(call $callDataCopy #0 #0 (call $getCallDataSize)) (call $finish #0 (call $getCallDataSize))",
        )
        .expect_output(&answer(0, &minus_two)),
    ]
}

/// An export `f` that returns this packed result.
fn result(name: &str, packed_result: u64) -> Case {
    let body = format!("(i64.store #16 ~0x6f6c6c6568) (call $storageStore @KEY @VALUE) (i64.const {packed_result})");
    scalar(name, "r", b"", "(result i64)", &body)
}

fn buf_out(offset: u64, length: u64, errno: u64) -> u64 {
    offset | length << 24 | errno << 48
}

fn stands(case: Case) -> Case {
    case.expect_storage(A, crate::text::KEY, &crate::text::VALUE)
}

fn results() -> Vec<Case> {
    let bad = |case: Case| case.expect_output(&answer(0xFF0B, b"")).expect_halt_inside(HaltReason::BadResult);
    vec![
        stands(result("r: bytes", buf_out(16, 5, 0))).expect_output(&answer(0, b"hello")),
        stands(result("r: nothing", 0)).expect_output(&answer(0, b"")),
        stands(result("r: nothing at the end of memory", buf_out(65_536, 0, 0))).expect_output(&answer(0, b"")),
        stands(result("r: the last byte", buf_out(65_535, 1, 0))).expect_output(&answer(0, &[0])),
        bad(result("r: nothing beyond memory", buf_out(65_537, 0, 0))),
        bad(result("r: a byte beyond memory", buf_out(65_536, 1, 0))),
        bad(result("r: all that 48 bits hold", buf_out(0xFF_FFFF, 0xFF_FFFF, 0))),
        // An error of its own undoes its effects and keeps its bytes.
        result("r: error 1 with bytes", buf_out(16, 5, 1)).expect_output(&answer(1, b"hello")),
        result("r: error 0x1234", buf_out(0, 0, 0x1234)).expect_output(&answer(0x1234, b"")),
        result("r: the last error of its own", buf_out(16, 5, 0xFEFF)).expect_output(&answer(0xFEFF, b"hello")),
        bad(result("r: the first error of the host", buf_out(16, 5, 0xFF00))),
        bad(result("r: the host's trap", buf_out(0, 0, 0xFF01))),
        bad(result("r: the last error of the host", buf_out(0, 0, 0xFFFF))),
        bad(result("r: an error with a bad buffer", buf_out(65_537, 0, 1))),
    ]
}

/// The echo of buffers, and the values that stand for them.
fn buffers() -> Vec<Case> {
    let raw = "(func (export \"f\") (param i64) (result i64) (local.get 0))";
    let second = "(func (export \"f\") (param i64 i64) (result i64) (local.get 1))";
    let call = |name: &str, descriptor: &str, arguments: &[u8], callee: &str| {
        let call = Export { name: b"f", descriptor, arguments, buffers: b"hello, second buffer" };
        packed(call.case(name), callee)
    };
    let two = [slot(BUFFERS, 5), slot(BUFFERS + 7, 13)].concat();
    vec![
        call("b: echo", "br", &slot(BUFFERS, 5), ECHO).expect_output(&answer(0, b"hello")),
        call("b: the first appended page", "bl", &slot(BUFFERS, 5), raw).expect_output(&answer(0, &slot(0x1_0000, 5))),
        call("b: the second buffer", "bbl", &two, second).expect_output(&answer(0, &slot(0x1_0010, 13))),
        call("b: nothing", "br", &slot(0, 0), ECHO).expect_output(&answer(0, b"")),
        call("b: nothing, a wild offset", "bl", &slot(u32::MAX, 0), raw).expect_output(&answer(0, &[0; 8])),
        call("b: nothing, then bytes", "bbl", &[slot(u32::MAX, 0), slot(BUFFERS, 5)].concat(), second)
            .expect_output(&answer(0, &slot(0x1_0000, 5))),
        call("b: the last byte of memory", "bl", &slot(65_535, 1), raw).expect_output(&answer(0, &slot(0x1_0000, 1))),
        call("b: a byte beyond memory", "bl", &slot(65_536, 1), raw).expect_halt(HaltReason::HostAccessOutOfBounds),
        call("b: an overflow", "bl", &slot(2, u32::MAX), raw).expect_halt(HaltReason::HostAccessOutOfBounds),
        // Overlapping buffers are two: the callee writes into the first and returns the second.
        call(
            "b: overlapping buffers",
            "bbr",
            &[slot(BUFFERS, 5), slot(BUFFERS, 5)].concat(),
            "(func (export \"f\") (param i64 i64) (result i64) (i64.store (i32.wrap_i64 (local.get 0)) ~-1) \
                (i64.or (i64.and (local.get 1) ~0xFFFFFF) ~0x5000000))",
        )
        .expect_output(&answer(0, b"hello")),
        // The struct itself as a buffer, and the name.
        call("b: the name as a buffer", "br", &slot(NAME, 1), ECHO).expect_output(&answer(0, b"f")),
        // A callee cannot reach into its caller: what it writes stays its own.
        {
            let call = Export { name: b"f", descriptor: "bv", arguments: &slot(BUFFERS, 5), buffers: b"hello" };
            let body = format!("(drop {}) (call $finish #{BUFFERS} #5)", call.call());
            let callee = "(func (export \"f\") (param i64) (i64.store (i32.wrap_i64 (local.get 0)) ~-1))";
            packed(call.case_with("b: the caller's bytes stay", &body, ""), callee).expect_output(b"hello")
        },
    ]
}

//= spec 6.1.6, 6.1.7, 6.1.8, 6.6.1, 6.6.2, 6.6.3 test
#[test]
fn values() {
    let mut cases = scalars();
    cases.extend(results());
    cases.extend(buffers());
    // Return data can be read in parts.
    let call = f("r", b"");
    let body = format!("(drop {}) (call $returnDataCopy #0 #1 #3) (call $finish #0 #3)", call.call());
    let hello = data(0x900, b"hello") + &export("f", "(result i64)", &format!("~{}", buf_out(0x900, 5, 0)));
    cases.push(packed(call.case_with("return data in parts", &body, ""), &hello).expect_output(b"ell"));
    let beyond = format!("(drop {}) (call $returnDataCopy #0 #1 #5)", call.call());
    cases.push(
        packed(call.case_with("return data beyond its end", &beyond, ""), &hello)
            .expect_halt(HaltReason::HostAccessOutOfBounds),
    );
    check_all("export_values", cases);
}
