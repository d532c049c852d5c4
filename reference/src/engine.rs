//! The interpreter behind the machine's own interface: one store, one instance and one thread for each frame.

use crate::{
    instantiate::instantiate,
    machine::Machine,
    module::{ImportType, Module},
    observer::{Event, SharedObserver, Watch},
    store::{Bounds, Code, Extern, Function, Store},
    thread::{Pause, Thread},
    value::{Executed, Value, broken, index},
    writes::WatchedWorld,
};
use lockstep_gas::{GasMeter, Revision};
use lockstep_host::{Fault, Frame, FrameResult, Guest, HaltReason, HostCall, HostImport, Stop, ValueType};
use lockstep_vm::{
    InvalidModule, ValidModule,
    engine::{Argument, Engine, Exit, FrameState, Instance, START, Session},
    module::{Import, ValType},
};
use std::sync::Arc;

/// The interpreter, set up for one revision.
pub struct Reference {
    revision: Arc<Revision>,
    watch: Watch,
}

/// A decoded module.
pub struct ReferenceCode {
    module: Module,
    imports: Vec<Import>,
}

/// The instance of one frame.
pub struct ReferenceInstance {
    store: Store,
    thread: Thread,
    state: FrameState,
    revision: Arc<Revision>,
    watch: Watch,
    /// The address of the memory that the host reaches.
    memory: Option<usize>,
    /// The address of the start function.
    start: Option<usize>,
    /// The host function that asked for another frame, and its arguments.
    suspended: Option<(&'static HostImport, Vec<u64>)>,
    /// Whether an export has been called: what follows belongs to the same frame.
    has_begun: bool,
}

impl Reference {
    /// The interpreter for `revision`, with an observer that is told everything.
    pub fn observed(revision: Arc<Revision>, observer: SharedObserver) -> Self {
        Self { revision, watch: Watch::new(observer) }
    }
}

impl Engine for Reference {
    type Code = ReferenceCode;
    type Instance = ReferenceInstance;

    fn new(revision: Arc<Revision>) -> Result<Self, Fault> {
        Ok(Self { revision, watch: Watch::default() })
    }

    /// Every valid module can be interpreted. A module that cannot is a fault of this interpreter, and shows when it is
    /// instantiated: this interface has no other way to say so.
    fn compile(&self, module: &ValidModule) -> Result<ReferenceCode, InvalidModule> {
        let decoded = Module::decode(module, self.revision.schedule.instructions.as_ref());
        let decoded = decoded.map_err(|stop| InvalidModule::engine(format!("{stop:?}")))?;
        Ok(ReferenceCode { module: decoded, imports: module.imports().to_vec() })
    }

    fn instantiate(&self, code: &ReferenceCode, state: FrameState) -> Result<ReferenceInstance, Stop> {
        let mut store = Store::new(Bounds::of(&self.revision, state.frame.abi, state.memory_pages_max));
        let mut imports = Vec::new();
        for (import, known) in code.module.imports.iter().zip(&code.imports) {
            let ImportType::Function(ty) = import.ty else { return Err(broken("an import that is no function")) };
            let ty = code.module.types.get(index(ty)).cloned().ok_or_else(|| broken("an import without a type"))?;
            imports.push(Extern::Function(store.functions.len()));
            let code = match known {
                Import::Host(row) => Code::Host(row),
                Import::Unknown { .. } => Code::Unknown,
            };
            store.functions.push(Function { ty, code });
        }
        let instance = instantiate(&mut store, &code.module, &imports)?;
        let memory = match store.instance(instance)?.exports.get("memory") {
            Some(Extern::Memory(address)) => Some(*address),
            _ => None,
        };
        let start = code.module.start.map(|start| store.function_address(instance, start)).transpose()?;
        Ok(ReferenceInstance {
            store,
            thread: Thread::default(),
            state,
            revision: Arc::clone(&self.revision),
            watch: self.watch.clone(),
            memory,
            start,
            suspended: None,
            has_begun: false,
        })
    }
}

impl ReferenceInstance {
    /// The address of an exported function, or of the start function.
    fn function(&self, export: &str) -> Option<usize> {
        if export == START {
            return self.start;
        }
        match self.store.instances.last()?.exports.get(export) {
            Some(Extern::Function(address)) => Some(*address),
            _ => None,
        }
    }

    /// Goes on with `pause` until the export has returned or something stops it.
    fn run(&mut self, session: &mut Session, mut pause: Executed<Option<Pause>>) -> Executed<u64> {
        loop {
            match pause? {
                None => {
                    let (mut machine, thread) = self.machine();
                    pause = thread.run(&mut machine).map(Some);
                }
                Some(Pause::Finished) => return self.result(),
                Some(Pause::Host(import, arguments)) => {
                    let bits = self.host(session, import, &arguments)?;
                    self.returned_from_host(import, bits)?;
                    pause = Ok(None);
                }
            }
        }
    }

    fn machine(&mut self) -> (Machine<'_>, &mut Thread) {
        let machine = Machine { store: &mut self.store, meter: &mut self.state.gas, watch: &self.watch };
        (machine, &mut self.thread)
    }

    /// The bits of the export's result, 0 if it has none.
    fn result(&mut self) -> Executed<u64> {
        if self.thread.operands.height() == 0 { Ok(0) } else { self.thread.operands.pop_bits() }
    }

