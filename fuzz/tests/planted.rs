//! Faults planted on purpose: each is what a real fault of its kind would do at a seam of the machine, and each must be
//! found by the inputs of the smoke run. A fuzzer that cannot find these would not find others.

#[path = "planted/engine.rs"]
mod engine;

use engine::{Faulty, LostLogs, StaticForgotten, WrongRounding};
use lockstep_fuzz::{
    calls, codec, codec::Codec, differential, gas_points, host_abi, journal, key_value_flush, precompiles, runner,
    store, validate,
};
use lockstep_gas::{Gas, GasMeter, Limits, Native, Operator, Revision};
use lockstep_host::{
    Begin, HaltReason, HostCall, HostImport, HostResult, ImportTable,
    packed::{Argument, BufIn},
};
use lockstep_vm::{
    Abi, Bytes, StateView, Vm,
    engine::{Checkpoint, Engine, Journal, wasmi::Wasmi},
};
use std::{panic, sync::Arc};

/// Runs every planted fault until it is found.
#[test]
fn every_planted_fault_is_found() {
    let mut unfound = Vec::new();
    for (fault, property) in faults() {
        // The panics are what is looked for.
        let loud = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let cases = if fault.starts_with("validation") { runner::VALIDATE_CASES } else { runner::SMOKE_CASES };
        let found = runner::first_finding(cases, property);
        panic::set_hook(loud);
        match found {
            Some((case, text)) => {
                let text: String = text.lines().next().unwrap_or_default().chars().take(100).collect();
                println!("{fault}: found by input {case}: {text}");
            }
            None => unfound.push(fault),
        }
    }
    assert!(unfound.is_empty(), "not found: {unfound:?}");
}

type Property = Box<dyn Fn(&[u8])>;

fn faults() -> Vec<(&'static str, Property)> {
    vec![
        ("precompiles: a power without the zeros before it", Box::new(|bytes| precompiles::against(bytes, stripped))),
        ("precompiles: a point of another curve", Box::new(|bytes| precompiles::against(bytes, of_any_curve))),
        ("validation: one local more than allowed", Box::new(|bytes| one_more(bytes, |limits| &mut limits.locals_max))),
        (
            "validation: one import more than allowed",
            Box::new(|bytes| one_more(bytes, |limits| &mut limits.imports_max)),
        ),
        (
            "validation: one local more for each byte",
            Box::new(|bytes| one_more(bytes, |limits| &mut limits.locals_per_byte_max)),
        ),
        (
            "validation: one byte less for each value handed over",
            Box::new(|bytes| one_less(bytes, |limits| &mut limits.bytes_per_moved_value_min)),
        ),
        (
            "validation: one byte less for each function",
            Box::new(|bytes| one_less(bytes, |limits| &mut limits.bytes_per_function_min)),
        ),
        ("validation: a forbidden operator is let through", Box::new(forbidden_allowed)),
        ("journal: a revert forgets logs", Box::new(journal::against::<KeepsLogs>)),
        ("journal: a revert forgets storage", Box::new(journal::against::<KeepsStorage>)),
        ("codec: the low half of a packed value is extended with its sign", Box::new(sign_extended)),
        ("codec: an i32 argument loses its sign", Box::new(sign_lost)),
        ("codec: bytes behind a receipt are not looked at", Box::new(trailing_bytes)),
        ("engine: a NaN is not canonical", Box::new(not_canonical)),
        ("engine: one operator is not charged", Box::new(|bytes| at_price(bytes, Operator::LocalTee, 0))),
        ("engine: one operator costs another's price", Box::new(|bytes| at_price(bytes, Operator::If, 7))),
        ("engine: gas is overdrawn by one", Box::new(overdrawn)),
        ("engine: what is left is not enough although it is", Box::new(underdrawn)),
        ("host: a pointer one byte too far is let through", Box::new(|bytes| host(bytes, off_by_one))),
        ("host: a static frame can write", Box::new(|bytes| host(bytes, static_ignored))),
        ("host: a charge is skipped", Box::new(|bytes| host(bytes, for_free))),
        (
            "host: a program writes in a static frame",
            Box::new(|bytes| program(bytes, "storage_set", wasi_static_ignored)),
        ),
        ("host: random bytes go one too far", Box::new(|bytes| program(bytes, "random_get", random_too_far))),
        ("calls: the stipend is one gas short", Box::new(wrong_stipend)),
        ("calls: the 64th is rounded the other way", Box::new(on::<WrongRounding>)),
        ("calls: the static flag is not inherited", Box::new(on::<StaticForgotten>)),
        ("calls: logs of a reverted frame stay", Box::new(on::<LostLogs>)),
        ("messages: groups are refused", Box::new(|bytes| key_value_flush::against(bytes, without_groups))),
        ("messages: lengths of ten bytes are read", Box::new(|bytes| key_value_flush::against(bytes, long_numbers))),
        ("messages: the list of a group is the list", Box::new(|bytes| key_value_flush::against(bytes, list_in_group))),
        ("store: a proof of an account is believed for its storage", Box::new(storage_believed)),
    ]
}

