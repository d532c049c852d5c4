//! Every hostile program runs as it is meant to, and takes no more of the host's memory than its gas has paid for.
//!
//! One test measures memory, in an executable of its own: the counting allocator is the whole process's.

use cap::Cap;
use lockstep_benches::hostile::{Heap, Subject, Taken, recipes};
use lockstep_gas::{HostFunction, Operator, Precompile, Revision};
use std::{alloc::System, collections::BTreeSet};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const HEAP: Heap = Heap {
    allocated: || ALLOCATOR.allocated() as u64,
    total: || ALLOCATOR.total_allocated() as u64,
    maximum: || ALLOCATOR.max_allocated() as u64,
};

/// Bytes that the translation of one module and the machine's own rows may have at one time.
const MACHINE_BYTES_MAX: u64 = 128 << 20;

/// Bytes that a unit of gas may allocate, those given back included. A page at its price is 16 bytes a gas.
const BYTES_PER_GAS_MAX: u64 = 64;

/// What every transaction may allocate besides, its input and the machine's own rows.
const BYTES_FREE: u64 = 1 << 20;

/// What a program is, and what a run of it took.
struct Run {
    name: String,
    subject: Subject,
    gas: u64,
    taken: Taken,
}

#[test]
fn every_program_runs_as_it_is_meant_to_on_memory_that_is_paid_for() {
    let mut runs = Vec::new();
    let mut wrong = Vec::new();
    for recipe in recipes() {
        // The first run compiles: the state and the machine are made before.
        let run = recipe.stage(0).and_then(|stage| stage.run_on(&HEAP));
        match run {
            Ok((spent, taken)) => {
                runs.push(Run { name: recipe.name, subject: recipe.subject, gas: spent.gas, taken });
            }
            Err(error) => wrong.push(format!("{error:#}")),
        }
    }
    assert!(wrong.is_empty(), "{} programs do not run as they are meant to:\n{}", wrong.len(), wrong.join("\n"));

    let subjects: BTreeSet<Subject> = runs.iter().map(|run| run.subject).collect();
    for &operator in Operator::ALL {
        let priced = Revision::V1.schedule.operator(operator).is_some();
        assert_eq!(subjects.contains(&Subject::Operator(operator)), priced, "operator {}", operator.name());
    }
    for &function in HostFunction::ALL {
        let offered = Revision::V1.schedule.offered().contains(function);
        assert_eq!(subjects.contains(&Subject::HostFunction(function)), offered, "host function {}", function.name());
    }
    for (address, precompile) in Revision::V1.precompiles.iter() {
        let Precompile::Native(native) = precompile else { panic!("{address:?}: a module has no programs here") };
        assert!(subjects.contains(&Subject::Precompile(native.name())), "precompile {}", native.name());
    }
    let names: BTreeSet<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names.len(), runs.len(), "names are unique");

    let limits = &Revision::V1.transaction;
    let peak_max = limits.memory_bytes_max + limits.stack_bytes_max + MACHINE_BYTES_MAX;
    let too_much = |run: &&Run| {
        let allowed = BYTES_FREE + run.gas * BYTES_PER_GAS_MAX;
        run.taken.peak > peak_max || run.taken.total > allowed
    };
    let too_much: Vec<_> = runs.iter().filter(too_much).collect();
    let listed: Vec<_> = too_much
        .iter()
        .map(|run| {
            let per_gas = run.taken.total as f64 / run.gas as f64;
            format!("{}: {} bytes at one time, {per_gas:.1} a gas", run.name, run.taken.peak)
        })
        .collect();
    assert!(listed.is_empty(), "memory that is not paid for:\n{}", listed.join("\n"));
}
