//! The production engine with a fault between it and the frame loop.

use lockstep_gas::{Gas, GasMeter, Revision};
use lockstep_host::{Fault, Frame, FrameResult, Log, Request, Stop};
use lockstep_vm::{
    InvalidModule, ValidModule,
    engine::wasmi::{Wasmi, WasmiCode, WasmiInstance},
    engine::{Argument, Engine, Exit, FrameState, Instance, Session},
};
use std::{
    marker::PhantomData,
    sync::{Arc, Mutex},
};

/// A kind of fault.
pub(crate) trait Kind: Send + Sync + 'static {
    /// Before a frame begins.
    fn begin(_frame: &mut Frame) {}

    /// When a frame hands back control.
    fn leave(_exit: &mut Exit, _gas: &mut GasMeter, _session: &Session, _logs: &mut Vec<Log>) {}

    /// When a frame goes on after another.
    fn resume(_session: &mut Session, _logs: &mut Vec<Log>) {}
}

/// Frames below a static one forget that they are.
pub(crate) struct StaticForgotten;

impl Kind for StaticForgotten {
    fn begin(frame: &mut Frame) {
        // The first below the transaction's own is told by the call itself; what is below that inherits.
        frame.message.is_static &= frame.message.depth < 2;
    }
}

/// A callee that gets all but a 64th gets one more than that: the 64th is rounded down.
pub(crate) struct WrongRounding;

impl Kind for WrongRounding {
    fn leave(exit: &mut Exit, gas: &mut GasMeter, _session: &Session, _logs: &mut Vec<Log>) {
        if let Exit::Stopped(Stop::Suspend(request)) = exit
            && let Request::Call(call) = &mut **request
        {
            let before = gas.left().plus(call.gas);
            if call.value.is_zero() && call.gas == before.all_but_one_64th() && gas.charge(Gas::new(1)).is_ok() {
                call.gas = call.gas.plus(Gas::new(1));
            }
        }
    }
}

/// What a frame logged is there again after it has reverted.
pub(crate) struct LostLogs;

impl Kind for LostLogs {
    fn leave(exit: &mut Exit, _gas: &mut GasMeter, session: &Session, logs: &mut Vec<Log>) {
        logs.clear();
        if matches!(exit, Exit::Stopped(Stop::Revert { .. } | Stop::Halt(_))) {
            logs.extend_from_slice(session.journal.logs().0);
        }
    }

    fn resume(session: &mut Session, logs: &mut Vec<Log>) {
        let kept = session.journal.logs().0.len();
        logs.drain(..).skip(kept).for_each(|log| session.journal.add_log(log));
    }
}

/// The engine with a fault of kind `K`.
pub(crate) struct Faulty<K> {
    inner: Wasmi,
    logs: Arc<Mutex<Vec<Log>>>,
    kind: PhantomData<K>,
}

/// One frame's instance on it.
pub(crate) struct FaultyInstance<K> {
    inner: WasmiInstance,
    logs: Arc<Mutex<Vec<Log>>>,
    kind: PhantomData<K>,
}

impl<K: Kind> Engine for Faulty<K> {
    type Code = WasmiCode;
    type Instance = FaultyInstance<K>;

    fn new(revision: Arc<Revision>) -> Result<Self, Fault> {
        Ok(Self { inner: Wasmi::new(revision)?, logs: Arc::default(), kind: PhantomData })
    }

    fn compile(&self, module: &ValidModule) -> Result<WasmiCode, InvalidModule> {
        self.inner.compile(module)
    }

    fn instantiate(&self, code: &WasmiCode, mut state: FrameState) -> Result<FaultyInstance<K>, Stop> {
        K::begin(&mut state.frame);
        let inner = self.inner.instantiate(code, state)?;
        Ok(FaultyInstance { inner, logs: Arc::clone(&self.logs), kind: PhantomData })
    }
}

impl<K: Kind> FaultyInstance<K> {
    fn left(&mut self, (mut exit, session): (Exit, Box<Session>)) -> (Exit, Box<Session>) {
        K::leave(&mut exit, self.inner.gas(), &session, &mut self.logs.lock().unwrap());
        (exit, session)
    }
}

impl<K: Kind> Instance for FaultyInstance<K> {
    fn call(
        &mut self,
        session: Box<Session>,
        export: &str,
        arguments: &[Argument],
    ) -> Result<(Exit, Box<Session>), Fault> {
        let left = self.inner.call(session, export, arguments)?;
        Ok(self.left(left))
    }

    fn resume(&mut self, mut session: Box<Session>, result: FrameResult) -> Result<(Exit, Box<Session>), Fault> {
        K::resume(&mut session, &mut self.logs.lock().unwrap());
        let left = self.inner.resume(session, result)?;
        Ok(self.left(left))
    }

    fn frame(&self) -> &Frame {
        self.inner.frame()
    }

    fn parts(&mut self) -> (&mut [u8], &mut FrameState) {
        self.inner.parts()
    }

    fn gas(&mut self) -> &mut GasMeter {
        self.inner.gas()
    }

    fn memory(&mut self) -> &mut [u8] {
        self.inner.memory()
    }

    fn grow_memory(&mut self, pages: u32) -> Result<(), Stop> {
        self.inner.grow_memory(pages)
    }
}
