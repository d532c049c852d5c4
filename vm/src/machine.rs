//! The machine: an engine set up for one revision, and the modules that it has compiled.

use crate::{
    abi::protocol::Opening,
    code::CodeId,
    engine::{Engine, wasmi::Wasmi},
    module::{InvalidModule, ValidModule},
    module_cache::{ModuleCache, ModuleKey},
    precompiled::{self, Carried},
};
use alloy_primitives::Bytes;
use lockstep_gas::{Gas, HostFunction, NewCode, PAGE_BYTES, Revision, TABLE_ELEMENT_BYTES};
use lockstep_host::Fault;
use std::sync::Arc;

/// Bytes of compiled modules that a machine keeps.
pub const MODULE_CACHE_BYTES: u64 = 256 * 1_024 * 1_024;

/// A virtual machine for one revision. It holds no state of the chain; any number of threads can use it at once.
pub struct Vm<E: Engine = Wasmi> {
    pub(crate) engine: E,
    revision: Arc<Revision>,
    digest: [u8; 32],
    /// The modules that the revision carries.
    carried: Vec<Carried>,
    modules: ModuleCache<CompiledModule<E>>,
}

/// A module that is ready to run.
pub(crate) struct CompiledModule<E: Engine> {
    pub(crate) valid: ValidModule,
    pub(crate) code: E::Code,
    instance_gas: Gas,
    /// What an instance of it counts as in the memory of a transaction, beside its pages.
    pub(crate) memory_bytes: u64,
}

/// Where a compiled module stays beside the transaction that uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// In the machine's cache.
    InCache,
    /// Nowhere else.
    Nowhere,
}

impl Vm<Wasmi> {
    /// A machine for `revision` on the production engine, keeping [`MODULE_CACHE_BYTES`] of compiled modules.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if this build cannot run the revision as it must be run: its interpreter recurses on the native stack, and
    /// the fault says the lines of `Cargo.toml` that cure it (`docs/embedding.md`); or a panic ends the process (`Wasmi::where_panics_abort` is the way to ask for that).
    pub fn new(revision: Revision) -> Result<Self, Fault> {
        Self::with_engine(revision, MODULE_CACHE_BYTES)
    }

    /// How this build goes from one instruction to the next: a node on x86-64 or aarch64 is to have
    /// [`Dispatch::Auto`](crate::Dispatch::Auto).
    pub const fn dispatch(&self) -> crate::engine::wasmi::Dispatch {
        self.engine.dispatch()
    }
}

impl<E: Engine> Vm<E> {
    /// A machine for `revision` on the engine `E`, keeping at most `module_cache_bytes` of compiled modules.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if this build cannot run the revision as it must be run, or a module that the revision carries is not valid
    /// under it.
    pub fn with_engine(revision: Revision, module_cache_bytes: u64) -> Result<Self, Fault> {
        let revision = Arc::new(revision);
        let engine = E::new(Arc::clone(&revision))?;
        let vm = Self::from_engine(engine, revision, module_cache_bytes);
        vm.check_carried()?;
        Ok(vm)
    }

    /// A machine on an engine that is there already: one that was made with more than a revision, as for a replay.
    /// `revision` is the one that `engine` was made for.
    pub fn from_engine(engine: E, revision: Arc<Revision>, module_cache_bytes: u64) -> Self {
        let (digest, carried) = (revision.digest(), precompiled::carried(&revision));
        Self { engine, digest, carried, revision, modules: ModuleCache::new(module_cache_bytes) }
    }

    /// The revision.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// The module with that identity: from the cache, or validated and compiled.
    pub(crate) fn module(&self, id: CodeId, code: &Bytes, keep: Keep) -> Result<Arc<CompiledModule<E>>, InvalidModule> {
        let key = ModuleKey { code: id, revision: self.digest };
        if let Some(module) = self.modules.get(&key) {
            return Ok(module);
        }
        let valid = ValidModule::parse(code.clone(), id.abi, &self.revision)?;
        let code = self.engine.compile(&valid)?;
        let instance_gas = self.instance_gas(&valid);
        let memory_bytes = self.instance_bytes(&valid);
        let module = Arc::new(CompiledModule { valid, code, instance_gas, memory_bytes });
        if keep == Keep::InCache {
            self.modules.insert(key, Arc::clone(&module), module.valid.compiled_bytes());
        }
        Ok(module)
    }

