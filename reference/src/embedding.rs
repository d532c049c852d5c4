//! The interpreter as an embedding of plain Wasm: one store, instances that link with each other.

use crate::{
    instantiate::instantiate,
    machine::Machine,
    module::{Import, ImportType, Limits, Module},
    observer::{SharedObserver, Watch},
    store::{Bounds, Extern, Store},
    thread::{Pause, Thread},
    value::{Executed, Value, broken, index},
};
use lockstep_gas::{Abi, Gas, GasMeter, Revision};
use lockstep_host::{Fault, HaltReason, Stop};
use lockstep_vm::{
    ValidModule,
    engine::embedding::{self, Embedding, InstanceId, Instantiated, Invoked, LinkError},
};
use std::{collections::BTreeMap, sync::Arc};

/// The interpreter, and the instances in it.
pub struct ReferenceEmbedding {
    store: Store,
    /// The instance of the store behind each [`InstanceId`].
    instances: Vec<usize>,
    registered: BTreeMap<String, usize>,
    watch: Watch,
}

impl ReferenceEmbedding {
    /// As [`Embedding::new`], with an observer that is told everything.
    pub fn observed(revision: &Revision, observer: SharedObserver) -> Self {
        Self { watch: Watch::new(observer), ..Self::of(revision) }
    }

    fn of(revision: &Revision) -> Self {
        let bounds = Bounds::of(revision, Abi::Linked, u64::from(revision.limits(Abi::Linked).memory_pages_max));
        Self { store: Store::new(bounds), instances: Vec::new(), registered: BTreeMap::new(), watch: Watch::default() }
    }

    fn exports(&self, instance: InstanceId) -> Option<&BTreeMap<String, Extern>> {
        let instance = *self.instances.get(index(instance.0))?;
        self.store.instances.get(instance).map(|instance| &instance.exports)
    }

    fn export(&self, instance: InstanceId, name: &str) -> Option<Extern> {
        self.exports(instance)?.get(name).copied()
    }

    /// Calls a function to its end. Gives its results, or the reason why there are none.
    fn run(
        &mut self,
        address: usize,
        arguments: Vec<Value>,
        gas: Gas,
    ) -> Result<(Result<Vec<Value>, HaltReason>, Gas), Fault> {
        let mut thread = Thread::default();
        thread.operands.push_many(arguments);
        let mut meter = GasMeter::new(gas);
        let mut machine = Machine { store: &mut self.store, meter: &mut meter, watch: &self.watch };
        let executed = finish(&mut thread, &mut machine, address);
        let ended = match executed {
            Ok(results) => Ok(results),
            Err(Stop::Halt(reason)) => Err(reason),
            Err(Stop::Fault(fault)) => return Err(fault),
            Err(stop) => return Err(Fault::Broken(format!("a function without a host stopped: {stop:?}"))),
        };
        if ended == Err(HaltReason::OutOfGas) {
            meter.drain();
        }
        Ok((ended, gas.less(meter.left())))
    }

    fn link(&mut self, module: &Module) -> Result<Vec<Extern>, LinkError> {
        let imports = module.imports.iter();
        imports
            .map(|import| {
                let name = || format!("{}.{}", import.module, import.name);
                let instance =
                    self.registered.get(&import.module).and_then(|instance| self.store.instances.get(*instance));
                let found = instance.and_then(|instance| instance.exports.get(&import.name)).copied();
                let found = found.ok_or_else(|| LinkError::UnknownImport(name()))?;
                if fits(&self.store, module, import, found) {
                    Ok(found)
                } else {
                    Err(LinkError::IncompatibleType(name()))
                }
            })
            .collect()
    }
}

fn finish(thread: &mut Thread, machine: &mut Machine<'_>, address: usize) -> Executed<Vec<Value>> {
    let results = machine.store.function(address)?.ty.results.len();
    match thread.call(machine, address)?.map_or_else(|| thread.run(machine), Ok)? {
        Pause::Finished => thread.operands.pop_many(results),
        Pause::Host(..) => Err(broken("a host function where there is no host")),
    }
}

/// Whether `found` can stand for `import` (specification, matching of external types).
fn fits(store: &Store, module: &Module, import: &Import, found: Extern) -> bool {
    match (&import.ty, found) {
        (ImportType::Function(ty), Extern::Function(address)) => {
            let found = store.functions.get(address).map(|function| &function.ty);
            found.is_some() && found == module.types.get(index(*ty))
        }
        (ImportType::Table(element, limits), Extern::Table(address)) => store
            .tables
            .get(address)
            .is_some_and(|table| table.element == *element && within(table.size(), table.maximum(), *limits)),
        (ImportType::Memory(limits), Extern::Memory(address)) => {
            store.memories.get(address).is_some_and(|memory| within(memory.pages(), memory.maximum, *limits))
        }
        (ImportType::Global(ty), Extern::Global(address)) => {
            store.globals.get(address).is_some_and(|global| global.ty == *ty)
        }
        _ => false,
    }
}

