//! A transaction in every way: on a machine, once more when the machine has its modules, on the reference interpreter. The replay
//! looks into what was executed.

use crate::diagnosed;
use lockstep_reference::Reference;
use lockstep_vm::{BlockEnv, Executed, StateView, ValidTx, Vm};
use std::sync::Arc;

/// Executes `tx`, and panics if a way of doing it has another result than the first. A revision without a `reference` is
/// executed on `production` alone.
#[track_caller]
pub(crate) fn execute(
    production: &Vm,
    reference: Option<&Vm<Reference>>,
    view: &StateView,
    block: &BlockEnv,
    tx: &ValidTx,
) -> Executed {
    let executed = production.execute_tx(Arc::clone(view), block, tx.clone());
    let executed = executed.unwrap_or_else(|fault| panic!("fault: {fault}"));
    let again = production.execute_tx(Arc::clone(view), block, tx.clone());
    assert_eq!(again.as_ref(), Ok(&executed), "the second time");
    if let Some(reference) = reference {
        let interpreted = reference.execute_tx(Arc::clone(view), block, tx.clone());
        assert_eq!(interpreted.as_ref(), Ok(&executed), "on the reference interpreter");
    }
    diagnosed::check(production.revision(), Arc::clone(view), block, tx, &executed);
    executed
}
