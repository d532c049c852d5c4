//! The corpus has the golden digests with any cache, beside other threads that run it, in this process and in another.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests panic to fail")]

use lockstep_selftest::{Golden, Ran, Section};
use lockstep_vm::{MODULE_CACHE_BYTES, Revision, Vm, engine::wasmi::Wasmi};
use std::{fs, path::Path};

fn machine(cache_bytes: u64) -> Vm {
    Vm::<Wasmi>::with_engine(Revision::V1, cache_bytes).unwrap()
}

fn run(vm: &Vm, sections: &[Section]) -> Vec<Ran> {
    sections.iter().map(|section| section.run(vm).unwrap()).collect()
}

#[track_caller]
fn check(sections: &[Section], ran: &[Ran], how: &str) {
    if let Some(difference) = Golden::release().unwrap().only(sections).difference(&Golden::of(ran)) {
        panic!("{how}: {difference}");
    }
}

/// `LOCKSTEP_BLESS=1` rewrites the golden.
#[test]
fn every_section_gives_its_golden() {
    let ran = run(&machine(MODULE_CACHE_BYTES), &Section::ALL);
    let names: Vec<&str> = ran.iter().flat_map(|ran| ran.cases.iter().map(|case| case.name.as_str())).collect();
    assert!(names.iter().all(|name| !name.contains('\n')), "a name of two lines");
    for ran in &ran {
        let mut names: Vec<_> = ran.cases.iter().map(|case| &case.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ran.cases.len(), "{}: a name comes twice", ran.section);
    }
    #[expect(clippy::disallowed_methods, reason = "the one switch of the golden files; no result depends on it")]
    let is_blessing = std::env::var("LOCKSTEP_BLESS").is_ok_and(|value| value == "1");
    if is_blessing {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases.txt");
        fs::write(path, Golden::of(&ran).to_string()).unwrap();
        return;
    }
    check(&Section::ALL, &ran, "a new machine");
}
