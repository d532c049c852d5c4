//! The machine: an engine set up for one revision, and the modules that it has compiled.

use crate::{
    code::{CodeId, code_bytes, is_wasm},
    engine::{Engine, wasmi::Wasmi},
    entry::Plan,
    module::{InvalidModule, ValidModule},
    module_cache::{ModuleCache, ModuleKey},
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
    modules: ModuleCache<CompiledModule<E>>,
}

/// A module that is ready to run.
pub(crate) struct CompiledModule<E: Engine> {
    pub(crate) valid: ValidModule,
    pub(crate) code: E::Code,
    start_gas: Gas,
}

impl Vm<Wasmi> {
    /// A machine for `revision` on the production engine, keeping [`MODULE_CACHE_BYTES`] of compiled modules.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if this build cannot run the revision as it must be run: its interpreter recurses on the native stack, or
    /// a panic ends the process (`Wasmi::where_panics_abort` is the way to ask for that).
    pub fn new(revision: Revision) -> Result<Self, Fault> {
        Self::with_engine(revision, MODULE_CACHE_BYTES)
    }
}

impl<E: Engine> Vm<E> {
    /// A machine for `revision` on the engine `E`, keeping at most `module_cache_bytes` of compiled modules.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if this build cannot run the revision as it must be run.
    pub fn with_engine(revision: Revision, module_cache_bytes: u64) -> Result<Self, Fault> {
        let revision = Arc::new(revision);
        let engine = E::new(Arc::clone(&revision))?;
        Ok(Self::from_engine(engine, revision, module_cache_bytes))
    }

    /// A machine on an engine that is there already: one that was made with more than a revision, as for a replay.
    /// `revision` is the one that `engine` was made for.
    pub fn from_engine(engine: E, revision: Arc<Revision>, module_cache_bytes: u64) -> Self {
        Self { engine, digest: revision.digest(), revision, modules: ModuleCache::new(module_cache_bytes) }
    }

    /// The revision.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// The module with that identity: from the cache, or validated and compiled.
    pub(crate) fn module(&self, id: CodeId, code: &Bytes) -> Result<Arc<CompiledModule<E>>, InvalidModule> {
        let key = ModuleKey { code: id, revision: self.digest };
        if let Some(module) = self.modules.get(&key) {
            return Ok(module);
        }
        let valid = ValidModule::parse(code.clone(), id.abi, &self.revision)?;
        let code = self.engine.compile(&valid)?;
        let start_gas = self.module_gas(&valid);
        let module = Arc::new(CompiledModule { valid, code, start_gas });
        self.modules.insert(key, Arc::clone(&module), compiled_bytes(&module.valid));
        Ok(module)
    }

    /// The module of an account. `None` if its code never was one: bytes that a creation left behind, or, under a
    /// revision that allows it, code that was never checked.
    pub(crate) fn module_of_account(&self, id: CodeId, code: &Bytes) -> Result<Option<Arc<CompiledModule<E>>>, Fault> {
        if !is_wasm(code) {
            return Ok(None);
        }
        match self.module(id, code) {
            Ok(module) => Ok(Some(module)),
            Err(_) if self.revision.rules.unchecked_code => Ok(None),
            Err(error) => Err(Fault::Broken(format!("code {} was accepted once and is not now: {error}", id.hash))),
        }
    }

    /// Checks code before it is put on an account: validates it and compiles it.
    ///
    /// # Errors
    ///
    /// [`InvalidModule`] if it is no module of `abi` under this revision.
    pub fn check_code(&self, id: CodeId, code: &Bytes) -> Result<(), InvalidModule> {
        self.module(id, code).map(|_| ())
    }

    /// What a frame pays for its code alone, before anybody looks into the code: the part of the start that is known
    /// without it.
    pub(crate) fn code_gas(&self, code_bytes: u32) -> Gas {
        let prices = &self.revision.schedule.frame;
        let code_words = u64::from(code_bytes.div_ceil(32));
        Gas::new(prices.base).plus(Gas::new(prices.per_code_word).times(code_words))
    }

    /// What instantiation costs, by what there is to make and to copy.
    fn module_gas(&self, module: &ValidModule) -> Gas {
        let schedule = &self.revision.schedule;
        let prices = &schedule.frame;
        let pages = module.memory().map_or(0, |memory| u64::from(memory.minimum_pages));
        let bytes = pages
            .saturating_mul(PAGE_BYTES)
            .saturating_add(module.data_bytes())
            .saturating_add(module.table_elements().saturating_mul(TABLE_ELEMENT_BYTES));
        self.code_gas(code_bytes(module.code()))
            .plus(Gas::new(prices.per_item).times(module.items()))
            .plus(schedule.instructions.as_ref().map_or(Gas::ZERO, |instructions| instructions.bulk(bytes)))
    }

    /// What a frame pays before its first instruction.
    pub(crate) fn start_gas(&self, module: &CompiledModule<E>, plan: &Plan) -> Gas {
        if plan.pays_for_pages {
            let price = self.revision.schedule.host(HostFunction::CallExport);
            module.start_gas.plus(price.for_pages(u64::from(plan.pages)))
        } else {
            module.start_gas
        }
    }

    /// The gas that deploying `code` costs beyond the transaction's input, for information.
    pub fn deploy_gas(&self, code: &[u8]) -> Gas {
        let bytes = u64::try_from(code.len()).unwrap_or(u64::MAX);
        self.revision.intrinsic_gas(&[code], NewCode::Deployed { bytes })
    }
}

/// Memory that a compiled module takes, at the most and roughly: wasmi's code is up to ten times as large as the Wasm that
/// it comes from; each value that a branch hands over can be an instruction of 16 bytes (measured: a body of nothing but
/// branches with 16 results becomes 93 times as large); each function and type has a fixed part.
fn compiled_bytes(module: &ValidModule) -> u64 {
    let code = u64::try_from(module.code().len()).unwrap_or(u64::MAX);
    code.saturating_mul(10)
        .saturating_add(module.branch_values().saturating_mul(24))
        .saturating_add(module.items().saturating_mul(256))
        .saturating_add(16_384)
}
