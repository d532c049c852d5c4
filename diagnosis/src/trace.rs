//! A trace: what an execution did, a line of JSON for each event, written as it happens.

use crate::{
    lines::{
        Amount, Arguments, Asked, BeginLine, ContinueLine, Digits, EndLine, FORMAT_VERSION, Hex, HostLine, HostName,
        InstructionLine, Line, OutcomeLine, ResumeLine, Site, TransactionLine, Written, ends,
    },
    names::{FunctionNames, Names, shown},
    replay::Execution,
};
use lockstep_gas::Gas;
use lockstep_host::{Entry, Frame, FrameResult, HostImport, Request, Status, Stop};
use lockstep_reference::{Event, Observer, Position};
use lockstep_vm::{Executed, Outcome, TxKind};
use std::{
    io::{self, Write},
    sync::Arc,
};

/// How much a trace says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Frames and calls of the host.
    HostCalls,
    /// Every instruction as well.
    Instructions,
}

/// An observer that writes a trace to `W`.
#[derive(Debug)]
pub struct Trace<W> {
    to: W,
    detail: Detail,
    names: Names,
    open: Vec<Open>,
    frames: u32,
    events: u64,
    /// The first error of writing; nothing is written after it.
    failed: Option<io::Error>,
}

/// A frame that began and is not over.
#[derive(Debug)]
struct Open {
    number: u32,
    names: Arc<FunctionNames>,
    host: Option<Host>,
    is_done: bool,
}

/// A call of the host that has not returned.
#[derive(Debug)]
struct Host {
    site: Site,
    arguments: Arguments,
    gas_before: Gas,
    writes: Vec<Written>,
    /// What came of the frame that it asked for; its own line is written then.
    resumed: Option<FrameResult>,
}

/// How a call of the host went on.
struct Left<'a> {
    gas_left: Gas,
    result: Option<u64>,
    stop: Option<&'a Stop>,
    request: Option<&'a Request>,
}

impl<W: Write> Trace<W> {
    /// A trace of `execution`, whose first line is written at once.
    pub fn new(to: W, detail: Detail, execution: &Execution<'_>) -> Self {
        let mut trace =
            Self { to, detail, names: Names::default(), open: Vec::new(), frames: 0, events: 0, failed: None };
        let Execution { revision, block, tx, .. } = execution;
        let intrinsic_gas = tx.intrinsic_gas();
        let tx = tx.tx();
        let (kind, to, export) = match &tx.kind {
            TxKind::Call { to, export } => ("call", Some(to), export.as_deref()),
            TxKind::Create { .. } => ("create", None, None),
            TxKind::Deploy { .. } => ("deploy", None, None),
        };
        trace.write(&Line::Transaction(TransactionLine {
            trace_version: FORMAT_VERSION,
            revision: Hex(&revision.digest()),
            kind,
            sender: Hex(tx.sender.as_slice()),
            nonce: Digits(tx.nonce),
            to: to.map(|to| Hex(to.as_slice())),
            export: export.map(|name| shown(&String::from_utf8_lossy(name))),
            value: Amount(tx.value),
            gas_limit: tx.gas_limit.into(),
            intrinsic_gas: intrinsic_gas.into(),
            block: Digits(block.number),
            instructions: detail == Detail::Instructions,
        }));
        trace
    }

