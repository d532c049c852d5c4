//! wasmtime as an oracle of results: what an export returns, whether it traps and how, and the memory that it leaves.
//!
//! wasmtime does not know our gas, so programs that run out of it on our side are passed over. A program that ended on
//! our side ends there too.

use lockstep_fuzz::differential::{Case, Ended, seen};
use lockstep_host::HaltReason;
use lockstep_vm::engine::{Argument, wasmi::Wasmi};
use wasmtime::{Config, Engine, Instance, Module, Store, StoreLimitsBuilder, Trap, Val};

/// What wasmtime is held to, or we are.
///
/// # Panics
///
/// Where the two differ.
pub fn wasmtime_diff(bytes: &[u8]) {
    let Some(case) = Case::of(bytes).filter(|case| case.module.imports().is_empty()) else { return };
    let ours = seen::<Wasmi>(&case);
    // How deep calls go is each engine's own, and so is gas.
    if matches!(ours.ended, Ended::Halted(HaltReason::OutOfGas | HaltReason::CallStackExhausted)) {
        return;
    }
    let mut config = Config::new();
    config.cranelift_nan_canonicalization(true).wasm_tail_call(true).max_wasm_stack(4 << 20);
    let engine = Engine::new(&config).expect("wasmtime starts");
    let module = Module::new(&engine, &case.module.code()[..]).expect("a valid module");
    let pages_max = usize::try_from(case.revision.limits.contract.memory_pages_max).expect("a number of pages");
    let elements_max = usize::try_from(case.revision.limits.contract.table_elements_max).expect("a number of elements");
    let limits = StoreLimitsBuilder::new().memory_size(pages_max << 16).table_elements(elements_max).build();
    let mut store = Store::new(&engine, limits);
    store.limiter(|limits| limits);
    let (ended, memory) = match Instance::new(&mut store, &module, &[]) {
        Err(error) => (Ended::Halted(reason(&error)), Vec::new()),
        Ok(instance) => {
            let function = instance.get_func(&mut store, &case.export).expect("it is exported");
            let arguments: Vec<Val> = case.arguments.iter().map(value).collect();
            let mut results = vec![Val::I32(0); function.ty(&store).results().len()];
            let ended = match function.call(&mut store, &arguments, &mut results) {
                Ok(()) => Ended::Returned(results.first().map_or(0, bits)),
                Err(error) => Ended::Halted(reason(&error)),
            };
            let memory = instance.get_memory(&mut store, "memory");
            (ended, memory.map(|memory| memory.data(&store).to_vec()).unwrap_or_default())
        }
    };
    let call = || format!("{}{:?} of {:02x?}", case.export, case.arguments, &**case.module.code());
    assert_eq!(ours.ended, ended, "how it ended: {}", call());
    assert!(ours.memory == memory, "memory: {}", call());
}

fn value(argument: &Argument) -> Val {
    match *argument {
        Argument::I32(bits) => Val::I32(bits.cast_signed()),
        Argument::I64(bits) => Val::I64(bits.cast_signed()),
    }
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(number) => u64::from(number.cast_unsigned()),
        Val::I64(number) => number.cast_unsigned(),
        Val::F32(bits) => u64::from(*bits),
        Val::F64(bits) => *bits,
        other => panic!("{other:?} has no bits"),
    }
}

/// wasmtime's word for a trap as ours.
fn reason(error: &wasmtime::Error) -> HaltReason {
    match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => HaltReason::Unreachable,
        Some(Trap::MemoryOutOfBounds) => HaltReason::MemoryOutOfBounds,
        Some(Trap::TableOutOfBounds) => HaltReason::TableOutOfBounds,
        Some(Trap::IndirectCallToNull) => HaltReason::IndirectCallToNull,
        Some(Trap::BadSignature) => HaltReason::IndirectCallTypeMismatch,
        Some(Trap::IntegerDivisionByZero) => HaltReason::IntegerDivisionByZero,
        Some(Trap::IntegerOverflow) => HaltReason::IntegerOverflow,
        Some(Trap::BadConversionToInteger) => HaltReason::InvalidConversionToInteger,
        Some(Trap::StackOverflow) => HaltReason::CallStackExhausted,
        _ => panic!("wasmtime stopped with {error}"),
    }
}
