//! Tests of the validation stage: modules in, verdicts out.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod facts;
mod findings;
mod guesses;
mod hostile;
mod limits;
mod rules;

use lockstep_gas::{Abi, Revision};
use lockstep_vm::module::{InvalidCode, InvalidModule, ValidModule, check};

/// The binary of a module in the text format.
fn binary(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}\n{}", wat.chars().take(2_000).collect::<String>()))
}

/// The verdict on `code`, after making sure that every way to ask has the same answer.
fn verdict(code: &[u8], abi: Abi, revision: &Revision) -> Result<ValidModule, Vec<InvalidModule>> {
    let parsed = ValidModule::parse(code.to_vec().into(), abi, revision);
    let checked = check(code, abi, revision);
    assert_eq!(parsed.as_ref().err(), checked.first(), "parse and check differ");
    parsed.map_err(|_| checked)
}

/// Asserts that the module has exactly these violations, each a code and a detail.
#[track_caller]
fn assert_violations(code: &[u8], abi: Abi, revision: &Revision, expect: &[(InvalidCode, &str)]) {
    let found = verdict(code, abi, revision).err().unwrap_or_default();
    let found: Vec<_> = found.iter().map(|invalid| (invalid.code, invalid.detail.as_str())).collect();
    assert_eq!(found, expect);
}

/// LEB128.
fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A module of raw sections: their ids and contents.
fn raw(sections: &[(u8, &[u8])]) -> Vec<u8> {
    let mut code = b"\0asm\x01\0\0\0".to_vec();
    for (id, content) in sections {
        code.push(*id);
        code.extend(leb(u32::try_from(content.len()).unwrap()));
        code.extend_from_slice(content);
    }
    code
}

/// A custom section's content.
fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    [&leb(u32::try_from(name.len()).unwrap())[..], name.as_bytes(), content].concat()
}
