//! Every pointer and every length of every function of the two ABIs, at the edges of memory and of 32 bits: a halt that says
//! so, or success; never a panic, never a fault, and the same on both engines.

use crate::kit::{Chain, SENDER, module};
use lockstep_gas::{Abi, HostFunction, Revision};
use lockstep_host::{Address, HaltReason, HostImport, ImportTable, ValueType};
use lockstep_vm::Outcome;
use std::collections::BTreeSet;

const A: Address = Address::repeat_byte(0xa1);

/// Bytes of the contract's memory.
const SIZE: u32 = 65_536;

/// The rows that belong to the ABI itself; of the system calls, which all look at no pointer, the first two. Of several types
/// of one name the kit imports the first.
fn rows(abi: Abi) -> Vec<&'static HostImport> {
    let table = ImportTable::of(abi, &Revision::V1);
    let mut names = BTreeSet::new();
    let is_taken = |row: &&HostImport| {
        let is_system_call =
            row.function == HostFunction::NoFile && !["__sys_stat64", "__sys_open"].contains(&row.name);
        row.module == "env" && !is_system_call && names.insert(row.name)
    };
    table.rows().filter(is_taken).collect()
}

/// A contract whose export hands the words of its input on to the function.
fn caller(abi: Abi, row: &HostImport) -> Vec<u8> {
    let load = |(index, value): (usize, &ValueType)| match value {
        ValueType::I32 => format!("(i32.load (i32.const {}))", 8 * index),
        _ => format!("(i64.load (i32.const {}))", 8 * index),
    };
    let arguments: String = row.parameters().iter().enumerate().map(load).collect();
    let drop = if row.result().is_some() { "(drop" } else { "(block" };
    let call = format!("{drop} (call ${} {arguments}))", row.name);
    match abi {
        Abi::Json => module(abi, &format!(r#"(func (export "f") (call $args_read (i32.const 0)) {call})"#)),
        _ => module(
            abi,
            &format!(
                r#"(func (export "malloc") (param i32) (result i32) (i32.const 8)) (func (export "free") (param i32))
                (func (export "f") (param i32) (result i32) (memory.copy (i32.const 0) (i32.const 8) (i32.const 64)) {call} (i32.const 1000))
                (data (i32.const 1000) "{{\"Accepted\":\"true\",\"result\":\"\"}}")"#
            ),
        ),
    }
}

/// Values of one parameter.
const EDGES: [u32; 9] = [0, 1, 4, SIZE - 20, SIZE - 1, SIZE, SIZE + 1, u32::MAX - 3, u32::MAX];

fn every_edge(abi: Abi, golden: &'static str) {
    let mut chain = Chain::new(golden);
    chain.gas_limit = 1_000_000_000_000;
    let mut combinations = 0;
    for row in rows(abi).into_iter().filter(|row| !row.parameters().is_empty()) {
        chain.put(A, abi, &caller(abi, row));
        // All parameters alike but one, which goes through the edges: so that a length meets every start.
        for others in [0, 16, SIZE - 4] {
            for index in 0..row.parameters().len() {
                for edge in EDGES {
                    let mut words = vec![u64::from(others); row.parameters().len()];
                    words[index] = u64::from(edge);
                    let mut input: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
                    input.resize(64, 0);
                    let case = format!("{} {words:x?}", row.name);
                    let receipt = chain.call(&case, SENDER, A, "f", &input);
                    combinations += 1;
                    let allowed = match receipt.outcome {
                        Outcome::Return => true,
                        Outcome::Revert { .. } => ["fail", "abort", "exit"].contains(&row.name),
                        Outcome::Halt { reason: HaltReason::Unreachable } => {
                            ["__assert_fail", "abort", "_abort_js"].contains(&row.name)
                        }
                        Outcome::Halt { reason } => matches!(
                            reason,
                            HaltReason::HostAccessOutOfBounds | HaltReason::LimitExceeded | HaltReason::OutOfGas
                        ),
                    };
                    assert!(allowed, "{case}: {}", receipt.outcome);
                }
            }
        }
    }
    assert!(combinations > 200, "{combinations} combinations");
    chain.settle();
}

#[test]
fn every_edge_of_json() {
    every_edge(Abi::Json, "json_pointers.txt");
}

#[test]
fn every_edge_of_dela() {
    every_edge(Abi::Dela, "dela_pointers.txt");
}
