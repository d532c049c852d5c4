//! How a frame ends: limits of its output, the code that a creation leaves, what the outermost frame pays for, and what of
//! the state stays.

use super::{Frames, Next, Running, len_u64, no_frame};
use crate::{
    abi::protocol::End,
    code::{CodeId, is_wasm},
    codes::Codes,
    engine::{Engine, Instance},
    machine::Vm,
    session::Session,
};
use alloy_primitives::{Address, Bytes};
use lockstep_gas::{Abi, Gas};
use lockstep_host::{Fault, FrameResult, HaltReason, Status};

impl<E: Engine> Frames<'_, E> {
    /// Takes the frame at the top off and says what its caller is told.
    pub(super) fn end(&mut self, session: &mut Session, end: End) -> Result<Next, Fault> {
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
}
