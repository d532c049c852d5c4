//! One frame on wasmi: a store and the instance in it.

use super::{config::fuel_slice, host::Host, link::FromBits, renewable::Renewable, trap::trap_stop};
use crate::{
    argument::Argument,
    engine::{Exit, FrameState, Instance},
    session::Session,
};
use lockstep_gas::GasMeter;
use lockstep_host::{Fault, Frame, FrameResult, HaltReason, HostResult, Stop};
use wasmi::{Error, ResumableCall, ResumableCallHostTrap, Store, Val, ValType};

/// A store, and in it the instance of one frame.
pub struct WasmiInstance {
    /// In a place of its own: an instance is handed on several times in a frame, and a store has 1.8 KB.
    pub(super) store: Box<Store<Host>>,
    pub(super) instance: wasmi::Instance,
    pub(super) suspended: Option<Suspended>,
    pub(super) result: Vec<Val>,
    /// How it is made as new after its frame, if it can be.
    pub(super) renewable: Option<Renewable>,
}

/// What waits for the result of a host function.
pub(super) enum Suspended {
    /// The guest, in the middle of a function.
    Guest(ResumableCallHostTrap),
    /// Nothing of the guest: the export ends in the call (it is a tail call, or the import itself is exported), so the
    /// result is the export's. wasmi has nothing to resume then.
    Export,
}

impl WasmiInstance {
    fn enter(&mut self, session: Box<Session>) -> Result<(), Fault> {
        self.store.data_mut().session = Some(session);
        self.give_fuel(0)
    }

    fn is_metered(&self) -> bool {
        self.store.data().revision.schedule.instructions.is_some()
    }

    fn take_fuel(&mut self) -> Result<(), Fault> {
        if self.is_metered() {
            let fuel = self.store.get_fuel().map_err(|error| Fault::Broken(error.to_string()))?;
            self.store.data_mut().take_fuel(fuel);
        }
        Ok(())
    }

    fn give_fuel(&mut self, required: u64) -> Result<(), Fault> {
        if self.is_metered() {
            let host = self.store.data_mut();
            let slice = fuel_slice(&host.revision).max(required);
            let fuel = host.give_fuel(slice);
            self.store.set_fuel(fuel).map_err(|error| Fault::Broken(error.to_string()))?;
        }
        Ok(())
    }

    /// Goes on with the next slice of fuel for as long as the frame has the gas that the guest asks for.
    fn run_on(&mut self, mut outcome: Result<ResumableCall, Error>) -> Result<Result<ResumableCall, Error>, Fault> {
        loop {
            self.take_fuel()?;
            match outcome {
                Ok(ResumableCall::OutOfFuel(guest))
                    if guest.required_fuel() <= self.store.data().state.gas.left().get() =>
                {
                    self.give_fuel(guest.required_fuel())?;
                    outcome = guest.resume(&mut *self.store, &mut self.result);
                }
                outcome => return Ok(outcome),
            }
        }
    }

    /// Runs the guest on to its end or stop, takes back the session and the gas, and says why the guest does not go on.
    fn leave(&mut self, outcome: Result<ResumableCall, Error>) -> Result<(Exit, Box<Session>), Fault> {
        let outcome = self.run_on(outcome)?;
        let stop = self.store.data_mut().stop.take();
        let exit = match (outcome, stop) {
            (Ok(ResumableCall::Finished), None) => Exit::Returned(self.result.first().map_or(0, bits_of)),
            //= spec 2.16
            (Ok(ResumableCall::OutOfFuel(_)), None) => Exit::Stopped(HaltReason::OutOfGas.into()),
            (Err(error), None) => Exit::Stopped(trap_stop(&error)),
            (Ok(ResumableCall::HostTrap(guest)), Some(stop)) => self.stopped(stop, Suspended::Guest(guest)),
            (Err(_), Some(stop)) => self.stopped(stop, Suspended::Export),
            _ => return Err(Fault::Broken("a host function stopped and its reason do not match".into())),
        };
        let session = self.store.data_mut().session.take();
        Ok((exit, session.ok_or_else(|| Fault::Broken("the session was lost".into()))?))
    }

