//! The frame loop: runs a call or a creation and every frame below it, without recursion on the native stack.
//!
//! A frame is an instance, a checkpoint and what its end means. A host function that needs another frame suspends its
//! instance; the loop runs the other frame and resumes it. What is paid for and checked before a frame begins stands in
//! the host functions; here is what happens when it begins and when it ends.

use crate::{
    code::{CodeId, is_wasm},
    codes::Codes,
    engine::{Engine, Exit, FrameState, Instance},
    entry::{self, Plan},
    journal::Checkpoint,
    machine::{CompiledModule, Vm},
    outcome::HaltSite,
    session::Session,
};
use alloy_primitives::{Address, Bytes};
use lockstep_gas::{Abi, Gas, GasMeter, PAGE_BYTES};
use lockstep_host::{
    Buffers, CallKind, CallRequest, CreateRequest, Entry, Fault, Frame, FrameResult, HaltReason, Message, Reply,
    Request, Status, Stop,
    packed::{BufOut, Errno, ResultKind},
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
    plan: Plan,
    /// The contract that a creation makes.
    creates: Option<Address>,
    reply: Reply,
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

/// How a frame ended, seen from inside.
enum End {
    Return(Bytes),
    Revert(Errno, Bytes),
    Halt(HaltReason),
}

/// What the loop does next.
enum Next {
    Begin(Request, Caller),
    Enter,
    Left(Exit),
    End(End),
    Reply(Reply, FrameResult),
}

/// Frames in progress, the transaction's own first.
pub(crate) struct Frames<'vm, E: Engine> {
    vm: &'vm Vm<E>,
    running: Vec<Running<E::Instance>>,
    codes: Codes<E>,
    halts: Vec<HaltSite>,
    /// What the outermost frame pays for each byte of its output.
    output_byte: u64,
}

/// The result of a transaction's own frame.
pub(crate) struct Finished {
    pub(crate) result: FrameResult,
    pub(crate) halts: Vec<HaltSite>,
}

