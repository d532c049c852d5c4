//! The frame loop: runs a call or a creation and every frame below it, without recursion on the native stack.
//!
//! A frame is an instance, a checkpoint and what its protocol says of its guest calls. A host function that needs another
//! frame suspends its instance; the loop runs the other frame and resumes it. What is paid for and checked before a frame
//! begins is in the host functions; here is what happens when it begins and when it ends.

mod precompiled;

use crate::{
    abi::{
        self,
        protocol::{End, GuestCall, Opening, Returned, Step},
    },
    code::{CodeId, is_wasm},
    codes::Codes,
    engine::{Engine, Exit, FrameState, Instance},
    journal::Checkpoint,
    machine::{CompiledModule, Vm},
    outcome::HaltSite,
    session::Session,
};
use alloy_primitives::{Address, Bytes};
use lockstep_gas::{Abi, Gas, GasMeter, PAGE_BYTES};
use lockstep_host::{
    Buffers, CallKind, CallRequest, CreateRequest, Entry, Fault, Frame, FrameResult, Guest, HaltReason, HostCall,
    Message, Request, Status, Stop,
};
use std::sync::Arc;

/// Bytes of one slot of a value stack.
const SLOT_BYTES: u64 = 8;

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

/// A frame that is about to begin: what its message says, and how its state is undone.
struct Start {
    checkpoint: Checkpoint,
    message: Message,
    gas: Gas,
    /// The contract that a creation makes.
    creates: Option<Address>,
}

/// Why a frame does not begin.
enum NotBegun {
    /// There is nothing to run: that is a success.
    Nothing,
    /// The host has answered the call, and this much of its gas is left.
    Answered(Bytes, Gas),
    /// It fails before it runs: its gas is gone.
    Halted(HaltReason),
    /// It cannot begin: what it was given comes back, but for what finding out cost.
    Refused(HaltReason, Gas),
    /// This node failed.
    Fault(Fault),
}

impl From<Fault> for NotBegun {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
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

    /// Begins a frame, or says at once what came of it.
    fn begin(&mut self, session: &mut Session, request: Request, caller: &Caller) -> Result<Next, Fault> {
        let (start, begun) = match request {
            Request::Grow { pages } => return self.grow(pages),
            Request::Call(request) => {
                let (kind, callee) = (request.kind, request.callee);
                let start = start_of_call(session, request, caller);
                let begun = self.begin_call(session, &start, kind, &callee, caller);
                (start, begun)
            }
            Request::Create(request) => {
                let start = start_of_creation(session, &request, caller)?;
                let begun = self.begin_create(session, &start, &request.init_code);
                (start, begun)
            }
        };
        let (status, output, gas_left) = match begun {
            Ok(running) => {
                self.running.push(running);
                return Ok(Next::Enter);
            }
            Err(NotBegun::Nothing) => (Status::Success, Bytes::new(), start.gas),
            Err(NotBegun::Answered(output, gas_left)) => (Status::Success, output, gas_left),
            Err(NotBegun::Halted(reason)) => (Status::Failure(reason), Bytes::new(), Gas::ZERO),
            //= spec 1.1.4
            Err(NotBegun::Refused(reason, gas_left)) => (Status::Refused(reason), Bytes::new(), gas_left),
            Err(NotBegun::Fault(fault)) => return Err(fault),
        };
        //= spec 1.1.2, 1.1.3, 1.1.4, 12.4
        if status != Status::Success {
            session.journal.revert(start.checkpoint);
        }
        // A refusal is a matter between caller and callee; the transaction's own frame has no caller, and halts.
        if let Status::Failure(reason) | Status::Refused(reason) = status
            && (matches!(status, Status::Failure(_)) || self.running.is_empty())
        {
            let export = match &start.message.input {
                Entry::Main(_) => abi::protocol::MAIN.into(),
                Entry::Constructor(_) => "constructor".into(),
                Entry::Export(call) => String::from_utf8_lossy(&call.name),
            };
            self.note_halt(reason, &start.message, &export);
        }
        let created = start.creates.filter(|_| status == Status::Success);
        Ok(Next::Told(FrameResult { status, output, gas_left, created }))
    }

