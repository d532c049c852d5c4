//! The frame loop: runs a call or a creation and every frame below it, without recursion on the native stack.
//!
//! A frame is an instance, a checkpoint and what its protocol says of its guest calls. A host function that needs another
//! frame suspends its instance; the loop runs the other frame and resumes it. What is paid for and checked before a frame
//! is asked for is in the host functions. How a frame begins is in `begin`, how it ends in `end`.

mod begin;
mod end;
mod precompiled;

use crate::{
    abi::protocol::{End, GuestCall, Returned, Step},
    codes::Codes,
    engine::{Engine, Exit, Instance},
    journal::Checkpoint,
    machine::Vm,
    outcome::HaltSite,
    session::Session,
};
use alloy_primitives::{Address, Bytes};
use lockstep_gas::Gas;
use lockstep_host::{Fault, FrameResult, Guest, HaltReason, HostCall, Message, Request, Status, Stop};

/// Halts that a diagnosis keeps, the innermost first.
const HALT_SITES_MAX: usize = 16;

/// Who asks for a frame.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The account that asks.
    pub(crate) address: Address,
    /// Who called it: the caller of a delegated frame.
    pub(crate) caller: Address,
    /// Whether the frame below must leave the state as it is.
    pub(crate) is_static: bool,
    /// The depth of the frame below.
    pub(crate) depth: u32,
}

/// A frame in progress.
struct Running<I> {
    instance: I,
    checkpoint: Checkpoint,
    /// The guest call that it is in.
    call: GuestCall,
    /// The contract that a creation makes.
    creates: Option<Address>,
    /// Memory and value stack of this frame's ancestors.
    below: Footprint,
    /// Memory of this frame beside its pages: its instance and its input.
    held_bytes: u64,
    /// Value stack of this frame.
    stack_bytes: u64,
}

/// What frames hold of the transaction's memory.
#[derive(Debug, Clone, Copy, Default)]
struct Footprint {
    /// Pages, instances, inputs and return data.
    memory_bytes: u64,
    stack_bytes: u64,
}

/// What the loop does next.
enum Next {
    Begin(Request, Caller),
    Enter,
    Left(Exit),
    End(End),
    Told(FrameResult),
}

/// Frames in progress, the transaction's own first.
pub(crate) struct Frames<'vm, E: Engine> {
    vm: &'vm Vm<E>,
    running: Vec<Running<E::Instance>>,
    codes: Codes<E>,
    halts: Vec<HaltSite>,
    /// Frames that have begun.
    begun: u64,
    /// What the outermost frame pays for each byte of its output.
    output_byte: u64,
}

/// The result of a transaction's own frame.
pub(crate) struct Finished {
    pub(crate) result: FrameResult,
    pub(crate) halts: Vec<HaltSite>,
}

impl Finished {
    /// A transaction that failed before anything ran.
    pub(crate) const fn halted(reason: HaltReason) -> Self {
        let status = Status::Failure(reason);
        let result = FrameResult { status, output: Bytes::new(), gas_left: Gas::ZERO, created: None };
        Self { result, halts: Vec::new() }
    }

    /// A deployment that runs nothing.
    pub(crate) const fn deployed(address: Address, gas_left: Gas) -> Self {
        let result = FrameResult { status: Status::Success, output: Bytes::new(), gas_left, created: Some(address) };
        Self { result, halts: Vec::new() }
    }
}

impl<'vm, E: Engine> Frames<'vm, E> {
    /// Frames whose outermost output stays with this node: a view's.
    //= spec 3.24, 3.28
    pub(crate) fn of_view(vm: &'vm Vm<E>) -> Self {
        Self { vm, running: Vec::new(), codes: Codes::new(), halts: Vec::new(), begun: 0, output_byte: 0 }
    }

    /// Frames of a transaction: every node keeps the output in the receipt, and the outermost frame pays for it.
    pub(crate) fn of_transaction(vm: &'vm Vm<E>) -> Self {
        Self { output_byte: vm.revision().schedule.transaction.output_byte, ..Self::of_view(vm) }
    }