    /// Lets the host function that stopped take over the result of the frame that it asked for.
    fn complete(
        &mut self,
        session: Box<Session>,
        result: FrameResult,
    ) -> Result<(HostResult<u64>, Box<Session>), Fault> {
        let asked = self.store.data_mut().asked.take();
        let (row, arguments) = asked.ok_or_else(|| Fault::Broken("no host function asked for a frame".into()))?;
        let (memory, host) = match self.store.data().memory {
            Some(memory) => memory.data_and_store_mut(&mut *self.store),
            None => (Default::default(), self.store.data_mut()),
        };
        host.session = Some(session);
        let completed = host.with_call(memory, |call| row.end(call, &arguments, result))?;
        let session = host.session.take();
        Ok((completed, session.ok_or_else(|| Fault::Broken("the session was lost".into()))?))
    }

    /// Keeps what a result will be for.
    fn stopped(&mut self, stop: Stop, suspended: Suspended) -> Exit {
        if matches!(stop, Stop::Suspend(_)) {
            self.suspended = Some(suspended);
        }
        Exit::Stopped(stop)
    }
}

impl Instance for WasmiInstance {
    fn call(
        &mut self,
        session: Box<Session>,
        export: &str,
        arguments: &[Argument],
    ) -> Result<(Exit, Box<Session>), Fault> {
        let function = self.instance.get_func(&*self.store, export);
        let function = function.ok_or_else(|| Fault::Broken(format!("no export {export} to call")))?;
        let results = function.ty(&*self.store);
        self.result = results.results().iter().map(|result| Val::default_for_ty(*result)).collect();
        let arguments: Vec<Val> = arguments.iter().map(|argument| value_of(*argument)).collect();
        self.enter(session)?;
        let outcome = function.call_resumable(&mut *self.store, &arguments, &mut self.result);
        self.leave(outcome)
    }

    fn resume(&mut self, session: Box<Session>, result: FrameResult) -> Result<(Exit, Box<Session>), Fault> {
        let suspended = self.suspended.take().ok_or_else(|| Fault::Broken("nothing to resume".into()))?;
        let (completed, session) = self.complete(session, result)?;
        let (suspended, bits) = match (suspended, completed) {
            (_, Err(stop)) => return Ok((Exit::Stopped(stop), session)),
            (Suspended::Export, Ok(bits)) => return Ok((Exit::Returned(bits), session)),
            (Suspended::Guest(guest), Ok(bits)) => (guest, bits),
        };
        let function = suspended.host_func().ty(&*self.store);
        let inputs = function.results().first().map(|result_type| match result_type {
            ValType::I32 => Val::from(u32::from_bits(bits).cast_signed()),
            _ => Val::from(bits.cast_signed()),
        });
        self.enter(session)?;
        let outcome = suspended.resume(&mut *self.store, inputs.as_slice(), &mut self.result);
        self.leave(outcome)
    }

    fn frame(&self) -> &Frame {
        &self.store.data().state.frame
    }

    fn parts(&mut self) -> (&mut [u8], &mut FrameState) {
        let (memory, host) = match self.store.data().memory {
            Some(memory) => memory.data_and_store_mut(&mut *self.store),
            None => (Default::default(), self.store.data_mut()),
        };
        (memory, &mut host.state)
    }

    fn gas(&mut self) -> &mut GasMeter {
        &mut self.store.data_mut().state.gas
    }

    fn memory(&mut self) -> &mut [u8] {
        match self.store.data().memory {
            Some(memory) => memory.data_mut(&mut *self.store),
            None => Default::default(),
        }
    }

    fn grow_memory(&mut self, pages: u32) -> Result<(), Stop> {
        let memory = self.store.data().memory.ok_or(HaltReason::NoRoomForInput)?;
        let maximum = self.store.data().state.memory_pages_max;
        let maximum = memory.ty(&*self.store).maximum().unwrap_or(maximum).min(maximum);
        if memory.size(&*self.store).saturating_add(u64::from(pages)) > maximum {
            return Err(HaltReason::NoRoomForInput.into());
        }
        memory.grow(&mut *self.store, u64::from(pages)).map(|_| ()).map_err(|_| Stop::Fault(Fault::OutOfMemory))
    }
}

fn value_of(argument: Argument) -> Val {
    match argument {
        Argument::I32(bits) => Val::from(bits.cast_signed()),
        Argument::I64(bits) => Val::from(bits.cast_signed()),
    }
}

/// The bits of a result; validation admits no export with another type to be called.
fn bits_of(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(value.cast_unsigned()),
        Val::I64(value) => value.cast_unsigned(),
        _ => 0,
    }
}