    fn begin_call(
        &mut self,
        session: &mut Session,
        start: &Start,
        kind: CallKind,
        callee: &Address,
        caller: &Caller,
    ) -> Result<Running<E::Instance>, NotBegun> {
        let journal = &mut session.journal;
        //= spec 3.2, 12.4
        if !runs_on_callers_account(kind) && !journal.transfer(&caller.address, callee, start.message.value)? {
            return Err(Fault::Broken("a call began without the value that it transfers".into()).into());
        }
        // A precompiled contract goes before the code of its account.
        //= spec 3.3, 12.1
        if let Some(precompile) = self.vm.revision().precompiles.get(&callee.0) {
            return self.begin_precompiled(start, precompile);
        }
        //= spec 3.4
        let Some(id) = journal.code_id(callee)? else {
            return Err(match start.message.input {
                Entry::Main(_) => NotBegun::Nothing,
                Entry::Export(_) | Entry::Constructor(_) => NotBegun::Refused(HaltReason::NoCode, start.gas),
            });
        };
        // Reading, validation and compilation are work: whoever cannot pay for the code does not get them.
        let code_gas = self.codes.price(self.vm, id);
        //= spec 3.6
        if start.gas < code_gas {
            return Err(NotBegun::Halted(HaltReason::OutOfGas));
        }
        let module = self.codes.of_account(self.vm, id, journal)?;
        //= spec 3.7
        let module = module.ok_or(NotBegun::Halted(HaltReason::InvalidCode))?;
        self.open(start, &module, code_gas)
    }

    fn begin_create(
        &mut self,
        session: &mut Session,
        start: &Start,
        init_code: &Bytes,
    ) -> Result<Running<E::Instance>, NotBegun> {
        let journal = &mut session.journal;
        let address = start.creates.ok_or(NotBegun::Halted(HaltReason::LimitExceeded))?;
        //= spec 4.8
        if journal.account(&address)?.is_some_and(|account| account.nonce != 0 || account.code.is_some()) {
            return Err(NotBegun::Halted(HaltReason::AddressCollision));
        }
        let mut module = None;
        // Without init code nothing runs, and the account is there.
        if !init_code.is_empty() {
            //= spec 4.6
            let id = CodeId::of(init_code, Abi::Ewasm);
            let code_gas = self.codes.price(self.vm, id);
            //= spec 3.6
            if start.gas < code_gas {
                return Err(NotBegun::Halted(HaltReason::OutOfGas));
            }
            let valid = self.codes.of_creation(self.vm, id, init_code);
            //= spec 4.9
            module = Some((valid.map_err(|_| NotBegun::Halted(HaltReason::InvalidCode))?, code_gas));
        }
        journal.create_contract(&address)?;
        //= spec 3.2
        if !journal.transfer(&start.message.caller, &address, start.message.value)? {
            return Err(Fault::Broken("a creation began without the value that it transfers".into()).into());
        }
        //= spec 4.10
        let (module, code_gas) = module.ok_or(NotBegun::Nothing)?;
        self.open(start, &module, code_gas)
    }

    /// From here on calls and creations are alike: make room, open, charge, instantiate, place the input.
    fn open(
        &mut self,
        start: &Start,
        module: &Arc<CompiledModule<E>>,
        code_gas: Gas,
    ) -> Result<Running<E::Instance>, NotBegun> {
        let Start { checkpoint, message, gas, creates } = start;
        let valid = &module.valid;
        let limits = self.vm.revision().limits(valid.abi());
        let transaction = &self.vm.revision().transaction;
        let below = self.footprint();
        let held_bytes = module.memory_bytes.saturating_add(input_bytes(&message.input));
        let memory_left = transaction.memory_bytes_max.checked_sub(below.memory_bytes);
        let memory_left = memory_left.and_then(|left| left.checked_sub(held_bytes));
        let pages_left = memory_left.unwrap_or(0) / PAGE_BYTES;
        //= spec 3.30
        let pages_max = u64::from(limits.memory_pages_max).min(pages_left);
        let pages_min = valid.memory().map_or(0, |memory| u64::from(memory.minimum_pages));
        //= spec 3.14
        let slots = u64::from(valid.frame_slots_max()).saturating_mul(u64::from(limits.call_depth_max));
        let stack_bytes = slots.saturating_mul(SLOT_BYTES);
        let stack_left = transaction.stack_bytes_max.saturating_sub(below.stack_bytes);

        // The code has been looked into: that much is not given back.
        //= spec 1.1.4, 3.25
        let refused = |reason| NotBegun::Refused(reason, gas.less(code_gas));
        //= spec 3.9
        if handed_over_bytes(&message.input) > u64::from(limits.input_bytes_max) {
            return Err(refused(HaltReason::LimitExceeded));
        }
        let pages = u32::try_from(pages_max).unwrap_or(u32::MAX);
        //= spec 3.9
        let opening = abi::protocol(valid.abi()).open(valid.facts(), &message.input, pages).map_err(refused)?;
        //= spec 3.10, 3.11, 3.14
        if memory_left.is_none() || pages_min > pages_max || stack_bytes > stack_left {
            return Err(NotBegun::Halted(HaltReason::TransactionMemoryExhausted));
        }
        let mut meter = GasMeter::new(*gas);
        //= spec 3.16
        let start_gas = code_gas.plus(self.vm.start_gas(module, &opening));
        //= spec 3.15
        meter.charge(start_gas).map_err(|_| NotBegun::Halted(HaltReason::OutOfGas))?;
        let Opening { input, state, pages, buffers, first, .. } = opening;
        let frame = Frame {
            message: message.clone(),
            index: self.begun,
            abi: valid.abi(),
            input,
            code: valid.code().clone(),
            return_data: Bytes::new(),
            state,
        };
        let state = FrameState { frame, gas: meter, memory_pages_max: pages_max };
        let instance = match instantiate(&self.vm.engine, module, state, pages, &buffers) {
            Ok(instance) => instance,
            Err(Stop::Halt(reason)) => return Err(NotBegun::Halted(reason)),
            Err(Stop::Fault(fault)) => return Err(fault.into()),
            Err(_) => return Err(Fault::Broken("an instantiation ended like a call".into()).into()),
        };
        //= spec 11.4.3
        self.begun = self.begun.saturating_add(1);
        let (checkpoint, creates) = (*checkpoint, *creates);
        Ok(Running { instance, checkpoint, call: first, creates, below, held_bytes, stack_bytes })
    }