fn one_more(bytes: &[u8], limit: fn(&mut Limits) -> &mut u32) {
    with_limit(bytes, limit, |limit| limit.saturating_add(1));
}

fn one_less(bytes: &[u8], limit: fn(&mut Limits) -> &mut u32) {
    with_limit(bytes, limit, |limit| limit.saturating_sub(1));
}

fn with_limit(bytes: &[u8], limit: fn(&mut Limits) -> &mut u32, wrong: fn(u32) -> u32) {
    let _ = validate::against(bytes, |revision| {
        let mut faulty = revision.clone();
        let limit = limit(&mut faulty.limits.contract);
        *limit = wrong(*limit);
        faulty
    });
}

fn storage_believed(bytes: &[u8]) {
    store::against(bytes, |proof, root, address, _| {
        proof.account.verify(root, address).ok()?;
        Some(proof.value.clone())
    });
}

fn forbidden_allowed(bytes: &[u8]) {
    let _ = validate::against(bytes, |revision| {
        let mut faulty = revision.clone();
        faulty.schedule.set_operator(Operator::TableGrow, Some(1));
        faulty
    });
}

struct KeepsLogs(Journal);

impl journal::Ledger for KeepsLogs {
    fn over(view: StateView) -> Self {
        Self(Journal::new(view))
    }

    fn journal(&mut self) -> &mut Journal {
        &mut self.0
    }

    fn back_to(&mut self, checkpoint: Checkpoint) {
        let logs = self.0.logs().0.to_vec();
        self.0.revert(checkpoint);
        let kept = self.0.logs().0.len();
        logs.into_iter().skip(kept).for_each(|log| self.0.add_log(log));
    }
}

struct KeepsStorage(Journal);

impl journal::Ledger for KeepsStorage {
    fn over(view: StateView) -> Self {
        Self(Journal::new(view))
    }

    fn journal(&mut self) -> &mut Journal {
        &mut self.0
    }

    fn back_to(&mut self, checkpoint: Checkpoint) {
        let written: Vec<(_, Vec<u8>, Option<Bytes>)> = self
            .0
            .keys_read()
            .storage
            .into_iter()
            .flat_map(|(address, keys)| keys.into_iter().map(move |key| (address, key)))
            .map(|(address, key)| {
                let value = self.0.storage(&address, &key).unwrap();
                (address, key, value)
            })
            .collect();
        self.0.revert(checkpoint);
        for (address, key, value) in written {
            self.0.set_storage(&address, &key, value).unwrap();
        }
    }
}

fn sign_extended(bytes: &[u8]) {
    let buffer = |value: i64, order| {
        let [a, b, c, d, ..] = value.to_le_bytes();
        let low = i32::from_le_bytes([a, b, c, d]);
        BufIn::unpack((value & (-1 << 32)).wrapping_add(i64::from(low)), order)
    };
    codec::against(bytes, &Codec { buffer, ..Codec::MACHINE });
}

fn sign_lost(bytes: &[u8]) {
    let codec = Codec {
        arguments: |layout, bytes| {
            let arguments = layout.read(bytes).ok()?;
            let lose = |argument| match argument {
                Argument::I32(value) => Argument::I32(value & i32::MAX),
                other => other,
            };
            Some(arguments.into_iter().map(lose).collect())
        },
        ..Codec::MACHINE
    };
    codec::against(bytes, &codec);
}

fn trailing_bytes(bytes: &[u8]) {
    let receipt = |mut bytes: &[u8]| borsh::BorshDeserialize::deserialize(&mut bytes).ok();
    codec::against(bytes, &Codec { receipt, ..Codec::MACHINE });
}

