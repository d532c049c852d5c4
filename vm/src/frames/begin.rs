//! How a frame begins: the message of a call or a creation, the value that moves, the code and its price, the room that the
//! transaction has left, and the instance with its input.

use super::{Caller, Frames, Next, Running, len_u64};
use crate::{
    abi::{self, protocol::Opening},
    code::CodeId,
    engine::{Engine, FrameState, Instance},
    journal::Checkpoint,
    machine::CompiledModule,
    session::Session,
};
use alloy_primitives::{Address, Bytes};
use lockstep_gas::{Abi, Gas, GasMeter, PAGE_BYTES};
use lockstep_host::{
    Buffers, CallKind, CallRequest, CreateRequest, Entry, Fault, Frame, FrameResult, HaltReason, Message, Request,
    Status, Stop,
};
use std::sync::Arc;

/// A frame that is about to begin: what its message says, and how its state is undone.
pub(super) struct Start {
    pub(super) checkpoint: Checkpoint,
    pub(super) message: Message,
    pub(super) gas: Gas,
    /// The contract that a creation makes.
    pub(super) creates: Option<Address>,
}

/// Why a frame does not begin.
pub(super) enum NotBegun {
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

/// Bytes of one slot of a value stack.
const SLOT_BYTES: u64 = 8;

impl<E: Engine> Frames<'_, E> {
    /// Begins a frame, or says at once what came of it.
    pub(super) fn begin(&mut self, session: &mut Session, request: Request, caller: &Caller) -> Result<Next, Fault> {
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
    pub(super) fn open(
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
