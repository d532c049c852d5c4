//! The inputs in `fuzz/seeds`: one folder for each target, with its first inputs and those that it has failed on.

use lockstep_fuzz::{TARGETS, runner, target};
use std::{fs, path::Path};

#[test]
fn every_seed_passes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut seeds = 0;
    for folder in fs::read_dir(&root).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let target = target(&name).unwrap_or_else(|| panic!("{name} is no target"));
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            runner::run(target, &fs::read(&path).unwrap(), || format!("{} fails", path.display()));
            seeds += 1;
        }
    }
    assert!(seeds >= TARGETS.len(), "{seeds} seeds");
}

#[test]
fn every_target_has_seeds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let without: Vec<_> =
        TARGETS.iter().map(|(name, _)| *name).filter(|name| fs::read_dir(root.join(name)).is_err()).collect();
    assert!(without.is_empty(), "{without:?}");
}