/// A NaN that came out of an operator as some processors leave it: with its sign set.
fn not_canonical(bytes: &[u8]) {
    differential::against(bytes, |case| {
        let mut seen = differential::seen::<Wasmi>(case);
        let canonical: [&[u8]; 2] = [&[0, 0, 0, 0, 0, 0, 0xf8, 0x7f], &[0, 0, 0xc0, 0x7f]];
        for at in 512..seen.memory.len().min(640) {
            if let Some(nan) = canonical.into_iter().find(|nan| seen.memory[at..].starts_with(nan)) {
                seen.memory[at + nan.len() - 1] |= 0x80;
            }
        }
        seen
    });
}

/// The engine with a price list in which one operator has a wrong price.
fn at_price(bytes: &[u8], operator: Operator, price: u8) {
    differential::against(bytes, |case| {
        let mut revision = Revision::clone(&case.revision);
        revision.schedule.set_operator(operator, Some(price));
        let engine = Wasmi::new(Arc::new(revision)).expect("the engine starts");
        differential::Run::on(engine, case).with(case.gas)
    });
}

/// An engine that goes on with one gas more than it has, and does not say so.
fn overdrawn(bytes: &[u8]) {
    gas_points::against(bytes, |case| {
        let run = differential::Run::<Wasmi>::new(case);
        Box::new(move |gas| {
            let seen = run.with(gas.plus(Gas::new(1)));
            differential::Seen { gas_used: seen.gas_used.min(gas), ..seen }
        })
    });
}

/// An engine that wants to have more than a charge.
fn underdrawn(bytes: &[u8]) {
    gas_points::against(bytes, |case| {
        let run = differential::Run::<Wasmi>::new(case);
        Box::new(move |gas| {
            let seen = run.with(gas.less(Gas::new(1)));
            let halted = seen.ended == differential::Ended::Halted(HaltReason::OutOfGas);
            differential::Seen { gas_used: if halted { gas } else { seen.gas_used }, ..seen }
        })
    });
}

fn host(bytes: &[u8], planted: fn(&HostImport) -> Option<Begin<u64>>) {
    let rows: Vec<_> =
        ImportTable::of(Abi::Ewasm, &Revision::V1).rows().filter(|row| row.module == "ethereum").collect();
    host_abi::against(bytes, (&Revision::V1, Abi::Ewasm), &rows, planted);
}

/// The functions of one name for programs, with another body.
fn program(bytes: &[u8], name: &str, planted: Begin<u64>) {
    let rows: Vec<_> = ImportTable::of(Abi::Wasi, &Revision::V1).rows().filter(|row| row.name == name).collect();
    host_abi::against(bytes, (&Revision::V1, Abi::Wasi), &rows, |_| Some(planted));
}

fn wasi_row(module: &str, name: &str) -> &'static HostImport {
    ImportTable::of(Abi::Wasi, &Revision::V1).find(module, name).next().expect("it is in the table")
}

fn wasi_static_ignored(call: &mut HostCall<'_>, arguments: &[u64]) -> HostResult<u64> {
    let is_static = core::mem::take(&mut call.frame.message.is_static);
    let result = wasi_row("lockstep", "storage_set").begin(call, arguments);
    call.frame.message.is_static = is_static;
    result
}

fn random_too_far(call: &mut HostCall<'_>, arguments: &[u64]) -> HostResult<u64> {
    let [pointer, length] = arguments else { panic!("two arguments") };
    wasi_row("wasi_snapshot_preview1", "random_get").begin(call, &[*pointer, (length + 1).min(u64::from(u32::MAX))])
}

/// The row of the function that a planted body replaces.
fn row(name: &str) -> &'static HostImport {
    ImportTable::of(Abi::Ewasm, &Revision::V1).find("ethereum", name).next().expect("it is in the table")
}

/// Functions that write 20 bytes at their only argument.
const WRITES_ADDRESS: [&str; 4] = ["getCaller", "getAddress", "getBlockCoinbase", "getTxOrigin"];

