//! The section of generated modules: [`MODULES`] modules of wasm-smith from a seeded stream of bytes, every function of
//! each called on the bare engine under the features of `SPEC` and under those of `V1`, with the limits and prices of each.
//!
//! The stream and everything that is made of it depend on no property of the host; that the modules are the same is part
//! of the digest.

use super::{
    driver::{Driven, GLOBALS, drive},
    stream::Stream,
};
use lockstep_gas::{AbiSet, GasMeter};
use lockstep_host::{AbiState, Entry, Frame, Message, Stop, TransactionEnv};
use lockstep_selftest::{Case, Recording};
use lockstep_vm::{
    Abi, Address, BlockEnv, Bytes, Fault, Gas, MemoryState, Revision, U256, ValidModule,
    engine::{Engine, Exit, FrameState, Instance, Journal, Session},
};
use std::sync::Arc;
use wasm_smith::Config;

/// How many modules there are.
const MODULES: u32 = 2_000;

/// Bytes that a module is made from.
const BYTES: usize = 3_072;

/// Calls of each function.
const CALLS: u32 = 1;

/// Pages that a memory may grow to.
const MEMORY_PAGES_MAX: u64 = 3;

/// Gas of each call: enough to get out of most functions, little enough for a loop without end.
const GAS: Gas = Gas::new(20_000);

/// `V1` for modules that link with nothing and export what they like.
fn production() -> Revision {
    let mut revision = Revision::V1;
    revision.rules.abis = AbiSet::of(&[Abi::Linked]);
    revision
}

/// What modules may be: what `V1` has, small, and every export there is.
fn shape() -> Config {
    Config {
        allow_start_export: false,
        canonicalize_nans: false,
        exceptions_enabled: false,
        export_everything: true,
        gc_enabled: false,
        generate_custom_sections: false,
        max_data_segments: 8,
        max_element_segments: 8,
        max_funcs: 12,
        max_globals: 12,
        max_imports: 0,
        max_instructions: 200,
        max_memory32_bytes: 2 * 65_536,
        max_table_elements: 100,
        memory64_enabled: false,
        min_funcs: 2,
        min_types: 2,
        relaxed_simd_enabled: false,
        shared_everything_threads_enabled: false,
        simd_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

/// The module of a seed.
fn module(seed: u32) -> Result<Vec<u8>, Fault> {
    let bytes = Stream::new(seed).take(BYTES);
    let mut bytes = arbitrary::Unstructured::new(&bytes);
    let module = wasm_smith::Module::new(shape(), &mut bytes);
    Ok(module.map_err(|error| Fault::Broken(format!("seed {seed} gives no module: {error}")))?.to_bytes())
}

/// Runs the modules on the engines that `engine` makes.
pub(super) fn run<E: Engine>(engine: impl Fn(Arc<Revision>) -> Result<E, Fault>) -> Result<Vec<Case>, Fault> {
    let revisions = [Arc::new(Revision::SPEC), Arc::new(production())];
    let engines = revisions.iter().map(|revision| engine(Arc::clone(revision)));
    let engines: Vec<E> = engines.collect::<Result<_, _>>()?;
    (0..MODULES)
        .map(|seed| {
            let mut arguments = Stream::new(!seed);
            let driven = drive(&module(seed)?, CALLS, || arguments.argument())?;
            let mut recording = Recording::default();
            recording.note(&driven.code);
            for (engine, revision) in engines.iter().zip(&revisions) {
                execute(engine, revision, &driven, &mut recording)?;
            }
            Ok(recording.case(format!("seed {seed}")))
        })
        .collect()
}

/// Instantiates the module, calls every driver, and notes what came of it and the memory.
fn execute<E: Engine>(
    engine: &E,
    revision: &Revision,
    driven: &Driven,
    recording: &mut Recording,
) -> Result<(), Fault> {
    let module = match ValidModule::parse(driven.code.clone().into(), Abi::Linked, revision) {
        Ok(module) => module,
        Err(error) => {
            recording.note(&format!("{:?}", error.code));
            return Ok(());
        }
    };
    let code = engine.compile(&module).map_err(|error| Fault::Broken(error.to_string()))?;
    let gas = GasMeter::new(GAS);
    let memory_pages_max = u64::from(revision.limits.contract.memory_pages_max).min(MEMORY_PAGES_MAX);
    let state = FrameState { frame: frame(&module), gas, memory_pages_max };
    let mut instance = match engine.instantiate(&code, state) {
        Ok(instance) => instance,
        Err(Stop::Halt(reason)) => {
            recording.note(&reason);
            return Ok(());
        }
        Err(stop) => return Err(unexpected(stop)),
    };
    let mut session = session();
    for export in driven.calls.iter().map(String::as_str).chain([GLOBALS]) {
        // Each call on gas of its own, on the memory and globals that those before it left.
        instance.gas().set_left(GAS);
        let (exit, after) = instance.call(session, export, &[])?;
        session = after;
        match exit {
            Exit::Returned(bits) => recording.note(&(export, true, bits)),
            Exit::Stopped(Stop::Halt(reason)) => recording.note(&(export, false, reason)),
            Exit::Stopped(stop) => return Err(unexpected(stop)),
        }
        recording.note(&instance.gas().left());
    }
    let memory: &[u8] = instance.memory();
    recording.note(&memory);
    Ok(())
}

fn unexpected(stop: Stop) -> Fault {
    match stop {
        Stop::Fault(fault) => fault,
        stop => Fault::Broken(format!("a module without imports stopped: {stop:?}")),
    }
}

/// A session over an empty state; nothing asks for it.
fn session() -> Box<Session> {
    let transaction = TransactionEnv { origin: Address::ZERO, nonce: 0, gas_price: U256::ZERO };
    Box::new(Session {
        journal: Journal::new(Arc::new(MemoryState::default())),
        block: BlockEnv::default(),
        transaction,
    })
}

/// A frame as host functions would see it.
fn frame(module: &ValidModule) -> Frame {
    let message = Message {
        caller: Address::ZERO,
        address: Address::ZERO,
        value: U256::ZERO,
        input: Entry::Main(Bytes::new()),
        is_static: false,
        depth: 0,
    };
    let (input, return_data, code) = (Bytes::new(), Bytes::new(), module.code().clone());
    Frame { message, index: 0, abi: Abi::Linked, input, code, state: AbiState::Nothing, return_data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_vm::engine::wasmi::Wasmi;

    /// The corpus is worth its name: nearly every module runs, and calls of every kind of end are among them.
    #[test]
    fn modules_are_valid_and_do_something() {
        let revision = Arc::new(Revision::SPEC);
        let engine = Wasmi::new(Arc::clone(&revision)).unwrap();
        let (mut valid, mut returned, mut halted) = (0, 0, 0);
        for seed in 0..50 {
            let driven = drive(&module(seed).unwrap(), CALLS, || 1).unwrap();
            let Ok(module) = ValidModule::parse(driven.code.into(), Abi::Linked, &revision) else { continue };
            valid += 1;
            let gas = GasMeter::new(GAS);
            let state = FrameState { frame: frame(&module), gas, memory_pages_max: MEMORY_PAGES_MAX };
            let Ok(mut instance) = engine.instantiate(&engine.compile(&module).unwrap(), state) else { continue };
            for export in &driven.calls {
                instance.gas().set_left(GAS);
                match instance.call(session(), export, &[]).unwrap().0 {
                    Exit::Returned(_) => returned += 1,
                    Exit::Stopped(_) => halted += 1,
                }
            }
        }
        assert!(valid >= 45 && returned >= 50 && halted >= 50, "{valid} valid, {returned} returned, {halted} halted");
    }
}