/// Whether what has `size` and can grow to `maximum` is within `limits`.
fn within(size: u32, maximum: Option<u32>, limits: Limits) -> bool {
    size >= limits.minimum && limits.maximum.is_none_or(|wanted| maximum.is_some_and(|maximum| maximum <= wanted))
}

fn value_of(value: embedding::Value) -> Result<Value, Fault> {
    Ok(match value {
        embedding::Value::I32(bits) => Value::I32(bits),
        embedding::Value::I64(bits) => Value::I64(bits),
        embedding::Value::F32(bits) => Value::F32(bits),
        embedding::Value::F64(bits) => Value::F64(bits),
        embedding::Value::FuncRef { is_null: true } => Value::FuncRef(None),
        embedding::Value::FuncRef { is_null: false } => {
            return Err(Fault::Broken("a function cannot be handed over".into()));
        }
        embedding::Value::ExternRef(reference) => Value::ExternRef(reference),
    })
}

const fn told(value: Value) -> embedding::Value {
    match value {
        Value::I32(bits) => embedding::Value::I32(bits),
        Value::I64(bits) => embedding::Value::I64(bits),
        Value::F32(bits) => embedding::Value::F32(bits),
        Value::F64(bits) => embedding::Value::F64(bits),
        Value::FuncRef(address) => embedding::Value::FuncRef { is_null: address.is_none() },
        Value::ExternRef(reference) => embedding::Value::ExternRef(reference),
    }
}

impl Embedding for ReferenceEmbedding {
    fn new(revision: Arc<Revision>) -> Result<Self, Fault> {
        Ok(Self::of(&revision))
    }

    fn instantiate(&mut self, module: &ValidModule, gas: Gas) -> Result<(Instantiated, Gas), Fault> {
        let decoded = Module::decode(module, self.store.bounds.prices.as_ref());
        let decoded = decoded.map_err(|stop| Fault::Broken(format!("a valid module cannot be decoded: {stop:?}")))?;
        let imports = match self.link(&decoded) {
            Ok(imports) => imports,
            Err(error) => return Ok((Instantiated::Unlinkable(error), Gas::ZERO)),
        };
        let instance = match instantiate(&mut self.store, &decoded, &imports) {
            Ok(instance) => instance,
            Err(Stop::Halt(reason)) => return Ok((Instantiated::Halted(reason), Gas::ZERO)),
            Err(Stop::Fault(fault)) => return Err(fault),
            Err(stop) => return Err(Fault::Broken(format!("an instantiation stopped: {stop:?}"))),
        };
        let mut used = Gas::ZERO;
        if let Some(start) = decoded.start {
            let address = self.store.function_address(instance, start);
            let address = address.map_err(|_| Fault::Broken("no start function".into()))?;
            let (ended, gas_used) = self.run(address, Vec::new(), gas)?;
            used = gas_used;
            if let Err(reason) = ended {
                return Ok((Instantiated::Halted(reason), used));
            }
        }
        let id = InstanceId(u32::try_from(self.instances.len()).unwrap_or(u32::MAX));
        self.instances.push(instance);
        Ok((Instantiated::Instance(id), used))
    }

    fn register(&mut self, name: &str, instance: InstanceId) -> Result<(), Fault> {
        let instance = self.instances.get(index(instance.0)).ok_or_else(|| Fault::Broken("no such instance".into()))?;
        self.registered.insert(name.to_owned(), *instance);
        Ok(())
    }

    fn invoke(
        &mut self,
        instance: InstanceId,
        export: &str,
        arguments: &[embedding::Value],
        gas: Gas,
    ) -> Result<(Invoked, Gas), Fault> {
        let Some(Extern::Function(address)) = self.export(instance, export) else {
            return Err(Fault::Broken(format!("no function {export}")));
        };
        let arguments = arguments.iter().map(|value| value_of(*value)).collect::<Result<Vec<_>, _>>()?;
        let wanted = self.store.functions.get(address).map(|function| function.ty.parameters.as_slice());
        if wanted != Some(&*arguments.iter().map(|value| value.ty()).collect::<Vec<_>>()) {
            return Err(Fault::Broken(format!("arguments of {export} are not of its type")));
        }
        let (ended, used) = self.run(address, arguments, gas)?;
        let invoked = match ended {
            Ok(results) => Invoked::Returned(results.into_iter().map(told).collect()),
            Err(reason) => Invoked::Halted(reason),
        };
        Ok((invoked, used))
    }

    fn global(&mut self, instance: InstanceId, export: &str) -> Option<embedding::Value> {
        match self.export(instance, export)? {
            Extern::Global(address) => self.store.globals.get(address).map(|global| told(global.value)),
            _ => None,
        }
    }

    fn memory(&mut self, instance: InstanceId, export: &str) -> Option<&[u8]> {
        match self.export(instance, export)? {
            Extern::Memory(address) => self.store.memories.get(address).map(|memory| memory.bytes.as_slice()),
            _ => None,
        }
    }
}