impl<'vm, E: Engine> Frames<'vm, E> {
    /// Frames whose outermost output stays with this node: a view's.
    pub(crate) fn of_view(vm: &'vm Vm<E>) -> Self {
        Self { vm, running: Vec::new(), codes: Codes::new(), halts: Vec::new(), output_byte: 0 }
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
                Next::Begin(Request::Call(request), caller) => self.begin_call(&mut session, request, &caller)?,
                Next::Begin(Request::Create(request), caller) => self.begin_create(&mut session, request, &caller)?,
                Next::Enter => {
                    let top = self.running.last_mut().ok_or_else(no_frame)?;
                    let (exit, back) = top.instance.call(session, &top.plan.export, &top.plan.arguments)?;
                    session = back;
                    Next::Left(exit)
                }
                Next::Left(exit) => self.left(exit)?,
                Next::End(end) => self.end(&mut session, end)?,
                Next::Reply(reply, result) => {
                    let Some(parent) = self.running.last_mut() else {
                        return Ok((Finished { result, halts: self.halts }, session));
                    };
                    let (exit, back) = parent.instance.resume(session, reply, result)?;
                    session = back;
                    Next::Left(exit)
                }
            };
        }
    }

    /// What follows from an instance handing back control.
    fn left(&mut self, exit: Exit) -> Result<Next, Fault> {
        let top = self.running.last_mut().ok_or_else(no_frame)?;
        Ok(match exit {
            Exit::Returned(bits) => Next::End(returned(top, bits)),
            Exit::Stopped(Stop::Suspend(request)) => {
                let message = &top.instance.frame().message;
                let caller = Caller {
                    address: message.address,
                    caller: message.caller,
                    is_static: message.is_static,
                    depth: message.depth.saturating_add(1),
                };
                Next::Begin(*request, caller)
            }
            Exit::Stopped(Stop::Finish(output)) => Next::End(End::Return(output)),
            Exit::Stopped(Stop::Revert(output)) => Next::End(End::Revert(Errno::OK, output)),
            Exit::Stopped(Stop::Halt(reason)) => Next::End(End::Halt(reason)),
            Exit::Stopped(Stop::Fault(fault)) => return Err(fault),
        })
    }

    fn begin_call(&mut self, session: &mut Session, request: CallRequest, caller: &Caller) -> Result<Next, Fault> {
        let CallRequest { kind, gas, callee, value, input, reply } = request;
        let on_callers_account = matches!(kind, CallKind::CallCode | CallKind::CallDelegate);
        let message = Message {
            caller: if kind == CallKind::CallDelegate { caller.caller } else { caller.address },
            address: if on_callers_account { caller.address } else { callee },
            value,
            input,
            is_static: caller.is_static || kind == CallKind::CallStatic,
            depth: caller.depth,
        };
        let journal = &mut session.journal;
        let checkpoint = journal.checkpoint();
        if !on_callers_account && !journal.transfer(&caller.address, &callee, value)? {
            return Err(Fault::Broken("a call began without the value that it transfers".into()));
        }
        let Some(id) = journal.code_id(&callee)? else {
            return Ok(match message.input {
                Entry::Main(_) => not_begun(session, checkpoint, Status::Success, gas, reply),
                Entry::Export(_) => self.refuse(session, checkpoint, HaltReason::NoCode, &message, gas, reply),
            });
        };
        // Reading, validation and compilation are work: whoever cannot pay for the code does not get them.
        let code_gas = self.codes.price(self.vm, id);
        if gas < code_gas {
            return Ok(self.fail(session, checkpoint, HaltReason::OutOfGas, &message, reply));
        }
        let Some(module) = self.codes.of_account(self.vm, id, &mut session.journal)? else {
            return Ok(self.fail(session, checkpoint, HaltReason::InvalidCode, &message, reply));
        };
        self.begin(session, Start { checkpoint, message, module, gas, code_gas, creates: None, reply })
    }

    fn begin_create(&mut self, session: &mut Session, request: CreateRequest, caller: &Caller) -> Result<Next, Fault> {
        let CreateRequest { gas, value, init_code, reply } = request;
        let journal = &mut session.journal;
        // The nonce stays used whatever becomes of the creation.
        let nonce = journal.nonce(&caller.address)?;
        if nonce == u64::MAX {
            let checkpoint = journal.checkpoint();
            return Ok(not_begun(session, checkpoint, Status::Failure(HaltReason::LimitExceeded), gas, reply));
        }
        journal.increment_nonce(&caller.address)?;
        let checkpoint = journal.checkpoint();
        let address = caller.address.create(nonce);
        let message = Message {
            caller: caller.address,
            address,
            value,
            input: Entry::Main(Bytes::new()),
            is_static: false,
            depth: caller.depth,
        };
        if journal.account(&address)?.is_some_and(|account| account.nonce != 0 || account.code.is_some()) {
            return Ok(self.fail(session, checkpoint, HaltReason::AddressCollision, &message, reply));
        }
        if init_code.is_empty() {
            return create_empty(session, checkpoint, &message, gas, reply);
        }
        let id = CodeId::of(&init_code, Abi::Ewasm);
        let code_gas = self.codes.price(self.vm, id);
        if gas < code_gas {
            return Ok(self.fail(session, checkpoint, HaltReason::OutOfGas, &message, reply));
        }
        let Ok(module) = self.codes.of_creation(self.vm, id, &init_code) else {
            return Ok(self.fail(session, checkpoint, HaltReason::InvalidCode, &message, reply));
        };
        journal.create_contract(&address)?;
        if !journal.transfer(&caller.address, &address, value)? {
            return Err(Fault::Broken("a creation began without the value that it transfers".into()));
        }
        self.begin(session, Start { checkpoint, message, module, gas, code_gas, creates: Some(address), reply })
    }

    /// From here on calls and creations are alike: make room, plan, charge, instantiate, place the input.
    fn begin(&mut self, session: &mut Session, start: Start<E>) -> Result<Next, Fault> {
        let Start { checkpoint, message, module, gas, code_gas, creates, reply } = start;
        let limits = self.vm.revision().limits(module.valid.abi());
        let below = self.footprint();
        let held_bytes = module.memory_bytes.saturating_add(input_bytes(&message.input));
        let memory_left = limits.transaction_memory_bytes_max.checked_sub(below.memory_bytes);
        let memory_left = memory_left.and_then(|left| left.checked_sub(held_bytes));
        let pages_left = memory_left.unwrap_or(0) / PAGE_BYTES;
        let pages_max = u64::from(limits.memory_pages_max).min(pages_left);
        let pages_min = module.valid.memory().map_or(0, |memory| u64::from(memory.minimum_pages));
        let slots = u64::from(module.valid.frame_slots_max()).saturating_mul(u64::from(limits.call_depth_max));
        let stack_bytes = slots.saturating_mul(SLOT_BYTES);
        let stack_left = limits.transaction_stack_bytes_max.saturating_sub(below.stack_bytes);

        let plan = entry::plan(&module.valid, &message.input, u32::try_from(pages_max).unwrap_or(u32::MAX));
        let plan = match plan {
            Ok(plan) => plan,
            Err(reason) => {
                // The code has been looked into: that much is not given back.
                let gas = gas.less(code_gas);
                return Ok(self.refuse(session, checkpoint, reason, &message, gas, reply));
            }
        };
        let mut meter = GasMeter::new(gas);
        let exhausted = memory_left.is_none() || pages_min > pages_max || stack_bytes > stack_left;
        let refusal = if exhausted {
            Some(HaltReason::TransactionMemoryExhausted)
        } else {
            meter.charge(code_gas.plus(self.vm.start_gas(&module, &plan))).err().map(|_| HaltReason::OutOfGas)
        };
        if let Some(reason) = refusal {
            self.note_halt(reason, &message, &plan.export);
            return Ok(not_begun(session, checkpoint, Status::Failure(reason), gas, reply));
        }
        let frame = Frame {
            message,
            abi: module.valid.abi(),
            input: plan.input.clone(),
            code: module.valid.code().clone(),
            pack_order: module.valid.packed().order,
            return_data: Bytes::new(),
        };
        let site = frame.message.clone();
        let state = FrameState { frame, gas: meter, memory_pages_max: pages_max };
        match instantiate(&self.vm.engine, &module, state, &plan) {
            Ok(instance) => {
                self.running.push(Running {
                    instance,
                    checkpoint,
                    plan,
                    creates,
                    reply,
                    below,
                    held_bytes,
                    stack_bytes,
                });
                Ok(Next::Enter)
            }
            Err(Stop::Halt(reason)) => {
                self.note_halt(reason, &site, &plan.export);
                Ok(not_begun(session, checkpoint, Status::Failure(reason), gas, reply))
            }
            Err(Stop::Fault(fault)) => Err(fault),
            Err(_) => Err(Fault::Broken("an instantiation ended like a call".into())),
        }
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
        let end = if self.running.is_empty() { self.pay_for_output(&mut frame.instance, end) } else { end };
        let (status, output) = match end {
            End::Return(output) => (Status::Success, output),
            End::Revert(errno, output) => (Status::Revert(errno), output),
            End::Halt(reason) => {
                frame.instance.gas().drain();
                self.note_halt(reason, &frame.instance.frame().message, &frame.plan.export);
                (Status::Failure(reason), Bytes::new())
            }
        };
        if status != Status::Success {
            session.journal.revert(frame.checkpoint);
        }
        let created = frame.creates.filter(|_| status == Status::Success);
        let gas_left = frame.instance.gas().left();
        Ok(Next::Reply(frame.reply, FrameResult { status, output, gas_left, created }))
    }

    /// An output that is larger than its limit is a halt.
    fn within_limits(&self, frame: &Running<E::Instance>, end: End) -> End {
        let limits = self.vm.revision().limits(frame.instance.frame().abi);
        let (bytes, bytes_max, reason) = match &end {
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
    fn pay_for_output(&self, instance: &mut E::Instance, end: End) -> End {
        let (End::Return(output) | End::Revert(_, output)) = &end else { return end };
        let price = Gas::new(self.output_byte).times(len_u64(output));
        if instance.gas().charge(price).is_err() { End::Halt(HaltReason::OutOfGas) } else { end }
    }

    /// Puts the code that a creation left behind on the new account (EIP-170, ewasm contract interface).
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
        if is_wasm(&code) && codes.deposit(vm, id, &code).is_err() {
            return Ok(End::Halt(HaltReason::InvalidCreatedCode));
        }
        if !code.is_empty() {
            session.journal.set_code(address, id, code)?;
        }
        Ok(End::Return(Bytes::new()))
    }

    fn footprint(&mut self) -> Footprint {
        match self.running.last_mut() {
            Some(top) => {
                let memory = len_u64(top.instance.memory());
                let return_data = len_u64(&top.instance.frame().return_data);
                let own = memory.saturating_add(return_data).saturating_add(top.held_bytes);
                Footprint {
                    memory_bytes: top.below.memory_bytes.saturating_add(own),
                    stack_bytes: top.below.stack_bytes.saturating_add(top.stack_bytes),
                }
            }
            None => Footprint::default(),
        }
    }

    /// A frame that halts before it runs.
    fn fail(
        &mut self,
        session: &mut Session,
        checkpoint: Checkpoint,
        reason: HaltReason,
        message: &Message,
        reply: Reply,
    ) -> Next {
        self.note_halt(reason, message, "");
        not_begun(session, checkpoint, Status::Failure(reason), Gas::ZERO, reply)
    }

    /// A frame that cannot begin. For the transaction's own that is a halt.
    fn refuse(
        &mut self,
        session: &mut Session,
        checkpoint: Checkpoint,
        reason: HaltReason,
        message: &Message,
        gas: Gas,
        reply: Reply,
    ) -> Next {
        if self.running.is_empty() {
            let export = match &message.input {
                Entry::Main(_) => "main".into(),
                Entry::Export(call) => String::from_utf8_lossy(&call.name),
            };
            self.note_halt(reason, message, &export);
        }
        not_begun(session, checkpoint, Status::Refused(reason), gas, reply)
    }

    fn note_halt(&mut self, reason: HaltReason, message: &Message, export: &str) {
        if self.halts.len() < HALT_SITES_MAX {
            let site = HaltSite { reason, contract: message.address, export: export.into(), depth: message.depth };
            self.halts.push(site);
        }
    }
}

