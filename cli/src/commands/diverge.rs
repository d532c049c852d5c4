//! `lockstep diverge`: the first event in which two traces differ.

use crate::{
    failure::{Class, Exit, Failure},
    files::Source,
    report::Report,
    value::Value,
};
use anyhow::anyhow;
use clap::Args;
use lockstep_diagnosis::{Compared, Difference, Side};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct DivergeArguments {
    /// A trace
    first: PathBuf,

    /// Another trace
    second: PathBuf,
}

/// Runs the command.
pub(crate) fn diverge(arguments: &DivergeArguments) -> Result<Report, Failure> {
    let DivergeArguments { first, second } = arguments;
    let (left, right) = (Source::open(first, Class::File)?, Source::open(second, Class::File)?);
    let compared = lockstep_diagnosis::diverge(left.reader(), right.reader()).map_err(|error| {
        let path = match error.side() {
            Side::Left => first,
            Side::Right => second,
        };
        Failure::new(Class::File, anyhow!(error).context(format!("{} is refused", path.display())))
    })?;
    let mut report = Report::new("diverge");
    match compared {
        Compared::Same { events } => {
            report.add("result", Value::text(format!("the traces are the same ({events} events)")));
        }
        Compared::Different(difference) => add_difference(&mut report, difference),
    }
    Ok(report)
}

fn add_difference(report: &mut Report, difference: Difference) {
    let Difference { line, event, frame, function, field, left, right } = difference;
    let (frame, contract) = frame.unzip();
    report.set_exit(Exit::Different);
    report.add("result", Value::text("the traces differ"));
    report.add("line", Value::Number(line));
    report.add("event", Value::Number(event));
    report.add("frame", Value::maybe(frame, Value::Number));
    report.add("contract", Value::maybe(contract, Value::text));
    report.add("function", Value::maybe(function, Value::text));
    report.add("field", Value::text(field));
    report.add("first", Value::text(left));
    report.add("second", Value::text(right));
}
