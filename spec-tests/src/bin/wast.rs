//! `wast`: runs the testsuite of the WebAssembly specification.

use clap::{Parser, ValueEnum};
use lockstep_reference::ReferenceEmbedding;
use lockstep_spec_tests::wast::{Exclusions, FileRun, Script, SuiteRevision, run, scripts};
use lockstep_vm::engine::wasmi::LinkedWasmi;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

/// Runs the WebAssembly testsuite: versions 1, 2 and 3 of the specification, and the proposals that the engine has.
///
/// A line for each file; the last line is `N passed, M failed, K skipped`, counted in directives. A directive is
/// skipped if its module needs a proposal that the revision does not have, or is refused by a rule of the revision, or if
/// it is in the list of those that must fail.
///
/// Exit code: 0 if none failed, 1 if one failed or there was none, 2 for wrong arguments.
#[derive(Parser)]
#[command(name = "wast", version)]
struct Arguments {
    /// The rules that modules are held to
    #[arg(long, value_enum, default_value_t = Named::Spec)]
    revision: Named,
    /// The engine
    #[arg(long, value_enum, default_value_t = EngineName::Production)]
    engine: EngineName,
    /// Print each directive that failed
    #[arg(long, short)]
    verbose: bool,
    /// Files of the suite, as in `wasm-v1/address.wast`, a part of such a name, or paths of other files [default: all]
    files: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Named {
    /// Everything that the engine has, metered
    Spec,
    /// The same without metering
    SpecUnmetered,
    /// Production
    V1,
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineName {
    /// The one that contracts run on
    Production,
    /// The reference interpreter
    Reference,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let found = match find(&arguments.files) {
        Ok(found) => found,
        Err(error) => {
            let _ = writeln!(io::stderr(), "wast: {error}");
            return ExitCode::from(2);
        }
    };
    match print(&arguments, &found, &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

/// The scripts that are named, all if none is.
fn find(names: &[String]) -> Result<Vec<Script>, String> {
    let all = scripts();
    if names.is_empty() {
        return Ok(all);
    }
    let mut found = BTreeMap::new();
    for name in names {
        let of_suite: Vec<&Script> = all.iter().filter(|script| script.name.contains(name.as_str())).collect();
        if Path::new(name).is_file() {
            let text = fs::read_to_string(name).map_err(|error| format!("{name} cannot be read: {error}"))?;
            found.insert(name.clone(), Script { name: name.clone(), text });
        } else if of_suite.is_empty() {
            return Err(format!("{name} is neither a file nor a part of the name of a file of the suite"));
        }
        found.extend(of_suite.into_iter().map(|script| (script.name.clone(), script.clone())));
    }
    Ok(found.into_values().collect())
}

/// Whether something passed and nothing failed.
fn print(arguments: &Arguments, scripts: &[Script], out: &mut impl Write) -> io::Result<bool> {
    let revision = match arguments.revision {
        Named::Spec => SuiteRevision::Spec,
        Named::SpecUnmetered => SuiteRevision::SpecUnmetered,
        Named::V1 => SuiteRevision::V1,
    };
    let exclusions = Exclusions::of(revision).map_err(io::Error::other)?;
    let revision = revision.revision();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for script in scripts {
        let result = match arguments.engine {
            EngineName::Production => run::<LinkedWasmi>(script, &revision),
            EngineName::Reference => run::<ReferenceEmbedding>(script, &revision),
        };
        let ran = result.unwrap_or_else(|error| FileRun { failed: vec![(0, error)], ..FileRun::default() });
        let ran = exclusions.apply(&script.name, ran);
        let count = ran.failed.len() as u64;
        writeln!(
            out,
            "{}: {} passed, {count} failed, {} skipped, {} gas",
            script.name, ran.passed, ran.skipped, ran.gas
        )?;
        if arguments.verbose {
            for (line, why) in &ran.failed {
                writeln!(out, "  line {line}: {why}")?;
            }
        }
        (passed, failed, skipped) = (passed + ran.passed, failed + count, skipped + ran.skipped);
    }
    writeln!(out, "{passed} passed, {failed} failed, {skipped} skipped")?;
    Ok(failed == 0 && passed > 0)
}
