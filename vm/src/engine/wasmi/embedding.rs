//! Modules that link with each other on wasmi, with the configuration and the metering of the contracts' engine.
//!
//! Modules that link must share one wasmi engine, and an engine has one table of costs. A rewritten module needs
//! another table than one that is as it was ([`NormalModule`]), so here every module is rewritten. No host functions.

use super::{
    config::{config, fuel_slice, index, operator_cost},
    limiter::Limiter,
    normal::{NormalModule, rewritten_price},
    trap::{instantiation_stop, trap_stop},
};
use crate::{
    engine::embedding::{Embedding, InstanceId, Instantiated, Invoked, LinkError, Value},
    module::ValidModule,
};
use lockstep_gas::{Abi, Gas, Revision};
use lockstep_host::{Fault, HaltReason, Stop};
use std::{collections::BTreeMap, sync::Arc};
use wasmi::{
    Error, Extern, ExternRef, F32, F64, Func, Instance, Module, Nullable, ResumableCall, Store, Val,
    errors::{ErrorKind, InstantiationError},
};

/// wasmi set up for one revision, and instances that can link with each other.
pub struct LinkedWasmi {
    revision: Arc<Revision>,
    engine: wasmi::Engine,
    store: Store<Limiter>,
    instances: Vec<Instance>,
    registered: BTreeMap<String, Instance>,
}

impl Embedding for LinkedWasmi {
    fn new(revision: Arc<Revision>) -> Result<Self, Fault> {
        let mut config = config(&revision, Abi::Linked);
        config.operator_cost(operator_cost(&revision, rewritten_price));
        let engine = wasmi::Engine::new(&config);
        let mut store = Store::new(&engine, Limiter::embedding(revision.limits(Abi::Linked)));
        store.limiter(|limiter| limiter);
        Ok(Self { revision, engine, store, instances: Vec::new(), registered: BTreeMap::new() })
    }

    fn instantiate(&mut self, module: &ValidModule, gas: Gas) -> Result<(Instantiated, Gas), Fault> {
        let normal = NormalModule::rewritten(module, &self.revision).map_err(broken)?;
        let module = Module::new(&self.engine, normal.code()).map_err(broken)?;
        let imports = match self.resolve(&module) {
            Ok(imports) => imports,
            Err(error) => return Ok((Instantiated::Unlinkable(error), Gas::ZERO)),
        };
        self.set_fuel(gas.get())?;
        match Instance::new(&mut self.store, &module, &imports) {
            Ok(instance) => {
                let id = u32::try_from(self.instances.len()).map_err(broken)?;
                self.instances.push(instance);
                let used = self.used(gas, 0)?;
                Ok((Instantiated::Instance(InstanceId(id)), used))
            }
            Err(error) => {
                if let Some(name) = incompatible(&error) {
                    return Ok((Instantiated::Unlinkable(LinkError::IncompatibleType(name)), Gas::ZERO));
                }
                let reason = halt(instantiation_stop(error))?;
                Ok((Instantiated::Halted(reason), self.used_by_halt(reason, gas, 0)?))
            }
        }
    }

    fn register(&mut self, name: &str, instance: InstanceId) -> Result<(), Fault> {
        let instance = self.instance(instance)?;
        self.registered.insert(name.to_owned(), instance);
        Ok(())
    }

    fn invoke(
        &mut self,
        instance: InstanceId,
        export: &str,
        arguments: &[Value],
        gas: Gas,
    ) -> Result<(Invoked, Gas), Fault> {
        let function = self.instance(instance)?.get_func(&self.store, export);
        let function = function.ok_or_else(|| Fault::Broken(format!("no function {export} to call")))?;
        let arguments = arguments.iter().map(|value| self.val(*value)).collect::<Result<Vec<_>, _>>()?;
        let ty = function.ty(&self.store);
        let mut results: Vec<Val> = ty.results().iter().map(|result| Val::default_for_ty(*result)).collect();
        let (outcome, held_back) = self.run(function, &arguments, &mut results, gas.get())?;
        match outcome {
            Ok(()) => {
                let values = results.iter().map(|result| self.value(result)).collect::<Result<Vec<_>, _>>()?;
                Ok((Invoked::Returned(values), self.used(gas, held_back)?))
            }
            Err(stop) => {
                let reason = halt(stop)?;
                Ok((Invoked::Halted(reason), self.used_by_halt(reason, gas, held_back)?))
            }
        }
    }

    fn global(&mut self, instance: InstanceId, export: &str) -> Option<Value> {
        let global = self.instance(instance).ok()?.get_global(&self.store, export)?.get(&self.store);
        self.value(&global).ok()
    }

    fn memory(&mut self, instance: InstanceId, export: &str) -> Option<&[u8]> {
        let memory = self.instance(instance).ok()?.get_memory(&self.store, export)?;
        Some(memory.data(&self.store))
    }
}

impl LinkedWasmi {
    fn instance(&self, id: InstanceId) -> Result<Instance, Fault> {
        let instance = self.instances.get(index(id.0)).copied();
        instance.ok_or_else(|| Fault::Broken(format!("no instance {}", id.0)))
    }