fn off_by_one(row: &HostImport) -> Option<Begin<u64>> {
    fn planted<const N: usize>(call: &mut HostCall<'_>, arguments: &[u64]) -> HostResult<u64> {
        let pointer = u32::try_from(arguments[0]).expect("32 bits");
        let too_far = call.guest.load(pointer, 20).is_err();
        let nearly = pointer.checked_sub(1).is_some_and(|before| call.guest.load(before, 20).is_ok());
        let pointer = if too_far && nearly { pointer - 1 } else { pointer };
        self::row(WRITES_ADDRESS[N]).begin(call, &[u64::from(pointer)])
    }
    match WRITES_ADDRESS.iter().position(|name| *name == row.name) {
        Some(0) => Some(planted::<0>),
        Some(1) => Some(planted::<1>),
        Some(2) => Some(planted::<2>),
        Some(_) => Some(planted::<3>),
        None => None,
    }
}

fn static_ignored(row: &HostImport) -> Option<Begin<u64>> {
    fn planted(call: &mut HostCall<'_>, arguments: &[u64]) -> HostResult<u64> {
        let is_static = core::mem::take(&mut call.frame.message.is_static);
        let result = self::row("log").begin(call, arguments);
        call.frame.message.is_static = is_static;
        result
    }
    (row.name == "log").then_some(planted as Begin<u64>)
}

fn for_free(row: &HostImport) -> Option<Begin<u64>> {
    fn planted(call: &mut HostCall<'_>, arguments: &[u64]) -> HostResult<u64> {
        let before = call.guest.gas_left();
        let result = self::row("storageLoad").begin(call, arguments);
        let after = call.guest.gas_left();
        call.guest.give_back(before.less(after));
        result
    }
    (row.name == "storageLoad").then_some(planted as Begin<u64>)
}

fn wrong_stipend(bytes: &[u8]) {
    let mut revision = Revision::V1;
    revision.schedule.account.call_stipend -= 1;
    let vm = Vm::<Wasmi>::with_engine(revision, 0).expect("the engine starts");
    calls::against(bytes, |scene| scene.on(&vm));
}

fn on<K: engine::Kind>(bytes: &[u8]) {
    let vm = Vm::<Faulty<K>>::with_engine(Revision::V1, 0).expect("the engine starts");
    calls::against(bytes, |scene| scene.on(&vm));
}

/// Leaves out the zeros before a power.
fn stripped(native: &Native, input: &[u8], meter: &mut GasMeter) -> Result<Bytes, HaltReason> {
    let output = lockstep_host::precompiles::answer(native, input, meter)?;
    let zeros = match native {
        Native::ModExp { .. } => output.iter().take_while(|byte| **byte == 0).count(),
        _ => 0,
    };
    Ok(output.slice(zeros..))
}

/// Has an answer for a sum with a point that is none.
fn of_any_curve(native: &Native, input: &[u8], meter: &mut GasMeter) -> Result<Bytes, HaltReason> {
    match lockstep_host::precompiles::answer(native, input, meter) {
        Err(HaltReason::InvalidPrecompileInput) if matches!(native, Native::Bn254Add { .. }) => {
            Ok(Bytes::from_static(&[0; 64]))
        }
        answer => answer,
    }
}

/// A reader of messages as one would write it first: numbers of up to ten bytes everywhere, and no groups.
fn without_groups(message: &[u8]) -> Option<Vec<Vec<u8>>> {
    naive(message, 10, false)
}

/// The same with groups, which it takes for nothing.
fn long_numbers(message: &[u8]) -> Option<Vec<Vec<u8>>> {
    naive(message, 10, true)
}

/// The same with numbers of 32 bits, still with the list, in any place.
fn list_in_group(message: &[u8]) -> Option<Vec<Vec<u8>>> {
    naive(message, 5, true)
}

fn naive(mut rest: &[u8], bytes: usize, groups: bool) -> Option<Vec<Vec<u8>>> {
    let mut items = Vec::new();
    let mut depth = 0_u32;
    while !rest.is_empty() {
        let tag = varint(&mut rest, bytes)?;
        let length = match tag & 7 {
            0 => varint(&mut rest, 10).map(|_| 0)?,
            1 => 8,
            2 => varint(&mut rest, bytes)?,
            3 if groups => {
                depth += 1;
                0
            }
            4 if groups => {
                depth = depth.checked_sub(1)?;
                0
            }
            5 => 4,
            _ => return None,
        };
        let (item, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        rest = behind;
        if tag == 0x0a {
            items.push(item.to_vec());
        }
    }
    (depth == 0).then_some(items)
}

fn varint(rest: &mut &[u8], bytes: usize) -> Option<u64> {
    let length = rest.iter().take(bytes).position(|byte| byte & 0x80 == 0)? + 1;
    let (number, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(number.iter().rev().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f)))
}
