//! One line for each host function: good arguments, what each parameter is, and the price under `EWASM_BYZANTIUM`.
//!
//! Written from `docs/host-abi.md` and the ewasm interface, not from the code that is tested.

use crate::{
    kit::{Case, V1},
    text::{A, data, place, rows},
};
use lockstep_gas::Abi;
use lockstep_host::{Address, ValueType};

/// What a parameter is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum P {
    /// A number that is no pointer.
    Number,
    /// The length of the range that an earlier parameter begins.
    Length,
    /// A pointer to so many bytes, always read.
    Reads(u32),
    /// A pointer to so many bytes, written with the good arguments.
    Writes(u32),
    /// The start of a range with its length in another parameter, looked at even where that is 0. Bytes above the
    /// second number that lie in memory break a limit of `V1`.
    Range { length: usize, bytes_max: u32 },
    /// As a range, but not looked at where the length is 0; the limit comes before the bounds.
    Input { length: usize, bytes_max: u32 },
    /// An offset into something that is not memory.
    Offset { length: usize, source: Source },
    /// A pointer that is not looked at with the good arguments.
    Unused,
}

/// What an offset counts in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// The transaction's input.
    Input,
    /// The running code.
    Code,
    /// The code of [`A`].
    OtherCode,
    /// Return data, of which there is none.
    Returned,
}

/// A host function.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    /// Arguments with which a call succeeds.
    pub(crate) good: &'static [u32],
    pub(crate) parameters: &'static [P],
    /// Base of the good call, for each word, for each byte; `None` where Byzantium has no such function.
    pub(crate) byzantium: Option<[u64; 3]>,
    /// Whether the base is another with other arguments.
    pub(crate) base_varies: bool,
}

const fn line(name: &'static str, good: &'static [u32], parameters: &'static [P], byzantium: Option<[u64; 3]>) -> Line {
    Line { name, good, parameters, byzantium, base_varies: false }
}

const fn varying(line: Line) -> Line {
    Line { base_varies: true, ..line }
}

const fn flat(base: u64) -> Option<[u64; 3]> {
    Some([base, 0, 0])
}

/// Where things lie: an account, one that is absent, an amount of zero, key, value, room.
const AT_A: u32 = 0x100;
const AT_ABSENT: u32 = 0x140;
const AT_SENDER: u32 = 0x180;
const AT_ZERO: u32 = 0x1A0;
const AT_KEY: u32 = 0x200;
const AT_VALUE: u32 = 0x220;
const AT_INIT_CODE: u32 = 0x300;
const AT_HASH: u32 = 0x600;
const AT_SIGNATURE: u32 = 0x620;
const AT_NAME: u32 = 0x700;
const AT_DESCRIPTOR: u32 = 0x710;
const ROOM: u32 = 0x4000;
const RESULT: u32 = 0x5000;

/// Where the contract puts the arguments that it gets as input.
const ARGUMENTS: u32 = 0x2000;

/// Bytes of the smallest init code.
const INIT_CODE_BYTES: u32 = 48;

const NO_LIMIT: u32 = u32::MAX;

const fn range(length: usize) -> P {
    P::Range { length, bytes_max: NO_LIMIT }
}

const fn offset(length: usize, source: Source) -> P {
    P::Offset { length, source }
}

const CALL_INPUT: u32 = 131_072;

