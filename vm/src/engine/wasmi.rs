//! The production engine: wasmi 2.0.0, eager, deterministic, metered by its fuel.
//!
//! The only module that names wasmi, and the only one where gas is called fuel. A gas schedule is lowered to wasmi's
//! table of operator costs, so the charge for a region is one instruction of the interpreter.

mod dispatch;
mod embedding;
mod limiter;
mod translate;

pub use embedding::LinkedWasmi;

use self::limiter::Limiter;
use super::{Argument, Engine, Exit, FrameState, Instance};
use crate::{
    module::{InvalidModule, NormalModule, ValidModule},
    session::Session,
};
use core::fmt;
use lockstep_gas::{Features, Gas, GasMeter, Limits, Operator, Revision, for_each_operator};
use lockstep_host::{
    Fault, Frame, FrameResult, Guest, HaltReason, HostCall, HostImport, HostResult, Reply, Stop, ValueType,
};
use std::sync::Arc;
use wasmi::{
    Caller, CompilationMode, Config, CustomFuelCosts, Error, Linker, Memory, Module, OperatorCost, ResumableCall,
    ResumableCallHostTrap, Store, TrapCode, Val, ValType,
    errors::{ErrorKind, HostError, InstantiationError, MemoryError, TableError},
};

/// wasmi set up for one revision.
pub struct Wasmi {
    config: Config,
    revision: Arc<Revision>,
}

/// A compiled module with its imports resolved.
///
/// Each module has a wasmi engine of its own: an engine keeps the code of its modules until it is dropped itself, so
/// one for all would never give back the memory of a module that left the cache.
pub struct WasmiCode {
    module: Module,
    linker: Linker<Host>,
}

/// A store, and in it the instance of one frame.
pub struct WasmiInstance {
    store: Store<Host>,
    instance: wasmi::Instance,
    suspended: Option<Suspended>,
    result: Vec<Val>,
}

/// What waits for the result of a host function.
enum Suspended {
    /// The guest, in the middle of a function.
    Guest(ResumableCallHostTrap),
    /// Nothing of the guest: the export ends in the call (it is a tail call, or the import itself is exported), so the
    /// result is the export's. wasmi has nothing to resume then.
    Export,
}

/// What the store carries for the host functions.
struct Host {
    state: FrameState,
    revision: Arc<Revision>,
    memory: Option<Memory>,
    /// Here while the guest runs.
    session: Option<Box<Session>>,
    /// Why a host function did not return.
    stop: Option<Stop>,
    /// Gas of the frame that the store does not have as fuel: see [`FUEL_SLICE`].
    held_back: u64,
    limiter: Limiter,
}

/// Fuel that a guest runs on before it comes back for more.
///
/// wasmi's handler of `memory.grow` calls the next handler instead of jumping to it, so each growth leaves about 170 bytes
/// on the native stack until wasmi returns (measured; every other operator of `V1` jumps). A growth is a region of its own
/// and costs 201 when it executes, so a slice bounds how many there can be: 652, 110 KiB. Coming back costs 0.4 us for
/// about 26 us of work (`docs/decisions/0005` and `0010`).
const FUEL_SLICE: u64 = 131_072;

/// The fuel of a slice under `revision`.
///
/// wasmi 2.0.0 does not come back well from `table.grow` running out of fuel (it saves no position), so a revision that
/// has that operator runs on all its gas at once. `V1` forbids it.
fn fuel_slice(revision: &Revision) -> u64 {
    if revision.schedule.operator(Operator::TableGrow).is_none() { FUEL_SLICE } else { u64::MAX }
}

impl Wasmi {
    /// The engine for `revision`, also in a build where a panic ends the process.
    ///
    /// There a module that wasmi's translator panics on is not refused, and no other node can tell why this one died
    /// (`docs/decisions/0012`). It is for targets that have no other way, as `wasm32-wasip1`, and for programs that execute
    /// nothing that a stranger wrote.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if this build cannot run the revision as it must be run.
    pub fn where_panics_abort(revision: Arc<Revision>) -> Result<Self, Fault> {
        dispatch::check()?;
        Ok(Self { config: config(&revision), revision })
    }
}

impl Engine for Wasmi {
    type Code = WasmiCode;
    type Instance = WasmiInstance;

    fn new(revision: Arc<Revision>) -> Result<Self, Fault> {
        translate::check_panics(cfg!(panic = "abort"))?;
        Self::where_panics_abort(revision)
    }

