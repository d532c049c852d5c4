//! Calls between programs and contracts of other ABIs, and what a process holds meanwhile.

use crate::kit::{Chain, SENDER, contract, halt, module, revert};
use lockstep_gas::Abi;
use lockstep_host::{Address, HaltReason};
use lockstep_vm::{Outcome, TxKind};

const A: Address = Address::repeat_byte(0xa1);
const B: Address = Address::repeat_byte(0xb2);
const C: Address = Address::repeat_byte(0xc3);

/// Writes `length` bytes at `offset` to stream `fd`.
fn write(fd: u32, offset: u32, length: &str) -> String {
    format!(
        "(i32.store (i32.const 0) (i32.const {offset})) (i32.store (i32.const 4) {length}) \
         (drop (call $fd_write (i32.const {fd}) (i32.const 0) (i32.const 1) (i32.const 8)))"
    )
}

fn bytes(address: Address) -> String {
    address.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// Calls what lies at 100 with the input at 200 and writes the status, as a digit, and what came back.
fn caller(call: &str) -> String {
    format!(
        "(data (i32.const 100) \"{}\") (data (i32.const 200) \"input\") (data (i32.const 300) \"export\") \
         (func (export \"_start\") (i32.store8 (i32.const 1000) (i32.add (i32.const 48) {call})) \
         (call $return_data_copy (i32.const 1001) (i32.const 0) (call $return_data_length)) {})",
        bytes(B),
        write(1, 1_000, "(i32.add (i32.const 1) (call $return_data_length))")
    )
}

const CALL: &str = "(call $call (i64.const 5000000) (i32.const 100) (i32.const 500) (i32.const 200) (i32.const 5))";
const CALL_EXPORT: &str = "(call $call_export (i64.const 5000000) (i32.const 100) (i32.const 500) (i32.const 300) (i32.const 6) \
    (i32.const 200) (i32.const 5))";

/// Gives back its input, and a letter before it.
fn echo(export: &str, letter: char, end: &str) -> String {
    format!(
        "(func (export \"{export}\") (i32.store8 (i32.const 2000) (i32.const {})) (i32.store (i32.const 0) (i32.const 2001)) \
         (i32.store (i32.const 4) (i32.const 100)) (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 12))) {} {} {end})",
        u32::from(letter),
        write(1, 2_000, "(i32.add (i32.const 1) (i32.load (i32.const 12)))"),
        write(2, 2_000, "(i32.const 1)"),
    )
}

#[test]
fn a_program_calls_contracts_of_every_abi() {
    let mut chain = Chain::new("wasi_calls.txt");
    let ewasm = "(func (export \"main\") (call $callDataCopy (i32.const 0) (i32.const 0) (call $getCallDataSize)) \
        (call $finish (i32.const 0) (call $getCallDataSize)))";
    let packed = "(func (export \"main\") (param i64) (result i64) (i64.or \
        (i64.and (local.get 0) (i64.const 0xffffff)) (i64.shl (i64.shr_u (local.get 0) (i64.const 32)) (i64.const 24))))";
    let reactor = echo("export", 'e', "") + &echo("_start", 's', "");
    let reverting = echo("_start", 's', "(call $proc_exit (i32.const 7))");
    for (case, abi, callee, call, output) in [
        ("ewasm", Abi::Ewasm, ewasm.to_owned(), CALL, "0input"),
        ("packed", Abi::Packed, packed.to_owned(), CALL, "0input"),
        ("a command", Abi::Wasi, reactor.clone(), CALL, "0sinput"),
        ("an export", Abi::Wasi, reactor, CALL_EXPORT, "0einput"),
        ("no such export", Abi::Wasi, echo("_start", 's', ""), CALL_EXPORT, "1"),
        ("a failing program", Abi::Wasi, reverting, CALL, "2s"),
        ("a trap", Abi::Wasi, "(func (export \"_start\") (unreachable))".to_owned(), CALL, "1"),
        ("no end", Abi::Wasi, "(func (export \"_start\") (loop $l (br $l)))".to_owned(), CALL, "1"),
    ] {
        chain.put(B, abi, &module(abi, &callee));
        chain.put(A, Abi::Wasi, &module(Abi::Wasi, &caller(call)));
        let receipt = chain.commit(case, SENDER, TxKind::Call { to: A, export: None }, &[]);
        let found = (receipt.outcome, String::from_utf8(receipt.output).unwrap());
        assert_eq!(found, (Outcome::Return, output.to_owned()), "{case}");
    }
    chain.settle();
}

/// A contract of another ABI calls programs, by `main` and by name.
#[test]
fn contracts_of_other_abis_call_a_program() {
    let mut chain = Chain::new("wasi_callees.txt");
    let fields = |call: &str| {
        format!(
            "(data (i32.const 100) \"{}\") (data (i32.const 200) \"input\") (data (i32.const 300) \"export\") (data (i32.const 400) \"br\") \
             (func (export \"main\") (local $told i64) {call} (i64.store (i32.const 1000) (local.get $told)) \
             (call $returnDataCopy (i32.const 1008) (i32.const 0) (call $getReturnDataSize)) \
             (call $finish (i32.const 1000) (i32.add (i32.const 8) (call $getReturnDataSize))))",
            bytes(B)
        )
    };
    let call = "(local.set $told (i64.extend_i32_u (call $call (i64.const 5000000) (i32.const 100) (i32.const 500) (i32.const 200) (i32.const 5))))";
    // The arguments: a buffer of 5 bytes at 200.
    let export = "(i64.store (i32.const 600) (i64.const 0x5000000c8)) (local.set $told (call $callExport (i64.const 5000000) (i32.const 100) \
        (i32.const 500) (i32.const 300) (i32.const 6) (i32.const 400) (i32.const 2) (i32.const 600) (i32.const 8)))";
    let program = |end: &str| echo("_start", 's', end) + &echo("export", 'e', end);
    for (case, call, end, told, output) in [
        ("call", call, "", 0, "sinput"),
        ("callExport", export, "", 6 << 24, "einput"),
        ("call, reverted", call, "(call $proc_exit (i32.const 7))", 2, "s"),
        ("callExport, reverted", export, "(call $proc_exit (i32.const 7))", 7 << 48 | 1 << 24, "e"),
        ("callExport, trapped", export, "(unreachable)", 0xFF01 << 48, ""),
    ] {
        chain.put(B, Abi::Wasi, &module(Abi::Wasi, &program(end)));
        chain.put(A, Abi::Ewasm, &module(Abi::Ewasm, &fields(call)));
        let receipt = chain.commit(case, SENDER, TxKind::Call { to: A, export: None }, &[]);
        let expect = [&u64::to_le_bytes(told)[..], output.as_bytes()].concat();
        assert_eq!((receipt.outcome, receipt.output), (Outcome::Return, expect), "{case}");
    }
    chain.settle();
}

/// A program in Rust, called by a program, in one transaction with a revert in the middle: what the inner one wrote is gone,
/// what the others wrote stays.
#[test]
fn a_revert_in_the_middle_undoes_what_is_below() {
    let mut chain = Chain::new("wasi_middle.txt");
    let token = chain.deploy("deploy", SENDER, Abi::Wasi, &contract("token-rust/token_rust.wasm"), &[0xFF; 8]);
    let token = token.created.unwrap();
    // B sets a key of its own, asks the token for a transfer of nothing to C, and fails.
    let middle = format!(
        "(data (i32.const 100) \"{}\") (data (i32.const 200) \"{}\\00\\00\\00\\00\\00\\00\\00\\00\") (data (i32.const 300) \"transfer\") \
         (func (export \"_start\") (call $storage_set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)) \
         (drop (call $call_export (i64.const 50000000) (i32.const 100) (i32.const 500) (i32.const 300) (i32.const 8) (i32.const 200) (i32.const 28))) END)",
        bytes(token),
        bytes(C)
    );
    let outer = caller(CALL).replace("5000000", "90000000").replacen(
        "(func (export \"_start\")",
        "(func (export \"_start\") (call $storage_set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))",
        1,
    );
    chain.put(A, Abi::Wasi, &module(Abi::Wasi, &outer));
    for (case, end, output, has_inner) in
        [("reverted", "(call $proc_exit (i32.const 1))", "2", false), ("returned", "", "0", true)]
    {
        chain.put(B, Abi::Wasi, &module(Abi::Wasi, &middle.replace("END", end)));
        let receipt = chain.commit(case, SENDER, TxKind::Call { to: A, export: None }, &[]);
        assert_eq!((receipt.outcome, receipt.output), (Outcome::Return, output.as_bytes().to_vec()), "{case}");
        assert_eq!(receipt.logs.len(), usize::from(has_inner), "{case}");
        let keys = |account| chain.state.storage.get(&account).map_or(0, |values| values.len());
        assert_eq!(
            (keys(A), keys(B), keys(token)),
            (1, usize::from(has_inner), if has_inner { 3 } else { 1 }),
            "{case}"
        );
    }
    chain.settle();
}

/// Nothing below a static call changes the state, in any language.
#[test]
fn a_program_below_a_static_call_changes_nothing() {
    let mut chain = Chain::new("wasi_static.txt");
    let call = "(call $call_static (i64.const 5000000) (i32.const 100) (i32.const 200) (i32.const 5))";
    chain.put(A, Abi::Wasi, &module(Abi::Wasi, &caller(call)));
    for (case, body, output) in [
        ("reads", "(drop (call $storage_get (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)))", "0"),
        ("sets", "(call $storage_set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))", "1"),
        ("removes", "(call $storage_remove (i32.const 0) (i32.const 1))", "1"),
        ("emits", "(call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))", "1"),
    ] {
        chain.put(B, Abi::Wasi, &module(Abi::Wasi, &format!("(func (export \"_start\") {body})")));
        let receipt = chain.commit(case, SENDER, TxKind::Call { to: A, export: None }, &[]);
        assert_eq!((receipt.outcome, receipt.output), (Outcome::Return, output.as_bytes().to_vec()), "{case}");
    }
    chain.settle();
}

/// Frames that write and then call: what they hold counts, so that no depth holds more than the transaction's memory.
//= spec 11.1.11 test
#[test]
fn what_processes_hold_counts_as_memory() {
    let mut chain = Chain::new("wasi_held.txt");
    // Writes 4 MiB, as 64 buffers of one page, and calls itself; says how many frames there were from itself on.
    let fields = format!(
        "(memory (export \"memory\") 2) (data (i32.const 100) \"{}\") (func (export \"_start\") (local $n i32) \
         (loop $l (i32.store (i32.add (i32.const 1000) (i32.mul (local.get $n) (i32.const 8))) (i32.const 65536)) \
         (i32.store (i32.add (i32.const 1004) (i32.mul (local.get $n) (i32.const 8))) (i32.const 65536)) \
         (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 64)))) \
         (drop (call $fd_write (i32.const 1) (i32.const 1000) (i32.const 64) (i32.const 8))) \
         (drop (call $call (i64.const 0x7fffffffffffffff) (i32.const 100) (i32.const 500) (i32.const 0) (i32.const 0))) \
         (call $return_data_copy (i32.const 2000) (i32.const 0) (call $return_data_length)) \
         (i32.store8 (i32.const 2000) (i32.add (i32.const 1) (i32.load8_u (i32.const 2000)))) {} \
         (call $proc_exit (i32.const 3)))",
        bytes(A),
        write(2, 2_000, "(i32.const 1)")
    );
    chain.put(A, Abi::Wasi, &module(Abi::Wasi, &fields));
    let receipt = chain.commit("to the end", SENDER, TxKind::Call { to: A, export: None }, &[]);
    // 256 MiB, of which a frame takes 4 MiB of output and two pages.
    assert_eq!((receipt.outcome, receipt.output.as_slice()), (revert(3), &[62][..]));
    chain.settle();
}

#[test]
fn the_depth_of_calls_is_one_counter() {
    let mut chain = Chain::new("wasi_depth.txt");
    // Each frame calls itself by another way and hands the count on.
    let fields = format!(
        "(data (i32.const 100) \"{}\") (data (i32.const 300) \"_start\") (func (export \"_start\") \
         (i32.store (i32.const 0) (i32.const 200)) (i32.store (i32.const 4) (i32.const 4)) \
         (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))) \
         (i32.store (i32.const 200) (i32.add (i32.load (i32.const 200)) (i32.const 1))) \
         (i32.store (i32.const 2000) (i32.load (i32.const 200))) \
         (if (i32.eqz (if (result i32) (i32.and (i32.load (i32.const 200)) (i32.const 1)) \
         (then (call $call (i64.const 0x7fffffffffffffff) (i32.const 100) (i32.const 500) (i32.const 200) (i32.const 4))) \
         (else (call $call_export (i64.const 0x7fffffffffffffff) (i32.const 100) (i32.const 500) (i32.const 300) (i32.const 6) (i32.const 200) (i32.const 4))))) \
         (then (call $return_data_copy (i32.const 2000) (i32.const 0) (i32.const 4)))) {})",
        bytes(A),
        write(1, 2_000, "(i32.const 4)")
    );
    chain.gas_limit = i64::MAX.unsigned_abs();
    chain.put(A, Abi::Wasi, &module(Abi::Wasi, &fields));
    let receipt = chain.commit("to the end", SENDER, TxKind::Call { to: A, export: None }, &[0; 4]);
    assert_eq!((receipt.outcome, receipt.output), (Outcome::Return, 1_025_u32.to_le_bytes().to_vec()));
    chain.settle();
}

#[test]
fn a_call_that_is_refused_says_why_to_a_transaction() {
    let mut chain = Chain::new("wasi_refused.txt");
    chain.put(A, Abi::Wasi, &module(Abi::Wasi, "(func (export \"f\"))"));
    let receipt = chain.commit("no main", SENDER, TxKind::Call { to: A, export: None }, &[]);
    assert_eq!(receipt.outcome, halt(HaltReason::NoSuchExport));
    chain.settle();
}