    fn host(&mut self, session: &mut Session, import: &'static HostImport, arguments: &[u64]) -> Executed<u64> {
        let position = self.thread.position();
        let memory = self.memory.and_then(|address| self.store.memories.get_mut(address));
        let memory: &mut [u8] = memory.map_or(Default::default(), |memory| &mut memory.bytes);
        let gas_left = self.state.gas.left();
        self.watch.tell(&Event::HostCalled { import, position, arguments, memory, gas_left });
        let mut call = HostCall {
            guest: Guest::new(memory, &mut self.state.gas),
            frame: &mut self.state.frame,
            world: &mut WatchedWorld { session, watch: &self.watch },
            revision: &self.revision,
        };
        let result = import.begin(&mut call, arguments);
        if matches!(result, Err(Stop::Suspend(_))) {
            self.suspended = Some((import, arguments.to_vec()));
        }
        result
    }

    /// Lets the host function that suspended the frame take over the result of the other one.
    fn complete(
        &mut self,
        session: &mut Session,
        import: &HostImport,
        arguments: &[u64],
        result: FrameResult,
    ) -> Executed<u64> {
        self.watch.tell(&Event::FrameResumes { result: &result, gas_left: self.state.gas.left() });
        let memory = self.memory.and_then(|address| self.store.memories.get_mut(address));
        let memory: &mut [u8] = memory.map_or(Default::default(), |memory| &mut memory.bytes);
        let mut call = HostCall {
            guest: Guest::new(memory, &mut self.state.gas),
            frame: &mut self.state.frame,
            world: session,
            revision: &self.revision,
        };
        import.end(&mut call, arguments, result)
    }

    fn returned_from_host(&mut self, import: &'static HostImport, bits: u64) -> Executed<()> {
        self.watch.tell(&Event::HostReturned { import, result: bits, gas_left: self.state.gas.left() });
        if let Some(ty) = import.result() {
            let ty = match ty {
                ValueType::I32 => ValType::I32,
                ValueType::I64 => ValType::I64,
            };
            self.thread.operands.push(Value::of_bits(ty, bits)?);
        }
        Ok(())
    }

    fn exit(&mut self, executed: Executed<u64>) -> Exit {
        let stop = executed.as_ref().err();
        let is_seen = stop.is_some() && self.watch.is_on();
        let (gas_left, backtrace) = (self.state.gas.left(), if is_seen { self.thread.backtrace() } else { Vec::new() });
        self.watch.tell(&match stop {
            Some(Stop::Suspend(request)) => Event::FrameSuspends { request, gas_left, backtrace: &backtrace },
            stop => Event::FrameEnds { stop, gas_left, backtrace: &backtrace },
        });
        match executed {
            Ok(bits) => Exit::Returned(bits),
            Err(stop) => Exit::Stopped(stop),
        }
    }
}

impl Instance for ReferenceInstance {
    fn call(
        &mut self,
        mut session: Box<Session>,
        export: &str,
        arguments: &[Argument],
    ) -> Result<(Exit, Box<Session>), Fault> {
        let address = self.function(export).ok_or_else(|| Fault::Broken(format!("no export {export} to call")))?;
        let gas_left = self.state.gas.left();
        self.watch.tell(&if core::mem::replace(&mut self.has_begun, true) {
            Event::FrameGoesOn { export, gas_left }
        } else {
            Event::FrameBegins { frame: &self.state.frame, gas_left }
        });
        for argument in arguments {
            self.thread.operands.push(match *argument {
                Argument::I32(bits) => Value::I32(bits),
                Argument::I64(bits) => Value::I64(bits),
            });
        }
        let (mut machine, thread) = self.machine();
        let pause = thread.call(&mut machine, address);
        let executed = self.run(&mut session, pause);
        Ok((self.exit(executed), session))
    }

    fn resume(&mut self, mut session: Box<Session>, result: FrameResult) -> Result<(Exit, Box<Session>), Fault> {
        let (import, arguments) = self.suspended.take().ok_or_else(|| Fault::Broken("nothing to resume".into()))?;
        let pause = self.complete(&mut session, import, &arguments, result);
        let pause = pause.and_then(|bits| self.returned_from_host(import, bits)).map(|()| None);
        let executed = self.run(&mut session, pause);
        Ok((self.exit(executed), session))
    }

    fn result_taken(&mut self) {
        self.watch.tell(&Event::ResultTaken { gas_left: self.state.gas.left() });
    }

    fn frame(&self) -> &Frame {
        &self.state.frame
    }

    fn parts(&mut self) -> (&mut [u8], &mut FrameState) {
        let memory = self.memory.and_then(|address| self.store.memories.get_mut(address));
        (memory.map_or(Default::default(), |memory| &mut memory.bytes), &mut self.state)
    }

    fn gas(&mut self) -> &mut GasMeter {
        &mut self.state.gas
    }

    fn memory(&mut self) -> &mut [u8] {
        let memory = self.memory.and_then(|address| self.store.memories.get_mut(address));
        memory.map_or(Default::default(), |memory| &mut memory.bytes)
    }

    fn grow_memory(&mut self, pages: u32) -> Result<(), Stop> {
        let pages_max = self.state.memory_pages_max;
        let memory = self.memory.and_then(|address| self.store.memories.get_mut(address));
        let memory = memory.ok_or(HaltReason::NoRoomForInput)?;
        if !memory.can_grow(pages, pages_max) {
            return Err(HaltReason::NoRoomForInput.into());
        }
        memory.extend(u64::from(pages))
    }
}
