//! `digest`: executes the whole corpus and prints one digest over everything that came of it.

use clap::{Parser, builder::PossibleValuesParser};
use lockstep_selftest::{Case, Ran, total};
use lockstep_spec_tests::digest::Part;
use serde_json::json;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Executes the corpus and prints a sha3-256 digest for each section and one over all: outcomes, gas, outputs, logs,
/// memories and states. It must be the same on every processor.
///
/// Lines of the text: `case SECTION DIGEST NAME` with --cases, `section NAME CASES DIGEST`, and `digest DIGEST` as the
/// last one, with all sections only.
///
/// Exit code: 0 if everything was executed, 1 if this machine failed, 2 for wrong arguments.
#[derive(Parser)]
#[command(name = "digest", version)]
struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Print the digest of each case too
    #[arg(long)]
    cases: bool,

    /// Sections to run [default: all]
    #[arg(value_name = "SECTION", value_parser = PossibleValuesParser::new(Part::all().map(Part::name)))]
    sections: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where there is nowhere to write to, the exit code has to say it.
            let _ = writeln!(io::stderr(), "digest: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments, out: &mut impl Write) -> io::Result<()> {
    let mut all = Vec::new();
    for part in Part::all() {
        if !arguments.sections.is_empty() && !arguments.sections.iter().any(|name| name == part.name()) {
            continue;
        }
        let ran = part.run().map_err(|fault| io::Error::other(format!("{}: {fault}", part.name())))?;
        if !arguments.json {
            print(&ran, arguments.cases, out)?;
        }
        all.push(ran);
    }
    let digest = arguments.sections.is_empty().then(|| total(&all).to_string());
    if arguments.json {
        let sections: Vec<_> = all.iter().map(|ran| section(ran, arguments.cases)).collect();
        return writeln!(out, "{}", json!({ "digest": digest, "sections": sections }));
    }
    digest.map_or(Ok(()), |digest| writeln!(out, "digest {digest}"))
}

/// The lines of a section, as soon as it has ended.
fn print(ran: &Ran, with_cases: bool, out: &mut impl Write) -> io::Result<()> {
    if with_cases {
        for case in &ran.cases {
            writeln!(out, "case {} {} {}", ran.section, case.digest, case.name)?;
        }
    }
    writeln!(out, "section {} {} {}", ran.section, ran.cases.len(), ran.digest())?;
    out.flush()
}

fn section(ran: &Ran, with_cases: bool) -> serde_json::Value {
    let case = |case: &Case| json!({ "name": case.name, "digest": case.digest.to_string() });
    let cases = with_cases.then(|| ran.cases.iter().map(case).collect::<Vec<_>>());
    json!({ "name": ran.section, "count": ran.cases.len(), "digest": ran.digest().to_string(), "cases": cases })
}