/// Everything that a frame begins with.
struct Start<E: Engine> {
    checkpoint: Checkpoint,
    message: Message,
    module: Arc<CompiledModule<E>>,
    gas: Gas,
    /// The part of the start that the code alone costs; at most `gas`.
    code_gas: Gas,
    creates: Option<Address>,
    reply: Reply,
}

/// Makes the instance and puts the input where the plan says.
fn instantiate<E: Engine>(
    engine: &E,
    module: &CompiledModule<E>,
    state: FrameState,
    plan: &Plan,
) -> Result<E::Instance, Stop> {
    let mut instance = engine.instantiate(&module.code, state)?;
    if plan.pages > 0 {
        instance.grow_memory(plan.pages)?;
    }
    for (offset, bytes) in &plan.buffers {
        let target = usize::try_from(*offset).ok().and_then(|start| instance.memory().get_mut(start..));
        let target = target.and_then(|rest| rest.get_mut(..bytes.len()));
        target.ok_or(HaltReason::NoRoomForInput)?.copy_from_slice(bytes);
    }
    Ok(instance)
}

/// Bytes of a frame's input, as its caller handed it over.
fn input_bytes(input: &Entry) -> u64 {
    match input {
        Entry::Main(input) => len_u64(input),
        Entry::Export(call) => {
            let buffers = match &call.buffers {
                Buffers::Copied(buffers) => buffers.as_slice(),
                Buffers::InArguments => &[],
            };
            buffers.iter().chain([&call.name, &call.arguments]).fold(0, |sum, part| sum.saturating_add(len_u64(part)))
        }
    }
}

