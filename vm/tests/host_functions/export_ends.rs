//! `callExport`: every error number of the host, and what each leaves of gas and state.

use crate::{
    export_kit::{BUFFERS, ECHO, Export, answer, export, f, packed, slot, told},
    kit::{Case, check_all},
    text::{A, CONTRACT, KEY, VALUE, module},
};
use lockstep_gas::Abi;
use lockstep_host::HaltReason;

const WRITES: &str = "(call $storageStore @KEY @VALUE)";

/// A call of an export `f ()->()` with that body.
fn body(name: &str, body: &str) -> Case {
    packed(f("v", b"").case(name), &export("f", "", body))
}

fn refused(case: Case, errno: u16) -> Case {
    case.expect_output(&answer(errno, b""))
}

/// 0xFF01, 0xFF02, 0xFF0A: what the callee did wrong. Its gas is gone.
fn failures() -> Vec<Case> {
    let trap = |case: Case, reason| refused(case, 0xFF01).expect_halt_inside(reason);
    let big = |length: u32, errno: u64| {
        let result = u64::from(length) << 24 | errno << 48;
        format!("(memory (export \"memory\") 3) {}", export("f", "(result i64)", &format!("~{result}")))
    };
    // Return data that is larger than what is put out.
    let sized = |name: &str, fields: &str| {
        let body = format!(
            "(i64.store #0 {}) (i32.store #8 (call $getReturnDataSize)) (call $finish #0 #12)",
            f("r", b"").call()
        );
        packed(f("r", b"").case_with(name, &body, ""), fields)
    };
    let only_size = |errno: u16, length: usize| answer(errno, &vec![0; length])[..12].to_vec();
    vec![
        trap(body("trap", &format!("{WRITES} (unreachable)")), HaltReason::Unreachable),
        trap(body("division by zero", "(drop (i32.div_u #1 #0))"), HaltReason::IntegerDivisionByZero),
        trap(body("a bad pointer", "(call $getAddress #-1)"), HaltReason::HostAccessOutOfBounds),
        trap(body("a bad argument", "(call $useGas ~-1)"), HaltReason::ArgumentOutOfRange),
        trap(sized("an output above its limit", &big(131_073, 0)), HaltReason::LimitExceeded)
            .expect_output(&only_size(0xFF01, 0)),
        sized("the largest output", &big(131_072, 0)).expect_output(&only_size(0, 131_072)),
        trap(sized("bytes of an error above their limit", &big(16_385, 1)), HaltReason::LimitExceeded)
            .expect_output(&only_size(0xFF01, 0)),
        sized("the most bytes of an error", &big(16_384, 7)).expect_output(&only_size(7, 16_384)),
        refused(f("v", b"").case("no module"), 0xFF01)
            .given_code(A, b"abc", Abi::Ewasm)
            .expect_halt_inside(HaltReason::InvalidCode),
        refused(body("out of gas", &format!("{WRITES} (call $useGas ~0x7fffffffffffffff)")), 0xFF02)
            .expect_halt_inside(HaltReason::OutOfGas),
        refused(body("a loop", "(loop $l (br $l))"), 0xFF02).expect_halt_inside(HaltReason::OutOfGas),
        // No gas for the start of the frame.
        refused(
            packed(
                f("v", b"").case_with("no gas", &told(&f("v", b"").call_of("@A", 100, "@ZERO")), ""),
                &export("f", "", ""),
            ),
            0xFF02,
        )
        .expect_halt_inside(HaltReason::OutOfGas),
        // A static frame calls; the callee writes.
        refused(static_call("a write in a static frame", WRITES), 0xFF0A)
            .expect_halt_inside(HaltReason::StaticModeViolation),
        static_call("a read in a static frame", "(call $storageLoad @KEY #0)").expect_output(&answer(0, b"")),
        // A static violation in a frame further below is that frame's, not the callee's.
        static_call("a write below", "(drop (call $callStatic ~300000 @SELF #0 #0))")
            .expect_output(&answer(0, b""))
            .expect_halt_inside(HaltReason::OutOfGas),
    ]
}

