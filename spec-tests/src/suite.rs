//! Runs the state tests of files and folders and counts.
//!
//! The unit of the count is the case: one post entry of one test of one file. A path that cannot be used counts as one
//! failed case, so that nothing that was named goes by unseen.

use crate::{
    fixture::{Fixture, FixtureError},
    run::{self, Mismatch},
};
use core::fmt;
use lockstep_vm::{Vm, engine::Engine};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// How many cases passed and failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Cases that ended as they should.
    pub passed: u64,
    /// Cases that did not, and paths that cannot be used.
    pub failed: u64,
    /// Post entries of other forks, which were not run.
    pub other_forks: u64,
}

/// `N passed, M failed`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// One failure, for a person to read.
#[derive(Debug)]
pub struct Failure {
    /// The file or folder.
    pub path: PathBuf,
    /// What failed.
    pub cause: Cause,
}

/// What failed.
#[derive(Debug)]
pub enum Cause {
    /// The file or folder cannot be read.
    Unreadable(io::Error),
    /// The folder has no file of tests in it, nor has any below it.
    NoFile,
    /// The folder is a link to one that it lies in.
    Cycle,
    /// The file's content cannot be used.
    Fixture(FixtureError),
    /// A case failed.
    Case {
        /// The name of the test.
        test: String,
        /// Position of the case in the test.
        position: usize,
        /// What did not match.
        mismatch: Box<Mismatch>,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FAILED {}: ", self.path.display())?;
        match &self.cause {
            Cause::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Cause::NoFile => f.write_str("the folder has no .json file"),
            Cause::Cycle => f.write_str("the folder contains itself by a link"),
            Cause::Fixture(error) => error.fmt(f),
            Cause::Case { test, position, mismatch } => {
                write!(f, "test {test}, post entry {position}\n{mismatch}")
            }
        }
    }
}

/// Runs every case of `paths` in their order: a file of any name, of a folder the files below it whose name
/// ends in `.json`, sorted. `report` gets each failure as it comes.
pub fn run<E: Engine>(vm: &Vm<E>, paths: &[PathBuf], mut report: impl FnMut(&Failure)) -> Tally {
    let mut tally = Tally::default();
    for found in paths.iter().flat_map(|path| files(path)) {
        let failures = match found {
            Ok(file) => run_file(vm, &file, &mut tally),
            Err(failure) => vec![failure],
        };
        for failure in &failures {
            tally.failed += 1;
            report(failure);
        }
    }
    tally
}

fn run_file<E: Engine>(vm: &Vm<E>, path: &Path, tally: &mut Tally) -> Vec<Failure> {
    let fail = |cause| Failure { path: path.into(), cause };
    let content = match fs::read(path) {
        Ok(content) => content,
        Err(error) => return vec![fail(Cause::Unreadable(error))],
    };
    let fixture = match Fixture::parse(&content) {
        Ok(fixture) => fixture,
        Err(error) => return vec![fail(Cause::Fixture(error))],
    };
    tally.other_forks += fixture.other_forks as u64;
    let mut failures = Vec::new();
    for test in &fixture.tests {
        for case in &test.cases {
            match run::run(vm, test, case) {
                Ok(()) => tally.passed += 1,
                Err(mismatch) => {
                    let (test, position) = (test.name.clone(), case.position);
                    failures.push(fail(Cause::Case { test, position, mismatch }));
                }
            }
        }
    }
    failures
}

/// The files that `path` means, and what of it cannot be used.
fn files(path: &Path) -> Vec<Result<PathBuf, Failure>> {
    if !path.is_dir() {
        return vec![Ok(path.into())];
    }
    let mut found = Vec::new();
    add_folder(path, &mut Vec::new(), &mut found);
    if found.is_empty() {
        found.push(Err(Failure { path: path.into(), cause: Cause::NoFile }));
    }
    found.sort_by(|one, other| path_of(one).cmp(path_of(other)));
    found
}

fn path_of(found: &Result<PathBuf, Failure>) -> &Path {
    match found {
        Ok(path) => path,
        Err(failure) => &failure.path,
    }
}

/// Adds the files below `folder`. `parents` are the folders that it was reached through, without links in their paths.
fn add_folder(folder: &Path, parents: &mut Vec<PathBuf>, found: &mut Vec<Result<PathBuf, Failure>>) {
    let fail = |cause| Failure { path: folder.into(), cause };
    match folder.canonicalize() {
        Ok(canonical) if parents.contains(&canonical) => found.push(Err(fail(Cause::Cycle))),
        Ok(canonical) => {
            parents.push(canonical);
            if let Err(error) = add_entries(folder, parents, found) {
                found.push(Err(fail(Cause::Unreadable(error))));
            }
            parents.pop();
        }
        Err(error) => found.push(Err(fail(Cause::Unreadable(error)))),
    }
}

fn add_entries(folder: &Path, parents: &mut Vec<PathBuf>, found: &mut Vec<Result<PathBuf, Failure>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            add_folder(&path, parents, found);
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            found.push(Ok(path));
        }
    }
    Ok(())
}
