//! What can be seen of an execution. Nothing that is told here can change it: an observer gets references to what is
//! there and returns nothing.

use lockstep_gas::{Gas, Operator};
use lockstep_host::{Address, Bytes, Frame, FrameResult, HostImport, Log, Request, Stop};
use std::sync::{Arc, Mutex, PoisonError};

/// One thing that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A frame's first export is called.
    FrameBegins {
        /// The frame.
        frame: &'a Frame,
        /// Gas that it has, its start paid for.
        gas_left: Gas,
    },
    /// A frame calls another export, as its ABI has it: the one before has returned.
    FrameGoesOn {
        /// The export.
        export: &'a str,
        /// What is left.
        gas_left: Gas,
    },
    /// The ABI has taken over what the export that returned last has given: it may have charged for that. Another export
    /// follows, or the frame is over.
    ResultTaken {
        /// What is left.
        gas_left: Gas,
    },
    /// A charge is due: of a region, or of a bulk operation.
    Charge {
        /// How much.
        gas: Gas,
        /// What is left before it. If that is less, the frame halts.
        gas_left: Gas,
    },
    /// An instruction is about to be executed.
    Instruction {
        /// The function that it is in, imports counted first.
        function: u32,
        /// The operator.
        operator: Operator,
        /// The byte offset of the operator in the module.
        offset: usize,
        /// What is left.
        gas_left: Gas,
    },
    /// A Wasm function is entered.
    FunctionEntered {
        /// Its index, imports counted first.
        function: u32,
    },
    /// The function that was entered last and not left returns, or hands over to a tail call.
    FunctionLeft,
    /// A function of the host is called.
    HostCalled {
        /// Which.
        import: &'static HostImport,
        /// Where the guest calls it; `None` where the export that was called is the import itself.
        position: Option<Position>,
        /// The bits of its arguments.
        arguments: &'a [u64],
        /// The caller's memory.
        memory: &'a [u8],
        /// What is left.
        gas_left: Gas,
    },
    /// The function of the host that was called last writes something. It stays unless the frame, or one above it,
    /// undoes its effects.
    Wrote(Write<'a>),
    /// The host returns to the guest.
    HostReturned {
        /// From which function.
        import: &'static HostImport,
        /// The bits of its result, 0 if it has none.
        result: u64,
        /// What is left.
        gas_left: Gas,
    },
    /// The function of the host that was called last asks for another frame, and this one waits for it.
    FrameSuspends {
        /// What it asks for. Its gas is already taken.
        request: &'a Request,
        /// What is left.
        gas_left: Gas,
        /// Functions in progress, the innermost last.
        backtrace: &'a [Position],
    },
    /// The other frame is over, or never began, and the function of the host that asked for it goes on: it returns to
    /// the guest or halts it.
    FrameResumes {
        /// What came of it. A frame that returned can have failed all the same: by its output or by its created code.
        result: &'a FrameResult,
        /// What this frame has left, before it gets back what the other one left.
        gas_left: Gas,
    },
    /// An export that a frame called is done. Unless the frame goes on, the caller's `FrameResumes` says what its end means for its caller.
    FrameEnds {
        /// Why, `None` if the export returned.
        stop: Option<&'a Stop>,
        /// What is left, before a halt takes it.
        gas_left: Gas,
        /// Functions in progress, the innermost last; empty if the export returned.
        backtrace: &'a [Position],
    },
}

/// A change of the state, of the logs or of the refund.
#[derive(Debug, Clone, Copy)]
pub enum Write<'a> {
    /// A storage value is set, or removed.
    Storage {
        /// Whose storage.
        account: &'a Address,
        /// The key.
        key: &'a [u8],
        /// The value, `None` if it is removed.
        value: Option<&'a Bytes>,
    },
    /// A log is added.
    Log(&'a Log),
    /// Gas is added to what the transaction gets back at its end.
    Refund(Gas),
    /// A contract gives away its balance and is marked for removal.
    SelfDestruct {
        /// The contract.
        contract: &'a Address,
        /// Who gets its balance.
        beneficiary: &'a Address,
    },
}

/// Where a function in progress is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Index of the function, imports counted first.
    pub function: u32,
    /// Byte offset in the module of the operator that it is at.
    pub offset: usize,
}

/// Somebody who is told what happens.
pub trait Observer: Send {
    /// It happened.
    fn event(&mut self, event: &Event<'_>);
}

/// An observer that several machines can tell.
pub type SharedObserver = Arc<Mutex<dyn Observer>>;

/// Tells an observer, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Watch(Option<SharedObserver>);

impl Watch {
    pub(crate) fn new(observer: SharedObserver) -> Self {
        Self(Some(observer))
    }

    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        if let Some(observer) = &self.0 {
            observer.lock().unwrap_or_else(PoisonError::into_inner).event(event);
        }
    }
}