/// [`CONTRACT`] calls B statically, which calls the export of A with that body; what B puts out is put out.
fn static_call(name: &str, body: &str) -> Case {
    let call = f("v", b"");
    let outer = "(drop (call $callStatic ~3000000 @B #0 #0)) (call $returnDataCopy #0 #0 #12) (call $finish #0 #12)";
    let inner = module(&crate::text::main_field(&told(&call.call()), &call.fields()));
    packed(Case::new(name, outer).given_code(crate::text::B, &inner, Abi::Ewasm), &export("f", "", body))
}

/// 0xFF03, 0xFF04, 0xFF05: there is nothing that could be called like this. The callee's gas comes back.
fn no_such() -> Vec<Case> {
    let callee = format!(
        "{} {} {} {} {} (global (export \"g\") i32 (i32.const 0))",
        export("f", "(param i32) (result i64)", "~1"),
        export("float", "(param f32)", ""),
        export("float result", "(result f64)", "(f64.const 0)"),
        export("two", "(result i32 i32)", "#1 #2"),
        export("", "(result i32)", "#5"),
    );
    let named = |name: &'static [u8], descriptor: &'static str, arguments: &'static [u8]| {
        let call = Export { name, descriptor, arguments, buffers: b"" };
        let shown = name.escape_ascii();
        packed(call.case(&format!("name `{shown}` ({}), {descriptor}, {} bytes", name.len(), arguments.len())), &callee)
    };
    let long = export(&"x".repeat(256), "(result i32)", "#6");
    let too_long = export(&"x".repeat(257), "(result i32)", "#6");
    let longest = |name: &str, length: usize, callee: &str| {
        let call = Export { name: &vec![b'x'; length], descriptor: "i", arguments: b"", buffers: b"" };
        packed(call.case(name), callee)
    };
    vec![
        refused(f("v", b"").case("an absent account"), 0xFF03),
        refused(f("v", b"").case("an account without code"), 0xFF03).given_balance(A, 7),
        refused(named(b"g", "v", b""), 0xFF04),
        refused(named(b"memory", "v", b""), 0xFF04),
        refused(named(b"F", "il", &[0; 4]), 0xFF04),
        refused(named(b"f\0", "il", &[0; 4]), 0xFF04),
        refused(named(b"float", "iv", &[0; 4]), 0xFF04),
        refused(named(b"float result", "l", b""), 0xFF04),
        refused(named(b"two", "i", b""), 0xFF04),
        refused(named(b"main", "br", &[0; 8]), 0xFF04),
        refused(named(b"\xFF\xFE", "v", b""), 0xFF04),
        named(b"", "i", b"").expect_output(&answer(0, &5_u32.to_le_bytes())),
        longest("the longest name", 256, &long).expect_output(&answer(0, &6_u32.to_le_bytes())),
        refused(longest("a longer name", 257, &too_long), 0xFF04),
        // Descriptors that are none, and those of other types.
        named(b"f", "il", &[0; 4]).expect_output(&answer(0, &1_u64.to_le_bytes())),
        refused(named(b"f", "", b""), 0xFF05),
        refused(named(b"f", "x", b""), 0xFF05),
        refused(named(b"f", "lv", &[0; 8]), 0xFF05),
        refused(named(b"f", "iv", &[0; 4]), 0xFF05),
        refused(named(b"f", "l", b""), 0xFF05),
        refused(named(b"f", "iil", &[0; 8]), 0xFF05),
        refused(named(b"f", "ll", &[0; 8]), 0xFF05),
        refused(named(b"f", "il", b""), 0xFF05),
        refused(named(b"f", "il", &[0; 3]), 0xFF05),
        refused(named(b"f", "il", &[0; 8]), 0xFF05),
        refused(named(b"f", "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiv", &[0; 132]), 0xFF05),
        // A name that is missing comes before a type that is wrong.
        refused(named(b"F", "lv", &[0; 8]), 0xFF04),
    ]
}