    /// Takes the frame at the top off and says what its caller is told.
    fn end(&mut self, session: &mut Session, end: End) -> Result<Next, Fault> {
        let mut frame = self.running.pop().ok_or_else(no_frame)?;
        let end = match (frame.creates, self.within_limits(&frame, end)) {
            (Some(address), End::Return(code)) => {
                Self::deposit(self.vm, &mut self.codes, session, &mut frame.instance, &address, code)?
            }
            (_, end) => end,
        };
        //= spec 3.24
        let end = if self.running.is_empty() { self.pay_for_output(&mut frame.instance, end) } else { end };
        let (status, output) = match end {
            //= spec 1.1.1
            End::Return(output) => (Status::Success, output),
            //= spec 1.1.2
            End::Revert(errno, output) => (Status::Revert(errno), output),
            //= spec 1.1.3
            End::Halt(reason) => {
                frame.instance.gas().drain();
                self.note_halt(reason, &frame.instance.frame().message, &frame.call.export);
                (Status::Failure(reason), Bytes::new())
            }
        };
        //= spec 1.1.2, 1.1.3
        if status != Status::Success {
            session.journal.revert(frame.checkpoint);
        }
        let created = frame.creates.filter(|_| status == Status::Success);
        let gas_left = frame.instance.gas().left();
        // Init code runs once.
        if frame.creates.is_none() {
            self.vm.engine.take_back(frame.instance);
        }
        Ok(Next::Told(FrameResult { status, output, gas_left, created }))
    }

    /// An output that is larger than its limit is a halt.
    fn within_limits(&self, frame: &Running<E::Instance>, end: End) -> End {
        let limits = self.vm.revision().limits(frame.instance.frame().abi);
        let (bytes, bytes_max, reason) = match &end {
            //= spec 4.11
            End::Return(code) if frame.creates.is_some() => {
                (code.len(), limits.created_code_bytes_max, HaltReason::CreatedCodeTooLarge)
            }
            End::Return(output) => (output.len(), limits.output_bytes_max, HaltReason::LimitExceeded),
            End::Revert(_, output) => (output.len(), limits.revert_bytes_max, HaltReason::LimitExceeded),
            End::Halt(_) => return end,
        };
        if u32::try_from(bytes).is_ok_and(|bytes| bytes <= bytes_max) { end } else { End::Halt(reason) }
    }

    /// The outermost frame pays for each byte that the receipt keeps. One that cannot halts.
    //= spec 3.22
    fn pay_for_output(&self, instance: &mut E::Instance, end: End) -> End {
        let (End::Return(output) | End::Revert(_, output)) = &end else { return end };
        let price = Gas::new(self.output_byte).times(len_u64(output));
        if instance.gas().charge(price).is_err() { End::Halt(HaltReason::OutOfGas) } else { end }
    }

