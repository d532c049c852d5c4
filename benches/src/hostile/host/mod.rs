//! Host functions at their worst arguments: nothing to do, as much as there can be, and failures after work was done.
//!
//! The compiler demands an arm for each host function, and for each function that answers calls of a precompiled contract.

mod accounts;
mod calls;
mod crypto;
mod export;
mod indexers;
mod languages;
mod precompiles;
mod wasi;

use super::{Recipe, program::Subject, shape::Shape};
use lockstep_gas::{HostFunction, Revision};

/// Bytes of the largest input of a frame, and of the largest output.
const INPUT_BYTES_MAX: u32 = 131_072;

/// The pattern of what is looked up in a database.
const IN_THE_STORE: &str = "state in a store";

/// The host functions that the measured revision offers.
fn offered() -> impl Iterator<Item = HostFunction> {
    let offered = Revision::V1.schedule.offered();
    HostFunction::ALL.iter().copied().filter(move |&function| offered.contains(function))
}

/// Programs of every host function.
pub(super) fn recipes() -> Vec<Recipe> {
    let all = offered().flat_map(|function| {
        let shapes = shapes(function);
        shapes.into_iter().map(move |shape| shape.of(Subject::HostFunction(function)))
    });
    all.chain(in_the_store())
        .chain(accounts::blocks())
        .chain(accounts::long_values())
        .chain(precompiles::recipes())
        .collect()
}

/// The functions that look something up, on a state that is in a store.
fn in_the_store() -> Vec<Recipe> {
    let of = |function: HostFunction| {
        let looked_up = shapes(function).into_iter().filter(|shape| shape.state > 0);
        looked_up.map(move |shape| {
            let name = format!("{}, {}", function.name(), shape.name);
            Shape { name, state: 0, on_store: true, ..shape }.of(Subject::Pattern(IN_THE_STORE))
        })
    };
    offered().flat_map(of).collect()
}