/// What the callee's section says decides between `l` and `b`.
fn sections() -> Vec<Case> {
    let section = "(@custom \"packed_abi\" \"\\02\\01f\\02br\\01g\\02ll\")";
    let callee = format!(
        "{ECHO} {} {} {section}",
        export("g", "(param i64) (result i64)", "(local.get 0)"),
        export("h", "(param i64) (result i64)", "(local.get 0)")
    );
    let case = |name: &'static str, descriptor: &'static str| {
        let arguments = slot(BUFFERS, 5);
        let call = Export { name: name.as_bytes(), descriptor, arguments: &arguments, buffers: b"hello" };
        packed(call.case(&format!("section: {name} as {descriptor}")), &callee)
    };
    let number = slot(BUFFERS, 5);
    vec![
        case("f", "br").expect_output(&answer(0, b"hello")),
        refused(case("f", "lr"), 0xFF05),
        refused(case("f", "bl"), 0xFF05),
        refused(case("f", "ll"), 0xFF05),
        case("g", "ll").expect_output(&answer(0, &number)),
        refused(case("g", "bl"), 0xFF05),
        // Not in the section: what the Wasm type allows.
        case("h", "ll").expect_output(&answer(0, &number)),
        case("h", "bl").expect_output(&answer(0, &slot(0x1_0000, 5))),
    ]
}

/// 0xFF06: too much. 0xFF07 and 0xFF08 have tests of their own (places, depth).
fn too_large() -> Vec<Case> {
    let slots = |lengths: &[u32]| lengths.iter().flat_map(|&length| slot(0, length)).collect::<Vec<_>>();
    let case = |name: &str, descriptor: &str, lengths: &[u32], pages: u32| {
        let arguments = slots(lengths);
        let call = Export { name: b"f", descriptor, arguments: &arguments, buffers: b"" };
        let memory = format!("(memory (export \"memory\") {pages})");
        let parameters = "i64 ".repeat(lengths.len());
        let callee = export("f", &format!("(param {parameters}) (result i32)"), "(memory.size)");
        packed(call.case_with(name, &told(&call.call()), &memory), &callee).given_gas_limit(100_000_000)
    };
    vec![
        // The struct of 8 bytes counts too.
        case("the largest input", "bi", &[131_064], 3).expect_output(&answer(0, &3_u32.to_le_bytes())),
        refused(case("a byte more", "bi", &[131_065], 3), 0xFF06),
        case("the largest input, twice the same bytes", "bbi", &[65_536, 65_520], 3)
            .expect_output(&answer(0, &3_u32.to_le_bytes())),
        refused(case("a byte more, twice the same bytes", "bbi", &[65_536, 65_521], 3), 0xFF06),
        refused(case("more than 24 bits", &("b".repeat(32) + "i"), &[589_824; 32], 9), 0xFF06),
    ]
}

/// 0xFF09, and values that move.
fn values() -> Vec<Case> {
    let call = f("v", b"");
    let with =
        |name: &str, value: &str| call.case_with(name, &told(&call.call_of("@A", 1_000_000, value)), "").given_value(5);
    let callee = export("f", "", "");
    vec![
        packed(with("value", "@ONE"), &callee)
            .expect_output(&answer(0, b""))
            .expect_account(CONTRACT, 0, 4, true)
            .expect_account(A, 0, 1, true),
        refused(packed(with("too much value", "@AMOUNT"), &callee), 0xFF09).expect_account(CONTRACT, 0, 5, true),
        refused(with("too much value before no code", "@AMOUNT"), 0xFF09).expect_account(CONTRACT, 0, 5, true),
        //= spec 1.1.4 test
        refused(with("value comes back: no code", "@ONE"), 0xFF03).expect_account(CONTRACT, 0, 5, true),
        //= spec 1.1.4 test
        refused(packed(with("value comes back: no such export", "@ONE"), ""), 0xFF04)
            .expect_account(CONTRACT, 0, 5, true),
        refused(packed(with("value comes back: trap", "@ONE"), &export("f", "", "(unreachable)")), 0xFF01)
            .expect_account(CONTRACT, 0, 5, true)
            .expect_halt_inside(HaltReason::Unreachable),
    ]
}

