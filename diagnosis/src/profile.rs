//! Where the gas of a transaction went: by contract, function and function of the host, across frames.
//!
//! Every unit is accounted for. The sum over all stacks is the gas that the transaction used before its refund, and
//! beside it the gas that no frame paid for: the callee of a `callDelegate` that inherits a value gets a stipend
//! for free.

use crate::{
    names::Names,
    stacks::{Part, Stacks},
};
use lockstep_gas::{Gas, Precompile, Precompiles, Revision};
use lockstep_host::{Frame, FrameResult, Request, Status, Stop};
use lockstep_reference::{Event, Observer, Write};
use lockstep_vm::{Address, Executed, Outcome, TxKind, ValidTx};

/// What a profile adds up to: `stacks` = gas used + `refund` + `made`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// Gas of all stacks.
    pub stacks: u64,
    /// What the transaction got back at its end.
    pub refund: u64,
    /// Gas that callees were given and no frame paid for.
    pub made: u64,
}

/// An observer that adds up gas by stack.
#[derive(Debug)]
pub struct Profile {
    names: Names,
    stacks: Stacks,
    open: Vec<Open>,
    /// Gas that the frame asked for last has been given; at first the transaction's own.
    given: Gas,
    /// Whose code it is to run; `None` for a contract that is to be made. At first the account that the transaction calls.
    requested: Option<Address>,
    precompiles: Precompiles,
    made: u64,
    /// What each byte of the code costs that the transaction itself creates; 0 if it creates none.
    code_deposit_byte: u64,
    /// What each byte of output costs that the receipt keeps.
    output_byte: u64,
    refund_quotient: u64,
}

/// A frame that began and is not over.
#[derive(Debug)]
struct Open {
    /// The number of its function names.
    names: usize,
    /// Parts on the way when it began.
    base: usize,
    /// The call of the host that has not returned.
    host: Option<HostCost>,
    /// Refunds of it and of frames below that stand.
    refund: u64,
    /// What its guest left when it was done, and the bytes of its output.
    done: Option<(Gas, u64)>,
}

/// What a call of the host costs: what the frame has less afterwards, without what the frame that it asked for used.
#[derive(Debug, Clone, Copy)]
struct HostCost {
    /// What the frame had when it called.
    before: Gas,
    /// What the other frame was given, and what it left.
    given: Gas,
    left: Gas,
}

impl Profile {
    /// A profile of `tx` under `revision`.
    pub fn new(tx: &ValidTx, revision: &Revision) -> Self {
        let mut stacks = Stacks::default();
        stacks.add_to(Part::Intrinsic, tx.intrinsic_gas().get());
        let code_deposit_byte = match tx.tx().kind {
            TxKind::Create { .. } => revision.schedule.account.code_deposit_byte,
            TxKind::Call { .. } | TxKind::Deploy { .. } => 0,
        };
        let requested = match tx.tx().kind {
            TxKind::Call { to, .. } => Some(to),
            TxKind::Create { .. } | TxKind::Deploy { .. } => None,
        };
        Self {
            names: Names::default(),
            stacks,
            open: Vec::new(),
            given: tx.tx().gas_limit.less(tx.intrinsic_gas()),
            requested,
            precompiles: revision.precompiles.clone(),
            made: 0,
            code_deposit_byte,
            output_byte: revision.schedule.transaction.output_byte,
            refund_quotient: revision.schedule.refund.quotient,
        }
    }

    /// What it adds up to. To be asked once, after the replay, with what it gave.
    pub fn finish(&mut self, executed: &Executed) -> Sums {
        let outcome = executed.receipt.outcome;
        // A frame that never began has all that it was given, and no output.
        let root = self.open.pop();
        let (left, output_bytes) = root.as_ref().and_then(|root| root.done).unwrap_or((self.given, 0));
        if let Some(root) = &root {
            self.stacks.back_to(root.base.saturating_add(1));
        }
        match outcome {
            Outcome::Halt { .. } => self.stacks.add_to(Part::Lost, left.get()),
            Outcome::Return => {
                let deposit = Gas::new(self.code_deposit_byte).times(output_bytes);
                self.stacks.add_to(Part::CodeDeposit, deposit.get());
            }
            Outcome::Revert { .. } => {}
        }
        let kept = u64::try_from(executed.receipt.output.len()).unwrap_or(u64::MAX);
        if kept > 0 {
            self.stacks.add_to(Part::Output, Gas::new(self.output_byte).times(kept).get());
        }
        if let (None, Outcome::Return, Some(name)) = (&root, outcome, self.requested_precompile()) {
            let rest = executed.receipt.gas_used.get().saturating_sub(self.stacks.total());
            self.stacks.add_to(Part::Precompile(name), rest);
        }
        let spent = self.stacks.total().saturating_sub(self.made);
        let refund_max = spent.checked_div(self.refund_quotient).unwrap_or(0);
        let refund = root.filter(|_| outcome == Outcome::Return).map_or(0, |root| root.refund.min(refund_max));
        Sums { stacks: self.stacks.total(), refund, made: self.made }
    }

    /// The folded stacks, one a line: what flame graphs are drawn from.
    pub fn folded(&self) -> impl Iterator<Item = String> {
        self.stacks.lines()
    }

    fn frame_begins(&mut self, frame: &Frame, gas_left: Gas) {
        let names = self.stacks.number_of(&self.names.of(&frame.code));
        self.open.push(Open { names, base: self.stacks.depth(), host: None, refund: 0, done: None });
        let contract = frame.message.address;
        self.stacks.push(Part::Frame(contract, self.requested.unwrap_or(contract)));
        self.stacks.add_to(Part::Start, self.given.less(gas_left).get());
    }

