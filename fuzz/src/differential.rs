//! The production engine against the reference interpreter: what an export returns or halts with, the gas that it used, and
//! the memory that it leaves.
//!
//! Half of the programs are those of `modules::shapes`, written where charging could differ from the rule, a third are
//! wasm-smith's, the others those of `modules::stack`; under the production revision and under one with a price of its own for every operator.

use crate::{
    frame::{self, Loaded},
    input::Input,
    modules::{
        shapes::{self, Shaped},
        smith, stack, surroundings,
    },
};
use lockstep_gas::{Abi, Gas, Operator, Revision};
use lockstep_host::{HaltReason, Stop};
use lockstep_reference::Reference;
use lockstep_vm::{
    ValidModule,
    engine::{Argument, Engine, Exit, Instance, wasmi::Wasmi},
};
use std::sync::{Arc, LazyLock};
use wasm_encoder::ValType;

/// How an export ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It returned these bits.
    Returned(u64),
    /// It halted.
    Halted(HaltReason),
}

/// What was seen of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How it ended.
    pub ended: Ended,
    /// Gas that was used; all of it where it ran out.
    pub gas_used: Gas,
    /// The memory afterwards.
    pub memory: Vec<u8>,
}

/// A module of the input, the export that is called, its arguments and the gas for it.
#[derive(Debug)]
pub struct Case {
    /// The revision.
    pub revision: Arc<Revision>,
    /// The module.
    pub module: ValidModule,
    /// The export.
    pub export: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// The gas.
    pub gas: Gas,
}

/// `V1`, and `V1` with a price of its own for every operator.
pub(crate) static REVISIONS: LazyLock<[Arc<Revision>; 2]> = LazyLock::new(|| {
    let mut distinct = Revision::V1;
    distinct.schedule.instructions = Revision::SPEC.schedule.instructions;
    distinct.schedule.set_operator(Operator::TableGrow, None);
    [Arc::new(Revision::V1), Arc::new(distinct)]
});

impl Case {
    /// The case that the input means; `None` if it means none.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        Self::out_of(&mut Input::new(bytes), true)
    }

    /// The case that the input means; with `may_ask`, the program may ask for the gas that it has left.
    pub(crate) fn out_of(input: &mut Input<'_>, may_ask: bool) -> Option<Self> {
        let revision = Arc::clone(&REVISIONS[input.index(2)]);
        let gas = Gas::new(input.choose(&[3_000, 10_000, 500, 30_000]));
        let host = input.once_in(4) && may_ask;
        let choice = input.byte();
        let numbers: [i64; 2] = core::array::from_fn(|_| surroundings::number(input));
        let other = match input.below(6) {
            0 | 1 => smith::callable(input, &revision),
            2 => Some(stack::module(input)),
            _ => None,
        };
        let Shaped { code, functions } = other.unwrap_or_else(|| shapes::module(input, host));
        let (export, parameters) = functions[usize::from(choice) % functions.len()].clone();
        let argument = |(ty, number): (&ValType, i64)| match ty {
            ValType::I32 => Argument::I32(surroundings::narrow(number).cast_unsigned()),
            _ => Argument::I64(number.cast_unsigned()),
        };
        let arguments = parameters.iter().zip(numbers).map(argument).collect();
        let module = ValidModule::parse(code.into(), Abi::Packed, &revision);
        Some(Self { module: module.ok()?, revision, export, arguments, gas })
    }
}

/// A case, compiled by an engine.
pub struct Run<'a, E: Engine> {
    case: &'a Case,
    loaded: Loaded<E>,
}

impl<'a, E: Engine> Run<'a, E> {
    /// `case` on an engine of its own.
    ///
    /// # Panics
    ///
    /// If the engine cannot be made or refuses the module.
    pub fn new(case: &'a Case) -> Self {
        Self { case, loaded: Loaded::new(&case.revision, &case.module) }
    }

    /// `case` on `engine`.
    ///
    /// # Panics
    ///
    /// If the engine refuses the module.
    pub fn on(engine: E, case: &'a Case) -> Self {
        Self { case, loaded: Loaded::on(engine, &case.revision, &case.module) }
    }

