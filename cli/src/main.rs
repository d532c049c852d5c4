//! The command `lockstep`: arguments in, a report and an exit code out.
//!
//! This crate is the only one that prints, reads files and knows `anyhow`; this file is its only place that writes to
//! the standard streams, but for the bar that shows the progress of long work on a terminal (`progress.rs`).

mod args;
mod block_file;
mod block_folder;
mod bytes;
mod command_line;
mod commands;
mod database_folder;
mod diagnosis;
mod execution;
mod failure;
mod files;
mod genesis_file;
mod holder;
mod json;
mod ledger;
mod module_file;
mod output_file;
mod progress;
mod report;
mod state_file;
mod typed;
mod value;

use clap::{CommandFactory, Parser, error::ErrorKind};
use command_line::{Arguments, Command};
use commands::dev::{self, DevArguments};
use failure::{Exit, Failure};
use report::Report;
use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let exit = match Arguments::try_parse_from(&arguments) {
        Ok(Arguments { command: Command::Dev(dev), json }) => serve(&dev, json),
        Ok(Arguments { command: Command::Completions(arguments), .. }) => {
            print(&commands::manual::completions(&arguments, Arguments::command()), Exit::Return)
        }
        Ok(arguments) => answer(&command_line::run(arguments.command), arguments.json),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            print(&error.render().to_string(), Exit::Return)
        }
        // Which arguments there are is not known here, only that one of them cannot be read.
        Err(error) => {
            let failure = Failure::usage(&error, &command_line::command_of(&arguments));
            answer(&Err(failure), arguments.iter().any(|argument| argument == "--json"))
        }
    };
    ExitCode::from(exit.code())
}

/// Prints where a chain is served, and serves it until the process is ended.
fn serve(arguments: &DevArguments, json: bool) -> Exit {
    match dev::start(arguments) {
        Ok((report, running)) => {
            answer(&Ok(report), json);
            running.wait().map_or_else(|failure| answer(&Err(failure), json), |()| Exit::Return)
        }
        Err(failure) => answer(&Err(failure), json),
    }
}

/// Prints what a command gave, and says how the process ends.
fn answer(result: &Result<Report, Failure>, json: bool) -> Exit {
    match result {
        Ok(report) if json => print(&report.json(), report.exit()),
        Ok(report) => {
            for note in report.notes() {
                complain(&format!("note: {note}"));
            }
            print(&report.text(), report.exit())
        }
        Err(failure) if json => print(&failure.json(), failure.exit()),
        Err(failure) => {
            complain(&format!("error: {failure}"));
            complain(&format!("help: {}", failure.help()));
            failure.exit()
        }
    }
}

/// Writes to the standard output. A reader that has gone, as `head` does, is no failure.
fn print(text: &str, exit: Exit) -> Exit {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(error) => {
            complain(&format!("error: cannot write to the standard output: {error}"));
            Exit::Fault
        }
    }
}

/// Writes a line to the standard error. An error of that cannot be told anywhere.
fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