    fn frame_suspends(&mut self, request: &Request) {
        (self.given, self.requested) = match request {
            Request::Call(call) => (call.gas, Some(call.callee)),
            Request::Create(create) => (create.gas, None),
            Request::Grow { .. } => (Gas::ZERO, None),
        };
        if let Some(host) = self.open.last_mut().and_then(|top| top.host.as_mut()) {
            host.given = self.given;
        }
    }

    /// The name of the precompiled contract that the call asked for last is answered by, if the host answers it.
    fn requested_precompile(&self) -> Option<&'static str> {
        match self.precompiles.get(&self.requested?.0)? {
            Precompile::Native(native) => Some(native.name()),
            Precompile::Module { .. } => None,
        }
    }

    /// The frame that was asked for last is over, or never began.
    fn frame_resumes(&mut self, result: &FrameResult) {
        let has_failed = matches!(result.status, Status::Failure(_));
        let mut refund = 0;
        if let Some(child) = self.open.pop_if(|top| top.done.is_some()) {
            let left = child.done.map_or(Gas::ZERO, |(left, _)| left);
            let part = if has_failed { Part::Lost } else { Part::CodeDeposit };
            self.stacks.add_to(part, left.less(result.gas_left).get());
            self.stacks.back_to(child.base);
            refund = if result.status == Status::Success { child.refund } else { 0 };
        } else {
            let used = self.given.less(result.gas_left).get();
            let answered = self.requested_precompile();
            self.stacks.push(answered.map_or(Part::NeverBegan, Part::Precompile));
            match answered {
                _ if has_failed => self.stacks.add_to(Part::Lost, used),
                Some(_) => self.stacks.add(used),
                None => self.stacks.add_to(Part::Start, used),
            }
            self.stacks.pop();
        }
        if let Some(parent) = self.open.last_mut() {
            parent.refund = parent.refund.saturating_add(refund);
            if let Some(host) = &mut parent.host {
                host.left = result.gas_left;
            }
        }
    }

    /// The ABI has charged for what the guest gave.
    fn result_taken(&mut self, gas_left: Gas) {
        let Some((left, _)) = self.open.last_mut().and_then(|top| top.done.as_mut()) else { return };
        let taken = left.less(gas_left).get();
        *left = gas_left;
        if taken > 0 {
            self.stacks.add_to(Part::Protocol, taken);
        }
    }

    /// The host returns, or stops the frame: what it cost is known.
    fn host_is_done(&mut self, gas_left: Gas) {
        let Some(HostCost { before, given, left }) = self.open.last_mut().and_then(|top| top.host.take()) else {
            return;
        };
        let sum = |one: Gas, other: Gas| u128::from(one.get()).saturating_add(u128::from(other.get()));
        let (had, has) = (sum(before, left), sum(gas_left, given));
        let amount = |gas: u128| u64::try_from(gas).unwrap_or(u64::MAX);
        self.stacks.add(amount(had.saturating_sub(has)));
        self.made = self.made.saturating_add(amount(has.saturating_sub(had)));
    }

    fn frame_ends(&mut self, stop: Option<&Stop>, gas_left: Gas) {
        self.host_is_done(gas_left);
        let done = match stop {
            Some(Stop::Halt(_)) => {
                self.stacks.add_to(Part::Lost, gas_left.get());
                (Gas::ZERO, 0)
            }
            Some(Stop::Finish(output)) => (gas_left, u64::try_from(output.len()).unwrap_or(u64::MAX)),
            _ => (gas_left, 0),
        };
        if let Some(top) = self.open.last_mut() {
            top.done = Some(done);
            self.stacks.back_to(top.base.saturating_add(1));
        }
    }
}

impl Observer for Profile {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::FrameBegins { frame, gas_left } => self.frame_begins(frame, *gas_left),
            Event::FrameGoesOn { .. } => {
                if let Some(top) = self.open.last_mut() {
                    top.done = None;
                }
            }
            Event::ResultTaken { gas_left } => self.result_taken(*gas_left),
            Event::Charge { gas, gas_left } if gas <= gas_left => self.stacks.add(gas.get()),
            Event::FunctionEntered { function } => {
                let names = self.open.last().map_or(usize::MAX, |top| top.names);
                self.stacks.push(Part::Function(names, *function));
            }
            Event::FunctionLeft => self.stacks.pop(),
            Event::HostCalled { import, gas_left, .. } => {
                self.stacks.push(Part::Host(import.module, import.name));
                if let Some(top) = self.open.last_mut() {
                    top.host = Some(HostCost { before: *gas_left, given: Gas::ZERO, left: Gas::ZERO });
                }
            }
            Event::Wrote(Write::Refund(gas)) => {
                if let Some(top) = self.open.last_mut() {
                    top.refund = top.refund.saturating_add(gas.get());
                }
            }
            Event::HostReturned { gas_left, .. } => {
                self.host_is_done(*gas_left);
                self.stacks.pop();
            }
            Event::FrameSuspends { request, .. } => self.frame_suspends(request),
            Event::FrameResumes { result, .. } => self.frame_resumes(result),
            Event::FrameEnds { stop, gas_left, .. } => self.frame_ends(*stop, *gas_left),
            Event::Charge { .. } | Event::Instruction { .. } | Event::Wrote(_) => {}
        }
    }
}
