//! What is executed is looked into as well: the replay has the same results, every unit of gas is in a stack of the profile, and
//! what did not return has a backtrace.

use lockstep_diagnosis::{Backtrace, Detail, Execution, Profile, Trace, replay};
use lockstep_vm::{BlockEnv, Executed, Outcome, Revision, StateView, ValidTx};
use std::{
    io,
    sync::{Arc, Mutex},
};

/// Looks into a transaction that production executed.
#[track_caller]
pub(crate) fn check(revision: &Revision, view: StateView, block: &BlockEnv, tx: &ValidTx, executed: &Executed) {
    let execution = Execution { revision, view, block, tx: tx.clone() };
    let backtrace = Arc::new(Mutex::new(Backtrace::default()));
    let trace = Arc::new(Mutex::new(Trace::new(io::sink(), Detail::HostCalls, &execution)));
    let profile = Arc::new(Mutex::new(Profile::new(tx, revision)));
    let replayed = replay(execution, executed, vec![backtrace.clone(), trace.clone(), profile.clone()]);
    assert_eq!(replayed, Ok(()));
    let sums = profile.lock().unwrap().finish(executed);
    assert_eq!(sums.stacks, executed.receipt.gas_used.get() + sums.refund + sums.made, "{sums:?}");
    assert!(trace.lock().unwrap().finish(executed).unwrap() > 0);
    let mut backtrace = backtrace.lock().unwrap();
    let (stops, _) = backtrace.finish(executed);
    let last = stops.last().map(|stopped| stopped.end.to_string());
    match executed.receipt.outcome {
        Outcome::Return => {}
        outcome => assert_eq!(last, Some(outcome.to_string())),
    }
}
