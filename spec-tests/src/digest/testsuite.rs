//! The section of the specification's testsuite: each file under `SPEC` and under `V1`, with every result, trap, gas figure
//! and the memories and globals at its end.

use crate::wast::{FileRun, SuiteRevision, run as run_script, scripts};
use lockstep_selftest::{Case, Recording};
use lockstep_vm::{Fault, engine::embedding::Embedding};

/// Runs the files on the engine `E`.
pub(super) fn run<E: Embedding>() -> Result<Vec<Case>, Fault> {
    let revisions = [("spec", SuiteRevision::Spec.revision()), ("v1", SuiteRevision::V1.revision())];
    let mut cases = Vec::new();
    for script in scripts() {
        for (name, revision) in &revisions {
            let ran = run_script::<E>(&script, revision);
            let ran = ran.map_err(|error| Fault::Broken(format!("{}: {error}", script.name)))?;
            let FileRun { passed, failed, skipped, refused, gas, digest, .. } = ran;
            let failed: Vec<u64> = failed.iter().map(|(line, _)| u64::try_from(*line).unwrap_or(u64::MAX)).collect();
            let mut recording = Recording::default();
            recording.note(&(passed, failed, skipped, refused, gas, digest));
            cases.push(recording.case(format!("{} under {name}", script.name)));
        }
    }
    Ok(cases)
}
