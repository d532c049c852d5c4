//! The functions of the modules `lockstep` and `suavexec`, and randomness, in transactions: what they do, write and refuse.

use crate::kit::{Chain, SENDER, halt, module};
use lockstep_gas::{Abi, Gas, Revision};
use lockstep_host::{Address, BID_ACCOUNT, HaltReason};
use lockstep_reference::Reference;
use lockstep_vm::{Outcome, StateView, TxKind, ViewCall, Vm, engine::wasmi::Wasmi};
use std::sync::Arc;

const A: Address = Address::repeat_byte(0xa1);
const B: Address = Address::repeat_byte(0xb2);

fn escaped(address: Address) -> String {
    address.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// Writes the `length` bytes at `offset` to standard output.
fn write(offset: u32, length: u32) -> String {
    format!(
        "(i32.store (i32.const 0) (i32.const {offset})) (i32.store (i32.const 4) (i32.const {length})) \
         (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))"
    )
}

fn program(body: &str, data: &str) -> Vec<u8> {
    module(Abi::Wasi, &format!("(func (export \"_start\") {body}) {data}"))
}

fn run(chain: &mut Chain, case: &str) -> (Outcome, Vec<u8>) {
    let receipt = chain.commit(case, SENDER, TxKind::Call { to: A, export: None }, &[]);
    (receipt.outcome, receipt.output)
}

//= spec 11.5.2, 11.5.3, 11.5.4 test
#[test]
fn storage_is_copied_as_far_as_there_is_room() {
    let mut chain = Chain::new("wasi_storage.txt");
    let get = |result: u32, capacity: u32, told: u32| {
        format!(
            "(i32.store (i32.const {told}) (call $storage_get (i32.const 16) (i32.const 1) (i32.const {result}) (i32.const {capacity})))"
        )
    };
    let set = "(call $storage_set (i32.const 16) (i32.const 1) (i32.const 32) (i32.const 5))";
    let data = r#"(data (i32.const 16) "k") (data (i32.const 32) "hello") (data (i32.const 100) "........")"#;
    let body = [
        &get(100, 8, 200),
        set,
        &get(100, 3, 204),
        // No room at all: the place is looked at nevertheless, and nothing is written.
        &get(65_536, 0, 208),
        "(call $storage_remove (i32.const 16) (i32.const 1))",
        &get(100, 8, 212),
        "(memory.copy (i32.const 216) (i32.const 100) (i32.const 8))",
        &write(200, 24),
    ]
    .concat();
    chain.put(A, Abi::Wasi, &program(&body, data));
    let told: Vec<u8> = [-1_i32, 5, 5, -1].iter().flat_map(|number| number.to_le_bytes()).collect();
    assert_eq!(run(&mut chain, "set, get, remove"), (Outcome::Return, [&told[..], b"hel....."].concat()));
    for (case, body, outcome) in [
        ("a value without room", [set, &get(65_534, 5, 200)].concat(), halt(HaltReason::HostAccessOutOfBounds)),
        (
            "an empty value without a place",
            [set, &get(65_537, 0, 200)].concat(),
            halt(HaltReason::HostAccessOutOfBounds),
        ),
        ("an absent value without a place", get(65_537, 5, 200), Outcome::Return),
    ] {
        chain.put(A, Abi::Wasi, &program(&body, data));
        assert_eq!(run(&mut chain, case).0, outcome, "{case}");
    }
    chain.settle();
}

//= spec 11.5.5 test
#[test]
fn topics_lie_one_behind_the_other() {
    let mut chain = Chain::new("wasi_events.txt");
    let emit = |topics: u32, count: u32| {
        format!("(call $emit (i32.const {topics}) (i32.const {count}) (i32.const 32) (i32.const 3))")
    };
    let topics: String = (1..=4).map(|topic| format!("\\{topic:02x}").repeat(32)).collect();
    let data = format!(r#"(data (i32.const 32) "abc") (data (i32.const 64) "{topics}")"#);
    for count in 0..=4 {
        chain.put(A, Abi::Wasi, &program(&emit(64, count), &data));
        let receipt = chain.commit(&format!("{count}"), SENDER, TxKind::Call { to: A, export: None }, &[]);
        let topics: Vec<[u8; 32]> = receipt.logs[0].topics.iter().map(|topic| topic.0).collect();
        let expected: Vec<[u8; 32]> = (1..=4).map(|topic| [topic; 32]).take(count as usize).collect();
        assert_eq!((topics, receipt.logs[0].data.as_slice()), (expected, &b"abc"[..]));
    }
    for (case, call, reason) in [
        ("five", emit(64, 5), HaltReason::ArgumentOutOfRange),
        ("five beyond memory", emit(65_536, 5), HaltReason::ArgumentOutOfRange),
        ("two across the end", emit(65_473, 2), HaltReason::HostAccessOutOfBounds),
    ] {
        chain.put(A, Abi::Wasi, &program(&call, &data));
        assert_eq!(run(&mut chain, case).0, halt(reason), "{case}");
    }
    chain.settle();
}

/// Each case has what a later step refuses as well.
//= spec 11.5.6 test
#[test]
fn call_export_checks_in_order() {
    let mut chain = Chain::new("wasi_call_export.txt");
    chain.put(B, Abi::Wasi, &module(Abi::Wasi, "(func (export \"f\"))"));
    let out_of_bounds = Err(HaltReason::HostAccessOutOfBounds);
    let too_long = Err(HaltReason::LimitExceeded);
    let [good, value, name] = [(100, 120), (100, 140), (160, 1)];
    for (case, gas, (address, amount), name, input, expected) in [
        ("a call", 1_000_000, good, name, (0, 0), Ok(0)),
        ("negative gas", -1, (-1, -1), (-1, 257), (-1, 4_194_305), Err(HaltReason::ArgumentOutOfRange)),
        ("an address", 0, (-1, -1), (-1, 257), (-1, 4_194_305), out_of_bounds),
        ("a place of the value", 0, (100, -1), (-1, 257), (-1, 4_194_305), out_of_bounds),
        ("a name above its limit", 0, value, (-1, 257), (-1, 1), too_long),
        ("an input above its limit", 0, value, (-1, 1), (-1, 4_194_305), too_long),
        ("a place of the name", 0, value, (-1, 1), (0, 0), out_of_bounds),
        ("a place of the input", 0, value, name, (-1, 1), out_of_bounds),
        ("an empty input without a place", 0, value, name, (-1, 0), out_of_bounds),
        ("more value than there is", 1_000_000, value, name, (0, 0), Ok(1)),
        ("no such export", 1_000_000, good, (161, 1), (0, 0), Ok(1)),
    ] {
        let arguments =
            [address, amount, name.0, name.1, input.0, input.1].map(|number: i32| format!("(i32.const {number})"));
        let call =
            format!("(i32.store8 (i32.const 300) (call $call_export (i64.const {gas}) {}))", arguments.join(" "));
        let data = format!(
            r#"(data (i32.const 100) "{}") (data (i32.const 140) "\01") (data (i32.const 160) "fg")"#,
            escaped(B)
        );
        chain.put(A, Abi::Wasi, &program(&[call, write(300, 1)].concat(), &data));
        let found = run(&mut chain, case);
        match expected {
            Ok(status) => assert_eq!(found, (Outcome::Return, vec![status]), "{case}"),
            Err(reason) => assert_eq!(found.0, halt(reason), "{case}"),
        }
    }
    chain.settle();
}

/// The account that the host writes bids on is never an empty one.
//= spec 11.6.1 test
#[test]
fn an_account_of_the_host_has_a_nonce_from_the_first_write_on() {
    let mut chain = Chain::new("wasi_bids.txt");
    let make =
        "(drop (call $initializeBid (i32.const 16) (i32.const 15) (i32.const 1000) (i32.const 1000) (i32.const 900)))";
    chain.put(A, Abi::Wasi, &program(make, r#"(data (i32.const 16) "{\"Version\":\"v\"}")"#));
    for (case, values) in [("the first bid", 2), ("the second bid", 3)] {
        assert_eq!(run(&mut chain, case).0, Outcome::Return);
        assert_eq!(chain.state.accounts[&BID_ACCOUNT].nonce, 1, "{case}");
        // The bids, and the list of them.
        assert_eq!(chain.state.storage[&BID_ACCOUNT].len(), values, "{case}");
    }
    chain.settle();
}

/// The output of a view of [`A`], on both engines.
fn viewed(chain: &Chain) -> Vec<u8> {
    let state: StateView = Arc::new(chain.state.clone());
    let call =
        || ViewCall { caller: SENDER, to: A, export: None, input: Vec::new(), gas_limit: Gas::new(1_000_000_000) };
    let machine = Vm::<Wasmi>::new(Revision::V1).unwrap();
    let reference = Vm::<Reference>::with_engine(Revision::V1, 1 << 24).unwrap();
    let of_machine = machine.view(Arc::clone(&state), &chain.block, call()).unwrap();
    let of_reference = reference.view(state, &chain.block, call()).unwrap();
    assert_eq!(of_machine.output, of_reference.output, "the engines differ");
    assert_eq!(of_machine.outcome, Outcome::Return);
    of_machine.output
}

/// The nonce and the number of the frame are what randomness is made of: those of the next transaction, and of the frames
/// that were instantiated.
//= spec 11.4.2, 11.4.3 test
#[test]
fn a_view_is_given_the_random_bytes_of_the_next_transaction() {
    let mut chain = Chain::new("wasi_random.txt");
    let random = ["(drop (call $random_get (i32.const 300) (i32.const 16)))", &write(300, 16)].concat();
    chain.put(A, Abi::Wasi, &program(&random, ""));
    let mut seen = Vec::new();
    for case in ["the first transaction", "the second transaction"] {
        let expected = viewed(&chain);
        assert_eq!(run(&mut chain, case), (Outcome::Return, expected.clone()), "{case}");
        assert!(!seen.contains(&expected), "{case}");
        seen.push(expected);
    }

    // B returns random bytes; before it, A calls C in one of several ways.
    let c = Address::repeat_byte(0xc3);
    chain.put(B, Abi::Wasi, &program(&random, ""));
    let call = |at: u32, gas: u64| {
        format!("(drop (call $call_static (i64.const {gas}) (i32.const {at}) (i32.const 0) (i32.const 0)))")
    };
    let with = |chain: &mut Chain, before: &str, code: &[u8]| {
        chain.put(c, Abi::Wasi, code);
        let copy = "(call $return_data_copy (i32.const 300) (i32.const 0) (i32.const 16))";
        let data = format!(r#"(data (i32.const 100) "{}") (data (i32.const 140) "{}")"#, escaped(B), escaped(c));
        chain.put(A, Abi::Wasi, &program(&[before, &call(100, 1_000_000), copy, &write(300, 16)].concat(), &data));
        viewed(chain)
    };
    let nothing = program("", "");
    let alone = with(&mut chain, "", &nothing);
    for (case, code, gas, counts) in [
        ("a frame that returns", nothing.clone(), 1_000_000, true),
        ("a frame that halts in its code", program("(unreachable)", ""), 1_000_000, true),
        ("a frame that is refused", module(Abi::Wasi, "(func (export \"f\"))"), 1_000_000, false),
        ("a frame that cannot pay for its start", nothing, 10, false),
        ("a frame whose segment does not fit", program("", "(data (i32.const 65536) \"x\")"), 1_000_000, false),
    ] {
        let found = with(&mut chain, &call(140, gas), &code);
        assert_eq!(found != alone, counts, "{case}");
    }
    chain.settle();
}
