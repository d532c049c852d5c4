//! The command `fuzz-run`: a target on seeded inputs for a while, without libFuzzer.

use clap::Parser;
use lockstep_fuzz::{TARGETS, runner, target};
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Runs a fuzz target on seeded inputs, or on the files of a folder.
#[derive(Parser)]
struct Arguments {
    /// The target.
    name: String,
    /// For how long, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The seed of the inputs.
    #[arg(long, default_value_t = runner::SMOKE_SEED)]
    seed: u64,
    /// One input of the seed, and no other.
    #[arg(long)]
    case: Option<u64>,
    /// Where the input is written that a target fails on; with `--case`, that input in any case.
    #[arg(long)]
    save: Option<PathBuf>,
    /// Files that are the inputs, instead of a seed.
    #[arg(long, num_args = 1..)]
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(target) = target(&arguments.name) else {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("no target {}; there are {}", arguments.name, names.join(", "));
        return ExitCode::from(2);
    };
    let one = |bytes: &[u8], what: &str| {
        runner::run(target, bytes, || {
            if let Some(path) = &arguments.save {
                std::fs::write(path, bytes).unwrap_or_else(|error| eprintln!("{}: {error}", path.display()));
            }
            format!("{what} fails")
        });
    };
    if !arguments.files.is_empty() {
        for path in &arguments.files {
            match std::fs::read(path) {
                Ok(bytes) => one(&bytes, &path.display().to_string()),
                Err(error) => {
                    eprintln!("{}: {error}", path.display());
                    return ExitCode::FAILURE;
                }
            }
        }
        println!("{}: {} files", arguments.name, arguments.files.len());
        return ExitCode::SUCCESS;
    }
    let seed = arguments.seed;
    if let Some(case) = arguments.case {
        let bytes = runner::input(seed, case);
        one(&bytes, &format!("input {case} of seed {seed}"));
        if let Some(path) = &arguments.save
            && let Err(error) = std::fs::write(path, bytes)
        {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
        println!("{}: input {case} of seed {seed} passes", arguments.name);
        return ExitCode::SUCCESS;
    }
    let started = clock();
    let mut case = 0;
    while clock().saturating_sub(started) < Duration::from_secs(arguments.seconds) {
        // The clock is looked at once in a while only.
        for _ in 0..64 {
            one(&runner::input(seed, case), &format!("input {case} of seed {seed}"));
            case += 1;
        }
    }
    let seconds = clock().saturating_sub(started).as_secs().max(1);
    println!("{}: {case} executions in {seconds} s, seed {seed}, no finding", arguments.name);
    ExitCode::SUCCESS
}

/// The time, for how long to go on: nothing else depends on it.
#[expect(clippy::disallowed_types, reason = "a run ends after a time")]
fn clock() -> Duration {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}