    fn compile(&self, module: &ValidModule) -> Result<WasmiCode, InvalidModule> {
        let normal = NormalModule::new(module, &self.revision)?;
        let mut config = self.config.clone();
        config.operator_cost(operator_cost(&self.revision, |operator, price| normal.engine_price(operator, price)));
        let engine = wasmi::Engine::new(&config);
        let mut linker = Linker::new(&engine);
        // A module may import one function several times; it is one definition.
        linker.allow_shadowing(true);
        for row in module.imports() {
            link(&mut linker, row)?;
        }
        Ok(WasmiCode { module: translate::translate(&engine, normal.code())?, linker })
    }

    fn instantiate(&self, code: &WasmiCode, state: FrameState) -> Result<WasmiInstance, Stop> {
        let revision = Arc::clone(&self.revision);
        let limiter = Limiter::frame(&revision.limits, state.memory_pages_max);
        let host = Host { state, revision, memory: None, session: None, stop: None, held_back: 0, limiter };
        let mut store = Store::new(code.linker.engine(), host);
        store.limiter(|host| &mut host.limiter);
        let instance = code.linker.instantiate_and_start(&mut store, &code.module).map_err(instantiation_stop)?;
        let memory = instance.get_memory(&store, "memory");
        store.data_mut().memory = memory;
        Ok(WasmiInstance { store, instance, suspended: None, result: Vec::new() })
    }
}

/// A region costs 1 and its operators (`docs/spec.md`): wasmi's own unit and its table, which each module has for
/// itself. Compilation costs nothing, so that gas does not depend on what was compiled before.
fn config(revision: &Revision) -> Config {
    let mut config = Config::default();
    let limits = &revision.limits;
    if let Some(prices) = &revision.schedule.instructions {
        config.consume_fuel(true).fuel_cost(CustomFuelCosts {
            bytes_copied_per_fuel: prices.bulk_bytes_per_gas,
            fuel_per_bytes_translated: 0,
            fuel_per_bytes_validated: 0,
        });
    }
    config
        .compilation_mode(CompilationMode::Eager)
        .allow_start_fn(revision.rules.linked_modules)
        .ignore_custom_sections(true)
        .set_max_recursion_depth(index(limits.call_depth_max))
        .set_max_stack_height(stack_bytes_max(limits))
        .set_max_cached_stacks(0);
    set_features(&mut config, &revision.features);
    config
}

/// Room for the deepest recursion of the largest function, twice over: the limit of the call depth is always met
/// first.
fn stack_bytes_max(limits: &Limits) -> usize {
    let slots = index(limits.locals_max).saturating_add(index(limits.operands_max)).saturating_add(64);
    slots.saturating_mul(2).saturating_mul(8).saturating_mul(index(limits.call_depth_max))
}

/// A 32-bit number as an index: every host has at least 32 bits.
fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn set_features(config: &mut Config, features: &Features) {
    config
        .floats(features.floats)
        .wasm_mutable_global(features.mutable_globals)
        .wasm_sign_extension(features.sign_extension)
        .wasm_saturating_float_to_int(features.saturating_conversions)
        .wasm_multi_value(features.multi_value)
        .wasm_bulk_memory(features.bulk_memory)
        .wasm_reference_types(features.reference_types)
        .wasm_tail_call(features.tail_calls)
        .wasm_extended_const(features.extended_const)
        .wasm_multi_memory(features.multi_memory)
        .wasm_wide_arithmetic(features.wide_arithmetic)
        .wasm_custom_page_sizes(false);
}

/// The price list as wasmi's table. A forbidden operator never gets here: validation refuses it.
fn operator_cost(revision: &Revision, engine_price: impl Fn(Operator, u8) -> u8) -> OperatorCost {
    macro_rules! lower {
        ($($name:ident $snake:ident $text:literal $price:expr,)*) => {
            OperatorCost {
                $($snake: {
                    let operator = lockstep_gas::Operator::$name;
                    engine_price(operator, revision.schedule.operator(operator).unwrap_or(u8::MAX))
                },)*
            }
        };
    }
    for_each_operator!(lower)
}

/// A Rust type that wasmi takes as a result, from the bits that a host function gives.
trait FromBits {
    fn from_bits(bits: u64) -> Self;
}

impl FromBits for () {
    fn from_bits(_bits: u64) {}
}

impl FromBits for u32 {
    fn from_bits(bits: u64) -> Self {
        let [a, b, c, d, ..] = bits.to_le_bytes();
        Self::from_le_bytes([a, b, c, d])
    }
}

impl FromBits for u64 {
    fn from_bits(bits: u64) -> Self {
        bits
    }
}

