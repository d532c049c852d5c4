//! The work of `--backtrace`, `--trace` and `--profile`: a replay of the transaction, files, and lines of the report.
//!
//! The replay comes after the execution and before anything is kept, and must give the same.

use crate::{
    args::DiagnosisArguments,
    failure::{Class, Classify, Failure},
    output_file::{Draft, OutputFile},
    report::Report,
    value::{Row, Value},
};
use anyhow::{Context, anyhow};
use inferno::flamegraph::{self, Options};
use lockstep_chain::Attempt;
use lockstep_diagnosis::{Backtrace, Detail, Execution, Place, Profile, SharedObserver, Stopped, Trace, replay};
use lockstep_vm::{Executed, Vm};
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is to be looked into.
pub(crate) struct Diagnosis {
    backtrace: bool,
    trace: Option<(OutputFile, Detail)>,
    profile: Option<(OutputFile, Format)>,
}

/// How a profile is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Svg,
    Folded,
}

/// What was seen, for the report.
#[derive(Default)]
pub(crate) struct Seen {
    backtrace: Option<Value>,
    trace: Option<(String, u64)>,
    profile: Option<String>,
    notes: Vec<String>,
}

impl Diagnosis {
    /// What `arguments` ask for. Refuses files that cannot be written, or that are one of `taken`.
    pub(crate) fn plan(arguments: DiagnosisArguments, taken: &[(Option<&Path>, &str)]) -> Result<Self, Failure> {
        let DiagnosisArguments { backtrace, trace, instructions, profile } = arguments;
        let trace = trace.map(|path| OutputFile::plan(&path, taken)).transpose()?;
        let profile = match profile {
            Some(path) => {
                let format = Format::of(&path)?;
                Some((OutputFile::plan(&path, taken)?, format))
            }
            None => None,
        };
        if let (Some(trace), Some((profile, _))) = (&trace, &profile)
            && trace.is(profile)
        {
            let error = anyhow!("{} cannot be both the trace and the profile", profile.name());
            return Err(Failure::new(Class::File, error));
        }
        let detail = if instructions { Detail::Instructions } else { Detail::HostCalls };
        Ok(Self { backtrace, trace: trace.map(|file| (file, detail)), profile })
    }

    /// Replays a transaction that was executed, and writes the files.
    pub(crate) fn carry_out(self, vm: &Vm, attempt: &Attempt) -> Result<Seen, Failure> {
        let Self { backtrace, trace, profile } = self;
        if !backtrace && trace.is_none() && profile.is_none() {
            return Ok(Seen::default());
        }
        let Attempt { env, view, valid, executed } = attempt;
        let execution = Execution { revision: vm.revision(), view: Arc::clone(view), block: env, tx: valid.clone() };
        let backtrace = backtrace.then(|| shared(Backtrace::default()));
        let trace = trace.map(|(file, detail)| Tracing::begin(file, detail, &execution)).transpose()?;
        let profile = profile.map(|(file, format)| (file, format, shared(Profile::new(valid, vm.revision()))));
        let mut observers: Vec<SharedObserver> = Vec::new();
        observers.extend(backtrace.iter().map(|backtrace| Arc::clone(backtrace) as _));
        observers.extend(trace.iter().map(|trace| Arc::clone(&trace.trace) as _));
        observers.extend(profile.iter().map(|(_, _, profile)| Arc::clone(profile) as _));
        replay(execution, executed, observers)?;
        let mut seen = Seen::default();
        if let Some(backtrace) = backtrace {
            seen.add_backtrace(&mut locked(&backtrace), executed);
        }
        let mut drafts = Vec::new();
        if let Some(trace) = trace {
            let events = trace.finish(executed)?;
            seen.trace = Some((trace.name, events));
            drafts.push(trace.draft);
        }
        if let Some((file, format, profile)) = profile {
            seen.profile = Some(file.name().to_owned());
            drafts.push(write_profile(file, format, &mut locked(&profile), executed)?);
        }
        drafts.into_iter().try_for_each(Draft::put)?;
        Ok(seen)
    }
}

/// Executes a transaction again, on the reference interpreter, with these observers.
pub(crate) fn replayed(vm: &Vm, attempt: &Attempt, observers: Vec<SharedObserver>) -> Result<(), Failure> {
    let Attempt { env, view, valid, executed } = attempt;
    let execution = Execution { revision: vm.revision(), view: Arc::clone(view), block: env, tx: valid.clone() };
    Ok(replay(execution, executed, observers)?)
}

fn shared<T>(observer: T) -> Arc<Mutex<T>> {
    Arc::new(Mutex::new(observer))
}

fn locked<T>(observer: &Mutex<T>) -> MutexGuard<'_, T> {
    observer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A trace that is being written.
struct Tracing {
    trace: Arc<Mutex<Trace<BufWriter<File>>>>,
    name: String,
    draft: Draft,
}

impl Tracing {
    fn begin(file: OutputFile, detail: Detail, execution: &Execution<'_>) -> Result<Self, Failure> {
        let name = file.name().to_owned();
        let (to, draft) = file.begin()?;
        Ok(Self { trace: shared(Trace::new(BufWriter::new(to), detail, execution)), name, draft })
    }

