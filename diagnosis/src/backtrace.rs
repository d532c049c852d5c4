//! Backtraces: where each frame stopped that did not return, with the functions in progress in it and in the frames
//! that waited for it.

use crate::names::{FunctionNames, Names};
use core::fmt;
use lockstep_host::{Frame, HaltReason, HostImport, Request, Status, Stop};
use lockstep_reference::{Event, Observer, Position};
use lockstep_vm::{Address, Executed, Outcome};
use std::sync::Arc;

/// Stops that are kept: the first ones, and the last.
const STOPS_MAX: usize = 16;

/// Places of a stop that are kept from either end.
const PLACES_MAX: usize = 16;

/// How a frame stopped that did not return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It halted.
    Halt(HaltReason),
    /// It reverted.
    Revert {
        /// Its error number (packed convention), 0 where its ABI has none.
        errno: u16,
    },
    /// It could not begin.
    Refused(HaltReason),
}

impl End {
    /// How a frame ended, `None` if it returned.
    const fn of(status: Status) -> Option<Self> {
        match status {
            Status::Success => None,
            Status::Revert(errno) => Some(Self::Revert { errno: errno.code() }),
            Status::Failure(reason) => Some(Self::Halt(reason)),
            Status::Refused(reason) => Some(Self::Refused(reason)),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Halt(reason) => write!(f, "halt: {reason}"),
            Self::Revert { errno: 0 } => f.write_str("revert"),
            Self::Revert { errno } => write!(f, "revert with error number {errno}"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
        }
    }
}

/// A place on the way to where a frame stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A function in progress.
    Function {
        /// The account that runs.
        contract: Address,
        /// The account whose code runs: another one in a frame of `callCode` or `callDelegate`.
        code_of: Address,
        /// Frames above: 0 for the transaction's own.
        depth: u32,
        /// The index of the function, imports counted first.
        function: u32,
        /// Its name, if there is one.
        name: Option<String>,
        /// Byte offset in the module of the operator that it is at.
        offset: usize,
    },
    /// A function of the host that was called and has not returned.
    Host {
        /// Module of the import.
        module: &'static str,
        /// Name of the import.
        name: &'static str,
    },
    /// A frame without a function in progress.
    Frame {
        /// The account that runs, or whose code could not; `None` for a contract that was not made.
        contract: Option<Address>,
        /// Frames above.
        depth: u32,
        /// Whether it ran and was done; otherwise it never began.
        began: bool,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function { contract, code_of, depth, function, name, offset } => {
                if let Some(name) = name {
                    write!(f, "{name} (func[{function}])")?;
                } else {
                    write!(f, "func[{function}]")?;
                }
                write!(f, " at byte {offset:#x} of contract {code_of:#x}, frame depth {depth}")?;
                if code_of == contract { Ok(()) } else { write!(f, ", on account {contract:#x}") }
            }
            Self::Host { module, name } => write!(f, "{module}.{name}"),
            Self::Frame { contract, depth, began } => {
                match contract {
                    Some(contract) => write!(f, "contract {contract:#x}, frame depth {depth}")?,
                    None => write!(f, "the new contract, frame depth {depth}")?,
                }
                f.write_str(if *began { ", after its last instruction" } else { ", before its first instruction" })
            }
        }
    }
}

/// A frame that did not return, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// How it stopped.
    pub end: End,
    /// The innermost places, the innermost first.
    pub inner: Vec<Place>,
    /// Places between the two parts that were left out.
    pub left_out: usize,
    /// The outermost places, the outermost last; empty where `inner` has all.
    pub outer: Vec<Place>,
}

/// An observer that keeps where frames stopped.
#[derive(Debug, Default)]
pub struct Backtrace {
    names: Names,
    open: Vec<Open>,
    /// Whose code the frame asked for last is to run; `None` for a contract that is to be made.
    requested: Option<Address>,
    stops: Vec<Stopped>,
    left_out: u64,
}

/// A frame that began and is not over.
#[derive(Debug)]
struct Open {
    contract: Address,
    code_of: Address,
    depth: u32,
    names: Arc<FunctionNames>,
    /// The function of the host that was called last and has not returned.
    host: Option<&'static HostImport>,
    /// Functions in progress while the frame waits for another one, the innermost last.
    waits_at: Vec<Position>,
    /// Whether its guest is done.
    is_done: bool,
    /// The stop that was noted when its guest was done.
    noted: Option<End>,
}

impl Open {
    fn new(frame: &Frame, code_of: Option<Address>, names: &mut Names) -> Self {
        let contract = frame.message.address;
        Self {
            contract,
            code_of: code_of.unwrap_or(contract),
            depth: frame.message.depth,
            names: names.of(&frame.code),
            host: None,
            waits_at: Vec::new(),
            is_done: false,
            noted: None,
        }
    }

