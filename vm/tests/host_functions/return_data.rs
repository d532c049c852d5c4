//! What a frame finds as return data after each end of a call or creation.

use crate::{
    kit::{Case, check_all, word},
    text::{A, B, CONTRACT, FREE, KEY, data, main_field, main_of, module},
};
use lockstep_gas::Abi;
use lockstep_host::HaltReason;

/// Calls [`A`], which puts out `hello` (700 gas), does `next`, and puts out its status, the size of the return data and
/// the data (2, and 3 or 6).
fn after(name: &str, next: &str, fields: &str) -> Case {
    let body = format!(
        "(drop (call $call ~100000 @A @ZERO #0 #0)) (i32.store #0 {next}) (i32.store #4 (call $getReturnDataSize)) \
         (call $returnDataCopy #8 #0 (i32.load #4)) (call $finish #0 (i32.add #8 (i32.load #4)))"
    );
    let hello = module(&main_field(&format!("(call $finish #{FREE} #5)"), &data(FREE, b"hello")));
    Case::with_fields(name, &body, fields).given_code(A, &hello, Abi::Ewasm)
}

fn found(case: Case, status: u32, bytes: &[u8]) -> Case {
    case.expect_output(&[&word(status)[..], &word(u32::try_from(bytes.len()).unwrap()), bytes].concat())
}

/// The creation of `init_code` after the call.
fn creation(name: &str, value: &str, init_code: &[u8]) -> Case {
    let next = format!("(call $create {value} #{FREE} #{} #64)", init_code.len());
    after(name, &next, &data(FREE, init_code))
}

//= spec 1.2.1, 1.2.2, 1.2.3, 1.2.5, 5.3.10, 5.3.12, 5.3.14 test
#[test]
fn return_data() {
    let to_b = "(call $call ~200000 @B @ZERO #0 #0)";
    let reverts = main_of("(call $revert @KEY #3)");
    let base = 21_000 + 700 + 2;
    let cases = vec![
        found(after("nothing since", "#9", ""), 9, b"hello").expect_gas(base + 6),
        found(after("a return", to_b, ""), 0, &KEY[..2])
            .given_contract(B, "(call $finish @KEY #2)")
            .expect_gas(base + 700 + 6),
        found(after("a return without output", to_b, ""), 0, b"").given_contract(B, "").expect_gas(base + 700 + 3),
        //= spec 3.4 test
        found(after("no code", to_b, ""), 0, b"").expect_gas(base + 700 + 3),
        found(after("a revert", to_b, ""), 2, &KEY[..3]).given_code(B, &reverts, Abi::Ewasm).expect_gas(base + 700 + 6),
        found(after("a halt", to_b, ""), 1, b"")
            .given_contract(B, "(unreachable)")
            .expect_gas(base + 700 + 200_000 + 3)
            .expect_halt_inside(HaltReason::Unreachable),
        found(after("a halt with output", to_b, ""), 1, b"")
            .given_contract(B, "(drop (call $call ~90000 @A @ZERO #0 #0)) (call $finish #-1 #1)")
            .expect_gas(base + 700 + 200_000 + 3)
            .expect_halt_inside(HaltReason::HostAccessOutOfBounds),
        found(after("no module", to_b, ""), 1, b"")
            .given_code(B, b"abc", Abi::Ewasm)
            .expect_gas(base + 700 + 200_000 + 3)
            .expect_halt_inside(HaltReason::InvalidCode),
        // Where no frame begins the return data stays as it was.
        found(after("call: too much value", "(call $call ~0 @B @AMOUNT #0 #0)", ""), 1, b"hello")
            .expect_gas(base + 9_700 + 6),
        found(after("callCode: too much value", "(call $callCode ~0 @B @AMOUNT #0 #0)", ""), 1, b"hello")
            .expect_gas(base + 9_700 + 6),
        found(creation("create: too much value", "@AMOUNT", &main_of("")), 1, b"hello").expect_gas(base + 32_000 + 6),
        // A creation that succeeds clears it, with and without code; otherwise it is what the init code put out.
        found(creation("create", "@ZERO", &main_of("")), 0, b"")
            .expect_gas(base + 32_000 + 3)
            .expect_account(CONTRACT, 1, 0, true)
            .expect_account(CONTRACT.create(0), 1, 0, false),
        found(creation("create: code", "@ZERO", &main_of("(call $finish @KEY #3)")), 0, b"")
            .expect_gas(base + 32_000 + 600 + 3)
            .expect_account(CONTRACT, 1, 0, true)
            .expect_account(CONTRACT.create(0), 1, 0, true),
        found(creation("create: a revert", "@ZERO", &reverts), 2, &KEY[..3])
            .expect_gas(base + 32_000 + 6)
            .expect_account(CONTRACT, 1, 0, true),
        // 9,946,300 are left after the base; all but a 64th of it is lost.
        found(creation("create: a halt", "@ZERO", &main_of("(unreachable)")), 1, b"")
            .expect_gas(21_000 + 700 + 32_000 + 9_946_300 - 155_410 + 2 + 3)
            .expect_account(CONTRACT, 1, 0, true)
            .expect_halt_inside(HaltReason::Unreachable),
        // The callee's own return data is not its caller's.
        found(after("the callee has none at first", to_b, ""), 0, &word(0))
            .given_contract(B, "(i32.store #0 (call $getReturnDataSize)) (call $finish #0 #4)")
            .expect_gas(base + 700 + 2 + 6),
        // Longer than what was there before.
        found(after("a longer return", to_b, ""), 0, &[0; 40])
            .given_contract(B, "(call $finish #0 #40)")
            .expect_gas(base + 700 + 9),
    ];
    check_all("return_data", cases);
}
