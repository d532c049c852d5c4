//! Copies from the input, from code and from return data: source range before target range, no padding, and the words
//! charged before either is looked at.

use crate::{
    kit::{Case, check_all, word},
    text::{A, data, main_of},
};
use lockstep_host::HaltReason;

/// A call of `callDataCopy` with an input of 6 bytes that are not zero: 21,000 + 6 * 68.
fn call_data(to: &str, offset: &str, length: &str) -> Case {
    let name = format!("callDataCopy {to} {offset} {length}");
    Case::new(name, &format!("(call $callDataCopy #{to} #{offset} #{length}) (call $finish #0 #8)"))
        .given_input(b"abcdef")
}

/// The same with no more than a target that is not read back.
fn bad(case: Case) -> Case {
    case.expect_halt_in_both(HaltReason::HostAccessOutOfBounds)
}

/// The size of the code of a contract with that `main`.
fn size_of(body: &str) -> u32 {
    u32::try_from(main_of(body).len()).unwrap()
}

/// Puts out the size of the code that runs.
const OWN_SIZE: &str = "(i32.store #0 (call $getCodeSize)) (call $finish #0 #4)";

fn from_code_of_others() -> Vec<Case> {
    let a_code = main_of("(unreachable)");
    let a_size = size_of("(unreachable)");
    let words = |bytes: u32| u64::from(bytes.div_ceil(32));
    let external = |to: u32, offset: u32, length: u32| {
        let body = format!("(call $externalCodeCopy @A #{to} #{offset} #{length}) (call $finish #1024 #{a_size})");
        Case::new(format!("externalCodeCopy {to} {offset} of the size, {}", words(length)), &body)
            .given_contract(A, "(unreachable)")
    };
    let zeros = vec![0; a_code.len()];
    let shifted = [&[0][..], &a_code[1..]].concat();
    let size = |account: &str| format!("(i32.store #0 (call $getExternalCodeSize {account})) (call $finish #0 #4)");
    vec![
        Case::new("getExternalCodeSize", &size("@A"))
            .given_contract(A, "(unreachable)")
            .expect_gas(21_700)
            .expect_output(&word(a_size)),
        Case::new("getExternalCodeSize: absent", &size("@ABSENT")).expect_gas(21_700).expect_output(&word(0)),
        Case::new(
            "getExternalCodeSize: itself",
            "(i32.store #0 (i32.sub (call $getExternalCodeSize @SELF) (call $getCodeSize))) (call $finish #0 #4)",
        )
        .expect_gas(21_702)
        .expect_output(&word(0)),
        external(1_024, 0, a_size).expect_gas(21_700 + 3 * words(a_size)).expect_output(&a_code),
        external(1_025, 1, a_size - 1).expect_gas(21_700 + 3 * words(a_size - 1)).expect_output(&shifted),
        external(1_024, a_size, 0).expect_gas(21_700).expect_output(&zeros),
        bad(external(1_024, a_size + 1, 0)),
        bad(external(1_024, 1, a_size)),
        bad(external(65_536 - a_size + 1, 0, a_size)),
        bad(external(1_024, u32::MAX, 1)),
        Case::new("externalCodeCopy: absent, nothing", "(call $externalCodeCopy @ABSENT #0 #0 #0)").expect_gas(21_700),
        bad(Case::new("externalCodeCopy: absent, one byte", "(call $externalCodeCopy @ABSENT #0 #0 #1)")),
    ]
}

//= spec 5.2.9, 5.2.10 test
#[test]
fn copies() {
    let mut cases = vec![
        call_data("0", "0", "6").expect_gas(21_414).expect_output(b"abcdef\0\0"),
        call_data("0", "1", "4").expect_gas(21_414).expect_output(b"bcde\0\0\0\0"),
        call_data("0", "6", "0").expect_gas(21_411).expect_output(&[0; 8]),
        bad(call_data("0", "7", "0")),
        bad(call_data("0", "6", "1")),
        bad(call_data("0", "0", "7")),
        bad(call_data("0", "-1", "2")),
        bad(call_data("0", "1", "-1"))
            .given_gas_limit(1_000_000_000)
            .expect_halt_in_both(HaltReason::HostAccessOutOfBounds),
        call_data("65536", "0", "0").expect_gas(21_411).expect_output(&[0; 8]),
        bad(call_data("65537", "0", "0")),
        call_data("65530", "0", "6").expect_gas(21_414).expect_output(&[0; 8]),
        bad(call_data("65531", "0", "6")),
        bad(call_data("-1", "0", "1")),
        // 33 bytes are two words: 21,000 + 33 * 68 + 3 + 2 * 3.
        Case::new("callDataCopy of 33 bytes", "(call $callDataCopy #0 #0 #33) (call $finish #0 #33)")
            .given_input(&[9; 33])
            .expect_gas(23_253)
            .expect_output(&[9; 33]),
        // Running code, and its size.
        Case::new("getCodeSize", OWN_SIZE).expect_gas(21_002).expect_output(&word(size_of(OWN_SIZE))),
        Case::new("codeCopy: the first bytes", "(call $codeCopy #0 #0 #8) (call $finish #0 #8)")
            .expect_gas(21_006)
            .expect_output(b"\0asm\x01\0\0\0"),
        Case::new("codeCopy: from the end", "(call $codeCopy #0 (call $getCodeSize) #0)").expect_gas(21_005),
        bad(Case::new("codeCopy: beyond the end", "(call $codeCopy #0 (call $getCodeSize) #1)")),
        bad(Case::new("codeCopy: beyond memory", "(call $codeCopy #65529 #0 #8)")),
        Case::new(
            "codeCopy: the code that runs, not the account's",
            "(drop (call $callCode ~100000 @A @ZERO #0 #0)) (call $returnDataCopy #0 #0 #4) (call $finish #0 #4)",
        )
        .given_contract(A, OWN_SIZE)
        .expect_gas(21_000 + 700 + 2 + 6)
        .expect_output(&word(size_of(OWN_SIZE))),
        // Return data: none at first.
        Case::new("getReturnDataSize: at first", "(i32.store #0 (call $getReturnDataSize)) (call $finish #0 #4)")
            .expect_gas(21_002)
            .expect_output(&word(0)),
        Case::new("returnDataCopy: nothing at first", "(call $returnDataCopy #0 #0 #0)").expect_gas(21_003),
        bad(Case::new("returnDataCopy: a byte at first", "(call $returnDataCopy #0 #0 #1)")),
        bad(Case::new("returnDataCopy: beyond the end at first", "(call $returnDataCopy #0 #1 #0)")),
        bad(Case::with_fields("returnDataCopy: not the input", "(call $returnDataCopy #0 #0 #1)", &data(768, b"x"))
            .given_input(b"abc")),
    ];
    cases.extend(from_code_of_others());
    check_all("copies", cases);
}