    fn resolve(&self, module: &Module) -> Result<Vec<Extern>, LinkError> {
        let resolved = module.imports().map(|import| {
            let instance = self.registered.get(import.module());
            let export = instance.and_then(|instance| instance.get_export(&self.store, import.name()));
            export.ok_or_else(|| LinkError::UnknownImport(format!("{}.{}", import.module(), import.name())))
        });
        resolved.collect()
    }

    /// Runs to the end on slices of fuel, as a frame does. Gives the gas that the store does not have.
    fn run(
        &mut self,
        function: Func,
        arguments: &[Val],
        results: &mut [Val],
        gas: u64,
    ) -> Result<(Result<(), Stop>, u64), Fault> {
        let slice = fuel_slice(&self.revision).min(gas);
        let mut held_back = gas.saturating_sub(slice);
        self.set_fuel(slice)?;
        let mut outcome = function.call_resumable(&mut self.store, arguments, results);
        loop {
            match outcome {
                Ok(ResumableCall::Finished) => return Ok((Ok(()), held_back)),
                Ok(ResumableCall::OutOfFuel(guest)) => {
                    let left = self.fuel()?.saturating_add(held_back);
                    let required = guest.required_fuel();
                    if required > left {
                        return Ok((Err(HaltReason::OutOfGas.into()), held_back));
                    }
                    let slice = fuel_slice(&self.revision).max(required).min(left);
                    held_back = left.saturating_sub(slice);
                    self.set_fuel(slice)?;
                    outcome = guest.resume(&mut self.store, results);
                }
                Ok(ResumableCall::HostTrap(_)) => {
                    return Err(Fault::Broken("a host function stopped where there is none".into()));
                }
                Err(error) => return Ok((Err(trap_stop(&error)), held_back)),
            }
        }
    }

    fn set_fuel(&mut self, fuel: u64) -> Result<(), Fault> {
        if self.revision.schedule.instructions.is_none() {
            return Ok(());
        }
        self.store.set_fuel(fuel).map_err(broken)
    }

    fn fuel(&self) -> Result<u64, Fault> {
        self.store.get_fuel().map_err(broken)
    }

    fn used(&self, gas: Gas, held_back: u64) -> Result<Gas, Fault> {
        if self.revision.schedule.instructions.is_none() {
            return Ok(Gas::ZERO);
        }
        let left = self.fuel()?.saturating_add(held_back);
        Ok(Gas::new(gas.get().saturating_sub(left)))
    }

    fn used_by_halt(&self, reason: HaltReason, gas: Gas, held_back: u64) -> Result<Gas, Fault> {
        if reason == HaltReason::OutOfGas { Ok(gas) } else { self.used(gas, held_back) }
    }

    fn val(&mut self, value: Value) -> Result<Val, Fault> {
        Ok(match value {
            Value::I32(bits) => Val::I32(bits.cast_signed()),
            Value::I64(bits) => Val::I64(bits.cast_signed()),
            Value::F32(bits) => Val::F32(F32::from_bits(bits)),
            Value::F64(bits) => Val::F64(F64::from_bits(bits)),
            Value::FuncRef { is_null: true } => Val::FuncRef(Nullable::Null),
            Value::FuncRef { is_null: false } => {
                return Err(Fault::Broken("a reference to a function as an argument".into()));
            }
            Value::ExternRef(None) => Val::ExternRef(Nullable::Null),
            Value::ExternRef(Some(number)) => Val::ExternRef(Nullable::Val(ExternRef::new(&mut self.store, number))),
        })
    }

    fn value(&self, value: &Val) -> Result<Value, Fault> {
        Ok(match value {
            Val::I32(number) => Value::I32(number.cast_unsigned()),
            Val::I64(number) => Value::I64(number.cast_unsigned()),
            Val::F32(float) => Value::F32(float.to_bits()),
            Val::F64(float) => Value::F64(float.to_bits()),
            Val::FuncRef(reference) => Value::FuncRef { is_null: reference.is_null() },
            Val::ExternRef(Nullable::Null) => Value::ExternRef(None),
            Val::ExternRef(Nullable::Val(reference)) => {
                let number = reference.data(&self.store).downcast_ref::<u32>();
                let number = number.ok_or_else(|| Fault::Broken("a reference to nothing".into()))?;
                Value::ExternRef(Some(*number))
            }
            Val::V128(_) => return Err(Fault::Broken("a vector, which no revision has".into())),
        })
    }
}

fn broken(error: impl ToString) -> Fault {
    Fault::Broken(error.to_string())
}

fn halt(stop: Stop) -> Result<HaltReason, Fault> {
    match stop {
        Stop::Halt(reason) => Ok(reason),
        Stop::Fault(fault) => Err(fault),
        Stop::Finish(_) | Stop::Revert { .. } | Stop::Suspend(_) => {
            Err(Fault::Broken("a host function stopped where there is none".into()))
        }
    }
}

/// The import whose type does not match, if that is what is wrong.
fn incompatible(error: &Error) -> Option<String> {
    let ErrorKind::Instantiation(error) = error.kind() else { return None };
    match error {
        InstantiationError::ImportTypeMismatch { name, .. }
        | InstantiationError::GlobalTypeMismatch { name, .. }
        | InstantiationError::FuncTypeMismatch { name, .. }
        | InstantiationError::TableTypeMismatch { name, .. }
        | InstantiationError::MemoryTypeMismatch { name, .. } => Some(name.to_string()),
        _ => None,
    }
}