    /// What it makes of the case with `gas`.
    ///
    /// # Panics
    ///
    /// If the engine has a fault.
    pub fn with(&self, gas: Gas) -> Seen {
        let frame = frame::frame(&self.case.module, Default::default(), false);
        let mut instance = match self.loaded.instance(frame, gas) {
            Ok(instance) => instance,
            Err(Stop::Halt(reason)) => {
                return Seen { ended: Ended::Halted(reason), gas_used: Gas::ZERO, memory: Vec::new() };
            }
            Err(stop) => panic!("an instantiation stopped with {stop:?}"),
        };
        let session = frame::session(Default::default());
        let (exit, _) = instance.call(session, &self.case.export, &self.case.arguments).expect("no fault");
        let ended = match exit {
            Exit::Returned(bits) => Ended::Returned(bits),
            Exit::Stopped(Stop::Halt(reason)) => Ended::Halted(reason),
            Exit::Stopped(stop) => panic!("a call stopped with {stop:?}"),
        };
        let left = if ended == Ended::Halted(HaltReason::OutOfGas) { Gas::ZERO } else { instance.gas().left() };
        Seen { ended, gas_used: gas.less(left), memory: instance.memory().to_vec() }
    }
}

/// What the engine `E` makes of `case`.
///
/// # Panics
///
/// If the engine has a fault.
pub fn seen<E: Engine>(case: &Case) -> Seen {
    Run::<E>::new(case).with(case.gas)
}

/// What both engines are held to.
///
/// # Panics
///
/// Where they differ.
pub fn differential(bytes: &[u8]) {
    against(bytes, seen::<Wasmi>);
}

/// The same for an execution that need not be the production engine's.
///
/// # Panics
///
/// Where it differs from the reference.
pub fn against(bytes: &[u8], engine: impl Fn(&Case) -> Seen) {
    let Some(case) = Case::of(bytes) else { return };
    compare(&case, case.gas, &engine(&case), &seen::<Reference>(&case));
}

/// Holds what two engines made of a case with `gas` against each other.
///
/// # Panics
///
/// Where they differ.
pub(crate) fn compare(case: &Case, gas: Gas, engine: &Seen, reference: &Seen) {
    let call = || format!("{}{:?} with {gas} gas, of {:02x?}", case.export, case.arguments, &**case.module.code());
    assert_eq!(engine.ended, reference.ended, "how it ended: {}", call());
    assert_eq!(engine.gas_used, reference.gas_used, "gas used: {}", call());
    assert_eq!(engine.memory.len(), reference.memory.len(), "bytes of memory: {}", call());
    if engine.memory != reference.memory {
        let differs = engine.memory.iter().zip(&reference.memory).position(|(one, other)| one != other);
        panic!("memory differs at {differs:?}: {}", call());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner;
    use std::collections::BTreeMap;

    #[test]
    fn smoke() {
        runner::smoke("differential", differential);
    }

    /// Programs that all end in the same way would show nothing.
    #[test]
    fn the_programs_end_in_every_way() {
        let mut met: BTreeMap<String, u32> = BTreeMap::new();
        for case in 0..runner::SMOKE_CASES {
            let how = match Case::of(&runner::input(runner::SMOKE_SEED, case)) {
                None => "invalid".to_owned(),
                Some(case) => match seen::<Reference>(&case).ended {
                    Ended::Returned(_) => "returned".to_owned(),
                    Ended::Halted(reason) => format!("{reason:?}"),
                },
            };
            *met.entry(how).or_default() += 1;
        }
        println!("{met:?}");
        for (how, least) in [
            ("returned", 500),
            ("OutOfGas", 100),
            ("MemoryOutOfBounds", 20),
            ("IntegerDivisionByZero", 20),
            ("Unreachable", 20),
            ("InvalidConversionToInteger", 5),
        ] {
            assert!(met.get(how).is_some_and(|met| *met >= least), "{how}: {met:?}");
        }
        assert!(met.get("invalid").is_none_or(|met| *met < 100), "{met:?}");
    }
}