    /// Functions in progress, and before them the function of the host that they called; the innermost first.
    fn places<'a>(&'a self, positions: &'a [Position]) -> impl DoubleEndedIterator<Item = Place> + 'a {
        let host = self.host.map(|import| Place::Host { module: import.module, name: import.name });
        let function = |position: &Position| Place::Function {
            contract: self.contract,
            code_of: self.code_of,
            depth: self.depth,
            function: position.function,
            name: self.names.get(position.function).map(str::to_owned),
            offset: position.offset,
        };
        host.into_iter().chain(positions.iter().rev().map(function))
    }
}

impl Backtrace {
    /// Where frames stopped, in the order in which they did, and how many are left out before the last. Empty if every
    /// frame returned. To be asked once, after the replay, with what it gave.
    pub fn finish(&mut self, executed: &Executed) -> (&[Stopped], u64) {
        let end = match executed.receipt.outcome {
            Outcome::Return => None,
            Outcome::Revert { errno } => Some(End::Revert { errno }),
            Outcome::Halt { reason } => Some(End::Halt(reason)),
        };
        let own = executed.halts.last().filter(|site| site.depth == 0);
        self.requested = own.map(|site| site.contract);
        self.settle(end);
        (&self.stops, self.left_out)
    }

    /// The frame that was asked for last is over, or never began: notes its stop, unless that was seen from inside.
    fn settle(&mut self, end: Option<End>) {
        let child = self.open.pop_if(|top| top.is_done);
        let noted = child.as_ref().and_then(|child| child.noted);
        let Some(end) = end.filter(|end| noted != Some(*end)) else { return };
        let depth = self.open.last().map_or(0, |parent| parent.depth.saturating_add(1));
        let place = match child {
            Some(child) => Place::Frame { contract: Some(child.contract), depth, began: true },
            None => Place::Frame { contract: self.requested, depth, began: false },
        };
        self.note(end, vec![place], self.open.len());
    }

    /// Notes a stop at `own`, in a frame that the first `waiting` frames wait for.
    fn note(&mut self, end: End, own: Vec<Place>, waiting: usize) {
        let below = || {
            let waiting = self.open.iter().take(waiting).rev();
            own.iter().cloned().chain(waiting.flat_map(|frame| frame.places(&frame.waits_at)))
        };
        let places = |frame: &Open| frame.waits_at.len().saturating_add(usize::from(frame.host.is_some()));
        let waiting_places = self.open.iter().take(waiting).map(places);
        let count = waiting_places.fold(own.len(), usize::saturating_add);
        let inner: Vec<Place> = below().take(PLACES_MAX).collect();
        let mut outer: Vec<Place> = below().rev().take(PLACES_MAX.min(count.saturating_sub(inner.len()))).collect();
        outer.reverse();
        let left_out = count.saturating_sub(inner.len()).saturating_sub(outer.len());
        let stopped = Stopped { end, inner, left_out, outer };
        let is_full = self.stops.len() >= STOPS_MAX;
        match self.stops.last_mut() {
            Some(last) if is_full => {
                self.left_out = self.left_out.saturating_add(1);
                *last = stopped;
            }
            _ => self.stops.push(stopped),
        }
    }
}

impl Observer for Backtrace {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::FrameBegins { frame, .. } => {
                self.open.push(Open::new(frame, self.requested, &mut self.names));
            }
            Event::FrameGoesOn { .. } => {
                if let Some(top) = self.open.last_mut() {
                    (top.is_done, top.noted) = (false, None);
                }
            }
            Event::HostCalled { import, .. } => self.set_host(Some(*import)),
            Event::HostReturned { .. } => self.set_host(None),
            Event::FrameSuspends { request, backtrace, .. } => {
                self.requested = match request {
                    Request::Call(call) => Some(call.callee),
                    Request::Create(_) | Request::Grow { .. } => None,
                };
                if let Some(top) = self.open.last_mut() {
                    top.waits_at = backtrace.to_vec();
                }
            }
            Event::FrameResumes { result, .. } => {
                self.settle(End::of(result.status));
                if let Some(top) = self.open.last_mut() {
                    top.waits_at.clear();
                }
            }
            Event::FrameEnds { stop, backtrace, .. } => {
                let end = match stop {
                    Some(Stop::Halt(reason)) => Some(End::Halt(*reason)),
                    Some(Stop::Revert { errno, .. }) => Some(End::Revert { errno: errno.code() }),
                    _ => None,
                };
                if let (Some(end), Some(top)) = (end, self.open.last()) {
                    let own = top.places(backtrace).collect();
                    self.note(end, own, self.open.len().saturating_sub(1));
                }
                if let Some(top) = self.open.last_mut() {
                    (top.is_done, top.noted) = (true, end);
                }
            }
            _ => {}
        }
    }
}

impl Backtrace {
    fn set_host(&mut self, import: Option<&'static HostImport>) {
        if let Some(top) = self.open.last_mut() {
            top.host = import;
        }
    }
}
