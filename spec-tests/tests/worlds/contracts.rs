//! Contracts whose bodies call everything that their ABI offers, each other above all, with arguments that mean something and
//! some that do not. Knows nothing of how they are executed.

use lockstep_gas::{Abi, HostFunction as F, Revision};
use lockstep_host::{HostImport, ImportTable, ValueType, system};
use lockstep_vm::{Address, TxKind};
use std::{collections::BTreeSet, fmt::Write};

/// Contracts of a world, and the first byte of their addresses.
pub(crate) const CONTRACTS: u8 = 8;
pub(crate) const FIRST: u8 = 0xa0;

/// Accounts that send.
pub(crate) const SENDERS: u8 = 3;

pub(crate) const fn sender(number: u8) -> Address {
    Address::repeat_byte(0x50 + number % SENDERS)
}

/// Bytes of a contract's memory.
const SIZE: u32 = 131_072;

/// Offsets in the memory of a contract.
const ADDRESSES: u32 = 0x100;
const AMOUNTS: u32 = 0x400;
const NAMES: u32 = 0x480;
const DESCRIPTORS: u32 = 0x500;
const ARGUMENTS: u32 = 0x540;
const DATA: u32 = 0x600;
const BUFFER: u32 = 0x700;
const VECTOR: u32 = 0x780;
const SUBSCRIPTIONS: u32 = 0x7a0;
const RESULTS: u32 = 0x1000;
const TRACE: u32 = 0x1f00;
const CODE: u32 = 0x2000;
const REPLY: u32 = 0x3800;

/// Names of exports, 16 bytes apart.
const CALLED: [&str; 9] = ["go", "main", "_start", "v0", "v2", "constructor", "_initialize", "free", ""];

/// Descriptors, 8 bytes apart.
const DESCRIBED: [&str; 5] = ["br", "v", "bbr", "ilb", "lr"];

/// Xorshift: the same numbers on every machine.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound
    }

    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// Whom a contract can name: the contracts, precompiled contracts, accounts that are there or not, those of the host.
fn addresses() -> Vec<Address> {
    let contracts = (0..CONTRACTS).map(|index| Address::repeat_byte(FIRST + index));
    let precompiles = [1, 2, 4, 5, 9].map(|last| Address::left_padding_from(&[last]));
    let others = [sender(0), Address::repeat_byte(0xee), Address::ZERO];
    contracts.chain(precompiles).chain(others).chain(system::ACCOUNTS).collect()
}

/// An argument for the parameter `name`. A name and its length are one choice, which `length` hands on.
fn argument(dice: &mut Dice, row: &HostImport, name: &str, length: &mut Option<u32>) -> u32 {
    if dice.once_in(24) {
        return dice.of(&[0, 1, 4, SIZE - 32, SIZE - 20, SIZE - 1, SIZE, u32::MAX - 3, u32::MAX]);
    }
    let mut pair = |dice: &mut Dice, texts: &[&str]| {
        let index = dice.below(texts.len());
        *length = Some(texts[index].len() as u32);
        index as u32
    };
    match name {
        "address" => {
            let any = if dice.once_in(3) { addresses().len() } else { CONTRACTS.into() };
            ADDRESSES + 32 * dice.below(any) as u32
        }
        "name" | "method" => NAMES + 16 * pair(dice, &CALLED),
        "descriptor" => DESCRIPTORS + 8 * pair(dice, &DESCRIBED),
        "arguments" if row.name == "callExport" => {
            *length = Some(dice.of(&[0, 8, 8, 8, 16]));
            ARGUMENTS
        }
        "value" if !row.parameter_names.contains(&"value_length") && !row.name.starts_with("storage") => {
            AMOUNTS + 16 * dice.of(&[0, 0, 0, 1, 2, 3])
        }
        "data" if row.name == "create" => {
            *length = Some(init_code().len() as u32);
            CODE
        }
        "message" if row.module == "env" => BUFFER + dice.of(&[0, 4, 4]),
        "buffers" => VECTOR,
        "subscriptions" => SUBSCRIPTIONS,
        "fd" | "clock" | "code" => dice.of(&[0, 1, 2, 3]),
        _ if name.ends_with("length") => length.take().unwrap_or_else(|| dice.of(&[0, 1, 2, 16, 20, 32, 33, 200])),
        "count" | "capacity" | "number" | "bytes" => dice.of(&[0, 1, 2, 3, 4, 20, 64]),
        "topic1" | "topic2" | "topic3" | "topic4" | "key" | "path" | "topic" | "topics" | "bid" => {
            DATA + 32 * dice.below(4) as u32
        }
        _ => dice.of(&[DATA, DATA + 7, RESULTS, RESULTS + 64, BUFFER, AMOUNTS]),
    }
}

