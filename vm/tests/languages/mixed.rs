//! One transaction through contracts of several ABIs: a Go program that calls a token of `ewasm` and a `json` contract that
//! calls the same token, with a revert in the middle; and one depth counter for every kind of call.

use crate::kit::{Chain, SENDER, contract, module, revert};
use lockstep_gas::{Abi, HostFunction, Revision};
use lockstep_host::Address;
use lockstep_vm::{Outcome, Receipt, TxKind};

const GO: Address = Address::repeat_byte(0x60);
const JSON: Address = Address::repeat_byte(0x15);
const TOKEN: Address = Address::repeat_byte(0x70);
const PAYEE: Address = Address::repeat_byte(0x99);

fn escaped(address: Address) -> String {
    address.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A call as the batch reads it.
fn call(kind: char, to: Address, name: &str, input: &[u8]) -> Vec<u8> {
    let name = if kind.eq_ignore_ascii_case(&'x') { [&[name.len() as u8], name.as_bytes()].concat() } else { vec![] };
    [&[kind as u8], to.as_slice(), &name, &(input.len() as u32).to_be_bytes(), input].concat()
}

/// What the batch says of a call.
fn told(status: u8, output: &[u8]) -> Vec<u8> {
    [&[status][..], &(output.len() as u32).to_be_bytes(), output].concat()
}

/// Input of the token: a transfer to the payee.
fn transfer(amount: u64) -> Vec<u8> {
    [&[0x5d, 0x35, 0x9f, 0xbd], PAYEE.as_slice(), &amount.to_be_bytes()].concat()
}

/// Input of the token: the balance of the payee.
fn balance_of_payee() -> Vec<u8> {
    [&[0x99, 0x93, 0x02, 0x1a], PAYEE.as_slice()].concat()
}

fn balance_key(owner: Address) -> Vec<u8> {
    [owner.as_slice(), &[0; 12]].concat()
}

/// The token with balances of the program and of the `json` contract, which hands its arguments on to the token, emits the
/// status and then returns it or fails.
fn scene() -> Chain {
    let mut chain = Chain::new("mixed.txt");
    chain.put(TOKEN, Abi::Ewasm, &contract("wrc20/wrc20.wasm"));
    for (owner, amount) in [(GO, 500_u64), (JSON, 1_000)] {
        chain.state.put_storage(TOKEN, balance_key(owner), [&amount.to_be_bytes()[..], &[0; 24]].concat());
    }
    let pay = r#"(call $args_read (i32.const 100)) (i32.store8 (i32.const 40) (call $call (i32.const 0) (i32.const 32) (i32.const 0)
        (i32.const 100) (call $args_len) (i64.const 10000000))) (call $emit (i32.const 32) (i32.const 4) (i32.const 40) (i32.const 1))"#;
    let fields = format!(
        r#"(func (export "pay") {pay} (call $set_result (i32.const 40) (i32.const 1)))
        (func (export "pay_and_fail") {pay} (call $fail (i32.const 32) (i32.const 4)))
        (data (i32.const 0) "{}") (data (i32.const 32) "paid")"#,
        escaped(TOKEN)
    );
    chain.put(JSON, Abi::Json, &module(Abi::Json, &fields));
    chain.put(GO, Abi::Wasi, &contract("batch-go/batch_go.wasm"));
    chain
}

/// Balances of the program, the `json` contract and the payee, and the program's count of calls.
fn state(chain: &Chain) -> [u64; 4] {
    let number = |account, key: &[u8]| {
        let value = chain.state.storage.get(&account).and_then(|values| values.get(key));
        value.map_or(0, |value| u64::from_be_bytes(*value.first_chunk().unwrap()))
    };
    let [go, json, payee] = [GO, JSON, PAYEE].map(|owner| number(TOKEN, &balance_key(owner)));
    [go, json, payee, number(GO, b"calls")]
}

/// Who emitted each log, and its data.
fn logs(receipt: &Receipt) -> Vec<(Address, Vec<u8>)> {
    receipt.logs.iter().map(|log| (log.address, log.data.clone())).collect()
}