fn len_u64(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// What the result of an export means.
fn returned<I: Instance>(frame: &mut Running<I>, bits: u64) -> End {
    match frame.plan.result {
        ResultKind::Void => End::Return(Bytes::new()),
        ResultKind::I32 => {
            End::Return(Bytes::copy_from_slice(bits.to_le_bytes().first_chunk::<4>().map_or(&[], |low| low)))
        }
        ResultKind::I64 => End::Return(Bytes::copy_from_slice(&bits.to_le_bytes())),
        ResultKind::BufOut => {
            let result = BufOut::unpack(bits.cast_signed());
            let start = usize::try_from(result.offset()).unwrap_or(usize::MAX);
            let length = usize::try_from(result.length()).unwrap_or(usize::MAX);
            let bytes = frame.instance.memory().get(start..).and_then(|rest| rest.get(..length));
            match bytes.map(Bytes::copy_from_slice) {
                Some(output) if result.errno() == Errno::OK => End::Return(output),
                Some(output) if result.errno().is_contract_defined() => End::Revert(result.errno(), output),
                _ => End::Halt(HaltReason::BadResult),
            }
        }
    }
}

/// A creation without init code: nothing runs, and the account is there.
fn create_empty(
    session: &mut Session,
    checkpoint: Checkpoint,
    message: &Message,
    gas: Gas,
    reply: Reply,
) -> Result<Next, Fault> {
    session.journal.create_contract(&message.address)?;
    if !session.journal.transfer(&message.caller, &message.address, message.value)? {
        return Err(Fault::Broken("a creation began without the value that it transfers".into()));
    }
    Ok(match not_begun(session, checkpoint, Status::Success, gas, reply) {
        Next::Reply(reply, result) => Next::Reply(reply, FrameResult { created: Some(message.address), ..result }),
        next => next,
    })
}

/// The result of a frame that never ran: a success or a refusal leaves the gas, a failure takes it.
fn not_begun(session: &mut Session, checkpoint: Checkpoint, status: Status, gas: Gas, reply: Reply) -> Next {
    if status != Status::Success {
        session.journal.revert(checkpoint);
    }
    let gas_left = if matches!(status, Status::Failure(_)) { Gas::ZERO } else { gas };
    Next::Reply(reply, FrameResult { status, output: Bytes::new(), gas_left, created: None })
}

fn no_frame() -> Fault {
    Fault::Broken("the frame loop has no frame".into())
}
