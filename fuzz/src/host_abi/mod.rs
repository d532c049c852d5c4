//! One host function with arbitrary arguments, memory, gas and static flag: one target for each table of imports.
//!
//! Asserts that nothing faults, that gas only goes down, that a range out of bounds halts and that nothing else halts for
//! that reason, that memory changes only where a result belongs, that a static frame changes nothing; that the body
//! called directly, on both engines, and once more, does the same; and that a transaction of it, with the frames below
//! it, is the same on both engines.

mod bounds;
mod probe;
mod ranges;
mod whole;

use crate::input::Input;
use bounds::Bounds;
use lockstep_gas::{Abi, Revision};
use lockstep_host::{Begin, HaltReason, HostCall, HostImport, ImportTable, Stop};
use lockstep_reference::Reference;
use lockstep_vm::engine::wasmi::Wasmi;
use probe::{Happened, Probe};

/// The wanted rows that contracts of ewasm have under a revision.
fn rows(revision: &Revision, wanted: impl Fn(&HostImport) -> bool) -> Vec<&'static HostImport> {
    ImportTable::of(Abi::Ewasm, revision).rows().filter(|row| wanted(row)).collect()
}

/// The rows of `modules` that contracts of `abi` have under `V1`.
fn rows_of(abi: Abi, modules: &[&str]) -> Vec<&'static HostImport> {
    ImportTable::of(abi, &Revision::V1).rows().filter(|row| modules.contains(&row.module)).collect()
}

fn is_ethereum(row: &HostImport) -> bool {
    row.module == "ethereum" && row.name != "callExport"
}

/// The 33 functions of module `ethereum` under `V1`.
///
/// # Panics
///
/// See the module.
pub fn host_ethereum(bytes: &[u8]) {
    against(bytes, (&Revision::V1, Abi::Ewasm), &rows(&Revision::V1, is_ethereum), |_| None);
}

/// The same 33 under `EWASM_BYZANTIUM`.
///
/// # Panics
///
/// See the module.
pub fn host_byzantium(bytes: &[u8]) {
    let revision = &Revision::EWASM_BYZANTIUM;
    against(bytes, (revision, Abi::Ewasm), &rows(revision, is_ethereum), |_| None);
}

/// `callExport`.
///
/// # Panics
///
/// See the module.
pub fn host_packed(bytes: &[u8]) {
    let rows = rows(&Revision::V1, |row| row.name == "callExport");
    against(bytes, (&Revision::V1, Abi::Ewasm), &rows, |_| None);
}

/// The functions of module `crypto`.
///
/// # Panics
///
/// See the module.
pub fn host_crypto(bytes: &[u8]) {
    let rows = rows(&Revision::V1, |row| row.module == "crypto");
    against(bytes, (&Revision::V1, Abi::Ewasm), &rows, |_| None);
}

/// The functions of modules `wasi_snapshot_preview1`, `lockstep` and `suavexec`.
///
/// # Panics
///
/// See the module.
pub fn host_wasi(bytes: &[u8]) {
    let rows = rows_of(Abi::Wasi, &["wasi_snapshot_preview1", "lockstep", "suavexec"]);
    against(bytes, (&Revision::V1, Abi::Wasi), &rows, |_| None);
}

/// The functions of module `env` of ABI `json`.
///
/// # Panics
///
/// See the module.
pub fn host_json(bytes: &[u8]) {
    against(bytes, (&Revision::V1, Abi::Json), &rows_of(Abi::Json, &["env"]), |_| None);
}

/// The functions of module `env` of ABI `dela`.
///
/// # Panics
///
/// See the module.
pub fn host_dela(bytes: &[u8]) {
    against(bytes, (&Revision::V1, Abi::Dela), &rows_of(Abi::Dela, &["env"]), |_| None);
}

/// The first half of each row of `rows`: its own, or what `planted` puts in its place.
///
/// # Panics
///
/// See the module.
pub fn against(
    bytes: &[u8],
    (revision, abi): (&Revision, Abi),
    rows: &[&'static HostImport],
    planted: impl Fn(&HostImport) -> Option<Begin<u64>>,
) {
    let mut input = Input::new(bytes);
    let row = input.choose(rows);
    let probe = Probe::new(&mut input, revision, (abi, row));
    let begin = |call: &mut HostCall<'_>, arguments: &[u64]| match planted(row) {
        Some(planted) => planted(call, arguments),
        None => row.begin(call, arguments),
    };
    let direct = probe.direct(begin);
    hold(&probe, &direct);
    assert_eq!(probe.direct(begin), direct, "once more: {probe}");
    let direct = direct.seen_by(&probe);
    assert_eq!(probe.on_engine::<Wasmi>().seen_by(&probe), direct, "on the engine: {probe}");
    assert_eq!(probe.on_engine::<Reference>().seen_by(&probe), direct, "on the reference: {probe}");
    // Where contracts of the ABI are called by `main` alone.
    if row.module == "ethereum" {
        whole::compare(&probe);
    }
}

/// What is true of every call.
fn hold(probe: &Probe, happened: &Happened) {
    let bounds = Bounds::of(probe);
    match &happened.result {
        Err(Stop::Fault(fault)) => panic!("{fault}: {probe}"),
        Err(Stop::Halt(HaltReason::HostAccessOutOfBounds)) => {
            assert!(bounds.may_be_broken(probe), "in bounds all the same: {probe}");
        }
        Err(Stop::Halt(_)) => {}
        other => assert!(!bounds.are_broken(probe), "out of bounds, and {other:?}: {probe}"),
    }
    assert!(happened.gas_left <= probe.gas, "gas was made: {probe}");
    if happened.result == Err(Stop::Halt(HaltReason::OutOfGas)) {
        assert!(happened.memory == probe.memory, "memory was written before it was paid for: {probe}");
    }
    if probe.is_static {
        assert!(happened.changes_nothing(), "a static frame changed the state: {probe}");
    }
    bounds.hold_writes(probe, &happened.memory);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::smoke;

    #[test]
    fn smoke_ethereum() {
        smoke("host_ethereum", host_ethereum);
    }

    #[test]
    fn smoke_byzantium() {
        smoke("host_byzantium", host_byzantium);
    }

    #[test]
    fn smoke_packed() {
        smoke("host_packed", host_packed);
    }

    #[test]
    fn smoke_wasi() {
        smoke("host_wasi", host_wasi);
    }

    #[test]
    fn smoke_json() {
        smoke("host_json", host_json);
    }

    #[test]
    fn smoke_dela() {
        smoke("host_dela", host_dela);
    }

    #[test]
    fn smoke_crypto() {
        smoke("host_crypto", host_crypto);
    }
}