/// Defines `row` for the import that it stands for. wasmi calls a function of a known type several times faster than
/// one of a dynamic type, hence a line for each type that occurs.
fn link(linker: &mut Linker<Host>, row: &'static HostImport) -> Result<(), InvalidModule> {
    use ValueType::{I32, I64};
    macro_rules! typed {
        (($($parameter:ident: $type:ty),*) -> $result:ty) => {
            linker.func_wrap(row.module, row.name, move |caller: Caller<'_, Host>, $($parameter: $type),*| {
                serve(caller, row, &[$(u64::from($parameter)),*]).map(<$result>::from_bits)
            })
        };
    }
    let linked = match (row.parameters, row.result) {
        ([], Some(I32)) => typed!(() -> u32),
        ([], Some(I64)) => typed!(() -> u64),
        ([I32], None) => typed!((a: u32) -> ()),
        ([I32], Some(I32)) => typed!((a: u32) -> u32),
        ([I64], None) => typed!((a: u64) -> ()),
        ([I32, I32], None) => typed!((a: u32, b: u32) -> ()),
        ([I64, I32], Some(I32)) => typed!((a: u64, b: u32) -> u32),
        ([I32, I32, I32], None) => typed!((a: u32, b: u32, c: u32) -> ()),
        ([I32, I32, I32], Some(I32)) => typed!((a: u32, b: u32, c: u32) -> u32),
        ([I32, I32, I32, I32], None) => typed!((a: u32, b: u32, c: u32, d: u32) -> ()),
        ([I32, I32, I32, I32], Some(I32)) => typed!((a: u32, b: u32, c: u32, d: u32) -> u32),
        ([I64, I32, I32, I32], Some(I32)) => typed!((a: u64, b: u32, c: u32, d: u32) -> u32),
        ([I64, I32, I32, I32, I32], Some(I32)) => typed!((a: u64, b: u32, c: u32, d: u32, e: u32) -> u32),
        ([I32, I32, I32, I32, I32, I32, I32], None) => {
            typed!((a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32) -> ())
        }
        ([I64, I32, I32, I32, I32, I32, I32, I32, I32], Some(I64)) => {
            typed!((a: u64, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32, i: u32) -> u64)
        }
        _ => return Err(InvalidModule::engine(format!("no glue for the type of {}.{}", row.module, row.name))),
    };
    linked.map(|_| ()).map_err(|error| InvalidModule::engine(error.to_string()))
}

/// Runs a host function for the guest that called it.
fn serve(mut caller: Caller<'_, Host>, row: &'static HostImport, arguments: &[u64]) -> Result<u64, Error> {
    let metered = caller.data().revision.schedule.instructions.is_some();
    let fuel = if metered { caller.get_fuel()? } else { 0 };
    if metered {
        caller.data_mut().take_fuel(fuel);
    }
    let (memory, host) = match caller.data().memory {
        Some(memory) => memory.data_and_store_mut(&mut caller),
        None => (Default::default(), caller.data_mut()),
    };
    let served = host.with_call(memory, |call| (row.body)(call, arguments));
    let result = match served.unwrap_or_else(|fault| Err(fault.into())) {
        Ok(bits) => Ok(bits),
        Err(stop) => {
            host.stop = Some(stop);
            Err(Error::host(Stopped))
        }
    };
    if metered {
        // The same slice goes on: wasmi does not return here, so a guest that calls the host again and again must reach
        // its end all the same.
        let fuel = host.give_fuel(fuel);
        caller.set_fuel(fuel)?;
    }
    result
}

impl Host {
    /// Takes back what is left of a slice of fuel: the meter reads the gas of the frame again.
    fn take_fuel(&mut self, fuel: u64) {
        let held_back = core::mem::take(&mut self.held_back);
        self.state.gas.set_left(Gas::new(fuel).plus(Gas::new(held_back)));
    }

    /// Gives out `wanted` fuel, or all that is left, and holds the rest of the gas back.
    fn give_fuel(&mut self, wanted: u64) -> u64 {
        let left = self.state.gas.left().get();
        let fuel = wanted.min(left);
        self.held_back = left.saturating_sub(fuel);
        fuel
    }

    /// Runs `serve` with everything that a host function may reach.
    fn with_call<T>(&mut self, memory: &mut [u8], serve: impl FnOnce(&mut HostCall<'_>) -> T) -> Result<T, Fault> {
        let session = self.session.as_deref_mut();
        let world = session.ok_or_else(|| Fault::Broken("a host function was called without a session".into()))?;
        Ok(serve(&mut HostCall {
            guest: Guest::new(memory, &mut self.state.gas),
            frame: &mut self.state.frame,
            world,
            revision: &self.revision,
        }))
    }
}

/// Tells wasmi that a host function did not return; why stands in [`Host::stop`].
#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped by a host function")
    }
}

