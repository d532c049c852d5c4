//! Every pointer and every length of every host function, at the edges of memory and of 32 bits: a halt that says so, or
//! success; never a panic, never a fault.

use crate::{
    golden,
    kit::{BYZANTIUM, Case, V1},
    lines::{LINES, Line, P, byzantium_price, source_bytes, variable_call},
};
use lockstep_gas::Gas;
use lockstep_host::HaltReason;
use lockstep_vm::{Outcome, Vm};
use std::collections::BTreeSet;

/// Enough for the price of 2^32 - 1 bytes in every function.
const GAS_LIMIT: u64 = 1_000_000_000_000;

/// Bytes of the contract's memory.
const SIZE: u32 = 65_536;

/// Whether `length` bytes at `start` lie in `size` bytes.
fn lies_in(start: u32, length: u32, size: u64) -> bool {
    u64::from(start) + u64::from(length) <= size
}

/// What a call with `arguments` must come to; `limited` where the limits of `V1` hold.
fn expected(line: &Line, arguments: &[u32], case: &Case, limited: bool) -> Option<HaltReason> {
    let oob = Some(HaltReason::HostAccessOutOfBounds);
    let size = u64::from(SIZE);
    for (parameter, &pointer) in line.parameters.iter().zip(arguments) {
        let inside = match *parameter {
            P::Number | P::Length | P::Unused => true,
            P::Reads(bytes) | P::Writes(bytes) => lies_in(pointer, bytes, size),
            P::Range { length, .. } => lies_in(pointer, arguments[length], size),
            P::Input { length, bytes_max } if limited && arguments[length] > bytes_max => {
                return Some(HaltReason::LimitExceeded);
            }
            P::Input { length, .. } => arguments[length] == 0 || lies_in(pointer, arguments[length], size),
            P::Offset { length, source } => lies_in(pointer, arguments[length], source_bytes(source, case)),
        };
        if !inside {
            return oob;
        }
    }
    let above = |parameter: &P| match *parameter {
        P::Range { length, bytes_max } => limited && arguments[length] > bytes_max,
        _ => false,
    };
    line.parameters.iter().any(above).then_some(HaltReason::LimitExceeded)
}

/// The values of one parameter, and of its length if it has one.
fn variations(line: &Line, index: usize, case: &Case) -> Vec<Vec<u32>> {
    let with = |changes: &[(usize, u32)]| {
        let mut arguments = line.good.to_vec();
        changes.iter().for_each(|&(index, value)| arguments[index] = value);
        arguments
    };
    let fixed = |bytes: u32| BTreeSet::from([0, SIZE - bytes, SIZE - bytes + 1, SIZE - 1, SIZE, u32::MAX]);
    let ranged = |length: usize, size: u32| {
        let starts = BTreeSet::from([0, 1, size.saturating_sub(1), size, size + 1, u32::MAX]);
        let lengths = BTreeSet::from([0, 1, size, size.wrapping_neg(), u32::MAX]);
        let pairs = starts.into_iter().flat_map(|start| lengths.clone().into_iter().map(move |bytes| (start, bytes)));
        pairs.map(|(start, bytes)| with(&[(index, start), (length, bytes)])).collect()
    };
    match line.parameters[index] {
        P::Number | P::Length => Vec::new(),
        P::Unused => fixed(32).into_iter().map(|pointer| with(&[(index, pointer)])).collect(),
        P::Reads(bytes) | P::Writes(bytes) => {
            fixed(bytes).into_iter().map(|pointer| with(&[(index, pointer)])).collect()
        }
        P::Range { length, .. } | P::Input { length, .. } => ranged(length, SIZE),
        P::Offset { length, source } => ranged(length, u32::try_from(source_bytes(source, case)).unwrap()),
    }
}

fn input(arguments: &[u32]) -> Vec<u8> {
    arguments.iter().flat_map(|argument| argument.to_le_bytes()).collect()
}

/// Executes one combination; returns the gas of a success.
fn check(vm: &Vm, line: &Line, case: &Case, arguments: &[u32]) -> Option<u64> {
    let receipt = case.execute(vm).receipt;
    let limited = vm.revision().schedule.instructions.is_some();
    let name = format!("{} {arguments:x?} (revision {})", line.name, vm.revision().number);
    let success = if line.name == "revert" { Outcome::Revert { errno: 0 } } else { Outcome::Return };
    let expect = expected(line, arguments, case, limited);
    assert_eq!(receipt.outcome, expect.map_or(success, |reason| Outcome::Halt { reason }), "{name}");
    if expect.is_some() {
        assert_eq!((receipt.gas_used, receipt.output.len()), (Gas::new(GAS_LIMIT), 0), "{name}: a halt takes all");
        return None;
    }
    let gas = receipt.gas_used.get();
    if let (false, Some(price)) = (limited, byzantium_price(line, arguments))
        && (!line.base_varies || arguments == line.good)
    {
        let words = u64::try_from(line.good.len()).unwrap().div_ceil(8);
        let bytes = case.tx.input.iter().fold(0, |gas, byte| gas + if *byte == 0 { 4 } else { 68 });
        let gross = 21_000 + bytes + 3 + 3 * words + price;
        // A refund of 24,000, at most half of the gas.
        let refund = if line.name == "selfDestruct" { gross / 2 } else { 0 };
        assert_eq!(gas, gross - refund, "{name}: gas under EWASM_BYZANTIUM");
    }
    Some(gas)
}

//= spec 5.2.2, 5.2.3, 5.3.13 test
#[test]
fn pointers() {
    let mut lines = Vec::new();
    let mut combinations = 0;
    for line in LINES.iter().filter(|line| !line.good.is_empty()) {
        let case = variable_call(line).given_input(&input(line.good)).given_gas_limit(GAS_LIMIT);
        for index in 0..line.good.len() {
            let mut succeeded = Vec::new();
            for arguments in [line.good.to_vec()].into_iter().chain(variations(line, index, &case)) {
                let case = variable_call(line).given_input(&input(&arguments)).given_gas_limit(GAS_LIMIT);
                combinations += 1;
                if line.byzantium.is_some() {
                    check(&BYZANTIUM, line, &case, &arguments);
                }
                succeeded.extend(check(&V1, line, &case, &arguments).map(|gas| gas.to_string()));
            }
            lines.push(format!("{} {index}: {}", line.name, succeeded.join(" ")));
        }
    }
    assert!(combinations > 1_000, "{combinations} combinations");
    golden::settle("pointers", lines);
}
