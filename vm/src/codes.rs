//! The codes that one transaction uses: the first frame of each pays for translating it, and it stays compiled until the
//! transaction ends (`docs/spec.md`, section 3).
//!
//! What a frame pays depends on the frames of its own transaction that came before it, and on nothing else: not on the
//! module cache, not on other transactions. A revert undoes nothing here, for the work was done.

use crate::{
    code::{CodeId, is_wasm},
    engine::Engine,
    journal::Journal,
    machine::{CompiledModule, Keep, Vm},
    precompiled::Carried,
};
use alloy_primitives::Bytes;
use lockstep_gas::Gas;
use lockstep_host::Fault;
use std::{collections::BTreeMap, sync::Arc};

/// The codes that a transaction has used so far.
//= spec 3.27
pub(crate) struct Codes<E: Engine> {
    used: BTreeMap<CodeId, Result<Arc<CompiledModule<E>>, NoModule>>,
}

/// Code that was looked into and is no valid module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoModule {
    /// Whether it claims to be one.
    is_wasm: bool,
}

impl<E: Engine> Codes<E> {
    pub(crate) const fn new() -> Self {
        Self { used: BTreeMap::new() }
    }

    /// What a frame pays for its code: the part of its start that is known before the code is read.
    //= spec 2.19, 3.5
    pub(crate) fn price(&self, vm: &Vm<E>, id: CodeId) -> Gas {
        let prices = &vm.revision().schedule.frame;
        let base = Gas::new(prices.base);
        if self.used.contains_key(&id) {
            return base;
        }
        base.plus(Gas::new(prices.first_use)).plus(Gas::new(prices.first_use_byte).times(u64::from(id.bytes)))
    }

    /// The module of an account. `None` if its code never was one: bytes that a creation left behind, or, under a
    /// revision that allows it, code that was never checked. Code that was used before is not read again.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the code cannot be read, or was accepted once and is not now.
    pub(crate) fn of_account(
        &mut self,
        vm: &Vm<E>,
        id: CodeId,
        journal: &mut Journal,
    ) -> Result<Option<Arc<CompiledModule<E>>>, Fault> {
        let looked = match self.used.get(&id) {
            Some(looked) => looked.clone(),
            None => {
                let code = journal.code(&id)?;
                self.look(vm, id, &code, Keep::InCache)
            }
        };
        match looked {
            Ok(module) => Ok(Some(module)),
            Err(NoModule { is_wasm }) if vm.revision().rules.unchecked_code || !is_wasm => Ok(None),
            //= spec 3.8
            Err(_) => Err(Fault::Broken(format!("code {} was accepted once and is not now", id.hash))),
        }
    }

    /// A module that the revision carries.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if it is not valid: the machine was made without looking.
    pub(crate) fn of_revision(&mut self, vm: &Vm<E>, carried: &Carried) -> Result<Arc<CompiledModule<E>>, Fault> {
        let looked = self.look(vm, carried.id, &carried.code, Keep::InCache);
        looked.map_err(|_| Fault::Broken(format!("module {} of the revision is not valid", carried.id.hash)))
    }

    /// The module of init code, which runs once: it does not push contracts out of the cache.
    ///
    /// # Errors
    ///
    /// [`NoModule`] if it is none.
    //= spec 3.29
    pub(crate) fn of_creation(
        &mut self,
        vm: &Vm<E>,
        id: CodeId,
        code: &Bytes,
    ) -> Result<Arc<CompiledModule<E>>, NoModule> {
        self.look(vm, id, code, Keep::Nowhere)
    }

    /// Looks into code that a creation leaves behind and pays for by the byte: from here on it is used.
    ///
    /// # Errors
    ///
    /// [`NoModule`] if it is none.
    //= spec 3.29
    pub(crate) fn deposit(&mut self, vm: &Vm<E>, id: CodeId, code: &Bytes) -> Result<(), NoModule> {
        self.look(vm, id, code, Keep::InCache).map(|_| ())
    }

    fn look(&mut self, vm: &Vm<E>, id: CodeId, code: &Bytes, keep: Keep) -> Result<Arc<CompiledModule<E>>, NoModule> {
        let looked = self.used.entry(id);
        looked.or_insert_with(|| vm.module(id, code, keep).map_err(|_| NoModule { is_wasm: is_wasm(code) })).clone()
    }
}