#[test]
fn a_go_program_and_a_json_contract_call_a_token_with_a_revert_in_the_middle() {
    let mut chain = scene();
    let batch = |middle: char, end: &[u8]| {
        [
            call('C', TOKEN, "", &transfer(100)),
            call('X', JSON, "pay", &transfer(300)),
            call(middle, JSON, "pay_and_fail", &transfer(200)),
            call('x', JSON, "pay", &transfer(701)),
            call('x', JSON, "absent", b""),
            call('s', TOKEN, "", &transfer(1)),
            call('C', TOKEN, "", &balance_of_payee()),
            end.to_vec(),
        ]
        .concat()
    };
    let commit = |chain: &mut Chain, case: &str, input: &[u8]| {
        chain.commit(case, SENDER, TxKind::Call { to: GO, export: None }, input)
    };

    // The first two calls are undone as well: the third has to succeed and does not.
    let receipt = commit(&mut chain, "a revert that the program hands on", &batch('X', b""));
    assert_eq!((receipt.outcome, receipt.output.as_slice()), (revert(1), &b"call 3 has status 2\n"[..]));
    assert_eq!((logs(&receipt), state(&chain)), (vec![], [500, 1_000, 0, 0]));

    // The third call is undone alone; the others stand.
    let receipt = commit(&mut chain, "a revert in the middle", &batch('x', b""));
    let output = [
        told(0, &[]),
        told(0, &[0]),
        told(2, b"paid"),
        told(0, &[2]),
        told(1, &[]),
        told(1, &[]),
        told(0, &[&400_u64.to_be_bytes()[..], &[0; 24]].concat()),
    ];
    assert_eq!((receipt.outcome, receipt.output.as_slice()), (Outcome::Return, output.concat().as_slice()));
    assert_eq!(state(&chain), [400, 700, 400, 7]);
    let expected = [
        (GO, vec![0]),
        (JSON, vec![0]),
        (GO, vec![0]),
        (GO, vec![2]),
        (JSON, vec![2]),
        (GO, vec![0]),
        (GO, vec![1]),
        (GO, vec![1]),
        (GO, vec![0]),
    ];
    assert_eq!(logs(&receipt), expected);

    // What follows is no call: everything is undone, and the program says why.
    let receipt = commit(&mut chain, "an input that ends early", &batch('x', b"c12"));
    assert_eq!((receipt.outcome, receipt.output.as_slice()), (revert(1), &b"an address ends early\n"[..]));
    assert_eq!((logs(&receipt), state(&chain)), (vec![], [400, 700, 400, 7]));
    chain.settle();
}

/// A contract that adds 1 to the number that it is given, hands it on to `next` by one kind of call, and returns what came
/// back: its own number if the call failed.
fn hand_on(abi: Abi, next: Address, edge: &str) -> Vec<u8> {
    let data = format!(r#"(data (i32.const 100) "{}") (data (i32.const 300) "_startfbr")"#, escaped(next));
    let all = "(i64.const 0x7fffffffffffffff)";
    let add = "(i32.store (i32.const 200) (i32.add (i32.load (i32.const 200)) (i32.const 1)))";
    // The number as the one buffer of a struct of arguments, which is at 600; 0 if the call succeeded.
    let by_name = |start: u32, length: u32| {
        format!(
            "(i64.store (i32.const 600) (i64.const 0x4000000c8)) (local.set $failed (i32.wrap_i64 (i64.shr_u (call $callExport {all} \
             (i32.const 100) (i32.const 500) (i32.const {start}) (i32.const {length}) (i32.const 307) (i32.const 2) (i32.const 600) \
             (i32.const 8)) (i64.const 48))))"
        )
    };
    let body = match (abi, edge) {
        (Abi::Wasi, _) => format!(
            r#"(func (export "_start") (i32.store (i32.const 0) (i32.const 200)) (i32.store (i32.const 4) (i32.const 4))
            (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))) {add}
            (if (i32.eqz (call $call_export {all} (i32.const 100) (i32.const 500) (i32.const 306) (i32.const 1) (i32.const 200) (i32.const 4)))
                (then (call $return_data_copy (i32.const 200) (i32.const 0) (i32.const 4))))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#
        ),
        (Abi::Json, _) => format!(
            r#"(func (export "f") (call $args_read (i32.const 200)) {add}
            (if (i32.eqz (call $call (i32.const 100) (i32.const 300) (i32.const 0) (i32.const 200) (i32.const 4) {all}))
                (then (call $return_read (i32.const 200)))) (call $set_result (i32.const 200) (i32.const 4)))"#
        ),
        (Abi::Packed, _) => format!(
            r#"(func (export "f") (export "main") (param i64) (result i64) (local $failed i32)
            (i32.store (i32.const 200) (i32.load (i32.wrap_i64 (local.get 0)))) {add} {}
            (if (i32.eqz (local.get $failed)) (then (call $returnDataCopy (i32.const 200) (i32.const 0) (i32.const 4))))
            (i64.const 0x40000c8))"#,
            by_name(300, 6)
        ),
        (_, edge) => {
            let edge = match edge {
                "callExport" => by_name(306, 1),
                "call" | "callCode" => format!(
                    "(local.set $failed (call ${edge} {all} (i32.const 100) (i32.const 500) (i32.const 200) (i32.const 4)))"
                ),
                _ => format!("(local.set $failed (call ${edge} {all} (i32.const 100) (i32.const 200) (i32.const 4)))"),
            };
            format!(
                r#"(func (export "main") (local $failed i32) (call $callDataCopy (i32.const 200) (i32.const 0) (i32.const 4)) {add} {edge}
                (if (i32.eqz (local.get $failed)) (then (call $returnDataCopy (i32.const 200) (i32.const 0) (i32.const 4))))
                (call $finish (i32.const 200) (i32.const 4)))"#
            )
        }
    };
    module(abi, &format!("{data} {body}"))
}

