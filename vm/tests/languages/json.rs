//! The ABI `json`: how a frame opens and ends, deployment, calls between contracts, events, and what is hostile.

use crate::kit::{Chain, SENDER, WEALTH, contract, halt, module, revert};
use lockstep_gas::Abi;
use lockstep_host::{Address, HaltReason, U256};
use lockstep_vm::{Outcome, TxKind};

const A: Address = Address::repeat_byte(0xa1);
const B: Address = Address::repeat_byte(0xb2);

/// Puts out the arguments.
const ECHO: &str =
    r#"(func (export "echo") (call $args_read (i32.const 0)) (call $set_result (i32.const 0) (call $args_len)))"#;

fn json(fields: &str) -> Vec<u8> {
    module(Abi::Json, fields)
}

//= spec 10.3.3, 10.3.4, 10.3.6 test
#[test]
fn a_method_is_an_export_without_parameters() {
    let mut chain = Chain::new("json_methods.txt");
    let fields = r#"(func (export "main") (call $set_result (i32.const 0) (i32.const 1)))
        (func (export "takes") (param i32)) (func (export "gives") (result i32) (i32.const 0))
        (global (export "number") i32 (i32.const 0)) (func (export "constructor")) (func (export "_initialize"))"#;
    chain.put(A, Abi::Json, &json(&format!("{ECHO} {fields}")));
    for (export, outcome) in [
        ("echo", Outcome::Return),
        ("main", Outcome::Return),
        ("absent", halt(HaltReason::NoSuchExport)),
        ("", halt(HaltReason::NoSuchExport)),
        ("number", halt(HaltReason::NoSuchExport)),
        ("memory", halt(HaltReason::NoSuchExport)),
        ("constructor", halt(HaltReason::NoSuchExport)),
        ("_initialize", halt(HaltReason::NoSuchExport)),
        ("takes", halt(HaltReason::SignatureMismatch)),
        ("gives", halt(HaltReason::SignatureMismatch)),
    ] {
        let receipt = chain.call(export, SENDER, A, export, br#"{"x":1}"#);
        assert_eq!(receipt.outcome, outcome, "{export}");
        if export == "echo" {
            assert_eq!(receipt.output, br#"{"x":1}"#);
        }
    }
    let plain = chain.commit("plain", SENDER, TxKind::Call { to: A, export: None }, b"{}");
    assert_eq!((plain.outcome, plain.output.len()), (Outcome::Return, 1));
    let bytes = [0xff, 0xfe, 0x00, b'{'];
    let receipt = chain.call("no text at all", SENDER, A, "echo", &bytes);
    assert_eq!(receipt.output, bytes, "arguments are bytes to the machine");
    chain.settle();
}

//= spec 10.1.1, 10.3.2, 10.3.5 test
#[test]
fn initialize_runs_first_and_a_frame_starts_fresh() {
    let mut chain = Chain::new("json_initialize.txt");
    chain.put(
        A,
        Abi::Json,
        &json(
            r#"(global $g (mut i32) (i32.const 0))
        (func (export "_initialize") (global.set $g (i32.add (global.get $g) (i32.const 7))))
        (func (export "look") (i32.store8 (i32.const 0) (global.get $g)) (global.set $g (i32.const 100))
            (call $set_result (i32.const 0) (i32.const 1)))"#,
        ),
    );
    assert_eq!(chain.call("look", SENDER, A, "look", &[]).output, [7]);
    assert_eq!(chain.call("look again", SENDER, A, "look", &[]).output, [7]);
    chain.put(
        B,
        Abi::Json,
        &json(
            r#"(func (export "_initialize") (call $fail (i32.const 0) (i32.const 3)))
        (func (export "look")) (data (i32.const 0) "no!")"#,
        ),
    );
    let receipt = chain.call("a start that fails", SENDER, B, "look", &[]);
    assert_eq!((receipt.outcome, receipt.output.as_slice()), (revert(0), &b"no!"[..]));
    // A start function runs before both, with the gas of the frame.
    let counts = |letter: char| {
        let add = format!(
            "(global.set $g (i32.add (i32.mul (global.get $g) (i32.const 3)) (i32.const {})))",
            u32::from(letter) - 96
        );
        format!("(func ${letter} {add})")
    };
    for (case, more, seen) in [
        ("a start function alone", "(start $a)", 1),
        ("a start function before a start", r#"(export "_initialize" (func $b)) (start $a)"#, 3 + 2),
        ("an exported start alone", r#"(export "_initialize" (func $b))"#, 2),
    ] {
        let look = r#"(func (export "look") (i32.store8 (i32.const 0) (global.get $g)) (call $set_result (i32.const 0) (i32.const 1)))"#;
        let fields = format!("(global $g (mut i32) (i32.const 0)) {} {} {more} {look}", counts('a'), counts('b'));
        chain.put(B, Abi::Json, &json(&fields));
        assert_eq!(chain.call(case, SENDER, B, "look", &[]).output, [seen], "{case}");
    }
    chain.put(B, Abi::Json, &json(r#"(func (export "look")) (func $s unreachable) (start $s)"#));
    let receipt = chain.call("a start function that traps", SENDER, B, "look", &[]);
    assert_eq!(receipt.outcome, halt(HaltReason::Unreachable));
    let named = json(r#"(func (export "(start)"))"#);
    let refused = lockstep_vm::ValidModule::parse(named.into(), Abi::Json, &lockstep_gas::Revision::V1);
    assert_eq!(refused.unwrap_err().code, lockstep_vm::module::InvalidCode::ExtraExport);
    chain.put(B, Abi::Json, &json(r#"(func (export "_initialize") (loop $l (br $l))) (func (export "look"))"#));
    chain.gas_limit = 5_000_000;
    assert_eq!(chain.call("a start without end", SENDER, B, "look", &[]).outcome, halt(HaltReason::OutOfGas));
    chain.settle();
}

/// Runtimes of languages end a program by `proc_exit`, a method among them.
//= spec 10.3.8, 10.3.9 test
#[test]
fn a_method_ends_by_proc_exit() {
    let mut chain = Chain::new("json_exits.txt");
    // Writes "out" and "err" to the standard streams, sets a result, and exits with the code in the input.
    let fields = r#"(func (export "exit") (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)))
        (drop (call $fd_write (i32.const 2) (i32.const 24) (i32.const 1) (i32.const 8)))
        (call $set_result (i32.const 38) (i32.const 6)) (call $args_read (i32.const 0)) (call $proc_exit (i32.load (i32.const 0))))
        (data (i32.const 16) "\20\00\00\00\03\00\00\00\23\00\00\00\03\00\00\00outerrresult")"#;
    chain.put(A, Abi::Json, &json(fields));
    for (code, outcome, output) in [
        (0_u32, Outcome::Return, &b"result"[..]),
        (7, revert(7), b"err"),
        (0xfeff, revert(0xfeff), b"err"),
        (0xff00, revert(1), b"err"),
        (u32::MAX, revert(1), b"err"),
    ] {
        let receipt = chain.call(&format!("exit {code}"), SENDER, A, "exit", &code.to_le_bytes());
        assert_eq!((receipt.outcome, receipt.output.as_slice()), (outcome, output), "{code}");
    }
    chain.settle();
}

/// Keeps its arguments at the key `k`, with the caller behind them.
const CONSTRUCTOR: &str = r#"(func (export "constructor") (call $args_read (i32.const 16)) (call $caller (i32.add (i32.const 16) (call $args_len)))
        (call $storage_set (i32.const 0) (i32.const 1) (i32.const 16) (i32.add (call $args_len) (i32.const 20)))
        (call $set_result (i32.const 16) (call $args_len)))
    (func (export "get") (call $set_result (i32.const 16) (call $storage_get (i32.const 0) (i32.const 1) (i32.const 16))))
    (data (i32.const 0) "k")"#;

//= spec 4.15, 4.16, 4.17, 10.3.6 test
#[test]
fn a_deployment_runs_the_constructor_in_its_transaction() {
    let mut chain = Chain::new("json_constructor.txt");
    let receipt = chain.deploy("deploy", SENDER, Abi::Json, &json(CONSTRUCTOR), b"[1]");
    assert_eq!((receipt.outcome, receipt.output.as_slice()), (Outcome::Return, &b"[1]"[..]));
    let created = receipt.created.unwrap();
    assert_eq!(chain.call("get", SENDER, created, "get", &[]).output, [b"[1]", SENDER.as_slice()].concat());

    let receipt = chain.deploy("without a constructor", SENDER, Abi::Json, &json(ECHO), &[]);
    assert_eq!((receipt.outcome, receipt.created.is_some()), (Outcome::Return, true));
    let receipt = chain.deploy("an input for no constructor", SENDER, Abi::Json, &json(ECHO), b"{}");
    assert_eq!((receipt.outcome, receipt.created), (halt(HaltReason::NoSuchExport), None));

    let contracts = chain.state.code.len();
    let accounts = chain.state.accounts.len();
    for (case, body, outcome) in [
        ("a constructor that fails", "(call $fail (i32.const 0) (i32.const 1))", revert(0)),
        ("a constructor that traps", "(unreachable)", halt(HaltReason::Unreachable)),
        ("a constructor without end", "(loop $l (br $l))", halt(HaltReason::OutOfGas)),
    ] {
        let fields = format!(
            r#"(func (export "constructor") (call $storage_set (i32.const 0) (i32.const 1) (i32.const 0)
            (i32.const 1)) (call $emit (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)) {body})"#
        );
        chain.gas_limit = 10_000_000;
        let receipt = chain.deploy(case, SENDER, Abi::Json, &json(&fields), &[]);
        assert_eq!((receipt.outcome, receipt.created), (outcome, None), "{case}");
        assert_eq!(
            (chain.state.code.len(), chain.state.accounts.len()),
            (contracts, accounts),
            "{case}: nothing stays"
        );
    }
    chain.settle();
}

//= spec 10.3.8 test
#[test]
fn host_functions_answer() {
    let mut chain = Chain::new("json_answers.txt");
    chain.block.number = 77;
    let answers = r#"(func (export "answers") (call $caller (i32.const 0)) (call $self_address (i32.const 20)) (call $value (i32.const 40))
            (i64.store (i32.const 56) (call $block_height)) (i64.store (i32.const 64) (call $block_time))
            (i32.store (i32.const 72) (call $storage_get_len (i32.const 0) (i32.const 1)))
            (i32.store (i32.const 76) (call $storage_get (i32.const 0) (i32.const 1) (i32.const 1000)))
            (call $log (i32.const 0) (i32.const 65536)) (call $set_result (i32.const 0) (i32.const 1)) (call $set_result (i32.const 0) (i32.const 80)))
        (func (export "left") (i64.store (i32.const 0) (call $gas_left)) (i64.store (i32.const 8) (call $gas_left))
            (call $set_result (i32.const 0) (i32.const 16)))
        (func (export "tick") (local $before i64) (local.set $before (call $gas_left)) (call $gas_tick)
            (i64.store (i32.const 0) (i64.sub (local.get $before) (call $gas_left))) (call $set_result (i32.const 0) (i32.const 8)))"#;
    chain.put(A, Abi::Json, &json(answers));
    let receipt = chain.call("answers", SENDER, A, "answers", &[]);
    let expected = [
        SENDER.as_slice(),
        A.as_slice(),
        &[0; 16],
        &77_u64.to_le_bytes(),
        &1_700_000_000_u64.to_le_bytes(),
        &[0xff; 8],
    ];
    assert_eq!(receipt.output, expected.concat());
    let number = |bytes: &[u8]| u64::from_le_bytes(*bytes.first_chunk().unwrap());
    let left = chain.call("left", SENDER, A, "left", &[]).output;
    assert_eq!(
        number(&left) - number(&left[8..]),
        40,
        "regions are charged as a whole, so the call alone lies between"
    );
    let tick = chain.call("tick", SENDER, A, "tick", &[]).output;
    assert_eq!(number(&tick), 41, "a tick charges 1");
    chain.settle();
}

/// At each limit of gas a tick halts where the call of it would, however it is called. The production engine makes no call
/// of a direct one (`docs/decisions/0041`), the reference interpreter does.
//= spec 2.5, 2.16 test
#[test]
fn a_tick_halts_at_the_same_gas_as_its_call() {
    let mut chain = Chain::new("json_ticks.txt");
    let fields = r#"(table funcref (elem $gas_tick))
        (func $kept (param i32) (result i32)
            (local.get 0) (call $gas_tick) (local.set 0 (i32.const 9)) (call $gas_tick) (i32.add (local.get 0)))
        (func (export "f") (local $i i32)
            (block (br 0) (call $gas_tick)) (block (br 0) (loop (call $gas_tick)))
            (if (i32.const 1) (then (call $gas_tick)) (else (call $gas_tick)))
            (loop $turn (call $gas_tick)
                (br_if $turn (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
            (call_indirect (i32.const 0))
            (i32.store (i32.const 0) (call $kept (i32.const 4))) (call $set_result (i32.const 0) (i32.const 4)))
        (func (export "t") (call $gas_tick) (call $gas_tick) (drop (i32.const 1)) (unreachable))"#;
    chain.put(A, Abi::Json, &json(fields));
    let used = chain.call("f", SENDER, A, "f", &[]).gas_used.get();
    let noted = chain.lines.len();
    for (method, end) in [("f", Outcome::Return), ("t", halt(HaltReason::Unreachable))] {
        let mut ends = Vec::new();
        for limit in used - 600..=used {
            chain.gas_limit = limit;
            ends.push(chain.call(method, SENDER, A, method, &[]).outcome);
        }
        let paid = ends.iter().position(|outcome| *outcome == end).unwrap();
        assert!(paid > 20, "{method}: {paid}");
        assert!(ends[..paid].iter().all(|outcome| *outcome == halt(HaltReason::OutOfGas)), "{method}: {ends:?}");
        assert!(ends[paid..].iter().all(|outcome| *outcome == end), "{method}: {ends:?}");
    }
    chain.lines.truncate(noted);
    chain.settle();
}

//= spec 10.2.1, 10.2.2, 10.2.3, 10.2.4 test
#[test]
fn storage_has_keys_and_values_of_any_length() {
    let mut chain = Chain::new("json_storage.txt");
    // The arguments: lengths of key and value as i32. Key and value are zeros.
    let fields = r#"(memory (export "memory") 100) (func $read (call $args_read (i32.const 0)))
        (func (export "set") (call $read) (call $storage_set (i32.const 64) (i32.load (i32.const 0)) (i32.const 64) (i32.load (i32.const 4))))
        (func (export "len") (call $read) (i32.store (i32.const 0) (call $storage_get_len (i32.const 64) (i32.load (i32.const 0))))
            (call $set_result (i32.const 0) (i32.const 4)))
        (func (export "get") (call $read) (i32.store (i32.const 0) (call $storage_get (i32.const 64) (i32.load (i32.const 0)) (i32.const 64)))
            (call $set_result (i32.const 0) (i32.const 4)))
        (func (export "remove") (call $read) (call $storage_remove (i32.const 64) (i32.load (i32.const 0))))"#;
    chain.put(A, Abi::Json, &json(fields));
    let lengths = |key: u32, value: u32| [key.to_le_bytes(), value.to_le_bytes()].concat();
    let limit = halt(HaltReason::LimitExceeded);
    for (key, value, outcome) in [
        (0, 0, Outcome::Return),
        (0, 1, Outcome::Return),
        (1, 0, Outcome::Return),
        (32, 32, Outcome::Return),
        (32, 33, Outcome::Return),
        (1_024, 65_536, Outcome::Return),
        (1_025, 1, limit),
        (1, 4_194_304, Outcome::Return),
        (2, 4_194_305, limit),
    ] {
        let input = lengths(key, value);
        let before = chain.call(&format!("len {key} {value}"), SENDER, A, "len", &input).output;
        let receipt = chain.call(&format!("set {key} {value}"), SENDER, A, "set", &input);
        assert_eq!(receipt.outcome, outcome, "{key} {value}");
        let expected = if outcome == Outcome::Return { value.to_le_bytes().to_vec() } else { before };
        for method in ["len", "get"] {
            let receipt = chain.call(&format!("{method} {key} {value} after"), SENDER, A, method, &input);
            assert_eq!(receipt.output, expected, "{method} {key} {value}");
        }
    }
    let input = lengths(32, 0);
    chain.call("remove", SENDER, A, "remove", &input);
    chain.call("remove again", SENDER, A, "remove", &input);
    assert_eq!(chain.call("removed", SENDER, A, "len", &input).output, [0xff; 4]);
    chain.settle();
}

//= spec 10.3.12 test
#[test]
fn events_have_their_name_for_a_topic() {
    let mut chain = Chain::new("json_events.txt");
    // The arguments: the length of the topic.
    chain.put(
        A,
        Abi::Json,
        &json(
            r#"(func (export "emit") (call $args_read (i32.const 1000))
        (call $emit (i32.const 0) (i32.load (i32.const 1000)) (i32.const 0) (i32.const 5)))
        (data (i32.const 0) "abcdefghijklmnopqrstuvwxyz0123456789")"#,
        ),
    );
    let name = b"abcdefghijklmnopqrstuvwxyz0123456789";
    for length in [0, 1, 31, 32, 33, 36] {
        let receipt =
            chain.call(&format!("{length}"), SENDER, A, "emit", &u32::try_from(length).unwrap().to_le_bytes());
        let log = &receipt.logs[0];
        let mut topic = [0; 32];
        if length <= 32 {
            topic[..length].copy_from_slice(&name[..length]);
        } else {
            topic = lockstep_host::crypto::keccak256(&name[..length]);
        }
        assert_eq!((log.address, log.topics[0].0, log.data.as_slice()), (A, topic, &b"abcde"[..]));
    }
    chain.settle();
}

/// Calls what its arguments say, an address and the rest as the method with `,` in front of the arguments, and puts out
/// the status and the reply.
const RELAY: &str = r#"(func (export "relay") (local $end i32) (local $comma i32)
        (call $args_read (i32.const 0)) (local.set $end (call $args_len)) (local.set $comma (i32.const 20))
        (loop $l (if (i32.ne (i32.load8_u (local.get $comma)) (i32.const 44)) (then (local.set $comma (i32.add (local.get $comma) (i32.const 1))) (br $l))))
        (i32.store8 (i32.const 60000) (call $call (i32.const 0) (i32.const 20) (i32.sub (local.get $comma) (i32.const 20))
            (i32.add (local.get $comma) (i32.const 1)) (i32.sub (i32.sub (local.get $end) (local.get $comma)) (i32.const 1)) (i64.const 1000000)))
        (call $return_read (i32.const 60001))
        (call $set_result (i32.const 60000) (i32.add (call $return_len) (i32.const 1))))"#;

//= spec 10.3.14 test
#[test]
fn a_contract_calls_others_of_any_abi() {
    let mut chain = Chain::new("json_calls.txt");
    let fields = format!(
        r#"{ECHO} (func (export "no") (call $storage_set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))
        (call $fail (i32.const 0) (i32.const 2))) (func (export "trap") (unreachable)) (data (i32.const 0) "no")"#
    );
    chain.put(B, Abi::Json, &json(&fields));
    chain.put(A, Abi::Json, &json(RELAY));
    let ewasm = Address::repeat_byte(0xe1);
    chain.put(ewasm, Abi::Ewasm, &module(Abi::Ewasm, r#"(func (export "main")
        (call $callDataCopy (i32.const 0) (i32.const 0) (call $getCallDataSize)) (call $finish (i32.const 0) (call $getCallDataSize)))"#));
    let packed = Address::repeat_byte(0xf1);
    chain.put(
        packed,
        Abi::Packed,
        &module(
            Abi::Packed,
            r#"(func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))"#,
        ),
    );
    let dela = Address::repeat_byte(0xd1);
    chain.put(dela, Abi::Dela, &module(Abi::Dela, r#"(func (export "malloc") (param i32) (result i32) (i32.const 1000)) (func (export "free") (param i32))
        (func (export "f") (param i32) (result i32) (i32.const 0)) (data (i32.const 0) "{\"Accepted\":\"true\",\"result\":\"r\"}")"#));
    let gone = Address::repeat_byte(0x99);
    for (case, to, method, arguments, expected) in [
        ("json", B, "echo", &b"{}"[..], &b"\x00{}"[..]),
        ("json that fails", B, "no", b"", b"\x02no"),
        ("json that traps", B, "trap", b"", b"\x01"),
        ("no such method", B, "nothing", b"", b"\x01"),
        ("json, plainly", B, "", b"", b"\x01"),
        ("no contract, by name", gone, "echo", b"", b"\x01"),
        ("no contract, plainly", gone, "", b"", b"\x00"),
        ("ewasm, plainly", ewasm, "", b"xy", b"\x00xy"),
        ("ewasm by main", ewasm, "main", b"xy", b"\x00xy"),
        ("ewasm by another name", ewasm, "name", b"xy", b"\x01"),
        ("packed", packed, "add", &[1, 0, 0, 0, 2, 0, 0, 0], b"\x00\x03\0\0\0"),
        ("packed with other arguments", packed, "add", &[1], b"\x01"),
        ("dela", dela, "f", b"{}", b"\x00{\"Accepted\":\"true\",\"result\":\"r\"}"),
    ] {
        let input = [to.as_slice(), method.as_bytes(), b",", arguments].concat();
        let receipt = chain.call(case, SENDER, A, "relay", &input);
        assert_eq!((receipt.outcome, receipt.output.as_slice()), (Outcome::Return, expected), "{case}");
    }
    chain.settle();
}

/// Calls itself with half of its gas until it cannot.
const DEEP: &str = r#"(func (export "down") (call $self_address (i32.const 0))
    (drop (call $call (i32.const 0) (i32.const 32) (i32.const 4) (i32.const 0) (i32.const 0) (i64.const 0x7fffffffffffffff)))
    (call $return_read (i32.const 64)) (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
    (call $set_result (i32.const 64) (i32.const 4))) (data (i32.const 32) "down")"#;

//= spec 3.1 test
#[test]
fn every_call_counts_on_one_depth() {
    let mut chain = Chain::new("json_depth.txt");
    chain.put(A, Abi::Json, &json(DEEP));
    chain.gas_limit = 1_000_000_000_000_000;
    let receipt = chain.call("down", SENDER, A, "down", &[]);
    assert_eq!((receipt.outcome, receipt.output.as_slice()), (Outcome::Return, &1_025_u32.to_le_bytes()[..]));
    chain.settle();
}

//= spec 10.2.2, 10.2.3, 10.3.12 test
#[test]
fn nothing_changes_below_a_static_call() {
    let mut chain = Chain::new("json_static.txt");
    let forms = [
        ("set", "(call $storage_set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))", 1),
        ("remove", "(call $storage_remove (i32.const 0) (i32.const 1))", 1),
        ("emit", "(call $emit (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))", 1),
        ("read", "(drop (call $storage_get (i32.const 0) (i32.const 1) (i32.const 0)))", 0),
    ];
    for (case, body, status) in forms {
        chain.put(B, Abi::Json, &json(&format!(r#"(func (export "main") {body})"#)));
        let caller = format!(
            r#"(func (export "main") (i32.store8 (i32.const 100) (call $callStatic (i64.const 1000000) (i32.const 0) (i32.const 0) (i32.const 0)))
                (call $finish (i32.const 100) (i32.const 1))) (data (i32.const 0) "{}")"#,
            B.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>()
        );
        chain.put(A, Abi::Ewasm, &module(Abi::Ewasm, &caller));
        let receipt = chain.commit(case, SENDER, TxKind::Call { to: A, export: None }, &[]);
        assert_eq!(receipt.output, [status], "{case}");
    }
    chain.settle();
}

#[test]
fn the_relay_calls_the_counter() {
    let mut chain = Chain::new("json_relay.txt");
    let counter = chain.deploy("counter", SENDER, Abi::Json, &contract("json-as/counter.wasm"), b"{}").created.unwrap();
    let relay = chain.deploy("relay", SENDER, Abi::Json, &contract("json-as/relay.wasm"), &[]).created.unwrap();
    let hex = |address: Address| format!("{address:x}").trim_start_matches("0x").to_owned();
    for (case, to, method, args, must, outcome, output) in [
        (
            "increment",
            counter,
            "increment",
            r#"{\"by\":3}"#,
            1,
            Outcome::Return,
            r#"{"status":0,"reply":"{\"count\":3}"}"#,
        ),
        ("reset is the owner's", counter, "reset", "{}", 0, Outcome::Return, r#"{"status":2,"reply":"not the owner"}"#),
        ("reset must", counter, "reset", "{}", 1, revert(0), "the call failed with status 2"),
        (
            "itself, which refuses",
            relay,
            "forward",
            "{}",
            0,
            Outcome::Return,
            r#"{"status":2,"reply":"method is not a string"}"#,
        ),
        ("no such method", counter, "x", "", 0, Outcome::Return, r#"{"status":1,"reply":""}"#),
    ] {
        let input = format!(r#"{{"to":"{}","method":"{method}","args":"{args}","must":{must}}}"#, hex(to));
        let receipt = chain.call(case, SENDER, relay, "forward", input.as_bytes());
        assert_eq!((receipt.outcome, String::from_utf8_lossy(&receipt.output).as_ref()), (outcome, output), "{case}");
    }
    assert_eq!(chain.call("get", SENDER, counter, "get", &[]).output, br#"{"count":3}"#);
    chain.settle();
}

//= spec 10.3.15 test
#[test]
fn abort_reverts_with_the_message_of_assembly_script() {
    let mut chain = Chain::new("json_abort.txt");
    let units = |text: &str| {
        text.encode_utf16().flat_map(u16::to_le_bytes).map(|byte| format!("\\{byte:02x}")).collect::<String>()
    };
    let fields = format!(
        r#"(memory (export "memory") 2)
        (func (export "f") (call $args_read (i32.const 0)) (call $abort (i32.load (i32.const 0)) (i32.const 0) (i32.const 0) (i32.const 0)))
        (data (i32.const 16) "\0e\00\00\00{}") (data (i32.const 64) "\02\00\00\00\00\d8") (data (i32.const 96) "\03\00\00\00a\00b")
        (data (i32.const 128) "\ff\ff\ff\ff") (data (i32.const 131064) "\08\00\00\00")"#,
        units("fünf 😀")
    );
    chain.put(A, Abi::Json, &json(&fields));
    let oob = halt(HaltReason::HostAccessOutOfBounds);
    for (case, pointer, outcome, message) in [
        ("text", 20_u32, revert(0), "fünf 😀"),
        ("half a pair", 68, revert(0), "\u{fffd}"),
        ("an odd length", 100, revert(0), "a"),
        ("null", 0, revert(0), ""),
        ("no header", 3, revert(0), ""),
        ("beyond the end", 131_068, oob, ""),
        ("header beyond the end", 131_073, oob, ""),
        ("far beyond", u32::MAX, oob, ""),
    ] {
        let receipt = chain.call(case, SENDER, A, "f", &pointer.to_le_bytes());
        assert_eq!((receipt.outcome, String::from_utf8_lossy(&receipt.output).as_ref()), (outcome, message), "{case}");
    }
    let receipt = chain.call("a length of 2^32 - 1", SENDER, A, "f", &132_u32.to_le_bytes());
    assert_eq!((receipt.outcome, receipt.output.len()), (revert(0), 5_461), "cut to what a revert may have");
    chain.settle();
}

//= spec 4.15, 4.16 test
#[test]
fn value_comes_with_a_call_and_with_a_deployment() {
    let mut chain = Chain::new("json_value.txt");
    let tell = "(call $value (i32.const 0)) (call $set_result (i32.const 0) (i32.const 16))";
    let code = json(&format!(r#"(func (export "constructor") {tell}) (func (export "tell") {tell})"#));
    chain.value = 3;
    let receipt = chain.deploy("deploy", SENDER, Abi::Json, &code, &[]);
    assert_eq!(receipt.output, 3_u128.to_le_bytes());
    let created = receipt.created.unwrap();
    chain.value = 4;
    assert_eq!(chain.call("call", SENDER, created, "tell", &[]).output, 4_u128.to_le_bytes());
    assert_eq!(chain.state.accounts[&created].balance, U256::from(7));
    let fails = json(r#"(func (export "constructor") (call $fail (i32.const 0) (i32.const 0)))"#);
    chain.value = 5;
    assert_eq!(chain.deploy("a deployment that fails", SENDER, Abi::Json, &fails, &[]).outcome, revert(0));
    assert_eq!(chain.state.accounts[&SENDER].balance, U256::from(WEALTH - 7), "its value comes back");
    chain.settle();
}

/// A relay (AssemblyScript, `json`) calls a contract of ABI `json`, which moves tokens of one of ABI `ewasm` and then ends or
/// fails; the counter in Go is called through two relays.
#[test]
fn contracts_of_several_languages_in_one_transaction() {
    let mut chain = Chain::new("json_mixed.txt");
    let token = Address::repeat_byte(0x70);
    chain.put(token, Abi::Ewasm, &contract("wrc20/wrc20.wasm"));
    let balance_key = |owner: Address| [owner.as_slice(), &[0; 12]].concat();
    let balance = |amount: u64| [&amount.to_be_bytes()[..], &[0; 24]].concat();
    chain.state.put_storage(token, balance_key(A), balance(1_000));
    let token_text: String = token.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let pay = r#"(call $args_read (i32.const 100)) (i32.store8 (i32.const 40) (call $call (i32.const 0) (i32.const 32) (i32.const 0)
        (i32.const 100) (call $args_len) (i64.const 10000000))) (call $emit (i32.const 32) (i32.const 4) (i32.const 40) (i32.const 1))"#;
    let fields = format!(
        r#"(func (export "pay") {pay} (call $set_result (i32.const 40) (i32.const 1)))
        (func (export "pay_and_fail") {pay} (call $fail (i32.const 32) (i32.const 4)))
        (data (i32.const 0) "{token_text}") (data (i32.const 32) "paid")"#
    );
    chain.put(A, Abi::Json, &json(&fields));
    let go = Address::repeat_byte(0x60);
    chain.put(go, Abi::Json, &contract("json-counter-go/json_counter_go.wasm"));
    let relay = Address::repeat_byte(0x52);
    chain.put(relay, Abi::Json, &contract("json-as/relay.wasm"));
    let hex = |address: Address| address.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let payee = Address::repeat_byte(0x99);
    let transfer = format!("5d359fbd{}{:016x}", hex(payee), 300);
    let held = |chain: &Chain, owner| chain.state.storage[&token].get(&balance_key(owner)).cloned();
    for (case, method, output, left, logs) in [
        ("fails in the middle", "pay_and_fail", r#"{"status":2,"reply":"70616964"}"#, 1_000, 0),
        ("pays", "pay", r#"{"status":0,"reply":"00"}"#, 700, 1),
    ] {
        let input = format!(r#"{{"to":"{}","method":"{method}","hex":"{transfer}"}}"#, hex(A));
        let receipt = chain.call(case, SENDER, relay, "forward", input.as_bytes());
        assert_eq!(
            (receipt.outcome, String::from_utf8_lossy(&receipt.output).as_ref()),
            (Outcome::Return, output),
            "{case}"
        );
        assert_eq!((receipt.logs.len(), held(&chain, A)), (logs, Some(balance(left))), "{case}");
        assert_eq!(held(&chain, payee), (left < 1_000).then(|| balance(300)), "{case}");
    }
    let inner = format!(r#"{{\"to\":\"{}\",\"method\":\"increment\",\"args\":\"{{}}\"}}"#, hex(go));
    let input = format!(r#"{{"to":"{}","method":"forward","args":"{inner}"}}"#, hex(relay));
    let receipt = chain.call("a relay to a relay to Go", SENDER, relay, "forward", input.as_bytes());
    let reply = r#"{"status":0,"reply":"{\"status\":0,\"reply\":\"{\\\"count\\\":1}\"}"}"#;
    assert_eq!((receipt.outcome, String::from_utf8_lossy(&receipt.output).as_ref()), (Outcome::Return, reply));
    chain.settle();
}
