//! Rules about generated files: printed pages, prebuilt modules.

use crate::{hold, tree};
use xtask::{
    docs,
    guests::{self, Guest},
};

#[test]
fn printed_pages_are_current() {
    let tree = tree();
    let stale = docs::pages().into_iter().filter(|page| tree.text(page.path).ok().as_ref() != Some(&page.text));
    let broken_by: Vec<String> = stale.map(|page| page.path.to_owned()).collect();
    hold(
        &broken_by,
        "The tables in the code have changed: run `cargo xtask docs`. If a price, limit or rule of a released revision is \
         among the changes, make a new revision instead (CONTRIBUTING.md).",
    );
}

#[test]
fn prebuilt_modules_are_current() {
    let tree = tree();
    let guests = guests::from_wat(&tree).unwrap();
    assert!(guests.len() >= 10, "the sources of the contracts were not found");
    let stale = guests.into_iter().filter_map(|guest| match guest {
        Guest::Built(module) => (tree.bytes(&module.path).ok().as_ref() != Some(&module.wasm)).then_some(module.path),
        Guest::Skipped { source, reason } => Some(format!("{source}: {reason}")),
    });
    hold(&stale.collect::<Vec<_>>(), "A module is not the one of its source: run `cargo xtask guests`.");
}

#[test]
fn every_prebuilt_module_has_a_source() {
    let tree = tree();
    let orphans = tree.files_in("contracts", "wasm").unwrap().into_iter().filter(|path| {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let build_files = ["Cargo.toml", "go.mod", "clang.args", "asconfig.json"];
        !tree.has(&path.replace(".wasm", ".wat"))
            && !build_files.iter().any(|file| tree.has(&format!("{folder}/{file}")))
    });
    hold(&orphans.collect::<Vec<_>>(), "A prebuilt module belongs beside the source that it comes from.");
}