impl core::error::Error for Stopped {}
impl HostError for Stopped {}

impl WasmiInstance {
    fn enter(&mut self, session: Box<Session>) -> Result<(), Fault> {
        self.store.data_mut().session = Some(session);
        self.give_fuel(0)
    }

    fn is_metered(&self) -> bool {
        self.store.data().revision.schedule.instructions.is_some()
    }

    fn take_fuel(&mut self) -> Result<(), Fault> {
        if self.is_metered() {
            let fuel = self.store.get_fuel().map_err(|error| Fault::Broken(error.to_string()))?;
            self.store.data_mut().take_fuel(fuel);
        }
        Ok(())
    }

    fn give_fuel(&mut self, required: u64) -> Result<(), Fault> {
        if self.is_metered() {
            let host = self.store.data_mut();
            let slice = fuel_slice(&host.revision).max(required);
            let fuel = host.give_fuel(slice);
            self.store.set_fuel(fuel).map_err(|error| Fault::Broken(error.to_string()))?;
        }
        Ok(())
    }

    /// Goes on with the next slice of fuel for as long as the frame has the gas that the guest asks for.
    fn run_on(&mut self, mut outcome: Result<ResumableCall, Error>) -> Result<Result<ResumableCall, Error>, Fault> {
        loop {
            self.take_fuel()?;
            match outcome {
                Ok(ResumableCall::OutOfFuel(guest))
                    if guest.required_fuel() <= self.store.data().state.gas.left().get() =>
                {
                    self.give_fuel(guest.required_fuel())?;
                    outcome = guest.resume(&mut self.store, &mut self.result);
                }
                outcome => return Ok(outcome),
            }
        }
    }

    /// Runs the guest on to its end or stop, takes back the session and the gas, and says why the guest does not go on.
    fn leave(&mut self, outcome: Result<ResumableCall, Error>) -> Result<(Exit, Box<Session>), Fault> {
        let outcome = self.run_on(outcome)?;
        let stop = self.store.data_mut().stop.take();
        let exit = match (outcome, stop) {
            (Ok(ResumableCall::Finished), None) => Exit::Returned(self.result.first().map_or(0, bits_of)),
            (Ok(ResumableCall::OutOfFuel(_)), None) => Exit::Stopped(HaltReason::OutOfGas.into()),
            (Err(error), None) => Exit::Stopped(trap_stop(&error)),
            (Ok(ResumableCall::HostTrap(guest)), Some(stop)) => self.stopped(stop, Suspended::Guest(guest)),
            (Err(_), Some(stop)) => self.stopped(stop, Suspended::Export),
            _ => return Err(Fault::Broken("a host function stopped and its reason do not match".into())),
        };
        let session = self.store.data_mut().session.take();
        Ok((exit, session.ok_or_else(|| Fault::Broken("the session was lost".into()))?))
    }

    /// Lets the host function that stopped take over the result of the frame that it asked for.
    fn complete(
        &mut self,
        session: Box<Session>,
        reply: Reply,
        result: FrameResult,
    ) -> Result<(HostResult<u64>, Box<Session>), Fault> {
        let (memory, host) = match self.store.data().memory {
            Some(memory) => memory.data_and_store_mut(&mut self.store),
            None => (Default::default(), self.store.data_mut()),
        };
        host.session = Some(session);
        let completed = host.with_call(memory, |call| call.complete(reply, result))?;
        let session = host.session.take();
        Ok((completed, session.ok_or_else(|| Fault::Broken("the session was lost".into()))?))
    }

    /// Keeps what a result will be for.
    fn stopped(&mut self, stop: Stop, suspended: Suspended) -> Exit {
        if matches!(stop, Stop::Suspend(_)) {
            self.suspended = Some(suspended);
        }
        Exit::Stopped(stop)
    }
}

impl Instance for WasmiInstance {
    fn call(
        &mut self,
        session: Box<Session>,
        export: &str,
        arguments: &[Argument],
    ) -> Result<(Exit, Box<Session>), Fault> {
        let function = self.instance.get_func(&self.store, export);
        let function = function.ok_or_else(|| Fault::Broken(format!("no export {export} to call")))?;
        let results = function.ty(&self.store);
        self.result = results.results().iter().map(|result| Val::default_for_ty(*result)).collect();
        let arguments: Vec<Val> = arguments.iter().map(|argument| value_of(*argument)).collect();
        self.enter(session)?;
        let outcome = function.call_resumable(&mut self.store, &arguments, &mut self.result);
        self.leave(outcome)
    }