#[test]
fn every_kind_of_call_counts_on_one_depth() {
    let ring = [
        (Abi::Wasi, "call_export"),
        (Abi::Json, "call"),
        (Abi::Ewasm, "call"),
        (Abi::Ewasm, "callCode"),
        (Abi::Ewasm, "callDelegate"),
        (Abi::Ewasm, "callStatic"),
        (Abi::Ewasm, "callExport"),
        (Abi::Packed, "callExport"),
    ];
    let account = |index: usize| Address::repeat_byte(0xd0 + (index % ring.len()) as u8);
    let mut chain = Chain::new("mixed_depth.txt");
    chain.gas_limit = i64::MAX.unsigned_abs();
    for (index, (abi, edge)) in ring.iter().enumerate() {
        chain.put(account(index), *abi, &hand_on(*abi, account(index + 1), edge));
    }
    // The frame of the transaction and 1,024 below it, wherever the ring begins.
    for (index, (abi, edge)) in ring.iter().enumerate() {
        let export = (*abi == Abi::Json).then(|| b"f".to_vec());
        let kind = TxKind::Call { to: account(index), export };
        let receipt = chain.commit(&format!("from {abi} {edge}"), SENDER, kind, &[0; 4]);
        let found = (receipt.outcome, receipt.output.as_slice());
        assert_eq!(found, (Outcome::Return, &1_025_u32.to_le_bytes()[..]), "from {abi} {edge}");
    }
    chain.settle();
}

/// A contract of each ABI that returns its input when its export `f` is called.
fn echo(abi: Abi) -> Vec<u8> {
    let fields = match abi {
        Abi::Json => {
            r#"(func (export "f") (call $args_read (i32.const 0)) (call $set_result (i32.const 0) (call $args_len)))"#
        }
        Abi::Wasi => {
            r#"(func (export "f") (i32.store (i32.const 0) (i32.const 100)) (i32.store (i32.const 4) (i32.const 100))
            (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#
        }
        _ => {
            r#"(func (export "malloc") (param i32) (result i32) (i32.const 100)) (func (export "free") (param i32))
            (func (export "f") (param i32) (result i32) (local.get 0))"#
        }
    };
    module(abi, fields)
}

/// `callExport` of contracts without typed exports: which descriptors they take.
//= spec 10.3.7, 10.4.3, 11.1.9 test
#[test]
fn call_export_names_one_buffer_to_contracts_without_typed_exports() {
    let mut chain = Chain::new("mixed_descriptors.txt");
    let text = br#"{"Accepted":"true","result":""}"#;
    for abi in [Abi::Json, Abi::Dela, Abi::Wasi] {
        chain.put(JSON, abi, &echo(abi));
        let takes_nothing = abi == Abi::Wasi;
        for (descriptor, is_taken, output) in [
            ("br", true, &text[..]),
            ("bv", takes_nothing, text),
            ("r", takes_nothing, b""),
            ("v", takes_nothing, b""),
            ("bbr", false, text),
            ("lr", false, text),
            ("bl", false, text),
            ("i", false, b""),
        ] {
            let parameters = 8 * (descriptor.len() - 1);
            let fields = format!(
                r#"(func (export "main") (i64.store (i32.const 0) (call $callExport (i64.const 5000000) (i32.const 100) (i32.const 500)
                (i32.const 130) (i32.const 1) (i32.const 140) (i32.const {}) (i32.const 600) (i32.const {parameters})))
                (call $returnDataCopy (i32.const 8) (i32.const 0) (call $getReturnDataSize))
                (call $finish (i32.const 0) (i32.add (i32.const 8) (call $getReturnDataSize))))
                (data (i32.const 100) "{}") (data (i32.const 130) "f") (data (i32.const 140) "{descriptor}")
                (data (i32.const 600) "\c8\00\00\00\{:02x}\00\00\00") (data (i32.const 200) "{}")"#,
                descriptor.len(),
                escaped(JSON),
                text.len(),
                String::from_utf8_lossy(text).replace('"', "\\\"")
            );
            chain.put(GO, Abi::Ewasm, &module(Abi::Ewasm, &fields));
            let case = format!("{abi} as {descriptor}");
            let receipt = chain.commit(&case, SENDER, TxKind::Call { to: GO, export: None }, &[]);
            let (told, output) =
                if is_taken { ((output.len() as u64) << 24, output) } else { (0xFF05 << 48, &b""[..]) };
            let expected = [&told.to_le_bytes()[..], output].concat();
            assert_eq!((receipt.outcome, receipt.output), (Outcome::Return, expected), "{case}");
        }
    }
    chain.settle();
}