    /// Puts the code that a creation left behind on the new account (EIP-170, ewasm contract interface).
    //= spec 3.23, 4.11, 4.12
    fn deposit(
        vm: &Vm<E>,
        codes: &mut Codes<E>,
        session: &mut Session,
        instance: &mut E::Instance,
        address: &Address,
        code: Bytes,
    ) -> Result<End, Fault> {
        let price = Gas::new(vm.revision().schedule.account.code_deposit_byte).times(len_u64(&code));
        if instance.gas().charge(price).is_err() {
            return Ok(End::Halt(HaltReason::OutOfGas));
        }
        let id = CodeId::of(&code, Abi::Ewasm);
        // What does not look like a module is kept as it is; calling it halts.
        //= spec 4.13
        if is_wasm(&code) && codes.deposit(vm, id, &code).is_err() {
            return Ok(End::Halt(HaltReason::InvalidCreatedCode));
        }
        if !code.is_empty() {
            session.journal.set_code(address, id, code)?;
        }
        Ok(End::Return(Bytes::new()))
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

/// The message of a call.
fn start_of_call(session: &mut Session, request: CallRequest, caller: &Caller) -> Start {
    let CallRequest { kind, gas, callee, value, input } = request;
    let message = Message {
        caller: if kind == CallKind::CallDelegate { caller.caller } else { caller.address },
        address: if runs_on_callers_account(kind) { caller.address } else { callee },
        value,
        input,
        is_static: caller.is_static || kind == CallKind::CallStatic,
        depth: caller.depth,
    };
    Start { checkpoint: session.journal.checkpoint(), message, gas, creates: None }
}

/// The message of a creation, without an address if the caller's nonce is at its end. The nonce stays used with
/// every outcome of the creation.
fn start_of_creation(session: &mut Session, request: &CreateRequest, caller: &Caller) -> Result<Start, Fault> {
    let journal = &mut session.journal;
    let nonce = journal.nonce(&caller.address)?;
    //= spec 4.7
    let address = caller.address.create(nonce);
    //= spec 7.8
    let creates = (nonce != u64::MAX).then_some(address);
    if creates.is_some() {
        //= spec 1.3.7, 5.3.15
        journal.increment_nonce(&caller.address)?;
    }
    let message = Message {
        caller: caller.address,
        address,
        value: request.value,
        input: Entry::Main(Bytes::new()),
        is_static: false,
        depth: caller.depth,
    };
    Ok(Start { checkpoint: journal.checkpoint(), message, gas: request.gas, creates })
}

const fn runs_on_callers_account(kind: CallKind) -> bool {
    matches!(kind, CallKind::CallCode | CallKind::CallDelegate)
}

/// Makes the instance and puts the input where the protocol says.
//= spec 3.20, 3.21
fn instantiate<E: Engine>(
    engine: &E,
    module: &CompiledModule<E>,
    state: FrameState,
    pages: u32,
    buffers: &[(u32, Bytes)],
) -> Result<E::Instance, Stop> {
    let mut instance = engine.instantiate(&module.code, state)?;
    if pages > 0 {
        instance.grow_memory(pages)?;
    }
    for (offset, bytes) in buffers {
        let target = usize::try_from(*offset).ok().and_then(|start| instance.memory().get_mut(start..));
        let target = target.and_then(|rest| rest.get_mut(..bytes.len()));
        target.ok_or(HaltReason::NoRoomForInput)?.copy_from_slice(bytes);
    }
    Ok(instance)
}

/// Bytes that the caller hands over: the input, or the arguments of an export and their buffers.
fn handed_over_bytes(input: &Entry) -> u64 {
    match input {
        Entry::Main(input) | Entry::Constructor(input) => len_u64(input),
        Entry::Export(call) => {
            let buffers = match &call.buffers {
                Buffers::Copied(buffers) => buffers.as_slice(),
                Buffers::InArguments => &[],
            };
            buffers.iter().fold(len_u64(&call.arguments), |sum, part| sum.saturating_add(len_u64(part)))
        }
    }
}

/// Bytes of a frame's input, as its caller handed it over: they stay until the frame has ended.
//= spec 3.12
fn input_bytes(input: &Entry) -> u64 {
    match input {
        Entry::Main(_) | Entry::Constructor(_) => handed_over_bytes(input),
        Entry::Export(call) => handed_over_bytes(input).saturating_add(len_u64(&call.name)),
    }
}

fn len_u64(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn no_frame() -> Fault {
    Fault::Broken("the frame loop has no frame".into())
}