/// The worst that is known of `function`; for those that end a transaction see [`accounts::blocks`].
#[expect(clippy::too_many_lines, reason = "a line for each function")]
fn shapes(function: HostFunction) -> Vec<Shape> {
    use HostFunction as F;
    match function {
        F::UseGas => vec![called("useGas", "(param i64)", "(i64.const 0)")],
        F::GetGasLeft => vec![called("getGasLeft", "(result i64)", "")],
        F::GetBlockGasLimit => vec![called("getBlockGasLimit", "(result i64)", "")],
        F::GetBlockNumber => vec![called("getBlockNumber", "(result i64)", "")],
        F::GetBlockTimestamp => vec![called("getBlockTimestamp", "(result i64)", "")],
        F::GetCallDataSize => vec![called("getCallDataSize", "(result i32)", "")],
        F::GetCodeSize => vec![called("getCodeSize", "(result i32)", "")],
        F::GetReturnDataSize => vec![called("getReturnDataSize", "(result i32)", "")],
        F::GetAddress => vec![written("getAddress")],
        F::GetCaller => vec![written("getCaller")],
        F::GetCallValue => vec![written("getCallValue")],
        F::GetBlockCoinbase => vec![written("getBlockCoinbase")],
        F::GetBlockDifficulty => vec![written("getBlockDifficulty")],
        F::GetTxGasPrice => vec![written("getTxGasPrice")],
        F::GetTxOrigin => vec![written("getTxOrigin")],
        F::GetExternalBalance => accounts::balances(),
        F::GetBlockHash => accounts::block_hashes(),
        F::StorageStore => accounts::stores(),
        F::StorageLoad => accounts::loads(),
        F::Log => vec![],
        F::CallDataCopy => copies("callDataCopy", INPUT_BYTES_MAX - 4),
        F::CodeCopy => copies("codeCopy", 1 << 19).into_iter().map(|shape| shape.fields(ballast(1 << 19))).collect(),
        F::ReturnDataCopy => {
            copies("returnDataCopy", INPUT_BYTES_MAX).into_iter().map(calls::with_return_data).collect()
        }
        F::ExternalCodeCopy => accounts::code_copies(),
        F::GetExternalCodeSize => accounts::code_sizes(),
        F::Call => calls::of("call", "(i32.const 61000)", true),
        F::CallCode => calls::of("callCode", "(i32.const 61000)", true),
        F::CallDelegate => calls::of("callDelegate", "", false),
        F::CallStatic => calls::of("callStatic", "", false),
        F::Finish => calls::endings("finish", INPUT_BYTES_MAX),
        F::Revert => calls::endings("revert", 16_384),
        F::SelfDestruct => calls::destructions(),
        F::Create => calls::creations(),
        F::CallExport => export::shapes(),
        F::Sha256 => crypto::hashes("sha256", &[0, 1, 55, 56, 64, 65, 1 << 22]),
        F::Sha512 => crypto::hashes("sha512", &[0, 1, 111, 112, 128, 129, 1 << 22]),
        F::Sha3 => crypto::hashes("sha3_256", &[0, 1, 135, 136, 1 << 22]),
        F::Keccak256 => crypto::hashes("keccak256", &[0, 1, 135, 136, 1 << 22]),
        F::Blake2b256 => crypto::hashes("blake2b_256", &[0, 1, 128, 129, 1 << 22]),
        F::Ripemd160 => crypto::hashes("ripemd160", &[0, 1, 55, 56, 64, 65, 1 << 22]),
        F::Secp256k1Recover => crypto::recoveries(),
        F::Ed25519Verify => crypto::verifications(),
        F::StorageRead => languages::reads(),
        F::StorageWrite => languages::writes(),
        F::StorageRemove => languages::removals(),
        F::WasiAnswer => wasi::answers(),
        F::WasiRead => wasi::reads(),
        F::WasiWrite => wasi::writes(),
        F::WasiPoll => wasi::polls(),
        F::WasiRandom => wasi::randoms(),
        F::SuaveRetrieve => wasi::retrieves(),
        F::SuaveJson => wasi::jsons(),
        F::SetResult => languages::ranges("set_result", 4_194_304),
        F::Diagnostic => languages::ranges("log", 4_194_304),
        F::GasTick => languages::ticks(),
        F::Abort => languages::aborts(),
        F::NoFile => vec![languages::dela(
            "called",
            "__sys_stat64",
            "(param i32 i32) (result i32)",
            "(i32.const 0) (i32.const 0)",
        )],
        F::SetTempRet => vec![languages::dela("called", "setTempRet0", "(param i32)", "(i32.const 0)")],
        F::GrowMemory => languages::growths(),
        F::CopyMemory => languages::copies(),
        F::ReadReply => languages::replies(),
        F::KeyValueFlush => indexers::flushes(),
        F::NoteFailure => indexers::failures(),
    }
}

/// Calls of a function of module `ethereum`, its results dropped.
fn called(name: &str, ty: &str, operands: &str) -> Shape {
    called_as("", name, ty, operands)
}

/// The same with more in its name than that of the function.
fn called_as(what: &str, name: &str, ty: &str, operands: &str) -> Shape {
    let call = format!("(call $f {operands})");
    let body = if ty.contains("result") { format!("(drop {call})") } else { call };
    let what = if what.is_empty() { "called" } else { what };
    Shape::new(what, body).import("ethereum", name, &format!("$f {ty}")).copies(16)
}

/// Calls of a function that writes something to a place, which crosses two pages of the host.
fn written(name: &str) -> Shape {
    called(name, "(param i32)", "(i32.const 4094)")
}

/// Copies of nothing, of one byte, of many and of all.
fn copies(name: &str, bytes_max: u32) -> Vec<Shape> {
    let copy = |bytes: u32| {
        let operands = format!("(i32.const 1) (i32.const 0) (i32.const {bytes})");
        let shape = called_as(&format!("{bytes} bytes"), name, "(param i32 i32 i32)", &operands).pages(16);
        let shape = if bytes > 4_096 { shape.copies(1) } else { shape };
        if name == "callDataCopy" { shape.input_bytes(bytes_max as usize) } else { shape }
    };
    [0, 1, 33, 4_096, bytes_max].map(copy).into()
}

/// A data segment of `bytes` bytes that no memory gets, to make code large.
fn ballast(bytes: usize) -> String {
    format!("(data \"{}\")", "x".repeat(bytes))
}
