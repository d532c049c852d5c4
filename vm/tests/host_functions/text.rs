//! Contracts in the text format, with what every one of them needs written by the kit.
//!
//! Three abbreviations: `#7` is `(i32.const 7)`, `~7` is `(i64.const 7)`, `@NAME` is the offset of one of [`PLACES`], which
//! lie in the memory of every contract. A host function is imported when the text calls it by `$name`.

use lockstep_gas::{Abi, Revision};
use lockstep_host::{Address, HostImport, ImportTable, ValueType};

/// The transaction's sender.
pub(crate) const SENDER: Address = Address::repeat_byte(0x5E);
/// The contract that a transaction calls.
pub(crate) const CONTRACT: Address = Address::repeat_byte(0xC0);
/// Accounts beside it.
pub(crate) const A: Address = Address::repeat_byte(0xAA);
/// See [`A`].
pub(crate) const B: Address = Address::repeat_byte(0xBB);
/// An account that no case puts into the world.
pub(crate) const ABSENT: Address = Address::repeat_byte(0xE0);
/// A storage key: no two bytes alike.
pub(crate) const KEY: [u8; 32] = counted(0x40);
/// A storage value: no two bytes alike.
pub(crate) const VALUE: [u8; 32] = counted(0x80);
/// An amount whose 16 bytes differ.
pub(crate) const AMOUNT: u128 = 0x0F0E_0D0C_0B0A_0908_0706_0504_0302_0100;

/// `first`, `first + 1`, ...
pub(crate) const fn counted<const N: usize>(first: u8) -> [u8; N] {
    let mut bytes = [first; N];
    let mut index = 1;
    while index < N {
        bytes[index] = bytes[index - 1] + 1;
        index += 1;
    }
    bytes
}

/// Name, offset and content of what lies in every contract's memory. `ZERO` is an amount, a key and a value.
const PLACES: &[(&str, u32, &[u8])] = &[
    ("A", 0x100, A.0.as_slice()),
    ("B", 0x120, B.0.as_slice()),
    ("ABSENT", 0x140, ABSENT.0.as_slice()),
    ("SELF", 0x160, CONTRACT.0.as_slice()),
    ("SENDER", 0x180, SENDER.0.as_slice()),
    ("ZERO", 0x1A0, &[]),
    ("ONE", 0x1C0, &[1]),
    ("AMOUNT", 0x1E0, &AMOUNT.to_le_bytes()),
    ("KEY", 0x200, &KEY),
    ("VALUE", 0x220, &VALUE),
];

/// Where a case's own data can begin: everything below is taken.
pub(crate) const FREE: u32 = 0x300;

/// The offset of what is called `@name`.
pub(crate) fn place(name: &str) -> u32 {
    let found = PLACES.iter().find(|(place, ..)| *place == name);
    found.unwrap_or_else(|| panic!("no place {name}")).1
}

/// The binary of a contract whose fields are `fields`.
pub(crate) fn module(fields: &str) -> Vec<u8> {
    let fields = expand(fields);
    let imports: String = rows().into_iter().filter(|row| is_named(&fields, row.name)).map(import).collect();
    let memory = if fields.contains("(memory ") { "" } else { "(memory (export \"memory\") 1)" };
    let is_empty_memory = fields.contains("(memory (export \"memory\") 0)") || fields.contains("(memory $");
    let places: String =
        if is_empty_memory { String::new() } else { PLACES.iter().map(|(_, at, bytes)| data(*at, bytes)).collect() };
    let text = format!("(module {imports}{memory}{fields}{places})");
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{}", text.chars().take(4_000).collect::<String>()))
}

/// The binary of an `ewasm` contract whose `main` is `body`.
pub(crate) fn main_of(body: &str) -> Vec<u8> {
    module(&main_field(body, ""))
}

/// The fields of a contract whose `main` is `body`.
pub(crate) fn main_field(body: &str, fields: &str) -> String {
    format!("(func (export \"main\") {body}) {fields}")
}

/// A data segment; none for no bytes.
pub(crate) fn data(offset: u32, bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    if bytes.is_empty() { String::new() } else { format!("(data (i32.const {offset}) \"{escaped}\")") }
}

/// Every host function that any revision has.
pub(crate) fn rows() -> Vec<&'static HostImport> {
    ImportTable::of(Abi::Ewasm, &Revision::V1).rows().collect()
}

/// The import of a row under its own name.
fn import(row: &HostImport) -> String {
    let name = |value_type: &ValueType| match value_type {
        ValueType::I32 => " i32",
        ValueType::I64 => " i64",
    };
    let parameters: String = row.parameters().iter().map(name).collect();
    let result = row.result().as_ref().map(name).unwrap_or_default();
    format!("(import \"{}\" \"{}\" (func ${} (param{parameters}) (result{result})))", row.module, row.name, row.name)
}

fn is_named(text: &str, name: &str) -> bool {
    let wanted = format!("${name}");
    text.match_indices(&wanted).any(|(at, _)| {
        let next = text[at + wanted.len()..].chars().next();
        !next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '_')
    })
}

/// Writes the abbreviations out; strings stay as they are.
fn expand(text: &str) -> String {
    let mut out = String::new();
    let mut in_string = false;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        in_string ^= next == '"';
        let word_end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).unwrap_or(rest.len());
        let word = &rest[..word_end];
        match next {
            '#' if !in_string => out.push_str(&format!("(i32.const {word})")),
            '~' if !in_string => out.push_str(&format!("(i64.const {word})")),
            '@' if !in_string && !out.ends_with('(') => {
                out.push_str(&format!("(i32.const {})", place(word)));
            }
            _ => {
                out.push(next);
                continue;
            }
        }
        rest = &rest[word_end..];
    }
    out
}

#[test]
fn abbreviations_are_written_out() {
    assert_eq!(
        expand("(call $f #-1 ~0x7 @A) \"#1 @B\""),
        "(call $f (i32.const -1) (i64.const 0x7) (i32.const 256)) \"#1 @B\""
    );
    assert!(is_named("(call $call ", "call") && !is_named("(call $callCode ", "call"));
}