    /// Writes the last line, after the replay, with what that gave. Gives the number of events: of lines behind the
    /// first.
    ///
    /// # Errors
    ///
    /// The first error that writing met, at any time.
    pub fn finish(&mut self, executed: &Executed) -> io::Result<u64> {
        let receipt = &executed.receipt;
        let (outcome, reason, errno) = match receipt.outcome {
            Outcome::Return => ("return", None, None),
            Outcome::Revert { errno } => ("revert", None, Some(errno)),
            Outcome::Halt { reason } => ("halt", Some(reason.text()), None),
        };
        self.write(&Line::Outcome(OutcomeLine {
            outcome,
            reason,
            errno,
            gas_used: receipt.gas_used.into(),
            output: Hex(&receipt.output),
            created: receipt.created.as_ref().map(|created| Hex(created.as_slice())),
        }));
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.to.flush().map(|()| self.events.saturating_sub(1)),
        }
    }

    fn write(&mut self, line: &Line<'_>) {
        if self.failed.is_none() {
            let written = serde_json::to_writer(&mut self.to, line).map_err(io::Error::from);
            self.failed = written.and_then(|()| self.to.write_all(b"\n")).err();
            self.events = self.events.saturating_add(1);
        }
    }

    fn frame_begins(&mut self, frame: &Frame, gas_left: Gas) {
        let number = self.frames;
        self.frames = self.frames.saturating_add(1);
        let names = self.names.of(&frame.code);
        let code_hash = names.code_hash();
        self.open.push(Open { number, names, host: None, is_done: false });
        let message = &frame.message;
        self.write(&Line::Begin(BeginLine {
            frame: number,
            depth: message.depth,
            contract: Hex(message.address.as_slice()),
            code_hash: Hex(code_hash.as_slice()),
            abi: frame.abi.name(),
            entry: match &message.input {
                Entry::Main(_) => "main".to_owned(),
                Entry::Constructor(_) => "constructor".to_owned(),
                Entry::Export(call) => shown(&String::from_utf8_lossy(&call.name)),
            },
            caller: Hex(message.caller.as_slice()),
            value: Amount(message.value),
            is_static: message.is_static,
            input: Hex(&frame.input),
            gas_left: gas_left.into(),
        }));
    }

    fn frame_goes_on(&mut self, export: &str, gas_left: Gas) {
        let Some(top) = self.open.last_mut() else { return };
        top.is_done = false;
        let frame = top.number;
        self.write(&Line::Continue(ContinueLine { frame, export, gas_left: gas_left.into() }));
    }

    fn host_called(
        &mut self,
        import: &'static HostImport,
        position: Option<Position>,
        arguments: &[u64],
        gas_before: Gas,
    ) {
        if let Some(top) = self.open.last_mut() {
            let site = position.map(|position| site(&top.names, position)).unwrap_or_default();
            let arguments = Arguments(import, arguments.to_vec());
            top.host = Some(Host { site, arguments, gas_before, writes: Vec::new(), resumed: None });
        }
    }

    /// Writes the line of the call of the host that has not returned, and returns that call.
    fn host_left(&mut self, left: &Left<'_>) -> Option<Host> {
        let top = self.open.last_mut()?;
        let (number, host) = (top.number, top.host.take()?);
        let (ends, reason) = left.stop.map_or((None, None), |stop| {
            let (ends, reason) = ends(stop);
            (Some(ends), reason)
        });
        let (gas_left, result) = (left.gas_left.into(), left.result.map(Digits));
        let name = HostName(host.arguments.0);
        match &host.resumed {
            None => self.write(&Line::Host(HostLine {
                frame: number,
                site: &host.site,
                host: name,
                arguments: &host.arguments,
                gas_before: host.gas_before.into(),
                gas_left,
                result,
                writes: &host.writes,
                ends: left.request.map_or(ends, |_| Some("suspend")),
                reason,
                request: left.request.map(Asked::of),
            })),
            Some(FrameResult { status, output, gas_left: gas_returned, created }) => {
                let (status, status_reason, errno) = match status {
                    Status::Success => ("return", None, None),
                    Status::Revert(errno) => ("revert", None, Some(errno.code())),
                    Status::Failure(reason) => ("halt", Some(reason.text()), None),
                    Status::Refused(reason) => ("refused", Some(reason.text()), None),
                };
                self.write(&Line::Resume(ResumeLine {
                    frame: number,
                    host: name,
                    status,
                    status_reason,
                    errno,
                    output: Hex(output),
                    created: created.as_ref().map(|created| Hex(created.as_slice())),
                    gas_returned: (*gas_returned).into(),
                    gas_left,
                    result,
                    ends,
                    reason,
                }));
            }
        }
        Some(host)
    }

    fn frame_suspends(&mut self, request: &Request, gas_left: Gas) {
        let host = self.host_left(&Left { gas_left, result: None, stop: None, request: Some(request) });
        if let Some(top) = self.open.last_mut() {
            top.host = host;
        }
    }

    fn frame_resumes(&mut self, result: &FrameResult) {
        self.open.pop_if(|top| top.is_done);
        if let Some(host) = self.open.last_mut().and_then(|top| top.host.as_mut()) {
            host.resumed = Some(result.clone());
        }
    }

    fn frame_ends(&mut self, stop: Option<&Stop>, gas_left: Gas, backtrace: &[Position]) {
        self.host_left(&Left { gas_left, result: None, stop, request: None });
        let Some(top) = self.open.last_mut() else { return };
        top.is_done = true;
        let (number, names) = (top.number, Arc::clone(&top.names));
        let (ends, reason) = stop.map_or(("return", None), ends);
        self.write(&Line::End(EndLine {
            frame: number,
            site: backtrace.last().map(|position| site(&names, *position)).unwrap_or_default(),
            ends,
            reason,
            output: match stop {
                Some(Stop::Finish(output) | Stop::Revert { data: output, .. }) => Some(Hex(output)),
                _ => None,
            },
            gas_left: gas_left.into(),
        }));
    }

    fn instruction(&mut self, position: Position, operator: &'static str, gas_left: Gas) {
        let Some(top) = self.open.last() else { return };
        let (number, names) = (top.number, Arc::clone(&top.names));
        self.write(&Line::Instruction(InstructionLine {
            frame: number,
            function: position.function,
            name: names.get(position.function),
            offset: position.offset,
            operator,
            gas_left: gas_left.into(),
        }));
    }
}