/// Two contracts that differ in one thing: whether their input has an area of its own or takes a page.
fn takes_a_buffer(names: [&str; 2]) -> Vec<u8> {
    let [base, capacity] = names;
    let fields = format!(
        r#"(@custom "packed_abi" "\01\01f\02bi") (global (export "{base}") i32 (i32.const 64))
        (global (export "{capacity}") i32 (i32.const 64)) (func (export "main") (param i64) (result i64) (i64.const 0))
        (func (export "f") (param i64) (result i32) (i32.const 0))"#
    );
    module(Abi::Packed, &fields)
}

/// Contracts that call the export `f` of [`JSON`], or its `main`, with one buffer of one byte: how, whether the callee pays for
/// the page, the ABI and the code. Each fails if the call does.
fn callers_with_a_buffer() -> [(&'static str, bool, Abi, Vec<u8>); 4] {
    let data = format!(
        r#"(data (i32.const 100) "{}") (data (i32.const 130) "f") (data (i32.const 140) "bi")
        (data (i32.const 200) "\08\00\00\00\01\00\00\00x\00\00\00") (data (i32.const 600) "\c8\00\00\00\01\00\00\00")"#,
        escaped(JSON)
    );
    let gas = "(i64.const 5000000)";
    let numbers = |numbers: &[u32]| numbers.iter().map(|number| format!("(i32.const {number})")).collect::<String>();
    let named = numbers(&[130, 1, 200, 12]);
    let by_export = format!("(call $callExport {gas} {})", numbers(&[100, 500, 130, 1, 140, 2, 600, 8]));
    [
        ("call", true, Abi::Ewasm, format!("(call $call {gas} {})", numbers(&[100, 500, 200, 12]))),
        (
            "call_export of lockstep",
            true,
            Abi::Wasi,
            format!("(call $call_export {gas} {} {named})", numbers(&[100, 500])),
        ),
        ("call of env", true, Abi::Json, format!("(call $call {} {named} {gas})", numbers(&[100]))),
        // The error number; the length of the output is none.
        ("callExport", false, Abi::Ewasm, format!("(i32.wrap_i64 (i64.shr_u {by_export} (i64.const 48)))")),
    ]
    .map(|(name, callee_pays, abi, call)| {
        let export = if abi == Abi::Wasi { "_start" } else { "main" };
        let main = format!(r#"(func (export "{export}") (if {call} (then (unreachable))))"#);
        (name, callee_pays, abi, module(abi, &format!("{data} {main}")))
    })
}

/// If the caller passes no descriptor, the callee pays for the page that an input takes. With one, its caller has paid.
//= spec 6.7.17 test
#[test]
fn the_pages_of_an_input_are_paid_by_the_frame_that_has_no_descriptor() {
    let mut chain = Chain::new("mixed_pages.txt");
    let page = Revision::V1.schedule.host(HostFunction::CallExport).per_page;
    let input = [8_u32.to_le_bytes(), 1_u32.to_le_bytes(), *b"x\0\0\0"].concat();
    // What the callee with a page costs more than the one with an area of its own.
    let more_gas = |chain: &mut Chain, case: &str, to: Address, export: Option<&str>| {
        let of = [["input_base", "input_capacity"], ["input_bas_", "input_capacit_"]].map(|names| {
            chain.put(JSON, Abi::Packed, &takes_a_buffer(names));
            let kind = TxKind::Call { to, export: export.map(Into::into) };
            let receipt = chain.commit(&format!("{case}: {}", names[0]), SENDER, kind, &input);
            assert_eq!(receipt.outcome, Outcome::Return, "{case}");
            receipt.gas_used.get()
        });
        of[1] - of[0]
    };
    assert_eq!(more_gas(&mut chain, "main by a transaction", JSON, None), page);
    assert_eq!(more_gas(&mut chain, "an export by a transaction", JSON, Some("f")), page);
    for (case, callee_pays, abi, code) in callers_with_a_buffer() {
        chain.put(GO, abi, &code);
        assert_eq!(more_gas(&mut chain, case, GO, None), if callee_pays { page } else { 0 }, "{case}");
    }
    chain.settle();
}
