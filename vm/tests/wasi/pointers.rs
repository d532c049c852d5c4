//! Every pointer and every length of every function that looks at memory, at the edges of memory and of 32 bits: a halt that
//! says so, or success; never a panic, never a fault, and the same on both engines.

use crate::kit::{Chain, SENDER, module};
use lockstep_gas::{Abi, Revision};
use lockstep_host::{Address, HaltReason, HostImport, ImportTable, ValueType};
use lockstep_vm::{Outcome, TxKind};
use std::collections::BTreeSet;

const A: Address = Address::repeat_byte(0xa1);

/// Bytes of the contract's memory.
const SIZE: u32 = 65_536;

/// Values of one parameter.
const EDGES: [u32; 9] = [0, 1, 4, SIZE - 20, SIZE - 1, SIZE, SIZE + 1, u32::MAX - 3, u32::MAX];

/// Functions that answer by their descriptor alone (`host/tests/wasi/table.rs`), and the one that ends the frame.
fn looks_at_memory(row: &HostImport) -> bool {
    let by_descriptor = ["path_", "sock_", "fd_p", "fd_s", "fd_a", "fd_t", "fd_re", "fd_c", "fd_d", "fd_fdstat_set"];
    let is_answer = by_descriptor.iter().any(|start| row.name.starts_with(start)) && row.name != "fd_read";
    let others = ["proc_exit", "proc_raise", "args_get", "environ_get", "environ_sizes_get"];
    !is_answer && !others.contains(&row.name) && row.module != "crypto" && !row.parameters().is_empty()
}

/// A program whose input is the arguments, 8 bytes each. It reads them to the front of its memory.
fn caller(row: &HostImport) -> Vec<u8> {
    let load = |(index, value): (usize, &ValueType)| match value {
        ValueType::I32 => format!("(i32.load (i32.const {}))", 8 * index),
        ValueType::I64 => format!("(i64.load (i32.const {}))", 8 * index),
    };
    let arguments: String = row.parameters().iter().enumerate().map(load).collect();
    let block = if row.result().is_some() { "drop" } else { "block" };
    let fields = format!(
        "(memory (export \"memory\") 1) (func (export \"_start\") (i32.store (i32.const 504) (i32.const 72)) \
         (drop (call $fd_read (i32.const 0) (i32.const 500) (i32.const 1) (i32.const 508))) \
         ({block} (call ${} {arguments})))",
        row.name
    );
    module(Abi::Wasi, &fields)
}

/// Puts one line in the place of the last `transactions`: their number, and a sum over what was noted of them (FNV-1a).
fn fold(lines: &mut Vec<String>, case: &str, transactions: usize) {
    let folded = lines.split_off(lines.len().saturating_sub(transactions));
    let bytes = folded.iter().flat_map(|line| line.bytes());
    let sum =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    lines.push(format!("{case}: {} transactions, {sum:016x}", folded.len()));
}

#[test]
fn every_edge() {
    let mut chain = Chain::new("wasi_pointers.txt");
    chain.gas_limit = 1_000_000_000_000;
    let table = ImportTable::of(Abi::Wasi, &Revision::V1);
    let mut names = BTreeSet::new();
    let mut combinations = 0;
    // Of several types of one name the kit imports the first.
    for row in table.rows().filter(|row| looks_at_memory(row) && names.insert(row.name)) {
        chain.put(A, Abi::Wasi, &caller(row));
        let before = combinations;
        // All parameters alike but one, which goes through the edges: so that a length meets every start.
        for others in [0, 16, SIZE - 4] {
            for index in 0..row.parameters().len() {
                for edge in EDGES {
                    let mut words = vec![u64::from(others); row.parameters().len()];
                    words[index] = u64::from(edge);
                    let mut input: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
                    input.resize(72, 0);
                    let case = format!("{} {words:x?}", row.name);
                    let receipt = chain.commit(&case, SENDER, TxKind::Call { to: A, export: None }, &input);
                    combinations += 1;
                    let allowed = match receipt.outcome {
                        Outcome::Return => true,
                        Outcome::Revert { .. } => false,
                        Outcome::Halt { reason } => matches!(
                            reason,
                            HaltReason::HostAccessOutOfBounds
                                | HaltReason::LimitExceeded
                                | HaltReason::OutOfGas
                                | HaltReason::ArgumentOutOfRange
                        ),
                    };
                    assert!(allowed, "{case}: {}", receipt.outcome);
                }
            }
        }
        fold(&mut chain.lines, row.name, combinations - before);
    }
    assert!(names.len() >= 30 && combinations > 2_000, "{combinations} combinations of {}", names.len());
    chain.settle();
}