    /// Runs `request` and everything below it.
    pub(crate) fn run(
        mut self,
        mut session: Box<Session>,
        request: Request,
        caller: Caller,
    ) -> Result<(Finished, Box<Session>), Fault> {
        let mut next = Next::Begin(request, caller);
        loop {
            next = match next {
                Next::Begin(request, caller) => self.begin(&mut session, request, &caller)?,
                //= spec 3.21, 10.1.3
                Next::Enter => {
                    let top = self.running.last_mut().ok_or_else(no_frame)?;
                    let (exit, back) = top.instance.call(session, &top.call.export, &top.call.arguments)?;
                    session = back;
                    Next::Left(exit)
                }
                Next::Left(exit) => self.left(&mut session, exit)?,
                Next::End(end) => self.end(&mut session, end)?,
                Next::Told(result) => {
                    let Some(parent) = self.running.last_mut() else {
                        return Ok((Finished { result, halts: self.halts }, session));
                    };
                    let (exit, back) = parent.instance.resume(session, result)?;
                    session = back;
                    Next::Left(exit)
                }
            };
        }
    }

    /// What follows from an instance handing back control.
    //= spec 10.1.1, 10.1.2
    fn left(&mut self, session: &mut Session, exit: Exit) -> Result<Next, Fault> {
        let top = self.running.last_mut().ok_or_else(no_frame)?;
        let stop = match exit {
            Exit::Returned(bits) => {
                let (memory, state) = top.instance.parts();
                let guest = Guest::new(memory, &mut state.gas);
                let call = HostCall { guest, frame: &mut state.frame, world: session, revision: self.vm.revision() };
                let step = (top.call.then)(Returned { call, bits });
                top.instance.result_taken();
                match step {
                    Ok(Step::Call(call)) => {
                        top.call = call;
                        return Ok(Next::Enter);
                    }
                    Ok(Step::End(end)) => return Ok(Next::End(end)),
                    Err(Stop::Suspend(_)) => {
                        return Err(Fault::Broken("a protocol asked for a frame between two guest calls".into()));
                    }
                    Err(stop) => stop,
                }
            }
            Exit::Stopped(stop) => stop,
        };
        Ok(match stop {
            Stop::Suspend(request) => {
                let message = &top.instance.frame().message;
                let caller = Caller {
                    address: message.address,
                    caller: message.caller,
                    is_static: message.is_static,
                    //= spec 3.1
                    depth: message.depth.saturating_add(1),
                };
                Next::Begin(*request, caller)
            }
            Stop::Finish(output) => Next::End(End::Return(output)),
            Stop::Revert { errno, data } => Next::End(End::Revert(errno, data)),
            Stop::Halt(reason) => Next::End(End::Halt(reason)),
            Stop::Fault(fault) => return Err(fault),
        })
    }

    /// Makes the memory of the frame at the top larger, if its maximum and the transaction allow it.
    fn grow(&mut self, pages: u32) -> Result<Next, Fault> {
        let top = self.running.last_mut().ok_or_else(no_frame)?;
        let status = match top.instance.grow_memory(pages) {
            Ok(()) => Status::Success,
            Err(Stop::Halt(reason)) => Status::Refused(reason),
            Err(Stop::Fault(fault)) => return Err(fault),
            Err(_) => return Err(Fault::Broken("a growth ended like a call".into())),
        };
        Ok(Next::Told(FrameResult { status, output: Bytes::new(), gas_left: Gas::ZERO, created: None }))
    }

    //= spec 3.11, 3.13
    fn footprint(&mut self) -> Footprint {
        match self.running.last_mut() {
            Some(top) => {
                let memory = len_u64(top.instance.memory());
                let return_data = len_u64(&top.instance.frame().return_data);
                let state = top.instance.frame().state.held_bytes();
                let own = memory.saturating_add(return_data).saturating_add(state).saturating_add(top.held_bytes);
                Footprint {
                    memory_bytes: top.below.memory_bytes.saturating_add(own),
                    stack_bytes: top.below.stack_bytes.saturating_add(top.stack_bytes),
                }
            }
            None => Footprint::default(),
        }
    }

    fn note_halt(&mut self, reason: HaltReason, message: &Message, export: &str) {
        if self.halts.len() < HALT_SITES_MAX {
            let site = HaltSite { reason, contract: message.address, export: export.into(), depth: message.depth };
            self.halts.push(site);
        }
    }
}

fn len_u64(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn no_frame() -> Fault {
    Fault::Broken("the frame loop has no frame".into())
}
