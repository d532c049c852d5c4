//! `callExport` with names, descriptors and structs as large as they can be, good and bad.

use super::{Shape, called_as};
use crate::{
    hostile::shape::{ZEROS, callee},
    programs::module,
};
use lockstep_vm::Abi;

/// Places of the name, the descriptor and the struct.
const NAME: u32 = 0;
const DESCRIPTOR: u32 = 1_024;
const ARGUMENTS: u32 = 4_096;

/// Parameters that a descriptor can have.
const PARAMETERS: usize = 32;

/// A contract of ABI `packed` with an export of 32 parameters and 97 others with long names.
fn target(parameter: &str) -> Vec<u8> {
    let others: String =
        (0..97).map(|number| format!("(export \"{}{number}\" (func $nothing))", "x".repeat(240))).collect();
    let parameters = format!("{parameter} ").repeat(PARAMETERS);
    let text = format!(
        "(module (memory (export \"memory\") 1) (func $nothing) {others} (func (export \"run\") (param {parameters})))"
    );
    module(&text).unwrap_or_default()
}

pub(super) fn shapes() -> Vec<Shape> {
    let call = |what: &str, name: &[u8], descriptor: &[u8], arguments: &[u8], parameter: &str| {
        let operands = format!(
            "(i64.const 1000000) (i32.const {}) (i32.const {ZEROS}) (i32.const {NAME}) (i32.const {})
             (i32.const {DESCRIPTOR}) (i32.const {}) (i32.const {ARGUMENTS}) (i32.const {})",
            callee(0),
            name.len(),
            descriptor.len(),
            arguments.len()
        );
        let ty = "(param i64 i32 i32 i32 i32 i32 i32 i32 i32) (result i64)";
        called_as(what, "callExport", ty, &operands)
            .data(NAME, name)
            .data(DESCRIPTOR, descriptor)
            .data(ARGUMENTS, arguments)
            .callee(Abi::Packed, target(parameter))
            .pages(3)
            .copies(4)
    };
    let of = |letter: u8| [vec![letter; PARAMETERS], vec![b'v']].concat();
    // Each of the buffers is 4,000 bytes at 8,192, offset in the low half.
    let buffer = (8_192_u64 | (4_000 << 32)).to_le_bytes();
    let byte = (8_192_u64 | (1 << 32)).to_le_bytes();
    let (integers, large, small) = ([7_u8; 8 * PARAMETERS], buffer.repeat(PARAMETERS), byte.repeat(PARAMETERS));
    let wrong = [vec![b'l'; PARAMETERS - 1], vec![b'?', b'v']].concat();
    vec![
        call("32 numbers", b"run", &of(b'l'), &integers, "i64"),
        call("32 buffers of 4,000 bytes", b"run", &of(b'b'), &large, "i64"),
        call("32 buffers of 1 byte", b"run", &of(b'b'), &small, "i64"),
        call("a name of 256 bytes that is none", &[b'x'; 256], &of(b'l'), &integers, "i64"),
        call("a name of 257 bytes", &[b'x'; 257], &of(b'l'), &integers, "i64"),
        call("a descriptor wrong at its end", b"run", &wrong, &integers, "i64"),
        call("a descriptor of 257 bytes", b"run", &[b'l'; 257], &integers, "i64"),
        call("a descriptor that the export does not have", b"run", &of(b'l'), &integers, "i32"),
        call("a struct one byte too long", b"run", &of(b'l'), &[7; 8 * PARAMETERS + 1], "i64"),
    ]
}
