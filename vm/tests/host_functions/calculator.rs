//! The example contracts: `contracts/calculator` (`packed`) called by `contracts/calculator-caller` (`ewasm`).

use crate::{
    kit::{Case, V1, check_all},
    text::{A, main_field, module},
};
use lockstep_gas::Abi;
use lockstep_host::HaltReason;
use lockstep_vm::TxKind;

const CALCULATOR: &str = include_str!("../../../contracts/calculator/calculator.wat");
const CALLER: &str = include_str!("../../../contracts/calculator-caller/calculator_caller.wat");

fn binary(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

/// The caller's input: callee, name, descriptor, struct and buffers.
fn input(name: &str, descriptor: &str, arguments: &[u8]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [A.as_slice(), &text(name), &text(descriptor), arguments].concat()
}

/// Output of the caller: the packed result and the return data.
fn output(errno: u64, returned: &[u8]) -> Vec<u8> {
    let length = u64::try_from(returned.len()).unwrap();
    [&(errno << 48 | length << 24).to_le_bytes()[..], returned].concat()
}

fn case(name: &str, export: &str, descriptor: &str, arguments: &[u8]) -> Case {
    Case::of_code(name, &binary(CALLER), Abi::Ewasm)
        .given_code(A, &binary(CALCULATOR), Abi::Packed)
        .given_input(&input(export, descriptor, arguments))
}

/// Two numbers of 64 bits.
fn pair(a: i64, b: i64) -> Vec<u8> {
    [a.to_le_bytes(), b.to_le_bytes()].concat()
}

const CONCAT: [u8; 21] = [16, 0, 0, 0, 2, 0, 0, 0, 18, 0, 0, 0, 3, 0, 0, 0, b'a', b'b', b'c', b'd', b'e'];

/// `total`, and 27 zeros.
const fn total_key() -> [u8; 32] {
    let mut key = [0; 32];
    let name = b"total";
    let mut index = 0;
    while index < name.len() {
        key[index] = name[index];
        index += 1;
    }
    key
}

/// 32 bytes that begin with `total`.
fn total(total: u64) -> Vec<u8> {
    [&total.to_le_bytes()[..], &[0; 24]].concat()
}

#[test]
fn calculator() {
    let words = [&[8, 0, 0, 0, 24, 0, 0, 0][..], &pair(1, 2), &(-4_i64).to_le_bytes()].concat();
    let ewasm = module(&main_field(
        "(call $callDataCopy #0 #0 (call $getCallDataSize)) (call $finish #0 (call $getCallDataSize))",
        "",
    ));
    let own = |case: Case| case.given_code(A, &ewasm, Abi::Ewasm);
    let cases = vec![
        case("add 2 and 40", "add", "lll", &pair(2, 40)).expect_output(&output(0, &42_u64.to_le_bytes())),
        case("add wraps", "add", "lll", &pair(i64::MAX, 1)).expect_output(&output(0, &i64::MIN.to_le_bytes())),
        case("sub32", "sub32", "iii", &[5, 0, 0, 0, 7, 0, 0, 0]).expect_output(&output(0, &(-2_i32).to_le_bytes())),
        case("divide", "divide", "llr", &pair(-7, 2)).expect_output(&output(0, &(-3_i64).to_le_bytes())),
        case("divide by zero", "divide", "llr", &pair(7, 0)).expect_output(&output(1, b"")),
        case("divide beyond 2^63", "divide", "llr", &pair(i64::MIN, -1))
            .expect_output(&output(2, b"quotient exceeds 2^63-1")),
        case("sum", "sum", "br", &words).expect_output(&output(0, &(-1_i64).to_le_bytes())),
        case("sum of nothing", "sum", "br", &[0; 8]).expect_output(&output(0, &[0; 8])),
        case("sum of 5 bytes", "sum", "br", &[8, 0, 0, 0, 5, 0, 0, 0, 1, 2, 3, 4, 5]).expect_output(&output(3, b"")),
        case("concat", "concat", "bbr", &CONCAT).expect_output(&output(0, b"abcde")),
        case("concat of nothing", "concat", "bbr", &[0; 16]).expect_output(&output(0, b"")),
        case("accumulate", "accumulate", "ll", &5_u64.to_le_bytes())
            .expect_output(&output(0, &5_u64.to_le_bytes()))
            .expect_storage(A, total_key(), &total(5)),
        case("accumulate again", "accumulate", "ll", &37_u64.to_le_bytes())
            .given_storage(A, total_key(), &total(5))
            .expect_output(&output(0, &42_u64.to_le_bytes()))
            .expect_storage(A, total_key(), &total(42)),
        case("accumulate to zero", "accumulate", "ll", &(-5_i64).to_le_bytes())
            .given_storage(A, total_key(), &total(5))
            .expect_output(&output(0, &[0; 8]))
            .expect_storage(A, total_key(), &[]),
        case("nothing", "nothing", "v", b"").expect_output(&output(0, b"")),
        case("main", "main", "br", &[8, 0, 0, 0, 2, 0, 0, 0, b'h', b'i']).expect_output(&output(0, b"hi")),
        // The section tells a buffer from a number.
        case("sum as a number", "sum", "lr", &[0; 8]).expect_output(&output(0xFF05, b"")),
        case("add as buffers", "add", "bbl", &[0; 16]).expect_output(&output(0xFF05, b"")),
        case("no such export", "subtract", "lll", &pair(1, 2)).expect_output(&output(0xFF04, b"")),
        case("a buffer beyond memory", "sum", "br", &[8, 0, 0, 0, 0, 0, 1, 0])
            .expect_halt(HaltReason::HostAccessOutOfBounds),
        // A contract of ABI `ewasm` by the name `main`.
        own(case("an ewasm contract", "main", "br", &[8, 0, 0, 0, 2, 0, 0, 0, b'h', b'i']))
            .expect_output(&output(0, b"hi")),
        own(case("an ewasm contract, another name", "add", "lll", &pair(1, 2))).expect_output(&output(0xFF04, b"")),
    ];
    check_all("calculator", cases);
}

/// The same exports called by a transaction: arguments in the input, buffers behind the struct.
#[test]
fn by_transaction() {
    let code = binary(CALCULATOR);
    for (export, input, output) in [
        (Some("add"), pair(2, 40), 42_u64.to_le_bytes().to_vec()),
        (Some("concat"), CONCAT.to_vec(), b"abcde".to_vec()),
        (Some("nothing"), vec![], vec![]),
        (Some("main"), b"input".to_vec(), b"input".to_vec()),
        (None, b"input".to_vec(), b"input".to_vec()),
    ] {
        let to = crate::text::CONTRACT;
        let kind = TxKind::Call { to, export: export.map(|name| name.as_bytes().to_vec()) };
        let case = Case::of_code(format!("{export:?}"), &code, Abi::Packed)
            .given_kind(kind)
            .given_input(&input)
            .expect_output(&output);
        case.checked(&V1);
    }
}

/// What the calls cost is kept where the sources' prebuilt modules are the same.
#[test]
fn prebuilt_modules_are_those_of_the_sources() {
    assert_eq!(binary(CALCULATOR), include_bytes!("../../../contracts/calculator/calculator.wasm"));
    assert_eq!(binary(CALLER), include_bytes!("../../../contracts/calculator-caller/calculator_caller.wasm"));
}
