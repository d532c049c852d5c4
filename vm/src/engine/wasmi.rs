//! The production engine: wasmi 2.0.0, eager, deterministic, metered by its fuel.
//!
//! This file and its folder are all that names wasmi, and all where gas is called fuel. A gas schedule is lowered to wasmi's
//! table of operator costs, so the charge for a region is one instruction of the interpreter.

mod config;
mod dispatch;
mod embedding;
mod exposed;
mod gathered;
mod host;
mod instance;
mod kept;
mod limiter;
mod link;
mod normal;
mod renewable;
mod translate;
mod trap;

pub use dispatch::Dispatch;
pub use embedding::LinkedWasmi;
pub use instance::WasmiInstance;

use self::{
    config::{config, operator_cost},
    host::Host,
    kept::Kept,
    limiter::Limiter,
    normal::NormalModule,
    renewable::Renewal,
    trap::instantiation_stop,
};
use super::{Engine, FrameState};
use crate::module::{InvalidModule, ValidModule};
use lockstep_gas::{PAGE_BYTES, Revision};
use lockstep_host::{Fault, Stop};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use wasmi::{Linker, Module, Store};

/// wasmi set up for one revision.
pub struct Wasmi {
    revision: Arc<Revision>,
    kept: Kept,
    /// Modules that were compiled so far.
    compiled: AtomicU64,
}

/// A compiled module with its imports resolved.
///
/// Each module has a wasmi engine of its own: an engine keeps the code of its modules until it is dropped itself, so
/// one for all would never give back the memory of a module that left the cache.
pub struct WasmiCode {
    module: Module,
    linker: Linker<Host>,
    /// Tells it from every other code that the engine has compiled.
    number: u64,
    renewal: Option<Arc<Renewal>>,
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
        Ok(Self { revision, kept: Kept::default(), compiled: AtomicU64::new(0) })
    }

    /// How this build goes from one instruction to the next.
    pub const fn dispatch(&self) -> Dispatch {
        Dispatch::OF_THIS_BUILD
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
        let mut config = config(&self.revision, module.abi());
        config.operator_cost(operator_cost(&self.revision, |operator, price| normal.engine_price(operator, price)));
        let engine = wasmi::Engine::new(&config);
        let mut linker = Linker::new(&engine);
        // A module may import one function several times; it is one definition.
        linker.allow_shadowing(true);
        for import in module.imports() {
            link::link(&mut linker, import)?;
        }
        let renewal = Renewal::of(module, &self.revision).map(Arc::new);
        let globals = renewal.as_ref().map_or(Default::default(), |renewal| renewal.globals.as_slice());
        let pages = module.memory().map_or(0, |memory| u64::from(memory.minimum_pages));
        let code = gathered::gathered(normal.code(), pages.saturating_mul(PAGE_BYTES))?;
        let code = exposed::exposed(&code, globals)?;
        let module = translate::translate(&engine, &code)?;
        let number = self.compiled.fetch_add(1, Ordering::Relaxed);
        Ok(WasmiCode { module, linker, number, renewal })
    }

    fn instantiate(&self, code: &WasmiCode, state: FrameState) -> Result<WasmiInstance, Stop> {
        let revision = Arc::clone(&self.revision);
        let limiter = Limiter::frame(revision.limits(state.frame.abi), state.memory_pages_max);
        let host =
            Host { state, revision, memory: None, session: None, stop: None, asked: None, held_back: 0, limiter };
        if let Some(mut instance) = self.kept.take(code.number) {
            instance.renew(host)?;
            return Ok(instance);
        }
        let mut store = Box::new(Store::new(code.linker.engine(), host));
        store.limiter(|host| &mut host.limiter);
        let instance = code.linker.instantiate_and_start(&mut *store, &code.module).map_err(instantiation_stop)?;
        let memory = instance.get_memory(&*store, "memory");
        store.data_mut().memory = memory;
        let mut instance = WasmiInstance { store, instance, suspended: None, result: Vec::new(), renewable: None };
        if let Some(renewal) = &code.renewal {
            instance.note_renewal(code.number, renewal);
        }
        Ok(instance)
    }

    fn take_back(&self, instance: WasmiInstance) {
        self.kept.keep(instance);
    }
}