/// One call, whose result goes into the trace.
fn statement(dice: &mut Dice, row: &HostImport, index: usize) -> String {
    let mut length = None;
    let mut text = String::new();
    for (ty, name) in row.parameters().iter().zip(row.parameter_names) {
        let _ = match ty {
            ValueType::I32 => {
                write!(text, "(i32.const {})", argument(dice, row, name, &mut length).cast_signed())
            }
            ValueType::I64 => {
                let gas = [0, 90_000, 500_000, 2_000_000, 5_000_000, i64::MAX];
                let numbers = [0, 1, 700, -1, i64::MIN];
                let number = if *name == "gas" && !dice.once_in(24) { dice.of(&gas) } else { dice.of(&numbers) };
                write!(text, "(i64.const {number})")
            }
        };
    }
    let call = format!("(call $f{index} {text})");
    match row.result() {
        None => call,
        Some(ValueType::I64) => format!("(call $see {call})"),
        Some(ValueType::I32) => format!("(call $see (i64.extend_i32_u {call}))"),
    }
}

/// Whether a row asks for another frame.
fn is_call(row: &HostImport) -> bool {
    matches!(row.function, F::Call | F::CallCode | F::CallDelegate | F::CallStatic | F::CallExport | F::Create)
}

/// Whether a row ends the frame with any arguments.
fn ends(row: &HostImport) -> bool {
    matches!(row.function, F::Finish | F::Revert | F::Abort | F::SelfDestruct)
        || ["proc_exit", "exit", "useGas"].contains(&row.name)
}

/// The statements of a body.
fn body(dice: &mut Dice, rows: &[&HostImport]) -> String {
    let calls: Vec<usize> = (0..rows.len()).filter(|&index| is_call(rows[index])).collect();
    let mut text = String::new();
    for _ in 0..=dice.below(6) {
        let index = match calls.as_slice() {
            [_, ..] if dice.once_in(2) => dice.of(&calls),
            _ => dice.below(rows.len()),
        };
        if ends(rows[index]) && !dice.once_in(6) {
            continue;
        }
        if dice.once_in(12) {
            let pages = dice.of(&[1, 3, 60, 900, 70_000]);
            let _ = write!(text, "(call $see (i64.extend_i32_u (memory.grow (i32.const {pages}))))");
        }
        text += &statement(dice, rows[index], index);
    }
    text
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("\\{byte:02x}"))
}

/// Init code that leaves a short text behind as the code of the new account.
fn init_code() -> Vec<u8> {
    let text = r#"(module (import "ethereum" "finish" (func $finish (param i32 i32))) (import "ethereum" "selfDestruct" (func $end (param i32)))
        (memory (export "memory") 1) (func (export "main") (if (i32.const 0) (then (call $end (i32.const 0)))) (call $finish (i32.const 0) (i32.const 3))))"#;
    wat::parse_str(text).unwrap()
}