#[rustfmt::skip]
pub(crate) const LINES: &[Line] = &[
    line("useGas", &[5], &[P::Number], flat(5)),
    line("getGasLeft", &[], &[], flat(2)),
    line("getAddress", &[RESULT], &[P::Writes(20)], flat(2)),
    line("getExternalBalance", &[AT_A, RESULT], &[P::Reads(20), P::Writes(16)], flat(400)),
    line("getBlockHash", &[299, RESULT], &[P::Number, P::Writes(32)], flat(800)),
    line("call", &[0, AT_ABSENT, AT_ZERO, ROOM, 8],
        &[P::Number, P::Reads(20), P::Reads(16), P::Input { length: 4, bytes_max: CALL_INPUT }, P::Length], flat(700)),
    line("callCode", &[0, AT_ABSENT, AT_ZERO, ROOM, 8],
        &[P::Number, P::Reads(20), P::Reads(16), P::Input { length: 4, bytes_max: CALL_INPUT }, P::Length], flat(700)),
    line("callDelegate", &[0, AT_ABSENT, ROOM, 8],
        &[P::Number, P::Reads(20), P::Input { length: 3, bytes_max: CALL_INPUT }, P::Length], flat(700)),
    line("callStatic", &[0, AT_ABSENT, ROOM, 8],
        &[P::Number, P::Reads(20), P::Input { length: 3, bytes_max: CALL_INPUT }, P::Length], flat(700)),
    line("callDataCopy", &[RESULT, 0, 24], &[range(2), offset(2, Source::Input), P::Length], Some([3, 3, 0])),
    line("getCallDataSize", &[], &[], flat(2)),
    varying(line("storageStore", &[AT_KEY, AT_VALUE], &[P::Reads(32), P::Reads(32)], flat(20_000))),
    line("storageLoad", &[AT_KEY, RESULT], &[P::Reads(32), P::Writes(32)], flat(200)),
    line("getCaller", &[RESULT], &[P::Writes(20)], flat(2)),
    line("getCallValue", &[RESULT], &[P::Writes(16)], flat(2)),
    line("codeCopy", &[RESULT, 0, 33], &[range(2), offset(2, Source::Code), P::Length], Some([3, 3, 0])),
    line("getCodeSize", &[], &[], flat(2)),
    line("getBlockCoinbase", &[RESULT], &[P::Writes(20)], flat(2)),
    varying(line("create", &[AT_ZERO, AT_INIT_CODE, INIT_CODE_BYTES, RESULT],
        &[P::Reads(16), P::Input { length: 2, bytes_max: 1_048_576 }, P::Length, P::Writes(20)], flat(32_000))),
    line("getBlockDifficulty", &[RESULT], &[P::Writes(32)], flat(2)),
    line("externalCodeCopy", &[AT_A, RESULT, 0, 0],
        &[P::Reads(20), range(3), offset(3, Source::OtherCode), P::Length], Some([700, 3, 0])),
    line("getExternalCodeSize", &[AT_A], &[P::Reads(20)], flat(700)),
    line("getBlockGasLimit", &[], &[], flat(2)),
    line("getTxGasPrice", &[RESULT], &[P::Writes(16)], flat(2)),
    line("log", &[ROOM, 3, 2, AT_KEY, AT_VALUE, u32::MAX, u32::MAX],
        &[P::Range { length: 1, bytes_max: 16_384 }, P::Length, P::Number, P::Reads(32), P::Reads(32), P::Unused, P::Unused],
        Some([375 + 2 * 375, 0, 8])),
    line("getBlockNumber", &[], &[], flat(2)),
    line("getBlockTimestamp", &[], &[], flat(2)),
    line("getTxOrigin", &[RESULT], &[P::Writes(20)], flat(2)),
    line("finish", &[ROOM, 4], &[P::Range { length: 1, bytes_max: 131_072 }, P::Length], flat(0)),
    line("revert", &[ROOM, 4], &[P::Range { length: 1, bytes_max: 16_384 }, P::Length], flat(0)),
    line("getReturnDataSize", &[], &[], flat(2)),
    line("returnDataCopy", &[RESULT, 0, 0], &[range(2), offset(2, Source::Returned), P::Length], Some([3, 3, 0])),
    varying(line("selfDestruct", &[AT_SENDER], &[P::Reads(20)], flat(5_000))),
    line("callExport", &[0, AT_ABSENT, AT_ZERO, AT_NAME, 1, AT_DESCRIPTOR, 1, ROOM, 0],
        &[P::Number, P::Reads(20), P::Reads(16), range(4), P::Length, range(6), P::Length, range(8), P::Length], None),
    line("sha256", &[ROOM, 8, RESULT], &[range(1), P::Length, P::Writes(32)], None),
    line("sha3_256", &[ROOM, 8, RESULT], &[range(1), P::Length, P::Writes(32)], None),
    line("keccak256", &[ROOM, 8, RESULT], &[range(1), P::Length, P::Writes(32)], None),
    line("blake2b_256", &[ROOM, 8, RESULT], &[range(1), P::Length, P::Writes(32)], None),
    line("ripemd160", &[ROOM, 8, RESULT], &[range(1), P::Length, P::Writes(20)], None),
    line("secp256k1_recover", &[AT_HASH, AT_SIGNATURE, RESULT], &[P::Reads(32), P::Reads(65), P::Writes(64)], None),
    line("ed25519_verify", &[ROOM, 8, AT_SIGNATURE, AT_KEY], &[range(1), P::Length, P::Reads(64), P::Reads(32)], None),
];

/// The price of the good call under Byzantium.
pub(crate) fn byzantium_price(line: &Line, arguments: &[u32]) -> Option<u64> {
    let length = line.parameters.iter().zip(arguments).find(|(parameter, _)| matches!(parameter, P::Length));
    let bytes = length.map_or(0, |(_, length)| u64::from(*length));
    line.byzantium.map(|[base, word, byte]| base + word * bytes.div_ceil(32) + byte * bytes)
}

/// go-ethereum, crypto/signature_test.go: a hash and a signature that has a key.
const HASH: [u8; 32] = alloy_primitives::hex!("ce0677bb30baa8cf067c88db9811f4333d131bf8bcf12fe7065d211dce971008");
const SIGNATURE: [u8; 65] = alloy_primitives::hex!(
    "90f27b8b488db00b00606796d2987f6a5f59ae62ea05effe84fef5b8b0e54998"
    "4a691139ad57a3f0b906637673aa2f63d1f55cb1a69199d4009eea23ceaddc93"
    "01"
);