    /// Writes the last line. Gives the number of events.
    fn finish(&self, executed: &Executed) -> Result<u64, Failure> {
        let events = locked(&self.trace).finish(executed);
        events.with_context(|| format!("cannot write {}", self.name)).class(Class::Fault)
    }
}

fn write_profile(
    file: OutputFile,
    format: Format,
    profile: &mut Profile,
    executed: &Executed,
) -> Result<Draft, Failure> {
    let sums = profile.finish(executed);
    let context = format!("cannot write {}", file.name());
    let (to, draft) = file.begin()?;
    let mut to = BufWriter::new(to);
    let written = match format {
        Format::Folded => profile.folded().try_for_each(|stack| writeln!(to, "{stack}")),
        Format::Svg => {
            let stacks: Vec<String> = profile.folded().collect();
            let mut options = Options::default();
            "Gas by function".clone_into(&mut options.title);
            options.subtitle = Some(format!("{} gas, {} of it refunded", sums.stacks, sums.refund));
            "gas".clone_into(&mut options.count_name);
            // A function has the same colour in every graph.
            options.hash = true;
            flamegraph::from_lines(&mut options, stacks.iter().map(String::as_str), &mut to)
        }
    };
    written.and_then(|()| to.flush()).context(context).class(Class::Fault)?;
    Ok(draft)
}

impl Format {
    /// The format that the name of a file asks for.
    fn of(path: &Path) -> Result<Self, Failure> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => Ok(Self::Svg),
            Some("folded") => Ok(Self::Folded),
            _ => {
                let name = path.display();
                let error = anyhow!("{name}: a profile is written as .svg, a flame graph, or as .folded, its stacks");
                Err(Failure::new(Class::File, error))
            }
        }
    }
}

impl Seen {
    fn add_backtrace(&mut self, backtrace: &mut Backtrace, executed: &Executed) {
        let (stops, left_out) = backtrace.finish(executed);
        if stops.is_empty() {
            self.notes.push("there is no backtrace: every frame returned".to_owned());
        }
        if left_out > 0 {
            self.notes.push(format!("{left_out} frames that did not return are left out before the last"));
        }
        self.backtrace = Some(Value::Rows(stops.iter().map(stop_row).collect()));
    }

    /// Adds what was seen to a report, nothing where nothing was asked for.
    pub(crate) fn add_to(self, report: &mut Report) {
        let Self { backtrace, trace, profile, notes } = self;
        if let Some(backtrace) = backtrace {
            report.add("backtrace", backtrace);
        }
        if let Some((name, events)) = trace {
            report.add("trace", Value::text(name));
            report.add("trace_events", Value::Number(events));
        }
        if let Some(name) = profile {
            report.add("profile", Value::text(name));
        }
        for note in notes {
            report.note(note);
        }
    }
}

fn stop_row(stopped: &Stopped) -> Row {
    let Stopped { end, inner, left_out, outer } = stopped;
    let mut lines = vec![end.to_string()];
    lines.extend(inner.iter().map(|place| format!("  {place}")));
    if *left_out > 0 {
        lines.push(format!("  {left_out} more"));
    }
    lines.extend(outer.iter().map(|place| format!("  {place}")));
    let places = |places: &[Place]| Value::Rows(places.iter().map(place_row).collect());
    let fields = vec![
        ("end", Value::text(end.to_string())),
        ("places", places(inner)),
        ("places_left_out", Value::Number(u64::try_from(*left_out).unwrap_or(u64::MAX))),
        ("outer_places", places(outer)),
    ];
    Row { lines, fields }
}

fn place_row(place: &Place) -> Row {
    let (contract, depth, function, name, offset, host) = match place {
        Place::Function { contract, depth, function, name, offset, .. } => {
            (Some(contract), Some(depth), Some(function), name.clone(), Some(offset), None)
        }
        Place::Host { module, name } => (None, None, None, None, None, Some(format!("{module}.{name}"))),
        Place::Frame { contract, depth, .. } => (contract.as_ref(), Some(depth), None, None, None, None),
    };
    let (code_of, began) = match place {
        Place::Function { code_of, .. } => (Some(code_of), None),
        Place::Frame { began, .. } => (None, Some(*began)),
        Place::Host { .. } => (None, None),
    };
    let number = |number: Option<&u32>| Value::maybe(number, |number| Value::Number(u64::from(*number)));
    let fields = vec![
        ("place", Value::text(place.to_string())),
        ("contract", Value::maybe(contract, Value::bytes)),
        ("code_of", Value::maybe(code_of, Value::bytes)),
        ("depth", number(depth)),
        ("function", number(function)),
        ("name", Value::maybe(name, Value::text)),
        ("offset", Value::maybe(offset, |offset| Value::Number(u64::try_from(*offset).unwrap_or(u64::MAX)))),
        ("host", Value::maybe(host, Value::text)),
        ("began", Value::maybe(began, Value::Flag)),
    ];
    Row { lines: vec![place.to_string()], fields }
}