/// Contracts of one ABI called in the way of the other.
fn other_faces() -> Vec<Case> {
    let main = |name: &str, descriptor: &'static str| {
        let arguments = slot(BUFFERS, 5);
        let call = Export { name: b"main", descriptor, arguments: &arguments, buffers: b"hello" };
        call.case(name)
    };
    let echo = "(call $callDataCopy #0 #0 (call $getCallDataSize)) (call $finish #0 (call $getCallDataSize))";
    let echo_main = ECHO.replace("\"f\"", "\"main\"");
    let by_call = |name: &str, main: &str| {
        let body = "(i64.store #0 (i64.extend_i32_u (call $call ~1000000 @A @ZERO #4096 #5))) (i32.store #8 (call $getReturnDataSize)) \
            (call $returnDataCopy #12 #0 (i32.load #8)) (call $finish #0 (i32.add #12 (i32.load #8)))";
        packed(Case::with_fields(name, body, &crate::text::data(BUFFERS, b"hello")), main)
    };
    let status = |status: u64, bytes: &[u8]| [&status.to_le_bytes()[..], &answer(0, bytes)[8..]].concat();
    let failing =
        |errno: u64| export("main", "(param i64) (result i64)", &format!("{WRITES} ~{}", errno << 48 | 0x0300_0200));
    vec![
        main("ewasm main", "br").given_contract(A, echo).expect_output(&answer(0, b"hello")),
        main("ewasm main that reverts", "br")
            .given_contract(A, "(call $revert @KEY #2)")
            .expect_output(&answer(1, &KEY[..2])),
        refused(main("ewasm main that halts", "br").given_contract(A, "(unreachable)"), 0xFF01)
            .expect_halt_inside(HaltReason::Unreachable),
        refused(main("ewasm main as bl", "bl").given_contract(A, echo), 0xFF05),
        refused(main("ewasm main as lr", "lr").given_contract(A, echo), 0xFF05),
        refused(f("v", b"").case("another export of an ewasm contract"), 0xFF04).given_code(
            A,
            &module("(func (export \"main\")) (func (export \"f\"))"),
            Abi::Ewasm,
        ),
        packed(main("packed main", "br"), &echo_main).expect_output(&answer(0, b"hello")),
        refused(packed(main("packed main as bl", "bl"), &echo_main), 0xFF05),
        // By plain calls.
        by_call("packed main by call", &echo_main).expect_output(&status(0, b"hello")),
        by_call("packed main by call, an error of its own", &failing(7)).expect_output(&status(2, &KEY[..3])),
        by_call("packed main by call, a bad result", &failing(0xFF01))
            .expect_output(&status(1, b""))
            .expect_halt_inside(HaltReason::BadResult),
        by_call("packed plain main by call", &export("main", "", echo)).expect_output(&status(0, b"hello")),
        by_call("packed main by call, no room", &format!("(memory (export \"memory\") 1 1) {echo_main}"))
            .expect_output(&status(1, b"")),
        by_call("packed without main by call", ECHO).expect_output(&status(1, b"")),
        by_call("packed main by call, storage", &failing(0))
            .expect_output(&status(0, &KEY[..3]))
            .expect_storage(A, KEY, &VALUE),
    ]
}

//= spec 1.2.1, 1.2.2, 1.2.3, 1.2.4, 3.2, 3.4, 3.9, 6.4.1, 6.4.2, 6.4.3, 6.4.4, 6.4.6, 6.4.7, 6.6.4, 6.7.9, 6.7.12, 6.7.13, 6.7.16 test
#[test]
fn ends() {
    let mut cases = failures();
    cases.extend(no_such());
    cases.extend(sections());
    cases.extend(too_large());
    cases.extend(values());
    cases.extend(other_faces());
    check_all("export_ends", cases);
}