/// Init code that leaves nothing behind.
fn init_code() -> Vec<u8> {
    wat::parse_str("(module (memory (export \"memory\") 1) (func (export \"main\")))").unwrap()
}

/// What lies in the memory of a contract that calls a line's function.
fn fields() -> String {
    [
        data(AT_INIT_CODE, &init_code()),
        data(AT_HASH, &HASH),
        data(AT_SIGNATURE, &SIGNATURE),
        data(AT_NAME, b"f"),
        data(AT_DESCRIPTOR, b"v"),
    ]
    .concat()
}

/// The call with arguments in the text, its result dropped.
fn call_with(line: &Line, argument: impl Fn(usize, ValueType) -> String) -> String {
    let row = rows().into_iter().find(|row| row.name == line.name).unwrap();
    let types = row.parameters().iter().enumerate();
    let arguments: String = types.map(|(index, value_type)| argument(index, *value_type)).collect();
    let call = format!("(call ${} {arguments})", line.name);
    if row.result().is_some() { format!("(drop {call})") } else { call }
}

/// A contract that makes the good call and nothing else.
pub(crate) fn good_call(line: &Line) -> Case {
    let argument = |index: usize, value_type| match value_type {
        ValueType::I32 => format!(" (i32.const {})", line.good[index]),
        ValueType::I64 => format!(" (i64.const {})", line.good[index]),
    };
    with_accounts(Case::with_fields(line.name, &call_with(line, argument), &fields()), line)
}

/// A contract that calls with the arguments in its input, 4 bytes each, at the places of [`rows`].
pub(crate) fn variable_call(line: &Line) -> Case {
    let bytes = 4 * line.good.len();
    let argument = |index: usize, value_type| {
        let load = format!("(i32.load #{})", usize::try_from(ARGUMENTS).unwrap() + 4 * index);
        if value_type == ValueType::I32 { load } else { format!("(i64.extend_i32_s {load})") }
    };
    let input = format!("(call $callDataCopy #{ARGUMENTS} #0 #{bytes})");
    let body = input + &call_with(line, argument);
    with_accounts(Case::with_fields(line.name, &body, &fields()), line)
}

fn with_accounts(case: Case, line: &Line) -> Case {
    let case = case.given_contract(A, "(unreachable)").given_balance(A, 7);
    // `callDataCopy` copies an input of 24 bytes: for the good call there are as many zeros.
    if line.name == "callDataCopy" { case.given_input(&[0; 24]) } else { case }
}

/// The size of what an offset counts in.
pub(crate) fn source_bytes(source: Source, case: &Case) -> u64 {
    let code = |address: Address| {
        let id = case.world.accounts[&address].code.unwrap();
        u64::try_from(case.world.code[&id.hash].len()).unwrap()
    };
    match source {
        Source::Input => u64::try_from(case.tx.input.len()).unwrap(),
        Source::Code => code(crate::text::CONTRACT),
        Source::OtherCode => code(A),
        Source::Returned => 0,
    }
}

#[test]
fn every_row_has_a_line() {
    let names = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names
    };
    let table = names(rows().iter().map(|row| row.name).collect());
    assert_eq!(
        names(LINES.iter().map(|line| line.name).collect()),
        table,
        "a function without a line, or the other way"
    );
    for line in LINES {
        let row = rows().into_iter().find(|row| row.name == line.name).unwrap();
        assert_eq!(
            (line.good.len(), line.parameters.len()),
            (row.parameters().len(), row.parameters().len()),
            "{}",
            line.name
        );
        for (index, (parameter, value_type)) in line.parameters.iter().zip(row.parameters()).enumerate() {
            let is_number = matches!(parameter, P::Number);
            assert!(is_number || *value_type == ValueType::I32, "{}: parameter {index}", line.name);
            if let P::Range { length, .. } | P::Input { length, .. } | P::Offset { length, .. } = parameter {
                assert!(matches!(line.parameters[*length], P::Length), "{}: parameter {index}", line.name);
            }
        }
        assert_eq!(line.byzantium.is_some(), row.module == "ethereum" && row.name != "callExport", "{}", line.name);
    }
    assert_eq!(u32::try_from(init_code().len()), Ok(INIT_CODE_BYTES));
    assert!(V1.check_code(lockstep_vm::CodeId::of(&init_code(), Abi::Ewasm), &init_code().into()).is_ok());
    let places = ["A", "ABSENT", "SENDER", "ZERO", "KEY", "VALUE"].map(place);
    assert_eq!(places, [AT_A, AT_ABSENT, AT_SENDER, AT_ZERO, AT_KEY, AT_VALUE]);
}
