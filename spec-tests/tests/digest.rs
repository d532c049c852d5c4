//! The digest of the corpus: golden, and the same with any cache, beside views in other threads, and in another process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy.toml allows it in test functions alone")]

use lockstep_reference::{Event, Observer, Reference};
use lockstep_selftest::{Ran, Section, total};
use lockstep_spec_tests::digest::Part;
use lockstep_vm::{MODULE_CACHE_BYTES, Revision, Vm};
use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

/// Sections that take a moment only, and between them do everything but compute for long.
const SHORT: [Part; 7] = [
    Part::Selftest(Section::Contracts),
    Part::Selftest(Section::Environment),
    Part::Selftest(Section::Crypto),
    Part::Selftest(Section::Precompiles),
    Part::Selftest(Section::NanPayloads),
    Part::StateTests,
    Part::Store,
];

fn run(parts: impl IntoIterator<Item = Part>, cache_bytes: u64) -> Vec<Ran> {
    parts.into_iter().map(|part| part.run_with(cache_bytes).unwrap()).collect()
}

/// As the program prints it.
fn text(sections: &[Ran]) -> String {
    sections.iter().fold(String::new(), |mut text, ran| {
        writeln!(text, "section {} {} {}", ran.section, ran.cases.len(), ran.digest()).unwrap();
        text
    })
}

/// The program, with these sections.
fn program(sections: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_digest")).args(sections).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// `LOCKSTEP_BLESS=1` rewrites the golden. The program runs it in a process of its own.
#[test]
fn the_digest_is_golden() {
    let printed = program(&[]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/digest.txt");
    #[expect(clippy::disallowed_methods, reason = "the one switch of the golden files; no result depends on it")]
    let is_blessing = std::env::var("LOCKSTEP_BLESS").is_ok_and(|value| value == "1");
    if is_blessing {
        fs::write(path, printed).unwrap();
        return;
    }
    assert_eq!(printed, fs::read_to_string(path).unwrap(), "`cargo xtask determinism` says which cases differ");
}

#[test]
fn caches_do_not_show() {
    let expected = text(&run(SHORT, MODULE_CACHE_BYTES));
    for cache_bytes in [0, 20_000] {
        assert_eq!(text(&run(SHORT, cache_bytes)), expected, "{cache_bytes} bytes");
    }
    // One machine, which has compiled everything before.
    let vm = Vm::new(Revision::V1).unwrap();
    let sections = [Section::Contracts, Section::Environment, Section::NanPayloads];
    let [cold, warm] = [(); 2].map(|()| sections.map(|section| section.run(&vm).unwrap()));
    assert_eq!(cold, warm);
}

#[test]
fn eight_views_at_a_time_do_not_show() {
    let sections = [Section::Contracts, Section::Environment, Section::NanPayloads];
    let run = |vm: &Vm| sections.map(|section| section.run(vm).unwrap());
    let alone = run(&Vm::new(Revision::V1).unwrap());
    let vm = Vm::new(Revision::V1).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| run(&vm))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

/// Counts what it is told.
#[derive(Default)]
struct Counter(u64);

impl Observer for Counter {
    fn event(&mut self, _event: &Event<'_>) {
        self.0 += 1;
    }
}

#[test]
fn tracing_does_not_show() {
    let counter = Arc::new(Mutex::new(Counter::default()));
    let revision = Arc::new(Revision::V1);
    let engine = Reference::observed(Arc::clone(&revision), counter.clone());
    let traced = Vm::from_engine(engine, revision, MODULE_CACHE_BYTES);
    let vm = Vm::new(Revision::V1).unwrap();
    for section in [Section::Contracts, Section::Environment, Section::Crypto, Section::NanPayloads] {
        assert_eq!(section.run(&traced).unwrap(), section.run(&vm).unwrap());
        let told = std::mem::take(&mut counter.lock().unwrap().0);
        assert!(told > 1_000, "{section:?}: {told} events");
    }
}

#[test]
fn another_process_gives_the_same() {
    let names = SHORT.map(Part::name);
    let here = run(SHORT, MODULE_CACHE_BYTES);
    assert_eq!(program(&names), text(&here));
    let all = total(&here);
    assert_ne!(all, total(&here[1..]), "the digest over all depends on each section");
}
