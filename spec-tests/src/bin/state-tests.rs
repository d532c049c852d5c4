//! `state-tests`: runs the official ewasm state tests and compares post-state roots and log hashes.

use clap::Parser;
use lockstep_spec_tests::suite;
use lockstep_vm::{Revision, Vm};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

/// Runs Ethereum's GeneralStateTests files under the Byzantium rules of ewasm and compares, bit by bit, the root of the
/// state afterwards and the hash of the logs.
///
/// The last line is `N passed, M failed`. What is counted is the case: one entry of `post.Byzantium` of one test of one
/// file. A file or folder that cannot be read, has no test or is not of the format counts as one failed case. Post
/// entries of other forks are not run; a line before the last says how many there were.
///
/// Exit code: 0 if every case passed, 1 if one failed or there was none, 2 for wrong arguments.
#[derive(Parser)]
#[command(name = "state-tests", version, arg_required_else_help = true)]
struct Arguments {
    /// Files, or folders whose `.json` files are run, those of folders in them included.
    #[arg(required = true, value_name = "DIR_OR_FILE")]
    paths: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments, &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Where there is nowhere to write to, the exit code has to say it.
            let _ = writeln!(io::stderr(), "state-tests: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether there was a case and every one passed.
fn run(arguments: &Arguments, out: &mut impl Write) -> io::Result<bool> {
    let vm = Vm::new(Revision::EWASM_BYZANTIUM).map_err(io::Error::other)?;
    let mut written = Ok(());
    let tally = suite::run(&vm, &arguments.paths, |failure| {
        if written.is_ok() {
            written = writeln!(out, "{failure}");
        }
    });
    written?;
    if tally.other_forks > 0 {
        writeln!(out, "post entries of other forks, not run: {}", tally.other_forks)?;
    }
    writeln!(out, "{tally}")?;
    Ok(tally.failed == 0 && tally.passed > 0)
}
