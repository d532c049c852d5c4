//! The section of the state tests in `fixtures`: Byzantium's rules, and Ethereum's own root of the state after each case.

use crate::{fixture::Fixture, run::execute};
use lockstep_selftest::{Case, Recording};
use lockstep_vm::{Fault, Vm, engine::Engine};

/// The files; they are part of the program, so that it runs where there is no checkout.
const FILES: [(&str, &[u8]); 11] = [
    ("balance_beyond_128_bits", include_bytes!("../../fixtures/balance_beyond_128_bits.json")),
    ("call_depth", include_bytes!("../../fixtures/call_depth.json")),
    ("call_of_code_that_is_no_module", include_bytes!("../../fixtures/call_of_code_that_is_no_module.json")),
    ("call_that_reverts", include_bytes!("../../fixtures/call_that_reverts.json")),
    ("creation", include_bytes!("../../fixtures/creation.json")),
    ("creation_by_a_contract", include_bytes!("../../fixtures/creation_by_a_contract.json")),
    ("creation_with_empty_init_code", include_bytes!("../../fixtures/creation_with_empty_init_code.json")),
    (
        "return_data_outlives_a_call_that_does_not_begin",
        include_bytes!("../../fixtures/return_data_outlives_a_call_that_does_not_begin.json"),
    ),
    ("self_destruction", include_bytes!("../../fixtures/self_destruction.json")),
    ("storage_and_logs", include_bytes!("../../fixtures/storage_and_logs.json")),
    ("transfer", include_bytes!("../../fixtures/transfer.json")),
];

pub(super) fn run<E: Engine>(vm: &Vm<E>) -> Result<Vec<Case>, Fault> {
    let mut cases = Vec::new();
    for (file, content) in FILES {
        let fixture = Fixture::parse(content).map_err(|error| Fault::Broken(format!("{file}: {error}")))?;
        for test in &fixture.tests {
            for case in &test.cases {
                let ended = execute(vm, test, case)?;
                let mut recording = Recording::default();
                match &ended.transaction {
                    Ok(executed) => recording.note(&(true, &executed.receipt, &executed.diff)),
                    Err(error) => recording.note(&(false, error.to_string())),
                }
                let hashes = ended.hashes().map_err(|error| Fault::Broken(format!("{file}: {error}")))?;
                recording.note(&(hashes.state_root.0, hashes.logs.0));
                cases.push(recording.case(format!("{file}, {} {}", test.name, case.position)));
            }
        }
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    #[test]
    fn every_fixture_is_in_the_corpus() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let jsons = paths.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
        let on_disk: BTreeSet<String> = jsons.map(|path| path.file_stem().unwrap().to_str().unwrap().into()).collect();
        let here: BTreeSet<String> = FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
        assert_eq!(here, on_disk);
    }
}