    fn resume(
        &mut self,
        session: Box<Session>,
        reply: Reply,
        result: FrameResult,
    ) -> Result<(Exit, Box<Session>), Fault> {
        let suspended = self.suspended.take().ok_or_else(|| Fault::Broken("nothing to resume".into()))?;
        let (completed, session) = self.complete(session, reply, result)?;
        let (suspended, bits) = match (suspended, completed) {
            (_, Err(stop)) => return Ok((Exit::Stopped(stop), session)),
            (Suspended::Export, Ok(bits)) => return Ok((Exit::Returned(bits), session)),
            (Suspended::Guest(guest), Ok(bits)) => (guest, bits),
        };
        let function = suspended.host_func().ty(&self.store);
        let inputs = function.results().first().map(|result_type| match result_type {
            ValType::I32 => Val::from(u32::from_bits(bits).cast_signed()),
            _ => Val::from(bits.cast_signed()),
        });
        self.enter(session)?;
        let outcome = suspended.resume(&mut self.store, inputs.as_slice(), &mut self.result);
        self.leave(outcome)
    }

    fn frame(&self) -> &Frame {
        &self.store.data().state.frame
    }

    fn gas(&mut self) -> &mut GasMeter {
        &mut self.store.data_mut().state.gas
    }

    fn memory(&mut self) -> &mut [u8] {
        match self.store.data().memory {
            Some(memory) => memory.data_mut(&mut self.store),
            None => Default::default(),
        }
    }

    fn grow_memory(&mut self, pages: u32) -> Result<(), Stop> {
        let memory = self.store.data().memory.ok_or(HaltReason::NoRoomForInput)?;
        let maximum = self.store.data().state.memory_pages_max;
        let maximum = memory.ty(&self.store).maximum().unwrap_or(maximum).min(maximum);
        if memory.size(&self.store).saturating_add(u64::from(pages)) > maximum {
            return Err(HaltReason::NoRoomForInput.into());
        }
        memory.grow(&mut self.store, u64::from(pages)).map(|_| ()).map_err(|_| Stop::Fault(Fault::OutOfMemory))
    }
}

fn value_of(argument: Argument) -> Val {
    match argument {
        Argument::I32(bits) => Val::from(bits.cast_signed()),
        Argument::I64(bits) => Val::from(bits.cast_signed()),
    }
}

/// The bits of a result; validation admits no export with another type to be called.
fn bits_of(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(value.cast_unsigned()),
        Val::I64(value) => value.cast_unsigned(),
        _ => 0,
    }
}

/// What a trap means. A code that is not listed is a fault of this node: an upgrade of the engine cannot invent
/// consensus.
fn trap_stop(error: &Error) -> Stop {
    let reason = match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => HaltReason::Unreachable,
        Some(TrapCode::MemoryOutOfBounds) => HaltReason::MemoryOutOfBounds,
        Some(TrapCode::TableOutOfBounds) => HaltReason::TableOutOfBounds,
        Some(TrapCode::IndirectCallToNull) => HaltReason::IndirectCallToNull,
        Some(TrapCode::BadSignature) => HaltReason::IndirectCallTypeMismatch,
        Some(TrapCode::IntegerDivisionByZero) => HaltReason::IntegerDivisionByZero,
        Some(TrapCode::IntegerOverflow) => HaltReason::IntegerOverflow,
        Some(TrapCode::BadConversionToInteger) => HaltReason::InvalidConversionToInteger,
        Some(TrapCode::StackOverflow) => HaltReason::CallStackExhausted,
        Some(TrapCode::OutOfFuel) => HaltReason::OutOfGas,
        Some(TrapCode::GrowthOperationLimited | TrapCode::OutOfSystemMemory) => {
            return Stop::Fault(Fault::OutOfMemory);
        }
        _ => return Stop::Fault(Fault::Broken(format!("the engine stopped with an unknown error: {error}"))),
    };
    Stop::Halt(reason)
}

/// What a failed instantiation means: segments that do not fit are the contract's, everything else was checked before.
fn instantiation_stop(error: Error) -> Stop {
    match error.kind() {
        ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
            Stop::Halt(HaltReason::TableOutOfBounds)
        }
        ErrorKind::Instantiation(
            InstantiationError::FailedToInstantiateMemory(MemoryError::OutOfSystemMemory)
            | InstantiationError::FailedToInstantiateTable(TableError::OutOfSystemMemory),
        ) => Stop::Fault(Fault::OutOfMemory),
        _ => trap_stop(&error),
    }
}