    /// Checks code before it is put on an account: validates it and compiles it.
    ///
    /// # Errors
    ///
    /// [`InvalidModule`] if it is no module of `abi` under this revision.
    pub fn check_code(&self, id: CodeId, code: &Bytes) -> Result<(), InvalidModule> {
        self.deployable(id, code).map(|_| ())
    }

    /// As [`check_code`](Self::check_code). Whether a deployment runs something of it: what the ABI calls a constructor.
    pub(crate) fn deployable(&self, id: CodeId, code: &Bytes) -> Result<bool, InvalidModule> {
        Ok(self.module(id, code, Keep::InCache)?.valid.constructor().is_some())
    }

    /// Checks the modules that the revision carries, so that no call finds one that is none.
    fn check_carried(&self) -> Result<(), Fault> {
        for Carried { id, code } in &self.carried {
            let checked = self.check_code(*id, code);
            checked.map_err(|error| Fault::Broken(format!("a module of the revision is not valid: {error}")))?;
        }
        Ok(())
    }

    /// The module at `position` among those of the revision.
    pub(crate) fn carried(&self, position: u16) -> Result<&Carried, Fault> {
        let carried = self.carried.get(usize::from(position));
        carried.ok_or_else(|| Fault::Broken("a precompiled contract names a module that is not there".into()))
    }

    /// What instantiation costs, by what there is to make and to copy.
    //= spec 3.17, 3.18, 3.19
    fn instance_gas(&self, module: &ValidModule) -> Gas {
        let schedule = &self.revision.schedule;
        let prices = &schedule.frame;
        let pages = module.memory().map_or(0, |memory| u64::from(memory.minimum_pages));
        let bytes = pages
            .saturating_mul(PAGE_BYTES)
            .saturating_add(module.data_bytes())
            .saturating_add(module.table_elements().saturating_mul(TABLE_ELEMENT_BYTES));
        // Each instance copies the names of its exports: the beginning of a name is in the price of its item.
        let names = module.exports().fold(0_u64, |sum, (name, _)| {
            sum.saturating_add(
                u64::try_from(name.len()).unwrap_or(u64::MAX).checked_div(prices.name_bytes_per_item).unwrap_or(0),
            )
        });
        Gas::new(prices.per_item)
            .times(module.items().saturating_add(names))
            .plus(schedule.instructions.as_ref().map_or(Gas::ZERO, |instructions| instructions.bulk(bytes)))
    }

    /// What an instance of `module` keeps of the host's memory beside its pages, by the revision's measure.
    //= spec 3.12
    fn instance_bytes(&self, module: &ValidModule) -> u64 {
        let limits = &self.revision.transaction;
        let items = module.items().saturating_mul(u64::from(limits.item_memory_bytes));
        let elements = module.table_elements().saturating_mul(u64::from(limits.table_element_memory_bytes));
        // Each instance has the names of its exports for itself.
        let names = module
            .exports()
            .fold(0_u64, |sum, (name, _)| sum.saturating_add(u64::try_from(name.len()).unwrap_or(u64::MAX)));
        u64::from(limits.frame_memory_bytes).saturating_add(items).saturating_add(elements).saturating_add(names)
    }

    /// What a frame pays before its first instruction, beside its code.
    //= spec 6.7.17
    pub(crate) fn start_gas(&self, module: &CompiledModule<E>, opening: &Opening) -> Gas {
        if opening.pays_for_pages {
            let price = self.revision.schedule.host(HostFunction::CallExport);
            module.instance_gas.plus(price.for_pages(u64::from(opening.pages)))
        } else {
            module.instance_gas
        }
    }

    /// The gas that deploying `code` costs beyond the transaction's input, for information.
    pub fn deploy_gas(&self, code: &[u8]) -> Gas {
        let bytes = u64::try_from(code.len()).unwrap_or(u64::MAX);
        self.revision.intrinsic_gas(&[code], NewCode::Deployed { bytes })
    }
}
