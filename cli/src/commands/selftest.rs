//! `lockstep selftest`: whether this machine executes a corpus as the release does.

use super::transaction::machine;
use crate::{
    failure::{Class, Classify, Failure},
    files::Source,
    report::Report,
    value::Value,
};
use anyhow::{Context as _, anyhow};
use clap::Args;
use lockstep_selftest::{Difference, Golden, Ran, STACK_BYTES, Section, total};
use lockstep_vm::{Fault, Vm};
use std::{
    path::{Path, PathBuf},
    thread,
};

#[derive(Debug, Args)]
pub(crate) struct SelftestArguments {
    /// Compare with the digests in this file instead of the release's: a line `SECTION DIGEST CASE` for each case
    #[arg(long, value_name = "FILE")]
    golden: Option<PathBuf>,
}

/// Bytes of a file of digests: a few times the release's.
const GOLDEN_BYTES_MAX: u64 = 1_048_576;

/// Runs the command. A difference is a fault of this node; what follows the first one is not executed.
pub(crate) fn selftest(arguments: &SelftestArguments) -> Result<Report, Failure> {
    let golden = match &arguments.golden {
        None => Golden::release().class(Class::Fault)?,
        Some(path) => read(path)?,
    };
    let vm = machine()?;
    let mut all = Vec::new();
    for section in Section::ALL {
        let ran = run(section, &vm)?;
        compare(golden.only(&[section]).difference(&Golden::of(core::slice::from_ref(&ran))))?;
        all.push(ran);
    }
    compare(golden.difference(&Golden::of(&all)))?;
    let cases = all.iter().map(|ran| ran.cases.len()).sum::<usize>();
    let mut report = Report::new("selftest");
    report.add("result", Value::text("passed"));
    report.add("cases", Value::Number(u64::try_from(cases).unwrap_or(u64::MAX)));
    report.add("digest", Value::bytes(total(&all).0));
    Ok(report)
}

/// Runs a section, the one about the native stack on the smallest that a thread may have; where there are no threads, on
/// this one.
fn run(section: Section, vm: &Vm) -> Result<Ran, Fault> {
    if section != Section::Stack {
        return section.run(vm);
    }
    thread::scope(|scope| {
        match thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || section.run(vm)) {
            Ok(running) => running.join().unwrap_or_else(|_| Err(Fault::Broken("the section panicked".into()))),
            Err(_) => section.run(vm),
        }
    })
}

fn read(path: &Path) -> Result<Golden, Failure> {
    let bytes = Source::open(path, Class::File)?.read(GOLDEN_BYTES_MAX, "the limit of digests", Class::File)?;
    let named = || format!("{} is no file of digests", path.display());
    let text = String::from_utf8(bytes).with_context(named).class(Class::File)?;
    let golden = text.parse::<Golden>().with_context(named).class(Class::File)?;
    // Without a digest of this command there is nothing to compare with: that is no fault of the machine.
    if golden.only(&Section::ALL) == Golden::of(&[]) {
        let failure = Failure::new(Class::File, anyhow!("{}: it has no digest of any section", named()));
        return Err(failure.remedy("leave --golden out to compare with the digests of this release"));
    }
    Ok(golden)
}

fn compare(difference: Option<Difference>) -> Result<(), Failure> {
    let Some(difference) = difference else { return Ok(()) };
    let error = anyhow::Error::new(difference).context("this machine does not execute as it must");
    Err(Failure::new(Class::Fault, error))
}