fn site(names: &FunctionNames, Position { function, offset }: Position) -> Site {
    Site { function: Some(function), name: names.get(function).map(str::to_owned), offset: Some(offset) }
}

impl<W: Write + Send> Observer for Trace<W> {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::FrameBegins { frame, gas_left } => self.frame_begins(frame, *gas_left),
            Event::FrameGoesOn { export, gas_left } => self.frame_goes_on(export, *gas_left),
            Event::Instruction { function, operator, offset, gas_left } if self.detail == Detail::Instructions => {
                self.instruction(Position { function: *function, offset: *offset }, operator.name(), *gas_left);
            }
            Event::HostCalled { import, position, arguments, gas_left, .. } => {
                self.host_called(import, *position, arguments, *gas_left);
            }
            Event::Wrote(write) => {
                if let Some(host) = self.open.last_mut().and_then(|top| top.host.as_mut()) {
                    host.writes.push(Written::of(write));
                }
            }
            Event::HostReturned { result, gas_left, .. } => {
                // A function without a result returns 0 all the same.
                let has_result = self.open.last().and_then(|top| top.host.as_ref());
                let has_result = has_result.is_some_and(|host| host.arguments.0.result().is_some());
                let result = has_result.then_some(*result);
                self.host_left(&Left { gas_left: *gas_left, result, stop: None, request: None });
            }
            Event::FrameSuspends { request, gas_left, .. } => self.frame_suspends(request, *gas_left),
            Event::FrameResumes { result, .. } => self.frame_resumes(result),
            Event::FrameEnds { stop, gas_left, backtrace } => self.frame_ends(*stop, *gas_left, backtrace),
            Event::Instruction { .. }
            | Event::Charge { .. }
            | Event::FunctionEntered { .. }
            | Event::FunctionLeft
            | Event::ResultTaken { .. } => {}
        }
    }
}