/// What every contract has in its memory.
fn data() -> String {
    let mut text = String::new();
    let mut put = |at: u32, bytes: &[u8]| {
        let _ = write!(text, "(data (i32.const {at}) \"{}\")", escaped(bytes));
    };
    for (index, address) in (0..).zip(addresses()) {
        put(ADDRESSES + 32 * index, address.as_slice());
    }
    for (index, amount) in (0..).zip([0_u128, 1, 1_000, u128::MAX]) {
        put(AMOUNTS + 16 * index, &amount.to_le_bytes());
    }
    for (index, name) in (0..).zip(CALLED) {
        put(NAMES + 16 * index, name.as_bytes());
    }
    for (index, name) in (0..).zip(DESCRIBED) {
        put(DESCRIPTORS + 8 * index, name.as_bytes());
    }
    put(
        ARGUMENTS,
        &[&DATA.to_le_bytes()[..], &32_u32.to_le_bytes(), &DATA.to_le_bytes(), &5_u32.to_le_bytes()].concat(),
    );
    put(
        DATA,
        br#"{"BidId":[222,173,190,239,222,173,190,239,222,173,190,239,222,173,190,239],"Key":"k","Value":"AAAA"}"#,
    );
    put(BUFFER, b"\x06\0\0\0\x0a\x01k\x0a\x01v");
    put(
        VECTOR,
        &[&DATA.to_le_bytes()[..], &20_u32.to_le_bytes(), &VECTOR.to_le_bytes(), &12_u32.to_le_bytes()].concat(),
    );
    put(SUBSCRIPTIONS + 16, &1_u64.to_le_bytes());
    put(SUBSCRIPTIONS + 24, &5_000_u64.to_le_bytes());
    put(CODE, &init_code());
    put(REPLY, br#"{"Accepted":"true","result":"................"}"#);
    text
}

/// How a body hands over the trace, at its end.
fn end(abi: Abi, rows: &[&HostImport]) -> String {
    let call = |name: &str, arguments: &str| {
        let index = rows.iter().position(|row| row.name == name).unwrap();
        let call = format!("(call $f{index} {arguments})");
        if rows[index].result().is_some() { format!("(drop {call})") } else { call }
    };
    let kept = format!("(i64.store (i32.const {TRACE}) (global.get $trace))");
    let range = format!("(i32.const {TRACE}) (i32.const 8)");
    match abi {
        Abi::Ewasm => kept + &call("finish", &range),
        Abi::Json => kept + &call("set_result", &range),
        Abi::Wasi => {
            let vector =
                format!("(i32.store (i32.const 0) (i32.const {TRACE})) (i32.store (i32.const 4) (i32.const 8))");
            kept + &vector + &call("fd_write", "(i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)")
        }
        _ => kept,
    }
}

/// The exports of a contract.
fn exports(dice: &mut Dice, abi: Abi, rows: &[&HostImport]) -> String {
    let mut text = String::new();
    let mut export = |dice: &mut Dice, name: &str, ty: &str, result: &str| {
        let body = if name == "free" || dice.once_in(12) { String::new() } else { body(dice, rows) };
        let _ = write!(text, "(func (export \"{name}\") {ty} {body} {} {result})", end(abi, rows));
    };
    let packed = format!("(i64.or (i64.const {}) (i64.const {TRACE}))", 8_u64 << 24);
    let reply = |at: u32| format!("(call $letters (i32.const {at})) (i32.const {REPLY})");
    let dela = reply(REPLY + 29);
    let buffer = format!("(i32.store (i32.const {}) (i32.const 8)) (i32.const {})", TRACE - 4, TRACE);
    match abi {
        Abi::Ewasm => export(dice, "main", "", ""),
        Abi::Packed => {
            export(dice, "main", "(param i64) (result i64)", &packed);
            export(dice, "go", "(param i64) (result i64)", &packed);
        }
        Abi::Wasi => {
            let name = dice.of(&["_start", "main"]);
            for name in [name, "go", "_initialize", "constructor"] {
                export(dice, name, "", "");
            }
        }
        Abi::Json => {
            for name in ["main", "go", "_initialize", "constructor"] {
                export(dice, name, "", "");
            }
            let body = body(dice, rows);
            let _ = write!(text, "(func $start {body}) (start $start)");
        }
        Abi::Metashrew | Abi::MetashrewDocumented => {
            export(dice, "_start", "", "");
            export(dice, "v0", "(result i32)", &buffer);
            export(dice, "v2", "(param i32 i32) (result i32)", &buffer);
            export(dice, "alloc", "(param i32) (result i32)", "(i32.const 0x4000)");
        }
        Abi::Dela => {
            export(dice, "main", "(param i32) (result i32)", &dela);
            export(dice, "go", "(param i32) (result i32)", &dela);
            export(dice, "malloc", "(param i32) (result i32)", "(i32.const 0x4000)");
            export(dice, "free", "(param i32)", "");
        }
        Abi::Linked => {}
    }
    text
}

/// A contract of an ABI.
pub(crate) fn contract(dice: &mut Dice, abi: Abi) -> Vec<u8> {
    let table = ImportTable::of(abi, &Revision::V1);
    let mut rows: Vec<&HostImport> = table.rows().filter(|row| row.function != F::NoFile).collect();
    // Of several types of one name a module takes one: the last or the first.
    if dice.once_in(2) {
        rows.reverse();
    }
    let mut names = BTreeSet::new();
    rows.retain(|row| names.insert((row.module, row.name)));
    let fields = exports(dice, abi, &rows);
    let mut imports = String::new();
    for (index, row) in rows.iter().enumerate().filter(|(index, _)| fields.contains(&format!("$f{index} "))) {
        let letter = |ty: &ValueType| if *ty == ValueType::I32 { "i32 " } else { "i64 " };
        let parameters: String = row.parameters().iter().map(letter).collect();
        let result: String = row.result().iter().map(letter).collect();
        let _ = write!(
            imports,
            "(import {:?} {:?} (func $f{index} (param {parameters}) (result {result})))",
            row.module, row.name
        );
    }
    let text = format!(
        r#"(module {imports} (memory (export "memory") 2) (global $trace (mut i64) (i64.const 0)) {}
        (func $see (param i64) (global.set $trace (i64.xor (i64.rotl (global.get $trace) (i64.const 9)) (local.get 0))))
        (func $letters (param $at i32) (local $n i32) (loop $l
            (i32.store8 (i32.add (local.get $at) (local.get $n)) (i32.add (i32.const 97) (i32.wrap_i64 (i64.and (i64.const 15)
                (i64.shr_u (global.get $trace) (i64.extend_i32_u (i32.shl (local.get $n) (i32.const 2))))))))
            (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 16)))))
        {fields})"#,
        data()
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A transaction to one of the contracts, or one that makes another.
pub(crate) fn kind(dice: &mut Dice) -> TxKind {
    if dice.once_in(6) {
        let abi = dice.of(Abi::CONTRACTS);
        return TxKind::Deploy { abi, code: contract(dice, abi) };
    }
    if dice.once_in(12) {
        return TxKind::Create { init_code: contract(dice, Abi::Ewasm) };
    }
    let to = Address::repeat_byte(FIRST + dice.below(CONTRACTS.into()) as u8);
    let export = if dice.once_in(2) { None } else { Some(dice.of(&CALLED[..5]).into()) };
    TxKind::Call { to, export }
}
